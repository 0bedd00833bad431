//! Records from a file: CSV with a header line, or JSON (one array, or objects one after the other).
//!
//! | what is given | record |
//! |---|---|
//! | `order` | an order; with `gtin` a line of it: all entries with the same order |
//! | `sscc` or `grai` | contents of that pallet or carrier: all entries with the same one |
//! | `gtin`, `serial`, `lot` | which lot the serial number belongs to |
//! | `gtin`, `lot` | the lot itself |
//!
//! Nothing is ignored: a column or field that is not known is an error with its place.

mod csv;
mod entry;
mod json;

use std::collections::BTreeMap;

use entry::Entry;
use tracegate_pipeline::reference::{Facts, Reference};

use super::message::{MAX_CONTENTS, MAX_LINES};

/// The forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line, then a line per entry; separated by commas, semicolons or tabs.
    Csv,
    /// An array of objects, or objects one after the other.
    Json,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct FileError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What, and what to write instead.
    pub problem: String,
}

/// An entry and where its fields stand.
struct Placed {
    line: usize,
    /// Where it begins.
    column: usize,
    /// Where its fields begin, if that is known.
    fields: Vec<(String, usize)>,
    entry: Entry,
}

impl Placed {
    fn fault(&self, fault: Fault) -> FileError {
        let of = |(name, _): &&(String, usize)| fault.field == Some(name.as_str());
        let column = self.fields.iter().find(of).map(|(_, column)| *column);
        FileError {
            line: self.line,
            column: column.unwrap_or(self.column),
            problem: fault.problem,
        }
    }
}

/// What is wrong with an entry, and with which field of it.
#[derive(Debug)]
struct Fault {
    field: Option<&'static str>,
    problem: String,
}

impl Fault {
    fn of(field: &'static str) -> impl Fn(String) -> Self {
        move |problem| Self {
            field: Some(field),
            problem,
        }
    }
}

impl<T: Into<String>> From<T> for Fault {
    fn from(problem: T) -> Self {
        Self {
            field: None,
            problem: problem.into(),
        }
    }
}

/// Reads a file. Records without a version get `version`, which should rise from load to load.
///
/// # Errors
/// The first entry that cannot be taken, with its place: nothing of such a file should be loaded.
pub fn parse(text: &str, format: Format, version: u64) -> Result<Vec<Reference>, FileError> {
    let text = text.trim_start_matches('\u{feff}');
    let entries = match format {
        Format::Csv => csv::entries(text)?,
        Format::Json => json::entries(text)?,
    };
    let mut records: BTreeMap<String, Reference> = BTreeMap::new();
    for placed in entries {
        let record = entry::record(&placed.entry, version);
        let record = record.map_err(|fault| placed.fault(fault))?;
        match records.get_mut(&record.key) {
            None => drop(records.insert(record.key.clone(), record)),
            Some(known) => join(known, record).map_err(|fault| placed.fault(fault))?,
        }
    }
    Ok(records.into_values().collect())
}

/// Further entries of one pallet or order add to it; another record of one thing contradicts it.
fn join(known: &mut Reference, more: Reference) -> Result<(), Fault> {
    match (&mut known.facts, more.facts) {
        (Some(Facts::Contents(all)), Some(Facts::Contents(others))) => {
            all.extend(others);
            if all.len() > MAX_CONTENTS {
                return Err(format!("a pallet has more than {MAX_CONTENTS} entries").into());
            }
        }
        (Some(Facts::Order(order)), Some(Facts::Order(other))) => {
            if other.status.is_some() && order.status.is_some() && order.status != other.status {
                return Err(Fault::of("status")(
                    "another line says something else about this order".to_owned(),
                ));
            }
            order.status = order.status.take().or(other.status);
            order.lines.extend(other.lines);
            if order.lines.len() > MAX_LINES {
                return Err(format!("an order has more than {MAX_LINES} lines").into());
            }
        }
        (known, more) if *known == more => return Ok(()),
        _ => return Err("another line says something else about the same thing".into()),
    }
    match known.version == more.version {
        true => Ok(()),
        false => Err(Fault::of("version")(
            "entries of one pallet or order have different versions".to_owned(),
        )),
    }
}
