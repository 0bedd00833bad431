//! One gate (dock door or belt): puts reads in order, follows each tag, decides loads. Event time only.

mod afresh;
mod amend;
mod beams;
mod carriers;
mod leaving;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::amend::Amend;
use self::carriers::Carriers;
pub(crate) use self::leaving::{Cause, Exits, Leaving};
use crate::air::Air;
use crate::config::{Side, Tuning};
use crate::eyes::{Crossing, Eyes};
use crate::filter::TagClass;
use crate::input::DeviceIndex;
use crate::passage::{Decided, Decision, Passages};
use crate::presence::{Flip, Tag};
use crate::sensing::{Sensed, Surroundings};
use crate::survey::crossed_unheard;
use crate::time::{Span, Time};

/// Reads waiting for their turn at one gate at most; beyond, the oldest are taken as they are.
const MAX_BUFFERED: usize = 50_000;
/// Tags followed at one gate at most; beyond, the one unread for longest is forgotten.
const MAX_TAGS: usize = 20_000;

/// Nothing passes two gates within this.
const AT_ONCE: Span = Span::millis(4_000);

/// After everything.
pub(crate) const END: Time = Time(i64::MAX / 4);

/// A tag by its memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpcKey {
    /// EPC memory, most significant bit first.
    pub epc: Vec<u8>,
    /// How many bits count.
    pub bit_len: u16,
}

impl EpcKey {
    /// All but the serial number is the same, as far as SGTIN-96, SGTIN-198 and GRAI-96 tell: header, filter, partition,
    /// company and item are their first 58 bits (TDS 2.0 §14.6). For other schemes it is a guess.
    #[must_use]
    pub(crate) fn has_item_of(&self, other: &Self) -> bool {
        let item = |key: &Self| Some((key.epc.first_chunk::<7>().copied()?, key.epc.get(7)? >> 6));
        self == other || item(self).is_some_and(|own| item(other) == Some(own))
    }
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
    air: Air,
    carriers: Carriers,
    eyes: Box<Eyes>,
    /// Told as soon as they are found.
    untagged: Vec<Crossing>,
    /// What moves towards the way out.
    pub exits: Exits,
    /// Tags and loads forgotten because of the cap, and reads taken early because of theirs.
    pub capped: u64,
    /// Tags that turned out to be ghosts since somebody asked; told, and no part of what decides.
    #[serde(skip)]
    pub ghosts: Vec<(EpcKey, Option<u16>, Time)>,
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
            air: Air::default(),
            carriers: Carriers::default(),
            eyes: Box::default(),
            untagged: Vec::new(),
            exits: Exits::default(),
            capped: 0,
            ghosts: Vec::new(),
        }
    }
}

impl Gate {
    /// What is known here of a tag.
    pub fn known(&self, tag: &EpcKey) -> Option<&Tag> {
        self.tags.get(tag)
    }

    /// Whether the tag was read lately, so that a decision may ask for it.
    pub fn follows(&self, tag: &EpcKey) -> bool {
        self.tags.get(tag).is_some_and(Tag::is_around)
    }

    /// Every tag that [`Self::follows`] tells of, or whose read waits for its turn, with its protocol control word.
    pub fn followed(&self) -> impl Iterator<Item = (&EpcKey, Option<u16>)> {
        let around = self.tags.iter().filter(|(_, it)| it.is_around());
        let here = around.map(|(tag, it)| (tag, it.pc));
        let waiting = self.buffer.iter().map(|(key, it)| (&key.tag, it.pc));
        here.chain(waiting)
    }

    /// Tags followed and reads waiting.
    pub fn sizes(&self) -> (usize, usize) {
        (self.tags.len(), self.buffer.len())
    }

    /// How long it takes here until a tag in the field is heard again, where its times follow that.
    pub fn slow(&self, tuning: &Tuning) -> Option<Span> {
        self.air.slow().filter(|_| !tuning.one_by_one)
    }

    /// Tags forgotten because of the cap, and reads, loads and edges of photo-eyes taken early because of theirs.
    pub fn capped(&self) -> u64 {
        self.capped + self.eyes.capped
    }

