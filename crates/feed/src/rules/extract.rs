//! Fields of a text: columns, CSV, JSON, key=value.

use serde_json::Value;

use super::Fields;

/// How fields are found. Fields that are not there are left out; a text that has none of the wanted is no such text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extract {
    /// Named groups of the rule's pattern.
    Regex,
    /// Columns of a CSV line (RFC 4180), counted from 0.
    Csv {
        /// Between columns.
        separator: char,
        /// Name and column; see [`csv_columns`] for columns by header.
        columns: Vec<(String, usize)>,
    },
    /// Fixed columns, in characters.
    Columns {
        /// Name, first character counted from 0, length; blanks around are let go.
        columns: Vec<(String, usize, usize)>,
    },
    /// Values of a JSON text by pointer (RFC 6901); texts, numbers and booleans.
    JsonPointer {
        /// Name and pointer.
        pointers: Vec<(String, String)>,
    },
    /// `key=value` pairs; the fields are named by the keys.
    KeyValue {
        /// Between pairs.
        separator: char,
        /// Between key and value.
        assign: char,
    },
}

impl Extract {
    pub(super) fn fields(&self, text: &str) -> Option<Fields> {
        let mut fields = Fields::default();
        match self {
            Extract::Regex => {}
            Extract::Csv { separator, columns } => {
                let line = csv(text, *separator).ok()?;
                for (name, index) in columns {
                    if let Some(value) = line.get(*index) {
                        fields.push(name, value);
                    }
                }
            }
            Extract::Columns { columns } => {
                for (name, first, len) in columns {
                    let value: String = text.chars().skip(*first).take(*len).collect();
                    let value = value.trim_matches(' ');
                    if !value.is_empty() {
                        fields.push(name, value);
                    }
                }
            }
            Extract::JsonPointer { pointers } => {
                let json: Value = serde_json::from_str(text).ok()?;
                for (name, pointer) in pointers {
                    let value = match json.pointer(pointer) {
                        Some(Value::String(text)) => text.clone(),
                        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                        _ => continue,
                    };
                    fields.push(name, value);
                }
            }
            Extract::KeyValue { separator, assign } => {
                for pair in text.split(*separator) {
                    if let Some((key, value)) = pair.split_once(*assign) {
                        fields.push(key.trim(), value.trim());
                    }
                }
            }
        }
        (!fields.is_empty()).then_some(fields)
    }
}

/// A line that is no CSV.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCsv {
    /// A quote opens and nothing closes it.
    #[error("a quoted column does not end")]
    Unclosed,
    /// The header has no such column.
    #[error("the header has no column `{0}`")]
    NoColumn(String),
}

/// The columns of one CSV line (RFC 4180).
///
/// # Errors
/// When a quoted column does not end.
pub fn csv(line: &str, separator: char) -> Result<Vec<String>, BadCsv> {
    let mut columns = Vec::new();
    let mut column = String::new();
    let mut quoted = false;
    let mut chars = line.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                column.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if column.trim().is_empty() => {
                column.clear();
                quoted = true;
            }
            c if c == separator && !quoted => columns.push(std::mem::take(&mut column)),
            c => column.push(c),
        }
    }
    if quoted {
        return Err(BadCsv::Unclosed);
    }
    columns.push(column);
    Ok(columns)
}

/// Columns by the names in a header: pairs of field and header name become pairs of field and column.
///
/// # Errors
/// When the header is no CSV, or lacks one.
pub fn csv_columns(
    header: &str,
    separator: char,
    wanted: &[(String, String)],
) -> Result<Vec<(String, usize)>, BadCsv> {
    let names = csv(header.trim_start_matches('\u{feff}'), separator)?;
    let find = |(field, name): &(String, String)| {
        let at = names
            .iter()
            .position(|known| known.trim().eq_ignore_ascii_case(name.trim()));
        at.map(|at| (field.clone(), at))
            .ok_or_else(|| BadCsv::NoColumn(name.clone()))
    };
    wanted.iter().map(find).collect()
}
