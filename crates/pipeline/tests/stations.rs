//! Stations with a task: sequences of scans, and what is told and booked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod desk;
mod judged;

use common::{S, T0};
use desk::*;
use proptest::prelude::*;
use tracegate_pipeline::config::{Confirm, TaskKind, Verdicts};
use tracegate_pipeline::guard::{GuardConfig, Rule};
use tracegate_pipeline::input::VerdictKind;
use tracegate_pipeline::{Input, Output, Pipeline, Time};

#[test]
fn an_issue_is_booked_with_its_order_lot_and_quantity() {
    check(
        "issue",
        issue(),
        None,
        &["B7", "WO1", LOT_1, "5", "TG:CONFIRM"],
    );
    let events = booked(issue(), None, &["B7", "WO1", LOT_1, "5", "TG:CONFIRM"]);
    let event = &events[0];
    assert_eq!(event["type"], "ObjectEvent");
    assert_eq!(
        event["quantityList"][0]["epcClass"],
        format!("{ITEM}/10/L1")
    );
    assert_eq!(event["quantityList"][0]["quantity"], 5);
    assert_eq!(event["bizTransactionList"][0]["type"], "prodorder");
    assert_eq!(
        event["bizTransactionList"][0]["bizTransaction"],
        "tracegate:order/WO1"
    );
    assert_eq!(event["gw:operator"], "7");
}

#[test]
fn consumed_material_is_an_input_of_the_orders_transformation() {
    let mut task = issue();
    task.consume = true;
    let events = booked(task, None, &["WO1", LOT_1, "5", LOT_2, "2", "TG:CONFIRM"]);
    let event = &events[0];
    assert_eq!(event["type"], "TransformationEvent");
    assert_eq!(event["transformationID"], "tracegate:order/WO1");
    assert_eq!(event["inputQuantityList"].as_array().unwrap().len(), 2);
}

#[test]
fn warnings_wait_and_refusals_book_nothing() {
    check(
        "warning",
        issue(),
        Some(GuardConfig::default()),
        &["WO1", LOT_2, "3", "TG:CONFIRM"],
    );
    check(
        "refusal",
        issue(),
        Some(GuardConfig::default()),
        &[
            "WO1",
            "]d2010950600013435210BAD",
            "5",
            "S1",
            LOT_1,
            "5",
            "TG:CONFIRM",
        ],
    );
}

#[test]
fn what_refuses_an_open_job_is_told_once() {
    let mut pipeline = Pipeline::default();
    let mut inputs = station(issue(), Some(GuardConfig::default()));
    let (mut second, mut version) = (10, 7);
    let mut refusals = Vec::new();
    let hear = |pipeline: &mut Pipeline, input: Input| {
        let outputs = pipeline.handle(input);
        let is_refused = |it: &Output| matches!(it, Output::Verdict(it) if matches!(it.kind, VerdictKind::Refused(_)));
        let is_told =
            |it: &&Output| matches!(it, Output::Event(it) if it.summary.contains("refused"));
        (
            outputs.iter().any(is_refused),
            outputs.iter().filter(is_told).count(),
        )
    };
    inputs.push(Input::References {
        at: Time(T0),
        as_of: None,
        records: site(),
    });
    for input in inputs {
        hear(&mut pipeline, input);
    }
    // L1 is put on hold after it was scanned, released again, and put on hold once more.
    for step in [
        "WO1",
        LOT_1,
        "5",
        "hold",
        "TG:CONFIRM",
        "TG:CONFIRM",
        LOT_2,
        "TG:CANCEL",
        "TG:CONFIRM",
        "released",
        LOT_2,
        "hold",
        "TG:CONFIRM",
        "TG:CONFIRM",
    ] {
        second += 5;
        let input = match step {
            "hold" | "released" => {
                version += 1;
                let mut record = lot("L1", step, "261231");
                record.version = version;
                Input::References {
                    at: Time(T0 + second * S),
                    as_of: None,
                    records: vec![record],
                }
            }
            code => scan(second, code),
        };
        let (is_refused, told) = hear(&mut pipeline, input);
        refusals.push((step, is_refused, told));
    }
    let refused: Vec<_> = refusals.into_iter().filter(|it| it.1).collect();
    assert_eq!(
        refused,
        [
            ("TG:CONFIRM", true, 1),
            ("TG:CONFIRM", true, 0),
            (LOT_2, true, 0),
            ("TG:CONFIRM", true, 0),
            ("TG:CONFIRM", true, 1),
            ("TG:CONFIRM", true, 0),
        ]
    );
}

