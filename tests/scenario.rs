//! Simulated traffic straight through the pipeline, many seeds, no clock and no socket: every movement exactly once,
//! with exactly its goods.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use tracegate::demo::{BRISK, scenario_config_text};
use tracegate::{config, topology};
use tracegate_pipeline::reference::{Content, Facts, Reference};
use tracegate_pipeline::{Input, Output, Pipeline, Read, ReaderTime, Time};
use tracegate_sim::ledger::Ledger;
use tracegate_sim::scenario::{Movement, Scenario, Timeline};

/// 2026-11-22T10:00:00Z.
const T0: i64 = 1_795_341_600_000_000;
/// A reader sends what it saw in this time as one report.
const REPORT_US: u64 = 50_000;

/// What the ledger says of one seed.
fn play(seed: u64, pallets: u32, pace: (Duration, Duration), windows: &str) -> Ledger {
    play_knowing(seed, pallets, pace, windows, |_| BTreeMap::new(), |_| {})
}

/// As [`play`], with what is known of things, and a look at each event.
fn play_knowing(
    seed: u64,
    pallets: u32,
    pace: (Duration, Duration),
    windows: &str,
    known: impl FnOnce(&Timeline) -> BTreeMap<String, Reference>,
    mut see: impl FnMut(&Value),
) -> Ledger {
    let scenario = (1..=4).fold(Scenario::empty(seed), |scenario, dock| {
        scenario.dock(&format!("dock_{dock}"), pallets)
    });
    let scenario = scenario.pace(pace.0, pace.1, Duration::from_secs(1));
    let timeline = scenario.timeline().expect("a timeline");
    let known = known(&timeline);
    let text = scenario_config_text(&scenario, windows);
    let loaded = config::from_bytes(
        Path::new("scenario.toml"),
        text.as_bytes(),
        std::iter::empty(),
    )
    .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
    let devices = topology::devices(&loaded.config).expect("few devices");
    let pipeline_config = topology::pipeline(&loaded.config, &devices);

    let mut ledger = Ledger::new(timeline.truth.clone(), scenario.read_points());
    ledger.started_at(T0 as u64);
    let mut pipeline = Pipeline::default();
    let mut take = |pipeline: &mut Pipeline, input: Input| {
        let wanted = pipeline.wanted(&input);
        let records = wanted.iter().filter_map(|key| known.get(key).cloned());
        let facts = Input::References {
            at: pipeline.now(),
            as_of: None,
            records: records.collect(),
        };
        assert!(pipeline.handle(facts).is_empty());
        for output in pipeline.handle(input) {
            if let Output::Event(event) = output {
                see(&serde_json::from_str(&event.json).expect("JSON"));
                ledger.observe(event.json.as_bytes());
            }
        }
    };
    take(&mut pipeline, Input::Configure(Box::new(pipeline_config)));
    take(&mut pipeline, Input::Start { at: Time(T0) });
    let mut inputs: Vec<(Time, Input)> = Vec::new();
    for (index, (name, _)) in devices.iter().enumerate() {
        let device = u16::try_from(index).expect("few devices");
        let reader_time = Some(ReaderTime::Utc(T0 as u64));
        inputs.push((
            Time(T0),
            Input::Device {
                device,
                at: Time(T0),
                up: true,
                reader_time,
            },
        ));
        let own: Vec<_> = timeline
            .sightings
            .iter()
            .filter(|sighting| *sighting.reader == **name)
            .collect();
        for report in own.chunk_by(|a, b| a.at_us / REPORT_US == b.at_us / REPORT_US) {
            let newest = report
                .iter()
                .map(|sighting| sighting.at_us)
                .max()
                .unwrap_or(0);
            let at = Time(T0 + newest as i64 + 10_000);
            let reads = report.iter().map(|sighting| Read {
                epc: sighting.epc.to_vec(),
                bit_len: sighting.epc.len() as u16 * 8,
                pc: Some(sighting.pc),
                antenna: sighting.antenna,
                rssi_dbm: Some(sighting.rssi_dbm),
                device_time: Some(ReaderTime::Utc(T0 as u64 + sighting.at_us)),
                ..Read::default()
            });
            inputs.push((
                at,
                Input::Reads {
                    device,
                    at,
                    reads: reads.collect(),
                },
            ));
        }
    }
    inputs.sort_by_key(|(at, _)| *at);
    for (at, input) in inputs {
        while let Some(tick) = pipeline.next_tick().filter(|tick| *tick <= at) {
            take(&mut pipeline, Input::Tick { at: tick });
        }
        take(&mut pipeline, input);
    }
    let end = Time(pipeline.now().0 + 60_000_000);
    while let Some(tick) = pipeline.next_tick().filter(|tick| *tick <= end) {
        take(&mut pipeline, Input::Tick { at: tick });
    }
    ledger
}

