//! What the loudness of one tag says about a change of side: first loud on the side it came from, then on the other.
//!
//! Stock that stands still is heard the same before and after, whatever fading makes of it; it cancels out. A load that
//! passes is heard on its side of origin until it crosses, and on the other from then on.

use crate::config::{Direction, Side};
use crate::profile::{Profile, Sides};
use crate::time::{Span, Time};

/// The change of side that fits a tag best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// When it crossed.
    pub cut: Time,
    /// From -1 (the other way) over 0 (stood still) to 1 (only here before, only there after).
    pub sequence: f64,
    /// The weaker half of it: what the side of origin lost, or that of destination won. Negative when that side speaks
    /// against a passage.
    pub both: f64,
    /// Moments that tell of it.
    pub moments: usize,
    /// Of these, in how many it was louder on the side of origin before it crossed, and on that of destination after.
    pub in_order: (usize, usize),
    /// Mean amplitude of its loudest moments.
    pub peak: f64,
    /// From the centre of gravity on the side of origin to that on the side of destination.
    pub transit: Span,
    /// Centre of gravity of all that was heard.
    pub centre: Time,
}

impl Evidence {
    /// Of a change of side in `direction` between `from` and `until`, seen through `reach` before and after it. A window that
    /// ends before it begins is the moment of its beginning: a load may turn after it was last taken to be at the line.
    pub fn of(
        profile: &Profile,
        direction: Direction,
        (from, until): (Time, Time),
        reach: Span,
    ) -> Option<Self> {
        let until = until.max(from);
        let moments: Vec<(Time, Sides)> = profile.between(from - reach, until + reach).collect();
        let destination = direction.destination();
        // What speaks for having been on the side of destination, summed up to each moment.
        let mut net = vec![0.0];
        let mut sum = 0.0;
        for (_, sides) in &moments {
            sum += sides.on(destination) - sides.on(destination.opposite());
            net.push(sum);
        }
        let mut best: Option<(f64, Time, (usize, usize, usize))> = None;
        let (mut low, mut high) = (0, 0);
        for index in 0..=moments.len() {
            let before = index.checked_sub(1).and_then(|at| moments.get(at));
            let left = before.map_or(from, |(at, _)| *at).clamp(from, until);
            let right = moments.get(index).map_or(until, |(at, _)| *at);
            let right = right.clamp(from, until);
            let outside = before.is_some_and(|(at, _)| *at >= until)
                || moments.get(index).is_some_and(|(at, _)| *at < from);
            if outside {
                continue;
            }
            let cut = Time(left.0 + (right - left).0 / 2);
            while moments.get(low).is_some_and(|(at, _)| *at < cut - reach) {
                low += 1;
            }
            while moments.get(high).is_some_and(|(at, _)| *at < cut + reach) {
                high += 1;
            }
            let at = |index: usize| net.get(index).copied().unwrap_or(0.0);
            let fit = at(high) - 2.0 * at(index) + at(low);
            if best.is_none_or(|(most, ..)| fit > most) {
                best = Some((fit, cut, (low, index, high)));
            }
        }
        let (fit, cut, (low, index, high)) = best?;
        let (before, after) = (moments.get(low..index)?, moments.get(index..high)?);
        let total = sums(before).sum() + sums(after).sum();
        if total <= 0.0 {
            return None;
        }
        let gain = |side: Side| sums(after).on(side) - sums(before).on(side);
        let seen = moments.get(low..high)?;
        let centre = |of: &dyn Fn(&Sides) -> f64| centre(seen, cut, of);
        let (origin, end) = (destination.opposite(), destination);
        let transit = centre(&|sides| sides.on(end)) - centre(&|sides| sides.on(origin));
        Some(Self {
            cut,
            sequence: fit / total,
            both: gain(destination).min(-gain(destination.opposite())) / total,
            moments: high - low,
            in_order: (louder(before, origin), louder(after, end)),
            peak: profile.peak(cut - reach, cut + reach),
            transit,
            centre: centre(&|sides| sides.sum()),
        })
    }
}

/// Centre of gravity in time; `cut` if nothing was heard.
#[expect(clippy::cast_possible_truncation, reason = "a mean of spans of µs")]
fn centre(moments: &[(Time, Sides)], cut: Time, of: &dyn Fn(&Sides) -> f64) -> Time {
    let (mut weight, mut moment) = (0.0, 0.0);
    for (at, sides) in moments {
        weight += of(sides);
        moment += (*at - cut).seconds() * of(sides);
    }
    cut + Span((moment / weight.max(f64::MIN_POSITIVE) * 1e6) as i64)
}

fn louder(moments: &[(Time, Sides)], side: Side) -> usize {
    let louder = |(_, it): &&(Time, Sides)| it.on(side) > it.on(side.opposite());
    moments.iter().filter(louder).count()
}

fn sums(moments: &[(Time, Sides)]) -> Sides {
    moments
        .iter()
        .fold(Sides::default(), |sum, (_, sides)| sum + *sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every 100 ms for six seconds; `rssi` tells how loud it is at a time on the sides, outside first.
    fn evidence(rssi: impl Fn(f64) -> (i8, i8)) -> Evidence {
        let mut profile = Profile::default();
        for tenth in 0..60 {
            let at = f64::from(tenth) / 10.0;
            let (outside, inside) = rssi(at);
            let time = Time(i64::from(tenth) * 100_000);
            profile.add(time, Side::Outside, Some(outside));
            profile.add(time, Side::Inside, Some(inside));
        }
        let window = (Time(2_500_000), Time(3_500_000));
        let found = Evidence::of(&profile, Direction::In, window, Span::millis(3_000));
        found.expect("it was heard")
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_a_moment() {
        let mut profile = Profile::default();
        for tenth in 0..10 {
            let side = if tenth < 5 {
                Side::Outside
            } else {
                Side::Inside
            };
            profile.add(Time(tenth * 100_000), side, Some(-50));
        }
        let (from, until) = (Time(500_000), Time(300_000));
        let reach = Span::millis(3_000);
        let of = |window| Evidence::of(&profile, Direction::In, window, reach);
        let found = of((from, until));
        assert!(found.is_some_and(|it| it.cut == from), "{found:?}");
        assert_eq!(found, of((from, from)));
    }

    #[test]
    fn what_passes_is_loud_first_here_then_there() {
        let passed = evidence(|at| if at < 3.1 { (-50, -65) } else { (-65, -50) });
        assert!(
            passed.sequence > 0.6 && passed.both > 0.3,
            "{}",
            passed.sequence
        );
        assert!((passed.cut.0 - 3_050_000).abs() <= 100_000);
        let back = evidence(|at| if at < 3.1 { (-65, -50) } else { (-50, -65) });
        assert!(back.sequence < -0.5, "{}", back.sequence);
    }

    #[test]
    fn what_stands_cancels_out_however_well_one_side_hears_it() {
        for (outside, inside) in [(-50, -70), (-70, -50), (-55, -55)] {
            let stood = evidence(|_| (outside, inside));
            assert!(stood.sequence.abs() < 0.1, "{}", stood.sequence);
        }
    }

    #[test]
    fn what_is_carried_off_on_its_own_side_tells_nothing_of_the_other() {
        let carried = evidence(|at| if at < 3.0 { (-50, -75) } else { (-70, -75) });
        assert!(carried.both <= 0.0, "{}", carried.both);
    }
}
