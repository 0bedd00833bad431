//! What moves towards the way out, told before its load is decided: at a guarded gate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EpcKey, Gate};
use crate::config::Tuning;
use crate::guard::Rule;
use crate::time::{Span, Time};

/// Causes of alerts remembered at one gate at most; beyond, the oldest is forgotten and may be told again.
const MAX_CAUSES: usize = 1_024;
/// What goes out goes as one, and its tags turn within this; of what stands a passing truck turns single tags.
const TOGETHER: Span = Span::millis(3_000);
/// One of so many tags is enough to tell that what they are on leaves.
const SHARE: usize = 5;
/// And so many are enough whatever stands there besides.
const ENOUGH: usize = 6;

/// Why something may not leave: the rule, and the lot or thing.
pub(crate) type Cause = (Rule, String);

/// A tag that moves towards the way out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Leaving {
    /// When that was clear.
    pub at: Time,
    /// The tag.
    pub key: EpcKey,
    /// Its protocol control word.
    pub pc: Option<u16>,
    /// How far off the time may be, either way.
    pub uncertainty: Span,
}

/// What a gate knows of things that leave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Exits {
    /// Somebody wants to know.
    watches: bool,
    /// Each is told once, as soon as it is found.
    seen: Vec<Leaving>,
    /// Why something was told that it may not leave, with the lot or thing, and when.
    causes: BTreeMap<Cause, Time>,
    /// Tags that turned towards the way out, fewer than tell that what they are on leaves, and when they last did.
    turning: BTreeMap<Cause, BTreeMap<EpcKey, Time>>,
}

impl Exits {
    /// Whether a cause was told within `rearm`.
    pub fn is_told(&self, rearm: Span, at: Time, cause: &Cause) -> bool {
        let told = self.causes.get(cause);
        told.is_some_and(|told| (at - *told).abs() < rearm)
    }

    /// How many of `heard` tags that share a cause have to turn: a few of them, and never all of many.
    pub const fn needed(heard: usize) -> usize {
        let share = heard.div_ceil(SHARE);
        let least = if heard < 2 { heard } else { 2 };
        let needed = if share < least { least } else { share };
        if needed < ENOUGH { needed } else { ENOUGH }
    }

    /// More than are needed for any answer of [`needed`](Self::needed).
    pub const MANY: usize = SHARE * ENOUGH;

    /// One more tag of a cause turns; true once enough of them have, together.
    pub fn turns(&mut self, at: Time, cause: &Cause, tag: &EpcKey, needed: usize) -> bool {
        self.turning.retain(|_, tags| {
            tags.retain(|_, turned| (at - *turned).abs() <= TOGETHER);
            !tags.is_empty()
        });
        if needed <= 1 {
            return true;
        }
        if self.turning.len() >= MAX_CAUSES && !self.turning.contains_key(cause) {
            // So much at once is no shadow.
            return true;
        }
        let tags = self.turning.entry(cause.clone()).or_default();
        tags.insert(tag.clone(), at);
        let is_enough = tags.len() >= needed;
        if is_enough {
            self.turning.remove(cause);
        }
        is_enough
    }

    /// Whether a cause was not told within `rearm`; from now on it was.
    pub fn is_news(&mut self, rearm: Span, at: Time, cause: Cause) -> bool {
        self.causes.retain(|_, told| (at - *told).abs() < rearm);
        if self.causes.contains_key(&cause) {
            return false;
        }
        if self.causes.len() >= MAX_CAUSES {
            let oldest = self.causes.iter().min_by_key(|(_, told)| **told);
            if let Some(oldest) = oldest.map(|(cause, _)| cause.clone()) {
                self.causes.remove(&oldest);
            }
        }
        self.causes.insert(cause, at);
        true
    }
}

impl Gate {
    /// From now on notes what leaves, or does not.
    pub fn watch_exits(&mut self, watches: bool) {
        self.exits.watches = watches;
    }

    /// What was found to leave until `until`, in order of its time.
    pub fn take_leaving(&mut self, until: Time) -> Vec<Leaving> {
        let mut leaving: Vec<Leaving> = self
            .exits
            .seen
            .extract_if(.., |it| it.at <= until)
            .collect();
        leaving.sort_unstable();
        leaving
    }

    /// How loud the tag was lately, on both sides together.
    pub fn loudness(&self, tuning: &Tuning, tag: &EpcKey, at: Time) -> f64 {
        let lately = at - Span(tuning.reach.0 / 2);
        let profile = self.tags.get(tag).map(|tag| &tag.profile);
        // A moment begins up to 100 ms before its newest read.
        profile.map_or(0.0, |profile| {
            profile.energy(lately, at + Span::millis(1)).sum()
        })
    }

    /// Tags that were heard lately, with their protocol control word.
    pub fn heard(&self, tuning: &Tuning, at: Time) -> impl Iterator<Item = (&EpcKey, Option<u16>)> {
        let lately = at - tuning.reach;
        let tags = self.tags.iter();
        let heard = tags.filter(move |(_, tag)| {
            let heard = tag.profile.energy(lately, at + Span::millis(1));
            heard.sum() > 0.0
        });
        heard.map(|(key, tag)| (key, tag.pc))
    }

    /// Another gate hears it better, or too little is known: it may leave here yet.
    pub fn ask_again(&mut self, tag: &EpcKey) {
        if let Some(tag) = self.tags.get_mut(tag) {
            tag.told_leaving = false;
        }
    }

    pub(super) fn note_leaving(&mut self, tuning: &Tuning, at: Time, key: &EpcKey) {
        if !self.exits.watches {
            return;
        }
        let Some(tag) = self.tags.get_mut(key) else {
            return;
        };
        if !tag.told_leaving && tag.is_leaving(tuning, at) {
            tag.told_leaving = true;
            self.exits.seen.push(Leaving {
                at,
                key: key.clone(),
                pc: tag.pc,
                uncertainty: tag.uncertainty,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: u8) -> EpcKey {
        EpcKey {
            epc: [n; 12].to_vec(),
            bit_len: 96,
        }
    }

    #[test]
    fn a_few_of_many_tags_tell_and_never_less_than_two_of_several() {
        for (heard, needed) in [(0, 0), (1, 1), (2, 2), (10, 2), (11, 3), (30, 6), (400, 6)] {
            assert_eq!(Exits::needed(heard), needed, "{heard}");
        }
        assert_eq!(Exits::needed(Exits::MANY), ENOUGH);
    }

    #[test]
    fn tags_tell_together_and_one_that_turns_again_and_again_tells_nothing() {
        let mut exits = Exits::default();
        let cause = (Rule::LotHold, "lot".to_owned());
        let second = |n: i64| Time(n * 1_000_000);
        for n in 0..20 {
            assert!(!exits.turns(second(n), &cause, &tag(1), 2));
        }
        // Too long after the other.
        assert!(!exits.turns(second(30), &cause, &tag(2), 2));
        assert!(exits.turns(second(32), &cause, &tag(1), 2));
        // A single tag is all there is.
        assert!(exits.turns(second(60), &cause, &tag(1), 1));
    }
}
