//! Fields of a text: CSV, key=value.

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
        /// Name and column.
        columns: Vec<(String, usize)>,
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
