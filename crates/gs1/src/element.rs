//! GS1 element strings: application identifiers and their values in one run of text (GenSpecs 7.8).
//!
//! FNC1 is the separator and arrives as GS (1Dh). A value of predefined length ends by counting,
//! and a separator after it is legal; every other value runs to a separator or to the end. A lost
//! separator is never invented: the value becomes too long, or swallows what follows, and the
//! checks of its row decide.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Ai;

mod association;
mod fault;
mod parse;

pub use crate::charset::Charset;
pub use association::{Association, associations};
pub use fault::Fault;
pub use parse::parse_element_string;

pub(crate) use parse::{Unknown, parse_after_fnc1};

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
            ai.spec()
                .map(|spec| spec.check_of_any_carrier(value.as_bytes())),
            Some(Ok(())),
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

    /// For elements that were stored, whatever carrier they came from.
    fn try_from((ai, value): (Ai, String)) -> Result<Self, Self::Error> {
        let spec = ai
            .spec()
            .ok_or(ElementError::UnknownAi { ai, position: 0 })?;
        spec.check_of_any_carrier(value.as_bytes())
            .map_err(|fault| ElementError::value(ai, 0, fault))?;
        Ok(Self { ai, value })
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
    #[error("application identifier ({ai}) at byte {position} is not assigned")]
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
        Self::Value {
            ai,
            position: start + fault.offset().unwrap_or_default(),
            fault,
        }
    }
}

/// An application identifier that the table does not have, kept as it came.
///
/// Newer than this program, or private: its value ends at a separator or at the end of the data, and
/// nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownElement {
    /// The identifier, its length inferred from its first two digits (GenSpecs 7.8).
    pub ai: Ai,
    /// What follows, up to a separator.
    pub value: String,
    /// Where the identifier starts, in bytes.
    pub position: usize,
}

#[cfg(test)]
mod tests;
