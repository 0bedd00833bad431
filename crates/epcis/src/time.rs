//! Event time: an instant at millisecond precision, with the offset of the place.
//!
//! Own civil arithmetic (proleptic Gregorian, no zone database): the offset is given, never looked up.

use std::fmt;

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 86_400_000;
/// EPCIS allows offsets up to 14 hours either side (schema, `eventTimeZoneOffset`).
const MAX_OFFSET_MINUTES: i16 = 14 * 60;

/// When an event happened, and the local offset from UTC at that place.
///
/// Holds whole milliseconds: no more is published or hashed, and the reference hash gives up on finer
/// fractions that round up to a full second. Years 0001 to 9999 in UTC and in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventTime {
    ms: i64,
    offset_minutes: i16,
}

/// A time that EPCIS cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTime {
    /// The offset is beyond 14 hours.
    #[error("a UTC offset of {0} minutes is beyond 14 hours")]
    Offset(i16),
    /// The year has not four digits.
    #[error("the year is not between 0001 and 9999")]
    Year,
}

impl EventTime {
    /// From microseconds since the Unix epoch, cut (not rounded) to milliseconds, and minutes east of UTC.
    ///
    /// # Errors
    /// When the offset is beyond 14 hours or the year, in UTC or local, is not 0001 to 9999.
    pub fn new(unix_micros: i64, offset_minutes: i16) -> Result<Self, InvalidTime> {
        if !(-MAX_OFFSET_MINUTES..=MAX_OFFSET_MINUTES).contains(&offset_minutes) {
            return Err(InvalidTime::Offset(offset_minutes));
        }
        let time = Self {
            ms: unix_micros.div_euclid(1000),
            offset_minutes,
        };
        let years = 1..=9999;
        if years.contains(&Civil::at(time.ms).year)
            && years.contains(&Civil::at(time.local_ms()).year)
        {
            Ok(time)
        } else {
            Err(InvalidTime::Year)
        }
    }

    /// Microseconds since the Unix epoch, a multiple of 1000.
    #[must_use]
    pub const fn unix_micros(&self) -> i64 {
        self.ms * 1000
    }

    /// Minutes east of UTC.
    #[must_use]
    pub const fn offset_minutes(&self) -> i16 {
        self.offset_minutes
    }

    /// `2026-11-22T10:15:30.123+01:00`: local time with three decimals.
    #[must_use]
    pub fn local(&self) -> String {
        format!("{}{}", Civil::at(self.local_ms()), self.offset())
    }

    /// `+01:00`, as `eventTimeZoneOffset` wants it.
    #[must_use]
    pub fn offset(&self) -> String {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.unsigned_abs();
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// `2026-11-22T09:15:30.123Z`: the form that goes into the event hash.
    #[must_use]
    pub fn utc(&self) -> String {
        utc_text(self.ms)
    }

    fn local_ms(&self) -> i64 {
        self.ms + i64::from(self.offset_minutes) * MS_PER_MINUTE
    }
}

/// `2026-11-22T09:15:30.123Z` for milliseconds since the Unix epoch.
pub(crate) fn utc_text(ms: i64) -> String {
    format!("{}Z", Civil::at(ms))
}

/// Microseconds as milliseconds, rounded half to even; `None` when that gives the next full second, where the reference
/// hash gives up.
pub(crate) fn rounded_ms(micros: i64) -> Option<i64> {
    let (whole, rest) = (micros.div_euclid(1000), micros.rem_euclid(1000));
    let up = rest > 500 || (rest == 500 && whole.rem_euclid(2) == 1);
    let ms = whole + i64::from(up);
    (!up || ms.rem_euclid(1000) != 0).then_some(ms)
}

/// Milliseconds since the Unix epoch lie in years 0001 to 9999.
pub(crate) fn is_writable(ms: i64) -> bool {
    (1..=9999).contains(&Civil::at(ms).year)
}

/// An RFC 3339 date-time: microseconds since the Unix epoch (finer digits cut) and minutes east of UTC.
///
/// Nothing looser is taken: no missing offset, no 24:00, no leap second. The offset may reach 23:59.
pub(crate) fn parse_rfc3339(text: &str) -> Option<(i64, i16)> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    let month = number(literal(&mut rest, b"-")?, 2)?;
    let day = number(literal(&mut rest, b"-")?, 2)?;
    let hour = number(literal(&mut rest, b"T")?, 2)?;
    let minute = number(literal(&mut rest, b":")?, 2)?;
    let second = number(literal(&mut rest, b":")?, 2)?;
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match rest.strip_prefix('.') {
        None => 0,
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (kept, after) = fraction.split_at_checked(digits)?;
            rest = after;
            let six: String = kept.chars().chain("000000".chars()).take(6).collect();
            if kept.is_empty() {
                return None;
            }
            six.parse().ok()?
        }
    };
    let offset = parse_offset(rest)?;
    let seconds = (days_from_civil(year, month, day) * 24 + hour) * 3600 + minute * 60 + second;
    let utc = seconds - i64::from(offset) * 60;
    Some((utc * 1_000_000 + micros, offset))
}

