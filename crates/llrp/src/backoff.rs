//! How long to wait before the next connection attempt.
//!
//! Each wait is random between 1 s and a ceiling, which doubles from 2 s to 30 s. Never less than 1 s: a reader that has
//! just lost its client may still hold the session, and refuses a new one. The ceiling goes back to the start only after
//! a good session (set-up done, however it ended): a reader that accepts connections and then refuses them would
//! otherwise be asked every second for ever, and one with an outage a day would be waited for longer and longer.

use std::time::Duration;

/// Waits between connection attempts to one reader.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Backoff {
    /// Waits from `first` to a ceiling, which doubles from twice `first` up to `max`.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        let ceiling = first.saturating_mul(2).min(max);
        Self {
            first,
            max,
            ceiling,
        }
    }

    /// The next wait. `random` is uniform in 0 to 1 (clamped to it): that part of the way from the shortest wait to the
    /// ceiling.
    pub fn next_delay(&mut self, random: f64) -> Duration {
        let part = if random.is_finite() {
            random.clamp(0.0, 1.0)
        } else {
            1.0
        };
        let span = self.ceiling.saturating_sub(self.first);
        // Only a span of many millennia cannot be multiplied.
        let more = Duration::try_from_secs_f64(span.as_secs_f64() * part).unwrap_or(span);
        let delay = self.first.saturating_add(more);
        self.ceiling = self.ceiling.saturating_mul(2).min(self.max);
        delay
    }

    /// Starts afresh; call it when a session was good, that is [`crate::client::ClientEvent::Ready`] came.
    pub fn reset(&mut self) {
        *self = Self::new(self.first, self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_and_starts_afresh() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..6).map(|_| backoff.next_delay(1.0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.next_delay(0.0), Duration::from_secs(1));
        assert_eq!(backoff.next_delay(0.5), Duration::from_millis(15_500));
        assert_eq!(backoff.next_delay(f64::NAN), Duration::from_secs(30));
        backoff.reset();
        assert_eq!(backoff.next_delay(1.0), Duration::from_secs(2));
        let long = Duration::MAX;
        assert_eq!(Backoff::new(long, long).next_delay(0.3), long);
        let mut backoff = Backoff::new(Duration::from_secs(1 << 62), long);
        assert!((0..3).all(|_| backoff.next_delay(1.0) >= Duration::from_secs(1 << 62)));
    }
}
