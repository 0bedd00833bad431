//! Reading events back, ours and those of others with the same shape. Fields we do not know are passed over.

use serde_json::{Map, Value};

use crate::event::{Action, BizTransaction, Event, EventData, Quantity, What};
use crate::time::{self, EventTime, InvalidTime};
use crate::validate::InvalidEvent;

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
    /// The event time is beyond what EPCIS can write.
    #[error("`eventTime` is out of range")]
    Time(#[source] InvalidTime),
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
        let fields = Fields {
            map: object("event", value)?,
            path: String::new(),
        };
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
    Ok(data)
}

fn event_time(fields: &Fields<'_>) -> Result<EventTime, ReadError> {
    let (micros, _) = time::parse_rfc3339(&fields.needed("eventTime")?)
        .ok_or_else(|| kind("eventTime", "an RFC 3339 time"))?;
    let offset = time::parse_offset(&fields.needed("eventTimeZoneOffset")?)
        .ok_or_else(|| kind("eventTimeZoneOffset", "an offset like +01:00"))?;
    EventTime::new(micros, offset).map_err(ReadError::Time)
}

fn action(fields: &Fields<'_>) -> Result<Action, ReadError> {
    Action::from_word(&fields.needed("action")?)
        .ok_or_else(|| kind("action", "OBSERVE, ADD or DELETE"))
}

fn quantity(fields: &Fields<'_>) -> Result<Quantity, ReadError> {
    let quantity = match fields.map.get("quantity") {
        None => None,
        Some(Value::Number(number)) => {
            // Display of a double never uses an exponent, so this is decimal text.
            let text = match number.as_f64() {
                Some(float) if number.is_f64() => float.to_string(),
                _ => number.to_string(),
            };
            Some(
                text.parse()
                    .map_err(|_| fields.kind("quantity", "a decimal of at most 15 digits"))?,
            )
        }
        Some(_) => return Err(fields.kind("quantity", "a number")),
    };
    Ok(Quantity {
        epc_class: fields.needed("epcClass")?,
        quantity,
        uom: fields.text("uom")?,
    })
}

/// An object and where it stands, for the error.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl Fields<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, ReadError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.kind(name, "a text")),
        }
    }

    fn needed(&self, name: &str) -> Result<String, ReadError> {
        self.text(name)?
            .ok_or_else(|| ReadError::Missing(format!("{}{name}", self.path)))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, ReadError> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts: Option<Vec<_>> = self.array(name)?.iter().map(text).collect();
        texts.ok_or_else(|| self.kind(name, "a list of texts"))
    }

    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Fields<'_>) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let entries = self.array(name)?.iter().enumerate();
        entries
            .map(|(at, entry)| {
                let place = format!("{}{name}[{at}]", self.path);
                read(&Fields {
                    map: object(&place, entry)?,
                    path: format!("{place}."),
                })
            })
            .collect()
    }

    fn array(&self, name: &str) -> Result<&[Value], ReadError> {
        match self.map.get(name) {
            None => Ok(&[]),
            Some(Value::Array(entries)) => Ok(entries),
            Some(_) => Err(self.kind(name, "a list")),
        }
    }

    fn place(&self, name: &str) -> Result<Option<String>, ReadError> {
        let Some(value) = self.map.get(name) else {
            return Ok(None);
        };
        let fields = Fields {
            map: object(name, value)?,
            path: format!("{name}."),
        };
        fields.needed("id").map(Some)
    }

    fn kind(&self, name: &str, wanted: &'static str) -> ReadError {
        kind(&format!("{}{name}", self.path), wanted)
    }
}

fn object<'a>(field: &str, value: &'a Value) -> Result<&'a Map<String, Value>, ReadError> {
    value.as_object().ok_or_else(|| kind(field, "an object"))
}

fn kind(field: &str, wanted: &'static str) -> ReadError {
    ReadError::Kind {
        field: field.to_owned(),
        wanted,
    }
}
