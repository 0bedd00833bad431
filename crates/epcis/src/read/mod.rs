//! Reading events back, ours and those of others. Fields of other namespaces are kept; others we do not know are passed
//! over.

mod fields;
mod sensor;

use serde_json::Value;

use crate::event::{Event, EventData};
use crate::hash;
use crate::parts::{
    BizTransaction, ErrorDeclaration, Namespace, PersistentDisposition, Quantity, SourceDest,
    declared,
};
use crate::time::{self, EventTime, InvalidTime};
use crate::validate::InvalidEvent;
use crate::what::{Action, What};
use fields::{Fields, kind};

/// JSON that is not one of the events we know.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not JSON.
    #[error("the event is not JSON")]
    Json(#[source] serde_json::Error),
    /// A field that every such event has is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A field holds something of another kind.
    #[error("`{field}` is not {wanted}")]
    Kind {
        /// The field by its JSON name.
        field: String,
        /// What it should be, with its article.
        wanted: &'static str,
    },
    /// An event type that is not read here.
    #[error("events of type `{0}` are not read")]
    UnknownType(String),
    /// A time is beyond what EPCIS can write.
    #[error("`{field}` is out of range")]
    Time {
        /// The field by its JSON name.
        field: String,
        /// What it is beyond.
        source: InvalidTime,
    },
    /// A document without a list of events.
    #[error("the document holds no event list")]
    NoEventList,
    /// The JSON was read but is not a valid event.
    #[error("the event is not valid")]
    Invalid(#[source] InvalidEvent),
}

/// An event as it came in, with the `eventID` its sender gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The event, reduced to the fields we know.
    pub event: Event,
    /// The published `eventID`, whatever its form. It equals `event.id()` for events of ours; for others
    /// [`hash_json`](crate::hash_json) over the whole JSON tells.
    pub event_id: Option<String>,
}

impl Event {
    /// Reads a bare event. Fields we do not know are passed over and the id is computed from what is left; [`Received`]
    /// keeps the published one.
    ///
    /// # Errors
    /// When the text is not JSON, not an EPCIS event, or not valid.
    pub fn from_json(json: &str) -> Result<Self, ReadError> {
        Received::from_json(json).map(|received| received.event)
    }
}

impl Received {
    /// Reads a bare event.
    ///
    /// # Errors
    /// When the text is not JSON, not an EPCIS event, or not valid.
    pub fn from_json(json: &str) -> Result<Self, ReadError> {
        Self::from_value(&parsed(json)?)
    }

    /// Reads a bare event from parsed JSON.
    ///
    /// # Errors
    /// When the value is not an EPCIS event, or not valid.
    pub fn from_value(value: &Value) -> Result<Self, ReadError> {
        Self::within(value, &Value::Null)
    }

    /// Reads the events of an `EPCISDocument` or `EPCISQueryDocument`, or a bare event, each by itself: one that is not
    /// valid does not lose its neighbours.
    ///
    /// # Errors
    /// When the text is not JSON, or a document without a list of events.
    pub fn all_from_json(json: &str) -> Result<Vec<Result<Self, ReadError>>, ReadError> {
        let document = parsed(json)?;
        let (events, context) = hash::events(&document).map_err(|_| ReadError::NoEventList)?;
        let read = |event| Self::within(event, context);
        Ok(events.into_iter().map(read).collect())
    }

    /// Reads an event from parsed JSON; `context` is the `@context` of the document around it, `Null` when there is none.
    ///
    /// # Errors
    /// When the value is not an EPCIS event, or not valid.
    pub fn within(value: &Value, context: &Value) -> Result<Self, ReadError> {
        let fields = Fields::of_event(value)?;
        let event = Event::new(data(&fields, context)?).map_err(ReadError::Invalid)?;
        Ok(Self {
            event,
            event_id: fields.text("eventID")?,
        })
    }
}

fn parsed(json: &str) -> Result<Value, ReadError> {
    serde_json::from_str(json).map_err(ReadError::Json)
}

