//! Reads that come after their time was decided: what they add to a passage that was already told, or tell themselves.
//!
//! They go through a gate of their own, which is decided at once when no more of them come. A tag that was never read in
//! time and was there when a load passed belongs to that passage: a supplementary event names it. What makes a load by
//! itself becomes an event of its own. Both are marked late; a tag is never told twice.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::carriers::Carriers;
use super::{Elsewhere, EpcKey, Gate, MAX_BUFFERED, MAX_TAGS, Sighting};
use crate::config::{Direction, Tuning};
use crate::eyes::Says;
use crate::input::DeviceIndex;
use crate::passage::{Decision, Late};
use crate::survey::one_load;
use crate::time::{Span, Time};

/// Reads later than this amend no passage; they can still make one of their own.
const AMEND_WINDOW: Span = Span::millis(60_000);
/// Late reads wait this much longer than a load in time for others, so that the passage that they belong to is decided.
const PATIENCE: Span = Span::millis(2_000);
/// And this long in all, however many keep coming.
const LONGEST: Span = Span::millis(30_000);
/// What came late is of a passage that was told if it has at most one in so many of its tags; more of them are a load.
const PART: usize = 4;
/// Passages remembered at one gate at most, and their tags at most [`MAX_TAGS`]; beyond, the oldest is forgotten.
const MAX_PASSAGES: usize = 256;

/// What a gate remembers for reads that come late.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Amend {
    booked: VecDeque<Booked>,
    lane: Option<Box<Lane>>,
    /// Before this everything was decided when the gate was last flushed.
    flushed: Option<Time>,
}

/// A passage that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Booked {
    direction: Direction,
    at: Time,
    /// In order.
    members: Vec<EpcKey>,
}

impl Booked {
    fn has(&self, tag: &EpcKey) -> bool {
        self.members.binary_search(tag).is_ok()
    }
}

/// Late reads that wait for company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lane {
    gate: Gate,
    seen: BTreeMap<EpcKey, Seen>,
    /// When the first came, and when they are decided; by arrival.
    since: Time,
    due: Time,
}

/// What was read of one tag too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    pc: Option<u16>,
    first: Time,
    last: Time,
    uncertainty: Span,
    /// One of the reads was late by no more than [`AMEND_WINDOW`].
    amends: bool,
}

impl Amend {
    /// Notes a passage that is told now.
    pub fn book(&mut self, decision: &Decision) {
        let members = decision.members.iter().map(|(key, _)| key.clone());
        self.booked.push_back(Booked {
            direction: decision.direction,
            at: decision.at,
            members: members.collect(),
        });
        let mut tags: usize = self.booked.iter().map(|booked| booked.members.len()).sum();
        while (self.booked.len() > MAX_PASSAGES || tags > MAX_TAGS)
            && let Some(oldest) = self.booked.pop_front()
        {
            tags -= oldest.members.len();
        }
    }

    /// The gate starts afresh; what comes from before `frontier` comes late.
    pub fn flushed(&mut self, frontier: Time) {
        self.flushed = self.flushed.max(Some(frontier));
    }

    /// Says of a load that was decided after a flush what was told of it before: nothing, or all but some of its tags.
    pub fn check(&mut self, tuning: &Tuning, decision: &mut Decision) {
        if decision.refused.is_some() || self.flushed.is_none_or(|until| decision.at >= until) {
            self.book_if_new(decision);
            return;
        }
        decision.late = Some(Late::Own);
        let reach = reach(tuning);
        let same = |booked: &&Booked| {
            booked.direction == decision.direction && (booked.at - decision.at).abs() <= reach
        };
        let nearest = self
            .booked
            .iter()
            .filter(same)
            .min_by_key(|booked| (booked.at - decision.at).abs());
        if let Some(booked) = nearest {
            decision.late = Some(Late::Amends(booked.at));
            let crossed = std::mem::take(&mut decision.crossed).into_iter();
            let members = std::mem::take(&mut decision.members).into_iter();
            (decision.members, decision.crossed) = members
                .zip(crossed)
                .filter(|((key, _), _)| !booked.has(key))
                .unzip();
        }
        self.book_if_new(decision);
    }

    fn book_if_new(&mut self, decision: &Decision) {
        if decision.refused.is_none() && !decision.members.is_empty() {
            self.book(decision);
        }
    }

