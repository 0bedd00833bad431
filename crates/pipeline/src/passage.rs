//! Loads: tags that changed sides together, and the one decision that each load gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Direction, Tuning};
use crate::gate::EpcKey;
use crate::input::NonEventReason;
use crate::presence::{FLIP_MEMORY, Flip, RESIDENT_AFTER, Tag};
use crate::time::{Span, Time};

/// A load is decided at the latest this long after its first change of side, however many keep coming.
const LONGEST_LOAD: Span = Span::millis(30_000);
/// Tags read within this of a load, and that do not contradict it, belong to it.
const MEMBER_REACH: Span = Span::millis(1_600);
/// A tag still read on the side it came from this long after the load crossed did not go with it.
const STAYED_AFTER: Span = Span::millis(800);
/// Changes of side the other way within this speak against a load.
const ANTI_REACH: Span = Span::millis(2_000);
/// Observations that make a tag well read.
const WELL_READ: u32 = 4;
/// Loads open at one read point at most; beyond, the oldest is decided early.
pub(crate) const MAX_LOADS: usize = 64;

/// Changes of side in one direction that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Load {
    direction: Direction,
    flips: BTreeMap<EpcKey, Time>,
    first: Time,
    last: Time,
    decide_at: Time,
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
    /// Why it is not booked, if it is not.
    pub refused: Option<NonEventReason>,
}

/// The loads of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Passages {
    open: Vec<Load>,
    unused: Vec<(EpcKey, Flip)>,
}

impl Passages {
    /// True while a load waits for its decision.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When the next load is to be decided.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.open.iter().map(|load| load.decide_at).min()
    }

    /// Adds a change of side that was confirmed at `now`. False when it only took an undecided one back.
    pub fn add(&mut self, tuning: &Tuning, now: Time, tag: &EpcKey, flip: Flip) -> bool {
        self.unused.retain(|(key, _)| key != tag);
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
            decide_at: now,
        };
        // A flip between two loads makes them one.
        for other in self.open.extract_if(.., |other| near(other)) {
            load.first = load.first.min(other.first);
            load.last = load.last.max(other.last);
            load.decide_at = load.decide_at.max(other.decide_at);
            load.flips.extend(other.flips);
        }
        let wanted = (load.last + tuning.settle)
            .max(now + tuning.load_gap)
            .max(load.decide_at);
        load.decide_at = wanted.min(load.first + LONGEST_LOAD).max(now);
        self.open.push(load);
        if self.open.len() > MAX_LOADS
            && let Some(oldest) = self.open.iter_mut().min_by_key(|load| load.decide_at)
        {
            oldest.decide_at = now;
        }
        true
    }

    /// A tag that came back before its load was decided turned round in the door: neither way counts. (Or it was taken for
    /// being on the wrong side at first; then it goes with its load as a weak member.)
    fn take_back(&mut self, tag: &EpcKey, direction: Direction) -> bool {
        let mut taken = false;
        for load in self
            .open
            .iter_mut()
            .filter(|load| load.direction != direction)
        {
            taken |= load.flips.remove(tag).is_some();
        }
        self.open.retain(|load| !load.flips.is_empty());
        taken
    }

    /// Decides the load that is due at `now`; marks its tags as booked when it is accepted.
    pub fn decide(
        &mut self,
        tuning: &Tuning,
        now: Time,
        tags: &mut BTreeMap<EpcKey, Tag>,
    ) -> Option<Decision> {
        let due = self.open.iter().position(|load| load.decide_at <= now)?;
        let mut load = self.open.swap_remove(due);
        self.open.sort_by_key(|load| load.first);
        self.unused.retain(|(_, flip)| now - flip.at < FLIP_MEMORY);
        for (key, flip) in &self.unused {
            if flip.direction == load.direction {
                load.flips.entry(key.clone()).or_insert(flip.at);
            }
        }
        let rearmed: Vec<EpcKey> = load
            .flips
            .keys()
            .filter(|key| is_rearming(tags.get(*key), &load, tuning))
            .cloned()
            .collect();
        for key in &rearmed {
            load.flips.remove(key);
        }
        let at = median(&load);
        let refused = self.judge(tuning, tags, &load, !rearmed.is_empty());
        if let Some(reason) = refused {
            let members = load
                .flips
                .keys()
                .chain(&rearmed)
                .map(|key| (key.clone(), pc_of(tags, key)))
                .collect();
            let direction = load.direction;
            self.unused.extend(
                load.flips
                    .into_iter()
                    .map(|(key, at)| (key, Flip { direction, at })),
            );
            return Some(Decision {
                direction,
                at,
                members,
                refused: Some(reason),
            });
        }
        let weak = tags.iter().filter(|(key, tag)| {
            !load.flips.contains_key(*key) && is_weak_member(tag, &load, tuning)
        });
        let weak: Vec<EpcKey> = weak.map(|(key, _)| key.clone()).collect();
        let keys = load.flips.keys().cloned().chain(weak);
        let mut members: Vec<(EpcKey, Option<u16>)> =
            keys.map(|key| (key.clone(), pc_of(tags, &key))).collect();
        members.sort_unstable();
        for (key, _) in &members {
            self.unused.retain(|(other, _)| other != key);
            if let Some(tag) = tags.get_mut(key) {
                tag.book(Flip {
                    direction: load.direction,
                    at,
                });
            }
        }
        Some(Decision {
            direction: load.direction,
            at,
            members,
            refused: None,
        })
    }

    fn judge(
        &self,
        tuning: &Tuning,
        tags: &BTreeMap<EpcKey, Tag>,
        load: &Load,
        rearmed: bool,
    ) -> Option<NonEventReason> {
        let flips = load.flips.len();
        if flips == 0 && rearmed {
            return Some(NonEventReason::Rearm);
        }
        if flips < tuning.min_tags.max(1) {
            return Some(NonEventReason::FewTags);
        }
        let overlaps = |other: &&Load| {
            other.direction != load.direction
                && other.last >= load.first - ANTI_REACH
                && other.first <= load.last + ANTI_REACH
        };
        let anti: usize = self
            .open
            .iter()
            .filter(overlaps)
            .map(|other| other.flips.len())
            .sum();
        if anti > flips {
            return Some(NonEventReason::Anti);
        }
        let stayed = tags
            .iter()
            .filter(|(key, tag)| !load.flips.contains_key(*key) && has_stayed(tag, load, tuning))
            .count();
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let ratio = flips as f64 / (flips + stayed) as f64;
        (ratio < tuning.flip_ratio).then_some(NonEventReason::Ratio)
    }
}

