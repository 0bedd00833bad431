//! The pre-hash string of our own events, written straight from the fields.
//!
//! Gives what [`hash_json`](super::hash_json) gives for the event's JSON (a property test holds the two together) at a
//! fraction of the cost: no JSON, no tree.

use super::{HashError, canonical};
use crate::event::{BizTransaction, EventData, Quantity, What};
use crate::vocabulary::Vocabulary;

/// The pre-hash string of checked data.
pub(crate) fn prehash(data: &EventData) -> Result<String, HashError> {
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
            all_epcs(&mut out, "epcList", epcs)?;
            all_quantities(&mut out, "quantityList", quantities)?;
            action
        }
        What::Aggregation {
            action,
            parent,
            children,
            child_quantities,
        } => {
            value(&mut out, "parentID", parent.as_deref())?;
            all_epcs(&mut out, "childEPCs", children)?;
            all_quantities(&mut out, "childQuantityList", child_quantities)?;
            action
        }
    };
    field(&mut out, "action", action.as_str());
    word(
        &mut out,
        "bizStep",
        data.biz_step.as_deref(),
        Vocabulary::BizStep,
    )?;
    word(
        &mut out,
        "disposition",
        data.disposition.as_deref(),
        Vocabulary::Disposition,
    )?;
    if data.read_point.is_some() {
        out.push_str("readPoint");
        value(&mut out, "id", data.read_point.as_deref())?;
    }
    if data.biz_location.is_some() {
        out.push_str("bizLocation");
        value(&mut out, "id", data.biz_location.as_deref())?;
    }
    all_transactions(&mut out, &data.biz_transactions)?;
    Ok(out)
}

fn all_epcs(out: &mut String, name: &str, epcs: &[String]) -> Result<(), HashError> {
    let mut entries = Vec::with_capacity(epcs.len());
    for epc in epcs {
        entries.push(canonical::value("epc", epc)?);
    }
    entries.sort_unstable();
    if !entries.is_empty() {
        out.push_str(name);
    }
    for entry in entries {
        field(out, "epc", &entry);
    }
    Ok(())
}

fn all_quantities(out: &mut String, name: &str, quantities: &[Quantity]) -> Result<(), HashError> {
    sorted(
        out,
        name,
        quantities,
        |entry,
         Quantity {
             epc_class,
             quantity,
             uom,
         }| {
            entry.push_str("quantityElement");
            value(entry, "epcClass", Some(epc_class))?;
            value(
                entry,
                "quantity",
                quantity.as_ref().map(|amount| amount.as_str()),
            )?;
            value(entry, "uom", uom.as_deref())
        },
    )
}

fn all_transactions(out: &mut String, transactions: &[BizTransaction]) -> Result<(), HashError> {
    sorted(
        out,
        "bizTransactionList",
        transactions,
        |entry, BizTransaction { kind, id }| {
            word(entry, "type", Some(kind), Vocabulary::BizTransactionType)?;
            value(entry, "bizTransaction", Some(id))
        },
    )
}

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

fn word(
    out: &mut String,
    name: &str,
    text: Option<&str>,
    vocabulary: Vocabulary,
) -> Result<(), HashError> {
    match text.and_then(|text| vocabulary.web_uri(text)) {
        Some(uri) => field(out, name, &uri),
        None => value(out, name, text)?,
    }
    Ok(())
}

fn value(out: &mut String, name: &str, text: Option<&str>) -> Result<(), HashError> {
    if let Some(text) = text {
        field(out, name, &canonical::value(name, text)?);
    }
    Ok(())
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push('=');
    out.push_str(value);
}
