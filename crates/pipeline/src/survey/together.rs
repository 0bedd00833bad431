//! Whether two parts that changed sides one after the other are one load that was badly heard, or two loads.
//!
//! What follows another load through a door keeps the distance of a truck, and all that is heard of it comes that much later.
//! Parts of one load are heard at the same time, whatever each of its tags says of when it crossed.

use super::{ONE_LOAD, View};
use crate::config::{Direction, Side};
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
/// So much of the way from antenna to antenna one part of a load is behind another at most, and so many tags tell that. A truck
/// is longer than the antennas are apart.
const CLOSE: (f64, usize) = (0.9, 3);

/// Tags that changed sides, and when.
pub(crate) type Part<'k> = (&'k [&'k EpcKey], Time);

/// At a door, so far apart parts of one load may seem to cross, if the smaller of them has so many tags.
pub(crate) fn one_load(tags: usize) -> Span {
    #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
    let root = (tags.max(1) as f64).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a part of a span of µs")]
    let off = Span((OFF.0 as f64 / root) as i64);
    HEADWAY + off
}

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
        let looked = |usual| self.tuning.looked(self.tuning.paced(usual));
        if gap <= looked(one_load(first.0.len().min(second.0.len()))) {
            return true;
        }
        // What was put down where it is still heard is heard as long as what passes there after it.
        let was_there = |key: &&&EpcKey| {
            let tag = self.tags.get(**key);
            tag.is_some_and(|tag| tag.known_since <= first.1)
        };
        if second.0.iter().filter(was_there).count() * 2 <= second.0.len() {
            return false;
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

    /// At a door, the second part passed each side sooner after the first than either got from the one side to the other: nothing
    /// that carries it fits between them, however slowly they drive.
    pub fn are_too_close(&self, direction: Direction, first: Part<'_>, second: Part<'_>) -> bool {
        let (share, least) = CLOSE;
        if self.tuning.one_by_one || first.0.len().min(second.0.len()) < least {
            return false;
        }
        let (origin, end) = (direction.destination().opposite(), direction.destination());
        let way = |part| Some((self.loudest(part, origin)?, self.loudest(part, end)?));
        let (Some(before), Some(behind)) = (way(first), way(second)) else {
            return false;
        };
        let lag = (behind.0 - before.0) + (behind.1 - before.1);
        let transit = (before.1 - before.0) + (behind.1 - behind.0);
        lag.0 >= 0 && lag.seconds() <= share * transit.seconds()
    }

    /// When those of a part that had not been here for long were loudest on a side: the centre of gravity of the power. What it
    /// reflects and what reflects it weighs little there.
    fn loudest(&self, (keys, at): Part<'_>, side: Side) -> Option<Time> {
        let reach = self.tuning.reach;
        let came = keys.iter().filter(|key| self.is_new(key, at));
        let (mut sum, mut moment) = (0.0, 0.0);
        for tag in came.filter_map(|key| self.tags.get(*key)) {
            for (time, sides) in tag.profile.between(at - reach, at + reach) {
                let power = sides.on(side) * sides.on(side);
                sum += power;
                moment += (time - at).seconds() * power;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a mean of spans of µs")]
        (sum > 0.0).then(|| at + Span((moment / sum * 1e6) as i64))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Tuning;
    use crate::filter::TagClass;
    use crate::gate::Elsewhere;
    use crate::presence::Tag;
    use crate::survey::Belt;

    /// Whether two tags that change sides at 12 s and at `second` s are one load: the first came at 10 s and is heard up to 30 s, the
    /// other comes at `came` s.
    fn are_one(came: i64, second: i64) -> bool {
        let tuning = Tuning::dock();
        let at = |seconds: i64| Time(seconds * 1_000_000);
        let heard = |from: i64| {
            let mut tag = Tag::new(TagClass::Cargo, None, at(from));
            for tenth in from * 10..300 {
                let time = Time(tenth * 100_000);
                tag.observe(&tuning, time, (0, 1), Side::Inside, Some(-50));
            }
            tag
        };
        let key = |number: u8| EpcKey {
            epc: vec![number; 12],
            bit_len: 96,
        };
        let tags = BTreeMap::from([(key(1), heard(10)), (key(2), heard(came))]);
        let view = View {
            tuning: &tuning,
            now: at(30),
            tags: &tags,
            elsewhere: &Elsewhere::new(std::iter::empty()),
            eyes: &crate::eyes::Eyes::default(),
            belt: Belt::default(),
            awake: Time::default(),
        };
        view.are_one_load((&[&key(1)], at(12)), (&[&key(2)], at(second)))
    }

    #[test]
    fn what_comes_when_another_was_put_down_is_no_part_of_it() {
        assert!(are_one(10, 20), "they came together, and stand together");
        assert!(!are_one(14, 20), "it was not here yet");
        assert!(are_one(14, 15), "so seldom heard that nobody can tell");
    }
}
