//! The day of a small plant, and what the store answers about it.
//!
//! Expected texts are in `expected/`; `UPDATE_EXPECT=1` writes them anew.

use std::path::Path;

use serde_json::{Value, json};
use tracegate_epcis::Received;

use super::binary;
use super::mosquitto::Mosquitto;
use super::postgres::Postgres;
use super::publisher::{Publisher, until};
use super::store::{Store, ask};

const PART: &str = "04012345123456";
const PRODUCT: &str = "09506000134352";
const PALLET_IN: &str = "https://id.gs1.org/00/340123450000000017";
const PALLET_X: &str = "https://id.gs1.org/00/340123450000001236";
const PALLET_Y: &str = "https://id.gs1.org/00/340123450000000031";

fn lot(lot: &str) -> String {
    format!("https://id.gs1.org/01/{PART}/10/{lot}")
}

fn serial(serial: &str) -> String {
    format!("https://id.gs1.org/01/{PRODUCT}/21/{serial}")
}

fn order(number: u32) -> Value {
    json!([{"type": "prodorder", "bizTransaction": format!("https://erp.example/order/{number}")}])
}

fn kilograms(name: &str, value: f64) -> Value {
    json!([{"epcClass": lot(name), "quantity": value, "uom": "KGM"}])
}

/// What happened, in order; each minute one event at a place.
fn day() -> Vec<Value> {
    let source = json!([{"type": "owning_party", "source": "urn:epc:id:pgln:0614141.00777"}]);
    let customer =
        json!([{"type": "owning_party", "destination": "urn:epc:id:pgln:0614141.00999"}]);
    let made = |number: u32, name: &str| {
        json!({"type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning", "disposition": "active", "epcList": [serial(name)],
            "bizTransactionList": order(number), "ilmd": {"cbvmda:lotNumber": "P1"}, "at": "laser1"})
    };
    let issue = |number: u32, name: &str, value: f64, badge: &str| {
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "picking", "quantityList": kilograms(name, value),
            "bizTransactionList": order(number), "gw:operator": badge, "at": "line1"})
    };
    let mut refused = issue(1, "B", 40.0, "badge-0042");
    refused["bizStep"] = json!("tracegate:event/issue_refused");
    refused["gw:verdict"] = json!("refused");
    vec![
        json!({"type": "AggregationEvent", "action": "OBSERVE", "bizStep": "receiving", "parentID": PALLET_IN,
            "childQuantityList": kilograms("A", 500.0), "sourceList": source, "at": "dock1",
            "bizTransactionList": [{"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:0614141007778:D-1"}]}),
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "receiving", "quantityList": kilograms("B", 300.0), "sourceList": source, "at": "dock1"}),
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "inspecting", "disposition": "non_conformant", "quantityList": kilograms("B", 300.0), "at": "quality"}),
        refused,
        issue(1, "A", 40.5, "badge-0042"),
        // Consumed: inputs only, joined to the output by the transformation's id.
        json!({"type": "TransformationEvent", "inputQuantityList": kilograms("A", 10.0), "transformationID": "https://erp.example/order/2",
            "gw:operator": "badge-0007", "at": "line2"}),
        made(1, "S1"),
        made(1, "S2"),
        made(1, "S3"),
        json!({"type": "TransformationEvent", "outputEPCList": [serial("S4")], "transformationID": "https://erp.example/order/2", "bizStep": "commissioning", "at": "laser1"}),
        // A part of another product.
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "picking", "epcList": [serial("S4")], "bizTransactionList": order(3), "gw:operator": "badge-0007", "at": "line2"}),
        made(3, "S5"),
        // Nothing to do with it.
        made(4, "S9"),
        json!({"type": "AggregationEvent", "action": "ADD", "bizStep": "packing", "parentID": PALLET_X, "childEPCs": [serial("S1"), serial("S2"), serial("S9")], "at": "pack1"}),
        json!({"type": "AggregationEvent", "action": "ADD", "bizStep": "packing", "parentID": PALLET_Y, "childEPCs": [serial("S3")], "at": "pack1"}),
        json!({"type": "AggregationEvent", "action": "DELETE", "bizStep": "unpacking", "parentID": PALLET_X, "childEPCs": [serial("S2")], "at": "pack1"}),
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit", "epcList": [PALLET_X], "destinationList": customer, "at": "dock2"}),
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "staging_outbound", "epcList": [PALLET_Y], "at": "dock2"}),
        // Leaves on no pallet.
        made(4, "S7"),
        json!({"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit", "epcList": [serial("S7")], "destinationList": customer, "at": "dock2"}),
    ]
}

