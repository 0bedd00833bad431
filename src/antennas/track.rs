//! One figure over days: its usual value, and whether it has been far below that for long.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Days remembered.
const DAYS: usize = 14;
/// Of these, so many newest ones make the usual value; and at least so many are needed.
const USUAL: (usize, usize) = (7, 3);
/// Pieces that make a day; and at most.
const PIECES: (usize, usize) = (4, 96);
/// Newest pieces that are compared with the usual value.
const NEWEST: usize = 8;
/// Days after which what is low counts as the new usual.
const PATIENCE_DAYS: i64 = 14;

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// By its share of the usual value: low below 40 %, well above 60 %.
    Share,
    /// By its distance from it: low 6 dB below, well 4 dB below.
    Decibels,
}

/// See the module documentation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Track {
    /// Medians of days that are over.
    days: VecDeque<(i64, f64)>,
    /// The day that is under way, and its pieces.
    today: (i64, Vec<f64>),
    /// The newest pieces, on whatever day.
    newest: VecDeque<f64>,
    /// Since which day it is low, and its usual value from before.
    low: Option<(i64, f64)>,
}

impl Track {
    /// Takes the figure of a piece of time.
    pub(super) fn take(&mut self, measure: Measure, day: i64, value: f64) {
        if day != self.today.0 {
            self.end_day();
            self.today = (day, Vec::new());
        }
        let value = (value * 1_000.0).round() / 1_000.0;
        if self.today.1.len() < PIECES.1 {
            self.today.1.push(value);
        }
        self.newest.push_back(value);
        while self.newest.len() > NEWEST {
            self.newest.pop_front();
        }
        self.compare(measure, day);
    }

    fn end_day(&mut self) {
        let (day, pieces) = &self.today;
        // A day on which it was low is not what it should be.
        if pieces.len() >= PIECES.0
            && self.low.is_none()
            && let Some(median) = median(pieces.iter().copied())
        {
            self.days.push_back((*day, median));
            while self.days.len() > DAYS {
                self.days.pop_front();
            }
        }
    }

    fn compare(&mut self, measure: Measure, day: i64) {
        if let Some((since, _)) = self.low
            && day - since > PATIENCE_DAYS
        {
            // Nobody changed it back: somebody meant it.
            *self = Self {
                today: (day, Vec::new()),
                ..Self::default()
            };
        }
        let usual = self.low.map(|(_, usual)| usual).or_else(|| self.usual());
        let now = median(self.newest.iter().copied());
        let (Some(usual), Some(now)) = (usual, now) else {
            return;
        };
        if self.newest.len() < NEWEST {
            return;
        }
        let (low, well) = match measure {
            // What is hardly ever read has no usual value.
            Measure::Share if usual < 0.5 => (false, true),
            Measure::Share => (now < usual * 0.4, now > usual * 0.6),
            Measure::Decibels => (now < usual - 6.0, now > usual - 4.0),
        };
        match self.low {
            None if low => self.low = Some((day, usual)),
            Some(_) if well => self.low = None,
            _ => {}
        }
    }

    /// The median of the newest days.
    pub(super) fn usual(&self) -> Option<f64> {
        let days = self.days.iter().rev().take(USUAL.0);
        (self.days.len() >= USUAL.1)
            .then(|| median(days.map(|(_, value)| *value)))
            .flatten()
    }

    /// How it is now and how it used to be, while it is low.
    pub(super) fn low(&self) -> Option<(f64, f64)> {
        let (_, usual) = self.low?;
        Some((median(self.newest.iter().copied())?, usual))
    }

    /// Whether it can be what was noted: a file may have been changed by hand.
    pub(super) fn is_sound(&self) -> bool {
        let values = self.days.iter().map(|(_, value)| value);
        let low = self.low.iter().map(|(_, usual)| usual);
        let mut all = values.chain(&self.today.1).chain(&self.newest).chain(low);
        let fits = self.days.len() <= DAYS && self.newest.len() <= NEWEST;
        fits && self.today.1.len() <= PIECES.1 && all.all(|value| value.is_finite())
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
