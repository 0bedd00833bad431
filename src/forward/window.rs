//! What is under way to the broker: which publish is which message.
//!
//! The client numbers packets itself. Requests leave it in the order they were made, each told by its packet id, so a FIFO
//! of what was asked for gives the mapping.
//!
//! The oldest publish that is not acknowledged has a clock of its own: it starts when the publish is asked for, or when the
//! last one before it is acknowledged. So a slow link, which answers each in its turn, is not taken for a dead one, and a
//! single lost PUBACK is noticed however many others arrive. No I/O, no clock: time comes in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::time::Instant;

/// What a publish carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The outbox rows with these sequence numbers, rising, all of one topic.
    Events(Vec<i64>),
    /// A row that was acknowledged before and is sent again on command.
    Replayed(i64),
    /// A status message, or the answer to a command; nothing depends on it.
    Status,
}

/// The client and this window disagree about what is under way: the connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A packet left the client that was never asked for, or with a number still in use.
    #[error("the MQTT client sent packet {0}, which was not asked for")]
    UnexpectedPacket(u16),
    /// An acknowledgement for nothing.
    #[error("the broker acknowledged packet {0}, which is not under way")]
    UnexpectedAck(u16),
}

/// The publish that has been waiting for its acknowledgement since before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oldest {
    /// Since when nothing before it is awaited.
    pub since: Instant,
    /// Later ones have been acknowledged meanwhile.
    pub is_passed: bool,
}

/// The window of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    asked: VecDeque<(u64, Item)>,
    sent: BTreeMap<u16, (u64, Item)>,
    /// Publishes asked for so far, and those of them that are not acknowledged.
    count: u64,
    awaited: BTreeSet<u64>,
    oldest: Option<Oldest>,
}

impl Window {
    /// Publishes asked for and not acknowledged.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.asked.len() + self.sent.len()
    }

    /// The oldest publish that is not acknowledged.
    #[must_use]
    pub const fn oldest(&self) -> Option<Oldest> {
        self.oldest
    }

    /// A publish was handed to the client.
    pub fn ask(&mut self, item: Item, now: Instant) {
        self.oldest.get_or_insert(Oldest::from(now));
        self.count = self.count.wrapping_add(1);
        self.awaited.insert(self.count);
        self.asked.push_back((self.count, item));
    }

    /// The client sent the oldest publish asked for, as packet `id`.
    ///
    /// # Errors
    /// Nothing was asked for, or the number is in use.
    pub fn sent(&mut self, id: u16) -> Result<(), WindowError> {
        let item = self
            .asked
            .pop_front()
            .ok_or(WindowError::UnexpectedPacket(id))?;
        match self.sent.insert(id, item) {
            None => Ok(()),
            Some(_) => Err(WindowError::UnexpectedPacket(id)),
        }
    }

    /// The broker answered packet `id`. Returns what the packet carried.
    ///
    /// # Errors
    /// No such packet is under way.
    pub fn answered(&mut self, id: u16, now: Instant) -> Result<Item, WindowError> {
        let (number, item) = self
            .sent
            .remove(&id)
            .ok_or(WindowError::UnexpectedAck(id))?;
        let was_oldest = self.awaited.first() == Some(&number);
        self.awaited.remove(&number);
        if self.awaited.is_empty() {
            self.oldest = None;
        } else if was_oldest {
            self.oldest = Some(Oldest::from(now));
        } else if let Some(oldest) = &mut self.oldest {
            oldest.is_passed = true;
        }
        Ok(item)
    }
}

impl Oldest {
    const fn from(since: Instant) -> Self {
        Self {
            since,
            is_passed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn packets_are_what_was_asked_for_in_order() {
        let (mut window, now) = (Window::default(), Instant::now());
        window.ask(Item::Events(vec![1, 2]), now);
        window.ask(Item::Status, now);
        window.sent(7).unwrap();
        window.sent(8).unwrap();
        assert_eq!(window.answered(8, now), Ok(Item::Status));
        assert_eq!(window.in_flight(), 1);
        assert_eq!(window.answered(7, now), Ok(Item::Events(vec![1, 2])));
        assert_eq!(window.in_flight(), 0);
    }

    #[test]
    fn disagreement_is_an_error() {
        let (mut window, now) = (Window::default(), Instant::now());
        assert_eq!(window.sent(1), Err(WindowError::UnexpectedPacket(1)));
        assert_eq!(window.answered(1, now), Err(WindowError::UnexpectedAck(1)));
        window.ask(Item::Events(vec![1]), now);
        window.ask(Item::Status, now);
        window.sent(4).unwrap();
        assert_eq!(window.sent(4), Err(WindowError::UnexpectedPacket(4)));
    }

    /// A sender that keeps the window full, and a broker that acknowledges each message after `latency_ms` for itself, but
    /// never the one with the number `lost`. Returns when the loss is noticed, counted from the sending of that message.
    fn noticed(window_size: usize, latency_ms: &[u64], lost: Option<u64>) -> Option<Duration> {
        let (mut window, start) = (Window::default(), Instant::now());
        let mut answers: BTreeMap<(u64, u16), u64> = BTreeMap::new();
        let (mut number, mut lost_at) = (0, None);
        // Until the message to be lost is sent, all before it may have to be answered one by one.
        let end = if lost.is_some() { 450_000 } else { 40_000 };
        for ms in 0..end {
            let now = start + Duration::from_millis(ms);
            while let Some(entry) = answers.first_entry().filter(|it| it.key().0 <= ms) {
                let (_, id) = *entry.key();
                entry.remove();
                window.answered(id, now).unwrap();
            }
            // Numbers come again, but none that is in use.
            while window.in_flight() < window_size {
                let id = (1..).find(|id| !window.sent.contains_key(id)).unwrap();
                window.ask(Item::Status, now);
                window.sent(id).unwrap();
                let turn = usize::try_from(number).unwrap() % latency_ms.len();
                if lost == Some(number) {
                    lost_at = Some(now);
                } else {
                    answers.insert((ms + latency_ms[turn], id), number);
                }
                number += 1;
            }
            let oldest = window.oldest().unwrap();
            if now - oldest.since >= DEADLINE {
                // Others are answered all the time, unless there is no room for any.
                assert_eq!(oldest.is_passed, window_size > 1);
                return Some(now - lost_at.unwrap());
            }
        }
        None
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Simulated time: however many other acknowledgements arrive, a lost one is noticed when the deadline has passed
        /// since the last one before it; late and shuffled ones are no alarm.
        #[test]
        fn one_lost_acknowledgement_is_noticed_in_time(
            size in 1..100_usize,
            latency_ms in prop::collection::vec(1..2_000_u64, 1..20),
            lost in 0..200_u64,
        ) {
            prop_assert_eq!(noticed(size, &latency_ms, None), None);
            let took = noticed(size, &latency_ms, Some(lost)).unwrap();
            let slowest = Duration::from_millis(latency_ms.iter().copied().max().unwrap());
            prop_assert!(DEADLINE <= took && took <= DEADLINE + slowest, "{took:?}");
        }
    }
}
