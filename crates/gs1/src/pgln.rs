//! PGLN pure identity URNs, the names of parties in events (TDS 1.13 section 6.3.17).

use thiserror::Error;

use crate::charset::Charset;

const PREFIX: &str = "urn:epc:id:pgln:";

/// Why a text is not a PGLN URN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PglnError {
    /// The form is not `urn:epc:id:pgln:CompanyPrefix.PartyReference`.
    #[error("not of the form urn:epc:id:pgln:CompanyPrefix.PartyReference")]
    Form,
    /// The GS1 Company Prefix is not 6 to 12 digits.
    #[error("the company prefix must have 6 to 12 digits")]
    CompanyPrefix,
    /// Something else than digits in the party reference.
    #[error("the party reference must be digits")]
    PartyReference,
    /// Prefix and reference together are not 12 digits.
    #[error("company prefix and party reference have {digits} digits together, they need 12")]
    Length {
        /// How many there are.
        digits: usize,
    },
}

/// Checks `urn:epc:id:pgln:CompanyPrefix.PartyReference`.
///
/// # Errors
/// The first rule that is broken.
pub fn check_pgln_urn(urn: &str) -> Result<(), PglnError> {
    let (prefix, reference) = urn
        .strip_prefix(PREFIX)
        .and_then(|fields| fields.split_once('.'))
        .ok_or(PglnError::Form)?;
    let all_digits = |field: &str| Charset::Digits.first_outside(field.as_bytes()).is_none();
    if !(6..=12).contains(&prefix.len()) || !all_digits(prefix) {
        return Err(PglnError::CompanyPrefix);
    }
    if !all_digits(reference) {
        return Err(PglnError::PartyReference);
    }
    match prefix.len() + reference.len() {
        12 => Ok(()),
        digits => Err(PglnError::Length { digits }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties() {
        let length = |digits| Err(PglnError::Length { digits });
        for (urn, expected) in [
            ("urn:epc:id:pgln:4012345.00225", Ok(())),
            ("urn:epc:id:pgln:401234500225.", Ok(())),
            ("urn:epc:id:pgln:4012345.0022", length(11)),
            ("urn:epc:id:pgln:4012345.002251", length(13)),
            (
                "urn:epc:id:pgln:40123.4500225",
                Err(PglnError::CompanyPrefix),
            ),
            (
                "urn:epc:id:pgln:4012345.00225.0",
                Err(PglnError::PartyReference),
            ),
            ("urn:epc:id:sgln:4012345.00225.0", Err(PglnError::Form)),
            ("urn:epc:id:pgln:401234500225", Err(PglnError::Form)),
        ] {
            assert_eq!(check_pgln_urn(urn), expected, "{urn}");
        }
    }
}
