//! What an event says beside step and disposition: documents, parties, master data and fields of the site's own, each a
//! constant or a text with holes that the scan or mark fills.

use serde::{Deserialize, Serialize};
use tracegate_epcis::{
    Action, BizTransaction, EventData, Namespace, PersistentDisposition, SourceDest, What, has_hash,
};
use tracegate_gs1::{Ai, Identity};

use crate::config::Step;
use crate::remarks;

/// What fields of the site's own namespace begin with.
pub const SITE_PREFIX: &str = "site";
/// Master data of the vocabulary (CBV 2.0 §9.2), a prefix that the EPCIS context declares.
pub const MASTER_DATA_PREFIX: &str = "cbvmda";
/// Application identifiers whose value is a day, `YYMMDD` (GS1 General Specifications §3.4).
const DAYS: [&str; 6] = ["11", "12", "13", "15", "16", "17"];
/// Where master data that an event adds stands in a code.
const MASTER_DATA: [(&str, &str); 5] = [
    ("10", "lotNumber"),
    ("11", "productionDate"),
    ("15", "bestBeforeDate"),
    ("16", "sellByDate"),
    ("17", "itemExpirationDate"),
];

/// A constant, or a text with holes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text(pub Vec<Part>);

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// As it is.
    Fixed(String),
    /// The name of the scanner or marker.
    Device,
    /// What the code says under this application identifier; days as `2027-03-31`.
    Value(Ai),
}

/// What fills the holes of an event's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin<'a> {
    /// The scanner or marker.
    pub device: Option<&'a str>,
    /// What its code says.
    pub code: Option<&'a Identity>,
}

/// What happened to the things of an event (EPCIS 2.0 §7.3.2), as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StepAction {
    /// They were seen.
    #[default]
    Observe,
    /// They came to be, or joined a parent.
    Add,
    /// They ceased to be, or left a parent.
    Delete,
}

impl From<StepAction> for Action {
    fn from(action: StepAction) -> Self {
        match action {
            StepAction::Observe => Self::Observe,
            StepAction::Add => Self::Add,
            StepAction::Delete => Self::Delete,
        }
    }
}

impl Text {
    /// A constant.
    #[must_use]
    pub fn fixed(text: &str) -> Self {
        Self(vec![Part::Fixed(text.to_owned())])
    }

    /// The text with its holes filled; `None` when one of them has no value, or the whole could not be hashed.
    #[must_use]
    pub fn fill(&self, origin: Origin<'_>) -> Option<String> {
        self.filled(origin, str::to_owned)
            .filter(|text| has_hash(text))
    }

    /// As [`fill`](Self::fill), for a URI: what a URI cannot hold is written as `%2F` and the like.
    #[must_use]
    pub fn fill_uri(&self, origin: Origin<'_>) -> Option<String> {
        self.filled(origin, escaped)
    }

    /// It has a hole that only a code fills.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value(_)))
    }

    /// It names the scanner or marker.
    #[must_use]
    pub fn needs_device(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Device))
    }

    fn filled(&self, origin: Origin<'_>, write: impl Fn(&str) -> String) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Fixed(text) => Some(text.clone()),
            Part::Device => origin.device.map(&write),
            Part::Value(ai) => value(origin.code?, *ai).map(|value| write(&value)),
        };
        self.0.iter().map(part).collect()
    }
}

impl Step {
    /// Writes where, why and what else into the event. Texts that lack something are left out: the event counts without them.
    pub(crate) fn write(&self, origin: Origin<'_>, event: &mut EventData) {
        event.biz_step = Some(self.biz_step.clone());
        event.disposition.clone_from(&self.disposition);
        event.biz_location.clone_from(&self.biz_location);
        let filled = |list: &[(String, Text)]| -> Vec<(String, String)> {
            let one = |(kind, id): &(String, Text)| Some((kind.clone(), id.fill_uri(origin)?));
            list.iter().filter_map(one).collect()
        };
        let document = |(kind, id)| BizTransaction { kind, id };
        let party = |(kind, id)| SourceDest { kind, id };
        let documents = filled(&self.biz_transactions);
        event.biz_transactions = documents.into_iter().map(document).collect();
        event.sources = filled(&self.sources).into_iter().map(party).collect();
        event.destinations = filled(&self.destinations).into_iter().map(party).collect();
        if matches!(
            event.what,
            What::Object { .. } | What::Transformation { .. }
        ) {
            event.persistent_disposition = PersistentDisposition {
                set: self.set.clone(),
                unset: self.unset.clone(),
            };
        }
        let master_data = if has_ilmd(event) {
            self.ilmd.as_slice()
        } else {
            &[]
        };
        for (name, text) in master_data {
            // What the thing says of itself counts more than what is said of all.
            if event.ilmd.contains_key(name) {
                continue;
            }
            if let Some(value) = text.fill(origin) {
                event.ilmd.insert(name.clone(), value.into());
                self.declare(name, event);
            }
        }
        for (name, text) in &self.fields {
            // A badge counts more than who is usually there.
            if event.extensions.contains_key(name) {
                continue;
            }
            if let Some(value) = text.fill(origin) {
                event.extensions.insert(name.clone(), value.into());
                self.declare(name, event);
            }
        }
    }

