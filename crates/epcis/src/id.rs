//! The id of an event: its EPCIS event hash, 32 bytes, written as an RFC 6920 `ni` URI.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

const SCHEME: &str = "ni:///sha-256;";
const VERSION: &str = "?ver=CBV2.0";

/// An event hash id, printed as `ni:///sha-256;<64 hex digits>?ver=CBV2.0` (CBV 2.0 §8.9).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 32]);

/// Text that is not an event hash id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event hash id of the form ni:///sha-256;<64 hex digits>?ver=CBV2.0")]
pub struct InvalidEventId(String);

impl EventId {
    /// The id that belongs to a pre-hash string.
    #[must_use]
    pub fn of_prehash(prehash: &str) -> Self {
        Self(Sha256::digest(prehash.as_bytes()).into())
    }

    /// The id from a stored digest.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256 digest, for a store that keeps ids as 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest as 64 lower-case hex digits, short enough for a log or a topic.
    #[must_use]
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            for nibble in [byte >> 4, byte & 0xf] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{VERSION}", self.hex())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({})", self.hex())
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| InvalidEventId(text.chars().take(120).collect()))
    }
}

fn parse(text: &str) -> Option<EventId> {
    let hex = text.strip_prefix(SCHEME)?.strip_suffix(VERSION)?.as_bytes();
    if hex.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(EventId(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_read_back() {
        let id = EventId::of_prehash("abc");
        let text = id.to_string();
        assert_eq!(
            text,
            "ni:///sha-256;ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad?ver=CBV2.0"
        );
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn other_uris_are_refused() {
        for text in [
            "",
            "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
            "ni:///sha-256;00?ver=CBV2.0",
            &format!("ni:///sha-256;{}?ver=CBV2.0", "g".repeat(64)),
            &format!("ni:///sha-256;{}?ver=CBV2.0", "é".repeat(32)),
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
