//! What can be wrong with the value of an application identifier.

use thiserror::Error;

use crate::charset::Charset;

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
    #[error("the value does not hold a date, written YYMMDD, where it should")]
    Date,
    /// No such time of day.
    #[error("the value does not hold a time of day, written HHMM, where it should")]
    Time,
    /// Another content rule of the identifier is broken.
    #[error("expected {expected}, at character {} of the value", offset + 1)]
    Content {
        /// Where in the value, counted from 0.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
}

impl Fault {
    /// Where in the value the fault is, if it can be named, counted from 0.
    pub fn offset(self) -> Option<usize> {
        match self {
            Self::Character { offset, .. } | Self::Content { offset, .. } => Some(offset),
            _ => None,
        }
    }

    /// The same fault of a part that starts at `start`.
    pub(crate) fn after(mut self, start: usize) -> Self {
        if let Self::Character { offset, .. } | Self::Content { offset, .. } = &mut self {
            *offset += start;
        }
        self
    }
}
