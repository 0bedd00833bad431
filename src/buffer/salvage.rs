//! Copies a table of a damaged file, but for its damaged rows.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::repair::wall_clock;
use super::statements::command;
use super::stream::{Stream, row_crc32};
use super::sweep::{Span, Sweep, Table, bytes, number, text};
use super::{BufferError, crc32};

/// Copies what can be read of `spans`, or of the whole table; returns what cannot, `None` when nothing is known of it.
pub(super) async fn salvage(
    source: &mut SqliteConnection,
    new: &mut SqliteConnection,
    table: Table,
    spans: Option<Vec<Span>>,
    working: &(dyn Fn() + Send + Sync),
) -> Result<Option<Vec<Span>>, BufferError> {
    let spans = match spans {
        Some(spans) => spans,
        None => vec![table.whole(source).await],
    };
    let mut sweep = Sweep::new(source, table, spans).await;
    while let Some(rows) = sweep.next(source, working).await {
        store(new, table, rows).await?;
    }
    Ok(sweep.unread())
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
