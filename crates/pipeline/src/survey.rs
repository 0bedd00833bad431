//! What all tags around say of a load that seems to have passed.

mod apart;
mod belt;
mod elsewhere;
mod ends;
mod faint;
mod halt;
mod mates;
mod one_sided;
mod place;
mod standing;
mod together;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::one_sided::crossed_unheard;
pub(crate) use self::place::Belt;
use self::place::Course;
pub(crate) use self::together::one_load;
use crate::config::{Direction, Tuning};
use crate::evidence::Evidence;
use crate::eyes::Eyes;
use crate::gate::{END, Elsewhere, EpcKey};
use crate::presence::{RESIDENT_AFTER, RISE, Tag};
use crate::time::{Span, Time};

/// The smoothed side of a tag turns at most this long after the tag crossed, and at most this long before.
const FLIP_LAG: (Span, Span) = (Span::millis(2_000), Span::millis(500));
/// A tag that moved shows at least this share of the sequence that is usual in its load: how well antennas tell the
/// sides apart differs from door to door.
const MOVED: f64 = 0.5;
/// The same of one that did not change sides by itself, and of one that has been here for long: what is parked beside a
/// load is shaded and lit up by it as it passes.
const MOVED_UNNOTICED: (f64, f64) = (0.55, 0.7);
/// The same of one that only came with the load.
const WENT_ALONG: f64 = 0.2;
/// A tag that changed sides, with such a sequence in so many moments, moved, however unlike its load: fading and the shadow of
/// what passes seldom make that of one that stands, however loud it was where it stood.
const BEYOND_DOUBT: (f64, usize) = (0.9, 8);
/// A tag that never clearly changed sides must tell of both of them, at least this much.
const BOTH_SIDES: f64 = 0.03;
/// Sequence of a load that passed: at least this.
pub(crate) const CONTRAST: f64 = 0.25;
/// A tag this much quieter than its load's is not part of it.
const QUIET: f64 = 0.15;
/// In the gate a tag is at least this loud, of the loudest it ever was.
const LOUD: f64 = 0.45;
/// Around this a tag is loud at a time.
const MOMENTARILY: Span = Span::millis(750);
/// What was heard until this long after a booking belongs to it.
const SPENT: Span = Span::millis(500);
/// Photo-eyes tell what passes one behind the other within this.
const QUEUE: Span = Span::millis(4_000);
/// At a door, loads whose centres of gravity in time are closer than this are one.
const ONE_LOAD: Span = Span::millis(1_200);
/// At a door, tags of one load cross within this of each other at least.
const SLACK: Span = Span::millis(480);
/// A load that pauses before it crosses, for so long at most, is not what stands there: what came within this of most of its tags
/// came with it.
const PAUSE: Span = Span::millis(45_000);
const CAME_ALONG: Span = Span::millis(3_000);
/// Still this loud, of the loudest of the last moments, means that it has not left.
const LEFT: f64 = 0.35;

/// What there is to look at when a load is decided.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub tuning: &'a Tuning,
    pub now: Time,
    pub tags: &'a BTreeMap<EpcKey, Tag>,
    pub elsewhere: &'a Elsewhere<'a>,
    pub eyes: &'a Eyes,
    /// What is known of the belt, if it is one.
    pub belt: Belt,
    /// When the gate began to hear, after a long silence or none at all.
    pub awake: Time,
}

/// When the tags that changed sides crossed.
pub(crate) struct Crossings {
    pub all: Vec<(EpcKey, Evidence)>,
    /// The load's centre of gravity in time; on a belt, when it crossed.
    pub centre: Option<Time>,
    /// On a belt, when it was where.
    pub course: Course,
    /// There, how far apart tags of one item are on one thing, and those of different items.
    item: (f64, f64),
    /// There, all that is on the thing, whether it changed sides or not.
    on: BTreeSet<EpcKey>,
}

impl Crossings {
    pub fn times(&self) -> Vec<Time> {
        let mut times: Vec<Time> = self.all.iter().map(|(_, one)| one.cut).collect();
        times.sort_unstable();
        times
    }

    pub fn median(&self) -> Option<Time> {
        let times = self.times();
        times.get(times.len() / 2).copied()
    }

    /// On a belt, both sides heard these often enough to tell where they were.
    pub const fn is_heard_on_both(&self) -> bool {
        self.course.before.is_some() && self.course.behind.is_some()
    }

    /// On a belt, how much farther apart than usual tags may be on one thing, of the same item or of different ones.
    const fn share(&self, is_same: bool) -> f64 {
        if is_same { self.item.0 } else { self.item.1 }
    }

