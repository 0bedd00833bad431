//! Which tags count: EPC patterns by class.

use std::fmt;

use serde::{Deserialize, Serialize};
use tracegate_gs1::epc::{
    self,
    pattern::{PatternError, SelectMask},
};
use tracegate_gs1::{Ai, TagIdentity};

use crate::time::Span;

/// Patterns by class. The first class that matches wins, in the order ignore, load unit, cargo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TagRules {
    /// Never counted: fork lift tags, badges, other companies' item tags.
    pub ignore: Vec<Pattern>,
    /// Carriers of other objects; an SSCC always is one.
    pub load_unit: Vec<Pattern>,
    /// The goods. When given, tags that match no class are ignored.
    pub cargo: Vec<Pattern>,
    /// Tags that send by themselves, each kind with its beacon.
    pub active: Vec<ActiveTags>,
}

/// Tags that send by themselves, now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveTags {
    /// Which tags.
    pub tags: Vec<Pattern>,
    /// How long one may be silent before it is taken for gone: some beacons in a row.
    pub silence: Span,
}

/// What a tag is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagClass {
    /// Goods.
    Cargo,
    /// A pallet or other carrier.
    LoadUnit,
    /// Not counted.
    Ignored,
}

impl TagRules {
    /// The class of a tag: `bit_len` bits of memory, and what they mean.
    #[must_use]
    pub fn classify(&self, epc: &[u8], bit_len: usize, identity: &TagIdentity) -> TagClass {
        let any = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| pattern.matches(epc, bit_len, identity))
        };
        if any(&self.ignore) {
            TagClass::Ignored
        } else if is_sscc(identity) || any(&self.load_unit) {
            TagClass::LoadUnit
        } else if self.cargo.is_empty() || any(&self.cargo) {
            TagClass::Cargo
        } else {
            TagClass::Ignored
        }
    }
}

impl TagRules {
    /// For a tag that sends by itself: how long it may be silent. The first kind that matches counts.
    #[must_use]
    pub fn silence(&self, epc: &[u8], bit_len: usize, identity: &TagIdentity) -> Option<Span> {
        let is = |kind: &&ActiveTags| {
            let mut patterns = kind.tags.iter();
            patterns.any(|pattern| pattern.matches(epc, bit_len, identity))
        };
        self.active.iter().find(is).map(|kind| kind.silence)
    }
}

fn is_sscc(identity: &TagIdentity) -> bool {
    matches!(identity, TagIdentity::Epc(epc) if epc.key() == Some(Ai::SSCC))
}

/// An EPC pattern, as [`tracegate_gs1::epc::Pattern`] reads it: `urn:epc:pat:sgtin-96:*.4012345.*.*` or `hex:34*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Pattern(epc::Pattern);

/// How journals hold a pattern.
#[derive(Serialize, Deserialize)]
enum Stored {
    /// Fields of a tag URI; `None` stands for `*`.
    Uri {
        scheme: String,
        fields: Vec<Option<String>>,
    },
    /// Hexadecimal digits: all of the memory, or its beginning.
    Hex { digits: String, open: bool },
    /// Any pattern, as text.
    Text(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Not one of the forms, or fields that no tag of the scheme can have.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        text.parse().map(Self)
    }

    /// Whether a tag matches. A pattern of URI fields wants an EPC that passed every check; one of digits takes any
    /// memory.
    #[must_use]
    pub fn matches(&self, memory: &[u8], bit_len: usize, identity: &TagIdentity) -> bool {
        (self.0.is_hex() || identity.epc().is_some()) && self.0.matches(memory, bit_len)
    }

    /// The longest run of bits of the EPC bank that all tags of the pattern share (Gen2 Select), if there is one.
    #[must_use]
    pub fn select_mask(&self) -> Option<SelectMask> {
        let masks = self.0.select().masks.into_iter();
        // Of equally long ones the first.
        masks.rev().max_by_key(|mask| mask.bit_len)
    }
}

