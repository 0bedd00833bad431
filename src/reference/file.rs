//! Records from a file: CSV with a header line, or JSON (one array, or an object a line).
//!
//! | what is given | record |
//! |---|---|
//! | `sscc` or `grai` | contents of that pallet or carrier: all entries with the same one |
//! | `gtin`, `serial`, `lot` | which lot the serial number belongs to |
//! | `gtin`, `lot` | the lot itself |
//!
//! Nothing is ignored: a column or field that is not known is an error with its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use tracegate_gs1::{Ai, Element, Identity};
use tracegate_pipeline::reference::{Batch, Content, Facts, Lot, Reference};

/// Entries of one pallet at most.
const MAX_CONTENTS: usize = 10_000;

/// The forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line, then a line per entry; separated by commas, semicolons or tabs.
    Csv,
    /// An array of objects, or an object a line.
    Json,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FileError {
    /// Where, from 1; in a JSON array the number of the entry.
    pub line: usize,
    /// What, and what to write instead.
    pub problem: String,
}

/// One entry as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    sscc: Option<String>,
    grai: Option<String>,
    gtin: Option<String>,
    serial: Option<String>,
    lot: Option<String>,
    expiry: Option<String>,
    status: Option<String>,
    quantity: Option<u64>,
    version: Option<u64>,
    delete: bool,
    contents: Option<Vec<Entry>>,
}

const COLUMNS: &[&str] = &[
    "sscc", "grai", "gtin", "serial", "lot", "expiry", "status", "quantity", "version", "delete",
];

/// Reads a file. Records without a version get `version`, which should rise from load to load.
///
/// # Errors
/// The first entry that cannot be taken, with its line: nothing of such a file should be loaded.
pub fn parse(text: &str, format: Format, version: u64) -> Result<Vec<Reference>, FileError> {
    let text = text.trim_start_matches('\u{feff}');
    let entries = match format {
        Format::Csv => csv(text)?,
        Format::Json => json(text)?,
    };
    let mut records: BTreeMap<String, Reference> = BTreeMap::new();
    for (line, entry) in entries {
        let fault = |problem| FileError { line, problem };
        let record = record(&entry, version).map_err(fault)?;
        match records.get_mut(&record.key) {
            None => drop(records.insert(record.key.clone(), record)),
            Some(known) => join(known, record).map_err(fault)?,
        }
    }
    Ok(records.into_values().collect())
}

/// Further entries of one pallet add to it; another record of one thing contradicts it.
fn join(known: &mut Reference, more: Reference) -> Result<(), String> {
    match (&mut known.facts, more.facts) {
        (Some(Facts::Contents(all)), Some(Facts::Contents(more_contents))) => {
            all.extend(more_contents);
            if all.len() > MAX_CONTENTS {
                return Err(format!("a pallet has more than {MAX_CONTENTS} entries"));
            }
            if known.version != more.version {
                return Err("entries of one pallet have different versions".to_owned());
            }
            Ok(())
        }
        (known, more) if *known == more => Ok(()),
        _ => Err("another line says something else about the same thing".to_owned()),
    }
}

fn record(entry: &Entry, version: u64) -> Result<Reference, String> {
    let version = entry.version.unwrap_or(version);
    if version == 0 {
        return Err("version is 0; versions start at 1".to_owned());
    }
    let of = |key: Option<String>, facts: Facts| {
        let key = key.ok_or("the entry names nothing")?;
        Ok(Reference {
            key,
            version,
            facts: (!entry.delete).then_some(facts),
        })
    };
    let carrier = match (given(&entry.sscc), given(&entry.grai)) {
        (Some(_), Some(_)) => return Err("sscc and grai are two carriers".to_owned()),
        (Some(sscc), None) => Some((Ai::SSCC, sscc)),
        (None, grai) => grai.map(|grai| (Ai::GRAI, grai)),
    };
    if let Some(carrier) = carrier {
        let key = identity(&[carrier])?.instance_uri();
        if key.is_none() {
            return Err("a grai needs its serial number to name one carrier".to_owned());
        }
        let contents = match &entry.contents {
            Some(contents) => contents.iter().map(content).collect::<Result<_, _>>()?,
            None if entry.delete => Vec::new(),
            None => vec![content(entry)?],
        };
        return of(key, Facts::Contents(contents));
    }
    if entry.contents.is_some() {
        return Err("contents need an sscc or a grai".to_owned());
    }
    let gtin = given(&entry.gtin).ok_or("neither sscc nor grai nor gtin is given")?;
    let expiry = expiry(entry)?;
    let lot = given(&entry.lot);
    if let Some(serial) = given(&entry.serial) {
        let key = identity(&[(Ai::GTIN, &padded(gtin)), (Ai::SERIAL, serial)])?.instance_uri();
        let lot = match lot {
            Some(lot) => checked(Ai::LOT, lot)?,
            None if entry.delete => String::new(),
            None => return Err("a serial number needs its lot".to_owned()),
        };
        return of(key, Facts::Serial(Batch { lot, expiry }));
    }
    let lot = lot.ok_or("a gtin needs a serial or a lot")?;
    let key = identity(&[(Ai::GTIN, &padded(gtin)), (Ai::LOT, lot)])?.class_uri();
    let status = given(&entry.status).map(str::to_owned);
    of(
        key,
        Facts::Lot(Lot {
            status,
            expiry,
            ..Lot::default()
        }),
    )
}

