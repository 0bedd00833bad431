//! The gateway's time line.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracegate_pipeline::Time;

/// Wall time at the start, monotonic from there: never steps within a run.
#[derive(Debug, Clone, Copy)]
pub struct GatewayClock {
    started: Instant,
    anchor_us: i64,
}

impl GatewayClock {
    /// Anchors the line to the wall clock of this moment.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            anchor_us: i64::try_from(wall.as_micros()).unwrap_or(i64::MAX / 4),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX / 4);
        Time(self.anchor_us.saturating_add(elapsed))
    }

    /// The moment a gateway time stands for; now, if it has passed.
    #[must_use]
    pub fn instant(&self, at: Time) -> Instant {
        let ahead = at.micros_since(self.now()).max(0);
        Instant::now() + std::time::Duration::from_micros(u64::try_from(ahead).unwrap_or(0))
    }
}
