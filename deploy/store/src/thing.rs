//! What an event names: its one name, its level, and by which class, lot and serial number it is found.

use tracegate_epcis::canonical_uri;
use tracegate_gs1::{
    Identity, IdentityError, Level, LinkOptions, parse_digital_link, parse_element_string,
};

/// A thing as the table `things` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// Its one name.
    pub uri: String,
    /// `instance`, `logistic_unit`, `lot`, `class` or `place`.
    pub level: &'static str,
    /// Its GTIN as a link.
    pub class: Option<String>,
    /// Its lot, if the name tells it.
    pub lot: Option<String>,
    /// Its serial number or SSCC.
    pub serial: Option<String>,
}

impl Thing {
    /// The thing of an entry of an EPC list.
    #[must_use]
    pub fn instance(uri: &str) -> Self {
        Self::of(uri, "instance")
    }

    /// The thing of an entry of a quantity list.
    #[must_use]
    pub fn class(uri: &str) -> Self {
        let has_lot = uri.contains("/1T/") || uri.contains("/lot/");
        Self::of(uri, if has_lot { "lot" } else { "class" })
    }

    /// The lot of a GTIN with 8, 12, 13 or 14 digits.
    ///
    /// # Errors
    /// GTIN or lot are none; the text says which rule they break.
    pub fn lot(gtin: &str, lot: &str) -> Result<Self, String> {
        let text = format!("01{gtin:0>14}10{lot}");
        let elements = parse_element_string(text).map_err(|error| error.to_string())?;
        let identity =
            Identity::from_elements(elements).map_err(|error: IdentityError| error.to_string())?;
        let uri = identity.class_uri().unwrap_or_default();
        Ok(Self::class(&uri))
    }

    fn of(uri: &str, otherwise: &'static str) -> Self {
        let link = canonical_uri(uri);
        let identity = parse_digital_link(uri, &LinkOptions::default())
            .or_else(|_| parse_digital_link(&link, &LinkOptions::default()))
            .ok()
            .and_then(|link| link.identity().ok());
        let Some(identity) = identity else {
            return Self {
                uri: link,
                level: otherwise,
                class: None,
                lot: None,
                serial: None,
            };
        };
        let name = identity
            .instance_uri()
            .or_else(|| identity.class_uri())
            .unwrap_or(link);
        let level = identity.level();
        let class = matches!(level, Level::Instance | Level::Lot)
            .then(|| {
                identity
                    .gtin()
                    .map(|gtin| format!("https://id.gs1.org/01/{gtin}"))
            })
            .flatten();
        Self {
            uri: name,
            level: level.as_str(),
            class,
            lot: identity.lot().map(str::to_owned),
            serial: identity
                .serial()
                .or_else(|| identity.sscc())
                .map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_thing_are_one() {
        let serial = Thing::instance("https://id.gs1.org/01/04012345123456/21/9");
        for other in [
            "urn:epc:id:sgtin:4012345.012345.9",
            "https://dl.example/01/04012345123456/21/9?17=281231",
        ] {
            assert_eq!(Thing::instance(other), serial, "{other}");
        }
        assert_eq!(serial.level, "instance");
        assert_eq!(
            serial.class.as_deref(),
            Some("https://id.gs1.org/01/04012345123456")
        );
        assert_eq!(serial.serial.as_deref(), Some("9"));
        let with_lot = Thing::instance("https://id.gs1.org/01/04012345123456/10/L1/21/9");
        assert_eq!(
            (&with_lot.uri, with_lot.lot.as_deref()),
            (&serial.uri, Some("L1"))
        );
    }

    #[test]
    fn lots_and_pallets_and_names_of_others() {
        let lot = Thing::lot("4012345123456", "L/1").unwrap();
        assert_eq!(lot.uri, "https://id.gs1.org/01/04012345123456/10/L%2F1");
        assert_eq!((lot.level, lot.lot.as_deref()), ("lot", Some("L/1")));
        assert_eq!(
            Thing::class("urn:epc:class:lgtin:4012345.012345.L%2F1"),
            lot
        );
        assert!(Thing::lot("4012345123457", "L").is_err());
        let pallet = Thing::instance("urn:epc:id:sscc:4012345.3000000123");
        assert_eq!(
            (pallet.level, pallet.serial.as_deref()),
            ("logistic_unit", Some("340123450000001236"))
        );
        assert_eq!(Thing::class("tracegate:di/1P/A/1T/L").level, "lot");
        assert_eq!(Thing::class("tracegate:di/1P/A").level, "class");
        assert_eq!(Thing::instance("tracegate:di/25S/U").level, "instance");
    }
}
