//! Where on a belt a tag is, told by when it was where.
//!
//! Three times tell it: when the tag was loudest on the side it came from, when the louder side changed, and when it was
//! loudest on the other. Each is off by something else: a tag that leans is loudest before or behind the antenna, fading
//! makes now the one side the louder and now the other. Together they tell more than any of them.

use serde::{Deserialize, Serialize};

use super::{Crossings, View};
use crate::config::Direction;
use crate::gate::EpcKey;
use crate::presence::Tag;
use crate::time::{Span, Time};

/// A tag was heard as a whole once it should be behind the line by this share of the way between the sides: it is loudest
/// after half of it.
const SEEN: f64 = 0.7;
/// What took this many times as long as usual stood in between: nothing else on a belt does.
const STOOD: f64 = 1.5;
/// Each thing tells this part of what is usual, and no more than this part beside it.
const USUAL: (i64, i64) = (16, 4);
/// After so many things one way the belt goes that way.
const RUN: u32 = 8;

/// When a tag was where on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Course {
    /// When it was loudest on the side it came from.
    pub before: Option<Time>,
    /// When the louder side changed.
    pub cut: Option<Time>,
    /// When it was loudest on the other side, once that is known.
    pub behind: Option<Time>,
}

impl Course {
    /// Where most of `all` were.
    pub fn middle(all: &[Self]) -> Self {
        let middle = |of: &dyn Fn(&Self) -> Option<Time>| {
            let mut times: Vec<Time> = all.iter().filter_map(of).collect();
            times.sort_unstable();
            times.get(times.len() / 2).copied()
        };
        Self {
            before: middle(&|one| one.before),
            cut: middle(&|one| one.cut),
            behind: middle(&|one| one.behind),
        }
    }

    fn way(&self) -> Option<Span> {
        Some(self.behind? - self.before?)
    }
}

/// What a belt is like, learned from the things that it brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Belt {
    /// From where things are loudest before the line to where they are behind it; nothing before the first.
    transit: Span,
    /// Which way the last things went, and how many of them, one after the other.
    way: Option<Direction>,
    run: u32,
}

impl Belt {
    /// What things take from where they are loudest before the line to where they are behind it.
    pub fn transit(&self) -> Option<Span> {
        (self.transit > Span::default()).then_some(self.transit)
    }

    /// Which way it goes, if everything went that way lately.
    pub fn way(&self) -> Option<Direction> {
        self.way.filter(|_| self.run >= RUN)
    }

    /// A thing was told that went in `direction`, with tags on these courses.
    pub fn learn(&mut self, direction: Direction, courses: &[Course]) {
        let is_usual = self.way == Some(direction);
        self.run = if is_usual {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.way = Some(direction);
        let mut ways: Vec<Span> = courses.iter().filter_map(Course::way).collect();
        ways.retain(|way| *way > Span::default());
        ways.sort_unstable();
        let Some(way) = ways.get(ways.len() / 2) else {
            return;
        };
        self.transit = match self.transit() {
            None => *way,
            Some(usual) => {
                let most = usual.0 / USUAL.1;
                let other = (way.0 - usual.0).clamp(-most, most) / USUAL.0;
                Span(usual.0 + other)
            }
        };
    }

    /// The belt stood while it was between the antennas.
    fn stood(&self, course: &Course) -> bool {
        let way = course.way().zip(self.transit());
        way.is_some_and(|(way, usual)| way.seconds() > STOOD * usual.seconds())
    }

    /// When it crossed, as all that is known of it tells: half by the change of side and half by the middle between where it
    /// was loudest; where one of these was not heard, the learned way tells where it would have been.
    pub fn place(&self, course: &Course) -> Option<Time> {
        let half = Span(self.transit.0 / 2);
        let before = course.before.map(|before| before + half);
        let behind = course.behind.map(|behind| behind - half);
        match (course.cut, before, behind) {
            (Some(cut), _, _) => {
                let other = |it: Option<Time>| it.map_or(0, |at| (at - cut).0 / 4);
                Some(cut + Span(other(before) + other(behind)))
            }
            (None, before, behind) => before.or(behind),
        }
    }

    /// How far apart in time the two crossed. A belt that stands parts what is on it in time, but only where one was still to
    /// come: then they are as close as ever before the line, or behind it.
    pub fn apart(&self, one: &Course, other: &Course) -> Option<Span> {
        let places = self.place(one).zip(self.place(other));
        if !self.stood(one) && !self.stood(other) {
            return places.map(|(one, other)| (one - other).abs());
        }
        let before = one.before.zip(other.before);
        let behind = one.behind.zip(other.behind);
        let all = [places, before, behind].into_iter().flatten();
        all.map(|(one, other)| (one - other).abs()).min()
    }
}

impl View<'_> {
    /// When the tag `key` was where: it changed sides at `cut` if it did, or else is looked for around the time `around`.
    /// What was heard of a tag `is_told` was booked, and tells all the same where it was.
    pub(super) fn course(
        &self,
        direction: Direction,
        key: &EpcKey,
        cut: Option<Time>,
        around: Time,
        is_told: bool,
    ) -> Course {
        let Some(tag) = self.tags.get(key) else {
            return Course::default();
        };
        let (reach, end) = (self.tuning.reach, direction.destination());
        let around = cut.unwrap_or(around);
        let free = if is_told {
            Time::MIN
        } else {
            tag.free_from(self.tuning)
        };
        let from = (around - reach - reach).later(free);
        let before = tag.profile.loudest(end.opposite(), from, around + reach);
        // What did not change sides yet is not behind the line, unless that is the only side that hears it.
        let since = match (cut, before) {
            (Some(cut), _) => Some(cut),
            (None, None) => Some(around - reach),
            (None, Some(_)) => None,
        };
        let since = since.filter(|_| self.is_seen(tag, around));
        let until = around + reach + reach;
        let behind = since.and_then(|since| tag.profile.loudest(end, since.later(free), until));
        Course {
            before,
            cut,
            behind,
        }
    }

