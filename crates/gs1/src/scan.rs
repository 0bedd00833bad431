//! One scan as a scanner delivers it: symbology identifier, data, and what the data means.
//!
//! The identifier decides. Without one the feed's setting decides, and where two readings of the
//! data hold at once the scan is refused rather than guessed.

mod gs1;

use std::{borrow::Cow, fmt};

use thiserror::Error;

use crate::{
    AimId, Association, Carrier, Element, ElementError, Identity, LinkError, LinkOptions, Thing,
    Udi, UnknownElement, associations,
    charset::text_of,
    digital_link::is_web_address,
    hibc::{Hibc, HibcError, is_hibc, parse_hibc},
    iso15434::{Defect, Message, MessageError, is_message, parse_message},
    parse_digital_link,
    plain::{PlainCode, PlainPattern},
};

use gs1::Gs1;

/// How to read the scans of one feed.
#[derive(Debug, Clone, Default)]
pub struct ScanOptions {
    /// What data without a symbology identifier is; sent identifiers are always obeyed.
    pub unidentified: Unidentified,
    /// What stands for a lost GS in GS1 data: a keyboard wedge that cannot send control characters
    /// may be set to `^`, `~`, `|`, `<GS>`, `{GS}` or `Alt+029`. Each is a separator wherever it
    /// stands, so it must be something that the plant's values do not hold.
    pub gs_substitutes: Vec<String>,
    /// Keep application identifiers that are not assigned, as a warning, instead of refusing.
    pub keep_unknown_ais: bool,
    /// Older forms of Digital Links to take.
    pub link: LinkOptions,
    /// Patterns of plain codes; the first that matches names the fields.
    pub patterns: Vec<PlainPattern>,
}

/// What data without a symbology identifier is, by the feed's setting. The same holds for the
/// identifiers that name no symbology, `]X…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unidentified {
    /// Whatever its own form says: a Digital Link, an ISO/IEC 15434 message, HIBC, else plain.
    #[default]
    Plain,
    /// GS1: an element string, or the bare digits of a GTIN; or one of the forms above. For scanners
    /// that do not send identifiers.
    Gs1,
    /// Only an ISO/IEC 15434 message or HIBC, whose form cannot be mistaken; all else is refused.
    Refused,
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
    /// What is not as it should be, though the scan is taken.
    pub warnings: Vec<ScanWarning>,
}

/// What the data of a scan means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanContent {
    /// GS1 elements in the order of the carrier, each checked; of a Digital Link as well.
    Gs1(Vec<Element>),
    /// An ISO/IEC 15434 message.
    Message(Message),
    /// HIBC data of a medical device.
    Hibc(Hibc),
    /// A plain code that a configured pattern matched.
    Code(PlainCode),
    /// Text whose meaning is the plant's own.
    Plain,
}

/// Something about a scan that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanWarning {
    /// Identifiers that need or exclude each other; another symbol of the label may settle it.
    Association(Association),
    /// A damaged envelope of a message.
    Envelope(Defect),
    /// An identifier that is not assigned was kept.
    UnknownAi(UnknownElement),
}

impl fmt::Display for ScanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Association(association) => association.fmt(f),
            Self::Envelope(defect) => defect.fmt(f),
            Self::UnknownAi(unknown) => write!(
                f,
                "application identifier ({}) at byte {} is not assigned",
                unknown.ai, unknown.position
            ),
        }
    }
}

impl Scan {
    /// The canonical identity, if the scan is GS1 data with a primary key.
    ///
    /// A label may spread over several symbols; collect their elements and use
    /// [`Identity::from_elements`] then.
    pub fn identity(&self) -> Option<Identity> {
        match &self.content {
            ScanContent::Gs1(elements) => Identity::from_elements(elements.clone()).ok(),
            ScanContent::Message(message) => {
                let elements = message.gs1_elements().cloned().collect();
                Identity::from_elements(elements).ok()
            }
            _ => None,
        }
    }

    /// The thing that the scan names, by whatever rules; none if it names none.
    pub fn thing(&self) -> Option<Thing> {
        match &self.content {
            ScanContent::Gs1(_) => self.identity().map(Thing::Gs1),
            ScanContent::Message(message) => Thing::of_message(message),
            ScanContent::Hibc(hibc) => Thing::of_hibc(hibc),
            ScanContent::Code(code) => Thing::of_plain(code),
            ScanContent::Plain => None,
        }
    }

