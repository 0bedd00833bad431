//! The order of what a reader's inputs did.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// So many changes of one reader's inputs are remembered: more than come within a reordering of its reports.
const REMEMBERED: usize = 32;

/// The last changes, with the reader's time of each in microseconds and ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Edges {
    placed: VecDeque<(i64, Time)>,
}

impl Edges {
    /// When a change was that the reader dates `own`, and its clock as `at`: after those before it and before those after it. An
    /// eye that bounces changes within milliseconds, and the clock is known less well than that.
    pub fn place(&mut self, own: i64, at: Time) -> Time {
        let apart = Span(1);
        let mut placed = at;
        for (other, its) in &self.placed {
            match other.cmp(&own) {
                std::cmp::Ordering::Less => placed = placed.later(*its + apart),
                std::cmp::Ordering::Equal => return *its,
                std::cmp::Ordering::Greater => {}
            }
        }
        let after = self.placed.iter().filter(|(other, _)| *other > own);
        for (_, its) in after {
            placed = placed.min(*its - apart);
        }
        if self.placed.len() >= REMEMBERED {
            self.placed.pop_front();
        }
        self.placed.push_back((own, placed));
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_the_order_of_the_reader() {
        let mut edges = Edges::default();
        assert_eq!(edges.place(10_000, Time(60_000)), Time(60_000));
        // The clock is known to be 40 ms ahead by now.
        assert_eq!(edges.place(16_000, Time(26_000)), Time(60_001));
        assert_eq!(edges.place(900_000, Time(910_000)), Time(910_000));
        // Told once more, and one that comes after one that it was before.
        assert_eq!(edges.place(10_000, Time(20_000)), Time(60_000));
        assert_eq!(edges.place(12_000, Time(22_000)), Time(60_000));
    }
}
