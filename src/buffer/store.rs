//! The writing side: one connection, owned by one task.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Pipeline, Time};

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
    connection: SqliteConnection,
    path: PathBuf,
    epoch: String,
    journal_rows: usize,
    journal_bytes: usize,
    waiting: u64,
    last_seq: i64,
    // Held for its lock only.
    _lock: File,
}

impl Store {
    /// Opens or creates the buffer in `directory` and replays its journal.
    ///
    /// # Errors
    /// The directory cannot be used, another process holds the buffer, or SQLite cannot open it.
    pub async fn open(directory: &Path, max_bytes: u64) -> Result<Opened, BufferError> {
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
        for pragma in [
            format!("PRAGMA user_version={USER_VERSION}"),
            format!("PRAGMA application_id={APPLICATION_ID}"),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(pragma))
                .execute(&mut connection)
                .await
                .map_err(BufferError::database("mark the file"))?;
        }
        let epoch = epoch(&mut connection).await?;
        sync_directory(directory)?;
        let waiting: i64 = scalar(
            &mut connection,
            "SELECT count(*) FROM outbox",
            "count the outbox",
        )
        .await?;
        let last_seq: i64 = scalar(
            &mut connection,
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0)",
            "read the sequence",
        )
        .await?;
        let mut store = Self {
            connection,
            path,
            epoch,
            journal_rows: 0,
            journal_bytes: 0,
            waiting: u64::try_from(waiting).unwrap_or(0),
            last_seq,
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
        let mut stored = 0;
        let mut transaction = self
            .connection
            .begin()
            .await
            .map_err(BufferError::database("begin"))?;
        sqlx::query("INSERT INTO journal(crc32, inputs) VALUES (?, ?)")
            .bind(crc)
            .bind(encoded)
            .execute(&mut *transaction)
            .await
            .map_err(BufferError::database("append to the journal"))?;
        for rows in events.chunks(ROWS_PER_INSERT) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO outbox(event_id, read_point, occurred_us, recorded_us, crc32, payload) ",
            );
            insert.push_values(rows, |mut row, event| {
                let id = event.id.to_string();
                let crc = crc32(&[id.as_bytes(), event.json.as_bytes()]);
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
                .execute(&mut *transaction)
                .await
                .map_err(BufferError::database("append to the outbox"))?;
            stored += done.rows_affected();
        }
        let last: i64 = sqlx::query_scalar(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0)",
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(BufferError::database("read the sequence"))?;
        transaction
            .commit()
            .await
            .map_err(BufferError::database("commit"))?;
        self.journal_rows += 1;
        self.journal_bytes += bytes;
        self.waiting += stored;
        self.last_seq = last;
        Ok(())
    }

    /// Replaces the journal by a snapshot when it has grown enough, or when a snapshot is cheap.
    ///
    /// # Errors
    /// The journal is as it was.
    pub async fn trim(&mut self, pipeline: &Pipeline) -> Result<(), BufferError> {
        let idle = pipeline.next_tick().is_none();
        if self.journal_bytes < SNAPSHOT_AFTER_BYTES
            && !(idle && self.journal_rows >= SNAPSHOT_AFTER_IDLE_ROWS)
        {
            return Ok(());
        }
        let state =
            postcard::to_stdvec(pipeline.state()).map_err(|source| BufferError::Encode {
                what: "the state",
                source,
            })?;
        let mut transaction = self
            .connection
            .begin()
            .await
            .map_err(BufferError::database("begin"))?;
        sqlx::query("INSERT OR REPLACE INTO snapshot(id, journal_seq, version, crc32, state) SELECT 1, coalesce(max(seq), 0), ?, ?, ? FROM journal")
            .bind(STATE_VERSION)
            .bind(crc32(&[&state]))
            .bind(state)
            .execute(&mut *transaction)
            .await
            .map_err(BufferError::database("write the snapshot"))?;
        sqlx::query("DELETE FROM journal")
            .execute(&mut *transaction)
            .await
            .map_err(BufferError::database("trim the journal"))?;
        transaction
            .commit()
            .await
            .map_err(BufferError::database("commit"))?;
        (self.journal_rows, self.journal_bytes) = (0, 0);
        self.give_back().await
    }

    /// Forgets all events up to `seq`: the broker has them.
    ///
    /// # Errors
    /// Nothing was deleted.
    pub async fn acknowledged(&mut self, seq: i64) -> Result<u64, BufferError> {
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
        let mut pipeline = Pipeline::default();
        if let Some(row) = row {
            let (version, crc, state): (i64, i64, Vec<u8>) = (row.get(1), row.get(2), row.get(3));
            let good = version == STATE_VERSION && crc == crc32(&[&state]);
            match good.then(|| postcard::from_bytes::<State>(&state)) {
                Some(Ok(state)) => pipeline = Pipeline::from_state(state),
                _ => unreadable += 1,
            }
        }
        let rows = sqlx::query("SELECT crc32, inputs FROM journal ORDER BY seq")
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

/// A new file is durable only once its directory is.
fn sync_directory(directory: &Path) -> Result<(), BufferError> {
    let sync = File::open(directory).and_then(|directory| directory.sync_all());
    sync.map_err(|source| BufferError::Directory {
        path: directory.to_owned(),
        source,
    })
}
