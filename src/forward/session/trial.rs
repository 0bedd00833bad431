//! When an event that has ended a connection alone is sent again.
//!
//! Whatever time a connection takes to come about, it first serves the other topics: the event goes once nothing else can,
//! or once a whole window of others was answered and the wait is over. So it holds its own topic only, also where connections
//! are slow or the machine is busy. It goes alone, when everything else is answered.

use std::time::Duration;

use tokio::time::Instant;

use super::super::suspect::Suspects;
use super::super::words;
use super::Session;

/// Until it is its turn an event waits; it is given up sooner.
const HELD: Duration = Duration::from_secs(365 * 86_400);

/// The event that is tried next on this connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trial {
    /// Which, and not before when.
    next: Option<(i64, Instant)>,
    /// It may go now, or is under way.
    now: Option<i64>,
    /// Messages with events that the broker has answered.
    answered: usize,
}

impl Trial {
    pub(super) fn next(suspects: &Suspects, at: Instant) -> Self {
        Self {
            next: suspects.next_trial().map(|seq| (seq, at)),
            ..Self::default()
        }
    }

    /// The earliest time.
    pub(super) fn at(&self) -> Option<Instant> {
        self.next.map(|(_, at)| at)
    }
}

impl Session<'_> {
    /// Whether what comes next may end the connection.
    pub(super) fn is_careful(&self) -> bool {
        let unread = self.cursor.saturating_add(1);
        let next = self.lanes.oldest_sendable(Instant::now());
        let next = next.map_or(unread, |next| next.min(unread));
        self.trial.now.is_some() || self.memory.suspects.is_careful(next)
    }

    /// An event that was read and is known to end connections waits for its turn.
    pub(super) fn hold_back(&mut self, seq: i64) {
        if self.memory.suspects.is_proven(seq) {
            let until = Instant::now() + HELD;
            self.lanes.hold(seq, words::ENDS_THE_CONNECTION, until);
            self.refused = true;
        }
    }

    /// Lets the next event go that probably ends the connection, if it is time for it. `is_all`: nothing else can go.
    pub(super) fn begin_trial(&mut self, is_all: bool) -> bool {
        let now = Instant::now();
        let Some((seq, at)) = self.trial.next else {
            return false;
        };
        let is_due = now >= at && (is_all || self.trial.answered >= self.limit);
        if !is_due || self.aside.is_some() {
            // The buffer's answer would go to a connection that has ended.
            return false;
        }
        if self.lanes.hold(seq, words::ENDS_THE_CONNECTION, now) {
            (self.trial.next, self.trial.now) = (None, Some(seq));
            return true;
        }
        if is_all {
            // It is not in the outbox any more.
            self.memory.suspects.clear(seq);
            self.trial.next = Trial::next(&self.memory.suspects, now).next;
        }
        false
    }

    /// The broker has answered a message with these events, whatever it said.
    pub(super) fn heard_of(&mut self, group: &[i64]) {
        self.trial.answered = self.trial.answered.saturating_add(1);
        if self.trial.now.is_some_and(|seq| group.contains(&seq)) {
            for seq in group {
                self.memory.suspects.clear(*seq);
            }
            let at = Instant::now() + self.timing().hold;
            self.trial = Trial::next(&self.memory.suspects, at);
        }
    }
}
