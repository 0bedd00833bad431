//! Stations with a task: sequences of scans, and what is told and booked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fmt::Write as _;

use common::*;
use proptest::prelude::*;
use serde_json::Value;
use tracegate_pipeline::config::{
    Confirm, PipelineConfig, ReadPointKind, Step, TaskConfig, TaskKind, Verdicts,
};
use tracegate_pipeline::guard::{GuardConfig, Rule};
use tracegate_pipeline::input::VerdictKind;
use tracegate_pipeline::reference::{
    Facts, Item, ItemLot, Lot, Order, OrderLine, Quantity, Reference,
};
use tracegate_pipeline::{Input, Output, Pipeline, Time};

const ITEM: &str = "https://id.gs1.org/01/09506000134352";
const LOT_1: &str = "]d201095060001343521726123110L1";
const LOT_2: &str = "]d201095060001343521727063010L2";
const SERIAL: &str = "]d2010950600013435221S1";

fn task(kind: TaskKind, step: &str) -> TaskConfig {
    let mut task = TaskConfig::new(
        kind,
        Step {
            biz_step: step.to_owned(),
            disposition: Some("in_progress".to_owned()),
            ..Step::default()
        },
    );
    task.codes.order = vec!["WO[0-9]+".to_owned()];
    task.codes.badge = vec!["B([0-9]+)".to_owned()];
    task.codes.supervisor = vec!["S([0-9]+)".to_owned()];
    task
}

fn issue() -> TaskConfig {
    task(TaskKind::Issue, "picking")
}

fn lot(lot: &str, status: &str, expiry: &str) -> Reference {
    record(
        &format!("{ITEM}/10/{lot}"),
        Facts::Lot(Lot {
            status: Some(status.to_owned()),
            expiry: Some(expiry.to_owned()),
            ..Lot::default()
        }),
    )
}

fn record(key: &str, facts: Facts) -> Reference {
    Reference {
        key: key.to_owned(),
        version: 7,
        facts: Some(facts),
    }
}

fn order(number: &str, status: &str, open: u32) -> Reference {
    let line = OrderLine {
        item: ITEM.to_owned(),
        open: Some(Quantity::pieces(open)),
        ..OrderLine::default()
    };
    let order = Order {
        status: Some(status.to_owned()),
        lines: vec![line],
    };
    record(&format!("tracegate:order/{number}"), Facts::Order(order))
}

fn first(lot: &str, expiry: &str) -> Reference {
    let lot = ItemLot {
        lot: lot.to_owned(),
        expiry: Some(expiry.to_owned()),
        ..ItemLot::default()
    };
    record(ITEM, Facts::Item(Item { lots: vec![lot] }))
}

/// What the site says in most tests.
fn site() -> Vec<Reference> {
    vec![
        order("WO1", "open", 10),
        order("WO2", "open", 4),
        order("WO9", "closed", 4),
        lot("L1", "released", "261231"),
        lot("L2", "released", "270630"),
        lot("BAD", "hold", "261231"),
        first("L1", "261231"),
    ]
}

/// The station of the plant with a task, ready.
fn station(task: TaskConfig, guard: Option<GuardConfig>) -> Vec<Input> {
    let mut inputs = start();
    if let Input::Configure(config) = &mut inputs[0] {
        set(config, task, guard);
    }
    inputs.push(Input::References {
        at: Time(T0),
        as_of: Some(Time(T0 - 60 * S)),
        records: Vec::new(),
    });
    inputs
}

fn set(config: &mut PipelineConfig, task: TaskConfig, guard: Option<GuardConfig>) {
    for read_point in &mut config.read_points {
        if let ReadPointKind::Station(station) = &mut read_point.kind {
            station.task = Some(Box::new(task.clone()));
            read_point.guard = guard.clone().map(Box::new);
        }
    }
}

fn scan(second: i64, code: &str) -> Input {
    Input::Scan {
        device: 1,
        at: Time(T0 + second * S),
        data: code.replace("{GS}", "\x1d").into_bytes(),
    }
}

/// A scan each 5 seconds; `+N` is a pause of so many seconds, `WAIT` a tick.
fn scans(codes: &[&str]) -> Vec<Input> {
    let mut second = 10;
    let mut inputs = Vec::new();
    for code in codes {
        if let Some(pause) = code.strip_prefix('+') {
            second += pause.parse::<i64>().unwrap() - 5;
        } else if *code == "WAIT" {
            inputs.push(Input::Tick {
                at: Time(T0 + second * S),
            });
        } else {
            inputs.push(scan(second, code));
            second += 5;
        }
    }
    inputs
}

fn verdict(kind: &VerdictKind) -> String {
    match kind {
        VerdictKind::Accepted => "accepted".to_owned(),
        VerdictKind::Duplicate => "duplicate".to_owned(),
        VerdictKind::Warned(text) => format!("warned: {text}"),
        VerdictKind::Refused(text) => format!("refused: {text}"),
        VerdictKind::Pending(text) => format!("pending: {text}"),
    }
}

/// What is heard and told, for people.
fn told(inputs: Vec<Input>) -> String {
    let mut pipeline = Pipeline::default();
    let mut text = String::new();
    for input in inputs {
        let code = match &input {
            Input::Scan { data, .. } => String::from_utf8_lossy(data).replace('\x1d', "{GS}"),
            _ => "-".to_owned(),
        };
        for output in hand_in(&mut pipeline, input) {
            match output {
                Output::Verdict(it) => writeln!(text, "{code}: {}", verdict(&it.kind)),
                Output::Event(event) => writeln!(text, "  event {}", event.summary),
                Output::NonEvent(it) => writeln!(text, "  not booked: {}", it.reason.as_str()),
                _ => Ok(()),
            }
            .unwrap();
        }
    }
    text
}

/// Compares with `tests/stations/NAME.txt`; `UPDATE_EXPECT=1` writes it.
fn check(name: &str, task: TaskConfig, guard: Option<GuardConfig>, codes: &[&str]) {
    let mut inputs = station(task, guard);
    inputs.extend(scans(codes));
    let found = told(inputs);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stations");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}\n{found}", path.display());
}

fn events(inputs: Vec<Input>) -> Vec<Value> {
    let outputs = all(inputs);
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Event(event) => serde_json::from_str(&event.json).ok(),
            _ => None,
        })
        .collect()
}

fn all(inputs: Vec<Input>) -> Vec<Output> {
    let mut pipeline = Pipeline::default();
    inputs
        .into_iter()
        .flat_map(|it| hand_in(&mut pipeline, it))
        .collect()
}

/// An input, after what the site says of what it mentions.
fn hand_in(pipeline: &mut Pipeline, input: Input) -> Vec<Output> {
    let (wanted, at) = (pipeline.wanted(&input), input.at());
    let mut records = site();
    records.retain(|record| wanted.contains(&record.key));
    if let Some(at) = at.filter(|_| !records.is_empty()) {
        pipeline.handle(Input::References {
            at,
            as_of: None,
            records,
        });
    }
    pipeline.handle(input)
}

fn booked(task: TaskConfig, guard: Option<GuardConfig>, codes: &[&str]) -> Vec<Value> {
    let mut inputs = station(task, guard);
    inputs.extend(scans(codes));
    events(inputs)
}

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
