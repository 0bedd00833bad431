//! Tags of one item on a belt, sorted into things.
//!
//! No thing is longer than tags of one thing may be apart; and what two things have between them is more than what parts the
//! tags of either. So a row of tags is parted where they are farthest apart, until none of its parts is too long.

use std::collections::BTreeMap;

use super::View;
use super::place::Course;
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::gate::EpcKey;
use crate::time::{Span, Time};

/// What one side alone heard is off by as much as that side is: it may seem so many times as far from the tags of its thing.
const ONE_SIDED: f64 = 1.75;
/// Of more than two tags those that are farthest apart are by chance so much farther, each, and no more than that.
const MORE: (f64, f64) = (0.25, 1.25);

/// A tag of a row, and when it was where.
type Placed = (EpcKey, Course);

impl View<'_> {
    /// The tags of the item of `key` on the thing that it is on, in order, with itself. Those of `cuts` changed sides then; of
    /// all others it is asked what fits best. `limit` is how far apart tags of one thing may be.
    pub(super) fn mates(
        &self,
        direction: Direction,
        key: &EpcKey,
        cuts: &BTreeMap<&EpcKey, Time>,
        around: Time,
        limit: f64,
    ) -> Vec<Placed> {
        let mut row: Vec<(Time, Placed)> = Vec::new();
        let mut one_sided: Vec<Placed> = Vec::new();
        for other in self.tags.keys().filter(|other| other.has_item_of(key)) {
            let cut = cuts.get(other).copied();
            let course = self.whereabouts(direction, other, cut, around);
            let placed = course.and_then(|course| Some((self.belt.place(&course)?, course)));
            let Some((place, course)) = placed else {
                continue;
            };
            let placed = (other.clone(), course);
            let tag = self.tags.get(other);
            if tag.is_some_and(|tag| self.is_one_sided(tag, place) && (tag.ended || cut.is_some()))
            {
                one_sided.push(placed);
            } else {
                row.push((place, placed));
            }
        }
        row.sort_by_key(|(place, _)| *place);
        let row = row.into_iter().map(|(_, placed)| placed).collect();
        let mut things = self.part(row, limit);
        let whole = things.len();
        for (other, course) in one_sided {
            let near = things.iter_mut().enumerate().filter_map(|(index, thing)| {
                let its: Vec<Course> = thing.iter().map(|(_, course)| *course).collect();
                let apart = self.belt.apart(&course, &Course::middle(&its))?;
                let most = limit * if index < whole { ONE_SIDED } else { 1.0 };
                (apart.seconds() <= most).then_some((apart, thing))
            });
            match near.min_by_key(|(apart, _)| *apart) {
                Some((_, thing)) => thing.push((other, course)),
                None => things.push(vec![(other, course)]),
            }
        }
        let is_its = |thing: &Vec<Placed>| thing.iter().any(|(other, _)| other == key);
        things.into_iter().find(is_its).unwrap_or_default()
    }

    /// The things of a row of tags.
    fn part(&self, row: Vec<Placed>, limit: f64) -> Vec<Vec<Placed>> {
        let (mut rows, mut things) = (vec![row], Vec::new());
        while let Some(mut row) = rows.pop() {
            match self.widest_gap(&row, limit) {
                Some(gap) => rows.extend([row.split_off(gap), row]),
                None => things.push(row),
            }
        }
        things.retain(|thing| !thing.is_empty());
        things
    }

    /// Before which of the row it has to be parted, if it is longer than a thing.
    fn widest_gap(&self, row: &[Placed], limit: f64) -> Option<usize> {
        let apart = |one: &Placed, other: &Placed| self.belt.apart(&one.1, &other.1);
        let length = apart(row.first()?, row.last()?)?;
        let more = u32::try_from(row.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(2);
        if length.seconds() <= limit * (1.0 + MORE.0 * f64::from(more)).min(MORE.1) {
            return None;
        }
        let gaps = (1..).zip(row.windows(2)).filter_map(|(index, pair)| {
            let [one, other] = pair else { return None };
            Some((apart(one, other).unwrap_or_default(), index))
        });
        gaps.max().map(|(_, index)| index)
    }

    /// When a tag that was not told was where around a time, if it was heard then.
    pub(super) fn whereabouts(
        &self,
        direction: Direction,
        key: &EpcKey,
        cut: Option<Time>,
        around: Time,
    ) -> Option<Course> {
        let tag = self.tags.get(key)?;
        let reach = self.tuning.reach;
        if tag.last < around - reach || self.is_spent(tag, direction, around) {
            return None;
        }
        let found = || {
            let window = (around - Span(reach.0 / 2), self.now);
            let evidence = Evidence::of(&tag.profile, direction, window, reach)?;
            (evidence.both > 0.0).then_some(evidence.cut)
        };
        let cut = cut.or_else(found);
        Some(self.course(direction, key, cut, around, false))
    }
}
