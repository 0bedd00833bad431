//! What each kind of rows must be.

use std::path::Path;

use sqlx::{Row, SqliteConnection};
use tracegate_pipeline::{Time, journal};

use super::super::audit::Record;
use super::super::export::Exported;
use super::super::replay::journal_crc32;
use super::super::statements::{LAST_JOURNAL_SEQ, LETTERS_SINCE, STATE_VERSION, scalar};
use super::super::stream::{Stream, row_crc32};
use super::super::sweep::{Span, Sweep, Table, bytes, number, text};
use super::super::tail::Tail;
use super::super::{BufferError, FILE_NAME, Trouble, crc32};
use super::{Kind, TRIES};
use crate::error_chain;

/// Numbers between those that wait that no row has and nothing accounts for.
const MISSING: &str = "WITH ends(low, high) AS (SELECT max(?1, (SELECT min(seq) FROM outbox) - 1), (SELECT max(seq) FROM outbox)),
  known(low, high) AS (SELECT low, low FROM ends UNION ALL SELECT seq, seq FROM outbox, ends WHERE seq > ends.low {told}),
  gap(low, high) AS (SELECT 1 + max(high) OVER (ORDER BY low ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), low - 1 FROM known)
  SELECT gap.low, gap.high FROM gap, ends WHERE gap.low <= gap.high AND gap.high < ends.high ORDER BY 1";
/// A row of a version that much newer is known as its own.
const VERSIONS_AHEAD: i64 = 32;
/// `SQLITE_NOTADB`.
const NOT_A_DATABASE: &str = "26";
/// What accounts for numbers, from format 2 on.
const TOLD: &str = "UNION ALL SELECT seq, seq FROM dead_letter, ends WHERE seq > ends.low
  UNION ALL SELECT max(from_seq, ends.low), to_seq FROM dropped, ends WHERE to_seq > ends.low";

/// How many rows of how many are done.
pub(super) struct Walk {
    done: u64,
    pub(super) total: u64,
}

impl Walk {
    pub(super) const fn new() -> Self {
        Self { done: 0, total: 0 }
    }

    fn went(&mut self, rows: usize, told: &mut dyn FnMut(u64, u64)) {
        self.done = self.done.saturating_add(rows as u64).min(self.total);
        told(self.done, self.total);
    }
}

/// Pages and indexes, as SQLite judges them.
pub(super) async fn structure(source: &mut SqliteConnection) -> Kind {
    let pages = scalar(source, "PRAGMA page_count", "count pages").await;
    let pages = pages.ok().and_then(|pages| u64::try_from(pages).ok());
    let mut kind = Kind::new("pages", pages);
    let rows: Result<Vec<String>, _> = sqlx::query_scalar("PRAGMA integrity_check(20)")
        .fetch_all(source)
        .await;
    match rows {
        Ok(rows) => {
            // A row of it may have several lines.
            let lines = rows.iter().flat_map(|row| row.lines());
            let said = lines.filter(|line| *line != "ok" && !line.starts_with("***"));
            said.for_each(|line| kind.add(None, None, line));
        }
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_A_DATABASE) => {
            let reason = "it is no buffer, or its first page is damaged";
            kind.add(None, None, reason);
        }
        Err(sqlx::Error::Database(error)) => kind.add(None, None, error.message()),
        Err(error) => kind.add(None, None, &error.to_string()),
    }
    if kind.damaged > 0 {
        // It does not say how many are.
        kind.sound = None;
    }
    kind
}

/// The outbox, by stream; and whether numbers are missing.
pub(super) async fn events(
    source: &mut SqliteConnection,
    span: Span,
    sent: i64,
    format: i64,
    walk: &mut Walk,
    told: &mut dyn FnMut(u64, u64),
) -> Vec<Kind> {
    let streams = [Stream::Movement, Stream::NonEvent, Stream::Gap];
    let mut kinds = streams.map(|stream| Kind::new(stream.as_str(), Some(0)));
    let mut sweep = Sweep::new(source, Table::Outbox { from: 1 }, [span]).await;
    while let Some(rows) = sweep.next(source, &|| {}).await {
        walk.went(rows.len(), told);
        for row in &rows {
            let event = Exported::of(row);
            let wrong = match (event.intact, event.seq > sent) {
                (true, _) => None,
                (false, true) => Some("its check sum is wrong; it waits, and will be set aside"),
                (false, false) => Some("its check sum is wrong; it is acknowledged and only kept"),
            };
            let stream = event.stream.unwrap_or_default();
            let kind = kinds.iter_mut().find(|it| it.kind == stream.as_str());
            if let Some(kind) = kind {
                kind.judge(event.seq, wrong);
            }
        }
    }
    let [movements, ..] = &mut kinds;
    let is_whole = movements.unread(sweep.unread());
    let mut kinds = kinds.to_vec();
    // Numbers that cannot be read are not missing.
    if is_whole {
        kinds.push(numbers(source, sent, format).await);
    }
    kinds
}

async fn numbers(source: &mut SqliteConnection, sent: i64, format: i64) -> Kind {
    let mut kind = Kind::new("numbers", None);
    let told = if format >= LETTERS_SINCE { TOLD } else { "" };
    let rows =
        sqlx::query_as::<_, (i64, i64)>(sqlx::AssertSqlSafe(MISSING.replace("{told}", told)))
            .bind(sent)
            .fetch_all(source)
            .await;
    let rows = rows.map_err(BufferError::database("compare the numbers"));
    let rows = rows.unwrap_or_else(|error| {
        // What is damaged has been said of the pages.
        if error.trouble() != Trouble::Damaged {
            kind.add(
                None,
                None,
                &format!("not compared: {}", error_chain(&error)),
            );
        }
        Vec::new()
    });
    for (from, to) in rows {
        let reason = "missing between events that wait, and nothing says why";
        kind.add(Some(from), (to > from).then_some(to), reason);
    }
    kind
}

