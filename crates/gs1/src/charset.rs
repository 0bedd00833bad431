//! Character sets and the two percent-encodings, of EPC URNs and of Digital Links.

use std::fmt;

/// A set of characters that a value may be made of (GenSpecs 7.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Charset {
    /// The digits 0 to 9.
    Digits,
    /// GS1 AI encodable character set 82.
    Set82,
    /// GS1 AI encodable character set 39: digits, capital letters, `#`, `-` and `/`.
    Set39,
    /// GS1 AI encodable character set 64, base64 as in file names and URIs, with its padding `=`.
    Set64,
}

impl Charset {
    /// Whether `byte` belongs to the set.
    pub fn contains(self, byte: u8) -> bool {
        SETS.get(usize::from(byte))
            .is_some_and(|sets| sets & self.bit() != 0)
    }

    /// The position of the first byte of `value` that is not in the set.
    pub(crate) fn first_outside(self, value: &[u8]) -> Option<usize> {
        value.iter().position(|&byte| !self.contains(byte))
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn defined(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            // ISO/IEC 646 graphic characters without space # $ @ [ \ ] ^ ` { | } ~.
            Self::Set82 => matches!(byte,
                b'!' | b'"' | b'%'..=b'?' | b'A'..=b'Z' | b'_' | b'a'..=b'z'),
            Self::Set39 => matches!(byte, b'#' | b'-' | b'/' | b'0'..=b'9' | b'A'..=b'Z'),
            Self::Set64 => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='),
        }
    }
}

/// The sets that each byte belongs to, a bit for each.
static SETS: [u8; 256] = {
    let mut sets = [0; 256];
    let mut byte = 0;
    while byte < sets.len() {
        let mut all: &[Charset] = &[
            Charset::Digits,
            Charset::Set82,
            Charset::Set39,
            Charset::Set64,
        ];
        while let [set, rest @ ..] = all {
            if set.defined(byte as u8) {
                #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
                {
                    sets[byte] |= set.bit();
                }
            }
            all = rest;
        }
        byte += 1;
    }
    sets
};

/// The rank of a character within set 82, its value in a check character pair (GenSpecs 7.11).
pub(crate) fn set_82_value(byte: u8) -> Option<u32> {
    let below = (0..byte).filter(|&other| Charset::Set82.contains(other));
    Charset::Set82
        .contains(byte)
        .then(|| below.fold(0, |rank, _| rank + 1))
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digits => "digits",
            Self::Set82 => "GS1 character set 82",
            Self::Set39 => "GS1 character set 39",
            Self::Set64 => "GS1 character set 64",
        })
    }
}

/// Bytes as text: UTF-8, or else ISO/IEC 8859-1, the default interpretation of bar code data (ECI
/// 000003), so nothing is lost.
pub(crate) fn text_of(data: &[u8]) -> String {
    match str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) => data.iter().copied().map(char::from).collect(),
    }
}

/// Whether an EPC URN carries `byte` only in its escaped form (TDS 1.13 table A-1).
fn is_escaped_in_urn(byte: u8) -> bool {
    matches!(byte, b'"' | b'#' | b'%' | b'&' | b'/' | b'<' | b'>' | b'?')
}

/// Appends `text` as it stands in an EPC URN.
pub(crate) fn push_urn(out: &mut String, text: &[u8]) {
    push_escaped(out, text, is_escaped_in_urn);
}

/// Appends `text` as it stands in a Digital Link: all but `A-Z a-z 0-9 - . _ ~` is escaped.
pub(crate) fn push_link(out: &mut String, text: &[u8]) {
    push_escaped(out, text, |byte| {
        !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    });
}

fn push_escaped(out: &mut String, text: &[u8], escaped: impl Fn(u8) -> bool) {
    for &byte in text {
        if escaped(byte) {
            out.push('%');
            push_hex(out, byte);
        } else {
            out.push(char::from(byte));
        }
    }
}

/// Appends two upper-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0x0F] {
        out.push(
            char::from_digit(u32::from(nibble), 16)
                .unwrap_or('0')
                .to_ascii_uppercase(),
        );
    }
}

/// Undoes the escapes of an EPC URN field; `None` if an escape is broken, or a character that has
/// to be escaped stands bare.
pub(crate) fn unescape_urn(field: &str) -> Option<Vec<u8>> {
    let mut bytes = field.bytes();
    let mut out = Vec::with_capacity(field.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let (high, low) = (hex_digit(bytes.next()?)?, hex_digit(bytes.next()?)?);
                high << 4 | low
            }
            bare if is_escaped_in_urn(bare) => return None,
            bare => bare,
        });
    }
    Some(out)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_82_has_82_characters() {
        let members: Vec<u8> = (0..=255)
            .filter(|&byte| Charset::Set82.contains(byte))
            .collect();
        assert_eq!(members.len(), 82);
        assert!(
            b" #$@[\\]^`{|}~\x1d"
                .iter()
                .all(|byte| !members.contains(byte))
        );
    }

    #[test]
    fn the_other_sets_have_their_size() {
        for (set, size) in [
            (Charset::Digits, 10),
            (Charset::Set39, 39),
            (Charset::Set64, 65),
        ] {
            let members = (0..=255).filter(|&byte| set.contains(byte)).count();
            assert_eq!(members, size, "{set}");
        }
        assert_eq!(set_82_value(b'!'), Some(0));
        assert_eq!(set_82_value(b'z'), Some(81));
        assert_eq!(set_82_value(b'#'), None);
    }

    #[test]
    fn escapes_come_back() {
        let all: Vec<u8> = (0..=127)
            .filter(|&byte| Charset::Set82.contains(byte))
            .collect();
        let mut urn = String::new();
        push_urn(&mut urn, &all);
        assert!(
            urn.starts_with("!%22%25%26'()*+,-.%2F0123456789:;%3C=%3E%3FA"),
            "{urn}"
        );
        assert_eq!(unescape_urn(&urn), Some(all));
        for broken in ["%", "%2", "%2G", "a/b", "\""] {
            assert_eq!(unescape_urn(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_link_escapes_all_but_the_unreserved() {
        let mut link = String::new();
        push_link(&mut link, b"aZ0-._!'()*+/%");
        assert_eq!(link, "aZ0-._%21%27%28%29%2A%2B%2F%25");
    }
}
