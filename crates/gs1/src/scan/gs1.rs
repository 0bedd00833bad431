//! GS1 data by carrier: element strings, EAN with its composite part, and bare digits.

use std::borrow::Cow;

use super::{ScanError, ScanOptions};
use crate::{
    Ai, AimId, Carrier, Element, ElementError, Fault, UnknownElement,
    charset::{Charset, text_of},
    element::{GS, Unknown, parse_after_fnc1},
};

/// What GS1 data holds.
pub(super) struct Gs1 {
    pub(super) elements: Vec<Element>,
    pub(super) unknown: Vec<UnknownElement>,
}

impl Gs1 {
    pub(super) fn new(elements: Vec<Element>) -> Self {
        Self {
            elements,
            unknown: Vec::new(),
        }
    }
}

/// Data of a carrier that says GS1.
pub(super) fn of_carrier(
    carrier: Carrier,
    data: &[u8],
    aim: Option<AimId>,
    options: &ScanOptions,
) -> Result<Gs1, ScanError> {
    let read = match carrier {
        Carrier::Ean13 => ean(data, 13, options),
        Carrier::Ean8 => ean(data, 8, options),
        _ => element_string(data, 0, options),
    };
    read.map_err(|source| ScanError::Gs1 { aim, source })
}

/// Data of a feed that says GS1: an element string or the digits of a GTIN.
pub(super) fn of_unidentified(
    data: &[u8],
    aim: Option<AimId>,
    options: &ScanOptions,
) -> Result<Gs1, ScanError> {
    let separated = with_separators(data, options);
    let (rest, position) = match separated.strip_prefix(&[GS]) {
        Some(rest) => (rest, 1),
        None => (&*separated, 0),
    };
    match (
        parse_after_fnc1(rest, position, unknown(options)),
        bare_gtin(data),
    ) {
        (Ok(parsed), Some(gtin)) if swallows_all(&parsed.elements, data) => {
            Ok(Gs1::new(vec![gtin]))
        }
        (Ok(_), Some(_)) => Err(ScanError::Ambiguous),
        (Ok(parsed), None) => Ok(Gs1 {
            elements: parsed.elements,
            unknown: parsed.unknown,
        }),
        (Err(_), Some(gtin)) => Ok(Gs1::new(vec![gtin])),
        (Err(source), None) => Err(ScanError::Gs1 { aim, source }),
    }
}

fn unknown(options: &ScanOptions) -> Unknown {
    if options.keep_unknown_ais {
        Unknown::Keep
    } else {
        Unknown::Refuse
    }
}

fn element_string(
    data: &[u8],
    position: usize,
    options: &ScanOptions,
) -> Result<Gs1, ElementError> {
    let data = with_separators(data, options);
    let parsed = parse_after_fnc1(&data, position, unknown(options))?;
    Ok(Gs1 {
        elements: parsed.elements,
        unknown: parsed.unknown,
    })
}

/// The data with GS for every configured substitute; nothing is allocated where there is none.
fn with_separators<'a>(data: &'a [u8], options: &ScanOptions) -> Cow<'a, [u8]> {
    let substitute = |rest: &[u8]| {
        let mut all = options.gs_substitutes.iter();
        all.find(|text| !text.is_empty() && rest.starts_with(text.as_bytes()))
            .map(String::len)
    };
    let starts = |at: &usize| data.get(*at..).and_then(substitute).is_some();
    let Some(first) = (0..data.len()).find(starts) else {
        return Cow::Borrowed(data);
    };
    let (before, mut rest) = data.split_at(first);
    let mut out = before.to_vec();
    while let [byte, tail @ ..] = rest {
        match substitute(rest) {
            Some(length) => {
                out.push(GS);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(out)
}

/// EAN data: the digits, then perhaps a 2D composite component behind `|` (GenSpecs section 5).
fn ean(data: &[u8], digits: usize, options: &ScanOptions) -> Result<Gs1, ElementError> {
    let end = data
        .iter()
        .position(|&byte| byte == b'|')
        .unwrap_or(data.len());
    let (primary, composite) = data.split_at(end);
    let fault = |fault| {
        Err(ElementError::Value {
            ai: Ai::GTIN,
            position: 0,
            fault,
        })
    };
    let gtin = match primary.len() {
        has if has < digits => return fault(Fault::TooShort { needs: digits, has }),
        has if has > digits => return fault(Fault::TooLong { max: digits, has }),
        _ => gtin(primary)?,
    };
    let Some(composite) = composite.strip_prefix(b"|") else {
        return Ok(Gs1::new(vec![gtin]));
    };
    let component = match AimId::split(composite) {
        (Some(aim), component) if aim.carrier() == Carrier::Gs1 => component,
        _ => return Err(ElementError::NoAi { position: end + 1 }),
    };
    let position = data.len() - component.len();
    let mut gs1 = element_string(component, position, options)?;
    let differs = |element: &Element| element.ai() == Ai::GTIN && *element != gtin;
    if gs1.elements.iter().any(differs) {
        return Err(ElementError::Conflict {
            ai: Ai::GTIN,
            position,
        });
    }
    gs1.elements.insert(0, gtin);
    Ok(gs1)
}

/// The GTIN of a case, 14 digits with a right check digit (GenSpecs 5.3).
pub(super) fn itf_14(data: &[u8]) -> Option<Element> {
    if data.len() == 14 {
        gtin(data).ok()
    } else {
        None
    }
}

/// Whether 12 digits or more are one element of any length, such as the order number (400): such a
/// reading fits whatever stands there and is no evidence against a check digit that is right.
fn swallows_all(elements: &[Element], data: &[u8]) -> bool {
    let open = |element: &Element| element.ai().spec().is_some_and(|spec| !spec.predefined);
    data.len() >= 12 && matches!(elements, [one] if open(one))
}

fn bare_gtin(data: &[u8]) -> Option<Element> {
    let plausible = match data {
        [first, ..] if data.len() == 8 => *first != b'0',
        _ => matches!(data.len(), 12..=14),
    };
    if plausible { gtin(data).ok() } else { None }
}

/// A GTIN of up to 14 digits in its 14-digit form (GenSpecs section 3.3).
fn gtin(digits: &[u8]) -> Result<Element, ElementError> {
    if let Some(offset) = Charset::Digits.first_outside(digits) {
        let fault = Fault::Character {
            offset,
            charset: Charset::Digits,
        };
        return Err(ElementError::Value {
            ai: Ai::GTIN,
            position: offset,
            fault,
        });
    }
    // On the stack, so that a misread code costs no memory.
    let mut padded = [b'0'; 14];
    padded
        .iter_mut()
        .rev()
        .zip(digits.iter().rev())
        .for_each(|(place, digit)| *place = *digit);
    if let Some(Err(fault)) = Ai::GTIN.spec().map(|spec| spec.check(&padded)) {
        return Err(ElementError::Value {
            ai: Ai::GTIN,
            position: 0,
            fault,
        });
    }
    Element::new(Ai::GTIN, text_of(&padded))
}
