//! What events say beside step and disposition.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use serde_json::{Value, json};
use tracegate_epcis::Event;
use tracegate_pipeline::compliance::Profile;
use tracegate_pipeline::config::{ReadPointKind, Step};
use tracegate_pipeline::mapping::{Part, StepAction, Text};
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Time};

fn hole(ai: &str) -> Part {
    Part::Value(tracegate_gs1::Ai::from_digits(ai.as_bytes()).unwrap())
}

fn named(name: &str, parts: Vec<Part>) -> (String, Text) {
    (name.to_owned(), Text(parts))
}

/// A plant whose scans, and whose loads that come in, are told with this step.
fn plant(step: &Step) -> PipelineConfig {
    let mut config = common::config();
    for read_point in &mut config.read_points {
        match &mut read_point.kind {
            ReadPointKind::Station(station) => {
                station.step = step.clone();
                for scanner in &mut station.scanners {
                    scanner.assume_gs1 = true;
                }
            }
            ReadPointKind::Gate(gate) => gate.inward = Some(step.clone()),
            ReadPointKind::Zone(_) => {}
        }
    }
    config
}

/// The event of a scan, and how many were incomplete.
fn scanned(step: &Step, data: &str) -> (Value, u64) {
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(plant(step))));
    pipeline.handle(Input::Start {
        at: Time(common::T0),
    });
    let outputs = pipeline.handle(Input::Scan {
        device: 1,
        at: Time(common::T0 + common::S),
        data: data.as_bytes().to_vec(),
    });
    let event = outputs.iter().find_map(|output| match output {
        Output::Event(event) => Some(event),
        _ => None,
    });
    let event = event.unwrap_or_else(|| panic!("{outputs:?}"));
    let read = Event::from_json(&event.json).unwrap();
    assert_eq!(read.id(), event.id, "the id is the hash of what is read");
    let value = serde_json::from_str(&event.json).unwrap();
    (value, pipeline.stats().incomplete)
}

#[test]
fn a_goods_receipt_names_documents_parties_and_what_the_label_says() {
    let order = vec![Part::Fixed("urn:x:po:".to_owned()), hole("400")];
    let step = Step {
        biz_transactions: vec![
            named("desadv", vec![Part::Fixed("urn:x:dn:1".to_owned())]),
            named("po", order),
        ],
        sources: vec![(
            "possessing_party".to_owned(),
            Text::fixed("urn:epc:id:pgln:4012345.00225"),
        )],
        destinations: vec![(
            "location".to_owned(),
            Text::fixed("urn:epc:id:sgln:4012345.00002.0"),
        )],
        set: vec!["conformant".to_owned()],
        fields: vec![
            named("gw:expiry", vec![hole("17")]),
            named("site:supplier_lot", vec![hole("10")]),
            named("site:best_before", vec![hole("15")]),
            named("gw:machine", vec![Part::Device]),
        ],
        namespace: Some("https://plant3.example/epcis/".to_owned()),
        ..common::step("receiving", "in_progress")
    };
    let label = "]C1010950600013435210A/1\u{1d}172703313740";
    let (event, _) = scanned(&step, label);
    let fields = json!({
        "bizTransactionList": [
            {"type": "desadv", "bizTransaction": "urn:x:dn:1"},
        ],
        "sourceList": [
            {"type": "possessing_party", "source": "urn:epc:id:pgln:4012345.00225"},
        ],
        "destinationList": [
            {"type": "location", "destination": "urn:epc:id:sgln:4012345.00002.0"},
        ],
        "persistentDisposition": {"set": ["conformant"]},
        "gw:expiry": "2027-03-31",
        "site:supplier_lot": "A/1",
        "gw:machine": "line_1",
        "action": "OBSERVE",
    });
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(event[name], *value, "{name} of {event:#}");
    }
    // A hole without a value leaves its text out, not the event.
    assert_eq!(event.get("site:best_before"), None);
    let contexts = &event["@context"][1];
    assert_eq!(contexts["site"], "https://plant3.example/epcis/");
    assert_eq!(contexts["gw"], "tracegate:event/");
    let with_order = "]C10109506000134352400PO/7";
    let (event, _) = scanned(&step, with_order);
    let documents = json!([
        {"type": "desadv", "bizTransaction": "urn:x:dn:1"},
        {"type": "po", "bizTransaction": "urn:x:po:PO%2F7"},
    ]);
    assert_eq!(event["bizTransactionList"], documents, "{event:#}");
}

