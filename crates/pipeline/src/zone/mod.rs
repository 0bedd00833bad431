//! A place without a direction: things arrive, stay and leave. Event time only.
//!
//! A tag that fades is not gone: it is waited for as long as its own reads make likely, and one that is parked as long as
//! the configuration allows. A reader that is away has not seen anything leave. So a parked tag arrives once and departs
//! once, with the time of its last read.

mod group;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::config::Step;
use crate::gate::EpcKey;
use crate::input::DeviceIndex;
use crate::time::{Span, Time};
use group::Arrivals;
use visit::{Phase, REMEMBERED, Visit};

/// How a read was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    InTime,
    /// Older than what was already decided.
    Late,
}

/// Reads waiting for their turn at one zone at most; beyond, the oldest are taken as they are.
const MAX_BUFFERED: usize = 50_000;
/// Tags followed in one zone at most; beyond, one that has left, else the one unread for longest, is forgotten.
const MAX_TAGS: usize = 20_000;
/// Departures whose load may still be leaving are looked at again after this.
const RECHECK: Span = Span::millis(1_000);

/// A place where things are, or are not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ZoneConfig {
    /// Antennas that look at it, by reader and port.
    pub antennas: Vec<(DeviceIndex, u16)>,
    /// The event of what comes; without it none is made.
    pub arrive: Option<Step>,
    /// The event of what leaves; without it none is made.
    pub depart: Option<Step>,
    /// The event of what stays; without it none is made.
    pub stay: Option<Step>,
    /// For a place where active tags are heard.
    pub active: Option<Box<ActiveZone>>,
    /// After how long a stay is told, in rising order.
    pub dwell: Vec<Span>,
    /// Whether what comes or leaves together is one event.
    pub together: bool,
    /// Thresholds and times.
    pub tuning: ZoneTuning,
}

/// What is special about a place where active tags are heard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActiveZone {
    /// The event of a tag's alarm.
    pub alarm: Step,
    /// Low-frequency exciters in whose field a tag is here, whoever hears it.
    pub exciters: Vec<String>,
    /// Devices that may hear such a tag, beside those of the antennas.
    pub receivers: Vec<DeviceIndex>,
}

/// Thresholds and times of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneTuning {
    /// Weaker reads are ignored, dBm.
    pub min_rssi_dbm: i8,
    /// Reads of one tag within this are one.
    pub dedup: Span,
    /// A tag appears after `min_reads` reads within this.
    pub appear_within: Span,
    /// Reads that make a tag appear.
    pub min_reads: u16,
    /// A tag is gone after this without a read at the earliest.
    pub lost_min: Span,
    /// And after this at the latest.
    pub lost_max: Span,
    /// What comes, or leaves, within this is one load.
    pub load_gap: Span,
    /// How late a read may be and still find its place.
    pub allowed_lateness: Span,
    /// How long a lost reader holds up the zone.
    pub down_grace: Span,
}

impl Default for ZoneTuning {
    fn default() -> Self {
        Self {
            min_rssi_dbm: -78,
            dedup: Span::millis(250),
            appear_within: Span::millis(1_500),
            min_reads: 2,
            lost_min: Span::millis(3_000),
            lost_max: Span::millis(30_000),
            load_gap: Span::millis(3_000),
            allowed_lateness: Span::millis(900),
            down_grace: Span::millis(20_000),
        }
    }
}

/// What happened to things in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They came.
    Arrive,
    /// They left.
    Depart,
    /// They have been there for this long.
    Dwell(Span),
}

impl Change {
    /// The word used in events and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::Depart => "depart",
            Self::Dwell(_) => "dwell",
        }
    }
}

/// A change to be told, with its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    pub change: Change,
    pub at: Time,
    pub members: Vec<(EpcKey, Option<u16>)>,
    pub uncertainty: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Turn {
    at: Time,
    device: DeviceIndex,
    antenna: u16,
    tag: EpcKey,
}

/// What a zone needs to know of a read beside when, where and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub pc: Option<u16>,
    pub uncertainty: Span,
    /// For an active tag: how long it may be silent.
    pub silence: Option<Span>,
}

