//! Unique device identification of medical devices: the device identifier, which names model and
//! version, and the production identifiers, which name lot or piece (21 CFR 801.3, EU MDR 2017/745).

use serde::{Deserialize, Serialize};

use crate::{Ai, Identity, hibc::Hibc, iso15434::Message};

/// Whose rules an identifier follows: the issuing entities that authorities accredit (EU decision
/// 2019/939).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Issuer {
    /// GS1: application identifiers (01) and those of the lot or piece.
    Gs1,
    /// HIBCC: the health industry bar code.
    Hibcc,
    /// IFA: pharmacy product number in an ISO/IEC 15434 message.
    Ifa,
}

/// A UDI as far as its carriers tell it.
///
/// Dates are as they stand on the carrier for GS1 (YYMMDD) and IFA, and by ISO 8601 for HIBC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Udi {
    /// Whose rules it follows.
    pub issuer: Issuer,
    /// The device identifier (UDI-DI).
    pub device: String,
    /// The production identifiers (UDI-PI): lot.
    pub lot: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Production date.
    pub manufactured: Option<String>,
    /// Expiry date.
    pub expiry: Option<String>,
    /// Version of software.
    pub version: Option<String>,
}

impl Udi {
    fn of(issuer: Issuer, device: String) -> Self {
        Self {
            issuer,
            device,
            lot: None,
            serial: None,
            manufactured: None,
            expiry: None,
            version: None,
        }
    }

    /// The view of GS1 elements with a GTIN (GenSpecs 2.1.7.2); none without one.
    pub fn of_gs1(identity: &Identity) -> Option<Self> {
        let value = |ai| identity.value(ai).map(str::to_owned);
        Some(Self {
            lot: value(Ai::LOT),
            serial: value(Ai::SERIAL),
            manufactured: value(Ai::PRODUCTION_DATE),
            expiry: value(Ai::EXPIRY).or_else(|| value(Ai::EXPIRY_TIME)),
            version: value(Ai::SOFTWARE_VERSION),
            ..Self::of(Issuer::Gs1, value(Ai::GTIN)?)
        })
    }

    /// The view of HIBC data with its primary part (ANSI/HIBC 2.6 section 2); none without it.
    pub fn of_hibc(hibc: &Hibc) -> Option<Self> {
        let primary = hibc.primary.as_ref()?;
        Some(Self {
            lot: hibc.lot.clone(),
            serial: hibc.serial.clone(),
            manufactured: hibc.manufactured.map(|date| date.to_string()),
            expiry: hibc.expiry.map(|date| date.to_string()),
            ..Self::of(Issuer::Hibcc, primary.to_string())
        })
    }

    /// The view of a message with a pharmacy product number, data identifier 9N (IFA coding system
    /// PPN); none without it.
    pub fn of_message(message: &Message) -> Option<Self> {
        let value = |di| message.value(di).map(str::to_owned);
        Some(Self {
            lot: value("1T"),
            serial: value("S"),
            manufactured: value("16D"),
            expiry: value("D").or_else(|| value("14D")),
            ..Self::of(Issuer::Ifa, value("9N")?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hibc::{check_character, parse_hibc},
        iso15434::parse_message,
        parse_element_string,
    };

    #[test]
    fn device_and_production_parts() {
        let elements =
            parse_element_string("0109506000134352172612311126010110L\x1d21S\x1d8012v2").unwrap();
        let udi = Udi::of_gs1(&Identity::from_elements(elements).unwrap()).unwrap();
        assert_eq!(
            (udi.issuer, udi.device.as_str()),
            (Issuer::Gs1, "09506000134352")
        );
        assert_eq!(
            (udi.lot.as_deref(), udi.serial.as_deref()),
            (Some("L"), Some("S"))
        );
        assert_eq!(udi.expiry.as_deref(), Some("261231"));
        assert_eq!(udi.manufactured.as_deref(), Some("260101"));
        assert_eq!(udi.version.as_deref(), Some("v2"));

        let body = "+A123BJC5D6E71/$$3261231L/16D20260101";
        let data = format!("{body}{}", check_character(body.as_bytes()).unwrap());
        let udi = Udi::of_hibc(&parse_hibc(data.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            (udi.issuer, udi.device.as_str()),
            (Issuer::Hibcc, "A123BJC5D6E71")
        );
        assert_eq!(udi.expiry.as_deref(), Some("2026-12-31"));
        assert_eq!(udi.manufactured.as_deref(), Some("2026-01-01"));

        let message = b"[)>\x1e06\x1d9N111234567842\x1d1TL\x1dD261231\x1dSX\x1e\x04";
        let udi = Udi::of_message(&parse_message(message).unwrap()).unwrap();
        assert_eq!(
            (udi.issuer, udi.device.as_str()),
            (Issuer::Ifa, "111234567842")
        );
        assert_eq!(udi.lot.as_deref(), Some("L"));
    }

    #[test]
    fn nothing_without_a_device_identifier() {
        let elements = parse_element_string("00106141412345678908").unwrap();
        assert_eq!(
            Udi::of_gs1(&Identity::from_elements(elements).unwrap()),
            None
        );
        let message = parse_message(b"[)>\x1e06\x1d1TL\x1e\x04").unwrap();
        assert_eq!(Udi::of_message(&message), None);
        assert_eq!(Udi::of_hibc(&Hibc::default()), None);
    }
}
