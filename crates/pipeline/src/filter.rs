//! Which tags count: EPC patterns by class.

use std::fmt;

use serde::{Deserialize, Serialize};
use tracegate_gs1::TagIdentity;

/// Patterns by class. The first class that matches wins, in the order ignore, load unit, cargo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TagRules {
    /// Never counted: fork lift tags, badges, other companies' item tags.
    pub ignore: Vec<Pattern>,
    /// Carriers of other objects; an SSCC always is one.
    pub load_unit: Vec<Pattern>,
    /// The goods. When given, tags that match no class are ignored.
    pub cargo: Vec<Pattern>,
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
    /// The class of a tag.
    #[must_use]
    pub fn classify(&self, epc: &[u8], identity: &TagIdentity) -> TagClass {
        let uri = if self.needs_uri() {
            tag_uri(identity)
        } else {
            String::new()
        };
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(epc, &uri));
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

    fn needs_uri(&self) -> bool {
        [&self.ignore, &self.load_unit, &self.cargo]
            .iter()
            .any(|patterns| {
                patterns
                    .iter()
                    .any(|pattern| matches!(pattern, Pattern::Uri { .. }))
            })
    }
}

/// Whether any of the patterns matches the tag.
#[must_use]
pub fn any_matches(patterns: &[Pattern], epc: &[u8], identity: &TagIdentity) -> bool {
    let uri = tag_uri(identity);
    patterns.iter().any(|pattern| pattern.matches(epc, &uri))
}

fn tag_uri(identity: &TagIdentity) -> String {
    match identity {
        TagIdentity::Epc(epc) => epc.tag_uri(),
        TagIdentity::Raw { uri, .. } => uri.clone(),
    }
}

fn is_sscc(identity: &TagIdentity) -> bool {
    matches!(identity, TagIdentity::Epc(epc) if epc.identity().sscc().is_some())
}

/// An EPC pattern: `urn:epc:pat:sgtin-96:*.4012345.*.*` (ALE 1.1 §6.2.1.3) or `hex:34*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Fields of a tag URI; `None` stands for `*`.
    Uri {
        /// Scheme name such as `sgtin-96`.
        scheme: String,
        /// The fields in order.
        fields: Vec<Option<String>>,
    },
    /// Hexadecimal digits of EPC memory, lower case: all of it, or its beginning.
    Hex {
        /// The digits.
        digits: String,
        /// Whether more may follow.
        open: bool,
    },
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PatternError {
    reason: &'static str,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Neither of the two forms, an empty field, or no scheme.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fail = |reason| Err(PatternError { reason });
        if let Some(hex) = text.strip_prefix("hex:") {
            let (digits, open) = hex
                .strip_suffix('*')
                .map_or((hex, false), |digits| (digits, true));
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return fail(
                    "a hex pattern is hexadecimal digits, and * at the end if more may follow, as in hex:34*",
                );
            }
            return Ok(Self::Hex {
                digits: digits.to_ascii_lowercase(),
                open,
            });
        }
        let Some((scheme, fields)) = text
            .strip_prefix("urn:epc:pat:")
            .and_then(|rest| rest.split_once(':'))
        else {
            return fail(
                "a pattern starts with urn:epc:pat: or hex:, as in urn:epc:pat:sgtin-96:*.4012345.*.*",
            );
        };
        if scheme.is_empty() || fields.split('.').any(str::is_empty) {
            return fail("a pattern needs a scheme and no empty field; write * for any value");
        }
        let fields = fields
            .split('.')
            .map(|field| (!matches!(field, "*" | "X")).then(|| field.to_owned()));
        Ok(Self::Uri {
            scheme: scheme.to_owned(),
            fields: fields.collect(),
        })
    }

    /// Whether a tag with this memory and tag URI matches.
    #[must_use]
    pub fn matches(&self, epc: &[u8], tag_uri: &str) -> bool {
        match self {
            Self::Hex { digits, open } => {
                let nibble = |index: usize| {
                    let byte = epc.get(index / 2).copied()?;
                    char::from_digit(
                        u32::from(if index.is_multiple_of(2) {
                            byte >> 4
                        } else {
                            byte & 0x0f
                        }),
                        16,
                    )
                };
                (*open || digits.len() == epc.len() * 2)
                    && digits
                        .chars()
                        .enumerate()
                        .all(|(index, digit)| nibble(index) == Some(digit))
            }
            Self::Uri { scheme, fields } => {
                let rest = tag_uri
                    .strip_prefix("urn:epc:tag:")
                    .and_then(|rest| rest.split_once(':'));
                rest.is_some_and(|(have, values)| {
                    // A serial may itself contain dots: the last field takes the rest.
                    let values: Vec<&str> = values.splitn(fields.len(), '.').collect();
                    have == scheme
                        && values.len() == fields.len()
                        && fields
                            .iter()
                            .zip(&values)
                            .all(|(field, value)| field.as_ref().is_none_or(|f| f == value))
                })
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex { digits, open } => write!(f, "hex:{digits}{}", if *open { "*" } else { "" }),
            Self::Uri { scheme, fields } => {
                let fields: Vec<&str> = fields
                    .iter()
                    .map(|field| field.as_deref().unwrap_or("*"))
                    .collect();
                write!(f, "urn:epc:pat:{scheme}:{}", fields.join("."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_field_by_field() {
        let pattern = Pattern::parse("urn:epc:pat:sgtin-96:*.4012345.*.*").unwrap();
        assert!(pattern.matches(&[], "urn:epc:tag:sgtin-96:1.4012345.012345.17"));
        assert!(!pattern.matches(&[], "urn:epc:tag:sgtin-96:1.4012346.012345.17"));
        assert!(!pattern.matches(&[], "urn:epc:tag:sscc-96:1.4012345.0123456789"));
        let serial = Pattern::parse("urn:epc:pat:sgtin-198:*.4012345.012345.a.b").unwrap();
        assert!(serial.matches(&[], "urn:epc:tag:sgtin-198:1.4012345.012345.a.b"));
        let hex = Pattern::parse("hex:34F*").unwrap();
        assert!(
            hex.matches(&[0x34, 0xf1], "")
                && !hex.matches(&[0x34, 0x01], "")
                && !hex.matches(&[0x34], "")
        );
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
        for text in ["hex:34*", "hex:3400", "urn:epc:pat:sgtin-96:*.4012345.*.*"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }
}
