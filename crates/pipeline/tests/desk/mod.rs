//! A station with a task, what the site says, and what is told.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::common::*;
use serde_json::Value;
use tracegate_pipeline::config::{PipelineConfig, ReadPointKind, Step, TaskConfig, TaskKind};
use tracegate_pipeline::guard::GuardConfig;
use tracegate_pipeline::input::VerdictKind;
use tracegate_pipeline::reference::{
    Facts, Item, ItemLot, Lot, Order, OrderLine, Quantity, Reference,
};
use tracegate_pipeline::{Input, Output, Pipeline, Time};

pub const ITEM: &str = "https://id.gs1.org/01/09506000134352";
pub const LOT_1: &str = "]d201095060001343521726123110L1";
pub const LOT_2: &str = "]d201095060001343521727063010L2";
pub const SERIAL: &str = "]d2010950600013435221S1";

pub fn task(kind: TaskKind, step: &str) -> TaskConfig {
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

pub fn issue() -> TaskConfig {
    task(TaskKind::Issue, "picking")
}

pub fn lot(lot: &str, status: &str, expiry: &str) -> Reference {
    record(
        &format!("{ITEM}/10/{lot}"),
        Facts::Lot(Lot {
            status: Some(status.to_owned()),
            expiry: Some(expiry.to_owned()),
            ..Lot::default()
        }),
    )
}

pub fn record(key: &str, facts: Facts) -> Reference {
    Reference {
        key: key.to_owned(),
        version: 7,
        facts: Some(facts),
    }
}

pub fn order(number: &str, status: &str, open: u32) -> Reference {
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

pub fn first(lot: &str, expiry: &str) -> Reference {
    let lot = ItemLot {
        lot: lot.to_owned(),
        expiry: Some(expiry.to_owned()),
        ..ItemLot::default()
    };
    record(ITEM, Facts::Item(Item { lots: vec![lot] }))
}

/// What the site says in most tests.
pub fn site() -> Vec<Reference> {
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
pub fn station(task: TaskConfig, guard: Option<GuardConfig>) -> Vec<Input> {
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

pub fn set(config: &mut PipelineConfig, task: TaskConfig, guard: Option<GuardConfig>) {
    for read_point in &mut config.read_points {
        if let ReadPointKind::Station(station) = &mut read_point.kind {
            station.task = Some(Box::new(task.clone()));
            read_point.guard = guard.clone().map(Box::new);
        }
    }
}

pub fn scan(second: i64, code: &str) -> Input {
    Input::Scan {
        device: 1,
        at: Time(T0 + second * S),
        data: code.replace("{GS}", "\x1d").into_bytes(),
    }
}

/// A scan each 5 seconds; `+N` is a pause of so many seconds, `WAIT` a tick.
pub fn scans(codes: &[&str]) -> Vec<Input> {
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

pub fn verdict(kind: &VerdictKind) -> String {
    match kind {
        VerdictKind::Accepted => "accepted".to_owned(),
        VerdictKind::Duplicate => "duplicate".to_owned(),
        VerdictKind::Warned(text) => format!("warned: {text}"),
        VerdictKind::Refused(text) => format!("refused: {text}"),
        VerdictKind::Pending(text) => format!("pending: {text}"),
    }
}

/// What is heard and told, for people.
pub fn told(inputs: Vec<Input>) -> String {
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
pub fn check(name: &str, task: TaskConfig, guard: Option<GuardConfig>, codes: &[&str]) {
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

pub fn events(inputs: Vec<Input>) -> Vec<Value> {
    let outputs = all(inputs);
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Event(event) => serde_json::from_str(&event.json).ok(),
            _ => None,
        })
        .collect()
}

pub fn all(inputs: Vec<Input>) -> Vec<Output> {
    let mut pipeline = Pipeline::default();
    inputs
        .into_iter()
        .flat_map(|it| hand_in(&mut pipeline, it))
        .collect()
}

/// An input, after what the site says of what it mentions.
pub fn hand_in(pipeline: &mut Pipeline, input: Input) -> Vec<Output> {
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
    let outputs = pipeline.handle(input);
    for output in &outputs {
        if let Output::Event(event) = output {
            assert_valid(&serde_json::from_str(&event.json).unwrap());
        }
    }
    outputs
}

/// By the schema of GS1, where the shared folder is, and its own fields by what is documented of them.
fn assert_valid(event: &Value) {
    static OWN: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let document = json(&root("deploy/asyncapi.json")).unwrap();
        let fields = &document["components"]["schemas"]["EventFields"];
        jsonschema::validator_for(fields).unwrap()
    });
    static EPCIS: LazyLock<Option<jsonschema::Validator>> = LazyLock::new(|| {
        let schema = json(&root("../shared/protocol/gs1/epcis/EPCIS-JSON-Schema.json"))?;
        Some(jsonschema::validator_for(&schema).unwrap())
    });
    let fields = event.as_object().unwrap().keys();
    for name in fields.filter_map(|name| name.strip_prefix("gw:")) {
        let is_known = tracegate_pipeline::remarks::OWN_FIELDS.contains(&name);
        assert!(is_known, "{name} of {event:#}");
    }
    for schema in EPCIS.iter().chain([&*OWN]) {
        let mistakes = schema.iter_errors(event).map(|it| it.to_string());
        assert_eq!(mistakes.collect::<Vec<_>>(), [""; 0], "{event:#}");
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn json(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

pub fn booked(task: TaskConfig, guard: Option<GuardConfig>, codes: &[&str]) -> Vec<Value> {
    let mut inputs = station(task, guard);
    inputs.extend(scans(codes));
    events(inputs)
}
