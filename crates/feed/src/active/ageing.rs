//! How long a tag may be silent: by its own pace, and by how many of its beacons are heard.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Gaps that are remembered of one tag.
const GAPS: usize = 32;
/// Beacons after which a tag's pace is believed.
const LEARN: u32 = 10;
/// Copies of one beacon by several receivers come within this.
const SAME_US: i64 = 80_000;
/// Copies of one counted beacon come within this.
const SAME_COUNTED_US: i64 = 3_000_000;
/// A tag of which nothing is known yet may be silent for so long: tags send every 2 s to every 10 minutes.
const UNKNOWN_US: i64 = 600_000_000;
/// No tag is waited for longer.
const LONGEST_US: i64 = 4 * 3_600_000_000;
/// `ln(1/δ)` with δ = 0.01, in ‰: a tag that is there is missed so often, over its rate of beacons heard, in 1 of 100
/// cases (SMURF's bound).
const BOUND_PERMILLE: i64 = 4_605;
/// Beacons in a row that the bound asks for at most.
const BOUND_MOST: i64 = 20;
/// A greater step of the counter is a new beginning, not a loss.
const STEP_MOST: u32 = 64;
/// Beacons counted before the older half is forgotten.
const COUNTED: u32 = 64;

/// How often tags of a kind send, and how many beacons may be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How often they send, µs; without it a tag says so itself, or it is learned.
    pub interval_us: Option<i64>,
    /// Beacons that may be missed in a row: k.
    pub missed: u32,
    /// How much longer than the interval a pause may be, in ‰ of it.
    pub jitter_permille: u16,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval_us: None,
            missed: 4,
            jitter_permille: 100,
        }
    }
}

/// What the beacons of one tag told about its pace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ageing {
    last_us: Option<i64>,
    beacons: u32,
    gaps: VecDeque<i64>,
    sent_interval_us: Option<i64>,
    sequence: Option<u32>,
    /// Beacons heard and sent, by the tag's own counter.
    heard: u32,
    sent: u32,
}

impl Ageing {
    /// Takes a beacon that was heard at `at_us`. False if it is the one before, heard by another receiver.
    pub fn hear(&mut self, at_us: i64, sequence: Option<u32>, interval_ms: Option<u32>) -> bool {
        if let Some(interval) = interval_ms.filter(|ms| *ms > 0) {
            self.sent_interval_us = Some(i64::from(interval) * 1000);
        }
        let gap = self.last_us.map(|last| at_us.saturating_sub(last));
        let is_copy = match (gap, self.sequence, sequence) {
            (None, ..) => false,
            (Some(gap), Some(known), Some(new)) if gap <= SAME_COUNTED_US => {
                // An older one that another receiver was slow to tell is no news either.
                known == new || gap < 0 && behind(known, new)
            }
            (Some(gap), ..) => gap < SAME_US,
        };
        if is_copy {
            return false;
        }
        if let Some(gap) = gap.filter(|gap| *gap > 0) {
            if self.gaps.len() >= GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
        }
        self.count(sequence);
        self.beacons = self.beacons.saturating_add(1);
        self.last_us = Some(self.last_us.map_or(at_us, |last| last.max(at_us)));
        true
    }

    fn count(&mut self, sequence: Option<u32>) {
        let before = self.sequence;
        self.sequence = sequence.or(before);
        let (Some(before), Some(sequence)) = (before, sequence) else {
            return;
        };
        let Some(step) = step(before, sequence) else {
            return;
        };
        self.heard += 1;
        self.sent += step;
        if self.sent > COUNTED {
            // What was long ago counts less and less.
            (self.heard, self.sent) = (self.heard.div_ceil(2), self.sent.div_ceil(2));
        }
    }

    /// How often the tag sends: as configured, as it says, or as it was learned; `None` before that.
    #[must_use]
    pub fn interval_us(&self, pace: &Pace) -> Option<i64> {
        pace.interval_us
            .or(self.sent_interval_us)
            .or_else(|| self.learned())
    }

    /// The 20th percentile of the gaps: lost beacons only make gaps longer, so the short ones tell the pace.
    fn learned(&self) -> Option<i64> {
        if self.beacons < LEARN {
            return None;
        }
        let mut gaps: Vec<i64> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        gaps.get((gaps.len().saturating_sub(1)) / 5).copied()
    }

    /// The share of its beacons that are heard, in ‰, where the tag counts them.
    #[must_use]
    pub fn rate_permille(&self) -> Option<u32> {
        let known = self.sent >= LEARN;
        known.then(|| self.heard.min(self.sent) * 1000 / self.sent.max(1))
    }

    /// How long the tag may be silent before it is taken for gone, in µs: k × interval × (1 + jitter), or, where its
    /// losses are measured, as many intervals as they ask for.
    #[must_use]
    pub fn silence_us(&self, pace: &Pace) -> i64 {
        let Some(interval) = self.interval_us(pace) else {
            return UNKNOWN_US;
        };
        let missed = match self.rate_permille() {
            Some(rate) => {
                let rate = i64::from(rate.max(1));
                ((BOUND_PERMILLE + rate - 1) / rate).min(BOUND_MOST)
            }
            None => i64::from(pace.missed.max(1)),
        };
        let jitter = 1000 + i64::from(pace.jitter_permille);
        let silence = interval.saturating_mul(missed).saturating_mul(jitter) / 1000;
        silence.min(LONGEST_US)
    }

