//! Active tags through the whole pipeline: tools that come, go and raise alarms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_feed::active::{Limits, Milli, Pace};
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::config::{PipelineConfig, ReadPointConfig, ReadPointKind};
use tracegate_pipeline::filter::{ActiveTags, Pattern};
use tracegate_pipeline::input::{Extra, Output, Signal};
use tracegate_pipeline::zone::{ActiveZone, ZoneConfig, ZoneTuning};
use tracegate_pipeline::{Input, Pipeline, Read};

const S: i64 = 1_000_000;
/// Ports of the one device: two receivers, and one that looks at no zone.
const STORE: u16 = 21;
const LINE: u16 = 22;
const HALL: u16 = 23;

fn tool(n: u32) -> (Vec<u8>, u16) {
    let tag = encode_tag_uri(&format!("urn:epc:tag:giai-202:0.4012345.T{n}")).unwrap();
    (tag.bytes, u16::try_from(tag.bit_len).unwrap())
}

fn beacon(n: u32, antenna: u16, rssi: i8, at_us: i64, signal: Signal) -> Read {
    let (epc, bit_len) = tool(n);
    Read {
        epc,
        bit_len,
        pc: None,
        extra: Some(Box::new(Extra {
            beacon: Some(Box::new(signal)),
            ..Extra::default()
        })),
        ..read(&[], antenna, rssi, at_us)
    }
}

fn zone(name: &str, antenna: u16, exciters: &[&str]) -> ReadPointConfig {
    ReadPointConfig {
        name: name.into(),
        uri: format!("urn:epc:id:sgln:4012345.00001.{name}"),
        guard: None,
        kind: ReadPointKind::Zone(ZoneConfig {
            antennas: vec![(0, antenna)],
            arrive: Some(step("storing", "in_progress")),
            depart: Some(step("staging_outbound", "in_progress")),
            active: Some(Box::new(ActiveZone {
                alarm: step("sensor_reporting", "in_progress"),
                exciters: exciters.iter().map(|id| (*id).to_owned()).collect(),
                receivers: vec![0],
            })),
            tuning: ZoneTuning {
                min_rssi_dbm: i8::MIN,
                ..ZoneTuning::default()
            },
            ..ZoneConfig::default()
        }),
    }
}

fn with_zones(config: &mut PipelineConfig) {
    config.read_points.push(zone("store", STORE, &[]));
    config.read_points.push(zone("line", LINE, &["501"]));
    config.tags.active = vec![ActiveTags {
        tags: vec![Pattern::parse("urn:epc:idpat:giai:4012345.*").unwrap()],
        pace: Pace::default(),
        limits: Limits {
            temperature_max: Some(Milli(30_000)),
            ..Limits::default()
        },
    }];
}

/// The events of these beacons, as lines with seconds.
fn told(mut reads: Vec<Read>) -> Vec<String> {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_zones(config);
    }
    inputs.extend(reports(&reads, 1));
    let mut outputs = run(&mut Pipeline::default(), &inputs, 1_200);
    outputs.retain(|output| matches!(output, Output::Event(_)));
    let lines = lines(&outputs);
    let times = times(&outputs);
    let lines = times.iter().zip(lines);
    lines.map(|(at, line)| format!("{at:.0} {line}")).collect()
}

/// One beacon every `every` seconds, each `lost`th lost, loud at one receiver and faint at the other.
fn beacons(n: u32, loud: u16, (from, to): (i64, i64), every: i64, signal: &Signal) -> Vec<Read> {
    let times = (from..to).step_by(usize::try_from(every).unwrap());
    times
        .flat_map(|at| {
            let faint = if loud == STORE { LINE } else { STORE };
            let at = T0 + at * S;
            [
                beacon(n, loud, -60, at, signal.clone()),
                beacon(n, faint, -82, at + 30_000, signal.clone()),
            ]
        })
        .collect()
}

#[test]
fn a_tool_is_in_one_place_and_leaves_after_its_own_time() {
    let plain = Signal::default();
    let moves = [
        beacons(1, STORE, (10, 300), 10, &plain),
        beacons(1, LINE, (300, 600), 10, &plain),
    ];
    assert_eq!(
        told(moves.concat()),
        [
            "10 store arrive storing 8004/4012345T1",
            "340 line arrive storing 8004/4012345T1",
            "330 store depart staging_outbound 8004/4012345T1",
            "590 line depart staging_outbound 8004/4012345T1",
        ]
    );
}

#[test]
fn losses_make_no_departure() {
    let plain = Signal::default();
    // 30 % are lost, up to three in a row.
    let lost = [
        2, 5, 6, 9, 13, 14, 15, 20, 22, 27, 28, 33, 36, 37, 38, 44, 47, 51, 52,
    ];
    let all = beacons(1, STORE, (0, 600), 10, &plain);
    let kept = all.into_iter().filter(|read| {
        let number = (read.device_time.unwrap().micros() - T0) / S / 10;
        !lost.contains(&number)
    });
    assert_eq!(told(kept.collect()).len(), 2);
}

