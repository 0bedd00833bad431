//! On a belt: which tags are on one thing.
//!
//! Tags that cross close to each other are on one thing. How far apart they seem to cross is known better the more was heard
//! of them: so a thing waits until it was heard behind the line, and what is close to the limit a little longer. What comes
//! later still is told as a supplement of the thing that it is on, if both sides heard it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::place::Course;
use super::{Crossings, View, usual};
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::filter::TagClass;
use crate::gate::EpcKey;
use crate::presence::Flip;
use crate::time::{Span, Time};

/// Things closer than this share of the way between the sides are one, and that way takes from, to.
const ONE_THING: (f64, Span, Span) = (0.3, Span::millis(300), Span::millis(3_000));
/// Tags of one item in one thing say where all of it is; those of different items are mostly different things. So what is
/// close in time is taken for one up to this many times as far apart, or no farther than this.
const ITEM: (f64, f64) = (1.75, 0.45);
/// What seems to cross after a thing of its item was told may be this many times as far away from it: it was badly heard, or it
/// would have been decided with it. The second is for what only one side heard: that is off by as much as that side is.
const SUPPLEMENT: (f64, f64) = (1.0, 1.75);
/// Where neighbours are of one item anyway, only what crossed at the same place is of a told thing.
const SAME_PLACE: f64 = 0.5;
/// A thing was told at most this long before its last tag seems to cross, or after: belts stand.
const STOP: Span = Span::millis(8_000);
/// This part of `settle` after a thing is behind the line it is told, whatever has yet to be heard.
const PATIENCE: (i64, i64) = (5, 8);
/// From this share of the limit to that it is unclear whether a tag is on a thing before it was heard as a whole.
const UNCLEAR: std::ops::Range<f64> = 0.7..1.35;
/// Things of different items that follow each other tell how close things are here: of the closest in so many, this share is
/// farther than one thing is long, also where all of it is of one item.
const PITCH: (usize, f64) = (5, 0.75);
/// Neighbours, or things of several tags, that were told lately tell what is usual here if there are so many.
const TOLD: usize = 4;

