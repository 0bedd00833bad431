//! GS1's own schema of events.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;

/// The schema, where the shared folder is; else a line that says that nothing was compared with it.
pub fn official_schema() -> Option<jsonschema::Validator> {
    let folder = std::env::var("TRACEGATE_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into());
    let path = Path::new(&folder).join("protocol/gs1/epcis/EPCIS-JSON-Schema.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!(
            "NOT CHECKED against the official EPCIS schema: {} is not there",
            path.display()
        );
        return None;
    };
    let schema = serde_json::from_slice(&text).expect("the schema is JSON");
    Some(
        jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("the schema is one"),
    )
}

/// What the schema says against an event.
pub fn mistakes(schema: &jsonschema::Validator, event: &serde_json::Value) -> Vec<String> {
    let errors = schema.iter_errors(event);
    errors.map(|error| error.to_string()).collect()
}
