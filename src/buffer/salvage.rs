//! Reads a table of a damaged file, halving what cannot be read until only the damaged rows are left out.

use std::collections::VecDeque;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::repair::wall_clock;
use super::statements::{FORMAT, STREAMS_SINCE, command, scalar};
use super::stream::{Stream, row_crc32};
use super::{BufferError, crc32};

/// Rows read, and stored, at a time.
const ROWS: usize = 256;
/// Reads that fail in one table before it is given up: a hopeless one must not take minutes.
const FAILURES: usize = 4_000;
/// A table whose end cannot be found out is looked through to here.
const FAR: i64 = 1 << 32;

/// Row numbers, both ends included.
pub(super) type Span = (i64, i64);

/// What is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Events, from this number on.
    Outbox {
        from: i64,
    },
    Journal,
    DeadLetters,
    Dropped,
}

impl Table {
    fn rows(self, format: i64) -> String {
        let streams = match format {
            STREAMS_SINCE.. => "coalesce(CAST(stream AS INTEGER), 0)",
            _ => "0",
        };
        let sql = match self {
            Self::Outbox { .. } => {
                "SELECT seq, CAST(event_id AS BLOB), CAST(read_point AS BLOB), CAST(payload AS BLOB), coalesce(CAST(crc32 AS INTEGER), -1),
                   coalesce(CAST(occurred_us AS INTEGER), 0), coalesce(CAST(recorded_us AS INTEGER), 0), {streams}
                 FROM outbox WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
            }
            Self::Journal => {
                "SELECT seq, CAST(inputs AS BLOB), coalesce(CAST(crc32 AS INTEGER), -1)
                 FROM journal WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
            }
            Self::DeadLetters => {
                "SELECT id, coalesce(CAST(epoch AS TEXT), ''), coalesce(CAST(seq AS INTEGER), 0), CAST(event_id AS BLOB), CAST(read_point AS BLOB),
                   CAST(payload AS BLOB), coalesce(CAST(crc32 AS INTEGER), -1), coalesce(CAST(occurred_us AS INTEGER), 0),
                   coalesce(CAST(recorded_us AS INTEGER), 0), CAST(reason AS BLOB), coalesce(CAST(at_us AS INTEGER), 0),
                   coalesce(CAST(attempts AS INTEGER), 0), {streams}
                 FROM dead_letter WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
            }
            Self::Dropped => {
                "SELECT id, CAST(epoch AS BLOB), coalesce(CAST(from_seq AS INTEGER), 0), coalesce(CAST(to_seq AS INTEGER), 0),
                   coalesce(CAST(count AS INTEGER), 0), CAST(reason AS BLOB), coalesce(CAST(at_us AS INTEGER), 0), {streams}
                 FROM dropped WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
            }
        };
        sql.replace("{streams}", streams)
    }

    const fn end(self) -> &'static str {
        match self {
            Self::Outbox { .. } => "SELECT max(seq) FROM outbox",
            Self::Journal => "SELECT max(seq) FROM journal",
            Self::DeadLetters => "SELECT max(id) FROM dead_letter",
            Self::Dropped => "SELECT max(id) FROM dropped",
        }
    }

    async fn whole(self, source: &mut SqliteConnection) -> Span {
        let first = match self {
            Self::Outbox { from } => from,
            _ => 1,
        };
        let end: Result<Option<i64>, _> =
            sqlx::query_scalar(self.end()).fetch_one(&mut *source).await;
        let last = match end {
            Ok(last) => last.unwrap_or(0),
            Err(_) => first.saturating_add(FAR),
        };
        (first, last)
    }
}

