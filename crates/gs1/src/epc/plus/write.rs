//! The encoding methods, from values to bits.

use super::{
    super::bits::BitWriter,
    alphabet,
    method::{DATE, HOUR, MINUTE, Method, SECOND, bits_for, length_bits},
};
use crate::{charset::Charset, digits};

impl Method {
    /// Appends the encoding of the start of `value` and returns what is left of it; `None` if it
    /// cannot be encoded so.
    pub(super) fn write<'v>(self, bits: &mut BitWriter, value: &'v [u8]) -> Option<&'v [u8]> {
        match self {
            Self::Integer(digits) => {
                let (part, rest) = value.split_at_checked(digits.into())?;
                write_integer(bits, part)?;
                Some(rest)
            }
            Self::Bcd(digits) => {
                let (part, rest) = value.split_at_checked(digits.into())?;
                write_bcd(bits, part)?;
                Some(rest)
            }
            Self::Delimited(max) => {
                let numeric = value.iter().take_while(|byte| byte.is_ascii_digit());
                let (part, rest) = value.split_at_checked(numeric.count())?;
                write_bcd(bits, part)?;
                if rest.is_empty() {
                    bits.push(0b1111, 4);
                    return Some(rest);
                }
                bits.push(0b1110, 4);
                write_alphanumeric(bits, rest, max)?;
                Some(&[])
            }
            Self::Alphanumeric(max) => {
                write_alphanumeric(bits, value, max)?;
                Some(&[])
            }
            Self::Bit => {
                let (bit, rest) = value.split_first()?;
                bits.push(bit.checked_sub(b'0').filter(|bit| *bit < 2)?.into(), 1);
                Some(rest)
            }
            Self::Date => write_pairs(bits, value, DATE),
            Self::DateTime => write_pairs(bits, value, &[7, 4, 5, HOUR, MINUTE]),
            Self::DateOrRange => {
                let range = value.len() > 6;
                bits.push(range.into(), 1);
                write_pairs(bits, value, if range { &[7, 4, 5, 7, 4, 5] } else { DATE })
            }
            Self::PreciseTime => {
                let (format, widths): (u64, &[usize]) = match value.len() {
                    8 => (0, &[7, 4, 5, HOUR]),
                    10 => (1, &[7, 4, 5, HOUR, MINUTE]),
                    12 => (2, &[7, 4, 5, HOUR, MINUTE, SECOND]),
                    _ => (3, DATE),
                };
                bits.push(format, 2);
                write_pairs(bits, value, widths)
            }
            Self::Country => {
                let (part, rest) = value.split_at_checked(2)?;
                alphabet::write(bits, part, 6, alphabet::BASE_64)?;
                Some(rest)
            }
            Self::Numeric(max) => {
                let length = u64::try_from(value.len()).ok()?;
                bits.push(length, length_bits(max));
                write_integer(bits, value)?;
                Some(&[])
            }
            Self::Minus => {
                bits.push((value == b"-").into(), 1);
                Some(value.strip_prefix(b"-").unwrap_or(value))
            }
            Self::Sequence => match value {
                [position, b'/', total] => {
                    write_integer(bits, &[*position])?;
                    write_integer(bits, &[*total])?;
                    Some(&[])
                }
                _ => None,
            },
        }
    }
}

fn write_bcd(bits: &mut BitWriter, digits: &[u8]) -> Option<()> {
    digits.iter().try_for_each(|digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        bits.push(digit.into(), 4);
        Some(())
    })
}

/// Digits as one binary number of any length.
fn write_integer(bits: &mut BitWriter, text: &[u8]) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    let width = bits_for(text.len());
    if text.len() <= 18 {
        bits.push(digits::parse(text)?, width);
        return Some(());
    }
    // Long division by two gives the bits, lowest first.
    let mut digits: Vec<u8> = text.iter().map(|digit| digit.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let mut low_first = Vec::with_capacity(width);
    for _ in 0..width {
        let mut remainder = 0;
        for digit in &mut digits {
            let value = remainder * 10 + *digit;
            *digit = value / 2;
            remainder = value % 2;
        }
        low_first.push(remainder);
    }
    low_first
        .iter()
        .rev()
        .for_each(|&bit| bits.push(bit.into(), 1));
    Some(())
}

/// The shortest of the encodings that can hold `value`, the first of equals (TDS table B).
fn write_alphanumeric(bits: &mut BitWriter, value: &[u8], max: u8) -> Option<()> {
    let length = value.len();
    if length > max.into() {
        return None;
    }
    let all_in = |alphabet: &[u8]| value.iter().all(|byte| alphabet.contains(byte));
    let candidates = [
        (0, bits_for(length), value.iter().all(u8::is_ascii_digit)),
        (1, length * 4, all_in(alphabet::UPPER_HEX)),
        (2, length * 4, all_in(alphabet::LOWER_HEX)),
        (3, length * 6, all_in(alphabet::BASE_64)),
        (
            4,
            length * 7,
            value
                .iter()
                .all(|&byte| Charset::Set82.contains(byte) || byte == b'#'),
        ),
        (5, length.div_ceil(3) * 16, alphabet::is_code_40(value)),
    ];
    let (indicator, _, _) = candidates
        .into_iter()
        .filter(|(_, _, fits)| *fits)
        .min_by_key(|(_, bits, _)| *bits)?;
    bits.push(indicator, 3);
    bits.push(u64::try_from(length).ok()?, length_bits(max));
    match indicator {
        0 => write_integer(bits, value),
        1 => alphabet::write(bits, value, 4, alphabet::UPPER_HEX),
        2 => alphabet::write(bits, value, 4, alphabet::LOWER_HEX),
        3 => alphabet::write(bits, value, 6, alphabet::BASE_64),
        4 => {
            value.iter().for_each(|&byte| bits.push(byte.into(), 7));
            Some(())
        }
        _ => alphabet::write_code_40(bits, value),
    }
}

/// Numbers of two digits, each in its bits.
fn write_pairs<'v>(bits: &mut BitWriter, value: &'v [u8], widths: &[usize]) -> Option<&'v [u8]> {
    let mut rest = value;
    for &width in widths {
        let (pair, after) = rest.split_at_checked(2)?;
        bits.push(
            digits::parse(pair).filter(|number| number >> width == 0)?,
            width,
        );
        rest = after;
    }
    Some(rest)
}
