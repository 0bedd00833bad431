//! One gate (dock door or belt): puts reads in order, follows each tag, decides loads. Event time only.

mod amend;
mod carriers;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::amend::Amend;
use self::carriers::Carriers;
use crate::config::{Side, Tuning};
use crate::filter::TagClass;
use crate::input::DeviceIndex;
use crate::passage::{Decision, Passages};
use crate::presence::Tag;
use crate::sensing::{Sensed, Surroundings};
use crate::time::{Span, Time};

/// Reads waiting for their turn at one gate at most; beyond, the oldest are taken as they are.
const MAX_BUFFERED: usize = 50_000;
/// Tags followed at one gate at most; beyond, the one unread for longest is forgotten.
const MAX_TAGS: usize = 20_000;

/// A tag by its memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpcKey {
    /// EPC memory, most significant bit first.
    pub epc: Vec<u8>,
    /// How many bits count.
    pub bit_len: u16,
}

/// Reads sort by time, then by where; a read delivered twice is one read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct ReadKey {
    at: Time,
    device: DeviceIndex,
    antenna: u16,
    tag: EpcKey,
}

/// A read that passed the filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub side: Side,
    pub class: TagClass,
    pub pc: Option<u16>,
    pub rssi_dbm: Option<i8>,
    /// How far off the corrected time may be, either way.
    pub uncertainty: Span,
    pub sensed: Option<Box<Sensed>>,
}

/// State of one gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    frontier: Time,
    buffer: BTreeMap<ReadKey, Sighting>,
    tags: BTreeMap<EpcKey, Tag>,
    timers: BTreeSet<(Time, EpcKey)>,
    passages: Passages,
    amend: Amend,
    carriers: Carriers,
    /// Tags forgotten because of the cap, and reads taken early because of theirs.
    pub capped: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            frontier: Time::MIN,
            buffer: BTreeMap::new(),
            tags: BTreeMap::new(),
            timers: BTreeSet::new(),
            passages: Passages::default(),
            amend: Amend::default(),
            carriers: Carriers::default(),
            capped: 0,
        }
    }
}

impl Gate {
    /// The class of a tag that is already known here.
    pub fn class_of(&self, tag: &EpcKey) -> Option<TagClass> {
        self.tags.get(tag).map(|tag| tag.class)
    }

    /// Every tag that is followed, or whose read waits for its turn, with its protocol control word.
    pub fn followed(&self) -> impl Iterator<Item = (&EpcKey, Option<u16>)> {
        let here = self.tags.iter().map(|(tag, it)| (tag, it.pc));
        let waiting = self.buffer.iter().map(|(key, it)| (&key.tag, it.pc));
        here.chain(waiting)
    }

    /// Tags followed and reads waiting.
    pub fn sizes(&self) -> (usize, usize) {
        (self.tags.len(), self.buffer.len())
    }

    /// The next event time at which something happens, if anything is open.
    pub fn deadline(&self) -> Option<Time> {
        let read = self.buffer.first_key_value().map(|(key, _)| key.at);
        let timer = self.timers.first().map(|(at, _)| *at);
        [read, timer, self.passages.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes a read into the order; one that [`Self::is_late`] has no place there.
    pub fn push(&mut self, at: Time, port: (DeviceIndex, u16), tag: EpcKey, sighting: Sighting) {
        let key = ReadKey {
            at,
            device: port.0,
            antenna: port.1,
            tag,
        };
        match self.buffer.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(sighting);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.uncertainty = known.uncertainty.min(sighting.uncertainty);
                known.rssi_dbm = known.rssi_dbm.max(sighting.rssi_dbm);
                known.sensed = known.sensed.take().max(sighting.sensed);
            }
        }
    }

    /// Everything before `watermark` has arrived: takes reads and timers up to there, in order of their time.
    pub fn advance(&mut self, tuning: &Tuning, watermark: Time, decisions: &mut Vec<Decision>) {
        let mut goal = watermark.later(self.frontier);
        while self.buffer.len() > MAX_BUFFERED
            && let Some((key, _)) = self.buffer.first_key_value()
        {
            goal = goal.later(key.at);
            self.capped += 1;
            self.take_next(tuning, goal, decisions);
        }
        while self.take_next(tuning, goal, decisions) {}
        self.run_timers(tuning, goal, decisions);
        self.frontier = goal;
    }

    /// Nobody will send anything older any more: decides what is open, then starts afresh, so that reads held by a reader
    /// that comes back find their own time again.
    pub fn flush(&mut self, tuning: &Tuning, decisions: &mut Vec<Decision>) {
        if self.frontier == Time::MIN && self.deadline().is_none() {
            return;
        }
        let end = Time(i64::MAX / 4);
        while self.take_next(tuning, end, decisions) {}
        self.run_timers(tuning, end, decisions);
        let mut amend = std::mem::take(&mut self.amend);
        amend.flushed(self.frontier);
        *self = Self {
            amend,
            carriers: std::mem::take(&mut self.carriers),
            capped: self.capped,
            ..Self::default()
        };
    }

