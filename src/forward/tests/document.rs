//! What goes with an event is what deploy/asyncapi.json says.

use std::sync::{Arc, Mutex};

use rumqttc::v5::mqttbytes::v5::Publish;
use serde_json::{Map, Value, json};

use super::fake::{Answer, Fake};
use super::*;

/// Sends events and checks their user properties; returns the names of those that came.
async fn documented(
    change: impl FnOnce(Settings) -> Settings,
    name: &str,
    events: usize,
) -> Vec<String> {
    let seen: Arc<Mutex<Vec<Publish>>> = Arc::default();
    let list = seen.clone();
    let broker = Fake::start(
        |_| Answer::welcome(),
        move |_, number, publish| {
            if number > 0 {
                list.lock().unwrap().push(publish.clone());
            }
            Answer::taken(publish)
        },
    )
    .await;
    let rig = Rig::start(change(settings(broker.addr)), events).await;
    let forwarded = || rig.health.counters().forwarded.get() >= events as u64;
    wait_until("PUBACKs", PATIENCE, forwarded).await.unwrap();
    rig.forwarder.abort();

    let text = include_str!("../../../deploy/asyncapi.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    let told = &document["components"]["messages"]["event"]["contentType"];
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty());
    let mut names = Vec::new();
    for publish in seen.iter() {
        let properties = publish.properties.clone().unwrap();
        let user: Map<String, Value> = properties
            .user_properties
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let is_batch = user.contains_key("events");
        if is_batch != (name == "BatchHeaders") {
            // While less than a window waits, events go alone.
            continue;
        }
        names.extend(user.keys().cloned());
        let user = Value::Object(user);
        let mistakes: Vec<String> = validator
            .iter_errors(&user)
            .map(|it| it.to_string())
            .collect();
        assert!(mistakes.is_empty(), "{mistakes:?} {user}");
        assert_eq!(properties.content_type.as_deref(), told.as_str());
    }
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn an_event_has_the_properties_that_are_documented() {
    let broker = |settings| settings;
    let names = documented(broker, "EventHeaders", 3).await;
    assert_eq!(names, ["epoch", "event_id", "seq"]);
    let store = |settings: Settings| acknowledge::patient_as(settings);
    let names = documented(store, "EventHeaders", 3).await;
    assert_eq!(names, ["epoch", "event_id", "previous", "seq"]);
}

#[tokio::test]
async fn an_event_in_a_document_has_the_same_properties() {
    let documents = |settings: Settings| Settings {
        payload: crate::config::Payload::Document,
        ..settings
    };
    let names = documented(documents, "EventHeaders", 3).await;
    assert_eq!(names, ["epoch", "event_id", "seq"]);
}

#[tokio::test]
async fn a_batch_has_the_properties_that_are_documented() {
    let batches = |settings: Settings| Settings {
        batch: Batch {
            events: 50,
            bytes: 64 << 10,
        },
        ..acknowledge::patient_as(settings)
    };
    let names = documented(batches, "BatchHeaders", 300).await;
    let all = [
        "epoch",
        "event_ids",
        "events",
        "first_seq",
        "last_seq",
        "previous",
    ];
    assert_eq!(names, all);
}