impl TryFrom<Stored> for Pattern {
    type Error = PatternError;

    fn try_from(stored: Stored) -> Result<Self, PatternError> {
        match stored {
            Stored::Text(text) => Self::parse(&text),
            Stored::Hex { digits, open } => {
                Self::parse(&format!("hex:{digits}{}", if open { "*" } else { "" }))
            }
            Stored::Uri { scheme, fields } => {
                let fields: Vec<&str> = fields
                    .iter()
                    .map(|field| field.as_deref().unwrap_or("*"))
                    .collect();
                Self::parse(&format!("urn:epc:pat:{scheme}:{}", fields.join(".")))
            }
        }
    }
}

impl From<Pattern> for Stored {
    fn from(pattern: Pattern) -> Self {
        Self::Text(pattern.0.as_str().to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracegate_gs1::epc::{decode_bank, encode_tag_uri};

    fn matches(pattern: &str, memory: &[u8]) -> bool {
        let bit_len = memory.len() * 8;
        let identity = decode_bank(None, memory, bit_len);
        Pattern::parse(pattern)
            .unwrap()
            .matches(memory, bit_len, &identity)
    }

    #[test]
    fn patterns_match_field_by_field() {
        let tag = |uri| encode_tag_uri(uri).unwrap().bytes;
        let pattern = "urn:epc:pat:sgtin-96:*.4012345.*.*";
        assert!(matches(
            pattern,
            &tag("urn:epc:tag:sgtin-96:1.4012345.012345.17")
        ));
        assert!(!matches(
            pattern,
            &tag("urn:epc:tag:sgtin-96:1.4012346.012345.17")
        ));
        assert!(!matches(
            pattern,
            &tag("urn:epc:tag:sscc-96:1.4012345.0123456789")
        ));
        let serial = "urn:epc:pat:sgtin-198:*.4012345.012345.a.b";
        assert!(matches(
            serial,
            &tag("urn:epc:tag:sgtin-198:1.4012345.012345.a.b")
        ));
        let hex = "hex:34F*";
        assert!(
            matches(hex, &[0x34, 0xf1]) && !matches(hex, &[0x34, 0x01]) && !matches(hex, &[0x34])
        );
        // Partition value 7: no EPC, whatever its header says.
        let mut broken = tag("urn:epc:tag:sgtin-96:1.4012345.012345.17");
        broken[1] |= 0x1C;
        assert!(!matches("urn:epc:pat:sgtin-96:*.*.*.*", &broken) && matches("hex:30*", &broken));
    }

    #[test]
    fn what_is_no_pattern_is_refused_and_what_is_one_prints_as_written() {
        for text in [
            "",
            "hex:*",
            "hex:zz*",
            "urn:epc:pat:",
            "urn:epc:pat:sgtin-96:1..2",
            "sgtin-96:*",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        for text in [
            "hex:34*",
            "hex:3400",
            "hex:30/F0",
            "urn:epc:pat:sgtin-96:*.4012345.*.*",
            "urn:epc:idpat:sscc:*.*",
        ] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn journals_of_any_age_are_read() {
        for (stored, text) in [
            (
                Stored::Uri {
                    scheme: "sgtin-96".to_owned(),
                    fields: vec![None, Some("4012345".to_owned()), None, None],
                },
                "urn:epc:pat:sgtin-96:*.4012345.*.*",
            ),
            (
                Stored::Hex {
                    digits: "34".to_owned(),
                    open: true,
                },
                "hex:34*",
            ),
        ] {
            let bytes = postcard::to_stdvec(&stored).unwrap();
            let read: Pattern = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(read, Pattern::parse(text).unwrap());
            let again = postcard::to_stdvec(&read).unwrap();
            assert_eq!(postcard::from_bytes::<Pattern>(&again).unwrap(), read);
        }
    }
}
