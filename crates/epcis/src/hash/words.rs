//! Bare words become web URIs before an event is hashed.
//!
//! The reference generator expands the JSON-LD document, collects the vocabulary URIs that came out, and then
//! replaces every text in the document that is the tail of exactly one of them, wherever it stands. So this collects
//! the same URIs from the fields whose JSON-LD terms yield them, and replaces in the same way.

use serde_json::Value;

use super::tree::Namespaces;
use crate::vocabulary::{self, Vocabulary};

/// The vocabulary URIs that occur in an event or a document.
#[derive(Debug, Default)]
pub(super) struct Words {
    uris: Vec<String>,
}

impl Words {
    /// Collects from `value` and everything below.
    pub(super) fn collect(&mut self, value: &Value, namespaces: &Namespaces) {
        self.walk(value, None, Place::default(), namespaces);
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

    fn walk(
        &mut self,
        value: &Value,
        vocabulary: Option<Vocabulary>,
        place: Place,
        ns: &Namespaces,
    ) {
        match value {
            Value::String(text) => self.add(text, vocabulary, ns),
            Value::Array(items) => {
                for item in items {
                    self.walk(item, vocabulary, place, ns);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    if key == "@context" {
                        continue;
                    }
                    let below = place.below(key);
                    self.walk(field, place.vocabulary(key), below, ns);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, text: &str, vocabulary: Option<Vocabulary>, namespaces: &Namespaces) {
        let uri = if let Some(uri) = vocabulary.and_then(|vocabulary| vocabulary.web_uri(text)) {
            uri
        } else if let Some(name) = text.strip_prefix("cbv:") {
            format!("https://ref.gs1.org/cbv/{name}")
        } else if let Some(name) = text.strip_prefix("gs1:") {
            format!("https://gs1.org/voc/{name}")
        } else {
            namespaces.expand_value(text).into_owned()
        };
        if vocabulary::is_web_uri(&uri) && !self.uris.contains(&uri) {
            self.uris.push(uri);
        }
    }
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

    fn vocabulary(self, key: &str) -> Option<Vocabulary> {
        match (key, self) {
            ("bizStep", _) => Some(Vocabulary::BizStep),
            ("disposition", _) | ("set" | "unset", Self::PersistentDisposition) => {
                Some(Vocabulary::Disposition)
            }
            ("type", Self::SourceDest) => Some(Vocabulary::SourceDestType),
            ("type", Self::BizTransaction) => Some(Vocabulary::BizTransactionType),
            ("type", Self::SensorReport) => Some(Vocabulary::MeasurementType),
            ("exception", Self::SensorReport) => Some(Vocabulary::SensorException),
            ("component", Self::SensorReport) => Some(Vocabulary::Component),
            ("reason", Self::ErrorDeclaration) => Some(Vocabulary::ErrorReason),
            _ => None,
        }
    }
}
