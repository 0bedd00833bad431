//! Guarded doors: what is on hold or has expired is told while it moves out, before its load is decided.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::Value;
use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::association::class_uri;
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::guard::{GuardConfig, Level, Rule};
use tracegate_pipeline::reference::{Batch, Content, Facts, KEPT, Lot, Reference};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Pipeline, Read, ReaderTime, Time};

/// The item of the tags with [`sgtin`] 100.
const GTIN: &str = "04012345001006";

fn uri(epc: &[u8]) -> String {
    decode_bank(None, epc, epc.len() * 8).uri()
}

fn record(key: String, version: u64, facts: Facts) -> Reference {
    Reference {
        key,
        version,
        facts: Some(facts),
    }
}

fn lot(lot: &str, status: &str, expiry: &str) -> Reference {
    let facts = Lot {
        status: Some(status.to_owned()),
        expiry: Some(expiry.to_owned()).filter(|it| !it.is_empty()),
        reason: (status == "hold").then(|| "glass found".to_owned()),
        ..Lot::default()
    };
    record(class_uri(GTIN, Some(lot)).unwrap(), 12, Facts::Lot(facts))
}

fn serial(epc: &[u8], lot: &str) -> Reference {
    let batch = Batch {
        lot: lot.to_owned(),
        expiry: None,
    };
    record(uri(epc), 3, Facts::Serial(batch))
}

fn contents(sscc: &[u8], lot: &str) -> Reference {
    let content = Content {
        item: class_uri(GTIN, Some(lot)).unwrap(),
        instance: false,
        lot: None,
        pieces: Some(40),
    };
    record(uri(sscc), 5, Facts::Contents(vec![content]))
}

fn known(at: i64, records: Vec<Reference>) -> Input {
    Input::References {
        at: Time(at),
        as_of: Some(Time(T0 - 60 * S)),
        records,
    }
}

/// Goods of one item that go through the door; the first is the pallet.
fn goods(pallet: u64, items: u64) -> Vec<Vec<u8>> {
    let goods = (0..items).map(|item| sgtin(100, pallet * 1000 + item));
    std::iter::once(sscc(pallet)).chain(goods).collect()
}

/// The plant with a guard at its door.
fn guarded(guard: GuardConfig, mut reads: Vec<Read>, facts: Vec<Reference>) -> Vec<Input> {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        config.read_points[0].guard = Some(Box::new(guard));
    }
    inputs.push(known(T0 + S, facts));
    inputs.extend(reports(&reads, 8));
    inputs
}

/// Alerts and movements: seconds since the start at which they were told, and what.
fn story(inputs: &[Input]) -> Vec<(f64, String)> {
    let mut pipeline = Pipeline::default();
    let mut story = Vec::new();
    let mut note = |now: Time, outputs: Vec<Output>| {
        let told = lines(&outputs).into_iter();
        story.extend(told.map(|line| ((now.0 - T0) as f64 / S as f64, line)));
    };
    let (inputs, _) = with_ticks(inputs, 60);
    for input in inputs {
        let outputs = pipeline.handle(input);
        note(pipeline.now(), outputs);
    }
    story
}

fn values(inputs: &[Input]) -> Vec<Value> {
    let outputs = run(&mut Pipeline::default(), inputs, 60);
    let parse = |event: &String| serde_json::from_str(event).unwrap();
    events(&outputs).iter().map(parse).collect()
}

fn alerts(story: &[(f64, String)]) -> Vec<f64> {
    let alerts = story.iter().filter(|(_, line)| line.contains(" alert: "));
    alerts.map(|(at, _)| *at).collect()
}

