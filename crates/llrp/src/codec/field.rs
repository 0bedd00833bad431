//! The kinds of field that parameters and messages are made of (LLRP 1.0.1 §9.1).

use std::fmt;

use crate::wire::{DecodeError, Reader, Writer};

/// One kind of field, both ways.
pub trait Field: Sized {
    /// Takes the field from `r`.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if the container ends before the field.
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends the field to `w`.
    fn put(&self, w: &mut Writer);
}

macro_rules! number_fields {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                r.array().map(<$number>::from_be_bytes)
            }

            fn put(&self, w: &mut Writer) {
                w.bytes(&self.to_be_bytes());
            }
        }
    )*};
}

number_fields!(u8, u16, u32, u64, i8, i16);

impl Field for bool {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bits(1).map(|bit| bit == 1)
    }

    fn put(&self, w: &mut Writer) {
        w.bits(u8::from(*self), 1);
    }
}

/// A field of two bits (`u2`); larger values are cut to their low two bits when written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct U2(pub u8);

impl Field for U2 {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bits(2).map(Self)
    }

    fn put(&self, w: &mut Writer) {
        w.bits(self.0, 2);
    }
}

impl<const N: usize> Field for [u8; N] {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array()
    }

    fn put(&self, w: &mut Writer) {
        w.bytes(self);
    }
}

macro_rules! list_fields {
    ($($number:ty),*) => {$(
        impl Field for Vec<$number> {
            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let count = usize::from(r.u16()?);
                // The bytes are checked to be there before anything is allocated for them.
                let bytes = r.bytes(count * size_of::<$number>())?;
                let mut items = Reader::new(bytes);
                let mut list = Vec::with_capacity(count);
                for _ in 0..count {
                    list.push(<$number>::get(&mut items)?);
                }
                Ok(list)
            }

            fn put(&self, w: &mut Writer) {
                w.count16(self.len());
                for item in self {
                    item.put(w);
                }
            }
        }
    )*};
}

list_fields!(u8, u16, u32);

/// UTF-8 text (`utf8v`), kept as bytes because readers also send other encodings; it prints lossily.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Vec<u8>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Field for Text {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Vec::<u8>::get(r).map(Self)
    }

    fn put(&self, w: &mut Writer) {
        self.0.put(w);
    }
}

/// A bit string (`u1v`): left-aligned, the last byte's unused bits as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bits {
    bit_len: u16,
    bytes: Vec<u8>,
}

impl Bits {
    /// The first `bit_len` bits of `bytes`; bits that `bytes` lacks are zero.
    #[must_use]
    pub fn new(bit_len: u16, bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.resize(usize::from(bit_len).div_ceil(8), 0);
        Self { bit_len, bytes }
    }

    /// Number of bits.
    #[must_use]
    pub fn bit_len(&self) -> u16 {
        self.bit_len
    }

    /// The bytes, as many as the bits need.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Field for Bits {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bit_len = r.u16()?;
        let bytes = r.bytes(usize::from(bit_len).div_ceil(8))?.to_vec();
        Ok(Self { bit_len, bytes })
    }

    fn put(&self, w: &mut Writer) {
        self.bit_len.put(w);
        w.bytes(&self.bytes);
    }
}

/// Everything up to the end of the container (`bytesToEnd`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest(pub Vec<u8>);

impl Field for Rest {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.remainder().to_vec()))
    }

    fn put(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
}
