//! The encoding methods of TDS 2.0 (TDS 2.3 sections 14.5.2 to 14.5.15), from bits to values.

use super::{
    super::{
        EpcError, Scheme,
        bits::{BitReader, EndOfBits},
    },
    alphabet,
    buffer::Buffer,
};
use crate::Ai;

/// How one part of a value is encoded. Numbers are characters: exactly so many, or at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Digits as one binary number (14.5.2).
    Integer(u8),
    /// Digits of four bits each (14.5.4).
    Bcd(u8),
    /// Digits of four bits each to 1111, or to 1110 and then alphanumeric; at most so many
    /// (14.5.5).
    Delimited(u8),
    /// Encoding indicator, length, characters; at most so many (14.5.6).
    Alphanumeric(u8),
    /// One digit, 0 or 1 (14.5.7).
    Bit,
    /// YYMMDD (14.5.8).
    Date,
    /// YYMMDDhhmm (14.5.9).
    DateTime,
    /// YYMMDD or YYMMDDYYMMDD (14.5.10).
    DateOrRange,
    /// YYMMDD, YYMMDDhh, YYMMDDhhmm or YYMMDDhhmmss (14.5.11).
    PreciseTime,
    /// Two letters (14.5.12).
    Country,
    /// Length and digits as one binary number; at most so many (14.5.13).
    Numeric(u8),
    /// A minus sign or nothing (14.5.14).
    Minus,
    /// Two digits with a slash between (14.5.15).
    Sequence,
}

/// Reads parts of the value of one identifier.
pub(super) struct Source<'r, 'a> {
    pub(super) reader: &'r mut BitReader<'a>,
    pub(super) scheme: Scheme,
    pub(super) ai: Ai,
}

/// The bits of a date: year, month, day.
pub(super) const DATE: &[usize] = &[7, 4, 5];
pub(super) const HOUR: usize = 5;
pub(super) const MINUTE: usize = 6;
pub(super) const SECOND: usize = 6;

/// The bits for any number of so many decimal digits: ⌈digits · log2 10⌉.
pub(super) fn bits_for(digits: usize) -> usize {
    // 217706 / 65536 is log2 10, rounded up in the sixth digit: exact for fewer than 300 digits.
    (digits * 217_706).div_ceil(65_536)
}

/// The bits for a length from 0 to `max`.
pub(super) fn length_bits(max: u8) -> usize {
    usize::try_from(u8::BITS - max.leading_zeros()).unwrap_or(8)
}

impl Method {
    /// Takes the part off `source` and appends it to `value`.
    pub(super) fn read(
        self,
        source: &mut Source<'_, '_>,
        value: &mut Buffer,
    ) -> Result<(), EpcError> {
        match self {
            Self::Integer(digits) => source.integer(digits.into(), value),
            Self::Bcd(digits) => (0..digits).try_for_each(|_| match source.uint(4)? {
                digit @ 0..=9 => source.push(value, b'0' + small(digit)),
                digit => Err(EpcError::Digit {
                    ai: source.ai,
                    digit: small(digit),
                }),
            }),
            Self::Delimited(max) => source.delimited(max, value),
            Self::Alphanumeric(max) => source.alphanumeric(max, max, value),
            Self::Bit => {
                let bit = source.uint(1)?;
                source.push(value, b'0' + small(bit))
            }
            Self::Date => source.pairs(DATE, value),
            Self::DateTime => source.pairs(&[7, 4, 5, HOUR, MINUTE], value),
            Self::DateOrRange => match source.uint(1)? {
                0 => source.pairs(DATE, value),
                _ => source.pairs(&[7, 4, 5, 7, 4, 5], value),
            },
            Self::PreciseTime => match source.uint(2)? {
                0 => source.pairs(&[7, 4, 5, HOUR], value),
                1 => source.pairs(&[7, 4, 5, HOUR, MINUTE], value),
                2 => source.pairs(&[7, 4, 5, HOUR, MINUTE, SECOND], value),
                _ => source.pairs(DATE, value),
            },
            Self::Country => source.characters(2, 6, alphabet::BASE_64, value),
            Self::Numeric(max) => {
                let length = source.length(max)?;
                source.integer(length, value)
            }
            Self::Minus => match source.uint(1)? {
                0 => Ok(()),
                _ => source.push(value, b'-'),
            },
            Self::Sequence => {
                source.integer(1, value)?;
                source.push(value, b'/')?;
                source.integer(1, value)
            }
        }
    }
}

impl Source<'_, '_> {
    fn uint(&mut self, width: usize) -> Result<u64, EpcError> {
        let has = self.reader.position() + self.reader.remaining();
        let scheme = self.scheme;
        self.reader
            .uint(width)
            .map_err(|EndOfBits { needs }| EpcError::TooShort { scheme, needs, has })
    }

    fn push(&self, value: &mut Buffer, byte: u8) -> Result<(), EpcError> {
        value.push(byte).ok_or(EpcError::Encoding { ai: self.ai })
    }

    /// A length of at most `max`.
    fn length(&mut self, max: u8) -> Result<usize, EpcError> {
        let length = self.uint(length_bits(max))?;
        if length > max.into() {
            return Err(EpcError::Encoding { ai: self.ai });
        }
        Ok(usize::from(small(length)))
    }

