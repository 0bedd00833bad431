//! What guards make of scans, and what is told of that.

use std::collections::BTreeSet;

use crate::common::{S, T0, start};
use crate::desk::*;
use serde_json::Value;
use tracegate_gs1::hibc::check_character;
use tracegate_pipeline::config::{Confirm, PipelineConfig, ReadPointKind, TaskConfig, TaskKind};
use tracegate_pipeline::guard::{GuardConfig, Level, Rule};
use tracegate_pipeline::reference::{Facts, Order, OrderLine, Quantity, Reference};
use tracegate_pipeline::{Input, Output, Pipeline, Time};

const BAD: &str = "]d2010950600013435210BAD";

/// What comes of the inputs. Of what is handed in besides, the site says nothing more.
fn handled(pipeline: &mut Pipeline, inputs: Vec<Input>) -> Vec<Output> {
    let (mut outputs, mut is_told) = (Vec::new(), false);
    for input in inputs {
        is_told |= matches!(&input, Input::References { records, .. } if !records.is_empty());
        outputs.extend(match is_told {
            true => pipeline.handle(input),
            false => hand_in(pipeline, input),
        });
    }
    outputs
}

/// The answers, and all events.
fn heard(outputs: &[Output]) -> (Vec<String>, Vec<Value>) {
    let answer = |output: &Output| match output {
        Output::Verdict(it) => Some(verdict(&it.kind)),
        _ => None,
    };
    let event = |output: &Output| match output {
        Output::Event(it) => Some(serde_json::from_str(&it.json).unwrap()),
        _ => None,
    };
    (
        outputs.iter().filter_map(answer).collect(),
        outputs.iter().filter_map(event).collect(),
    )
}

fn answers(inputs: Vec<Input>) -> (Vec<String>, Vec<Value>) {
    heard(&handled(&mut Pipeline::default(), inputs))
}

fn worked(task: TaskConfig, codes: &[&str]) -> (Vec<String>, Vec<Value>) {
    let mut inputs = station(task, Some(GuardConfig::default()));
    inputs.extend(scans(codes));
    answers(inputs)
}

fn bookings(events: &[Value]) -> Vec<&Value> {
    let is_own = |it: &&Value| it["bizStep"].as_str().unwrap().starts_with("tracegate:");
    events.iter().filter(|it| !is_own(it)).collect()
}

/// The station of the plant without a task.
fn plain(guard: GuardConfig) -> Vec<Input> {
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        for read_point in &mut config.read_points {
            if matches!(read_point.kind, ReadPointKind::Station(_)) {
                read_point.guard = Some(Box::new(guard.clone()));
            }
        }
    }
    inputs
}

#[test]
fn without_a_task_a_guard_is_asked_too() {
    let mut inputs = plain(GuardConfig::default());
    let old = "]d20109506000134352172511151021{GS}21S9";
    inputs.extend(scans(&[BAD, old, LOT_2]));
    let mut pipeline = Pipeline::default();
    let outputs = handled(&mut pipeline, inputs);
    let (kinds, told) = heard(&outputs);
    for (kind, expected) in kinds.iter().zip([
        "refused: lot BAD is not released",
        // Nothing is known of it: the label itself says so.
        "refused: lot 21 expired on 2025-11-15",
        "warned: take lot L1 first",
    ]) {
        assert!(kind.starts_with(expected), "{kinds:?}");
    }
    assert_eq!(told.len(), 1, "what is refused is not booked");
    assert_eq!(told[0]["gw:findings"][0]["gw:rule"], "fefo");
    let stats = pipeline.stats();
    assert_eq!((stats.guard_refused, stats.guard_warned), (2, 1));
    let none = GuardConfig {
        rules: std::collections::BTreeMap::new(),
        ..GuardConfig::default()
    };
    let mut inputs = plain(none);
    inputs.extend(scans(&[BAD]));
    assert_eq!(answers(inputs).0, ["accepted"]);
}

#[test]
fn without_a_task_what_a_guard_needs_is_asked_for() {
    let mut pipeline = Pipeline::default();
    for input in plain(GuardConfig::default()) {
        pipeline.handle(input);
    }
    let wanted: BTreeSet<String> = pipeline.wanted(&scan(1, LOT_1)).into_iter().collect();
    let expected = [ITEM.to_owned(), format!("{ITEM}/10/L1")];
    assert_eq!(wanted, expected.into());
}

