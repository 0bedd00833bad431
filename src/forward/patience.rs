//! How often an event may be refused before it is set aside.
//!
//! One event that the broker will never take must not hold up all others for ever. But when the broker refuses everything,
//! because somebody has changed its access list, they must not all be set aside in an afternoon. So with each event that is
//! set aside while the broker takes nothing the patience with the next one doubles.

/// It doubles so often at most.
const MOST_DOUBLINGS: u32 = 6;

/// Counts refusals of the first event that waits.
#[derive(Debug)]
pub(super) struct Patience {
    attempts: u32,
    event: i64,
    refused: u32,
    in_a_row: u32,
}

impl Patience {
    /// Gives up after so many refusals; with 0 never.
    pub(super) const fn new(attempts: u32) -> Self {
        Self {
            attempts,
            event: 0,
            refused: 0,
            in_a_row: 0,
        }
    }

    /// The event was refused for what it is; true when that was once too often.
    pub(super) fn refused(&mut self, event: i64) -> bool {
        if self.event != event {
            (self.event, self.refused) = (event, 0);
        }
        self.refused = self.refused.saturating_add(1);
        self.is_over(self.refused)
    }

    /// Whether so many refusals of an event are once too many.
    pub(super) const fn is_over(&self, refused: u32) -> bool {
        let doublings = match self.in_a_row < MOST_DOUBLINGS {
            true => self.in_a_row,
            false => MOST_DOUBLINGS,
        };
        self.attempts > 0 && refused >= self.attempts.saturating_mul(1 << doublings)
    }

    /// How often the event has been refused.
    pub(super) const fn count(&self) -> u32 {
        self.refused
    }

    /// The event was set aside.
    pub(super) const fn set_aside(&mut self) {
        self.refused = 0;
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// The broker took an event.
    pub(super) const fn taken(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals_until_set_aside(patience: &mut Patience, event: i64) -> u32 {
        let count = (1..100_000).find(|_| patience.refused(event)).unwrap();
        patience.set_aside();
        count
    }

    #[test]
    fn it_doubles_while_nothing_is_taken() {
        let mut patience = Patience::new(3);
        let counts: Vec<u32> = (1..=9)
            .map(|event| refusals_until_set_aside(&mut patience, event))
            .collect();
        assert_eq!(counts, [3, 6, 12, 24, 48, 96, 192, 192, 192]);
        patience.taken();
        assert_eq!(refusals_until_set_aside(&mut patience, 20), 3);
    }

    #[test]
    fn another_event_begins_at_none() {
        let mut patience = Patience::new(3);
        assert!(!patience.refused(1) && !patience.refused(1));
        assert!(!patience.refused(2) && !patience.refused(2));
        assert!(patience.refused(2));
        assert_eq!(patience.count(), 3);
    }

    #[test]
    fn without_a_limit_it_never_ends() {
        let mut patience = Patience::new(0);
        assert!((0..10_000).all(|_| !patience.refused(1)));
    }
}
