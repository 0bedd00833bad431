//! The event model: the four dimensions of EPCIS (what, when, where, why), and the checked event.

use serde_json::{Map, Value};

use crate::decimal::Decimal;
use crate::hash::typed;
use crate::id::EventId;
use crate::sensor::SensorElement;
use crate::time::EventTime;
use crate::validate::{self, InvalidEvent};

/// Whether things were seen, added or taken away (EPCIS 2.0 §7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Seen, nothing changed. A portal observes aggregations, it makes none.
    Observe,
    /// Came to be, or joined a parent.
    Add,
    /// Ceased to be, or left a parent.
    Delete,
}

impl Action {
    /// The word in JSON: `OBSERVE`, `ADD` or `DELETE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "OBSERVE",
            Self::Add => "ADD",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Observe, Self::Add, Self::Delete]
            .into_iter()
            .find(|action| action.as_str() == word)
    }
}

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
/// [`namespaces`](EventData::namespaces) declare, and any JSON below (EPCIS 2.0 §10.1).
///
/// In the event hash a text of digits counts as a number (`0017` is `17`).
pub type Extensions = Map<String, Value>;

/// A namespace that fields of an event come from; stands in its `@context`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// What the names of its fields begin with, without the colon.
    pub prefix: String,
    /// What the prefix stands for.
    pub uri: String,
}

/// What the event is about. More event types follow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// An `ObjectEvent` (EPCIS 2.0 §7.4.1): things by themselves.
    Object {
        /// Seen, added or deleted.
        action: Action,
        /// Instances, as URIs without repeats.
        epcs: Vec<String>,
        /// Classes with amounts.
        quantities: Vec<Quantity>,
    },
    /// An `AggregationEvent` (EPCIS 2.0 §7.4.2): things in or on a parent.
    Aggregation {
        /// Seen together, put together or taken apart.
        action: Action,
        /// The container, as a URI; only an observation may lack it.
        parent: Option<String>,
        /// Contained instances, as URIs. Empty with [`Action::Delete`] means all of them.
        children: Vec<String>,
        /// Contained classes with amounts.
        child_quantities: Vec<Quantity>,
    },
}

/// Everything an event says, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EventData {
    /// When.
    pub time: EventTime,
    /// What.
    pub what: What,
    /// Business step: a bare word of the vocabulary (`receiving`) or the site's own URI.
    pub biz_step: Option<String>,
    /// Disposition: a bare word of the vocabulary (`in_progress`) or the site's own URI.
    pub disposition: Option<String>,
    /// Where it was seen, as a URI.
    pub read_point: Option<String>,
    /// Where it is afterwards, as a URI; `None` when it does not stay.
    pub biz_location: Option<String>,
    /// Business documents.
    pub biz_transactions: Vec<BizTransaction>,
    /// What sensors observed.
    pub sensor_elements: Vec<SensorElement>,
    /// The namespaces of extension fields.
    pub namespaces: Vec<Namespace>,
}

impl EventData {
    /// An `ObjectEvent` with time and things only; set the other fields as needed.
    #[must_use]
    pub const fn object(
        time: EventTime,
        action: Action,
        epcs: Vec<String>,
        quantities: Vec<Quantity>,
    ) -> Self {
        Self::new(
            time,
            What::Object {
                action,
                epcs,
                quantities,
            },
        )
    }

    /// An `AggregationEvent` with time and things only; set the other fields as needed.
    #[must_use]
    pub const fn aggregation(
        time: EventTime,
        action: Action,
        parent: Option<String>,
        children: Vec<String>,
        child_quantities: Vec<Quantity>,
    ) -> Self {
        Self::new(
            time,
            What::Aggregation {
                action,
                parent,
                children,
                child_quantities,
            },
        )
    }

    /// An event with time and things only; set the other fields as needed.
    #[must_use]
    pub const fn new(time: EventTime, what: What) -> Self {
        Self {
            time,
            what,
            biz_step: None,
            disposition: None,
            read_point: None,
            biz_location: None,
            biz_transactions: Vec::new(),
            sensor_elements: Vec::new(),
            namespaces: Vec::new(),
        }
    }

    /// Checks the data against the JSON schema of EPCIS 2.0 and the rules of §7 behind it.
    ///
    /// # Errors
    /// Names the first field that EPCIS refuses.
    pub fn validate(&self) -> Result<(), InvalidEvent> {
        validate::data(self)
    }
}

/// An event that is valid EPCIS, with its id. It does not change any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    data: EventData,
    id: EventId,
}

impl Event {
    /// Checks the data and computes the hash id.
    ///
    /// # Errors
    /// Names the first field that EPCIS refuses or that has no event hash.
    pub fn new(data: EventData) -> Result<Self, InvalidEvent> {
        data.validate()?;
        let id = EventId::of_prehash(&typed::prehash(&data)?);
        Ok(Self { data, id })
    }

    /// The event hash id, which is also the `eventID`. Does not depend on the order of list entries.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// What the event says.
    #[must_use]
    pub const fn data(&self) -> &EventData {
        &self.data
    }

    /// Gives the data back, to make a changed event from.
    #[must_use]
    pub fn into_data(self) -> EventData {
        self.data
    }
}

impl TryFrom<EventData> for Event {
    type Error = InvalidEvent;

    fn try_from(data: EventData) -> Result<Self, Self::Error> {
        Self::new(data)
    }
}
