//! Quantities as decimal text, so that no float ever prints differently.

use std::fmt;
use std::str::FromStr;

/// With more digits a quantity would not survive the double that every JSON reader, and the event hash, puts it through.
const MAX_DIGITS: usize = 15;

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
        parse(text).ok_or_else(|| InvalidDecimal(text.chars().take(40).collect()))
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

fn parse(text: &str) -> Option<Decimal> {
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
    if integer.len() + fraction.len() > MAX_DIGITS {
        return None;
    }
    let integer = if integer.is_empty() { "0" } else { integer };
    Some(Decimal(match fraction {
        "" => integer.to_owned(),
        _ => format!("{integer}.{fraction}"),
    }))
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
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().as_str(), expected);
        }
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
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
