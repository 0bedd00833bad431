//! The schema, for editors and programs: JSON Schema draft 2020-12 of the whole file.

use serde_json::{Map, Value, json};

use super::super::feed::FrameKind;
use super::super::guard::{Days, Percent};
use super::super::mistake::plain_type;
use super::super::units::{ByteSize, Db, Dbm, FromText};
use super::Settings;
use super::applies::applies;
use super::reference::About;
use super::shape::{Section, Shape};

/// Texts that carry a unit, by what is expected: as the parsers of these types read them.
const UNITS: [(&str, &str); 7] = [
    (
        <std::time::Duration as FromText>::EXPECTED,
        r"^\s*\+?[0-9][0-9.]*\s*(ms|s|m|min|h|d)\s*$",
    ),
    (Dbm::EXPECTED, r"^\s*[+-]?[0-9][0-9.]*\s*dBm\s*$"),
    (Db::EXPECTED, r"^\s*[+-]?[0-9]+\s*dB\s*$"),
    (
        ByteSize::EXPECTED,
        r"^\s*\+?[0-9][0-9.]*\s*(B|[kKMGT]B|[KMGT]iB)\s*$",
    ),
    (Days::EXPECTED, r"^\s*[0-9]+\s*(d|day|days)\s*$"),
    (
        FrameKind::EXPECTED,
        r"^\s*(delimited|ssi|(fixed|length)\s.*|idle\s.*(ms|s|m|min|h|d))\s*$",
    ),
    (Percent::EXPECTED, r"^\s*[0-9]+(\.[0-9])?\s*%\s*$"),
];
/// What names of devices and places may be.
const NAME: &str = "^[a-z0-9_]+$";
/// What ports may be, as names in a table.
const PORT: &str = "^[1-9][0-9]*$";

/// The schema of the whole configuration.
pub(super) fn schema(settings: &Settings) -> Value {
    let mut writer = Writer {
        settings,
        definitions: Map::new(),
    };
    let mut root = Map::new();
    root.insert(
        "$schema".into(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    root.insert("title".into(), "Tracegate configuration".into());
    root.insert("description".into(), "The configuration file of the Tracegate edge gateway. Settings that variables of the environment give need not stand in it.".into());
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (kind, shape) in settings.kinds() {
        let (title, text) = settings.reference.section(kind).unwrap_or_default();
        let mut section = writer.shape(shape, kind);
        section.insert("title".into(), title.into());
        if !text.is_empty() {
            section.insert("description".into(), text.into());
        }
        if let Some(entry) = section.get("additionalProperties")
            && entry.is_object()
        {
            section.insert("propertyNames".into(), json!({ "pattern": NAME }));
        } else if section.contains_key("required") {
            required.push(Value::from(kind));
        }
        properties.insert(kind.into(), section.into());
    }
    root.insert("type".into(), "object".into());
    root.insert("properties".into(), properties.into());
    root.insert("required".into(), required.into());
    root.insert("additionalProperties".into(), false.into());
    root.insert("$defs".into(), writer.definitions.into());
    root.into()
}

struct Writer<'a> {
    settings: &'a Settings,
    definitions: Map<String, Value>,
}

impl Writer<'_> {
    /// What stands at `path`, the setting's name without the names of named sections.
    fn shape(&mut self, shape: &Shape, path: &str) -> Map<String, Value> {
        if let Some(section) = &shape.section {
            // What is used in more than one place is written once.
            if self.settings.uses(section.name) < 2 {
                return self.section(section, path);
            }
            if !self.definitions.contains_key(section.name) {
                self.definitions.insert(section.name.into(), Value::Null);
                let definition = self.section(section, path);
                self.definitions
                    .insert(section.name.into(), definition.into());
            }
            let mut reference = Map::new();
            reference.insert("$ref".into(), format!("#/$defs/{}", section.name).into());
            return reference;
        }
        if !shape.words.is_empty() {
            return object(json!({ "type": "string", "enum": shape.words }));
        }
        let mut kinds = Vec::new();
        if shape.boolean {
            kinds.push(object(json!({ "type": "boolean" })));
        }
        if shape.fraction {
            kinds.push(object(json!({ "type": "number" })));
        } else if shape.whole {
            let mut whole = object(json!({ "type": "integer" }));
            if let Some((least, most)) = bounds(&shape.expected) {
                whole.insert("minimum".into(), least.into());
                whole.insert("maximum".into(), most.into());
            } else if !shape.negative {
                whole.insert("minimum".into(), 0.into());
            }
            kinds.push(whole);
        }
        if shape.text {
            let mut text = object(json!({ "type": "string" }));
            let unit = UNITS
                .iter()
                .find(|(expected, _)| *expected == shape.expected);
            if let Some((_, pattern)) = unit {
                text.insert("pattern".into(), (*pattern).into());
            }
            kinds.push(text);
        }
        if let Some(entry) = &shape.list {
            let items = self.shape(entry, path);
            kinds.push(object(json!({ "type": "array", "items": items })));
        }
        if let Some(table) = &shape.table {
            let (names, values) = (&table.0, self.shape(&table.1, path));
            let mut table = object(json!({ "type": "object", "additionalProperties": values }));
            if names.whole {
                table.insert("propertyNames".into(), json!({ "pattern": PORT }));
            }
            kinds.push(table);
        }
        match kinds.len() {
            1 => kinds.swap_remove(0),
            _ => object(json!({ "anyOf": kinds })),
        }
    }

    fn section(&mut self, section: &Section, path: &str) -> Map<String, Value> {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (field, shape) in &section.fields {
            let path = format!("{path}.{field}");
            let mut setting = self.shape(shape, &path);
            if let Some(about) = self.settings.reference.about(section, field) {
                if about.is_required {
                    required.push(Value::from(*field));
                }
                describe(&mut setting, about);
            }
            setting.insert("x-applies".into(), applies(&path).into());
            properties.insert((*field).into(), setting.into());
        }
        let mut object = object(json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        }));
        if !required.is_empty() {
            object.insert("required".into(), required.into());
        }
        object
    }
}

fn describe(setting: &mut Map<String, Value>, about: &About) {
    let mut description = about.meaning.clone();
    if let Some(otherwise) = &about.otherwise {
        description += &format!(" Default: {otherwise}.");
    }
    setting.insert("description".into(), description.into());
    if let Some(default) = about.default.and_then(value) {
        setting.insert("default".into(), default);
    }
    // Words show themselves.
    if !setting.contains_key("enum")
        && let Some(example) = about.example.and_then(value)
    {
        setting.insert("examples".into(), json!([example]));
    }
}

/// A value of TOML as one of JSON.
pub(super) fn value(toml: &str) -> Option<Value> {
    let table: toml::Table = format!("it = {toml}").parse().ok()?;
    serde_json::to_value(table.get("it")?).ok()
}

/// The least and the most of a whole number, as its type expects it.
fn bounds(expected: &str) -> Option<(u64, u64)> {
    let words = plain_type(expected);
    let (_, range) = words.split_once(" from ")?;
    let (least, most) = range.split_once(" to ")?;
    Some((least.parse().ok()?, most.parse().ok()?))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