/// Fork lifts in a hurry: a metre in 0.2 s, a second apart.
#[test]
fn brisk_docks_are_exact() {
    let pace = (Duration::from_millis(1200), Duration::from_secs(1));
    assert_all_clean(0..24, 25, pace, BRISK);
    // A tag of each was read for a tenth of a second only, on both sides at once.
    assert_all_clean([30_123, 30_202].into_iter(), 50, pace, BRISK);
}

/// A real dock with the default windows: five seconds through the door, eight to the next.
#[test]
fn docks_with_default_windows_are_exact() {
    let pace = (Duration::from_secs(5), Duration::from_secs(8));
    assert_all_clean(100..112, 25, pace, "");
}

/// Every pallet is known, one of its goods more than there is: the pallet comes in nearly complete, the one is missing, and
/// every piece has its lot.
#[test]
fn pallets_of_known_contents_are_told_as_such() {
    let ghost = |sscc: &str| format!("https://id.gs1.org/01/04012345999990/21/{}", &sscc[22..]);
    let known = |timeline: &Timeline| {
        let mut known = BTreeMap::new();
        for movement in &timeline.truth {
            let Movement::Passage(passage) = movement else {
                continue;
            };
            let items = passage.items.iter().cloned();
            let content = |item: String| Content {
                item,
                instance: true,
                lot: Some("L1".to_owned()),
                pieces: None,
            };
            let all = items.chain([ghost(&passage.sscc)]).map(content).collect();
            let record = Reference {
                key: passage.sscc.clone(),
                version: 1,
                facts: Some(Facts::Contents(all)),
            };
            known.insert(passage.sscc.clone(), record);
        }
        known
    };
    let mut seen = 0;
    let see = |event: &Value| {
        seen += 1;
        assert_eq!(event["type"], "AggregationEvent", "{event:#}");
        assert_eq!(event["disposition"], "completeness_inferred", "{event:#}");
        let ghost = ghost(event["parentID"].as_str().expect("a parent"));
        assert_eq!(event["gw:missing"], serde_json::json!([ghost]));
        let children = event["childEPCs"].as_array().expect("children");
        assert!(!children.contains(&ghost.into()));
        let counts = event["gw:quantities"].as_array().expect("counts");
        let of_lot = |count: &Value| {
            let class = count["gw:epcClass"].as_str().expect("a class");
            assert!(class.ends_with("/10/L1"), "{class}");
            count["gw:quantity"].as_u64().expect("a number")
        };
        assert_eq!(
            counts.iter().map(of_lot).sum::<u64>(),
            children.len() as u64
        );
    };
    let pace = (Duration::from_secs(5), Duration::from_secs(8));
    let ledger = play_knowing(7, 25, pace, "", known, see);
    assert!(
        ledger.score().is_clean(),
        "{}",
        ledger.problems().join("\n")
    );
    assert_eq!(seen, 4 * 25 * 2);
}

fn assert_all_clean(
    seeds: impl Iterator<Item = u64>,
    pallets: u32,
    pace: (Duration, Duration),
    windows: &str,
) {
    let failed: Vec<String> = seeds
        .filter_map(|seed| {
            let ledger = play(seed, pallets, pace, windows);
            (!ledger.score().is_clean()).then(|| {
                format!(
                    "seed {seed}: {:?}\n{}",
                    ledger.score(),
                    ledger.problems().join("\n")
                )
            })
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} seeds are not clean\n{}",
        failed.len(),
        failed.join("\n")
    );
}
