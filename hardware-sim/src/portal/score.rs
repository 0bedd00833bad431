//! Claims against the truth.
//!
//! A claim finds a movement when it names its gate and its time ([`WINDOW_S`]) and at least half of the movement's tags
//! are in it (coverage) and half of its tags are in the movement (purity). It is *strict* when also the direction is right
//! and coverage and purity are at least 80 %. A movement is found once; what finds it again is a duplicate; a claim that
//! finds nothing is a false movement and has a cause.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Refusal, Told};
use super::day::Day;
use super::goods::{Cause, TagIndex};
use super::truth::Movement;

/// A claim's time may be this far before the beginning or after the end of the passage, seconds.
pub const WINDOW_S: f64 = 5.0;
const FOUND: f64 = 0.5;
const STRICT: f64 = 0.8;

/// How one day was told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Score {
    /// Movements there were.
    pub truth: usize,
    /// Claims made.
    pub claims: usize,
    /// Movements found.
    pub found: usize,
    /// Of these, with the right direction.
    pub right_way: usize,
    /// Of these, with at least 80 % coverage and purity.
    pub strict: usize,
    /// Found with the right direction and exactly the tags that passed.
    pub exact: usize,
    /// Claims that found a movement which had been found before.
    pub duplicates: usize,
    /// Events of movements of which an event had told before, each counted as it came: duplicates, pieces and supplements.
    pub again: usize,
    /// Movements not found, by what the method said of them instead: the word of a refusal at that gate and time, or
    /// `unnoticed`.
    pub missed_by_reason: BTreeMap<&'static str, usize>,
    /// Claims that found nothing, by cause.
    pub false_by_cause: BTreeMap<Cause, usize>,
    /// From the end of each found passage to its claim, seconds, in order.
    pub latencies_s: Vec<f64>,
    /// Length of the day.
    pub hours: f64,
}

impl Score {
    /// Claims that found nothing.
    #[must_use]
    pub fn false_claims(&self) -> usize {
        self.false_by_cause.values().sum()
    }

    /// Share of the claims that found a movement for the first time.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.found, self.claims)
    }

    /// Share of the movements that were found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.truth)
    }

    /// Harmonic mean of precision and recall, with strict finds only.
    #[must_use]
    pub fn strict_f1(&self) -> f64 {
        let both = self.claims + self.truth;
        share(2 * self.strict, both)
    }

    /// Share of the found movements whose direction is right.
    #[must_use]
    pub fn direction(&self) -> f64 {
        share(self.right_way, self.found)
    }

    /// Share of the movements told with exactly their tags.
    #[must_use]
    pub fn exact_quantity(&self) -> f64 {
        share(self.exact, self.truth)
    }

    /// False movements in an hour.
    #[must_use]
    pub fn false_per_hour(&self) -> f64 {
        self.false_claims() as f64 / self.hours.max(1e-9)
    }

    /// The latency that a share of the found movements does not exceed; nothing when none was found.
    #[must_use]
    pub fn latency_s(&self, quantile: f64) -> Option<f64> {
        let last = self.latencies_s.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of the list"
        )]
        let index = (quantile.clamp(0.0, 1.0) * last as f64).ceil() as usize;
        self.latencies_s.get(index).copied()
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// How well a claim fits a movement.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    coverage: f64,
    purity: f64,
    right_way: bool,
}

impl Fit {
    fn of(claim: &Claim, movement: &Movement) -> Option<Self> {
        let (coverage, purity) = overlap(claim, &movement.tags);
        let finds = claim.read_point == movement.read_point
            && in_time(movement, claim.at_s)
            && coverage >= FOUND
            && purity >= FOUND;
        finds.then(|| Self {
            coverage,
            purity,
            right_way: claim.direction == movement.direction,
        })
    }

    fn is_strict(self) -> bool {
        self.right_way && self.coverage >= STRICT && self.purity >= STRICT
    }

    /// Better fits are taken first.
    fn rank(self) -> (bool, bool, f64) {
        let both = self.coverage * self.purity;
        (self.right_way, self.is_strict(), both)
    }
}

fn in_time(movement: &Movement, at_s: f64) -> bool {
    at_s >= movement.from_s - WINDOW_S && at_s <= movement.to_s + WINDOW_S
}

fn overlap(claim: &Claim, tags: &[TagIndex]) -> (f64, f64) {
    let inside = |tag: &&TagIndex| tags.binary_search(tag).is_ok();
    let common = claim.tags.iter().filter(inside).count();
    let claimed = claim.tags.len() + claim.unknown;
    let of = |whole: usize| common as f64 / whole.max(1) as f64;
    (of(tags.len()), of(claimed))
}

