//! The reading side of the outbox: its own connection, so that sending never waits for storing.
//!
//! Acknowledgements come one by one, and with each there is room for one more row. Rows are read ahead, because asking
//! SQLite for each would cost more than sending it.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sqlx::{Row, SqliteConnection};

use super::noted::Note;
use super::statements::{FORMAT, STREAMS_SINCE, scalar};
use super::stream::{Stream, row_crc32};
use super::{BufferError, connect};

/// Rows read at a time.
const READ_ROWS: usize = 64;
/// Damaged text may be no text any more, and must not stop what comes after it: so bytes are asked for.
const COLUMNS: &str =
    "SELECT seq, coalesce(CAST(event_id AS BLOB), x''), coalesce(CAST(read_point AS BLOB), x''),
  coalesce(CAST(payload AS BLOB), x''), coalesce(CAST(crc32 AS INTEGER), -1)";

/// Which rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Movements,
    Telemetry { until: i64 },
}

/// One event waiting to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in the order.
    pub seq: i64,
    /// What it is; a movement, if it is not intact.
    pub stream: Stream,
    /// EPCIS event hash id.
    pub event_id: String,
    /// Where it happened.
    pub read_point: String,
    /// The event.
    pub payload: String,
    /// False when the stored bytes are not what was written; what is no text any more reads as U+FFFD.
    pub intact: bool,
}

/// Reads the outbox in order, and notes how far it is acknowledged. Its connection is made anew after an error, and when the file has been replaced.
#[derive(Debug)]
pub struct OutboxReader {
    path: PathBuf,
    note: Note,
    // With the device and inode it is of.
    open: Option<(SqliteConnection, (u64, u64))>,
    // Rows read and not yet handed out, and the number that they follow.
    ahead: VecDeque<OutboxRow>,
    follow: i64,
    has_streams: bool,
}

impl OutboxReader {
    /// Opens the buffer at `path` for reading.
    ///
    /// # Errors
    /// SQLite cannot open it.
    pub async fn open(path: &Path) -> Result<Self, BufferError> {
        let mut reader = Self {
            path: path.to_owned(),
            note: Note::new(path.parent().unwrap_or(Path::new("."))),
            open: None,
            ahead: VecDeque::new(),
            follow: 0,
            has_streams: false,
        };
        reader.connection().await?;
        Ok(reader)
    }

    /// Everything up to `seq` is acknowledged: a kill before it leaves the outbox does not make it wait again. What cannot be
    /// noted is sent again at worst.
    pub fn note_acknowledged(&mut self, epoch: &str, seq: i64) {
        self.note.write(epoch, seq);
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, BufferError> {
        let file = std::fs::metadata(&self.path).map_err(|source| BufferError::Directory {
            path: self.path.clone(),
            source,
        })?;
        let identity = (file.dev(), file.ino());
        let kept = self.open.take().filter(|(_, of)| *of == identity);
        let open = match kept {
            Some(open) => open,
            None => {
                self.ahead.clear();
                self.has_streams = false;
                (connect::for_reading(&self.path).await?, identity)
            }
        };
        Ok(&mut self.open.insert(open).0)
    }

    /// At most `limit` events after `seq`; fewer do not mean that there are no more, none do. Events that were asked for in
    /// order are as they were some `READ_ROWS` rows ago; asked for again, as they are now.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn after(&mut self, seq: i64, limit: usize) -> Result<Vec<OutboxRow>, BufferError> {
        // Also a look whether the file is still the same.
        self.connection().await?;
        if seq != self.follow || self.ahead.is_empty() {
            let rows = self.read(Which::All, seq, limit.max(READ_ROWS));
            self.ahead = rows.await?.into();
        }
        let count = limit.min(self.ahead.len());
        let rows: Vec<OutboxRow> = self.ahead.drain(..count).collect();
        self.follow = rows.last().map_or(seq, |row| row.seq);
        Ok(rows)
    }

    /// At most `limit` movements after `seq`, as they are now, whatever telemetry is between them.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn movements_after(
        &mut self,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, BufferError> {
        self.read(Which::Movements, seq, limit).await
    }

    /// At most `limit` rows of telemetry after the first number, up to the second.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn telemetry_between(
        &mut self,
        (seq, until): (i64, i64),
        limit: usize,
    ) -> Result<Vec<OutboxRow>, BufferError> {
        self.read(Which::Telemetry { until }, seq, limit).await
    }

    /// The rows of a file that was of an older format have streams from the moment on that it is brought up to date.
    async fn look_for_streams(&mut self) -> Result<bool, BufferError> {
        if !self.has_streams {
            let format = scalar(self.connection().await?, FORMAT, "read the format").await?;
            self.has_streams = format >= STREAMS_SINCE;
        }
        Ok(self.has_streams)
    }

    async fn read(
        &mut self,
        which: Which,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, BufferError> {
        self.connection().await?;
        let looked = self.look_for_streams().await;
        if looked.is_err() {
            self.open = None;
        }
        let (streams, index, only) = match (looked?, which) {
            (false, Which::All | Which::Movements) => ("0", "", ""),
            (false, Which::Telemetry { .. }) => return Ok(Vec::new()),
            (true, Which::All) => ("stream", "", ""),
            (true, Which::Movements) => ("stream", "", "AND stream = 0"),
            (true, Which::Telemetry { .. }) => (
                "stream",
                "INDEXED BY outbox_telemetry",
                "AND stream > 0 AND seq <= ?3",
            ),
        };
        let sql = format!(
            "{COLUMNS}, {streams} FROM outbox {index} WHERE seq > ?1 {only} ORDER BY seq LIMIT ?2"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(seq)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        if let Which::Telemetry { until } = which {
            query = query.bind(until);
        }
        let rows = query
            .fetch_all(self.connection().await?)
            .await
            .map_err(BufferError::database("read the outbox"));
        if rows.is_err() {
            self.open = None;
        }
        let rows = rows?;
        let rows = rows.into_iter().map(|row| {
            let parts: [Vec<u8>; 3] = [row.get(1), row.get(2), row.get(3)];
            let crc: i64 = row.get(4);
            let [event_id, read_point, payload] = &parts;
            let number: i64 = row.get(5);
            let stream = Stream::of(number);
            let intact =
                stream.is_some() && crc == row_crc32(number, [event_id, read_point, payload]);
            let [event_id, read_point, payload] =
                parts.map(|part| String::from_utf8_lossy(&part).into_owned());
            OutboxRow {
                seq: row.get(0),
                stream: stream.filter(|_| intact).unwrap_or_default(),
                event_id,
                read_point,
                payload,
                intact,
            }
        });
        Ok(rows.collect())
    }
}