#[test]
fn a_pallet_on_hold_is_told_before_its_movement_is_decided() {
    let load = goods(1, 6);
    let reads = crossing(&load, T0 + 10 * S, 6.0, false);
    let facts = vec![contents(&load[0], "L1"), lot("L1", "hold", "")];
    let inputs = guarded(GuardConfig::default(), reads, facts);
    let story = story(&inputs);
    let text = "lot L1 is not released (hold: glass found)";
    // It crosses the line 3 s after it was first seen, at 13 s.
    let told: Vec<&str> = story.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        told,
        [
            format!("dock_1 alert 00/040123450000000016: {text}"),
            format!("dock_1 alert: {text}"),
            format!("dock_1 out shipping 00/040123450000000016 + 6 items; {text}"),
        ]
    );
    let (alert, movement) = (story[0].0, story[2].0);
    assert!((13.0..15.0).contains(&alert), "{alert}");
    assert!(movement - alert > 2.0, "{movement}");

    let events = values(&inputs);
    let [alert, movement] = events.as_slice() else {
        panic!("{events:#?}");
    };
    assert_eq!(alert["type"], "ObjectEvent");
    assert_eq!(alert["action"], "OBSERVE");
    assert_eq!(alert["bizStep"], "staging_outbound");
    assert_eq!(alert["disposition"], "non_sellable_other");
    assert_eq!(alert["epcList"], Value::from(vec![uri(&load[0])]));
    assert_eq!(alert["gw:alert"], "lot_hold");
    let finding = &alert["gw:findings"][0];
    assert_eq!(finding["gw:rule"], "lot_hold");
    assert_eq!(finding["gw:dataVersion"], 12);
    assert_eq!(finding["gw:lot"], class_uri(GTIN, Some("L1")).unwrap());
    assert!((70..80).contains(&alert["gw:dataAgeSeconds"].as_u64().unwrap()));
    assert_eq!(movement["bizStep"], "shipping");
    assert_eq!(movement["gw:alert"], "lot_hold");
    assert_eq!(movement["gw:findings"][0]["gw:text"], text);
}

#[test]
fn each_lot_is_told_once_and_again_after_rearm() {
    let (one, two) = (goods(1, 8), goods(2, 8));
    let batches = |load: &[Vec<u8>], lot: &str| -> Vec<Reference> {
        load[1..].iter().map(|epc| serial(epc, lot)).collect()
    };
    let mut facts = [batches(&one, "L1"), batches(&two, "L1")].concat();
    facts.push(lot("L1", "quarantine", ""));
    let told = |second: i64| {
        let mut reads = crossing(&one, T0 + 10 * S, 6.0, false);
        reads.extend(crossing(&two, T0 + second * S, 6.0, false));
        let inputs = guarded(GuardConfig::default(), reads, facts.clone());
        let events = values(&inputs);
        let is_alert = |event: &&Value| event["bizStep"] == "staging_outbound";
        let lights = alerts(&story(&inputs));
        let is_second = |at: &&f64| **at > second as f64;
        (
            events.iter().filter(is_alert).count(),
            events
                .iter()
                .filter(|it| it["bizStep"] == "shipping")
                .count(),
            lights.iter().filter(is_second).count(),
        )
    };
    let (events, movements, lights) = told(24);
    assert_eq!((events, movements), (1, 2), "within rearm");
    assert!(lights > 0, "the light is for each of them");
    let (events, movements, _) = told(45);
    assert_eq!((events, movements), (2, 2), "after rearm");
}

#[test]
fn what_comes_in_is_released_or_stands_there_is_no_alert() {
    let load = goods(1, 6);
    let held = || vec![contents(&load[0], "L1"), lot("L1", "hold", "")];
    let inward = crossing(&load, T0 + 10 * S, 6.0, true);
    let inputs = guarded(GuardConfig::default(), inward, held());
    assert_eq!(alerts(&story(&inputs)), [0.0; 0]);
    assert!(values(&inputs)[0].get("gw:alert").is_none());

    let outward = || crossing(&load, T0 + 10 * S, 6.0, false);
    let released = vec![contents(&load[0], "L1"), lot("L1", "released", "261123")];
    let inputs = guarded(GuardConfig::default(), outward(), released);
    assert_eq!(alerts(&story(&inputs)), [0.0; 0]);

    let mut off = GuardConfig::default();
    off.rules.remove(&Rule::LotHold);
    assert_eq!(alerts(&story(&guarded(off, outward(), held()))), [0.0; 0]);

    // Parked a metre inside for five minutes, now better heard by one antenna, now by the other.
    let fades = |at: f64| Some(0.9 + 1.1 * (at / 3.0).sin());
    let parked = sightings(&load, T0 + 10 * S, 300.0, &fades);
    let inputs = guarded(GuardConfig::default(), parked, held());
    let told = alerts(&story(&inputs));
    assert!(told.iter().all(|at| *at < 28.0), "{told:?}");
}

