//! The one name of a thing, whatever its carrier and whoever's rules it follows.
//!
//! GS1 keys have their Digital Link. Everything else has a URI of the gateway's own scheme, whose
//! parts are percent-encoded as in a Digital Link:
//!
//! | carrier | class | instance |
//! |---|---|---|
//! | data identifiers | `tracegate:di/1P/PART/1T/LOT` | `tracegate:di/1P/PART/S/SERIAL`, `tracegate:di/25S/UII` |
//! | HIBC | `tracegate:hibc/LIC/PRODUCT/UNIT/lot/LOT` | `tracegate:hibc/LIC/PRODUCT/UNIT/serial/SERIAL` |
//! | plain | `tracegate:plain/PATTERN/lot/LOT` | `tracegate:plain/PATTERN/FIELD/VALUE/…` |

use crate::{
    Identity,
    charset::push_link,
    hibc::Hibc,
    iso15434::{DataElement, Message, Role},
    plain::PlainCode,
};

/// What level of things a name means. Lots and single things are tracked side by side, so a name
/// never stands for the one when it is the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// A kind of thing: a GTIN, a part number.
    Class,
    /// One batch of a kind: GTIN and lot, the EPC class LGTIN.
    Lot,
    /// One single thing: GTIN and serial number, an asset.
    Instance,
    /// A transport unit: SSCC, licence plate.
    LogisticUnit,
    /// A place or a party.
    Place,
}

impl Level {
    /// The level in a word: `class`, `lot`, `instance`, `logistic_unit`, `place`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Lot => "lot",
            Self::Instance => "instance",
            Self::LogisticUnit => "logistic_unit",
            Self::Place => "place",
        }
    }
}

/// A thing with its canonical names; equal names mean the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A thing with a GS1 key.
    Gs1(Identity),
    /// A thing of another numbering.
    Named(Name),
}

/// The names of a thing without a GS1 key, in the gateway's own URI scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    class: Option<String>,
    has_lot: bool,
    instance: Option<String>,
    logistic: bool,
}

impl Thing {
    /// The name of the single thing or transport unit; none if only its class is known. The name to
    /// compare on, and an EPCIS `epcList` entry.
    pub fn instance_uri(&self) -> Option<String> {
        match self {
            Self::Gs1(identity) => identity.instance_uri(),
            Self::Named(name) => name.instance.clone(),
        }
    }

    /// The name of the kind of thing or of its lot; an EPCIS `epcClass`.
    pub fn class_uri(&self) -> Option<String> {
        match self {
            Self::Gs1(identity) => identity.class_uri(),
            Self::Named(name) => name.class.clone(),
        }
    }

    /// What level the most exact name is of.
    pub fn level(&self) -> Level {
        match self {
            Self::Gs1(identity) => identity.level(),
            Self::Named(name) => match (&name.instance, name.has_lot) {
                (Some(_), _) if name.logistic => Level::LogisticUnit,
                (Some(_), _) => Level::Instance,
                (None, true) => Level::Lot,
                (None, false) => Level::Class,
            },
        }
    }

    /// The most exact name: that of the instance, else that of the class.
    pub fn uri(&self) -> Option<String> {
        self.instance_uri().or_else(|| self.class_uri())
    }

    /// The thing of a message: by its GS1 elements if they have a key, else by its data identifiers.
    /// None if neither names anything.
    ///
    /// A licence plate or a unique identifier is a name by itself. A serial number needs an item or
    /// a party beside it, since suppliers number their things alike; a lot needs an item.
    pub fn of_message(message: &Message) -> Option<Self> {
        let gs1 = message.gs1_elements().cloned().collect();
        if let Ok(identity) = Identity::from_elements(gs1) {
            return Some(Self::Gs1(identity));
        }
        let first = |role: Role| {
            message
                .data_elements()
                .find(|element| element.di.role() == role)
        };
        let (party, item, lot) = (first(Role::Party), first(Role::Item), first(Role::Lot));
        let alone = first(Role::LogisticUnit).or_else(|| first(Role::Unique));
        let owner = party.or(item);
        let serial = first(Role::Serial).filter(|_| owner.is_some());
        let instance = match (alone, serial) {
            (Some(alone), _) => Some(di_uri(&[Some(alone)])),
            (None, Some(serial)) => Some(di_uri(&[party, item, Some(serial)])),
            (None, None) => None,
        };
        let class = item.map(|item| di_uri(&[party, Some(item), lot]));
        Self::named(Name {
            has_lot: class.is_some() && lot.is_some(),
            class,
            instance,
            logistic: first(Role::LogisticUnit).is_some(),
        })
    }