/// `Z`, `+hh:mm` or `-hh:mm` as minutes east of UTC.
pub(crate) fn parse_offset(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let hours = number(&mut rest, 2)?;
    let minutes = number(literal(&mut rest, b":")?, 2)?;
    if hours > 23 || minutes > 59 || !rest.is_empty() {
        return None;
    }
    i16::try_from(sign * (hours * 60 + minutes)).ok()
}

fn number(rest: &mut &str, digits: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    head.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| head.parse().ok())?
}

fn literal<'a, 'b>(rest: &'a mut &'b str, byte: &[u8; 1]) -> Option<&'a mut &'b str> {
    *rest = rest.strip_prefix(char::from(byte[0]))?;
    Some(rest)
}

/// A broken-down time; prints as `2026-11-22T09:15:30.123`.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    ms_of_day: i64,
}

impl Civil {
    /// Days to date after Howard Hinnant's `civil_from_days`: eras of 400 years that start on 1 March.
    fn at(ms: i64) -> Self {
        let days = ms.div_euclid(MS_PER_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            ms_of_day: ms.rem_euclid(MS_PER_DAY),
        }
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ms_of_day / 1000;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
            self.year,
            self.month,
            self.day,
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.ms_of_day % 1000
        )
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_local_time_cut_to_milliseconds() {
        let time = EventTime::new(1_795_338_930_123_999, 60).unwrap();
        assert_eq!(time.local(), "2026-11-22T10:15:30.123+01:00");
        assert_eq!(time.offset(), "+01:00");
        assert_eq!(time.utc(), "2026-11-22T09:15:30.123Z");
        assert_eq!(time.unix_micros(), 1_795_338_930_123_000);
    }

    #[test]
    fn before_the_epoch_is_cut_downwards() {
        let time = EventTime::new(-1, -210).unwrap();
        assert_eq!(time.local(), "1969-12-31T20:29:59.999-03:30");
    }

    #[test]
    fn leap_days_survive() {
        for text in [
            "2024-02-29T23:59:59.999Z",
            "2000-02-29T00:00:00.000Z",
            "0001-01-01T00:00:00.000Z",
        ] {
            let (micros, offset) = parse_rfc3339(text).unwrap();
            assert_eq!(EventTime::new(micros, offset).unwrap().utc(), text);
        }
    }

    #[test]
    fn parses_what_rfc_3339_allows_and_nothing_else() {
        assert_eq!(
            parse_rfc3339("1970-01-01T01:00:00.0000019+01:00"),
            Some((1, 60))
        );
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01Z"), Some((1_000_000, 0)));
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T10:15:30",
            "2026-11-22T10:15:30.+01:00",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:15:60Z",
            "2026-02-29T10:15:30Z",
            "2026-11-22T10:15:30+0100",
            "2026-11-22T10:15:30+01:00 ",
            "2026-1é-22T10:15:30Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn refuses_what_epcis_cannot_write() {
        assert_eq!(EventTime::new(0, 841), Err(InvalidTime::Offset(841)));
        assert_eq!(EventTime::new(i64::MAX, 0), Err(InvalidTime::Year));
        let (first, _) = parse_rfc3339("0001-01-01T00:00:00Z").unwrap();
        assert_eq!(EventTime::new(first, -1), Err(InvalidTime::Year));
        assert_eq!(EventTime::new(first - 1, 60), Err(InvalidTime::Year));
    }
}
