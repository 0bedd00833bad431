//! The configuration as it counts, as JSON.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::Line;
use crate::config::{Section, masked};

/// Sections with their settings, in the order of the text; each with where it comes from, if that is wanted.
pub(super) fn render(
    sections: &[Section],
    lines: &[Vec<Line>],
    with_origin: bool,
) -> anyhow::Result<String> {
    let mut root = Map::new();
    for (section, lines) in sections.iter().zip(lines) {
        let mut settings = Map::new();
        for Line { key, value, origin } in lines {
            // Whatever looks like a password is one; a line that masking has torn open is shown as it is.
            let shown = masked(&format!("{key} = {value}"));
            let parsed = toml::from_str::<Map<String, Value>>(&shown);
            let entry = parsed.ok().and_then(|it| it.into_iter().next());
            let (key, value) = entry.unwrap_or_else(|| {
                let text = shown.split_once(" = ").map_or("", |(_, value)| value);
                (key.clone(), Value::from(text))
            });
            let value = match with_origin {
                true => json!({ "value": value, "origin": origin }),
                false => value,
            };
            settings.insert(key, value);
        }
        put(&mut root, &section.path, settings);
    }
    Ok(serde_json::to_string_pretty(&root).context("write JSON")? + "\n")
}

fn put(into: &mut Map<String, Value>, path: &[String], settings: Map<String, Value>) {
    let Some((first, rest)) = path.split_first() else {
        into.extend(settings);
        return;
    };
    let below = into.entry(first.clone()).or_insert_with(|| json!({}));
    if let Some(below) = below.as_object_mut() {
        put(below, rest, settings);
    }
}
