//! What is told of the buffer: how full it is, and whether its file had to be replaced.

use serde::Serialize;

use super::Health;

/// How full the buffer is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BufferLevel {
    /// Bytes in use.
    pub bytes: u64,
    /// Of the cap, in percent.
    pub percent: u64,
    /// For how many seconds the oldest event has been waiting; 0 when none is.
    pub oldest_s: u64,
}

impl Health {
    /// The buffer's file was damaged and is another one: its epoch, and what became of the events, for people. Stands among
    /// the conditions until the next start: somebody has to look at the disk.
    pub fn buffer_replaced(&self, epoch: &str, what: String) {
        {
            let mut links = self.links();
            epoch.clone_into(&mut links.epoch);
            links.lost = Some(what);
        }
        self.announce(true);
    }

    /// Notes the oldest acknowledged event that is kept.
    pub fn kept_from(&self, first: Option<i64>) {
        self.links().kept_from = first;
    }

    /// The oldest acknowledged event that was kept a moment ago.
    #[must_use]
    pub fn first_kept(&self) -> Option<i64> {
        self.links().kept_from
    }

    /// Notes how full the buffer is; no news, it changes all the time.
    pub fn buffer(&self, level: BufferLevel) {
        self.links().buffer = level;
    }
}
