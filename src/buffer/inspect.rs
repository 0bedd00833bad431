//! The buffer as an operator sees it: what waits, what was set aside and why. Looking works beside a running gateway; changing
//! needs the lock, because the gateway keeps figures of its own.

use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};
use tracegate_pipeline::Time;

use super::connect::{self, PAGE_BYTES};
use super::directory::{Lock, lock};
use super::repair::{self, wall_clock};
use super::statements::{
    EPOCH, FORMAT, LAST_SEQ, LETTERS_SINCE, STREAMS_SINCE, WAITING, command, holes, scalar,
};
use super::stream::{Stream, row_crc32};
use super::{BufferError, FILE_NAME, kept};

/// No cap for an operator who makes room.
const NO_CAP: u64 = 1 << 42;
const LETTERS: &str = "SELECT id, epoch, seq, CAST(event_id AS BLOB), CAST(read_point AS BLOB), CAST(payload AS BLOB),
  coalesce(CAST(crc32 AS INTEGER), -1), coalesce(CAST(occurred_us AS INTEGER), 0), coalesce(CAST(recorded_us AS INTEGER), 0),
  reason, at_us, attempts";

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Letter {
    /// Its number among dead letters.
    pub id: i64,
    /// The epoch it was counted in.
    pub epoch: String,
    /// Its sequence number then.
    pub seq: i64,
    /// What it is.
    pub stream: Stream,
    /// EPCIS event hash id.
    pub event_id: String,
    /// Where it happened.
    pub read_point: String,
    /// When it happened, in µs since 1970.
    pub occurred_us: i64,
    /// When it was stored, in µs since 1970.
    pub recorded_us: i64,
    /// Why it was set aside.
    pub reason: String,
    /// When, in µs since 1970.
    pub at_us: i64,
    /// How often it was sent in vain.
    pub attempts: i64,
    /// Whether it is what was stored.
    pub intact: bool,
    /// The event.
    pub payload: String,
}

/// An event that waits, or is kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Its sequence number.
    pub seq: i64,
    /// What it is.
    pub stream: Stream,
    /// EPCIS event hash id.
    pub event_id: String,
    /// Where it happened.
    pub read_point: String,
    /// When it was stored, in µs since 1970.
    pub recorded_us: i64,
}

/// The buffer in figures.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// Names the buffer.
    pub epoch: String,
    /// Events that wait.
    pub waiting: i64,
    /// Telemetry among them.
    pub telemetry: i64,
    /// When the oldest of them was stored, in µs since 1970.
    pub oldest_us: Option<i64>,
    /// The newest sequence number ever given out.
    pub last_seq: i64,
    /// Events that are acknowledged and kept, about.
    pub kept: i64,
    /// Events set aside.
    pub dead_letters: i64,
    /// Events lost or discarded since the file was made.
    pub dropped: i64,
    /// Telemetry dropped since then.
    pub telemetry_dropped: i64,
    /// Bytes of the file in use.
    pub bytes: i64,
}

/// A look at the buffer's file.
#[derive(Debug)]
pub struct Inspector {
    connection: SqliteConnection,
    // Format 1 has no dead letters, and before format 4 there are no streams.
    format: i64,
    // Held for its lock only, by who changes something.
    _lock: Option<Lock>,
}

impl Inspector {
    /// For looking only; the gateway may be running.
    ///
    /// # Errors
    /// There is no buffer in `directory`, or it cannot be read.
    pub async fn look(directory: &Path) -> Result<Self, BufferError> {
        let path = existing(directory)?;
        let mut connection = connect::for_reading(&path).await?;
        let format = scalar(&mut connection, FORMAT, "read the format").await?;
        Ok(Self {
            connection,
            format,
            _lock: None,
        })
    }

    /// For changing; refused while a gateway runs.
    ///
    /// # Errors
    /// There is no buffer in `directory`, a gateway has it open, or it cannot be written.
    pub async fn change(directory: &Path) -> Result<Self, BufferError> {
        let path = existing(directory)?;
        let lock = lock(directory)?;
        // What is changed in a file about to be replaced would be lost with it.
        repair::finish(directory)?;
        let mut connection = connect::for_writing(&path, NO_CAP).await?;
        let format = connect::prepare(&mut connection, &path).await?;
        Ok(Self {
            connection,
            format,
            _lock: Some(lock),
        })
    }

