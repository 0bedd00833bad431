//! From an entry to a record.

use serde::Deserialize;
use tracegate_gs1::Ai;
use tracegate_pipeline::reference::{Batch, Content, Facts, Lot, Order, OrderLine, Reference};

use super::super::topic::{gtin14, identity, order_key};
use super::super::value;
use super::Fault;

/// One entry as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    pub(super) sscc: Option<String>,
    pub(super) grai: Option<String>,
    pub(super) gtin: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) lot: Option<String>,
    pub(super) order: Option<String>,
    pub(super) line: Option<String>,
    pub(super) expiry: Option<String>,
    pub(super) received: Option<String>,
    pub(super) status: Option<String>,
    pub(super) quantity: Option<Amount>,
    pub(super) open: Option<Amount>,
    pub(super) uom: Option<String>,
    pub(super) lots: Option<Names>,
    pub(super) location: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) version: Option<u64>,
    pub(super) delete: bool,
    pub(super) contents: Option<Vec<Entry>>,
    pub(super) lines: Option<Vec<Entry>>,
}

/// A number as it is written; in JSON also as a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Amount {
    /// In JSON.
    Number(serde_json::Number),
    /// As text.
    Text(String),
}

impl Amount {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Lot numbers: a list, or a text with spaces between them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    /// In JSON.
    List(Vec<String>),
    /// As text.
    Text(String),
}

impl Names {
    fn all(&self) -> Vec<&str> {
        match self {
            Self::List(names) => names.iter().map(String::as_str).collect(),
            Self::Text(names) => names.split_whitespace().collect(),
        }
    }
}

/// The record of an entry, with this version unless it has one.
pub(super) fn record(entry: &Entry, version: u64) -> Result<Reference, Fault> {
    let version = entry.version.unwrap_or(version);
    if version == 0 || i64::try_from(version).is_err() {
        return Err(Fault::of("version")(
            "versions are 1 and more, below 2^63".to_owned(),
        ));
    }
    let (key, facts) = match &entry.order {
        Some(order) => (Some(order_of(order)?), Facts::Order(order_facts(entry)?)),
        None => thing(entry)?,
    };
    Ok(Reference {
        key: key.ok_or("the entry names nothing")?,
        version,
        facts: (!entry.delete).then_some(facts),
    })
}

fn order_of(order: &str) -> Result<String, Fault> {
    order_key(order.trim()).map_err(Fault::of("order"))
}

fn order_facts(entry: &Entry) -> Result<Order, Fault> {
    for (field, is_given) in [
        ("sscc", entry.sscc.is_some()),
        ("grai", entry.grai.is_some()),
        ("serial", entry.serial.is_some()),
        ("lot", entry.lot.is_some()),
    ] {
        if is_given {
            return Err(Fault::of(field)(
                "an order's line has gtin, open, uom, lots and line".to_owned(),
            ));
        }
    }
    let lines = match &entry.lines {
        Some(lines) => lines.iter().map(line).collect::<Result<_, _>>()?,
        None if given(&entry.gtin).is_none() => Vec::new(),
        None => vec![line(entry)?],
    };
    Ok(Order {
        status: text(&entry.status, "status")?,
        lines,
    })
}

fn line(entry: &Entry) -> Result<OrderLine, Fault> {
    let gtin = given(&entry.gtin).ok_or("a line of an order needs a gtin")?;
    let lots = entry.lots.as_ref().map(Names::all).unwrap_or_default();
    let lots = lots.into_iter().map(value::lot);
    Ok(OrderLine {
        item: value::item(gtin).map_err(Fault::of("gtin"))?,
        open: quantity(&entry.open, "open", &entry.uom)?,
        lots: lots.collect::<Result<_, _>>().map_err(Fault::of("lots"))?,
        line: text(&entry.line, "line")?,
    })
}