#[test]
fn an_expiry_is_found_however_a_label_says_it() {
    let hibc = "+A99912345/$$3250101L1";
    let hibc = format!("]C0{hibc}{}", check_character(hibc.as_bytes()).unwrap());
    let time = "]d2010950600013435210L1{GS}70032501011200";
    for code in [time, &hibc] {
        let (told, events) = worked(issue(), &["WO1", code]);
        assert!(told[1].contains("expired on 2025-01-01"), "{told:?}");
        assert!(bookings(&events).is_empty());
    }
}

#[test]
fn nobody_confirms_a_warning_that_was_not_shown() {
    let mut inputs = station(issue(), Some(GuardConfig::default()));
    inputs.extend(scans(&["WO1", LOT_1, "5"]));
    let mut newer = order("WO1", "open", 3);
    newer.version = 8;
    inputs.push(Input::References {
        at: Time(T0 + 24 * S),
        as_of: None,
        records: vec![newer],
    });
    inputs.push(scan(25, "TG:CONFIRM"));
    let (told, events) = answers(inputs.clone());
    assert_eq!(
        told[3],
        "warned: 5 is too much: order WO1 has 3 open; confirm to go on"
    );
    assert!(bookings(&events).is_empty());
    let mut by_badge = inputs.clone();
    inputs.push(scan(30, "TG:CONFIRM"));
    let (told, events) = answers(inputs);
    assert_eq!(told[4], "accepted");
    assert_eq!(bookings(&events).len(), 1);
    assert_eq!(events[2]["gw:overrides"][0]["gw:rule"], "over_quantity");
    by_badge.pop();
    by_badge.push(scan(25, "S1"));
    let (told, _) = answers(by_badge);
    assert!(told[3].starts_with("warned: 5 is too much"), "{told:?}");
}

#[test]
fn who_looked_at_an_amount_has_not_looked_at_a_larger_one() {
    let (told, events) = worked(
        issue(),
        &["WO1", "12", LOT_1, "S1", LOT_1, "500", "TG:CONFIRM"],
    );
    assert_eq!(told[3], "pending: confirm");
    assert_eq!(
        told[5],
        "warned: 512 is too much: order WO1 has 10 open; confirm to go on"
    );
    assert_eq!(bookings(&events).len(), 1);
}

#[test]
fn a_single_thing_is_one_whatever_its_label_weighs() {
    let (told, _) = worked(issue(), &["WO1", "]d20109506000134352310300150021S1", "B1"]);
    assert!(!told[1].contains("is the quantity of"), "{told:?}");
    let pallet = "]C1001061414123456789080209506000134352{GS}3712";
    for task in [issue(), task(TaskKind::Return, "storing")] {
        let mut inputs = station(task, None);
        inputs.extend(scans(&["WO1", pallet, "TG:CONFIRM"]));
        let (told, events) = answers(inputs);
        assert_eq!(told[1..], ["pending: confirm", "accepted"]);
        assert_eq!(bookings(&events).len(), 1);
    }
}

#[test]
fn what_is_not_booked_says_nothing_of_what_would_be() {
    let mut task = issue();
    task.step.set = vec!["available".to_owned()];
    task.step.biz_location = Some("urn:epc:id:sgln:4012345.00003.0".to_owned());
    task.step.profiles = tracegate_pipeline::compliance::Profile::ALL.to_vec();
    let (_, events) = worked(task, &["WO1", BAD]);
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(event["bizStep"], "tracegate:event/issue_refused");
    for field in [
        "persistentDisposition",
        "gw:missingElements",
        "bizLocation",
        "sourceList",
        "destinationList",
    ] {
        assert!(event.get(field).is_none(), "{field} in {event}");
    }
}

#[test]
fn a_hold_that_comes_before_the_confirmation_is_told() {
    let mut inputs = station(issue(), Some(GuardConfig::default()));
    inputs.extend(scans(&["WO1", LOT_1, "5"]));
    let mut held = lot("L1", "hold", "261231");
    held.version = 8;
    inputs.push(Input::References {
        at: Time(T0 + 24 * S),
        as_of: None,
        records: vec![held],
    });
    inputs.push(scan(25, "TG:CONFIRM"));
    let mut pipeline = Pipeline::default();
    let outputs = handled(&mut pipeline, inputs);
    let (_, told) = heard(&outputs);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["bizStep"], "tracegate:event/issue_refused");
    assert_eq!(told[0]["gw:rule"], "lot_hold");
    let stats = pipeline.stats();
    assert_eq!((stats.guard_refused, stats.guard_warned), (1, 0));
}