fn pc_of(tags: &BTreeMap<EpcKey, Tag>, key: &EpcKey) -> Option<u16> {
    tags.get(key).and_then(|tag| tag.pc)
}

fn is_rearming(tag: Option<&Tag>, load: &Load, tuning: &Tuning) -> bool {
    tag.and_then(|tag| tag.booked).is_some_and(|booked| {
        booked.direction == load.direction && (load.last - booked.at).abs() < tuning.rearm
    })
}

fn is_near(tag: &Tag, load: &Load) -> bool {
    tag.appeared && tag.first <= load.last + MEMBER_REACH && tag.last >= load.first - MEMBER_REACH
}

fn is_resident(tag: &Tag, load: &Load) -> bool {
    load.first - tag.first > RESIDENT_AFTER
}

/// Read at the moment of passage, and nothing says that it did not go along.
fn is_weak_member(tag: &Tag, load: &Load, tuning: &Tuning) -> bool {
    let destination = load.direction.destination();
    let origin = destination.opposite();
    let middle = Time(load.first.0 + (load.last - load.first).0 / 2);
    let centroids = tag.centroid_flip().map(|flip| flip.direction);
    let agrees = centroids == Some(load.direction);
    let stayed = !agrees && tag.side == Some(origin) && tag.last > load.last + STAYED_AFTER;
    let was_there =
        tag.first_side == Some(destination) && tag.side == Some(destination) && !tag.flipped;
    let against = centroids == Some(load.direction.opposite());
    !tag.flipped
        && is_near(tag, load)
        && !is_resident(tag, load)
        && !is_rearming(Some(tag), load, tuning)
        && !stayed
        && !against
        && !(was_there && tag.observations_on(origin) == 0)
        && (tag.centroid() - middle).abs() <= MEMBER_REACH
}

/// Well read at the moment of passage, and did not go along.
fn has_stayed(tag: &Tag, load: &Load, tuning: &Tuning) -> bool {
    !tag.flipped
        && is_near(tag, load)
        && tag.observations() >= WELL_READ
        && !is_resident(tag, load)
        && !is_weak_member(tag, load, tuning)
}

fn median(load: &Load) -> Time {
    let mut times: Vec<Time> = load.flips.values().copied().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(load.last)
}
