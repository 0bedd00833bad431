//! Tags on a belt that only one of its sides hears.
//!
//! They never change sides, but they pass all the same: a belt brings what is on it to the other side. Which way it goes,
//! and what the way takes, is known from the things before.

use super::View;
use super::place::Belt;
use crate::config::{Direction, Side, Tuning};
use crate::gate::EpcKey;
use crate::presence::{Flip, ON_BELT, Tag};
use crate::time::{Span, Time};

/// What came so many times `reach` ago is no longer asked for.
const LATELY: i64 = 4;

/// The tag was heard by one side alone, and is gone: when it crossed on this belt, and which side heard it.
fn crossed(tag: &Tag, tuning: &Tuning, belt: &Belt) -> Option<(Flip, Side)> {
    let (direction, way) = belt.way().zip(belt.transit())?;
    let is_told = |booked: Flip| tag.last - booked.at < tuning.rearm;
    if tag.flipped || !tag.appeared || tag.booked.is_some_and(is_told) {
        return None;
    }
    let from = tag.last - tuning.reach - tuning.reach;
    let until = tag.last + Span::millis(1);
    let heard = tag.profile.energy(from, until);
    let side = match (heard.inside > 0.0, heard.outside > 0.0) {
        (true, false) => Side::Inside,
        (false, true) => Side::Outside,
        _ => return None,
    };
    if tag.profile.between(from, until).count() < ON_BELT.1 {
        return None;
    }
    let (loudest, half) = (tag.profile.loudest(side, from, until)?, Span(way.0 / 2));
    let at = if side == direction.destination() {
        loudest - half
    } else {
        loudest + half
    };
    Some((Flip { direction, at }, side))
}

/// The visit of `tag` ends, and only the side behind the line ever heard it: it has crossed.
pub(crate) fn crossed_unheard(tag: &mut Tag, tuning: &Tuning, belt: &Belt) -> Option<Flip> {
    let (flip, side) = crossed(tag, tuning, belt).filter(|_| tuning.one_by_one)?;
    (side == flip.direction.destination()).then(|| {
        (tag.flipped, tag.side) = (true, Some(side));
        flip
    })
}

impl View<'_> {
    /// One side alone heard the tag around a time.
    pub(super) fn is_one_sided(&self, tag: &Tag, at: Time) -> bool {
        let reach = self.tuning.reach;
        let heard = tag.profile.energy(at - reach, at + reach);
        (heard.inside > 0.0) != (heard.outside > 0.0)
    }

    /// Tags that were only heard before the line, came before `since`, and are gone: nothing overtakes on a belt, so that what
    /// a thing behind them has crossed they have crossed, too.
    pub(crate) fn left_behind(&self, direction: Direction, since: Time) -> Vec<(EpcKey, Flip)> {
        let lately = Span(self.tuning.reach.0 * LATELY);
        let half = Span(self.belt.transit().unwrap_or_default().0 / 2);
        let gone = self.tags.iter().filter(|(_, tag)| {
            tag.ended && !tag.profile.is_empty() && self.now - tag.last < lately
        });
        let crossed = gone.filter_map(|(key, tag)| {
            let (flip, side) = crossed(tag, self.tuning, &self.belt)?;
            let is_behind = flip.direction == direction
                && side != direction.destination()
                && flip.at - half < since;
            let keys = std::slice::from_ref(key);
            let is_here = is_behind
                && !self.is_louder_elsewhere(keys, flip.at, 1.0)
                && !self.is_booked_elsewhere(key, flip.at);
            is_here.then(|| (key.clone(), flip))
        });
        crossed.collect()
    }

    /// All of these were heard by one side alone, and another gate has heard them better since: they are not on this belt. When
    /// they crossed is only inferred here, and the gate that they are at may hear most of them later.
    pub(crate) fn are_of_another_belt(&self, keys: &[EpcKey], at: Time) -> bool {
        let is_one_sided = |key| {
            let tag = self.tags.get(key);
            tag.is_some_and(|tag| self.is_one_sided(tag, at))
        };
        self.tuning.one_by_one
            && keys.iter().all(is_one_sided)
            && self.is_louder_within(keys, (at - self.tuning.reach, self.now), 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::TagClass;
    use crate::survey::place::Course;

    fn ms(at: i64) -> Time {
        Time(at * 1_000)
    }

    /// Things go inwards, and take 2 s from where they are loudest outside to where they are inside.
    fn belt() -> Belt {
        let mut belt = Belt::default();
        let course = Course {
            before: Some(ms(1_000)),
            cut: Some(ms(2_000)),
            behind: Some(ms(3_000)),
        };
        for _ in 0..10 {
            belt.learn(Direction::In, &[course]);
        }
        belt
    }

    fn heard(side: Side) -> Tag {
        let tuning = Tuning::belt();
        let mut tag = Tag::new(TagClass::Cargo, None, ms(5_000));
        for at in (5_000..=6_000).step_by(100) {
            tag.observe(&tuning, ms(at), (0, 1), side, Some(-50));
        }
        tag
    }

    #[test]
    fn what_only_the_side_behind_the_line_heard_crossed_half_the_way_before() {
        let (mut tag, tuning) = (heard(Side::Inside), Tuning::belt());
        let flip = crossed_unheard(&mut tag, &tuning, &belt()).expect("it passed");
        assert_eq!(flip.direction, Direction::In);
        assert!((flip.at - ms(4_500)).abs() < Span::millis(50), "{flip:?}");
        assert_eq!(crossed_unheard(&mut tag, &tuning, &belt()), None, "once");
    }

    #[test]
    fn what_only_the_side_before_the_line_heard_waits_for_what_comes_behind() {
        let (mut tag, tuning) = (heard(Side::Outside), Tuning::belt());
        assert_eq!(crossed_unheard(&mut tag, &tuning, &belt()), None);
        tag.ended = true;
        let key = EpcKey {
            epc: vec![0x30; 12],
            bit_len: 96,
        };
        let tags = std::collections::BTreeMap::from([(key.clone(), tag)]);
        let view = View {
            tuning: &tuning,
            now: ms(9_000),
            tags: &tags,
            elsewhere: &crate::gate::Elsewhere::new(std::iter::empty()),
            eyes: &crate::eyes::Eyes::default(),
            belt: belt(),
            awake: Time::default(),
        };
        assert!(view.left_behind(Direction::In, ms(5_200)).is_empty());
        let crossed = view.left_behind(Direction::In, ms(6_000));
        let at = crossed.first().map(|(key, flip)| (key.clone(), flip.at));
        assert!(
            at.is_some_and(|(its, at)| its == key && (at - ms(6_500)).abs() < Span::millis(50))
        );
    }

    #[test]
    fn a_belt_that_is_not_known_tells_nothing() {
        let (mut tag, tuning) = (heard(Side::Inside), Tuning::belt());
        let unknown = Belt::default();
        assert_eq!(crossed_unheard(&mut tag, &tuning, &unknown), None);
        let door = Tuning::dock();
        assert_eq!(crossed_unheard(&mut tag, &door, &belt()), None);
    }
}
