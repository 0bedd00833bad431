//! The count, and the words for it.

use std::{collections::BTreeSet, fmt::Write};

use super::{Entry, Ledger, identities};
use crate::scenario::{Direction, Movement};

/// How many problems the report spells out.
const MOST_LINES: usize = 60;

/// What arrived, against the truth. Always `truth = delivered + wrong_direction + lost`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// Movements that happened.
    pub truth: u64,
    /// Movements with an event of the right direction.
    pub delivered: u64,
    /// Movements without any event.
    pub lost: u64,
    /// Events beyond the first for the same goods of one movement, with ids of their own.
    pub duplicated: u64,
    /// Events beyond the first for other goods of one movement.
    pub split: u64,
    /// Movements told only the wrong way round (or at a wrong business step).
    pub wrong_direction: u64,
    /// Delivered movements whose goods or quantity are not the true ones.
    pub wrong_quantity: u64,
    /// Events for which nothing happened.
    pub unexpected: u64,
    /// Deliveries of an event id that was there before; harmless.
    pub redelivered: u64,
}

impl Score {
    /// Every movement delivered once in effect, right direction, right quantity, and nothing else.
    pub fn is_clean(&self) -> bool {
        let wrong =
            self.lost + self.duplicated + self.split + self.wrong_direction + self.wrong_quantity;
        wrong + self.unexpected == 0 && self.delivered == self.truth
    }

    fn add(&mut self, entry: &Entry) {
        self.truth += 1;
        match (&entry.event_id, entry.wrong_way) {
            (Some(_), _) => self.delivered += 1,
            (None, true) => self.wrong_direction += 1,
            (None, false) => self.lost += 1,
        }
        self.duplicated += entry.duplicates;
        self.split += entry.splits;
        self.wrong_quantity += u64::from(entry.event_id.is_some() && entry.difference().is_some());
    }
}

impl Ledger {
    /// The count so far.
    pub fn score(&self) -> Score {
        let mut score = Score {
            unexpected: self.unexpected,
            redelivered: self.redelivered,
            ..Score::default()
        };
        self.truth.iter().for_each(|entry| score.add(entry));
        score
    }

    /// Movements that have an event of the right direction: cheap, for waiting.
    pub fn delivered(&self) -> usize {
        self.truth
            .iter()
            .filter(|entry| entry.event_id.is_some())
            .count()
    }

    /// Whether every movement has an event of the right direction.
    pub fn is_complete(&self) -> bool {
        self.delivered() == self.truth.len()
    }

    /// Truth, delivered, lost and duplicated for each read point, as a table with a heading and a total.
    pub fn table(&self) -> String {
        let mut names: BTreeSet<&str> = self
            .read_points
            .iter()
            .map(|point| point.name.as_str())
            .collect();
        names.extend(self.truth.iter().map(|entry| entry.movement.read_point()));
        let width = names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0)
            .max("read point".len());
        let mut table = format!(
            "{:<width$}  {:>7}  {:>9}  {:>5}  {:>10}  {:>5}\n",
            "read point", "truth", "delivered", "lost", "duplicated", "wrong"
        );
        let mut row = |name: &str, score: Score, unexpected: u64| {
            let wrong = score.wrong_direction + score.wrong_quantity + unexpected;
            let _ = writeln!(
                table,
                "{name:<width$}  {:>7}  {:>9}  {:>5}  {:>10}  {wrong:>5}",
                score.truth,
                score.delivered,
                score.lost,
                score.duplicated + score.split,
            );
        };
        for name in names {
            let mut score = Score::default();
            let here = self
                .truth
                .iter()
                .filter(|entry| entry.movement.read_point() == name);
            here.for_each(|entry| score.add(entry));
            row(name, score, 0);
        }
        row("total", self.score(), self.unexpected);
        table
    }

    /// Everything that is not as it should be, one line each; empty when the score is clean.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.truth.iter().filter_map(Entry::problem).collect();
        problems.extend(self.notes.iter().cloned());
        problems
    }

    /// Score, table and problems, for the message of a failed test.
    pub fn report(&self) -> String {
        let problems = self.problems();
        let mut report = format!("{:?}\n{}", self.score(), self.table());
        for problem in problems.iter().take(MOST_LINES) {
            let _ = writeln!(report, "- {problem}");
        }
        if problems.len() > MOST_LINES {
            let _ = writeln!(report, "- and {} more", problems.len() - MOST_LINES);
        }
        report
    }
}

impl Entry {
    /// What is wrong with the goods of a delivered movement.
    fn difference(&self) -> Option<String> {
        if self.wrong_quantity {
            return Some("wrong quantity".to_owned());
        }
        let missing: Vec<&str> = identities(&self.movement)
            .filter(|epc| !self.found.contains(*epc))
            .collect();
        let sample = |of: &[&str]| of.iter().take(3).copied().collect::<Vec<_>>().join(" ");
        let foreign: Vec<&str> = self.foreign.iter().map(String::as_str).collect();
        match (missing.is_empty(), foreign.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!(
                "{} missing ({} …)",
                missing.len(),
                sample(&missing)
            )),
            (true, false) => Some(format!(
                "{} too many ({} …)",
                foreign.len(),
                sample(&foreign)
            )),
            (false, false) => Some(format!(
                "{} missing ({} …), {} too many ({} …)",
                missing.len(),
                sample(&missing),
                foreign.len(),
                sample(&foreign)
            )),
        }
    }

    fn problem(&self) -> Option<String> {
        let what = match (&self.event_id, self.wrong_way) {
            (None, false) => "lost".to_owned(),
            (None, true) => return None, // noted when it came, with its event id
            (Some(id), _) => format!("{} ({id})", self.difference()?),
        };
        let (from_us, to_us) = self.movement.span_us();
        let seconds = |us: u64| us as f64 / 1e6;
        let goods = match &self.movement {
            Movement::Passage(passage) => {
                let way = if passage.direction == Direction::In {
                    "in"
                } else {
                    "out"
                };
                format!("{way} {} with {} items", passage.sscc, passage.items.len())
            }
            Movement::Scan(scan) => format!("scan {} {} pieces", scan.class, scan.quantity),
        };
        let place = self.movement.read_point();
        Some(format!(
            "{what}: {place} {goods}, {:.1} s to {:.1} s",
            seconds(from_us),
            seconds(to_us)
        ))
    }
}
