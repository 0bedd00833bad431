//! Whether a load is booked, or why not.

use super::{Load, Passages, Passed};
use crate::config::Direction;
use crate::eyes::Says;
use crate::input::NonEventReason;
use crate::presence::{Flip, RESIDENT_AFTER};
use crate::survey::{CONTRAST, Crossings, Survey, View};
use crate::time::{Span, Time};

/// What the weaker side tells, as a share of the sequence, in a load that passed a door.
const BOTH: f64 = 0.2;
/// The same where few of the tags changed sides by themselves.
const BOTH_OF_FEW: f64 = 0.3;
/// Photo-eyes can refuse a load of fewer tags than this.
const VETO_BELOW: usize = 8;
/// Of a load that passes another gate a few tags are by chance louder here. Where most are louder there, the others passed
/// here only if they are this much louder here.
const MOSTLY_ELSEWHERE: f64 = 3.0;
/// What crosses within this of a booked load, and is less than half of it, is the rest of it.
const REST: Span = Span::millis(1_500);
/// Sequence of a tag that passed beyond doubt.
const SINGLE: f64 = 0.9;
/// What the weaker side tells of one tag, as a share of the sequence, and the least of it that is asked of however many.
const BOTH_SINGLE: (f64, f64) = (0.5, 0.1);
/// Loads of so many tags tell what is usual at a gate, each by this part.
const USUAL: (usize, u32) = (5, 8);
/// Reads of a tag that has to tell alone: sorted by side by mere chance once in hundreds.
const SINGLE_MOMENTS: usize = 10;

impl Passages {
    /// Why a load is not booked, if it is not.
    pub(super) fn judge(
        &self,
        view: &View<'_>,
        load: &Load,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
        spent: usize,
    ) -> Option<NonEventReason> {
        let tuning = view.tuning;
        let moved = survey.moved.len();
        if load.flips.is_empty()
            || spent > moved
            || (!load.apart && self.is_rest(view, load.direction, at, crossings, survey))
        {
            return Some(NonEventReason::Rearm);
        }
        if survey.elsewhere > moved {
            return Some(NonEventReason::Neighbour);
        }
        let is_alone = || self.is_alone(view, load.direction, at, crossings, survey);
        if moved < tuning.min_tags.max(1) && !(moved + 1 == tuning.min_tags && is_alone()) {
            return Some(NonEventReason::FewTags);
        }
        let seen = view.eyes.passage(tuning, load.direction, at).is_some();
        let (contrast, both) = self.asked(view, load, at, survey);
        if survey.sequence < contrast || survey.both < both * survey.sequence {
            return Some(NonEventReason::Unclear);
        }
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let ratio = moved as f64 / (moved + survey.stayed.len()) as f64;
        if ratio < tuning.flip_ratio {
            return Some(NonEventReason::Ratio);
        }
        if !tuning.one_by_one && !seen && view.have_turned(load.direction, &survey.moved, at) {
            return Some(NonEventReason::Anti);
        }
        let factor = if survey.louder_elsewhere > moved {
            MOSTLY_ELSEWHERE
        } else {
            1.0
        };
        if view.is_louder_elsewhere(&survey.moved, at, factor) {
            return Some(NonEventReason::Neighbour);
        }
        Self::veto(view, load, at, survey)
    }

    /// Sequence that is asked of a load of `moved` tags, and what its weaker half must be of it. What fading makes of tags that
    /// stand differs from tag to tag: the mean over many shrinks with the square root of their number, so that few must tell
    /// more, by the measure of what loads tell here. What photo-eyes saw at the time may be anybody, and does not lower it.
    fn asked(&self, view: &View<'_>, load: &Load, at: Time, survey: &Survey) -> (f64, f64) {
        if view.tuning.one_by_one {
            return (CONTRAST, 0.0);
        }
        let moved = survey.moved.len();
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let root = (moved.max(1) as f64).sqrt();
        let usual = (f64::from(self.usual_permille) / 1e3).min(SINGLE);
        // Both are sums of loudness: of what passed as plainly as this it matters little how loud the one side was, or how
        // seldom the other was asked. What another gate hears, too, is not that plain.
        let is_heard_elsewhere = survey.elsewhere + survey.louder_elsewhere > 0;
        if !is_heard_elsewhere && view.have_plainly_passed(load.direction, &survey.moved, at) {
            return (CONTRAST, BOTH_SINGLE.1);
        }
        let both = if load.flips.len() * 4 < moved {
            BOTH_OF_FEW
        } else {
            (BOTH_SINGLE.0 / root).clamp(BOTH_SINGLE.1, BOTH)
        };
        (CONTRAST.max(usual / root), both)
    }

