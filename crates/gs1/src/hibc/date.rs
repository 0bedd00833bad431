//! Dates of HIBC, as exact as they are given.

use std::fmt;

use crate::digits;

/// A date of HIBC data; month, day and hour are there as far as the symbol gives them
/// (ANSI/HIBC 2.6 section 2.3). Displays as `2026-09`, `2026-09-11` or `2026-09-11T13`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HibcDate {
    year: u16,
    month: u8,
    day: Option<u8>,
    hour: Option<u8>,
}

/// How a date is written.
#[derive(Clone, Copy)]
pub(super) enum Written {
    MonthYear,
    MonthDayYear,
    YearMonthDay,
    YearMonthDayHour,
    YearDays,
    YearDaysHour,
    /// With four digits of the year.
    LongYearMonthDay,
}

impl Written {
    pub(super) fn length(self) -> usize {
        match self {
            Self::MonthYear => 4,
            Self::YearDays => 5,
            Self::MonthDayYear | Self::YearMonthDay => 6,
            Self::YearDaysHour => 7,
            Self::YearMonthDayHour | Self::LongYearMonthDay => 8,
        }
    }
}

impl HibcDate {
    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month; none if the month is meant to its end.
    pub fn day(self) -> Option<u8> {
        self.day
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> Option<u8> {
        self.hour
    }

    /// None if there is no such date, or something else than digits.
    pub(super) fn parse(text: &[u8], written: Written) -> Option<Self> {
        let number = digits::parse(text)?;
        let (a, b, c) = (number / 10_000, number / 100 % 100, number % 100);
        match written {
            Written::MonthYear => Self::new(2000 + c, b, None, None),
            Written::MonthDayYear => Self::new(2000 + c, a, Some(b), None),
            Written::YearMonthDay => Self::new(2000 + a, b, Some(c), None),
            Written::LongYearMonthDay => Self::new(a, b, Some(c), None),
            Written::YearMonthDayHour => {
                let (year, month) = (number / 1_000_000, a % 100);
                Self::new(2000 + year, month, Some(b), Some(c))
            }
            Written::YearDays => Self::of_day(2000 + number / 1000, number % 1000, None),
            Written::YearDaysHour => {
                let (year, day) = (number / 100_000, number / 100 % 1000);
                Self::of_day(2000 + year, day, Some(c))
            }
        }
    }

    fn new(year: u64, month: u64, day: Option<u64>, hour: Option<u64>) -> Option<Self> {
        let last = digits::days_of_month(year, month)?;
        if day.is_some_and(|day| day == 0 || day > last) || hour.is_some_and(|hour| hour > 23) {
            return None;
        }
        Some(Self {
            year: u16::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: day.and_then(|day| u8::try_from(day).ok()),
            hour: hour.and_then(|hour| u8::try_from(hour).ok()),
        })
    }

    /// From the number of the day in its year, 1 to 366.
    fn of_day(year: u64, mut day: u64, hour: Option<u64>) -> Option<Self> {
        for month in 1..=12 {
            let days = digits::days_of_month(year, month)?;
            if day <= days {
                return Self::new(year, month, Some(day), hour);
            }
            day -= days;
        }
        None
    }
}

impl fmt::Display for HibcDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        if let Some(hour) = self.hour {
            write!(f, "T{hour:02}")?;
        }
        Ok(())
    }
}
