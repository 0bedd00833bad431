//! The kinds of facts.

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;
use crate::mapping::escaped;

/// The kinds of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    /// What a carrier holds.
    Contents(Vec<Content>),
    /// Where a serial number comes from.
    Serial(Batch),
    /// How a lot is.
    Lot(Lot),
    /// What an order asks for.
    Order(Order),
    /// Which lots of an item may be used.
    Item(Item),
}

/// One entry of a carrier's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The thing, or the class of things, as canonical URI.
    pub item: String,
    /// True for a single thing, false for some amount of a class.
    pub instance: bool,
    /// The lot of a single thing, if it is known.
    pub lot: Option<String>,
    /// How many pieces of a class, if it is known and they are pieces.
    pub pieces: Option<u64>,
}

/// The batch that a serial number belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Lot number.
    pub lot: String,
    /// Expiry as `YYMMDD`, as in AI (17).
    pub expiry: Option<String>,
}

/// How a lot is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// The store's word for it, such as `released` or `hold`.
    pub status: Option<String>,
    /// Expiry as `YYMMDD`, as in AI (17).
    pub expiry: Option<String>,
    /// When it was received, as `YYMMDD`.
    pub received: Option<String>,
    /// How much of it there is.
    pub quantity: Option<Quantity>,
    /// Where it is kept, in the site's own words or as a URI.
    pub location: Option<String>,
    /// Why it is on hold.
    pub reason: Option<String>,
}

/// A production order, or another order that material is issued to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The site's word for it, such as `open` or `closed`.
    pub status: Option<String>,
    /// What it asks for.
    #[serde(default)]
    pub lines: Vec<OrderLine>,
}

impl Order {
    /// The key of an order's record: a URI stands for itself, any other name becomes `tracegate:order/NAME`, where all but
    /// `A-Z a-z 0-9 - . _ ~` is percent-encoded.
    #[must_use]
    pub fn key(name: &str) -> String {
        if is_uri(name) {
            return name.to_owned();
        }
        format!("tracegate:order/{}", escaped(name))
    }
}

/// A scheme of at least two letters and something behind it (RFC 3986 §3.1): `1:2` and `A:1` are names.
fn is_uri(name: &str) -> bool {
    let is_scheme = |scheme: &str| {
        let mut letters = scheme.chars();
        scheme.len() > 1
            && letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    let is_plain = name.bytes().all(|b| b.is_ascii_graphic());
    is_plain
        && name
            .split_once(':')
            .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The item, as class URI of its GTIN.
    pub item: String,
    /// How much is still to be issued.
    pub open: Option<Quantity>,
    /// Lots that may be used; any lot if there are none.
    #[serde(default)]
    pub lots: Vec<String>,
    /// The line's own number or name.
    pub line: Option<String>,
}

/// Which lots of an item may be used: those that are released, the soonest to expire first. It is made by the look-up from
/// the records of the lots and is not stored itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The lots, [`Item::MOST`] at most.
    #[serde(default)]
    pub lots: Vec<ItemLot>,
}

impl Item {
    /// Lots told of one item at most.
    pub const MOST: usize = 16;
}

/// A lot of an item that may be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemLot {
    /// Lot number.
    pub lot: String,
    /// Expiry as `YYMMDD`.
    pub expiry: Option<String>,
    /// When it was received, as `YYMMDD`.
    pub received: Option<String>,
    /// Where it is kept.
    pub location: Option<String>,
}

impl Facts {
    /// How much it counts against the bound.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Contents(contents) => 1 + contents.len(),
            Self::Serial(_) | Self::Lot(_) => 1,
            Self::Order(order) => {
                let lots: usize = order.lines.iter().map(|line| line.lots.len()).sum();
                1 + order.lines.len() + lots
            }
            Self::Item(item) => 1 + item.lots.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_named_by_its_uri_or_its_number() {
        for (name, key) in [
            ("4711", "tracegate:order/4711"),
            ("PO 47/11", "tracegate:order/PO%2047%2F11"),
            ("A:1", "tracegate:order/A%3A1"),
            (
                "urn:epcglobal:cbv:bt:4012345000009:PO1",
                "urn:epcglobal:cbv:bt:4012345000009:PO1",
            ),
            ("https://id.example/order/1", "https://id.example/order/1"),
            ("no:space here", "tracegate:order/no%3Aspace%20here"),
        ] {
            assert_eq!(Order::key(name), key);
        }
    }
}
