//! Checks that calculate.

use crate::{charset::set_82_value, digits, element::Fault};

fn expected(offset: usize, expected: &'static str) -> Result<(), Fault> {
    Err(Fault::Content { offset, expected })
}

/// The 32 characters of a check pair, in order of their value.
const PAIR: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The weights of a check pair from the right: the primes.
const PRIMES: [u32; 23] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
];

/// The check character pair of alphanumeric keys (GenSpecs 7.9.5): the weighted sum of the values
/// modulo 1021, five bits for each character.
pub(super) fn check_pair(value: &[u8]) -> Result<(), Fault> {
    let start = value.len().saturating_sub(2);
    let (body, pair) = value.split_at(start);
    // The value of a character of set 82 is its rank there.
    let sum = body
        .iter()
        .rev()
        .zip(PRIMES)
        .try_fold(0, |sum, (&byte, prime)| {
            Some(sum + set_82_value(byte)? * prime)
        });
    let remainder = match sum {
        Some(sum) if body.len() <= PRIMES.len() => (sum % 1021) as usize,
        _ => return expected(0, "a key with a check character pair"),
    };
    let right = [remainder >> 5, remainder & 31].map(|value| PAIR.get(value).copied());
    if pair.iter().copied().map(Some).eq(right) {
        Ok(())
    } else {
        expected(start, "another check character pair: the key is misread")
    }
}

/// Every `%` is followed by two hexadecimal digits.
pub(super) fn percent_encoding(value: &[u8]) -> Result<(), Fault> {
    for (offset, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = value.get(offset + 1..offset + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return expected(offset, "two hexadecimal digits after %");
        }
    }
    Ok(())
}

/// International bank account number (ISO 13616): country, and a remainder of 1 modulo 97.
pub(super) fn iban(value: &[u8]) -> Result<(), Fault> {
    let (head, body) = value.split_at(value.len().min(4));
    if value.len() < 11 {
        return expected(0, "an IBAN, at least 11 characters");
    }
    if !super::lists::is_country_letters(head.get(..2).unwrap_or_default()) {
        return expected(0, "an IBAN, which starts with a country code of ISO 3166");
    }
    let mut remainder = 0;
    for &byte in body.iter().chain(head) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => remainder * 100 + u32::from(byte - b'A') + 10,
            _ => return expected(0, "an IBAN, which has digits and capital letters only"),
        } % 97;
    }
    if remainder == 1 {
        Ok(())
    } else {
        expected(2, "other check digits of the IBAN: it is misread")
    }
}

/// `2/3`: two numbers without leading zeros, the first not above the second.
pub(super) fn position_in_sequence(value: &[u8]) -> bool {
    let mut halves = value.split(|&byte| byte == b'/').map(|half| {
        let number = digits::parse(half)?;
        (half.first() != Some(&b'0')).then_some(number)
    });
    match (halves.next(), halves.next(), halves.next()) {
        (Some(Some(position)), Some(Some(end)), None) => position <= end,
        _ => false,
    }
}

/// Two halves: a piece, at least 1, and the total of pieces, not less.
pub(super) fn piece_of_total(value: &[u8]) -> bool {
    let (piece, total) = value.split_at(value.len() / 2);
    match (digits::parse(piece), digits::parse(total)) {
        (Some(piece), Some(total)) => piece > 0 && piece <= total,
        _ => false,
    }
}

/// At most two `=`, at the end, and then a length that is a multiple of three.
pub(super) fn base64_padding(value: &[u8]) -> bool {
    let padding = value.iter().rev().take_while(|&&byte| byte == b'=').count();
    let all = value.iter().filter(|&&byte| byte == b'=').count();
    padding == all && (padding == 0 || padding <= 2 && value.len().is_multiple_of(3))
}
