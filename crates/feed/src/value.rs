//! Fields as values: whole numbers, decimals, times, bytes.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};

/// A text that is no such value; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is no {expected}")]
pub struct NoValue {
    /// What was expected.
    pub expected: &'static str,
    /// The text, shortened.
    pub shown: String,
}

fn no(expected: &'static str, text: &str) -> NoValue {
    NoValue {
        expected,
        shown: text.chars().take(40).collect(),
    }
}

/// A whole number; blanks around it and a `+` are let pass.
///
/// # Errors
/// When it is none or needs more than 64 bits.
pub fn int(text: &str) -> Result<i64, NoValue> {
    text.trim().parse().map_err(|_| no("whole number", text))
}

/// A decimal number; with `comma`, the decimal mark is a comma and points are thousands.
///
/// # Errors
/// When it is none, or not finite.
pub fn decimal(text: &str, comma: bool) -> Result<f64, NoValue> {
    let trimmed = text.trim();
    let parsed = if comma {
        trimmed.replace('.', "").replace(',', ".").parse::<f64>()
    } else {
        trimmed.parse()
    };
    // Neither "inf" nor "nan" is a measurement.
    let plain = trimmed
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b',' | b'e' | b'E'));
    parsed
        .ok()
        .filter(|number| plain && number.is_finite())
        .ok_or_else(|| no("decimal number", text))
}

/// Bytes in hexadecimal digits; `0x`, blanks, `-` and `:` between are let pass.
///
/// # Errors
/// When there is anything else, or half a byte.
pub fn hex(text: &str) -> Result<Vec<u8>, NoValue> {
    let bad = || no("hexadecimal number", text);
    let text = text.trim();
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    let (mut bytes, mut high) = (Vec::new(), None);
    for c in digits.chars().filter(|c| !matches!(c, ' ' | '-' | ':')) {
        let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or_else(bad)?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    if high.is_some() {
        return Err(bad());
    }
    Ok(bytes)
}

/// A moment in microseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The earlier one, where a clock was set back.
    pub us: i64,
    /// The later one: set in the hour that a zone has twice.
    pub later_us: Option<i64>,
}

/// How a device writes a time.
#[derive(Debug, Clone)]
pub struct TimeFormat {
    format: String,
    zone: TimeZone,
}

impl TimeFormat {
    /// `format` as of strftime (`%d.%m.%Y %H:%M:%S`), or `unix`, `unix_ms`; `zone` is used when the text names none.
    ///
    /// # Errors
    /// When the format has a directive that does not exist.
    pub fn new(format: &str, zone: TimeZone) -> Result<TimeFormat, NoValue> {
        let probe = DateTime::constant(2026, 1, 2, 3, 4, 5, 0);
        if !format.starts_with("unix") && BrokenDownTime::from(probe).to_string(format).is_err() {
            let takes_zone = probe
                .to_zoned(TimeZone::UTC)
                .is_ok_and(|zoned| BrokenDownTime::from(&zoned).to_string(format).is_ok());
            if !takes_zone {
                return Err(no("time format", format));
            }
        }
        Ok(TimeFormat {
            format: format.to_owned(),
            zone,
        })
    }

    /// The moment that the text says.
    ///
    /// # Errors
    /// When it does not follow the format, or no such time can be.
    pub fn parse(&self, text: &str) -> Result<Moment, NoValue> {
        let bad = || no("time in the format given", text);
        let text = text.trim();
        let scaled = |us_per: i64| {
            let us = text.parse::<i64>().ok()?.checked_mul(us_per)?;
            jiff::Timestamp::from_microsecond(us)
                .ok()
                .map(|_| Moment { us, later_us: None })
        };
        match self.format.as_str() {
            "unix" => return scaled(1_000_000).ok_or_else(bad),
            "unix_ms" => return scaled(1_000).ok_or_else(bad),
            _ => {}
        }
        let time = BrokenDownTime::parse(&self.format, text).map_err(|_| bad())?;
        if time.offset().is_some() {
            let us = time.to_timestamp().map_err(|_| bad())?.as_microsecond();
            return Ok(Moment { us, later_us: None });
        }
        let local = time.to_datetime().map_err(|_| bad())?;
        self.at(local).ok_or_else(bad)
    }

    fn at(&self, local: DateTime) -> Option<Moment> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let us = |offset: Offset| offset.to_timestamp(local).ok().map(|t| t.as_microsecond());
        match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Unambiguous { offset } => Some(Moment {
                us: us(offset)?,
                later_us: None,
            }),
            // A clock that was not set forward yet.
            jiff::tz::AmbiguousOffset::Gap { before, .. } => Some(Moment {
                us: us(before)?,
                later_us: None,
            }),
            jiff::tz::AmbiguousOffset::Fold { before, after } => Some(Moment {
                us: us(before)?,
                later_us: us(after),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_points_and_commas() {
        assert_eq!(int(" +42 "), Ok(42));
        assert!(int("4.2").is_err());
        assert_eq!(decimal("-3.25", false), Ok(-3.25));
        assert_eq!(decimal("1.234,5", true), Ok(1234.5));
        for bad in ["inf", "NaN", "1e999", "", "1,2,3"] {
            assert!(decimal(bad, false).is_err(), "{bad}");
            assert!(decimal(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_in_hexadecimal() {
        assert_eq!(hex("0x0A:ff"), Ok(vec![10, 255]));
        assert!(hex("abc").is_err());
        assert!(hex("0g").is_err());
    }

    fn berlin(format: &str) -> TimeFormat {
        TimeFormat::new(format, TimeZone::get("Europe/Berlin").unwrap()).unwrap()
    }

    #[test]
    fn times_in_a_zone_and_across_its_changes() {
        let format = berlin("%d.%m.%Y %H:%M:%S");
        let summer = format.parse("22.07.2026 12:00:00").unwrap();
        assert_eq!(
            (summer.us / 1_000_000, summer.later_us),
            (1_784_714_400, None)
        );
        let twice = format.parse("25.10.2026 02:30:00").unwrap();
        assert_eq!(twice.later_us, Some(twice.us + 3_600_000_000));
        let never = format.parse("29.03.2026 02:30:00").unwrap();
        let before = format.parse("29.03.2026 01:30:00").unwrap();
        assert_eq!(never.us - before.us, 3_600_000_000);
        assert!(format.parse("32.01.2026 00:00:00").is_err());
    }

    #[test]
    fn a_zone_in_the_text_wins_and_bad_formats_are_told() {
        let moment = berlin("%Y-%m-%dT%H:%M:%S%z").parse("2026-07-22T12:00:00+0000");
        assert_eq!(moment.unwrap().us, 1_784_721_600_000_000);
        assert_eq!(berlin("unix_ms").parse("1500").unwrap().us, 1_500_000);
        assert!(TimeFormat::new("%Q!%&", TimeZone::UTC).is_err());
    }
}
