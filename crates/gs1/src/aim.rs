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
    /// Interleaved 2 of 5 with a check digit, `]I1`: 14 digits are a GTIN (ITF-14), anything else is
    /// plain.
    Itf,
    /// A symbology without meaning of its own: `]C0 ]A0 ]L0 ]d1 ]Q1 …`. The data tells what it is: a
    /// Digital Link, an ISO/IEC 15434 message, HIBC, or what its owner says.
    Plain,
    /// The scanner does not say: `]X…`, or a letter that the table does not have.
    Unknown,
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

    /// The kind of data that follows (GenSpecs 5.1.3).
    pub fn carrier(self) -> Carrier {
        match (self.code, self.modifier) {
            (b'C', b'1') | (b'e', b'0') | (b'd', b'2') | (b'Q', b'3') | (b'J', b'1') => {
                Carrier::Gs1
            }
            (b'E', b'0') => Carrier::Ean13,
            (b'E', b'4') => Carrier::Ean8,
            (b'I', b'1') => Carrier::Itf,
            (b'X', _) => Carrier::Unknown,
            _ if self.symbology().is_some() => Carrier::Plain,
            _ => Carrier::Unknown,
        }
    }

    /// The symbology in words, with what the modifier adds where that matters here
    /// (ISO/IEC 15424 annex); none for a letter that is not assigned.
    pub fn symbology(self) -> Option<&'static str> {
        Some(match (self.code, self.modifier) {
            (b'A', b'0') => "Code 39",
            (b'A', b'1') => "Code 39, check character validated and sent",
            (b'A', b'3') => "Code 39, check character validated and removed",
            (b'A', b'4'..=b'7') => "Code 39, full ASCII",
            (b'A', _) => "Code 39",
            (b'B', _) => "Telepen",
            (b'C', b'0') => "Code 128",
            (b'C', b'1') => "GS1-128",
            (b'C', b'2') => "Code 128, FNC1 in second position",
            (b'C', b'4') => "Code 128, ISBT 128 concatenation",
            (b'C', _) => "Code 128",
            (b'D', _) => "Code One",
            (b'E', b'0') => "EAN-13, UPC-A or UPC-E",
            (b'E', b'1') => "EAN add-on of two digits",
            (b'E', b'2') => "EAN add-on of five digits",
            (b'E', b'3') => "EAN-13 with add-on",
            (b'E', b'4') => "EAN-8",
            (b'E', _) => "EAN",
            (b'F', _) => "Codabar",
            (b'G', _) => "Code 93",
            (b'H', _) => "Code 11",
            (b'I', b'0') => "Interleaved 2 of 5",
            (b'I', b'1') => "Interleaved 2 of 5, check digit validated and sent",
            (b'I', b'3') => "Interleaved 2 of 5, check digit validated and removed",
            (b'I', _) => "Interleaved 2 of 5",
            (b'J', b'0') => "DotCode",
            (b'J', b'1') => "GS1 DotCode",
            (b'J', _) => "DotCode",
            (b'K', _) => "Code 16K",
            (b'L', b'2') => "PDF417 without byte doubling",
            (b'L', _) => "PDF417",
            (b'M', _) => "MSI",
            (b'N', _) => "Anker",
            (b'O', _) => "Codablock",
            (b'P', _) => "Plessey",
            (b'Q', b'0') => "QR Code, model 1",
            (b'Q', b'1') => "QR Code",
            (b'Q', b'2') => "QR Code with ECI",
            (b'Q', b'3') => "GS1 QR Code",
            (b'Q', b'4') => "QR Code with ECI, FNC1 in first position",
            (b'Q', b'5') => "QR Code, FNC1 in second position",
            (b'Q', b'6') => "QR Code with ECI, FNC1 in second position",
            (b'Q', _) => "QR Code",
            (b'R', _) | (b'S', _) => "2 of 5",
            (b'T', _) => "Code 49",
            (b'U', _) => "MaxiCode",
            (b'X', _) => "other",
            (b'd', b'0') => "Data Matrix ECC 000 to 140",
            (b'd', b'1') => "Data Matrix",
            (b'd', b'2') => "GS1 DataMatrix",
            (b'd', b'3') => "Data Matrix, FNC1 in second position",
            (b'd', b'4') => "Data Matrix with ECI",
            (b'd', b'5') => "Data Matrix with ECI, FNC1 in first position",
            (b'd', b'6') => "Data Matrix with ECI, FNC1 in second position",
            (b'd', _) => "Data Matrix",
            (b'e', b'0') => "GS1 DataBar or GS1 Composite",
            (b'e', b'1') => "GS1 Composite, data after an escape mechanism",
            (b'e', b'2') => "GS1 Composite, next packet",
            (b'e', b'3') => "MicroPDF417 in Code 128 emulation",
            (b'e', _) => "GS1 DataBar or GS1 Composite",
            (b's', _) => "SuperCode",
            (b'z', b'1') => "Aztec, FNC1 in first position",
            (b'z', _) => "Aztec",
            _ => return None,
        })
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
            ("]A0", Carrier::Plain),
            ("]L0", Carrier::Plain),
            ("]Q1", Carrier::Plain),
            ("]J0", Carrier::Plain),
            ("]I0", Carrier::Plain),
            ("]I1", Carrier::Itf),
            ("]c1", Carrier::Unknown),
            ("]X0", Carrier::Unknown),
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
