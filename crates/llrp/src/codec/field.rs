//! The kinds of field that parameters and messages are made of (LLRP 1.0.1 §9.1).

use std::fmt;

use crate::codec::code::AirProtocol;
use crate::codec::odd::Oddities;
use crate::wire::{DecodeError, Reader, Writer};

/// One kind of field, both ways.
pub trait Field: Sized {
    /// Kind, in the words of the standard's definition files where they have one: `u16`, `u1v`, `utf8v`.
    const KIND: &'static str;

    /// The values it has in the standard, if it is an enumeration.
    const CODES: &'static [u16] = &[];

    /// Takes the field from `r`.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if the container ends before the field.
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends the field to `w`.
    fn put(&self, w: &mut Writer);

    /// Counts what is odd about the value.
    fn count_odd(&self, _odd: &mut Oddities) {}
}

macro_rules! number_fields {
    ($($number:ty: $kind:literal),*) => {$(
        impl Field for $number {
            const KIND: &'static str = $kind;

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                r.array().map(<$number>::from_be_bytes)
            }

            fn put(&self, w: &mut Writer) {
                w.bytes(&self.to_be_bytes());
            }
        }
    )*};
}

number_fields!(u8: "u8", u16: "u16", u32: "u32", u64: "u64", i8: "s8", i16: "s16");

impl Field for bool {
    const KIND: &'static str = "u1";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bits(1).map(|bit| bit == 1)
    }

    fn put(&self, w: &mut Writer) {
        w.bits(u8::from(*self), 1);
    }
}

macro_rules! bit_fields {
    ($($name:ident $bits:literal $text:literal)*) => {$(
        #[doc = concat!("A field of ", $text, " bits; larger values are cut to their low bits when written.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name(pub u8);

        impl Field for $name {
            const KIND: &'static str = concat!("u", $bits);

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                r.bits($bits).map(Self)
            }

            fn put(&self, w: &mut Writer) {
                w.bits(self.0, $bits);
            }
        }
    )*};
}

bit_fields! {
    U2 2 "two"
    U6 6 "six"
}

impl<const N: usize> Field for [u8; N] {
    /// The only field of this kind is the EPC of 96 bits.
    const KIND: &'static str = "u96";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array()
    }

    fn put(&self, w: &mut Writer) {
        w.bytes(self);
    }
}

macro_rules! list_fields {
    ($($item:ty: $size:literal $kind:literal),*) => {$(
        impl Field for Vec<$item> {
            const KIND: &'static str = $kind;
            const CODES: &'static [u16] = <$item as Field>::CODES;

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let count = usize::from(r.u16()?);
                // The bytes are checked to be there before anything is allocated for them.
                let bytes = r.bytes(count * $size)?;
                let mut items = Reader::new(bytes);
                let mut list = Vec::with_capacity(count);
                for _ in 0..count {
                    list.push(<$item>::get(&mut items)?);
                }
                Ok(list)
            }

            fn put(&self, w: &mut Writer) {
                w.count16(self.len());
                for item in self {
                    item.put(w);
                }
            }

            fn count_odd(&self, odd: &mut Oddities) {
                for item in self {
                    item.count_odd(odd);
                }
            }
        }
    )*};
}

list_fields!(u8: 1 "u8v", u16: 2 "u16v", u32: 4 "u32v", AirProtocol: 1 "u8v");

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
    const KIND: &'static str = "utf8v";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Vec::<u8>::get(r).map(Self)
    }

    fn put(&self, w: &mut Writer) {
        self.0.put(w);
    }

    fn count_odd(&self, odd: &mut Oddities) {
        odd.bad_texts += u64::from(std::str::from_utf8(&self.0).is_err());
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
    const KIND: &'static str = "u1v";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bit_len = r.u16()?;
        let bytes = r.bytes(usize::from(bit_len).div_ceil(8))?.to_vec();
        Ok(Self { bit_len, bytes })
    }

    fn put(&self, w: &mut Writer) {
        self.bit_len.put(w);
        w.bytes(&self.bytes);
    }

    fn count_odd(&self, odd: &mut Oddities) {
        let beyond = 8 - self.bit_len % 8;
        let stray = self
            .bytes
            .last()
            .is_some_and(|last| beyond < 8 && last & ((1 << beyond) - 1) != 0);
        odd.stray_bits += u64::from(stray);
    }
}

/// Everything up to the end of the container (`bytesToEnd`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest(pub Vec<u8>);

impl Field for Rest {
    const KIND: &'static str = "bytesToEnd";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.remainder().to_vec()))
    }

    fn put(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
}

/// What a reader can do of EPC Gen2 version 2; 16 bits that LLRP 2.0 put behind `C1G2LLRPCapabilities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gen2V2Capabilities {
    /// Hides parts of a tag's memory.
    pub can_support_untraceable: bool,
    /// Challenges many tags at once.
    pub can_support_challenge: bool,
    /// Authenticates a tag.
    pub can_support_authenticate: bool,
    /// Authenticated communication.
    pub can_support_auth_comm: bool,
    /// Encrypted communication.
    pub can_support_secure_comm: bool,
    /// Changes keys.
    pub can_support_key_update: bool,
    /// Changes privileges of passwords and keys.
    pub can_support_tag_privilege: bool,
    /// Reads a tag's response buffer.
    pub can_support_read_buffer: bool,
    /// Keeps the carrier on for longer after a Select.
    pub can_support_extended_power_on_period: bool,
    /// The other 7 bits, as they came.
    pub reserved: u8,
}

impl Gen2V2Capabilities {
    fn flags(&self) -> [bool; 9] {
        [
            self.can_support_untraceable,
            self.can_support_challenge,
            self.can_support_authenticate,
            self.can_support_auth_comm,
            self.can_support_secure_comm,
            self.can_support_key_update,
            self.can_support_tag_privilege,
            self.can_support_read_buffer,
            self.can_support_extended_power_on_period,
        ]
    }
}

/// Present if anything is left in the container: an addition of a later version at the end of a parameter.
impl Field for Option<Gen2V2Capabilities> {
    const KIND: &'static str = "gen2v2";

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.left() == 0 {
            return Ok(None);
        }
        Ok(Some(Gen2V2Capabilities {
            can_support_untraceable: bool::get(r)?,
            can_support_challenge: bool::get(r)?,
            can_support_authenticate: bool::get(r)?,
            can_support_auth_comm: bool::get(r)?,
            can_support_secure_comm: bool::get(r)?,
            can_support_key_update: bool::get(r)?,
            can_support_tag_privilege: bool::get(r)?,
            can_support_read_buffer: bool::get(r)?,
            can_support_extended_power_on_period: bool::get(r)?,
            reserved: r.bits(7)?,
        }))
    }

    fn put(&self, w: &mut Writer) {
        if let Some(capabilities) = self {
            for flag in capabilities.flags() {
                flag.put(w);
            }
            w.bits(capabilities.reserved, 7);
        }
    }
}
