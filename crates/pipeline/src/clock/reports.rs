//! How far apart a reader's reports are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// What arrives within this is one report.
const ONE_REPORT: Span = Span::millis(100);
/// So many reports are remembered.
const REMEMBERED: usize = 16;
/// So many of them have come that late before anybody waits for it: once may be the network.
const REGULARLY: usize = 2;
/// Reads later than this were held for another reason, and are no reason to wait for all.
const LONGEST: Span = Span::millis(3_000);
/// Reports do not come to the millisecond.
const MARGIN: Span = Span::millis(100);

/// How late the latest read of each of the last reports came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Reports {
    /// Arrival of the newest.
    since: Option<Time>,
    delays: VecDeque<Span>,
}

impl Reports {
    /// Takes a read that arrived at `at`, `delay` after it was made.
    pub fn note(&mut self, at: Time, delay: Span) {
        let is_same = self.since.is_some_and(|since| at - since < ONE_REPORT);
        if is_same && let Some(last) = self.delays.back_mut() {
            *last = delay.max(*last);
            return;
        }
        if self.delays.len() >= REMEMBERED {
            self.delays.pop_front();
        }
        self.since = Some(at);
        self.delays.push_back(delay);
    }

    /// How late reads regularly come, if that is known.
    pub fn regular(&self) -> Option<Span> {
        let mut delays: Vec<Span> = self.delays.iter().copied().collect();
        delays.retain(|delay| *delay <= LONGEST);
        delays.sort_unstable();
        delays.into_iter().rev().nth(REGULARLY - 1)
    }

    /// For how long reads are waited for, at least for `allowed`.
    pub fn lateness(&self, allowed: Span) -> Span {
        match self.regular().filter(|delay| *delay > allowed) {
            Some(delay) => delay + MARGIN,
            None => allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Span = Span::millis(900);

    fn after(delays_ms: &[i64]) -> Span {
        let mut reports = Reports::default();
        for (report, delay) in (0..).zip(delays_ms) {
            let at = Time(report * 2_000_000);
            // In parts, with the oldest read in the second.
            reports.note(at, Span::millis(delay / 2));
            reports.note(at + Span::millis(5), Span::millis(*delay));
        }
        reports.lateness(ALLOWED)
    }

    #[test]
    fn reports_that_are_far_apart_are_waited_for() {
        assert_eq!(after(&[1_900, 300, 1_800, 200]), Span::millis(1_900));
        let back = [[1_900, 1_900].as_slice(), &[200; 16]].concat();
        assert_eq!(after(&back), ALLOWED, "they are closer now");
    }

    #[test]
    fn one_that_was_held_makes_nobody_wait() {
        assert_eq!(after(&[]), ALLOWED);
        assert_eq!(after(&[200, 1_900, 200]), ALLOWED, "once");
        assert_eq!(after(&[9_000, 7_000, 5_000]), ALLOWED, "a lost link");
        assert_eq!(after(&[500, 500]), ALLOWED);
    }
}
