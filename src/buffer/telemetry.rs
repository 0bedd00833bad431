//! Telemetry in the outbox: it may take a share of the buffer, and makes way for movements.
//!
//! When its share is used up, or there is no room for a movement, its oldest rows that wait leave in slices. The last row of
//! a slice becomes a gap: a row in its place, which is sent like any other and says what is missing,
//! `{"epoch", "from_seq", "to_seq", "count", "reason"}`. Of the numbers from `from_seq` to `to_seq` those that are no
//! movements are gone, `count` of them; one of these is the gap's own. The next slice begins with that row, so there is never
//! more than one that waits. `dropped` has the same numbers as ranges without holes, until they are behind everything that waits.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::repair::wall_clock;
use super::statements::STREAMS_SINCE;
use super::store::ROW_OVERHEAD_BYTES;
use super::stream::{NewRow, Stream, row_crc32};
use super::{BufferError, Store, connect};

/// Rows in a slice; and when there is no room for dropping so many.
const SLICE_ROWS: (i64, i64) = (512, 30);
/// Slices that leave for one batch, at most.
const SLICES: usize = 20;
/// Its share of the cap unless configured: a tenth.
const SHARE: u64 = 10;

const LEVEL: &str =
    "SELECT count(*), coalesce(sum(length(payload)), 0) FROM outbox INDEXED BY outbox_telemetry
  WHERE stream > 0 AND seq > ?";
const OLDEST: &str = "SELECT seq, stream, length(payload) FROM outbox INDEXED BY outbox_telemetry
  WHERE stream > 0 AND seq > ? ORDER BY seq LIMIT ?";
/// Dropped telemetry that lies behind everything in the outbox, and belongs together.
const BEHIND: &str =
    "stream > 0 AND to_seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM outbox)";

/// Why telemetry was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// Its share of the buffer was used up.
    Share,
    /// Room was needed for movements.
    Room,
}

impl DropReason {
    const fn in_dropped(self) -> &'static str {
        match self {
            Self::Share => "telemetry: its share was used up",
            Self::Room => "telemetry: room was needed for movements",
        }
    }
}

/// What a gap says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The buffer that the numbers are of.
    pub epoch: String,
    /// The first number that is missing.
    pub from_seq: i64,
    /// The last one: the gap's own.
    pub to_seq: i64,
    /// How many rows are missing.
    pub count: u64,
    /// Why.
    pub reason: DropReason,
}

/// What the store knows of telemetry that waits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Level {
    /// Bytes that it may take; `None` is the default share.
    share: Option<u64>,
    /// Rows and bytes that wait, or more: what was acknowledged meanwhile is not taken off.
    pub(super) rows: u64,
    bytes: u64,
    /// Dropped since the store was opened.
    dropped: u64,
    /// `dropped` holds no ranges that belong together, as far as is known.
    is_tidy: bool,
}

