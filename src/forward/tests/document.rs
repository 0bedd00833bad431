//! What goes with an event is what deploy/asyncapi.json says.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::fake::{Answer, Fake};
use super::*;

#[tokio::test]
async fn an_event_has_the_properties_that_are_documented() {
    let seen = Arc::new(Mutex::new(Vec::new()));
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
    let rig = Rig::start(settings(broker.addr), 3).await;
    rig.acknowledged(3).await;
    rig.stop().await;

    let text = include_str!("../../../deploy/asyncapi.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#/components/schemas/EventHeaders",
        "components": document["components"],
    });
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    let told = &document["components"]["messages"]["event"]["contentType"];
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    for publish in seen.iter() {
        let properties = publish.properties.clone().unwrap();
        let user: Map<String, Value> = properties
            .user_properties
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let user = Value::Object(user);
        let mistakes: Vec<String> = validator
            .iter_errors(&user)
            .map(|it| it.to_string())
            .collect();
        assert!(mistakes.is_empty(), "{mistakes:?} {user}");
        assert_eq!(properties.content_type.as_deref(), told.as_str());
    }
}