/// State of one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    frontier: Time,
    buffer: BTreeMap<Turn, Seen>,
    visits: BTreeMap<EpcKey, Visit>,
    timers: BTreeSet<(Time, EpcKey)>,
    arrivals: Arrivals,
    /// Last reads of tags that have left, and whose load may still be leaving.
    leaving: BTreeMap<EpcKey, Time>,
    leaving_check: Time,
    /// Readers that are away, and when others came back.
    blind: BTreeSet<DeviceIndex>,
    resumed: BTreeMap<DeviceIndex, Time>,
    all_blind: bool,
    /// Tags forgotten because of the cap, and reads taken early because of theirs.
    pub capped: u64,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            frontier: Time::MIN,
            buffer: BTreeMap::new(),
            visits: BTreeMap::new(),
            timers: BTreeSet::new(),
            arrivals: Arrivals::default(),
            leaving: BTreeMap::new(),
            leaving_check: Time::MIN,
            blind: BTreeSet::new(),
            resumed: BTreeMap::new(),
            all_blind: false,
            capped: 0,
        }
    }
}

impl Zone {
    /// Whether a tag is followed here.
    pub fn follows(&self, tag: &EpcKey) -> bool {
        self.visits
            .get(tag)
            .is_some_and(|visit| visit.phase != Phase::Gone)
    }

    /// Every tag that is followed, or whose read waits for its turn, with its protocol control word.
    pub fn followed(&self) -> impl Iterator<Item = (&EpcKey, Option<u16>)> {
        let here = self.visits.iter().map(|(tag, visit)| (tag, visit.pc));
        let waiting = self.buffer.iter().map(|(turn, seen)| (&turn.tag, seen.pc));
        here.chain(waiting)
    }

    /// Tags in the zone and reads waiting.
    pub fn sizes(&self) -> (usize, usize) {
        let there = self.visits.values().filter(|it| it.phase != Phase::Gone);
        (there.count(), self.buffer.len())
    }

