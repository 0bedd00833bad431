//! What the gateway sends is what deploy/asyncapi.json says, field by field: nothing may be added and not be documented there.
//!
//! `UPDATE_EXPECT=1` writes the counters there anew, from the tables in README.md and docs/.

#[path = "messages/site.rs"]
mod site;
#[path = "messages/station.rs"]
mod station;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tracegate::buffer::{DropReason, Gap};
use tracegate::downlink::ack::{Limits, StoreAcks};
use tracegate::downlink::command::{self, Answer, Kind, Outcome};
use tracegate::forward::client::Endpoint;
use tracegate::health::{
    BrokerState, BufferLevel, Counters, DeviceCounter, DeviceKind, DeviceState, EndpointState,
    Health, Holder, Problem, Status,
};
use tracegate::telemetry;
use tracegate::tls::Validity;
use tracegate_pipeline::Time;
use tracegate_pipeline::config::Direction;
use tracegate_pipeline::eyes::Says;
use tracegate_pipeline::input::{EpcKey, NonEvent, NonEventReason, RefusedMark};

const EPOCH: &str = "0b1f9a4e-6a0e-4b59-9d0e-0f6f1f8f5f11";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The document; with `UPDATE_EXPECT` its counters are written anew before anybody reads it.
fn document() -> Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let written = read();
        if std::env::var_os("UPDATE_EXPECT").is_none() {
            return written;
        }
        let renewed = with_counters(written);
        let text = serde_json::to_string_pretty(&renewed).expect("JSON") + "\n";
        std::fs::write(path("deploy/asyncapi.json"), text).expect("it can be written");
        renewed
    });
    DOCUMENT.clone()
}

fn read() -> Value {
    let text = std::fs::read_to_string(path("deploy/asyncapi.json")).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

fn with_counters(mut document: Value) -> Value {
    let schemas = &mut document["components"]["schemas"];
    let all = table("| counter |");
    schemas["Counters"]["required"] = all.keys().cloned().collect();
    schemas["Counters"]["properties"] = all.into();
    schemas["DeviceCounters"]["properties"] = table("| counter of a reader |").into();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
}

fn schemas() -> Map<String, Value> {
    document()["components"]["schemas"]
        .as_object()
        .expect("schemas")
        .clone()
}

/// Every mistake of a message, by the schema with this name.
fn mistakes(name: &str, message: &Value) -> Vec<String> {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": format!("#/components/schemas/{name}"),
        "components": { "schemas": schemas() },
    });
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the schema is sound");
    let mistakes = validator.iter_errors(message);
    mistakes
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn assert_valid(name: &str, message: &str) -> Value {
    let message: Value = serde_json::from_str(message).expect("a message is JSON");
    let found = mistakes(name, &message);
    assert!(found.is_empty(), "{found:#?}\n{message:#}");
    message
}

/// A gateway in which everything that can be told is told.
fn eventful() -> Health {
    let health = Health::new("plant-3", EPOCH);
    health.broker(BrokerState::Down("connection refused".to_owned()));
    let reason = "10.0.4.21 refuses connections; is LLRP switched on?".to_owned();
    health.device("dock_1", DeviceState::Down { reason });
    health.device("dock_2", DeviceState::Up);
    health.problem(
        "dock_2",
        Problem::Antenna(3),
        Some("antenna 3 is disconnected"),
    );
    health.limit("dock_2", "it cannot pick out tags");
    for counter in DeviceCounter::ALL {
        health.count("dock_2", *counter, 1);
    }
    health.reads("dock_2", Some(1), 5);
    health.device("line_1", DeviceState::Starting);
    let brokers = ["a.example", "b.example"].map(|host| Endpoint {
        host: host.to_owned(),
        port: 8883,
    });
    health.brokers(&brokers);
    health.endpoint(&brokers[0], EndpointState::Down("refused".to_owned()));
    health.puback();
    health.storing(Some("disk full".to_owned()));
    health.site_data_matters(Duration::from_secs(60));
    health.site_data(Some(Time(1_795_352_400_000_000)), Some("a".to_owned()));
    health.site_problem("a message is not taken".to_owned());
    health.buffer(BufferLevel {
        bytes: 1,
        percent: 2,
        oldest_s: 3,
        max_bytes: 4,
        full_in_s: None,
    });
    for holder in [Holder::Gateway, Holder::Broker] {
        let now = jiff::Timestamp::now();
        let validity = Validity {
            not_before: now - Duration::from_secs(60),
            not_after: now + Duration::from_secs(60),
        };
        health.certificate(holder, Some(validity));
    }
    station::refuses(&health);
    health
}

#[test]
fn the_status_is_as_documented() {
    let empty = Health::new("plant-3", EPOCH);
    for health in [eventful(), empty] {
        assert_valid("Status", &health.status().to_json());
        assert_valid("Status", &health.last_will().to_json());
        let stopped = Status {
            state: "offline".to_owned(),
            reason: Some("stopped".to_owned()),
            ..health.status()
        };
        assert_valid("Status", &stopped.to_json());
    }
}

