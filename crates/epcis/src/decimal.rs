//! Quantities and measured values as decimal text, so that no float ever prints differently.

use std::fmt;
use std::str::FromStr;

/// With more digits a quantity would not survive the double that every JSON reader, and the event hash, puts it through.
const MAX_DIGITS: usize = 15;

/// Finer than anything measured, and it bounds the length.
const MAX_FRACTION: usize = 30;

/// A decimal of zero or more with at most 15 significant digits, kept in its shortest spelling (`12.50` is `12.5`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// Text that is not such a decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal of zero or more with at most 15 significant digits")]
pub struct InvalidDecimal(String);

impl Decimal {
    /// The shortest spelling, which is also a JSON number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The decimal has no fraction.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !self.0.contains('.')
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    /// Reads digits with at most one point (`12`, `0.5`, `007.50`); no sign, no exponent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        shortest(text)
            .map(Self)
            .ok_or_else(|| InvalidDecimal(text.chars().take(40).collect()))
    }
}

impl From<u32> for Decimal {
    fn from(count: u32) -> Self {
        Self(count.to_string())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A measured value: a decimal with a sign and at most 15 significant digits, kept in its shortest spelling (`-18.50`
/// is `-18.5`, `-0` is `0`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measure(String);

/// Text that is not such a decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal with at most 15 significant digits")]
pub struct InvalidMeasure(String);

impl Measure {
    /// A floating-point reading, rounded to a number of decimals; `None` when it is not finite or has more than 15
    /// significant digits even so.
    #[must_use]
    pub fn rounded(value: f64, decimals: u8) -> Option<Self> {
        format!("{value:.*}", usize::from(decimals)).parse().ok()
    }

    /// The shortest spelling, which is also a JSON number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Measure {
    type Err = InvalidMeasure;

    /// Reads digits with at most one point and at most a minus before them (`-18.5`, `007.50`); no exponent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        match shortest(digits) {
            Some(digits) if digits == "0" => Ok(Self(digits)),
            Some(digits) => Ok(Self(format!("{sign}{digits}"))),
            None => Err(InvalidMeasure(text.chars().take(40).collect())),
        }
    }
}

impl From<i32> for Measure {
    fn from(value: i32) -> Self {
        Self(value.to_string())
    }
}

impl From<Decimal> for Measure {
    fn from(value: Decimal) -> Self {
        Self(value.0)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Digits with at most one point, in their shortest spelling.
fn shortest(text: &str) -> Option<String> {
    let (integer, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    if integer.is_empty()
        || !integer
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let integer = integer.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > MAX_FRACTION || significant(integer, fraction) > MAX_DIGITS {
        return None;
    }
    let integer = if integer.is_empty() { "0" } else { integer };
    Some(match fraction {
        "" => integer.to_owned(),
        _ => format!("{integer}.{fraction}"),
    })
}

/// The number of digits from the first that is not zero.
fn significant(integer: &str, fraction: &str) -> usize {
    if integer.is_empty() {
        fraction.trim_start_matches('0').len()
    } else {
        integer.len().saturating_add(fraction.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_shortest() {
        for (text, expected) in [
            ("12", "12"),
            ("007.50", "7.5"),
            ("0.0", "0"),
            ("000", "0"),
            ("0.125", "0.125"),
            ("123456789012345", "123456789012345"),
            ("0.0000000123456789012345", "0.0000000123456789012345"),
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn measured_values_have_a_sign() {
        for (text, expected) in [
            ("-18.50", "-18.5"),
            ("-0.0", "0"),
            ("26", "26"),
            ("-007", "-7"),
        ] {
            assert_eq!(text.parse::<Measure>().unwrap().as_str(), expected);
        }
        for text in ["", "-", "--1", "+1", "- 1", "1e3", "1234567890123456"] {
            assert!(text.parse::<Measure>().is_err(), "{text}");
        }
        assert_eq!(Measure::rounded(-18.4567, 2).unwrap().as_str(), "-18.46");
        assert_eq!(Measure::rounded(-0.001, 2).unwrap().as_str(), "0");
        assert_eq!(Measure::rounded(f64::NAN, 2), None);
        assert_eq!(Measure::rounded(1e300, 2), None);
        assert_eq!(Measure::from(-7).as_str(), "-7");
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "1.2.3",
            "1,5",
            "1234567890123456",
            "0.1234567890123456",
            "0.0000000000000000000000000000001",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
