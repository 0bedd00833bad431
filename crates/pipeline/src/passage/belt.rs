//! What a belt that brings one thing after the other teaches.

use std::collections::{BTreeMap, BTreeSet};

use super::{Load, Passages};
use crate::config::{Direction, Tuning};
use crate::gate::EpcKey;
use crate::presence::{Flip, Tag};
use crate::survey::{Belt, Crossings, Survey, View};
use crate::time::{Span, Time};

impl Passages {
    /// What is known of the belt, if it is one.
    pub(crate) const fn belt(&self) -> &Belt {
        &self.belt
    }

    /// A thing is told: it says what the belt is like, and which tags must have crossed before it.
    pub(super) fn learn_belt(
        &mut self,
        view: &View<'_>,
        direction: Direction,
        crossings: &Crossings,
        survey: &Survey,
    ) -> Vec<(EpcKey, Flip)> {
        if !view.tuning.one_by_one {
            return Vec::new();
        }
        let courses = view.courses(direction, crossings, &survey.moved);
        self.belt.learn(direction, &courses);
        let before = crossings.course.before;
        let before = before.map(|before| before - view.together(crossings));
        before.map_or_else(Vec::new, |before| view.left_behind(direction, before))
    }

    /// Tags that must have crossed are decided as what changed sides is.
    pub(super) fn follow(
        &mut self,
        tuning: &Tuning,
        now: Time,
        crossed: Vec<(EpcKey, Flip)>,
        tags: &mut BTreeMap<EpcKey, Tag>,
    ) {
        for (key, flip) in crossed {
            let Some(tag) = tags.get_mut(&key) else {
                continue;
            };
            let is_told = tag.booked.is_some_and(|it| tag.last - it.at < tuning.rearm);
            if !is_told {
                (tag.flipped, tag.side) = (true, Some(flip.direction.destination()));
                self.add(tuning, now, &key, flip);
            }
        }
    }

    /// What turned out to be on another thing on the belt is decided by itself.
    pub(super) fn leave(&mut self, tuning: &Tuning, now: Time, load: Load) {
        if !load.flips.is_empty() {
            self.open.push(Load {
                first: load.flips.values().min().copied().unwrap_or(load.first),
                last: load.flips.values().max().copied().unwrap_or(load.last),
                decide_at: now + Span(tuning.settle.0 / 8),
                ..load
            });
        }
    }
}

impl Load {
    /// Those of its tags that are on a belt, and not on the thing that crossed first.
    pub(super) fn split_off(&mut self, tuning: &Tuning, crossings: &Crossings) -> Self {
        let first = crossings.all.iter().map(|(key, _)| key);
        let first: BTreeSet<&EpcKey> = first.collect();
        let is_whole = !tuning.one_by_one || first.is_empty();
        let others = |key: &EpcKey, _: &mut Time| !is_whole && !first.contains(key);
        Self {
            flips: self.flips.extract_if(.., others).collect(),
            ..self.clone()
        }
    }
}
