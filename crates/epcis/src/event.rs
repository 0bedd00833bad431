//! The event model: what an event says along the dimensions of EPCIS (what, when, where, why, how), and the checked event.

use serde_json::Value;

use crate::hash::typed;
use crate::id::EventId;
use crate::parts::{
    BizTransaction, ErrorDeclaration, Extensions, Namespace, PersistentDisposition, Quantity,
    SourceDest,
};
use crate::sensor::SensorElement;
use crate::time::EventTime;
use crate::validate::{self, InvalidEvent};
use crate::what::{Action, What};

/// Everything an event says, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EventData {
    /// When.
    pub time: EventTime,
    /// When a repository recorded it; takes no part in the id.
    pub record_time: Option<EventTime>,
    /// Certificates of who or what made the event, as URIs.
    pub certification_info: Vec<String>,
    /// The event was wrong; takes no part in the id.
    pub error_declaration: Option<ErrorDeclaration>,
    /// What.
    pub what: What,
    /// Business step: a bare word of the vocabulary (`receiving`) or the site's own URI.
    pub biz_step: Option<String>,
    /// Disposition: a bare word of the vocabulary (`in_progress`) or the site's own URI.
    pub disposition: Option<String>,
    /// Dispositions that hold until taken back. Only object and transformation events have them.
    pub persistent_disposition: PersistentDisposition,
    /// Where it was seen, as a URI.
    pub read_point: Option<String>,
    /// Fields of other namespaces inside of the read point; none without one.
    pub read_point_extensions: Extensions,
    /// Where it is afterwards, as a URI; `None` when it does not stay.
    pub biz_location: Option<String>,
    /// Fields of other namespaces inside of the business location; none without one.
    pub biz_location_extensions: Extensions,
    /// Business documents.
    pub biz_transactions: Vec<BizTransaction>,
    /// Where the things come from.
    pub sources: Vec<SourceDest>,
    /// Where the things go to.
    pub destinations: Vec<SourceDest>,
    /// What sensors observed.
    pub sensor_elements: Vec<SensorElement>,
    /// Instance and lot master data, such as `cbvmda:lotNumber` (CBV 2.0 §9.2). Only transformation events and
    /// object events that add have it.
    pub ilmd: Extensions,
    /// The namespaces of extension fields.
    pub namespaces: Vec<Namespace>,
    /// Fields of other namespaces.
    pub extensions: Extensions,
}

impl EventData {
    /// An `ObjectEvent` with time and things only; set the other fields as needed.
    #[must_use]
    pub fn object(
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
    pub fn aggregation(
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
    pub fn new(time: EventTime, what: What) -> Self {
        Self {
            time,
            record_time: None,
            certification_info: Vec::new(),
            error_declaration: None,
            what,
            biz_step: None,
            disposition: None,
            persistent_disposition: PersistentDisposition::default(),
            read_point: None,
            read_point_extensions: Extensions::new(),
            biz_location: None,
            biz_location_extensions: Extensions::new(),
            biz_transactions: Vec::new(),
            sources: Vec::new(),
            destinations: Vec::new(),
            sensor_elements: Vec::new(),
            ilmd: Extensions::new(),
            namespaces: Vec::new(),
            extensions: Extensions::new(),
        }
    }

    /// Adds a field of a namespace, which is declared if it is not yet. A field of that name is replaced.
    pub fn extend(&mut self, namespace: &Namespace, name: &str, value: impl Into<Value>) {
        if !self.namespaces.contains(namespace) {
            self.namespaces.push(namespace.clone());
        }
        let name = format!("{}:{name}", namespace.prefix);
        self.extensions.insert(name, value.into());
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

    /// The same event, declared wrong. It has the same id, as EPCIS 2.0 §7.4.1.3 wants it.
    ///
    /// # Errors
    /// Names the first field of the declaration that EPCIS refuses.
    pub fn declared_wrong(mut self, declaration: ErrorDeclaration) -> Result<Self, InvalidEvent> {
        self.data.error_declaration = Some(declaration);
        Self::new(self.data)
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