    /// When it was heard last.
    #[must_use]
    pub const fn last_us(&self) -> Option<i64> {
        self.last_us
    }

    /// Moves its times back by `by_us`, onto another time line.
    pub fn set_back(&mut self, by_us: i64) {
        self.last_us = self.last_us.map(|last| last.saturating_sub(by_us));
    }
}

/// How far a counter went on, also over its end at 8, 16 or 32 bits; `None` when it was set anew.
fn step(before: u32, after: u32) -> Option<u32> {
    let plain = after.wrapping_sub(before);
    if (1..=STEP_MOST).contains(&plain) {
        return Some(plain);
    }
    [1 << 8, 1 << 16].into_iter().find_map(|modulus: u32| {
        let fits = before < modulus && after < before;
        let around = (after + modulus.saturating_sub(before)) * u32::from(fits);
        (1..=STEP_MOST).contains(&around).then_some(around)
    })
}

/// Whether `new` came before `known`.
fn behind(known: u32, new: u32) -> bool {
    step(new, known).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: i64 = 1_000_000;

    fn heard(beacons: impl IntoIterator<Item = (i64, Option<u32>)>) -> Ageing {
        let mut ageing = Ageing::default();
        for (at, sequence) in beacons {
            ageing.hear(at, sequence, None);
        }
        ageing
    }

    #[test]
    fn the_interval_is_configured_else_sent_else_learned() {
        let mut ageing = heard((0..11).map(|n| (n * 7 * S, None)));
        let pace = Pace::default();
        assert_eq!(ageing.interval_us(&pace), Some(7 * S));
        ageing.hear(77 * S, None, Some(5_000));
        assert_eq!(ageing.interval_us(&pace), Some(5 * S));
        let configured = Pace {
            interval_us: Some(3 * S),
            ..pace
        };
        assert_eq!(ageing.interval_us(&configured), Some(3 * S));
        assert_eq!(ageing.silence_us(&configured), 13_200_000);
    }

    #[test]
    fn nine_beacons_tell_nothing_yet() {
        let ageing = heard((0..9).map(|n| (n * 7 * S, None)));
        assert_eq!(ageing.interval_us(&Pace::default()), None);
        assert_eq!(ageing.silence_us(&Pace::default()), UNKNOWN_US);
    }

    #[test]
    fn the_pace_is_found_among_losses() {
        // Every third and every seventh beacon is lost.
        let times = (0..60_i64).filter(|n| n % 3 != 1 && n % 7 != 5);
        let ageing = heard(times.map(|n| (n * 10 * S, None)));
        assert_eq!(ageing.interval_us(&Pace::default()), Some(10 * S));
    }

    #[test]
    fn a_beacon_that_several_receivers_hear_is_one() {
        let copies =
            (0..12_i64).flat_map(|n| [0, 40_000, 70_000].map(|late| (n * 2 * S + late, None)));
        assert_eq!(heard(copies).interval_us(&Pace::default()), Some(2 * S));
        // A counter tells copies also when one of the receivers is slow, and one that overtakes.
        let mut ageing = heard((0..12_i64).map(|n| (n * 5 * S, Some(n as u32))));
        assert!(!ageing.hear(57 * S, Some(11), None));
        assert!(!ageing.hear(54 * S, Some(10), None));
        assert!(ageing.hear(60 * S, Some(12), None));
        assert_eq!(ageing.rate_permille(), Some(1000));
    }

    #[test]
    fn measured_losses_lengthen_the_wait() {
        let pace = Pace {
            interval_us: Some(10 * S),
            jitter_permille: 0,
            ..Pace::default()
        };
        let all = heard((0..40).map(|n| (i64::from(n) * 10 * S, Some(n))));
        assert_eq!(
            (all.rate_permille(), all.silence_us(&pace)),
            (Some(1000), 50 * S)
        );
        let half = heard((0..40).map(|n| (i64::from(n) * 20 * S, Some(2 * n))));
        let rate = half.rate_permille().unwrap();
        assert!((490..=520).contains(&rate), "{rate}");
        assert_eq!(half.silence_us(&pace), 100 * S);
        let hardly = heard((0..40).map(|n| (i64::from(n) * 600 * S, Some(60 * n))));
        assert_eq!(hardly.silence_us(&pace), 200 * S);
    }

    #[test]
    fn counters_wrap_and_start_anew() {
        assert_eq!(step(255, 0), Some(1));
        assert_eq!(step(250, 3), Some(9));
        assert_eq!(step(65_535, 1), Some(2));
        assert_eq!(step(u32::MAX, 0), Some(1));
        assert_eq!(step(100, 7), None, "a tag with a new battery");
        assert_eq!(step(100, 5_000), None);
        assert_eq!(step(5, 5), None);
    }

    proptest! {
        #[test]
        fn nothing_overflows(
            beacons in prop::collection::vec((any::<i64>(), any::<Option<u32>>(), any::<Option<u32>>()), 0..200),
            missed: u32, jitter: u16, interval in prop::option::of(0i64..i64::MAX),
        ) {
            let mut ageing = Ageing::default();
            let pace = Pace { interval_us: interval, missed, jitter_permille: jitter };
            for (at, sequence, interval) in beacons {
                ageing.hear(at, sequence, interval);
                let silence = ageing.silence_us(&pace);
                prop_assert!((0..=LONGEST_US).contains(&silence));
                prop_assert!(ageing.rate_permille().is_none_or(|rate| rate <= 1000));
            }
            prop_assert!(ageing.gaps.len() <= GAPS);
        }
    }
}
