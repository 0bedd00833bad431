//! Whether a load stands in the doorway, which of its tags do, and which of them left it on the other side.

use std::collections::BTreeMap;

use super::{LEFT, MOVED_UNNOTICED, Survey, View};
use crate::config::Direction;
use crate::evidence::Evidence;
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::profile::Sides;
use crate::time::{Span, Time};

/// And this loud that it stands in the line, for so long after it crossed at most: then it was put down there.
const IN_LINE: (f64, Span) = (0.5, Span::millis(6_000));
/// Or this loud, for so long at most, while what interrupted the photo-eyes as it crossed still does.
const IN_BEAMS: (f64, Span) = (0.2, Span::millis(8_000));

impl View<'_> {
    /// The load is still as loud as it ever was and not clearly on the other side as a whole: it stands in the gate, and
    /// may yet turn round. At a door one side may hear it alone meanwhile: what carries it shades it from the other.
    pub fn is_there(
        &self,
        direction: Direction,
        flips: &BTreeMap<EpcKey, Time>,
        survey: &Survey,
    ) -> bool {
        if self.stand_in_line(direction, flips.keys()) {
            return true;
        }
        let destination = direction.destination();
        let keys = flips.keys().chain(&survey.stayed);
        let lately = self.lately(keys.filter_map(|key| self.tags.get(key)));
        let (recent, most) = (lately[0].sum(), loudest(&lately));
        let net = lately[0].on(destination) - lately[0].on(destination.opposite());
        if !self.tuning.one_by_one {
            let (loud, longest) = IN_LINE;
            let in_part = survey.stayed.len() * 4 > survey.moved.len();
            let (from, until) = survey.window;
            let is_early = self.now - until < self.tuning.paced(longest);
            if (in_part && recent > LEFT * most) || (is_early && recent > loud * most) {
                return true;
            }
            let (loud, longest) = IN_BEAMS;
            let middle = from + Span((until - from).0 / 2);
            if self.now - until < longest
                && recent > loud * most
                && self.eyes.is_in_beams(self.tuning, middle)
            {
                return true;
            }
        }
        recent > LEFT * most && net < 0.5 * survey.contrast * recent
    }

    /// What was heard of `tags` in the last spans of a third of the time to settle, the newest first.
    pub(super) fn lately<'t>(&self, tags: impl Iterator<Item = &'t Tag>) -> [Sides; 8] {
        let step = Span(self.tuning.settle.0 / 3);
        let mut all = [Sides::default(); 8];
        for tag in tags {
            for (back, sum) in (0..).zip(&mut all) {
                let until = self.now - Span(step.0 * back);
                *sum = *sum + tag.profile.energy(until - step, until);
            }
        }
        all
    }

    /// The tag stands on the side of origin: for some time it was heard there as loud as ever. What comes gets louder all the
    /// time, and what leaves quieter.
    pub(super) fn stands(&self, direction: Direction, tag: &Tag) -> bool {
        let lately = self.lately(std::iter::once(tag));
        let most = loudest(&lately);
        let (origin, end) = (direction.destination().opposite(), direction.destination());
        let [_, then @ .., _, _, _, _] = &lately;
        let net: f64 = then.iter().map(|it| it.on(origin) - it.on(end)).sum();
        net > 0.0 && then.iter().all(|it| it.sum() > LEFT * most)
    }

    /// These are about as loud together as they ever were lately: what they are on has not left.
    pub fn are_still_loud<'k>(&self, keys: impl Iterator<Item = &'k EpcKey>) -> bool {
        let lately = self.lately(keys.filter_map(|key| self.tags.get(key)));
        lately[0].sum() > LEFT * loudest(&lately)
    }

    /// When a tag that stood on the side of origin until `from` went to the other, if it did, and no other gate heard it
    /// better.
    pub fn crossed_since(
        &self,
        direction: Direction,
        key: &EpcKey,
        from: Time,
        contrast: f64,
    ) -> Option<Time> {
        let tag = self.tags.get(key)?;
        let window = (from, self.now);
        let evidence = Evidence::of(&tag.profile, direction, window, self.tuning.reach)?;
        // It left faster than it came: what the sides hear in all says less than where it was heard last.
        let after = tag.profile.energy(evidence.cut, self.now);
        let (origin, end) = (direction.destination().opposite(), direction.destination());
        let went = evidence.sequence >= MOVED_UNNOTICED.0 * contrast
            && after.on(end) > after.on(origin)
            && evidence.moments >= 2
            && !self.is_booked_elsewhere(key, evidence.cut)
            && !self.is_louder_elsewhere(std::slice::from_ref(key), evidence.cut, 1.0);
        went.then_some(evidence.cut)
    }
}

pub(super) fn loudest(lately: &[Sides]) -> f64 {
    lately.iter().map(|it| it.sum()).fold(0.0, f64::max)
}
