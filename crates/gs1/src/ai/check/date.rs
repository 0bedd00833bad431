//! Dates and times (GenSpecs 3.4 and 7.12).

use crate::{digits, element::Fault};

/// Whether a date must name its day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Given,
    /// Day 00 stands for the last day of the month.
    MayBeOpen,
}

/// YYMMDD or YYYYMMDD.
pub(super) fn check(value: &[u8], day: Day) -> Result<(), Fault> {
    let number = digits::parse(value).ok_or(Fault::Empty)?;
    let year = match (value.len(), number / 10_000) {
        // The century window (GenSpecs 7.12) holds 2000, a leap year, and neither 1900 nor 2100
        // until 2050, so two digits decide without a clock.
        (..=6, year) => 2000 + year,
        (_, year) => year,
    };
    let (month, found) = (number / 100 % 100, number % 100);
    let last = digits::days_of_month(year, month).ok_or(Fault::Date)?;
    if found <= last && (found > 0 || day == Day::MayBeOpen) {
        Ok(())
    } else {
        Err(Fault::Date)
    }
}

/// HHMM.
pub(super) fn time(value: &[u8]) -> Result<(), Fault> {
    let (hours, minutes) = value.split_at(value.len().min(2));
    hour(hours)?;
    sixtieth(minutes)
}

/// HH, 00 to 23.
pub(super) fn hour(value: &[u8]) -> Result<(), Fault> {
    below(value, 24)
}

/// MM or SS, 00 to 59.
pub(super) fn sixtieth(value: &[u8]) -> Result<(), Fault> {
    below(value, 60)
}

fn below(value: &[u8], limit: u64) -> Result<(), Fault> {
    match digits::parse(value) {
        Some(number) if number < limit => Ok(()),
        _ => Err(Fault::Time),
    }
}
