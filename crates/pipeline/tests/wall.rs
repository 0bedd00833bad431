//! The gateway's own clock, wrong at first: windows do not notice when it is set, events tell the right time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::Value;
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, Time};

const HOUR: i64 = 3600 * S;

fn set(at: i64, ahead: i64, synchronised: bool) -> Input {
    let wall = Wall {
        ahead: Span(ahead),
        synchronised,
    };
    Input::Wall { at: Time(at), wall }
}

fn told(pipeline: &mut Pipeline, inputs: &[Input]) -> Vec<Value> {
    let events = events(&run(pipeline, inputs, 20));
    let events = events
        .iter()
        .map(|json| serde_json::from_str(json).unwrap());
    events.collect()
}

#[test]
fn a_clock_that_is_set_while_a_load_passes_changes_only_the_times() {
    let mut pipeline = Pipeline::default();
    let wrong = [start(), vec![set(T0, 0, false)]].concat();
    let first = crossing(&pallet(1, 6), T0 + 5 * S, 5.0, true);
    let inputs = [wrong, reports(&first, 20)].concat();
    let before = told(&mut pipeline, &inputs);
    assert_eq!(before[0]["gw:clockUnsynchronised"], true);
    assert_eq!(
        before[0]["eventTime"].as_str().unwrap()[..19],
        *"2026-11-22T11:00:07"
    );

    let second = crossing(&pallet(2, 6), T0 + 40 * S, 5.0, true);
    let mut inputs = reports(&second, 20);
    inputs.push(set(T0 + 42 * S, HOUR, true));
    inputs.sort_by_key(arrival);
    let after = told(&mut pipeline, &inputs);
    assert_eq!(after.len(), 1, "one load, one event");
    assert_eq!(after[0].get("gw:clockUnsynchronised"), None);
    assert_eq!(
        after[0]["eventTime"].as_str().unwrap()[..19],
        *"2026-11-22T12:00:42"
    );
}

/// The next start begins a time line that is right from the beginning; what was open is told with the old one.
#[test]
fn a_restart_after_a_step_closes_the_old_time_line() {
    let mut pipeline = Pipeline::default();
    let load = crossing(&pallet(1, 6), T0 + 5 * S, 5.0, true);
    let mut inputs = [start(), reports(&load, 20)].concat();
    inputs.push(set(T0 + 10 * S + 10 * MS, HOUR, true));
    assert_eq!(run(&mut pipeline, &inputs, 0), []);
    let outputs = pipeline.handle(Input::Start {
        at: Time(T0 + HOUR + 11 * S),
    });
    assert!((times(&outputs)[0] - 3607.5).abs() < 0.5, "{outputs:?}");
    assert_eq!(pipeline.wall().ahead, Span(0));
}
