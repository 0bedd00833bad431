//! Takes secrets out.

use std::path::Path;

use serde_json::Value;

use crate::config::{is_secret, masked};

/// What stands in place of a secret.
const MASK: &str = "***";
/// Shorter ones are not looked for: they would be found in every other word.
const SHORTEST: usize = 4;
/// A key's line that is shorter tells nothing.
const SHORTEST_LINE: usize = 20;
/// A larger file is no password and no key.
const MAX_FILE: u64 = 64 * 1024;

/// Secrets that are known, and what others look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The longest first.
    known: Vec<String>,
}

impl Secrets {
    /// What stands in the files that a configuration names for secrets, as far as this user may read them. Names are
    /// taken below `folders`, unless they are absolute.
    #[must_use]
    pub fn named_in(text: &str, folders: &[&Path]) -> Self {
        let mut known = Vec::new();
        for name in text.lines().filter_map(secret_file) {
            for folder in folders {
                let path = folder.join(&name);
                let is_small = std::fs::metadata(&path).is_ok_and(|it| it.len() <= MAX_FILE);
                let content = is_small.then(|| std::fs::read_to_string(&path));
                if let Some(Ok(content)) = content {
                    known.extend(parts(&content));
                }
            }
        }
        Self::known(known)
    }

    /// These.
    #[must_use]
    pub fn known(mut known: Vec<String>) -> Self {
        known.retain(|it| it.len() >= SHORTEST);
        known.sort_by_key(|it| std::cmp::Reverse(it.len()));
        known.dedup();
        Self { known }
    }

    /// A text of lines without secrets.
    #[must_use]
    pub fn hide_in_text(&self, text: &str) -> String {
        masked(&without_keys(&self.hide_known(text)))
    }

    /// JSON without secrets.
    pub fn hide_in_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hide_in_value(text),
            Value::Array(all) => all.iter_mut().for_each(|it| self.hide_in_json(it)),
            Value::Object(all) => {
                for (key, value) in all.iter_mut() {
                    match value {
                        Value::String(text) if is_secret(key) => MASK.clone_into(text),
                        value => self.hide_in_json(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Words in JSON are sentences: "a wrong password: …" gives nothing away.
    fn hide_in_value(&self, text: &str) -> String {
        let text = without_keys(&self.hide_known(text));
        match text.contains("://") || text.contains('=') {
            true => masked(&text),
            false => text,
        }
    }

    fn hide_known(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.known {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }
}

/// The file that a line of a configuration names for a secret.
fn secret_file(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let named = key.strip_suffix("_file")?;
    if !(is_secret(named) || named.contains("key")) {
        return None;
    }
    let quote = value.chars().next().filter(|it| "\"'".contains(*it))?;
    let name = value.get(1..)?.split(quote).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// What of a file must not be told: its line, or the lines of a key.
fn parts(content: &str) -> Vec<String> {
    let lines: Vec<&str> = content.trim().lines().map(str::trim).collect();
    match lines.as_slice() {
        [one] => vec![(*one).to_owned()],
        lines => {
            let telling = |line: &&&str| line.len() >= SHORTEST_LINE && !line.starts_with("-----");
            let telling = lines.iter().filter(telling);
            telling.map(|line| (*line).to_owned()).collect()
        }
    }
}

/// Without private keys in PEM.
fn without_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, key) = rest.split_at(at);
        let label = key
            .get(BEGIN.len()..)
            .and_then(|it| it.split("-----").next());
        let label = label.unwrap_or_default();
        if !label.ends_with("PRIVATE KEY") {
            let (keep, after) = key.split_at(BEGIN.len());
            out.push_str(before);
            out.push_str(keep);
            rest = after;
            continue;
        }
        out.push_str(before);
        out.push_str(MASK);
        let end = format!("-----END {label}-----");
        // One that does not end is cut off: all of the rest may be it.
        rest = match key.find(&end) {
            Some(at) => key.get(at + end.len()..).unwrap_or_default(),
            None => "",
        };
    }
    out + rest
}
