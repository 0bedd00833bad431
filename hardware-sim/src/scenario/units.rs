//! Durations as people write them in a scenario: `"1.2s"`, `"500ms"`, `"2min"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// An hour bounds every duration of a scenario: longer is a slip of the pen.
const LONGEST_S: f64 = 3600.0;

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not a duration such as \"1.2s\" or \"500ms\""
        ))
    })
}

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "min" => 60.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    (0.0..=LONGEST_S)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        for (text, expect) in [
            ("1.2s", Some(Duration::from_millis(1200))),
            ("500 ms", Some(Duration::from_millis(500))),
            ("2min", Some(Duration::from_secs(120))),
            ("7", None),
            ("s", None),
            ("1.2.3s", None),
            ("2h", None),
            ("99999s", None),
        ] {
            assert_eq!(parse(text), expect, "{text}");
        }
    }
}
