//! What EPCIS refuses, field by field: the JSON schema's rules for our shapes and the rules of EPCIS 2.0 §7 behind it.

mod sensor;
mod what;

use std::collections::HashSet;

use crate::event::EventData;
use crate::hash::HashError;
use crate::parts::{
    BizTransaction, ErrorDeclaration, Extensions, Namespace, PersistentDisposition, SourceDest,
};
use crate::uri::is_uri;
use crate::vocabulary::Vocabulary;

/// The first field that keeps the data from being an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct InvalidEvent {
    /// The field by its JSON name, such as `epcList[3]` or `quantityList[0].uom`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The event says nothing about what it is about.
    #[error("is needed: the event names neither instances nor quantities")]
    NothingNamed,
    /// Adding to or taking from a parent needs the parent.
    #[error("is needed to add or delete")]
    ParentMissing,
    /// A transformation by itself uses something up and makes something.
    #[error("is needed: an event without `transformationID` has inputs and outputs")]
    HalfTransformation,
    /// A transaction event without a business document.
    #[error("is needed: the event belongs to no business transaction")]
    NoTransaction,
    /// A field that events of this type do not have.
    #[error("is not allowed in this event: {0}")]
    NotAllowed(&'static str),
    /// Not an absolute URI.
    #[error("is `{0}`, which is not a URI")]
    NotUri(String),
    /// Neither a bare word of the vocabulary nor a URI of the site.
    #[error("is `{0}`, which is neither a word of the vocabulary nor a URI of its own")]
    NotInVocabulary(String),
    /// The list names it twice.
    #[error("repeats `{0}`")]
    Repeated(String),
    /// A unit is two or three capitals or digits.
    #[error("is `{0}`, which is not a UN/CEFACT unit of two or three capitals or digits")]
    NotUnit(String),
    /// A unit without an amount (EPCIS 2.0 §7.3.3.3).
    #[error("is there without a quantity")]
    UnitWithoutQuantity,
    /// Pieces are whole (EPCIS 2.0 §7.3.3.3).
    #[error("is {0}, but without a unit only whole pieces count")]
    NotWhole(String),
    /// A prefix is what stands before the first colon of a name.
    #[error("declares the prefix `{0}`, which is empty or holds `:` or `@`")]
    NotPrefix(String),
    /// A sensor element without a report.
    #[error("is needed: the sensor element reports nothing")]
    NoReport,
    /// Hex digits, at least one.
    #[error("is `{0}`, which is not hex digits")]
    NotHex(String),
    /// The value has no event hash.
    #[error("holds {0}, which has no event hash")]
    NotHashable(&'static str),
}

impl Problem {
    fn at(self, field: impl Into<String>) -> InvalidEvent {
        InvalidEvent {
            field: field.into(),
            problem: self,
        }
    }
}

impl From<HashError> for InvalidEvent {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Unsupported { field, what } => Problem::NotHashable(what).at(field),
            HashError::Missing { field } => Problem::NotHashable("no text").at(field),
            HashError::TooDeep | HashError::NoEventList => {
                Problem::NotHashable("no event").at("type")
            }
        }
    }
}

