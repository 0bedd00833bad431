//! Connections to the file: how each is set up, and what a new file is given.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use super::statements::{FORMAT, SCHEMA, SCHEMA_2, SCHEMA_4, STREAMS_SINCE, USER_VERSION, scalar};
use super::{BufferError, space};

/// Marks the file as ours: "TRGT".
const APPLICATION_ID: i64 = 0x5452_4754;
pub(super) const PAGE_BYTES: u64 = 4096;
/// Others have the file for moments only.
const PATIENCE: Duration = Duration::from_secs(5);

/// The least the buffer makes of a cap, in pages.
pub(super) fn max_pages(max_bytes: u64) -> u64 {
    (max_bytes / PAGE_BYTES).max(64)
}

/// The connection that writes; makes the file if there is none.
pub(super) async fn for_writing(
    path: &Path,
    max_bytes: u64,
) -> Result<SqliteConnection, BufferError> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(4096)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .pragma("wal_autocheckpoint", "256")
        .pragma("journal_size_limit", space::WAL_LIMIT_BYTES.to_string())
        .pragma("max_page_count", max_pages(max_bytes).to_string())
        .disable_statement_logging()
        .connect()
        .await
        .map_err(BufferError::database("open"))
}

/// A connection that can do no harm. Read-only also because the last connection to be closed would otherwise delete the
/// write-ahead log by its name, and the name may be another file's by then.
pub(super) async fn for_reading(path: &Path) -> Result<SqliteConnection, BufferError> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(BufferError::database("open for reading"))
}

/// A connection to a file that nobody writes, without its log and without a look at its locks.
pub(super) async fn immutable(path: &Path) -> Result<SqliteConnection, BufferError> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(BufferError::database("open the damaged file"))
}

/// A connection that leaves no trace: where nothing is left of a log nobody writes, and nothing is made beside the file. True
/// with it if it is one that counts on that.
pub(super) async fn without_trace(path: &Path) -> Result<(SqliteConnection, bool), BufferError> {
    let log = std::fs::metadata(super::aside::beside(path, "-wal"));
    if log.map_or(0, |log| log.len()) == 0 {
        return Ok((immutable(path).await?, true));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    if access(directory, Access::WRITE_OK | Access::EXEC_OK) == Err(Errno::ACCESS) {
        let directory = directory.to_owned();
        return Err(BufferError::Denied { directory });
    }
    Ok((for_reading(path).await?, false))
}

/// Holds a connection's place while there is no file to connect to.
pub(super) async fn none() -> Result<SqliteConnection, BufferError> {
    SqliteConnectOptions::new()
        .in_memory(true)
        .connect()
        .await
        .map_err(BufferError::database("let go of the file"))
}

/// Makes the tables that are missing. Returns the format that the file has now: on a full disk an older one stays as it is,
/// because what waits in it must still be sent.
///
/// # Errors
/// The file is a newer version's, or SQLite refused.
pub(super) async fn prepare(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<i64, BufferError> {
    let found: i64 = scalar(connection, FORMAT, "read the format").await?;
    if found > USER_VERSION {
        let path = path.to_owned();
        return Err(BufferError::Newer { path, found });
    }
    if found == USER_VERSION {
        return Ok(found);
    }
    match migrate(connection, found).await {
        Err(error) if found > 0 && error.is_full() => Ok(found),
        Err(error) => Err(error),
        Ok(()) => Ok(USER_VERSION),
    }
}

/// From nothing or an older format to the present one; all or nothing. Rows are not rewritten, but read once.
async fn migrate(connection: &mut SqliteConnection, found: i64) -> Result<(), BufferError> {
    let streams = if found < STREAMS_SINCE { SCHEMA_4 } else { "" };
    let sql = format!(
        "BEGIN IMMEDIATE; {SCHEMA} {SCHEMA_2} {streams} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={USER_VERSION}; COMMIT;"
    );
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("create the tables"));
    if done.is_err() {
        // Fails when SQLite has undone it by itself.
        drop(sqlx::raw_sql("ROLLBACK").execute(connection).await);
    }
    done.map(drop)
}
