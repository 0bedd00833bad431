//! The traceability store's side: takes the events, compares them with the truth, and keeps score.
//!
//! A movement is *delivered* when an event with its identities came from its read point with its direction. The same
//! event id again is a *redelivery*, which is harmless; another event id for the same movement is a *duplicate* (same
//! goods again) or a *split* (other goods of the same movement). What arrived for no movement is *unexpected*.

pub(crate) mod event;
mod score;
mod store;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
};

use jiff::Timestamp;

use crate::scenario::{Direction, Movement, ReadPoint, canonical_uri};
use event::{Claim, bare_step};

pub use score::Score;
pub use store::{Store, StoreStatus};

/// An event counts for a movement this long before its start and after its end.
const IN_TIME_S: i64 = 5;
/// Notes kept for the report; what comes later is only counted.
const MOST_NOTES: usize = 1000;

/// Truth and what arrived of it.
#[derive(Debug, Default)]
pub struct Ledger {
    truth: Vec<Entry>,
    read_points: Vec<ReadPoint>,
    /// From an identity to the movements it took part in.
    movements_of: HashMap<String, Vec<usize>>,
    /// From the spelled-out identity of a read point to its place in the list.
    read_point_of: HashMap<String, usize>,
    seen: HashSet<String>,
    start: Option<Timestamp>,
    events: u64,
    redelivered: u64,
    unexpected: u64,
    unreadable: u64,
    notes: Vec<String>,
}

/// One movement and the events that claim it.
#[derive(Debug)]
struct Entry {
    movement: Movement,
    /// First event with the right direction.
    event_id: Option<String>,
    wrong_way: bool,
    found: BTreeSet<String>,
    foreign: BTreeSet<String>,
    wrong_quantity: bool,
    duplicates: u64,
    splits: u64,
}

/// How an event compares with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The first to tell of its movement.
    New,
    /// The same event again.
    Redelivered,
    /// Another event for a movement that was already told, with the same goods.
    Duplicate,
    /// Another event for a movement that was already told, with other goods of it.
    Split,
    /// The movement happened, but the other way.
    WrongDirection,
    /// No such movement happened.
    Unexpected,
    /// The payload is no EPCIS event.
    Unreadable,
}

/// One event, for people. [`fmt::Display`] prints it on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it compares with the truth.
    pub verdict: Verdict,
    /// Time, place, direction, step and goods.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remark = match self.verdict {
            Verdict::New => return f.write_str(&self.text),
            Verdict::Redelivered => "again",
            Verdict::Duplicate => "DUPLICATE",
            Verdict::Split => "SPLIT",
            Verdict::WrongDirection => "WRONG DIRECTION",
            Verdict::Unexpected => "UNEXPECTED",
            Verdict::Unreadable => "UNREADABLE",
        };
        write!(f, "{}  [{remark}]", self.text)
    }
}

