//! The merged configuration as one text again: what was written, each value with where it comes from.

use ::config::{Value, ValueKind};

use super::{Loaded, NAMED_SECTIONS, Origin, SECTIONS};

/// A section with what is written in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Kind, and its name where it has one: the header without brackets.
    pub path: Vec<String>,
    /// Its settings by name.
    pub settings: Vec<Setting>,
}

/// A setting that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its value as TOML, on one line.
    pub value: String,
    /// Where that comes from.
    pub origin: Origin,
}

impl Loaded {
    /// Every section: those that occur once, written or not, and those with a name that are written.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for kind in SECTIONS {
            let written = entries(Some(&self.tree.root), kind);
            if !NAMED_SECTIONS.contains(kind) {
                sections.push(self.section(&[kind], written));
                continue;
            }
            for (name, _) in named(written) {
                sections.push(self.section(&[kind, name], entries(written, name)));
            }
        }
        sections
    }

    fn section(&self, path: &[&str], written: Option<&Value>) -> Section {
        let setting = |(key, value): (&String, &Value)| {
            let origin = self.origin(&[path, &[key]].concat());
            Setting {
                key: key.clone(),
                value: match (&value.kind, &origin) {
                    // Variables are read as the type that the setting wants.
                    (ValueKind::String(text), Origin::Variable(_)) if is_toml(text) => text.clone(),
                    _ => toml(value),
                },
                origin,
            }
        };
        Section {
            path: path.iter().map(|&it| it.to_owned()).collect(),
            settings: named(written).into_iter().map(setting).collect(),
        }
    }
}

fn entries<'a>(node: Option<&'a Value>, key: &str) -> Option<&'a Value> {
    match &node?.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    }
}

/// What a table holds, by name.
fn named(node: Option<&Value>) -> Vec<(&String, &Value)> {
    let Some(ValueKind::Table(table)) = node.map(|node| &node.kind) else {
        return Vec::new();
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// Whether a variable's text is a number, a list or the like rather than a text.
fn is_toml(text: &str) -> bool {
    let value = toml::de::DeValue::parse(text);
    value.is_ok_and(|value| !matches!(value.get_ref(), toml::de::DeValue::String(_)))
}

fn toml(value: &Value) -> String {
    match &value.kind {
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::Float(number) => format!("{number:?}"),
        ValueKind::Array(list) => {
            let list: Vec<String> = list.iter().map(toml).collect();
            format!("[{}]", list.join(", "))
        }
        ValueKind::Table(_) => {
            let entry =
                |(key, value): (&String, &Value)| format!("{} = {}", name(key), toml(value));
            let entries: Vec<String> = named(Some(value)).into_iter().map(entry).collect();
            match entries.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", entries.join(", ")),
            }
        }
        ValueKind::String(text) => quoted(text),
        // A loaded configuration has no others.
        _ => quoted(&value.to_string()),
    }
}

fn name(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match !key.is_empty() && key.bytes().all(is_bare) {
        true => key.to_owned(),
        false => quoted(key),
    }
}

/// A basic string of TOML; JSON's escapes are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}
