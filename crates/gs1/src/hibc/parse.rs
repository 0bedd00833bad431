//! From text to HIBC data.

use super::{Hibc, HibcDate, HibcError, Primary, date::Written};
use crate::{charset::text_of, digits};

/// The characters of HIBC in the order of their value (ANSI/HIBC 2.6 appendix B).
const CHARACTERS: &[u8; 43] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";

/// Whether `data` starts as HIBC data does: a plus sign and something behind it.
pub fn is_hibc(data: &[u8]) -> bool {
    matches!(data, [b'+', _, ..])
}

/// The check character of `body`: the sum of the characters' values modulo 43 (ANSI/HIBC 2.6
/// appendix B).
///
/// # Errors
/// [`HibcError::Character`].
pub fn check_character(body: &[u8]) -> Result<char, HibcError> {
    let mut sum = 0;
    for (position, byte) in body.iter().enumerate() {
        sum += CHARACTERS
            .iter()
            .position(|other| other == byte)
            .ok_or(HibcError::Character { position })?;
    }
    let place = sum % CHARACTERS.len();
    Ok(CHARACTERS.get(place).copied().map_or('0', char::from))
}

/// Parses HIBC data (ANSI/HIBC 2.6), its symbology identifier gone: primary, secondary, or both
/// joined with `/`.
///
/// # Errors
/// [`HibcError`]; nothing partial is returned.
pub fn parse_hibc(data: &[u8]) -> Result<Hibc, HibcError> {
    let [b'+', .., found] = data else {
        return Err(HibcError::Start);
    };
    let (found, end) = (char::from(*found), data.len() - 1);
    let body = data.get(..end).unwrap_or_default();
    let expected = check_character(body)?;
    if found != expected {
        // A last character that HIBC does not have is no check character at all.
        check_character(data)?;
        return Err(HibcError::Check { expected, found });
    }
    let content = body.get(1..).unwrap_or_default();
    let mut hibc = Hibc::default();
    match content.first() {
        Some(letter) if letter.is_ascii_uppercase() => {
            let end = content
                .iter()
                .position(|&byte| byte == b'/')
                .unwrap_or(content.len());
            let (primary, secondary) = content.split_at(end);
            hibc.primary = Some(parse_primary(primary)?);
            if let Some(secondary) = secondary.strip_prefix(b"/") {
                parse_secondary(secondary, end + 2, &mut hibc)?;
            }
        }
        Some(b'$' | b'0'..=b'9') => {
            let (link, secondary) = content.split_last().ok_or(HibcError::Start)?;
            hibc.link = Some(char::from(*link));
            parse_secondary(secondary, 1, &mut hibc)?;
        }
        _ => return Err(HibcError::Primary),
    }
    Ok(hibc)
}

fn parse_primary(text: &[u8]) -> Result<Primary, HibcError> {
    let (labeler, rest) = text.split_at_checked(4).ok_or(HibcError::Primary)?;
    let (unit, product) = rest.split_last().ok_or(HibcError::Primary)?;
    let alphanumeric = |text: &[u8]| text.iter().all(u8::is_ascii_alphanumeric);
    let whole = labeler.first().is_some_and(u8::is_ascii_uppercase)
        && alphanumeric(labeler)
        && (1..=18).contains(&product.len())
        && alphanumeric(product)
        && unit.is_ascii_digit();
    if !whole {
        return Err(HibcError::Primary);
    }
    Ok(Primary {
        labeler: text_of(labeler),
        product: text_of(product),
        unit_of_measure: char::from(*unit),
    })
}

/// The first part, then supplements behind slashes.
fn parse_secondary(text: &[u8], start: usize, hibc: &mut Hibc) -> Result<(), HibcError> {
    let mut position = start;
    for (index, part) in text.split(|&byte| byte == b'/').enumerate() {
        let fault = |expected| HibcError::Secondary { position, expected };
        if index == 0 {
            first_part(part, hibc).map_err(fault)?;
        } else {
            supplement(part, hibc).map_err(fault)?;
        }
        position += part.len() + 1;
    }
    Ok(())
}

