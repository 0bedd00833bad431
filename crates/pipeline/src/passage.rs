//! Loads: tags that changed sides together, and the one decision that each load gets.
//!
//! A change of side of a single tag only raises the question. It is answered with all that was heard around it: when the
//! load crossed, which tags crossed with it, which stayed, and whether another gate heard it better.

mod belt;
mod gather;
mod halt;
mod judge;
mod rest;
mod tailgate;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::halt::Halting;
use crate::config::{Direction, Tuning};
use crate::eyes::{Eyes, Says};
use crate::gate::{Elsewhere, EpcKey};
use crate::input::NonEventReason;
use crate::presence::{Flip, Tag};
use crate::sensing::Surroundings;
use crate::survey::{Belt, View};
use crate::time::{Span, Time};

/// A load is decided at the latest this long after its first change of side, however many keep coming.
const LONGEST_LOAD: Span = Span::millis(30_000);
/// Loads open at one read point at most; beyond, the oldest is decided early. So many booked ones are remembered, too.
pub(crate) const MAX_LOADS: usize = 64;

/// Changes of side in one direction that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Load {
    direction: Direction,
    flips: BTreeMap<EpcKey, Time>,
    first: Time,
    last: Time,
    decide_at: Time,
    /// It still stood in the gate when it was due.
    held: bool,
    /// Tags that stood before the doorway meanwhile.
    tail: BTreeSet<EpcKey>,
    /// Photo-eyes, or all that is heard, told it from the one before it.
    apart: bool,
}

impl Load {
    /// When it is to be decided at the latest, unless it stands in the gate. Most of a load crosses within `load_gap` of its
    /// middle; a tag that seems to cross long after was badly heard, and the others do not wait for it: what was heard of it
    /// by then says whether it went along.
    fn due(&self, tuning: &Tuning) -> Time {
        let mut times: Vec<Time> = self.flips.values().copied().collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied();
        match middle {
            Some(middle) if !self.held && !tuning.one_by_one => {
                middle + tuning.load_gap + tuning.settle
            }
            _ => self.last + tuning.settle,
        }
    }
}

/// A load that was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    direction: Direction,
    at: Time,
    tags: usize,
}

/// A decided load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which way it seemed to go.
    pub direction: Direction,
    /// When it crossed: the median change of side.
    pub at: Time,
    /// Its tags in order of their memory, with their protocol control words.
    pub members: Vec<(EpcKey, Option<u16>)>,
    /// When each of them crossed, in the same order; empty for a load that is not booked.
    pub crossed: Vec<Time>,
    /// How far off that may be, either way: that of its least certain read.
    pub uncertainty: Span,
    /// What members said of their surroundings, in the same order.
    pub surroundings: Vec<(EpcKey, Surroundings)>,
    /// Why it is not booked, if it is not.
    pub refused: Option<NonEventReason>,
    /// Its reads came after their time was decided, or amend what was told.
    pub late: Option<Late>,
    /// Carriers, such as fork lifts, that were there at the time; in order of their memory.
    pub carriers: Vec<EpcKey>,
    /// What photo-eyes say of it.
    pub eyes: Says,
}

/// What came of looking at a load that was due.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// What is told of it now, if anything is.
    pub told: Option<Decision>,
    /// The tags that were booked with it now.
    pub booked: Vec<EpcKey>,
    /// It passed and halts: it is told when it has left.
    pub halts: Option<Decision>,
}

impl Decided {
    const fn told(decision: Decision, booked: Vec<EpcKey>) -> Self {
        Self {
            told: Some(decision),
            booked,
            halts: None,
        }
    }
}

/// What a load is that was told late: its reads came late, or, on a belt, tell only now which thing they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// A passage that was not told before.
    Own,
    /// More tags of the passage that was told for this time, in the same direction.
    Amends(Time),
}

/// The loads of one gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Passages {
    open: Vec<Load>,
    halting: Vec<Halting>,
    passed: Vec<Passed>,
    /// Sequence that is usual in the loads booked here; 0 before the first.
    usual_permille: u32,
    belt: Belt,
    awake: Time,
}

impl Passages {
    /// The gate hears something again, or for the first time.
    pub const fn wake(&mut self, at: Time) {
        self.awake = at;
    }

