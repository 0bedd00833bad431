//! One scan as a scanner delivers it: symbology identifier, data, and what the data means.
//!
//! The identifier decides. Without one the feed's setting decides, and where two readings of the
//! data hold at once the scan is refused rather than guessed.

use std::iter;

use thiserror::Error;

use crate::{
    Ai, AimId, Carrier, Element, ElementError, Fault, Identity,
    charset::Charset,
    element::{Unknown, parse_after_fnc1, parse_element_string},
};

/// How to read the scans of one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanOptions {
    /// Read data without a symbology identifier as GS1: an element string, or the bare digits of a
    /// GTIN. For scanners that do not send identifiers; sent ones are always obeyed.
    pub assume_gs1: bool,
}

/// A scan, understood as far as its carrier allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The symbology identifier, if the scanner sent one.
    pub aim: Option<AimId>,
    /// The data after the identifier. Bytes that are not UTF-8 are read as ISO/IEC 8859-1, the
    /// default interpretation of bar code data (ECI 000003), so no scan is lost.
    pub data: String,
    /// What the data means.
    pub content: ScanContent,
}

/// What the data of a scan means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanContent {
    /// GS1 elements in the order of the carrier, each checked.
    Gs1(Vec<Element>),
    /// Text whose meaning is the plant's own.
    Plain,
}

impl Scan {
    /// The canonical identity, if the scan is GS1 data with a primary key.
    ///
    /// A label may spread over several symbols; collect their elements and use
    /// [`Identity::from_elements`] then.
    pub fn identity(&self) -> Option<Identity> {
        match &self.content {
            ScanContent::Gs1(elements) => Identity::from_elements(elements.clone()).ok(),
            ScanContent::Plain => None,
        }
    }
}

/// Why a scan is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The scanner sent nothing.
    #[error("the scan is empty")]
    Empty,
    /// The carrier says GS1, or the feed does, but the data is not valid.
    #[error("the scan is not valid GS1 data")]
    Gs1 {
        /// The symbology identifier, if there was one.
        aim: Option<AimId>,
        /// The fault, its position counted from the start of the data after the identifier.
        #[source]
        source: ElementError,
    },
    /// Without a symbology identifier the digits are a GTIN and an element string at once.
    #[error("the digits may be a GTIN or an element string; only a symbology identifier can tell")]
    Ambiguous,
}

/// Reads one scan. Framing (CR, LF, STX, …) must be gone already.
///
/// - GS1 identifier (`]C1 ]e0 ]d2 ]Q3 ]J1`): an element string.
/// - `]E0`, `]E4`: 13 or 8 digits become AI (01), zero-padded to 14; a composite part (`|]e0…`) adds
///   its elements.
/// - Any other identifier: plain.
/// - No identifier: plain, unless [`ScanOptions::assume_gs1`]. Then an element string, which may
///   start with FNC1, or a GTIN of 8, 12, 13 or 14 digits whose check digit is right. Eight digits
///   with a leading zero may be an unexpanded UPC-E and are no GTIN without an identifier.
///
/// # Errors
/// See [`ScanError`]. Plain content never fails.
pub fn parse_scan(raw: &[u8], options: &ScanOptions) -> Result<Scan, ScanError> {
    if raw.is_empty() {
        return Err(ScanError::Empty);
    }
    let (aim, data) = AimId::split(raw);
    let refused = |source| ScanError::Gs1 { aim, source };
    let elements = match aim.map(AimId::carrier) {
        Some(Carrier::Gs1) => Some(
            parse_after_fnc1(data, 0, Unknown::Refuse)
                .map_err(refused)?
                .elements,
        ),
        Some(Carrier::Ean13) => Some(ean(data, 13).map_err(refused)?),
        Some(Carrier::Ean8) => Some(ean(data, 8).map_err(refused)?),
        Some(Carrier::Plain) => None,
        None if options.assume_gs1 => match (parse_element_string(data), bare_gtin(data)) {
            (Ok(elements), Some(gtin)) if swallows_all(&elements, data) => Some(vec![gtin]),
            (Ok(_), Some(_)) => return Err(ScanError::Ambiguous),
            (Ok(elements), None) => Some(elements),
            (Err(_), Some(gtin)) => Some(vec![gtin]),
            (Err(error), None) => return Err(refused(error)),
        },
        None => None,
    };
    let content = elements.map_or(ScanContent::Plain, ScanContent::Gs1);
    Ok(Scan {
        aim,
        data: text(data),
        content,
    })
}

