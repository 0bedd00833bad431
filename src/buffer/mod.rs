//! The durable middle: a journal of pipeline inputs and an outbox of movement events in one SQLite file.
//!
//! A batch of inputs and the events that the pipeline made of it are committed in one transaction. So the pipeline's state
//! is always `fold(snapshot, journal)`, and every event that this fold has ever produced is, or was, in the outbox: after a
//! crash the journal is replayed and its outputs are discarded.
//!
//! Format, version 4 (`user_version`). Older ones are brought up to date in place: version 1 had no `dead_letter` and no
//! `dropped`; before version 3 every row of `outbox` was one that waits; before version 4 it was a movement, and no table had
//! `stream`:
//! - `journal(seq, crc32, inputs)`: one row per committed batch; `inputs` is a stream of
//!   [`tracegate_pipeline::journal`].
//! - `snapshot(id = 1, journal_seq, version, crc32, state)`: the pipeline's state after the batch `journal_seq`; the
//!   journal up to there is deleted in the same transaction.
//! - `outbox(seq, event_id, read_point, occurred_us, recorded_us, crc32, payload, stream)`: events not yet acknowledged, and before
//!   them, up to `sent` in `meta`, those that are [kept](Keep) for a while. `seq` never comes back, also not after a power cut (AUTOINCREMENT, `synchronous=FULL`).
//!   `stream` is 0 for a movement, 1 for a load that was not booked, 2 for a gap; all but 0 is telemetry, and in the partial
//!   index `outbox_telemetry(seq, stream, length(payload))`. `crc32` goes over `event_id`, `read_point` and `payload`, and unless it
//!   is 0 the stream, as 8 bytes in little endian.
//! - `dead_letter(id, epoch, seq, …as outbox…, reason, at_us, attempts)`: events that cannot be sent, set aside so that they
//!   hold nothing up; `tracegate buffer` shows, requeues and discards them.
//! - `dropped(id, epoch, from_seq, to_seq, count, reason, at_us, stream)`: what is gone for good, and why. With a stream other
//!   than 0 it is telemetry that was dropped for want of room: without holes between `from_seq` and `to_seq` while anything
//!   waits before it, put together later.
//! - `audit(n, at_us, hash, row)`, `audit_seal(one, n, hash)`: the record of verdicts, from the first of them on; see
//!   [`crate::audit`].
//! - beside it, `buffer.tail`: inputs that wait for the next commit; see `tail.rs`. And `buffer.acknowledged`: how far
//!   everything is acknowledged, from the moment that it is; see `noted.rs`.
//! - `meta(key, value)`: `epoch`, a UUID made with the file. Consumers see gaps by (epoch, seq) and repeats by
//!   event id. `sent`: everything up to there is acknowledged.
//!
//! "Accepted" means committed with `synchronous=FULL`. A row leaves the outbox when the broker acknowledged it and all rows
//! before it, or as a dead letter when it is the first, or, telemetry only, dropped for want of room; never otherwise. So the sequence numbers of the outbox have no gaps
//! but those in `dropped` and, after a repair, in `dead_letter`. When the disk is full nothing new is accepted, sources wait, and acknowledged rows still leave.

mod aside;
mod audit;
mod commit;
mod connect;
mod directory;
mod export;
mod inspect;
mod kept;
mod noted;
mod open;
mod reader;
mod repair;
mod replay;
mod salvage;
mod settle;
mod space;
mod statements;
mod store;
mod stream;
mod sweep;
mod tail;
mod telemetry;
#[cfg(test)]
mod tests;
mod verify;

pub use audit::Record;
pub use export::{Export, Exported};
pub use inspect::{Inspector, Letter, Stats, Waiting};
pub use kept::Keep;
pub use open::Opened;
pub use reader::{OutboxReader, OutboxRow};
pub use repair::{Damage, is_sound};
pub(crate) use space::size_text;
pub use space::{KEEP_FREE_BYTES, Limits, room};
pub(crate) use statements::STATE_VERSION;
pub use store::{Figures, Store};
pub use stream::{NewRow, Stream};
pub use telemetry::{DropReason, Gap};
pub use verify::{Kind, Problem, Verified, verify};

use std::path::PathBuf;

/// The buffer's file inside its directory.
pub const FILE_NAME: &str = "buffer.sqlite";

