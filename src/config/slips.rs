//! Values with a unit as people type them otherwise, and what they mean by it.

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
