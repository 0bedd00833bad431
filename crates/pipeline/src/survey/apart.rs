//! Loads so close behind each other that they change sides as one.
//!
//! What follows keeps the distance of a truck: its tags cross that much later, and all that is heard of them, from the first to
//! the last, comes as much later. The parts of one load, also of one that pauses in the line, come together and leave together.

use super::{Crossings, View};
use crate::gate::EpcKey;
use crate::time::{Span, Time};

/// What is heard closer together than this is one load.
const LEAST_APART: Span = Span::millis(1_500);
/// The centres of gravity in time of two loads are so many times farther apart than those of the tags of either, which are never
/// closer than this.
const APART: (f64, Span) = (5.5, Span::millis(50));
/// Tags and share of all that each of two loads has at least.
const LEAST: (usize, f64) = (3, 0.15);
/// The loads cross this much of the distance of their centres apart, at least and at most.
const CROSSED: (f64, f64) = (0.6, 1.6);
/// When these shares of all that is heard of a load have been heard, it is at least this much of that distance later for the one
/// behind.
const HEARD: ([f64; 2], f64) = ([0.2, 0.8], 0.65);

/// The centre of gravity of what is heard of a tag, when it crossed, and which it is.
type Crossing<'k> = (Time, Time, &'k EpcKey);

impl View<'_> {
    /// Of the tags that changed sides at a door, those that are on a load that follows the first one close behind.
    pub fn close_behind(&self, crossings: &Crossings) -> Vec<EpcKey> {
        let all = crossings.all.iter();
        let mut all: Vec<Crossing<'_>> = all.map(|(key, one)| (one.centre, one.cut, key)).collect();
        all.sort_unstable();
        let centres: Vec<f64> = all.iter().map(|it| (it.0 - self.now).seconds()).collect();
        let Some((first, apart)) = split(&centres).filter(|_| !self.tuning.one_by_one) else {
            return Vec::new();
        };
        let (before, behind) = all.split_at(first);
        let least = self.tuning.looked(self.tuning.paced(LEAST_APART)).seconds();
        if apart < least || !self.come_apart(before, behind, apart) {
            return Vec::new();
        }
        behind.iter().map(|(_, _, key)| (*key).clone()).collect()
    }

    /// These crossed, and were heard, about `apart` seconds after those.
    fn come_apart(&self, before: &[Crossing<'_>], behind: &[Crossing<'_>], apart: f64) -> bool {
        let middle = |part: &[Crossing<'_>]| {
            let mut cuts: Vec<Time> = part.iter().map(|it| it.1).collect();
            cuts.sort_unstable();
            cuts.get(cuts.len() / 2).copied()
        };
        let Some((first, second)) = middle(before).zip(middle(behind)) else {
            return false;
        };
        let crossed = (second - first).seconds() / apart;
        if !(CROSSED.0..=CROSSED.1).contains(&crossed) {
            return false;
        }
        let window = (first - self.tuning.reach, second + self.tuning.reach);
        let (earlier, later) = (self.heard_by(before, window), self.heard_by(behind, window));
        let mut pairs = earlier.into_iter().zip(later);
        pairs.all(|(earlier, later)| (later - earlier).seconds() >= HEARD.1 * apart)
    }

    /// When the shares of [`HEARD`] of all that is heard of these within a window have been heard.
    fn heard_by(&self, part: &[Crossing<'_>], (from, until): (Time, Time)) -> [Time; 2] {
        let tags = part.iter().filter_map(|(_, _, key)| self.tags.get(*key));
        let heard = tags.flat_map(|tag| tag.profile.between(from, until));
        let mut heard: Vec<(Time, f64)> = heard.map(|(at, it)| (at, it.sum())).collect();
        heard.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        let all: f64 = heard.iter().map(|it| it.1).sum();
        HEARD.0.map(|share| {
            let mut sum = 0.0;
            let mut moments = heard.iter();
            let enough = moments.find(|(_, loud)| {
                sum += loud;
                sum >= share * all
            });
            enough.map_or(until, |(at, _)| *at)
        })
    }
}

/// Where `times`, in order, fall into two groups best, and how far apart the means of these are, if the groups are large enough and
/// far enough apart for what each of them spreads.
#[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
fn split(times: &[f64]) -> Option<(usize, f64)> {
    let add = |(sum, squares): (f64, f64), at: &f64| (sum + at, squares + at * at);
    let all = times.iter().fold((0.0, 0.0), add);
    let least = LEAST.0.max((times.len() as f64 * LEAST.1).ceil() as usize);
    let mut first = (0.0, 0.0);
    let mut best: Option<(f64, usize, f64)> = None;
    for (count, at) in (1..times.len()).zip(times) {
        first = add(first, at);
        if count < least || times.len() - count < least {
            continue;
        }
        let (its, others) = (count as f64, (times.len() - count) as f64);
        let rest = (all.0 - first.0, all.1 - first.1);
        let within = first.1 - first.0 * first.0 / its + rest.1 - rest.0 * rest.0 / others;
        if best.is_none_or(|(least, _, _)| within < least) {
            best = Some((within, count, rest.0 / others - first.0 / its));
        }
    }
    let (within, count, apart) = best?;
    let spread = (within.max(0.0) / times.len() as f64).sqrt();
    (apart >= APART.0 * spread.max(APART.1.seconds())).then_some((count, apart))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_two_groups_that_are_far_apart() {
        let close = |middle: f64| [middle - 0.2, middle, middle, middle + 0.2];
        let two = [close(0.0), close(2.5)].concat();
        let (first, apart) = split(&two).unwrap();
        assert_eq!(first, 4);
        assert!((apart - 2.5).abs() < 1e-9, "{apart}");
        let spread: Vec<f64> = (0..12).map(|step| f64::from(step) * 0.25).collect();
        assert_eq!(split(&spread), None, "one load that spreads");
        assert_eq!(split(&[0.0, 0.1, 0.1, 2.5]), None, "one tag is no load");
        let few = [vec![0.0; 18], vec![2.5; 2]].concat();
        assert_eq!(split(&few), None, "nor is little beside much");
        let pairs = [0.0, 0.0, 1.9, 1.9];
        assert_eq!(split(&pairs), None, "two tags may err together");
        assert_eq!(split(&[]), None);
    }
}
