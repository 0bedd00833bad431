//! Decimal digits: the modulo 10 check digit (GenSpecs 7.9), powers of ten, the days of a month.

/// Powers of ten up to 10^18, the largest that the GS1 keys need.
const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut exponent = 1;
    while exponent < powers.len() {
        // In a constant an index out of bounds is a compile error, so no input can reach it.
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            powers[exponent] = powers[exponent - 1] * 10;
        }
        exponent += 1;
    }
    powers
};

/// 10^`exponent`, saturating beyond 10^18: larger fields do not occur.
pub(crate) fn power_of_ten(exponent: u8) -> u64 {
    POWERS
        .get(usize::from(exponent))
        .copied()
        .unwrap_or(u64::MAX)
}

/// The check digit that completes `body`, a number without its check digit.
///
/// Weights run 3, 1, 3, … from the right, so leading zeros and therefore the length of the key do
/// not matter.
pub(crate) fn check_digit(mut body: u64) -> u64 {
    let mut sum = 0;
    let mut weight = 3;
    while body > 0 {
        sum += body % 10 * weight;
        weight = 4 - weight;
        body /= 10;
    }
    (10 - sum % 10) % 10
}

/// The same for a body of ASCII digits of any length.
pub(crate) fn check_digit_of(body: &[u8]) -> u64 {
    let (mut sum, mut weight) = (0_u64, 3);
    for &digit in body.iter().rev() {
        sum += u64::from(digit.wrapping_sub(b'0')) * weight;
        weight = 4 - weight;
    }
    (10 - sum % 10) % 10
}

/// Parses ASCII digits; `None` if another byte occurs, nothing is there, or the value overflows.
pub(crate) fn parse(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// How many days a month of the Gregorian calendar has; `None` if there is no such month.
pub(crate) fn days_of_month(year: u64, month: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => Some(29),
        2 => Some(28),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_months() {
        let days: Vec<_> = (0..=13).map(|month| days_of_month(2026, month)).collect();
        let [none, months @ .., last] = &days[..] else {
            panic!("{days:?}")
        };
        assert_eq!((none, last), (&None, &None));
        assert_eq!(months.iter().flatten().sum::<u64>(), 365);
        let february = [1900, 2000, 2023, 2024].map(|year| days_of_month(year, 2).unwrap());
        assert_eq!(february, [28, 29, 28, 29]);
    }

    #[test]
    fn check_digits_of_known_keys() {
        for key in [
            9_506_000_134_352,
            80_614_141_123_458,
            106_141_412_345_678_908,
            75_238_254,
            0,
        ] {
            assert_eq!(check_digit(key / 10), key % 10, "{key}");
            let body = (key / 10).to_string();
            assert_eq!(check_digit_of(body.as_bytes()), key % 10, "{key}");
        }
    }

    #[test]
    fn powers_and_numbers_have_limits() {
        assert_eq!(power_of_ten(0), 1);
        assert_eq!(power_of_ten(18), 1_000_000_000_000_000_000);
        assert_eq!(power_of_ten(19), u64::MAX);
        assert_eq!(parse(b"0042"), Some(42));
        for refused in [&b""[..], b"4a", b"-1", b"18446744073709551616"] {
            assert_eq!(parse(refused), None);
        }
    }
}
