//! Whether a load is booked, or why not.

use super::{Load, Passages};
use crate::config::Direction;
use crate::eyes::Says;
use crate::input::NonEventReason;
use crate::survey::{CONTRAST, Crossings, Survey, View};
use crate::time::Time;

/// What the weaker side tells, as a share of the sequence, in a load that passed a door.
const BOTH: f64 = 0.2;
/// The same where few of the tags changed sides by themselves.
const BOTH_OF_FEW: f64 = 0.3;
/// Photo-eyes can refuse a load of fewer tags than this.
const VETO_BELOW: usize = 8;
/// Of a load that passes another gate a few tags are by chance louder here. Where most are louder there, the others passed
/// here only if they are this much louder here.
const MOSTLY_ELSEWHERE: f64 = 3.0;
/// Sequence of a tag that passed beyond doubt, and of one where photo-eyes saw something pass.
const SINGLE: (f64, f64) = (0.9, 0.7);
/// What the weaker side tells of one tag, as a share of the sequence, and the least of it that is asked of however many.
const BOTH_SINGLE: (f64, f64) = (0.5, 0.1);
/// Loads of so many tags tell what is usual at a gate, each by this part.
const USUAL: (usize, u32) = (5, 8);
/// Where photo-eyes saw something pass and most of a load changed sides by themselves: sequence, moments in order on each side,
/// and what the weaker side tells. What stands between a load and an antenna may leave that side little to hear.
const SEEN: (f64, usize, f64) = (0.8, 5, 0.03);
/// The same where each of the tags was in order in so many moments on each side: one side may be asked less often, or hear worse.
const OFTEN: (f64, usize, f64) = (0.8, 4, 0.06);
/// Reads of a tag that has to tell alone: sorted by side by mere chance once in a hundred; the second where photo-eyes saw
/// something pass.
const SINGLE_MOMENTS: (usize, usize) = (8, 6);
/// What was put down on the one side, or carried off there, is not heard on the other alone so many times, first or last. How
/// loud it was there matters little then: one side may hear a tag far better than the other.
const IN_ORDER: usize = 3;

impl Passages {
    /// Why a load is not booked, if it is not. A `rest` is of a load that was told.
    pub(super) fn judge(
        &self,
        view: &View<'_>,
        load: &Load,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
        (spent, is_rest): (usize, bool),
    ) -> Option<NonEventReason> {
        let tuning = view.tuning;
        let moved = survey.moved.len();
        if load.flips.is_empty() || spent > moved {
            return Some(NonEventReason::Rearm);
        }
        // Of the thing that was just told, or of one beside it: nobody can tell.
        if is_rest && tuning.one_by_one && !crossings.is_heard_on_both() {
            return Some(NonEventReason::Unclear);
        }
        let keys = || survey.moved.iter();
        if view.stand_where_told(load.direction, keys()) || view.only_come(load.direction, keys()) {
            return Some(NonEventReason::Anti);
        }
        let are_all_there = moved == 0 && !survey.louder_elsewhere.is_empty();
        if survey.elsewhere > moved || are_all_there {
            return Some(NonEventReason::Neighbour);
        }
        let seen = view.eyes.passage(tuning, load.direction, at).is_some();
        let is_clear = Self::is_clear(view, load.direction, at, crossings, survey, seen);
        let least = if is_rest { 1 } else { tuning.min_tags.max(1) };
        if moved < least && !(moved + 1 == tuning.min_tags && is_clear) {
            return Some(NonEventReason::FewTags);
        }
        let (contrast, both) = if is_clear {
            (CONTRAST, f64::MIN)
        } else {
            self.asked(view, load, at, survey, seen)
        };
        if survey.sequence < contrast || survey.both < both * survey.sequence {
            return Some(NonEventReason::Unclear);
        }
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let ratio = moved as f64 / (moved + survey.stayed.len()) as f64;
        if ratio < tuning.flip_ratio && !is_rest {
            return Some(NonEventReason::Ratio);
        }
        if !tuning.one_by_one && !seen && view.have_turned(load.direction, &survey.moved, at) {
            return Some(NonEventReason::Anti);
        }
        let factor = if survey.louder_elsewhere.len() > moved {
            MOSTLY_ELSEWHERE
        } else {
            1.0
        };
        let are_there = || {
            let mut moved = survey.moved.iter();
            moved.all(|key| view.is_far_louder_elsewhere(key, at))
        };
        if view.is_louder_elsewhere(&survey.moved, at, factor) || are_there() {
            return Some(NonEventReason::Neighbour);
        }
        Self::veto(view, load, at, survey)
    }

