//! The tables, and what is done to them within a transaction.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use tracegate_pipeline::Time;

use super::stream::{NewRow, row_crc32};
use super::{BufferError, crc32};

/// Format of journal rows and snapshots; a change makes old ones unreadable on purpose.
pub(crate) const STATE_VERSION: i64 = 9;
/// Format of the file.
pub(super) const USER_VERSION: i64 = 4;
/// From here on there are dead letters.
pub(super) const LETTERS_SINCE: i64 = 2;
/// From here on acknowledged events may stay.
pub(super) const KEPT_SINCE: i64 = 3;
/// From here on rows have a stream.
pub(super) const STREAMS_SINCE: i64 = 4;
/// Everything up to here is acknowledged; 0 when the file does not say.
pub(super) const SENT: &str =
    "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent'), 0)";
/// Rows per INSERT; more gain nothing (measured: shared/forwarding.md section 3).
const ROWS_PER_INSERT: usize = 64;
/// The newest sequence number ever given out.
pub(super) const LAST_SEQ: &str =
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0)";

pub(super) const EPOCH: &str = "SELECT value FROM meta WHERE key = 'epoch'";
pub(super) const FORMAT: &str = "PRAGMA user_version";
/// The newest journal row ever written.
pub(super) const LAST_JOURNAL_SEQ: &str =
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='journal'), 0)";
/// How many events wait. Counting a million rows takes a second, so the ends are asked for: the numbers between them have no
/// gaps but the known ones. Two selects, because SQLite looks up only one end at a time without reading everything.
pub(super) const WAITING: &str =
    "SELECT max(0, coalesce((SELECT max(seq) FROM outbox) - max((SELECT min(seq) FROM outbox) - 1,
       coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent'), 0)), 0))";
/// Numbers between others that wait whose events are lost or set aside. Of whatever epoch: a repair goes on counting.
const HOLES_2: &str =
    "WITH ends(low, high) AS (SELECT max((SELECT min(seq) FROM outbox) - 1,
      coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent'), 0)), (SELECT max(seq) FROM outbox))
  SELECT (SELECT coalesce(sum(count), 0) FROM dropped, ends WHERE from_seq > low AND to_seq < high)
    + (SELECT count(*) FROM dead_letter, ends WHERE seq > low AND seq < high)";
/// The same from format 4 on. Of telemetry that was dropped one number is taken by the row that says so.
const HOLES: &str =
    "WITH ends(low, high) AS (SELECT max((SELECT min(seq) FROM outbox) - 1,
      coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent'), 0)), (SELECT max(seq) FROM outbox))
  SELECT (SELECT coalesce(sum(min(count, to_seq - low)), 0) FROM dropped, ends WHERE to_seq > low AND to_seq <= high)
    + (SELECT count(*) FROM dead_letter, ends WHERE seq > low AND seq < high)
    - (SELECT count(*) FROM ends, outbox INDEXED BY outbox_telemetry WHERE stream > 0 AND stream = 2 AND seq > low
        AND seq IN (SELECT to_seq FROM dropped WHERE stream > 0))";

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, crc32 INTEGER NOT NULL, inputs BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot(id INTEGER PRIMARY KEY CHECK (id = 1), journal_seq INTEGER NOT NULL, version INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, read_point TEXT NOT NULL,
  occurred_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL, crc32 INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
";

/// What format 2 has besides. A damaged row may hold anything, and is kept as it is.
pub(super) const SCHEMA_2: &str = "
CREATE TABLE IF NOT EXISTS dead_letter(id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, seq INTEGER NOT NULL, event_id ANY,
  read_point ANY, occurred_us ANY, recorded_us ANY, crc32 ANY, payload ANY, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
  attempts INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS dropped(id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL,
  to_seq INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT;
";

/// What format 4 has besides. Older rows are movements; the index holds none of them.
pub(super) const SCHEMA_4: &str = "
ALTER TABLE outbox ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letter ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dropped ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_telemetry ON outbox(seq, stream, length(payload)) WHERE stream > 0;
";

/// What [`append`] did.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) events: u64,
    /// The newest of them.
    pub(super) last_seq: Option<i64>,
    pub(super) journal_seq: i64,
}

/// Deletes the oldest rows up to `seq`, at most so many.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    seq: i64,
    rows: i64,
) -> Result<u64, BufferError> {
    let done = sqlx::query(
        "DELETE FROM outbox WHERE seq <=
           (SELECT max(seq) FROM (SELECT seq FROM outbox WHERE seq <= ? ORDER BY seq LIMIT ?))",
    )
    .bind(seq)
    .bind(rows)
    .execute(connection)
    .await
    .map_err(BufferError::database("delete acknowledged events"))?;
    Ok(done.rows_affected())
}

/// One journal row, and the events that the outbox does not hold yet. Before format 4 they are movements only.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    (inputs, inputs_crc): (&[u8], i64),
    rows: &[&NewRow<'_>],
    recorded: Time,
    format: i64,
) -> Result<Appended, BufferError> {
    let has_streams = format >= STREAMS_SINCE;
    let journal = sqlx::query("INSERT INTO journal(crc32, inputs) VALUES (?, ?)")
        .bind(inputs_crc)
        .bind(inputs)
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("append to the journal"))?;
    let (mut stored, mut last_seq, mut seen) = (0, None, BTreeSet::new());
    let new = rows.iter().filter(|row| seen.insert(row.id.as_str()));
    let new: Vec<&&NewRow<'_>> = new.collect();
    for rows in new.chunks(ROWS_PER_INSERT) {
        // Leaving it to the conflict would do, but uses a sequence number up, and a consumer would look for the event that has it.
        let streams = if has_streams { ", stream" } else { "" };
        let mut insert = QueryBuilder::<Sqlite>::new(format!(
            "INSERT INTO outbox(event_id, read_point, occurred_us, recorded_us, crc32, payload{streams}) \
             SELECT * FROM (",
        ));
        insert.push_values(rows, |mut values, row| {
            let texts = [row.id.as_bytes(), row.place.as_bytes(), row.json.as_bytes()];
            let stream = row.stream.number();
            values
                .push_bind(&row.id)
                .push_bind(&*row.place)
                .push_bind(row.at.0)
                .push_bind(recorded.0)
                .push_bind(row_crc32(stream, texts))
                .push_bind(&*row.json);
            if has_streams {
                values.push_bind(stream);
            }
        });
        insert.push(
            ") WHERE column1 NOT IN (SELECT event_id FROM outbox) ON CONFLICT(event_id) DO NOTHING",
        );
        let done = insert
            .build()
            .execute(&mut *connection)
            .await
            .map_err(BufferError::database("append to the outbox"))?;
        if done.rows_affected() > 0 {
            stored += done.rows_affected();
            last_seq = Some(done.last_insert_rowid());
        }
    }
    Ok(Appended {
        events: stored,
        last_seq,
        journal_seq: journal.last_insert_rowid(),
    })
}

