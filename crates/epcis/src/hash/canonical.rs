//! Canonical text of single values: numbers, times, vocabulary URNs, identifiers.
//!
//! The reference generator treats every value the same way, whatever its field, so digits in a text field become a
//! number too (`0017` and `17` hash alike). Where it crashes on a value and so drops the event, this errs.

use std::borrow::Cow;

use super::HashError;
use super::digital_link;
use crate::time;

const URN_VOCABULARIES: &[(&str, &str)] = &[
    (
        "urn:epcglobal:cbv:bizstep:",
        "https://ref.gs1.org/cbv/BizStep-",
    ),
    ("urn:epcglobal:cbv:disp:", "https://ref.gs1.org/cbv/Disp-"),
    ("urn:epcglobal:cbv:btt:", "https://ref.gs1.org/cbv/BTT-"),
    ("urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-"),
    ("urn:epcglobal:cbv:er:", "https://ref.gs1.org/cbv/ER-"),
];

/// The canonical form of a trimmed value of `field`.
pub(super) fn value<'a>(field: &str, text: &'a str) -> Result<Cow<'a, str>, HashError> {
    let text = web_vocabulary(text);
    if let Some(number) = number(field, &text)? {
        // A number that still holds a dot could only be mistaken for a link if it began like one.
        return Ok(Cow::Owned(number));
    }
    if text.starts_with("urn:epc:") && !text.is_ascii() {
        return Err(HashError::unsupported(
            field,
            "an EPC URN with characters beyond ASCII",
        ));
    }
    Ok(match digital_link::normalise(&text) {
        Some(link) => Cow::Owned(link),
        None => text,
    })
}

/// UTC with three decimals, rounded half to even like the reference does.
pub(super) fn time(field: &str, text: &str) -> Result<String, HashError> {
    let (micros, _) = time::parse_rfc3339(text).ok_or_else(|| {
        HashError::unsupported(field, "a time that is not RFC 3339 with an offset")
    })?;
    let ms = time::rounded_ms(micros).ok_or_else(|| {
        HashError::unsupported(field, "a fraction that rounds up to a full second")
    })?;
    if time::is_writable(ms) {
        Ok(time::utc_text(ms))
    } else {
        Err(HashError::unsupported(field, "a year outside 0001 to 9999"))
    }
}

/// Trims what Python's `str.strip` trims: white space and the four ASCII separators.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

/// A JSON number that is no integer, in Python's `repr` spelling.
pub(super) fn float_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e16 {
        return format!("{number:.1}");
    }
    let scientific = shortest(number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&power) {
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
        let decimals = i32::try_from(digits).unwrap_or(17) - 1 - power;
        let plain = format!("{number:.*}", usize::try_from(decimals).unwrap_or(0));
        return match plain.parse::<f64>() {
            Ok(same) if same == number => plain,
            _ => number.to_string(),
        };
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.unsigned_abs())
}

/// The fewest digits that read back as the number. Of two equally near spellings Rust takes the greater, Python the even
/// one, which is also how digits are rounded when their count is given.
fn shortest(number: f64) -> String {
    let shortest = format!("{number:e}");
    let mantissa = shortest.split('e').next().unwrap_or("");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let even = format!("{number:.*e}", digits.saturating_sub(1));
    if even.parse() == Ok(number) {
        even
    } else {
        shortest
    }
}

fn web_vocabulary(text: &str) -> Cow<'_, str> {
    if !text.contains("urn:epcglobal:cbv:") {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for (urn, web) in URN_VOCABULARIES {
        out = out.replace(urn, web);
    }
    Cow::Owned(out)
}

/// The canonical spelling when Python's `float` would read the text as a number.
fn number(field: &str, text: &str) -> Result<Option<String>, HashError> {
    let Some(first) = text.chars().next() else {
        return Ok(None);
    };
    if !(first.is_numeric() || "+-.iInN".contains(first)) {
        return Ok(None);
    }
    let foreign_digits = text.chars().any(|c| !c.is_ascii() && c.is_numeric())
        && text.chars().all(|c| c.is_numeric() || "+-._eE".contains(c));
    if foreign_digits {
        return Err(HashError::unsupported(field, "digits beyond ASCII"));
    }
    let Some(number) = without_underscores(text).and_then(|text| text.parse::<f64>().ok()) else {
        return Ok(None);
    };
    if number.is_infinite() {
        return Err(HashError::unsupported(field, "an infinite number"));
    }
    Ok(Some(if number.is_nan() {
        text.to_owned()
    } else if number.fract() == 0.0 {
        format!("{:.0}", if number == 0.0 { 0.0 } else { number })
    } else {
        float_text(number)
    }))
}

/// Python allows single underscores between digits.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let digit_at = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let separates = |at: usize| digit_at(at.checked_sub(1)) && digit_at(at.checked_add(1));
    let fits = text.match_indices('_').all(|(at, _)| separates(at));
    fits.then(|| Cow::Owned(text.replace('_', "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        value("ext", text).unwrap().into_owned()
    }

    #[test]
    fn numbers_lose_their_spelling() {
        for (text, expected) in [
            ("0017", "17"),
            ("+1.50", "1.5"),
            ("-0.0", "0"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("1_000", "1000"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("123456789.125", "123456789.125"),
            ("12345678901234567890", "12345678901234567168"),
            ("1288608808484580.25", "1288608808484580.2"),
            ("202777882752364.125", "202777882752364.12"),
            ("NaN", "NaN"),
            ("1__0", "1__0"),
            ("_1", "_1"),
            ("1 0", "1 0"),
            ("0x10", "0x10"),
            ("+", "+"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
        assert!(value("ext", "inf").is_err());
        assert!(value("ext", "1e999").is_err());
        assert!(value("ext", "\u{661}\u{662}").is_err());
    }

    #[test]
    fn floats_print_like_python() {
        for (number, expected) in [
            (0.1, "0.1"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (2.0, "2.0"),
            (1e22, "1e+22"),
            (1.5e300, "1.5e+300"),
            (1e-300, "1e-300"),
            (123_456.789, "123456.789"),
            (-0.0001, "-0.0001"),
        ] {
            assert_eq!(float_text(number), expected);
        }
    }

    #[test]
    fn times_round_half_to_even() {
        let of = |text| time("eventTime", text);
        assert_eq!(
            of("2020-01-01T01:00:00.0005+01:00").unwrap(),
            "2020-01-01T00:00:00.000Z"
        );
        assert_eq!(
            of("2020-01-01T00:00:00.0015Z").unwrap(),
            "2020-01-01T00:00:00.002Z"
        );
        assert_eq!(
            of("2020-01-01T00:00:00.998500Z").unwrap(),
            "2020-01-01T00:00:00.998Z"
        );
        assert_eq!(
            of("2020-01-01T00:00:00.0005019Z").unwrap(),
            "2020-01-01T00:00:00.001Z"
        );
        assert!(of("2020-01-01T00:00:00.9995Z").is_err());
        assert!(of("2020-01-01T00:00:00").is_err());
        assert!(of("0001-01-01T00:00:00+01:00").is_err());
    }

    #[test]
    fn vocabulary_urns_become_web_uris() {
        assert_eq!(
            canonical("urn:epcglobal:cbv:disp:active"),
            "https://ref.gs1.org/cbv/Disp-active"
        );
        assert_eq!(
            canonical("urn:epcglobal:cbv:bt:4012345000009:1"),
            "urn:epcglobal:cbv:bt:4012345000009:1"
        );
    }
}