fn thing(entry: &Entry) -> Result<(Option<String>, Facts), Fault> {
    let carrier = match (given(&entry.sscc), given(&entry.grai)) {
        (Some(_), Some(_)) => return Err("sscc and grai are two carriers".into()),
        (Some(sscc), None) => Some(("sscc", Ai::SSCC, sscc)),
        (None, grai) => grai.map(|grai| ("grai", Ai::GRAI, grai)),
    };
    if let Some((field, ai, number)) = carrier {
        let named = identity(&[(ai, number.to_owned())]).map_err(Fault::of(field))?;
        let key = named.instance_uri().ok_or_else(|| {
            Fault::of(field)("a grai needs its serial number to name one carrier".to_owned())
        })?;
        let contents = match &entry.contents {
            Some(contents) => contents.iter().map(content).collect::<Result<_, _>>()?,
            None if entry.delete => Vec::new(),
            None => vec![content(entry)?],
        };
        return Ok((Some(key), Facts::Contents(contents)));
    }
    if entry.contents.is_some() {
        return Err("contents need an sscc or a grai".into());
    }
    if entry.lines.is_some() {
        return Err("lines need an order".into());
    }
    let gtin = given(&entry.gtin).ok_or("neither order nor sscc nor grai nor gtin is given")?;
    let item = || (Ai::GTIN, gtin14(gtin));
    let expiry = date(&entry.expiry, "expiry")?;
    let lot = given(&entry.lot);
    if let Some(serial) = given(&entry.serial) {
        value::item(gtin).map_err(Fault::of("gtin"))?;
        let named = identity(&[item(), (Ai::SERIAL, serial.to_owned())]);
        let key = named.map_err(Fault::of("serial"))?.instance_uri();
        let lot = match lot {
            Some(lot) => value::lot(lot).map_err(Fault::of("lot"))?,
            None if entry.delete => String::new(),
            None => return Err("a serial number needs its lot".into()),
        };
        return Ok((key, Facts::Serial(Batch { lot, expiry })));
    }
    let lot = lot.ok_or("a gtin needs a serial or a lot")?;
    value::item(gtin).map_err(Fault::of("gtin"))?;
    let named = identity(&[item(), (Ai::LOT, lot.to_owned())]);
    let key = named.map_err(Fault::of("lot"))?.class_uri();
    let facts = Facts::Lot(Lot {
        status: text(&entry.status, "status")?,
        expiry,
        received: date(&entry.received, "received")?,
        quantity: quantity(&entry.quantity, "quantity", &entry.uom)?,
        location: text(&entry.location, "location")?,
        reason: given(&entry.reason).map(value::note),
    });
    Ok((key, facts))
}

fn content(entry: &Entry) -> Result<Content, Fault> {
    let gtin = given(&entry.gtin).ok_or("an entry of a pallet needs a gtin")?;
    let pieces = match &entry.quantity {
        None => None,
        Some(amount) => {
            let text = amount.text();
            let pieces = text.parse::<u64>().map_err(|_| {
                Fault::of("quantity")(format!("quantity \"{text}\" is not a whole number"))
            })?;
            Some(pieces)
        }
    };
    let serial = given(&entry.serial);
    if serial.is_some() && pieces.is_some_and(|pieces| pieces != 1) {
        return Err(Fault::of("quantity")(
            "a serial number is one thing: leave quantity away".to_owned(),
        ));
    }
    value::content(gtin, given(&entry.lot), serial, pieces).map_err(Fault::from)
}

fn quantity(
    amount: &Option<Amount>,
    field: &'static str,
    uom: &Option<String>,
) -> Result<Option<tracegate_pipeline::reference::Quantity>, Fault> {
    let uom = given(uom).map(value::unit).transpose();
    let uom = uom.map_err(Fault::of("uom"))?;
    let quantity = amount.as_ref().map(Amount::text);
    let quantity = quantity.map(|amount| value::quantity(amount.trim(), uom.as_deref()));
    quantity.transpose().map_err(Fault::of(field))
}

fn date(text: &Option<String>, field: &'static str) -> Result<Option<String>, Fault> {
    let date = given(text).map(value::date).transpose();
    date.map_err(|problem| Fault::of(field)(format!("{field} {problem}")))
}

fn text(text: &Option<String>, field: &'static str) -> Result<Option<String>, Fault> {
    let text = given(text).map(value::text).transpose();
    text.map_err(Fault::of(field))
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}