#[test]
fn a_label_that_commissions_has_lot_and_days_as_master_data() {
    let step = Step {
        action: StepAction::Add,
        ilmd: vec![
            named("cbvmda:countryOfOrigin", vec![Part::Fixed("DE".to_owned())]),
            named("cbvmda:lotNumber", vec![Part::Fixed("none".to_owned())]),
        ],
        ..common::step("commissioning", "active")
    };
    let label = "]C1010950600013435211261122172712311527113010A1\u{1d}217";
    let (event, _) = scanned(&step, label);
    assert_eq!(event["action"], "ADD");
    let ilmd = json!({
        "cbvmda:lotNumber": "A1",
        "cbvmda:productionDate": "2026-11-22",
        "cbvmda:bestBeforeDate": "2027-11-30",
        "cbvmda:itemExpirationDate": "2027-12-31",
        "cbvmda:countryOfOrigin": "DE",
    });
    assert_eq!(event["ilmd"], ilmd);
    // Who observes adds no master data.
    let observed = Step {
        action: StepAction::Observe,
        ..step
    };
    assert_eq!(scanned(&observed, label).0.get("ilmd"), None);
}

#[test]
fn a_lot_that_reads_as_infinity_does_not_lose_its_event() {
    let step = Step {
        action: StepAction::Add,
        fields: vec![named("gw:lot", vec![hole("10")])],
        ..common::step("commissioning", "active")
    };
    let (event, _) = scanned(&step, "]C1010950600013435210INF\u{1d}217");
    assert_eq!((event.get("gw:lot"), event.get("ilmd")), (None, None));
}

#[test]
fn an_event_that_lacks_what_its_profile_wants_says_so_and_is_counted() {
    let step = Step {
        profiles: vec![Profile::Iso9001, Profile::Iatf16949],
        ..common::step("picking", "in_progress")
    };
    let (event, incomplete) = scanned(&step, "]C1010950600013435210A1");
    let missing = json!(["iatf16949/quantity", "iatf16949/production_order"]);
    assert_eq!(event["gw:missingElements"], missing);
    assert_eq!(incomplete, 1);
    let order = named("prodorder", vec![Part::Fixed("urn:x:wo:1".to_owned())]);
    let step = Step {
        biz_transactions: vec![order],
        ..step
    };
    let (event, incomplete) = scanned(&step, "]C1010950600013435210A1\u{1d}3012");
    assert_eq!(event.get("gw:missingElements"), None, "{event:#}");
    assert_eq!(incomplete, 0);
}

#[test]
fn a_tunnel_that_packs_adds_what_it_reads_to_the_pallet() {
    let step = Step {
        action: StepAction::Add,
        set: vec!["conformant".to_owned()],
        fields: vec![
            named("gw:machine", vec![Part::Fixed("tunnel 1".to_owned())]),
            named("gw:operator", vec![Part::Device]),
        ],
        ..common::step("packing", "in_progress")
    };
    let mut config = plant(&step);
    for read_point in &mut config.read_points {
        if let ReadPointKind::Gate(gate) = &mut read_point.kind {
            gate.loads.aggregation = tracegate_pipeline::association::Aggregation::Always;
        }
    }
    let mut inputs = common::start();
    inputs[0] = Input::Configure(Box::new(config));
    let reads = common::crossing(&common::pallet(1, 6), common::T0 + common::S, 4.0, true);
    inputs.extend(common::reports(&reads, 50));
    let mut pipeline = Pipeline::default();
    let outputs = common::run(&mut pipeline, &inputs, 30);
    let events = common::events(&outputs);
    assert_eq!(events.len(), 1, "{events:?}");
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["type"], "AggregationEvent");
    assert_eq!(event["action"], "ADD");
    assert_eq!(event["gw:machine"], "tunnel 1");
    // A tunnel is no scanner, and such an event has no persistent disposition.
    assert_eq!(event.get("gw:operator"), None);
    assert_eq!(event.get("persistentDisposition"), None);
}
