//! As much YAML as the shared definition files use: maps, lists, flow style, plain and quoted scalars, comments.

use serde_json::{Map, Value};

/// Reads a document.
pub fn parse(text: &str) -> Value {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut lines = &lines[..];
    let value = block(&mut lines, 0);
    assert!(lines.is_empty(), "not understood: {:?}", lines.first());
    value
}

/// Reads what stands at `indent`: a list if it begins with a dash, else a map.
fn block(lines: &mut &[(usize, &str)], indent: usize) -> Value {
    let is_list = lines[0].1.starts_with("- ");
    let mut list = Vec::new();
    let mut map = Map::new();
    while let Some(&(at, line)) = lines.first()
        && at == indent
        && line.starts_with("- ") == is_list
    {
        if is_list {
            list.push(item(lines, indent));
        } else {
            let (key, value) = entry(lines, indent);
            map.insert(key, value);
        }
    }
    if is_list {
        Value::Array(list)
    } else {
        Value::Object(map)
    }
}

/// Reads one list item; a map in it begins behind the dash and goes on two columns deeper.
fn item(lines: &mut &[(usize, &str)], indent: usize) -> Value {
    let content = lines[0].1[2..].trim();
    if key_of(content).is_none() {
        *lines = &lines[1..];
        return scalar(content);
    }
    let mut inner = vec![(indent + 2, content)];
    *lines = &lines[1..];
    while let Some(&line) = lines.first()
        && line.0 > indent
    {
        inner.push(line);
        *lines = &lines[1..];
    }
    let mut rest = &inner[..];
    let value = block(&mut rest, indent + 2);
    assert!(rest.is_empty(), "not understood: {:?}", rest.first());
    value
}

fn entry(lines: &mut &[(usize, &str)], indent: usize) -> (String, Value) {
    let line = lines[0].1;
    let (key, value) = key_of(line).unwrap_or_else(|| panic!("no key in {line:?}"));
    *lines = &lines[1..];
    let nested = lines
        .first()
        .filter(|next| next.0 > indent || (next.0 == indent && next.1.starts_with("- ")));
    let value = match (value, nested) {
        ("", Some(&(deeper, _))) => block(lines, deeper),
        ("", None) => Value::Null,
        (value, _) => scalar(value),
    };
    (key.to_owned(), value)
}

fn key_of(line: &str) -> Option<(&str, &str)> {
    if line.starts_with(['{', '[', '"']) {
        return None;
    }
    let (key, value) = line.split_once(':')?;
    Some((key.trim(), value.trim()))
}

fn scalar(text: &str) -> Value {
    let inside = |open, close| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(items) = inside('[', ']') {
        let items = items
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        return items.map(scalar).collect();
    }
    if let Some(entries) = inside('{', '}') {
        let entries = entries
            .split(',')
            .map(|e| key_of(e.trim()).expect("key: value"));
        return Value::Object(entries.map(|(k, v)| (k.to_owned(), scalar(v))).collect());
    }
    Value::from(text.trim_matches('"'))
}
