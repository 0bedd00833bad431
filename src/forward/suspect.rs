//! An event that ends the connection each time it is sent: found, sent alone, and given up.
//!
//! A broker can answer an event with DISCONNECT or by closing the connection, for example one of MQTT 3.1.1 that does not
//! allow its topic. If the oldest event under way is the same at the second such end, what was under way goes one at a
//! time, each after an acknowledged status; so who is to blame is beyond doubt. As with refusals ([`Patience`]) it is
//! given up after a number of attempts, which doubles while the broker takes nothing.
//!
//! Once it has ended a connection alone it is [proven](Suspects::is_proven): it holds its topic and no other, however many
//! there are, and however short connections are (`session::trial`).

use std::collections::{BTreeMap, VecDeque};

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
    /// Ended a connection alone, and have not been taken since: one for a topic at most. The one tried least recently is first.
    proven: VecDeque<Proven>,
    /// Given up: attempts by sequence number.
    guilty: BTreeMap<i64, u32>,
}

#[derive(Debug)]
struct Proven {
    seq: i64,
    ends: u32,
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
            proven: VecDeque::new(),
            guilty: BTreeMap::new(),
        }
    }

    /// Whether this event must go alone.
    pub(super) const fn is_careful(&self, next: i64) -> bool {
        self.ends >= SEEN_BEFORE_CAUTION && next <= self.newest
    }

    /// The broker ended the connection in a way that something sent to it may have caused.
    pub(super) fn ended(&mut self, under_way: UnderWay) {
        if under_way.alone {
            return self.prove(under_way.oldest);
        }
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
    }

    fn prove(&mut self, seq: i64) {
        let before = self.proven.iter().position(|it| it.seq == seq);
        let before = before.and_then(|at| self.proven.remove(at));
        let ends = before.map_or(0, |it| it.ends).saturating_add(1);
        if self.patience.is_over(ends) {
            self.guilty.insert(seq, ends);
        } else {
            self.proven.push_back(Proven { seq, ends });
        }
    }

    /// Whether this event has ended a connection alone, and was not taken since.
    pub(super) fn is_proven(&self, seq: i64) -> bool {
        self.proven.iter().any(|it| it.seq == seq)
    }

    /// Which of the proven ones is to be tried again next.
    pub(super) fn next_trial(&self) -> Option<i64> {
        self.proven.front().map(|it| it.seq)
    }

    /// How often this event ended the connection, if that was once too often.
    pub(super) fn guilt(&self, seq: i64) -> Option<u32> {
        self.guilty.get(&seq).copied()
    }

    /// The event was set aside.
    pub(super) fn set_aside(&mut self, seq: i64) {
        if self.guilty.remove(&seq).is_some() {
            self.patience.set_aside();
        }
    }

    /// Everything up to `mark` is done.
    pub(super) fn marked(&mut self, mark: i64) {
        self.proven.retain(|it| it.seq > mark);
        self.guilty.retain(|seq, _| *seq > mark);
    }

    /// The event ends no connection, whatever else the broker makes of it; or there is none any more.
    pub(super) fn clear(&mut self, seq: i64) {
        self.proven.retain(|it| it.seq != seq);
    }

    /// The broker took an event.
    pub(super) fn taken(&mut self, seq: i64) {
        self.patience.taken();
        self.clear(seq);
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
        assert_eq!((suspects.guilt(6), suspects.is_proven(6)), (Some(3), false));
        suspects.set_aside(6);
        assert!(suspects.is_careful(7) && suspects.guilt(6).is_none());
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

    #[test]
    fn several_are_tried_in_turn_and_each_is_counted() {
        let mut suspects = Suspects::new(2);
        suspects.ended(under_way(5, 5));
        suspects.ended(under_way(8, 8));
        assert!(suspects.is_proven(5) && suspects.is_proven(8));
        assert_eq!(suspects.next_trial(), Some(5));
        suspects.ended(under_way(5, 5));
        assert_eq!((suspects.guilt(5), suspects.guilt(8)), (Some(2), None));
        assert_eq!(suspects.next_trial(), Some(8));
        suspects.taken(8);
        assert_eq!(suspects.next_trial(), None);
        suspects.ended(under_way(9, 9));
        suspects.marked(9);
        assert!(!suspects.is_proven(9) && suspects.guilt(5).is_none());
    }
}
