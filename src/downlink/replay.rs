//! Sending kept events again, on command: behind live events, at a throttle, and until the broker has taken each.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Allowance;

/// Events a second, and at once.
const RATE: (u32, u32) = (500, 50);
/// Looked at again after this, while the throttle allows nothing more.
const PAUSE: Duration = Duration::from_millis(20);

/// One replay, over all connections; forgotten when the gateway stops.
#[derive(Debug)]
pub struct Replay {
    from: i64,
    to: i64,
    /// The newest row handed over, or found not to be there any more.
    cursor: i64,
    /// Rows under way, and whether the broker took them.
    under_way: BTreeMap<i64, bool>,
    in_flight: usize,
    refused: bool,
    held_until: Option<Instant>,
    allowance: Allowance,
    sent: u64,
}

impl Replay {
    /// The rows `from` to `to`.
    #[must_use]
    pub fn new(from: i64, to: i64) -> Self {
        Self {
            from,
            to,
            cursor: from.saturating_sub(1),
            under_way: BTreeMap::new(),
            in_flight: 0,
            refused: false,
            held_until: None,
            allowance: Allowance::new(RATE.1, RATE.0),
            sent: 0,
        }
    }

    /// The first and the last row.
    #[must_use]
    pub const fn range(&self) -> (i64, i64) {
        (self.from, self.to)
    }

    /// The row behind which to go on.
    #[must_use]
    pub const fn cursor(&self) -> i64 {
        self.cursor
    }

    /// How many rows have been sent, those sent twice counted twice.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many rows may be sent now, of at most `most`.
    pub fn may_send(&mut self, most: usize, now: Instant) -> usize {
        if self
            .held_until
            .is_some_and(|until| now < until || self.in_flight > 0)
        {
            return 0;
        }
        if self.held_until.take().is_some() {
            self.rewind();
        }
        if self.cursor >= self.to {
            return 0;
        }
        let most = most.saturating_sub(self.in_flight);
        (0..most).take_while(|_| self.allowance.take(now)).count()
    }

    /// When to ask again, if nothing else happens before.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        (self.cursor < self.to || self.refused).then_some(PAUSE)
    }

    /// The row goes out.
    pub fn sending(&mut self, seq: i64) {
        self.cursor = seq;
        self.sent = self.sent.saturating_add(1);
        self.in_flight += 1;
        self.under_way.insert(seq, false);
    }

    /// Rows up to here are not there, or cannot be sent.
    pub fn passed(&mut self, seq: i64) {
        self.cursor = self.cursor.max(seq);
    }

    /// The broker has answered. One that it did not take is sent again after `hold`, with those behind it.
    pub fn answered(&mut self, seq: i64, taken: bool, hold: Duration, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if taken {
            self.under_way.insert(seq, true);
        } else {
            self.refused = true;
            self.held_until = Some(now + hold);
        }
        while self
            .under_way
            .first_entry()
            .is_some_and(|first| *first.get())
        {
            self.under_way.pop_first();
        }
    }

    /// What was under way is lost.
    pub fn reconnected(&mut self) {
        self.in_flight = 0;
        self.held_until = None;
        self.rewind();
    }

    fn rewind(&mut self) {
        if let Some((&first, _)) = self.under_way.first_key_value() {
            self.cursor = first.saturating_sub(1);
        }
        self.under_way.clear();
        self.refused = false;
    }

    /// Whether the broker has everything.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.cursor >= self.to && self.in_flight == 0 && !self.refused && self.under_way.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(2);

    fn send(replay: &mut Replay, most: usize, now: Instant) -> Vec<i64> {
        let count = replay.may_send(most, now);
        let rows: Vec<i64> = (replay.cursor() + 1..)
            .take(count)
            .filter(|row| *row <= replay.to)
            .collect();
        rows.iter().for_each(|row| replay.sending(*row));
        rows
    }

    #[tokio::test(start_paused = true)]
    async fn it_keeps_to_its_rate() {
        let (mut replay, start) = (Replay::new(1, 100_000), Instant::now());
        let mut count = 0;
        for tick in 0..1000 {
            let now = start + Duration::from_millis(tick * 10);
            for row in send(&mut replay, 1000, now) {
                replay.answered(row, true, HOLD, now);
                count += 1;
            }
        }
        assert!((5000..=5050).contains(&count), "{count} in ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_is_not_taken_comes_again_with_those_behind_it() {
        let (mut replay, mut now) = (Replay::new(11, 20), Instant::now());
        assert_eq!(send(&mut replay, 4, now), [11, 12, 13, 14]);
        assert_eq!(send(&mut replay, 4, now), [0; 0], "the window is full");
        replay.answered(11, true, HOLD, now);
        replay.answered(12, false, HOLD, now);
        replay.answered(13, true, HOLD, now);
        assert_eq!(send(&mut replay, 4, now), [0; 0]);
        now += HOLD;
        assert_eq!(send(&mut replay, 4, now), [0; 0], "14 is under way");
        replay.answered(14, true, HOLD, now);
        assert_eq!(send(&mut replay, 20, now), Vec::from_iter(12..=20));
        assert!(!replay.is_done());
        replay.answered(12, true, HOLD, now);
        replay.reconnected();
        assert_eq!(send(&mut replay, 20, now), Vec::from_iter(13..=20));
        for row in 13..=20 {
            replay.answered(row, true, HOLD, now);
        }
        assert!(replay.is_done());
        assert_eq!((replay.pause(), replay.range()), (None, (11, 20)));
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_have_gone_are_passed_over() {
        let (mut replay, now) = (Replay::new(1, 10), Instant::now());
        assert_eq!(replay.may_send(1, now), 1);
        replay.passed(10);
        assert!(replay.is_done());
        assert_eq!((replay.sent(), replay.may_send(1, now)), (0, 0));
    }
}
