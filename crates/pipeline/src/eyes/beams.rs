//! Two beams as a quadrature decoder: which way something went through them.

use serde::{Deserialize, Serialize};

use crate::config::Direction;
use crate::time::{Span, Time};

/// What is shorter than its beams are apart interrupts the one and then the other. On a belt it takes about as long through
/// either, so many times as long at most, and in between no longer than so many times that.
const SHORT: (i64, i64) = (2, 2);

/// How something went through the beams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Course {
    /// All the way.
    Through(Direction),
    /// It left where it came from.
    Back,
    /// One eye alone cannot tell, nor can two that were not both known all the time.
    Unknown,
}

/// One time that the beams were interrupted, from free to free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// When the first beam was interrupted.
    pub from: Time,
    /// When the last was free again.
    pub until: Time,
    /// Its middle: where both were interrupted, if they were.
    pub at: Time,
    /// Which way.
    pub course: Course,
    /// Which beams were interrupted, the outer one and the inner one.
    pub(super) touched: (bool, bool),
    /// A load was there at the time.
    pub(super) claimed: bool,
    /// It was booked as a load.
    pub(super) booked: bool,
    /// It is not to be looked at again.
    pub(super) settled: bool,
}

impl Crossing {
    /// One beam alone was interrupted, and both were known.
    const fn is_half(&self) -> bool {
        matches!(self.course, Course::Back) && self.touched.0 != self.touched.1
    }

    /// This one and the `next` are one thing on a belt, shorter than its beams are apart.
    pub(super) fn joined(&self, next: &Self) -> Option<Self> {
        let (one, other) = (self.until - self.from, next.until - next.from);
        let (short, long) = (one.min(other), one.max(other));
        let is_one = self.is_half()
            && next.is_half()
            && self.touched != next.touched
            && long.0 <= short.0.saturating_mul(SHORT.0)
            && (next.from - self.until).0 <= long.0.saturating_mul(SHORT.1);
        let direction = if self.touched.0 {
            Direction::In
        } else {
            Direction::Out
        };
        is_one.then(|| Self {
            from: self.from,
            until: next.until,
            at: self.at + Span((next.at - self.at).0 / 2),
            course: Course::Through(direction),
            touched: (true, true),
            claimed: self.claimed || next.claimed,
            booked: false,
            settled: false,
        })
    }
}

/// Something is in the beams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Occupied {
    pub(super) from: Time,
    /// Quarters of the way inwards, less those outwards.
    quarters: i8,
    /// Times that both beams changed at once.
    jumps: u8,
    /// When both beams were first interrupted, and last.
    both: Option<(Time, Time)>,
    /// Both eyes are known since the first beam was interrupted.
    pub(super) whole: bool,
    /// Which beams were interrupted.
    pub(super) touched: Beams,
    /// See [`Crossing::claimed`].
    pub(super) claimed: bool,
}

/// Interrupted beams, the outer one and the inner one.
type Beams = (bool, bool);

impl Occupied {
    /// Something comes into the beams; `whole` tells whether both eyes are known.
    pub(super) fn new(from: Time, whole: bool) -> Self {
        Self {
            from,
            quarters: 0,
            jumps: 0,
            both: None,
            whole,
            touched: (false, false),
            claimed: false,
        }
    }

    /// The beams changed at `at`: one quarter of the way, or two at once.
    pub(super) fn turn(&mut self, before: Beams, beams: Beams, at: Time) {
        // Inwards, the beams are free, the outer one interrupted, both, the inner one, free.
        let place = |beams| match beams {
            (false, false) => 0_i8,
            (true, false) => 1,
            (true, true) => 2,
            (false, true) => 3,
        };
        match (place(beams) - place(before)).rem_euclid(4) {
            1 => self.quarters = self.quarters.saturating_add(1),
            3 => self.quarters = self.quarters.saturating_sub(1),
            _ => self.jumps = self.jumps.saturating_add(1),
        }
        self.touched.0 |= beams.0;
        self.touched.1 |= beams.1;
        if before == (true, true) || beams == (true, true) {
            let (first, _) = self.both.unwrap_or((at, at));
            self.both = Some((first, at));
        }
    }

    /// Both beams are free again.
    pub(super) fn ended(self, until: Time) -> Crossing {
        let course = match (self.whole, self.quarters, self.jumps) {
            (true, 4, 0) | (true, 2, 1) => Course::Through(Direction::In),
            (true, -4, 0) | (true, -2, 1) => Course::Through(Direction::Out),
            (true, 0, 0) => Course::Back,
            _ => Course::Unknown,
        };
        let (first, last) = self.both.unwrap_or((self.from, until));
        Crossing {
            from: self.from,
            until,
            at: first + Span((last - first).0 / 2),
            course,
            touched: self.touched,
            claimed: self.claimed,
            booked: false,
            settled: false,
        }
    }
}