#[test]
fn messages_about_devices_are_as_documented() {
    let health = eventful();
    let mut seen = BTreeSet::new();
    for (name, kind) in [
        ("dock_1", DeviceKind::Reader),
        ("dock_2", DeviceKind::Reader),
        ("line_1", DeviceKind::Scanner),
    ] {
        let message = assert_valid("Device", &health.device_report(name, kind).to_json());
        seen.extend(message.as_object().unwrap().keys().cloned());
    }
    let documented = schemas()["Device"]["properties"]
        .as_object()
        .unwrap()
        .clone();
    let documented: BTreeSet<String> = documented.keys().cloned().collect();
    assert_eq!(seen, documented, "what is documented is sent, too");
}

#[test]
fn loads_that_are_not_booked_and_gaps_are_as_documented() {
    let config = tracegate_pipeline::Pipeline::default().config().clone();
    let key = EpcKey {
        epc: vec![0x30; 12],
        bit_len: 96,
    };
    for (reason, direction) in [
        (NonEventReason::FewTags, Some(Direction::In)),
        (NonEventReason::Anti, Some(Direction::Out)),
        (NonEventReason::Ratio, None),
        (NonEventReason::Unclear, None),
        (NonEventReason::Rearm, None),
        (NonEventReason::Invalid, None),
        (NonEventReason::Neighbour, Some(Direction::In)),
        (NonEventReason::Eye, Some(Direction::In)),
        (NonEventReason::Untagged, Some(Direction::In)),
        (NonEventReason::MarkFailed, None),
        (NonEventReason::MarkUnidentified, None),
        (NonEventReason::ScanRefused, None),
        (NonEventReason::ScanCancelled, None),
    ] {
        let load = NonEvent {
            read_point: "dock_1".to_owned(),
            at: Time(1_795_352_400_000_000),
            reason,
            tags: 200,
            direction,
            members: vec![(key.clone(), None); 200],
            mark: (reason == NonEventReason::MarkFailed).then(|| RefusedMark {
                id: "laser_1/7".to_owned(),
                ..RefusedMark::default()
            }),
            eyes: Says::Nothing,
        };
        assert_valid("NonEvent", &telemetry::non_event(&load, &config).json);
    }
    for reason in [DropReason::Share, DropReason::Room] {
        let gap = Gap {
            epoch: EPOCH.to_owned(),
            from_seq: 1,
            to_seq: 9,
            count: 5,
            reason,
        };
        let text = serde_json::to_string(&gap).expect("JSON");
        assert_valid("Gap", &text);
    }
}

#[test]
fn a_field_that_is_not_documented_is_found_wherever_it_is() {
    let status: Value = serde_json::from_str(&eventful().status().to_json()).unwrap();
    for place in [
        "",
        "/devices/dock_2",
        "/brokers/0",
        "/buffer",
        "/certificates/gateway",
        "/stations/line_1",
        "/counters",
    ] {
        let mut more = status.clone();
        more.pointer_mut(place).unwrap()["more"] = json!(1);
        assert_eq!(mistakes("Status", &more).len(), 1, "{place}");
    }
    let mut less = status;
    less.as_object_mut().unwrap().remove("epoch");
    assert_eq!(mistakes("Status", &less).len(), 1);
}

/// Objects say what else they may hold, and everything in them says what it means.
#[test]
fn every_object_is_closed_and_every_field_is_explained() {
    fn walk(schema: &Value, place: &str) {
        if schema["type"] == "object" {
            let more = &schema["additionalProperties"];
            assert!(*more == json!(false) || more.is_object(), "{place} is open");
        }
        let named = schema["$ref"].is_string();
        assert!(
            named || schema["description"].is_string(),
            "{place} is not explained"
        );
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            walk(field, &format!("{place}/{name}"));
        }
    }
    for (name, schema) in schemas() {
        walk(&schema, &name);
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_eq!(mistakes(&name, example), [""; 0], "{name}: {example}");
        }
    }
}

/// Names and meanings from a table of the manual.
fn table(start: &str) -> Map<String, Value> {
    let pages = std::fs::read_dir(path("docs")).expect("it is there");
    let pages = pages.map(|page| page.expect("it can be read").path());
    let manual: String = pages
        .filter(|page| page.extension().is_some_and(|it| it == "md"))
        .chain([path("README.md")])
        .map(|page| std::fs::read_to_string(page).expect("it is text") + "\n")
        .collect();
    let rows = manual
        .lines()
        .skip_while(|line| !line.starts_with(start))
        .skip(2);
    let mut fields = Map::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        for name in cells[0].split('`').skip(1).step_by(2) {
            let field = json!({ "type": "integer", "minimum": 0, "description": cells[1] });
            fields.insert(name.to_owned(), field);
        }
    }
    fields
}

#[test]
fn every_counter_is_listed_with_its_meaning() {
    let renewed = with_counters(document());
    assert!(
        document() == renewed,
        "deploy/asyncapi.json lists other counters than the manual; UPDATE_EXPECT=1 writes them anew"
    );
    let listed = &renewed["components"]["schemas"]["Counters"]["properties"];
    let listed = listed.as_object().unwrap().keys().map(String::as_str);
    let counted: BTreeSet<&str> = Counters::default().snapshot().into_keys().collect();
    assert_eq!(listed.collect::<BTreeSet<_>>(), counted);
}

