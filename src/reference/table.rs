//! The table: SQLite, one row per thing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row as _, SqliteConnection};
use tracegate_pipeline::reference::{Facts, Reference};

/// The file, beside the buffer's.
pub const FILE_NAME: &str = "reference.sqlite";
/// The format of the table; a newer one is not guessed at.
const USER_VERSION: i64 = 1;
/// Rows stored in one transaction: a gateway that runs beside a bulk load waits no longer than for these.
const ROWS_AT_ONCE: usize = 500;
/// Rows forgotten at a time when there are too many.
const EVICTED_AT_ONCE: i64 = 500;

const SCHEMA: &str = "BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS reference (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  stored_us INTEGER NOT NULL,
  facts TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reference_age ON reference (version > 0, stored_us);
PRAGMA user_version = 1;
COMMIT;";
// What the site says replaces what was seen here, and what was seen here only what was seen here.
const STORE: &str = "INSERT INTO reference (key, version, stored_us, facts) VALUES (?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET version = excluded.version, stored_us = excluded.stored_us, facts = excluded.facts
  WHERE excluded.version >= reference.version";
const LOOK: &str =
    "SELECT key, version, facts FROM reference WHERE key IN (SELECT value FROM json_each(?))";
const LIST: &str = "SELECT key, version, stored_us, facts FROM reference
  WHERE facts IS NOT NULL AND instr(key, ?) > 0 ORDER BY key LIMIT ?";
// What was seen here goes before what the site says, the oldest first.
const EVICT: &str = "DELETE FROM reference WHERE key IN
  (SELECT key FROM reference ORDER BY version > 0, stored_us LIMIT ?)";
const COUNT: &str = "SELECT count(*) FROM reference";

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// SQLite refused.
    #[error("cannot {what} in {}", path.display())]
    Database {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a newer version's.
    #[error("{} has format {found}, this version knows up to {USER_VERSION}; install the newer one again", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The thing.
    pub key: String,
    /// Version of the record; 0 for what was seen here.
    pub version: u64,
    /// When it was stored, in microseconds since 1970.
    pub stored_us: i64,
    /// What is known.
    pub facts: Facts,
}

/// What became of records that were to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Stored.
    pub stored: u64,
    /// Left out, because a newer version is known.
    pub outdated: u64,
    /// Older ones forgotten to make room.
    pub evicted: u64,
}

/// The table, open.
#[derive(Debug)]
pub struct Table {
    connection: SqliteConnection,
    path: PathBuf,
    max_records: u64,
    records: u64,
}

