//! The values of fields, exact and without heap.

use crate::charset::{push_link, push_urn};

use super::error::{EpcError, Field};

/// The value of a field as a tag URI writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    /// The scheme has no such field.
    None,
    /// A number, written without leading zeros.
    Number(u64),
    /// A number of this many digits, written with leading zeros; nothing is written for width 0.
    Digits {
        /// The number.
        value: u64,
        /// The digits.
        width: u8,
    },
    /// Characters.
    Text(Text),
}

impl Value {
    /// The number; 0 for what is none.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Number(value) | Self::Digits { value, .. } => *value,
            Self::None | Self::Text(_) => 0,
        }
    }

    /// The characters; none for a number.
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.bytes(),
            Self::None | Self::Number(_) | Self::Digits { .. } => &[],
        }
    }

    /// Appends the value, characters as they are.
    pub(super) fn push_plain(&self, out: &mut String) {
        match self {
            Self::None => {}
            Self::Number(number) => push_number(out, *number, 1),
            Self::Digits { value, width } => push_number(out, *value, *width),
            Self::Text(text) => out.extend(text.bytes().iter().copied().map(char::from)),
        }
    }

    /// Appends the value as a field of an EPC URN.
    pub(super) fn push_field(&self, out: &mut String) {
        match self {
            Self::Text(text) => push_urn(out, text.bytes()),
            other => other.push_plain(out),
        }
    }

    /// Appends the value as it stands in a Digital Link.
    pub(super) fn push_link(&self, out: &mut String) {
        match self {
            Self::Text(text) => push_link(out, text.bytes()),
            other => other.push_plain(out),
        }
    }

    /// Whether it is written as a single zero.
    pub(super) fn is_zero(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Digits { value, width } => *value == 0 && *width == 1,
            Self::Text(text) => text.bytes() == b"0",
            Self::None => false,
        }
    }
}

/// Appends `number` with at least `width` digits; nothing for the width 0 of an absent field.
pub(super) fn push_number(out: &mut String, mut number: u64, width: u8) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        if number == 0 {
            break;
        }
        // The remainder is below ten.
        *place = b'0' + number.to_le_bytes()[0].wrapping_sub((number / 10 * 10).to_le_bytes()[0]);
        number /= 10;
        start -= 1;
    }
    let start = start.min(digits.len().saturating_sub(width.into()));
    let written = digits.get(start..).unwrap_or_default();
    out.push_str(str::from_utf8(written).unwrap_or_default());
}

/// The longest text of a TDS 1.x field: the part number of an ADI.
pub(super) const TEXT_MAX: usize = 32;

/// One to 32 characters, stored in place. Unused places are zero, so derived equality and order are
/// those of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Text([u8; TEXT_MAX]);

impl Text {
    /// Takes 1 to `max` characters, all of them `allowed`.
    pub(super) fn new(
        characters: &[u8],
        max: u8,
        allowed: fn(u8) -> bool,
        field: Field,
    ) -> Result<Self, EpcError> {
        if characters.is_empty() {
            return Err(EpcError::EmptyText(field));
        }
        if characters.len() > usize::from(max) || characters.len() > TEXT_MAX {
            return Err(EpcError::LongText { field, max });
        }
        if let Some(&character) = characters.iter().find(|&&byte| !allowed(byte)) {
            return Err(EpcError::Character { field, character });
        }
        let mut text = [0; TEXT_MAX];
        text.iter_mut()
            .zip(characters)
            .for_each(|(to, from)| *to = *from);
        Ok(Self(text))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let len = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(TEXT_MAX);
        self.0.get(..len).unwrap_or_default()
    }
}
