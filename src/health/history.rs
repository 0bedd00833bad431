//! Counts by time, in a ring: how much there was in each of the last pieces of time.

use std::collections::VecDeque;

use jiff::Timestamp;

/// Reads of an antenna in the last six hours, five minutes each.
pub(super) type History = Ring<300, 72>;
/// Reads of a device in the last minute, ten seconds each.
pub(super) type Pace = Ring<10, 6>;

/// `PIECES` counts of `SECONDS` each, up to now.
#[derive(Debug, Default)]
pub(super) struct Ring<const SECONDS: i64, const PIECES: usize> {
    /// Number of the newest piece, since 1970.
    newest: i64,
    /// The newest at the end.
    counts: VecDeque<u64>,
}

impl<const SECONDS: i64, const PIECES: usize> Ring<SECONDS, PIECES> {
    pub(super) fn add(&mut self, at: Timestamp, n: u64) {
        let piece = at.as_second().div_euclid(SECONDS);
        if self.counts.is_empty() {
            self.newest = piece;
            self.counts.push_back(0);
        }
        // A clock that was set back adds to the newest.
        let ahead = usize::try_from(piece.saturating_sub(self.newest)).unwrap_or(0);
        for _ in 0..ahead.min(PIECES) {
            self.counts.push_back(0);
        }
        self.newest = self.newest.max(piece);
        while self.counts.len() > PIECES {
            self.counts.pop_front();
        }
        if let Some(count) = self.counts.back_mut() {
            *count = count.saturating_add(n);
        }
    }

    /// `PIECES` counts; the last is that of now.
    pub(super) fn counts(&self, now: Timestamp) -> Vec<u64> {
        let piece = now.as_second().div_euclid(SECONDS);
        let passed = usize::try_from(piece.saturating_sub(self.newest)).unwrap_or(0);
        let kept = self.counts.len().min(PIECES.saturating_sub(passed));
        let first = passed.min(PIECES);
        let newest = self.counts.iter().rev().take(kept).copied();
        let mut counts: Vec<u64> = std::iter::repeat_n(0, first).chain(newest).collect();
        counts.resize(PIECES, 0);
        counts.reverse();
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000_000 + second).unwrap()
    }

    #[test]
    fn counts_stand_where_they_were_made_and_leave_in_the_end() {
        let mut ring = Ring::<10, 4>::default();
        assert_eq!(ring.counts(at(0)), [0; 4]);
        ring.add(at(0), 1);
        ring.add(at(9), 1);
        ring.add(at(25), 5);
        assert_eq!(ring.counts(at(29)), [0, 2, 0, 5]);
        assert_eq!(ring.counts(at(31)), [2, 0, 5, 0]);
        assert_eq!(ring.counts(at(51)), [5, 0, 0, 0]);
        assert_eq!(ring.counts(at(61)), [0; 4]);
        assert_eq!(ring.counts(at(1_000_000)), [0; 4]);
        ring.add(at(5), 1);
        assert_eq!(ring.counts(at(29)), [0, 2, 0, 6], "a clock set back");
        ring.add(at(9_000), 3);
        assert_eq!(ring.counts(at(9_000)), [0, 0, 0, 3]);
        assert_eq!(ring.counts.len(), 4);
    }
}
