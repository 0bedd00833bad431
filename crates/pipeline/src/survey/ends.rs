//! Where a load was heard first, and where last.

use std::collections::BTreeMap;

use super::View;
use crate::config::{Direction, Side};
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::profile::Sides;
use crate::time::{Span, Time};

/// Where a load comes from and where it goes is told by the first and the last of up to this many moments, each this long,
/// in which a side heard it at least this loud, of the loudest that this side ever did.
const ENDS: (usize, Span, f64) = (3, Span::millis(300), 0.2);
/// First is what was heard since so many times the reach of a change of side before it; where a load may have stood in the line
/// for long before it turned back, since so many times.
const BEFORE: i64 = 2;
const LONG_BEFORE: i64 = 5;
/// What passed was on other sides then, by this share of the clearer of both.
const APART: f64 = 0.5;
/// And this share of what is heard on one side leaves no doubt that it was there.
const PLAINLY: f64 = 0.8;
/// At least one in so many tags of what passes is heard on both sides: others leave one side as others come to the other.
const ON_BOTH: usize = 4;

/// The first and the last moments of a load, each with all that was heard and what of it speaks for the side of destination.
struct Ends {
    came: Vec<(f64, f64)>,
    left: Vec<(f64, f64)>,
}

impl View<'_> {
    /// The first and the last moments in which these were loud enough to tell. One side may hear all of them louder than the
    /// other, and more often where the air is busy on the other: each is compared with itself. They look `back` so many times
    /// the reach of a change of side.
    fn ends(&self, direction: Direction, moved: &[EpcKey], at: Time, back: i64) -> Ends {
        let (most_moments, step, share) = ENDS;
        let step = self.tuning.paced(step);
        let begin = at - Span(self.tuning.reach.0 * back);
        let mut heard: BTreeMap<i64, Sides> = BTreeMap::new();
        // What stood here before is heard before and after whatever passes.
        let is_new = self.are_new(moved.iter(), at);
        let came = moved.iter().filter(|key| !is_new || self.is_new(key, at));
        for tag in came.filter_map(|key| self.tags.get(key)) {
            let from = begin.later(tag.free_from(self.tuning));
            for (time, sides) in tag.profile.between(from, self.now) {
                let moment = heard.entry((time - begin).0 / step.0.max(1)).or_default();
                *moment = *moment + sides;
            }
        }
        let most = |side: Side| heard.values().map(|it| it.on(side)).fold(0.0, f64::max);
        let (inside, outside) = (share * most(Side::Inside), share * most(Side::Outside));
        heard.retain(|_, it| {
            (it.inside > 0.0 && it.inside >= inside) || (it.outside > 0.0 && it.outside >= outside)
        });
        let count = most_moments.min(heard.len() / 2);
        let end = direction.destination();
        let tells = |it: &Sides| (it.sum(), it.on(end) - it.on(end.opposite()));
        Ends {
            came: heard.values().take(count).map(tells).collect(),
            left: heard.values().rev().take(count).map(tells).collect(),
        }
    }

    /// These came to the gate around `at` and left it on the same side, although they seem to have passed it.
    pub fn have_turned(&self, direction: Direction, moved: &[EpcKey], at: Time) -> bool {
        let ends = self.ends(direction, moved, at, LONG_BEFORE);
        let side = |of: &[(f64, f64)]| {
            let add = |all: (f64, f64), one: &(f64, f64)| (all.0 + one.0, all.1 + one.1);
            let (sum, net) = of.iter().fold((0.0, 0.0), add);
            net / sum.max(f64::MIN_POSITIVE)
        };
        let (came, left) = (side(&ends.came), side(&ends.left));
        left - came < APART * came.abs().max(left.abs())
    }

    /// These had just come to the gate, were heard from the side of origin alone at first, and in the end from that of
    /// destination alone. How loud a moment is tells how near they were and not on which side: each counts the same.
    pub fn have_plainly_passed(&self, direction: Direction, moved: &[EpcKey], at: Time) -> bool {
        let ends = self.ends(direction, moved, at, BEFORE);
        let plainly = |of: &[(f64, f64)], sign: f64| {
            of.len() == ENDS.0 && of.iter().all(|(sum, net)| sign * net >= PLAINLY * sum)
        };
        plainly(&ends.came, -1.0)
            && plainly(&ends.left, 1.0)
            && self.are_new(moved.iter(), at)
            && self.are_heard_on_both(moved, at)
    }

    /// These were heard from one side alike before and after that time. What was told to have passed meanwhile, and comes back, is
    /// told as well.
    pub fn are_back(&self, moved: &[EpcKey], (from, until): (Time, Time)) -> bool {
        let tags = || moved.iter().filter_map(|key| self.tags.get(key));
        let since = from - self.tuning.reach;
        let was_told = |tag: &&Tag| tag.booked.is_some_and(|it| it.at >= since);
        if tags().filter(was_told).count() * 2 > moved.len() {
            return false;
        }
        let net = |from: Time, until: Time| {
            let heard = tags().map(|tag| tag.profile.energy(from, until));
            heard.map(|it| it.inside - it.outside).sum::<f64>()
        };
        let (before, after) = (net(from - self.tuning.reach, from), net(until, self.now));
        before * after > 0.0
    }

    fn are_heard_on_both(&self, moved: &[EpcKey], at: Time) -> bool {
        let begin = at - self.tuning.reach - self.tuning.reach;
        let is_heard = |key: &&EpcKey| {
            let tag = self.tags.get(*key);
            let from = |tag: &Tag| begin.later(tag.free_from(self.tuning));
            let heard = tag.map(|tag| tag.profile.energy(from(tag), self.now));
            heard.is_some_and(|it| it.inside > 0.0 && it.outside > 0.0)
        };
        moved.iter().filter(is_heard).count() * ON_BOTH >= moved.len()
    }
}
