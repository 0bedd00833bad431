//! The pre-hash string of our own events, written straight from the fields.
//!
//! Gives what [`hash_json`](super::hash_json) gives for the event's JSON (a property test holds the two together) at a
//! fraction of the cost: no JSON, no tree. Where fields stand that the order of the hash does not name, inside of
//! others, the JSON is written and hashed.

use serde_json::Value;

use super::tree::Namespaces;
use super::words::{Field, Words};
use super::{HashError, canonical};
use crate::event::{EventData, Quantity, What};
use crate::sensor::{self, Content, SensorElement, SensorReport};
use crate::vocabulary::Vocabulary;
use crate::write;

/// The pre-hash string of checked data.
pub(crate) fn prehash(data: &EventData) -> Result<String, HashError> {
    if data.sensor_elements.iter().any(SensorElement::is_extended) {
        return of_json(data);
    }
    let namespaces = Namespaces::of(&data.namespaces);
    let mut words = Words::default();
    collect(data, &mut |text, field| words.add(text, field, &namespaces));
    Values {
        namespaces: &namespaces,
        words: &words,
    }
    .event(data)
}

/// The long way round, for events with fields that only the tree knows the place of.
fn of_json(data: &EventData) -> Result<String, HashError> {
    let json = write::bare(data, None);
    let event: Value = serde_json::from_str(&json).map_err(|_| HashError::TooDeep)?;
    super::hash_json(&event, &Value::Null).map(|hash| hash.prehash)
}

/// Every text that a vocabulary URI may stand in.
fn collect(data: &EventData, add: &mut impl FnMut(&str, Field)) {
    let (epcs, quantities, parent) = match &data.what {
        What::Object {
            epcs, quantities, ..
        } => (epcs, quantities, None),
        What::Aggregation {
            parent,
            children,
            child_quantities,
            ..
        } => (children, child_quantities, parent.as_deref()),
    };
    let identifiers = epcs
        .iter()
        .map(String::as_str)
        .chain(quantities.iter().map(|entry| entry.epc_class.as_str()))
        .chain(data.biz_transactions.iter().map(|entry| entry.id.as_str()))
        .chain(parent)
        .chain(data.read_point.as_deref())
        .chain(data.biz_location.as_deref());
    for text in identifiers {
        add(text, Field::Iri);
    }
    for text in data.biz_step.iter() {
        add(text, Field::Word(Vocabulary::BizStep));
    }
    for text in data.disposition.iter() {
        add(text, Field::Word(Vocabulary::Disposition));
    }
    for entry in &data.biz_transactions {
        add(&entry.kind, Field::Word(Vocabulary::BizTransactionType));
    }
    for element in &data.sensor_elements {
        let reports = element.reports.iter().flat_map(SensorReport::fields);
        for (_, content) in element.metadata.fields().chain(reports) {
            match content {
                Content::Word(vocabulary, text) => add(text, Field::Word(vocabulary)),
                Content::Uri(text) => add(text, Field::Iri),
                Content::Text(text) => add(text, Field::Literal),
                Content::Hex(_) | Content::Time(_) | Content::Number(_) | Content::Truth(_) => {}
            }
        }
    }
}

/// Writes values as the hash wants them.
struct Values<'a> {
    namespaces: &'a Namespaces,
    words: &'a Words,
}

