//! What other gates hear of a load, and what was never of it.

use std::collections::BTreeMap;

use super::{Survey, View};
use crate::config::Direction;
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::time::{Span, Time};

/// What another gate hears so many times louder (6 dB) around the time is there, however it seemed to move here.
const FAR: (f64, Span) = (2.0, Span::millis(5_000));
/// A load that is so many times louder here than anywhere else passed here, if no more than this share of its tags is louder
/// there.
const HERE: (f64, usize) = (1.5, 2);
/// What is first heard so long after a load crossed, and is still heard so long after it, came behind it.
const BEHIND: (Span, Span) = (Span::millis(500), Span::millis(3_000));

impl View<'_> {
    /// This gate does not hear these at least `factor` times as loud as every other one around `at`.
    pub fn is_louder_elsewhere(&self, keys: &[EpcKey], at: Time, factor: f64) -> bool {
        let reach = Span(self.tuning.reach.0 * 2 / 3);
        let window = (at - reach, (at + reach).min(self.now));
        self.is_louder_within(keys, window, factor)
    }

    /// The same within a window.
    pub(super) fn is_louder_within(
        &self,
        keys: &[EpcKey],
        (from, until): (Time, Time),
        factor: f64,
    ) -> bool {
        let heard = |tag: &Tag| tag.profile.energy(from, until).sum();
        let own = keys.iter().filter_map(|key| self.tags.get(key));
        let here: f64 = own.map(heard).sum();
        let mut there: BTreeMap<usize, f64> = BTreeMap::new();
        for key in keys {
            for (gate, tag) in self.elsewhere.tags(key) {
                *there.entry(gate).or_default() += heard(tag);
            }
        }
        there.values().any(|sum| *sum * factor > here)
    }

    pub(super) fn is_booked_elsewhere(&self, key: &EpcKey, at: Time) -> bool {
        self.elsewhere.has_booked(key, at)
    }

    /// Another gate hears it far louder: it is there.
    pub fn is_far_louder_elsewhere(&self, key: &EpcKey, at: Time) -> bool {
        let (factor, around) = FAR;
        let (from, until) = (at - around, (at + around).min(self.now));
        let heard = |tag: &Tag| tag.profile.peak(from, until);
        let here = self.tags.get(key).map_or(0.0, heard);
        let mut others = self.elsewhere.tags(key);
        others.any(|(_, tag)| heard(tag) > factor * here)
    }

    /// It is told at another gate, if anywhere. Belts side by side hear each other's things as loud as their own for a while.
    pub(super) fn is_of_another_gate(&self, key: &EpcKey, at: Time) -> bool {
        if self.tuning.one_by_one {
            self.is_far_louder_elsewhere(key, at)
        } else {
            self.is_louder_elsewhere(std::slice::from_ref(key), at, 1.0)
        }
    }

    /// Another gate has to be asked about the load: it has booked some of it, or is not plainly farther away from all of it.
    pub fn may_be_elsewhere(&self, survey: &Survey, at: Time) -> bool {
        let (factor, share) = HERE;
        let there = &survey.louder_elsewhere;
        let all = survey.moved.iter().chain(there).cloned();
        survey.elsewhere > 0
            || there.len() * share > survey.moved.len()
            || (!there.is_empty() && self.is_louder_elsewhere(&all.collect::<Vec<_>>(), at, factor))
    }

    /// At a door, it was first heard when the load had passed, on the side of destination alone, and it stays: something else.
    pub fn came_behind(&self, direction: Direction, key: &EpcKey, at: Time) -> bool {
        let (first, last) = BEHIND;
        let origin = direction.destination().opposite();
        let came_behind = |tag: &Tag| {
            let heard = tag.profile.energy(at - self.tuning.reach, self.now);
            tag.known_since > at + self.tuning.looked(self.tuning.paced(first))
                && tag.last >= at + self.tuning.paced(last)
                && heard.on(origin) <= 0.0
        };
        !self.tuning.one_by_one && self.tags.get(key).is_some_and(came_behind)
    }
}