    /// The view of a scan as unique device identification; none without a device identifier.
    pub fn udi(&self) -> Option<Udi> {
        match &self.content {
            ScanContent::Hibc(hibc) => Udi::of_hibc(hibc),
            ScanContent::Message(message) => {
                Udi::of_message(message).or_else(|| Udi::of_gs1(&self.identity()?))
            }
            _ => Udi::of_gs1(&self.identity()?),
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
    /// A web address that is not a Digital Link.
    #[error("the scan is a web address and no GS1 Digital Link")]
    Link(#[source] LinkError),
    /// The data starts as an ISO/IEC 15434 message does, and is not one.
    #[error("the scan is not a valid ISO/IEC 15434 message")]
    Message(#[source] MessageError),
    /// The data starts as HIBC does, and is not HIBC.
    #[error("the scan is not valid HIBC data")]
    Hibc(#[source] HibcError),
    /// The scanner does not say what it read, and the feed demands it.
    #[error(
        "there is no symbology identifier that says what was read; switch AIM identifiers on at the scanner"
    )]
    Unidentified {
        /// The identifier that names no symbology, if there was one.
        aim: Option<AimId>,
    },
}

/// Reads one scan. Framing (CR, LF, STX, …) must be gone already.
///
/// - GS1 identifier (`]C1 ]e0 ]d2 ]Q3 ]J1`): an element string.
/// - `]E0`, `]E4`: 13 or 8 digits become AI (01), zero-padded to 14; a composite part (`|]e0…`) adds
///   its elements. `]I1` with 14 digits and a right check digit: AI (01), the ITF-14 of a case.
/// - Any other symbology: what the data itself says. `[)>` starts a message, `https://` a Digital
///   Link, `+` HIBC; else a configured pattern, else plain.
/// - No identifier, or one that names no symbology: [`ScanOptions::unidentified`]. As GS1, an
///   element string, which may start with FNC1, or a GTIN of 8, 12, 13 or 14 digits whose check
///   digit is right. Eight digits with a leading zero may be an unexpanded UPC-E and are no GTIN
///   without an identifier.
///
/// A scan that would be refused but matches a configured pattern is the plant's own, unless the
/// carrier says GS1. HIBC is taken for a plain code where plain data is, when it is not HIBC after all
/// and no symbology identifier was sent.
///
/// # Errors
/// See [`ScanError`].
pub fn parse_scan(raw: &[u8], options: &ScanOptions) -> Result<Scan, ScanError> {
    if raw.is_empty() {
        return Err(ScanError::Empty);
    }
    let (aim, data) = AimId::split(raw);
    let carrier = aim.map_or(Carrier::Unknown, AimId::carrier);
    let (content, warnings) = match carrier {
        Carrier::Gs1 | Carrier::Ean13 | Carrier::Ean8 => {
            gs1_content(gs1::of_carrier(carrier, data, aim, options)?)
        }
        Carrier::Itf if let Some(gtin) = gs1::itf_14(data) => {
            (ScanContent::Gs1(vec![gtin]), Vec::new())
        }
        Carrier::Itf | Carrier::Plain | Carrier::Unknown => {
            let code = || pattern(data, options);
            match free_content(carrier, aim, data, options) {
                Ok((ScanContent::Plain, warnings)) => {
                    (code().unwrap_or(ScanContent::Plain), warnings)
                }
                Ok(read) => read,
                Err(error) => (code().ok_or(error)?, Vec::new()),
            }
        }
    };
    Ok(Scan {
        aim,
        data: text_of(data),
        content,
        warnings,
    })
}

type Read = (ScanContent, Vec<ScanWarning>);

/// Data whose carrier says nothing about it.
fn free_content(
    carrier: Carrier,
    aim: Option<AimId>,
    data: &[u8],
    options: &ScanOptions,
) -> Result<Read, ScanError> {
    let unidentified = carrier == Carrier::Unknown;
    if is_message(data) {
        let message = parse_message(data).map_err(ScanError::Message)?;
        let warnings = message.defects.iter().copied();
        let warnings = warnings.map(ScanWarning::Envelope).collect();
        return Ok((ScanContent::Message(message), warnings));
    }
    if is_hibc(data) {
        match parse_hibc(data) {
            Ok(hibc) => return Ok((ScanContent::Hibc(hibc), Vec::new())),
            Err(_) if unidentified && options.unidentified == Unidentified::Plain => {}
            Err(error) => return Err(ScanError::Hibc(error)),
        }
    }
    if unidentified && options.unidentified == Unidentified::Refused {
        return Err(ScanError::Unidentified { aim });
    }
    if is_web_address(data) {
        let link = parse_digital_link(data, &options.link).map_err(ScanError::Link)?;
        let elements = link.elements().to_vec();
        return Ok(gs1_content(Gs1::new(elements)));
    }
    if unidentified && options.unidentified == Unidentified::Gs1 {
        return gs1::of_unidentified(data, aim, options).map(gs1_content);
    }
    Ok((ScanContent::Plain, Vec::new()))
}

fn gs1_content(gs1: Gs1) -> Read {
    let broken = associations(&gs1.elements);
    let broken = broken.into_iter().map(ScanWarning::Association);
    let unknown = gs1.unknown.into_iter().map(ScanWarning::UnknownAi);
    let warnings = broken.chain(unknown).collect();
    (ScanContent::Gs1(gs1.elements), warnings)
}

fn pattern(data: &[u8], options: &ScanOptions) -> Option<ScanContent> {
    let text: Cow<'_, str> = match str::from_utf8(data) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text_of(data)),
    };
    let code = options
        .patterns
        .iter()
        .find_map(|pattern| pattern.read(&text))?;
    Some(ScanContent::Code(code))
}

#[cfg(test)]
mod tests;
