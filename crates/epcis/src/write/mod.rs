//! JSON-LD, byte for byte the same for the same event: fixed field order, no white space, empty lists left out.
//!
//! Written by hand rather than through a map: the order of fields is part of the promise, and `type` must come first
//! in a business transaction because the event hash goes by written order.

mod json;
mod sensor;

use crate::event::{BizTransaction, Event, Namespace, Quantity, What};
use crate::id::EventId;
use crate::time::EventTime;
use crate::{CONTEXT, EventData};
use json::Json;

impl Event {
    /// A JSON-LD document that stands by itself, with its `@context` and `eventID`.
    #[must_use]
    pub fn to_json(&self) -> String {
        bare(self.data(), Some(self.id()))
    }
}

/// A bare event; without an id it is what the event hash is taken from.
pub(crate) fn bare(data: &EventData, id: Option<EventId>) -> String {
    let mut json = Json::new();
    json.object(|json| {
        context(json, &data.namespaces);
        event(json, data, id);
    });
    json.finish()
}

/// An `EPCISDocument` (EPCIS 2.0 §10.2) with these events in this order; `creation_time` is its `creationDate`.
#[must_use]
pub fn document<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    creation_time: EventTime,
) -> String {
    let events: Vec<&Event> = events.into_iter().collect();
    let namespaces = common_namespaces(&events);
    let mut json = Json::new();
    json.object(|json| {
        context(json, namespaces);
        json.text("type", "EPCISDocument");
        json.text("schemaVersion", "2.0");
        json.text("creationDate", &creation_time.local());
        json.key("epcisBody");
        json.object(|json| {
            json.key("eventList");
            json.open('[');
            for each in events {
                json.element();
                json.object(|json| {
                    let own = &each.data().namespaces;
                    if own.as_slice() != namespaces {
                        context(json, own);
                    }
                    event(json, each.data(), Some(each.id()));
                });
            }
            json.close(']');
        });
    });
    json.finish()
}

/// The namespaces that all events declare alike; none otherwise.
fn common_namespaces<'a>(events: &[&'a Event]) -> &'a [Namespace] {
    let Some((first, others)) = events.split_first() else {
        return &[];
    };
    let first = first.data().namespaces.as_slice();
    let alike = |event: &&Event| event.data().namespaces.as_slice() == first;
    if others.iter().all(alike) { first } else { &[] }
}

fn context(json: &mut Json, namespaces: &[Namespace]) {
    if namespaces.is_empty() {
        json.text("@context", CONTEXT);
        return;
    }
    json.key("@context");
    json.open('[');
    json.element();
    json.string(CONTEXT);
    json.element();
    json.object(|json| {
        for Namespace { prefix, uri } in namespaces {
            json.text(prefix, uri);
        }
    });
    json.close(']');
}

fn event(json: &mut Json, data: &EventData, id: Option<EventId>) {
    json.text("type", data.what.event_type());
    if let Some(id) = id {
        json.text("eventID", &id.to_string());
    }
    json.text("eventTime", &data.time.local());
    json.text("eventTimeZoneOffset", &data.time.offset());
    match &data.what {
        What::Object {
            action,
            epcs,
            quantities,
        } => {
            json.texts("epcList", epcs);
            all_quantities(json, "quantityList", quantities);
            json.text("action", action.as_str());
        }
        What::Aggregation {
            action,
            parent,
            children,
            child_quantities,
        } => {
            json.text_if_given("parentID", parent.as_deref());
            json.texts("childEPCs", children);
            all_quantities(json, "childQuantityList", child_quantities);
            json.text("action", action.as_str());
        }
    }
    json.text_if_given("bizStep", data.biz_step.as_deref());
    json.text_if_given("disposition", data.disposition.as_deref());
    place(json, "readPoint", data.read_point.as_deref());
    place(json, "bizLocation", data.biz_location.as_deref());
    json.list(
        "bizTransactionList",
        &data.biz_transactions,
        |json, BizTransaction { kind, id }| {
            json.object(|json| {
                json.text("type", kind);
                json.text("bizTransaction", id);
            });
        },
    );
    json.list("sensorElementList", &data.sensor_elements, sensor::element);
}

impl What {
    /// The `type` of the event.
    pub(crate) const fn event_type(&self) -> &'static str {
        match self {
            Self::Object { .. } => "ObjectEvent",
            Self::Aggregation { .. } => "AggregationEvent",
        }
    }
}

fn all_quantities(json: &mut Json, name: &str, quantities: &[Quantity]) {
    json.list(name, quantities, |json, entry| {
        json.object(|json| {
            json.text("epcClass", &entry.epc_class);
            if let Some(quantity) = &entry.quantity {
                json.bare("quantity", quantity);
            }
            json.text_if_given("uom", entry.uom.as_deref());
        });
    });
}

fn place(json: &mut Json, name: &str, id: Option<&str>) {
    if let Some(id) = id {
        json.key(name);
        json.object(|json| json.text("id", id));
    }
}
