//! One beacon as checked values, made from the fields that were extracted of it.

use serde::{Deserialize, Serialize};

/// Longest id of a tag, a receiver or a marker, in bytes.
pub const MAX_ID: usize = 64;

/// The fields that a beacon may have, by their standard names.
pub const FIELDS: &[&str] = &[
    "tag_id",
    "receiver",
    "antenna",
    "rssi_dbm",
    "battery_pct",
    "battery_mv",
    "low_battery",
    "temperature_c",
    "humidity_pct",
    "motion",
    "tamper",
    "button",
    "beacon_seq",
    "age",
    "beacon_interval_s",
    "marker_id",
    "marker_rssi",
    "x",
    "y",
    "z",
];

/// A decimal number in thousandths: what tags measure has no more places, and a replay writes the same digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Milli(pub i32);

impl Milli {
    /// Reads a decimal number with a point or a comma; places behind the third are cut off. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (whole, part) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) {
            return None;
        }
        let places: String = part.chars().chain("00".chars()).take(3).collect();
        let whole = whole.parse::<i32>().ok()?.checked_mul(1000)?;
        let value = whole.checked_add(places.parse().ok()?)?;
        Some(Self(if negative { -value } else { value }))
    }

    /// As decimal text without superfluous digits, such as `-4.25`.
    #[must_use]
    pub fn text(self) -> String {
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let sign = if self.0 < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{part:03}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// What a beacon says besides who sent it and who heard it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signal {
    /// Charge of the battery, 0 to 100 %.
    pub battery_pct: Option<u8>,
    /// Voltage of the battery, mV.
    pub battery_mv: Option<u16>,
    /// The tag itself calls its battery low.
    pub low_battery: Option<bool>,
    /// °C, −200 to 1000.
    pub temperature: Option<Milli>,
    /// Relative humidity, 0 to 100 %.
    pub humidity: Option<Milli>,
    /// It is being moved.
    pub motion: Option<bool>,
    /// It was opened or taken off.
    pub tamper: Option<bool>,
    /// Its button was pressed.
    pub button: Option<bool>,
    /// A counter that goes up by one with every beacon, and starts anew at some power of two.
    pub sequence: Option<u32>,
    /// How often it says that it sends, ms.
    pub interval_ms: Option<u32>,
    /// The low-frequency marker (exciter) whose field it is in.
    pub marker: Option<String>,
    /// How strongly it hears that marker, dBm.
    pub marker_rssi_dbm: Option<i8>,
    /// Where a locating system has it, in mm.
    pub position: Option<[i32; 3]>,
}

/// One beacon as one receiver heard it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beacon {
    /// Who sent it; 1 to [`MAX_ID`] printable characters.
    pub tag_id: String,
    /// Which receiver or antenna heard it, where the feed names one.
    pub receiver: Option<String>,
    /// How strongly, dBm.
    pub rssi_dbm: Option<i8>,
    /// What it says.
    pub signal: Signal,
}

/// A field that cannot be what it is called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {found}, expected {expected}")]
pub struct BadField {
    /// Standard name of the field.
    pub name: &'static str,
    /// What was found, without control characters; shortened.
    pub found: String,
    /// What it must be.
    pub expected: &'static str,
}

