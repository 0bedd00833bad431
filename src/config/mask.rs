//! Hides secrets in the text that snippets are cut from.
//!
//! It works on lines, not on parsed values: a file that does not parse must not show a password either.

use std::ops::Range;

/// What stands in place of a secret.
const MASK: &str = "***";

/// Parts of key names whose values are secret, unless the key names a file.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "private_key",
    "api_key",
];

/// A text with its secrets replaced, and how places move by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Masked {
    text: String,
    /// The unmasked text with secrets blanked out byte for byte, for counting lines and columns.
    blanked: String,
    /// Byte ranges of the original text that were replaced, in order.
    hidden: Vec<Range<usize>>,
}

impl Masked {
    pub(super) fn new(original: &str) -> Self {
        let hidden = secrets(original);
        let (mut text, mut blanked) = (
            String::with_capacity(original.len()),
            String::with_capacity(original.len()),
        );
        let mut at = 0;
        for range in &hidden {
            let clear = original.get(at..range.start).unwrap_or("");
            text.push_str(clear);
            text.push_str(MASK);
            blanked.push_str(clear);
            blanked.extend(std::iter::repeat_n('*', range.len()));
            at = range.end;
        }
        let clear = original.get(at..).unwrap_or("");
        text.push_str(clear);
        blanked.push_str(clear);
        Masked {
            text,
            blanked,
            hidden,
        }
    }

    /// The text to show.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A text of the same length as the original, with the same lines.
    pub(super) fn original_lines(&self) -> &str {
        &self.blanked
    }

    /// Where a range of the original is in the text to show.
    pub(super) fn map(&self, range: Range<usize>) -> Range<usize> {
        let start = self.map_byte(range.start, false);
        let end = self.map_byte(range.end.max(range.start), true).max(start);
        self.floor(start)..self.floor(end)
    }

    fn floor(&self, byte: usize) -> usize {
        self.text.floor_char_boundary(byte.min(self.text.len()))
    }

    fn map_byte(&self, byte: usize, to_end: bool) -> usize {
        let (mut removed, mut added) = (0, 0);
        for range in &self.hidden {
            if byte <= range.start {
                break;
            }
            if byte < range.end {
                let start = range.start - removed + added;
                return if to_end { start + MASK.len() } else { start };
            }
            removed += range.len();
            added += MASK.len();
        }
        byte - removed + added
    }
}

/// Whether a key of this name holds a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// A text with its secrets replaced.
pub(crate) fn masked(text: &str) -> String {
    Masked::new(text).text
}

/// The ranges to hide: values of secret keys to the end of their line, and passwords inside addresses.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut start = 0;
    let mut until: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        if let Some(quotes) = until {
            hidden.push(start..start + body.len());
            if body.contains(quotes) {
                until = None;
            }
        } else if let Some(at) = secret_value(body) {
            hidden.push(start + at..start + body.len());
            let value = body.get(at..).unwrap_or("");
            until = ["\"\"\"", "'''"].into_iter().find(|quotes| {
                value
                    .strip_prefix(quotes)
                    .is_some_and(|rest| !rest.contains(quotes))
            });
        } else {
            for range in userinfo(body) {
                hidden.push(start + range.start..start + range.end);
            }
        }
        start += line.len();
    }
    hidden.retain(|range| !range.is_empty());
    hidden
}

/// Where the value of a secret setting starts in a line, if there is one.
fn secret_value(line: &str) -> Option<usize> {
    line.match_indices(['=', ':']).find_map(|(at, _)| {
        let before = line.get(..at)?.trim_end().trim_end_matches(['"', '\'']);
        let key_start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c)))
            .map_or(0, |at| at + 1);
        let key = before.get(key_start..)?.to_lowercase();
        let secret = is_secret(&key);
        let after = line.get(at + 1..)?;
        let value = at + 1 + (after.len() - after.trim_start().len());
        (secret && !key.ends_with("_file") && !after.trim().is_empty()).then_some(value)
    })
}

/// `user:password` in `scheme://user:password@host`.
fn userinfo(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, separator) in line.match_indices("://") {
        let start = at + separator.len();
        let rest = line.get(start..).unwrap_or("");
        let end = rest.find(['"', '\'', ' ', '\t', '/']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or("");
        // A password may hold a slash although it should not: look at the whole quoted text then.
        let quoted = rest
            .find(['"', '\''])
            .and_then(|end| rest.get(..end))
            .unwrap_or(authority);
        if let Some(at) = authority.rfind('@').or_else(|| quoted.rfind('@')) {
            found.push(start..start + at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Masked;

    #[test]
    fn secrets_do_not_show() {
        let text = "[mqtt]\nurl = \"mqtt://u:hunter2@b\" # x\npassword = \"hunter2\"\n\"api-token\" = 'hunter2'\npassword_file = \"shown\"\n\
                    secret = \"\"\"\nhunter2\n\"\"\"\npassword: hunter2\nx = { password = \"hunter2\nkeep = 1\n";
        let masked = Masked::new(text);
        assert!(!masked.text().contains("hunter2"), "{}", masked.text());
        assert!(!masked.original_lines().contains("hunter2"));
        assert_eq!(masked.original_lines().len(), text.len());
        assert!(masked.text().contains("password_file = \"shown\""));
        assert!(masked.text().contains("url = \"mqtt://***@b\" # x"));
        let keep = text.find("keep").unwrap();
        assert_eq!(&masked.text()[masked.map(keep..keep + 4)], "keep");
    }
}