impl View<'_> {
    /// Of the tags that changed sides, those on the thing that crossed first, and all that is on it with them.
    pub(super) fn first_thing(
        &self,
        direction: Direction,
        mut all: Vec<(EpcKey, Evidence)>,
    ) -> Crossings {
        let together = self.together_of(&all).seconds();
        let item = self.item_tells(together);
        let cuts: BTreeMap<&EpcKey, Time> = all.iter().map(|(key, one)| (key, one.cut)).collect();
        let mates = |key: &EpcKey, cut| self.mates(direction, key, &cuts, cut, item.0 * together);
        let mut on: BTreeSet<EpcKey> = BTreeSet::new();
        let mut course = Course::default();
        let mut in_order: Vec<(Time, &EpcKey)> =
            cuts.iter().map(|(key, cut)| (*cut, *key)).collect();
        in_order.sort_unstable();
        for (cut, key) in in_order {
            if on.is_empty() {
                let mates = mates(key, cut);
                let crossed = mates.iter().filter(|(mate, _)| cuts.contains_key(mate));
                let crossed: Vec<Course> = crossed.map(|(_, course)| *course).collect();
                course = Course::middle(&crossed);
                on.insert(key.clone());
                on.extend(mates.into_iter().map(|(mate, _)| mate));
            } else if !on.iter().any(|other| other.has_item_of(key)) {
                let mates = mates(key, cut);
                let courses: Vec<Course> = mates.iter().map(|(_, course)| *course).collect();
                let apart = self.belt.apart(&Course::middle(&courses), &course);
                let is_kin = self.is_kin(key, &on);
                let share = if is_kin { item.0 } else { item.1 };
                if apart.is_some_and(|apart| apart.seconds() <= share * together) {
                    on.insert(key.clone());
                    on.extend(mates.into_iter().map(|(mate, _)| mate));
                }
            }
        }
        all.retain(|(key, _)| on.contains(key));
        let mut cuts: Vec<Time> = all.iter().map(|(_, one)| one.cut).collect();
        cuts.sort_unstable();
        let courses = all
            .iter()
            .map(|(key, one)| self.course(direction, key, Some(one.cut), one.cut, false));
        let courses: Vec<Course> = courses.collect();
        Crossings {
            centre: cuts.get(cuts.len() / 2).copied(),
            course: Course::middle(&courses),
            all,
            item,
            on,
        }
    }

    /// The tag `key` is on the same thing as those that crossed.
    pub(super) fn is_on_thing(
        &self,
        direction: Direction,
        crossings: &Crossings,
        key: &EpcKey,
        evidence: &Evidence,
    ) -> bool {
        if crossings.on.contains(key) {
            return true;
        }
        if crossings.on.iter().any(|other| other.has_item_of(key)) || evidence.both <= 0.0 {
            return false;
        }
        let share = crossings.share(self.is_kin(key, &crossings.on));
        let most = share * self.together(crossings).seconds();
        let is_close = |course: &Course| {
            let apart = self.belt.apart(course, &crossings.course);
            apart.is_some_and(|apart| apart.seconds() <= most)
        };
        // Where one of its item is, there it is.
        let cuts = BTreeMap::from([(key, evidence.cut)]);
        let course = self.course(direction, key, Some(evidence.cut), evidence.cut, false);
        is_close(&course) && {
            let limit = crossings.item.0 * self.together(crossings).seconds();
            let mates = self.mates(direction, key, &cuts, evidence.cut, limit);
            let courses: Vec<Course> = mates.into_iter().map(|(_, course)| course).collect();
            is_close(&Course::middle(&courses))
        }
    }

    /// The one is a load unit's own tag and the others are goods, or the other way round: what is on one thing has the tag of one
    /// load unit beside those of its goods, which are of another number whatever is around.
    fn is_kin(&self, key: &EpcKey, on: &BTreeSet<EpcKey>) -> bool {
        if self.is_unit(key) {
            !on.iter().any(|other| self.is_unit(other))
        } else {
            on.iter().all(|other| self.is_unit(other))
        }
    }

    fn is_unit(&self, key: &EpcKey) -> bool {
        let tag = self.tags.get(key);
        tag.is_some_and(|tag| tag.class == TagClass::LoadUnit)
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
            let is_kin = |one: &EpcKey| self.is_unit(one) != self.is_unit(key);
            if moved.iter().all(|one| one.has_item_of(key) || is_kin(one)) {
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
        let half = Span(self.belt.transit().unwrap_or_default().0 / 2);
        let patience = Span(self.tuning.settle.0 * PATIENCE.0 / PATIENCE.1);
        if self.now > centre + half + patience {
            return false;
        }
        // What of it only the far side hears is heard by then.
        if !self.is_behind(centre) {
            return true;
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
            let is_same = self.is_item_of(crossings, key) || self.is_kin(key, &crossings.on);
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
    /// told here lately: where one thing after the other is of the same item, or most are of several, it tells nothing. Things
    /// that cross within `together` seconds are one in any case.
    pub(super) fn item_tells(&self, together: f64) -> (f64, f64) {
        let mut told: BTreeMap<(Time, Direction), Vec<&EpcKey>> = BTreeMap::new();
        for (key, tag) in self.tags {
            if let Some(booked) = tag.booked {
                let thing = told.entry((booked.at, booked.direction)).or_default();
                thing.push(key);
            }
        }
        let most = pitch(&told).map_or(ITEM.0, |pitch| {
            (PITCH.1 * pitch / together.max(f64::MIN_POSITIVE)).clamp(1.0, ITEM.0)
        });
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
            if runs { 1.0 } else { most },
            if mixed { 1.0 } else { ITEM.1 },
        )
    }

    /// Things closer in time than this are one.
    pub(crate) fn together(&self, crossings: &Crossings) -> Span {
        self.together_of(&crossings.all)
    }

    fn together_of(&self, all: &[(EpcKey, Evidence)]) -> Span {
        let (share, least, most) = ONE_THING;
        let own = || usual(all, |one| one.transit.seconds());
        let usual = self.belt.transit().map(Span::seconds);
        let transit = usual.or_else(own).unwrap_or(0.0);
        let transit = transit.clamp(least.seconds(), most.seconds());
        #[expect(clippy::cast_possible_truncation, reason = "clamped to seconds")]
        Span((transit * share * 1e6) as i64)
    }
}

/// How many seconds apart things of different items are that follow each other closely, of those that were told, if these are
/// enough to tell.
fn pitch(told: &BTreeMap<(Time, Direction), Vec<&EpcKey>>) -> Option<f64> {
    let is_same = |one: &[&EpcKey], other: &[&EpcKey]| {
        let mut one = one.iter();
        one.any(|key| other.iter().any(|its| its.has_item_of(key)))
    };
    let next = told.iter().zip(told.iter().skip(1));
    let apart =
        next.filter(|(((_, way), tags), ((_, its), others))| way == its && !is_same(tags, others));
    let gaps = apart.map(|(((at, _), _), ((next, _), _))| (*next - *at).seconds());
    let mut gaps: Vec<f64> = gaps.collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let close = gaps.get(gaps.len() / PITCH.0);
    close.filter(|_| gaps.len() >= TOLD).copied()
}