    /// The next event time at which something happens, if anything is open.
    pub fn deadline(&self, tuning: &Tuning) -> Option<Time> {
        let read = self.buffer.first_key_value().map(|(key, _)| key.at);
        let timer = self.timers.first().map(|(at, _)| *at);
        [
            read,
            timer,
            self.passages.deadline(),
            self.eyes.next(tuning),
        ]
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

    /// Everything before `goal` has arrived: takes reads and timers in order of their time, up to there or to the next
    /// decision, and says when that is due. Photo-eyes, which may be at another reader than the antennas, have told all
    /// before `eyes_goal`.
    pub fn advance(&mut self, tuning: &Tuning, goal: Time, eyes_goal: Time) -> Option<Time> {
        let goal = goal.later(self.frontier);
        if goal < END {
            self.resume();
        }
        loop {
            let is_full = self.buffer.len() > MAX_BUFFERED;
            let read = self.buffer.first_key_value().map(|(key, _)| key.at);
            let timer = self.timers.first().map(|(at, _)| *at);
            let load = self.passages.deadline();
            let eye = self.eyes.next(tuning).filter(|at| *at <= eyes_goal);
            let end = if is_full {
                read.unwrap_or(goal).later(goal)
            } else {
                goal
            };
            let next = [eye, timer, load, read].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else {
                break;
            };
            if eye == Some(next) {
                self.see(tuning);
            } else if timer == Some(next) {
                self.fire_tag(tuning, goal);
            } else if load == Some(next) {
                return load;
            } else {
                self.capped += u64::from(is_full);
                self.take_next(tuning);
            }
        }
        if goal < END {
            self.frontier = self.frontier.later(goal);
        }
        if eyes_goal < END {
            self.eyes.reached(eyes_goal);
        }
        None
    }

    fn take_next(&mut self, tuning: &Tuning) {
        if let Some((key, sighting)) = self.buffer.pop_first() {
            self.frontier = self.frontier.later(key.at);
            self.observe(tuning, key, sighting);
        }
    }

    fn observe(&mut self, tuning: &Tuning, key: ReadKey, sighting: Sighting) {
        if !self.tags.contains_key(&key.tag) && self.tags.len() >= MAX_TAGS {
            self.forget_oldest();
        }
        let tag = self
            .tags
            .entry(key.tag.clone())
            .or_insert_with(|| Tag::new(sighting.class, sighting.pc, key.at));
        tag.pc = tag.pc.or(sighting.pc);
        let (side, before) = (sighting.side, tag.due);
        let heard = tag.heard_on(side);
        if self.air.is_new(key.at) {
            self.passages.wake(key.at);
        }
        self.air.hear(key.at, side, sighting.rssi_dbm, heard);
        let tuning = &*self.air.paced(tuning);
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
        tag.due = after;
        self.note_leaving(tuning, key.at, &key.tag);
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

    fn forget_oldest(&mut self) {
        let oldest = self
            .tags
            .iter()
            .min_by_key(|(_, tag)| tag.last)
            .map(|(key, tag)| (tag.due, key.clone()));
        if let Some(entry) = oldest {
            self.timers.remove(&entry);
            self.tags.remove(&entry.1);
            self.capped += 1;
        }
    }

    fn fire_tag(&mut self, tuning: &Tuning, goal: Time) {
        let Some((at, key)) = self.timers.pop_first() else {
            return;
        };
        let tuning = &*self.air.paced(tuning);
        let Some(tag) = self.tags.get_mut(&key) else {
            return;
        };
        if tag.ended {
            if goal >= END {
                // Nobody waits for more: that decides, and makes nothing older.
            } else if tag.profile.is_empty() {
                self.tags.remove(&key);
            } else {
                tag.profile.clear();
                tag.due = tag.deadline(tuning);
                self.timers.insert((tag.due, key));
            }
            return;
        }
        let patience = if tag.appeared {
            tag.last + tuning.lost_after
        } else {
            tag.first + tuning.appear_within
        };
        let is_lost = patience <= at;
        let flip = tag
            .confirm(tuning, at)
            .or_else(|| if is_lost { tag.end_visit(tuning) } else { None });
        let belt = self.passages.belt();
        let flip = flip.or_else(|| {
            if is_lost {
                crossed_unheard(tag, tuning, belt)
            } else {
                None
            }
        });
        if is_lost {
            tag.ended = true;
            if !tag.appeared {
                self.ghosts.push((key.clone(), tag.pc, tag.first));
            }
        }
        let deadline = tag.deadline(tuning);
        tag.due = deadline;
        if let Some(flip) = flip {
            self.capped += u64::from(self.passages.add(tuning, at, &key, flip));
            self.note_leaving(tuning, at, &key);
        }
        self.timers.insert((deadline, key));
    }

    /// Decides the load that is due at `at`: what is told of it, and what passed and is told when it has left.
    pub fn decide(
        &mut self,
        tuning: &Tuning,
        at: Time,
        elsewhere: &Elsewhere<'_>,
    ) -> (Option<Decision>, Option<Decision>) {
        let tuning = &*self.air.paced(tuning);
        let Decided {
            told,
            booked,
            mut halts,
        } = self
            .passages
            .decide(tuning, at, &mut self.tags, elsewhere, &self.eyes);
        self.note_booked(tuning, booked);
        if let Some(halts) = &mut halts {
            halts.uncertainty = self.uncertainty(halts);
        }
        (told.and_then(|told| self.tell(tuning, told)), halts)
    }

    fn uncertainty(&self, decision: &Decision) -> Span {
        let members = decision.members.iter();
        let tags = members.filter_map(|(key, _)| self.tags.get(key));
        tags.map(|tag| tag.uncertainty).max().unwrap_or_default()
    }

    fn tell(&mut self, tuning: &Tuning, mut decision: Decision) -> Option<Decision> {
        let flip = Flip {
            direction: decision.direction,
            at: decision.at,
        };
        self.eyes.claim(tuning, flip, decision.refused);
        decision.uncertainty = self.uncertainty(&decision);
        if decision.refused.is_none() {
            for (key, _) in &decision.members {
                // Said once, with this passage.
                let tag = self.tags.get_mut(key);
                let surroundings = tag.and_then(|tag| tag.surroundings.take());
                let surroundings = surroundings.map(|it| (key.clone(), *it));
                decision.surroundings.extend(surroundings);
            }
        }
        self.tell_carriers(tuning, &mut decision);
        self.amend.check(tuning, &mut decision);
        // All of it was told before.
        (decision.refused.is_some() || !decision.members.is_empty()).then_some(decision)
    }

    /// Booking changes what a tag waits for; a refusal does not.
    fn note_booked(&mut self, tuning: &Tuning, mut booked: Vec<EpcKey>) {
        if booked.is_empty() {
            return;
        }
        booked.sort_unstable();
        self.timers
            .retain(|(_, key)| booked.binary_search(key).is_err());
        for key in booked {
            if let Some(tag) = self.tags.get_mut(&key) {
                tag.due = tag.deadline(tuning);
                self.timers.insert((tag.due, key));
            }
        }
    }
}

/// What the other gates know of a tag.
pub(crate) struct Elsewhere<'a> {
    gates: Vec<&'a Gate>,
}

impl<'a> Elsewhere<'a> {
    pub fn new(gates: impl Iterator<Item = &'a Gate>) -> Self {
        Self {
            gates: gates.collect(),
        }
    }

