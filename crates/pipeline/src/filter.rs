//! Which tags count: EPC patterns by class.

use std::fmt;

use serde::{Deserialize, Serialize};
use tracegate_feed::active::{Limits, Pace};
use tracegate_gs1::epc::{
    self, RawReason,
    pattern::{PatternError, SelectMask},
};
use tracegate_gs1::{Ai, TagIdentity};

use crate::time::Span;

/// Patterns by class. The first class that matches wins, in the order ignore, person, reference, carrier, load unit, cargo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TagRules {
    /// Never counted: tool tags, other companies' item tags.
    pub ignore: Vec<Pattern>,
    /// Badges of people; never counted, never told.
    pub person: Vec<Pattern>,
    /// Tags fixed to the building for tests; never counted.
    pub reference: Vec<Pattern>,
    /// Fork lifts and other carriers that come and go: evidence of a load, never part of it.
    pub carrier: Vec<Pattern>,
    /// Carriers of other objects; an SSCC always is one.
    pub load_unit: Vec<Pattern>,
    /// The goods. When given, tags that match no class are ignored.
    pub cargo: Vec<Pattern>,
    /// Tags that send by themselves, each kind with its beacon.
    pub active: Vec<ActiveTags>,
    /// ISO tags count also when no pattern names them (ISO/IEC 15961-3, TDS 2.0 §9.3: the toggle bit is set).
    pub iso: bool,
    /// Tags that are no EPC of a known scheme count only when a pattern names them.
    pub strict: bool,
}

/// Tags that send by themselves, now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveTags {
    /// Which tags.
    pub tags: Vec<Pattern>,
    /// How often they send, and how long one may be silent before it is taken for gone.
    pub pace: Pace,
    /// When what they say is an alarm.
    pub limits: Limits,
}

/// Why a tag cannot count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// The read is not whole: the protocol control word announces more bits than there are.
    CutOff,
    /// An ISO tag that nothing allows.
    Iso,
    /// No bits, all zero or all one.
    Blank,
    /// No EPC of a known scheme.
    Unknown,
}

/// What a tag is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagClass {
    /// Goods.
    Cargo,
    /// A fork lift or the like.
    Carrier,
    /// A pallet or other carrier.
    LoadUnit,
    /// Not counted.
    Ignored,
}

impl TagRules {
    /// The class of a tag, if its memory is fit to be one's: `bit_len` bits, and what they mean.
    ///
    /// # Errors
    /// Why it is not.
    pub fn judge(
        &self,
        epc: &[u8],
        bit_len: usize,
        identity: &TagIdentity,
    ) -> Result<TagClass, Unfit> {
        if is_blank(epc, bit_len) {
            return Err(Unfit::Blank);
        }
        let class = self.classify(epc, bit_len, identity);
        let TagIdentity::Raw { reason, .. } = identity else {
            return Ok(class);
        };
        let unfit = match reason {
            RawReason::Length { .. } => return Err(Unfit::CutOff),
            _ if class == TagClass::Ignored => return Ok(class),
            RawReason::Iso { .. } if !self.iso => Unfit::Iso,
            RawReason::Iso { .. } => return Ok(class),
            _ if self.strict => Unfit::Unknown,
            _ => return Ok(class),
        };
        let mut named = [&self.carrier, &self.load_unit, &self.cargo]
            .into_iter()
            .flatten();
        let is_named = named.any(|pattern| pattern.matches(epc, bit_len, identity));
        if is_named { Ok(class) } else { Err(unfit) }
    }

    /// The class of a tag: `bit_len` bits of memory, and what they mean.
    #[must_use]
    pub fn classify(&self, epc: &[u8], bit_len: usize, identity: &TagIdentity) -> TagClass {
        let any = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| pattern.matches(epc, bit_len, identity))
        };
        if any(&self.ignore) || any(&self.person) || any(&self.reference) {
            TagClass::Ignored
        } else if any(&self.carrier) {
            TagClass::Carrier
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
    /// For a tag that sends by itself: what kind it is of. The first that matches counts.
    #[must_use]
    pub fn active_kind(
        &self,
        epc: &[u8],
        bit_len: usize,
        identity: &TagIdentity,
    ) -> Option<&ActiveTags> {
        let is = |kind: &&ActiveTags| {
            let mut patterns = kind.tags.iter();
            patterns.any(|pattern| pattern.matches(epc, bit_len, identity))
        };
        self.active.iter().find(is)
    }
}