impl Level {
    pub(super) const fn added(&mut self, (rows, bytes): (u64, u64)) {
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// There was no room for so many rows.
    pub(super) const fn left_out(&mut self, rows: u64) {
        self.dropped = self.dropped.saturating_add(rows);
    }

    pub(super) const fn figures(&self) -> (u64, u64) {
        (self.rows, self.bytes)
    }
}

/// What rows of telemetry take, about; and how many they are.
pub(super) fn sizes(rows: &[NewRow<'_>]) -> (u64, u64) {
    let telemetry = rows.iter().filter(|row| row.stream.is_telemetry());
    telemetry.fold((0, 0), |(count, bytes), row| {
        let size = row.json.len() as u64 + ROW_OVERHEAD_BYTES;
        (count + 1, size.saturating_add(bytes))
    })
}

impl Store {
    /// From now on telemetry may take so many bytes of the buffer; then its oldest leaves.
    pub const fn share_telemetry(&mut self, bytes: u64) {
        self.telemetry.share = Some(bytes);
    }

    /// Rows of telemetry dropped since the store was opened.
    #[must_use]
    pub const fn telemetry_dropped(&self) -> u64 {
        self.telemetry.dropped
    }

    fn telemetry_share(&self) -> u64 {
        let usual = self.gate.limits().max_bytes / SHARE;
        self.telemetry.share.unwrap_or(usual)
    }

    /// Whether there is room for more telemetry within its share; the oldest leaves if need be. What there is no room for gets
    /// no number, and is counted.
    pub(super) async fn fit_telemetry(
        &mut self,
        (rows, bytes): (u64, u64),
    ) -> Result<bool, BufferError> {
        if rows == 0 {
            return Ok(true);
        }
        if self.format < STREAMS_SINCE {
            self.format = connect::prepare(&mut self.connection, &self.path).await?;
        }
        let share = self.telemetry_share();
        let fits = |level: &Self| level.telemetry.bytes.saturating_add(bytes) <= share;
        if self.format >= STREAMS_SINCE && !fits(self) {
            self.measure_telemetry().await?;
            for _ in 0..SLICES {
                if fits(self) || self.drop_telemetry(DropReason::Share).await? == 0 {
                    break;
                }
            }
        }
        Ok(self.format >= STREAMS_SINCE && fits(self))
    }

    /// Finds out what telemetry that waits takes.
    pub(super) async fn measure_telemetry(&mut self) -> Result<(), BufferError> {
        (self.telemetry.rows, self.telemetry.bytes) = (0, 0);
        if self.format < STREAMS_SINCE {
            return Ok(());
        }
        let row = sqlx::query(LEVEL)
            .bind(self.telemetry_floor())
            .fetch_one(&mut self.connection)
            .await
            .map_err(BufferError::database("measure telemetry"))?;
        let number = |column: usize| u64::try_from(row.get::<i64, _>(column)).unwrap_or(0);
        let (rows, bytes) = (number(0), number(1));
        let bytes = bytes.saturating_add(rows.saturating_mul(ROW_OVERHEAD_BYTES));
        self.telemetry.added((rows, bytes));
        Ok(())
    }

    /// What is acknowledged is not dropped: it leaves by itself, or is kept on purpose.
    fn telemetry_floor(&self) -> i64 {
        self.sent.max(self.acknowledged)
    }

    /// Drops the oldest slice of telemetry that waits. Returns how many rows left; 0 also when not even that has room.
    pub(super) async fn drop_telemetry(&mut self, reason: DropReason) -> Result<u64, BufferError> {
        if self.telemetry.rows < 2 {
            return Ok(0);
        }
        for slice in [SLICE_ROWS.0, SLICE_ROWS.1] {
            match self.drop_slice_of_telemetry(slice, reason).await {
                Err(error) if error.is_full() => {}
                done => return done,
            }
        }
        Ok(0)
    }

    async fn drop_slice_of_telemetry(
        &mut self,
        rows: i64,
        reason: DropReason,
    ) -> Result<u64, BufferError> {
        let floor = self.telemetry_floor();
        self.begin().await?;
        let slice = drop_oldest(&mut self.connection, &self.epoch, (floor, rows), reason).await;
        let slice = self.end(slice).await?;
        let level = &mut self.telemetry;
        level.rows = level.rows.saturating_sub(slice.left);
        level.bytes = level.bytes.saturating_sub(slice.bytes);
        level.dropped += slice.dropped;
        level.is_tidy = false;
        self.waiting = self.waiting.saturating_sub(slice.left);
        Ok(slice.left)
    }

    /// Puts together what is noted of dropped telemetry, once nothing waits before or between it: there is no more of it than
    /// of movements that wait.
    pub(super) async fn tidy_dropped(&mut self) -> Result<(), BufferError> {
        const DOING: &str = "note what was dropped";
        if self.telemetry.is_tidy || self.format < STREAMS_SINCE {
            return Ok(());
        }
        let found = format!(
            "SELECT count(*) - count(DISTINCT epoch || reason), count(*) < (SELECT count(*) FROM dropped WHERE stream > 0) FROM dropped WHERE {BEHIND}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(found))
            .fetch_one(&mut self.connection)
            .await
            .map_err(BufferError::database(DOING))?;
        let (more, ahead): (i64, bool) = (row.get(0), row.get(1));
        if more > 0 {
            let last = "(SELECT seq FROM sqlite_sequence WHERE name = 'dropped')";
            // All of it or nothing: one statement would not do, and the second one finds what the first one made.
            let together = format!(
                "INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us, stream)
                 SELECT epoch, min(from_seq), max(to_seq), sum(count), reason, max(at_us), min(stream) FROM dropped WHERE {BEHIND} GROUP BY epoch, reason"
            );
            let apart = format!("DELETE FROM dropped WHERE {BEHIND} AND id <= ?");
            self.begin().await?;
            let done = async {
                let last: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT {last}")))
                    .fetch_one(&mut self.connection)
                    .await?;
                sqlx::query(sqlx::AssertSqlSafe(together))
                    .execute(&mut self.connection)
                    .await?;
                sqlx::query(sqlx::AssertSqlSafe(apart))
                    .bind(last)
                    .execute(&mut self.connection)
                    .await
            };
            let done = done.await.map_err(BufferError::database(DOING));
            self.end(done).await?;
        }
        self.telemetry.is_tidy = !ahead;
        Ok(())
    }
}

/// What left.
#[derive(Debug, Default)]
struct Slice {
    /// Rows fewer than before.
    left: u64,
    /// Rows of telemetry that are gone, the one that the gap replaced among them.
    dropped: u64,
    bytes: u64,
}

/// Within a transaction: the oldest `limit` rows of telemetry behind `floor` become one gap.
async fn drop_oldest(
    connection: &mut SqliteConnection,
    epoch: &str,
    (floor, limit): (i64, i64),
    reason: DropReason,
) -> Result<Slice, BufferError> {
    const DOING: &str = "drop telemetry";
    let rows = sqlx::query(OLDEST)
        .bind(floor)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await
        .map_err(BufferError::database(DOING))?;
    let mut gone: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let ([first, .., last], Some(oldest)) = (gone.as_slice(), rows.first()) else {
        return Ok(Slice::default());
    };
    let (first, last) = (*first, *last);
    let bytes = rows.iter().fold(0_i64, |sum, row| {
        sum.saturating_add(row.get::<Option<i64>, _>(2).unwrap_or(0))
    });
    let before = match oldest.get::<i64, _>(1) == Stream::Gap.number() {
        true => told(connection, first).await?,
        false => None,
    };
    if before.is_some() {
        // Its number was that of a row that is noted already.
        gone.remove(0);
    }
    let dropped = u64::try_from(gone.len()).unwrap_or(0);
    let content = Gap {
        epoch: epoch.to_owned(),
        from_seq: before.as_ref().map_or(first, |before| before.from_seq),
        to_seq: last,
        count: before.map_or(0, |before| before.count) + dropped,
        reason,
    };
    sqlx::query("DELETE FROM outbox WHERE stream > 0 AND seq > ? AND seq < ?")
        .bind(floor)
        .bind(last)
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database(DOING))?;
    let left = replace(connection, &content).await?;
    note(connection, epoch, &gone, reason).await?;
    let count = u64::try_from(rows.len()).unwrap_or(0);
    let before = u64::try_from(bytes).unwrap_or(0) + count * ROW_OVERHEAD_BYTES;
    Ok(Slice {
        left: count - 1,
        dropped,
        bytes: before.saturating_sub(left),
    })
}

/// What the gap with this number says, if it is one that stands in its place and can be read.
async fn told(connection: &mut SqliteConnection, seq: i64) -> Result<Option<Gap>, BufferError> {
    let payload: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT CAST(payload AS BLOB) FROM outbox WHERE seq = ?")
            .bind(seq)
            .fetch_optional(connection)
            .await
            .map_err(BufferError::database("read a gap"))?;
    let gap: Option<Gap> = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    Ok(gap.filter(|gap| gap.to_seq == seq))
}

/// The last row of a slice becomes the gap; its times stay. Returns what it takes.
async fn replace(connection: &mut SqliteConnection, gap: &Gap) -> Result<u64, BufferError> {
    let payload = serde_json::to_string(gap).unwrap_or_default();
    let id = format!("gap:{}:{}-{}", gap.epoch, gap.from_seq, gap.to_seq);
    let stream = Stream::Gap.number();
    let crc = row_crc32(stream, [id.as_bytes(), b"", payload.as_bytes()]);
    let bytes = payload.len() as u64 + ROW_OVERHEAD_BYTES;
    sqlx::query(
        "UPDATE outbox SET stream = ?, event_id = ?, read_point = '', crc32 = ?, payload = ? WHERE seq = ?",
    )
    .bind(stream)
    .bind(id)
    .bind(crc)
    .bind(payload)
    .bind(gap.to_seq)
    .execute(connection)
    .await
    .map_err(BufferError::database("leave a gap"))?;
    Ok(bytes)
}

/// Notes the numbers as ranges without holes; the first may go on with the last range of the slice before.
async fn note(
    connection: &mut SqliteConnection,
    epoch: &str,
    gone: &[i64],
    reason: DropReason,
) -> Result<(), BufferError> {
    const DOING: &str = "note what was dropped";
    let (mut ranges, at) = (ranges(gone), wall_clock().0);
    if let Some(first) = ranges.first() {
        let done = sqlx::query(
            "UPDATE dropped SET to_seq = ?1, count = ?1 - from_seq + 1, at_us = ?2
             WHERE id = (SELECT max(id) FROM dropped) AND stream > 0 AND epoch = ?3 AND reason = ?4
               AND to_seq = ?5 - 1 AND count = to_seq - from_seq + 1",
        )
        .bind(first.end())
        .bind(at)
        .bind(epoch)
        .bind(reason.in_dropped())
        .bind(first.start())
        .execute(&mut *connection)
        .await
        .map_err(BufferError::database(DOING))?;
        if done.rows_affected() > 0 {
            ranges.remove(0);
        }
    }
    for ranges in ranges.chunks(64) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us, stream) ",
        );
        insert.push_values(ranges, |mut values, range| {
            values
                .push_bind(epoch)
                .push_bind(*range.start())
                .push_bind(*range.end())
                .push_bind(range.end() - range.start() + 1)
                .push_bind(reason.in_dropped())
                .push_bind(at)
                .push_bind(Stream::NonEvent.number());
        });
        insert
            .build()
            .execute(&mut *connection)
            .await
            .map_err(BufferError::database(DOING))?;
    }
    Ok(())
}

/// Rising numbers as ranges without holes.
fn ranges(numbers: &[i64]) -> Vec<RangeInclusive<i64>> {
    let mut ranges: Vec<RangeInclusive<i64>> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some(range) if *range.end() == number - 1 => *range = *range.start()..=number,
            _ => ranges.push(number..=number),
        }
    }
    ranges
}
