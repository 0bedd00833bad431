//! The table of all settings, for docs/settings.md.

use std::fmt::Write as _;

use super::super::NAMED_SECTIONS;
use super::super::mistake::plain_type;
use super::Settings;
use super::applies::applies;
use super::reference::About;
use super::shape::{Section, Shape};

const HEAD: &str = "\
# Every setting

Written by `tracegate schema --format markdown` from the code and from [config/gateway.toml](../config/gateway.toml), which has the same
texts beside the settings; a test compares them. `tracegate schema` writes a JSON Schema of the file for editors: see
[Help from the editor](editor.md).

The last column says when a change applies: with `tracegate reload`, or with the next start of the gateway.
NAME is yours: small letters, digits and _.
";

/// All settings, a table for each kind of section.
pub(super) fn markdown(settings: &Settings) -> String {
    let mut out = HEAD.to_owned();
    // Writing to a String cannot fail.
    let mut later: Vec<(&Section, Vec<String>)> = Vec::new();
    for (kind, shape) in settings.kinds() {
        let name = if NAMED_SECTIONS.contains(&kind) {
            ".NAME"
        } else {
            ""
        };
        let (title, text) = settings.reference.section(kind).unwrap_or_default();
        let _ = write!(out, "\n## [{kind}{name}]\n\n{title}.");
        if !text.is_empty() {
            let _ = write!(out, " {text}");
        }
        out.push('\n');
        if let Some(section) = shape.settings() {
            table(&mut out, settings, section, kind, &mut later);
        }
    }
    let mut at = 0;
    while let Some((section, paths)) = later.get(at).cloned() {
        let title: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
        let _ = write!(out, "\n### Inside {}\n", title.join(", "));
        let path = paths.first().map_or("", String::as_str);
        table(&mut out, settings, section, path, &mut later);
        at += 1;
    }
    out
}

/// The table of a section. What has settings of its own is noted for later, once for all places that it is used in.
fn table<'a>(
    out: &mut String,
    settings: &Settings,
    section: &'a Section,
    path: &str,
    later: &mut Vec<(&'a Section, Vec<String>)>,
) {
    *out += "\n| setting | meaning | takes | default | applies |\n|---|---|---|---|---|\n";
    for (field, shape) in &section.fields {
        let path = format!("{path}.{field}");
        let nothing = About::default();
        let about = settings.reference.about(section, field).unwrap_or(&nothing);
        let default = match (about.default, &about.otherwise) {
            (Some(value), _) => format!("`{value}`"),
            (None, Some(words)) => words.clone(),
            (None, None) if about.is_required => "required".to_owned(),
            (None, None) => "none".to_owned(),
        };
        let cells = [
            format!("`{field}`"),
            about.meaning.clone(),
            takes(shape),
            default,
            applies(&path).to_owned(),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
        if let Some(inner) = shape.settings() {
            match later.iter_mut().find(|(it, _)| it.name == inner.name) {
                Some((_, paths)) if !paths.contains(&path) => paths.push(path),
                Some(_) => {}
                None => later.push((inner, vec![path])),
            }
        }
    }
}

/// What a setting takes, in words.
fn takes(shape: &Shape) -> String {
    if shape.section.is_some() {
        return "settings".to_owned();
    }
    if !shape.words.is_empty() {
        return format!("`\"{}\"`", shape.words.join("\"`, `\""));
    }
    match (&shape.list, &shape.table) {
        // These say in their own words that they are lists or tables.
        (Some(list), None) if !shape.text => format!("list: {}", takes(list)),
        (None, Some(table)) => format!("table: {}", takes(&table.1)),
        _ if shape.fraction && !shape.text => "a number".to_owned(),
        // How large a number may be is what it means; the type takes more.
        _ if shape.whole && !shape.text => "a whole number".to_owned(),
        _ => plain_type(&shape.expected).replace(" in quotes", ""),
    }
}