impl Beacon {
    /// Checks the fields of one beacon. `get` tells a field by its standard name, one of [`FIELDS`]; an empty text is no
    /// field.
    ///
    /// # Errors
    /// The first field that is no such thing. Nothing of the beacon may be used then: who has garbled one field has
    /// probably shifted all.
    pub fn from_fields<'a>(
        get: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Result<Self, BadField> {
        let get = |name| get(name).map(str::trim).filter(|text| !text.is_empty());
        let fields = Checked { get };
        let tag_id = fields.id("tag_id")?.ok_or(BadField {
            name: "tag_id",
            found: "absent".to_owned(),
            expected: "the tag's number",
        })?;
        let receiver = match fields.id("receiver")? {
            Some(receiver) => Some(receiver),
            None => fields.id("antenna")?,
        };
        let sequence = match fields.whole("beacon_seq", 0..=u32::MAX, "a counter")? {
            Some(number) => Some(number),
            None => fields.whole("age", 0..=u32::MAX, "a counter")?,
        };
        let interval = fields.milli("beacon_interval_s", 50..=3_600_000, "0.05 to 3600 s")?;
        let place = "coordinates in m";
        let axis = |name| fields.milli(name, -10_000_000..=10_000_000, place);
        let position = match (axis("x")?, axis("y")?, axis("z")?) {
            (Some(x), Some(y), z) => Some([x.0, y.0, z.unwrap_or_default().0]),
            _ => None,
        };
        Ok(Self {
            tag_id,
            receiver,
            rssi_dbm: fields.level("rssi_dbm")?,
            signal: Signal {
                battery_pct: fields
                    .milli("battery_pct", 0..=100_000, "0 to 100 %")?
                    .map(|it| u8::try_from(it.0 / 1000).unwrap_or(100)),
                battery_mv: fields.whole("battery_mv", 0..=60_000, "0 to 60000 mV")?,
                low_battery: fields.truth("low_battery")?,
                temperature: fields.milli(
                    "temperature_c",
                    -200_000..=1_000_000,
                    "-200 to 1000 °C",
                )?,
                humidity: fields.milli("humidity_pct", 0..=100_000, "0 to 100 %")?,
                motion: fields.truth("motion")?,
                tamper: fields.truth("tamper")?,
                button: fields.truth("button")?,
                sequence,
                interval_ms: interval.map(|it| it.0.unsigned_abs()),
                marker: fields.id("marker_id")?.filter(|id| id != "0"),
                marker_rssi_dbm: fields.level("marker_rssi")?,
                position,
            },
        })
    }
}

struct Checked<F> {
    get: F,
}