impl Ledger {
    /// A ledger for this truth; the read points say by which identity and business steps events tell of them.
    pub fn new(truth: Vec<Movement>, read_points: Vec<ReadPoint>) -> Self {
        let mut movements_of: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, movement) in truth.iter().enumerate() {
            for identity in identities(movement) {
                movements_of
                    .entry(identity.to_owned())
                    .or_default()
                    .push(index);
            }
        }
        let read_point_of = read_points
            .iter()
            .enumerate()
            .map(|(i, point)| (canonical_uri(&point.sgln), i))
            .collect();
        Self {
            truth: truth.into_iter().map(Entry::new).collect(),
            read_points,
            movements_of,
            read_point_of,
            ..Self::default()
        }
    }

    /// Says when the truth's time zero was, in microseconds since 1970. Then several movements of the same goods the
    /// same way are told apart by time.
    pub fn started_at(&mut self, utc_us: u64) {
        self.start = i64::try_from(utc_us)
            .ok()
            .and_then(|us| Timestamp::from_microsecond(us).ok());
    }

    /// Keeps only the part of the truth for which `happened` is true: the rest was never played.
    pub fn keep_truth(&mut self, happened: impl Fn(&Movement) -> bool) {
        let old = std::mem::take(&mut self.truth);
        self.movements_of.clear();
        for entry in old
            .into_iter()
            .filter(|entry| happened(&entry.movement) || entry.event_id.is_some())
        {
            for identity in identities(&entry.movement) {
                self.movements_of
                    .entry(identity.to_owned())
                    .or_default()
                    .push(self.truth.len());
            }
            self.truth.push(entry);
        }
    }

    /// Takes in one message: a bare event, a list, or an EPCISDocument. One line per event.
    pub fn observe(&mut self, payload: &[u8]) -> Vec<Line> {
        match event::claims(payload) {
            Ok(claims) => claims.into_iter().map(|claim| self.weigh(&claim)).collect(),
            Err(reason) => {
                self.unreadable += 1;
                self.note(format!(
                    "unreadable message ({reason}): {}",
                    excerpt(payload)
                ));
                vec![Line {
                    verdict: Verdict::Unreadable,
                    text: reason,
                }]
            }
        }
    }

    /// Messages that were no EPCIS events.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Ids of the events so far, each once.
    pub fn event_ids(&self) -> impl Iterator<Item = &str> {
        self.seen.iter().map(String::as_str)
    }

    fn weigh(&mut self, claim: &Claim) -> Line {
        self.events += 1;
        let point = self
            .read_point_of
            .get(&claim.read_point)
            .and_then(|i| self.read_points.get(*i));
        let text = describe(claim, point);
        if !self.seen.insert(claim.id.clone()) {
            self.redelivered += 1;
            return Line {
                verdict: Verdict::Redelivered,
                text,
            };
        }
        let (verdict, note) = match self.best_match(claim, point) {
            None => (Verdict::Unexpected, Some("no such movement".to_owned())),
            Some((index, right_way)) => self
                .truth
                .get_mut(index)
                .map_or((Verdict::Unexpected, None), |entry| {
                    entry.claimed(claim, right_way)
                }),
        };
        if verdict == Verdict::Unexpected {
            self.unexpected += 1;
        }
        if let Some(note) = note {
            self.note(format!("{note}: {text} ({})", claim.id));
        }
        Line { verdict, text }
    }

    /// The movement an event speaks of, and whether it has the direction right.
    fn best_match(&self, claim: &Claim, point: Option<&ReadPoint>) -> Option<(usize, bool)> {
        let point = point?;
        let classes = claim.quantities.iter().map(|(class, _)| class);
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for index in claim
            .epcs
            .iter()
            .chain(classes)
            .filter_map(|identity| self.movements_of.get(identity))
            .flatten()
        {
            *shared.entry(*index).or_default() += 1;
        }
        let candidates = shared.into_iter().filter_map(|(index, overlap)| {
            let movement = &self.truth.get(index)?.movement;
            if movement.read_point() != point.name {
                return None;
            }
            let right_way =
                step_of(point, movement).is_some_and(|step| bare_step(step) == claim.biz_step);
            Some((
                self.in_time(claim, movement),
                right_way,
                overlap,
                std::cmp::Reverse(index),
            ))
        });
        candidates
            .max()
            .map(|(_, right_way, _, index)| (index.0, right_way))
    }

    fn in_time(&self, claim: &Claim, movement: &Movement) -> bool {
        let (Some(start), Some(time)) = (self.start, claim.time) else {
            return true;
        };
        let after_start_s = (time.as_microsecond() - start.as_microsecond()) / 1_000_000;
        let (from_us, to_us) = movement.span_us();
        let second = |us: u64| i64::try_from(us / 1_000_000).unwrap_or(i64::MAX / 2);
        (second(from_us) - IN_TIME_S..=second(to_us) + IN_TIME_S).contains(&after_start_s)
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(note);
        }
    }
}

impl Entry {
    fn new(movement: Movement) -> Self {
        Self {
            movement,
            event_id: None,
            wrong_way: false,
            found: BTreeSet::new(),
            foreign: BTreeSet::new(),
            wrong_quantity: false,
            duplicates: 0,
            splits: 0,
        }
    }