#[test]
fn what_nobody_goes_on_with_is_given_up() {
    check(
        "given_up",
        issue(),
        None,
        &["WO1", LOT_1, "+121", "WAIT", "TG:CONFIRM"],
    );
    check(
        "given_up_order",
        issue(),
        None,
        &["WO1", "+130", "WAIT", "TG:CONFIRM"],
    );
}

#[test]
fn a_scan_can_be_taken_back() {
    check(
        "taken_back",
        issue(),
        None,
        &[
            "WO1",
            LOT_1,
            "5",
            "TG:CANCEL",
            "7",
            "TG:CANCEL",
            "TG:CANCEL",
            LOT_2,
            "1",
            "tg:confirm",
        ],
    );
}

#[test]
fn as_planned_and_at_once() {
    let mut task = issue();
    (task.as_planned, task.confirm) = (true, Confirm::Auto);
    check(
        "as_planned",
        task,
        Some(GuardConfig::default()),
        &["WO1", LOT_1, LOT_1, "WO2", LOT_1, SERIAL, SERIAL],
    );
}

#[test]
fn the_next_order_confirms() {
    let mut task = issue();
    task.confirm = Confirm::NextOrder;
    check(
        "next_order",
        task,
        None,
        &["WO1", LOT_1, "WO2", "5", "WO2", LOT_2, "4", "TG:CONFIRM"],
    );
}

#[test]
fn refusals_that_a_supervisor_may_override() {
    let mut task = issue();
    task.overridable = vec![Rule::OrderClosed];
    check(
        "overridden",
        task,
        Some(GuardConfig::default()),
        &[
            "WO9",
            "B2",
            "S1",
            LOT_1,
            "2",
            "TG:CONFIRM",
            "WO1",
            "12",
            LOT_1,
            "S1",
            "TG:CONFIRM",
        ],
    );
}

#[test]
fn an_inspection_says_what_was_found() {
    check(
        "inspection",
        task(TaskKind::Inspection, "inspecting"),
        Some(GuardConfig::default()),
        &[
            "]d2010950600013435210BAD",
            "TG:FAIL",
            "TG:PASS",
            LOT_1,
            "TG:CONFIRM",
            "junk",
            "TG:UNPACK",
        ],
    );
    let task = task(TaskKind::Inspection, "inspecting");
    let events = booked(task, None, &[LOT_1, "TG:FAIL"]);
    assert_eq!(events[0]["disposition"], "non_conformant");
    assert_eq!(events[0]["gw:result"], "TG:FAIL");
}

#[test]
fn packing_makes_and_ends_aggregations() {
    let pallet = "]C100106141412345678908";
    let codes = [
        SERIAL,
        pallet,
        LOT_1,
        "12",
        SERIAL,
        pallet,
        "TG:CLOSE",
        "TG:UNPACK",
        pallet,
        "TG:CLOSE",
    ];
    check("packing", task(TaskKind::Packing, "packing"), None, &codes);
    let events = booked(task(TaskKind::Packing, "packing"), None, &codes);
    assert_eq!(events[0]["type"], "AggregationEvent");
    assert_eq!(events[0]["action"], "ADD");
    assert_eq!(
        events[0]["parentID"],
        "https://id.gs1.org/00/106141412345678908"
    );
    assert_eq!(events[0]["childEPCs"][0], format!("{ITEM}/21/S1"));
    assert_eq!(events[1]["action"], "DELETE");
    assert_eq!(events[1]["bizStep"], "unpacking");
}

#[test]
fn what_is_commissioned_is_verified() {
    let mut task = task(TaskKind::Commissioning, "commissioning");
    task.verify = true;
    let other = "]d2010950600013435221S2";
    let codes = ["WO1", LOT_1, SERIAL, other, SERIAL, other, "+5", other];
    check("commissioning", task.clone(), None, &codes);
    let events = booked(task.clone(), None, &codes);
    assert_eq!(events[0]["type"], "TransformationEvent");
    assert_eq!(events[0]["outputEPCList"][0], format!("{ITEM}/21/S1"));
    assert_eq!(events[0]["transformationID"], "tracegate:order/WO1");
    assert_eq!(events[0]["ilmd"]["cbvmda:lotNumber"], "L1");
    assert_eq!(events[0]["ilmd"]["cbvmda:itemExpirationDate"], "2026-12-31");
    task.verify = false;
    let events = booked(task, None, &[SERIAL]);
    assert_eq!(
        (&events[0]["type"], &events[0]["action"]),
        (&"ObjectEvent".into(), &"ADD".into())
    );
}

