//! The one canonical identity: GS1 elements with the primary key first.
//!
//! Tag, barcode and mark of one item all end here. The order is fixed (key, qualifiers in path
//! order, attributes by identifier), so equal facts are equal values whatever the carrier's order.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Ai, Element,
    ai::{Instance, Key},
    charset::push_link,
    digital_link::push_attribute,
    thing::Level,
};

/// The resolver in canonical GS1 Digital Links (DL section 4).
pub(crate) const RESOLVER: &str = "https://id.gs1.org";

/// What something is: a primary key such as a GTIN, with what else its carrier said about it.
///
/// Compare items by [`Identity::instance_uri`]; two whole identities are equal only if their
/// carriers said the same things, lot and dates included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Element>", into = "Vec<Element>")]
pub struct Identity {
    /// Key first, then qualifiers, then attributes; each identifier once.
    elements: Vec<Element>,
}

/// Why elements are no identity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Only attributes, such as a lot number alone: another symbol holds the key.
    #[error("no element is a primary key")]
    NoKey,
    /// Two values for one application identifier.
    #[error("({ai}) has two different values")]
    Conflict {
        /// The identifier.
        ai: Ai,
    },
}

impl Identity {
    /// Builds the identity of one thing from the elements of all its carriers, in any order.
    ///
    /// Of several keys the first, by number, that lets all other elements stand in a Digital Link
    /// is the primary one: the SSCC of a pallet label with GTIN and lot, the GTIN where a serial
    /// number is present, since (21) belongs to nothing else.
    ///
    /// # Errors
    /// [`IdentityError`]: no key, or contradicting values.
    pub fn from_elements(mut elements: Vec<Element>) -> Result<Self, IdentityError> {
        elements.sort();
        elements.dedup();
        let mut neighbours = elements.iter().zip(elements.iter().skip(1));
        if let Some((twice, _)) = neighbours.find(|(one, next)| one.ai() == next.ai()) {
            return Err(IdentityError::Conflict { ai: twice.ai() });
        }
        let keys = || {
            elements
                .iter()
                .map(Element::ai)
                .filter_map(|ai| Some((ai, key_of(ai)?)))
        };
        let linkable = keys().find_map(|(ai, key)| Some((ai, path(ai, key, &elements)?)));
        let (primary, qualifiers) = linkable
            .or_else(|| keys().next().map(|(ai, _)| (ai, &[][..])))
            .ok_or(IdentityError::NoKey)?;
        elements.sort_by_key(|element| rank(element.ai(), primary, qualifiers));
        Ok(Self { elements })
    }

    /// For a decoded tag: key and serial, in canonical order already.
    pub(crate) fn trusted(elements: Vec<Element>) -> Self {
        debug_assert_eq!(
            Self::from_elements(elements.clone()).map(|it| it.elements),
            Ok(elements.clone())
        );
        Self { elements }
    }

    /// For a decoded tag whose first element is the key, whatever other keys its data holds.
    pub(crate) fn of_key(mut elements: Vec<Element>) -> Option<Self> {
        let primary = elements.first()?.ai();
        let qualifiers = path(primary, key_of(primary)?, &elements).unwrap_or_default();
        elements.sort_by_key(|element| rank(element.ai(), primary, qualifiers));
        Some(Self { elements })
    }

    /// The elements: key, qualifiers in path order, attributes by identifier.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The value of `ai`.
    pub fn value(&self, ai: Ai) -> Option<&str> {
        self.elements
            .iter()
            .find(|element| element.ai() == ai)
            .map(Element::value)
    }

    /// The GTIN, 14 digits.
    pub fn gtin(&self) -> Option<&str> {
        self.value(Ai::GTIN)
    }

    /// The batch or lot number.
    pub fn lot(&self) -> Option<&str> {
        self.value(Ai::LOT)
    }

    /// The serial number.
    pub fn serial(&self) -> Option<&str> {
        self.value(Ai::SERIAL)
    }

