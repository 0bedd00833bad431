//! HIBC: the health industry bar code of suppliers (ANSI/HIBC 2.6), primary and secondary data,
//! apart or in one symbol.

mod date;
mod parse;

use std::fmt;

use thiserror::Error;

pub use date::HibcDate;
pub use parse::{check_character, is_hibc, parse_hibc};

/// What an HIBC symbol says. Primary and secondary data may stand in two symbols.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hibc {
    /// Who labels it and what it is: the device identifier of a UDI.
    pub primary: Option<Primary>,
    /// The link character of secondary data in a symbol of its own: the check character of the
    /// primary symbol it belongs to.
    pub link: Option<char>,
    /// The batch or lot number.
    pub lot: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
    /// How many units.
    pub quantity: Option<u32>,
    /// The expiry date.
    pub expiry: Option<HibcDate>,
    /// The date of manufacture.
    pub manufactured: Option<HibcDate>,
}

/// Primary data (ANSI/HIBC 2.6 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Primary {
    /// The labeler identification code: a letter and three letters or digits.
    pub labeler: String,
    /// The product or catalogue number, 1 to 18 letters or digits.
    pub product: String,
    /// The unit of measure, 0 (unit of use) to 9.
    pub unit_of_measure: char,
}

/// Why HIBC data is refused. Positions count bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HibcError {
    /// It does not start with a plus sign and data.
    #[error("not HIBC data: it must start with + and end with a check character")]
    Start,
    /// A character that HIBC does not have: capital letters, digits and `-. $/+%` only.
    #[error("byte {position} is not a character of HIBC")]
    Character {
        /// Where it is.
        position: usize,
    },
    /// The check character is wrong: a misread symbol.
    #[error("the check character is {found}, it should be {expected}")]
    Check {
        /// The character that fits the others.
        expected: char,
        /// The character found.
        found: char,
    },
    /// The primary data is not a labeler, a product and a unit of measure.
    #[error(
        "the primary data must be a letter and three letters or digits, a product of 1 to 18 letters or digits, and a unit of measure"
    )]
    Primary,
    /// A part of the secondary data is not of a known form.
    #[error("the secondary data at byte {position} is not {expected}")]
    Secondary {
        /// Where it starts.
        position: usize,
        /// What is missing there.
        expected: &'static str,
    },
}

impl fmt::Display for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            labeler,
            product,
            unit_of_measure,
        } = self;
        write!(f, "{labeler}{product}{unit_of_measure}")
    }
}

#[cfg(test)]
mod tests;
