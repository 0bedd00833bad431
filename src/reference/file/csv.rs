//! Entries as CSV (RFC 4180, but for line breaks within quotes).

use super::entry::{Amount, Entry, Names};
use super::{FileError, Placed};

const COLUMNS: &[&str] = &[
    "sscc", "grai", "gtin", "serial", "lot", "order", "line", "expiry", "received", "status",
    "quantity", "open", "uom", "lots", "location", "reason", "version", "delete",
];

pub(super) fn entries(text: &str) -> Result<Vec<Placed>, FileError> {
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, it)| !it.trim().is_empty());
    let Some((line, header)) = lines.next() else {
        return Ok(Vec::new());
    };
    let is_separator = |c: &char| matches!(c, ',' | ';' | '\t');
    let separator = header.chars().find(is_separator).unwrap_or(',');
    let columns = fields(header, separator).map_err(|(column, problem)| FileError {
        line,
        column,
        problem,
    })?;
    for (name, column) in &columns {
        if !COLUMNS.contains(&name.as_str()) {
            let known = COLUMNS.join(", ");
            return Err(FileError {
                line,
                column: *column,
                problem: format!("column \"{name}\" is not known; columns are {known}"),
            });
        }
    }
    let entry = |(line, text): (usize, &str)| {
        let fault = |column, problem| FileError {
            line,
            column,
            problem,
        };
        let values = fields(text, separator).map_err(|(column, problem)| fault(column, problem))?;
        if values.len() != columns.len() {
            let problem = format!("{} fields, the header has {}", values.len(), columns.len());
            let beyond = values.get(columns.len()).map_or(1, |(_, column)| *column);
            return Err(fault(beyond, problem));
        }
        let mut placed = Placed {
            line,
            column: 1,
            fields: Vec::new(),
            entry: Entry::default(),
        };
        for ((name, _), (value, column)) in columns.iter().zip(values) {
            set(&mut placed.entry, name, value).map_err(|problem| fault(column, problem))?;
            placed.fields.push((name.clone(), column));
        }
        Ok(placed)
    };
    lines.map(entry).collect()
}

fn set(entry: &mut Entry, column: &str, value: String) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    match column {
        "sscc" => entry.sscc = Some(value),
        "grai" => entry.grai = Some(value),
        "gtin" => entry.gtin = Some(value),
        "serial" => entry.serial = Some(value),
        "lot" => entry.lot = Some(value),
        "order" => entry.order = Some(value),
        "line" => entry.line = Some(value),
        "expiry" => entry.expiry = Some(value),
        "received" => entry.received = Some(value),
        "status" => entry.status = Some(value),
        "quantity" => entry.quantity = Some(Amount::Text(value)),
        "open" => entry.open = Some(Amount::Text(value)),
        "uom" => entry.uom = Some(value),
        "lots" => entry.lots = Some(Names::Text(value)),
        "location" => entry.location = Some(value),
        "reason" => entry.reason = Some(value),
        "version" => {
            let number = value.parse();
            let number =
                number.map_err(|_| format!("version \"{value}\" is not a whole number"))?;
            entry.version = Some(number);
        }
        _ => match value.as_str() {
            "0" | "false" | "no" => {}
            "1" | "true" | "yes" => entry.delete = true,
            other => return Err(format!("delete \"{other}\" is neither yes nor no")),
        },
    }
    Ok(())
}

/// The fields of one line, each with the column where it begins; quotes hold separators, and double quotes in them a quote.
fn fields(line: &str, separator: char) -> Result<Vec<(String, usize)>, (usize, String)> {
    let (mut fields, mut field, mut began, mut quoted) = (Vec::new(), String::new(), 1, false);
    let mut chars = (1..).zip(line.trim_end_matches('\r').chars()).peekable();
    while let Some((column, c)) = chars.next() {
        match c {
            '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            c if c == separator && !quoted => {
                fields.push((std::mem::take(&mut field), began));
                began = column + 1;
            }
            c => field.push(c),
        }
    }
    if quoted {
        return Err((began, "a quote is not closed on its line".to_owned()));
    }
    fields.push((field, began));
    let trimmed = |(field, column): (String, usize)| (field.trim().to_owned(), column);
    Ok(fields.into_iter().map(trimmed).collect())
}
