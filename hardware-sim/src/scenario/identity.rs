//! GS1 identities of the simulated goods, in the three spellings that are needed: tag URI (to encode), element string
//! (to scan), Digital Link (to compare).
//!
//! Written apart from the daemon's own decoder on purpose: the truth must not be computed by what is under test.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A GS1 company prefix of 6 to 12 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompanyTable {
    prefix: String,
}

impl<'de> Deserialize<'de> for Company {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = CompanyTable::deserialize(from)?;
        Self::new(&table.prefix).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is not a company prefix of 6 to 12 digits",
                table.prefix
            ))
        })
    }
}

impl Company {
    /// The company with this prefix; `None` unless it is 6 to 12 digits.
    pub fn new(prefix: &str) -> Option<Self> {
        let fits = (6..=12).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self {
            prefix: prefix.to_owned(),
        })
    }

    /// The digits.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `urn:epc:id:sgln:…` of a named place.
    pub(super) fn sgln(&self, location: u64, extension: &str) -> String {
        format!(
            "urn:epc:id:sgln:{}.{}.{extension}",
            self.prefix,
            self.digits(location, 12)
        )
    }

    /// The product number `item`, indicator digit 0.
    pub(super) fn product(&self, item: u64) -> Product {
        let reference = self.digits(item, 12);
        let digits = format!("0{}{reference}", self.prefix);
        Product {
            gtin: format!("{digits}{}", check_digit(&digits)),
            prefix: self.prefix.clone(),
            item_reference: format!("0{reference}"),
        }
    }

    /// The logistic unit `serial`, extension digit 3.
    pub(super) fn logistic_unit(&self, serial: u64) -> (String, String) {
        let reference = self.digits(serial, 16);
        let digits = format!("3{}{reference}", self.prefix);
        let tag = format!("urn:epc:tag:sscc-96:2.{}.3{reference}", self.prefix);
        (
            tag,
            format!("https://id.gs1.org/00/{digits}{}", check_digit(&digits)),
        )
    }

    /// `value` in as many digits as the prefix leaves of `total`.
    fn digits(&self, value: u64, total: usize) -> String {
        let width = total.saturating_sub(self.prefix.len());
        let limit = 10_u64
            .checked_pow(u32::try_from(width).unwrap_or(0))
            .unwrap_or(u64::MAX);
        if width == 0 {
            String::new()
        } else {
            format!("{:0width$}", value % limit)
        }
    }
}

/// A trade item class.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) gtin: String,
    prefix: String,
    item_reference: String,
}

impl Product {
    /// Tag URI and Digital Link of one item.
    pub(super) fn item(&self, serial: u64) -> (String, String) {
        (
            format!(
                "urn:epc:tag:sgtin-96:1.{}.{}.{serial}",
                self.prefix, self.item_reference
            ),
            format!("https://id.gs1.org/01/{}/21/{serial}", self.gtin),
        )
    }

    /// Digital Link of one lot.
    pub(super) fn lot(&self, lot: &str) -> String {
        format!("https://id.gs1.org/01/{}/10/{lot}", self.gtin)
    }
}

/// The GS1 check digit of `digits` (General Specifications 7.9); other characters count as 0.
pub fn check_digit(digits: &str) -> char {
    let sum: u32 = (digits.bytes().rev().enumerate())
        .map(|(i, b)| u32::from(b.wrapping_sub(b'0') % 10) * if i % 2 == 0 { 3 } else { 1 })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// One spelling for an identity: EPC URNs of SGTIN, SSCC, LGTIN and SGLN become GS1 Digital Links, anything else stays.
///
/// EPCIS 2.0 allows both; the ledger must take them for the same thing.
pub fn canonical_uri(uri: &str) -> String {
    let link = || {
        let (scheme, rest) = match uri.strip_prefix("urn:epc:id:") {
            Some(rest) => rest.split_once(':')?,
            None => uri.strip_prefix("urn:epc:class:")?.split_once(':')?,
        };
        let mut parts = rest.splitn(3, '.');
        let (prefix, reference) = (parts.next()?, parts.next()?);
        let tail = parts.next();
        let keyed = |first: &str, last: &str| {
            let digits = format!("{first}{prefix}{last}");
            format!("{digits}{}", check_digit(&digits))
        };
        let (indicator, number) = reference.split_at_checked(1)?;
        Some(match scheme {
            "sgtin" => format!(
                "https://id.gs1.org/01/{}/21/{}",
                keyed(indicator, number),
                tail?
            ),
            "lgtin" => format!(
                "https://id.gs1.org/01/{}/10/{}",
                keyed(indicator, number),
                tail?
            ),
            "sscc" => format!("https://id.gs1.org/00/{}", keyed(indicator, number)),
            "sgln" => match tail {
                None | Some("0") => format!("https://id.gs1.org/414/{}", keyed("", reference)),
                Some(extension) => format!(
                    "https://id.gs1.org/414/{}/254/{extension}",
                    keyed("", reference)
                ),
            },
            _ => return None,
        })
    };
    link().unwrap_or_else(|| uri.to_owned())
}
