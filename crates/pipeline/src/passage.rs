//! Loads: tags that changed sides together, and the one decision that each load gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Direction, Tuning};
use crate::gate::EpcKey;
use crate::input::NonEventReason;
use crate::presence::{CENTROID_GAP, FLIP_MEMORY, Flip, RESIDENT_AFTER, Tag};
use crate::sensing::Surroundings;
use crate::time::{Span, Time};

/// A load is decided at the latest this long after its first change of side, however many keep coming.
const LONGEST_LOAD: Span = Span::millis(30_000);
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
    /// When each of them crossed, in the same order; empty for a load that is not booked.
    pub crossed: Vec<Time>,
    /// How far off that may be, either way: that of its least certain read.
    pub uncertainty: Span,
    /// What members said of their surroundings, in the same order.
    pub surroundings: Vec<(EpcKey, Surroundings)>,
    /// Why it is not booked, if it is not.
    pub refused: Option<NonEventReason>,
    /// Its reads came after their time was decided.
    pub late: Option<Late>,
    /// Carriers, such as fork lifts, that were there at the time; in order of their memory.
    pub carriers: Vec<EpcKey>,
}

/// What a load is whose reads came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// A passage that was not told before.
    Own,
    /// More tags of the passage that was told for this time, in the same direction.
    Amends(Time),
}

/// The loads of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Passages {
    open: Vec<Load>,
    unused: Vec<(EpcKey, Flip)>,
}

