//! What comes together, and what leaves together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::visit::{Phase, Visit};
use super::{Change, Noted, Zone, ZoneConfig};
use crate::gate::EpcKey;
use crate::time::{Span, Time};

/// A load is told at the latest this long after its first tag came, however many keep coming.
const LONGEST_LOAD: Span = Span::millis(30_000);

/// Tags that have come and are not told yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Arrivals {
    members: BTreeSet<EpcKey>,
    first: Time,
    last: Time,
    decide_at: Time,
    load: u64,
}

impl Arrivals {
    pub fn deadline(&self) -> Option<Time> {
        (!self.members.is_empty()).then_some(self.decide_at)
    }

    pub fn has(&self, tag: &EpcKey) -> bool {
        self.members.contains(tag)
    }

    /// Whether a tag first read at `first` belongs to what is arriving.
    pub fn takes(&self, config: &ZoneConfig, first: Time) -> bool {
        let gap = config.tuning.load_gap;
        self.members.is_empty() || first >= self.first - gap && first <= self.last + gap
    }

    /// Adds a tag that appeared at `now`; returns the number of its load.
    pub fn add(&mut self, config: &ZoneConfig, now: Time, first: Time, tag: EpcKey) -> u64 {
        if self.members.is_empty() {
            (self.first, self.last) = (first, first);
            self.load = self.load.wrapping_add(1);
        }
        self.members.insert(tag);
        self.first = self.first.min(first);
        self.last = self.last.later(first);
        let wanted = now + config.tuning.load_gap;
        self.decide_at = wanted.min(self.first + LONGEST_LOAD).later(now);
        self.load
    }

    /// Tells what has come.
    pub fn decide(
        &mut self,
        config: &ZoneConfig,
        visits: &BTreeMap<EpcKey, Visit>,
        noted: &mut Vec<Noted>,
    ) {
        let members = std::mem::take(&mut self.members);
        if members.is_empty() || config.arrive.is_none() {
            return;
        }
        noted.push(Noted::of(Change::Arrive, self.first, members, visits));
    }
}

impl Noted {
    fn of(
        change: Change,
        at: Time,
        members: BTreeSet<EpcKey>,
        visits: &BTreeMap<EpcKey, Visit>,
    ) -> Self {
        let known = members.iter().filter_map(|tag| visits.get(tag));
        Self {
            change,
            at,
            uncertainty: known.map(|it| it.uncertainty).max().unwrap_or_default(),
            members: members
                .into_iter()
                .map(|tag| {
                    let pc = visits.get(&tag).and_then(|visit| visit.pc);
                    (tag, pc)
                })
                .collect(),
        }
    }
}

impl Zone {
    /// Tells what has left: those whose last reads lie close together, as soon as nobody else of them may still be leaving
    /// (at once, if `at_once`).
    pub(super) fn decide_leaving(
        &mut self,
        config: &ZoneConfig,
        noted: &mut Vec<Noted>,
        at_once: bool,
    ) {
        let gap = config.tuning.load_gap;
        let mut left: Vec<(Time, EpcKey)> = std::mem::take(&mut self.leaving)
            .into_iter()
            .map(|(tag, last)| (last, tag))
            .collect();
        left.sort_unstable();
        for load in left.chunk_by(|a, b| config.together && b.0 - a.0 <= gap) {
            let (Some((first, _)), Some((last, _))) = (load.first(), load.last()) else {
                continue;
            };
            let near = |visit: &Visit| {
                visit.is_there() && visit.last >= *first - gap && visit.last <= *last + gap
            };
            let patience = Span(config.tuning.lost_max.0.saturating_mul(2));
            let in_doubt =
                !at_once && self.frontier - *last < patience && self.visits.values().any(near);
            if in_doubt {
                self.leaving
                    .extend(load.iter().map(|(last, tag)| (tag.clone(), *last)));
                continue;
            }
            let members: BTreeSet<EpcKey> = load.iter().map(|(_, tag)| tag.clone()).collect();
            for tag in &members {
                if let Some(visit) = self.visits.get_mut(tag) {
                    visit.phase = Phase::Gone;
                }
            }
            if config.depart.is_some() {
                noted.push(Noted::of(Change::Depart, *last, members, &self.visits));
            }
        }
    }
}
