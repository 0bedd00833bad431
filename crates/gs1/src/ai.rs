//! Application identifiers: one table row for each (GenSpecs section 3, DL section 4).
//!
//! A row says all that the engine knows: shape, separator, content checks, and the part the
//! identifier plays in a Digital Link. To support one more, add its row in order.

mod check;
mod table;

use std::{fmt, str};

use serde::{Deserialize, Serialize};

use crate::{charset::Charset, element::Fault};

/// An application identifier: two to four digits.
///
/// Orders as text, so `10` < `240` < `30`, the order of attributes in a canonical Digital Link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ai([u8; 4]);

impl Ai {
    /// (00) Serial Shipping Container Code.
    pub const SSCC: Self = Self::two(b"00");
    /// (01) Global Trade Item Number.
    pub const GTIN: Self = Self::two(b"01");
    /// (10) Batch or lot number.
    pub const LOT: Self = Self::two(b"10");
    /// (11) Production date.
    pub const PRODUCTION_DATE: Self = Self::two(b"11");
    /// (15) Best before date.
    pub const BEST_BEFORE: Self = Self::two(b"15");
    /// (17) Expiration date.
    pub const EXPIRY: Self = Self::two(b"17");
    /// (21) Serial number.
    pub const SERIAL: Self = Self::two(b"21");
    /// (30) Variable count of items.
    pub const VARIABLE_COUNT: Self = Self::two(b"30");
    /// (37) Count of trade items contained in a logistic unit.
    pub const COUNT: Self = Self::two(b"37");
    /// (22) Consumer product variant, a qualifier of the GTIN.
    const VARIANT: Self = Self::two(b"22");
    /// (235) Third-party controlled serial extension, a qualifier of the GTIN.
    const THIRD_PARTY_SERIAL: Self = Self(*b"235\0");

    const fn two(digits: &[u8; 2]) -> Self {
        let [first, second] = *digits;
        Self([first, second, 0, 0])
    }

    /// Takes two to four ASCII digits; whether such an identifier is assigned is not looked at.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        if !(2..=4).contains(&digits.len()) || Charset::Digits.first_outside(digits).is_some() {
            return None;
        }
        let mut ai = [0; 4];
        ai.iter_mut()
            .zip(digits)
            .for_each(|(place, digit)| *place = *digit);
        Some(Self(ai))
    }

    /// The digits, `"01"`.
    pub fn as_str(&self) -> &str {
        let digits = self.0.get(..self.len()).unwrap_or_default();
        str::from_utf8(digits).unwrap_or_default()
    }

    /// How many digits the identifier has: 2, 3 or 4.
    fn len(&self) -> usize {
        self.0.iter().filter(|&&byte| byte != 0).count()
    }

    /// The row of this identifier, if the table has it.
    pub(crate) fn spec(self) -> Option<&'static AiSpec> {
        let row = table::AIS
            .binary_search_by_key(&self, |spec| spec.ai)
            .ok()?;
        table::AIS.get(row)
    }

    /// The identifier at the start of `data`, its length taken from its first two digits
    /// (GenSpecs 7.8), so an identifier without a row is still named whole.
    pub(crate) fn at_start_of(data: &[u8]) -> Option<Self> {
        let prefix = crate::digits::parse(data.get(..2)?)?;
        let length = match prefix {
            23..=25 | 40..=42 | 71 => 3,
            31..=36 | 39 | 43 | 70 | 72 | 80..=82 => 4,
            _ => 2,
        };
        Self::from_digits(data.get(..length)?)
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

impl From<Ai> for String {
    fn from(ai: Ai) -> Self {
        ai.as_str().to_owned()
    }
}

impl TryFrom<String> for Ai {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_digits(text.as_bytes()).ok_or("an application identifier has two to four digits")
    }
}

/// A row of the table.
pub(crate) struct AiSpec {
    pub(crate) ai: Ai,
    /// Whether the length is predefined (GenSpecs 7.8), so that no separator is needed.
    pub(crate) predefined: bool,
    /// What the value is made of, in order; only the last part may vary in length.
    parts: &'static [Part],
    /// What it is in a Digital Link.
    pub(crate) link: Link,
}

/// A stretch of a value with one character set.
struct Part {
    charset: Charset,
    min: usize,
    max: usize,
    checks: &'static [Check],
}

/// A test of the content of one part, whose length and characters have been checked.
type Check = fn(&[u8]) -> Result<(), Fault>;

/// The role of an identifier in a Digital Link (DL section 4).
pub(crate) struct Link {
    /// Set for a primary key.
    pub(crate) key: Option<Key>,
    /// Whether it may stand in the query. Qualifiers without this live only behind their key.
    pub(crate) attribute: bool,
}

/// How a primary key is completed.
pub(crate) struct Key {
    /// Alternative sequences of qualifiers, each in path order.
    pub(crate) qualifiers: &'static [&'static [Ai]],
    /// What makes the key name one single thing.
    pub(crate) instance: Instance,
}

/// What a key needs to name one single thing rather than a kind of thing.
pub(crate) enum Instance {
    /// Nothing more.
    Always,
    /// This qualifier.
    With(Ai),
}

impl AiSpec {
    /// The length of the longest value.
    pub(crate) fn max_length(&self) -> usize {
        self.parts.iter().map(|part| part.max).sum()
    }

    /// Checks a whole value: length, characters, content. A fault's `offset` counts from the start
    /// of `value`.
    pub(crate) fn check(&self, value: &[u8]) -> Result<(), Fault> {
        if value.is_empty() {
            return Err(Fault::Empty);
        }
        let mut rest = value;
        for part in self.parts {
            let start = value.len() - rest.len();
            if rest.len() < part.min {
                let needs: usize = self.parts.iter().map(|part| part.min).sum();
                return Err(Fault::TooShort {
                    needs,
                    has: value.len(),
                });
            }
            let (piece, tail) = rest.split_at(part.max.min(rest.len()));
            if let Some(outside) = part.charset.first_outside(piece) {
                return Err(Fault::Character {
                    offset: start + outside,
                    charset: part.charset,
                });
            }
            for check in part.checks {
                check(piece)?;
            }
            rest = tail;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(Fault::TooLong {
                max: self.max_length(),
                has: value.len(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_consistent() {
        assert!(
            table::AIS.is_sorted_by(|a, b| a.ai < b.ai),
            "binary search needs order"
        );
        for spec in table::AIS {
            assert_eq!(Ai::at_start_of(spec.ai.as_str().as_bytes()), Some(spec.ai));
            let minimum: usize = spec.parts.iter().map(|part| part.min).sum();
            assert!(
                !spec.predefined || minimum == spec.max_length(),
                "({}) varies in length",
                spec.ai
            );
        }
    }

    #[test]
    fn order_is_that_of_text() {
        let mut ais =
            ["8003", "30", "00", "240", "10"].map(|ai| Ai::from_digits(ai.as_bytes()).unwrap());
        ais.sort();
        assert_eq!(ais.map(String::from), ["00", "10", "240", "30", "8003"]);
    }

    #[test]
    fn identifiers_without_a_row_are_named_whole() {
        for (data, ai) in [
            ("8003123", "8003"),
            ("2401", "240"),
            ("99x", "99"),
            ("3103000123", "3103"),
        ] {
            assert_eq!(Ai::at_start_of(data.as_bytes()).unwrap().as_str(), ai);
        }
        for data in ["", "0", "x1", "1x", "310", "31a3"] {
            assert_eq!(Ai::at_start_of(data.as_bytes()), None, "{data}");
        }
    }
}
