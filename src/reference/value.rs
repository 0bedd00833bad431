//! Values of records as people and systems write them, for files and messages alike.

use tracegate_gs1::Ai;
use tracegate_pipeline::reference::{Content, Quantity};

use super::topic::{checked, gtin14, identity};

/// Longest text, in characters: a status, a location, a reason, the name of a line.
const MAX_TEXT: usize = 200;

/// A date as in AI (17), `YYMMDD`; `2027-03-31` and `270331` are the same.
///
/// # Errors
/// It is none.
pub(super) fn date(text: &str) -> Result<String, String> {
    let digits = match text.strip_prefix("20") {
        Some(rest) if text.len() == 10 && text.matches('-').count() == 2 => rest.replace('-', ""),
        _ => text.to_owned(),
    };
    checked(Ai::EXPIRY, &digits)
        .map_err(|_| format!("\"{text}\" is no date; write 2027-03-31 or 270331"))
}

/// An amount with its unit.
///
/// # Errors
/// The number is none, or has too many digits; the unit is no code of recommendation 20.
pub(super) fn quantity(value: &str, uom: Option<&str>) -> Result<Quantity, String> {
    let value = value
        .parse()
        .map_err(|_| format!("\"{value}\" is no amount; write it with up to 15 digits, as 12.5"))?;
    Ok(Quantity {
        value,
        uom: uom.map(unit).transpose()?,
    })
}

/// A unit by UN/ECE recommendation 20.
///
/// # Errors
/// It has another form.
pub(super) fn unit(uom: &str) -> Result<String, String> {
    let is_code = matches!(uom.len(), 2 | 3)
        && uom
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match is_code {
        true => Ok(uom.to_owned()),
        false => Err(format!(
            "\"{uom}\" is no unit of UN/ECE recommendation 20; write KGM, GRM, LTR, MTR …, and nothing for pieces"
        )),
    }
}

/// A text of the site's own.
///
/// # Errors
/// It is too long, or has control characters.
pub(super) fn text(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(format!(
            "a text has at most {MAX_TEXT} characters, and no control characters"
        ));
    }
    Ok(text.to_owned())
}

/// A text that only people read, however it was written: control characters become spaces, and what is too long is cut.
pub(super) fn note(text: &str) -> String {
    let tame = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(tame).take(MAX_TEXT).collect()
}

/// A lot number.
///
/// # Errors
/// It cannot be one.
pub(super) fn lot(lot: &str) -> Result<String, String> {
    checked(Ai::LOT, lot)
}

/// The class of an item by its GTIN.
///
/// # Errors
/// The GTIN is none.
pub(super) fn item(gtin: &str) -> Result<String, String> {
    let of = [(Ai::GTIN, gtin14(gtin))];
    identity(&of)?
        .class_uri()
        .ok_or_else(|| "it names nothing".to_owned())
}

/// One entry of what is on a pallet: a serial number, or some pieces of a GTIN and perhaps a lot.
///
/// # Errors
/// One of them cannot be.
pub(super) fn content(
    gtin: &str,
    lot: Option<&str>,
    serial: Option<&str>,
    pieces: Option<u64>,
) -> Result<Content, String> {
    let gtin = (Ai::GTIN, gtin14(gtin));
    let lot = lot.map(self::lot).transpose()?;
    if let Some(serial) = serial {
        let of = [gtin, (Ai::SERIAL, serial.to_owned())];
        return Ok(Content {
            item: identity(&of)?.instance_uri().unwrap_or_default(),
            instance: true,
            lot,
            pieces: None,
        });
    }
    let of: Vec<_> = std::iter::once(gtin)
        .chain(lot.map(|lot| (Ai::LOT, lot)))
        .collect();
    Ok(Content {
        item: identity(&of)?.class_uri().unwrap_or_default(),
        instance: false,
        lot: None,
        pieces,
    })
}
