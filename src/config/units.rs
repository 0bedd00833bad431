//! Values that carry their unit as text: `"500ms"`, `"-65 dBm"`, `"2 GiB"`.
//!
//! A bare number where a unit is needed is refused with both readings offered, because `keepalive = 10` has cost
//! people whole shifts. The parsers are our own: a general one reads `"1M"` as a month.
//!
//! An error has two parts: what is wrong here (`label`), and what to write instead (`help`).

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::slips::{level_meant, size_unit_meant, time_unit_meant, typed_otherwise};

/// Why a text is not the value it should be: a label for the caret and a hint below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, a few words.
    pub label: String,
    /// What to write instead; may be empty.
    pub help: String,
}

impl Refusal {
    /// A refusal with both parts.
    pub fn new(label: impl Into<String>, help: impl Into<String>) -> Self {
        Refusal {
            label: label.into(),
            help: help.into(),
        }
    }
}

/// The label on the first line, the help after it: the form in which it travels through serde's `custom`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.label, self.help)
    }
}

/// A value written as text in the configuration.
pub trait FromText: Sized {
    /// Completes "expected …", for example "a time with a unit".
    const EXPECTED: &'static str;

    /// Reads the text.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is wrong with it.
    fn from_text(text: &str) -> Result<Self, Refusal>;

    /// What to say about a bare number.
    fn bare_number(number: &str) -> Refusal {
        // A suggestion that would be refused again is worse than none.
        let help = match Self::from_text(number) {
            Ok(_) => format!("text is written in quotes: \"{number}\""),
            Err(refusal) => refusal.help,
        };
        Refusal::new(
            format!("expected {}, found the number {number}", Self::EXPECTED),
            help,
        )
    }
}

/// Deserializes any [`FromText`]; used with `#[serde(deserialize_with)]` or from a `Deserialize` implementation.
pub fn from_text<'de, D: Deserializer<'de>, T: FromText>(deserializer: D) -> Result<T, D::Error> {
    struct TextVisitor<T>(std::marker::PhantomData<T>);
    impl<T: FromText> Visitor<'_> for TextVisitor<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            T::from_text(text).map_err(E::custom)
        }
        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
            Err(E::custom(T::bare_number(&number.to_string())))
        }
        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
            Err(E::custom(T::bare_number(&number.to_string())))
        }
    }
    deserializer.deserialize_str(TextVisitor(std::marker::PhantomData))
}

/// As [`from_text`], for a setting that may be absent.
pub fn optional<'de, D: Deserializer<'de>, T: FromText>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Wanted<T>(T);
    impl<'de, T: FromText> Deserialize<'de> for Wanted<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            from_text(deserializer).map(Wanted)
        }
    }
    Ok(Option::<Wanted<T>>::deserialize(deserializer)?.map(|wanted| wanted.0))
}

/// Splits `"-12.5 dBm"` into number and unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || "+-._".contains(c)))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.trim(), unit.trim())
}

/// Reads a plain decimal: digits, at most one point, perhaps a sign; no exponent, no `inf`.
fn decimal(number: &str) -> Option<f64> {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.starts_with(|c: char| c.is_ascii_digit());
    if plain && number.len() <= 20 {
        number.parse().ok()
    } else {
        None
    }
}

/// Text shortened and made printable, for use in a message.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().count() > 40 {
        shown.push('…');
    }
    shown
}

const TIME_HELP: &str = "use ms, s, m, h or d; example: \"500ms\", \"10s\", \"5m\", \"2h\"";

impl FromText for Duration {
    const EXPECTED: &'static str = "a time with its unit";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(Refusal::new(
                format!("\"{}\" does not start with a number", shown(text)),
                TIME_HELP,
            ));
        }
        let Some(value) = decimal(number) else {
            return Err(Refusal::new(
                format!("\"{}\" is not a number", shown(number)),
                TIME_HELP,
            ));
        };
        if value < 0.0 {
            return Err(Refusal::new("a time cannot be negative", TIME_HELP));
        }
        let factor_ms = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" | "min" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            "" => return Err(Self::bare_number(number)),
            other => {
                let help = time_unit_meant(other).map(|unit| format!("write \"{number}{unit}\""));
                let refusal = || {
                    let label = format!("unknown time unit \"{}\"", shown(other));
                    Refusal::new(label, help.unwrap_or_else(|| TIME_HELP.to_owned()))
                };
                return Err(typed_otherwise::<Self>(text).unwrap_or_else(refusal));
            }
        };
        let value_ms = value * factor_ms;
        if value_ms > 366.0 * 86_400e3 {
            return Err(Refusal::new("longer than a year", TIME_HELP));
        }
        Ok(Duration::from_micros((value_ms * 1e3).round() as u64))
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new(
            "the unit is missing",
            format!("write \"{number}ms\" or \"{number}s\""),
        )
    }
}

/// Writes a time the way it is written in the configuration: the largest unit that stays whole.
pub fn show_duration(time: Duration) -> String {
    let ms = time.as_millis();
    for (factor, unit) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    format!("{ms}ms")
}

/// A radio power level in hundredths of a dBm, the resolution LLRP readers report (LLRP 1.1 §17.2.3.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dbm(i32);

impl Dbm {
    /// From hundredths of a dBm: `Dbm::from_hundredths(-6550)` is -65.5 dBm.
    pub const fn from_hundredths(hundredths: i32) -> Self {
        Dbm(hundredths)
    }

    /// In hundredths of a dBm.
    pub const fn hundredths(self) -> i32 {
        self.0
    }

    /// In dBm.
    pub fn as_f32(self) -> f32 {
        self.0 as f32 / 100.0
    }
}

