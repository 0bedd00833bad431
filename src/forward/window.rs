//! What is under way to the broker: which publish is which outbox row, and how far everything is acknowledged.
//!
//! The client numbers packets itself. Requests leave it in the order they were made, each told by its packet id, so a FIFO
//! of what was asked for gives the mapping.

use std::collections::{BTreeMap, VecDeque};

/// What a publish carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The outbox row with this sequence number.
    Event(i64),
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

/// The window of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    asked: VecDeque<Item>,
    sent: BTreeMap<u16, Item>,
    unfinished: BTreeMap<i64, bool>,
    acknowledged: i64,
}

impl Window {
    /// Everything up to `acknowledged` is done.
    #[must_use]
    pub fn new(acknowledged: i64) -> Self {
        Self {
            acknowledged,
            ..Self::default()
        }
    }

    /// Publishes asked for and not acknowledged.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.asked.len() + self.sent.len()
    }

    /// The newest row such that it and all before it are acknowledged.
    #[must_use]
    pub const fn acknowledged(&self) -> i64 {
        self.acknowledged
    }

    /// A publish was handed to the client. Rows come in rising order.
    pub fn ask(&mut self, item: Item) {
        self.asked.push_back(item);
        if let Item::Event(seq) = item {
            self.unfinished.insert(seq, false);
        }
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

    /// The broker answered packet `id`; `taken` says whether it took the message. Returns what the packet carried.
    ///
    /// # Errors
    /// No such packet is under way.
    pub fn answered(&mut self, id: u16, taken: bool) -> Result<Item, WindowError> {
        let item = self
            .sent
            .remove(&id)
            .ok_or(WindowError::UnexpectedAck(id))?;
        if let Item::Event(seq) = item
            && taken
            && let Some(done) = self.unfinished.get_mut(&seq)
        {
            *done = true;
            while let Some(first) = self.unfinished.first_entry()
                && *first.get()
            {
                self.acknowledged = *first.key();
                first.remove();
            }
        }
        Ok(item)
    }

    /// The row `seq`, the first that is not acknowledged, is done with: it was set aside. Call it only when nothing is in
    /// flight.
    pub fn skip(&mut self, seq: i64) {
        self.unfinished.clear();
        self.acknowledged = self.acknowledged.max(seq);
    }

    /// Forgets refused rows so that everything after [`Self::acknowledged`] can be asked for again. Call it only when
    /// nothing is in flight.
    pub fn rewind(&mut self) {
        self.unfinished.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_prefix_counts() {
        let mut window = Window::new(10);
        for (id, seq) in [(1, 11), (2, 12), (3, 15)] {
            window.ask(Item::Event(seq));
            window.sent(id).unwrap();
        }
        window.answered(2, true).unwrap();
        assert_eq!(window.acknowledged(), 10);
        window.answered(1, true).unwrap();
        assert_eq!(window.acknowledged(), 12);
        window.answered(3, false).unwrap();
        assert_eq!((window.acknowledged(), window.in_flight()), (12, 0));
        window.rewind();
        window.ask(Item::Event(15));
        window.sent(1).unwrap();
        window.answered(1, true).unwrap();
        assert_eq!(window.acknowledged(), 15);
    }

    #[test]
    fn disagreement_is_an_error() {
        let mut window = Window::new(0);
        assert_eq!(window.sent(1), Err(WindowError::UnexpectedPacket(1)));
        assert_eq!(window.answered(1, true), Err(WindowError::UnexpectedAck(1)));
        window.ask(Item::Event(1));
        window.ask(Item::Status);
        window.sent(4).unwrap();
        assert_eq!(window.sent(4), Err(WindowError::UnexpectedPacket(4)));
    }

    proptest! {
        /// Whatever order the answers come in, the mark never passes a row that was not taken, and reaches the end when
        /// all were.
        #[test]
        fn mark_is_the_longest_taken_prefix(order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle(), refused in proptest::option::of(0..20usize)) {
            let mut window = Window::new(0);
            for index in 0..20u16 {
                window.ask(Item::Event(i64::from(index) * 3 + 1));
                window.sent(index + 1).unwrap();
            }
            let mut taken = [false; 20];
            for index in order {
                let good = refused != Some(index);
                window.answered(index as u16 + 1, good).unwrap();
                taken[index] = good;
                let prefix = taken.iter().take_while(|taken| **taken).count();
                let expected = if prefix == 0 { 0 } else { (prefix as i64 - 1) * 3 + 1 };
                prop_assert_eq!(window.acknowledged(), expected);
            }
            prop_assert_eq!(window.in_flight(), 0);
        }
    }
}
