//! Whether two parts that changed sides one after the other are one load that was badly heard, or two loads.
//!
//! What follows another load through a door keeps the distance of a truck, and all that is heard of it comes that much later.
//! Parts of one load are heard at the same time, whatever each of its tags says of when it crossed.

use super::{ONE_LOAD, View};
use crate::gate::EpcKey;
use crate::time::{Span, Time};

/// No truck follows another one closer than this.
const HEADWAY: Span = Span::millis(1_000);
/// A tag that is seldom heard says by up to this too early or too late when it crossed; several together by less, with the root
/// of their number.
const OFF: Span = Span::millis(2_400);
/// What is heard of two loads that do not stand in the gate at the same time has at most this in common.
const COMMON: f64 = 0.45;
/// What is heard is compared in steps of this.
const STEP: Span = Span::millis(400);

/// Tags that changed sides, and when.
pub(crate) type Part<'k> = (&'k [&'k EpcKey], Time);

impl View<'_> {
    /// At a door, both parts came lately, and crossed as one load.
    pub fn are_one_load(&self, one: Part<'_>, other: Part<'_>) -> bool {
        let (first, second) = if one.1 <= other.1 {
            (one, other)
        } else {
            (other, one)
        };
        let came = |(keys, at): Part<'_>| self.are_new(keys.iter().copied(), at);
        if self.tuning.one_by_one || !came(first) || !came(second) {
            return false;
        }
        let gap = second.1 - first.1;
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let root = (first.0.len().min(second.0.len()).max(1) as f64).sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "a part of a span of µs")]
        let off = Span((OFF.0 as f64 / root) as i64);
        let looked = |usual| self.tuning.looked(self.tuning.paced(usual));
        if gap <= looked(HEADWAY + off) {
            return true;
        }
        let reach = self.tuning.reach;
        let window = (first.1 - reach, (second.1 + reach).min(self.now));
        let heard = |(keys, _): Part<'_>| self.heard(keys, window);
        let (Some((before, earlier)), Some((after, later))) = (heard(first), heard(second)) else {
            return false;
        };
        let lag = later - earlier;
        let common: f64 = before.iter().zip(&after).map(|(a, b)| a.min(*b)).sum();
        lag <= looked(ONE_LOAD) || (lag + lag <= gap && common >= COMMON)
    }

    /// How all that is heard of these within a window is spread over it, and its centre of gravity in time.
    fn heard(&self, keys: &[&EpcKey], (from, until): (Time, Time)) -> Option<(Vec<f64>, Time)> {
        let steps = usize::try_from((until - from).0 / STEP.0).ok()? + 1;
        let mut all = vec![0.0; steps];
        let (mut sum, mut moment) = (0.0, 0.0);
        for tag in keys.iter().filter_map(|key| self.tags.get(*key)) {
            for (at, sides) in tag.profile.between(from, until) {
                let step = usize::try_from((at - from).0 / STEP.0).ok();
                if let Some(step) = step.and_then(|step| all.get_mut(step)) {
                    *step += sides.sum();
                }
                sum += sides.sum();
                moment += (at - from).seconds() * sides.sum();
            }
        }
        if sum <= 0.0 {
            return None;
        }
        for step in &mut all {
            *step /= sum;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of spans of µs")]
        let centre = from + Span((moment / sum * 1e6) as i64);
        Some((all, centre))
    }
}
