//! Loads that halt in the doorway.
//!
//! Most of such a load may have crossed, and say beyond doubt that it passed, while its tail still stands on the side that
//! it came from. It is booked as soon as that is clear; it is told when it has left the gate, with those of its tags that
//! crossed then.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Decided, Decision, Passages};
use crate::config::{Direction, Tuning};
use crate::eyes::Eyes;
use crate::gate::{Elsewhere, EpcKey};
use crate::presence::{Flip, Tag};
use crate::survey::View;
use crate::time::{Span, Time};

/// A load is in the doorway as long as at least one in so many of its tags stands before it.
const TAIL: usize = 6;

/// A load that is booked and not told yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Halting {
    flip: Flip,
    /// Its tags so far, in order, and when each crossed.
    members: BTreeMap<EpcKey, Time>,
    /// Tags that came with it and stood on its side of origin when it was booked.
    tail: BTreeSet<EpcKey>,
    /// Sequence that is usual among its tags.
    contrast: f64,
    /// When it is looked at next.
    pub(super) due: Time,
    /// Then it is told, wherever it is.
    latest: Time,
    /// When it was found to have left.
    left: Option<Time>,
}

impl Halting {
    /// The booked load of `decision` if it stands in the gate, or `stood` there until now; it is told at `latest`.
    pub(super) fn of(
        view: &View<'_>,
        decision: &Decision,
        mut tail: BTreeSet<EpcKey>,
        contrast: f64,
        (stood, latest): (bool, Time),
    ) -> Option<Self> {
        let keys = decision.members.iter().map(|(key, _)| key.clone());
        tail.retain(|key| !decision.members.iter().any(|(member, _)| member == key));
        let mut halting = Self {
            flip: Flip {
                direction: decision.direction,
                at: decision.at,
            },
            members: keys.zip(decision.crossed.iter().copied()).collect(),
            tail,
            contrast,
            due: view.now,
            latest,
            left: None,
        };
        let halts = !halting.tail.is_empty() && (stood || halting.stands(view));
        (halts && halting.waits(view)).then_some(halting)
    }

    /// Some of it moves back, `way`.
    pub(super) fn is_undone(&self, way: Direction, flips: &BTreeMap<EpcKey, Time>) -> bool {
        self.flip.direction != way && flips.keys().any(|key| self.members.contains_key(key))
    }

    /// It is told now, wherever it is.
    pub(super) fn hurry(&mut self, now: Time) {
        (self.due, self.latest) = (now, now);
    }

    fn stands(&self, view: &View<'_>) -> bool {
        self.tail.len() * TAIL > self.members.len() && view.are_still_loud(self.members.keys())
    }

    /// Whether it is to be looked at again. Once it has left, its tail is given the time that it takes to be heard on the other
    /// side.
    fn waits(&mut self, view: &View<'_>) -> bool {
        let settle = view.tuning.settle;
        if self.left.is_some() || view.now >= self.latest {
            return false;
        }
        let step = if self.stands(view) {
            Span(settle.0 / 8)
        } else {
            self.left = Some(view.now);
            Span(settle.0 * 3 / 4)
        };
        self.due = (view.now + step).min(self.latest);
        true
    }

    /// Of its tail, and of what was hardly heard of it, what went the same way since, and when. `others` are of other loads.
    fn rest(&self, view: &View<'_>, others: &[&EpcKey]) -> BTreeMap<EpcKey, Time> {
        let direction = self.flip.direction;
        let from = self.left.unwrap_or(view.now) - view.tuning.settle;
        let crossed = self.tail.iter().filter_map(|key| {
            let tag = view.tags.get(key)?;
            let cut = view.crossed_since(direction, key, from, self.contrast)?;
            (!view.is_spent(tag, direction, cut)).then(|| (key.clone(), cut))
        });
        let mut rest: BTreeMap<EpcKey, Time> = crossed.collect();
        let all: Vec<EpcKey> = self.members.keys().chain(rest.keys()).cloned().collect();
        // What is heard before the line alone stayed there, or is of what comes behind.
        let window = (self.flip.at, self.left.unwrap_or(from));
        let is_behind = |key: &EpcKey| {
            let tag = view.tags.get(key);
            let heard = tag.map(|tag| tag.profile.energy(window.0, view.now));
            heard.is_some_and(|it| it.on(direction.destination()) > 0.0)
        };
        let faint = view.faint(direction, &all, others, window, self.contrast);
        rest.extend(faint.into_iter().filter(|(key, _)| is_behind(key)));
        rest
    }

