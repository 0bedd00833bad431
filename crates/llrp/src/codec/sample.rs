//! Random values of every row of the tables, for round-trip tests.

use crate::codec::Params;
use crate::codec::field::{Bits, Gen2V2Capabilities, Rest, Text, U2, U6};
use crate::codec::param::{Param, UnknownParam};

/// A source of choices: proptest's bytes, so that it can shrink them; zeroes when they are used up.
pub(crate) struct Sampler<'a> {
    bytes: std::slice::Iter<'a, u8>,
    depth: u8,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            depth: 2,
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % limit.max(1)
    }

    pub(crate) fn one_of(&mut self, choices: &[fn(&mut Self) -> Param]) -> Param {
        let choice = self.below(choices.len());
        choices[choice](self)
    }

    /// Adds up to three parameters of any type.
    pub(crate) fn more(&mut self, params: &mut Params) {
        if self.depth == 0 {
            return;
        }
        self.depth -= 1;
        for _ in 0..self.below(4) {
            let param = if self.below(8) == 0 {
                let header = 900 + u16::from(self.byte() % 100);
                Param::Unknown(UnknownParam {
                    header,
                    bytes: Vec::sample(self),
                })
            } else {
                Param::sample_any(self)
            };
            params.push(param);
        }
        self.depth += 1;
    }
}

/// A random value.
pub(crate) trait Sample: Sized {
    fn sample(g: &mut Sampler<'_>) -> Self;
}

macro_rules! sample_numbers {
    ($($number:ty),*) => {$(
        impl Sample for $number {
            fn sample(g: &mut Sampler<'_>) -> Self {
                let mut bytes = [0; size_of::<$number>()];
                bytes.fill_with(|| g.byte());
                Self::from_be_bytes(bytes)
            }
        }
    )*};
}

sample_numbers!(u8, u16, u32, u64, i8, i16);

impl Sample for bool {
    fn sample(g: &mut Sampler<'_>) -> Self {
        g.byte() & 1 == 1
    }
}

impl Sample for U2 {
    fn sample(g: &mut Sampler<'_>) -> Self {
        Self(g.byte() & 3)
    }
}

impl Sample for U6 {
    fn sample(g: &mut Sampler<'_>) -> Self {
        Self(g.byte() & 63)
    }
}

impl Sample for Option<Gen2V2Capabilities> {
    fn sample(g: &mut Sampler<'_>) -> Self {
        bool::sample(g).then(|| Gen2V2Capabilities {
            can_support_untraceable: bool::sample(g),
            can_support_read_buffer: bool::sample(g),
            can_support_extended_power_on_period: bool::sample(g),
            reserved: g.byte() & 127,
            ..Gen2V2Capabilities::default()
        })
    }
}

impl<const N: usize> Sample for [u8; N] {
    fn sample(g: &mut Sampler<'_>) -> Self {
        std::array::from_fn(|_| g.byte())
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(g: &mut Sampler<'_>) -> Self {
        (0..g.below(9)).map(|_| T::sample(g)).collect()
    }
}

impl Sample for Text {
    fn sample(g: &mut Sampler<'_>) -> Self {
        Self(Vec::sample(g))
    }
}

impl Sample for Rest {
    fn sample(g: &mut Sampler<'_>) -> Self {
        Self(Vec::sample(g))
    }
}

impl Sample for Bits {
    fn sample(g: &mut Sampler<'_>) -> Self {
        let bytes = Vec::<u8>::sample(g);
        Self::new(g.below(bytes.len() * 8 + 1) as u16, &bytes)
    }
}