fn content(entry: &Entry) -> Result<Content, String> {
    let gtin = given(&entry.gtin).ok_or("an entry of a pallet needs a gtin")?;
    let gtin = padded(gtin);
    let lot = given(&entry.lot)
        .map(|lot| checked(Ai::LOT, lot))
        .transpose()?;
    if let Some(serial) = given(&entry.serial) {
        if entry.quantity.is_some_and(|quantity| quantity != 1) {
            return Err("a serial number is one thing: leave quantity away".to_owned());
        }
        let item = identity(&[(Ai::GTIN, &gtin), (Ai::SERIAL, serial)])?.instance_uri();
        return Ok(Content {
            item: item.unwrap_or_default(),
            instance: true,
            lot,
            pieces: None,
        });
    }
    let lot = lot.as_deref().map(|lot| (Ai::LOT, lot));
    let elements: Vec<_> = std::iter::once((Ai::GTIN, gtin.as_str()))
        .chain(lot)
        .collect();
    Ok(Content {
        item: identity(&elements)?.class_uri().unwrap_or_default(),
        instance: false,
        lot: None,
        pieces: entry.quantity,
    })
}

fn identity(elements: &[(Ai, &str)]) -> Result<Identity, String> {
    let element = |(ai, value): &(Ai, &str)| {
        let element = Element::new(*ai, *value);
        element.map_err(|error| format!("\"{value}\": {}", crate::error_chain(&error)))
    };
    let elements: Vec<Element> = elements.iter().map(element).collect::<Result<_, _>>()?;
    Identity::from_elements(elements).map_err(|error| crate::error_chain(&error))
}

fn checked(ai: Ai, value: &str) -> Result<String, String> {
    match Element::new(ai, value) {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => Err(format!("\"{value}\": {}", crate::error_chain(&error))),
    }
}

/// Expiry as in AI (17); `2027-03-31` and `270331` are the same.
fn expiry(entry: &Entry) -> Result<Option<String>, String> {
    let Some(text) = given(&entry.expiry) else {
        return Ok(None);
    };
    let digits = match text.strip_prefix("20") {
        Some(rest) if text.len() == 10 && text.matches('-').count() == 2 => rest.replace('-', ""),
        _ => text.to_owned(),
    };
    checked(Ai::EXPIRY, &digits)
        .map(Some)
        .map_err(|_| format!("expiry \"{text}\" is no date; write 2027-03-31 or 270331"))
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// GTINs of 8, 12 and 13 digits with the zeros in front that make them 14.
fn padded(gtin: &str) -> String {
    match gtin.len() {
        8 | 12 | 13 => format!("{gtin:0>14}"),
        _ => gtin.to_owned(),
    }
}

fn json(text: &str) -> Result<Vec<(usize, Entry)>, FileError> {
    let fault = |line: usize, error: &serde_json::Error| FileError {
        line,
        problem: error.to_string(),
    };
    if text.trim_start().starts_with('[') {
        let entries: Vec<Entry> =
            serde_json::from_str(text).map_err(|error| fault(error.line(), &error))?;
        return Ok((1..).zip(entries).collect());
    }
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| match serde_json::from_str(line) {
            Ok(entry) => Ok((number, entry)),
            Err(error) => Err(fault(number, &error)),
        })
        .collect()
}

fn csv(text: &str) -> Result<Vec<(usize, Entry)>, FileError> {
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, it)| !it.trim().is_empty());
    let Some((line, header)) = lines.next() else {
        return Ok(Vec::new());
    };
    let is_separator = |c: &char| matches!(c, ',' | ';' | '\t');
    let separator = header.chars().find(is_separator).unwrap_or(',');
    let fault = |line, problem| FileError { line, problem };
    let columns = fields(header, separator).map_err(|problem| fault(line, problem))?;
    for column in &columns {
        if !COLUMNS.contains(&column.as_str()) {
            let known = COLUMNS.join(", ");
            let problem = format!("column \"{column}\" is not known; columns are {known}");
            return Err(fault(line, problem));
        }
    }
    let entry = |(line, text): (usize, &str)| {
        let values = fields(text, separator).map_err(|problem| fault(line, problem))?;
        if values.len() != columns.len() {
            let problem = format!("{} fields, the header has {}", values.len(), columns.len());
            return Err(fault(line, problem));
        }
        let mut entry = Entry::default();
        for (column, value) in columns.iter().zip(values) {
            set(&mut entry, column, value).map_err(|problem| fault(line, problem))?;
        }
        Ok((line, entry))
    };
    lines.map(entry).collect()
}

fn set(entry: &mut Entry, column: &str, value: String) -> Result<(), String> {
    let value = value.trim().to_owned();
    if value.is_empty() {
        return Ok(());
    }
    let number = || {
        let number = value.parse::<u64>();
        number.map_err(|_| format!("{column} \"{value}\" is not a whole number"))
    };
    match column {
        "sscc" => entry.sscc = Some(value),
        "grai" => entry.grai = Some(value),
        "gtin" => entry.gtin = Some(value),
        "serial" => entry.serial = Some(value),
        "lot" => entry.lot = Some(value),
        "expiry" => entry.expiry = Some(value),
        "status" => entry.status = Some(value),
        "quantity" => entry.quantity = Some(number()?),
        "version" => entry.version = Some(number()?),
        _ => match value.as_str() {
            "0" | "false" | "no" => {}
            "1" | "true" | "yes" => entry.delete = true,
            other => return Err(format!("delete \"{other}\" is neither yes nor no")),
        },
    }
    Ok(())
}

/// The fields of one line; quotes hold separators, and double quotes in them a quote (RFC 4180, but for line breaks).
fn fields(line: &str, separator: char) -> Result<Vec<String>, String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            c if c == separator && !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed on its line".to_owned());
    }
    fields.push(field);
    Ok(fields
        .into_iter()
        .map(|field| field.trim().to_owned())
        .collect())
}
