//! The official JSON schema, where the shared folder is.

use std::sync::LazyLock;

use serde_json::Value;

/// The official schema, read once.
pub fn schema() -> Option<&'static jsonschema::Validator> {
    static SCHEMA: LazyLock<Option<jsonschema::Validator>> = LazyLock::new(|| {
        let path = super::shared("protocol/gs1/epcis/EPCIS-JSON-Schema.json")?;
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

/// The JSON is valid, as far as the schema is there to tell.
pub fn assert_valid(json: &Value) {
    let Some(schema) = schema() else {
        return;
    };
    let errors: Vec<_> = schema
        .iter_errors(json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{json}");
}
