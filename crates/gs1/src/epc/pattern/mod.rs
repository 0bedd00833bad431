//! Patterns that select tags: `urn:epc:pat:…` and `urn:epc:idpat:…` (TDS 1.13 section 13; ALE 1.1
//! part 1 section 6.2.1.3), and hexadecimal digits of the memory.
//!
//! A pattern is compiled once into steps over bits. Matching decodes nothing and allocates nothing;
//! it does not tell whether the bits are a valid EPC.

mod compile;
mod select;

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{
    EpcError, Scheme,
    bits::{BitReader, Bits},
};

pub use select::{Select, SelectMask};

/// A compiled pattern.
///
/// | form | meaning |
/// |---|---|
/// | `urn:epc:pat:sgtin-96:3.4012345.*.[1-99]` | fields of a tag URI: a value, `*` (or `X`) for any, or a range of numbers |
/// | `urn:epc:idpat:sgtin:4012345.*.*` | fields of a pure identity URI, in every scheme that has it |
/// | `hex:3034F0*` | the memory starts with these digits |
/// | `hex:3034F0` | the memory is these digits |
/// | `hex:30000000/FF000001` | the memory has these bits, where the mask behind the slash is set |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// What may be in the memory; one of them must be.
    alternatives: Vec<Alternative>,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// None of the forms.
    #[error(
        "a pattern starts with urn:epc:pat:, urn:epc:idpat: or hex:, as in urn:epc:pat:sgtin-96:*.4012345.*.*"
    )]
    Form,
    /// The scheme is not known, or has no such URI.
    #[error("unknown scheme \"{0}\"")]
    Scheme(String),
    /// The number of fields is wrong.
    #[error("{scheme} has {expected} fields between dots, found {found}")]
    Fields {
        /// The scheme's name in the pattern.
        scheme: String,
        /// The fields that it has.
        expected: usize,
        /// The fields found.
        found: usize,
    },
    /// A field holds what the scheme cannot.
    #[error("no tag can match")]
    Field(#[source] EpcError),
    /// A range that is not `[low-high]` of two numbers of the right length, or where there are no
    /// numbers.
    #[error("\"{0}\" is not a range of numbers that this field can hold, as in [10-99]")]
    Range(String),
    /// The digits are no hexadecimal digits, or too many.
    #[error(
        "expected 1 to 124 hexadecimal digits, and * at the end if more may follow, or / and a mask of as many digits"
    )]
    Hex,
}

impl Pattern {
    /// Whether the first `bit_len` bits of `memory`, an EPC as a reader reports it, match.
    pub fn matches(&self, memory: &[u8], bit_len: usize) -> bool {
        Bits::new(memory, bit_len).is_some_and(|bits| {
            self.alternatives
                .iter()
                .any(|alternative| alternative.matches(bits))
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is of the `hex:` form, which matches memory of any kind.
    pub fn is_hex(&self) -> bool {
        self.text.starts_with(compile::HEX)
    }

    /// How many fields a pattern `urn:epc:pat:` of `scheme` has; `None` if it has no tag URI.
    pub fn field_count(scheme: Scheme) -> Option<usize> {
        compile::field_count(scheme)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Ok(Self {
            text: text.to_owned(),
            alternatives: compile::compile(text)?,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One way to match: each step takes its bits, from the first on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    /// The bits that there must be at least.
    min_bits: usize,
    /// Whether there must not be more.
    exact: bool,
    steps: Vec<Step>,
}

/// What the next bits must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Anything, in so many bits.
    Any(usize),
    /// This number.
    Equal {
        /// At most 64.
        width: usize,
        value: u64,
    },
    /// This number, where the mask is set.
    Masked {
        /// At most 64.
        width: usize,
        value: u64,
        mask: u64,
    },
    /// A number from `low` to `high`.
    Range {
        /// At most 64.
        width: usize,
        low: u64,
        high: u64,
    },
    /// 6-bit characters up to a zero.
    AnySixBit,
}

impl Alternative {
    fn matches(&self, bits: Bits<'_>) -> bool {
        let enough = bits.len() >= self.min_bits && (!self.exact || bits.len() == self.min_bits);
        let mut reader = BitReader::new(bits);
        enough && self.steps.iter().all(|step| step.take(&mut reader))
    }
}

impl Step {
    /// Takes the bits of this step; false if they are not there or not right.
    fn take(&self, reader: &mut BitReader<'_>) -> bool {
        match *self {
            Self::Any(width) => reader.skip(width).is_ok(),
            Self::Equal { width, value } => reader.uint(width) == Ok(value),
            Self::Masked { width, value, mask } => reader
                .uint(width)
                .is_ok_and(|found| (found ^ value) & mask == 0),
            Self::Range { width, low, high } => reader
                .uint(width)
                .is_ok_and(|found| (low..=high).contains(&found)),
            Self::AnySixBit => loop {
                match reader.small(6) {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