fn data(fields: &Fields<'_>, context: &Value) -> Result<EventData, ReadError> {
    let mut data = EventData::new(event_time(fields)?, what(fields)?);
    data.record_time = fields.time("recordTime")?;
    data.certification_info = match fields.value("certificationInfo") {
        Some(Value::String(one)) => vec![one.clone()],
        _ => fields.texts("certificationInfo")?,
    };
    data.error_declaration = match fields.object("errorDeclaration")? {
        Some(fields) => Some(error_declaration(&fields)?),
        None => None,
    };
    data.biz_step = fields.text("bizStep")?;
    data.disposition = fields.text("disposition")?;
    if let Some(fields) = fields.object("persistentDisposition")? {
        data.persistent_disposition = PersistentDisposition {
            set: fields.texts("set")?,
            unset: fields.texts("unset")?,
        };
    }
    if let Some(fields) = fields.object("readPoint")? {
        data.read_point = Some(fields.needed("id")?);
        data.read_point_extensions = fields.extensions();
    }
    if let Some(fields) = fields.object("bizLocation")? {
        data.biz_location = Some(fields.needed("id")?);
        data.biz_location_extensions = fields.extensions();
    }
    data.biz_transactions = fields.list("bizTransactionList", |fields| {
        Ok(BizTransaction {
            kind: fields.needed("type")?,
            id: fields.needed("bizTransaction")?,
        })
    })?;
    let source_dest = |fields: &Fields<'_>, name| {
        Ok(SourceDest {
            kind: fields.needed("type")?,
            id: fields.needed(name)?,
        })
    };
    data.sources = fields.list("sourceList", |fields| source_dest(fields, "source"))?;
    data.destinations = fields.list("destinationList", |fields| {
        source_dest(fields, "destination")
    })?;
    data.sensor_elements = fields.list("sensorElementList", sensor::element)?;
    if let Some(fields) = fields.object("ilmd")? {
        data.ilmd = fields.extensions();
    }
    namespaces(&mut data.namespaces, context)?;
    if let Some(own) = fields.value("@context") {
        namespaces(&mut data.namespaces, own)?;
    }
    data.extensions = fields.extensions();
    Ok(data)
}

fn what(fields: &Fields<'_>) -> Result<What, ReadError> {
    Ok(match fields.needed("type")?.as_str() {
        "ObjectEvent" => What::Object {
            action: action(fields)?,
            epcs: fields.texts("epcList")?,
            quantities: fields.list("quantityList", quantity)?,
        },
        "AggregationEvent" => What::Aggregation {
            action: action(fields)?,
            parent: fields.text("parentID")?,
            children: fields.texts("childEPCs")?,
            child_quantities: fields.list("childQuantityList", quantity)?,
        },
        "TransactionEvent" => What::Transaction {
            action: action(fields)?,
            parent: fields.text("parentID")?,
            epcs: fields.texts("epcList")?,
            quantities: fields.list("quantityList", quantity)?,
        },
        "TransformationEvent" => What::Transformation {
            inputs: fields.texts("inputEPCList")?,
            input_quantities: fields.list("inputQuantityList", quantity)?,
            outputs: fields.texts("outputEPCList")?,
            output_quantities: fields.list("outputQuantityList", quantity)?,
            id: fields.text("transformationID")?,
        },
        "AssociationEvent" => What::Association {
            action: action(fields)?,
            parent: fields.needed("parentID")?,
            children: fields.texts("childEPCs")?,
            child_quantities: fields.list("childQuantityList", quantity)?,
        },
        other => return Err(ReadError::UnknownType(other.to_owned())),
    })
}

fn error_declaration(fields: &Fields<'_>) -> Result<ErrorDeclaration, ReadError> {
    Ok(ErrorDeclaration {
        declaration_time: fields
            .time("declarationTime")?
            .ok_or_else(|| fields.missing("declarationTime"))?,
        reason: fields.text("reason")?,
        corrective_event_ids: fields.texts("correctiveEventIDs")?,
        extensions: fields.extensions(),
    })
}

fn event_time(fields: &Fields<'_>) -> Result<EventTime, ReadError> {
    let offset = time::parse_offset(&fields.needed("eventTimeZoneOffset")?)
        .ok_or_else(|| fields.kind("eventTimeZoneOffset", "an offset like +01:00"))?;
    fields
        .time_at("eventTime", Some(offset))?
        .ok_or_else(|| fields.missing("eventTime"))
}

fn action(fields: &Fields<'_>) -> Result<Action, ReadError> {
    Action::from_word(&fields.needed("action")?)
        .ok_or_else(|| fields.kind("action", "OBSERVE, ADD or DELETE"))
}

fn quantity(fields: &Fields<'_>) -> Result<Quantity, ReadError> {
    Ok(Quantity {
        epc_class: fields.needed("epcClass")?,
        quantity: fields.number("quantity")?,
        uom: fields.text("uom")?,
    })
}

/// Adds the namespaces that a `@context` declares; of two for one prefix the later counts.
fn namespaces(known: &mut Vec<Namespace>, context: &Value) -> Result<(), ReadError> {
    for (prefix, uri) in declared(context) {
        let uri = uri
            .as_str()
            .ok_or_else(|| kind(&format!("@context.{prefix}"), "a text"))?;
        known.retain(|earlier| earlier.prefix != *prefix);
        known.push(Namespace {
            prefix: prefix.clone(),
            uri: uri.to_owned(),
        });
    }
    Ok(())
}
