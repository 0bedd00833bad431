//! What EPCIS refuses, field by field: the JSON schema's rules for our shapes and the rules of EPCIS 2.0 §7 behind it.

mod sensor;

use std::collections::HashSet;

use crate::event::{Action, BizTransaction, EventData, Extensions, Namespace, Quantity, What};
use crate::hash::HashError;
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
    match &data.what {
        What::Object {
            epcs, quantities, ..
        } => {
            let only_sensed = !data.sensor_elements.is_empty() && data.read_point.is_some();
            if epcs.is_empty() && quantities.is_empty() && !only_sensed {
                return Err(Problem::NothingNamed.at("epcList"));
            }
            uris("epcList", epcs)?;
            distinct("epcList", epcs)?;
            all_quantities("quantityList", quantities)?;
        }
        What::Aggregation {
            action,
            parent,
            children,
            child_quantities,
        } => {
            if parent.is_none() && *action != Action::Observe {
                return Err(Problem::ParentMissing.at("parentID"));
            }
            if children.is_empty() && child_quantities.is_empty() && *action != Action::Delete {
                return Err(Problem::NothingNamed.at("childEPCs"));
            }
            uri_if_given("parentID", parent.as_deref())?;
            uris("childEPCs", children)?;
            all_quantities("childQuantityList", child_quantities)?;
        }
    }
    word("bizStep", data.biz_step.as_deref(), Vocabulary::BizStep)?;
    word(
        "disposition",
        data.disposition.as_deref(),
        Vocabulary::Disposition,
    )?;
    uri_if_given("readPoint.id", data.read_point.as_deref())?;
    uri_if_given("bizLocation.id", data.biz_location.as_deref())?;
    for (at, BizTransaction { kind, id }) in data.biz_transactions.iter().enumerate() {
        word(
            &format!("bizTransactionList[{at}].type"),
            Some(kind),
            Vocabulary::BizTransactionType,
        )?;
        uri(|| format!("bizTransactionList[{at}].bizTransaction"), id)?;
    }
    for (at, element) in data.sensor_elements.iter().enumerate() {
        sensor::element(&format!("sensorElementList[{at}]"), element)?;
    }
    data.namespaces.iter().try_for_each(namespace)
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

fn all_quantities(list: &str, quantities: &[Quantity]) -> Result<(), InvalidEvent> {
    for (
        at,
        Quantity {
            epc_class,
            quantity,
            uom,
        },
    ) in quantities.iter().enumerate()
    {
        uri(|| format!("{list}[{at}].epcClass"), epc_class)?;
        match (quantity, uom) {
            (_, Some(uom)) if !is_unit(uom) => {
                return Err(Problem::NotUnit(uom.clone()).at(format!("{list}[{at}].uom")));
            }
            (None, Some(_)) => {
                return Err(Problem::UnitWithoutQuantity.at(format!("{list}[{at}].uom")));
            }
            (Some(amount), None) if !amount.is_integer() => {
                return Err(
                    Problem::NotWhole(amount.to_string()).at(format!("{list}[{at}].quantity"))
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_unit(text: &str) -> bool {
    (2..=3).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A bare word, or a URI that does not spell a word of the vocabulary out (schema, `vocab-other-uri`).
fn word(field: &str, text: Option<&str>, vocabulary: Vocabulary) -> Result<(), InvalidEvent> {
    match text {
        Some(text) if !vocabulary.has(text) && (!is_uri(text) || vocabulary.spelled_out(text)) => {
            Err(Problem::NotInVocabulary(text.to_owned()).at(field))
        }
        _ => Ok(()),
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