pub(super) async fn letters(
    source: &mut SqliteConnection,
    span: Span,
    walk: &mut Walk,
    told: &mut dyn FnMut(u64, u64),
) -> Kind {
    let mut kind = Kind::new("dead_letter", Some(0));
    let mut sweep = Sweep::new(source, Table::DeadLetters, [span]).await;
    while let Some(rows) = sweep.next(source, &|| {}).await {
        walk.went(rows.len(), told);
        for row in &rows {
            let parts = [3, 4, 5].map(|column| bytes(row, column));
            let [id, place, payload] = &parts;
            let is_right = number(row, 6) == row_crc32(number(row, 12), [id, place, payload]);
            let reason = format!("its check sum is wrong; set aside as: {}", text(row, 9));
            kind.judge(number(row, 0), (!is_right).then_some(&reason));
        }
    }
    kind.unread(sweep.unread());
    kind
}

pub(super) async fn losses(
    source: &mut SqliteConnection,
    span: Span,
    walk: &mut Walk,
    told: &mut dyn FnMut(u64, u64),
) -> Kind {
    let mut kind = Kind::new("dropped", Some(0));
    let mut sweep = Sweep::new(source, Table::Dropped, [span]).await;
    while let Some(rows) = sweep.next(source, &|| {}).await {
        walk.went(rows.len(), told);
        for row in &rows {
            let [from, to, count] = [2, 3, 4].map(|column| number(row, column));
            let is_right = count >= 0 && (from <= to.saturating_add(1)) && to < i64::MAX / 2;
            let wrong = "it says that something is gone, and its numbers make no sense";
            kind.judge(number(row, 0), (!is_right).then_some(wrong));
        }
    }
    kind.unread(sweep.unread());
    kind
}

pub(super) async fn journal(
    source: &mut SqliteConnection,
    span: Span,
    walk: &mut Walk,
    told: &mut dyn FnMut(u64, u64),
) -> Kind {
    let mut kind = Kind::new("journal", Some(0));
    let mut sweep = Sweep::new(source, Table::Journal, [span]).await;
    while let Some(rows) = sweep.next(source, &|| {}).await {
        walk.went(rows.len(), told);
        for row in &rows {
            let (inputs, crc) = (bytes(row, 1), number(row, 2));
            let is_of = |version: i64| crc == crc32(&[&version.to_le_bytes(), &inputs]);
            let wrong = if crc == journal_crc32(&inputs) {
                let decoded = journal::decode(&inputs);
                decoded.err().map(|_| "what it holds cannot be understood")
            } else if (1..STATE_VERSION + VERSIONS_AHEAD).any(is_of) {
                // As it was written, by another version, which this one does not read.
                None
            } else {
                Some("its check sum is wrong; loads that were in a door may be missing")
            };
            kind.judge(number(row, 0), wrong);
        }
    }
    kind.unread(sweep.unread());
    kind
}

pub(super) async fn snapshot(source: &mut SqliteConnection) -> Kind {
    const SNAPSHOT: &str =
        "SELECT coalesce(CAST(version AS INTEGER), 0), coalesce(CAST(crc32 AS INTEGER), -1),
      coalesce(CAST(state AS BLOB), x'') FROM snapshot";
    let mut kind = Kind::new("snapshot", Some(0));
    match sqlx::query(SNAPSHOT).fetch_optional(source).await {
        Ok(None) => {}
        Ok(Some(row)) => {
            let state: Vec<u8> = row.get(2);
            // That of another version, which this one does not read, is as it was written, too.
            let is_right = row.get::<i64, _>(1) == crc32(&[&state]);
            let wrong = "its check sum is wrong; loads that were in a door may be missing";
            kind.judge(1, (!is_right).then_some(wrong));
        }
        Err(_) => kind.add(None, None, "cannot be read: a page of the file is damaged"),
    }
    kind
}

/// What waits beside the file for the next commit.
pub(super) async fn tail(source: &mut SqliteConnection, path: &Path, epoch: &str) -> Kind {
    let mut kind = Kind::new("tail", Some(0));
    let is_buffer = path.file_name().is_some_and(|name| name == FILE_NAME);
    let (true, Some(directory)) = (is_buffer, path.parent()) else {
        return kind;
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let Ok(last) = scalar(source, LAST_JOURNAL_SEQ, "read the journal's end").await else {
            return kind;
        };
        match Tail::new(directory).recover(epoch, last) {
            Ok(inputs) => {
                kind.sound = Some(inputs.len() as u64);
                return kind;
            }
            // A commit between the two looks may have taken it along, or it is just being written.
            Err(_) if tries < TRIES => {}
            Err(error) => {
                let reason = format!("buffer.tail cannot be understood: {error}");
                kind.add(None, None, &reason);
                return kind;
            }
        }
    }
}

/// The record of verdicts.
pub(super) async fn record(connection: SqliteConnection) -> Option<Kind> {
    let mut kind = Kind::new("record", Some(0));
    let verified = async {
        let mut record = Record::over(connection, (Time(i64::MIN), Time(i64::MAX))).await?;
        // Without a verdict there is none.
        match record.newest().await? {
            0 => Ok(None),
            _ => record.verify().await.map(Some),
        }
    };
    match verified.await {
        Ok(None) => return None,
        Ok(Some(Ok(whole))) => kind.sound = Some(whole.rows),
        Ok(Some(Err(broken))) => kind.add(None, None, &broken.problem),
        Err(error) => kind.add(None, None, &error_chain(&error)),
    }
    Some(kind)
}
