//! On a belt: which tags are on one thing.
//!
//! Tags that cross close to each other are on one thing. How far apart they seem to cross is known better the more was heard
//! of them: so what is close to the limit waits until it was heard behind the line. What comes later still is told as a
//! supplement of the thing that it is on.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::place::Course;
use super::{Crossings, View};
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::gate::EpcKey;
use crate::presence::Flip;
use crate::time::{Span, Time};

/// Things closer than this share of the way between the sides are one, and that way takes from, to.
const ONE_THING: (f64, Span, Span) = (0.3, Span::millis(300), Span::millis(3_000));
/// Tags of one item in one thing say where all of it is; those of different items are mostly different things. So what is
/// close in time is taken for one up to this many times as far apart, or no farther than this.
const ITEM: (f64, f64) = (1.3, 0.45);
/// What seems to cross after a thing of its item was told may be this many times as far away from it: it was badly heard, or it
/// would have been decided with it. The second is for what only one side heard: that is off by as much as that side is.
const SUPPLEMENT: (f64, f64) = (1.15, 2.0);
/// Where neighbours are of one item anyway, only what crossed at the same place is of a told thing.
const SAME_PLACE: f64 = 0.5;
/// A thing was told at most this long before its last tag seems to cross, or after: belts stand.
const STOP: Span = Span::millis(8_000);
/// From this share of the limit to that it is unclear whether a tag is on a thing before it was heard as a whole.
const UNCLEAR: std::ops::Range<f64> = 0.5..1.6;
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
        if !crossed && !is_same {
            return false;
        }
        let cut = crossed.then_some(cut);
        let course = self.course(direction, key, cut, centre, false);
        let Some(apart) = self.belt.apart(&course, &crossings.course) else {
            return false;
        };
        let share = crossings.share(is_same);
        apart.seconds() <= share * self.together(crossings).seconds()
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

    /// The thing that these are on if it was told before, by when it was told to have crossed: all are of its item, and crossed
    /// where it did.
    pub fn told_thing(
        &self,
        direction: Direction,
        crossings: &Crossings,
        moved: &[EpcKey],
    ) -> Option<Time> {
        let at = crossings.median().filter(|_| self.tuning.one_by_one)?;
        let mut things: BTreeMap<Time, Vec<Course>> = BTreeMap::new();
        for (key, tag) in self.tags {
            let near = |it: &Flip| it.direction == direction && (it.at - at).abs() <= STOP;
            let Some(booked) = tag.booked.filter(near) else {
                continue;
            };
            if moved.iter().all(|one| one.has_item_of(key)) {
                let margin = Span(self.tuning.reach.0 / 4);
                let window = (booked.at - margin, booked.at + margin);
                let its = Evidence::of(&tag.profile, direction, window, self.tuning.reach);
                let cut = its.map_or(booked.at, |its| its.cut);
                let course = self.course(direction, key, Some(cut), cut, true);
                things.entry(booked.at).or_default().push(course);
            }
        }
        let is_one_sided = |(key, one): &(EpcKey, Evidence)| {
            let tag = self.tags.get(key);
            tag.is_some_and(|tag| self.is_one_sided(tag, one.cut))
        };
        let share = match crossings.item.0 {
            ..=1.0 => SAME_PLACE,
            item if crossings.all.iter().all(is_one_sided) => item * SUPPLEMENT.1,
            item => item * SUPPLEMENT.0,
        };
        let most = share * self.together(crossings).seconds();
        let apart = things.into_iter().filter_map(|(told, courses)| {
            let its = Course::middle(&courses);
            let apart = self.belt.apart(&its, &crossings.course)?;
            (apart.seconds() <= most).then_some((apart, told))
        });
        apart.min().map(|(_, told)| told)
    }

    /// Something that may or may not be on the thing has yet to be heard as a whole, or it itself has.
    pub fn is_unsure(&self, direction: Direction, crossings: &Crossings) -> bool {
        let Some(centre) = crossings.centre.filter(|_| self.tuning.one_by_one) else {
            return false;
        };
        let settle = self.tuning.settle;
        if self.now > centre + settle + settle {
            return false;
        }
        let together = self.together(crossings).seconds();
        let from = crossings.course.before.unwrap_or(centre);
        let window = (centre - Span(self.tuning.reach.0 / 4), self.now);
        self.tags.iter().any(|(key, tag)| {
            let crossed = crossings.all.iter().any(|(other, _)| other == key);
            if tag.last < from || crossed || self.is_spent(tag, direction, centre) {
                return false;
            }
            let evidence = Evidence::of(&tag.profile, direction, window, self.tuning.reach);
            let Some(evidence) = evidence else {
                return false;
            };
            let is_same = self.is_item_of(crossings, key);
            let cut = (evidence.both > 0.0).then_some(evidence.cut);
            if cut.is_none() && !is_same {
                return false;
            }
            let course = self.course(direction, key, cut, centre, false);
            if course.behind.is_some() && crossings.course.behind.is_some() {
                return false;
            }
            let share = crossings.share(is_same);
            let apart = self.belt.apart(&course, &crossings.course);
            apart.map_or(is_same, |apart| {
                UNCLEAR.contains(&(apart.seconds() / (share * together)))
            })
        })
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
    pub(crate) fn together(&self, crossings: &Crossings) -> Span {
        let (share, least, most) = ONE_THING;
        let own = || crossings.usual(|one| one.transit.seconds());
        let usual = self.belt.transit().map(Span::seconds);
        let transit = usual.or_else(own).unwrap_or(0.0);
        let transit = transit.clamp(least.seconds(), most.seconds());
        #[expect(clippy::cast_possible_truncation, reason = "clamped to seconds")]
        Span((transit * share * 1e6) as i64)
    }
}