    /// What each of them knows.
    pub fn tags<'b>(&'b self, key: &'b EpcKey) -> impl Iterator<Item = (usize, &'b Tag)> {
        let gates = self.gates.iter().enumerate();
        gates.filter_map(|(index, gate)| Some((index, gate.tags.get(key)?)))
    }

    /// One of them has booked it at about that time: nothing passes two gates at once.
    pub fn has_booked(&self, key: &EpcKey, at: Time) -> bool {
        let near = |booked: Flip| (booked.at - at).abs() < AT_ONCE;
        let mut tags = self.tags(key);
        tags.any(|(_, tag)| tag.booked.is_some_and(near))
    }
}

#[cfg(test)]
mod tests {
    use tracegate_gs1::epc::encode_tag_uri;

    use super::*;

    #[test]
    fn serial_numbers_do_not_make_another_item() {
        let key = |uri: &str| {
            let tag = encode_tag_uri(uri).expect("it is a tag URI");
            EpcKey {
                bit_len: 96,
                epc: tag.bytes,
            }
        };
        let one = key("urn:epc:tag:sgtin-96:1.4012345.000100.1");
        let last = key("urn:epc:tag:sgtin-96:1.4012345.000100.274877906943");
        let other = key("urn:epc:tag:sgtin-96:1.4012345.000101.1");
        assert!(one.has_item_of(&last) && last.has_item_of(&one));
        assert!(!one.has_item_of(&other));
        let short = EpcKey {
            epc: vec![1],
            bit_len: 8,
        };
        assert!(short.has_item_of(&short) && !short.has_item_of(&one));
    }
}
