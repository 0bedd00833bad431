//! What is under way to the broker: which publish is which message.
//!
//! The client numbers packets itself. Requests leave it in the order they were made, each told by its packet id, so a FIFO
//! of what was asked for gives the mapping.

use std::collections::{BTreeMap, VecDeque};

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

/// The window of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    asked: VecDeque<Item>,
    sent: BTreeMap<u16, Item>,
}

impl Window {
    /// Publishes asked for and not acknowledged.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.asked.len() + self.sent.len()
    }

    /// A publish was handed to the client.
    pub fn ask(&mut self, item: Item) {
        self.asked.push_back(item);
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
    pub fn answered(&mut self, id: u16) -> Result<Item, WindowError> {
        self.sent.remove(&id).ok_or(WindowError::UnexpectedAck(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_what_was_asked_for_in_order() {
        let mut window = Window::default();
        window.ask(Item::Events(vec![1, 2]));
        window.ask(Item::Status);
        window.sent(7).unwrap();
        window.sent(8).unwrap();
        assert_eq!(window.answered(8), Ok(Item::Status));
        assert_eq!(window.in_flight(), 1);
        assert_eq!(window.answered(7), Ok(Item::Events(vec![1, 2])));
        assert_eq!(window.in_flight(), 0);
    }

    #[test]
    fn disagreement_is_an_error() {
        let mut window = Window::default();
        assert_eq!(window.sent(1), Err(WindowError::UnexpectedPacket(1)));
        assert_eq!(window.answered(1), Err(WindowError::UnexpectedAck(1)));
        window.ask(Item::Events(vec![1]));
        window.ask(Item::Status);
        window.sent(4).unwrap();
        assert_eq!(window.sent(4), Err(WindowError::UnexpectedPacket(4)));
    }
}
