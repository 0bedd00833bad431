//! What the forwarder knows beyond one connection. All of it may be forgotten: then more is sent again.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::age::Ages;
use super::patience::Patience;
use super::suspect::Suspects;

#[derive(Debug)]
pub(super) struct Memory {
    attempts: u32,
    /// For each topic, and there are as many as read points, of which an event was refused.
    patience: BTreeMap<String, Patience>,
    pub(super) suspects: Suspects,
    pub(super) ages: Ages,
    /// The buffer that the sequence numbers are of.
    epoch: String,
    /// Rows that a broker has taken, behind one that none has.
    done: BTreeSet<i64>,
    /// Rows that were sent and are not done.
    sent: BTreeSet<i64>,
    /// The mark, and since when it is there; time without a connection does not count.
    stuck: (i64, Instant),
    /// Since when there is no connection.
    away: Option<Instant>,
}

impl Memory {
    /// Events are given up after so many refusals; `newest` is the newest that is stored.
    pub(super) fn new(attempts: u32, newest: i64) -> Self {
        let now = Instant::now();
        Self {
            attempts,
            patience: BTreeMap::new(),
            suspects: Suspects::new(attempts),
            ages: Ages::new(newest, now),
            epoch: String::new(),
            done: BTreeSet::new(),
            sent: BTreeSet::new(),
            stuck: (0, now),
            away: Some(now),
        }
    }

    /// The sequence numbers are of this buffer; those of another mean nothing any more.
    pub(super) fn of_epoch(&mut self, epoch: String) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.done.clear();
            self.sent.clear();
            self.suspects = Suspects::new(self.attempts);
        }
    }

    /// Notes that a row is sent; returns whether it has been before.
    pub(super) fn sending(&mut self, seq: i64) -> bool {
        !self.sent.insert(seq)
    }

    /// Whether a broker took the row on an earlier connection.
    pub(super) fn is_done(&mut self, seq: i64) -> bool {
        self.done.remove(&seq)
    }

    /// There is a connection.
    pub(super) fn connected(&mut self, now: Instant) {
        if let Some(away) = self.away.take() {
            self.stuck.1 += now.saturating_duration_since(away);
        }
    }

    /// The connection has ended, with these rows done.
    pub(super) fn disconnected(&mut self, done: impl Iterator<Item = i64>, now: Instant) {
        self.done.extend(done);
        self.away = Some(now);
    }

    /// An event of the topic was refused for what it is; how often, if that was once too often.
    pub(super) fn refused(&mut self, topic: &str, seq: i64) -> Option<u32> {
        let attempts = self.attempts;
        let patience = self.patience.entry(topic.to_owned());
        let patience = patience.or_insert_with(|| Patience::new(attempts));
        if !patience.refused(seq) {
            return None;
        }
        let count = patience.count();
        patience.set_aside();
        Some(count)
    }

    /// The broker took an event of the topic.
    pub(super) fn taken(&mut self, topic: &str, seq: i64) {
        if let Some(patience) = self.patience.get_mut(topic) {
            patience.taken();
        }
        self.suspects.taken(seq);
    }

    /// Everything up to `mark` is done, and more waits or not; since when the mark stands, if something waits for it.
    pub(super) fn marked(&mut self, mark: i64, waiting: bool, now: Instant) -> Option<Instant> {
        if self.stuck.0 != mark || !waiting {
            self.stuck = (mark, now);
            while self.sent.first().is_some_and(|first| *first <= mark) {
                self.sent.pop_first();
            }
            self.ages.forget(mark);
            self.suspects.marked(mark);
        }
        waiting.then_some(self.stuck.1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_time_with_a_connection_counts_as_stuck() {
        let mut memory = Memory::new(1, 0);
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        memory.connected(at(100));
        memory.marked(5, true, at(100));
        memory.disconnected(std::iter::empty(), at(110));
        memory.connected(at(1000));
        assert_eq!(memory.marked(5, true, at(1001)), Some(at(990)));
        assert_eq!(memory.marked(5, false, at(1002)), None);
        assert_eq!(memory.marked(5, true, at(1003)), Some(at(1002)));
        assert_eq!(memory.marked(6, true, at(1004)), Some(at(1004)));
    }

    #[test]
    fn what_was_done_and_sent_is_known_within_an_epoch() {
        let mut memory = Memory::new(1, 0);
        memory.of_epoch("a".to_owned());
        assert!(!memory.sending(8) && memory.sending(8) && !memory.sending(9));
        memory.disconnected([8, 9].into_iter(), Instant::now());
        memory.of_epoch("a".to_owned());
        assert!(memory.is_done(8) && !memory.is_done(7));
        memory.of_epoch("b".to_owned());
        assert!(!memory.is_done(9) && !memory.sending(9));
    }
}
