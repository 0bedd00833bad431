//! The store's acknowledgement: how far it has committed, and what is sent again because it has not said so.
//!
//! The store publishes `{"epoch": …, "seq": …}`: it has committed this event and all before it. Only then rows are deleted;
//! the broker's PUBACK no more than makes room in the window. So nothing is lost with a broker that acknowledges from memory.
//!
//! So that the store can tell "all before it" from a gap, each event names the one before it (`previous`): 0 when the store
//! has said that it has everything before, or nothing before is awaited. A store that takes an event whose `previous` it
//! does not have keeps its mark where it is; the events between come again.
//!
//! When the store says nothing new for [`Limits::patience`] although something was sent, sending begins again behind its
//! mark. Until it speaks only `PROBE` events go out at a time, and the patience doubles: a store that is away for a weekend
//! must not find ten copies of everything in the broker's queue.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

/// Events sent again at a time while the store says nothing.
const PROBE: i64 = 64;
/// The patience doubles so often at most.
const MOST_DOUBLINGS: u32 = 5;
/// Longest message of the store, in bytes.
const MAX_BYTES: usize = 4096;

/// How far sending may run ahead of the store, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nothing new from the store for this long: what it has not confirmed is sent again.
    pub patience: Duration,
    /// Sent and not confirmed at most, counted in sequence numbers.
    pub ahead: u32,
}

/// Why the store's word is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckRefusal {
    /// Longer than any such message is.
    #[error("its message has {0} bytes; expected {{\"epoch\": …, \"seq\": …}}")]
    TooLong(usize),
    /// Not the expected JSON.
    #[error("its message is not {{\"epoch\": …, \"seq\": …}}: {0}")]
    Unreadable(String),
    /// Of another buffer.
    #[error(
        "it names epoch {theirs}, this buffer is {ours}; two gateways must not share a site's topics"
    )]
    WrongEpoch {
        /// The epoch it named.
        theirs: String,
        /// That of the buffer.
        ours: String,
    },
    /// Of an event that it cannot have.
    #[error(
        "it confirms event {seq}, but the newest that can have been sent is {sent}; nothing is deleted"
    )]
    BeyondSent {
        /// What it confirmed.
        seq: i64,
        /// The newest that was sent.
        sent: i64,
    },
    /// Less than before.
    #[error(
        "it has gone back from event {known} to {seq}; if it was restored from a backup, have events sent again with the command `replay`"
    )]
    WentBack {
        /// What it confirmed.
        seq: i64,
        /// What it had confirmed before.
        known: i64,
    },
}

#[derive(Deserialize)]
struct Word {
    epoch: String,
    seq: i64,
}

/// Follows the store over all connections.
#[derive(Debug)]
pub struct StoreAcks {
    limits: Limits,
    /// The store has this and all before it.
    mark: i64,
    /// Nothing up to here waits for the store.
    base: Option<i64>,
    /// The newest that may ever have been sent.
    possible: i64,
    /// The newest sent since sending last began again, and in this life.
    sent: i64,
    newest: i64,
    /// The newest such that the broker took it and all before it.
    taken: i64,
    /// The event before the next one.
    previous: i64,
    /// Events sent that the store has not confirmed: other rows have numbers too, and it says nothing of those.
    chain: BTreeSet<i64>,
    /// Something is sent and not confirmed, and the store has said nothing new since.
    silent_since: Option<Instant>,
    rounds: u32,
    overdue: bool,
}

impl StoreAcks {
    /// Everything up to `acknowledged` is done; what is not newer than `committed` may have been sent in an earlier life.
    #[must_use]
    pub const fn new(limits: Limits, acknowledged: i64, committed: i64) -> Self {
        Self {
            limits,
            mark: acknowledged,
            base: None,
            possible: committed,
            sent: acknowledged,
            newest: 0,
            taken: acknowledged,
            previous: acknowledged,
            chain: BTreeSet::new(),
            silent_since: None,
            rounds: 0,
            overdue: false,
        }
    }

    /// The store has this event and all before it.
    #[must_use]
    pub const fn mark(&self) -> i64 {
        self.mark
    }

    /// Sent and not confirmed, in sequence numbers.
    #[must_use]
    pub fn unconfirmed(&self) -> u64 {
        let from = self.base.unwrap_or(self.mark).max(self.mark);
        u64::try_from(self.sent.saturating_sub(from)).unwrap_or(0)
    }