    /// Sequence that is asked of a load of `moved` tags, and what its weaker half must be of it. What fading makes of tags that
    /// stand differs from tag to tag: the mean over many shrinks with the square root of their number, so that few must tell
    /// more, by the measure of what loads tell here. What photo-eyes saw at the time may be anybody: it lowers only what is asked
    /// of the side that heard them worse.
    fn asked(
        &self,
        view: &View<'_>,
        load: &Load,
        at: Time,
        survey: &Survey,
        seen: bool,
    ) -> (f64, f64) {
        if view.tuning.one_by_one {
            return (CONTRAST, 0.0);
        }
        let moved = survey.moved.len();
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let root = (moved.max(1) as f64).sqrt();
        let usual = (f64::from(self.usual_permille) / 1e3).min(SINGLE.0);
        // Both are sums of loudness: of what passed as plainly as this it matters little how loud the one side was, or how
        // seldom the other was asked. What may have passed another gate is not that plain.
        if !view.may_be_elsewhere(survey, at)
            && view.have_plainly_passed(load.direction, &survey.moved, at)
        {
            let in_order = survey.in_order.0.min(survey.in_order.1);
            let is_ordered =
                in_order >= (moved / 2).max(2 * IN_ORDER) && survey.sequence >= SINGLE.1;
            let both = if is_ordered { 0.0 } else { BOTH_SINGLE.1 };
            return (CONTRAST, both);
        }
        let own = survey.moved.iter();
        let own = own.filter(|key| load.flips.contains_key(*key)).count();
        let in_order = survey.in_order.0.min(survey.in_order.1);
        let (sequence, moments, both) = SEEN;
        if seen && own * 2 >= moved && survey.sequence >= sequence && in_order >= moments {
            return (CONTRAST.max(usual / root), both);
        }
        let (sequence, moments, both) = OFTEN;
        if own * 2 >= moved && survey.sequence >= sequence && in_order >= moments * moved {
            return (CONTRAST.max(usual / root), both);
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
    /// themselves, and where they saw it turn back, of any that is heard where it was before.
    fn veto(view: &View<'_>, load: &Load, at: Time, survey: &Survey) -> Option<NonEventReason> {
        let moved = survey.moved.len();
        let are_few = moved < VETO_BELOW;
        let turned = view.eyes.turned(view.tuning, at);
        let are_back = || turned.is_some_and(|turn| view.are_back(&survey.moved, turn));
        let vetoed = match view.eyes.says(view.tuning, load.direction, at) {
            Says::Dark => are_few,
            Says::Back if are_back() => true,
            Says::Opposes | Says::Back => are_few || load.flips.len() * 4 < moved,
            Says::Nothing | Says::Agrees(_) | Says::Busy => false,
        };
        vetoed.then_some(NonEventReason::Eye)
    }

    /// Each of these was read often and clearly moved, and nothing else was in the gate that they may be a piece of.
    fn is_clear(
        view: &View<'_>,
        direction: Direction,
        at: Time,
        crossings: &Crossings,
        survey: &Survey,
        seen: bool,
    ) -> bool {
        if view.tuning.one_by_one || survey.moved.is_empty() || !survey.is_alone() {
            return false;
        }
        let plainly = view.have_plainly_passed(direction, &survey.moved, at);
        let (sequence, moments) = if seen {
            (SINGLE.1, SINGLE_MOMENTS.1)
        } else {
            (SINGLE.0, SINGLE_MOMENTS.0)
        };
        let is_clear = |key| {
            let one = crossings.all.iter().find(|(other, _)| other == key);
            one.is_some_and(|(_, one)| {
                let in_order = one.in_order.0.min(one.in_order.1) >= IN_ORDER;
                (one.sequence >= sequence || plainly)
                    && (one.both >= BOTH * one.sequence || in_order)
                    && one.moments >= moments
            })
        };
        // What stands here is told too well for chance to be rare.
        let mut moved = survey.moved.iter();
        moved.all(|key| is_clear(key) && view.is_new(key, at))
    }
}