/// Why the buffer cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// The directory cannot be used.
    #[error(
        "cannot use the buffer directory {path}; create it, or make it writable for the gateway's user"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the buffer open.
    #[error(
        "the buffer {path} is in use by another gateway; stop that one, or give this one its own [buffer] directory"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to look at.
    #[error(
        "there is no buffer in {directory}; is this the [buffer] directory of the gateway, and has it run yet?"
    )]
    NotThere {
        /// The directory.
        directory: PathBuf,
    },
    /// It is not for this user: SQLite writes beside the file even to read it.
    #[error(
        "this user may not use the buffer in {directory}; become root (sudo), or the gateway's user (sudo -u tracegate)"
    )]
    Denied {
        /// The directory.
        directory: PathBuf,
    },
    /// No dead letter has this number.
    #[error("there is no dead letter {id}; tracegate buffer list shows those there are")]
    NoSuchLetter {
        /// The number asked for.
        id: i64,
    },
    /// A dead letter that would only become one again.
    #[error(
        "dead letter {id} is damaged on disk and cannot be sent; tracegate buffer show {id} shows what is left of it"
    )]
    LetterDamaged {
        /// Its number.
        id: i64,
    },
    /// SQLite refused.
    #[error("buffer: {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file has reached its cap: the broker must take some events first.
    #[error(
        "the buffer is full: 90 % of [buffer] max_size, {}, are used; it takes events again when 20 % are free: bring the broker back, or raise max_size",
        space::size_text(*max_bytes)
    )]
    CapReached {
        /// The cap.
        max_bytes: u64,
    },
    /// The disk has no more free than is kept for draining the buffer.
    #[error(
        "the disk of {directory} is full: only what [buffer] keep_free holds back, {}, is left; free disk space there",
        space::size_text(*keep_free)
    )]
    DiskNearlyFull {
        /// Where the buffer is.
        directory: PathBuf,
        /// The reserve, in bytes.
        keep_free: u64,
    },
    /// The file is a later version's.
    #[error(
        "the buffer {path} was written by a newer tracegate (format {found}, this one knows {}); install that version again",
        statements::USER_VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: i64,
    },
    /// Inputs or state could not be put into their stored form.
    #[error("buffer: cannot encode {what}")]
    Encode {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

impl BufferError {
    fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// What kind of trouble it is, and so what helps.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let source = match self {
            Self::CapReached { .. } | Self::DiskNearlyFull { .. } => return Trouble::Full,
            Self::Directory { .. } => return Trouble::Disk,
            Self::Database { source, .. } => source,
            _ => return Trouble::Other,
        };
        let code = match source {
            sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i64>().ok()),
            sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => return Trouble::Disk,
            _ => None,
        };
        // sqlite3.h; extended codes keep the primary one in the low byte.
        match code.map(|code| code & 0xff) {
            Some(13) => Trouble::Full,
            // SQLITE_READONLY, IOERR, CANTOPEN, PERM.
            Some(8 | 10 | 14 | 3) => Trouble::Disk,
            // SQLITE_CORRUPT, NOTADB.
            Some(11 | 26) => Trouble::Damaged,
            _ => Trouble::Other,
        }
    }

    /// True when the file has reached its cap or the disk is full: waiting helps, repairing does not.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.trouble() == Trouble::Full
    }
}

/// Kinds of trouble with the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No room: what is acknowledged leaves, then there is some.
    Full,
    /// The disk cannot be read or written; it may come back, and then the file must be opened anew.
    Disk,
    /// The file is not what was written to it.
    Damaged,
    /// Anything else.
    Other,
}

/// What the sending side asks of the writing side.
#[derive(Debug)]
pub enum Request {
    /// Set aside the event, the first of those that wait: it cannot be sent. Everything before it is acknowledged.
    SetAside {
        /// Its sequence number.
        seq: i64,
        /// Why, for people.
        reason: String,
        /// How often it was sent in vain.
        attempts: u32,
        /// Whether it is done.
        done: tokio::sync::oneshot::Sender<bool>,
    },
    /// The file turned out to be damaged.
    Damaged {
        /// Which file: it may be another one by now.
        epoch: String,
    },
}

/// The check sum of a stored row.
fn crc32(parts: &[&[u8]]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    i64::from(hasher.finalize())
}
