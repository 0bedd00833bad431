//! What a station has issued: serial numbers, and how much to which order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::reference::Quantity;
use crate::time::Time;

/// Serial numbers remembered per station.
const MAX_GONE: usize = 4_096;
/// Items of orders whose issued amount is remembered per station.
const MAX_ISSUED: usize = 256;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    gone: VecDeque<(String, Time)>,
    issued: VecDeque<Issued>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    order: String,
    item: String,
    /// Of the order's record at the time: a newer one knows of it.
    version: u64,
    quantity: Quantity,
}

impl Past {
    /// When a single thing was issued here.
    pub fn gone(&self, instance: &str) -> Option<Time> {
        let found = self.gone.iter().rev().find(|it| it.0 == instance);
        found.map(|it| it.1)
    }

    /// How much of an item went to an order since the record of this version was made.
    pub fn issued(&self, order: &str, item: &str, version: u64) -> Option<Quantity> {
        let is_it = |it: &&Issued| it.order == order && it.item == item && it.version == version;
        Some(self.issued.iter().find(is_it)?.quantity.clone())
    }

    /// A single thing goes.
    pub fn note_gone(&mut self, instance: &str, at: Time) {
        if self.gone.len() >= MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back((instance.to_owned(), at));
    }

    /// A single thing comes back.
    pub fn note_back(&mut self, instance: &str) {
        self.gone.retain(|it| it.0 != instance);
    }

    /// Some amount goes.
    pub fn note_issued(&mut self, order: &str, item: &str, version: u64, quantity: &Quantity) {
        let before = self.issued(order, item, version);
        let sum = before.and_then(|before| before.plus(quantity));
        self.issued
            .retain(|it| it.order != order || it.item != item);
        if self.issued.len() >= MAX_ISSUED {
            self.issued.pop_front();
        }
        self.issued.push_back(Issued {
            order: order.to_owned(),
            item: item.to_owned(),
            version,
            quantity: sum.unwrap_or_else(|| quantity.clone()),
        });
    }
}