    /// The buffer in figures.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn stats(&mut self) -> Result<Stats, BufferError> {
        let connection = &mut self.connection;
        let epoch = sqlx::query_scalar(EPOCH)
            .fetch_one(&mut *connection)
            .await
            .map_err(BufferError::database("read the epoch"))?;
        let waiting = scalar(connection, WAITING, "count the outbox").await?;
        let waiting = waiting - holes(connection, self.format).await?;
        let (mut dead_letters, mut dropped) = (0, 0);
        if self.format >= LETTERS_SINCE {
            let count = "SELECT count(*) FROM dead_letter";
            dead_letters = scalar(connection, count, "count dead letters").await?;
            let count = "SELECT coalesce(sum(count), 0) FROM dropped";
            dropped = scalar(connection, count, "count what was dropped").await?;
        }
        let (mut telemetry, mut telemetry_dropped) = (0, 0);
        if self.format >= STREAMS_SINCE {
            let count = "SELECT coalesce(sum(count), 0) FROM dropped WHERE stream > 0";
            telemetry_dropped = scalar(connection, count, "count what was dropped").await?;
            dropped -= telemetry_dropped;
            let count =
                "SELECT count(*) FROM outbox INDEXED BY outbox_telemetry WHERE stream > 0 AND seq >
              coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent'), 0)";
            telemetry = scalar(connection, count, "count telemetry").await?;
        }
        let pages =
            "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count";
        let pages = scalar(connection, pages, "measure the file").await?;
        let sent = kept::sent_number(connection).await?;
        Ok(Stats {
            epoch,
            waiting,
            telemetry,
            oldest_us: sqlx::query_scalar(
                "SELECT recorded_us FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1",
            )
            .bind(sent)
            .fetch_optional(&mut *connection)
            .await
            .map_err(BufferError::database("find the oldest event"))?,
            last_seq: scalar(connection, LAST_SEQ, "read the sequence").await?,
            kept: kept::kept(connection).await?,
            dead_letters,
            dropped,
            telemetry_dropped,
            bytes: pages.saturating_mul(i64::try_from(PAGE_BYTES).unwrap_or(4096)),
        })
    }

    /// The oldest `limit` events that wait.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn waiting(&mut self, limit: u32) -> Result<Vec<Waiting>, BufferError> {
        let sent = kept::sent_number(&mut self.connection).await?;
        self.events((sent, i64::MAX), limit).await
    }

    /// The oldest `limit` events that are kept although they are acknowledged.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn kept(&mut self, limit: u32) -> Result<Vec<Waiting>, BufferError> {
        let sent = kept::sent_number(&mut self.connection).await?;
        self.events((0, sent), limit).await
    }

    /// Events after the first number, up to the second.
    async fn events(
        &mut self,
        (after, until): (i64, i64),
        limit: u32,
    ) -> Result<Vec<Waiting>, BufferError> {
        let sql = format!(
            "SELECT seq, CAST(event_id AS BLOB), CAST(read_point AS BLOB), coalesce(CAST(recorded_us AS INTEGER), 0), {}
             FROM outbox WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            self.streams()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after)
            .bind(until)
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(BufferError::database("read the outbox"))?;
        let waiting = |row: &SqliteRow| Waiting {
            seq: row.get(0),
            stream: Stream::of(row.get(4)).unwrap_or_default(),
            event_id: text(&blob(row, 1)),
            read_point: text(&blob(row, 2)),
            recorded_us: row.get(3),
        };
        Ok(rows.iter().map(waiting).collect())
    }

    const fn streams(&self) -> &'static str {
        match self.format {
            STREAMS_SINCE.. => "coalesce(CAST(stream AS INTEGER), 0)",
            _ => "0",
        }
    }

    /// The oldest `limit` dead letters.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn letters(&mut self, limit: u32) -> Result<Vec<Letter>, BufferError> {
        if self.format < LETTERS_SINCE {
            return Ok(Vec::new());
        }
        let sql = format!(
            "{LETTERS}, {} FROM dead_letter ORDER BY id LIMIT ?",
            self.streams()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(BufferError::database("read dead letters"))?;
        Ok(rows.iter().map(letter).collect())
    }

    /// One dead letter.
    ///
    /// # Errors
    /// There is none with this number, or SQLite cannot read.
    pub async fn letter(&mut self, id: i64) -> Result<Letter, BufferError> {
        if self.format < LETTERS_SINCE {
            return Err(BufferError::NoSuchLetter { id });
        }
        let sql = format!(
            "{LETTERS}, {} FROM dead_letter WHERE id = ?",
            self.streams()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(BufferError::database("read a dead letter"))?;
        row.as_ref()
            .map(letter)
            .ok_or(BufferError::NoSuchLetter { id })
    }

    /// Puts dead letters behind everything that waits, to be sent again: all or none. One that waits there already (same id)
    /// only stops being a dead letter.
    ///
    /// # Errors
    /// One of them is not there or damaged, or SQLite cannot write.
    pub async fn requeue(&mut self, ids: &[i64]) -> Result<(), BufferError> {
        for &id in ids {
            if !self.letter(id).await?.intact {
                return Err(BufferError::LetterDamaged { id });
            }
        }
        let sql = [
            "INSERT INTO outbox(event_id, read_point, occurred_us, recorded_us, crc32, payload, stream)
             SELECT event_id, read_point, occurred_us, recorded_us, crc32, payload, stream FROM dead_letter
             WHERE id = ?1 AND event_id NOT IN (SELECT event_id FROM outbox)",
            "DELETE FROM dead_letter WHERE id = ?1",
        ];
        self.each(ids, &sql, Time(0)).await
    }

    /// Throws dead letters away for good, and notes that: all or none.
    ///
    /// # Errors
    /// One of them is not there, or SQLite cannot write.
    pub async fn discard(&mut self, ids: &[i64]) -> Result<(), BufferError> {
        for &id in ids {
            self.letter(id).await?;
        }
        let sql = [
            "INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us)
             SELECT epoch, seq, seq, 1, 'discarded: ' || reason, ?2 FROM dead_letter WHERE id = ?1",
            "DELETE FROM dead_letter WHERE id = ?1",
        ];
        self.each(ids, &sql, wall_clock()).await
    }

    /// Closes the file in good order.
    ///
    /// # Errors
    /// SQLite could not finish; what was changed stays changed.
    pub async fn close(self) -> Result<(), BufferError> {
        let closed = self.connection.close().await;
        closed.map_err(BufferError::database("close"))
    }

    async fn each(
        &mut self,
        ids: &[i64],
        sql: &[&'static str],
        at: Time,
    ) -> Result<(), BufferError> {
        const DOING: &str = "change dead letters";
        let connection = &mut self.connection;
        command(connection, "BEGIN IMMEDIATE", DOING).await?;
        for &id in ids {
            for &statement in sql {
                let mut query = sqlx::query(statement).bind(id);
                if statement.contains("?2") {
                    query = query.bind(at.0);
                }
                if let Err(error) = query.execute(&mut *connection).await {
                    drop(command(connection, "ROLLBACK", DOING).await);
                    return Err(BufferError::database(DOING)(error));
                }
            }
        }
        command(connection, "COMMIT", DOING).await
    }
}

pub(super) fn existing(directory: &Path) -> Result<std::path::PathBuf, BufferError> {
    let path = directory.join(FILE_NAME);
    let wanted = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    if access(directory, wanted) == Err(Errno::ACCESS) {
        let directory = directory.to_owned();
        return Err(BufferError::Denied { directory });
    }
    match path.is_file() {
        true => Ok(path),
        false => Err(BufferError::NotThere {
            directory: directory.to_owned(),
        }),
    }
}

/// The file itself, to be read only.
pub(super) fn readable(path: &Path) -> Result<(), BufferError> {
    let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
    match access(path, Access::READ_OK) {
        Err(Errno::ACCESS) => Err(BufferError::Denied { directory }),
        _ if path.is_file() => Ok(()),
        _ => Err(BufferError::NotThere { directory }),
    }
}

fn blob(row: &SqliteRow, column: usize) -> Vec<u8> {
    row.get::<Option<Vec<u8>>, _>(column).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn letter(row: &SqliteRow) -> Letter {
    let parts = [3, 4, 5].map(|column| blob(row, column));
    let [event_id, read_point, payload] = &parts;
    let number: i64 = row.get(12);
    Letter {
        id: row.get(0),
        epoch: row.get(1),
        seq: row.get(2),
        stream: Stream::of(number).unwrap_or_default(),
        event_id: text(event_id),
        read_point: text(read_point),
        occurred_us: row.get(7),
        recorded_us: row.get(8),
        reason: row.get(9),
        at_us: row.get(10),
        attempts: row.get(11),
        intact: row.get::<i64, _>(6) == row_crc32(number, [event_id, read_point, payload]),
        payload: text(payload),
    }
}
