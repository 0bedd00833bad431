//! From bytes to a message.

use std::borrow::Cow;

use super::{DataElement, DataIdentifier, Defect, Format, FormatContent, Message, MessageError};
use crate::{
    charset::text_of,
    element::{Unknown, parse_after_fnc1},
};

const HEADER: &[u8] = b"[)>";
const GS: u8 = 0x1D;
const RS: u8 = 0x1E;
const EOT: u8 = 0x04;

/// How control characters are met written out.
const WRITTEN: [(&str, u8); 9] = [
    ("{GS}", GS),
    ("{RS}", RS),
    ("{EOT}", EOT),
    ("<GS>", GS),
    ("<RS>", RS),
    ("<EOT>", EOT),
    ("\u{241D}", GS),
    ("\u{241E}", RS),
    ("\u{2404}", EOT),
];

/// Whether `data` starts as a message does, `[)>` (ISO/IEC 15434 section 5.2).
pub fn is_message(data: &[u8]) -> bool {
    data.starts_with(HEADER)
}

/// Parses a message (ISO/IEC 15434 section 5), its symbology identifier gone.
///
/// # Errors
/// [`MessageError`]; nothing partial is returned. Defects of the envelope that are met on labels are
/// no errors: they are told in [`Message::defects`].
pub fn parse_message(data: &[u8]) -> Result<Message, MessageError> {
    let mut defects = Vec::new();
    let data = control_characters(data, &mut defects);
    let rest = data.strip_prefix(HEADER).ok_or(MessageError::Header)?;
    let rest = match rest {
        [RS, rest @ ..] => rest,
        [GS | 0, rest @ ..] => {
            defects.push(Defect::FirstRsReplaced);
            rest
        }
        [first, ..] if first.is_ascii_digit() => {
            defects.push(Defect::FirstRsMissing);
            rest
        }
        _ => rest,
    };
    let (body, defect) = without_trailer(rest);
    if body.is_empty() {
        return Err(MessageError::Empty);
    }
    defects.extend(defect);
    let start = data.len() - rest.len();
    if let Some(place) = body.iter().position(|&byte| byte == EOT) {
        let position = start + place + 1;
        return Err(MessageError::AfterEnd { position });
    }
    let mut formats = Vec::new();
    let mut position = start;
    for format in body.split(|&byte| byte == RS) {
        formats.push(parse_format(format, position)?);
        position += format.len() + 1;
    }
    Ok(Message { formats, defects })
}

/// The data with control characters for what stands for them. What a label's data could hold itself
/// is not touched: the header must be followed by such a writing.
fn control_characters<'a>(data: &'a [u8], defects: &mut Vec<Defect>) -> Cow<'a, [u8]> {
    let behind = data.strip_prefix(HEADER).unwrap_or_default();
    let starts = |(written, _): &(&str, u8)| behind.starts_with(written.as_bytes());
    if !WRITTEN.iter().any(starts) {
        return Cow::Borrowed(data);
    }
    defects.push(Defect::WrittenOut);
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let [byte, tail @ ..] = rest {
        let written = WRITTEN
            .iter()
            .find_map(|(written, byte)| Some((rest.strip_prefix(written.as_bytes())?, *byte)));
        let (after, byte) = written.unwrap_or((tail, *byte));
        out.push(byte);
        rest = after;
    }
    Cow::Owned(out)
}

fn without_trailer(data: &[u8]) -> (&[u8], Option<Defect>) {
    match data {
        [body @ .., RS, EOT] => (body, None),
        [body @ .., EOT] => (body, Some(Defect::LastRsMissing)),
        [body @ .., RS] => (body, Some(Defect::EotMissing)),
        body => (body, Some(Defect::TrailerMissing)),
    }
}

fn parse_format(format: &[u8], position: usize) -> Result<Format, MessageError> {
    let [first @ b'0'..=b'9', second @ b'0'..=b'9', rest @ ..] = format else {
        return Err(MessageError::Indicator { position });
    };
    let indicator: String = [*first, *second].map(char::from).into_iter().collect();
    let start = position + 2;
    let content = match indicator.as_str() {
        "05" | "06" | "12" => {
            let Some(fields) = rest.strip_prefix(&[GS]) else {
                let position = start - 2;
                return Err(if rest.is_empty() {
                    MessageError::NoData {
                        indicator,
                        position,
                    }
                } else {
                    MessageError::Separator {
                        indicator,
                        position,
                    }
                });
            };
            if fields.is_empty() {
                return Err(MessageError::NoData {
                    indicator,
                    position,
                });
            }
            match indicator.as_str() {
                "05" => parse_after_fnc1(fields, start + 1, Unknown::Refuse)
                    .map(|parsed| FormatContent::Gs1(parsed.elements))
                    .map_err(MessageError::Gs1)?,
                "06" => FormatContent::Di(each_field(fields, start + 1, data_element)?),
                _ => FormatContent::Text(each_field(fields, start + 1, text_element)?),
            }
        }
        // 00, 10, 11 and all above 12 are reserved.
        _ if *first != b'0' || *second == b'0' => {
            return Err(MessageError::Unassigned {
                indicator,
                position,
            });
        }
        _ if rest.is_empty() => {
            return Err(MessageError::NoData {
                indicator,
                position,
            });
        }
        _ => FormatContent::Other(text_of(rest)),
    };
    Ok(Format { indicator, content })
}

/// Splits at GS and parses each field. A separator before the end of the format is met and harmless.
fn each_field<T>(
    fields: &[u8],
    start: usize,
    parse: impl Fn(&[u8], usize) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let fields = fields.strip_suffix(&[GS]).unwrap_or(fields);
    let mut position = start;
    let mut parsed = Vec::new();
    for field in fields.split(|&byte| byte == GS) {
        if let Some(place) = field.iter().position(u8::is_ascii_control) {
            let byte = field.get(place).copied().unwrap_or_default();
            let position = position + place;
            return Err(MessageError::Control { byte, position });
        }
        parsed.push(parse(field, position)?);
        position += field.len() + 1;
    }
    Ok(parsed)
}

fn data_element(field: &[u8], position: usize) -> Result<DataElement, MessageError> {
    let what = "data identifier, up to three digits and a capital letter,";
    let (di, value) =
        DataIdentifier::split(field).ok_or(MessageError::Identifier { what, position })?;
    if value.is_empty() {
        let identifier = di.as_str().to_owned();
        return Err(MessageError::NoValue {
            identifier,
            position,
        });
    }
    let value = text_of(value);
    Ok(DataElement { di, value })
}

/// `MFR S0167` (ATA Spec 2000 chapter 9).
fn text_element(field: &[u8], position: usize) -> Result<(String, String), MessageError> {
    let what = "text element identifier, three letters and a space,";
    let missing = MessageError::Identifier { what, position };
    let (identifier, value) = field.split_at_checked(3).ok_or(missing.clone())?;
    if !identifier.iter().all(u8::is_ascii_uppercase) {
        return Err(missing);
    }
    let value = value.strip_prefix(b" ").ok_or(missing)?;
    let identifier = text_of(identifier);
    if value.is_empty() {
        return Err(MessageError::NoValue {
            identifier,
            position,
        });
    }
    Ok((identifier, text_of(value)))
}