type Part = Result<(), &'static str>;

fn first_part(part: &[u8], hibc: &mut Hibc) -> Part {
    if let Some(dated) = part.strip_prefix(b"$$+") {
        let serial = date_and_quantity(dated, hibc)?;
        hibc.serial = name(serial)?;
    } else if let Some(dated) = part.strip_prefix(b"$$") {
        let lot = date_and_quantity(dated, hibc)?;
        hibc.lot = name(lot)?;
    } else if let Some(serial) = part.strip_prefix(b"$+") {
        hibc.serial = name(serial)?;
    } else if let Some(lot) = part.strip_prefix(b"$") {
        hibc.lot = name(lot)?;
    } else {
        let lot = dated(part, Written::YearDays, hibc)?;
        hibc.lot = name(lot)?;
    }
    Ok(())
}

/// Quantity, then date, each told by its first digit; what is left is the lot or serial number.
fn date_and_quantity<'a>(part: &'a [u8], hibc: &mut Hibc) -> Result<&'a [u8], &'static str> {
    let part = match part {
        [b'8', rest @ ..] => quantity(rest, 2, hibc)?,
        [b'9', rest @ ..] => quantity(rest, 5, hibc)?,
        _ => part,
    };
    match part {
        [b'0'..=b'1', ..] => dated(part, Written::MonthYear, hibc),
        [b'2', rest @ ..] => dated(rest, Written::MonthDayYear, hibc),
        [b'3', rest @ ..] => dated(rest, Written::YearMonthDay, hibc),
        [b'4', rest @ ..] => dated(rest, Written::YearMonthDayHour, hibc),
        [b'5', rest @ ..] => dated(rest, Written::YearDays, hibc),
        [b'6', rest @ ..] => dated(rest, Written::YearDaysHour, hibc),
        [b'7', rest @ ..] => Ok(rest),
        // Behind a quantity the date may be left out.
        _ if hibc.quantity.is_some() => Ok(part),
        _ => Err("a date behind $$, in one of its eight forms"),
    }
}

fn quantity<'a>(part: &'a [u8], length: usize, hibc: &mut Hibc) -> Result<&'a [u8], &'static str> {
    let (number, rest) = part.split_at_checked(length).ok_or("a quantity")?;
    let number = digits::parse(number).and_then(|number| u32::try_from(number).ok());
    hibc.quantity = Some(number.ok_or("a quantity")?);
    Ok(rest)
}

fn dated<'a>(part: &'a [u8], written: Written, hibc: &mut Hibc) -> Result<&'a [u8], &'static str> {
    let (date, rest) = part.split_at_checked(written.length()).ok_or("a date")?;
    hibc.expiry = Some(HibcDate::parse(date, written).ok_or("a date")?);
    Ok(rest)
}

/// A lot or serial number of up to 18 characters; none if it is left out.
fn name(text: &[u8]) -> Result<Option<String>, &'static str> {
    match text.len() {
        0 => Ok(None),
        1..=18 => Ok(Some(text_of(text))),
        _ => Err("a lot or serial number of up to 18 characters"),
    }
}

fn supplement(part: &[u8], hibc: &mut Hibc) -> Part {
    let long =
        |date: &[u8]| HibcDate::parse(date, Written::LongYearMonthDay).filter(|_| date.len() == 8);
    if let Some(date) = part.strip_prefix(b"16D") {
        hibc.manufactured = Some(long(date).ok_or("a date of manufacture, YYYYMMDD")?);
    } else if let Some(date) = part.strip_prefix(b"14D") {
        hibc.expiry = Some(long(date).ok_or("an expiry date, YYYYMMDD")?);
    } else if let Some(serial) = part.strip_prefix(b"S") {
        hibc.serial = Some(name(serial)?.ok_or("a serial number")?);
    } else if let Some(number) = part.strip_prefix(b"Q") {
        let number = digits::parse(number).and_then(|number| u32::try_from(number).ok());
        hibc.quantity = Some(number.ok_or("a quantity")?);
    } else {
        return Err("a supplement 14D, 16D, Q or S");
    }
    Ok(())
}
