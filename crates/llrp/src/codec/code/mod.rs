//! Enumerations; a value the standard does not have is kept as `Unknown`, so that it survives decode and encode.
//!
//! Values of LLRP 1.1 and 2.0 stand beside those of 1.0.1: the later versions only add. Enumerations of one bit
//! are plain `bool` fields of their parameters, because they have no value to be unknown.

/// One enum per enumeration. `u8: 2` is a number in a field of two bits.
macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident: $number:ident $(: $bits:literal)? {
        $( $value:literal $variant:ident $text:literal ),* $(,)?
    } )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!($value, ": ", $text, ".")]
                $variant,
            )*
            /// A value the standard does not have.
            Unknown($number),
        }

        impl $name {
            /// Every value the standard has.
            pub const ALL: &[Self] = &[$( Self::$variant ),*];

            /// The value in words.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(_) => "a value the standard does not have",
                }
            }

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> $number {
                match self {
                    $( Self::$variant => $value, )*
                    Self::Unknown(code) => code,
                }
            }
        }

        impl From<$number> for $name {
            fn from(code: $number) -> Self {
                match code {
                    $( $value => Self::$variant, )*
                    _ => Self::Unknown(code),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::from(0)
            }
        }

        impl crate::codec::field::Field for $name {
            const KIND: &'static str = codes!(@kind $number $($bits)?);
            const CODES: &'static [u16] = &[$( $value ),*];

            fn get(r: &mut crate::wire::Reader<'_>) -> Result<Self, crate::wire::DecodeError> {
                codes!(@get r $number $($bits)?).map(Self::from)
            }

            fn put(&self, w: &mut crate::wire::Writer) {
                codes!(@put w self.code() ; $($bits)?);
            }

            fn count_odd(&self, odd: &mut crate::codec::odd::Oddities) {
                odd.unknown_codes += u64::from(matches!(self, Self::Unknown(_)));
            }
        }

        #[cfg(test)]
        impl crate::codec::sample::Sample for $name {
            fn sample(g: &mut crate::codec::sample::Sampler<'_>) -> Self {
                let code = <$number as crate::codec::sample::Sample>::sample(g);
                $( let code = code & ((1 << $bits) - 1); )?
                Self::from(code)
            }
        }
    )*};
    (@kind $number:ident) => { stringify!($number) };
    (@kind $number:ident $bits:literal) => { concat!("u", $bits) };
    (@get $r:ident $number:ident) => { <$number as crate::codec::field::Field>::get($r) };
    (@get $r:ident $number:ident $bits:literal) => { $r.bits($bits) };
    (@put $w:ident $code:expr ;) => { crate::codec::field::Field::put(&$code, $w) };
    (@put $w:ident $code:expr ; $bits:literal) => { $w.bits($code, $bits) };
}

mod air;
mod device;

pub use air::*;
pub use device::*;
