//! Room: when the file or its disk has too little of it left, nothing more is accepted until there clearly is some again.
//!
//! SQLite needs space in its write-ahead log even to delete: a buffer that has filled its disk to the last byte can never
//! drain. So accepting stops while [`Limits::keep_free`] is still there, and deleting goes on. Both bounds have a gap
//! between "stop" and "go on"; without it the gateway would stop and go on with every acknowledged event.

use std::fmt;
use std::io;
use std::path::Path;

use super::{BufferError, connect};
use crate::health::Room;

/// Nothing is accepted from this share of the cap on, and again below that one, in percent.
const FULL_PERCENT: (u64, u64) = (90, 80);
/// The write-ahead log is cut back to this size; see `journal_size_limit` in `connect`.
pub(super) const WAL_LIMIT_BYTES: u64 = 1 << 20;
/// What is left free on the disk unless configured: enough for the write-ahead log of any delete, and for others.
pub const KEEP_FREE_BYTES: u64 = {
    let (floor, logs) = (32 << 20, 4 * WAL_LIMIT_BYTES);
    if floor > logs { floor } else { logs }
};

/// How large the buffer may become, and how much of its disk it leaves alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file at most, in bytes.
    pub max_bytes: u64,
    /// Bytes free on the disk below which nothing more is accepted.
    pub keep_free: u64,
}

impl From<u64> for Limits {
    /// A cap, and no reserve.
    fn from(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            keep_free: 0,
        }
    }
}

type FreeBytes = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

/// Tells how many bytes are free for this user where a folder is.
pub(super) struct Probe(Box<FreeBytes>);

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new(|directory| Ok(room(directory)?.free))
    }
}

/// How much room the disk of a folder has.
///
/// # Errors
/// The folder is not there, or its disk does not answer.
pub fn room(directory: &Path) -> io::Result<Room> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(Room {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        size: disk.f_blocks.saturating_mul(disk.f_frsize),
        device: rustix::fs::stat(directory)?.st_dev,
    })
}

impl Probe {
    pub(super) fn new(free: impl Fn(&Path) -> io::Result<u64> + Send + Sync + 'static) -> Self {
        Self(Box::new(free))
    }
}

/// Decides whether there is room for one more batch.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    pub(super) probe: Probe,
    file_is_full: bool,
    disk_is_full: bool,
    // Bytes in use when last measured, and those written since.
    measured: Option<u64>,
    written: u64,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        let max_bytes = connect::max_pages(limits.max_bytes) * connect::PAGE_BYTES;
        Self {
            limits: Limits {
                max_bytes,
                ..limits
            },
            probe: Probe::default(),
            file_is_full: false,
            disk_is_full: false,
            measured: None,
            written: 0,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// True when the file's size must be looked up before the next batch: far from the cap an estimate does.
    pub(super) fn must_measure(&self) -> bool {
        let Some(measured) = self.measured else {
            return true;
        };
        let estimate = measured.saturating_add(self.written.saturating_mul(2));
        self.file_is_full || estimate >= share(self.limits.max_bytes, FULL_PERCENT.1)
    }

    /// So many bytes of the file are in use.
    pub(super) const fn measured(&mut self, used: u64) {
        self.measured = Some(used);
        self.written = 0;
    }

    /// A batch of so many bytes was stored.
    pub(super) const fn wrote(&mut self, bytes: u64) {
        self.written = self.written.saturating_add(bytes);
    }

    /// Whether the file or its disk was too full when it was last asked for.
    pub(super) const fn is_full(&self) -> bool {
        self.file_is_full || self.disk_is_full
    }

    /// Something left on purpose: the bound for stopping counts again, not that for going on.
    pub(super) const fn reconsider(&mut self) {
        (self.file_is_full, self.disk_is_full) = (false, false);
    }

    /// SQLite itself found no room: do not ask it again with every batch.
    pub(super) const fn overran(&mut self) {
        self.file_is_full = true;
    }

    /// Whether `bytes` may be added in `directory`.
    ///
    /// # Errors
    /// The file or its disk is too full. Without events `waiting` the cap is no reason: nothing would ever make room.
    pub(super) fn admit(
        &mut self,
        directory: &Path,
        bytes: u64,
        waiting: u64,
    ) -> Result<(), BufferError> {
        let (full, room_again) = FULL_PERCENT;
        let bound = if self.file_is_full { room_again } else { full };
        let used = self.measured.unwrap_or(0);
        self.file_is_full = waiting > 0 && used >= share(self.limits.max_bytes, bound);
        if self.file_is_full {
            return Err(BufferError::CapReached {
                max_bytes: self.limits.max_bytes,
            });
        }
        let keep = self.limits.keep_free;
        // A disk that cannot be asked is left to SQLite to find out about.
        if keep > 0
            && let Ok(free) = (self.probe.0)(directory)
        {
            let gap = if self.disk_is_full { keep / 4 } else { 0 };
            self.disk_is_full = free < keep.saturating_add(gap).saturating_add(bytes);
        }
        match self.disk_is_full {
            true => Err(BufferError::DiskNearlyFull {
                directory: directory.to_owned(),
                keep_free: keep,
            }),
            false => Ok(()),
        }
    }
}

