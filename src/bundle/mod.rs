//! What support needs to know of a gateway, in one file: a compressed tar archive of texts.
//!
//! [`gather()`] collects the parts, for `tracegate bundle` as for the daemon itself; [`write()`] packs them. What cannot be had
//! is a part as well, and says why. **Invariants**: every part is bounded; no secret leaves: neither one of a file that the
//! configuration names, nor one that a line, an address or a key's own form gives away.

mod gather;
mod machine;
mod scrub;
mod tar;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use gather::{Running, gather};
pub use scrub::Secrets;

/// Bytes of a part at most; what is longer is cut.
const MAX_PART: usize = 2 << 20;

/// What a part holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// JSON.
    Json(Value),
    /// It could not be had; why.
    Missing(String),
}

/// One file of the bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What it tells, for the list of contents.
    pub tells: &'static str,
    /// What it holds.
    pub content: Content,
}

/// A part in the list of contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it tells.
    pub tells: &'static str,
    /// Its length.
    pub bytes: usize,
    /// Why it could not be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// The parts, without secrets and within their bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    files: Vec<(Part, String)>,
}

impl Bundle {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: Vec<Part>, secrets: &Secrets) -> Self {
        let clean = |part: Part| {
            let text = match &part.content {
                Content::Text(text) => secrets.hide_in_text(text),
                Content::Json(value) => {
                    let mut value = value.clone();
                    secrets.hide_in_json(&mut value);
                    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
                }
                Content::Missing(why) => secrets.hide_in_text(why),
            };
            (part, cut(text))
        };
        Self {
            files: parts.into_iter().map(clean).collect(),
        }
    }

    /// What is in it.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let listed = |(part, text): &(Part, String)| {
            let missing = matches!(part.content, Content::Missing(_));
            Listed {
                name: part.name,
                tells: part.tells,
                bytes: if missing { 0 } else { text.len() },
                missing: missing.then(|| text.trim_end().to_owned()),
            }
        };
        self.files.iter().map(listed).collect()
    }

    /// The same, a line each.
    #[must_use]
    pub fn contents(&self) -> String {
        let mut out = String::new();
        for it in self.list() {
            let state = match it.missing {
                Some(why) => format!("missing: {why}"),
                None => crate::buffer::size_text(it.bytes as u64),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{:<20}{}  ({state})", it.name, it.tells);
        }
        out
    }
}

/// The name of a bundle's folder: the site, and when it was made.
#[must_use]
pub fn folder(site: &str, at: Timestamp) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "-_.".contains(c) {
        true => c,
        false => '_',
    };
    let site: String = site.chars().map(plain).take(40).collect();
    format!("tracegate-{site}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// Packs a bundle: `tar`, compressed with gzip, in a folder of this name; files date from `at`, in seconds since 1970.
///
/// # Errors
/// `out` does not take it.
pub fn write<W: Write>(bundle: &Bundle, folder: &str, at: u64, out: W) -> io::Result<W> {
    let mut out = GzEncoder::new(out, Compression::default());
    let mut file = |name: &str, text: &str| {
        let header = tar::header(&format!("{folder}/{name}"), text.len() as u64, at);
        out.write_all(&header)?;
        out.write_all(text.as_bytes())?;
        out.write_all(tar::padding(text.len()))
    };
    file("contents.txt", &bundle.contents())?;
    for (part, text) in &bundle.files {
        if !matches!(part.content, Content::Missing(_)) {
            file(part.name, text)?;
        }
    }
    out.write_all(&tar::END)?;
    out.finish()
}

/// Cuts what is too long at the end of a line.
fn cut(mut text: String) -> String {
    if text.len() > MAX_PART {
        let end = text.floor_char_boundary(MAX_PART);
        let end = text.get(..end).and_then(|it| it.rfind('\n')).unwrap_or(end);
        text.truncate(end);
        text.push_str("\n(cut here: it is longer)\n");
    }
    text
}
