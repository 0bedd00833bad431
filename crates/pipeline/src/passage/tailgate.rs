//! Loads close behind each other that photo-eyes, or all that is heard of them, tell apart.

use std::collections::{BTreeMap, BTreeSet};

use super::{Load, Passages};
use crate::config::{Direction, Tuning};
use crate::gate::EpcKey;
use crate::survey::{Crossings, View};
use crate::time::{Span, Time};

/// What went through this long before or after a tag crossed may have been its load.
const REACH: Span = Span::millis(1_500);
/// Tags and share of all that a load of its own has at least.
const LEAST: (usize, usize) = (2, 5);

impl View<'_> {
    /// Of the tags that changed sides, those that went through with another than the first of several passages, if the
    /// tags agree that there were several. Two trucks may interrupt photo-eyes as one.
    pub(super) fn followers(&self, direction: Direction, crossings: &Crossings) -> Vec<EpcKey> {
        let times = crossings.times();
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return Vec::new();
        };
        let around = (*first - REACH, *last + REACH);
        let passages = self.eyes.passages(direction, around);
        if passages.len() < 2 {
            return self.close_behind(crossings);
        }
        let mut groups: BTreeMap<Time, Vec<(Time, &EpcKey)>> = BTreeMap::new();
        for (key, one) in &crossings.all {
            let nearest = passages.iter().min_by_key(|at| (**at - one.cut).abs());
            if let Some(at) = nearest {
                groups.entry(*at).or_default().push((one.cut, key));
            }
        }
        let all = crossings.all.len();
        groups.retain(|_, group| group.len() >= LEAST.0 && group.len() * LEAST.1 >= all);
        let middles = groups.iter_mut().map(|(at, group)| {
            group.sort_unstable();
            (*at, group.get(group.len() / 2).map_or(*at, |(cut, _)| *cut))
        });
        let middles: Vec<(Time, Time)> = middles.collect();
        let agree = middles.windows(2).all(|pair| match pair {
            [(one, its), (other, others)] => (*others - *its).0 * 2 > (*other - *one).0,
            _ => false,
        });
        if !agree {
            return Vec::new();
        }
        let later = groups.into_values().skip(1).flatten();
        later.map(|(_, key)| key.clone()).collect()
    }
}

impl Passages {
    /// Makes a load of its own of the tags `behind`.
    pub(super) fn part(&mut self, tuning: &Tuning, now: Time, load: &mut Load, behind: &[EpcKey]) {
        let flips: BTreeMap<EpcKey, Time> = load
            .flips
            .extract_if(.., |key, _| behind.contains(key))
            .collect();
        let first = flips.values().min().copied().unwrap_or(now);
        let last = flips.values().max().copied().unwrap_or(now);
        let mut behind = Load {
            flips,
            first,
            last,
            decide_at: now,
            apart: true,
            tail: BTreeSet::new(),
            ..*load
        };
        let soon = now + Span(tuning.settle.0 / 8);
        behind.decide_at = behind.due(tuning).later(soon);
        self.open.push(behind);
    }
}
