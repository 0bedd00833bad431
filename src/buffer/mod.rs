//! The durable middle: a journal of pipeline inputs and an outbox of movement events in one SQLite file.
//!
//! A batch of inputs and the events that the pipeline made of it are committed in one transaction. So the pipeline's state
//! is always `fold(snapshot, journal)`, and every event that this fold has ever produced is, or was, in the outbox: after a
//! crash the journal is replayed and its outputs are discarded.
//!
//! Format, version 1 (`user_version`):
//! - `journal(seq, crc32, inputs)`: one row per committed batch; `inputs` is postcard of `Vec<Input>`.
//! - `snapshot(id = 1, journal_seq, version, crc32, state)`: the pipeline's state after the batch `journal_seq`; the
//!   journal up to there is deleted in the same transaction.
//! - `outbox(seq, event_id, read_point, occurred_us, recorded_us, crc32, payload)`: events not yet acknowledged. `seq`
//!   never comes back, also not after a power cut (AUTOINCREMENT, `synchronous=FULL`).
//! - `meta(key, value)`: `epoch`, a UUID made with the file. Consumers see gaps by (epoch, seq) and repeats by event id.
//!
//! "Accepted" means committed with `synchronous=FULL`. A row leaves the outbox when the broker acknowledged it and all rows
//! before it, never otherwise. When the disk is full nothing new is accepted, sources wait, and acknowledged rows still
//! leave.

mod directory;
mod reader;
mod statements;
mod store;
#[cfg(test)]
mod tests;

pub use reader::{OutboxReader, OutboxRow};
pub use store::{Opened, Store};

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
    /// SQLite refused.
    #[error("buffer: {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a later version's.
    #[error(
        "the buffer {path} was written by a newer tracegate (format {found}, this one knows 1); install that version again"
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

    /// True when the file has reached its cap or the disk is full: waiting helps, repairing does not.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // SQLITE_FULL is 13 (sqlite3.h); extended codes keep it in the low byte.
        let Self::Database {
            source: sqlx::Error::Database(error),
            ..
        } = self
        else {
            return false;
        };
        error
            .code()
            .and_then(|code| code.parse::<i64>().ok())
            .is_some_and(|code| code & 0xff == 13)
    }
}

/// The check sum of a stored row.
fn crc32(parts: &[&[u8]]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    i64::from(hasher.finalize())
}
