//! Pallets with what is known about them, lots from labels, and places without a direction: reads in, events out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::Value;
use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::association::{Aggregation, Quantities};
use tracegate_pipeline::config::{GateConfig, ReadPointConfig, ReadPointKind};
use tracegate_pipeline::reference::{Content, Facts, Reference};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::zone::{ZoneConfig, ZoneTuning};
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Read, Time};

fn uri(epc: &[u8]) -> String {
    decode_bank(None, epc, epc.len() * 8).uri()
}

/// What is on a pallet, as its record.
fn contents(pallet: &[Vec<u8>], lot: Option<&str>) -> Reference {
    let content = |epc: &Vec<u8>| Content {
        item: uri(epc),
        instance: true,
        lot: lot.map(str::to_owned),
        pieces: None,
    };
    Reference {
        key: uri(&pallet[0]),
        version: 1,
        facts: Some(Facts::Contents(pallet[1..].iter().map(content).collect())),
    }
}

fn known(records: Vec<Reference>) -> Input {
    let at = Time(T0 + S);
    Input::References {
        at,
        as_of: None,
        records,
    }
}

fn gate(config: &mut PipelineConfig) -> &mut GateConfig {
    match &mut config.read_points[0].kind {
        ReadPointKind::Gate(gate) => gate,
        _ => panic!("the first read point is a dock"),
    }
}

/// The events of these reads at the dock, when `facts` are known.
fn events_of(
    facts: Vec<Reference>,
    mut reads: Vec<Read>,
    change: impl FnOnce(&mut PipelineConfig),
) -> Vec<Value> {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        change(config);
    }
    inputs.push(known(facts));
    inputs.extend(reports(&reads, 8));
    let outputs = run(&mut Pipeline::default(), &inputs, 120);
    let parse = |event: &String| serde_json::from_str(event).unwrap();
    events(&outputs).iter().map(parse).collect()
}

fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|entry| entry.as_str().unwrap()).collect()
}

#[test]
fn what_was_not_read_is_named_and_never_a_child() {
    let load = pallet(1, 10);
    // Two of them are shielded.
    let read = crossing(&load[..9], T0 + 10 * S, 6.0, true);
    let event = events_of(vec![contents(&load, None)], read, |_| {}).remove(0);
    assert_eq!(event["type"], "AggregationEvent");
    assert_eq!(event["disposition"], "completeness_inferred");
    assert_eq!(event["parentID"], uri(&load[0]));
    let mut children: Vec<String> = load[1..9].iter().map(|epc| uri(epc)).collect();
    children.sort();
    assert_eq!(strings(&event["childEPCs"]), children);
    let mut missing: Vec<String> = load[9..].iter().map(|epc| uri(epc)).collect();
    missing.sort();
    assert_eq!(strings(&event["gw:missing"]), missing);
    assert_eq!(event["@context"][1]["gw"], "tracegate:event/");
    assert_eq!(event.get("childQuantityList"), None);

    let read = crossing(&load, T0 + 10 * S, 6.0, true);
    let event = events_of(vec![contents(&load, None)], read, |_| {}).remove(0);
    assert_eq!(event["disposition"], "completeness_verified");
    assert_eq!(event.get("gw:missing"), None);
}

#[test]
fn what_does_not_belong_to_it_is_a_mismatch() {
    let load = pallet(1, 6);
    let listed = [&load[..6], &[sgtin(100, 77)]].concat();
    let read = crossing(&load, T0 + 10 * S, 6.0, true);
    let event = events_of(vec![contents(&listed, None)], read, |_| {}).remove(0);
    assert_eq!(event["disposition"], "mismatch_instance");
    assert_eq!(strings(&event["gw:unexpected"]), [uri(&load[6])]);
    assert_eq!(strings(&event["gw:missing"]), [uri(&sgtin(100, 77))]);
    assert_eq!(event["childEPCs"].as_array().unwrap().len(), 6);
}