/// Copies what can be read of `spans`, or of the whole table; returns what cannot, `None` when nothing is known of it.
pub(super) async fn salvage(
    source: &mut SqliteConnection,
    new: &mut SqliteConnection,
    table: Table,
    spans: Option<Vec<Span>>,
    working: &(dyn Fn() + Send + Sync),
) -> Result<Option<Vec<Span>>, BufferError> {
    let mut todo: VecDeque<Span> = match spans {
        Some(spans) => spans.into(),
        None => VecDeque::from([table.whole(source).await]),
    };
    let (mut failures, mut unread, mut read) = (0, Vec::new(), false);
    // What cannot even tell its format has no tables to read either.
    let format = scalar(source, FORMAT, "read the format").await;
    let sql = table.rows(format.unwrap_or(0));
    while let Some((from, to)) = todo.pop_front() {
        if from > to {
            continue;
        }
        working();
        if failures >= FAILURES {
            unread.push((from, to));
            continue;
        }
        match page(source, &sql, (from, to)).await {
            Ok(rows) => {
                read = true;
                let last = rows.last().map(|row| row.get::<i64, _>(0));
                let complete = rows.len() < ROWS;
                store(new, table, rows).await?;
                if let (false, Some(last)) = (complete, last) {
                    // Ahead of the others: the order of the file is the order of its pages.
                    todo.push_front((last.saturating_add(1), to));
                }
            }
            Err(_) if from == to => {
                failures += 1;
                unread.push((from, to));
            }
            Err(_) => {
                failures += 1;
                let middle = from + (to - from) / 2;
                todo.push_back((from, middle));
                todo.push_back((middle + 1, to));
            }
        }
    }
    // Not one read went well: the table as such cannot be found.
    Ok((read || unread.is_empty()).then_some(unread))
}

async fn page(
    source: &mut SqliteConnection,
    sql: &str,
    (from, to): Span,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
        .bind(from)
        .bind(to)
        .bind(i64::try_from(ROWS).unwrap_or(i64::MAX))
        .fetch_all(source)
        .await
}

async fn store(
    new: &mut SqliteConnection,
    table: Table,
    rows: Vec<SqliteRow>,
) -> Result<(), BufferError> {
    const DOING: &str = "save what can be read";
    command(new, "BEGIN IMMEDIATE", DOING).await?;
    for row in rows {
        let done = match table {
            Table::Outbox { .. } => event(new, &row).await,
            Table::Journal => journal(new, &row).await,
            Table::DeadLetters => dead_letter(new, &row).await,
            Table::Dropped => dropped(new, &row).await,
        };
        if let Err(error) = done {
            drop(command(new, "ROLLBACK", DOING).await);
            return Err(BufferError::database(DOING)(error));
        }
    }
    command(new, "COMMIT", DOING).await
}

fn bytes(row: &SqliteRow, column: usize) -> Vec<u8> {
    row.get::<Option<Vec<u8>>, _>(column).unwrap_or_default()
}

fn text(row: &SqliteRow, column: usize) -> String {
    String::from_utf8_lossy(&bytes(row, column)).into_owned()
}

fn number(row: &SqliteRow, column: usize) -> i64 {
    row.get(column)
}