    fn was_told(&self, tuning: &Tuning, tag: &EpcKey, direction: Direction, at: Time) -> bool {
        self.booked.iter().any(|booked| {
            booked.direction == direction
                && (booked.at - at).abs() < tuning.rearm
                && booked.has(tag)
        })
    }
}

impl Gate {
    /// True when everything at `at` is decided.
    pub fn is_late(&self, at: Time) -> bool {
        at < self.frontier
    }

    /// Takes a read of the time `at` that comes too late, now. False, and nothing taken, when too many wait.
    pub fn take_late(
        &mut self,
        tuning: &Tuning,
        now: Time,
        at: Time,
        port: (DeviceIndex, u16),
        (tag, sighting): (EpcKey, Sighting),
    ) -> bool {
        let air = &self.air;
        let lane = self.amend.lane.get_or_insert_with(|| {
            Box::new(Lane {
                gate: Self {
                    air: air.afresh(),
                    ..Self::default()
                },
                seen: BTreeMap::new(),
                since: now,
                due: now,
            })
        });
        if lane.gate.buffer.len() >= MAX_BUFFERED {
            self.capped += 1;
            return false;
        }
        let wait = tuning.settle + tuning.load_gap + tuning.allowed_lateness + PATIENCE;
        lane.due = (now + wait).min(lane.since + LONGEST);
        let amends = now - at <= AMEND_WINDOW;
        let seen = lane.seen.entry(tag.clone()).or_insert(Seen {
            pc: sighting.pc,
            first: at,
            last: at,
            uncertainty: sighting.uncertainty,
            amends,
        });
        seen.pc = seen.pc.or(sighting.pc);
        (seen.first, seen.last) = (seen.first.min(at), seen.last.later(at));
        seen.uncertainty = seen.uncertainty.max(sighting.uncertainty);
        seen.amends |= amends;
        lane.gate.push(at, port, tag, sighting);
        true
    }

    /// What was told before belongs to a time line that is over.
    pub fn forget_passages(&mut self) {
        self.amend = Amend::default();
        self.carriers = Carriers::default();
    }

    /// When late reads are to be decided, if there are any; gateway time.
    pub fn late_due(&self, tuning: &Tuning) -> Option<Time> {
        let lane = self.amend.lane.as_ref()?;
        // What halts is not told yet: only then is it known what they add.
        let halts = self.passages.halt_due();
        let told = halts.map(|at| at + tuning.allowed_lateness + PATIENCE);
        let longest = lane.since + LONGEST;
        Some(told.map_or(lane.due, |at| lane.due.later(at.min(longest))))
    }

    /// Decides late reads that are due at `now`. What another gate has told meanwhile is not of this one.
    pub fn settle_late(
        &mut self,
        tuning: &Tuning,
        now: Time,
        elsewhere: &Elsewhere<'_>,
    ) -> Vec<Decision> {
        let is_due = self.late_due(tuning).is_some_and(|due| due <= now);
        let Some(mut lane) = self.amend.lane.take_if(|_| is_due) else {
            return Vec::new();
        };
        for (key, seen) in &lane.seen {
            let known = self.tags.get(key);
            if let Some(tag) = known.filter(|tag| tag.known_since < seen.first) {
                lane.gate.tags.insert(key.clone(), tag.remembered());
            }
        }
        let mut own = lane.gate.flush(tuning);
        own.sort_by_key(|decision| decision.at);
        let mut decisions = self.supplements(tuning, &lane.seen, &own, elsewhere);
        for mut decision in own {
            if decision.refused.is_none() {
                let (direction, at) = (decision.direction, decision.at);
                let members = decision.members.into_iter().zip(decision.crossed);
                (decision.members, decision.crossed) = members
                    .filter(|((key, _), _)| {
                        !self.was_judged(tuning, key, at)
                            && !elsewhere.has_booked(key, at)
                            && !self.amend.was_told(tuning, key, direction, at)
                    })
                    .unzip();
                if decision.members.is_empty() {
                    continue;
                }
                self.tell_carriers(tuning, &mut decision);
                let amends = |(key, _): &(EpcKey, Option<u16>)| {
                    lane.seen.get(key).is_some_and(|seen| seen.amends)
                };
                let amends = decision.members.iter().any(amends);
                let told = self.told_load(tuning, &decision);
                if let Some(booked) = told.filter(|_| amends) {
                    let members = decision.members.iter().map(|(key, _)| key.clone());
                    booked.members.extend(members);
                    booked.members.sort_unstable();
                    decision.at = booked.at;
                    decision.late = Some(Late::Amends(booked.at));
                } else {
                    decision.late = Some(Late::Own);
                    self.amend.book(&decision);
                }
            }
            decisions.push(decision);
        }
        decisions
    }

