//! From GS1 elements to an EPC (TDS 1.13 section 7; TDS 2.3 section 14.6).

use super::{
    Epc, EpcError, Scheme, plus,
    scheme::{Company, Key, KeyForm, Layout, SerialPlace},
};
use crate::{Ai, Element, charset::push_urn};

impl Epc {
    /// The EPC of `scheme` for the key in `elements`, with `filter`.
    ///
    /// `prefix_digits` is the length of the GS1 Company Prefix, 6 to 12, which the schemes of TDS
    /// 1.x need; those of TDS 2.0 and later pass over it. Elements beside the key and its serial
    /// number become AIDC data of a '+' or '++' scheme, and are an error in all others; a location
    /// without (254) gets the extension 0. `host` is the host name of a '++' scheme.
    ///
    /// # Errors
    /// [`EpcError`] names what the scheme cannot hold.
    pub fn from_elements(
        scheme: Scheme,
        filter: u8,
        prefix_digits: u8,
        elements: &[Element],
        host: Option<&str>,
    ) -> Result<Self, EpcError> {
        match &scheme.spec().layout {
            Layout::Company(company) => {
                let uri = tag_uri(scheme, company, filter, prefix_digits, elements)?;
                Self::from_tag_uri(&uri)
            }
            Layout::Plus(layout) => plus::from_elements(scheme, layout, filter, elements, host),
            Layout::Gid | Layout::Usdod | Layout::Adi => Err(EpcError::Elements { scheme }),
        }
    }
}

/// The tag URI of a TDS 1.x scheme, whose parser then checks every field.
fn tag_uri(
    scheme: Scheme,
    company: &Company,
    filter: u8,
    prefix_digits: u8,
    elements: &[Element],
) -> Result<String, EpcError> {
    let wrong = EpcError::Elements { scheme };
    let value = |ai: Ai| {
        let mut of_ai = elements.iter().filter(|element| element.ai() == ai);
        of_ai.next().map(Element::value)
    };
    let key = company.key;
    let serial_ai = match key.serial {
        SerialPlace::Own(ai) | SerialPlace::OwnUnlessZero(ai) => Some(ai),
        SerialPlace::Nowhere | SerialPlace::InKey => None,
    };
    let known = |element: &Element| element.ai() == key.ai || Some(element.ai()) == serial_ai;
    if !elements.iter().all(known) {
        return Err(wrong);
    }
    let parts =
        split_key(company, value(key.ai).ok_or(wrong)?, prefix_digits).ok_or(EpcError::UriKey {
            needs: company.key_digits(),
        })?;
    let mut uri = format!(
        "urn:epc:tag:{scheme}:{filter}.{}.{}",
        parts.prefix, parts.lead
    );
    push_urn(&mut uri, parts.reference.as_bytes());
    if let Some((piece, total)) = parts.pieces {
        uri.push_str(&format!(".{piece}.{total}"));
    }
    let serial = match key.serial {
        SerialPlace::Nowhere => None,
        SerialPlace::InKey => Some(parts.rest),
        SerialPlace::Own(ai) => Some(value(ai).ok_or(wrong)?),
        SerialPlace::OwnUnlessZero(ai) => Some(value(ai).unwrap_or("0")),
    };
    if let Some(serial) = serial {
        uri.push('.');
        push_urn(&mut uri, serial.as_bytes());
    }
    Ok(uri)
}

/// A key's value in its parts.
struct KeyParts<'a> {
    prefix: &'a str,
    /// The indicator or extension digit, which leads the reference in a URI.
    lead: &'a str,
    reference: &'a str,
    pieces: Option<(&'a str, &'a str)>,
    /// What follows the check digit.
    rest: &'a str,
}

fn split_key<'a>(company: &Company, value: &'a str, prefix_digits: u8) -> Option<KeyParts<'a>> {
    let Key { form, .. } = company.key;
    let prefix_digits = usize::from(prefix_digits);
    let (lead, body, rest) = match form {
        KeyForm::Indicator(digits) => {
            let digits = usize::from(digits);
            (
                value.get(..1)?,
                value.get(1..digits - 1)?,
                value.get(digits..)?,
            )
        }
        KeyForm::Checked(digits) => {
            let digits = usize::from(digits);
            ("", value.get(..digits - 1)?, value.get(digits..)?)
        }
        KeyForm::Asset => ("", value.get(1..13)?, value.get(14..)?),
        KeyForm::Open => ("", value, ""),
    };
    let (prefix, reference) = body.split_at_checked(prefix_digits)?;
    let (pieces, rest) = if company.pieces {
        let pieces = (rest.get(..2)?, rest.get(2..4)?);
        (Some(pieces), rest.get(4..)?)
    } else {
        (None, rest)
    };
    Some(KeyParts {
        prefix,
        lead,
        reference,
        pieces,
        rest,
    })
}
