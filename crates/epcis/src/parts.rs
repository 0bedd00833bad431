//! What the dimensions of an event are made of.

use serde_json::{Map, Value};

use crate::decimal::Decimal;
use crate::time::EventTime;

/// Some amount of a class of things (EPCIS 2.0 §7.3.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The class as a URI, such as a GTIN with lot.
    pub epc_class: String,
    /// How many or how much; `None` when unknown.
    pub quantity: Option<Decimal>,
    /// Unit as UN/CEFACT recommendation 20 code (`KGM`); `None` when the quantity counts pieces.
    pub uom: Option<String>,
}

/// A business document that the event belongs to (EPCIS 2.0 §7.3.5.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BizTransaction {
    /// A bare word of the vocabulary (`po`, `prodorder`) or the site's own URI. Always given: the event hash needs it.
    pub kind: String,
    /// The document as a URI.
    pub id: String,
}

/// Fields of namespaces other than EPCIS, in written order: `prefix:name` with a prefix that the event's
/// [`namespaces`](crate::EventData::namespaces) declare, and any JSON below (EPCIS 2.0 §10.1).
///
/// In the event hash a text of digits counts as a number (`0017` is `17`).
pub type Extensions = Map<String, Value>;

/// Prefixes that a `@context` declares and what for, in its order. Those in lists only, as the event hash knows them.
pub(crate) fn declared(context: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let entries = context.as_array().into_iter().flatten();
    entries.filter_map(Value::as_object).flatten()
}

/// A namespace that fields of an event come from; stands in its `@context`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// What the names of its fields begin with, without the colon.
    pub prefix: String,
    /// What the prefix stands for.
    pub uri: String,
}

/// Where things come from or go to (EPCIS 2.0 §7.3.5.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceDest {
    /// A bare word of the vocabulary (`owning_party`, `possessing_party`, `location`) or the site's own URI.
    pub kind: String,
    /// The party or place as a URI.
    pub id: String,
}

/// Dispositions that hold until they are taken back, whatever other events say (EPCIS 2.0 §7.3.5.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PersistentDisposition {
    /// Those that hold from now on: bare words of the vocabulary or the site's own URIs.
    pub set: Vec<String>,
    /// Those that hold no more.
    pub unset: Vec<String>,
}

impl PersistentDisposition {
    /// Nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

/// Says that an event published before, which otherwise looks like this one, is wrong (EPCIS 2.0 §7.4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorDeclaration {
    /// When it was declared wrong.
    pub declaration_time: EventTime,
    /// A bare word of the vocabulary (`did_not_occur`, `incorrect_data`) or the site's own URI.
    pub reason: Option<String>,
    /// The `eventID`s of the events that put it right, as URIs.
    pub corrective_event_ids: Vec<String>,
    /// Fields of other namespaces.
    pub extensions: Extensions,
}
