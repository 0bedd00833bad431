//! Writing, reading and hashing agree with each other, for any valid event.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use proptest::prelude::*;
use serde_json::Value;
use tracegate_epcis::{
    Event, EventHash, Quantity, Received, What, document, hash_document, hash_json,
};

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn what_is_written_reads_back_to_the_same_bytes(event in common::any_event()) {
        let json = event.to_json();
        let received = Received::from_json(&json).unwrap();
        prop_assert_eq!(&received.event, &event);
        prop_assert_eq!(received.event.to_json(), json);
        prop_assert_eq!(received.event_id, Some(event.id().to_string()));
    }

    #[test]
    fn the_direct_id_equals_the_hash_of_the_json(event in common::any_event()) {
        let json: Value = serde_json::from_str(&event.to_json()).unwrap();
        let hash = hash_json(&json, &Value::Null).unwrap();
        prop_assert_eq!(hash.id(), event.id(), "{}", hash.prehash());
    }

    #[test]
    fn the_order_of_lists_does_not_change_the_id(event in common::any_event(), turns in 1_usize..5) {
        let mut data = event.data().clone();
        data.biz_transactions.reverse();
        data.sources.reverse();
        data.destinations.reverse();
        data.certification_info.reverse();
        data.sensor_elements.reverse();
        for element in &mut data.sensor_elements {
            element.reports.reverse();
        }
        let all = |epcs: &mut Vec<String>, quantities: &mut Vec<Quantity>| {
            let turns = turns.min(epcs.len());
            epcs.rotate_left(turns);
            quantities.reverse();
        };
        match &mut data.what {
            What::Object { epcs, quantities, .. } | What::Transaction { epcs, quantities, .. } => {
                all(epcs, quantities);
            }
            What::Aggregation { children, child_quantities, .. }
            | What::Association { children, child_quantities, .. } => all(children, child_quantities),
            What::Transformation { inputs, input_quantities, outputs, output_quantities, .. } => {
                all(inputs, input_quantities);
                all(outputs, output_quantities);
            }
            _ => unreachable!("five event types"),
        }
        prop_assert_eq!(Event::new(data).unwrap().id(), event.id());
    }

    #[test]
    fn a_document_carries_the_same_ids(events in proptest::collection::vec(common::any_event(), 0..4)) {
        let creation = common::pallet_received().time;
        let text = document(&events, creation);
        let json: Value = serde_json::from_str(&text).unwrap();
        let list = json["epcisBody"]["eventList"].as_array().unwrap();
        prop_assert_eq!(list.len(), events.len());
        for (written, event) in list.iter().zip(&events) {
            prop_assert_eq!(hash_json(written, &json["@context"]).unwrap().id(), event.id());
        }
        // With several events the reference lets the words of one count in the next.
        if let [event] = events.as_slice() {
            let ids: Vec<_> = hash_document(&json).unwrap().iter().map(EventHash::id).collect();
            prop_assert_eq!(ids, [event.id()]);
        }
    }

    #[test]
    fn events_with_something_foreign_in_them_are_read_or_refused(
        event in common::any_event(),
        foreign in common::sensor::any_json(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut json: Value = serde_json::from_str(&event.to_json()).unwrap();
        let places = places(&json);
        *json.pointer_mut(&places[at.index(places.len())]).unwrap() = foreign;
        let hash = hash_json(&json, &Value::Null);
        if let Ok(received) = Received::from_value(&json) {
            let written = serde_json::from_str(&received.event.to_json()).unwrap();
            common::schema::assert_valid(&written);
            prop_assert_eq!(hash_json(&written, &Value::Null).unwrap().id(), received.event.id());
            prop_assert!(hash.is_ok());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Event::from_json(&text);
    }
}

/// The JSON pointers to everything in a value.
fn places(value: &Value) -> Vec<String> {
    let entries: Vec<(String, &Value)> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field))
            .collect(),
        _ => Vec::new(),
    };
    let mut places = Vec::new();
    for (name, below) in entries {
        places.push(format!("/{name}"));
        places.extend(
            self::places(below)
                .into_iter()
                .map(|place| format!("/{name}{place}")),
        );
    }
    places
}

#[test]
fn the_bytes_are_these() {
    let event = Event::new(common::pallet_received()).unwrap();
    let json = event.to_json();
    let expected = format!(
        concat!(
            r#"{{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","#,
            r#""type":"ObjectEvent","eventID":"{}","eventTime":"2026-11-22T10:15:30.123+01:00","#,
            r#""eventTimeZoneOffset":"+01:00","#,
            r#""epcList":["urn:epc:id:sscc:0952123.1456789123","https://id.gs1.org/01/09521321120008/21/A%2F7"],"#,
            r#""quantityList":[{{"epcClass":"https://id.gs1.org/01/09521321120008/10/L-42","quantity":12.5,"uom":"KGM"}}],"#,
            r#""action":"OBSERVE","bizStep":"receiving","disposition":"in_progress","#,
            r#""readPoint":{{"id":"urn:epc:id:sgln:4012345.00001.dock1"}},"#,
            r#""bizLocation":{{"id":"urn:epc:id:sgln:4012345.00002.0"}},"#,
            r#""bizTransactionList":[{{"type":"po","bizTransaction":"https://erp.example/po/4711"}}]}}"#
        ),
        event.id()
    );
    assert_eq!(json, expected);
    assert_eq!(
        event.id().hex(),
        "8221d890588ecab4379dc39a1c5de595956d7317aca757f964a171c81f87d166"
    );
}

