//! Signs of life, for the watchdog.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// A task that has shown no sign of life for this long is stuck.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(20);

/// One task's sign of life.
#[derive(Debug, Clone)]
pub struct Beat(Arc<(Mutex<Instant>, AtomicBool)>);

impl Default for Beat {
    fn default() -> Self {
        Self::new()
    }
}

impl Beat {
    /// Of a task that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new((
            Mutex::new(Instant::now()),
            AtomicBool::new(true),
        )))
    }

    /// The task was alive so long ago, and not since.
    #[cfg(test)]
    pub(crate) fn touched(&self, ago: Duration) {
        let at = Instant::now().checked_sub(ago);
        *self.0.0.lock().unwrap() = at.unwrap();
    }

    /// The task is alive.
    pub fn touch(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits, showing signs of life; false when `stop` ended it.
    pub async fn pause(&self, wait: Duration, stop: &CancellationToken) -> bool {
        let until = tokio::time::Instant::now() + wait;
        loop {
            self.touch();
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return !stop.is_cancelled();
            }
            tokio::select! {
                () = tokio::time::sleep(left.min(STUCK_AFTER / 4)) => {}
                () = stop.cancelled() => return false,
            }
        }
    }

    /// The task has ended on purpose.
    pub fn finish(&self) {
        self.0.1.store(false, Ordering::Relaxed);
    }

    /// Whether the task still runs.
    pub(crate) fn is_running(&self) -> bool {
        self.0.1.load(Ordering::Relaxed)
    }

    /// Since the last sign of life.
    pub(super) fn age(&self) -> Duration {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

#[cfg(test)]
impl Beat {
    /// As if the task had said nothing for so long.
    pub(super) fn age_by(&self, age: Duration) {
        let long_ago = Instant::now().checked_sub(age);
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = long_ago.unwrap();
    }
}
