//! Photo-eyes of a gate: what interrupts the beams across it, when, and which way it goes.
//!
//! Edges come in any order within the lateness and are taken in order of device time. Each eye is debounced; two of them
//! are a quadrature decoder: outside first and free again last on the inside is a passage inwards, mirrored outwards, and
//! what leaves where it came from has turned back. One eye alone tells that something was there. On a belt, what is shorter
//! than its eyes are apart is in one beam after the other.
//!
//! An eye only ever helps: one that is unknown, blocked for long, or that missed what tags told of says nothing, and then
//! the gate decides as if it had none. A late edge, or one lost with its reader's link, makes it unsure for that time only.

mod beams;
#[cfg(test)]
mod tests;

pub use beams::{Course, Crossing};

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use self::beams::Occupied;
use crate::config::{Direction, Side, Tuning};
use crate::input::NonEventReason;
use crate::presence::Flip;
use crate::time::{Span, Time};

/// Edges that wait for their turn at one gate at most; beyond, the oldest are taken as they are.
const MAX_EDGES: usize = 1_024;
/// What interrupted the beams lately, remembered at one gate at most; beyond, the oldest is forgotten.
const MAX_CROSSINGS: usize = 64;
/// And for this long: longer than any load waits for its decision.
const MEMORY: Span = Span::millis(45_000);
/// What interrupts a beam within this of a load may be that load.
const TOLERANCE: Span = Span::millis(3_500);
/// What goes through within this of a load is that load.
const NEAR: Span = Span::millis(2_000);
/// After this a passage of which no load was made had no tags.
const UNTAGGED_AFTER: Span = Span::millis(8_000);
/// An eye that misses so much without a change sees nothing: a refused load counts 1, for it may have been none; a booked
/// one counts more.
const MISSES: u8 = 10;
const MISSED_BOOKED: u8 = 5;

/// What eyes say of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Nothing: there are none, or they cannot be relied on.
    Nothing,
    /// Nothing interrupted a beam at the time.
    Dark,
    /// Something went through the way of the load, with its middle then.
    Agrees(Time),
    /// Something went through the other way.
    Opposes,
    /// Something came and left where it came from.
    Back,
    /// Something was there; which way it went is not known.
    Busy,
}

impl Says {
    /// In words, for the story of a load; nothing if they say nothing.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Dark => Some("the photo-eyes saw nothing pass"),
            Self::Agrees(_) => Some("the photo-eyes saw it pass this way"),
            Self::Opposes => Some("the photo-eyes saw something pass the other way"),
            Self::Back => Some("the photo-eyes saw something come and turn back"),
            Self::Busy => Some("the photo-eyes were interrupted"),
        }
    }
}

/// What is wrong with an eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Interrupted for so long that it is ignored.
    Blocked,
    /// Loads passed and it noticed none of them.
    Blind,
    /// Its reader is there, and does not tell its level.
    Silent,
}

/// One eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Eye {
    /// Whether its beam is interrupted, after debouncing; `None` while that is not known.
    blocked: Option<bool>,
    since: Time,
    /// Another level that has not lasted yet, and its edge.
    pending: Option<(bool, Time)>,
    /// All that happened since then was seen.
    sure_since: Time,
    /// It is blocked for too long.
    stuck: bool,
    /// It was seen changing since it was last found blind.
    changed: bool,
    missed: u8,
}

impl Default for Eye {
    fn default() -> Self {
        Self {
            blocked: None,
            since: Time::MIN,
            pending: None,
            sure_since: Time::MIN,
            stuck: false,
            changed: false,
            missed: 0,
        }
    }
}

impl Eye {
    /// Its level counts.
    fn works(&self) -> bool {
        self.blocked.is_some() && !self.stuck
    }

    /// It saw, or would have seen, all since `from`.
    fn is_sure(&self, from: Time) -> bool {
        self.works() && self.changed && self.missed < MISSES && self.sure_since <= from
    }

    fn interrupts(&self) -> bool {
        self.works() && self.blocked == Some(true)
    }
}