    /// Books an event that speaks of this movement.
    fn claimed(&mut self, claim: &Claim, right_way: bool) -> (Verdict, Option<String>) {
        if !right_way {
            // Beside an event that has it right this is a false one; alone, the movement was told wrong.
            let verdict = if self.event_id.is_some() {
                Verdict::Unexpected
            } else {
                Verdict::WrongDirection
            };
            self.wrong_way = true;
            return (
                verdict,
                Some(format!("wrong direction, step `{}`", claim.biz_step)),
            );
        }
        let mine: HashSet<&str> = identities(&self.movement).collect();
        let classes = claim.quantities.iter().map(|(class, _)| class);
        let goods: Vec<&String> = match &self.movement {
            Movement::Passage(_) => claim.epcs.iter().collect(),
            Movement::Scan(_) => claim.epcs.iter().chain(classes).collect(),
        };
        let (own, foreign): (Vec<&String>, Vec<&String>) = goods
            .into_iter()
            .partition(|epc| mine.contains(epc.as_str()));
        let again = own.iter().filter(|epc| self.found.contains(**epc)).count();
        let told = self.event_id.clone();
        let verdict = match &told {
            None => Verdict::New,
            Some(_) if 2 * again >= own.len() => Verdict::Duplicate,
            Some(_) => Verdict::Split,
        };
        match verdict {
            Verdict::New => self.event_id = Some(claim.id.clone()),
            Verdict::Duplicate => self.duplicates += 1,
            _ => self.splits += 1,
        }
        if let Movement::Scan(scan) = &self.movement {
            let quantity = claim
                .quantities
                .iter()
                .find(|(class, _)| *class == scan.class)
                .and_then(|(_, n)| *n);
            self.wrong_quantity |= quantity != Some(scan.quantity as f64);
        }
        self.found.extend(own.into_iter().cloned());
        self.foreign.extend(foreign.into_iter().cloned());
        (verdict, told.map(|told| format!("{verdict:?} of {told}")))
    }
}

/// Pallet and items, or the lot.
fn identities(movement: &Movement) -> impl Iterator<Item = &str> {
    let (first, rest) = match movement {
        Movement::Passage(passage) => (&passage.sscc, passage.items.as_slice()),
        Movement::Scan(scan) => (&scan.class, [].as_slice()),
    };
    std::iter::once(first.as_str()).chain(rest.iter().map(String::as_str))
}

/// The business step an event of this movement must have.
fn step_of<'a>(point: &'a ReadPoint, movement: &Movement) -> Option<&'a str> {
    match movement {
        Movement::Passage(passage) if passage.direction == Direction::In => {
            point.in_step.as_deref()
        }
        Movement::Passage(_) => point.out_step.as_deref(),
        Movement::Scan(_) => point.scan_step.as_deref(),
    }
}

/// `10:15:30.1  dock_1  in   receiving  SSCC …0123  24 items`.
fn describe(claim: &Claim, point: Option<&ReadPoint>) -> String {
    let clock = (claim.time)
        .and_then(|time| {
            Timestamp::from_microsecond(time.as_microsecond() + claim.zone_s * 1_000_000).ok()
        })
        .map_or_else(
            || "--:--:--.-".to_owned(),
            |time| time.strftime("%H:%M:%S%.1f").to_string(),
        );
    let is_step =
        |step: &Option<String>| step.as_deref().map(bare_step) == Some(claim.biz_step.as_str());
    let way = match point {
        Some(point) if is_step(&point.in_step) => "in",
        Some(point) if is_step(&point.out_step) => "out",
        Some(point) if is_step(&point.scan_step) => "scan",
        _ => "?",
    };
    let place = point.map_or(claim.read_point.as_str(), |point| &point.name);
    let unit = claim
        .epcs
        .iter()
        .find_map(|epc| epc.strip_prefix("https://id.gs1.org/00/"));
    let goods = match (unit, claim.quantities.first()) {
        (None, Some((class, quantity))) if claim.epcs.is_empty() => {
            let lot = class
                .rsplit_once("/10/")
                .map_or(class.as_str(), |(_, lot)| lot);
            format!("lot {lot}  {} pieces", quantity.unwrap_or(0.0))
        }
        (unit, _) => {
            let tail = unit.map_or("----", |sscc| {
                sscc.get(sscc.len().saturating_sub(4)..).unwrap_or(sscc)
            });
            format!(
                "SSCC …{tail}  {} items",
                claim.epcs.len() - usize::from(unit.is_some())
            )
        }
    };
    format!(
        "{clock}  {place:<8}  {way:<4} {:<10} {goods}",
        claim.biz_step
    )
}

fn excerpt(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).chars().take(120).collect()
}
