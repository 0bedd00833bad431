//! What crosses a door after the load that it is of was told.

use std::collections::BTreeMap;

use super::{Decided, Decision, Passages, Passed};
use crate::config::Direction;
use crate::gate::EpcKey;
use crate::presence::{Flip, Tag};
use crate::survey::{Crossings, Survey, View};
use crate::time::{Span, Time};

/// What crosses within this of a booked load, and is less than half of it, is the rest of it.
const REST: Span = Span::millis(1_500);
/// What crosses later than this after a load that it was not heard with is of another one, unless it is less than a quarter of it
/// and photo-eyes saw nothing else pass.
const PROMPT: Span = Span::millis(2_000);

impl View<'_> {
    /// These seemed to change sides once more as the load that they were told with went by: nobody need hear of that.
    pub(super) fn are_of_told(&self, direction: Direction, spent: &BTreeMap<EpcKey, Time>) -> bool {
        let is_of_told = |(key, at): (&EpcKey, &Time)| {
            let booked = self.tags.get(key).and_then(|tag| tag.booked);
            let near = |it: Flip| (*at - it.at).abs() <= self.tuning.reach;
            booked.is_some_and(|it| it.direction == direction && near(it))
        };
        !spent.is_empty() && spent.iter().all(is_of_told)
    }
}

impl Passages {
    /// The load, by when it crossed, that these few tags crossed a door with, or while it still stood there; the thing on a belt
    /// that they are on.
    pub(super) fn rest_of(
        &self,
        view: &View<'_>,
        direction: Direction,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
    ) -> Option<Time> {
        if survey.moved.is_empty() {
            return None;
        }
        if view.tuning.one_by_one {
            return view.told_thing(direction, crossings, &survey.moved);
        }
        if let Some(halts) = self.halts_before(direction, &survey.moved) {
            return Some(halts);
        }
        let own: Vec<&EpcKey> = survey.moved.iter().collect();
        let is_rest_of = |passed: &Passed| {
            let booked = Flip {
                direction,
                at: passed.at,
            };
            if passed.direction != direction {
                return false;
            }
            let its = view.tags.iter();
            let its = its.filter(|(_, tag)| tag.booked == Some(booked));
            let its: Vec<&EpcKey> = its.map(|(key, _)| key).collect();
            let is_prompt = at - passed.at <= view.tuning.looked(PROMPT);
            let is_little = own.len() * 4 <= passed.tags
                && view.eyes.passage(view.tuning, direction, at).is_none();
            let is_less = own.len() * 2 <= passed.tags && (is_prompt || is_little);
            (is_less
                && ((passed.at - at).abs() <= view.tuning.looked(REST)
                    || view.are_loud(own.iter().copied(), passed.at)
                    || view.are_loud(its.iter().copied(), at)))
                || (view.eyes.passage(view.tuning, direction, at).is_none()
                    && (view.are_one_load((&own, at), (&its, passed.at))
                        || view.are_too_close(direction, (&its, passed.at), (&own, at))))
        };
        let its = self.passed.iter().filter(|it| is_rest_of(it));
        its.map(|it| it.at).min_by_key(|its| (*its - at).abs())
    }

    /// Leaves of what seems to be the rest of the load that crossed at `told` what had come with it. What stood here before moves
    /// too, in its shadow and by what it reflects, and where it was new itself, none of that is of it.
    pub(super) fn keep_rest(
        view: &View<'_>,
        direction: Direction,
        told: Time,
        survey: &mut Survey,
    ) {
        let booked = Some(Flip {
            direction,
            at: told,
        });
        let its = view.tags.iter().filter(|(_, tag)| tag.booked == booked);
        if !view.tuning.one_by_one && view.are_new(its.map(|(key, _)| key), told) {
            survey.moved.retain(|key| view.is_new(key, told));
        }
    }

    /// The rest of a load that was told, or is going to be.
    pub(super) fn supplement(
        &mut self,
        decision: Decision,
        tags: &mut BTreeMap<EpcKey, Tag>,
    ) -> Decided {
        let (direction, at) = (decision.direction, decision.at);
        let mut passed = self.passed.iter_mut();
        if let Some(passed) = passed.find(|it| it.direction == direction && it.at == at) {
            passed.tags += decision.members.len();
        }
        let keys = decision.members.iter().map(|(key, _)| key.clone());
        let keys: Vec<EpcKey> = keys.collect();
        for key in &keys {
            self.use_up(Flip { direction, at }, key, tags);
        }
        self.open.retain(|load| !load.flips.is_empty());
        if self.joins_halting(&decision) {
            return Decided {
                booked: keys,
                ..Decided::default()
            };
        }
        Decided::told(decision, keys)
    }
}