    fn take_next(&mut self, tuning: &Tuning, goal: Time, decisions: &mut Vec<Decision>) -> bool {
        if self
            .buffer
            .first_key_value()
            .is_none_or(|(key, _)| key.at > goal)
        {
            return false;
        }
        let Some((key, sighting)) = self.buffer.pop_first() else {
            return false;
        };
        self.run_timers(tuning, key.at, decisions);
        self.frontier = self.frontier.later(key.at);
        self.observe(tuning, key, sighting);
        true
    }

    fn observe(&mut self, tuning: &Tuning, key: ReadKey, sighting: Sighting) {
        if !self.tags.contains_key(&key.tag) && self.tags.len() >= MAX_TAGS {
            self.forget_oldest(tuning);
        }
        let tag = self
            .tags
            .entry(key.tag.clone())
            .or_insert_with(|| Tag::new(sighting.class, sighting.pc, key.at));
        tag.pc = tag.pc.or(sighting.pc);
        let before = tag.deadline(tuning);
        tag.observe(
            tuning,
            key.at,
            (key.device, key.antenna),
            sighting.side,
            sighting.rssi_dbm,
        );
        // A visit that begins with this read knows of no other.
        let begins = tag.first == key.at;
        let known = if begins {
            Span::default()
        } else {
            tag.uncertainty
        };
        tag.uncertainty = known.max(sighting.uncertainty);
        if let Some(sensed) = &sighting.sensed {
            Surroundings::add(&mut tag.surroundings, key.at, sensed);
        }
        let after = tag.deadline(tuning);
        self.reschedule(key.tag, before, after);
    }

    fn reschedule(&mut self, tag: EpcKey, before: Time, after: Time) {
        let mut entry = (before, tag);
        if before != after {
            self.timers.remove(&entry);
            entry.0 = after;
        }
        self.timers.insert(entry);
    }

    fn forget_oldest(&mut self, tuning: &Tuning) {
        let oldest = self
            .tags
            .iter()
            .min_by_key(|(_, tag)| tag.last)
            .map(|(key, tag)| (tag.deadline(tuning), key.clone()));
        if let Some(entry) = oldest {
            self.timers.remove(&entry);
            self.tags.remove(&entry.1);
            self.capped += 1;
        }
    }

    fn run_timers(&mut self, tuning: &Tuning, until: Time, decisions: &mut Vec<Decision>) {
        loop {
            let tag = self
                .timers
                .first()
                .map(|(at, _)| *at)
                .filter(|at| *at <= until);
            let load = self.passages.deadline().filter(|at| *at <= until);
            match (tag, load) {
                (None, None) => return,
                (Some(tag_at), load) if load.is_none_or(|load_at| tag_at <= load_at) => {
                    self.fire_tag(tuning)
                }
                (_, Some(at)) => self.decide(tuning, at, decisions),
                (Some(_), None) => return,
            }
        }
    }

    fn fire_tag(&mut self, tuning: &Tuning) {
        let Some((at, key)) = self.timers.pop_first() else {
            return;
        };
        let Some(tag) = self.tags.get_mut(&key) else {
            return;
        };
        if tag.ended {
            self.tags.remove(&key);
            return;
        }
        let is_lost = tag.last + tuning.lost_after <= at || !tag.appeared;
        let flip = tag
            .confirm(tuning, at)
            .or_else(|| if is_lost { tag.end_visit(tuning) } else { None });
        if is_lost {
            tag.ended = true;
        }
        let deadline = tag.deadline(tuning);
        if let Some(flip) = flip {
            let clear = tag
                .centroid_flip(tuning)
                .is_some_and(|whole| whole.direction == flip.direction);
            tag.flipped = self.passages.add(tuning, at, &key, flip, clear);
        }
        self.timers.insert((deadline, key));
    }

    fn decide(&mut self, tuning: &Tuning, at: Time, decisions: &mut Vec<Decision>) {
        let Some(mut decision) = self.passages.decide(tuning, at, &mut self.tags) else {
            return;
        };
        let tags = decision
            .members
            .iter()
            .filter_map(|(key, _)| self.tags.get(key));
        decision.uncertainty = tags.map(|tag| tag.uncertainty).max().unwrap_or_default();
        // Booking changes what a tag waits for; a refusal does not.
        if decision.refused.is_none() {
            let members = &decision.members;
            self.timers.retain(|(_, key)| {
                let found = members.binary_search_by(|(member, _)| member.cmp(key));
                found.is_err()
            });
            for (key, _) in members {
                if let Some(tag) = self.tags.get_mut(key) {
                    self.timers.insert((tag.deadline(tuning), key.clone()));
                    // Said once, with this passage.
                    let surroundings = tag.surroundings.take();
                    decision
                        .surroundings
                        .extend(surroundings.map(|it| (key.clone(), *it)));
                }
            }
        }
        self.tell_carriers(tuning, &mut decision);
        self.amend.check(tuning, &mut decision);
        if !decision.members.is_empty() {
            decisions.push(decision);
        }
    }
}
