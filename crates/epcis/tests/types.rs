//! What only some event types have, corrections, and the namespace of a site's own fields.
#![allow(
    clippy::unwrap_used,
    reason = "clippy takes only marked functions for tests"
)]

mod common;

use serde_json::{Value, json};
use tracegate_epcis::{
    Action, ErrorDeclaration, Event, EventData, Extensions, Namespace, Received, SourceDest, What,
    document, hash_json,
};

const URI: &str = "urn:epc:id:sgtin:0952132.012000.7";

fn refused(what: What, change: impl FnOnce(&mut EventData), expected: &str) {
    let mut data = EventData::new(common::pallet_received().time, what);
    change(&mut data);
    assert_eq!(Event::new(data).unwrap_err().to_string(), expected);
}

fn transformation(inputs: &[&str], outputs: &[&str], id: Option<&str>) -> What {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    What::Transformation {
        inputs: owned(inputs),
        input_quantities: Vec::new(),
        outputs: owned(outputs),
        output_quantities: Vec::new(),
        id: id.map(str::to_owned),
    }
}

fn association(action: Action, children: &[&str]) -> What {
    What::Association {
        action,
        parent: "urn:epc:id:giai:4012345.press-3".to_owned(),
        children: children.iter().map(|text| (*text).to_owned()).collect(),
        child_quantities: Vec::new(),
    }
}

fn transaction(parent: Option<&str>) -> What {
    What::Transaction {
        action: Action::Observe,
        parent: parent.map(str::to_owned),
        epcs: Vec::new(),
        quantities: Vec::new(),
    }
}

#[test]
fn each_type_names_what_it_must() {
    let unchanged = |_: &mut EventData| {};
    refused(
        transformation(&[URI], &[], None),
        unchanged,
        "`outputEPCList` is needed: an event without `transformationID` has inputs and outputs",
    );
    refused(
        transformation(&[], &[URI], None),
        unchanged,
        "`inputEPCList` is needed: an event without `transformationID` has inputs and outputs",
    );
    refused(
        transformation(&[], &[], Some("https://erp.example/order/4711")),
        unchanged,
        "`inputEPCList` is needed: the event names neither instances nor quantities",
    );
    refused(
        transformation(&[URI], &[URI, URI], None),
        unchanged,
        "`outputEPCList[1]` repeats `urn:epc:id:sgtin:0952132.012000.7`",
    );
    refused(
        transformation(&[URI], &[URI], Some("order 4711")),
        unchanged,
        "`transformationID` is `order 4711`, which is not a URI",
    );
    refused(
        association(Action::Add, &[]),
        unchanged,
        "`childEPCs` is needed: the event names neither instances nor quantities",
    );
    refused(
        transaction(Some(URI)),
        unchanged,
        "`bizTransactionList` is needed: the event belongs to no business transaction",
    );
    refused(
        transaction(None),
        |data| data.biz_transactions = common::pallet_received().biz_transactions,
        "`epcList` is needed: the event names neither instances nor quantities",
    );
    for what in [
        transformation(&[URI], &[], Some("https://erp.example/order/4711")),
        association(Action::Delete, &[]),
        transaction(Some(URI)),
    ] {
        let mut data = EventData::new(common::pallet_received().time, what);
        data.biz_transactions = common::pallet_received().biz_transactions;
        let event = Event::new(data).unwrap();
        common::schema::assert_valid(&serde_json::from_str(&event.to_json()).unwrap());
    }
}

#[test]
fn some_fields_belong_to_some_types() {
    let lot = || Extensions::from_iter([("cbvmda:lotNumber".to_owned(), json!("L42"))]);
    let seen = || common::pallet_received().what;
    refused(
        seen(),
        |data| data.ilmd = lot(),
        "`ilmd` is not allowed in this event: only object events that add and transformation events have it",
    );
    refused(
        association(Action::Add, &[URI]),
        |data| data.persistent_disposition.set = vec!["recalled".to_owned()],
        "`persistentDisposition` is not allowed in this event: only object and transformation events have it",
    );
    refused(
        seen(),
        |data| data.persistent_disposition.unset = vec!["recall".to_owned()],
        "`persistentDisposition.unset[0]` is `recall`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        seen(),
        |data| {
            data.destinations = vec![SourceDest {
                kind: "owner".to_owned(),
                id: URI.to_owned(),
            }];
        },
        "`destinationList[0].type` is `owner`, which is neither a word of the vocabulary nor a URI of its own",
    );
    refused(
        seen(),
        |data| data.biz_location_extensions = lot(),
        "`bizLocation` is not allowed in this event: it would hold fields of other namespaces, but no `id`",
    );
    refused(
        seen(),
        |data| {
            data.extensions.insert("operator".to_owned(), json!("jo"));
        },
        "`operator` is `operator`, which is not a URI",
    );
    refused(
        seen(),
        |data| {
            data.namespaces = vec![Namespace {
                prefix: "gw:".to_owned(),
                uri: "https://plant.example/gw/".to_owned(),
            }];
        },
        "`@context` declares the prefix `gw:`, which is empty or holds `:` or `@`",
    );
    refused(
        seen(),
        |data| data.extend(&common::own_namespace(), "note", "Infinity"),
        "`{https://plant.example/gw/}note` holds an infinite number, which has no event hash",
    );
}