    /// What crossed at `cut` was heard behind the line as long as it is loud there.
    fn is_seen(&self, tag: &Tag, cut: Time) -> bool {
        tag.ended || self.is_behind(cut)
    }

    /// What crossed at `cut` should have been heard behind the line as a whole.
    pub(super) fn is_behind(&self, cut: Time) -> bool {
        let way = self.belt.transit().unwrap_or_default();
        (self.now - cut).seconds() >= SEEN * way.seconds()
    }

    /// When those of `crossings` among `keys` were where.
    pub(crate) fn courses(
        &self,
        direction: Direction,
        crossings: &Crossings,
        keys: &[EpcKey],
    ) -> Vec<Course> {
        let all = crossings.all.iter().filter(|(key, _)| keys.contains(key));
        all.map(|(key, one)| self.course(direction, key, Some(one.cut), one.cut, false))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(at: i64) -> Option<Time> {
        Some(Time(at * 1_000))
    }

    const fn course(before: i64, cut: i64, behind: i64) -> Course {
        Course {
            before: ms(before),
            cut: ms(cut),
            behind: ms(behind),
        }
    }

    fn belt() -> Belt {
        let mut belt = Belt::default();
        belt.learn(Direction::In, &[course(4_000, 5_000, 6_000)]);
        belt
    }

    #[test]
    fn what_one_time_is_off_by_the_others_mend() {
        let belt = belt();
        let place = |course| belt.place(&course);
        assert_eq!(place(course(4_000, 5_000, 6_000)), ms(5_000));
        assert_eq!(place(course(4_000, 5_200, 6_000)), ms(5_100));
        assert_eq!(place(course(4_200, 5_000, 6_000)), ms(5_050));
    }

    #[test]
    fn a_tag_that_one_side_hears_is_where_the_usual_way_says() {
        let belt = belt();
        let before = Course {
            before: ms(4_000),
            ..Course::default()
        };
        let behind = Course {
            behind: ms(6_100),
            ..Course::default()
        };
        assert_eq!(belt.place(&before), ms(5_000));
        assert_eq!(belt.place(&behind), ms(5_100));
        assert_eq!(belt.apart(&before, &behind), Some(Span::millis(100)));
        assert_eq!(belt.place(&Course::default()), None);
    }

    #[test]
    fn a_belt_that_stands_does_not_part_the_tags_of_a_thing() {
        let belt = belt();
        // It stands for 5 s when the one has crossed and the other has not.
        let (one, other) = (course(4_000, 5_000, 11_000), course(4_100, 10_000, 11_100));
        assert_eq!(belt.apart(&one, &other), Some(Span::millis(100)));
        // What comes next comes later and goes later.
        let next = course(5_200, 11_200, 12_200);
        assert_eq!(belt.apart(&other, &next), Some(Span::millis(1_100)));
    }

    #[test]
    fn a_belt_goes_the_way_that_all_went_lately() {
        let mut belt = belt();
        for _ in 2..RUN {
            belt.learn(Direction::In, &[]);
        }
        assert_eq!(belt.way(), None);
        belt.learn(Direction::In, &[]);
        assert_eq!(belt.way(), Some(Direction::In));
        belt.learn(Direction::Out, &[]);
        assert_eq!(belt.way(), None, "it turned");
    }

    #[test]
    fn one_thing_that_stood_does_not_make_the_way_longer() {
        let mut belt = belt();
        belt.learn(Direction::In, &[course(4_000, 5_000, 24_000)]);
        let way = belt.transit().expect("it is known");
        assert!(way < Span::millis(2_100), "{way:?}");
    }
}