pub(crate) fn data(data: &EventData) -> Result<(), InvalidEvent> {
    what::named(data)?;
    uris("certificationInfo", &data.certification_info)?;
    if let Some(declaration) = &data.error_declaration {
        error_declaration(declaration)?;
    }
    let PersistentDisposition { set, unset } = &data.persistent_disposition;
    for (list, entries) in [("set", set), ("unset", unset)] {
        let list = format!("persistentDisposition.{list}");
        distinct(&list, entries)?;
        for (at, entry) in entries.iter().enumerate() {
            word(|| format!("{list}[{at}]"), entry, Vocabulary::Disposition)?;
        }
    }
    if let Some(step) = &data.biz_step {
        word(|| "bizStep".to_owned(), step, Vocabulary::BizStep)?;
    }
    if let Some(disposition) = &data.disposition {
        let name = || "disposition".to_owned();
        word(name, disposition, Vocabulary::Disposition)?;
    }
    uri_if_given("readPoint.id", data.read_point.as_deref())?;
    uri_if_given("bizLocation.id", data.biz_location.as_deref())?;
    for (at, BizTransaction { kind, id }) in data.biz_transactions.iter().enumerate() {
        let place = |name| format!("bizTransactionList[{at}].{name}");
        word(|| place("type"), kind, Vocabulary::BizTransactionType)?;
        uri(|| place("bizTransaction"), id)?;
    }
    for (list, name, entries) in [
        ("sourceList", "source", &data.sources),
        ("destinationList", "destination", &data.destinations),
    ] {
        for (at, SourceDest { kind, id }) in entries.iter().enumerate() {
            let place = |name| format!("{list}[{at}].{name}");
            word(|| place("type"), kind, Vocabulary::SourceDestType)?;
            uri(|| place(name), id)?;
        }
    }
    for (at, element) in data.sensor_elements.iter().enumerate() {
        sensor::element(&format!("sensorElementList[{at}]"), element)?;
    }
    for (place, id, fields) in [
        ("readPoint", &data.read_point, &data.read_point_extensions),
        (
            "bizLocation",
            &data.biz_location,
            &data.biz_location_extensions,
        ),
    ] {
        if id.is_none() && !fields.is_empty() {
            let why = "it would hold fields of other namespaces, but no `id`";
            return Err(Problem::NotAllowed(why).at(place));
        }
        extensions(&format!("{place}."), fields)?;
    }
    extensions("ilmd.", &data.ilmd)?;
    extensions("", &data.extensions)?;
    data.namespaces.iter().try_for_each(namespace)
}

fn error_declaration(declaration: &ErrorDeclaration) -> Result<(), InvalidEvent> {
    if let Some(reason) = &declaration.reason {
        let name = || "errorDeclaration.reason".to_owned();
        word(name, reason, Vocabulary::ErrorReason)?;
    }
    let ids = &declaration.corrective_event_ids;
    uris("errorDeclaration.correctiveEventIDs", ids)?;
    extensions("errorDeclaration.", &declaration.extensions)
}

fn namespace(Namespace { prefix, uri }: &Namespace) -> Result<(), InvalidEvent> {
    if prefix.is_empty() || prefix.contains([':', '@']) {
        return Err(Problem::NotPrefix(prefix.clone()).at("@context"));
    }
    self::uri(|| format!("@context.{prefix}"), uri)
}

/// Names outside EPCIS are URIs or `prefix:name`, which has the same shape.
fn extensions(place: &str, fields: &Extensions) -> Result<(), InvalidEvent> {
    fields
        .keys()
        .try_for_each(|name| uri(|| format!("{place}{name}"), name))
}

/// A bare word, or a URI that does not spell a word of the vocabulary out (schema, `vocab-other-uri`).
fn word(
    field: impl Fn() -> String,
    text: &str,
    vocabulary: Vocabulary,
) -> Result<(), InvalidEvent> {
    if vocabulary.has(text) || (is_uri(text) && !vocabulary.spelled_out(text)) {
        Ok(())
    } else {
        Err(Problem::NotInVocabulary(text.to_owned()).at(field()))
    }
}

fn uris(list: &str, texts: &[String]) -> Result<(), InvalidEvent> {
    texts
        .iter()
        .enumerate()
        .try_for_each(|(at, text)| uri(|| format!("{list}[{at}]"), text))
}

fn uri_if_given(field: &str, text: Option<&str>) -> Result<(), InvalidEvent> {
    text.map_or(Ok(()), |text| uri(|| field.to_owned(), text))
}

fn uri(field: impl Fn() -> String, text: &str) -> Result<(), InvalidEvent> {
    if is_uri(text) {
        Ok(())
    } else {
        Err(Problem::NotUri(text.to_owned()).at(field()))
    }
}

fn distinct(list: &str, texts: &[String]) -> Result<(), InvalidEvent> {
    let mut seen = HashSet::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        if !seen.insert(text.as_str()) {
            return Err(Problem::Repeated(text.clone()).at(format!("{list}[{at}]")));
        }
    }
    Ok(())
}
