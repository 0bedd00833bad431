//! The writing side: one connection, owned by one task.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Pipeline, Time};
use tracing::debug;

use super::{BufferError, FILE_NAME, crc32};

/// Format of the file.
const USER_VERSION: i64 = 1;
/// Marks the file as ours: "TRGT".
const APPLICATION_ID: i64 = 0x5452_4754;
/// Format of journal rows and snapshots; a change makes old ones unreadable on purpose.
const STATE_VERSION: i64 = 1;
const PAGE_BYTES: u64 = 4096;
/// A snapshot is taken, and the journal trimmed, after this much since the last.
const SNAPSHOT_AFTER_BYTES: usize = 4 << 20;
/// And after this many rows as soon as the pipeline has nothing open: then a snapshot is small.
const SNAPSHOT_AFTER_IDLE_ROWS: usize = 64;
/// Rows per INSERT; more gain nothing (measured: shared/forwarding.md section 3).
const ROWS_PER_INSERT: usize = 64;
/// Pages given back to the file system per slice; all at once would block for seconds.
const VACUUM_PAGES: &str = "PRAGMA incremental_vacuum(256)";
/// The newest sequence number ever given out.
const LAST_SEQ: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0)";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, crc32 INTEGER NOT NULL, inputs BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot(id INTEGER PRIMARY KEY CHECK (id = 1), journal_seq INTEGER NOT NULL, version INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, read_point TEXT NOT NULL,
  occurred_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL, crc32 INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
";

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
        let row = sqlx::query("SELECT journal_seq, version, crc32, state FROM snapshot")
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
        let rows = sqlx::query("SELECT crc32, inputs FROM journal WHERE seq > ? ORDER BY seq")
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

/// One journal row, and the events that the outbox does not hold yet. Returns how many those were, and the newest sequence
/// number.
async fn append(
    connection: &mut SqliteConnection,
    inputs: Vec<u8>,
    inputs_crc: i64,
    events: &[MovementEvent],
    recorded: Time,
) -> Result<(u64, i64), BufferError> {
    sqlx::query("INSERT INTO journal(crc32, inputs) VALUES (?, ?)")
        .bind(inputs_crc)
        .bind(inputs)
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("append to the journal"))?;
    let mut stored = 0;
    for rows in events.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO outbox(event_id, read_point, occurred_us, recorded_us, crc32, payload) ",
        );
        insert.push_values(rows, |mut row, event| {
            let id = event.id.to_string();
            let crc = crc32(&[
                id.as_bytes(),
                event.read_point.as_bytes(),
                event.json.as_bytes(),
            ]);
            row.push_bind(id)
                .push_bind(&event.read_point)
                .push_bind(event.at.0)
                .push_bind(recorded.0)
                .push_bind(crc)
                .push_bind(&event.json);
        });
        insert.push(" ON CONFLICT(event_id) DO NOTHING");
        let done = insert
            .build()
            .execute(&mut *connection)
            .await
            .map_err(BufferError::database("append to the outbox"))?;
        stored += done.rows_affected();
    }
    Ok((
        stored,
        scalar(connection, LAST_SEQ, "read the sequence").await?,
    ))
}

/// The journal goes first: in a full file the snapshot takes its place.
async fn replace_journal(
    connection: &mut SqliteConnection,
    state: Vec<u8>,
) -> Result<(), BufferError> {
    let last = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='journal'), 0)";
    let last = scalar(connection, last, "read the journal's end").await?;
    sqlx::query("DELETE FROM journal")
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("trim the journal"))?;
    sqlx::query("INSERT OR REPLACE INTO snapshot(id, journal_seq, version, crc32, state) VALUES (1, ?, ?, ?, ?)")
        .bind(last)
        .bind(STATE_VERSION)
        .bind(crc32(&[&state]))
        .bind(state)
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("write the snapshot"))?;
    Ok(())
}

async fn command(
    connection: &mut SqliteConnection,
    sql: &'static str,
    doing: &'static str,
) -> Result<(), BufferError> {
    sqlx::query(sql)
        .execute(connection)
        .await
        .map_err(BufferError::database(doing))?;
    Ok(())
}

async fn scalar(
    connection: &mut SqliteConnection,
    sql: &'static str,
    doing: &'static str,
) -> Result<i64, BufferError> {
    sqlx::query_scalar(sql)
        .fetch_one(connection)
        .await
        .map_err(BufferError::database(doing))
}

async fn epoch(connection: &mut SqliteConnection) -> Result<String, BufferError> {
    sqlx::query("INSERT INTO meta(key, value) VALUES ('epoch', ?) ON CONFLICT(key) DO NOTHING")
        .bind(uuid::Uuid::new_v4().to_string())
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("write the epoch"))?;
    sqlx::query_scalar("SELECT value FROM meta WHERE key = 'epoch'")
        .fetch_one(connection)
        .await
        .map_err(BufferError::database("read the epoch"))
}

/// Two gateways on one buffer would send everything twice and delete what the other has not sent.
fn lock(directory: &Path) -> Result<File, BufferError> {
    let unusable = |source| BufferError::Directory {
        path: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(unusable)?;
    let path = directory.join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(BufferError::InUse {
            path: directory.join(FILE_NAME),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// A new file is durable only once its directory is, and a new directory once the one that it is in is.
fn sync_directories(directory: &Path, existed: Option<&Path>) -> Result<(), BufferError> {
    for directory in directory.ancestors() {
        let readable = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => directory,
        };
        File::open(readable)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| BufferError::Directory {
                path: directory.to_owned(),
                source,
            })?;
        if existed == Some(directory) {
            break;
        }
    }
    Ok(())
}
