//! Values with a unit as people type them otherwise, and what they mean by it.

use tracegate_gs1::element::Fault;
use tracegate_gs1::{Ai, Element, ElementError};

use super::units::{FromText, Refusal};

/// A number with a decimal comma, or a minus sign that is not the keyboard's: as it would have to be written.
pub(super) fn typed_otherwise<T: FromText>(text: &str) -> Option<Refusal> {
    if text.len() > 40 || text.matches(',').count() > 1 {
        return None;
    }
    let write = |label: &str, text: String| {
        let is_good = T::from_text(&text).is_ok();
        is_good.then(|| Refusal::new(label, format!("write \"{text}\"")))
    };
    if let Some(rest) = text.trim_start().strip_prefix(['−', '–', '‐', '—']) {
        return write(
            "this is not the minus sign of the keyboard",
            format!("-{rest}"),
        );
    }
    let point = text.replacen(',', ".", 1);
    (point != text).then(|| write("numbers have a point, not a comma", point))?
}

/// A level in watts, or in dB where dBm is meant: as it would have to be written.
pub(super) fn level_meant(number: f64, unit: &str) -> Option<String> {
    let dbm = match unit.to_lowercase().as_str() {
        "db" => number,
        "w" | "watt" if number > 0.0 => 30.0 + 10.0 * number.log10(),
        "mw" if number > 0.0 => 10.0 * number.log10(),
        _ => return None,
    };
    Some(format!("write \"{} dBm\"", (dbm * 10.0).round() / 10.0))
}

/// A unit of time that is written out, or in capitals.
pub(super) fn time_unit_meant(unit: &str) -> Option<&'static str> {
    Some(match unit.to_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" | "sek" => "s",
        "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" | "std" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    })
}

/// A unit of size in other letters, or without its B.
pub(super) fn size_unit_meant(unit: &str) -> Option<&'static str> {
    Some(match unit.to_lowercase().as_str() {
        "k" | "ki" | "kib" => "KiB",
        "m" | "mi" | "mib" => "MiB",
        "g" | "gi" | "gib" => "GiB",
        "t" | "ti" | "tib" => "TiB",
        "kb" => "KB",
        "mb" => "MB",
        "gb" => "GB",
        "tb" => "TB",
        _ => return None,
    })
}

/// The check digit that a key of GS1 should have in place of its last digit, if that is all that is wrong with it.
pub(super) fn check_digit_wanted(key: &str) -> Option<u64> {
    match Element::new(Ai::GTIN, format!("{key:0>14}")) {
        Err(ElementError::Value {
            fault: Fault::CheckDigit { expected, .. },
            ..
        }) => Some(expected),
        _ => None,
    }
}

/// A location as GLN of 13 digits, bare or in a Digital Link: what is missing to make it an SGLN is where the company's
/// prefix ends, and only its owner knows that.
pub(super) fn gln_meant(text: &str) -> Option<Refusal> {
    let (gln, extension) = match text.split_once("/414/") {
        Some((_, rest)) => rest.split_once("/254/").unwrap_or((rest, "0")),
        None => (text.trim(), "0"),
    };
    if gln.len() != 13 || !gln.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    if let Some(digit) = check_digit_wanted(gln) {
        let label = "this is a GLN, and its check digit does not fit";
        let help = format!(
            "with these digits the last one would be {digit}; compare it with your GS1 certificate"
        );
        return Some(Refusal::new(label, help));
    }
    let (prefix, rest) = (gln.get(..7)?, gln.get(7..12)?);
    let help = format!(
        "without its check digit, and with a point behind your company prefix; with one of 7 digits: \"urn:epc:id:sgln:{prefix}.{rest}.{}\"",
        super::units::shown(extension)
    );
    Some(Refusal::new("this is a GLN, an SGLN is needed", help))
}
