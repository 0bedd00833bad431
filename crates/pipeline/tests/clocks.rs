//! Readers whose clock is set back while a pallet passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Pipeline, ReaderTime, Time};

const CROSSED: i64 = T0 + 30 * S;

/// A pallet passes beside one that stands there, and the reader's clock is set back by `by` s at `at`, if ever.
fn passing_at(at: i64, by: i64) -> Vec<Input> {
    let mut reads = crossing(&pallet(1, 12), CROSSED - 2 * S, 4.0, true);
    reads.extend(sightings(&[sgtin(900, 1)], T0, 90.0, &|_| Some(-2.5)));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = reports(&reads, 8);
    for input in &mut inputs {
        let Input::Reads { reads, .. } = input else {
            continue;
        };
        for read in reads {
            let own = read.device_time.unwrap().micros();
            if own >= at {
                let own = u64::try_from(own - by * S).unwrap();
                read.device_time = Some(ReaderTime::Utc(own));
            }
        }
    }
    [start(), inputs].concat()
}

fn passing(at: i64, by: i64) -> Vec<String> {
    events(&run(&mut Pipeline::default(), &passing_at(at, by), 60))
}

fn crossed(event: &str) -> (Time, usize) {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let at: jiff::Timestamp = event["eventTime"].as_str().unwrap().parse().unwrap();
    let children = event["epcList"]
        .as_array()
        .or(event["childEPCs"].as_array());
    (Time(at.as_microsecond()), children.unwrap().len())
}

#[test]
fn a_clock_set_back_as_a_pallet_passes_loses_nothing() {
    let [usual] = &passing(i64::MAX, 0)[..] else {
        panic!("not told")
    };
    let usual = crossed(usual);
    for by in [1, 2, 10, 60] {
        for tenth in (-60..60).step_by(3) {
            let told = passing(CROSSED + tenth * 100 * MS, by);
            let [event] = &told[..] else {
                panic!("{by} s back at {tenth}: {told:?}")
            };
            let (at, children) = crossed(event);
            assert_eq!(children, usual.1, "{by} s back at {tenth}");
            let off = (at - usual.0).abs();
            assert!(off.0 < 200 * MS, "{by} s back at {tenth}: {off:?} off");
        }
    }
}

/// Killed between any two inputs, also while reads wait because nobody knows yet what the clock does.
#[test]
fn every_kill_point_gives_the_same() {
    let (inputs, whole) = with_ticks(&passing_at(CROSSED - S, 10), 60);
    assert_eq!(whole.len(), 1);
    for cut in 0..inputs.len() {
        let mut live = Pipeline::default();
        let mut events = fold(&mut live, &inputs[..cut]);
        let snapshot = postcard::to_stdvec(live.state()).unwrap();
        let state: State = postcard::from_bytes(&snapshot).unwrap();
        events.extend(fold(&mut Pipeline::from_state(state), &inputs[cut..]));
        assert_eq!(events, whole, "killed at {cut}");
    }
}

/// It is gone before the clock has been wrong for long enough, and nothing more is heard.
#[test]
fn what_nothing_follows_is_told_as_well() {
    let mut inputs = passing_at(CROSSED + 500 * MS, 10);
    let last = Time(CROSSED + 2 * S);
    inputs.retain(|input| arrival(input).is_none_or(|at| at <= last));
    let told = events(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(crossed(&told[0]).1, crossed(&passing(i64::MAX, 0)[0]).1);
}

/// Reports that waited on their way tell no step, and nothing waits for them once others arrive in time.
#[test]
fn what_waited_on_its_way_is_late_and_moves_nothing() {
    let mut inputs = passing_at(i64::MAX, 0);
    let (from, until) = (Time(CROSSED - 10 * S), Time(CROSSED - 7 * S));
    for input in &mut inputs {
        if let Input::Reads { at, .. } = input
            && (from..until).contains(at)
        {
            *at = until;
        }
    }
    let mut pipeline = Pipeline::default();
    let told = events(&run(&mut pipeline, &inputs, 60));
    assert_eq!(told, passing(i64::MAX, 0));
    assert_eq!(pipeline.stats().clock_steps, 0);
}
