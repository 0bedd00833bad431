//! JSON-LD, byte for byte the same for the same event: fixed field order, no white space, empty lists left out.
//!
//! Written by hand rather than through a map: the order of fields is part of the promise, and `type` must come first
//! in a business transaction because the event hash goes by written order.

mod json;
mod sensor;

use crate::event::Event;
use crate::id::EventId;
use crate::parts::{BizTransaction, ErrorDeclaration, Extensions, Namespace, Quantity, SourceDest};
use crate::time::EventTime;
use crate::what::{Action, ThingList, What};
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
    if let Some(time) = data.record_time {
        json.text("recordTime", &time.local());
    }
    json.texts("certificationInfo", &data.certification_info);
    if let Some(declaration) = &data.error_declaration {
        json.key("errorDeclaration");
        json.object(|json| error_declaration(json, declaration));
    }
    things(json, &data.what);
    json.text_if_given("bizStep", data.biz_step.as_deref());
    json.text_if_given("disposition", data.disposition.as_deref());
    if !data.persistent_disposition.is_empty() {
        json.key("persistentDisposition");
        json.object(|json| {
            json.texts("set", &data.persistent_disposition.set);
            json.texts("unset", &data.persistent_disposition.unset);
        });
    }
    place(
        json,
        "readPoint",
        data.read_point.as_deref(),
        &data.read_point_extensions,
    );
    place(
        json,
        "bizLocation",
        data.biz_location.as_deref(),
        &data.biz_location_extensions,
    );
    json.list(
        "bizTransactionList",
        &data.biz_transactions,
        |json, BizTransaction { kind, id }| pair(json, kind, "bizTransaction", id),
    );
    json.list(
        "sourceList",
        &data.sources,
        |json, SourceDest { kind, id }| pair(json, kind, "source", id),
    );
    json.list(
        "destinationList",
        &data.destinations,
        |json, SourceDest { kind, id }| pair(json, kind, "destination", id),
    );
    json.list("sensorElementList", &data.sensor_elements, sensor::element);
    if !data.ilmd.is_empty() {
        json.key("ilmd");
        json.object(|json| json.extensions(&data.ilmd));
    }
    json.extensions(&data.extensions);
}

fn error_declaration(json: &mut Json, declaration: &ErrorDeclaration) {
    json.text("declarationTime", &declaration.declaration_time.local());
    json.text_if_given("reason", declaration.reason.as_deref());
    json.texts("correctiveEventIDs", &declaration.corrective_event_ids);
    json.extensions(&declaration.extensions);
}

fn things(json: &mut Json, what: &What) {
    let things = what.things();
    json.text_if_given("parentID", things.parent);
    if matches!(what, What::Transaction { .. }) && things.lists.iter().all(ThingList::is_empty) {
        // The schema wants to see that the list is empty.
        json.key("epcList");
        json.open('[');
        json.close(']');
    }
    for list in things.lists {
        json.texts(list.epcs.0, list.epcs.1);
        all_quantities(json, list.quantities.0, list.quantities.1);
    }
    json.text_if_given("action", things.action.map(Action::as_str));
    json.text_if_given("transformationID", things.transformation_id);
}

/// `type` first: the event hash goes by written order.
fn pair(json: &mut Json, kind: &str, name: &str, id: &str) {
    json.object(|json| {
        json.text("type", kind);
        json.text(name, id);
    });
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

fn place(json: &mut Json, name: &str, id: Option<&str>, extensions: &Extensions) {
    if let Some(id) = id {
        json.key(name);
        json.object(|json| {
            json.text("id", id);
            json.extensions(extensions);
        });
    }
}