/// The photo-eyes of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eyes {
    frontier: Time,
    /// Edges by device time: interrupted or free, or its reader is gone.
    edges: BTreeMap<(Time, Side), Option<bool>>,
    outside: Eye,
    inside: Eye,
    /// Interrupted beams, as the decoder saw them last.
    beams: (bool, bool),
    occupied: Option<Occupied>,
    crossings: VecDeque<Crossing>,
    /// When eyes last counted against a load.
    vetoed: Time,
    /// Edges taken early because there were too many.
    pub capped: u64,
}

impl Default for Eyes {
    fn default() -> Self {
        Self {
            frontier: Time::MIN,
            edges: BTreeMap::new(),
            outside: Eye::default(),
            inside: Eye::default(),
            beams: (false, false),
            occupied: None,
            crossings: VecDeque::new(),
            vetoed: Time::MIN,
            capped: 0,
        }
    }
}

/// Something to be done, in the order of what comes first at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Settled(Side),
    Stuck(Side),
    Edge,
    Crossing(usize),
}

impl Eyes {
    /// Takes a level of an eye into the order; `None` when its reader is gone. Says whether it came too late for it: then
    /// the level counts from now on, and nothing is said of the time before.
    pub fn push(&mut self, at: Time, side: Side, blocked: Option<bool>) -> bool {
        let is_late = at < self.frontier;
        if is_late {
            let frontier = self.frontier;
            let eye = self.eye(side);
            eye.sure_since = eye.sure_since.later(frontier);
        }
        self.edges.insert((at.later(self.frontier), side), blocked);
        if self.edges.len() > MAX_EDGES {
            self.capped += 1;
            self.take_edge();
        }
        is_late
    }

    /// When something is to be done next.
    pub(crate) fn next(&self, tuning: &Tuning) -> Option<Time> {
        self.due(tuning).map(|(at, _)| at)
    }

    /// Does what is due next; a passage that no load was made of is returned.
    pub(crate) fn step(&mut self, tuning: &Tuning) -> Option<Crossing> {
        let (at, due) = self.due(tuning)?;
        match due {
            Due::Settled(side) => {
                let eye = self.eye(side);
                if let Some((blocked, since)) = eye.pending.take() {
                    if eye.stuck {
                        // What it did not tell while it was ignored is over now.
                        eye.sure_since = eye.sure_since.later(since);
                    }
                    eye.blocked = Some(blocked);
                    (eye.since, eye.stuck) = (since, false);
                    (eye.changed, eye.missed) = (true, 0);
                    self.decode(since);
                    if tuning.one_by_one {
                        self.join();
                    }
                }
            }
            Due::Stuck(side) => {
                self.eye(side).stuck = true;
                self.doubt();
                self.decode(at);
            }
            Due::Edge => self.take_edge(),
            Due::Crossing(index) => {
                let crossing = self.crossings.get_mut(index)?;
                crossing.settled = true;
                let untagged = !crossing.claimed && matches!(crossing.course, Course::Through(_));
                return Some(*crossing).filter(|_| untagged);
            }
        }
        None
    }

    /// Everything before `frontier` has arrived, and was done.
    pub(crate) fn reached(&mut self, frontier: Time) {
        self.frontier = self.frontier.later(frontier);
        while self
            .crossings
            .front()
            .is_some_and(|old| old.settled && self.frontier - old.until > MEMORY)
        {
            self.crossings.pop_front();
        }
    }

    /// What they say of a load that seems to have crossed at `at`.
    #[must_use]
    pub fn says(&self, tuning: &Tuning, direction: Direction, at: Time) -> Says {
        let tolerance = tuning.paced(TOLERANCE);
        let (from, until) = (at - tolerance, at + tolerance);
        let [outside, inside] = [&self.outside, &self.inside].map(|eye| eye.is_sure(from));
        if !outside && !inside {
            return Says::Nothing;
        }
        let overlaps = |crossing: &&Crossing| crossing.from <= until && crossing.until >= from;
        let around: Vec<&Crossing> = self.crossings.iter().filter(overlaps).collect();
        let is_there = self.occupied.is_some_and(|now| now.from <= until);
        if around.is_empty() && !is_there {
            return Says::Dark;
        }
        let near = tuning.paced(NEAR);
        let nearest = |way: Direction| {
            let through = around.iter().filter(|it| it.course == Course::Through(way));
            let distance = |it: &Crossing| (it.at - at).abs();
            let through = through.filter(|it| it.from - near <= at && at <= it.until + near);
            through.map(|it| (distance(it), it.at)).min()
        };
        match (nearest(direction), nearest(direction.opposite())) {
            (Some((_, middle)), None) => Says::Agrees(middle),
            (None, Some(_)) if outside && inside => Says::Opposes,
            (Some((own, middle)), Some((other, _))) if own < other => Says::Agrees(middle),
            (None, None) if !is_there && outside && inside => {
                let turned = around.iter().all(|it| it.course == Course::Back);
                if turned { Says::Back } else { Says::Busy }
            }
            _ => Says::Busy,
        }
    }