const fn share(bytes: u64, percent: u64) -> u64 {
    bytes / 100 * percent
}

/// `512 KiB`, `31 MiB`, `1.4 GiB`: for people.
pub(crate) fn size_text(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..MIB => format!("{} KiB", bytes.div_ceil(1024)),
        MIB..0x4000_0000 => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn gate(free: u64) -> Gate {
        let mut gate = Gate::new(Limits {
            max_bytes: 100 * MIB,
            keep_free: 32 * MIB,
        });
        gate.probe = Probe::new(move |_| Ok(free));
        gate
    }

    fn admits(gate: &mut Gate, used: u64, waiting: u64) -> bool {
        gate.measured(used);
        gate.admit(Path::new("/"), 0, waiting).is_ok()
    }

    #[test]
    fn a_full_file_takes_again_once_a_tenth_has_left() {
        let mut gate = gate(1 << 40);
        assert!(admits(&mut gate, 89 * MIB, 1));
        assert!(!admits(&mut gate, 90 * MIB, 1));
        assert!(!admits(&mut gate, 85 * MIB, 1), "only below 80 %");
        assert!(admits(&mut gate, 79 * MIB, 1));
        assert!(admits(&mut gate, 85 * MIB, 1));
        assert!(
            admits(&mut gate, 99 * MIB, 0),
            "with nothing waiting nothing would make room"
        );
    }

    #[test]
    fn a_full_disk_takes_again_once_there_is_a_quarter_more_than_the_reserve() {
        let mut gate = gate(0);
        let mut admits = |free: u64, bytes| {
            gate.probe = Probe::new(move |_| Ok(free));
            gate.admit(Path::new("/"), bytes, 0).is_ok()
        };
        assert!(admits(33 * MIB, MIB));
        assert!(!admits(33 * MIB, MIB + 1));
        assert!(!admits(39 * MIB, 0));
        assert!(admits(40 * MIB, 0));
        assert!(admits(32 * MIB, 0));
        assert!(!admits(31 * MIB, 0));
    }

    #[test]
    fn a_disk_that_cannot_be_asked_is_tried() {
        let mut gate = gate(0);
        gate.probe = Probe::new(|_| Err(io::ErrorKind::Other.into()));
        assert!(gate.admit(Path::new("/"), 0, 0).is_ok());
    }

    #[test]
    fn the_size_is_looked_up_only_near_the_cap() {
        let mut gate = gate(1 << 40);
        assert!(gate.must_measure());
        gate.measured(MIB);
        assert!(!gate.must_measure());
        gate.wrote(39 * MIB);
        assert!(!gate.must_measure());
        gate.wrote(MIB);
        assert!(gate.must_measure());
    }

    #[test]
    fn sizes_are_for_people() {
        let text = [0, 1, 512 << 10, 31 * MIB + 5, 2 << 30, 1_500_000_000].map(size_text);
        assert_eq!(
            text,
            ["0 KiB", "1 KiB", "512 KiB", "31 MiB", "2 GiB", "1.4 GiB"]
        );
    }
}
