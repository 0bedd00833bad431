//! The text of a frame. Control characters survive: GS (1Dh) separates the fields of a GS1 code.

use std::borrow::Cow;

use serde_json::Value;

/// How a device writes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// 7 bits.
    Ascii,
    /// ISO/IEC 8859-1.
    Latin1,
    /// Windows code page 1252.
    Windows1252,
    /// UTF-8; a byte order mark is let go.
    #[default]
    Utf8,
    /// Shift JIS, as Windows code page 932.
    ShiftJis,
    /// UTF-16 with a byte order mark; little-endian without.
    Utf16,
}

impl Encoding {
    /// All of them, by the name used in configurations.
    pub const ALL: [(&'static str, Encoding); 6] = [
        ("ascii", Encoding::Ascii),
        ("latin1", Encoding::Latin1),
        ("windows_1252", Encoding::Windows1252),
        ("utf8", Encoding::Utf8),
        ("shift_jis", Encoding::ShiftJis),
        ("utf16", Encoding::Utf16),
    ];

    /// The name used in configurations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Ascii => "ascii",
            Encoding::Latin1 => "latin1",
            Encoding::Windows1252 => "windows_1252",
            Encoding::Utf8 => "utf8",
            Encoding::ShiftJis => "shift_jis",
            Encoding::Utf16 => "utf16",
        }
    }
}

/// Bytes that are no text in the encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no {} text", encoding.as_str())]
pub struct NotText {
    /// The encoding that was expected.
    pub encoding: Encoding,
}

/// The text that `bytes` mean.
///
/// # Errors
/// When they mean none, without a guess.
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    let text = match encoding {
        Encoding::Ascii if !bytes.is_ascii() => None,
        Encoding::Ascii => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Encoding::Utf8 => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
        }
        Encoding::Latin1 => Some(Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect())),
        Encoding::Windows1252 => whole(encoding_rs::WINDOWS_1252, bytes),
        Encoding::ShiftJis => whole(encoding_rs::SHIFT_JIS, bytes),
        Encoding::Utf16 => match bytes {
            [0xff, 0xfe, rest @ ..] => whole(encoding_rs::UTF_16LE, rest),
            [0xfe, 0xff, rest @ ..] => whole(encoding_rs::UTF_16BE, rest),
            _ => whole(encoding_rs::UTF_16LE, bytes),
        },
    };
    text.ok_or(NotText { encoding })
}

fn whole<'a>(encoding: &'static encoding_rs::Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

/// Untrusted bytes for people: control characters and what is no ASCII are escaped, and only the first `limit` bytes
/// are shown.
#[must_use]
pub fn shown(bytes: &[u8], limit: usize) -> String {
    let head = bytes.get(..limit).unwrap_or(bytes);
    let mut shown = head.escape_ascii().to_string();
    if head.len() < bytes.len() {
        shown.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    shown
}

/// A JSON text, number or boolean as text; `None` for anything else.
pub(crate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, bytes: &[u8], text: Option<&str>) {
        let decoded = decode(encoding, bytes).ok();
        assert_eq!(decoded.as_deref(), text, "{encoding:?} {bytes:02x?}");
    }

    #[test]
    fn each_encoding_reads_its_text_and_refuses_what_is_none() {
        check(Encoding::Ascii, b"10A\x1d21B", Some("10A\x1d21B"));
        check(Encoding::Ascii, b"caf\xe9", None);
        check(Encoding::Latin1, b"caf\xe9\x1d", Some("café\x1d"));
        check(Encoding::Windows1252, b"5 \x80", Some("5 €"));
        check(Encoding::Utf8, "\u{feff}5 €".as_bytes(), Some("5 €"));
        check(Encoding::Utf8, b"\xff", None);
        check(
            Encoding::ShiftJis,
            b"\x8f\x49\x97\xb9\x1d\xb1",
            Some("終了\x1dｱ"),
        );
        check(Encoding::ShiftJis, b"\x81", None);
        check(Encoding::Utf16, b"\xff\xfeO\0K\0", Some("OK"));
        check(Encoding::Utf16, b"\xfe\xff\0O\0K", Some("OK"));
        check(Encoding::Utf16, b"O\0K\0", Some("OK"));
        check(Encoding::Utf16, b"O\0K", None);
    }

    #[test]
    fn names_are_those_of_the_list() {
        for (name, encoding) in Encoding::ALL {
            assert_eq!(encoding.as_str(), name);
        }
    }

    #[test]
    fn nothing_untrusted_reaches_a_terminal() {
        assert_eq!(shown(b"a\x1b[2J\n\xff", 40), "a\\x1b[2J\\n\\xff");
        assert_eq!(shown(b"abcdef", 3), "abc… (6 bytes)");
    }
}
