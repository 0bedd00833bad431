//! The writing side: one connection, owned by one task.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Pipeline, Time};
use tracing::debug;

use super::directory::{lock, sync_directories};
use super::statements::{
    LAST_SEQ, SCHEMA, STATE_VERSION, append, command, epoch, replace_journal, scalar,
};
use super::{BufferError, FILE_NAME, crc32};

/// Format of the file.
const USER_VERSION: i64 = 1;
/// Marks the file as ours: "TRGT".
const APPLICATION_ID: i64 = 0x5452_4754;
const PAGE_BYTES: u64 = 4096;
/// A snapshot is taken, and the journal trimmed, after this much since the last.
const SNAPSHOT_AFTER_BYTES: usize = 4 << 20;
/// And after this many rows as soon as the pipeline has nothing open: then a snapshot is small.
const SNAPSHOT_AFTER_IDLE_ROWS: usize = 64;
/// Pages given back to the file system per slice; all at once would block for seconds.
const VACUUM_PAGES: &str = "PRAGMA incremental_vacuum(256)";
/// As the reader of the outbox does: whatever a damaged row has become, it can be read as these types.
const SNAPSHOT: &str = "SELECT coalesce(CAST(journal_seq AS INTEGER), 0), coalesce(CAST(version AS INTEGER), 0), coalesce(CAST(crc32 AS INTEGER), -1),
  coalesce(CAST(state AS BLOB), x'') FROM snapshot";
const JOURNAL: &str =
    "SELECT coalesce(CAST(crc32 AS INTEGER), -1), coalesce(CAST(inputs AS BLOB), x'') FROM journal
  WHERE seq > ? ORDER BY seq";

/// What was found when the buffer was opened.
#[derive(Debug)]
pub struct Opened {
    /// The writing side.
    pub store: Store,
    /// The pipeline as the journal left it.
    pub pipeline: Pipeline,
    /// Inputs replayed to get there.
    pub replayed: usize,
    /// Journal rows or snapshots that could not be read; their windows are lost.
    pub unreadable: usize,
}

/// The writing side of the buffer.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: SqliteConnection,
    path: PathBuf,
    epoch: String,
    journal_rows: usize,
    journal_bytes: usize,
    waiting: u64,
    last_seq: i64,
    // A transaction was begun and not seen to end.
    unsettled: bool,
    // Held for its lock only.
    _lock: File,
}

impl Store {
    /// Opens or creates the buffer in `directory` and replays its journal.
    ///
    /// # Errors
    /// The directory cannot be used, another process holds the buffer, or SQLite cannot open it.
    pub async fn open(directory: &Path, max_bytes: u64) -> Result<Opened, BufferError> {
        let existed = directory.ancestors().find(|ancestor| ancestor.is_dir());
        let lock = lock(directory)?;
        let path = directory.join(FILE_NAME);
        let pages = (max_bytes / PAGE_BYTES).max(64);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .page_size(4096)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(std::time::Duration::from_secs(5))
            .pragma("wal_autocheckpoint", "256")
            .pragma("journal_size_limit", "1048576")
            .pragma("max_page_count", pages.to_string())
            .disable_statement_logging();
        let mut connection = options
            .connect()
            .await
            .map_err(BufferError::database("open"))?;
        let found: i64 = scalar(&mut connection, "PRAGMA user_version", "read the format").await?;
        if found > USER_VERSION {
            return Err(BufferError::Newer { path, found });
        }
        sqlx::raw_sql(SCHEMA)
            .execute(&mut connection)
            .await
            .map_err(BufferError::database("create the tables"))?;
        if found < USER_VERSION {
            // Not on every start: on a full disk even this page cannot be written, and what waits must still be sent.
            let marks = format!(
                "PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={USER_VERSION};"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(marks))
                .execute(&mut connection)
                .await
                .map_err(BufferError::database("mark the file"))?;
        }
        let epoch = epoch(&mut connection).await?;
        sync_directories(directory, existed)?;
        let waiting: i64 = scalar(
            &mut connection,
            "SELECT count(*) FROM outbox",
            "count the outbox",
        )
        .await?;
        let last_seq = scalar(&mut connection, LAST_SEQ, "read the sequence").await?;
        let mut store = Self {
            connection,
            path,
            epoch,
            journal_rows: 0,
            journal_bytes: 0,
            waiting: u64::try_from(waiting).unwrap_or(0),
            last_seq,
            unsettled: false,
            _lock: lock,
        };
        let (pipeline, replayed, unreadable) = store.replay().await?;
        Ok(Opened {
            store,
            pipeline,
            replayed,
            unreadable,
        })
    }

    /// The file, for readers and messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Made with the file; sequences count within it.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Events not yet acknowledged.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The newest sequence number ever given out.
    #[must_use]
    pub const fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// Stores a batch of inputs and the events that came of it: all or nothing. Events that the outbox already holds (same
    /// id) are not stored again.
    ///
    /// # Errors
    /// Nothing was stored; [`BufferError::is_full`] tells whether waiting may help.
    pub async fn commit(
        &mut self,
        inputs: &[Input],
        events: &[MovementEvent],
        recorded: Time,
    ) -> Result<(), BufferError> {
        let encoded = postcard::to_stdvec(inputs).map_err(|source| BufferError::Encode {
            what: "inputs",
            source,
        })?;
        let crc = crc32(&[&encoded]);
        let bytes = encoded.len();
        self.begin().await?;
        let stored = append(&mut self.connection, encoded, crc, events, recorded).await;
        let (stored, last_seq) = self.end(stored).await?;
        self.journal_rows += 1;
        self.journal_bytes += bytes;
        self.waiting += stored;
        self.last_seq = last_seq;
        Ok(())
    }

