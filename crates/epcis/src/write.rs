//! JSON-LD, byte for byte the same for the same event: fixed field order, no white space, empty lists left out.
//!
//! Written by hand rather than through a map: the order of fields is part of the promise, and `type` must come first
//! in a business transaction because the event hash goes by written order.

use crate::event::{BizTransaction, Event, Quantity, What};
use crate::time::EventTime;
use crate::{CONTEXT, EventData};

impl Event {
    /// A JSON-LD document that stands by itself, with its `@context` and `eventID`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = Json::new();
        json.open('{');
        json.text("@context", CONTEXT);
        event(&mut json, self);
        json.close('}');
        json.out
    }
}

/// An `EPCISDocument` (EPCIS 2.0 §10.2) with these events in this order; `creation_time` is its `creationDate`.
#[must_use]
pub fn document<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    creation_time: EventTime,
) -> String {
    let mut json = Json::new();
    json.open('{');
    json.text("@context", CONTEXT);
    json.text("type", "EPCISDocument");
    json.text("schemaVersion", "2.0");
    json.text("creationDate", &creation_time.local());
    json.key("epcisBody");
    json.open('{');
    json.key("eventList");
    json.open('[');
    for each in events {
        json.element();
        json.open('{');
        event(&mut json, each);
        json.close('}');
    }
    json.close(']');
    json.close('}');
    json.close('}');
    json.out
}

fn event(json: &mut Json, event: &Event) {
    let data: &EventData = event.data();
    json.text("type", data.what.event_type());
    json.text("eventID", &event.id().to_string());
    json.text("eventTime", &data.time.local());
    json.text("eventTimeZoneOffset", &data.time.offset());
    match &data.what {
        What::Object {
            action,
            epcs,
            quantities,
        } => {
            texts(json, "epcList", epcs);
            all_quantities(json, "quantityList", quantities);
            json.text("action", action.as_str());
        }
        What::Aggregation {
            action,
            parent,
            children,
            child_quantities,
        } => {
            text_if_given(json, "parentID", parent.as_deref());
            texts(json, "childEPCs", children);
            all_quantities(json, "childQuantityList", child_quantities);
            json.text("action", action.as_str());
        }
    }
    text_if_given(json, "bizStep", data.biz_step.as_deref());
    text_if_given(json, "disposition", data.disposition.as_deref());
    place(json, "readPoint", data.read_point.as_deref());
    place(json, "bizLocation", data.biz_location.as_deref());
    list(
        json,
        "bizTransactionList",
        &data.biz_transactions,
        |json, BizTransaction { kind, id }| {
            json.open('{');
            json.text("type", kind);
            json.text("bizTransaction", id);
            json.close('}');
        },
    );
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

fn texts(json: &mut Json, name: &str, entries: &[String]) {
    list(json, name, entries, |json, entry| json.string(entry));
}

fn all_quantities(json: &mut Json, name: &str, quantities: &[Quantity]) {
    list(
        json,
        name,
        quantities,
        |json,
         Quantity {
             epc_class,
             quantity,
             uom,
         }| {
            json.open('{');
            json.text("epcClass", epc_class);
            if let Some(quantity) = quantity {
                json.key("quantity");
                json.out.push_str(quantity.as_str());
            }
            text_if_given(json, "uom", uom.as_deref());
            json.close('}');
        },
    );
}

fn list<T>(json: &mut Json, name: &str, entries: &[T], write: impl Fn(&mut Json, &T)) {
    if entries.is_empty() {
        return;
    }
    json.key(name);
    json.open('[');
    for entry in entries {
        json.element();
        write(json, entry);
    }
    json.close(']');
}

fn place(json: &mut Json, name: &str, id: Option<&str>) {
    if let Some(id) = id {
        json.key(name);
        json.open('{');
        json.text("id", id);
        json.close('}');
    }
}

fn text_if_given(json: &mut Json, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        json.text(name, text);
    }
}

/// Puts the commas in.
struct Json {
    out: String,
    needs_comma: bool,
}

impl Json {
    fn new() -> Self {
        Self {
            out: String::with_capacity(1024),
            needs_comma: false,
        }
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.needs_comma = false;
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.needs_comma = true;
    }

    /// Call before each entry of a list.
    fn element(&mut self) {
        if self.needs_comma {
            self.out.push(',');
        }
        self.needs_comma = true;
    }

    fn key(&mut self, name: &str) {
        self.element();
        self.string(name);
        self.out.push(':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\0'..='\u{1f}' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}