#[test]
fn what_was_parked_for_long_is_told_when_it_goes() {
    let load = goods(1, 6);
    let facts = vec![contents(&load[0], "L1"), lot("L1", "released", "261121")];
    let path = |at: f64| {
        Some(if at < 60.0 {
            2.6
        } else {
            2.6 - (at - 60.0) * 1.3
        })
    };
    let reads = sightings(&load, T0 + 10 * S, 66.0, &path);
    let story = story(&guarded(GuardConfig::default(), reads, facts));
    let told = alerts(&story);
    assert!(!told.is_empty(), "{story:?}");
    assert!(
        story[0].1.ends_with("lot L1 expired on 2026-11-21"),
        "{story:?}"
    );
    // It crosses the line at 72 s.
    assert!((72.0..74.0).contains(&told[0]), "{told:?}");
}

#[test]
fn what_is_known_too_late_is_told_with_the_movement() {
    let load = goods(1, 6);
    let reads = crossing(&load, T0 + 10 * S, 6.0, false);
    let mut inputs = guarded(
        GuardConfig::default(),
        reads,
        vec![contents(&load[0], "L1")],
    );
    inputs.push(known(T0 + 16 * S, vec![lot("L1", "hold", "")]));
    inputs.sort_by_key(|input| arrival(input).map_or(0, |at| at.0));
    let story = story(&inputs);
    assert_eq!(alerts(&story).len(), 1, "{story:?}");
    assert_eq!(values(&inputs).len(), 2);
}

#[test]
fn a_warning_is_told_with_the_movement_only() {
    let load = goods(1, 6);
    let reads = crossing(&load, T0 + 10 * S, 6.0, false);
    let facts = vec![contents(&load[0], "L1"), lot("L1", "released", "261201")];
    let guard = GuardConfig {
        min_remaining_days: 30,
        ..GuardConfig::default()
    };
    assert_eq!(guard.level(Rule::MinRemaining, true), Level::Warn);
    let inputs = guarded(guard, reads, facts);
    assert_eq!(alerts(&story(&inputs)), [0.0; 0]);
    let events = values(&inputs);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].get("gw:alert"), None);
    assert_eq!(events[0]["gw:findings"][0]["gw:rule"], "min_remaining");
}

/// A day with held loads, one that turns round in the door, and one that is released.
fn day() -> Vec<Input> {
    let loads: Vec<Vec<Vec<u8>>> = (1..5).map(|pallet| goods(pallet, 8)).collect();
    let mut reads = crossing(&loads[0], T0 + 5 * S, 5.0, false);
    reads.extend(crossing(&loads[1], T0 + 15 * S, 5.0, false));
    reads.extend(crossing(&loads[3], T0 + 36 * S, 5.0, false));
    let back = |at: f64| {
        Some(if at < 3.0 {
            4.0 - at * 1.5
        } else {
            -0.5 + (at - 3.0) * 1.5
        })
    };
    reads.extend(sightings(&loads[2], T0 + 25 * S, 6.0, &back));
    let mut facts = vec![lot("L1", "hold", ""), lot("L2", "released", "")];
    for (load, name) in loads.iter().zip(["L1", "L2", "L1", "L1"]) {
        facts.push(contents(&load[0], name));
        facts.extend(load[1..].iter().map(|epc| serial(epc, name)));
    }
    guarded(GuardConfig::default(), reads, facts)
}

