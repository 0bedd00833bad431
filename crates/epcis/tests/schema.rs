//! What we write against the official JSON schema, where it is present, and against a check of our own always.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use common::schema::{assert_valid, schema};
use proptest::prelude::*;
use serde_json::Value;
use tracegate_epcis::{Event, document};

/// Fields of an event in the order they are written.
const ORDER: [&str; 29] = [
    "@context",
    "type",
    "eventID",
    "eventTime",
    "eventTimeZoneOffset",
    "recordTime",
    "certificationInfo",
    "errorDeclaration",
    "parentID",
    "epcList",
    "quantityList",
    "childEPCs",
    "childQuantityList",
    "inputEPCList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
    "action",
    "transformationID",
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "bizTransactionList",
    "sourceList",
    "destinationList",
    "sensorElementList",
    "ilmd",
];

/// Own check of the shape: which fields, in which order, holding what.
fn assert_shape(event: &Value) {
    let fields = event.as_object().expect("an object");
    let places: Vec<_> = fields
        .keys()
        .filter(|key| !key.contains(':'))
        .map(|key| ORDER.iter().position(|known| known == key))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{event}"
    );
    for needed in ["type", "eventID", "eventTime", "eventTimeZoneOffset"] {
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
            let told = key == "epcList" && fields["type"] == "TransactionEvent";
            assert!(!list.is_empty() || told || key.contains(':'), "empty {key}");
        }
    }
    for (list, name) in [
        ("bizTransactionList", "bizTransaction"),
        ("sourceList", "source"),
        ("destinationList", "destination"),
    ] {
        let entries = fields.get(list).into_iter().filter_map(Value::as_array);
        for entry in entries.flatten() {
            let keys: Vec<_> = entry.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["type", name]);
        }
    }
    for place in ["readPoint", "bizLocation"] {
        assert!(
            fields
                .get(place)
                .is_none_or(|place| place["id"].is_string())
        );
    }
}

fn check(events: &[Event]) {
    for event in events {
        let json: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_shape(&json);
        assert_valid(&json);
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
    assert_valid(&json);
}

#[test]
fn fixed_events_are_valid() {
    let events =
        [common::pallet_received(), common::carton_packed()].map(|data| Event::new(data).unwrap());
    check(&events);
    check(&[]);
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn random_events_are_valid(events in proptest::collection::vec(common::any_event(), 1..3)) {
        check(&events);
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