#[test]
fn the_prehash_is_this() {
    let event = Event::new(common::carton_packed()).unwrap();
    let json: Value = serde_json::from_str(&event.to_json()).unwrap();
    let hash = hash_json(&json, &Value::Null).unwrap();
    assert_eq!(
        hash.prehash(),
        concat!(
            "eventType=AggregationEventeventTime=2026-11-22T09:15:30.000ZeventTimeZoneOffset=-05:30",
            "parentID=https://id.gs1.org/00/095201234567891235",
            "childEPCsepc=https://id.gs1.org/01/00952132120005/21/10epc=https://id.gs1.org/01/00952132120005/21/7",
            "childQuantityListquantityElementepcClass=https://id.gs1.org/01/00952132120005/10/L42quantity=200",
            "action=ADDbizStep=https://plant.example/bizstep/kitting",
        )
    );
}

#[test]
fn sensor_data_is_written_and_hashed_like_this() {
    let mut data = common::pallet_received();
    data.sensor_elements = vec![common::sensor::logger(data.time)];
    let event = Event::new(data).unwrap();
    let written = event.to_json();
    let expected = concat!(
        r#""sensorElementList":[{"sensorMetadata":{"time":"2026-11-22T10:15:30.123+01:00","#,
        r#""deviceID":"urn:epc:id:giai:4012345.logger-7"},"sensorReport":["#,
        r#"{"type":"Temperature","minValue":-19.2,"maxValue":-17,"uom":"CEL"},"#,
        r#"{"type":"https://plant.example/voc/tamper","exception":"ALARM_CONDITION","booleanValue":true}]}]}"#
    );
    assert!(written.ends_with(expected), "{written}");
    // Computed with the reference generator.
    assert_eq!(
        event.id().hex(),
        "de9caa55f590f7aafdffb5dbdecf0fafaa838a4c72256166d622c3d6d02ff90e"
    );
    let json: Value = serde_json::from_str(&written).unwrap();
    let hash = hash_json(&json, &Value::Null).unwrap();
    let sensors = concat!(
        "sensorElementListsensorElementsensorMetadatatime=2026-11-22T09:15:30.123Z",
        "deviceID=https://id.gs1.org/8004/4012345logger-7",
        "sensorReporttype=https://gs1.org/voc/TemperatureminValue=-19.2maxValue=-17uom=CEL",
        "sensorReporttype=https://plant.example/voc/tamper",
        "exception=https://gs1.org/voc/ALARM_CONDITIONbooleanValue=True",
    );
    assert!(hash.prehash().contains(sensors), "{}", hash.prehash());
    assert_eq!(hash.id(), event.id());
}

#[test]
fn unknown_fields_are_passed_over_and_the_published_id_is_kept() {
    let json = r#"{"type":"AggregationEvent","eventID":"urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
        "eventTime":"2026-11-22T10:15:30Z","eventTimeZoneOffset":"+02:00","action":"DELETE",
        "parentID":"urn:epc:id:sscc:0952123.1456789123","ext:shift":{"deep":[1,2,null]},"childEPCs":[]}"#;
    let received = Received::from_json(json).unwrap();
    assert_eq!(
        received.event_id.as_deref(),
        Some("urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8")
    );
    assert_eq!(
        received.event.data().time.local(),
        "2026-11-22T12:15:30.000+02:00"
    );
}

#[test]
fn unreadable_events_are_refused_by_field() {
    for (change, problem) in [
        (
            (r#""type":"ObjectEvent""#, r#""type":"QuantityEvent""#),
            "events of type `QuantityEvent` are not read",
        ),
        (
            (r#""action":"OBSERVE""#, r#""action":"SEE""#),
            "`action` is not OBSERVE, ADD or DELETE",
        ),
        ((r#","action":"OBSERVE""#, ""), "`action` is missing"),
        (
            (r#""quantity":12.5"#, r#""quantity":"12.5""#),
            "`quantityList[0].quantity` is not a number",
        ),
        (
            (r#""quantity":12.5"#, r#""quantity":-1"#),
            "`quantityList[0].quantity` is not a decimal of at most 15 digits",
        ),
        (
            (r#""epcClass""#, r#""epcKlass""#),
            "`quantityList[0].epcClass` is missing",
        ),
        (
            (r#"30.123+01:00"#, r#"30.123"#),
            "`eventTime` is not an RFC 3339 time",
        ),
        (
            (r#"{"id":"urn:epc:id:sgln:4012345.00002.0"}"#, "[]"),
            "`bizLocation` is not an object",
        ),
    ] {
        let json = Event::new(common::pallet_received()).unwrap().to_json();
        let (old, new) = change;
        assert!(json.contains(old), "{old}");
        assert_eq!(
            Event::from_json(&json.replacen(old, new, 1))
                .unwrap_err()
                .to_string(),
            problem
        );
    }
}
