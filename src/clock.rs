//! The gateway's time line.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracegate_pipeline::Time;
use tracegate_pipeline::time::Span;

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

    /// How far the wall clock is ahead of the line: it was set since the start.
    #[must_use]
    pub fn ahead(&self) -> Span {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX / 4)) - self.now()
    }

    /// The moment a gateway time stands for; now, if it has passed.
    #[must_use]
    pub fn instant(&self, at: Time) -> Instant {
        let ahead = at.micros_since(self.now()).max(0);
        Instant::now() + std::time::Duration::from_micros(u64::try_from(ahead).unwrap_or(0))
    }
}

/// Where systemd-timesyncd tells that it has set the clock.
const TIMESYNC: &str = "/run/systemd/timesync";

/// Whether a time server has set the wall clock. Only systemd-timesyncd tells; without it the clock is taken to be right.
#[must_use]
pub fn is_synchronised() -> bool {
    told(Path::new(TIMESYNC))
}

fn told(folder: &Path) -> bool {
    !folder.is_dir() || folder.join("synchronized").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timesyncd_is_believed_and_its_absence_is_no_alarm() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!told(folder.path()));
        std::fs::write(folder.path().join("synchronized"), "").unwrap();
        assert!(told(folder.path()));
        assert!(told(&folder.path().join("not there")));
    }

    #[test]
    fn the_line_agrees_with_a_wall_clock_that_is_left_alone() {
        let clock = GatewayClock::start();
        assert!(clock.ahead().abs() < Span::millis(1_000));
    }
}
