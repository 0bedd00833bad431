//! Values that say how a feed's bytes become frames: profiles, framing, byte sequences, encodings.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use tracegate_feed::frame::{Kind, Order, Width};
use tracegate_feed::profile::{self, Profile};
use tracegate_feed::text::Encoding;

use super::suggest::did_you_mean;
use super::text::Bytes;
use super::units::{FromText, Refusal, deserialize_from_text, shown};

/// Longest byte sequence that begins or ends a frame.
const MAX_SEQUENCE: usize = 16;
/// Alternatives for it, at most.
const MAX_SEQUENCES: usize = 8;

/// A profile by its name; `raw_ascii` without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedProfile(pub &'static Profile);

impl Default for FeedProfile {
    fn default() -> Self {
        FeedProfile(profile::raw())
    }
}

impl FromText for FeedProfile {
    const EXPECTED: &'static str = "the name of a profile in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if let Some(profile) = profile::profile(text) {
            return Ok(FeedProfile(profile));
        }
        let names: Vec<&str> = profile::profiles().map(|profile| profile.name).collect();
        let unknown = format!("no profile is named \"{}\"", shown(text));
        let label = did_you_mean(text, names.iter().copied(), &unknown);
        let help = format!(
            "profiles: {}; tracegate profiles says what each is for",
            names.join(", ")
        );
        Err(Refusal::new(label, help))
    }
}

deserialize_from_text!(FeedProfile);

/// How frames are told apart; `None` is by `start` and `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameKind(pub Option<Kind>);

impl FromText for FrameKind {
    const EXPECTED: &'static str = "a kind of frame in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "\"delimited\" (by start and end), \"idle 50ms\" (silence ends it), \"fixed 12\" (bytes), \
            \"length 1\" or \"length 2\" (a binary length of so many bytes in front; add \"little\" for its byte order, \
            \"inclusive\" when it counts itself), \"ssi\"";
        let bad = |label: &str| Err(Refusal::new(label, HELP));
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        Ok(FrameKind(Some(match words.as_slice() {
            ["delimited"] => return Ok(FrameKind(None)),
            ["ssi"] => Kind::Ssi,
            ["idle", gap @ ..] => {
                let gap = Duration::from_text(&gap.join(" "))?;
                if !(Duration::from_millis(5)..=Duration::from_secs(5)).contains(&gap) {
                    return bad("the silence must last 5ms to 5s");
                }
                Kind::IdleGap {
                    gap_us: u64::try_from(gap.as_micros()).unwrap_or(u64::MAX),
                }
            }
            ["fixed", len] => match len.parse() {
                Ok(len @ 1..=65_536) => Kind::Fixed { len },
                _ => return bad("a frame has 1 to 65536 bytes"),
            },
            ["length", width @ ("1" | "2"), rest @ ..]
                if rest
                    .iter()
                    .all(|word| matches!(*word, "little" | "inclusive")) =>
            {
                Kind::LengthPrefixed {
                    width: if *width == "1" {
                        Width::One
                    } else {
                        Width::Two
                    },
                    order: if rest.contains(&"little") {
                        Order::Little
                    } else {
                        Order::Big
                    },
                    counts_itself: rest.contains(&"inclusive"),
                }
            }
            _ => return bad("this is no kind of frame"),
        })))
    }
}

/// How a device writes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(pub Encoding);

impl FromText for TextEncoding {
    const EXPECTED: &'static str = "the name of an encoding in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let found = Encoding::ALL.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, encoding)| TextEncoding(*encoding))
            .ok_or_else(|| {
                let names = Encoding::ALL.map(|(name, _)| name);
                let label = did_you_mean(text, names, "unknown encoding");
                Refusal::new(label, format!("encodings: {}", names.join(", ")))
            })
    }
}

deserialize_from_text!(TextEncoding);

/// Byte sequences, any of which begins or ends a frame: one text, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sequences(pub Vec<Vec<u8>>);

impl<'de> Deserialize<'de> for Sequences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SequencesVisitor;
        fn short<E: serde::de::Error>(bytes: Bytes) -> Result<Vec<u8>, E> {
            if bytes.0.len() > MAX_SEQUENCE {
                let label = format!("longer than {MAX_SEQUENCE} characters");
                return Err(E::custom(Refusal::new(label, "")));
            }
            Ok(bytes.0)
        }
        impl<'de> Visitor<'de> for SequencesVisitor {
            type Value = Sequences;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes, or a list of texts")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sequences, E> {
                if text.is_empty() {
                    return Ok(Sequences::default());
                }
                let bytes = Bytes::from_text(text).map_err(E::custom)?;
                Ok(Sequences(vec![short(bytes)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sequences, A::Error> {
                let mut sequences = Vec::new();
                while let Some(bytes) = list.next_element::<Bytes>()? {
                    sequences.push(short(bytes)?);
                }
                if sequences.len() > MAX_SEQUENCES {
                    let label = format!("more than {MAX_SEQUENCES} sequences");
                    return Err(A::Error::custom(Refusal::new(label, "")));
                }
                Ok(Sequences(sequences))
            }
        }
        deserializer.deserialize_seq(SequencesVisitor)
    }
}