#[test]
fn an_event_declared_wrong_keeps_its_id() {
    let event = Event::new(common::pallet_received()).unwrap();
    let right = Event::new(common::carton_packed()).unwrap();
    let declaration = |reason: &str| ErrorDeclaration {
        declaration_time: event.data().time,
        reason: Some(reason.to_owned()),
        corrective_event_ids: vec![right.id().to_string()],
        extensions: Extensions::new(),
    };
    let wrong = event
        .clone()
        .declared_wrong(declaration("incorrect_data"))
        .unwrap();
    assert_eq!(wrong.id(), event.id());
    let json = wrong.to_json();
    let declared = format!(
        r#""errorDeclaration":{{"declarationTime":"2026-11-22T10:15:30.123+01:00","reason":"incorrect_data","correctiveEventIDs":["{}"]}}"#,
        right.id()
    );
    assert!(json.contains(&declared), "{json}");
    assert_eq!(Event::from_json(&json).unwrap(), wrong);
    let refused = event
        .clone()
        .declared_wrong(declaration("typo"))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`errorDeclaration.reason` is `typo`, which is neither a word of the vocabulary nor a URI of its own"
    );
}

#[test]
fn own_fields_come_with_their_namespace() {
    let mut data = common::pallet_received();
    let own = common::own_namespace();
    data.extend(&own, "operator", "badge-0042");
    data.extend(&own, "late", true);
    data.extend(&own, "operator", "badge-0043");
    let event = Event::new(data).unwrap();
    let json = event.to_json();
    let context = r#"{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"gw":"https://plant.example/gw/"}],"#;
    assert!(json.starts_with(context), "{json}");
    assert!(
        json.ends_with(r#","gw:operator":"badge-0043","gw:late":true}"#),
        "{json}"
    );
    let value: Value = serde_json::from_str(&json).unwrap();
    let hash = hash_json(&value, &Value::Null).unwrap();
    assert!(hash.prehash().ends_with(
        "{https://plant.example/gw/}late=True{https://plant.example/gw/}operator=badge-0043"
    ));
}

#[test]
fn documents_declare_namespaces_once_or_per_event() {
    let plain = Event::new(common::pallet_received()).unwrap();
    let mut data = common::carton_packed();
    data.extend(&common::own_namespace(), "shift", "late");
    let own = Event::new(data).unwrap();
    let time = plain.data().time;
    let alike = document([&own, &own], time);
    assert_eq!(alike.matches("https://plant.example/gw/").count(), 1);
    let mixed = document([&plain, &own, &plain], time);
    for (text, events) in [
        (alike, vec![&own, &own]),
        (mixed, vec![&plain, &own, &plain]),
    ] {
        common::schema::assert_valid(&serde_json::from_str(&text).unwrap());
        let read = Received::all_from_json(&text).unwrap();
        let read: Vec<_> = read.into_iter().map(|event| event.unwrap().event).collect();
        assert_eq!(read.iter().collect::<Vec<_>>(), events);
    }
}

#[test]
fn one_bad_event_does_not_lose_its_neighbours() {
    let good = Event::new(common::pallet_received()).unwrap();
    let text = document([&good, &good], good.data().time).replacen("OBSERVE", "SEE", 1);
    let read = Received::all_from_json(&text).unwrap();
    let ids: Vec<_> = read
        .iter()
        .map(|event| event.as_ref().map(|event| event.event.id()).ok())
        .collect();
    assert_eq!(ids, [None, Some(good.id())]);
    let empty = Received::all_from_json(r#"{"type":"EPCISDocument","epcisBody":{}}"#);
    assert_eq!(
        empty.unwrap_err().to_string(),
        "the document holds no event list"
    );
}
