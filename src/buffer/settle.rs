//! The writing connection's transactions, and how it is put right after something failed.

use std::path::Path;

use sqlx::{Connection, SqliteConnection};

use super::statements::{
    EPOCH, FORMAT, LAST_JOURNAL_SEQ, LAST_SEQ, WAITING, command, holes, scalar,
};
use super::{BufferError, Store, Trouble, connect, repair};

/// What the file's tables say of themselves.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) waiting: u64,
    pub(super) last_seq: i64,
    pub(super) journal_seq: i64,
}

impl Counts {
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        format: i64,
    ) -> Result<Self, BufferError> {
        let last_seq = scalar(connection, LAST_SEQ, "read the sequence").await?;
        let journal_seq = scalar(connection, LAST_JOURNAL_SEQ, "read the journal's end").await?;
        let waiting = scalar(connection, WAITING, "count the outbox").await?;
        let waiting = waiting.saturating_sub(holes(connection, format).await?);
        Ok(Self {
            waiting: u64::try_from(waiting).unwrap_or(0),
            last_seq,
            journal_seq,
        })
    }
}

impl Store {
    /// Begins a transaction. sqlx's own are not used: it goes on counting a transaction that SQLite has rolled back by
    /// itself (a full disk does that), takes the next for a savepoint within it, and its commit then stores nothing.
    pub(super) async fn begin(&mut self) -> Result<(), BufferError> {
        self.settle().await?;
        self.unsettled = true;
        let begun = command(&mut self.connection, "BEGIN IMMEDIATE", "begin").await;
        if begun.is_err() {
            self.unsettled = false;
        }
        begun
    }

    /// Ends the transaction: commits what went well, undoes what did not.
    pub(super) async fn end<T>(
        &mut self,
        outcome: Result<T, BufferError>,
    ) -> Result<T, BufferError> {
        let outcome = match outcome {
            Ok(value) => command(&mut self.connection, "COMMIT", "commit")
                .await
                .map(|()| value),
            failed => failed,
        };
        match outcome {
            Ok(_) => self.unsettled = false,
            // What went wrong is told by `outcome`; an undo that fails is tried again before anything else is done.
            Err(_) => drop(self.settle().await),
        }
        outcome
    }

    /// Opens the file anew if the connection is broken; undoes a transaction that failed or was given up half-way, if SQLite
    /// has not done so itself.
    pub(super) async fn settle(&mut self) -> Result<(), BufferError> {
        if self.reopen {
            self.open_anew().await?;
        }
        if !self.unsettled {
            return Ok(());
        }
        let undone = command(&mut self.connection, "ROLLBACK", "roll back").await;
        // The probe fails while a transaction is open, and only then.
        if undone.is_err() {
            command(&mut self.connection, "BEGIN", "roll back").await?;
            command(&mut self.connection, "ROLLBACK", "roll back").await?;
        }
        self.unsettled = false;
        Ok(())
    }

    /// After a failing disk nothing that the old connection believes is to be relied on.
    pub(super) async fn open_anew(&mut self) -> Result<(), BufferError> {
        let directory = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        if repair::is_ready(&directory)? {
            // The last connection deletes the log by its name when it is closed: so before the new file has one.
            let damaged = std::mem::replace(&mut self.connection, connect::none().await?);
            drop(damaged.close().await);
            repair::finish(&directory)?;
        }
        // Not made where there is none: a disk that is not mounted is not an empty buffer.
        if !self.path.exists() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            let path = self.path.clone();
            return Err(BufferError::Directory {
                path,
                source: missing,
            });
        }
        let limits = self.gate.limits();
        let fresh = connect::for_writing(&self.path, limits.max_bytes).await?;
        let broken = std::mem::replace(&mut self.connection, fresh);
        // Its lock goes with it. What it has to say does not matter any more.
        drop(broken.close().await);
        self.unsettled = false;
        // It may be another file than before.
        self.epoch = sqlx::query_scalar(EPOCH)
            .fetch_one(&mut self.connection)
            .await
            .map_err(BufferError::database("read the epoch"))?;
        self.format = scalar(&mut self.connection, FORMAT, "read the format").await?;
        self.recount().await?;
        self.find_sent().await?;
        self.measure_telemetry().await?;
        self.reopen = false;
        Ok(())
    }

    /// Has the file opened anew before the next use, if that may help.
    pub(super) fn note<T>(&mut self, outcome: Result<T, BufferError>) -> Result<T, BufferError> {
        if let Err(error) = &outcome
            && error.trouble() == Trouble::Disk
        {
            self.reopen = true;
        }
        outcome
    }

    pub(super) async fn recount(&mut self) -> Result<(), BufferError> {
        let counts = Counts::read(&mut self.connection, self.format).await?;
        (self.last_seq, self.waiting) = (counts.last_seq, counts.waiting);
        if !self.doubtful {
            self.journal_seq = counts.journal_seq;
        }
        Ok(())
    }

    pub(super) async fn number(
        &mut self,
        sql: &'static str,
        doing: &'static str,
    ) -> Result<u64, BufferError> {
        let number = scalar(&mut self.connection, sql, doing).await?;
        Ok(u64::try_from(number).unwrap_or(0))
    }
}
