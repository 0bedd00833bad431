//! The pre-hash string of our own events, written straight from the fields.
//!
//! Gives what [`hash_json`](super::hash_json) gives for the event's JSON (a property test holds the two together) at a
//! fraction of the cost: no JSON, no tree. Where fields stand that the order of the hash does not name, inside of
//! others, the JSON is written and hashed.

use serde_json::Value;

use super::tree::{Namespaces, Source};
use super::words::Words;
use super::{HashError, canonical, order};
use crate::event::EventData;
use crate::parts::{PersistentDisposition, Quantity};
use crate::sensor::{self, Content, SensorElement};
use crate::write;

/// The pre-hash string of checked data.
pub(crate) fn prehash(data: &EventData) -> Result<String, HashError> {
    if is_extended(data) {
        return of_json(data);
    }
    let namespaces = Namespaces::of(&data.namespaces);
    let words = Words::of(data, &namespaces);
    Values {
        namespaces: &namespaces,
        words: &words,
    }
    .event(data)
}

/// Fields stand where the order of the hash does not name them.
fn is_extended(data: &EventData) -> bool {
    !data.read_point_extensions.is_empty()
        || !data.biz_location_extensions.is_empty()
        || data.sensor_elements.iter().any(SensorElement::is_extended)
}

/// The long way round, for events with fields that only the tree knows the place of.
fn of_json(data: &EventData) -> Result<String, HashError> {
    let json = write::bare(data, None);
    let event: Value = serde_json::from_str(&json).map_err(|_| HashError::TooDeep)?;
    super::hash_json(&event, &Value::Null).map(|hash| hash.prehash)
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
        sorted(
            &mut out,
            "",
            &data.certification_info,
            |text, certificate| self.value(text, "certificationInfo", certificate),
        )?;
        let things = data.what.things();
        self.given(&mut out, "parentID", things.parent)?;
        for list in things.lists {
            self.epcs(&mut out, list.epcs.0, list.epcs.1)?;
            self.quantities(&mut out, list.quantities.0, list.quantities.1)?;
        }
        if let Some(action) = things.action {
            field(&mut out, "action", action.as_str());
        }
        self.given(&mut out, "transformationID", things.transformation_id)?;
        self.given(&mut out, "bizStep", data.biz_step.as_deref())?;
        self.given(&mut out, "disposition", data.disposition.as_deref())?;
        self.persistent_disposition(&mut out, &data.persistent_disposition)?;
        self.place(&mut out, "readPoint", data.read_point.as_deref())?;
        self.place(&mut out, "bizLocation", data.biz_location.as_deref())?;
        sorted(
            &mut out,
            "sensorElementList",
            &data.sensor_elements,
            |text, element| self.sensor_element(text, element),
        )?;
        out.extend(self.the_rest(data)?);
        Ok(out)
    }

    /// What the order of the hash does not name, in alphabetical order.
    fn the_rest(&self, data: &EventData) -> Result<Vec<String>, HashError> {
        let mut rest = Vec::new();
        let pairs =
            |name: &str, value_name: &str, entries: &mut dyn Iterator<Item = (&str, &str)>| {
                let entries: Vec<_> = entries.collect();
                let mut out = String::new();
                sorted(&mut out, name, &entries, |text, (kind, id)| {
                    self.value(text, "type", kind)?;
                    self.value(text, value_name, id)
                })?;
                Ok(out)
            };
        let transactions = data.biz_transactions.iter();
        rest.push(pairs(
            "bizTransactionList",
            "bizTransaction",
            &mut transactions.map(|entry| (entry.kind.as_str(), entry.id.as_str())),
        )?);
        for (name, value_name, entries) in [
            ("sourceList", "source", &data.sources),
            ("destinationList", "destination", &data.destinations),
        ] {
            let mut entries = entries
                .iter()
                .map(|entry| (entry.kind.as_str(), entry.id.as_str()));
            rest.push(pairs(name, value_name, &mut entries)?);
        }
        let source = Source {
            namespaces: self.namespaces,
            words: self.words,
        };
        if !data.ilmd.is_empty() {
            let below = order::the_rest(&source.extensions(&data.ilmd)?)?;
            rest.push(format!("ilmd{below}"));
        }
        for extension in source.extensions(&data.extensions)? {
            rest.push(order::the_rest(&[extension])?);
        }
        rest.sort_unstable();
        Ok(rest)
    }

    fn persistent_disposition(
        &self,
        out: &mut String,
        disposition: &PersistentDisposition,
    ) -> Result<(), HashError> {
        if !disposition.is_empty() {
            out.push_str("persistentDisposition");
        }
        for (name, entries) in [("set", &disposition.set), ("unset", &disposition.unset)] {
            sorted(out, "", entries, |text, entry| {
                self.value(text, name, entry)
            })?;
        }
        Ok(())
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
