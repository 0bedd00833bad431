//! GS1 element strings: application identifiers and their values in one run of text (GenSpecs 7.8).
//!
//! FNC1 is the separator and arrives as GS (1Dh). A value of predefined length ends by counting,
//! and a separator after it is legal; every other value runs to a separator or to the end. A lost
//! separator is never invented: the value becomes too long, or swallows what follows, and the
//! checks of its row decide.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Ai, ai::AiSpec};

pub use crate::charset::Charset;

/// The separator, FNC1 as scanners transmit it.
pub const GS: u8 = 0x1D;

/// An application identifier with a value that passed every check of its row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Ai, String)", into = "(Ai, String)")]
pub struct Element {
    ai: Ai,
    value: String,
}

impl Element {
    /// Checks `value` against the row of `ai`.
    ///
    /// # Errors
    /// [`ElementError::UnknownAi`] or [`ElementError::Value`]; positions count from the start of
    /// the value.
    pub fn new(ai: Ai, value: impl Into<String>) -> Result<Self, ElementError> {
        let value = value.into();
        let spec = ai
            .spec()
            .ok_or(ElementError::UnknownAi { ai, position: 0 })?;
        spec.check(value.as_bytes())
            .map_err(|fault| ElementError::value(ai, 0, fault))?;
        Ok(Self { ai, value })
    }

    /// For values that are right by construction, such as the key of a decoded tag.
    pub(crate) fn trusted(ai: Ai, value: String) -> Self {
        debug_assert_eq!(
            Self::new(ai, value.as_str()).map(drop),
            Ok(()),
            "({ai}){value}"
        );
        Self { ai, value }
    }

    /// The application identifier.
    pub fn ai(&self) -> Ai {
        self.ai
    }

    /// The value as it stands in the carrier: leading zeros kept, nothing interpreted.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl TryFrom<(Ai, String)> for Element {
    type Error = ElementError;

    fn try_from((ai, value): (Ai, String)) -> Result<Self, Self::Error> {
        Self::new(ai, value)
    }
}

impl From<Element> for (Ai, String) {
    fn from(element: Element) -> Self {
        (element.ai, element.value)
    }
}

/// Why an element string is refused. Positions count bytes from the start of the data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ElementError {
    /// There is nothing to parse.
    #[error("no element string: the data is empty")]
    Empty,
    /// Where an application identifier should start there is something else.
    #[error("no application identifier at byte {position}")]
    NoAi {
        /// Where the identifier should start.
        position: usize,
    },
    /// The application identifier has no row in the table.
    #[error("application identifier ({ai}) at byte {position} is not known yet")]
    UnknownAi {
        /// The identifier, its length inferred from its first two digits.
        ai: Ai,
        /// Where the identifier starts.
        position: usize,
    },
    /// The value breaks a rule of its row.
    #[error("({ai}) at byte {position}: {fault}")]
    Value {
        /// Whose value.
        ai: Ai,
        /// The first byte of the value, or the offending byte where one can be named.
        position: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// The identifier occurs twice with different values.
    #[error("({ai}) at byte {position} contradicts an earlier ({ai})")]
    Conflict {
        /// The repeated identifier.
        ai: Ai,
        /// The first byte of the later value.
        position: usize,
    },
}

impl ElementError {
    fn value(ai: Ai, start: usize, fault: Fault) -> Self {
        let offset = if let Fault::Character { offset, .. } = fault {
            offset
        } else {
            0
        };
        Self::Value {
            ai,
            position: start + offset,
            fault,
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no value.
    #[error("the value is empty")]
    Empty,
    /// The value ends early.
    #[error("the value has {has} characters, fewer than {needs}")]
    TooShort {
        /// The least length.
        needs: usize,
        /// The length found.
        has: usize,
    },
    /// The value goes on, perhaps because a separator was lost.
    #[error("the value has {has} characters, more than {max}; is a separator missing?")]
    TooLong {
        /// The greatest length.
        max: usize,
        /// The length found.
        has: usize,
    },
    /// A character is not allowed here.
    #[error("the character is not one of {charset}")]
    Character {
        /// Where in the value.
        offset: usize,
        /// What is allowed.
        charset: Charset,
    },
    /// The check digit is wrong: a misread or mistyped key.
    #[error("the check digit is {found}, it should be {expected}")]
    CheckDigit {
        /// The digit that fits the others.
        expected: u64,
        /// The digit found.
        found: u64,
    },
    /// No such day.
    #[error("the value is not a date of the form YYMMDD")]
    Date,
}

/// An element that borrows its value from the data, with its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawElement<'a> {
    pub(crate) ai: Ai,
    pub(crate) value: &'a [u8],
    pub(crate) position: usize,
}

/// Walks an element string without allocating. After an error it yields nothing more.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Elements<'a> {
    /// `position` is where `data` starts in what the caller was given.
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        Self {
            rest: data,
            position,
        }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        self.position += taken.len();
        taken
    }

    fn element(&mut self) -> Result<RawElement<'a>, ElementError> {
        let ai = Ai::at_start_of(self.rest).ok_or(ElementError::NoAi {
            position: self.position,
        })?;
        let spec = ai.spec().ok_or(ElementError::UnknownAi {
            ai,
            position: self.position,
        })?;
        self.take(ai.as_str().len());
        let position = self.position;
        let value = self.take(self.value_length(spec));
        spec.check(value)
            .map_err(|fault| ElementError::value(ai, position, fault))?;
        if self.rest.first() == Some(&GS) {
            self.take(1);
        }
        Ok(RawElement {
            ai,
            value,
            position,
        })
    }

    fn value_length(&self, spec: &AiSpec) -> usize {
        let to_separator = self
            .rest
            .iter()
            .position(|&byte| byte == GS)
            .unwrap_or(self.rest.len());
        if spec.predefined {
            to_separator.min(spec.max_length())
        } else {
            to_separator
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<RawElement<'a>, ElementError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let element = self.element();
        if element.is_err() {
            self.rest = &[];
        }
        Some(element)
    }
}

/// Parses a whole element string: the elements in their order, repetitions kept.
///
/// One FNC1 (GS) may lead, as the symbol itself has it; one may follow each value, and trail. An
/// application identifier may repeat with the same value.
///
/// # Errors
/// The first fault, with the application identifier and the byte; nothing partial is returned.
pub fn parse_element_string(data: impl AsRef<[u8]>) -> Result<Vec<Element>, ElementError> {
    let data = data.as_ref();
    match data.strip_prefix(&[GS]) {
        Some(rest) => parse_after_fnc1(rest, 1),
        None => parse_after_fnc1(data, 0),
    }
}

/// Parses what follows the FNC1 in first position: a GS here would be an empty element.
///
/// `position` is where `data` starts in what the caller was given.
pub(crate) fn parse_after_fnc1(data: &[u8], position: usize) -> Result<Vec<Element>, ElementError> {
    let mut elements: Vec<Element> = Vec::new();
    for raw in Elements::new(data, position) {
        let RawElement {
            ai,
            value,
            position,
        } = raw?;
        // Every character set is ASCII, so a checked value is text.
        let value = str::from_utf8(value).map_err(|_| ElementError::NoAi { position })?;
        if elements
            .iter()
            .any(|earlier| earlier.ai == ai && earlier.value != value)
        {
            return Err(ElementError::Conflict { ai, position });
        }
        elements.push(Element {
            ai,
            value: value.to_owned(),
        });
    }
    if elements.is_empty() {
        Err(ElementError::Empty)
    } else {
        Ok(elements)
    }
}

#[cfg(test)]
mod tests;