/// EAN data: the digits, then perhaps a 2D composite component behind `|` (GenSpecs section 5).
fn ean(data: &[u8], digits: usize) -> Result<Vec<Element>, ElementError> {
    let end = data
        .iter()
        .position(|&byte| byte == b'|')
        .unwrap_or(data.len());
    let (primary, composite) = data.split_at(end);
    let fault = |fault| {
        Err(ElementError::Value {
            ai: Ai::GTIN,
            position: 0,
            fault,
        })
    };
    let gtin = match primary.len() {
        has if has < digits => return fault(Fault::TooShort { needs: digits, has }),
        has if has > digits => return fault(Fault::TooLong { max: digits, has }),
        _ => gtin(primary)?,
    };
    let Some(composite) = composite.strip_prefix(b"|") else {
        return Ok(vec![gtin]);
    };
    let component = match AimId::split(composite) {
        (Some(aim), component) if aim.carrier() == Carrier::Gs1 => component,
        _ => return Err(ElementError::NoAi { position: end + 1 }),
    };
    let position = data.len() - component.len();
    let mut elements = parse_after_fnc1(component, position, Unknown::Refuse)?.elements;
    if elements
        .iter()
        .any(|element| element.ai() == Ai::GTIN && *element != gtin)
    {
        return Err(ElementError::Conflict {
            ai: Ai::GTIN,
            position,
        });
    }
    elements.insert(0, gtin);
    Ok(elements)
}

/// Whether 12 digits or more are one element of any length, such as the order number (400): such a
/// reading fits whatever stands there and is no evidence against a check digit that is right.
fn swallows_all(elements: &[Element], data: &[u8]) -> bool {
    let open = |element: &Element| element.ai().spec().is_some_and(|spec| !spec.predefined);
    data.len() >= 12 && matches!(elements, [one] if open(one))
}

fn bare_gtin(data: &[u8]) -> Option<Element> {
    let plausible = match data {
        [first, ..] if data.len() == 8 => *first != b'0',
        _ => matches!(data.len(), 12..=14),
    };
    if plausible { gtin(data).ok() } else { None }
}

/// A GTIN of up to 14 digits in its 14-digit form (GenSpecs section 3.3).
fn gtin(digits: &[u8]) -> Result<Element, ElementError> {
    if let Some(offset) = Charset::Digits.first_outside(digits) {
        let fault = Fault::Character {
            offset,
            charset: Charset::Digits,
        };
        return Err(ElementError::Value {
            ai: Ai::GTIN,
            position: offset,
            fault,
        });
    }
    let zeros = iter::repeat_n('0', 14_usize.saturating_sub(digits.len()));
    Element::new(
        Ai::GTIN,
        zeros
            .chain(digits.iter().copied().map(char::from))
            .collect::<String>(),
    )
}