    /// What went through the way of a load that crossed at `at`, if eyes that can be relied on saw it and no load was booked
    /// for it: its middle.
    pub(crate) fn passage(&self, tuning: &Tuning, direction: Direction, at: Time) -> Option<Time> {
        let near = tuning.paced(NEAR);
        let through = Course::Through(direction);
        let free = self
            .crossings
            .iter()
            .filter(|it| it.course == through && !it.booked);
        let near = free.filter(|it| it.from - near <= at && at <= it.until + near);
        near.map(|it| it.at)
            .min_by_key(|middle| (*middle - at).abs())
    }

    /// What came and left where it came from as a load seemed to cross at `at`: from free beams to free beams.
    pub(crate) fn turned(&self, tuning: &Tuning, at: Time) -> Option<(Time, Time)> {
        let near = tuning.paced(NEAR);
        let turned = self.crossings.iter().filter(|it| it.course == Course::Back);
        let mut near = turned.filter(|it| it.from - near <= at && at <= it.until + near);
        near.next_back().map(|it| (it.from, it.until))
    }

    /// What interrupted a beam when a load crossed at `at` still does.
    pub(crate) fn is_in_beams(&self, tuning: &Tuning, at: Time) -> bool {
        let near = tuning.paced(NEAR);
        self.occupied.is_some_and(|now| now.from <= at + near)
    }

    /// All that went through in `direction` with its middle within `span` and that no load was booked for, in order.
    pub(crate) fn passages(&self, direction: Direction, span: (Time, Time)) -> Vec<Time> {
        let through = Course::Through(direction);
        let free = self
            .crossings
            .iter()
            .filter(|it| it.course == through && !it.booked);
        let within = free.filter(|it| span.0 <= it.at && it.at <= span.1);
        within.map(|it| it.at).collect()
    }

    /// A load at `at` was looked at and booked, or refused: what was there then was that load, and an eye that saw nothing of
    /// it may be blind.
    pub(crate) fn claim(&mut self, tuning: &Tuning, load: Flip, refused: Option<NonEventReason>) {
        let near = tuning.paced(TOLERANCE);
        let (from, until) = (load.at - near, load.at + near);
        if refused.is_none()
            && let Some(middle) = self.passage(tuning, load.direction, load.at)
        {
            for crossing in &mut self.crossings {
                crossing.booked |= crossing.at == middle;
            }
        }
        let mut seen = (false, false);
        for crossing in &mut self.crossings {
            if crossing.from <= until && crossing.until >= from {
                crossing.claimed = true;
                seen = either(seen, crossing.touched);
            }
        }
        if let Some(occupied) = &mut self.occupied
            && occupied.from <= until
        {
            occupied.claimed = true;
            seen = either(seen, occupied.touched);
        }
        let weight = match refused {
            None => MISSED_BOOKED,
            // The same load is refused several times.
            Some(NonEventReason::Eye) if load.at - self.vetoed > near + near => {
                self.vetoed = load.at;
                1
            }
            Some(_) => return,
        };
        for (eye, seen) in [(&mut self.outside, seen.0), (&mut self.inside, seen.1)] {
            if !seen && eye.works() && eye.sure_since <= from {
                eye.missed = eye.missed.saturating_add(weight);
                eye.changed &= eye.missed < MISSES;
            }
        }
    }

