//! How long things take, as histograms: from what happened to its event, and from the event to the broker's word.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Health;

/// Upper bounds of the classes, in milliseconds; what takes longer is in one class more.
pub const BOUNDS_MS: [u64; 12] = [
    10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
];
/// Commits whose acknowledgement is timed at a time; beyond, the oldest is not. While the broker is away the age of the
/// oldest event tells more.
const MOST_TIMED: usize = 4_096;

/// How often something took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Of each class, and of what took longer than all of them.
    pub classes: [u64; BOUNDS_MS.len() + 1],
    /// All of it.
    pub sum: Duration,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let ms = took.as_millis();
        let class = BOUNDS_MS.iter().position(|bound| ms <= u128::from(*bound));
        if let Some(count) = self.classes.get_mut(class.unwrap_or(BOUNDS_MS.len())) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }
}

/// What is measured.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    decided: Histogram,
    delivered: Histogram,
    /// The last sequence number of a commit, and when that was.
    stored: VecDeque<(i64, Instant)>,
}

impl Health {
    /// An event was stored so long after what it tells of.
    pub fn decided(&self, after: Duration) {
        self.links().latencies.decided.add(after);
    }

    /// Events up to this number are stored now.
    pub fn stored(&self, seq: i64) {
        let stored = &mut self.links().latencies.stored;
        if stored.len() >= MOST_TIMED {
            stored.pop_front();
        }
        stored.push_back((seq, Instant::now()));
    }

    /// All events before this number, and it, are acknowledged now.
    pub fn delivered(&self, seq: i64) {
        let latencies = &mut self.links().latencies;
        while let Some((_, at)) = latencies.stored.pop_front_if(|(last, _)| *last <= seq) {
            latencies.delivered.add(at.elapsed());
        }
    }

    /// From what happened to its stored event, and from there to the acknowledgement of the commit's last event.
    #[must_use]
    pub fn latencies(&self) -> (Histogram, Histogram) {
        let links = self.links();
        let Latencies {
            decided, delivered, ..
        } = &links.latencies;
        (decided.clone(), delivered.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_commit_is_timed_until_all_of_it_is_acknowledged() {
        let health = Health::new("plant-3", "e");
        health.decided(Duration::from_millis(50));
        health.decided(Duration::from_secs(400));
        health.stored(3);
        tokio::time::advance(Duration::from_millis(200)).await;
        health.stored(5);
        health.delivered(4);
        tokio::time::advance(Duration::from_millis(20)).await;
        health.delivered(5);
        health.delivered(5);
        let (decided, delivered) = health.latencies();
        let classes = |histogram: &Histogram| {
            let all = histogram.classes.iter().enumerate();
            let some = all.filter(|(_, count)| **count > 0);
            some.map(|(class, count)| (class, *count))
                .collect::<Vec<_>>()
        };
        assert_eq!(classes(&decided), [(1, 1), (12, 1)]);
        assert_eq!(decided.sum, Duration::from_millis(400_050));
        assert_eq!(classes(&delivered), [(1, 1), (3, 1)]);
        for seq in 0..10_000 {
            health.stored(seq);
        }
        health.delivered(i64::MAX);
        let count: u64 = health.latencies().1.classes.iter().sum();
        assert_eq!(count, 2 + MOST_TIMED as u64);
    }
}