    /// Without loads; what is usual here stays.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self {
            usual_permille: self.usual_permille,
            belt: self.belt,
            ..Self::default()
        }
    }

    /// Some load is not decided yet.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty() || !self.halting.is_empty()
    }

    /// When the next load is to be decided.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let open = self.open.iter().map(|load| load.decide_at).min();
        open.into_iter().chain(self.halt_due()).min()
    }

    /// Adds a change of side that was confirmed at `now`. True if a load is decided early because of it.
    pub fn add(&mut self, tuning: &Tuning, now: Time, tag: &EpcKey, flip: Flip) -> bool {
        if self.take_back(tag, flip.direction) {
            return false;
        }
        let near = |load: &Load| {
            load.direction == flip.direction
                && flip.at >= load.first - tuning.load_gap
                && flip.at <= load.last + tuning.load_gap
        };
        let mut load = Load {
            direction: flip.direction,
            flips: BTreeMap::from([(tag.clone(), flip.at)]),
            first: flip.at,
            last: flip.at,
            decide_at: (flip.at + tuning.settle).later(now),
            held: false,
            tail: BTreeSet::new(),
            apart: false,
        };
        // A flip between two loads makes them one.
        for other in self
            .open
            .extract_if(.., |other| near(other) && !other.apart)
        {
            load.first = load.first.min(other.first);
            load.last = load.last.max(other.last);
            load.decide_at = load.decide_at.max(other.decide_at);
            load.held |= other.held;
            load.flips.extend(other.flips);
            load.tail.extend(other.tail);
        }
        let due = load.due(tuning).min(load.first + LONGEST_LOAD);
        load.decide_at = load.decide_at.min(due).max(now);
        self.open.push(load);
        let is_full = self.open.len() > MAX_LOADS;
        if is_full && let Some(oldest) = self.open.iter_mut().min_by_key(|load| load.decide_at) {
            oldest.decide_at = now;
        }
        is_full
    }

    /// A tag that came back before its load was decided turned round in the doorway: neither way counts.
    fn take_back(&mut self, tag: &EpcKey, direction: Direction) -> bool {
        let mut taken = false;
        for load in &mut self.open {
            taken |= load.direction != direction && load.flips.remove(tag).is_some();
        }
        self.open.retain(|load| !load.flips.is_empty());
        taken
    }

    /// Decides the load that is due at `now`, unless it still stands in the gate; marks its tags as booked when it is
    /// accepted. One of which a part still stands there is told later.
    pub(crate) fn decide(
        &mut self,
        tuning: &Tuning,
        now: Time,
        tags: &mut BTreeMap<EpcKey, Tag>,
        elsewhere: &Elsewhere<'_>,
        eyes: &Eyes,
    ) -> Decided {
        if self.halt_due().is_some_and(|due| due <= now) {
            return self.end_halt(tuning, now, tags, elsewhere, eyes);
        }
        let Some(due) = self.open.iter().position(|load| load.decide_at <= now) else {
            return Decided::default();
        };
        // What comes back is told after it went.
        let back = self.open.get(due).map(|it| (it.direction, &it.flips));
        let mut halting = self.halting.iter_mut();
        if let Some((way, flips)) = back
            && let Some(halting) = halting.find(|it| it.is_undone(way, flips))
        {
            halting.hurry(now);
            return self.end_halt(tuning, now, tags, elsewhere, eyes);
        }
        let mut load = self.open.swap_remove(due);
        self.open.sort_by_key(|load| load.first);
        self.passed.retain(|passed| now - passed.at < LONGEST_LOAD);
        let view = View {
            tuning,
            now,
            tags,
            elsewhere,
            eyes,
            belt: self.belt,
            awake: self.awake,
        };
        let mut crossings = self.gather(&view, &mut load);
        self.leave(tuning, now, load.split_off(tuning, &crossings));
        let behind = view.followers(load.direction, &crossings);
        if !behind.is_empty() {
            self.part(tuning, now, &mut load, &behind);
            crossings = view.crossings(load.direction, &load.flips);
        }
        let centre = crossings.centre.unwrap_or(load.last);
        let direction = load.direction;
        let is_spent = |key: &EpcKey| {
            let tag = tags.get(key);
            tag.is_some_and(|tag| view.is_spent(tag, direction, centre))
        };
        let spent: BTreeMap<EpcKey, Time> =
            load.flips.extract_if(.., |key, _| is_spent(key)).collect();
        if load.flips.is_empty() && view.are_of_told(direction, &spent) {
            return Decided::default();
        }
        crossings
            .all
            .retain(|(key, _)| load.flips.contains_key(key));
        let mut survey = view.survey(direction, &crossings);
        for other in self
            .open
            .iter()
            .filter(|it| it.apart && it.direction == direction)
        {
            survey.leave_out(&other.flips);
        }
        if let Some(main) = self.main_part(direction, &survey) {
            main.flips.extend(load.flips);
            return Decided::default();
        }
        let latest = load.first + LONGEST_LOAD;
        if now < latest && view.is_unsure(direction, &crossings) {
            return self.look_again(tuning, now, load);
        }
        if now < latest && view.is_there(direction, &load.flips, &survey) {
            load.held = true;
            if view.are_still_loud(load.flips.keys()) {
                load.tail.extend(survey.tail);
            }
            return self.look_again(tuning, now, load);
        }
        let at = crossings.median().unwrap_or(load.last);
        if view.are_of_another_belt(&survey.moved, at) {
            return Decided::default();
        }
        let rest_of = self.rest_of(&view, direction, at, &crossings, &survey);
        let rest_of = rest_of.filter(|_| !load.apart);
        if let Some(told) = rest_of {
            Self::keep_rest(&view, direction, told, &mut survey);
        }
        let refused =
            if load.held && self.has_turned_back(&view, (direction, load.flips.len()), &survey) {
                Some(NonEventReason::Anti)
            } else {
                let spent = (spent.len(), rest_of.is_some());
                self.judge(&view, &load, at, &crossings, &survey, spent)
            };
        let rest_of = rest_of.filter(|_| refused.is_none());
        let mut left_behind = Vec::new();
        if refused.is_none() {
            self.learn(&survey);
            left_behind = self.learn_belt(&view, direction, &crossings, &survey);
        }
        let mut tail = std::mem::take(&mut load.tail);
        let stood = !tail.is_empty();
        tail.extend(survey.tail);
        let keys: Vec<EpcKey> = if refused.is_some() {
            let all = if load.flips.is_empty() {
                spent
            } else {
                load.flips
            };
            all.into_keys().collect()
        } else {
            let moved = survey.moved.into_iter();
            let sure = moved.filter(|key| !survey.doubtful.contains(key));
            let mut sure: Vec<EpcKey> = sure.chain(survey.company).collect();
            sure.retain(|key| {
                !view.is_far_louder_elsewhere(key, at) && !view.came_behind(direction, key, at)
            });
            if tuning.one_by_one {
                load.flips.retain(|key, _| !sure.contains(key));
                self.leave(tuning, now, load);
            } else {
                let others = self.others(&sure);
                let (window, contrast) = (survey.window, survey.contrast);
                let faint = view.faint(direction, &sure, &others, window, contrast);
                let stays = |key: &EpcKey| tail.contains(key) || survey.stayed.contains(key);
                sure.extend(
                    faint
                        .into_iter()
                        .map(|(key, _)| key)
                        .filter(|key| !stays(key) && !view.came_behind(direction, key, at)),
                );
            }
            sure
        };
        let pc_of = |key: &EpcKey| tags.get(key).and_then(|tag| tag.pc);
        let mut members: Vec<(EpcKey, Option<u16>)> = keys
            .into_iter()
            .map(|key| (key.clone(), pc_of(&key)))
            .collect();
        members.sort_unstable();
        let when = |(key, _): &(EpcKey, Option<u16>)| {
            let found = crossings.all.iter().find(|(other, _)| other == key);
            found.map_or(at, |(_, evidence)| evidence.cut)
        };
        let mut decision = Decision {
            direction,
            at: rest_of.unwrap_or(at),
            members,
            crossed: Vec::new(),
            uncertainty: Span::default(),
            surroundings: Vec::new(),
            refused,
            late: rest_of.map(Late::Amends),
            carriers: Vec::new(),
            eyes: eyes.says(tuning, direction, at),
        };
        if refused.is_some() {
            return Decided::told(decision, Vec::new());
        }
        decision.crossed = decision.members.iter().map(when).collect();
        if rest_of.is_some() {
            let decided = self.supplement(decision, tags);
            self.follow(tuning, now, left_behind, tags);
            return decided;
        }
        let halting = Halting::of(&view, &decision, tail, survey.contrast, (stood, latest));
        let booked = self.book(&decision, tags);
        self.follow(tuning, now, left_behind, tags);
        match halting.filter(|_| self.halting.len() < MAX_LOADS) {
            Some(halting) => {
                self.halting.push(halting);
                Decided {
                    told: None,
                    booked,
                    halts: Some(decision),
                }
            }
            None => Decided::told(decision, booked),
        }
    }

    /// What is not clear yet is decided a little later.
    fn look_again(&mut self, tuning: &Tuning, now: Time, load: Load) -> Decided {
        let decide_at = now + Span(tuning.settle.0 / 8);
        self.open.push(Load { decide_at, ..load });
        Decided::default()
    }

    /// Tags of loads that are not decided, but for these.
    fn others(&self, but: &[EpcKey]) -> Vec<&EpcKey> {
        let keys = self.open.iter().flat_map(|load| load.flips.keys());
        keys.filter(|key| !but.contains(key)).collect()
    }

    /// Notes a load that passed; says which tags it had.
    fn book(&mut self, decision: &Decision, tags: &mut BTreeMap<EpcKey, Tag>) -> Vec<EpcKey> {
        if self.passed.len() >= MAX_LOADS {
            self.passed.remove(0);
        }
        let flip = Flip {
            direction: decision.direction,
            at: decision.at,
        };
        self.passed.push(Passed {
            direction: flip.direction,
            at: flip.at,
            tags: decision.members.len(),
        });
        let keys = decision.members.iter().map(|(key, _)| key.clone());
        let keys: Vec<EpcKey> = keys.collect();
        for key in &keys {
            self.use_up(flip, key, tags);
        }
        self.open.retain(|load| !load.flips.is_empty());
        keys
    }

    /// The tag passed with a load: what was read of it tells of no other.
    fn use_up(&mut self, flip: Flip, key: &EpcKey, tags: &mut BTreeMap<EpcKey, Tag>) {
        for other in &mut self.open {
            other.flips.remove(key);
        }
        if let Some(tag) = tags.get_mut(key) {
            tag.book(flip);
        }
    }
}