#[test]
fn two_pallets_side_by_side_are_told_apart_by_what_is_known() {
    let (one, two) = (pallet(1, 8), pallet(2, 8));
    let both = || {
        [
            crossing(&one, T0 + 10 * S, 6.0, true),
            crossing(&two, T0 + 10 * S, 6.0, true),
        ]
        .concat()
    };
    let facts = vec![contents(&one, None), contents(&two, None)];
    let events = events_of(facts, both(), |_| {});
    let parents: Vec<&str> = events
        .iter()
        .map(|event| event["parentID"].as_str().unwrap())
        .collect();
    assert_eq!(parents, [uri(&one[0]), uri(&two[0])]);
    for (event, load) in events.iter().zip([&one, &two]) {
        let mut children: Vec<String> = load[1..].iter().map(|epc| uri(epc)).collect();
        children.sort();
        assert_eq!(strings(&event["childEPCs"]), children);
        assert_eq!(event["disposition"], "completeness_verified");
    }
    let events = events_of(Vec::new(), both(), |_| {});
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "ObjectEvent");
    assert_eq!(events[0]["gw:ambiguous"], true);
    assert_eq!(events[0]["epcList"].as_array().unwrap().len(), 18);
}

#[test]
fn aggregations_are_told_as_configured() {
    let load = pallet(1, 6);
    let kind = |aggregation, facts: &[Reference]| {
        let read = crossing(&load, T0 + 10 * S, 6.0, true);
        let change = |config: &mut PipelineConfig| gate(config).loads.aggregation = aggregation;
        let event = events_of(facts.to_vec(), read, change).remove(0);
        event["type"].as_str().unwrap().to_owned()
    };
    let known = [contents(&load, None)];
    assert_eq!(kind(Aggregation::Always, &[]), "AggregationEvent");
    assert_eq!(kind(Aggregation::Complete, &[]), "ObjectEvent");
    assert_eq!(kind(Aggregation::Complete, &known), "AggregationEvent");
    assert_eq!(kind(Aggregation::Never, &known), "ObjectEvent");
}

#[test]
fn goods_are_counted_by_lot_in_one_list_or_the_other() {
    let load = pallet(1, 5);
    let facts = || vec![contents(&load, Some("L1"))];
    let read = || crossing(&load, T0 + 10 * S, 6.0, true);
    let event = events_of(facts(), read(), |_| {}).remove(0);
    let counted = &event["gw:quantities"];
    let class = |item: usize| {
        let uri = uri(&load[item]);
        let (class, _) = uri.split_once("/21/").unwrap();
        format!("{class}/10/L1")
    };
    assert_eq!(counted[0]["gw:epcClass"], class(1));
    assert_eq!(counted[0]["gw:quantity"], 3);
    assert_eq!(counted[1]["gw:epcClass"], class(2));
    assert_eq!(counted[1]["gw:quantity"], 2);
    assert_eq!(event["childEPCs"].as_array().unwrap().len(), 5);
    assert_eq!(event.get("childQuantityList"), None);

    let event = events_of(facts(), read(), |config| {
        gate(config).loads.quantities = Quantities::QuantityList;
    })
    .remove(0);
    let counted = &event["childQuantityList"];
    assert_eq!(counted[0]["epcClass"], class(1));
    assert_eq!(counted[0]["quantity"], 3);
    assert_eq!(event.get("childEPCs"), None);
    assert_eq!(event.get("gw:quantities"), None);
}

#[test]
fn a_label_tells_the_lot_of_a_tag() {
    let load = pallet(1, 3);
    let item = decode_bank(None, &load[1], 96);
    let elements = item.epc().unwrap().elements();
    let (gtin, serial) = (elements[0].value(), elements[1].value());
    let data = format!("]d201{gtin}10LOT7\u{1d}21{serial}").into_bytes();
    let at = Time(T0 + 2 * S);
    let mut inputs = start();
    inputs.push(Input::Scan {
        device: 1,
        at,
        data,
    });
    inputs.extend(reports(&crossing(&load, T0 + 10 * S, 6.0, true), 8));
    let outputs = run(&mut Pipeline::default(), &inputs, 60);
    let learned: Vec<&Reference> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Learned(fact) => Some(fact),
            _ => None,
        })
        .collect();
    assert_eq!(learned.len(), 1);
    assert_eq!((&learned[0].key, learned[0].version), (&uri(&load[1]), 0));
    let events = events(&outputs);
    let passage: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    let classes: Vec<(&str, u64)> = passage["gw:quantities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let class = entry["gw:epcClass"].as_str().unwrap();
            (class, entry["gw:quantity"].as_u64().unwrap())
        })
        .collect();
    let class = format!("https://id.gs1.org/01/{gtin}");
    assert!(
        classes.contains(&(&format!("{class}/10/LOT7"), 1)),
        "{classes:?}"
    );
    assert!(classes.contains(&(&class, 1)), "{classes:?}");
}

