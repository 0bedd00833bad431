//! How long it takes at a gate until a tag that is plainly in the field is heard again on the same side.
//!
//! Readers in sensitive modes, many antennas in turn and many tags at once make that seconds instead of tenths. Times that
//! really mean a number of looks follow it: a change of side is seen as late as it takes to look at both sides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::config::{Side, Tuning};
use crate::presence::RESIDENT_MEMORY;
use crate::time::{Span, Time};

/// Up to this, times are right as they are: in 3 s of silence at a door a tag would then have been heard in 99 of 100 cases,
/// which takes ln(100) looks (SMURF's bound).
pub(crate) const USUAL: Span = Span::millis(650);
/// Times follow an air that is plainly slower, by more than a median wanders with a few looks at tags that are hardly heard.
const SLOW: Span = Span::millis(1_000);
/// No air is taken for slower: what a decision looks at would not be remembered for long enough.
const SLOWEST: Span = Span::millis(2_000);
/// What is unheard for longer was not in the field meanwhile.
const AWAY: Span = Span::millis(8_000);
/// Times follow at once where the air gets slower; where it gets faster after this, when what was heard before is decided. Longer
/// costs: stock that answers seldom makes an air seem slow for a moment, and stretched times take stock for loads.
const REMEMBERED: Span = Span::millis(10_000);
/// Each look moves the median by one part in so many, so that a hundred looks, one load, are enough to know an air.
const PART: i64 = 48;
/// Times follow once the median has moved by one part in so many.
const NOTICED: i64 = 8;
/// Each read moves the usual loudness by so many hundredths of a dB.
const LOUDNESS_STEP: i32 = 10;

/// What a gate has learned of its air.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Air {
    /// In half of all cases it takes no longer until a tag is heard again.
    median: Span,
    /// What times follow, and when it was last that slow.
    followed: Span,
    since: Time,
    /// Half of the reads are at least this loud, in hundredths of dBm.
    loudness: i32,
    /// When anything was last heard on the sides.
    inside: Time,
    outside: Time,
}

impl Default for Air {
    fn default() -> Self {
        Self {
            median: USUAL,
            followed: USUAL,
            since: Time::MIN,
            loudness: -6_000,
            inside: Time::MIN,
            outside: Time::MIN,
        }
    }
}

impl Air {
    /// On a new time line; what was learned stays.
    pub fn afresh(&self) -> Self {
        Self {
            since: Time::MIN,
            inside: Time::MIN,
            outside: Time::MIN,
            ..self.clone()
        }
    }

    /// How long it takes until a tag is heard again, where that is longer than usual.
    pub fn slow(&self) -> Option<Span> {
        Some(self.followed).filter(|revisit| *revisit >= SLOW)
    }

    /// Nothing was heard for so long that what stands here is forgotten.
    pub fn is_new(&self, at: Time) -> bool {
        at - self.inside.later(self.outside) > RESIDENT_MEMORY
    }

    /// A tag is heard on `side`, where it was heard `before`. It is another look at it if the reader has listened to the other
    /// side meanwhile. What is fainter than half of all is seldom heard because it is hardly in the field, and tells nothing.
    pub fn hear(&mut self, at: Time, side: Side, rssi_dbm: Option<i8>, before: Option<Time>) {
        let (own, other) = match side {
            Side::Inside => (&mut self.inside, self.outside),
            Side::Outside => (&mut self.outside, self.inside),
        };
        *own = at;
        let rssi = rssi_dbm.map_or(self.loudness, |rssi| i32::from(rssi) * 100);
        self.loudness += LOUDNESS_STEP * (rssi - self.loudness).signum();
        let is_look = |before: &Time| other > *before && rssi >= self.loudness;
        let look = before.filter(is_look).map(|before| at - before);
        if let Some(pause) = look.filter(|pause| *pause <= AWAY) {
            let step = Span(self.median.0 / PART);
            self.median = if pause > self.median {
                (self.median + step).min(SLOWEST)
            } else {
                (self.median - step).max(USUAL)
            };
            self.follow(at);
        }
    }

    fn follow(&mut self, at: Time) {
        let change = (self.median - self.followed).0 * NOTICED;
        if change >= -self.followed.0 {
            self.since = at;
        }
        if change > self.followed.0 || at - self.since > REMEMBERED {
            (self.followed, self.since) = (self.median, at);
        }
    }