    /// What a single tag's evidence is, in the middle of all.
    fn usual(&self, of: impl Fn(&Evidence) -> f64) -> Option<f64> {
        usual(&self.all, of)
    }
}

fn usual(all: &[(EpcKey, Evidence)], of: impl Fn(&Evidence) -> f64) -> Option<f64> {
    let mut all: Vec<f64> = all.iter().map(|(_, one)| of(one)).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// What all tags around say of a load.
pub(crate) struct Survey {
    /// Those that moved with it.
    pub moved: Vec<EpcKey>,
    /// Of these, those that a mere change of loudness might explain.
    pub doubtful: Vec<EpcKey>,
    /// Those that came with it, are well heard, and did not move.
    pub stayed: Vec<EpcKey>,
    /// Those that came with it and that nothing contradicts: a load moves as a whole.
    pub company: Vec<EpcKey>,
    /// Of a load that halts in the doorway: those that came with it and stand on its side of origin.
    pub tail: Vec<EpcKey>,
    /// How many of the load another gate has booked.
    pub elsewhere: usize,
    /// Those that seemed to move and that another gate hears louder: they are told there, if anywhere.
    pub louder_elsewhere: Vec<EpcKey>,
    /// Mean sequence of those that moved, and of its weaker half.
    pub sequence: f64,
    pub both: f64,
    /// In how many moments they were louder on the side of origin before they crossed, and on that of destination after.
    pub in_order: (usize, usize),
    /// The sequence that is usual among the tags that changed sides.
    pub contrast: f64,
    /// When its tags crossed, from and until.
    pub window: (Time, Time),
}

impl Survey {
    /// Leaves out what seems to be of a load of its own, unless most of that went along.
    pub fn leave_out(&mut self, own: &BTreeMap<EpcKey, Time>) {
        let went_along = self.moved.iter().chain(&self.company);
        let along = went_along.filter(|key| own.contains_key(*key)).count();
        if along * 2 > own.len() {
            return;
        }
        let lists = [
            &mut self.moved,
            &mut self.doubtful,
            &mut self.stayed,
            &mut self.company,
            &mut self.tail,
        ];
        for list in lists {
            list.retain(|key| !own.contains_key(key));
        }
    }

    /// Nothing was there but what moved.
    pub fn is_alone(&self) -> bool {
        let others = self.stayed.len() + self.company.len() + self.doubtful.len();
        others + self.elsewhere + self.louder_elsewhere.len() == 0
    }
}

impl View<'_> {
    /// When each of `flips` crossed.
    pub fn crossings(&self, direction: Direction, flips: &BTreeMap<EpcKey, Time>) -> Crossings {
        let reach = self.tuning.reach;
        let all = flips.iter().filter_map(|(key, at)| {
            let window = (
                *at - self.tuning.paced(FLIP_LAG.0),
                *at + self.tuning.paced(FLIP_LAG.1),
            );
            let tag = self.tags.get(key)?;
            let mut evidence = Evidence::of(&tag.profile, direction, window, reach)?;
            // No change of side fits best where there is none.
            if self.tuning.one_by_one && self.is_one_sided(tag, *at) {
                evidence.cut = *at;
            }
            Some((key.clone(), evidence))
        });
        let all: Vec<(EpcKey, Evidence)> = all.collect();
        if self.tuning.one_by_one {
            return self.first_thing(direction, all);
        }
        let mut centres: Vec<Time> = all.iter().map(|(_, one)| one.centre).collect();
        centres.sort_unstable();
        Crossings {
            centre: centres.get(centres.len() / 2).copied(),
            all,
            course: Course::default(),
            item: (1.0, 1.0),
            on: BTreeSet::new(),
        }
    }

    /// Those that crossed at both times are one load, or on one thing.
    pub fn is_one_load(&self, direction: Direction, one: &Crossings, other: &Crossings) -> bool {
        if self.tuning.one_by_one {
            return self.is_one_thing(direction, one, other);
        }
        let centres = one.centre.zip(other.centre);
        centres.is_some_and(|(one, other)| {
            (one - other).abs() <= self.tuning.looked(self.tuning.paced(ONE_LOAD))
        })
    }

    /// Asks all tags that were heard around `crossings` whether they went along. What photo-eyes saw says nothing of that: that
    /// something passed is known, and which tags were on it only the tags tell.
    pub fn survey(&self, direction: Direction, crossings: &Crossings) -> Survey {
        let contrast = crossings
            .usual(|one| one.sequence)
            .unwrap_or(1.0)
            .max(CONTRAST);
        let mut survey = Survey {
            moved: Vec::new(),
            doubtful: Vec::new(),
            stayed: Vec::new(),
            company: Vec::new(),
            tail: Vec::new(),
            elsewhere: 0,
            louder_elsewhere: Vec::new(),
            sequence: 0.0,
            both: 0.0,
            in_order: (0, 0),
            contrast,
            window: (self.now, self.now),
        };
        let times = crossings.times();
        let part = |tenths: usize| {
            times
                .get(times.len().saturating_sub(1) * tenths / 10)
                .copied()
        };
        let (Some(early), Some(middle), Some(late)) = (part(1), part(5), part(9)) else {
            return survey;
        };
        let (reach, one_by_one) = (self.tuning.reach, self.tuning.one_by_one);
        let slack = if one_by_one {
            self.together(crossings)
        } else {
            self.tuning.looked(self.tuning.paced(SLACK))
        };
        let span = (early.min(middle - slack), late.max(middle + slack));
        // What is close behind must be seen whole, so that it is not taken for a part.
        let margin = Span(if one_by_one { reach.0 / 4 } else { 0 });
        let window = (span.0 - margin, span.1 + margin);
        survey.window = window;
        let queue = (
            middle - self.tuning.paced(QUEUE),
            middle + self.tuning.paced(QUEUE),
        );
        let queue = self.eyes.passages(direction, queue);
        let typical = crossings.usual(|one| one.peak).unwrap_or(0.0);
        let arrived = self.arrived(crossings);
        for (key, tag) in self.tags {
            let is_new = tag.appeared || one_by_one;
            if !is_new || tag.last < window.0 - reach || self.is_spent(tag, direction, middle) {
                continue;
            }
            let evidence = Evidence::of(&tag.profile, direction, window, reach);
            let Some(evidence) = evidence else { continue };
            if !self.is_of_passage(tag, direction, middle, &queue) {
                continue;
            }
            let came_along = arrived.is_some_and(|arrived| {
                evidence.cut - arrived <= PAUSE && (tag.known_since - arrived).abs() <= CAME_ALONG
            });
            let resident = !came_along && evidence.cut - tag.known_since > RESIDENT_AFTER;
            let loud = evidence.peak >= QUIET * typical;
            let usual = tag
                .profile
                .usual(tag.free_from(self.tuning), span.0 - reach);
            let came = usual.is_none_or(|usual| evidence.peak >= RISE * usual);
            let came = came_along || came;
            let flipped = crossings.all.iter().any(|(other, _)| other == key);
            let within = if one_by_one {
                self.is_on_thing(direction, crossings, key, &evidence)
            } else {
                span.0 <= evidence.cut && evidence.cut <= span.1
            };
            let moves = match (flipped, resident) {
                (true, _) => MOVED,
                (false, false) => MOVED_UNNOTICED.0,
                (false, true) => MOVED_UNNOTICED.1,
            };
            let moved = evidence.sequence >= moves * contrast
                && (came || (flipped && !resident))
                && evidence.moments >= if resident { 3 } else { 2 }
                && (loud || (!resident && evidence.moments >= 6))
                && within;
            let is_sure = tag.appeared || (one_by_one && flipped);
            let moved = moved && is_sure;
            if !moved
                && !one_by_one
                && !resident
                && came
                && self.stands(direction, tag)
                && !self.is_louder_elsewhere(std::slice::from_ref(key), self.now, 1.0)
            {
                survey.tail.push(key.clone());
            }
            let with_it = !one_by_one && !resident && came && self.is_loud_at(tag, middle);
            let goes_along = || match one_by_one {
                true => self.is_item_of(crossings, key),
                false => {
                    flipped
                        && evidence.sequence >= BEYOND_DOUBT.0
                        && evidence.moments >= BEYOND_DOUBT.1
                        && !self.is_louder_elsewhere(std::slice::from_ref(key), middle, 1.0)
                }
            };
            if (moved || (with_it && loud)) && self.is_booked_elsewhere(key, middle) {
                survey.elsewhere += 1;
            } else if (moved || with_it) && self.is_of_another_gate(key, middle) {
                if moved || loud {
                    survey.louder_elsewhere.push(key.clone());
                }
            } else if moved {
                survey.both += evidence.both;
                survey.sequence += evidence.sequence;
                survey.in_order.0 += evidence.in_order.0;
                survey.in_order.1 += evidence.in_order.1;
                survey.moved.push(key.clone());
                let heard_on_both = evidence.both >= BOTH_SIDES;
                if !flipped && !heard_on_both && resident {
                    survey.doubtful.push(key.clone());
                }
            } else if within && goes_along() {
                survey.company.push(key.clone());
            } else if with_it {
                let well_read = evidence.moments >= 4;
                let went_along = evidence.sequence >= WENT_ALONG * contrast && (loud || well_read);
                // Too seldom read to tell a way, or to contradict one, but only ever with this load.
                let only_here = !well_read
                    && evidence.sequence > -WENT_ALONG * contrast
                    && tag.known_since >= window.0 - reach;
                if went_along || only_here {
                    survey.company.push(key.clone());
                }
                if loud && well_read {
                    survey.stayed.push(key.clone());
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "tag counts are small")]
        let count = survey.moved.len().max(1) as f64;
        (survey.both, survey.sequence) = (survey.both / count, survey.sequence / count);
        survey
    }

    /// When half of what changed sides at a door had been heard, if that was its coming.
    fn arrived(&self, crossings: &Crossings) -> Option<Time> {
        if self.tuning.one_by_one {
            return None;
        }
        let keys = crossings.all.iter().map(|(key, _)| key);
        let mut since: Vec<Time> = keys
            .filter_map(|key| self.tags.get(key))
            .map(|tag| tag.known_since)
            .collect();
        since.sort_unstable();
        let at = since.get(since.len() / 2).copied()?;
        // When the gate began to hear, it heard what stood here too.
        (at - self.awake > CAME_ALONG).then_some(at)
    }

    /// Most of these were in the gate then.
    pub fn are_loud<'k>(&self, keys: impl Iterator<Item = &'k EpcKey>, at: Time) -> bool {
        let (mut loud, mut all) = (0, 0);
        for tag in keys.filter_map(|key| self.tags.get(key)) {
            all += 1;
            loud += usize::from(self.is_loud_at(tag, at));
        }
        loud * 2 > all
    }

    /// It had not been here for long then.
    pub fn is_new(&self, key: &EpcKey, at: Time) -> bool {
        let tag = self.tags.get(key);
        tag.is_some_and(|tag| at - tag.known_since <= RESIDENT_AFTER)
    }

    /// Most of these had not been here for long then.
    pub fn are_new<'k>(&self, keys: impl Iterator<Item = &'k EpcKey>, at: Time) -> bool {
        let (mut new, mut all) = (0, 0);
        for key in keys.filter(|key| self.tags.contains_key(*key)) {
            all += 1;
            new += usize::from(self.is_new(key, at));
        }
        new * 2 > all
    }

    /// What was heard of the tag at `at` was booked, or it is too early for the same again.
    pub fn is_spent(&self, tag: &Tag, direction: Direction, at: Time) -> bool {
        tag.booked.is_some_and(|booked| {
            let since = at - booked.at;
            since < self.tuning.paced(SPENT)
                || (booked.direction == direction && since < self.tuning.rearm)
        })
    }

    /// Where photo-eyes saw several things pass one behind the other, the tag crossed with the one at `middle`.
    fn is_of_passage(&self, tag: &Tag, direction: Direction, middle: Time, queue: &[Time]) -> bool {
        let (Some(first), Some(last)) = (queue.first(), queue.last()) else {
            return true;
        };
        if first == last || self.tuning.one_by_one {
            return true;
        }
        let slack = self.tuning.looked(self.tuning.paced(SLACK));
        let window = (*first - slack, *last + slack);
        let evidence = Evidence::of(&tag.profile, direction, window, self.tuning.reach);
        let nearest = |at: Time| queue.iter().min_by_key(|it| (**it - at).abs());
        evidence.is_none_or(|evidence| nearest(evidence.cut) == nearest(middle))
    }

    /// Photo-eyes saw one thing pass at both times, and nothing was booked for it.
    pub fn is_one_passage(
        &self,
        direction: Direction,
        one: Option<Time>,
        other: Option<Time>,
    ) -> bool {
        let passage = |at| self.eyes.passage(self.tuning, direction, at);
        let (one, other) = (one.and_then(passage), other.and_then(passage));
        one.is_some() && one == other
    }

    /// Photo-eyes saw different things pass at the two times, and nothing was booked for either.
    pub fn are_two_passages(
        &self,
        direction: Direction,
        one: Option<Time>,
        other: Option<Time>,
    ) -> bool {
        let passage = |at| self.eyes.passage(self.tuning, direction, at);
        let (one, other) = (one.and_then(passage), other.and_then(passage));
        one.is_some() && other.is_some() && one != other
    }

    /// It was then about as loud as it ever was since it was booked: in the gate.
    fn is_loud_at(&self, tag: &Tag, at: Time) -> bool {
        let near = self.tuning.looked(MOMENTARILY);
        let then = tag.profile.peak(at - near, at + near);
        then > 0.0 && then >= LOUD * tag.profile.peak(tag.free_from(self.tuning), END)
    }
}