    /// `digits` digits from one binary number, which may be longer than any integer type.
    fn integer(&mut self, digits: usize, value: &mut Buffer) -> Result<(), EpcError> {
        let mut number = Decimal::new(digits);
        let mut width = bits_for(digits);
        while width > 0 {
            let step = width.min(16);
            let chunk = self.uint(step)?;
            number.shift_in(chunk, step);
            width -= step;
        }
        if number.overflow {
            return Err(EpcError::Encoding { ai: self.ai });
        }
        let digits = number.digits.get(..digits).unwrap_or_default();
        digits
            .iter()
            .rev()
            .try_for_each(|digit| self.push(value, b'0' + digit))
    }

    fn delimited(&mut self, max: u8, value: &mut Buffer) -> Result<(), EpcError> {
        loop {
            match self.uint(4)? {
                digit @ 0..=9 if value.len() < max.into() => {
                    self.push(value, b'0' + small(digit))?;
                }
                0b1111 => return Ok(()),
                0b1110 => {
                    let before = u8::try_from(value.len()).unwrap_or(u8::MAX);
                    let left = max.saturating_sub(before);
                    let length = value.len();
                    self.alphanumeric(max, left, value)?;
                    // A delimiter with nothing behind it: 1111 would have said so.
                    return if value.len() > length {
                        Ok(())
                    } else {
                        Err(EpcError::Encoding { ai: self.ai })
                    };
                }
                0..=9 => return Err(EpcError::Encoding { ai: self.ai }),
                digit => {
                    return Err(EpcError::Digit {
                        ai: self.ai,
                        digit: small(digit),
                    });
                }
            }
        }
    }

    /// `max` gives the width of the length, `left` the most characters.
    fn alphanumeric(&mut self, max: u8, left: u8, value: &mut Buffer) -> Result<(), EpcError> {
        let indicator = small(self.uint(3)?);
        if indicator > 5 {
            return Err(EpcError::Indicator {
                ai: self.ai,
                indicator,
            });
        }
        let length = self.length(max)?;
        if length > left.into() {
            return Err(EpcError::Encoding { ai: self.ai });
        }
        match indicator {
            0 => self.integer(length, value),
            1 => self.characters(length, 4, alphabet::UPPER_HEX, value),
            2 => self.characters(length, 4, alphabet::LOWER_HEX, value),
            3 => self.characters(length, 6, alphabet::BASE_64, value),
            4 => (0..length).try_for_each(|_| {
                let character = small(self.uint(7)?);
                self.push(value, character)
            }),
            _ => self.code_40(length, value),
        }
    }

    fn characters(
        &mut self,
        length: usize,
        width: usize,
        alphabet: &[u8],
        value: &mut Buffer,
    ) -> Result<(), EpcError> {
        (0..length).try_for_each(|_| {
            let place = usize::from(small(self.uint(width)?));
            let character = alphabet.get(place).copied();
            self.push(value, character.unwrap_or_default())
        })
    }

    /// URN Code 40: three characters in 16 bits; the last three may end in spaces that are not
    /// counted.
    fn code_40(&mut self, length: usize, value: &mut Buffer) -> Result<(), EpcError> {
        let wrong = EpcError::Encoding { ai: self.ai };
        let mut left = length;
        while left > 0 {
            let three = alphabet::code_40(self.uint(16)?).ok_or(wrong)?;
            for character in three {
                match (left, character) {
                    (0, b' ') => {}
                    (0, _) | (_, b' ') => return Err(wrong),
                    _ => {
                        self.push(value, character)?;
                        left -= 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Numbers of two digits, each in its bits; what a date may be the rules of the identifier say.
    fn pairs(&mut self, widths: &[usize], value: &mut Buffer) -> Result<(), EpcError> {
        widths.iter().try_for_each(|&width| {
            let number = small(self.uint(width)?);
            if number > 99 {
                return Err(EpcError::Encoding { ai: self.ai });
            }
            self.push(value, b'0' + number / 10)?;
            self.push(value, b'0' + number % 10)
        })
    }
}

/// A decimal number that is built from bits: no integer type holds ninety digits.
struct Decimal {
    /// Lowest first.
    digits: [u8; Self::MAX],
    used: usize,
    overflow: bool,
}

impl Decimal {
    const MAX: usize = 90;

    fn new(digits: usize) -> Self {
        Self {
            digits: [0; Self::MAX],
            used: digits.min(Self::MAX),
            overflow: digits > Self::MAX,
        }
    }

    /// Multiplies by 2^`width` and adds `chunk`; `width` is at most 16.
    fn shift_in(&mut self, chunk: u64, width: usize) {
        let mut carry = chunk;
        for digit in self.digits.iter_mut().take(self.used) {
            let value = (u64::from(*digit) << width) + carry;
            *digit = small(value % 10);
            carry = value / 10;
        }
        self.overflow |= carry > 0;
    }
}

/// A field of at most eight bits.
fn small(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_decimal_numbers_are_those_of_table_b() {
        // TDS 2.3 table B, and table F for the longest.
        for (digits, bits) in [
            (0, 0),
            (1, 4),
            (2, 7),
            (3, 10),
            (6, 20),
            (12, 40),
            (17, 57),
            (20, 67),
            (30, 100),
            (90, 299),
        ] {
            assert_eq!(bits_for(digits), bits, "{digits}");
        }
        for digits in 1..=90 {
            let exact = (f64::from(u32::try_from(digits).unwrap()) * 10_f64.log2()).ceil();
            assert_eq!(bits_for(digits) as f64, exact, "{digits}");
        }
        for (max, bits) in [
            (2, 2),
            (3, 2),
            (4, 3),
            (6, 3),
            (12, 4),
            (30, 5),
            (35, 6),
            (90, 7),
        ] {
            assert_eq!(length_bits(max), bits);
        }
    }
}