#[test]
fn an_exciter_says_where_though_nobody_looks_there() {
    let marked = Signal {
        marker: Some("501".to_owned()),
        interval_ms: Some(10_000),
        ..Signal::default()
    };
    let reads = (0..10).map(|n| beacon(2, HALL, -40, T0 + n * 10 * S, marked.clone()));
    assert_eq!(
        told(reads.collect()),
        [
            "0 line arrive storing 8004/4012345T2",
            "90 line depart staging_outbound 8004/4012345T2"
        ]
    );
}

#[test]
fn alarms_are_events_of_their_own() {
    let warm = |milli| Signal {
        temperature: Some(Milli(milli)),
        ..Signal::default()
    };
    let reads = [
        beacons(3, STORE, (0, 100), 10, &warm(21_500)),
        beacons(3, STORE, (100, 200), 10, &warm(31_250)),
        beacons(
            3,
            STORE,
            (200, 300),
            10,
            &Signal {
                tamper: Some(true),
                ..warm(30_000)
            },
        ),
    ];
    let told = told(reads.concat());
    assert_eq!(
        told,
        [
            "0 store arrive storing 8004/4012345T3",
            "100 store alarm temperature_high 8004/4012345T3",
            "200 store alarm tamper 8004/4012345T3",
            "290 store depart staging_outbound 8004/4012345T3"
        ]
    );
}

#[test]
fn an_alarm_is_valid_epcis() {
    let hot = Signal {
        temperature: Some(Milli(31_250)),
        ..Signal::default()
    };
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_zones(config);
    }
    inputs.extend(reports(&beacons(3, STORE, (0, 10), 10, &hot), 1));
    let outputs = run(&mut Pipeline::default(), &inputs, 0);
    let event = outputs.iter().find_map(|output| match output {
        Output::Event(event) => Some(event),
        _ => None,
    });
    let json: serde_json::Value = serde_json::from_str(&event.unwrap().json).unwrap();
    let event = json.pointer("/epcisBody/eventList/0").unwrap_or(&json);
    assert_eq!(event["type"], "ObjectEvent");
    assert_eq!(event["bizStep"], "sensor_reporting");
    let element = &event["sensorElementList"][0];
    let report = &element["sensorReport"][0];
    assert_eq!(report["type"], "Temperature");
    assert_eq!(report["exception"], "ALARM_CONDITION");
    assert_eq!(
        (report["value"].as_f64(), report["uom"].as_str()),
        (Some(31.25), Some("CEL"))
    );
    assert_eq!(event["gw:alarm"], "temperature_high");
    assert_eq!(event["gw:alarmLimit"], "30");
}

#[test]
fn strength_never_tells_a_direction() {
    // The dock's own antennas, with beacons as loud and as many as a pallet that passes.
    let pass = crossing(&[tool(9).0], T0 + 10 * S, 6.0, true);
    let plain = Signal::default();
    let reads = pass.into_iter().map(|read| {
        let at = read.device_time.unwrap().micros();
        beacon(9, read.antenna, read.rssi_dbm.unwrap(), at, plain.clone())
    });
    assert!(told(reads.collect()).is_empty());
}

#[test]
fn a_restart_in_between_changes_nothing() {
    let hot = Signal {
        temperature: Some(Milli(31_250)),
        sequence: None,
        ..Signal::default()
    };
    let reads = [
        beacons(1, STORE, (0, 200), 10, &hot),
        beacons(1, LINE, (200, 500), 10, &hot),
    ];
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        with_zones(config);
    }
    inputs.extend(reports(&reads.concat(), 1));
    let (inputs, expected) = with_ticks(&inputs, 600);
    assert!(expected.len() >= 4, "{expected:?}");
    for cut in (1..inputs.len()).step_by(7) {
        let mut pipeline = Pipeline::default();
        let mut events = fold(&mut pipeline, &inputs[..cut]);
        let state = postcard::to_stdvec(pipeline.state()).unwrap();
        let mut pipeline = Pipeline::from_state(postcard::from_bytes(&state).unwrap());
        events.extend(fold(&mut pipeline, &inputs[cut..]));
        assert_eq!(events, expected, "cut at {cut}");
    }
}

#[test]
fn a_new_configuration_lets_everybody_stay() {
    let plain = Signal::default();
    let mut inputs = start();
    let mut changed = None;
    if let Input::Configure(config) = &mut inputs[0] {
        with_zones(config);
        let mut other = config.clone();
        other.read_points.insert(1, zone("annex", 30, &[]));
        changed = Some(other);
    }
    inputs.extend(reports(&beacons(1, STORE, (0, 200), 10, &plain), 1));
    inputs.push(Input::Configure(changed.unwrap()));
    inputs.extend(reports(&beacons(1, STORE, (200, 400), 10, &plain), 1));
    let mut outputs = run(&mut Pipeline::default(), &inputs, 600);
    outputs.retain(|output| matches!(output, Output::Event(_)));
    assert_eq!(events(&outputs).len(), 2, "{:?}", lines(&outputs));
}
