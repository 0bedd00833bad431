//! Why bits are not an EPC, or a URI or elements cannot be encoded.

use thiserror::Error;

use super::{Scheme, bits::EndOfBits};
use crate::{Ai, element::Fault};

/// Why bits are not an EPC, or a tag URI cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EpcError {
    /// There are no bits.
    #[error("there are no EPC bits")]
    Empty,
    /// The bit count promises more than the bytes hold.
    #[error("{bit_len} bits are announced, but only {available} are there")]
    Missing {
        /// The bits announced.
        bit_len: usize,
        /// The bits there.
        available: usize,
    },
    /// No scheme with this header is known (TDS table 14-1).
    #[error("header {0:02X}h is not that of a known EPC scheme")]
    Header(u8),
    /// Fewer bits than the scheme, or the fields found so far, have (TDS 14.4 step 2).
    #[error("{scheme} needs {needs} bits, there are {has}")]
    TooShort {
        /// The scheme that the header names.
        scheme: Scheme,
        /// The bits that there must be, at least.
        needs: usize,
        /// The bits there.
        has: usize,
    },
    /// The partition value has no row (TDS 14.4.3).
    #[error("partition value {0} is not in the partition table")]
    Partition(u8),
    /// The GS1 Company Prefix does not fit its digits (TDS 14.4.3).
    #[error("the company prefix needs more than {digits} digits")]
    CompanyPrefix {
        /// The digits that the partition gives it.
        digits: u8,
    },
    /// The reference does not fit its digits (TDS 14.4.3).
    #[error("the reference needs more than {digits} digits")]
    Reference {
        /// The digits that the partition gives it.
        digits: u8,
    },
    /// Piece number or total of an ITIP: not 1 to 99, or the piece is above the total (TDS 6.3.13,
    /// GenSpecs 3.9.6).
    #[error("piece {piece} of {total} is not a piece of 1 to 99")]
    Piece {
        /// The number of the piece.
        piece: u8,
        /// The number of pieces.
        total: u8,
    },
    /// Bits that must be zero are not.
    #[error("reserved bits are not zero")]
    Reserved,
    /// Something else than zero bits follows the end of an EPC of variable length (TDS 14.4).
    #[error("bits after the end of the EPC are not zero")]
    AfterEnd,
    /// A string field has no character.
    #[error("the {0} is empty")]
    EmptyText(Field),
    /// Something follows the end of a string field (TDS 14.4.2).
    #[error("bits after the end of the {0} are not zero")]
    AfterText(Field),
    /// A string field is longer than it may be, or its end is missing (TDS 14.4.4).
    #[error("the {field} does not end after {max} characters")]
    LongText {
        /// The field.
        field: Field,
        /// The characters that it may have.
        max: u8,
    },
    /// A character outside the set of the field (TDS tables A-1, G-1; GenSpecs 7.11).
    #[error("the {field} holds character {character:02X}h, which is not allowed there")]
    Character {
        /// The field.
        field: Field,
        /// The character, as ASCII.
        character: u8,
    },
    /// A numeric string does not start with the digit 1, or has no digit after it (TDS 14.4.5).
    #[error("the serial number is not a 1 followed by digits")]
    NumericString,
    /// A serial number has more digits than its key allows.
    #[error("the serial number needs more than {digits} digits")]
    SerialDigits {
        /// The digits that it may have.
        digits: u8,
    },
    /// A binary-coded decimal digit above 9 (TDS 2.0, 14.5.4).
    #[error("({ai}) holds the digit {digit:X}h, which is no decimal digit")]
    Digit {
        /// Whose value.
        ai: Ai,
        /// The four bits found.
        digit: u8,
    },
    /// A value of a TDS 2.0 encoding is not one that the encoding can make (TDS 2.0, 14.5).
    #[error("({ai}) is not encoded as TDS 2.0 section 14.5 says")]
    Encoding {
        /// Whose value.
        ai: Ai,
    },
    /// A reserved encoding indicator (TDS 2.0, table E).
    #[error("({ai}) has the reserved encoding indicator {indicator}")]
    Indicator {
        /// Whose value.
        ai: Ai,
        /// 6 or 7.
        indicator: u8,
    },
    /// A reserved date type (TDS 2.0, 14.5.3).
    #[error("date type {0} is reserved")]
    DateType(u8),
    /// No application identifier, or none that tags can carry, where one should be.
    #[error("no known application identifier at bit {bit}")]
    NoAi {
        /// Where it should start.
        bit: usize,
    },
    /// A value breaks a rule of its application identifier.
    #[error("({ai}): {fault}")]
    Value {
        /// Whose value.
        ai: Ai,
        /// What is wrong.
        fault: Fault,
    },
    /// An application identifier occurs twice.
    #[error("({ai}) occurs twice")]
    Repeated {
        /// The identifier.
        ai: Ai,
    },
    /// The host name of a '++' scheme cannot be read (TDS 2.3, 14.5.16).
    #[error("the host name is not encoded as TDS 2.3 section 14.5.16 says")]
    HostName,
    /// The text is not a tag URI of a scheme that can be encoded.
    #[error("not a tag URI of a known scheme, urn:epc:tag:SCHEME:…")]
    Uri,
    /// The number of fields is wrong for the scheme.
    #[error("the tag URI of {0} has other fields")]
    UriFields(Scheme),
    /// The filter value is not one that the scheme can hold.
    #[error("the filter value must be 0 to {max}")]
    UriFilter {
        /// The greatest value.
        max: u8,
    },
    /// Prefix and reference are not digits of the right number.
    #[error("company prefix and reference must be digits, {needs} together, the prefix 6 to 12")]
    UriKey {
        /// The digits of both together.
        needs: u8,
    },
    /// A field is not one that the scheme can hold.
    #[error("the {field} does not fit {scheme}")]
    UriField {
        /// The scheme.
        scheme: Scheme,
        /// The field.
        field: Field,
    },
    /// The elements are not those of the scheme.
    #[error("{scheme} is made of other application identifiers")]
    Elements {
        /// The scheme.
        scheme: Scheme,
    },
}

/// A field of an EPC, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// General manager number of a GID.
    Manager,
    /// Object class of a GID.
    ObjectClass,
    /// CAGE code or DoDAAC.
    Cage,
    /// Part number of an ADI.
    PartNumber,
    /// Individual asset reference, component or part reference.
    Reference,
    /// Piece or total of an ITIP.
    Piece,
    /// Serial number or GLN extension.
    Serial,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Manager => "general manager number",
            Self::ObjectClass => "object class",
            Self::Cage => "CAGE code or DoDAAC",
            Self::PartNumber => "part number",
            Self::Reference => "reference",
            Self::Piece => "piece number or total",
            Self::Serial => "serial number",
        })
    }
}

impl EpcError {
    /// For a field of `scheme` that goes beyond the `has` bits.
    pub(super) fn end(scheme: Scheme, has: usize) -> impl Fn(EndOfBits) -> Self + Copy {
        move |EndOfBits { needs }| Self::TooShort { scheme, needs, has }
    }
}
