//! How long to wait before the next connection attempt.
//!
//! Full jitter: each wait is a random part of a ceiling that doubles from 1 s to 30 s. The ceiling goes back to
//! the start only after a good session (set-up done), because a reader that accepts connections and then
//! refuses them would otherwise be asked every second for ever.

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
    /// Ceilings double from `first` up to `max`.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            ceiling: first.min(max),
        }
    }

    /// The next wait. `random` is uniform in 0 to 1 (clamped to it); the wait is that part of the ceiling.
    pub fn next_delay(&mut self, random: f64) -> Duration {
        let part = if random.is_finite() {
            random.clamp(0.0, 1.0)
        } else {
            1.0
        };
        let delay = self.ceiling.mul_f64(part);
        self.ceiling = self.ceiling.saturating_mul(2).min(self.max);
        delay
    }

    /// Starts afresh; call it when a session was good, that is [`crate::client::ClientEvent::Ready`] came.
    pub fn reset(&mut self) {
        self.ceiling = self.first.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_and_starts_afresh() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next_delay(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.next_delay(0.5), Duration::from_secs(15));
        assert_eq!(backoff.next_delay(f64::NAN), Duration::from_secs(30));
        backoff.reset();
        assert_eq!(backoff.next_delay(0.0), Duration::ZERO);
        assert_eq!(backoff.next_delay(1.0), Duration::from_secs(2));
    }
}