    /// The times that are right in this air: never less than those that are configured. Things on a belt pass too fast for
    /// more looks.
    pub fn paced<'t>(&self, tuning: &'t Tuning) -> Cow<'t, Tuning> {
        let Some(revisit) = self.slow().filter(|_| !tuning.one_by_one) else {
            return Cow::Borrowed(tuning);
        };
        let dock = Tuning::dock();
        let follows = |usual: Span| Span(usual.0 * revisit.0 / USUAL.0);
        Cow::Owned(Tuning {
            appear_within: tuning.appear_within.max(follows(dock.appear_within)),
            lost_after: tuning.lost_after.max(follows(dock.lost_after)),
            load_gap: tuning.load_gap.max(follows(dock.load_gap)),
            // A load takes as long to pass as in any air; its last tags are heard on the other side a look later.
            settle: tuning.settle + (revisit - USUAL),
            revisit,
            ..tuning.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is learned in `seconds` in which the sides are listened to in turn, each for half of `cycle` ms, and each of
    /// `tags`, by its loudness, is heard once in every so many of its side's turns.
    fn learned(air: &mut Air, from: i64, seconds: i64, cycle: i64, tags: &[(i8, i64)]) -> i64 {
        let mut last = vec![[None; 2]; tags.len()];
        for turn in 0..seconds * 2_000 / cycle {
            let side = [Side::Inside, Side::Outside][usize::from(turn % 2 == 1)];
            for (index, (rssi, every)) in (0..).zip(tags) {
                if (turn / 2 + index) % every == 0 {
                    let at = Time((from * 1_000 + turn * cycle / 2 + index) * 1_000);
                    let heard = &mut last[index as usize][usize::from(turn % 2 == 1)];
                    air.hear(at, side, Some(*rssi), *heard);
                    *heard = Some(at);
                }
            }
        }
        air.slow().unwrap_or(USUAL).0 / 1_000
    }

    const LOAD: [(i8, i64); 12] = [(-60, 1); 12];

    #[test]
    fn in_a_fast_air_times_are_as_configured() {
        let mut air = Air::default();
        assert_eq!(learned(&mut air, 0, 60, 500, &LOAD), 650);
        let tuning = Tuning::dock();
        assert!(matches!(air.paced(&tuning), Cow::Borrowed(_)));
    }

    #[test]
    fn times_follow_a_slow_air_within_a_load_and_one_in_which_each_turn_hears_a_few() {
        for (cycle, every) in [(1_600, 1), (800, 2), (400, 4)] {
            let mut air = Air::default();
            let millis = learned(&mut air, 0, 10, cycle, &[(-60, every); 12]);
            assert!((1_400..=1_800).contains(&millis), "{millis}");
            let (revisit, paced) = (air.followed, air.paced(&Tuning::dock()).into_owned());
            assert!(paced.lost_after >= Span(revisit.0 * 46 / 10));
            assert!(paced.appear_within >= Span(revisit.0 * 2));
            assert_eq!(paced.settle, Span::millis(3_000) + (revisit - USUAL));
        }
    }

    #[test]
    fn times_are_never_less_than_configured_and_have_a_bound() {
        let mut air = Air::default();
        let millis = learned(&mut air, 0, 60, 5_000, &LOAD);
        assert!((1_800..=2_000).contains(&millis), "{millis}");
        let patient = Tuning {
            lost_after: Span::millis(20_000),
            ..Tuning::dock()
        };
        let paced = air.paced(&patient).into_owned();
        assert_eq!(paced.lost_after, patient.lost_after);
        assert_eq!(paced.load_gap, Span(600_000 * air.followed.0 / USUAL.0));
    }

    #[test]
    fn belts_keep_their_times() {
        let mut air = Air::default();
        learned(&mut air, 0, 60, 5_000, &LOAD);
        assert!(matches!(air.paced(&Tuning::belt()), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_hardly_in_the_field_tells_nothing() {
        let tags: Vec<(i8, i64)> = LOAD.into_iter().chain([(-75, 6); 12]).collect();
        assert_eq!(learned(&mut Air::default(), 0, 60, 500, &tags), 650);
    }

    #[test]
    fn one_side_alone_tells_nothing() {
        let mut air = Air::default();
        for second in 0..60 {
            let at = Time(second * 2_000_000);
            air.hear(at, Side::Inside, None, Some(at - Span::millis(2_000)));
        }
        assert_eq!(air.slow(), None);
    }

    #[test]
    fn a_faster_air_is_followed_when_what_came_before_is_decided() {
        let mut air = Air::default();
        let slow = learned(&mut air, 0, 20, 1_600, &LOAD);
        assert_eq!(learned(&mut air, 20, 9, 500, &LOAD), slow);
        assert_eq!(learned(&mut air, 29, 8, 500, &LOAD), 650);
    }
}
