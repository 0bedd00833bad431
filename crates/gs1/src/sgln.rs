//! SGLN pure identity URNs, the names of read points in the configuration (TDS 1.13 section 6.3.3).

use thiserror::Error;

use crate::{
    Ai,
    charset::{Charset, unescape_urn},
    digits,
    identity::key_uri,
};

const PREFIX: &str = "urn:epc:id:sgln:";
/// (414) Global Location Number of a physical location.
const GLN: &[u8] = b"414";
/// (254) GLN extension component.
const EXTENSION: &[u8] = b"254";

/// Why a text is not an SGLN URN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SglnError {
    /// The form is not `urn:epc:id:sgln:CompanyPrefix.LocationReference.Extension`.
    #[error("not of the form urn:epc:id:sgln:CompanyPrefix.LocationReference.Extension")]
    Form,
    /// The GS1 Company Prefix is not 6 to 12 digits.
    #[error("the company prefix must have 6 to 12 digits")]
    CompanyPrefix,
    /// Something else than digits in the location reference.
    #[error("the location reference must be digits")]
    LocationReference,
    /// Prefix and reference together are not 12 digits.
    #[error("company prefix and location reference have {digits} digits together, they need 12")]
    Length {
        /// How many there are.
        digits: usize,
    },
    /// The extension is empty, too long, or has a character that is not allowed or not escaped.
    #[error(
        "the extension must be 1 to 20 characters of GS1 character set 82 (0 for none), with \" % & / < > ? written as %22 %25 %26 %2F %3C %3E %3F"
    )]
    Extension,
}

/// Checks `urn:epc:id:sgln:CompanyPrefix.LocationReference.Extension`.
///
/// # Errors
/// The first rule that is broken.
pub fn check_sgln_urn(urn: &str) -> Result<(), SglnError> {
    parse(urn).map(drop)
}

/// The Digital Link of an SGLN: `https://id.gs1.org/414/GLN/254/EXTENSION`, the last two parts
/// left out for extension `0`, which stands for none.
///
/// # Errors
/// As [`check_sgln_urn`].
pub fn sgln_digital_link(urn: &str) -> Result<String, SglnError> {
    let (body, extension) = parse(urn)?;
    let gln = format!("{:013}", body * 10 + digits::check_digit(body));
    // Both are digits, so the identifiers are always there.
    let (Some(gln_ai), Some(extension_ai)) = (Ai::from_digits(GLN), Ai::from_digits(EXTENSION))
    else {
        return Err(SglnError::Form);
    };
    Ok(match extension.as_str() {
        "0" => key_uri(&[(gln_ai, &gln)]),
        extension => key_uri(&[(gln_ai, &gln), (extension_ai, extension)]),
    })
}

/// The GLN without its check digit, and the extension unescaped.
fn parse(urn: &str) -> Result<(u64, String), SglnError> {
    let mut fields = urn
        .strip_prefix(PREFIX)
        .ok_or(SglnError::Form)?
        .splitn(3, '.');
    let (Some(prefix), Some(reference), Some(extension)) =
        (fields.next(), fields.next(), fields.next())
    else {
        return Err(SglnError::Form);
    };
    let all_digits = |field: &str| Charset::Digits.first_outside(field.as_bytes()).is_none();
    if !(6..=12).contains(&prefix.len()) || !all_digits(prefix) {
        return Err(SglnError::CompanyPrefix);
    }
    if !all_digits(reference) {
        return Err(SglnError::LocationReference);
    }
    let key = [prefix, reference].concat();
    if key.len() != 12 {
        return Err(SglnError::Length { digits: key.len() });
    }
    let body = digits::parse(key.as_bytes()).ok_or(SglnError::Form)?;
    let extension = unescape_urn(extension)
        .filter(|text| {
            (1..=20).contains(&text.len()) && Charset::Set82.first_outside(text).is_none()
        })
        .and_then(|text| String::from_utf8(text).ok())
        .ok_or(SglnError::Extension)?;
    Ok((body, extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_sglns() {
        for (urn, link) in [
            (
                "urn:epc:id:sgln:0614141.12345.5678",
                "https://id.gs1.org/414/0614141123452/254/5678",
            ),
            (
                "urn:epc:id:sgln:0614141.12345.32a%2Fb",
                "https://id.gs1.org/414/0614141123452/254/32a%2Fb",
            ),
            (
                "urn:epc:id:sgln:0614141.12345.0",
                "https://id.gs1.org/414/0614141123452",
            ),
            (
                "urn:epc:id:sgln:061414112345..a.b",
                "https://id.gs1.org/414/0614141123452/254/a.b",
            ),
            (
                "urn:epc:id:sgln:4012345.00001.dock1",
                "https://id.gs1.org/414/4012345000016/254/dock1",
            ),
        ] {
            assert_eq!(check_sgln_urn(urn), Ok(()));
            assert_eq!(sgln_digital_link(urn).as_deref(), Ok(link));
        }
    }

    #[test]
    fn broken_sglns_say_what_is_broken() {
        let length = SglnError::Length { digits: 11 };
        for (urn, error) in [
            ("", SglnError::Form),
            ("urn:epc:id:sgtin:0614141.12345.0", SglnError::Form),
            ("urn:epc:id:sgln:0614141.12345", SglnError::Form),
            ("urn:epc:id:sgln:06141.1234512.0", SglnError::CompanyPrefix),
            ("urn:epc:id:sgln:0614a41.12345.0", SglnError::CompanyPrefix),
            (
                "urn:epc:id:sgln:0614141.1234x.0",
                SglnError::LocationReference,
            ),
            ("urn:epc:id:sgln:0614141.1234.0", length),
            ("urn:epc:id:sgln:0614141.12345.", SglnError::Extension),
            ("urn:epc:id:sgln:0614141.12345.a b", SglnError::Extension),
            ("urn:epc:id:sgln:0614141.12345.a/b", SglnError::Extension),
            (
                "urn:epc:id:sgln:0614141.12345.012345678901234567890",
                SglnError::Extension,
            ),
            ("urn:epc:id:sgln:0614141.12345.é", SglnError::Extension),
        ] {
            assert_eq!(check_sgln_urn(urn), Err(error), "{urn}");
        }
    }
}