    /// The SSCC, 18 digits.
    pub fn sscc(&self) -> Option<&str> {
        self.value(Ai::SSCC)
    }

    /// How many items: the count of a logistic unit (37), else the variable count (30).
    pub fn quantity(&self) -> Option<u64> {
        self.value(Ai::COUNT)
            .or_else(|| self.value(Ai::VARIABLE_COUNT))?
            .parse()
            .ok()
    }

    /// The canonical GS1 Digital Link of everything known (DL section 4), such as
    /// `https://id.gs1.org/01/09506000134352/10/A1/21/7?17=261231`.
    ///
    /// `None` if an element may not stand in a link with this key, such as an SSCC with a serial
    /// number but no GTIN.
    pub fn digital_link(&self) -> Option<String> {
        let primary = self.primary()?;
        let qualifiers = path(primary.ai(), key_of(primary.ai())?, &self.elements)?;
        let mut link = RESOLVER.to_owned();
        let mut separator = '?';
        for element in &self.elements {
            if element == primary || qualifiers.contains(&element.ai()) {
                push_segment(&mut link, element.ai(), element.value());
            } else {
                push_attribute(&mut link, separator, element);
                separator = '&';
            }
        }
        Some(link)
    }

    /// The name of the single thing, without lot or attributes: `…/01/GTIN/21/SERIAL` or
    /// `…/00/SSCC`. `None` if only its class is known.
    ///
    /// This is the name to compare and deduplicate on, and the EPCIS `epcList` entry.
    pub fn instance_uri(&self) -> Option<String> {
        let primary = self.primary()?;
        let mut uri = RESOLVER.to_owned();
        push_segment(&mut uri, primary.ai(), primary.value());
        let mut push = |ai| {
            self.value(ai)
                .map(|value| push_segment(&mut uri, ai, value))
        };
        match key_of(primary.ai())?.instance {
            Instance::Always => {}
            Instance::RefinedBy(ai) => {
                push(ai);
            }
            Instance::With(serials) => serials.iter().find_map(|&ai| push(ai))?,
            Instance::LongerThan(length) if primary.value().len() > length => {}
            Instance::LongerThan(_) | Instance::Never => return None,
        }
        Some(uri)
    }

    /// The name of the class of things: `…/01/GTIN/10/LOT` or `…/01/GTIN`, or another key without
    /// its serial number; the EPCIS `epcClass`. `None` where a key only names single things.
    ///
    /// On a logistic label with GTIN and lot this is the class of the contents.
    pub fn class_uri(&self) -> Option<String> {
        let mut uri = RESOLVER.to_owned();
        if let Some(gtin) = self.gtin() {
            push_segment(&mut uri, Ai::GTIN, gtin);
            if let Some(lot) = self.lot() {
                push_segment(&mut uri, Ai::LOT, lot);
            }
            return Some(uri);
        }
        let primary = self.primary()?;
        let value = match key_of(primary.ai())?.instance {
            Instance::Always | Instance::RefinedBy(_) => return None,
            Instance::LongerThan(length) => primary.value().get(..length)?,
            Instance::With(_) | Instance::Never => primary.value(),
        };
        push_segment(&mut uri, primary.ai(), value);
        if let Some(lot) = self.lot().filter(|_| primary.ai() == Ai::ITIP) {
            push_segment(&mut uri, Ai::LOT, lot);
        }
        Some(uri)
    }

    /// What level the most exact name is of: a class such as GTIN, a lot, an instance, a logistic
    /// unit, a place.
    pub fn level(&self) -> Level {
        match self.primary().map(Element::ai) {
            Some(Ai::SSCC | Ai::GINC | Ai::GSIN) => Level::LogisticUnit,
            Some(Ai::GLN | Ai::PAY_TO | Ai::PARTY) => Level::Place,
            _ if self.instance_uri().is_some() => Level::Instance,
            Some(Ai::GTIN | Ai::ITIP) if self.lot().is_some() => Level::Lot,
            _ => Level::Class,
        }
    }