async fn event(new: &mut SqliteConnection, row: &SqliteRow) -> Result<(), sqlx::Error> {
    let [id, read_point, payload] = [1, 2, 3].map(|column| bytes(row, column));
    let [crc, occurred, recorded, stream] = [4, 5, 6, 7].map(|column| number(row, column));
    let good =
        Stream::of(stream).is_some() && crc == row_crc32(stream, [&id, &read_point, &payload]);
    let texts = [id, read_point, payload].map(|part| String::from_utf8_lossy(&part).into_owned());
    let [id, read_point, payload] = texts;
    let sql = match good {
        true => {
            "INSERT OR IGNORE INTO outbox(seq, event_id, read_point, occurred_us, recorded_us, crc32, payload, stream) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        }
        false => {
            "INSERT INTO dead_letter(epoch, seq, event_id, read_point, occurred_us, recorded_us, crc32, payload, stream, reason, at_us, attempts)
             SELECT value, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'damaged on disk', ?9, 0 FROM meta WHERE key = 'epoch'
               AND NOT EXISTS (SELECT 1 FROM dead_letter WHERE epoch = value AND seq = ?1)"
        }
    };
    let insert = sqlx::query(sql)
        .bind(number(row, 0))
        .bind(id)
        .bind(read_point)
        .bind(occurred)
        .bind(recorded)
        .bind(crc)
        .bind(payload)
        .bind(stream);
    let insert = if good {
        insert
    } else {
        insert.bind(wall_clock().0)
    };
    insert.execute(new).await.map(drop)
}

async fn journal(new: &mut SqliteConnection, row: &SqliteRow) -> Result<(), sqlx::Error> {
    // A damaged one goes along: replaying counts it.
    sqlx::query("INSERT OR IGNORE INTO journal(seq, inputs, crc32) VALUES (?, ?, ?)")
        .bind(number(row, 0))
        .bind(bytes(row, 1))
        .bind(number(row, 2))
        .execute(new)
        .await
        .map(drop)
}

async fn dead_letter(new: &mut SqliteConnection, row: &SqliteRow) -> Result<(), sqlx::Error> {
    // It keeps its number, unless a damaged event has taken that meanwhile.
    sqlx::query(
        "INSERT INTO dead_letter(id, epoch, seq, event_id, read_point, payload, crc32, occurred_us, recorded_us, reason, at_us, attempts, stream)
         SELECT CASE WHEN EXISTS (SELECT 1 FROM dead_letter WHERE id = ?1) THEN NULL ELSE ?1 END, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
         WHERE NOT EXISTS (SELECT 1 FROM dead_letter WHERE id = ?1 AND epoch = ?2 AND seq = ?3)",
    )
    .bind(number(row, 0))
    .bind(text(row, 1))
    .bind(number(row, 2))
    .bind(text(row, 3))
    .bind(text(row, 4))
    .bind(text(row, 5))
    .bind(number(row, 6))
    .bind(number(row, 7))
    .bind(number(row, 8))
    .bind(text(row, 9))
    .bind(number(row, 10))
    .bind(number(row, 11))
    .bind(number(row, 12))
    .execute(new)
    .await
    .map(drop)
}

async fn dropped(new: &mut SqliteConnection, row: &SqliteRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR IGNORE INTO dropped(id, epoch, from_seq, to_seq, count, reason, at_us, stream) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(number(row, 0))
    .bind(text(row, 1))
    .bind(number(row, 2))
    .bind(number(row, 3))
    .bind(number(row, 4))
    .bind(text(row, 5))
    .bind(number(row, 6))
    .bind(number(row, 7))
    .execute(new)
    .await
    .map(drop)
}

/// Copies the snapshot; true when there is a good one now, or never was one.
pub(super) async fn snapshot(
    source: &mut SqliteConnection,
    new: &mut SqliteConnection,
) -> Result<bool, BufferError> {
    let found = sqlx::query(
        "SELECT coalesce(CAST(journal_seq AS INTEGER), 0), CAST(state AS BLOB), coalesce(CAST(crc32 AS INTEGER), -1),
           coalesce(CAST(version AS INTEGER), 0) FROM snapshot",
    )
    .fetch_optional(source)
    .await;
    let row = match found {
        Ok(None) => return Ok(true),
        Ok(Some(row)) => row,
        Err(_) => return Ok(false),
    };
    let state = bytes(&row, 1);
    if number(&row, 2) != crc32(&[&state]) {
        return Ok(false);
    }
    sqlx::query(
        "INSERT OR REPLACE INTO snapshot(id, journal_seq, version, crc32, state) VALUES (1, ?, ?, ?, ?)",
    )
    .bind(number(&row, 0))
    .bind(number(&row, 3))
    .bind(number(&row, 2))
    .bind(state)
    .execute(new)
    .await
    .map_err(BufferError::database("save the snapshot"))?;
    Ok(true)
}
