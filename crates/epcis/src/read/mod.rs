//! Reading events back, ours and those of others with the same shape. Fields we do not know are passed over.

mod fields;
mod sensor;

use serde_json::Value;

use crate::event::{Action, BizTransaction, Event, EventData, Namespace, Quantity, What};
use crate::time::{self, EventTime, InvalidTime};
use crate::validate::InvalidEvent;
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
    /// Reads a bare `ObjectEvent` or `AggregationEvent`. Fields we do not know are passed over and the id is computed
    /// from what is left; [`Received`] keeps the published one.
    ///
    /// # Errors
    /// When the text is not JSON, not one of these events, or not valid.
    pub fn from_json(json: &str) -> Result<Self, ReadError> {
        Received::from_json(json).map(|received| received.event)
    }
}

impl Received {
    /// Reads a bare `ObjectEvent` or `AggregationEvent`.
    ///
    /// # Errors
    /// When the text is not JSON, not one of these events, or not valid.
    pub fn from_json(json: &str) -> Result<Self, ReadError> {
        Self::from_value(&serde_json::from_str(json).map_err(ReadError::Json)?)
    }

    /// Reads a bare event, or one from the event list of a document, from parsed JSON.
    ///
    /// # Errors
    /// When the value is not one of these events, or not valid.
    pub fn from_value(value: &Value) -> Result<Self, ReadError> {
        let fields = Fields::of_event(value)?;
        let event = Event::new(data(&fields)?).map_err(ReadError::Invalid)?;
        Ok(Self {
            event,
            event_id: fields.text("eventID")?,
        })
    }
}

fn data(fields: &Fields<'_>) -> Result<EventData, ReadError> {
    let what = match fields.needed("type")?.as_str() {
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
        other => return Err(ReadError::UnknownType(other.to_owned())),
    };
    let mut data = EventData::new(event_time(fields)?, what);
    data.biz_step = fields.text("bizStep")?;
    data.disposition = fields.text("disposition")?;
    data.read_point = fields.place("readPoint")?;
    data.biz_location = fields.place("bizLocation")?;
    data.biz_transactions = fields.list("bizTransactionList", |fields| {
        Ok(BizTransaction {
            kind: fields.needed("type")?,
            id: fields.needed("bizTransaction")?,
        })
    })?;
    data.sensor_elements = fields.list("sensorElementList", sensor::element)?;
    data.namespaces = namespaces(fields)?;
    Ok(data)
}

fn event_time(fields: &Fields<'_>) -> Result<EventTime, ReadError> {
    let (micros, _) = time::parse_rfc3339(&fields.needed("eventTime")?)
        .ok_or_else(|| fields.kind("eventTime", "an RFC 3339 time"))?;
    let offset = time::parse_offset(&fields.needed("eventTimeZoneOffset")?)
        .ok_or_else(|| fields.kind("eventTimeZoneOffset", "an offset like +01:00"))?;
    EventTime::new(micros, offset).map_err(|error| fields.out_of_range("eventTime", error))
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

/// The namespaces that the `@context` declares, in lists only, as the event hash knows them; of two for one prefix the
/// later counts.
fn namespaces(fields: &Fields<'_>) -> Result<Vec<Namespace>, ReadError> {
    let entries = fields.value("@context").and_then(Value::as_array);
    let mut namespaces: Vec<Namespace> = Vec::new();
    for (prefix, uri) in entries
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten()
    {
        let uri = uri
            .as_str()
            .ok_or_else(|| kind(&format!("@context.{prefix}"), "a text"))?;
        namespaces.retain(|known| known.prefix != *prefix);
        namespaces.push(Namespace {
            prefix: prefix.clone(),
            uri: uri.to_owned(),
        });
    }
    Ok(namespaces)
}