    fn primary(&self) -> Option<&Element> {
        self.elements.first()
    }
}

impl TryFrom<Vec<Element>> for Identity {
    type Error = IdentityError;

    fn try_from(elements: Vec<Element>) -> Result<Self, Self::Error> {
        Self::from_elements(elements)
    }
}

impl From<Identity> for Vec<Element> {
    fn from(identity: Identity) -> Self {
        identity.elements
    }
}

/// The URI of one thing from its key and, for a class key, its serial: the same string as
/// [`Identity::instance_uri`] gives, without building an identity.
pub(crate) fn key_uri(segments: &[(Ai, &str)]) -> String {
    let mut uri = RESOLVER.to_owned();
    for (ai, value) in segments {
        push_segment(&mut uri, *ai, value);
    }
    uri
}

fn key_of(ai: Ai) -> Option<&'static Key> {
    ai.spec()?.key
}

/// The qualifier sequence with which every element has its place behind `primary`, if there is one.
pub(crate) fn path(primary: Ai, key: &'static Key, elements: &[Element]) -> Option<&'static [Ai]> {
    let fits = |sequence: &[Ai], ai: Ai| {
        let qualifies = key.qualifiers.iter().any(|other| other.contains(&ai));
        ai == primary || sequence.contains(&ai) || !qualifies && is_attribute(ai)
    };
    let whole = |sequence: &&&[Ai]| elements.iter().all(|element| fits(sequence, element.ai()));
    key.qualifiers.iter().find(whole).copied()
}

fn is_attribute(ai: Ai) -> bool {
    ai.spec().is_some_and(|spec| spec.attribute)
}

/// Key, then qualifiers in their order, then attributes by identifier.
fn rank(ai: Ai, primary: Ai, qualifiers: &[Ai]) -> (bool, usize, Ai) {
    let place = qualifiers
        .iter()
        .position(|&qualifier| qualifier == ai)
        .unwrap_or(qualifiers.len());
    (ai != primary, place, ai)
}

fn push_segment(uri: &mut String, ai: Ai, value: &str) {
    uri.push('/');
    uri.push_str(ai.as_str());
    uri.push('/');
    push_link(uri, value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_element_string;

    fn identity(data: &str) -> Result<Identity, IdentityError> {
        Identity::from_elements(parse_element_string(data).unwrap())
    }

    /// The three URIs, `-` for none.
    fn uris(data: &str) -> [String; 3] {
        let identity = identity(data).unwrap();
        [
            identity.digital_link(),
            identity.instance_uri(),
            identity.class_uri(),
        ]
        .map(|uri| uri.map_or("-".to_owned(), |uri| uri.replace("https://id.gs1.org", "")))
    }

    #[test]
    fn links_of_each_level() {
        for (data, link, instance, class) in [
            (
                "0109506000134352",
                "/01/09506000134352",
                "-",
                "/01/09506000134352",
            ),
            (
                "010950600013435210L/1",
                "/01/09506000134352/10/L%2F1",
                "-",
                "/01/09506000134352/10/L%2F1",
            ),
            (
                "172612310109506000134352215\x1d10L",
                "/01/09506000134352/10/L/21/5?17=261231",
                "/01/09506000134352/21/5",
                "/01/09506000134352/10/L",
            ),
            (
                "00106141412345678908",
                "/00/106141412345678908",
                "/00/106141412345678908",
                "-",
            ),
            (
                "010950600013435210L\x1d3712\x1d00106141412345678908",
                "/00/106141412345678908?01=09506000134352&10=L&37=12",
                "/00/106141412345678908",
                "/01/09506000134352/10/L",
            ),
            (
                "0010614141234567890801095060001343522144",
                "/01/09506000134352/21/44?00=106141412345678908",
                "/01/09506000134352/21/44",
                "/01/09506000134352",
            ),
            (
                "001061414123456789082144",
                "-",
                "/00/106141412345678908",
                "-",
            ),
        ] {
            assert_eq!(uris(data), [link, instance, class], "{data:?}");
        }
    }

    #[test]
    fn levels_of_every_key() {
        for (data, level, instance, class) in [
            ("0109506000134352", "class", "-", "/01/09506000134352"),
            ("010950600013435210L", "lot", "-", "/01/09506000134352/10/L"),
            (
                "0109506000134352235T",
                "instance",
                "/01/09506000134352/235/T",
                "/01/09506000134352",
            ),
            (
                "00106141412345678908",
                "logistic_unit",
                "/00/106141412345678908",
                "-",
            ),
            ("4011234X", "logistic_unit", "/401/1234X", "-"),
            (
                "4149521141123454254A",
                "place",
                "/414/9521141123454/254/A",
                "-",
            ),
            ("800309521141123454", "class", "-", "/8003/09521141123454"),
            (
                "800309521141123454S",
                "instance",
                "/8003/09521141123454S",
                "/8003/09521141123454",
            ),
            ("80041234X", "instance", "/8004/1234X", "-"),
            (
                "80101234X\x1d801112",
                "instance",
                "/8010/1234X/8011/12",
                "/8010/1234X",
            ),
            (
                "80131987654Ad4X4bL5ttr2310c2K",
                "class",
                "-",
                "/8013/1987654Ad4X4bL5ttr2310c2K",
            ),
        ] {
            let [_, found_instance, found_class] = uris(data);
            let found = identity(data).unwrap().level().as_str();
            assert_eq!(
                (found, found_instance.as_str(), found_class.as_str()),
                (level, instance, class),
                "{data:?}"
            );
        }
    }

    #[test]
    fn carrier_order_and_repetition_do_not_matter() {
        let one = identity("010950600013435211250101172612310109506000134352").unwrap();
        assert_eq!(
            one,
            identity("1726123111250101\x1d0109506000134352").unwrap()
        );
        let ais: Vec<&str> = one
            .elements()
            .iter()
            .map(|element| element.value())
            .collect();
        assert_eq!(ais, ["09506000134352", "250101", "261231"]);
    }

    #[test]
    fn no_key_and_contradiction_are_errors() {
        assert_eq!(identity("10L\x1d3712"), Err(IdentityError::NoKey));
        assert_eq!(
            Identity::from_elements(Vec::new()),
            Err(IdentityError::NoKey)
        );
        let lot = |lot| Element::new(Ai::LOT, lot).unwrap();
        let conflict = Identity::from_elements(vec![lot("A"), lot("B")]);
        assert_eq!(conflict, Err(IdentityError::Conflict { ai: Ai::LOT }));
    }

    #[test]
    fn accessors() {
        let item = identity("010950600013435210L\x1d215\x1d3012").unwrap();
        assert_eq!(
            (item.gtin(), item.lot(), item.serial()),
            (Some("09506000134352"), Some("L"), Some("5"))
        );
        assert_eq!((item.quantity(), item.sscc()), (Some(12), None));
        let pallet = identity("001061414123456789083700000012\x1d305").unwrap();
        assert_eq!(
            (pallet.quantity(), pallet.sscc()),
            (Some(12), Some("106141412345678908"))
        );
    }

    #[test]
    fn serde_keeps_and_checks() {
        let item = identity("0109506000134352215\x1d17261231").unwrap();
        let json = serde_json::to_string(&item).unwrap();
        assert_eq!(
            json,
            r#"[["01","09506000134352"],["21","5"],["17","261231"]]"#
        );
        assert_eq!(serde_json::from_str::<Identity>(&json).unwrap(), item);
        assert!(serde_json::from_str::<Identity>(r#"[["10","L"]]"#).is_err());
    }
}
