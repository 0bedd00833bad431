//! config/chain.toml, step by step: what its scans and marks are told as. And docs/epcis.md.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracegate::{config, topology};
use tracegate_pipeline::mark::{Mark, MarkId, MarkOutcome, MarkReport, MarkedItem};
use tracegate_pipeline::{Input, Output, Pipeline, Time};

#[path = "mapping/guide.rs"]
mod guide;

const S: i64 = 1_000_000;
/// 2026-11-22T10:00:00Z.
const T0: i64 = 1_795_341_600 * S;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

struct Plant {
    pipeline: Pipeline,
    at: i64,
}

impl Plant {
    fn start() -> Self {
        Self::of("config/chain.toml")
    }

    fn of(name: &str) -> Self {
        let loaded = config::load(&path(name), std::iter::empty());
        let config = loaded.expect("the example passes").config;
        let devices = topology::devices(&config).unwrap();
        let config = topology::pipeline(&config, &devices);
        let mut pipeline = Pipeline::default();
        pipeline.handle(Input::Configure(Box::new(config)));
        pipeline.handle(Input::Start { at: Time(T0) });
        Self { pipeline, at: T0 }
    }

    fn device(&self, name: &str) -> u16 {
        let devices = &self.pipeline.config().devices;
        let index = devices.iter().position(|it| it == name);
        u16::try_from(index.unwrap()).unwrap()
    }

    fn event(&mut self, input: impl FnOnce(Time) -> Input) -> Value {
        self.at += 10 * S;
        let outputs = self.pipeline.handle(input(Time(self.at)));
        let event = outputs.iter().find_map(|output| match output {
            Output::Event(event) => Some(&event.json),
            _ => None,
        });
        let event = event.unwrap_or_else(|| panic!("{outputs:?}"));
        let event: Value = serde_json::from_str(event).unwrap();
        assert_valid(&event);
        event
    }

    fn scan(&mut self, scanner: &str, data: &str) -> Value {
        let (device, data) = (
            self.device(scanner),
            data.replace('|', "\u{1d}").into_bytes(),
        );
        self.event(|at| Input::Scan { device, at, data })
    }

    fn mark(&mut self, marker: &str, item: MarkedItem) -> Value {
        let device = self.device(marker);
        let mark = Mark {
            id: MarkId::Own("7".to_owned()),
            item,
            outcome: MarkOutcome::Done,
            grade: None,
            device_time_us: None,
        };
        self.event(|at| {
            Input::Mark(Box::new(MarkReport {
                device,
                at,
                mark: Some(mark),
                progress: None,
                answer: false,
            }))
        })
    }
}

/// As a repository would read it, and by the schema of GS1, where the shared folder is.
fn assert_valid(event: &Value) {
    guide::reads_well(event);
    let schema = path("../shared/protocol/gs1/epcis/EPCIS-JSON-Schema.json");
    let Ok(schema) = std::fs::read_to_string(schema) else {
        return;
    };
    let schema = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mistakes = validator.iter_errors(event).map(|it| it.to_string());
    assert_eq!(mistakes.collect::<Vec<_>>(), [""; 0], "{event:#}");
}

/// The event has these fields, and `null` means not.
fn assert_says(event: &Value, fields: Value) {
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(event[name], *value, "{name} of {event:#}");
    }
}

const GOODS: &str = "]C101095060001343521727033110L42|400PO-7|3740";

#[test]
fn goods_come_are_inspected_held_and_released() {
    let mut plant = Plant::start();

    let receipt = plant.scan("goods_in", GOODS);
    assert_says(
        &receipt,
        json!({
            "quantityList": [{"epcClass": "https://id.gs1.org/01/09506000134352/10/L42", "quantity": 40}],
            "bizTransactionList": [
                {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:4098765000003:DN-0815"},
                {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000009:PO-7"},
            ],
            "site:supplier_lot": "L42",
            "site:expiry": "2027-03-31",
            "gw:missingElements": null,
        }),
    );
    assert_eq!(
        receipt["@context"][1]["site"],
        "https://plant3.example/epcis/"
    );
    // Without lot and count the rule for food has gaps, and says so.
    let poor = plant.scan("goods_in", "]C10109506000134352");
    let gaps = json!(["fsma204/lot", "fsma204/quantity"]);
    assert_says(
        &poor,
        json!({"gw:missingElements": gaps, "site:expiry": null}),
    );
    assert_eq!(plant.pipeline.stats().incomplete, 1);
    let inspected = plant.scan("inspection_1", "]C1010950600013435210L42");
    assert_says(
        &inspected,
        json!({
            "persistentDisposition": {"set": ["conformant"], "unset": ["non_conformant"]},
            "site:operator": "QA-1",
            "gw:missingElements": null,
        }),
    );
    let held = plant.scan("quarantine", "]C1010950600013435210L42");
    assert_says(
        &held,
        json!({"bizStep": "holding", "persistentDisposition": {"set": ["unavailable"]}}),
    );
    let released = plant.scan("release", "]C1010950600013435210L42");
    assert_says(
        &released,
        json!({"persistentDisposition": {"unset": ["unavailable"]}}),
    );
}

#[test]
fn material_is_issued_worked_on_and_becomes_things() {
    let mut plant = Plant::start();
    let issued = plant.scan("line_2", "]C1010950600013435210L42|3012");
    assert_says(
        &issued,
        json!({
            "bizStep": "picking",
            "bizTransactionList": [
                {"type": "prodorder", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000009:WO-4711"},
            ],
            "site:machine": "press-2",
            "gw:missingElements": null,
        }),
    );
    let worked = plant.scan("oven_1", "]C1010950600013435221S1");
    assert_says(
        &worked,
        json!({
            "bizStep": "https://plant3.example/epcis/step/hardening",
            "site:machine": "oven_1",
            "site:document": "WI-88 rev 3",
        }),
    );
    let item = MarkedItem {
        serial: Some("S7".to_owned()),
        lot: Some("P9".to_owned()),
        production: Some("261122".to_owned()),
        ..MarkedItem::default()
    };
    let marked = plant.mark("laser_1", item);
    assert_says(
        &marked,
        json!({
            "action": "ADD",
            "epcList": ["https://id.gs1.org/01/04012345000009/21/S7"],
            "ilmd": {
                "cbvmda:lotNumber": "P9",
                "cbvmda:productionDate": "2026-11-22",
                "cbvmda:countryOfOrigin": "DE",
            },
            "site:machine": "laser_1",
            "gw:missingElements": null,
        }),
    );
    let labelled = plant.scan("labels", "]C101040123450000091727113010P9|21S8");
    assert_says(
        &labelled,
        json!({
            "action": "ADD",
            "ilmd": {
                "cbvmda:lotNumber": "P9",
                "cbvmda:itemExpirationDate": "2027-11-30",
                "cbvmda:countryOfOrigin": "DE",
            },
            "gw:missingElements": null,
        }),
    );
    let returned = plant.scan("returns", "]C1010401234500000921S8");
    assert_says(
        &returned,
        json!({"disposition": "returned", "persistentDisposition": {"set": ["unavailable"]}}),
    );
}