#[test]
fn every_kill_point_gives_the_same_alerts() {
    let (journal, whole) = with_ticks(&day(), 60);
    let is_alert = |event: &&String| event.contains("staging_outbound");
    assert!(whole.iter().filter(is_alert).count() >= 2, "{whole:#?}");
    let mut live = Pipeline::default();
    let mut before = Vec::new();
    for (cut, input) in journal.iter().enumerate() {
        if cut % 7 == 0 {
            let snapshot = postcard::to_stdvec(live.state()).unwrap();
            let state = postcard::from_bytes(&snapshot).unwrap();
            let mut again = Pipeline::from_state(state);
            let mut all: Vec<String> = before.clone();
            all.extend(fold(&mut again, &journal[cut..]));
            assert_eq!(all, whole, "killed before input {cut}");
        }
        before.extend(events(&live.handle(input.clone())));
    }
}

#[test]
fn reports_that_are_cut_otherwise_give_the_same_events() {
    let whole = values(&day());
    let mut one_by_one = Vec::new();
    for input in day() {
        match input {
            Input::Reads { device, at, reads } => {
                one_by_one.extend(reads.into_iter().map(|read| Input::Reads {
                    device,
                    at,
                    reads: vec![read],
                }));
            }
            other => one_by_one.push(other),
        }
    }
    assert_eq!(values(&one_by_one), whole);
}

#[test]
fn what_is_parked_keeps_what_is_known_of_its_lot() {
    let load = goods(1, 4);
    let facts = [
        vec![lot("L1", "hold", "")],
        load[1..].iter().map(|epc| serial(epc, "L1")).collect(),
    ]
    .concat();
    let path = |at: f64| {
        Some(if at < 200.0 {
            2.6
        } else {
            2.6 - (at - 200.0) * 1.3
        })
    };
    let reads = sightings(&load, T0 + 10 * S, 206.0, &path);
    let story = story(&guarded(GuardConfig::default(), reads, facts));
    assert!(!alerts(&story).is_empty(), "{story:?}");
    assert!(KEPT < Span::millis(200_000), "{KEPT:?}");
}

/// A second door, guarded too, hears the same pallet the same way, but less.
#[test]
fn of_two_doors_the_nearer_one_tells() {
    let load = goods(1, 8);
    let reads = crossing(&load, T0 + 10 * S, 6.0, false);
    let facts = vec![contents(&load[0], "L1"), lot("L1", "hold", "")];
    let mut inputs = guarded(GuardConfig::default(), reads, facts);
    if let Input::Configure(config) = &mut inputs[0] {
        config.devices.push("dock_2".into());
        let mut second = config.read_points[0].clone();
        second.name = "dock_2".into();
        if let ReadPointKind::Gate(gate) = &mut second.kind {
            for antenna in &mut gate.antennas {
                antenna.device = 2;
            }
        }
        config.read_points.insert(1, second);
    }
    inputs.insert(
        4,
        Input::Device {
            device: 2,
            at: Time(T0),
            up: true,
            reader_time: Some(ReaderTime::Utc(T0 as u64)),
        },
    );
    let mut both = Vec::new();
    for input in inputs {
        if let Input::Reads { at, reads, .. } = &input {
            let quieter = |read: &Read| Read {
                rssi_dbm: read.rssi_dbm.map(|rssi| rssi - 8),
                ..read.clone()
            };
            both.push(Input::Reads {
                device: 2,
                at: *at,
                reads: reads.iter().map(quieter).collect(),
            });
        }
        both.push(input);
    }
    let story = story(&both);
    let told = |door: &str| {
        let line = format!("{door} alert");
        story.iter().filter(|(_, it)| it.starts_with(&line)).count()
    };
    assert!(told("dock_1") >= 2, "{story:?}");
    assert_eq!(told("dock_2"), 0, "{story:?}");
}