/// An order with lines of the item.
fn lines(open: &[Quantity]) -> Reference {
    let line = |open: &Quantity| OrderLine {
        item: ITEM.to_owned(),
        open: Some(open.clone()),
        ..OrderLine::default()
    };
    let order = Order {
        status: Some("open".to_owned()),
        lines: open.iter().map(line).collect(),
    };
    Reference {
        version: 8,
        ..record("tracegate:order/WO5", Facts::Order(order))
    }
}

fn ordered(task: TaskConfig, open: &[Quantity], codes: &[&str]) -> (Vec<String>, Vec<Value>) {
    let mut guard = GuardConfig::default();
    guard.rules.remove(&Rule::LotUnknown);
    let mut inputs = station(task, Some(guard));
    inputs.push(Input::References {
        at: Time(T0),
        as_of: None,
        records: vec![lines(open)],
    });
    inputs.extend(scans(codes));
    answers(inputs)
}

#[test]
fn all_that_goes_to_an_order_counts() {
    let other = "]d2010950600013435221S2";
    let one = [Quantity::pieces(1)];
    let (told, _) = ordered(issue(), &one, &["WO5", SERIAL, other]);
    assert_eq!(told[1], "pending: confirm");
    assert_eq!(
        told[2],
        "warned: 2 is too much: order WO5 has 1 open; confirm to go on"
    );
    let codes = ["WO5", SERIAL, "TG:CONFIRM", "WO5", other];
    let (told, _) = ordered(issue(), &one, &codes);
    assert!(told[4].starts_with("warned: 2 is too much"), "{told:?}");

    let weight = "]d20109506000134352310300150010L2";
    let (told, _) = ordered(
        issue(),
        &[Quantity::pieces(10)],
        &["WO5", LOT_1, "5", weight],
    );
    assert!(told[3].contains("warned: 1.5 KGM is a mass, and order WO5 has 10 open, a number of pieces: scan a number of pieces"), "{told:?}");

    let mut task = issue();
    (task.as_planned, task.confirm) = (true, Confirm::Auto);
    let two = [Quantity::pieces(4), Quantity::pieces(6)];
    let (told, events) = ordered(task, &two, &["WO5", LOT_1]);
    assert!(
        told[1].starts_with("pending: scan the quantity"),
        "{told:?}"
    );
    assert!(events.is_empty());
}

#[test]
fn what_comes_back_is_only_warned_of() {
    let back = || task(TaskKind::Return, "storing");
    let (told, events) = worked(back(), &["WO9", LOT_2, "40", "TG:CONFIRM"]);
    assert_eq!(
        told[1..3],
        [
            "pending: scan the quantity of 01/09506000134352/10/L2",
            "pending: confirm"
        ]
    );
    assert_eq!((told[3].as_str(), bookings(&events).len()), ("accepted", 1));
    let (told, events) = worked(back(), &[BAD, "4", "TG:CONFIRM"]);
    assert_eq!(
        told[0],
        "warned: lot BAD is not released (hold); confirm to go on"
    );
    assert_eq!(told[2], "accepted");
    assert_eq!(bookings(&events)[0]["gw:rule"], "lot_hold");
    assert_eq!(bookings(&events)[0]["gw:verdict"], Level::Warn.as_str());
}

fn reloaded(change: impl Fn(&mut PipelineConfig)) -> Vec<Value> {
    let mut inputs = station(issue(), None);
    inputs.extend(scans(&["WO1", LOT_1, "5"]));
    let Input::Configure(mut config) = inputs[0].clone() else {
        panic!()
    };
    change(&mut config);
    inputs.push(Input::Configure(config));
    inputs.push(scan(40, "TG:CONFIRM"));
    answers(inputs).1
}

#[test]
fn a_new_configuration_loses_nothing_silently() {
    let is_station = |it: &tracegate_pipeline::config::ReadPointConfig| {
        matches!(it.kind, ReadPointKind::Station(_))
    };
    let gone = reloaded(|config| config.read_points.retain(|it| !is_station(it)));
    let other = reloaded(|config| set(config, task(TaskKind::Packing, "packing"), None));
    let no_task = reloaded(|config| {
        for read_point in &mut config.read_points {
            if let ReadPointKind::Station(station) = &mut read_point.kind {
                station.task = None;
            }
        }
    });
    for events in [gone, other, no_task] {
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["bizStep"], "tracegate:event/issue_cancelled");
    }
    let same = reloaded(|config| {
        let mut task = issue();
        task.verify = true;
        set(config, task, None);
    });
    assert_eq!(bookings(&same).len(), 1, "it goes on");
}
