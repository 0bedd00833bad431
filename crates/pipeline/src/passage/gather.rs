//! Which changes of side that are not decided yet are of one load.

use super::{Load, Passages};
use crate::config::Direction;
use crate::gate::EpcKey;
use crate::survey::{Crossings, Survey, View};

/// Of what stood in the gate and went back, at least one in so many of those that turned changed sides before.
const STRAY: usize = 4;

impl Passages {
    /// Adds to `load` what belongs to it: a load that waits in the gate crosses in pieces.
    pub(super) fn gather(&mut self, view: &View<'_>, load: &mut Load) -> Crossings {
        let one_by_one = view.tuning.one_by_one;
        let mut crossings = view.crossings(load.direction, &load.flips);
        let mut index = 0;
        while let Some(other) = self.open.get(index) {
            let is_part = other.direction == load.direction && !other.apart && !load.apart && {
                let its = view.crossings(other.direction, &other.flips);
                let near = view.is_one_load(load.direction, &crossings, &its);
                let at_once = its
                    .median()
                    .zip(crossings.median())
                    .is_some_and(|(its, own)| {
                        view.are_loud(load.flips.keys(), its)
                            && view.are_loud(other.flips.keys(), own)
                    });
                let same = view.is_one_passage(load.direction, crossings.median(), its.median());
                let other_one =
                    view.are_two_passages(load.direction, crossings.median(), its.median());
                // What stands in the doorway lets nothing else pass.
                let stood = load.held
                    && crossings
                        .median()
                        .is_some_and(|own| view.are_new(load.flips.keys(), own));
                let as_one = || {
                    let both = crossings.median().zip(its.median());
                    both.is_some_and(|(own, its)| {
                        let keys: Vec<&EpcKey> = load.flips.keys().collect();
                        let others: Vec<&EpcKey> = other.flips.keys().collect();
                        view.are_one_load((&keys, own), (&others, its))
                    })
                };
                let is_part = || stood || other.held || at_once || as_one();
                near || same || (!one_by_one && !other_one && is_part())
            };
            if is_part {
                let other = self.open.remove(index);
                load.flips.extend(other.flips);
                load.first = load.first.min(other.first);
                load.held |= other.held;
                load.tail.extend(other.tail);
                crossings = view.crossings(load.direction, &load.flips);
                index = 0;
            } else {
                index += 1;
            }
        }
        crossings
    }

    /// The load that most of those that moved belong to by their own change of side, if it is not decided yet.
    pub(super) fn main_part(&mut self, direction: Direction, survey: &Survey) -> Option<&mut Load> {
        self.open.iter_mut().find(|other| {
            let moved = survey.moved.iter();
            let its = moved.filter(|key| other.flips.contains_key(*key)).count();
            other.direction == direction && !other.apart && its * 2 > survey.moved.len()
        })
    }

    /// What stood in the gate, `own` of which changed sides, also moved the other way, all of it, and neither is decided:
    /// neither counts.
    pub(super) fn has_turned_back(
        &mut self,
        view: &View<'_>,
        (direction, own): (Direction, usize),
        survey: &Survey,
    ) -> bool {
        let others = self.open.iter().filter(|it| it.direction != direction);
        let others: usize = others.map(|it| it.flips.len()).sum();
        // A few stray changes of side beside a load that goes the other way, perhaps in pieces, say nothing of that.
        if own * STRAY < others {
            return false;
        }
        let cancels = |other: &Load| {
            let back = view.crossings(other.direction, &other.flips);
            let back = view.survey(other.direction, &back).moved;
            let is_in = |key: &&EpcKey| survey.moved.contains(key) || survey.company.contains(key);
            let both = back.iter().filter(is_in).count();
            // What crosses behind it, or passes another door, is no other load's turning back.
            let own = other.flips.keys().filter(is_in).count();
            own * 2 > other.flips.len() && both * 2 > survey.moved.len().max(back.len())
        };
        let before = self.open.len();
        self.open
            .retain(|other| other.direction == direction || !cancels(other));
        self.open.len() < before
    }
}