    /// The thing of HIBC data; none without the primary data.
    pub fn of_hibc(hibc: &Hibc) -> Option<Self> {
        let primary = hibc.primary.as_ref()?;
        let unit = primary.unit_of_measure.to_string();
        let key = [&primary.labeler, &primary.product, &unit].map(String::as_str);
        let with = |kind, value: &Option<String>| {
            let value = value.as_deref()?;
            Some(uri("hibc", key.into_iter().chain([kind, value])))
        };
        let lot = with("lot", &hibc.lot);
        Self::named(Name {
            has_lot: lot.is_some(),
            class: lot.or_else(|| Some(uri("hibc", key))),
            instance: with("serial", &hibc.serial),
            logistic: false,
        })
    }

    /// The thing of a plain code. A field `lot` makes it a class of things, unless there is a field
    /// `serial`; every other code names a single thing by all of its fields.
    pub fn of_plain(code: &PlainCode) -> Option<Self> {
        let fields = code
            .fields
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let name = uri("plain", [code.pattern.as_str()].into_iter().chain(fields));
        let lot = code.field("lot").is_some() && code.field("serial").is_none();
        let (class, instance) = if lot {
            (Some(name), None)
        } else {
            (None, Some(name))
        };
        Self::named(Name {
            has_lot: lot,
            class,
            instance,
            logistic: false,
        })
    }

    fn named(name: Name) -> Option<Self> {
        (name.class.is_some() || name.instance.is_some()).then_some(Self::Named(name))
    }
}

fn di_uri(elements: &[Option<&DataElement>]) -> String {
    let parts = elements
        .iter()
        .flatten()
        .flat_map(|element| [element.di.as_str(), element.value.as_str()]);
    uri("di", parts)
}

fn uri<'a>(space: &str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut uri = format!("tracegate:{space}");
    for part in parts {
        uri.push('/');
        push_link(&mut uri, part.as_bytes());
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hibc::{check_character, parse_hibc},
        iso15434::parse_message,
        plain::PlainPattern,
    };

    fn names(thing: Option<Thing>) -> String {
        let Some(thing) = thing else {
            return "nothing".to_owned();
        };
        let short = |uri: Option<String>| {
            uri.map_or("-".to_owned(), |uri| {
                uri.replace("tracegate:", "")
                    .replace("https://id.gs1.org", "")
            })
        };
        let level = thing.level().as_str();
        format!(
            "{level} {} {}",
            short(thing.instance_uri()),
            short(thing.class_uri())
        )
    }

    #[test]
    fn messages() {
        for (fields, expected) in [
            ("06\x1dP1/2\x1d1TL\x1dQ5", "lot - di/P/1%2F2/1T/L"),
            ("06\x1d1TL\x1dP12", "lot - di/P/12/1T/L"),
            (
                "06\x1dP12\x1dSX\x1dVA",
                "instance di/V/A/P/12/S/X di/V/A/P/12",
            ),
            ("06\x1dP12", "class - di/P/12"),
            ("06\x1dJUN123\x1dP12", "logistic_unit di/J/UN123 di/P/12"),
            ("06\x1d25SUN1", "instance di/25S/UN1 -"),
            ("06\x1dSX", "nothing"),
            ("06\x1d1TL", "nothing"),
            (
                "05\x1d0109506000134352\x1d21S",
                "instance /01/09506000134352/21/S /01/09506000134352",
            ),
        ] {
            let message = parse_message(format!("[)>\x1e{fields}\x1e\x04").as_bytes()).unwrap();
            assert_eq!(names(Thing::of_message(&message)), expected, "{fields:?}");
        }
    }

    #[test]
    fn hibc_and_plain() {
        for (body, expected) in [
            ("+A123X1", "class - hibc/A123/X/1"),
            ("+A123X1/$L", "lot - hibc/A123/X/1/lot/L"),
            (
                "+A123X1/$L/SS",
                "instance hibc/A123/X/1/serial/S hibc/A123/X/1/lot/L",
            ),
            ("+$LC", "nothing"),
        ] {
            let check = check_character(body.as_bytes()).unwrap();
            let hibc = parse_hibc(format!("{body}{check}").as_bytes()).unwrap();
            assert_eq!(names(Thing::of_hibc(&hibc)), expected, "{body}");
        }
        let order = PlainPattern::new("order", "WO(?<order>.+)").unwrap();
        let code = order.read("WO1 2").unwrap();
        assert_eq!(
            names(Thing::of_plain(&code)),
            "instance plain/order/order/1%202 -"
        );
        let lot = PlainPattern::new("coil", "(?<item>.)(?<lot>.)").unwrap();
        let code = lot.read("AB").unwrap();
        assert_eq!(
            names(Thing::of_plain(&code)),
            "lot - plain/coil/item/A/lot/B"
        );
    }
}
