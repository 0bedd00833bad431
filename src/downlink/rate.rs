//! So many at once, and so many a second after that.

use tokio::time::Instant;

/// A bucket of tokens.
#[derive(Debug)]
pub struct Allowance {
    burst: f64,
    per_second: f64,
    left: f64,
    since: Option<Instant>,
}

impl Allowance {
    /// `burst` at once, then `per_second`; both at least 1.
    #[must_use]
    pub fn new(burst: u32, per_second: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self {
            burst,
            per_second: f64::from(per_second.max(1)),
            left: burst,
            since: None,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }

    /// When the next one is there.
    pub fn next(&mut self, now: Instant) -> Instant {
        self.refill(now);
        let missing = (1.0 - self.left).max(0.0);
        now + std::time::Duration::from_secs_f64(missing / self.per_second)
    }

    fn refill(&mut self, now: Instant) {
        let since = self.since.replace(now).unwrap_or(now);
        let gained = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_a_rate() {
        let (mut allowance, start) = (Allowance::new(3, 2), Instant::now());
        let taken = (0..10).filter(|_| allowance.take(start)).count();
        assert_eq!(taken, 3);
        assert_eq!(allowance.next(start), start + Duration::from_millis(500));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..10).filter(|_| allowance.take(later)).count(), 2);
        let rested = later + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| allowance.take(rested)).count(), 3);
    }
}
