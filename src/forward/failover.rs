//! Which broker of a cluster is next.
//!
//! The one that worked is tried again first. One that cannot be reached, refuses, or ends the connection before it has
//! acknowledged anything makes way for the next at once; only when all have failed in a row there is a wait. Nothing goes
//! back to an earlier broker that works again: each change costs a window of duplicates.

/// The turn of the brokers.
#[derive(Debug)]
pub(super) struct Turn {
    brokers: usize,
    current: usize,
    failed: usize,
    needing_people: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another broker, at once.
    AtOnce,
    /// After a wait.
    Wait,
    /// After a long wait: all brokers refuse for a reason that somebody must act on.
    WaitForPeople,
}

impl Turn {
    /// Begins with the first of so many.
    pub(super) const fn new(brokers: usize) -> Self {
        Self {
            brokers,
            current: 0,
            failed: 0,
            needing_people: 0,
        }
    }

    /// The broker to try.
    pub(super) const fn current(&self) -> usize {
        self.current
    }

    /// The connection has ended. `worked`: the broker acknowledged something; `needs_people`: trying again soon does not
    /// help.
    pub(super) fn ended(&mut self, worked: bool, needs_people: bool) -> Next {
        if worked && !needs_people {
            (self.failed, self.needing_people) = (0, 0);
            return Next::Wait;
        }
        self.failed += 1;
        self.needing_people += usize::from(needs_people);
        self.current += 1;
        if self.current >= self.brokers {
            self.current = 0;
        }
        if self.failed < self.brokers {
            return Next::AtOnce;
        }
        let next = match self.needing_people == self.failed {
            true => Next::WaitForPeople,
            false => Next::Wait,
        };
        (self.failed, self.needing_people) = (0, 0);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_comes_at_once_and_a_wait_after_each_round() {
        let mut turn = Turn::new(3);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((turn.current(), turn.ended(false, false)));
        }
        use Next::{AtOnce, Wait};
        assert_eq!(seen, [(0, AtOnce), (1, AtOnce), (2, Wait), (0, AtOnce)]);
        // It stays with the one that works.
        assert_eq!((turn.current(), turn.ended(true, false)), (1, Wait));
        assert_eq!((turn.current(), turn.ended(false, false)), (1, AtOnce));
        assert_eq!(turn.current(), 2);
    }

    #[test]
    fn people_are_waited_for_only_when_all_brokers_need_them() {
        let mut turn = Turn::new(2);
        assert_eq!(turn.ended(false, true), Next::AtOnce);
        assert_eq!(turn.ended(false, false), Next::Wait);
        assert_eq!(turn.ended(false, true), Next::AtOnce);
        assert_eq!(turn.ended(true, true), Next::WaitForPeople);
        assert_eq!(Turn::new(1).ended(false, true), Next::WaitForPeople);
        assert_eq!(Turn::new(1).ended(false, false), Next::Wait);
    }
}
