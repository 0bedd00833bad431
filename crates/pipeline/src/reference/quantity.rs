//! Exact quantities with their unit: converted, compared, added and taken away without a float.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tracegate_epcis::Decimal;

use super::unit::{Dimension, common, is_same, size};

/// More digits than any unit needs; what is longer is not exact any more.
const MAX_SCALE: u32 = 18;

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

    /// What its unit measures; `None` for units that are not known here.
    #[must_use]
    pub fn dimension(&self) -> Option<Dimension> {
        Some(size(self.code())?.0)
    }

    /// How it compares with another amount and so many thousandths of that on top; `None` where the units cannot be converted
    /// into each other, and for numbers that are too long to be compared exactly.
    #[must_use]
    pub fn compare_with_tolerance(&self, other: &Self, permille: u32) -> Option<Ordering> {
        let (a, b, _) = self.common(other)?;
        let more = u128::from(permille).checked_add(1000)?;
        let divisor = common(1000, more);
        let a = a.checked_mul(1000 / divisor)?;
        let b = b.checked_mul(more / divisor)?;
        Some(a.cmp(&b))
    }

    /// Both together, in the unit of the first, or in another of both where that is not exact; `None` where the units
    /// cannot be converted into each other, or when the sum has too many digits.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        self.combine(other, u128::checked_add)
    }

    /// What is left of it, nothing at least; units as for [`plus`](Self::plus).
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        self.combine(other, |a, b| Some(a.saturating_sub(b)))
    }

    fn code(&self) -> &str {
        self.uom.as_deref().unwrap_or_default()
    }

    /// Both as whole numbers of one part of their units, and what that part is.
    fn common(&self, other: &Self) -> Option<(u128, u128, Part)> {
        let (own, others) = (Exact::of(&self.value)?, Exact::of(&other.value)?);
        let (sizes, base) = match (size(self.code()), size(other.code())) {
            (Some((a, own)), Some((b, other))) if a == b => ((own, other), Some(a.base())),
            _ if self.code() == other.code() => ((1, 1), None),
            _ => return None,
        };
        let (scale, size) = (own.scale.max(others.scale), common(sizes.0, sizes.1));
        let whole = |it: Exact, of: u128| {
            let digits = it
                .digits
                .checked_mul(10_u128.checked_pow(scale - it.scale)?)?;
            digits.checked_mul(of / size)
        };
        let part = Part {
            scale,
            size,
            own: sizes.0,
            other: sizes.1,
            base,
        };
        Some((whole(own, sizes.0)?, whole(others, sizes.1)?, part))
    }

    fn combine(&self, other: &Self, with: fn(u128, u128) -> Option<u128>) -> Option<Self> {
        let (a, b, part) = self.common(other)?;
        let count = with(a, b)?;
        let in_own = || Some((part.times(count, part.own)?, self.uom.clone()));
        let in_other = || Some((part.times(count, part.other)?, other.uom.clone()));
        let in_base = || {
            let (code, size) = part.base?;
            Some((part.times(count, size)?, Some(code.to_owned())))
        };
        let (value, uom) = in_own().or_else(in_other).or_else(in_base)?;
        Some(Self { value, uom })
    }
}

/// Digits without a point, and how many of them stand behind it.
#[derive(Clone, Copy)]
struct Exact {
    digits: u128,
    scale: u32,
}

impl Exact {
    fn of(value: &Decimal) -> Option<Self> {
        let (integer, fraction) = value
            .as_str()
            .split_once('.')
            .unwrap_or((value.as_str(), ""));
        let scale = u32::try_from(fraction.len()).ok()?;
        let digits = format!("{integer}{fraction}").parse().ok()?;
        (scale <= MAX_SCALE).then_some(Self { digits, scale })
    }

    fn decimal(self) -> Option<Decimal> {
        let unit = 10_u128.checked_pow(self.scale)?;
        let (integer, fraction) = (self.digits / unit, self.digits % unit);
        let width = usize::try_from(self.scale).ok()?;
        let text = match width {
            0 => integer.to_string(),
            _ => format!("{integer}.{fraction:0>width$}"),
        };
        text.parse().ok()
    }
}

/// What two amounts were counted in: 10⁻ˢᶜᵃˡᵉ of a size that both units are a multiple of.
struct Part {
    scale: u32,
    size: u128,
    own: u128,
    other: u128,
    base: Option<(&'static str, u128)>,
}

impl Part {
    /// So many parts as a decimal number of a unit of this size; `None` if it is not finite.
    fn times(&self, count: u128, size: u128) -> Option<Decimal> {
        let shared = common(self.size, size);
        let (times, divisor) = (self.size / shared, size / shared);
        let mut digits = count.checked_mul(times)?;
        for scale in self.scale..=MAX_SCALE {
            if digits % divisor == 0 {
                let digits = digits / divisor;
                return Exact { digits, scale }.decimal();
            }
            digits = digits.checked_mul(10)?;
        }
        None
    }
}

impl std::fmt::Display for Quantity {
    /// `12.5 KGM`, or `12` for pieces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code() {
            code if is_same(code, "") => write!(f, "{}", self.value),
            code => write!(f, "{} {code}", self.value),
        }
    }
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
            ("10 KGM", "10000 GRM", 0, Some(Ordering::Equal)),
            ("9.999 KGM", "10000 GRM", 0, Some(Ordering::Less)),
            ("10000.001 GRM", "10 KGM", 0, Some(Ordering::Greater)),
            ("10500 GRM", "10 KGM", 50, Some(Ordering::Equal)),
            ("1 LBR", "453.59237 GRM", 0, Some(Ordering::Equal)),
            ("1 LBR", "0.45359 KGM", 0, Some(Ordering::Greater)),
            ("2.5 TNE", "2500 KGM", 0, Some(Ordering::Equal)),
            ("750 MLT", "0.75 LTR", 0, Some(Ordering::Equal)),
            ("1 MTQ", "1000 LTR", 0, Some(Ordering::Equal)),
            ("120 CMT", "1.2 MTR", 0, Some(Ordering::Equal)),
            ("1 INH", "25.4 MMT", 0, Some(Ordering::Equal)),
            ("1 MTR", "1 MTK", 0, None),
            ("1 KGM", "1 LTR", 0, None),
            ("1 XBX", "1 XBX", 0, Some(Ordering::Equal)),
            ("1 XBX", "1", 0, None),
            ("10 EA", "10 H87", 0, Some(Ordering::Equal)),
            ("2 DZN", "24", 0, Some(Ordering::Equal)),
            ("999999999999999 TNE", "1 GRM", 0, Some(Ordering::Greater)),
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
        for (a, b, sum) in [
            ("1 KGM", "250 GRM", "1.25 KGM"),
            ("250 GRM", "1 KGM", "1250 GRM"),
            // Grams are no finite number of pounds.
            ("1 LBR", "1 GRM", "454.59237 GRM"),
            ("1 LBR", "1 ONZ", "1.0625 LBR"),
            ("1 ONZ", "1 LBR", "17 ONZ"),
            ("1 FOT", "1 YRD", "4 FOT"),
            ("1 YRD", "1 FOT", "4 FOT"),
            ("0.5 LTR", "250 MLT", "0.75 LTR"),
            ("1 DZN", "1", "13"),
        ] {
            assert_eq!(amount(a).plus(&amount(b)), Some(amount(sum)), "{a} and {b}");
        }
        assert_eq!(
            amount("2 KGM").minus(&amount("500 GRM")),
            Some(amount("1.5 KGM"))
        );
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