#[test]
fn what_is_new_is_wanted_once_and_facts_are_forgotten_with_their_thing() {
    let load = pallet(1, 3);
    let mut pipeline = Pipeline::default();
    for input in start() {
        pipeline.handle(input);
    }
    let reads = reports(&crossing(&load, T0 + 10 * S, 6.0, true), 8);
    let mut wanted = Vec::new();
    for input in &reads {
        let at = arrival(input).unwrap();
        tick_until(&mut pipeline, at);
        let new = pipeline.wanted(input);
        let records = new.iter().map(|key| Reference {
            key: key.clone(),
            version: 1,
            facts: None,
        });
        let records = records.collect();
        wanted.extend(new);
        pipeline.handle(Input::References {
            at,
            as_of: None,
            records,
        });
        pipeline.handle(input.clone());
    }
    let mut expected: Vec<String> = load.iter().map(|epc| uri(epc)).collect();
    expected.sort();
    wanted.sort();
    assert_eq!(wanted, expected);
    assert_eq!(pipeline.facts(), 4);
    for minute in 1..5 {
        tick_until(&mut pipeline, Time(T0 + 60 * minute * S));
        let at = Time(T0 + 60 * minute * S);
        pipeline.handle(Input::Tick { at });
    }
    assert_eq!(pipeline.facts(), 0);
}

/// The dock, and a cage with one antenna; both tell who stays for a minute.
fn with_cage(config: &mut PipelineConfig) {
    let zone = |antennas| ZoneConfig {
        antennas,
        stay: Some(step("storing", "in_progress")),
        dwell: vec![Span::millis(60_000)],
        together: true,
        tuning: ZoneTuning::default(),
        ..ZoneConfig::default()
    };
    let ports = (1..=4).map(|antenna| (0, antenna)).collect();
    gate(config).stay = Some(Box::new(zone(ports)));
    config.read_points.push(ReadPointConfig {
        name: "zone_1".into(),
        uri: "urn:epc:id:sgln:4012345.00001.cage1".into(),
        guard: None,
        kind: ReadPointKind::Zone(ZoneConfig {
            arrive: Some(step("storing", "in_progress")),
            depart: Some(step("staging_outbound", "in_progress")),
            ..zone(vec![(0, 9)])
        }),
    });
}

fn standing(tags: &[Vec<u8>], antenna: u16, from: i64, to: i64) -> Vec<Read> {
    let times = (from * S..to * S).step_by(700_000);
    times
        .flat_map(|at| {
            let read = move |(n, epc): (usize, &Vec<u8>)| {
                read(epc, antenna, -60, T0 + at + n as i64 * 1_000)
            };
            tags.iter().enumerate().map(read)
        })
        .collect()
}

#[test]
fn a_place_tells_who_comes_stays_and_leaves() {
    let (caged, parked) = (pallet(1, 3), pallet(2, 2));
    let reads = [
        standing(&caged, 9, 10, 100),
        standing(&parked, 3, 5, 200),
        crossing(&pallet(3, 6), T0 + 130 * S, 6.0, true),
    ]
    .concat();
    let mut reads = reads;
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_cage(config);
    }
    inputs.extend(reports(&reads, 8));
    let mut pipeline = Pipeline::default();
    let mut outputs = run(&mut pipeline, &inputs, 120);
    // That a parked tag flickers is another matter.
    outputs.retain(|output| matches!(output, Output::Event(_)));
    let told: Vec<String> = times(&outputs)
        .iter()
        .zip(lines(&outputs))
        .map(|(at, line)| format!("{at:.0} {line}"))
        .collect();
    assert_eq!(
        told,
        [
            "10 zone_1 arrive storing 4 items",
            "65 dock_1 dwell storing 3 items",
            "70 zone_1 dwell storing 4 items",
            "100 zone_1 depart staging_outbound 4 items",
            "133 dock_1 in  receiving 00/040123450000000030 + 6 items",
        ]
    );
    let event: Value = serde_json::from_str(&events(&outputs)[1]).unwrap();
    assert_eq!(event["gw:dwellSeconds"], 60);
    assert_eq!(event["epcList"].as_array().unwrap().len(), 3);
    assert_eq!(event["gw:quantities"][0]["gw:quantity"], 1);
}