    /// What is wrong with the eye of one side at `now`, if anything. `up_since` tells since when its reader is connected.
    #[must_use]
    pub fn fault(
        &self,
        tuning: &Tuning,
        side: Side,
        now: Time,
        up_since: Option<Time>,
    ) -> Option<Fault> {
        let eye = match side {
            Side::Outside => &self.outside,
            Side::Inside => &self.inside,
        };
        let lasts = now - eye.since;
        match eye.blocked {
            // Right after it connected, its reader is being asked.
            None => up_since
                .filter(|since| now - *since > tuning.eye_blocked_after)
                .map(|_| Fault::Silent),
            Some(true) if lasts > tuning.eye_blocked_after => Some(Fault::Blocked),
            Some(_) => (eye.missed >= MISSES).then_some(Fault::Blind),
        }
    }

    /// The last two times that a beam was interrupted may have been one thing.
    fn join(&mut self) {
        let mut last = self.crossings.iter().rev();
        if let (Some(next), Some(one)) = (last.next(), last.next())
            && let Some(both) = one.joined(next)
        {
            self.crossings.truncate(self.crossings.len() - 2);
            self.crossings.push_back(both);
        }
    }

    fn eye(&mut self, side: Side) -> &mut Eye {
        match side {
            Side::Outside => &mut self.outside,
            Side::Inside => &mut self.inside,
        }
    }

    fn due(&self, tuning: &Tuning) -> Option<(Time, Due)> {
        let eyes = [(Side::Outside, &self.outside), (Side::Inside, &self.inside)];
        let timers = eyes.into_iter().flat_map(|(side, eye)| {
            let pending = eye.pending.map(|(_, since)| since + tuning.eye_debounce);
            let stuck = eye
                .interrupts()
                .then(|| eye.since + tuning.eye_blocked_after);
            let settled = pending.map(|at| (at, Due::Settled(side)));
            settled
                .into_iter()
                .chain(stuck.map(|at| (at, Due::Stuck(side))))
        });
        let edge = self.edges.first_key_value().map(|((at, _), _)| *at);
        let crossing = self
            .crossings
            .iter()
            .enumerate()
            .find(|(_, it)| !it.settled);
        let crossing =
            crossing.map(|(index, it)| (it.until + UNTAGGED_AFTER, Due::Crossing(index)));
        timers
            .chain(edge.map(|at| (at, Due::Edge)))
            .chain(crossing)
            .min()
    }

    fn take_edge(&mut self) {
        let Some(((at, side), level)) = self.edges.pop_first() else {
            return;
        };
        self.frontier = self.frontier.later(at);
        let eye = self.eye(side);
        match (level, eye.blocked) {
            (None, _) => {
                let (changed, missed) = (eye.changed, eye.missed);
                *eye = Eye {
                    since: at,
                    sure_since: at,
                    changed,
                    missed,
                    ..Eye::default()
                };
                self.doubt();
                self.decode(at);
            }
            (Some(level), None) => {
                eye.blocked = Some(level);
                (eye.since, eye.sure_since) = (at, at);
                self.doubt();
                self.decode(at);
            }
            (Some(level), Some(known)) if level == known => eye.pending = None,
            (Some(level), Some(_)) => {
                eye.pending.get_or_insert((level, at));
            }
        }
    }

    /// Of what is in the beams now, nobody can tell any more which way it goes.
    fn doubt(&mut self) {
        if let Some(occupied) = &mut self.occupied {
            occupied.whole = false;
        }
    }

    /// The beams may have changed at `at`.
    fn decode(&mut self, at: Time) {
        let beams = (self.outside.interrupts(), self.inside.interrupts());
        let before = std::mem::replace(&mut self.beams, beams);
        if beams == before {
            return;
        }
        let known = |eye: &Eye| eye.works() && eye.missed < MISSES && at > eye.sure_since;
        let whole = known(&self.outside) && known(&self.inside);
        let occupied = self
            .occupied
            .get_or_insert_with(|| Occupied::new(at, whole));
        occupied.turn(before, beams, at);
        if beams == (false, false)
            && let Some(over) = self.occupied.take()
        {
            if self.crossings.len() >= MAX_CROSSINGS {
                self.crossings.pop_front();
            }
            self.crossings.push_back(over.ended(at));
        }
    }
}

fn either(one: (bool, bool), other: (bool, bool)) -> (bool, bool) {
    (one.0 || other.0, one.1 || other.1)
}
