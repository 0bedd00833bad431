//! One tag at one read point: its visit, with hysteresis, and which side it is on.

use serde::{Deserialize, Serialize};

use crate::config::{Direction, Side, Tuning};
use crate::evidence::Evidence;
use crate::filter::TagClass;
use crate::profile::{HISTORY, Profile};
use crate::sensing::Surroundings;
use crate::time::{Span, Time};

/// A visit older than this without a change of side is parked stock.
pub const RESIDENT_AFTER: Span = Span::millis(18_000);
/// How long an unused change of side, and the side itself, are remembered.
pub(crate) const FLIP_MEMORY: Span = Span::millis(14_000);
/// A tag unread for longer comes as if for the first time.
pub(crate) const RESIDENT_MEMORY: Span = Span::millis(300_000);
/// So many moments, heard better outside than inside, tell that a tag leaves.
const LEAVES_AFTER: usize = 3;
/// What comes to the doorway gets this much louder there.
pub(crate) const RISE: f64 = 2.0;
/// Observations on each side, and in all, that the whole visit must have to tell a way.
const WHOLE_VISIT: (u32, u32) = (2, 6);
/// On a belt, sequence and moments that a visit must have to tell a way.
pub(crate) const ON_BELT: (f64, usize) = (0.5, 3);

/// A confirmed change of side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// Which way.
    pub direction: Direction,
    /// When the tag crossed the line.
    pub at: Time,
}

/// What was read on one side during a visit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Zone {
    observations: u32,
    energy: f64,
    last: Option<Time>,
}

/// A side that the score points to, not yet confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Candidate {
    side: Side,
    since: Time,
    reads: u32,
}

/// State of one tag at one gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Its class by the tag rules.
    pub class: TagClass,
    /// Protocol control word of the first read that had one.
    pub pc: Option<u16>,
    /// First and last observation of the visit.
    pub first: Time,
    /// Last read of the visit, deduplicated or not.
    pub last: Time,
    /// Since when it is known here, with times of silence; since it came again after it was booked.
    pub known_since: Time,
    /// True once the tag was lost; the visit's figures stay for late decisions.
    pub ended: bool,
    /// True once it was read `min_reads` times within `appear_within`: not a ghost.
    pub appeared: bool,
    /// True from a change of side until its load is booked.
    pub flipped: bool,
    /// The last booking: which way and when.
    pub booked: Option<Flip>,
    /// The side it is confirmed on.
    pub side: Option<Side>,
    pub(crate) profile: Profile,
    inside: Zone,
    outside: Zone,
    score: f64,
    scored_at: Time,
    crossed_at: Time,
    candidate: Option<Candidate>,
    last_by_antenna: Vec<(u16, u16, Time)>,
    /// How far off the times of the visit's reads may be at most, either way.
    pub uncertainty: Span,
    /// It was told that it leaves; until it is back inside, or comes again.
    pub told_leaving: bool,
    /// What it said of its surroundings since it was last booked.
    pub surroundings: Option<Box<Surroundings>>,
    /// When its timer is due.
    pub(crate) due: Time,
}

impl Tag {
    /// A tag that is about to be observed for the first time.
    #[must_use]
    pub fn new(class: TagClass, pc: Option<u16>, at: Time) -> Self {
        Self {
            class,
            pc,
            first: at,
            last: at,
            known_since: at,
            ended: false,
            appeared: false,
            flipped: false,
            booked: None,
            side: None,
            profile: Profile::default(),
            inside: Zone::default(),
            outside: Zone::default(),
            score: 0.0,
            scored_at: at,
            crossed_at: at,
            candidate: None,
            last_by_antenna: Vec::new(),
            uncertainty: Span::default(),
            told_leaving: false,
            surroundings: None,
            due: at,
        }
    }

    /// Some of what was read of it is still remembered.
    #[must_use]
    pub fn is_around(&self) -> bool {
        !self.ended || !self.profile.is_empty()
    }

