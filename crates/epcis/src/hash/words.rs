//! Bare words become web URIs before an event is hashed.
//!
//! The reference generator expands the JSON-LD document, collects the vocabulary URIs that came out, and then
//! replaces every text in the document that is the tail of exactly one of them, wherever it stands. So this collects
//! the same URIs from the fields whose JSON-LD terms yield them, and replaces in the same way.

use std::borrow::Cow;

use serde_json::Value;

use super::tree::Namespaces;
use crate::event::EventData;
use crate::parts::{Extensions, PersistentDisposition};
use crate::sensor::{Content, SensorReport};
use crate::vocabulary::{self, Vocabulary};

/// Fields outside the vocabularies whose JSON-LD terms hold IRIs, so that a prefixed name in them is expanded.
const IRI_FIELDS: &[&str] = &[
    "bizLocation",
    "bizRules",
    "bizTransaction",
    "certificationInfo",
    "chemicalSubstance",
    "childEPCs",
    "coordinateReferenceSystem",
    "correctiveEventIDs",
    "dataProcessingMethod",
    "destination",
    "deviceID",
    "deviceMetadata",
    "epcClass",
    "epcList",
    "eventID",
    "id",
    "inputEPCList",
    "microorganism",
    "outputEPCList",
    "parentID",
    "rawData",
    "readPoint",
    "source",
    "transformationID",
    "type",
    "uriValue",
];

/// The vocabulary URIs that occur in an event or a document.
#[derive(Debug, Default)]
pub(super) struct Words {
    uris: Vec<String>,
}

impl Words {
    /// Those of an event of ours.
    pub(super) fn of(data: &EventData, namespaces: &Namespaces) -> Self {
        let mut words = Self::default();
        collect(data, &mut |text, field| words.add(text, field, namespaces));
        let mut extensions = |fields: &Extensions, place: Place| {
            for (key, value) in fields {
                words.walk(value, place.field(key), place.below(key), namespaces);
            }
        };
        extensions(&data.ilmd, Place::Event);
        extensions(&data.extensions, Place::Event);
        if let Some(declaration) = &data.error_declaration {
            extensions(&declaration.extensions, Place::ErrorDeclaration);
        }
        words
    }

    /// Collects from `value` and everything below.
    pub(super) fn collect(&mut self, value: &Value, namespaces: &Namespaces) {
        self.walk(value, Field::Literal, Place::default(), namespaces);
    }