impl Passages {
    /// When the next load is to be decided.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.open.iter().map(|load| load.decide_at).min()
    }

    /// Adds a change of side that was confirmed at `now`. False when it only took an undecided one back.
    ///
    /// A tag that came back before its load was decided turned round in the door: neither way counts, unless all that was
    /// read of it clearly says `flip.direction` (it was taken for being on the wrong side at first).
    pub fn add(
        &mut self,
        tuning: &Tuning,
        now: Time,
        tag: &EpcKey,
        flip: Flip,
        clear: bool,
    ) -> bool {
        self.unused.retain(|(key, _)| key != tag);
        if self.take_back(tag, flip.direction) && !clear {
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
            // A pause in the doorway smears them; but the tag must still have been there.
            let there = tags.get(key).is_some_and(|tag| is_near(tag, &load, tuning));
            if flip.direction == load.direction && there {
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
        load.flips.retain(|key, _| match tags.get_mut(key) {
            Some(tag) if contradicts(tag, load.direction, tuning) => {
                tag.flipped = false;
                false
            }
            _ => true,
        });
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
            for key in load.flips.keys() {
                if let Some(tag) = tags.get_mut(key) {
                    tag.flipped = false;
                }
            }
            self.unused.extend(
                load.flips
                    .into_iter()
                    .map(|(key, at)| (key, Flip { direction, at })),
            );
            return Some(Decision {
                direction,
                at,
                members,
                crossed: Vec::new(),
                uncertainty: Span::default(),
                surroundings: Vec::new(),
                refused: Some(reason),
                late: None,
                carriers: Vec::new(),
            });
        }
        let envelope = envelope(tags, &load);
        let weak = tags.iter().filter(|(key, tag)| {
            !load.flips.contains_key(*key) && is_weak_member(tag, &load, envelope, tuning)
        });
        let weak: Vec<EpcKey> = weak.map(|(key, _)| key.clone()).collect();
        let keys = load.flips.keys().cloned().chain(weak);
        let mut members: Vec<(EpcKey, Option<u16>)> =
            keys.map(|key| (key.clone(), pc_of(tags, &key))).collect();
        members.sort_unstable();
        self.unused.retain(|(key, _)| {
            let found = members.binary_search_by(|(member, _)| member.cmp(key));
            found.is_err()
        });
        let crossed = members.iter().map(|(key, _)| {
            let flip = load.flips.get(key).copied();
            flip.or_else(|| tags.get(key).map(Tag::centroid))
        });
        let crossed = crossed.map(|it| it.unwrap_or(at)).collect();
        for (key, _) in &members {
            for other in &mut self.open {
                other.flips.remove(key);
            }
            if let Some(tag) = tags.get_mut(key) {
                tag.book(Flip {
                    direction: load.direction,
                    at,
                });
            }
        }
        self.open.retain(|load| !load.flips.is_empty());
        Some(Decision {
            direction: load.direction,
            at,
            members,
            crossed,
            uncertainty: Span::default(),
            surroundings: Vec::new(),
            refused: None,
            late: None,
            carriers: Vec::new(),
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
        let reach = anti_reach(tuning);
        let overlaps = |other: &&Load| {
            other.direction != load.direction
                && other.last >= load.first - reach
                && other.first <= load.last + reach
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
        if crossing_seconds(tags, load) < CENTROID_GAP.1 * tuning.load_gap.seconds() {
            return Some(NonEventReason::Unclear);
        }
        let envelope = envelope(tags, load);
        let stayed = tags
            .iter()
            .filter(|(key, tag)| {
                !load.flips.contains_key(*key) && has_stayed(tag, load, envelope, tuning)
            })
            .count();
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let ratio = flips as f64 / (flips + stayed) as f64;
        (ratio < tuning.flip_ratio).then_some(NonEventReason::Ratio)
    }
}

/// All that was read of the tag clearly says the other way.
fn contradicts(tag: &Tag, direction: Direction, tuning: &Tuning) -> bool {
    tag.centroid_flip(tuning)
        .is_some_and(|flip| flip.direction != direction)
}

fn pc_of(tags: &BTreeMap<EpcKey, Tag>, key: &EpcKey) -> Option<u16> {
    tags.get(key).and_then(|tag| tag.pc)
}

/// Tags read within this of a load, and that do not contradict it, belong to it.
fn member_reach(tuning: &Tuning) -> Span {
    Span(tuning.load_gap.0 * 5 / 4)
}

/// A tag still read on the side it came from this long after the load crossed did not go with it.
fn stayed_after(tuning: &Tuning) -> Span {
    Span(tuning.load_gap.0 * 3 / 5)
}

/// Changes of side the other way within this speak against a load.
fn anti_reach(tuning: &Tuning) -> Span {
    Span(tuning.load_gap.0 * 3 / 2)
}

fn is_rearming(tag: Option<&Tag>, load: &Load, tuning: &Tuning) -> bool {
    tag.and_then(|tag| tag.booked).is_some_and(|booked| {
        booked.direction == load.direction && (load.last - booked.at).abs() < tuning.rearm
    })
}

fn is_near(tag: &Tag, load: &Load, tuning: &Tuning) -> bool {
    tag.appeared && tag.first <= load.last && tag.last >= load.first - member_reach(tuning)
}

fn is_resident(tag: &Tag, load: &Load) -> bool {
    load.first - tag.first > RESIDENT_AFTER
}

/// From the centre of gravity on the side of origin to that on the side of destination, over all tags that changed sides.
fn crossing_seconds(tags: &BTreeMap<EpcKey, Tag>, load: &Load) -> f64 {
    let destination = load.direction.destination();
    let centre = |side| {
        let tags = load.flips.keys().filter_map(|key| tags.get(key));
        let sums = tags
            .map(|tag| tag.weight_on(side, load.first))
            .fold((0.0, 0.0), |(weight, moment), (w, centre)| {
                (weight + w, moment + w * centre)
            });
        sums.1 / sums.0.max(f64::MIN_POSITIVE)
    };
    centre(destination) - centre(destination.opposite())
}

/// From the first to the last read of the tags that changed sides.
fn envelope(tags: &BTreeMap<EpcKey, Tag>, load: &Load) -> (Time, Time) {
    let visits = load.flips.keys().filter_map(|key| tags.get(key));
    visits.fold((load.first, load.last), |(first, last), tag| {
        (first.min(tag.first), last.max(tag.last))
    })
}

/// Read at the moment of passage: moves like the load, or comes and goes with it, or nothing says that it stayed.
fn is_weak_member(tag: &Tag, load: &Load, envelope: (Time, Time), tuning: &Tuning) -> bool {
    let destination = load.direction.destination();
    let origin = destination.opposite();
    let reach = member_reach(tuning);
    let middle = Time(load.first.0 + (load.last - load.first).0 / 2);
    let centroids = tag.centroid_flip(tuning).map(|flip| flip.direction);
    let agrees = centroids == Some(load.direction);
    let against = centroids == Some(load.direction.opposite());
    let comes_and_goes =
        !tag.passed && tag.first >= envelope.0 - reach && tag.last <= envelope.1 + reach;
    let stayed = tag.side == Some(origin) && tag.last > load.last + stayed_after(tuning);
    let was_there = tag.side == Some(destination) && tag.first_side == Some(destination);
    // What has just passed, or stands here for long, must show that it moved now.
    let must_show = tag.passed || is_resident(tag, load);
    (agrees || !tag.flipped)
        && is_near(tag, load, tuning)
        && !is_rearming(Some(tag), load, tuning)
        && !against
        && (agrees || comes_and_goes || !(stayed || was_there || must_show))
        && (tag.centroid() - middle).abs() <= reach
}

/// Well read at the moment of passage, and did not go along.
fn has_stayed(tag: &Tag, load: &Load, envelope: (Time, Time), tuning: &Tuning) -> bool {
    !tag.flipped
        && is_near(tag, load, tuning)
        && tag.observations() >= WELL_READ
        && !is_resident(tag, load)
        && !is_weak_member(tag, load, envelope, tuning)
}

fn median(load: &Load) -> Time {
    let mut times: Vec<Time> = load.flips.values().copied().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(load.last)
}