impl fmt::Display for Dbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBm", f64::from(self.0) / 100.0)
    }
}

const DBM_HELP: &str = "example: \"30 dBm\" for power, \"-65 dBm\" for signal strength";

impl FromText for Dbm {
    const EXPECTED: &'static str = "a level in dBm";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = split(text);
        let Some(value) = decimal(number) else {
            let label = format!("\"{}\" does not start with a number", shown(text));
            let refusal = || Refusal::new(label, DBM_HELP);
            return Err(typed_otherwise::<Self>(text).unwrap_or_else(refusal));
        };
        match unit {
            "dBm" => {}
            "" => return Err(Self::bare_number(number)),
            "dbm" | "DBM" | "dBM" | "Dbm" => {
                return Err(Refusal::new(
                    format!("the unit is written dBm, not {unit}"),
                    format!("write \"{number} dBm\""),
                ));
            }
            other => {
                let label = format!("unknown unit \"{}\"", shown(other));
                let help = level_meant(value, other).unwrap_or_else(|| DBM_HELP.to_owned());
                let refusal = || Refusal::new(label, help);
                return Err(typed_otherwise::<Self>(text).unwrap_or_else(refusal));
            }
        }
        if (60.0..=150.0).contains(&value) {
            return Err(Refusal::new(
                "no radio level is that large",
                format!("signal strengths are negative: \"-{number} dBm\""),
            ));
        }
        if !(-150.0..=60.0).contains(&value) {
            return Err(Refusal::new(
                "no radio level is that large or small",
                DBM_HELP,
            ));
        }
        Ok(Dbm((value * 100.0).round() as i32))
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new("the unit is missing", format!("write \"{number} dBm\""))
    }
}

/// A level relative to another, in whole dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Db(pub i16);

impl FromText for Db {
    const EXPECTED: &'static str = "a difference of levels in dB";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"10 dB\"";
        let (number, unit) = split(text);
        match (number.parse(), unit) {
            (Ok(value), "dB") => Ok(Db(value)),
            (Ok(_), "") => Err(Self::bare_number(number)),
            (Ok(_), other) => {
                let label = format!("unknown unit \"{}\"", shown(other));
                Err(Refusal::new(label, HELP))
            }
            (Err(_), _) => {
                let label = format!("\"{}\" does not start with a whole number", shown(text));
                Err(Refusal::new(label, HELP))
            }
        }
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new("the unit is missing", format!("write \"{number} dB\""))
    }
}

/// A number of bytes, written `"2 GiB"` or `"500 MB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 != 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} B", self.0)
    }
}

const SIZE_HELP: &str =
    "use KiB, MiB, GiB or TiB (or KB, MB, GB, TB); example: \"512 MiB\", \"2 GiB\"";

impl FromText for ByteSize {
    const EXPECTED: &'static str = "a size with its unit";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = split(text);
        let Some(value) = decimal(number) else {
            return Err(Refusal::new(
                format!("\"{}\" does not start with a number", shown(text)),
                SIZE_HELP,
            ));
        };
        let factor: u64 = match unit {
            "B" => 1,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "" => return Err(Self::bare_number(number)),
            other => {
                let help = size_unit_meant(other).map(|unit| format!("write \"{number} {unit}\""));
                let refusal = || {
                    let label = format!("unknown size unit \"{}\"", shown(other));
                    Refusal::new(label, help.unwrap_or_else(|| SIZE_HELP.to_owned()))
                };
                return Err(typed_otherwise::<Self>(text).unwrap_or_else(refusal));
            }
        };
        let bytes = value * factor as f64;
        if !(0.0..=1e15).contains(&bytes) {
            return Err(Refusal::new("no disk is that large or small", SIZE_HELP));
        }
        Ok(ByteSize(bytes as u64))
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new(
            "the unit is missing",
            format!("write \"{number} MiB\" or \"{number} GiB\""),
        )
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::config::units::from_text(deserializer)
            }
        }
    )*};
}
pub(super) use deserialize_from_text;

deserialize_from_text!(Dbm, Db, ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1.5 s", 1_500),
            ("5m", 300_000),
            ("2 h", 7_200_000),
            ("0s", 0),
        ] {
            assert_eq!(
                Duration::from_text(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "1M",
            "10 sec0nds",
            "-1s",
            "1e3s",
            "inf s",
            "١٠s",
            "999999999999d",
            "1..5s",
            "s",
        ] {
            assert!(Duration::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_shown_as_they_are_written() {
        for text in ["250ms", "1500ms", "3s", "90s", "2m", "1h", "1d", "0ms"] {
            let time = Duration::from_text(text).unwrap();
            assert_eq!(show_duration(time), text);
        }
    }

    #[test]
    fn levels() {
        assert_eq!(Dbm::from_text("-78 dBm"), Ok(Dbm::from_hundredths(-7800)));
        assert_eq!(Dbm::from_text("30dBm"), Ok(Dbm::from_hundredths(3000)));
        assert_eq!(
            Dbm::from_text("27.25 dBm").unwrap().to_string(),
            "27.25 dBm"
        );
        for text in ["30", "30 dB", "-78 dbm", "dBm", "900 dBm", "−78 dBm"] {
            assert!(Dbm::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(ByteSize::from_text("2 GiB"), Ok(ByteSize(2 << 30)));
        assert_eq!(ByteSize::from_text("500MB"), Ok(ByteSize(500_000_000)));
        assert_eq!(ByteSize(2 << 30).to_string(), "2 GiB");
        for text in ["2", "2 G", "2 gib", "-1 GiB", "99999999 TiB"] {
            assert!(ByteSize::from_text(text).is_err(), "{text}");
        }
    }
}
