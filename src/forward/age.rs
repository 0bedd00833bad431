//! How long events have been stored, by the monotonic clock: the wall clock may jump, and a message must not expire for it.
//!
//! Only the moments are kept at which the newest stored event was another. So an age is what can be vouched for: at most
//! the true one, and for events of an earlier run the time since this one began.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Moments kept; when there are more every second is forgotten.
const MOMENTS: usize = 1_024;

/// When events were stored, about.
#[derive(Debug)]
pub(super) struct Ages {
    moments: VecDeque<(i64, Instant)>,
}

impl Ages {
    /// Events up to `newest` are stored by now.
    pub(super) fn new(newest: i64, now: Instant) -> Self {
        Self {
            moments: VecDeque::from([(newest, now)]),
        }
    }

    /// Events up to `newest` are stored by now.
    pub(super) fn note(&mut self, newest: i64, now: Instant) {
        if self.moments.back().is_some_and(|(last, _)| *last >= newest) {
            return;
        }
        if self.moments.len() >= MOMENTS {
            let mut keep = false;
            self.moments.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.moments.push_back((newest, now));
    }

    /// Events up to `mark` are asked for no more.
    pub(super) fn forget(&mut self, mark: i64) {
        while self.moments.pop_front_if(|(seq, _)| *seq <= mark).is_some() {}
    }

    /// The age of an event, or less.
    pub(super) fn of(&self, seq: i64, now: Instant) -> Duration {
        let at = self.moments.partition_point(|(newest, _)| *newest < seq);
        let since = self.moments.get(at).map_or(now, |(_, since)| *since);
        now.saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_more_than_the_true_one() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut ages = Ages::new(10, start);
        for s in 1..=5_000 {
            ages.note(10 + s as i64, at(s));
        }
        assert!(ages.moments.len() <= MOMENTS);
        let now = at(6_000);
        assert_eq!(ages.of(3, now), Duration::from_secs(6_000));
        for s in 1..=5_000 {
            let (age, truth) = (ages.of(10 + s as i64, now), 6_000 - s);
            assert!(age <= Duration::from_secs(truth));
            let least = Duration::from_secs(truth - truth / 10);
            assert!(age >= least, "{s}: {age:?}");
        }
        assert_eq!(ages.of(9_999, now), Duration::ZERO);
        ages.forget(4_000);
        assert!(ages.of(4_500, now) <= Duration::from_secs(1_510));
    }
}