impl<'a, F: Fn(&'static str) -> Option<&'a str>> Checked<F> {
    fn take<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, BadField> {
        let Some(text) = (self.get)(name) else {
            return Ok(None);
        };
        let found = || text.chars().take(40).flat_map(char::escape_debug).collect();
        let bad = || BadField {
            name,
            found: found(),
            expected,
        };
        read(text).map(Some).ok_or_else(bad)
    }

    fn id(&self, name: &'static str) -> Result<Option<String>, BadField> {
        self.take(name, "1 to 64 printable ASCII characters", |text| {
            let good = text.len() <= MAX_ID && text.bytes().all(|byte| byte.is_ascii_graphic());
            good.then(|| text.to_owned())
        })
    }

    fn milli(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<i32>,
        expected: &'static str,
    ) -> Result<Option<Milli>, BadField> {
        self.take(name, expected, |text| {
            Milli::parse(text).filter(|value| range.contains(&value.0))
        })
    }

    fn whole<T: std::str::FromStr + PartialOrd>(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<T>,
        expected: &'static str,
    ) -> Result<Option<T>, BadField> {
        self.take(name, expected, |text| {
            text.parse().ok().filter(|value| range.contains(value))
        })
    }

    /// A level in dBm, in whole dB.
    fn level(&self, name: &'static str) -> Result<Option<i8>, BadField> {
        let value = self.milli(name, -128_000..=60_000, "-128 to 60 dBm")?;
        // Rounded to the nearest.
        let round = |it: Milli| i8::try_from((it.0 + 500 * it.0.signum()) / 1000);
        Ok(value.map(|it| round(it).unwrap_or(i8::MIN)))
    }

    fn truth(&self, name: &'static str) -> Result<Option<bool>, BadField> {
        self.take(name, "yes or no", |text| {
            match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "y" | "on" | "t" | "alarm" | "low" => Some(true),
                "0" | "false" | "no" | "n" | "off" | "f" | "ok" | "good" => Some(false),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn beacon(fields: &[(&str, &str)]) -> Result<Beacon, BadField> {
        Beacon::from_fields(|name| {
            let found = fields.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| *text)
        })
    }

    #[test]
    fn fields_become_values() {
        let beacon = beacon(&[
            ("tag_id", "T-17"),
            ("antenna", "2"),
            ("rssi_dbm", "-71.6"),
            ("battery_pct", "83.5"),
            ("temperature_c", "-4,25"),
            ("humidity_pct", " 40 "),
            ("tamper", "0"),
            ("motion", "TRUE"),
            ("age", "513"),
            ("beacon_interval_s", "2.5"),
            ("marker_id", "501"),
            ("x", "1.5"),
            ("y", "-2"),
            ("button", ""),
        ])
        .unwrap();
        assert_eq!(
            (
                beacon.tag_id.as_str(),
                beacon.receiver.as_deref(),
                beacon.rssi_dbm
            ),
            ("T-17", Some("2"), Some(-72))
        );
        let expected = Signal {
            battery_pct: Some(83),
            temperature: Some(Milli(-4_250)),
            humidity: Some(Milli(40_000)),
            tamper: Some(false),
            motion: Some(true),
            sequence: Some(513),
            interval_ms: Some(2_500),
            marker: Some("501".to_owned()),
            position: Some([1_500, -2_000, 0]),
            ..Signal::default()
        };
        assert_eq!(beacon.signal, expected);
    }

    #[test]
    fn no_marker_is_often_written_as_zero() {
        let beacon = beacon(&[("tag_id", "1"), ("marker_id", "0")]).unwrap();
        assert_eq!(beacon.signal.marker, None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for (name, text, said) in [
            (
                "rssi_dbm",
                "200",
                "rssi_dbm is 200, expected -128 to 60 dBm",
            ),
            (
                "battery_pct",
                "101",
                "battery_pct is 101, expected 0 to 100 %",
            ),
            ("tamper", "maybe", "tamper is maybe, expected yes or no"),
            ("beacon_seq", "-1", "beacon_seq is -1, expected a counter"),
            (
                "temperature_c",
                "1e3",
                "temperature_c is 1e3, expected -200 to 1000 °C",
            ),
            (
                "beacon_interval_s",
                "0",
                "beacon_interval_s is 0, expected 0.05 to 3600 s",
            ),
            (
                "marker_id",
                "a\u{7}b",
                "marker_id is a\\u{7}b, expected 1 to 64 printable ASCII characters",
            ),
        ] {
            let error = beacon(&[("tag_id", "1"), (name, text)]).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
        let error = beacon(&[("rssi_dbm", "-60")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tag_id is absent, expected the tag's number"
        );
    }

    #[test]
    fn thousandths_print_as_they_are_read() {
        for (text, milli, shown) in [
            ("0", 0, "0"),
            ("-0.5", -500, "-0.5"),
            ("21.125", 21_125, "21.125"),
            ("21.1259", 21_125, "21.125"),
            ("100", 100_000, "100"),
            ("+3,7", 3_700, "3.7"),
        ] {
            assert_eq!(Milli::parse(text), Some(Milli(milli)), "{text}");
            assert_eq!(Milli(milli).text(), shown);
        }
        for text in ["", "-", ".5", "5.", "1e3", "nan", "99999999999", "2147484"] {
            assert_eq!(Milli::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_field_is_a_danger(name in 0..FIELDS.len(), text in ".{0,80}") {
            let name = FIELDS.get(name).copied().unwrap_or("tag_id");
            let _ = beacon(&[("tag_id", "1"), (name, &text)]);
        }

        #[test]
        fn every_number_survives(milli in -9_999_999i32..9_999_999) {
            prop_assert_eq!(Milli::parse(&Milli(milli).text()), Some(Milli(milli)));
        }
    }
}
