//! Schema, sample and documents say of settings what the code does.

use jsonschema::Validator;
use serde_json::Value;

use super::*;

pub(super) fn validator() -> Validator {
    let schema = config::schema();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).expect("the schema is one")
}

/// A file as JSON, as an editor sees it. None, if it is no TOML, or has a date, for which JSON has no kind.
pub(super) fn as_json(text: &str) -> Option<Value> {
    fn has_date(value: &toml::Value) -> bool {
        match value {
            toml::Value::Datetime(_) => true,
            toml::Value::Array(list) => list.iter().any(has_date),
            toml::Value::Table(table) => table.values().any(has_date),
            _ => false,
        }
    }
    let table = toml::Value::Table(text.parse().ok()?);
    (!has_date(&table)).then(|| serde_json::to_value(table).expect("no date, no problem"))
}

/// Whether the schema takes what the check takes, and refuses what the check refuses for its form; what differs, if not.
pub(super) fn compare(
    validator: &Validator,
    file: Option<Value>,
    checked: &Result<Loaded, Report>,
) -> Result<(), String> {
    let Some(file) = file else {
        return Ok(());
    };
    match checked {
        Ok(_) => validator.validate(&file).map_err(|error| {
            let at = error.instance_path();
            format!("the check takes what the schema refuses: {error} at {at}")
        }),
        Err(report) => {
            let is_form = |problem: &config::Diagnostic| {
                let codes = [
                    "unknown-setting",
                    "unknown-section",
                    "unnamed-section",
                    "wrong-type",
                    "bad-name",
                ];
                let label = &problem.spans[0].label;
                let unit = label == "the unit is missing"
                    || label.starts_with("unknown") && label.contains("unit \"");
                codes.contains(&problem.code) || problem.code == "bad-value" && unit
            };
            if report.diagnostics.iter().any(is_form) && validator.is_valid(&file) {
                let report = report.render(Format::Human);
                return Err(format!(
                    "the schema takes what the check refuses:\n{report}"
                ));
            }
            Ok(())
        }
    }
}

/// A section of `file`, and what every file has, with another line in place of a setting. The rest would only take time.
pub(super) fn with(file: &Value, header: &str, key: &str, line: &str) -> Option<Value> {
    let part = as_json(&format!("{header}\n{line}\n"))?;
    let names: Vec<&str> = header.trim_matches(['[', ']']).split('.').collect();
    let path = format!("/{}", names.join("/"));
    let mut short = serde_json::json!({ "gateway": file["gateway"], "mqtt": file["mqtt"] });
    short[names[0]] = match names.get(1) {
        Some(name) => serde_json::json!({ *name: file[names[0]][name] }),
        None => file[names[0]].clone(),
    };
    let section = short.pointer_mut(&path)?.as_object_mut()?;
    section.remove(key);
    section.extend(part.pointer(&path)?.as_object()?.clone());
    Some(short)
}

#[test]
fn every_example_is_valid() {
    let validator = validator();
    for entry in std::fs::read_dir(root().join("config")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = as_json(&text).unwrap();
        if let Err(error) = validator.validate(&file) {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
    }
}

#[test]
fn each_mistake_of_form_is_refused_by_the_schema_as_well() {
    let validator = validator();
    let mut differ = String::new();
    for entry in std::fs::read_dir(root().join("tests/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for case in cases::cases(&std::fs::read_to_string(&path).unwrap()) {
            // What a variable says does not stand in the file.
            if case.env.is_empty() {
                let compared = compare(&validator, as_json(&case.toml), &load(&case.toml, &[]));
                differ += &compared.err().unwrap_or_default();
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

#[test]
fn the_schema_explains_every_setting() {
    fn settings<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
        for (name, setting) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            settings(setting, &path, found);
            settings(&setting["additionalProperties"], &path, found);
            found.push((path, setting));
        }
    }
    let schema = config::schema();
    let mut found = Vec::new();
    settings(&schema, "", &mut found);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        settings(definition, &format!(".{name}"), &mut found);
    }
    let mut defaults = 0;
    for (path, setting) in &found {
        let is_section = path.matches('.').count() == 1 && !path.contains(char::is_uppercase);
        if is_section {
            assert!(setting["title"].is_string(), "{path}");
            continue;
        }
        assert!(
            setting["description"]
                .as_str()
                .is_some_and(|it| !it.is_empty()),
            "{path}"
        );
        let applies = setting["x-applies"].as_str();
        assert!(matches!(applies, Some("reload" | "restart")), "{path}");
        // Defaults are right for the type that they stand beside.
        if !setting["default"].is_null() {
            defaults += 1;
            let mut alone = (*setting).clone();
            alone["$defs"] = schema["$defs"].clone();
            let validator = jsonschema::validator_for(&alone).unwrap();
            assert!(validator.is_valid(&setting["default"]), "{path}");
        }
    }
    assert!(
        found.len() > 250 && defaults > 90,
        "{} {defaults}",
        found.len()
    );
    let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
    let keepalive = "/properties/llrp/additionalProperties/properties/keepalive";
    assert_eq!(at(&format!("{keepalive}/default")), "10s");
    assert_eq!(at(&format!("{keepalive}/x-applies")), "reload");
    assert_eq!(
        at("/properties/buffer/properties/directory/x-applies"),
        "restart"
    );
    assert_eq!(
        at("/properties/mqtt/properties/version/enum"),
        serde_json::json!(["5", "3.1.1"])
    );
    assert_eq!(at("/required"), serde_json::json!(["gateway", "mqtt"]));
    assert_eq!(
        at("/$defs/Business/required"),
        serde_json::json!(["biz_step"])
    );
}

#[test]
fn the_table_of_settings_is_that_of_the_code() {
    let path = root().join("docs/settings.md");
    let table = config::settings_table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == table,
        "docs/settings.md: UPDATE_EXPECT=1 cargo test --test config"
    );
}

#[test]
fn what_must_be_there_is_missed_by_schema_and_check_alike() {
    let validator = validator();
    let text = std::fs::read_to_string(root().join("config/chain.toml")).unwrap();
    let mut count = 0;
    for (at, line) in text.lines().enumerate() {
        if line.contains(" = ") && !line.starts_with('#') {
            let mut lines: Vec<&str> = text.lines().collect();
            lines[at] = "";
            let text = lines.join("\n");
            let file = as_json(&text);
            let is_valid = file.is_some_and(|file| validator.is_valid(&file));
            count += usize::from(!is_valid);
            assert!(
                is_valid || load(&text, &[]).is_err(),
                "line {}: {line}",
                at + 1
            );
        }
    }
    assert!(count > 5, "{count}");
}
