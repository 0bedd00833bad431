//! ISO/IEC 15434 messages: the envelope of 2D symbols, `[)>` RS, formats, EOT, and their content by
//! ASC MH10.8.2 data identifiers, GS1 application identifiers or text element identifiers.
//!
//! Envelopes that are damaged in ways met on labels are read, and the damage is told. Inside the
//! data nothing is repaired.

mod di;
mod parse;

use std::fmt;

use thiserror::Error;

use crate::{Element, ElementError};

pub use di::{DataElement, DataIdentifier, Role};
pub use parse::{is_message, parse_message};

/// A message: one or more formats (ISO/IEC 15434 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The formats in their order.
    pub formats: Vec<Format>,
    /// What is wrong with the envelope; the data is not touched by it.
    pub defects: Vec<Defect>,
}

/// One format of a message (ISO/IEC 15434 section 5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The format indicator, two digits.
    pub indicator: String,
    /// Its data.
    pub content: FormatContent,
}

/// The data of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatContent {
    /// Format 05: GS1 elements, each checked.
    Gs1(Vec<Element>),
    /// Format 06: data identifiers of ASC MH10.8.2.
    Di(Vec<DataElement>),
    /// Format 12: text element identifiers (ATA Spec 2000), three letters each.
    Text(Vec<(String, String)>),
    /// Any other format, as it stands: transportation, EDI, free text, binary.
    Other(String),
}

/// A defect of an envelope that is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// `[)>` is followed by the format indicator at once.
    FirstRsMissing,
    /// GS or NUL stands after `[)>` instead of RS.
    FirstRsReplaced,
    /// EOT follows the data at once.
    LastRsMissing,
    /// The message ends with RS.
    EotMissing,
    /// Neither RS nor EOT ends the message.
    TrailerMissing,
    /// Control characters are written out, `{GS}` or `<GS>`.
    WrittenOut,
}

/// Why a message is refused. Positions count bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It does not start with `[)>`.
    #[error("not an ISO/IEC 15434 message: it must start with [)>")]
    Header,
    /// There is nothing behind the header.
    #[error("the ISO/IEC 15434 message has a header and no format")]
    Empty,
    /// Where a format indicator of two digits should stand there is something else.
    #[error("no format indicator of two digits at byte {position}")]
    Indicator {
        /// Where the format starts.
        position: usize,
    },
    /// A format indicator that is reserved: 00, 10, 11 and all above 12.
    #[error("format {indicator} at byte {position} is not assigned")]
    Unassigned {
        /// The format.
        indicator: String,
        /// Where the format starts.
        position: usize,
    },
    /// GS does not follow the format indicator.
    #[error("format {indicator} at byte {position} does not start with GS")]
    Separator {
        /// The format.
        indicator: String,
        /// Where the format starts.
        position: usize,
    },
    /// A format without data.
    #[error("format {indicator} at byte {position} has no data")]
    NoData {
        /// The format.
        indicator: String,
        /// Where the format starts.
        position: usize,
    },
    /// A field that does not start with an identifier of its format.
    #[error("no {what} at byte {position}")]
    Identifier {
        /// What kind of identifier is missing.
        what: &'static str,
        /// Where the field starts.
        position: usize,
    },
    /// An identifier without data.
    #[error("{identifier} at byte {position} has no data")]
    NoValue {
        /// The identifier.
        identifier: String,
        /// Where the field starts.
        position: usize,
    },
    /// A control character inside a field.
    #[error("control character {byte:02X}h at byte {position}")]
    Control {
        /// The character.
        byte: u8,
        /// Where it is.
        position: usize,
    },
    /// Format 05 is not a valid element string.
    #[error("format 05 is not valid GS1 data")]
    Gs1(#[source] ElementError),
    /// Something follows the end of the message.
    #[error("data after the end of the message, at byte {position}")]
    AfterEnd {
        /// Where it starts.
        position: usize,
    },
}

impl Message {
    /// The value of the first data identifier `di` in any format 06.
    pub fn value(&self, di: &str) -> Option<&str> {
        self.data_elements()
            .find(|element| element.di.as_str() == di)
            .map(|element| element.value.as_str())
    }

    /// Every data element of every format 06, in order.
    pub fn data_elements(&self) -> impl Iterator<Item = &DataElement> {
        self.formats
            .iter()
            .filter_map(|format| match &format.content {
                FormatContent::Di(elements) => Some(elements),
                _ => None,
            })
            .flatten()
    }

    /// Every GS1 element of every format 05, in order.
    pub fn gs1_elements(&self) -> impl Iterator<Item = &Element> {
        self.formats
            .iter()
            .filter_map(|format| match &format.content {
                FormatContent::Gs1(elements) => Some(elements),
                _ => None,
            })
            .flatten()
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstRsMissing => "first RS missing",
            Self::FirstRsReplaced => "first RS replaced",
            Self::LastRsMissing => "last RS missing",
            Self::EotMissing => "EOT missing",
            Self::TrailerMissing => "trailer missing",
            Self::WrittenOut => "control characters written out",
        })
    }
}

#[cfg(test)]
mod tests;