    /// Replaces the journal by a snapshot when it has grown enough, or when a snapshot is cheap. `pipeline` must be what the
    /// journal folds to: every batch it has taken is committed.
    ///
    /// # Errors
    /// The journal is as it was.
    pub async fn trim(&mut self, pipeline: &Pipeline) -> Result<(), BufferError> {
        let idle = pipeline.next_tick().is_none();
        if self.journal_bytes >= SNAPSHOT_AFTER_BYTES
            || (idle && self.journal_rows >= SNAPSHOT_AFTER_IDLE_ROWS)
        {
            self.snapshot(pipeline).await?;
        }
        Ok(())
    }

    /// As [`Self::trim`], now.
    pub(super) async fn snapshot(&mut self, pipeline: &Pipeline) -> Result<(), BufferError> {
        let state =
            postcard::to_stdvec(pipeline.state()).map_err(|source| BufferError::Encode {
                what: "the state",
                source,
            })?;
        self.begin().await?;
        let replaced = replace_journal(&mut self.connection, state).await;
        self.end(replaced).await?;
        (self.journal_rows, self.journal_bytes) = (0, 0);
        if let Err(error) = self.give_back().await {
            debug!(%error, "No pages given back; the next time will do");
        }
        Ok(())
    }

    /// Forgets all events up to `seq`: the broker has them.
    ///
    /// # Errors
    /// Nothing was deleted.
    pub async fn acknowledged(&mut self, seq: i64) -> Result<u64, BufferError> {
        self.settle().await?;
        let done = sqlx::query("DELETE FROM outbox WHERE seq <= ?")
            .bind(seq)
            .execute(&mut self.connection)
            .await
            .map_err(BufferError::database("delete acknowledged events"))?;
        self.waiting = self.waiting.saturating_sub(done.rows_affected());
        Ok(done.rows_affected())
    }

    /// Closes the file in good order.
    ///
    /// # Errors
    /// SQLite could not finish; what was committed stays committed.
    pub async fn close(self) -> Result<(), BufferError> {
        self.connection
            .close()
            .await
            .map_err(BufferError::database("close"))
    }

    /// Begins a transaction. sqlx's own are not used: it goes on counting a transaction that SQLite has rolled back by
    /// itself (a full disk does that), takes the next for a savepoint within it, and its commit then stores nothing.
    async fn begin(&mut self) -> Result<(), BufferError> {
        self.settle().await?;
        self.unsettled = true;
        let begun = command(&mut self.connection, "BEGIN IMMEDIATE", "begin").await;
        if begun.is_err() {
            self.unsettled = false;
        }
        begun
    }

    /// Ends the transaction: commits what went well, undoes what did not.
    async fn end<T>(&mut self, outcome: Result<T, BufferError>) -> Result<T, BufferError> {
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

    /// Undoes a transaction that failed or was given up half-way, if SQLite has not done so itself.
    async fn settle(&mut self) -> Result<(), BufferError> {
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

    async fn give_back(&mut self) -> Result<(), BufferError> {
        sqlx::raw_sql(VACUUM_PAGES)
            .execute(&mut self.connection)
            .await
            .map_err(BufferError::database("give pages back"))?;
        Ok(())
    }

    async fn replay(&mut self) -> Result<(Pipeline, usize, usize), BufferError> {
        let (mut unreadable, mut replayed) = (0, 0);
        let row = sqlx::query(SNAPSHOT)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(BufferError::database("read the snapshot"))?;
        let (mut pipeline, mut covered) = (Pipeline::default(), 0_i64);
        if let Some(row) = row {
            let (version, crc, state): (i64, i64, Vec<u8>) = (row.get(1), row.get(2), row.get(3));
            covered = row.get(0);
            let good = version == STATE_VERSION && crc == crc32(&[&state]);
            match good.then(|| postcard::from_bytes::<State>(&state)) {
                Some(Ok(state)) => pipeline = Pipeline::from_state(state),
                _ => unreadable += 1,
            }
        }
        let rows = sqlx::query(JOURNAL)
            .bind(covered)
            .fetch_all(&mut self.connection)
            .await
            .map_err(BufferError::database("read the journal"))?;
        for row in rows {
            let (crc, inputs): (i64, Vec<u8>) = (row.get(0), row.get(1));
            self.journal_rows += 1;
            self.journal_bytes += inputs.len();
            match (crc == crc32(&[&inputs])).then(|| postcard::from_bytes::<Vec<Input>>(&inputs)) {
                Some(Ok(inputs)) => {
                    replayed += inputs.len();
                    for input in inputs {
                        // What came of it was committed together with it.
                        drop(pipeline.handle(input));
                    }
                }
                _ => unreadable += 1,
            }
        }
        Ok((pipeline, replayed, unreadable))
    }
}