/// One event becomes a dead letter; it and the acknowledged ones before it, down to `kept`, leave the outbox.
pub(super) async fn set_aside(
    connection: &mut SqliteConnection,
    (kept, seq): (i64, i64),
    reason: &str,
    attempts: u32,
    at: Time,
) -> Result<u64, BufferError> {
    sqlx::query(
        "INSERT INTO dead_letter(epoch, seq, event_id, read_point, occurred_us, recorded_us, crc32, payload, stream, reason, at_us, attempts)
         SELECT (SELECT value FROM meta WHERE key = 'epoch'), seq, event_id, read_point, occurred_us, recorded_us, crc32, payload, stream, ?, ?, ?
         FROM outbox WHERE seq = ?",
    )
    .bind(reason)
    .bind(at.0)
    .bind(attempts)
    .bind(seq)
    .execute(&mut *connection)
    .await
    .map_err(BufferError::database("set an event aside"))?;
    let gone = sqlx::query("DELETE FROM outbox WHERE seq > ? AND seq <= ?")
        .bind(kept)
        .bind(seq)
        .execute(connection)
        .await
        .map_err(BufferError::database("set an event aside"))?;
    Ok(gone.rows_affected())
}

/// The journal goes first: in a full file the snapshot takes its place.
pub(super) async fn replace_journal(
    connection: &mut SqliteConnection,
    state: Vec<u8>,
) -> Result<(), BufferError> {
    let last = scalar(connection, LAST_JOURNAL_SEQ, "read the journal's end").await?;
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

/// Numbers between those that wait that no event waits for.
pub(super) async fn holes(
    connection: &mut SqliteConnection,
    format: i64,
) -> Result<i64, BufferError> {
    let sql = match format {
        STREAMS_SINCE.. => HOLES,
        LETTERS_SINCE.. => HOLES_2,
        _ => return Ok(0),
    };
    scalar(connection, sql, "count the gaps").await
}

pub(super) async fn command(
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

pub(super) async fn scalar(
    connection: &mut SqliteConnection,
    sql: &'static str,
    doing: &'static str,
) -> Result<i64, BufferError> {
    sqlx::query_scalar(sql)
        .fetch_one(connection)
        .await
        .map_err(BufferError::database(doing))
}

pub(super) async fn epoch(connection: &mut SqliteConnection) -> Result<String, BufferError> {
    sqlx::query("INSERT INTO meta(key, value) VALUES ('epoch', ?) ON CONFLICT(key) DO NOTHING")
        .bind(uuid::Uuid::new_v4().to_string())
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database("write the epoch"))?;
    sqlx::query_scalar(EPOCH)
        .fetch_one(connection)
        .await
        .map_err(BufferError::database("read the epoch"))
}
