//! Tags of a load that were heard too seldom to tell a way.

use super::{QUEUE, View, WENT_ALONG};
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::filter::TagClass;
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::time::Time;

/// So many moments are enough to tell a way by themselves.
const WELL_HEARD: usize = 6;

impl View<'_> {
    /// Goods of an item of `members` that were heard only while these crossed, within `window`, and when each did. One read is
    /// enough: no noise has a number of the item that passes, of all items. Where other goods of the item stand, pass as one of
    /// `others`, or are heard by another gate, it may be of these.
    pub fn faint(
        &self,
        direction: Direction,
        members: &[EpcKey],
        others: &[&EpcKey],
        window: (Time, Time),
        contrast: f64,
    ) -> Vec<(EpcKey, Time)> {
        let from = window.0 - self.tuning.reach;
        let middle = Time(window.0.0 + (window.1 - window.0).0 / 2);
        let queue = self.tuning.paced(QUEUE);
        let queue = (middle - queue, middle + queue);
        let queue = self.eyes.passages(direction, queue);
        let items = items(members.iter());
        let near = self
            .tags
            .iter()
            .filter(|(key, tag)| tag.last >= from && is_of(&items, key) && !members.contains(key));
        let near: Vec<(&EpcKey, &Tag)> = near.collect();
        let was_here =
            |tag: &Tag| tag.known_since < from || tag.booked.is_some_and(|it| it.at >= from);
        let stock = near.iter().filter(|(_, tag)| was_here(tag));
        let stock = stock.map(|(key, _)| key).chain(others);
        let stock = self::items(stock.copied());
        let heard = near.into_iter().filter(|(key, tag)| {
            tag.class == TagClass::Cargo
                && !is_of(&stock, key)
                && !self.is_spent(tag, direction, window.1)
                && !self.elsewhere.tags(key).any(|(_, it)| it.is_around())
        });
        let crossed = heard.filter_map(|(key, tag)| {
            let one = Evidence::of(&tag.profile, direction, window, self.tuning.reach)?;
            let went = one.moments < WELL_HEARD
                && one.sequence > -WENT_ALONG * contrast
                && self.is_of_passage(tag, direction, middle, &queue);
            went.then(|| (key.clone(), one.cut))
        });
        crossed.collect()
    }
}

/// One tag of each item.
fn items<'k>(keys: impl Iterator<Item = &'k EpcKey>) -> Vec<&'k EpcKey> {
    let mut items = Vec::new();
    for key in keys {
        if !is_of(&items, key) {
            items.push(key);
        }
    }
    items
}

fn is_of(items: &[&EpcKey], key: &EpcKey) -> bool {
    items.iter().any(|item| key.has_item_of(item))
}