fn text(data: &[u8]) -> String {
    match str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) => data.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WITH_ID: ScanOptions = ScanOptions { assume_gs1: false };
    const WITHOUT_ID: ScanOptions = ScanOptions { assume_gs1: true };

    /// `"(01)…(10)…"` for GS1 content, `"plain …"` otherwise, the error's text for a refusal.
    fn read(raw: &[u8], options: ScanOptions) -> String {
        match parse_scan(raw, &options) {
            Ok(Scan {
                content: ScanContent::Plain,
                data,
                ..
            }) => format!("plain {data}"),
            Ok(Scan {
                content: ScanContent::Gs1(elements),
                ..
            }) => elements
                .iter()
                .map(|element| format!("({}){}", element.ai(), element.value()))
                .collect(),
            Err(ScanError::Gs1 { source, .. }) => source.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_identifier_decides() {
        for options in [WITH_ID, WITHOUT_ID] {
            for (raw, expected) in [
                ("]C1010950600013435210A1", "(01)09506000134352(10)A1"),
                ("]C0010950600013435210A1", "plain 010950600013435210A1"),
                ("]d1WO00012345", "plain WO00012345"),
                ("]J0", "plain "),
                ("]C1", "no element string: the data is empty"),
                ("]C1WO1", "no application identifier at byte 0"),
                (
                    "]C1\x1d0109506000134352",
                    "no application identifier at byte 0",
                ),
                ("]E04012345484922", "(01)04012345484922"),
                ("]E00365553453605", "(01)00365553453605"),
                ("]E475238254", "(01)00000075238254"),
                (
                    "]E04600051289216|]e010A1\x1d21B",
                    "(01)04600051289216(10)A1(21)B",
                ),
                (
                    "]E04600051289216|]e00104600051289216",
                    "(01)04600051289216(01)04600051289216",
                ),
                (
                    "]E04600051289216|]e00109506000134352",
                    "(01) at byte 17 contradicts an earlier (01)",
                ),
                ("]E04600051289216|x", "no application identifier at byte 14"),
                (
                    "]E04600051289216|]e0",
                    "no element string: the data is empty",
                ),
                (
                    "]E0123456789012",
                    "(01) at byte 0: the value has 12 characters, fewer than 13",
                ),
                (
                    "]E475238255",
                    "(01) at byte 0: the check digit is 5, it should be 4",
                ),
                (
                    "]E4752x8254",
                    "(01) at byte 3: the character is not one of digits",
                ),
                ("", "the scan is empty"),
            ] {
                assert_eq!(read(raw.as_bytes(), options), expected, "{raw:?}");
            }
        }
    }

    #[test]
    fn without_identifier_the_feed_decides() {
        for (raw, expected) in [
            ("\x1d010950600013435210A1", "(01)09506000134352(10)A1"),
            ("10A1", "(10)A1"),
            ("4012345484922", "(01)04012345484922"),
            ("123456789012", "(01)00123456789012"),
            ("75238254", "(01)00000075238254"),
            ("80614141123458", "(01)80614141123458"),
            (
                "02345673",
                "(02) at byte 2: the value has 6 characters, fewer than 14",
            ),
            // Lot 123454 or EAN-8 10123454: both hold, so neither is taken.
            (
                "10123454",
                "the digits may be a GTIN or an element string; only a symbology identifier can tell",
            ),
            ("10123453", "(10)123453"),
            // A consignment number (401) as far as the data tells: the check digit is no EAN-13's.
            ("4012345484923", "(401)2345484923"),
        ] {
            assert_eq!(read(raw.as_bytes(), WITHOUT_ID), expected, "{raw:?}");
            assert_eq!(read(raw.as_bytes(), WITH_ID), format!("plain {raw}"));
        }
    }

    #[test]
    fn data_in_another_encoding_is_kept() {
        assert_eq!(read(b"]X0Gr\xfc\xdfe", WITH_ID), "plain Gr\u{fc}\u{df}e");
        assert_eq!(read("]X0Grüße".as_bytes(), WITH_ID), "plain Grüße");
    }

    #[test]
    fn the_identifier_is_kept() {
        let scan = parse_scan(b"]d2010950600013435221A", &WITH_ID).unwrap();
        assert_eq!(scan.aim.unwrap().to_string(), "]d2");
        assert_eq!(scan.data, "010950600013435221A");
        let identity = scan.identity().unwrap();
        assert_eq!(
            identity.instance_uri().unwrap(),
            "https://id.gs1.org/01/09506000134352/21/A"
        );
        assert_eq!(parse_scan(b"]d210A", &WITH_ID).unwrap().identity(), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(raw in r"(\][A-Za-z][0-9])?[0-4A|\x1d\]]{0,24}", assume_gs1: bool) {
            let _ = parse_scan(raw.as_bytes(), &ScanOptions { assume_gs1 });
        }
    }
}