#[test]
fn who_is_in_a_place_stays_there_whatever_happens_to_the_gateway() {
    let caged = pallet(1, 3);
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_cage(config);
    }
    let mut changed = config();
    with_cage(&mut changed);
    changed.devices.insert(0, "another".into());
    if let ReadPointKind::Zone(zone) = &mut changed.read_points[2].kind {
        zone.antennas = vec![(1, 9)];
        zone.dwell.clear();
    }
    let mut pipeline = Pipeline::default();
    inputs.extend(reports(&standing(&caged, 9, 10, 40), 8));
    let mut outputs = run(&mut pipeline, &inputs, 0);
    // Another configuration, a wall clock that was set back by ten minutes, a reader that is away for long.
    let back = 600 * S;
    let at = |at: i64| Time(T0 + at * S - back);
    let up = |at, up| Input::Device {
        device: 1,
        at,
        up,
        reader_time: None,
    };
    let mut inputs = vec![
        Input::Configure(Box::new(changed)),
        Input::Start { at: at(41) },
        up(at(42), true),
    ];
    let later = |from, to| {
        let inputs = reports(&standing(&caged, 9, from, to), 8).into_iter();
        inputs.map(move |input| match input {
            Input::Reads { at, mut reads, .. } => {
                for read in &mut reads {
                    read.device_time = None;
                }
                let at = Time(at.0 - back);
                Input::Reads {
                    device: 1,
                    at,
                    reads,
                }
            }
            other => other,
        })
    };
    inputs.extend(later(43, 60));
    inputs.push(up(at(61), false));
    inputs.push(up(at(400), true));
    inputs.extend(later(401, 450));
    outputs.extend(run(&mut pipeline, &inputs, 120));
    assert_eq!(
        lines(&outputs),
        [
            "zone_1 arrive storing 4 items",
            "zone_1 depart staging_outbound 4 items"
        ]
    );
    assert!(
        (times(&outputs)[1] - (449.0 - 600.0)).abs() < 2.0,
        "{:?}",
        times(&outputs)
    );
}

/// An hour with everything in it: known pallets, stays, a reader that is away.
fn hour() -> Vec<Input> {
    let (one, two, caged) = (pallet(1, 6), pallet(2, 6), pallet(4, 3));
    let mut reads = [
        crossing(&one, T0 + 10 * S, 6.0, true),
        crossing(&two, T0 + 10 * S, 6.0, true),
        standing(&caged, 9, 5, 80),
        standing(&pallet(5, 2), 9, 30, 120),
        crossing(&one, T0 + 100 * S, 6.0, false),
    ]
    .concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_cage(config);
    }
    let facts = vec![contents(&one, Some("L1")), contents(&two, None)];
    inputs.push(known(facts));
    inputs.extend(reports(&reads, 6));
    inputs.extend([link(T0 + 125 * S, false), link(T0 + 300 * S, true)]);
    inputs
}

/// Killed between any two inputs and rebuilt from the journal or a snapshot, it goes on as if nothing had happened: what was
/// known is in the journal.
#[test]
fn every_kill_point_gives_the_same_events() {
    let (journal, whole) = with_ticks(&hour(), 120);
    assert!(whole.len() >= 7, "{}", whole.len());
    let mut live = Pipeline::default();
    let mut before = Vec::new();
    for cut in 0..journal.len() {
        if cut % 40 == 0 {
            let snapshot = postcard::to_stdvec(live.state()).unwrap();
            let state = postcard::from_bytes(&snapshot).unwrap();
            assert_eq!(&state, live.state(), "after {cut} inputs");
            let rest = fold(&mut Pipeline::from_state(state), &journal[cut..]);
            assert_eq!([before.clone(), rest].concat(), whole, "cut {cut}");
        }
        before.extend(fold(&mut live, &journal[cut..=cut]));
    }
    assert_eq!(before, whole);
}

/// However the reports are cut, and however often they come, the events are the same.
#[test]
fn delivery_does_not_matter() {
    let (_, expected) = with_ticks(&hour(), 120);
    for (seed, size) in [(1, 1), (2, 3), (3, 17)] {
        let mut dealt = Vec::new();
        for input in hour() {
            match input {
                Input::Reads { device, at, reads } => {
                    let mut rest: Vec<Read> = reads.clone();
                    rest.rotate_left(seed % reads.len());
                    rest.push(reads[0].clone());
                    for part in rest.chunks(size) {
                        let reads = part.to_vec();
                        dealt.push(Input::Reads { device, at, reads });
                    }
                }
                other => dealt.push(other),
            }
        }
        let (_, events) = with_ticks(&dealt, 120);
        assert_eq!(events, expected, "in parts of {size}");
    }
}
