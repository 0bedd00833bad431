//! What we write against the official JSON schema, where it is present, and against a check of our own always.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use tracegate_epcis::{Event, document};

/// Own check of the shape: which fields, in which order, holding what.
fn assert_shape(event: &Value) {
    let fields = event.as_object().expect("an object");
    let object = [
        "@context",
        "type",
        "eventID",
        "eventTime",
        "eventTimeZoneOffset",
        "epcList",
        "quantityList",
        "action",
        "bizStep",
        "disposition",
        "readPoint",
        "bizLocation",
        "bizTransactionList",
        "sensorElementList",
    ];
    let aggregation = [
        "@context",
        "type",
        "eventID",
        "eventTime",
        "eventTimeZoneOffset",
        "parentID",
        "childEPCs",
        "childQuantityList",
        "action",
        "bizStep",
        "disposition",
        "readPoint",
        "bizLocation",
        "bizTransactionList",
        "sensorElementList",
    ];
    let order: &[&str] = if event["type"] == "ObjectEvent" {
        &object
    } else {
        &aggregation
    };
    let places: Vec<_> = fields
        .keys()
        .map(|key| order.iter().position(|known| known == key))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{event}"
    );
    for needed in [
        "type",
        "eventID",
        "eventTime",
        "eventTimeZoneOffset",
        "action",
    ] {
        assert!(fields[needed].is_string(), "{needed} in {event}");
    }
    let time = fields["eventTime"].as_str().unwrap();
    let offset = fields["eventTimeZoneOffset"].as_str().unwrap();
    assert!(
        time.len() == 29 && time.ends_with(offset) && time.as_bytes()[19] == b'.',
        "{time}"
    );
    assert!(
        offset.len() == 6 && (offset.starts_with('+') || offset.starts_with('-')),
        "{offset}"
    );
    for (key, field) in fields {
        if let Some(list) = field.as_array() {
            assert!(!list.is_empty(), "empty {key}");
        }
    }
    for transaction in fields
        .get("bizTransactionList")
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
    {
        let keys: Vec<_> = transaction.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["type", "bizTransaction"]);
    }
    for place in ["readPoint", "bizLocation"] {
        assert!(
            fields
                .get(place)
                .is_none_or(|place| place["id"].is_string())
        );
    }
}

/// The official schema, read once.
fn schema() -> Option<&'static jsonschema::Validator> {
    static SCHEMA: LazyLock<Option<jsonschema::Validator>> = LazyLock::new(|| {
        let path = common::shared("protocol/gs1/epcis/EPCIS-JSON-Schema.json")?;
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Some(
            jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .unwrap(),
        )
    });
    SCHEMA.as_ref()
}

fn assert_valid(schema: &jsonschema::Validator, json: &Value) {
    let errors: Vec<_> = schema
        .iter_errors(json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{json}");
}

fn check(schema: Option<&jsonschema::Validator>, events: &[Event]) {
    for event in events {
        let json: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_shape(&json);
        if let Some(schema) = schema {
            assert_valid(schema, &json);
        }
    }
    let json: Value =
        serde_json::from_str(&document(events, common::pallet_received().time)).unwrap();
    let keys: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "@context",
            "type",
            "schemaVersion",
            "creationDate",
            "epcisBody"
        ]
    );
    for event in json["epcisBody"]["eventList"].as_array().unwrap() {
        assert!(event.get("@context").is_none());
        assert_shape(event);
    }
    if let Some(schema) = schema {
        assert_valid(schema, &json);
    }
}

#[test]
fn fixed_events_are_valid() {
    let events =
        [common::pallet_received(), common::carton_packed()].map(|data| Event::new(data).unwrap());
    check(schema(), &events);
    check(schema(), &[]);
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn random_events_are_valid(events in proptest::collection::vec(common::any_event(), 1..3)) {
        check(schema(), &events);
    }
}

#[test]
fn the_schema_check_can_fail() {
    let Some(schema) = schema() else {
        return;
    };
    let json = Event::new(common::pallet_received()).unwrap().to_json();
    for (old, new) in [
        (r#""eventTimeZoneOffset":"+01:00","#, ""),
        ("urn:epc:id:sgln:4012345.00001.dock1", "dock 1"),
        (r#""bizStep":"receiving""#, r#""bizStep":"issuing""#),
        (r#""@context""#, r#""@kontext""#),
    ] {
        let broken: Value = serde_json::from_str(&json.replacen(old, new, 1)).unwrap();
        assert!(!schema.is_valid(&broken), "{new}");
    }
}
