//! The kinds of facts.

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

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