/// Every reference within the document leads somewhere.
#[test]
fn references_lead_somewhere() {
    fn walk(value: &Value, document: &Value) -> usize {
        match value {
            Value::Object(fields) => {
                let here = fields.get("$ref").and_then(Value::as_str);
                let inner = here.and_then(|to| to.strip_prefix('#'));
                if let Some(to) = inner {
                    assert!(document.pointer(to).is_some(), "{to}");
                }
                let below: usize = fields.values().map(|value| walk(value, document)).sum();
                below + usize::from(inner.is_some())
            }
            Value::Array(values) => values.iter().map(|value| walk(value, document)).sum(),
            _ => 0,
        }
    }
    let document = document();
    assert!(walk(&document, &document) > 40);
}

/// What a command or an acknowledgement may be is what the code takes.
#[test]
fn what_is_heard_is_as_documented() {
    for (kind, name, payload) in [
        (
            Kind::Identify,
            "Identify",
            json!({"id": "1", "device": "dock_1"}),
        ),
        (
            Kind::Identify,
            "Identify",
            json!({"id": "1", "device": "dock_1", "seconds": 60}),
        ),
        (
            Kind::Identify,
            "Identify",
            json!({"id": "1", "device": "dock_1", "seconds": 61}),
        ),
        (
            Kind::Identify,
            "Identify",
            json!({"id": "1", "device": "dock_1", "seconds": 0}),
        ),
        (
            Kind::Identify,
            "Identify",
            json!({"id": "1", "device": "dock_1", "more": 0}),
        ),
        (Kind::Identify, "Identify", json!({"id": "1"})),
        (Kind::Identify, "Identify", json!({"device": "dock_1"})),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 4, "state": "on"}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 4, "state": "off"}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 4, "state": "blink"}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 65536, "state": "on"}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": -1, "state": "on"}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 4, "state": "pulse", "milliseconds": 60_000}),
        ),
        (
            Kind::Gpo,
            "Gpo",
            json!({"id": "2", "device": "d", "output": 4, "state": "pulse", "milliseconds": 60_001}),
        ),
        (Kind::Status, "PublishStatus", json!({"id": "3"})),
        (Kind::Status, "PublishStatus", json!({"id": "x".repeat(64)})),
        (Kind::Status, "PublishStatus", json!({"id": "x".repeat(65)})),
        (Kind::Status, "PublishStatus", json!({"id": ""})),
        (Kind::Status, "PublishStatus", json!({"id": 3})),
        (
            Kind::Status,
            "PublishStatus",
            json!({"id": "3", "device": "dock_1"}),
        ),
        (
            Kind::Replay,
            "Replay",
            json!({"id": "4", "epoch": EPOCH, "from": 1}),
        ),
        (
            Kind::Replay,
            "Replay",
            json!({"id": "4", "epoch": EPOCH, "from": 1, "to": 9}),
        ),
        (
            Kind::Replay,
            "Replay",
            json!({"id": "4", "epoch": EPOCH, "from": 0}),
        ),
        (Kind::Replay, "Replay", json!({"id": "4", "from": 1})),
    ] {
        let text = payload.to_string();
        let taken =
            command::id(text.as_bytes()).is_ok() && command::parse(kind, text.as_bytes()).is_ok();
        assert_eq!(
            mistakes(name, &payload).is_empty(),
            taken,
            "{name}: {payload}"
        );
    }
    let now = tokio::time::Instant::now();
    let limits = Limits {
        patience: Duration::from_secs(1),
        ahead: 10,
    };
    for word in [
        json!({"epoch": EPOCH, "seq": 0}),
        json!({"epoch": EPOCH, "seq": 5}),
        json!({"epoch": EPOCH, "seq": -1}),
        json!({"epoch": EPOCH, "seq": "5"}),
        json!({"epoch": EPOCH}),
        json!({"seq": 5}),
    ] {
        let mut acks = StoreAcks::new(limits, 0, 5);
        let taken = acks.hear(word.to_string().as_bytes(), EPOCH, now).is_ok();
        assert_eq!(
            mistakes("Acknowledgement", &word).is_empty(),
            taken,
            "{word}"
        );
    }
}

#[test]
fn answers_are_as_documented() {
    let id = || Some("2".to_owned());
    let mut seen = BTreeSet::new();
    for kind in Kind::ALL {
        for outcome in [Outcome::Done, Outcome::Refused, Outcome::Timeout] {
            assert_valid("Answer", &Answer::new(None, kind, outcome).to_json());
            let answer = Answer {
                from: Some(1),
                to: Some(9),
                ..Answer::new(id(), kind, outcome).text("why")
            };
            let message = assert_valid("Answer", &answer.to_json());
            seen.extend(message.as_object().unwrap().keys().cloned());
        }
    }
    let documented = &schemas()["Answer"]["properties"];
    let documented = documented.as_object().unwrap().keys().cloned();
    assert_eq!(
        seen,
        documented.collect(),
        "what is documented is sent, too"
    );
}