    fn decision(self, view: &View<'_>, rest: &BTreeMap<EpcKey, Time>) -> Decision {
        let Flip { direction, at } = self.flip;
        let mut members = self.members;
        members.extend(rest.clone());
        let pc_of = |key: &EpcKey| view.tags.get(key).and_then(|tag| tag.pc);
        Decision {
            direction,
            at,
            crossed: members.values().copied().collect(),
            members: members
                .into_keys()
                .map(|key| {
                    let pc = pc_of(&key);
                    (key, pc)
                })
                .collect(),
            uncertainty: Span::default(),
            surroundings: Vec::new(),
            refused: None,
            late: None,
            carriers: Vec::new(),
            eyes: view.eyes.says(view.tuning, direction, at),
        }
    }
}

impl Passages {
    /// The load that halts in the doorway and whose tail most of `moved` are, by when it crossed: they follow it.
    pub(super) fn halts_before(&self, direction: Direction, moved: &[EpcKey]) -> Option<Time> {
        let is_tail_of = |halting: &&Halting| {
            let its = moved.iter().filter(|key| halting.tail.contains(*key));
            halting.flip.direction == direction && its.count() * 2 > moved.len()
        };
        let halting = self.halting.iter().find(is_tail_of);
        halting.map(|it| it.flip.at)
    }

    /// Adds `rest` to the load that it is of if that is not told yet; true then.
    pub(super) fn joins_halting(&mut self, rest: &Decision) -> bool {
        let of = Flip {
            direction: rest.direction,
            at: rest.at,
        };
        let Some(halting) = self.halting.iter_mut().find(|it| it.flip == of) else {
            return false;
        };
        for ((key, _), at) in rest.members.iter().zip(&rest.crossed) {
            halting.tail.remove(key);
            halting.members.insert(key.clone(), *at);
        }
        true
    }

    /// When a load that halts is looked at next.
    pub(crate) fn halt_due(&self) -> Option<Time> {
        self.halting.iter().map(|halting| halting.due).min()
    }

    /// Looks at a load that is due; tells it once it is over, with the rest of its tags.
    pub(super) fn end_halt(
        &mut self,
        tuning: &Tuning,
        now: Time,
        tags: &mut BTreeMap<EpcKey, Tag>,
        elsewhere: &Elsewhere<'_>,
        eyes: &Eyes,
    ) -> Decided {
        let view = View {
            tuning,
            now,
            tags,
            elsewhere,
            eyes,
            belt: self.belt,
            awake: self.awake,
        };
        let due = self.halting.iter().position(|it| it.due <= now);
        let over = due.filter(|index| {
            let halting = self.halting.get_mut(*index);
            halting.is_some_and(|it| !it.waits(&view))
        });
        let Some(index) = over else {
            return Decided::default();
        };
        let halting = self.halting.remove(index);
        let mut own: Vec<EpcKey> = halting.members.keys().cloned().collect();
        own.extend(halting.tail.iter().cloned());
        let rest = halting.rest(&view, &self.others(&own));
        let decision = halting.decision(&view, &rest);
        for (key, at) in &rest {
            let direction = decision.direction;
            self.use_up(Flip { direction, at: *at }, key, tags);
        }
        self.open.retain(|load| !load.flips.is_empty());
        Decided::told(decision, rest.into_keys().collect())
    }
}
