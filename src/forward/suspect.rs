//! An event that ends the connection each time it is sent: found, sent alone, and given up.
//!
//! A broker can answer an event with DISCONNECT or by closing the connection, for example one of MQTT 3.1.1 that does not
//! allow its topic. If the oldest event under way is the same at the second such end, what was under way goes one at a
//! time, each after an acknowledged status; so who is to blame is beyond doubt. As with refusals ([`Patience`]) it is
//! given up after a number of attempts, which doubles while the broker takes nothing. Once it has ended a connection alone,
//! each connection first serves the other topics for a while.

use super::patience::Patience;

/// Ends of connections with the same oldest event under way before events go one at a time.
const SEEN_BEFORE_CAUTION: u32 = 2;

/// What is under suspicion.
#[derive(Debug)]
pub(super) struct Suspects {
    patience: Patience,
    oldest: i64,
    newest: i64,
    ends: u32,
    /// Ended a connection alone, and has not been taken since.
    prime: Option<i64>,
    /// Given up: sequence number and attempts.
    guilty: Option<(i64, u32)>,
}

/// What was under way when a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnderWay {
    /// The first event.
    pub(super) oldest: i64,
    /// The last event.
    pub(super) newest: i64,
    /// It went alone, after an acknowledged status.
    pub(super) alone: bool,
}

impl Suspects {
    /// Gives up after so many ends; with 0 never.
    pub(super) const fn new(attempts: u32) -> Self {
        Self {
            patience: Patience::new(attempts),
            oldest: 0,
            newest: 0,
            ends: 0,
            prime: None,
            guilty: None,
        }
    }

    /// Whether this event must go alone.
    pub(super) const fn is_careful(&self, next: i64) -> bool {
        self.ends >= SEEN_BEFORE_CAUTION && next <= self.newest
    }

    /// The broker ended the connection in a way that something sent to it may have caused.
    pub(super) fn ended(&mut self, under_way: UnderWay) {
        if self.oldest == under_way.oldest {
            self.ends = self.ends.saturating_add(1);
            self.newest = self.newest.max(under_way.newest);
        } else {
            // Once careful, it stays so until everything that was under way then is through.
            let careful = self.is_careful(under_way.oldest);
            self.ends = if careful { SEEN_BEFORE_CAUTION } else { 1 };
            self.newest = if careful {
                self.newest
            } else {
                under_way.newest
            };
        }
        self.oldest = under_way.oldest;
        if under_way.alone {
            self.prime = Some(under_way.oldest);
        }
        if under_way.alone && self.patience.refused(under_way.oldest) {
            self.guilty = Some((under_way.oldest, self.patience.count()));
        }
    }

    /// The event that is almost certainly to blame.
    pub(super) const fn prime(&self) -> Option<i64> {
        self.prime
    }

    /// How often this event ended the connection, if that was once too often.
    pub(super) fn guilt(&self, seq: i64) -> Option<u32> {
        let (guilty, attempts) = self.guilty?;
        (guilty == seq).then_some(attempts)
    }

    /// The event was set aside.
    pub(super) fn set_aside(&mut self, seq: i64) {
        if self.guilt(seq).is_some() {
            (self.guilty, self.prime) = (None, None);
            self.patience.set_aside();
        }
    }

    /// The broker took an event.
    pub(super) fn taken(&mut self, seq: i64) {
        self.patience.taken();
        if self.prime == Some(seq) {
            self.prime = None;
        }
        if seq >= self.newest {
            self.ends = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_way(oldest: i64, newest: i64) -> UnderWay {
        UnderWay {
            oldest,
            newest,
            alone: oldest == newest,
        }
    }

    #[test]
    fn who_ends_the_connection_alone_again_and_again_is_given_up() {
        let mut suspects = Suspects::new(3);
        suspects.ended(under_way(5, 24));
        assert!(!suspects.is_careful(5));
        suspects.ended(under_way(5, 24));
        assert!(suspects.is_careful(5) && suspects.is_careful(24) && !suspects.is_careful(25));
        // The fifth was innocent: it goes through, and the sixth is seen.
        suspects.taken(5);
        assert!(suspects.is_careful(6));
        for _ in 0..2 {
            suspects.ended(under_way(6, 6));
            assert_eq!(suspects.guilt(6), None);
        }
        suspects.ended(under_way(6, 6));
        assert_eq!((suspects.guilt(6), suspects.prime()), (Some(3), Some(6)));
        suspects.set_aside(6);
        assert!(suspects.is_careful(7) && suspects.guilt(6).is_none());
        assert_eq!(suspects.prime(), None);
        suspects.taken(24);
        assert!(!suspects.is_careful(7));
    }

    #[test]
    fn company_is_no_guilt() {
        let mut suspects = Suspects::new(1);
        for _ in 0..100 {
            suspects.ended(under_way(5, 24));
        }
        assert_eq!(suspects.guilt(5), None);
    }
}