    /// How many more events may be sent now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.overdue {
            return 0;
        }
        let most = i64::from(self.limits.ahead);
        let most = if self.rounds > 0 {
            most.min(PROBE)
        } else {
            most
        };
        let most = u64::try_from(most).unwrap_or(0);
        usize::try_from(most.saturating_sub(self.unconfirmed())).unwrap_or(usize::MAX)
    }

    /// The event that the store must have before the next one; 0 when it has, or none is awaited.
    #[must_use]
    pub const fn previous(&self) -> i64 {
        if self.previous <= self.mark || self.base.is_none() {
            0
        } else {
            self.previous
        }
    }

    /// The row goes out; true when it has gone out before.
    pub fn sending(&mut self, seq: i64, now: Instant) -> bool {
        let again = seq <= self.newest;
        self.base.get_or_insert(seq.saturating_sub(1));
        self.chain.insert(seq);
        (self.previous, self.sent) = (seq, self.sent.max(seq));
        self.newest = self.newest.max(seq);
        self.possible = self.possible.max(seq);
        self.silent_since.get_or_insert(now);
        again
    }

    /// Everything up to here is done with; behind the last event there may be telemetry, which the store says nothing of.
    #[must_use]
    pub fn done(&self) -> i64 {
        match self.unconfirmed() {
            0 => self.taken.max(self.mark),
            _ => self.mark,
        }
    }

    /// The broker took everything up to here.
    pub fn taken(&mut self, seq: i64) {
        self.taken = self.taken.max(seq);
    }

    /// The row was set aside, and everything before it is confirmed.
    pub fn skip(&mut self, seq: i64, now: Instant) {
        self.confirm(seq, now);
        self.taken = self.taken.max(seq);
    }

    /// Sending goes on behind this row, because what came after was not taken by the broker.
    pub fn back_to(&mut self, seq: i64) {
        let last = self.chain.range(..=seq).next_back();
        let seq = last.copied().unwrap_or(self.mark.min(seq));
        self.previous = seq;
        self.sent = self.sent.min(seq.max(self.mark));
    }

    /// A new connection: the row behind which sending goes on. What was sent before counts as sent; the patience begins anew,
    /// because nothing could be heard meanwhile.
    pub fn connected(&mut self, now: Instant) -> i64 {
        if self.overdue {
            return self.restart();
        }
        let from = self.taken.max(self.mark);
        self.back_to(from);
        self.silent_since = (self.unconfirmed() > 0).then_some(now);
        from
    }

    /// Whether sending must begin again behind the store's mark; stays so until [`Self::restart`].
    pub fn is_overdue(&mut self, now: Instant) -> bool {
        let patience = self.limits.patience * (1 << self.rounds.min(MOST_DOUBLINGS));
        let silent = |since: Instant| now.saturating_duration_since(since) >= patience;
        self.overdue = self.overdue || self.silent_since.is_some_and(silent);
        self.overdue
    }

    /// The buffer is another file now: its numbers go on, but under another name. What was sent under the old one the store
    /// cannot confirm any more.
    pub const fn renamed(&mut self) {
        self.overdue = true;
    }

    /// Sending begins again behind the returned row. Call it when nothing is in flight.
    pub fn restart(&mut self) -> i64 {
        self.rounds = self.rounds.saturating_add(1);
        self.overdue = false;
        self.silent_since = None;
        self.chain.clear();
        (self.taken, self.sent, self.previous) = (self.mark, self.mark, self.mark);
        self.base = None;
        self.mark
    }

    /// What the store says; true when it has committed more than before.
    ///
    /// # Errors
    /// Its word is not taken, and nothing has changed.
    pub fn hear(&mut self, payload: &[u8], epoch: &str, now: Instant) -> Result<bool, AckRefusal> {
        if payload.len() > MAX_BYTES {
            return Err(AckRefusal::TooLong(payload.len()));
        }
        let word: Word = serde_json::from_slice(payload)
            .map_err(|error| AckRefusal::Unreadable(error.to_string()))?;
        if word.epoch != epoch {
            return Err(AckRefusal::WrongEpoch {
                theirs: word.epoch,
                ours: epoch.to_owned(),
            });
        }
        let (seq, known, sent) = (word.seq, self.mark, self.possible);
        if seq > sent {
            return Err(AckRefusal::BeyondSent { seq, sent });
        }
        if seq < known {
            return Err(AckRefusal::WentBack { seq, known });
        }
        if seq > known {
            self.confirm(seq, now);
        }
        Ok(seq > known)
    }

    fn confirm(&mut self, seq: i64, now: Instant) {
        self.mark = self.mark.max(seq);
        self.chain = self.chain.split_off(&self.mark.saturating_add(1));
        self.sent = self.sent.max(self.mark);
        self.rounds = 0;
        self.overdue = false;
        self.silent_since = (self.unconfirmed() > 0).then_some(now);
    }
}

#[cfg(test)]
mod tests;
