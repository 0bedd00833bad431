//! On a belt: which tags are on one thing.
//!
//! Two times tell when a tag crosses. Where the louder side changes is one; but between the antennas of both sides tags are
//! silent for a while, some for longer than others of the same thing. When the tag was loudest before is the other, and
//! that is known before it is heard on the other side.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{Crossings, View};
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::time::{Span, Time};

/// Things closer than this share of the way between the sides are one, and that way takes from, to.
const ONE_THING: (f64, Span, Span) = (0.3, Span::millis(300), Span::millis(3_000));
/// Tags of one item in one thing say where all of it is; those of different items are mostly different things. So what is
/// close in time is taken for one up to this many times as far apart, or no farther than this.
const ITEM: (f64, f64) = (1.5, 0.45);
/// Neighbours, or things of several tags, that were told lately tell what is usual here if there are so many.
const TOLD: usize = 4;

impl View<'_> {
    /// The tag `key` is on the same thing as those that crossed.
    pub(super) fn is_on_thing(
        &self,
        direction: Direction,
        crossings: &Crossings,
        key: &EpcKey,
        evidence: &Evidence,
    ) -> bool {
        let Some(centre) = crossings.centre else {
            return false;
        };
        // Its own change of side tells more than what fits best around that of others.
        let own = crossings.all.iter().find(|(other, _)| other == key);
        let cut = own.map_or(evidence.cut, |(_, own)| own.cut);
        let crossed = own.is_some() || evidence.both > 0.0;
        let is_same = self.is_item_of(crossings, key);
        let course = self.came(direction, key, centre).zip(crossings.came);
        let course = course.map(|(own, its)| own - its);
        let apart = match course {
            Some(course) if crossed => Span((course.0 + (cut - centre).0) / 2),
            Some(course) if is_same => course,
            None if crossed => cut - centre,
            _ => return false,
        };
        let share = if is_same {
            crossings.item.0
        } else {
            crossings.item.1
        };
        apart.abs().seconds() <= share * self.together(crossings).seconds()
    }

    /// Most of `others` are on the same thing as those that crossed.
    pub fn is_one_thing(
        &self,
        direction: Direction,
        crossings: &Crossings,
        others: &Crossings,
    ) -> bool {
        let all = others.all.iter();
        let with = all.filter(|(key, one)| self.is_on_thing(direction, crossings, key, one));
        with.count() * 2 >= others.all.len().max(1)
    }

    /// All of these are of the item of a thing that was told, and crossed where it did: two things are never at the same
    /// place, so they are what was heard of it too late.
    pub fn is_of_told(
        &self,
        direction: Direction,
        crossings: &Crossings,
        moved: &[EpcKey],
    ) -> bool {
        let Some(at) = crossings.median() else {
            return false;
        };
        let near = Span(self.together(crossings).0 / 2);
        let is_told = |tag: &Tag| {
            tag.booked.is_some_and(|booked| {
                booked.direction == direction && (booked.at - at).abs() <= near
            })
        };
        let mut told = self.tags.iter().filter(|(_, tag)| is_told(tag));
        told.any(|(key, _)| moved.iter().all(|one| one.has_item_of(key)))
    }

    /// One of those that crossed is of the same item as the tag `key`.
    pub(super) fn is_item_of(&self, crossings: &Crossings, key: &EpcKey) -> bool {
        crossings
            .all
            .iter()
            .any(|(other, _)| other.has_item_of(key))
    }

    /// How much farther apart than usual tags of one item may be on one thing, and those of different items, by what was
    /// told here lately: where one thing after the other is of the same item, or most are of several, it tells nothing.
    pub(super) fn item_tells(&self) -> (f64, f64) {
        let mut told: BTreeMap<(Time, Direction), Vec<&EpcKey>> = BTreeMap::new();
        for (key, tag) in self.tags {
            if let Some(booked) = tag.booked {
                let thing = told.entry((booked.at, booked.direction)).or_default();
                thing.push(key);
            }
        }
        let things: Vec<Vec<&EpcKey>> = told.into_values().collect();
        let usual = |all: usize, of: usize| all >= TOLD && of * 2 > all;
        let is_same = |pair: &&[Vec<&EpcKey>]| match pair {
            [one, other] => one
                .iter()
                .any(|key| other.iter().any(|its| its.has_item_of(key))),
            _ => false,
        };
        let neighbours = things.windows(2);
        let runs = usual(neighbours.len(), neighbours.filter(is_same).count());
        let several = things.iter().filter(|thing| thing.len() > 1);
        let is_mixed = |thing: &&Vec<&EpcKey>| match thing.split_first() {
            Some((first, rest)) => rest.iter().any(|key| !key.has_item_of(first)),
            None => false,
        };
        let mixed = usual(several.clone().count(), several.filter(is_mixed).count());
        (
            if runs { 1.0 } else { ITEM.0 },
            if mixed { 1.0 } else { ITEM.1 },
        )
    }

    /// Things closer in time than this are one.
    pub(super) fn together(&self, crossings: &Crossings) -> Span {
        let (share, least, most) = ONE_THING;
        let transit = crossings.usual(|one| one.transit.seconds()).unwrap_or(0.0);
        let transit = transit.clamp(least.seconds(), most.seconds());
        #[expect(clippy::cast_possible_truncation, reason = "clamped to seconds")]
        Span((transit * share * 1e6) as i64)
    }

    /// When the tag was loudest on the side it came from, before it crossed at about `centre`.
    pub(super) fn came(&self, direction: Direction, key: &EpcKey, centre: Time) -> Option<Time> {
        let (tag, reach) = (self.tags.get(key)?, self.tuning.reach);
        let from = (centre - reach - reach).later(tag.free_from(self.tuning));
        let origin = direction.destination().opposite();
        tag.profile.loudest(origin, from, centre + reach)
    }
}
