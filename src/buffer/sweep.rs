//! Reads a table of a file that may be damaged, halving what cannot be read until only the damaged rows are left out.

use std::collections::VecDeque;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::statements::{FORMAT, STREAMS_SINCE, scalar};

/// Rows read at a time.
const ROWS: usize = 256;
/// Reads that fail in one table before it is given up: a hopeless one must not take minutes.
const FAILURES: usize = 4_000;
/// A table whose end cannot be found out is looked through to here.
const FAR: i64 = 1 << 32;

/// Row numbers, both ends included.
pub(super) type Span = (i64, i64);

/// A table that is read.
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

    /// Its first and its last number.
    pub(super) async fn whole(self, source: &mut SqliteConnection) -> Span {
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

/// A table on its way through.
#[derive(Debug)]
pub(super) struct Sweep {
    sql: String,
    todo: VecDeque<Span>,
    failures: usize,
    unread: Vec<Span>,
    // Something could be read: the table as such was found.
    found: bool,
}

impl Sweep {
    /// Over `spans` of the table.
    pub(super) async fn new(
        source: &mut SqliteConnection,
        table: Table,
        spans: impl Into<VecDeque<Span>>,
    ) -> Self {
        // What cannot even tell its format has no tables to read either.
        let format = scalar(source, FORMAT, "read the format").await;
        Self {
            sql: table.rows(format.unwrap_or(0)),
            todo: spans.into(),
            failures: 0,
            unread: Vec::new(),
            found: false,
        }
    }

    /// The next rows that can be read, in order as long as nothing is damaged; `None` at the end. Each call is a look at the
    /// file of its own, unless it is within a transaction. `working` is called now and then.
    pub(super) async fn next(
        &mut self,
        source: &mut SqliteConnection,
        working: &(dyn Fn() + Send + Sync),
    ) -> Option<Vec<SqliteRow>> {
        while let Some((from, to)) = self.todo.pop_front() {
            if from > to {
                continue;
            }
            working();
            if self.failures >= FAILURES {
                self.unread.push((from, to));
                continue;
            }
            match page(source, &self.sql, (from, to)).await {
                Ok(rows) => {
                    self.found = true;
                    let last = rows.last().map(|row| row.get::<i64, _>(0));
                    if let (ROWS.., Some(last)) = (rows.len(), last) {
                        // Ahead of the others: the order of the file is the order of its pages.
                        self.todo.push_front((last.saturating_add(1), to));
                    }
                    return Some(rows);
                }
                Err(_) if from == to => {
                    self.failures += 1;
                    self.unread.push((from, to));
                }
                Err(_) => {
                    self.failures += 1;
                    let middle = from + (to - from) / 2;
                    self.todo.push_back((from, middle));
                    self.todo.push_back((middle + 1, to));
                }
            }
        }
        None
    }

    /// What could not be read; `None` when not one read went well: the table as such cannot be found.
    pub(super) fn unread(self) -> Option<Vec<Span>> {
        (self.found || self.unread.is_empty()).then_some(self.unread)
    }
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

pub(super) fn bytes(row: &SqliteRow, column: usize) -> Vec<u8> {
    row.get::<Option<Vec<u8>>, _>(column).unwrap_or_default()
}

pub(super) fn text(row: &SqliteRow, column: usize) -> String {
    String::from_utf8_lossy(&bytes(row, column)).into_owned()
}

pub(super) fn number(row: &SqliteRow, column: usize) -> i64 {
    row.get(column)
}