/// Complete events, as the gateway writes them.
fn events() -> Vec<String> {
    let complete = |(index, mut event): (usize, Value)| {
        let place = event
            .as_object_mut()
            .and_then(|it| it.remove("at"))
            .expect("a place");
        event["@context"] = json!(["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"gw": "tracegate:event/"}]);
        event["eventTime"] = json!(format!("2026-11-22T10:{index:02}:00.000+01:00"));
        event["eventTimeZoneOffset"] = json!("+01:00");
        event["readPoint"] = json!({"id": format!("urn:epc:id:sgln:4012345.00001.{}", place.as_str().expect("a name"))});
        Received::from_value(&event).expect("valid").event.to_json()
    };
    day().into_iter().enumerate().map(complete).collect()
}

#[test]
fn the_day_of_a_plant_is_answered() {
    let (broker, server) = (Mosquitto::in_memory(), Postgres::start());
    let url = server.url();
    let _store = Store::start(binary(), broker.addr(), &url, "store-1");
    let mut gateway = Publisher::new(broker.addr());
    let mut events = events();
    let count = events.len().to_string();
    // What comes late is put in its place.
    events.swap(13, 15);
    for (index, event) in (1..).zip(&events) {
        let properties = [("epoch", "e".to_owned()), ("seq", i32::to_string(&index))];
        gateway.send("events/somewhere", event.clone(), &properties);
    }
    until("all is stored", || {
        server.query("select count(*) from events") == count
    });
    let expect = |name: &str, arguments: &[&str]| {
        compare(name, &ask(binary(), &url, arguments));
    };
    expect("recall.txt", &["recall", "--gtin", PART, "--lot", "A"]);
    expect(
        "recall.json",
        &["recall", "--gtin", PART, "--lot", "A", "--json"],
    );
    expect(
        "recall_own_lot.txt",
        &["recall", "--gtin", PRODUCT, "--lot", "P1"],
    );
    expect("trace.txt", &["trace", "S5"]);
    expect("trace_packed.txt", &["trace", "--gtin", PRODUCT, "S1"]);
    expect("on_site.txt", &["on-site"]);
    let refused = ask(binary(), &url, &["recall", "--gtin", PART, "--lot", "B"]);
    assert!(
        refused.contains("orders: 0") && refused.contains("issue_refused"),
        "{refused}"
    );

    // The packing of S3 is declared wrong: it never was on the pallet.
    let packing = events
        .iter()
        .find(|event| event.contains(PALLET_Y))
        .expect("packed");
    let mut wrong: Value = serde_json::from_str(packing).unwrap();
    wrong["errorDeclaration"] =
        json!({"declarationTime": "2026-11-22T10:00:00Z", "reason": "did_not_occur"});
    gateway.send("events/somewhere", wrong.to_string(), &[]);
    until("it is taken back", || {
        server.query("select count(*) from events where wrong_since is not null") == "1"
    });
    let answer: Value = serde_json::from_str(&ask(
        binary(),
        &url,
        &["recall", "--gtin", PART, "--lot", "A", "--json"],
    ))
    .unwrap();
    let products = answer["products"].as_array().unwrap();
    let packed = products
        .iter()
        .find(|it| it["thing"] == serial("S3").as_str())
        .expect("still there");
    assert_eq!(
        (&packed["in"], &packed["step"]),
        (&Value::Null, &json!("commissioning"))
    );
    assert_eq!(server.query("select count(*) from rejected"), "0");
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/store/expected")
        .join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, text).expect("write the expected text");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}; UPDATE_EXPECT=1 writes it anew");
}