    /// The next event time at which something happens; none while nobody sees anything.
    pub fn deadline(&self) -> Option<Time> {
        if self.all_blind {
            return None;
        }
        let read = self.buffer.first_key_value().map(|(turn, _)| turn.at);
        let timer = self.timers.first().map(|(at, _)| *at);
        let leaving = (!self.leaving.is_empty()).then_some(self.leaving_check);
        [read, timer, leaving, self.arrivals.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes a read into the order.
    pub fn push(
        &mut self,
        at: Time,
        (device, antenna): (DeviceIndex, u16),
        tag: EpcKey,
        seen: Seen,
    ) -> Taken {
        if at < self.frontier {
            return Taken::Late;
        }
        let turn = Turn {
            at,
            device,
            antenna,
            tag,
        };
        // A read delivered twice is one read.
        let known = self.buffer.entry(turn).or_insert_with(|| seen.clone());
        known.uncertainty = known.uncertainty.min(seen.uncertainty);
        Taken::InTime
    }

    /// Everything before `watermark` has arrived; with none, nobody is expected to tell anything. `blind` are the readers
    /// that are away at `now`: what they saw last may be there still.
    pub fn advance(
        &mut self,
        config: &ZoneConfig,
        now: Time,
        watermark: Option<Time>,
        blind: BTreeSet<DeviceIndex>,
        noted: &mut Vec<Noted>,
    ) {
        let back = self.blind.difference(&blind);
        self.resumed.extend(back.map(|device| (*device, now)));
        self.blind = blind;
        self.all_blind = watermark.is_none();
        let Some(watermark) = watermark else { return };
        let mut goal = watermark.later(self.frontier);
        while self.buffer.len() > MAX_BUFFERED
            && let Some((turn, _)) = self.buffer.first_key_value()
        {
            goal = goal.later(turn.at);
            self.capped += 1;
            self.take_next(config, goal, noted);
        }
        while self.take_next(config, goal, noted) {}
        self.run_timers(config, goal, noted);
        self.frontier = goal;
    }

    /// Tells what has happened and is not told yet; who is there stays there.
    pub fn settle(&mut self, config: &ZoneConfig, noted: &mut Vec<Noted>) {
        while let Some((turn, seen)) = self.buffer.pop_first() {
            self.run_timers(config, turn.at, noted);
            self.observe(config, turn, seen, noted);
        }
        self.arrivals.decide(config, &self.visits, noted);
        self.decide_leaving(config, noted, true);
        self.frontier = Time::MIN;
        self.resumed.clear();
        self.blind.clear();
    }

    /// Moves everything back by `by`, onto a new time line. Nothing may be open: see [`Self::settle`].
    pub fn set_back(&mut self, by: Span) {
        self.timers.clear();
        for (tag, visit) in &mut self.visits {
            visit.set_back(by);
            self.timers.insert((visit.due, tag.clone()));
        }
    }

    /// Devices have other numbers from here on.
    pub fn renumber(&mut self, renumber: impl Fn(DeviceIndex) -> Option<DeviceIndex>) {
        for visit in self.visits.values_mut() {
            visit.device = renumber(visit.device).unwrap_or(DeviceIndex::MAX);
        }
    }

    fn take_next(&mut self, config: &ZoneConfig, goal: Time, noted: &mut Vec<Noted>) -> bool {
        let next = self.buffer.first_entry().filter(|it| it.key().at <= goal);
        let Some((turn, seen)) = next.map(|it| it.remove_entry()) else {
            return false;
        };
        self.run_timers(config, turn.at, noted);
        self.frontier = self.frontier.later(turn.at);
        self.observe(config, turn, seen, noted);
        true
    }

    fn observe(&mut self, config: &ZoneConfig, turn: Turn, seen: Seen, noted: &mut Vec<Noted>) {
        let Turn {
            at, device, tag, ..
        } = turn;
        if !self.visits.contains_key(&tag) && self.visits.len() >= MAX_TAGS {
            self.forget_one();
        }
        let timers = &mut self.timers;
        let visit = self.visits.entry(tag.clone()).or_insert_with(|| {
            let mut visit = Visit::new(seen.pc, device, seen.silence, at);
            let due = at + visit.appear_within(&config.tuning);
            visit.reschedule(timers, &tag, due);
            visit
        });
        let was_gone = visit.phase == Phase::Gone;
        visit.pc = visit.pc.or(seen.pc);
        visit.silence = seen.silence.or(visit.silence);
        let change = visit.observe(&config.tuning, at, device);
        visit.uncertainty = visit.uncertainty.max(seen.uncertainty);
        if was_gone {
            // Its timer was set for when it may be forgotten.
            let due = at + visit.appear_within(&config.tuning);
            visit.reschedule(timers, &tag, due);
        }
        match change {
            visit::Change::Nothing => {}
            visit::Change::Returned => {
                visit.reschedule(timers, &tag, at + config.tuning.lost_min);
                self.leaving.remove(&tag);
            }
            visit::Change::Appeared => {
                visit.reschedule(timers, &tag, at + config.tuning.lost_min);
                if !config.together || !self.arrivals.takes(config, visit.first) {
                    self.arrivals.decide(config, &self.visits, noted);
                }
                if let Some(visit) = self.visits.get_mut(&tag) {
                    visit.load = self.arrivals.add(config, at, visit.first, tag);
                }
                if !config.together {
                    self.arrivals.decide(config, &self.visits, noted);
                }
            }
        }
    }

    fn forget_one(&mut self) {
        let rank = |visit: &Visit| (visit.phase != Phase::Gone, visit.last);
        let found = self.visits.iter().min_by_key(|(_, visit)| rank(visit));
        if let Some((due, tag)) = found.map(|(tag, visit)| (visit.due, tag.clone())) {
            self.timers.remove(&(due, tag.clone()));
            self.leaving.remove(&tag);
            self.visits.remove(&tag);
            self.capped += 1;
        }
    }

    fn run_timers(&mut self, config: &ZoneConfig, until: Time, noted: &mut Vec<Noted>) {
        loop {
            let due = |at: Option<Time>| at.filter(|at| *at <= until);
            let timer = due(self.timers.first().map(|(at, _)| *at));
            let arrivals = due(self.arrivals.deadline());
            let leaving = due((!self.leaving.is_empty()).then_some(self.leaving_check));
            let Some(next) = [timer, arrivals, leaving].into_iter().flatten().min() else {
                return;
            };
            self.frontier = self.frontier.later(next);
            if arrivals == Some(next) {
                self.arrivals.decide(config, &self.visits, noted);
            } else if leaving == Some(next) {
                self.leaving_check = next + RECHECK;
                self.decide_leaving(config, noted, false);
            } else {
                self.fire(config, noted);
            }
        }
    }

    fn fire(&mut self, config: &ZoneConfig, noted: &mut Vec<Noted>) {
        let Some((at, tag)) = self.timers.pop_first() else {
            return;
        };
        let Some(visit) = self.visits.get_mut(&tag) else {
            return;
        };
        let due = match visit.phase {
            Phase::Glimpsed if at - visit.first > visit.appear_within(&config.tuning) => None,
            Phase::Glimpsed => Some(visit.first + visit.appear_within(&config.tuning) + Span(1)),
            Phase::Gone if at - visit.last >= REMEMBERED => None,
            Phase::Gone => Some(visit.last + REMEMBERED),
            Phase::Leaving => Some(at + RECHECK),
            Phase::Present => Some(self.fire_present(config, at, &tag, noted)),
        };
        match (due, self.visits.get_mut(&tag)) {
            (Some(due), Some(visit)) => {
                visit.due = due.later(at + Span(1));
                self.timers.insert((visit.due, tag));
            }
            _ => drop(self.visits.remove(&tag)),
        }
    }

    /// A tag that is there: has it left, or stayed long enough to be told? Returns when to look again.
    fn fire_present(
        &mut self,
        config: &ZoneConfig,
        at: Time,
        tag: &EpcKey,
        noted: &mut Vec<Noted>,
    ) -> Time {
        let Some(visit) = self.visits.get_mut(tag) else {
            return at;
        };
        let lost_after = visit.lost_after(&config.tuning);
        let is_blind = self.blind.contains(&visit.device);
        let watched = self.resumed.get(&visit.device).copied();
        let lost_at = visit.last.later(watched.unwrap_or(Time::MIN)) + lost_after;
        if lost_at <= at && !is_blind {
            visit.phase = Phase::Leaving;
            let (last, due) = (visit.last, visit.last + REMEMBERED);
            // What left must have come.
            if self.arrivals.has(tag) {
                self.arrivals.decide(config, &self.visits, noted);
            }
            self.leaving.insert(tag.clone(), last);
            if config.together {
                self.leaving_check = self.leaving_check.later(at);
            } else {
                self.decide_leaving(config, noted, true);
            }
            return due;
        }
        let lost_at = if is_blind { at + lost_after } else { lost_at };
        let stay = |visit: &Visit| config.dwell.get(visit.dwelt).copied();
        let Some(dwell) = stay(visit) else {
            return lost_at;
        };
        let told_at = visit.first + dwell;
        if is_blind {
            return lost_at;
        }
        if told_at > at {
            return lost_at.min(told_at);
        }
        // Read after that time, it was there; before the next read it may have left already.
        if visit.last < told_at {
            return lost_at.min(at + RECHECK);
        }
        let (load, dwelt) = (visit.load, visit.dwelt);
        let mut members = Vec::new();
        let mut uncertainty = Span::default();
        for (key, visit) in &mut self.visits {
            let belongs = key == tag || config.together && visit.load == load;
            if belongs && visit.is_there() && visit.dwelt == dwelt {
                visit.dwelt += 1;
                members.push((key.clone(), visit.pc));
                uncertainty = uncertainty.max(visit.uncertainty);
            }
        }
        noted.push(Noted {
            change: Change::Dwell(dwell),
            at: told_at,
            members,
            uncertainty,
        });
        lost_at.min(at + RECHECK)
    }
}