impl ActiveTags {
    /// How long one may be silent that only RFID readers hear: they tell no beacons apart.
    #[must_use]
    pub fn silence(&self) -> Option<Span> {
        let interval = self.pace.interval_us?;
        Some(Span(interval.saturating_mul(self.pace.missed.into())))
    }
}

/// Noise that passed the check sum, or a tag that nobody wrote.
fn is_blank(epc: &[u8], bit_len: usize) -> bool {
    let bytes = epc.get(..bit_len.div_ceil(8)).unwrap_or(epc);
    // Bits behind the last one do not count; readers send them as 0.
    let (whole, rest) = (bit_len / 8, bit_len % 8);
    let ones = |(index, byte): (usize, &u8)| {
        *byte == u8::MAX || (index == whole && rest > 0 && byte.leading_ones() as usize >= rest)
    };
    bytes.iter().all(|byte| *byte == 0) || bytes.iter().enumerate().all(ones)
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

    fn judge(rules: &TagRules, pc: u16, memory: &[u8]) -> Result<TagClass, Unfit> {
        let bit_len = memory.len() * 8;
        rules.judge(memory, bit_len, &decode_bank(Some(pc), memory, bit_len))
    }

    #[test]
    fn memory_that_is_no_tags_is_refused() {
        let rules = TagRules::default();
        let good = encode_tag_uri("urn:epc:tag:sgtin-96:1.4012345.012345.17").unwrap();
        assert_eq!(judge(&rules, 0x3000, &good.bytes), Ok(TagClass::Cargo));
        assert_eq!(judge(&rules, 0x3800, &good.bytes), Err(Unfit::CutOff));
        assert_eq!(judge(&rules, 0x3000, &[0; 12]), Err(Unfit::Blank));
        assert_eq!(judge(&rules, 0x3000, &[0xff; 12]), Err(Unfit::Blank));
        assert_eq!(judge(&rules, 0x0000, &[]), Err(Unfit::Blank));
        let raw = decode_bank(None, &[0xff, 0xe0], 11);
        assert_eq!(rules.judge(&[0xff, 0xe0], 11, &raw), Err(Unfit::Blank));
        assert_eq!(rules.judge(&[0xff, 0xc0], 11, &raw), Ok(TagClass::Cargo));
    }

    #[test]
    fn iso_and_unknown_tags_count_where_they_are_allowed_or_named() {
        let unknown = [0xe2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let named = TagRules {
            load_unit: vec![Pattern::parse("hex:e2*").unwrap()],
            strict: true,
            ..TagRules::default()
        };
        let (iso, plain) = (0x31a1, 0x3000);
        let rules = TagRules::default();
        assert_eq!(judge(&rules, plain, &unknown), Ok(TagClass::Cargo));
        assert_eq!(judge(&rules, iso, &unknown), Err(Unfit::Iso));
        let allowed = TagRules {
            iso: true,
            strict: true,
            ..TagRules::default()
        };
        assert_eq!(judge(&allowed, plain, &unknown), Err(Unfit::Unknown));
        assert_eq!(judge(&allowed, iso, &unknown), Ok(TagClass::Cargo));
        for pc in [iso, plain] {
            assert_eq!(judge(&named, pc, &unknown), Ok(TagClass::LoadUnit));
        }
    }

    #[test]
    fn classes_that_are_no_goods() {
        let class = |rules: &TagRules| judge(rules, 0x3000, &[0x34; 12]);
        let pattern = || vec![Pattern::parse("hex:34*").unwrap()];
        let (mut rules, fresh) = (TagRules::default(), TagRules::default);
        rules.carrier = pattern();
        assert_eq!(class(&rules), Ok(TagClass::Carrier));
        rules.person = pattern();
        assert_eq!(class(&rules), Ok(TagClass::Ignored));
        let reference = pattern();
        let rules = TagRules {
            reference,
            ..fresh()
        };
        assert_eq!(class(&rules), Ok(TagClass::Ignored));
    }
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