    /// Declares the namespace of a field.
    fn declare(&self, name: &str, event: &mut EventData) {
        let (prefix, uri) = match (name.split_once(':'), &self.namespace) {
            (Some((SITE_PREFIX, _)), Some(uri)) => (SITE_PREFIX, uri.as_str()),
            (Some((remarks::PREFIX, _)), _) => (remarks::PREFIX, remarks::NAMESPACE),
            _ => return,
        };
        if !event.namespaces.iter().any(|known| known.prefix == prefix) {
            event.namespaces.push(Namespace {
                prefix: prefix.to_owned(),
                uri: uri.to_owned(),
            });
        }
    }
}

/// Puts what a code says of its lot and days into the master data of an event that adds.
pub(crate) fn describe(code: &Identity, event: &mut EventData) {
    for (digits, name) in MASTER_DATA {
        let known = Ai::from_digits(digits.as_bytes()).and_then(|ai| value(code, ai));
        let name = format!("{MASTER_DATA_PREFIX}:{name}");
        if let Some(value) = known.filter(|text| has_hash(text) && has_ilmd(event))
            && !event.ilmd.contains_key(&name)
        {
            event.ilmd.insert(name, value.into());
        }
    }
}

/// Whether such an event has master data (EPCIS 2.0 §7.4).
fn has_ilmd(event: &EventData) -> bool {
    matches!(
        event.what,
        What::Transformation { .. }
            | What::Object {
                action: Action::Add,
                ..
            }
    )
}

/// What a code says, days in words of ISO 8601; a day that cannot be is left out.
fn value(code: &Identity, ai: Ai) -> Option<String> {
    let value = code.value(ai)?;
    if DAYS.contains(&ai.as_str()) {
        day(value)
    } else {
        Some(value.to_owned())
    }
}

/// `YYMMDD` as a date; day 00 is the last of the month (GS1 General Specifications §3.4.7).
pub(crate) fn day(six: &str) -> Option<String> {
    let part = |range: std::ops::Range<usize>| six.get(range)?.parse::<i8>().ok();
    let (year, month, day) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let first = jiff::civil::Date::new(2000 + i16::from(year), month, day.max(1)).ok()?;
    let date = if day == 0 {
        first.last_of_month()
    } else {
        first
    };
    Some(date.to_string())
}

/// The text as a part of a URI: everything that is not unreserved (RFC 3986 §2.3) is escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracegate_gs1::Element;

    fn code(elements: &[(&str, &str)]) -> Identity {
        let element = |(ai, value): &(&str, &str)| {
            Element::new(Ai::from_digits(ai.as_bytes()).unwrap(), *value).unwrap()
        };
        Identity::from_elements(elements.iter().map(element).collect()).unwrap()
    }

    fn hole(ai: &str) -> Part {
        Part::Value(Ai::from_digits(ai.as_bytes()).unwrap())
    }

    #[test]
    fn holes_are_filled_from_the_code_or_the_text_is_left_out() {
        let code = code(&[("01", "09506000134352"), ("10", "A/1"), ("17", "270300")]);
        let origin = Origin {
            device: Some("line_2"),
            code: Some(&code),
        };
        let text = |parts: &[Part]| Text(parts.to_vec());
        let fixed = |text: &str| Part::Fixed(text.to_owned());
        let lot = text(&[fixed("urn:x:"), hole("10")]);
        assert_eq!(lot.fill(origin).as_deref(), Some("urn:x:A/1"));
        assert_eq!(lot.fill_uri(origin).as_deref(), Some("urn:x:A%2F1"));
        assert_eq!(lot.fill(Origin::default()), None);
        assert_eq!(
            text(&[hole("17")]).fill(origin).as_deref(),
            Some("2027-03-31")
        );
        assert_eq!(text(&[hole("21")]).fill(origin), None);
        let device = text(&[Part::Device]);
        assert_eq!(device.fill(origin).as_deref(), Some("line_2"));
        assert!(lot.needs_code() && !lot.needs_device() && device.needs_device());
    }

    #[test]
    fn a_text_without_a_hash_is_left_out_and_not_the_event() {
        assert_eq!(Text::fixed("Infinity").fill(Origin::default()), None);
        let kept = Text::fixed("0017").fill(Origin::default());
        assert_eq!(kept.as_deref(), Some("0017"));
    }
}
