//! AIM symbology identifiers: `]`, a code letter and a modifier that a scanner puts before the data
//! to say which carrier it read (ISO/IEC 15424).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A symbology identifier, such as `]C1` for GS1-128.
///
/// Any letter and modifier is kept as it came; [`AimId::carrier`] says what it means here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AimId {
    code: u8,
    modifier: u8,
}

/// What kind of data a symbology identifier announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Carrier {
    /// A GS1 element string: `]C1 ]e0 ]d2 ]Q3 ]J1`. The identifier stands for the FNC1 in first
    /// position, so the data starts with an application identifier.
    Gs1,
    /// The 13 digits of an EAN-13, UPC-A or UPC-E: `]E0`.
    Ean13,
    /// The 8 digits of an EAN-8: `]E4`.
    Ean8,
    /// Anything else: the data means what its owner says.
    Plain,
}

impl AimId {
    /// Splits a leading identifier from `raw`. Without one, all of `raw` is data.
    pub fn split(raw: &[u8]) -> (Option<Self>, &[u8]) {
        match raw {
            [b']', code, modifier, data @ ..]
                if code.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
            {
                (
                    Some(Self {
                        code: *code,
                        modifier: *modifier,
                    }),
                    data,
                )
            }
            _ => (None, raw),
        }
    }

    /// The code letter, which names the symbology: `C` is Code 128, `d` Data Matrix, `Q` QR Code.
    pub fn code(self) -> char {
        char::from(self.code)
    }

    /// The modifier, whose meaning depends on the symbology.
    pub fn modifier(self) -> char {
        char::from(self.modifier)
    }

    /// The kind of data that follows.
    pub fn carrier(self) -> Carrier {
        match (self.code, self.modifier) {
            (b'C', b'1') | (b'e', b'0') | (b'd', b'2') | (b'Q', b'3') | (b'J', b'1') => {
                Carrier::Gs1
            }
            (b'E', b'0') => Carrier::Ean13,
            (b'E', b'4') => Carrier::Ean8,
            _ => Carrier::Plain,
        }
    }
}

impl fmt::Display for AimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "]{}{}", self.code(), self.modifier())
    }
}

impl fmt::Debug for AimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<AimId> for String {
    fn from(aim: AimId) -> Self {
        aim.to_string()
    }
}

impl TryFrom<String> for AimId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Self::split(text.as_bytes()) {
            (Some(aim), []) => Ok(aim),
            _ => Err("a symbology identifier is ], a letter and a letter or digit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_split_off_whole_or_not_at_all() {
        let (aim, data) = AimId::split(b"]d2010950");
        assert_eq!(
            (aim.unwrap().to_string().as_str(), data),
            ("]d2", &b"010950"[..])
        );
        for raw in [&b""[..], b"]", b"]C", b"]C\x1d", b"]11x", b"C1x", b" ]C1"] {
            assert_eq!(AimId::split(raw), (None, raw));
        }
    }

    #[test]
    fn carriers() {
        for (aim, carrier) in [
            ("]C1", Carrier::Gs1),
            ("]e0", Carrier::Gs1),
            ("]d2", Carrier::Gs1),
            ("]Q3", Carrier::Gs1),
            ("]J1", Carrier::Gs1),
            ("]E0", Carrier::Ean13),
            ("]E4", Carrier::Ean8),
            ("]C0", Carrier::Plain),
            ("]c1", Carrier::Plain),
            ("]d1", Carrier::Plain),
            ("]zA", Carrier::Plain),
        ] {
            assert_eq!(
                AimId::try_from(aim.to_owned()).unwrap().carrier(),
                carrier,
                "{aim}"
            );
        }
    }
}