    /// The passage that a load of late reads is a small part of: it seems to cross no farther from it than parts of one load do,
    /// and photo-eyes saw nothing else pass.
    fn told_load(&mut self, tuning: &Tuning, late: &Decision) -> Option<&mut Booked> {
        let (direction, at) = (late.direction, late.at);
        if tuning.one_by_one || self.eyes.passage(tuning, direction, at).is_some() {
            return None;
        }
        let tags = late.members.len();
        let reach = tuning.looked(tuning.paced(one_load(tags)));
        let booked = self.amend.booked.iter_mut();
        let its = booked.filter(|it| {
            it.direction == direction
                && tags * PART <= it.members.len()
                && (it.at - at).abs() <= reach
        });
        its.min_by_key(|it| (it.at - at).abs())
    }

    /// The tag was read in time, so whether it moved at `at` was decided.
    fn was_judged(&self, tuning: &Tuning, tag: &EpcKey, at: Time) -> bool {
        let tag = self.tags.get(tag);
        tag.is_some_and(|tag| at >= tag.first - reach(tuning))
    }

    /// The tag was known before: what stands around here is heard when something passes, and not of that.
    fn was_here(&self, tuning: &Tuning, tag: &EpcKey, at: Time) -> bool {
        let tag = self.tags.get(tag);
        tag.is_some_and(|tag| at >= tag.known_since - reach(tuning))
    }

    /// Tags of passages that were told without them.
    fn supplements(
        &mut self,
        tuning: &Tuning,
        seen: &BTreeMap<EpcKey, Seen>,
        own: &[Decision],
        elsewhere: &Elsewhere<'_>,
    ) -> Vec<Decision> {
        let reach = reach(tuning);
        let mut missing: BTreeMap<usize, Vec<&EpcKey>> = BTreeMap::new();
        for (key, tag) in seen {
            if !tag.amends {
                continue;
            }
            let says = |decision: &&Decision| {
                let found = decision.members.binary_search_by(|(tag, _)| tag.cmp(key));
                decision.refused.is_none() && found.is_ok()
            };
            let direction = own.iter().find(says).map(|decision| decision.direction);
            let middle = Time(tag.first.0 + (tag.last - tag.first).0 / 2);
            let fits = |booked: &&Booked| {
                direction.is_none_or(|direction| direction == booked.direction)
                    && tag.first <= booked.at + reach
                    && tag.last >= booked.at - reach
            };
            let passages = self.amend.booked.iter();
            let nearest = passages
                .enumerate()
                .filter(|(_, booked)| fits(booked))
                .min_by_key(|(_, booked)| (booked.at - middle).abs());
            if let Some((index, booked)) = nearest
                && !self.was_here(tuning, key, booked.at)
                && !elsewhere.has_booked(key, booked.at)
                && !self
                    .amend
                    .was_told(tuning, key, booked.direction, booked.at)
            {
                missing.entry(index).or_default().push(key);
            }
        }
        let mut decisions = Vec::new();
        for (index, keys) in missing {
            let Some(booked) = self.amend.booked.get_mut(index) else {
                continue;
            };
            booked.members.extend(keys.iter().copied().cloned());
            booked.members.sort_unstable();
            let tags = keys.iter().filter_map(|key| seen.get(*key));
            let uncertainty = tags.map(|tag| tag.uncertainty).max().unwrap_or_default();
            let pc = |key: &EpcKey| seen.get(key).and_then(|tag| tag.pc);
            decisions.push(Decision {
                direction: booked.direction,
                at: booked.at,
                members: keys.iter().map(|key| ((*key).clone(), pc(key))).collect(),
                crossed: vec![booked.at; keys.len()],
                uncertainty,
                surroundings: Vec::new(),
                refused: None,
                late: Some(Late::Amends(booked.at)),
                carriers: Vec::new(),
                eyes: Says::Nothing,
            });
        }
        decisions
    }
}

/// A tag read within this of a passage was there when it passed.
fn reach(tuning: &Tuning) -> Span {
    tuning.load_gap + tuning.load_gap
}
