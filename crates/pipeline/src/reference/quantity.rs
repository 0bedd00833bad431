//! Exact quantities with their unit: compared, added and taken away without a float.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tracegate_epcis::Decimal;

/// More digits than any unit needs; what is longer is not exact any more.
const MAX_SCALE: usize = 18;
/// Codes of UN/ECE recommendation 20 and 21 that mean pieces.
const PIECES: [&str; 4] = ["H87", "C62", "EA", "PCE"];

/// An amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// How much; written as text, so that no digit is lost.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub value: Decimal,
    /// Unit by UN/ECE recommendation 20, such as `KGM`; pieces without one.
    pub uom: Option<String>,
}

fn write<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

impl Quantity {
    /// So many pieces.
    #[must_use]
    pub fn pieces(count: u32) -> Self {
        Self {
            value: count.into(),
            uom: None,
        }
    }

    /// Whether both are in one unit, so that they can be compared.
    #[must_use]
    pub fn same_unit(&self, other: &Self) -> bool {
        unit(self.uom.as_deref()) == unit(other.uom.as_deref())
    }

    /// How it compares with another amount and so many thousandths of that on top; `None` for different units and for
    /// numbers that are too long to be compared exactly.
    #[must_use]
    pub fn compare_with_tolerance(&self, other: &Self, permille: u32) -> Option<Ordering> {
        self.same_unit(other)
            .then(|| self.exceeds_by(other, permille))
            .flatten()
    }

    /// Both together, in the unit of the first; `None` for different units, or when the sum has too many digits.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        self.combine(other, u128::checked_add)
    }

    /// What is left of it, nothing at least; `None` for different units.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        self.combine(other, |a, b| Some(a.saturating_sub(b)))
    }

    fn combine(&self, other: &Self, with: fn(u128, u128) -> Option<u128>) -> Option<Self> {
        if !self.same_unit(other) {
            return None;
        }
        let (a, b) = (digits(&self.value)?, digits(&other.value)?);
        let value = decimal(with(a, b)?).parse().ok()?;
        Some(Self {
            value,
            uom: self.uom.clone(),
        })
    }

    fn exceeds_by(&self, other: &Self, permille: u32) -> Option<Ordering> {
        let (a, b) = (digits(&self.value)?, digits(&other.value)?);
        let a = a.checked_mul(1000)?;
        let b = b.checked_mul(u128::from(permille).checked_add(1000)?)?;
        Some(a.cmp(&b))
    }
}

impl std::fmt::Display for Quantity {
    /// `12.5 KGM`, or `12` for pieces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match unit(self.uom.as_deref()) {
            "" => write!(f, "{}", self.value),
            unit => write!(f, "{} {unit}", self.value),
        }
    }
}

fn unit(uom: Option<&str>) -> &str {
    uom.filter(|uom| !PIECES.contains(uom)).unwrap_or_default()
}

/// As a whole number of 10⁻¹⁸.
fn digits(value: &Decimal) -> Option<u128> {
    let text = value.as_str();
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{integer}{fraction:0<MAX_SCALE$}")
        .parse()
        .ok()
        .filter(|_| fraction.len() <= MAX_SCALE)
}

fn decimal(digits: u128) -> String {
    let scale = 10_u128.pow(18);
    format!("{}.{:0>MAX_SCALE$}", digits / scale, digits % scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Quantity {
        let (value, uom) = text.split_once(' ').unwrap_or((text, ""));
        Quantity {
            value: value.parse().unwrap(),
            uom: Some(uom.to_owned()).filter(|uom| !uom.is_empty()),
        }
    }

    #[test]
    fn amounts_are_compared_exactly() {
        for (a, b, permille, expected) in [
            ("10", "10", 0, Some(Ordering::Equal)),
            ("10.5", "10", 50, Some(Ordering::Equal)),
            ("10.500000000001", "10", 50, Some(Ordering::Greater)),
            ("0.3 KGM", "0.1 KGM", 2000, Some(Ordering::Equal)),
            ("2", "10", 0, Some(Ordering::Less)),
            ("10 KGM", "10", 0, None),
            ("10 KGM", "10 GRM", 0, None),
            ("10 EA", "10 H87", 0, Some(Ordering::Equal)),
            (
                "999999999999999",
                "999999999999999",
                0,
                Some(Ordering::Equal),
            ),
            ("999999999999999", "1", 1_000_000, Some(Ordering::Greater)),
            ("0.000000000000000000001", "1", 0, None),
        ] {
            let compared = amount(a).compare_with_tolerance(&amount(b), permille);
            assert_eq!(compared, expected, "{a} and {b} + {permille} ‰");
        }
    }

    #[test]
    fn amounts_are_added_and_taken_away_exactly() {
        assert_eq!(
            amount("0.1 KGM").plus(&amount("0.2 KGM")),
            Some(amount("0.3 KGM"))
        );
        assert_eq!(amount("12").minus(&amount("0.5")), Some(amount("11.5")));
        assert_eq!(amount("1").minus(&amount("2")), Some(amount("0")));
        assert_eq!(amount("1 KGM").plus(&amount("1")), None);
        assert_eq!(
            amount("999999999999999").plus(&amount("0.1")),
            None,
            "not exact"
        );
    }

    #[test]
    fn they_are_written_as_text() {
        let quantity = amount("12.50 KGM");
        let json = serde_json::to_string(&quantity).unwrap();
        assert_eq!(json, r#"{"value":"12.5","uom":"KGM"}"#);
        assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), quantity);
        assert!(serde_json::from_str::<Quantity>(r#"{"value":"-1"}"#).is_err());
        let bytes = postcard::to_stdvec(&quantity).unwrap();
        assert_eq!(postcard::from_bytes::<Quantity>(&bytes).unwrap(), quantity);
        assert_eq!(
            (quantity.to_string(), Quantity::pieces(7).to_string()),
            ("12.5 KGM".to_owned(), "7".to_owned())
        );
    }
}
