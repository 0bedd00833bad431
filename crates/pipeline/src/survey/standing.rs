//! What stands in the line of a belt.
//!
//! A belt that stands leaves things where they are, and one between the antennas is heard now by the one side and now by the
//! other, by neither as loud as by that which it came from. Nothing has passed until it was heard under the antenna behind.

use super::{LEFT, View};
use crate::config::{Direction, Side};
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::time::{Span, Time};

/// Heard this lately by the side of origin, it has not left that yet.
const LATELY: Span = Span::millis(500);

impl View<'_> {
    /// These came on a belt, and stand between its antennas.
    pub(super) fn stand_in_line<'k>(
        &self,
        direction: Direction,
        keys: impl Iterator<Item = &'k EpcKey>,
    ) -> bool {
        let (end, origin) = (direction.destination(), direction.destination().opposite());
        let lately = self.now - self.tuning.paced(LATELY);
        let stands = |tag: &Tag| {
            let heard = tag.profile.energy(lately, self.now);
            heard.on(origin) > LEFT * heard.on(end) && !self.is_under(tag, end, Time::MIN)
        };
        self.tuning.one_by_one && self.most(keys, stands)
    }

    /// These seem to go back, but stand where they were when they were told: since then they were not under the antenna behind
    /// the line and under that before it, as what goes back is.
    pub(crate) fn stand_where_told<'k>(
        &self,
        direction: Direction,
        keys: impl Iterator<Item = &'k EpcKey>,
    ) -> bool {
        let stands = |tag: &Tag| {
            let told = tag.booked.filter(|told| told.direction != direction);
            told.is_some_and(|told| {
                !(self.is_under(tag, Side::Inside, told.at)
                    && self.is_under(tag, Side::Outside, told.at))
            })
        };
        self.tuning.one_by_one && self.most(keys, stands)
    }

    /// These seem to go against the belt's way, but were under no more than one of its antennas: what comes is heard by the far
    /// one before it is near, too.
    pub(crate) fn only_come<'k>(
        &self,
        direction: Direction,
        keys: impl Iterator<Item = &'k EpcKey>,
    ) -> bool {
        let is_under = |tag: &Tag, side| self.is_under(tag, side, Time::MIN);
        let comes = |tag: &Tag| !(is_under(tag, Side::Inside) && is_under(tag, Side::Outside));
        let is_against = self.belt.way().is_some_and(|way| way != direction);
        is_against && self.tuning.one_by_one && self.most(keys, comes)
    }

    /// Since `since` the tag was about as loud on this side as it ever was on the other: under its antenna.
    fn is_under(&self, tag: &Tag, side: Side, since: Time) -> bool {
        let until = self.now + Span::millis(1);
        let loudest = |side: Side, from: Time| {
            let all = tag.profile.between(from, until).map(|(_, it)| it.on(side));
            all.fold(0.0, f64::max)
        };
        loudest(side, since) > LEFT * loudest(side.opposite(), Time::MIN)
    }

    fn most<'k>(
        &self,
        keys: impl Iterator<Item = &'k EpcKey>,
        is_one: impl Fn(&Tag) -> bool,
    ) -> bool {
        let (mut those, mut all) = (0, 0);
        for tag in keys.filter_map(|key| self.tags.get(key)) {
            all += 1;
            those += usize::from(is_one(tag));
        }
        those * 2 > all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Tuning;
    use crate::filter::TagClass;
    use crate::gate::Elsewhere;
    use crate::presence::Flip;
    use crate::survey::Belt;

    /// A tag that comes inwards, loud outside for a second, and then stands between the antennas until 4 s, when it was
    /// told; `behind` is how loud the antenna inside hears it then.
    fn asks(behind: Option<i8>, of: impl FnOnce(&View<'_>, &EpcKey) -> bool) -> bool {
        let behind: Vec<(Side, i8)> = behind
            .map(|rssi| (Side::Inside, rssi))
            .into_iter()
            .collect();
        asks_after(&behind, of)
    }

    /// The same where it is heard on these sides one after the other then, for a second each.
    fn asks_after(after: &[(Side, i8)], of: impl FnOnce(&View<'_>, &EpcKey) -> bool) -> bool {
        let tuning = Tuning::belt();
        let mut tag = Tag::new(TagClass::Cargo, None, Time(0));
        for step in 0..40 {
            let at = Time(step * 100_000);
            let (side, rssi) = match step {
                0..10 => (Side::Outside, -40),
                _ if step % 2 == 0 => (Side::Outside, -62),
                _ => (Side::Inside, -60),
            };
            tag.observe(&tuning, at, (0, 1), side, Some(rssi));
        }
        let (direction, at) = (Direction::In, Time(2_000_000));
        tag.book(Flip { direction, at });
        for (second, (side, rssi)) in (4..).zip(after) {
            for step in second * 10..second * 10 + 10 {
                tag.observe(&tuning, Time(step * 100_000), (0, 2), *side, Some(*rssi));
            }
        }
        let now = tag.last;
        let key = EpcKey {
            epc: vec![0x30; 12],
            bit_len: 96,
        };
        let tags = BTreeMap::from([(key.clone(), tag)]);
        let view = View {
            tuning: &tuning,
            now,
            tags: &tags,
            elsewhere: &Elsewhere::new(std::iter::empty()),
            eyes: &crate::eyes::Eyes::default(),
            belt: Belt::default(),
            awake: Time::default(),
        };
        of(&view, &key)
    }

    #[test]
    fn what_both_sides_hardly_hear_stands_until_it_is_under_the_antenna_behind() {
        let stands = |behind| {
            asks(behind, |view, key| {
                view.stand_in_line(Direction::In, std::iter::once(key))
            })
        };
        assert!(stands(None));
        assert!(!stands(Some(-45)));
    }

    #[test]
    fn what_was_told_where_it_stands_does_not_go_back() {
        let (inside, outside) = ((Side::Inside, -45), (Side::Outside, -42));
        let stands = |after: &[(Side, i8)], direction| {
            asks_after(after, |view, key| {
                view.stand_where_told(direction, std::iter::once(key))
            })
        };
        assert!(stands(&[], Direction::Out));
        assert!(stands(&[inside], Direction::Out), "it passed and is there");
        assert!(stands(&[outside], Direction::Out), "it never passed");
        let back = [inside, outside];
        assert!(!stands(&back, Direction::Out), "it passed and came back");
        assert!(!stands(&[], Direction::In), "no other way");
    }

    #[test]
    fn against_the_belts_way_goes_what_was_under_both_antennas() {
        let only_comes = |behind, direction| {
            asks(behind, |view, key| {
                let mut belt = Belt::default();
                for _ in 0..10 {
                    belt.learn(Direction::Out, &[]);
                }
                let view = View { belt, ..*view };
                view.only_come(direction, std::iter::once(key))
            })
        };
        assert!(only_comes(None, Direction::In));
        assert!(!only_comes(Some(-45), Direction::In), "the belt turned");
        assert!(!only_comes(None, Direction::Out), "the belt's way");
    }
}