impl Table {
    /// Opens the table in `directory`, or makes it. `patience` is how long others that write are waited for.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged or a newer version's.
    pub async fn open(
        directory: &Path,
        max_records: u64,
        patience: Duration,
    ) -> Result<Self, TableError> {
        let path = directory.join(FILE_NAME);
        let failed = |what| {
            let path = path.clone();
            move |source| TableError::Database { what, path, source }
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(patience)
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed("open the reference table"))?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut connection)
            .await
            .map_err(failed("read the format"))?;
        if found > USER_VERSION {
            return Err(TableError::Newer { path, found });
        }
        if found < USER_VERSION {
            sqlx::raw_sql(SCHEMA)
                .execute(&mut connection)
                .await
                .map_err(failed("make the reference table"))?;
        }
        let mut table = Self {
            connection,
            path,
            max_records,
            records: 0,
        };
        table.recount().await?;
        Ok(table)
    }

    /// Records there are, as far as is known here: another process may have added some.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Counts the records anew.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn recount(&mut self) -> Result<(), TableError> {
        let count: i64 = sqlx::query_scalar(COUNT)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| self.failed("count", source))?;
        self.records = u64::try_from(count).unwrap_or(0);
        Ok(())
    }

    /// The records of these things, deletions too.
    ///
    /// # Errors
    /// SQLite refused. A record that cannot be read is left out.
    pub async fn look(&mut self, keys: &[String]) -> Result<Vec<Reference>, TableError> {
        let list = serde_json::to_string(keys).unwrap_or_default();
        let rows = sqlx::query(LOOK)
            .bind(list)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|source| self.failed("look up", source))?;
        let record = |row: &sqlx::sqlite::SqliteRow| {
            let version: i64 = row.try_get(1).ok()?;
            let facts: Option<String> = row.try_get(2).ok()?;
            Some(Reference {
                key: row.try_get(0).ok()?,
                version: u64::try_from(version).ok()?,
                facts: match facts {
                    Some(text) => Some(serde_json::from_str(&text).ok()?),
                    None => None,
                },
            })
        };
        let mut found: Vec<Reference> = rows.iter().filter_map(record).collect();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Stores records; those of which a newer version is known are left out. When there are too many, the oldest of what was
    /// seen here go first, then the oldest of all.
    ///
    /// # Errors
    /// SQLite refused; some of them may be stored.
    pub async fn store(
        &mut self,
        records: &[Reference],
        now_us: i64,
    ) -> Result<Figures, TableError> {
        let mut figures = Figures::default();
        for some in records.chunks(ROWS_AT_ONCE) {
            let (stored, evicted) = self
                .store_some(some, now_us)
                .await
                .map_err(|source| self.failed("store", source))?;
            figures.stored += stored;
            figures.outdated += some.len() as u64 - stored;
            figures.evicted += evicted;
        }
        Ok(figures)
    }

    async fn store_some(
        &mut self,
        records: &[Reference],
        now_us: i64,
    ) -> Result<(u64, u64), sqlx::Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut stored = 0;
        for record in records {
            let facts = record.facts.as_ref().map(serde_json::to_string);
            let facts = facts
                .transpose()
                .map_err(|error| sqlx::Error::Encode(error.into()))?;
            let done = sqlx::query(STORE)
                .bind(&record.key)
                .bind(i64::try_from(record.version).unwrap_or(i64::MAX))
                .bind(now_us)
                .bind(facts)
                .execute(&mut *transaction)
                .await?;
            stored += done.rows_affected().min(1);
        }
        let mut evicted = 0;
        // Replaced ones count too, so this is no less than there are; then it is counted exactly.
        let mut count = self.records + stored;
        if count > self.max_records {
            let exact: i64 = sqlx::query_scalar(COUNT)
                .fetch_one(&mut *transaction)
                .await?;
            count = u64::try_from(exact).unwrap_or(0);
        }
        while count > self.max_records {
            let most = i64::try_from(count - self.max_records).unwrap_or(i64::MAX);
            let done = sqlx::query(EVICT)
                .bind(most.min(EVICTED_AT_ONCE))
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                break;
            }
            evicted += done.rows_affected();
            count = count.saturating_sub(done.rows_affected());
        }
        transaction.commit().await?;
        self.records = count;
        Ok((stored, evicted))
    }

    /// Records whose thing has `text` in its name, in order, as many as `limit`.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn list(&mut self, text: &str, limit: u32) -> Result<Vec<Row>, TableError> {
        let rows = sqlx::query(LIST)
            .bind(text)
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|source| self.failed("list", source))?;
        let record = |row: &sqlx::sqlite::SqliteRow| {
            let version: i64 = row.try_get(1).ok()?;
            let facts: String = row.try_get(3).ok()?;
            Some(Row {
                key: row.try_get(0).ok()?,
                version: u64::try_from(version).ok()?,
                stored_us: row.try_get(2).ok()?,
                facts: serde_json::from_str(&facts).ok()?,
            })
        };
        Ok(rows.iter().filter_map(record).collect())
    }

    /// Closes the file in good order.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn close(self) -> Result<(), TableError> {
        let path = self.path;
        let closed = self.connection.close().await;
        closed.map_err(|source| TableError::Database {
            what: "close the reference table",
            path,
            source,
        })
    }

    fn failed(&self, what: &'static str, source: sqlx::Error) -> TableError {
        let path = self.path.clone();
        TableError::Database { what, path, source }
    }
}
