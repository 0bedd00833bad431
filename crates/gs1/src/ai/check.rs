//! Content checks that the rows name. Each sees one part whose length and characters are right.

use crate::{digits, element::Fault};

/// The last digit completes the ones before it modulo 10 (GenSpecs 7.9).
pub(super) fn check_digit(value: &[u8]) -> Result<(), Fault> {
    let number = digits::parse(value).ok_or(Fault::Empty)?;
    let (expected, found) = (digits::check_digit(number / 10), number % 10);
    if expected == found {
        Ok(())
    } else {
        Err(Fault::CheckDigit { expected, found })
    }
}

/// YYMMDD, where day 00 stands for the last day of the month (GenSpecs 3.4.2).
pub(super) fn date(value: &[u8]) -> Result<(), Fault> {
    let number = digits::parse(value).ok_or(Fault::Empty)?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let last = match month {
        // The century window (GenSpecs 7.12) holds 2000, a leap year, and neither 1900 nor 2100
        // until 2050, so the two digits decide without a clock.
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Fault::Date),
    };
    if day <= last {
        Ok(())
    } else {
        Err(Fault::Date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for good in ["261231", "240229", "000229", "260200", "991130"] {
            assert_eq!(date(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["260001", "261301", "260132", "260229", "260431", "000000"] {
            assert_eq!(date(bad.as_bytes()), Err(Fault::Date), "{bad}");
        }
    }

    #[test]
    fn check_digits() {
        assert_eq!(check_digit(b"09506000134352"), Ok(()));
        assert_eq!(
            check_digit(b"09506000134353"),
            Err(Fault::CheckDigit {
                expected: 2,
                found: 3
            })
        );
    }
}