    /// A load of `survey` is booked: how well antennas tell the sides apart differs from door to door.
    pub(super) fn learn(&mut self, survey: &Survey) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to a share"
        )]
        let its = (survey.sequence.clamp(0.0, 1.0) * 1e3) as u32;
        if survey.moved.len() >= USUAL.0 {
            self.usual_permille = match self.usual_permille {
                0 => its,
                usual => (usual * (USUAL.1 - 1) + its) / USUAL.1,
            };
        }
    }

    /// Photo-eyes speak against a load of few tags; where they saw something else, also of which few changed sides by
    /// themselves.
    fn veto(view: &View<'_>, load: &Load, at: Time, survey: &Survey) -> Option<NonEventReason> {
        let moved = survey.moved.len();
        let are_few = moved < VETO_BELOW;
        let vetoed = match view.eyes.says(view.tuning, load.direction, at) {
            Says::Dark => are_few,
            Says::Opposes | Says::Back => are_few || load.flips.len() * 4 < moved,
            Says::Nothing | Says::Agrees(_) | Says::Busy => false,
        };
        vetoed.then_some(NonEventReason::Eye)
    }

    /// A few tags that crossed with a booked load, or while it still stood in the gate.
    fn is_rest(
        &self,
        view: &View<'_>,
        direction: Direction,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
    ) -> bool {
        if view.tuning.one_by_one {
            return view.is_of_told(direction, crossings, &survey.moved);
        }
        let is_rest_of = |passed: &Passed| {
            let booked = Flip {
                direction,
                at: passed.at,
            };
            let its = view
                .tags
                .iter()
                .filter(|(_, tag)| tag.booked == Some(booked));
            passed.direction == direction
                && survey.moved.len() * 2 <= passed.tags
                && ((passed.at - at).abs() <= view.tuning.looked(REST)
                    || view.are_loud(survey.moved.iter(), passed.at)
                    || view.are_loud(its.map(|(key, _)| key), at))
        };
        self.passed.iter().any(is_rest_of)
    }

    /// So few tags are a load if each of them was read often and clearly moved, and nothing else was in the gate that they
    /// may be a piece of.
    fn is_alone(
        &self,
        view: &View<'_>,
        direction: Direction,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
    ) -> bool {
        let tuning = view.tuning;
        // What stands here is told too well for chance to be rare.
        let is_new = |key| {
            let tag = view.tags.get(key);
            tag.is_some_and(|tag| at - tag.known_since <= RESIDENT_AFTER)
        };
        let plainly = view.have_plainly_passed(direction, &survey.moved, at);
        let is_clear = |key| {
            let one = crossings.all.iter().find(|(other, _)| other == key);
            one.is_some_and(|(_, one)| {
                (one.sequence >= SINGLE || plainly)
                    && one.both >= BOTH * one.sequence
                    && one.moments >= SINGLE_MOMENTS
            })
        };
        let near =
            |way: Direction, other: Time| way == direction && (other - at).abs() <= tuning.reach;
        !tuning.one_by_one
            && !survey.moved.is_empty()
            && survey.moved.iter().all(|key| is_clear(key) && is_new(key))
            && survey.is_alone()
            && !self
                .open
                .iter()
                .any(|other| near(other.direction, other.first))
            && !self
                .passed
                .iter()
                .any(|other| near(other.direction, other.at))
    }
}
