//! Bare words become web URIs before an event is hashed.
//!
//! The reference generator expands the JSON-LD document, collects the vocabulary URIs that came out, and then
//! replaces every text in the document that is the tail of exactly one of them, wherever it stands. So this collects
//! the same URIs from the fields whose JSON-LD terms yield them, and replaces in the same way.

use std::borrow::Cow;

use serde_json::Value;

use super::tree::Namespaces;
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
    pub(super) fn add(&mut self, text: &str, field: Field, namespaces: &Namespaces) {
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
pub(super) enum Field {
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