    /// The web URI that stands for a bare word, when exactly one fits.
    pub(super) fn replacement(&self, word: &str) -> Option<&str> {
        let mut fitting = self.uris.iter().filter(|uri| {
            uri.strip_suffix(word)
                .is_some_and(|head| head.ends_with('-') || head.ends_with('/'))
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    fn walk(&mut self, value: &Value, field: Field, place: Place, ns: &Namespaces) {
        match value {
            Value::String(text) => self.add(text, field, ns),
            Value::Array(items) => {
                for item in items {
                    self.walk(item, field, place, ns);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields.iter().filter(|(key, _)| *key != "@context") {
                    self.walk(value, place.field(key), place.below(key), ns);
                }
            }
            _ => {}
        }
    }

    /// Adds a text of a field, when a vocabulary URI comes out of it.
    fn add(&mut self, text: &str, field: Field, namespaces: &Namespaces) {
        let uri = match field {
            Field::Word(vocabulary) => vocabulary
                .web_uri(text)
                .map_or_else(|| expanded(text, namespaces), Cow::Owned),
            Field::Iri => expanded(text, namespaces),
            Field::Literal => Cow::Borrowed(text),
        };
        if vocabulary::is_web_uri(&uri) && !self.uris.iter().any(|known| *known == uri) {
            self.uris.push(uri.into_owned());
        }
    }
}

/// Every text that a vocabulary URI may stand in, save those of extensions.
fn collect(data: &EventData, add: &mut impl FnMut(&str, Field)) {
    let things = data.what.things();
    let sources = data.sources.iter().chain(&data.destinations);
    let correction = data.error_declaration.iter();
    let identifiers = things
        .lists
        .iter()
        .flat_map(|list| {
            let classes = list.quantities.1.iter().map(|entry| &entry.epc_class);
            list.epcs.1.iter().chain(classes)
        })
        .chain(data.biz_transactions.iter().map(|entry| &entry.id))
        .chain(sources.clone().map(|entry| &entry.id))
        .chain(&data.certification_info)
        .chain(&data.read_point)
        .chain(&data.biz_location)
        .chain(
            correction
                .clone()
                .flat_map(|entry| &entry.corrective_event_ids),
        )
        .map(String::as_str)
        .chain(things.parent)
        .chain(things.transformation_id);
    for text in identifiers {
        add(text, Field::Iri);
    }
    let PersistentDisposition { set, unset } = &data.persistent_disposition;
    for text in data.disposition.iter().chain(set).chain(unset) {
        add(text, Field::Word(Vocabulary::Disposition));
    }
    if let Some(text) = &data.biz_step {
        add(text, Field::Word(Vocabulary::BizStep));
    }
    for entry in &data.biz_transactions {
        add(&entry.kind, Field::Word(Vocabulary::BizTransactionType));
    }
    for entry in sources {
        add(&entry.kind, Field::Word(Vocabulary::SourceDestType));
    }
    for text in correction.flat_map(|entry| &entry.reason) {
        add(text, Field::Word(Vocabulary::ErrorReason));
    }
    for element in &data.sensor_elements {
        let reports = element.reports.iter().flat_map(SensorReport::fields);
        for (_, content) in element.metadata.fields().chain(reports) {
            match content {
                Content::Word(vocabulary, text) => add(text, Field::Word(vocabulary)),
                Content::Uri(text) => add(text, Field::Iri),
                Content::Text(text) => add(text, Field::Literal),
                Content::Hex(_) | Content::Time(_) | Content::Number(_) | Content::Truth(_) => {}
            }
        }
    }
}

fn expanded<'a>(text: &'a str, namespaces: &Namespaces) -> Cow<'a, str> {
    if let Some(name) = text.strip_prefix("cbv:") {
        Cow::Owned(format!("https://ref.gs1.org/cbv/{name}"))
    } else if let Some(name) = text.strip_prefix("gs1:") {
        Cow::Owned(format!("https://gs1.org/voc/{name}"))
    } else {
        namespaces.expand_value(text)
    }
}

/// What JSON-LD takes a field's text for.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// A bare word, or an IRI.
    Word(Vocabulary),
    /// An IRI, perhaps with a prefix for its head.
    Iri,
    /// Text.
    Literal,
}

/// The enclosing object, as far as it decides what `type`, `set` or `reason` mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Place {
    #[default]
    Event,
    SourceDest,
    BizTransaction,
    SensorReport,
    PersistentDisposition,
    ErrorDeclaration,
}

impl Place {
    fn below(self, key: &str) -> Self {
        match key {
            "sourceList" | "destinationList" => Self::SourceDest,
            "bizTransactionList" => Self::BizTransaction,
            "sensorReport" => Self::SensorReport,
            "persistentDisposition" => Self::PersistentDisposition,
            "errorDeclaration" => Self::ErrorDeclaration,
            _ => self,
        }
    }

    fn field(self, key: &str) -> Field {
        let vocabulary = match (key, self) {
            ("bizStep", _) => Vocabulary::BizStep,
            ("disposition", _) | ("set" | "unset", Self::PersistentDisposition) => {
                Vocabulary::Disposition
            }
            ("type", Self::SourceDest) => Vocabulary::SourceDestType,
            ("type", Self::BizTransaction) => Vocabulary::BizTransactionType,
            ("type", Self::SensorReport) => Vocabulary::MeasurementType,
            ("exception", Self::SensorReport) => Vocabulary::SensorException,
            ("component", Self::SensorReport) => Vocabulary::Component,
            ("reason", Self::ErrorDeclaration) => Vocabulary::ErrorReason,
            _ if IRI_FIELDS.contains(&key) => return Field::Iri,
            _ => return Field::Literal,
        };
        Field::Word(vocabulary)
    }
}
