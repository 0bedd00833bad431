//! Days: when something expires, and which day it is at the site.

use jiff::civil::Date;

/// The last day of `YYMMDD`, as in AI (15) and (17): day 00 is the last of the month, and the century is the one that is
/// nearest to `today` (GS1 General Specifications §3.4.7 and §7.12). `None` for what is no date.
#[must_use]
pub fn best_before(six: &str, today: Date) -> Option<Date> {
    if six.len() != 6 || !six.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| six.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let century = today.year() - today.year() % 100;
    let ahead = year - today.year() % 100;
    let century = match ahead {
        51.. => century - 100,
        ..=-50 => century + 100,
        _ => century,
    };
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let date = Date::new(century + year, month, day.max(1)).ok()?;
    Some(if day == 0 { date.last_of_month() } else { date })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_are_read_as_the_standard_says() {
        let today = date(2026, 11, 22);
        for (six, expected) in [
            ("261122", Some(date(2026, 11, 22))),
            ("270200", Some(date(2027, 2, 28))),
            ("280200", Some(date(2028, 2, 29))),
            ("261200", Some(date(2026, 12, 31))),
            ("760101", Some(date(2076, 1, 1))),
            ("770101", Some(date(1977, 1, 1))),
            ("990101", Some(date(1999, 1, 1))),
            ("000101", Some(date(2000, 1, 1))),
            ("270231", None),
            ("271301", None),
            ("270001", None),
            ("2702", None),
            ("27020\u{e9}", None),
            ("+70201", None),
        ] {
            assert_eq!(best_before(six, today), expected, "{six}");
        }
        let late = date(2080, 1, 1);
        assert_eq!(best_before("300101", late), Some(date(2130, 1, 1)));
        assert_eq!(best_before("310101", late), Some(date(2031, 1, 1)));
    }
}