    /// It has been here for long without a change of side: parked stock, as far as is known now.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        !self.ended && self.last - self.first > RESIDENT_AFTER
    }

    /// That it was known here, since when and until when, and nothing of what was read.
    pub(crate) fn remembered(&self) -> Self {
        Self {
            ended: true,
            last: self.last,
            known_since: self.known_since,
            due: self.last + RESIDENT_MEMORY,
            ..Self::new(self.class, self.pc, self.first)
        }
    }

    /// Of a tag that is [`remembered`](Self::remembered): it was here `by` earlier.
    pub(crate) fn move_earlier(&mut self, by: Span) {
        for at in [
            &mut self.first,
            &mut self.last,
            &mut self.known_since,
            &mut self.due,
        ] {
            *at = *at - by;
        }
    }

    /// Observations of the visit on both sides.
    #[must_use]
    pub fn observations(&self) -> u32 {
        self.inside
            .observations
            .saturating_add(self.outside.observations)
    }

    /// When it was last heard on `side`, in this visit.
    pub(crate) fn heard_on(&self, side: Side) -> Option<Time> {
        let zone = match side {
            Side::Inside => &self.inside,
            Side::Outside => &self.outside,
        };
        zone.last.filter(|_| !self.ended)
    }

    /// Takes one read; within the dedup window of its antenna it only keeps the visit alive.
    pub fn observe(
        &mut self,
        tuning: &Tuning,
        at: Time,
        port: (u16, u16),
        side: Side,
        rssi_dbm: Option<i8>,
    ) {
        if self.ended || (!self.appeared && at - self.first > tuning.appear_within) {
            self.start_visit(at);
        }
        if at >= self.free_from(tuning) && self.known_since < self.free_from(tuning) {
            self.known_since = at;
        }
        self.last = self.last.later(at);
        self.profile.add(at, side, rssi_dbm);
        self.zone_mut(side).last = Some(at);
        match self
            .last_by_antenna
            .iter_mut()
            .find(|(device, antenna, _)| (*device, *antenna) == port)
        {
            Some((_, _, last)) if at - *last < tuning.dedup => return,
            Some((_, _, last)) => *last = at,
            None => self.last_by_antenna.push((port.0, port.1, at)),
        }
        let amplitude = libm::exp10((f64::from(rssi_dbm.unwrap_or(-60)) + 60.0) / 20.0);
        let decay =
            libm::exp(-(at - self.scored_at).seconds() / tuning.side_tau.seconds().max(1e-3));
        self.inside.energy *= decay;
        self.outside.energy *= decay;
        let zone = self.zone_mut(side);
        zone.observations = zone.observations.saturating_add(1);
        zone.energy += amplitude;
        self.appeared |= self.observations() >= u32::from(tuning.min_reads);
        self.score(tuning, at);
    }

    /// What was read before belongs to the passage that was booked last, and tells nothing of the next one.
    #[must_use]
    pub fn free_from(&self, tuning: &Tuning) -> Time {
        self.booked
            .map_or(Time::MIN, |booked| booked.at + tuning.reach)
    }

    /// The next time at which something happens without a read.
    #[must_use]
    pub fn deadline(&self, tuning: &Tuning) -> Time {
        if self.ended {
            let booked = self.booked.map_or(Time::MIN, |flip| flip.at + tuning.rearm);
            let kept = if self.profile.is_empty() {
                RESIDENT_MEMORY
            } else {
                HISTORY
            };
            return (self.last + kept).later(booked);
        }
        if !self.appeared {
            return self.first + tuning.appear_within;
        }
        let lost = self.last + tuning.lost_after;
        match self.candidate {
            Some(candidate) if candidate.reads >= 2 && self.side != Some(candidate.side) => {
                lost.min(candidate.since + tuning.side_hold)
            }
            _ => lost,
        }
    }

    /// Confirms the side that the score has pointed to for long enough; a change of side is a flip.
    pub fn confirm(&mut self, tuning: &Tuning, now: Time) -> Option<Flip> {
        let candidate = self.candidate?;
        if !self.appeared
            || candidate.reads < 2
            || now - candidate.since < tuning.side_hold
            || self.side == Some(candidate.side)
        {
            return None;
        }
        let before = self.side.replace(candidate.side);
        self.told_leaving &= candidate.side == Side::Outside;
        (before == Some(candidate.side.opposite())).then(|| {
            self.flipped = true;
            Flip {
                direction: Direction::towards(candidate.side),
                at: self.crossed_at,
            }
        })
    }

    /// It moves towards the way out: it was inside, and lately the outside hears it clearly better. What was parked must have
    /// become louder besides, as what comes to the doorway does; fading alone turns its side, too.
    #[must_use]
    pub fn is_leaving(&self, tuning: &Tuning, now: Time) -> bool {
        let (until, lately) = (now + Span::millis(1), now - Span(tuning.reach.0 / 3));
        let lean = |from: Time, until: Time| {
            let heard = self.profile.energy(from, until);
            (heard.outside - heard.inside) / heard.sum().max(f64::MIN_POSITIVE)
        };
        let was_inside = self.side == Some(Side::Inside)
            || lean(lately - tuning.reach, lately) <= -tuning.side_level;
        let turns = was_inside
            && lean(lately, until) >= tuning.side_level
            && self.profile.between(lately, until).count() >= LEAVES_AFTER;
        let has_turned = self.flipped && self.side == Some(Side::Outside);
        if self.ended || !self.appeared || !(turns || has_turned) {
            return false;
        }
        if now - self.known_since <= RESIDENT_AFTER {
            return true;
        }
        let usual = self
            .profile
            .usual(self.free_from(tuning), now - tuning.reach);
        let loud = self.profile.peak(now - tuning.reach, until);
        usual.is_none_or(|usual| loud >= RISE * usual)
    }

    /// Ends the visit. A tag that was well read on both sides but never clearly on one may still have passed: then all
    /// that was read of it tells the way.
    pub fn end_visit(&mut self, tuning: &Tuning) -> Option<Flip> {
        self.ended = true;
        if tuning.one_by_one {
            return self.end_on_belt(tuning);
        }
        let least = self.inside.observations.min(self.outside.observations);
        if !self.appeared
            || self.flipped
            || self.last - self.first > RESIDENT_AFTER
            || least < WHOLE_VISIT.0
            || self.observations() < WHOLE_VISIT.1
        {
            return None;
        }
        self.flip_at_end(tuning, self.first, 0.0, 0)
    }

    /// The same on a belt. Between the antennas of both sides a tag is silent for a while, and the visit may end there; on
    /// one of the sides it may be heard but once. First only here, then only there tells the way all the same.
    fn end_on_belt(&mut self, tuning: &Tuning) -> Option<Flip> {
        let is_told = |booked: Flip| self.last - booked.at < tuning.rearm;
        if self.flipped || self.booked.is_some_and(is_told) {
            return None;
        }
        let (sequence, moments) = ON_BELT;
        self.flip_at_end(
            tuning,
            self.last - tuning.reach - tuning.reach,
            sequence,
            moments,
        )
    }

    /// The change of side that fits best since `from`, if it tells of both sides.
    fn flip_at_end(
        &mut self,
        tuning: &Tuning,
        from: Time,
        sequence: f64,
        moments: usize,
    ) -> Option<Flip> {
        let visit = (from, self.last);
        let ways = [Direction::In, Direction::Out]
            .into_iter()
            .filter_map(|way| Some((way, Evidence::of(&self.profile, way, visit, tuning.reach)?)));
        let (direction, evidence) = ways
            .filter(|(_, evidence)| evidence.both > 0.0)
            .max_by(|a, b| a.1.sequence.total_cmp(&b.1.sequence))?;
        if evidence.sequence < sequence || evidence.moments < moments {
            return None;
        }
        self.flipped = true;
        self.side = Some(direction.destination());
        Some(Flip {
            direction,
            at: evidence.cut,
        })
    }

    /// The load of this tag was booked: from here on it stands on the other side, and what was read before is used up.
    pub fn book(&mut self, flip: Flip) {
        let side = Some(flip.direction.destination());
        self.booked = Some(flip);
        self.candidate = None;
        (self.side, self.flipped, self.told_leaving) = (side, false, false);
        self.first = self.last;
        for zone in [&mut self.inside, &mut self.outside] {
            *zone = Zone {
                energy: zone.energy,
                last: zone.last,
                ..Zone::default()
            };
        }
    }

    fn start_visit(&mut self, at: Time) {
        let still_known = at - self.last < FLIP_MEMORY;
        let remembered = self.side.filter(|_| still_known);
        let fresh = Self {
            booked: self.booked,
            side: remembered,
            surroundings: self.surroundings.take().filter(|_| still_known),
            known_since: self.known_since,
            profile: std::mem::take(&mut self.profile),
            due: self.due,
            ..Self::new(self.class, self.pc, at)
        };
        *self = fresh;
    }

    fn score(&mut self, tuning: &Tuning, at: Time) {
        let sum = self.inside.energy + self.outside.energy;
        let score = if sum > 0.0 {
            (self.inside.energy - self.outside.energy) / sum
        } else {
            0.0
        };
        if (score >= 0.0) != (self.score >= 0.0) {
            // Straight line between the two scores: the crossing is nearer to the smaller one.
            let share = self.score.abs() / (self.score.abs() + score.abs()).max(f64::MIN_POSITIVE);
            #[expect(clippy::cast_possible_truncation, reason = "a share of a span of µs")]
            let part = ((at - self.scored_at).seconds() * share * 1e6) as i64;
            self.crossed_at = self.scored_at + Span(part);
        }
        (self.score, self.scored_at) = (score, at);
        let side = if score >= 0.0 {
            Side::Inside
        } else {
            Side::Outside
        };
        self.candidate = match self.candidate {
            _ if score.abs() < tuning.side_level => None,
            Some(candidate) if candidate.side == side => Some(Candidate {
                reads: candidate.reads.saturating_add(1),
                ..candidate
            }),
            _ => Some(Candidate {
                side,
                since: at,
                reads: 1,
            }),
        };
    }

    const fn zone_mut(&mut self, side: Side) -> &mut Zone {
        match side {
            Side::Inside => &mut self.inside,
            Side::Outside => &mut self.outside,
        }
    }
}