impl Values<'_> {
    fn event(&self, data: &EventData) -> Result<String, HashError> {
        let mut out = String::with_capacity(1024);
        field(&mut out, "eventType", data.what.event_type());
        field(&mut out, "eventTime", &data.time.utc());
        field(&mut out, "eventTimeZoneOffset", &data.time.offset());
        let action = match &data.what {
            What::Object {
                action,
                epcs,
                quantities,
            } => {
                self.epcs(&mut out, "epcList", epcs)?;
                self.quantities(&mut out, "quantityList", quantities)?;
                action
            }
            What::Aggregation {
                action,
                parent,
                children,
                child_quantities,
            } => {
                self.given(&mut out, "parentID", parent.as_deref())?;
                self.epcs(&mut out, "childEPCs", children)?;
                self.quantities(&mut out, "childQuantityList", child_quantities)?;
                action
            }
        };
        field(&mut out, "action", action.as_str());
        self.given(&mut out, "bizStep", data.biz_step.as_deref())?;
        self.given(&mut out, "disposition", data.disposition.as_deref())?;
        self.place(&mut out, "readPoint", data.read_point.as_deref())?;
        self.place(&mut out, "bizLocation", data.biz_location.as_deref())?;
        sorted(
            &mut out,
            "sensorElementList",
            &data.sensor_elements,
            |text, element| self.sensor_element(text, element),
        )?;
        sorted(
            &mut out,
            "bizTransactionList",
            &data.biz_transactions,
            |text, entry| {
                self.value(text, "type", &entry.kind)?;
                self.value(text, "bizTransaction", &entry.id)
            },
        )?;
        Ok(out)
    }

    fn epcs(&self, out: &mut String, name: &str, epcs: &[String]) -> Result<(), HashError> {
        sorted(out, name, epcs, |text, epc| self.value(text, "epc", epc))
    }

    fn quantities(
        &self,
        out: &mut String,
        name: &str,
        quantities: &[Quantity],
    ) -> Result<(), HashError> {
        sorted(out, name, quantities, |text, entry| {
            text.push_str("quantityElement");
            self.value(text, "epcClass", &entry.epc_class)?;
            if let Some(quantity) = &entry.quantity {
                number(text, "quantity", quantity.as_str())?;
            }
            self.given(text, "uom", entry.uom.as_deref())
        })
    }

    fn sensor_element(&self, out: &mut String, element: &SensorElement) -> Result<(), HashError> {
        out.push_str("sensorElement");
        if !element.metadata.is_empty() {
            out.push_str("sensorMetadata");
            self.sensor_fields(out, element.metadata.fields())?;
        }
        sorted(out, "", &element.reports, |text, report| {
            text.push_str("sensorReport");
            self.sensor_fields(text, report.fields())
        })
    }

    fn sensor_fields<'f>(
        &self,
        out: &mut String,
        mut fields: impl Iterator<Item = sensor::Field<'f>>,
    ) -> Result<(), HashError> {
        fields.try_for_each(|(name, content)| match content {
            Content::Word(_, text)
            | Content::Uri(text)
            | Content::Text(text)
            | Content::Hex(text) => self.value(out, name, text),
            Content::Number(value) => number(out, name, value.as_str()),
            Content::Time(time) => {
                field(out, name, &time.utc());
                Ok(())
            }
            Content::Truth(truth) => {
                field(out, name, if truth { "True" } else { "False" });
                Ok(())
            }
        })
    }

    fn place(&self, out: &mut String, name: &str, id: Option<&str>) -> Result<(), HashError> {
        if let Some(id) = id {
            out.push_str(name);
            self.value(out, "id", id)?;
        }
        Ok(())
    }

    fn given(&self, out: &mut String, name: &str, text: Option<&str>) -> Result<(), HashError> {
        text.map_or(Ok(()), |text| self.value(out, name, text))
    }

    /// A text, as the tree takes it; without a value the name goes too.
    fn value(&self, out: &mut String, name: &str, text: &str) -> Result<(), HashError> {
        let text = self.words.replacement(text).unwrap_or(text);
        let text = self.namespaces.expand_value(text);
        match canonical::trim(&text) {
            "" => {}
            text => field(out, name, &canonical::value(name, text)?),
        }
        Ok(())
    }
}

/// The entries of a list by what is written, behind the list's name.
fn sorted<T>(
    out: &mut String,
    name: &str,
    entries: &[T],
    write: impl Fn(&mut String, &T) -> Result<(), HashError>,
) -> Result<(), HashError> {
    let mut texts = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut text = String::new();
        write(&mut text, entry)?;
        texts.push(text);
    }
    texts.sort_unstable();
    if !texts.is_empty() {
        out.push_str(name);
    }
    out.extend(texts);
    Ok(())
}

fn number(out: &mut String, name: &str, text: &str) -> Result<(), HashError> {
    field(out, name, &canonical::value(name, text)?);
    Ok(())
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push('=');
    out.push_str(value);
}