/// Scores a day. `cause` tells what a tag was doing at a time.
pub(super) fn score(
    movements: &[Movement],
    told: &Told,
    length_s: f64,
    cause: impl Fn(TagIndex, f64) -> Cause,
) -> Score {
    let claims = &told.claims();
    let mut fits: Vec<(usize, usize, Fit)> = Vec::new();
    for (claim_index, claim) in claims.iter().enumerate() {
        for (index, movement) in movements.iter().enumerate() {
            fits.extend(Fit::of(claim, movement).map(|fit| (claim_index, index, fit)));
        }
    }
    // The sort is stable: of two equal claims the earlier one finds.
    fits.sort_by(|a, b| {
        let (a, b) = (a.2.rank(), b.2.rank());
        (b.0, b.1).cmp(&(a.0, a.1)).then(b.2.total_cmp(&a.2))
    });
    let mut by_claim: Vec<Option<(usize, Fit)>> = vec![None; claims.len()];
    let mut taken = vec![false; movements.len()];
    for (claim, movement, fit) in &fits {
        if by_claim[*claim].is_none() && !taken[*movement] {
            by_claim[*claim] = Some((*movement, *fit));
            taken[*movement] = true;
        }
    }
    let mut score = Score {
        truth: movements.len(),
        claims: claims.len(),
        again: again(movements, &told.events),
        hours: length_s / 3600.0,
        ..Score::default()
    };
    let missed = movements.iter().zip(&taken).filter(|(_, taken)| !**taken);
    for (movement, _) in missed {
        let reason = reason_of(movement, &told.refusals);
        *score.missed_by_reason.entry(reason).or_default() += 1;
    }
    for (index, claim) in claims.iter().enumerate() {
        let Some((movement, fit)) = by_claim[index] else {
            if fits.iter().any(|(again, _, _)| *again == index) {
                score.duplicates += 1;
            } else {
                let cause = cause_of(movements, claim, &cause);
                *score.false_by_cause.entry(cause).or_default() += 1;
            }
            continue;
        };
        let movement = &movements[movement];
        score.found += 1;
        score.right_way += usize::from(fit.right_way);
        score.strict += usize::from(fit.is_strict());
        let exact = fit.right_way && fit.coverage >= 1.0 && fit.purity >= 1.0;
        score.exact += usize::from(exact);
        score.latencies_s.push(claim.said_s - movement.to_s);
    }
    score.latencies_s.sort_by(f64::total_cmp);
    score
}

/// The movement that most of an event's tags are of.
pub(super) fn most_of(movements: &[Movement], event: &Claim) -> Option<usize> {
    let here = movements.iter().enumerate().filter(|(_, movement)| {
        movement.read_point == event.read_point && in_time(movement, event.at_s)
    });
    let common = here.map(|(index, movement)| (overlap(event, &movement.tags).1, index));
    let told = common.filter(|(purity, _)| *purity > 0.0);
    told.max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, index)| index)
}

/// Events that are not the first of their movement.
fn again(movements: &[Movement], events: &[Claim]) -> usize {
    let of = |event: &Claim| most_of(movements, event);
    let told: Vec<usize> = events.iter().filter_map(of).collect();
    let first: BTreeSet<&usize> = told.iter().collect();
    told.len() - first.len()
}

/// What was said instead of a movement: of the refusals at its gate and time, the one with the most tags.
fn reason_of(movement: &Movement, refusals: &[Refusal]) -> &'static str {
    let here = refusals.iter().filter(|refusal| {
        refusal.read_point == movement.read_point && in_time(movement, refusal.at_s)
    });
    let most = here.max_by_key(|refusal| refusal.tags);
    most.map_or("unnoticed", |refusal| refusal.reason)
}

/// What led to a claim that finds nothing.
fn cause_of(
    movements: &[Movement],
    claim: &Claim,
    cause: impl Fn(TagIndex, f64) -> Cause,
) -> Cause {
    let mut of: BTreeMap<Cause, usize> = BTreeMap::new();
    *of.entry(Cause::Strangers).or_default() += claim.unknown;
    for tag in &claim.tags {
        let moving = movements
            .iter()
            .filter(|movement| in_time(movement, claim.at_s))
            .filter(|movement| movement.tags.binary_search(tag).is_ok());
        let here = moving.map(|movement| movement.read_point == claim.read_point);
        let cause = match here.max() {
            Some(true) => Cause::Pieces,
            Some(false) => Cause::Neighbour,
            None => cause(*tag, claim.at_s),
        };
        *of.entry(cause).or_default() += 1;
    }
    let most = of.into_iter().max_by_key(|(_, tags)| *tags);
    most.map_or(Cause::Strangers, |(cause, _)| cause)
}

impl Day {
    /// Scores what a method made of this day.
    #[must_use]
    pub fn score(&self, told: &Told) -> Score {
        score(&self.movements, told, self.length_s, |tag, at| {
            self.cause(tag, at)
        })
    }
}
