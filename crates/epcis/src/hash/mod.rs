//! The EPCIS event hash id (CBV 2.0 §8.9) of any event in JSON form, as the reference generator computes it.
//!
//! All five event types, sensor elements, ILMD, certification info, extensions and both notations of identifiers are
//! covered. Where text of the standard and reference disagree the reference is followed, since ids are compared with
//! those of other systems. An event that the reference drops while hashing is a [`HashError`], never a guess.
//!
//! The reference also runs a JSON-LD processor first, which refuses some documents whole (two fields that both mean
//! `@id` in one object, for one). That is not repeated here: validate foreign events against the JSON schema first.

mod canonical;
mod digital_link;
mod order;
mod tree;
pub(crate) mod typed;
mod urn;
mod words;

use serde_json::Value;

use crate::id::EventId;
use tree::{Namespaces, Source};
use words::Words;

/// An event's hash id together with the string it is the digest of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHash {
    id: EventId,
    prehash: String,
}

impl EventHash {
    pub(crate) fn of(prehash: String) -> Self {
        Self {
            id: EventId::of_prehash(&prehash),
            prehash,
        }
    }

    /// The hash id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The pre-hash string, to compare with other implementations when ids differ.
    #[must_use]
    pub fn prehash(&self) -> &str {
        &self.prehash
    }
}

/// An event that has no hash id, because the reference generator has none for it either or nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The value is not an event, or lacks something no event is without.
    #[error("`{field}` is missing or not a text")]
    Missing {
        /// The field, such as `eventTime`.
        field: String,
    },
    /// A field holds something that cannot be hashed.
    #[error("`{field}` holds {what}, which has no event hash")]
    Unsupported {
        /// The field, such as `eventTime` or `{https://ns.example/}weight`.
        field: String,
        /// What it holds.
        what: &'static str,
    },
    /// Objects are nested deeper than 128 levels.
    #[error("the event is nested too deeply")]
    TooDeep,
    /// A document without a list of events.
    #[error("the document holds no event list")]
    NoEventList,
}

impl HashError {
    pub(crate) fn unsupported(field: &str, what: &'static str) -> Self {
        Self::Unsupported {
            field: field.to_owned(),
            what,
        }
    }
}

/// Whether a field of text may hold this: the reference generator cannot hash what reads as an infinite number.
#[must_use]
pub fn has_hash(text: &str) -> bool {
    canonical::value("", canonical::trim(text)).is_ok()
}

/// The hash of one event. `context` is the `@context` of the document around it, `Null` when there is none.
///
/// An `@context` of the event itself adds its prefixes and takes no part in the hash, so that an event hashes alike
/// bare and in a document. Keys of the event must be in written order (`serde_json` with `preserve_order`).
///
/// # Errors
/// When the event has no hash; the error names the field.
pub fn hash_json(event: &Value, context: &Value) -> Result<EventHash, HashError> {
    let namespaces = namespaces(event, context)?;
    let mut words = Words::default();
    words.collect(event, &namespaces);
    hash_with(event, &namespaces, &words)
}

/// The hash of each event of an `EPCISDocument` or `EPCISQueryDocument`, or of a bare event, in written order.
///
/// # Errors
/// When there is no event list, or one of the events has no hash.
pub fn hash_document(document: &Value) -> Result<Vec<EventHash>, HashError> {
    let (events, context) = events(document)?;
    // The reference looks for words in the whole document, so one event's words count in the next.
    let mut words = Words::default();
    for event in &events {
        words.collect(event, &namespaces(event, context)?);
    }
    events
        .into_iter()
        .map(|event| hash_with(event, &namespaces(event, context)?, &words))
        .collect()
}

/// The one spelling of a GS1 identifier, by which the hash compares it: EPC URNs as Digital Links, Digital Links of other
/// domains under `https://id.gs1.org`, without attributes. Any other text stays as it is.
#[must_use]
pub fn canonical_uri(uri: &str) -> String {
    digital_link::normalise(uri).unwrap_or_else(|| uri.to_owned())
}

/// The events of a document, and its `@context`; of a bare event, itself.
pub(crate) fn events(document: &Value) -> Result<(Vec<&Value>, &Value), HashError> {
    let Some(body) = document.get("epcisBody") else {
        return Ok((vec![document], &Value::Null));
    };
    let list = body
        .get("eventList")
        .or_else(|| body.pointer("/queryResults/resultsBody/eventList"))
        .and_then(Value::as_array);
    let events = match (list, body.get("event")) {
        (Some(list), _) => list.iter().collect(),
        (None, Some(event)) => vec![event],
        (None, None) => return Err(HashError::NoEventList),
    };
    Ok((events, document.get("@context").unwrap_or(&Value::Null)))
}

fn namespaces(event: &Value, context: &Value) -> Result<Namespaces, HashError> {
    let mut namespaces = Namespaces::default();
    namespaces.add(context)?;
    if let Some(own) = event.get("@context") {
        namespaces.add(own)?;
    }
    Ok(namespaces)
}

fn hash_with(
    event: &Value,
    namespaces: &Namespaces,
    words: &Words,
) -> Result<EventHash, HashError> {
    let text = |field: &str| {
        let missing = || HashError::Missing {
            field: field.to_owned(),
        };
        event.get(field).and_then(Value::as_str).ok_or_else(missing)
    };
    let event_type = text("type")?;
    text("eventTime")?;
    let children = Source { namespaces, words }.event(event)?;
    Ok(EventHash::of(order::prehash(event_type, children)?))
}

#[cfg(test)]
mod tests;
