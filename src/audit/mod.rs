//! The record of verdicts: who was told what, when, by which rule, configuration and data; so that it can be proven later.
//!
//! Rows are chained: the hash of each is SHA-256 of the hash before it, as 64 hexadecimal digits, and the row's own text.
//! They stand in the buffer's file and are committed in the transaction of the inputs and events that they are about, so the
//! record cannot disagree with what was booked. Whoever keeps a hash elsewhere can tell that nothing before it was changed.
//! The oldest leave after [`Keep`]; the hash of the last of them stays as the seal that the rest begins with.

mod verify;

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(test)]
pub(crate) use verify::verify;
pub use verify::{Broken, Verified, Verifier};

/// Characters of a text in a row at most; what is longer is cut.
const MAX_TEXT: usize = 500;

/// The hash before the first row.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How long rows stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// For so long.
    pub age: Duration,
    /// So many at most.
    pub rows: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(365 * 86_400),
            rows: 200_000,
        }
    }
}

/// One row; what is not known is left out. Its text is this as JSON, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Number, from 1.
    pub n: i64,
    /// When, RFC 3339 with microseconds.
    pub at: String,
    /// `start` of a record, else `accepted`, `duplicate`, `warned`, `refused` or `pending` of a scan, or `alert` of what leaves
    /// and may not.
    pub what: String,
    /// The device whose scan it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Name of the read point, of a station with a task or a guarded door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_point: Option<String>,
    /// Who was at work there: the badge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What was scanned; in hexadecimal digits after `hex:` if it is no text. Of an alert the thing's URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the operator was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Ids of the events that were committed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// SHA-256 of what the configuration in force meant: of the rules, without the order of devices and sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Version of the record that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_version: Option<u64>,
    /// Until when the site's data was known to be current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_as_of: Option<String>,
    /// With `start`: the buffer's epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// With `start`: the gateway's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Row {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A row as it is kept and exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// SHA-256 of the hash before it and its text.
    pub hash: String,
    /// The row.
    pub row: Row,
}

/// What rows go on from: the last that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Its number; 0 for none.
    pub n: i64,
    /// Its hash.
    pub hash: String,
}

impl Default for Seal {
    fn default() -> Self {
        Self {
            n: 0,
            hash: NOTHING.to_owned(),
        }
    }
}

/// The hash of a row with this text behind the row with hash `before`.
#[must_use]
pub fn chain(before: &str, text: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(before.as_bytes());
    hasher.update(text.as_bytes());
    hex(&hasher.finalize())
}

/// SHA-256 of some text.
#[must_use]
pub fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// A time as in rows.
#[must_use]
pub fn time(at_us: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(at_us).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// What was scanned, as in rows.
#[must_use]
pub fn code(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) => cut(text),
        Err(_) => cut(&format!("hex:{}", hex(data))),
    }
}

/// A text as in rows.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The columns of CSV.
pub const COLUMNS: &str = "n,at,what,device,read_point,operator,code,rule,text,events,config,data_version,data_as_of,epoch,version,hash";

impl Sealed {
    /// As JSON on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a line of CSV (RFC 4180), in the order of [`COLUMNS`]; control characters are spaces.
    #[must_use]
    pub fn csv(&self) -> String {
        let row = &self.row;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let version = row.data_version.map(|it| it.to_string());
        let fields = [
            row.n.to_string(),
            row.at.clone(),
            row.what.clone(),
            text(&row.device),
            text(&row.read_point),
            text(&row.operator),
            text(&row.code),
            text(&row.rule),
            text(&row.text),
            row.events.join(" "),
            text(&row.config),
            text(&version),
            text(&row.data_as_of),
            text(&row.epoch),
            text(&row.version),
            self.hash.clone(),
        ];
        fields.map(|field| quoted(&field)).join(",")
    }
}

fn quoted(field: &str) -> String {
    let tame: String = field
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match tame.contains([',', '"', ';']) {
        true => format!("\"{}\"", tame.replace('"', "\"\"")),
        false => tame,
    }
}
