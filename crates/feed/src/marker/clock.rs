//! Times and dates as markers write them: local ones without a zone above all.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};

/// Forms that need no format: ISO 8601 with and without `T`, and what marking software writes by default.
const FORMS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S%.f",
    "%d.%m.%Y %H:%M:%S%.f",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M%S",
];

/// Why a time cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form {0}")]
pub struct NotATime(pub String);

/// Reads the times of one device. They rarely name a zone, so the hour that comes twice when the clock is set back is told
/// by the time before: times in a log do not run backwards.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    format: Option<String>,
    last: Option<Timestamp>,
}

impl Clock {
    /// For a device in `zone` that writes times in `format` (strftime's signs), or in a common form without one. `last` is
    /// the newest time that is known of it, in microseconds since the epoch.
    #[must_use]
    pub fn new(zone: TimeZone, format: Option<String>, last: Option<i64>) -> Self {
        Self {
            zone,
            format,
            last: last.and_then(|us| Timestamp::from_microsecond(us).ok()),
        }
    }

    /// Microseconds since the epoch. A decimal comma is one.
    ///
    /// # Errors
    /// The text is not of the device's form, or names no moment.
    pub fn read(&mut self, text: &str) -> Result<i64, NotATime> {
        let text = text.trim();
        let refused = || {
            NotATime(
                self.format
                    .clone()
                    .unwrap_or_else(|| "2026-12-31 23:59:59".to_owned()),
            )
        };
        let time = match &self.format {
            Some(format) => self.in_form(format, text),
            None => text.parse::<Timestamp>().ok().or_else(|| {
                let text = text.replace(',', ".");
                FORMS.iter().find_map(|format| self.in_form(format, &text))
            }),
        };
        let time = time.ok_or_else(refused)?;
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        Ok(time.as_microsecond())
    }

    fn in_form(&self, format: &str, text: &str) -> Option<Timestamp> {
        if format == "unix" {
            return seconds(text);
        }
        let parts = BrokenDownTime::parse(format, text).ok()?;
        if parts.offset().is_some() {
            return parts.to_timestamp().ok();
        }
        self.local(parts.to_datetime().ok()?)
    }

    fn local(&self, time: DateTime) -> Option<Timestamp> {
        let moment = self.zone.to_ambiguous_timestamp(time);
        match moment.offset() {
            AmbiguousOffset::Fold { .. } => {
                let earlier = moment.earlier().ok()?;
                match self.last {
                    Some(last) if earlier < last => moment.later().ok(),
                    _ => Some(earlier),
                }
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => {
                moment.compatible().ok()
            }
        }
    }
}

/// Seconds since the epoch, perhaps with a fraction; more than 11 digits are milliseconds.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    if whole.len() > 11 {
        return Timestamp::from_millisecond(number).ok();
    }
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let us: i64 = digits.parse().ok()?;
    Timestamp::from_microsecond(number.checked_mul(1_000_000)?.checked_add(us)?).ok()
}

/// A date as `YYMMDD`, from that, `YYYYMMDD`, `YYYY-MM-DD` or `DD.MM.YYYY`; `None` for what is no date of this century.
#[must_use]
pub fn date(text: &str) -> Option<String> {
    let six = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if six {
        // Day 00 is the end of the month (GS1 General Specifications §3.4.7).
        let day = text.get(4..)?;
        let checked = if day == "00" {
            format!("20{}01", text.get(..4)?)
        } else {
            format!("20{text}")
        };
        Date::strptime("%Y%m%d", checked).ok()?;
        return Some(text.to_owned());
    }
    let forms = ["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"];
    let date = forms
        .iter()
        .find_map(|form| civil::Date::strptime(form, text).ok())?;
    let year = i32::from(date.year()) - 2000;
    (0..100)
        .contains(&year)
        .then(|| format!("{year:02}{:02}{:02}", date.month(), date.day()))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    fn berlin(format: Option<&str>) -> Clock {
        let zone = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
        Clock::new(zone, format.map(str::to_owned), None)
    }

    fn utc(us: i64) -> String {
        Timestamp::from_microsecond(us).unwrap().to_string()
    }

    #[test]
    fn common_forms() {
        let mut clock = berlin(None);
        for text in [
            "2026-07-01 10:00:00",
            "2026-07-01T10:00:00",
            "2026/07/01 10:00:00",
            "01.07.2026 10:00:00",
            "20260701100000",
            "2026-07-01T08:00:00Z",
            "2026-07-01T10:00:00+02:00",
        ] {
            assert_eq!(
                utc(clock.read(text).unwrap()),
                "2026-07-01T08:00:00Z",
                "{text}"
            );
        }
        assert_eq!(
            utc(clock.read("2026-07-01 10:00:00,250").unwrap()),
            "2026-07-01T08:00:00.25Z"
        );
        assert!(clock.read("yesterday").is_err());
    }

    #[test]
    fn formats_of_ones_own() {
        let time = |format, text| utc(berlin(Some(format)).read(text).unwrap());
        assert_eq!(
            time("%m/%d/%y %I:%M:%S %p", "07/01/26 03:04:05 PM"),
            "2026-07-01T13:04:05Z"
        );
        assert_eq!(time("unix", "1782864000.5"), "2026-07-01T00:00:00.5Z");
        assert_eq!(time("unix", "1782864000250"), "2026-07-01T00:00:00.25Z");
        assert_eq!(
            time("%d-%m-%Y %H:%M:%S %z", "01-07-2026 10:00:00 +0200"),
            "2026-07-01T08:00:00Z"
        );
        let error = berlin(Some("%H:%M")).read("no").unwrap_err();
        assert_eq!(error.to_string(), "not a time of the form %H:%M");
    }

    /// The last Sunday of October: the hour from 2 to 3 comes twice.
    #[test]
    fn the_hour_that_comes_twice_is_told_by_the_order() {
        let mut clock = berlin(None);
        let mut at = |text| utc(clock.read(text).unwrap());
        assert_eq!(at("2026-10-25 02:10:00"), "2026-10-25T00:10:00Z");
        assert_eq!(at("2026-10-25 02:50:00"), "2026-10-25T00:50:00Z");
        assert_eq!(at("2026-10-25 02:10:00"), "2026-10-25T01:10:00Z");
        assert_eq!(at("2026-10-25 03:00:00"), "2026-10-25T02:00:00Z");
        // Spring: a time that there was not.
        assert_eq!(at("2027-03-28 02:30:00"), "2027-03-28T01:30:00Z");
    }

    #[test]
    fn after_a_restart_the_order_is_still_known() {
        let zone = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
        let mut first = berlin(None);
        let last = first.read("2026-10-25 02:50:00").unwrap();
        let mut second = Clock::new(zone, None, Some(last));
        assert_eq!(
            utc(second.read("2026-10-25 02:10:00").unwrap()),
            "2026-10-25T01:10:00Z"
        );
    }

    #[test]
    fn dates() {
        for text in [
            "271231",
            "20271231",
            "2027-12-31",
            "31.12.2027",
            "2027/12/31",
        ] {
            assert_eq!(date(text).as_deref(), Some("271231"), "{text}");
        }
        assert_eq!(date("270200").as_deref(), Some("270200"));
        for text in ["", "271301", "1999-01-01", "2127-01-01", "soon"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