#[test]
fn material_goes_back() {
    check(
        "return",
        task(TaskKind::Return, "storing"),
        None,
        &["7", LOT_1, "TG:CONFIRM"],
    );
}

#[test]
fn labels_of_other_standards_and_quantities_of_labels() {
    let mut task = issue();
    task.codes.goods = vec!["(?<item>[0-9]{5})-(?<lot>[A-Z0-9]+)".to_owned()];
    check(
        "other_labels",
        task,
        None,
        &[
            "[)>\u{1e}06\u{1d}1PX7\u{1d}1TL9\u{1d}Q12.5\u{1d}3QKGM\u{1d}WWO1\u{1e}\u{4}",
            "TG:CONFIRM",
            "WO1",
            "12345-AB1",
            "]C13103001500",
            "TG:CONFIRM",
            "+5",
            "12345-ab1",
        ],
    );
}

#[test]
fn without_verdicts_there_are_only_bookings() {
    let mut task = issue();
    task.verdicts = Verdicts::None;
    check(
        "no_verdicts",
        task,
        Some(GuardConfig::default()),
        &["WO1", "]d2010950600013435210BAD", LOT_2, "3", "TG:CONFIRM"],
    );
}

proptest! {
    /// Order, lot and quantity in whatever order: the same booking.
    #[test]
    fn any_order_of_scans_gives_the_same_booking(
        codes in Just(["WO1", LOT_1, "5"]).prop_shuffle(),
        badge in 0..4_usize,
    ) {
        let mut shuffled = codes.to_vec();
        shuffled.insert(badge.min(codes.len()), "B7");
        shuffled.push("TG:CONFIRM");
        let usual = booked(issue(), Some(GuardConfig::default()), &["B7", "WO1", LOT_1, "5", "TG:CONFIRM"]);
        let found = booked(issue(), Some(GuardConfig::default()), &shuffled);
        prop_assert_eq!(found.last(), usual.last());
        prop_assert_eq!(found.len(), 1);
    }

    /// A snapshot anywhere changes nothing, and what is booked for a lot was never refused.
    #[test]
    fn a_kill_anywhere_gives_the_same(
        codes in prop::collection::vec(
            prop::sample::select(vec![
                "WO1", "WO2", "WO9", LOT_1, LOT_2, "]d2010950600013435210BAD", SERIAL, "5", "3", "B1", "S1",
                "TG:CONFIRM", "TG:CANCEL", "TG:LOGOUT", "junk", "+125", "WAIT",
            ]),
            0..30,
        ),
        cut in 0..30_usize,
        auto in any::<bool>(),
    ) {
        let mut task = issue();
        if auto {
            task.confirm = Confirm::Auto;
        }
        task.overridable = vec![Rule::OrderClosed];
        let mut inputs = station(task, Some(GuardConfig::default()));
        inputs.extend(scans(&codes));
        let whole = all(inputs.clone());
        let mut pipeline = Pipeline::default();
        let mut parts = Vec::new();
        for (index, input) in inputs.into_iter().enumerate() {
            if index == cut {
                let state = postcard::to_stdvec(pipeline.state()).unwrap();
                pipeline = Pipeline::from_state(postcard::from_bytes(&state).unwrap());
            }
            parts.extend(hand_in(&mut pipeline, input));
        }
        prop_assert_eq!(&whole, &parts);
        let scans = codes.iter().filter(|it| !it.starts_with('+') && **it != "WAIT").count();
        let verdicts = whole.iter().filter(|it| matches!(
            it,
            Output::Verdict(it) if it.detail.as_ref().is_some_and(|it| !it.code.is_empty())
        ));
        prop_assert_eq!(verdicts.count(), scans, "each scan has one answer");
        for output in &whole {
            if let Output::Event(event) = output && event.summary.starts_with("picking") {
                prop_assert!(!event.json.contains("/10/BAD"), "{}", event.json);
            }
        }
    }
}
