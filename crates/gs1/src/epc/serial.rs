//! Serial numbers as the tag has them, without heap.

use super::EpcError;
use crate::charset::Charset;

/// The serial number of an EPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Serial {
    /// The scheme has none.
    None,
    /// A number, written without leading zeros.
    Number(u64),
    /// One to twenty characters of set 82.
    Text(SerialText),
}

impl Serial {
    /// The serial number as text, unescaped.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.bytes().iter().copied().map(char::from).collect()),
        }
    }
}

/// One to twenty characters of set 82, stored in place. Unused places are zero, so derived equality
/// and order are those of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SerialText([u8; 20]);

impl SerialText {
    /// Takes characters up to the first NUL; after it only NULs may follow.
    pub(super) fn new(characters: impl IntoIterator<Item = u8>) -> Result<Self, EpcError> {
        let mut text = [0; 20];
        let mut places = text.iter_mut();
        let mut ended = false;
        for character in characters {
            match (character, ended) {
                (0, _) => ended = true,
                (_, true) => return Err(EpcError::AfterSerial),
                (character, _) if !Charset::Set82.contains(character) => {
                    return Err(EpcError::SerialCharacter(character));
                }
                (character, _) => *places.next().ok_or(EpcError::AfterSerial)? = character,
            }
        }
        match text {
            [0, ..] => Err(EpcError::EmptySerial),
            text => Ok(Self(text)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let len = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(self.0.len());
        self.0.get(..len).unwrap_or_default()
    }
}
