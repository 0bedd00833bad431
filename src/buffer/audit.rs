//! The record of verdicts in the buffer's file: see [`crate::audit`].
//!
//! Its tables are made with the first row, and nothing is done while there is none. A repair begins a record anew; the one before
//! stays in the damaged file.

use std::path::Path;
use std::time::Duration;

use sqlx::SqliteConnection;
use tracegate_pipeline::Time;

use super::statements::{command, scalar};
use super::{BufferError, Store, connect};
use crate::audit::{Broken, Keep, Row, Seal, Sealed, Verified, Verifier, chain, time};

/// Rows that leave in one transaction.
const SLICE: i64 = 1_000;
/// Of the buffer's cap, one part in so many is for the record; and what a row takes, about, in bytes.
const SHARE: u64 = 8;
const ROW_BYTES: u64 = 600;
/// Rows of an export read at a time.
const READ_ROWS: i64 = 1_000;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS audit(n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, hash TEXT NOT NULL, row TEXT NOT NULL) STRICT";
const SEAL: &str = "CREATE TABLE IF NOT EXISTS audit_seal(one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, hash TEXT NOT NULL) STRICT";
const EXISTS: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'audit_seal'";
const LAST: &str = "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1";
const SEALED: &str = "SELECT n, hash FROM audit_seal";

impl Store {
    /// Rows for the record: stored with the next commit, in its transaction. Their numbers are given then.
    pub fn record(&mut self, rows: Vec<Row>) {
        self.verdicts.extend(rows);
    }

    /// Lets the oldest rows of the record leave; the hash of the last of them stays. A slice at a time.
    ///
    /// # Errors
    /// SQLite refused; they stay for now.
    pub async fn prune_audit(&mut self, keep: Keep, now: Time) -> Result<(), BufferError> {
        let share = self.gate.limits().max_bytes / SHARE / ROW_BYTES;
        let rows = keep.rows.min(share);
        let done = self.prune_verdicts(Keep { rows, ..keep }, now).await;
        self.note(done).map(drop)
    }

    /// Before something is refused the record makes way, but for its last row. Returns how many rows left.
    pub(super) async fn drop_verdicts(&mut self) -> Result<u64, BufferError> {
        let keep = Keep {
            age: Duration::MAX,
            rows: 1,
        };
        self.prune_verdicts(keep, Time(0)).await
    }

    async fn prune_verdicts(&mut self, keep: Keep, now: Time) -> Result<u64, BufferError> {
        self.settle().await?;
        if scalar(&mut self.connection, EXISTS, "look for the record").await? == 0 {
            return Ok(0);
        }
        let last = last(&mut self.connection, LAST)
            .await?
            .unwrap_or_default()
            .n;
        let first = "SELECT coalesce(min(n), 0) FROM audit";
        let first = scalar(&mut self.connection, first, "look for the first row").await?;
        let age_us = i64::try_from(keep.age.as_micros()).unwrap_or(i64::MAX);
        let before = now.0.saturating_sub(age_us);
        let many = last.saturating_sub(i64::try_from(keep.rows).unwrap_or(i64::MAX));
        const LEAVING: &str = "SELECT max(n) FROM (SELECT n, at_us FROM audit ORDER BY n LIMIT ?)
          WHERE n <= ? OR (at_us < ? AND n < ?)";
        // The last row stays: the next is chained to it.
        let until: Option<i64> = sqlx::query_scalar(LEAVING)
            .bind(SLICE)
            .bind(many)
            .bind(before)
            .bind(last)
            .fetch_one(&mut self.connection)
            .await
            .map_err(BufferError::database("look for old rows"))?;
        let Some(until) = until.filter(|until| *until >= first) else {
            return Ok(0);
        };
        self.begin().await?;
        let left = seal_off(&mut self.connection, until).await;
        self.end(left).await?;
        Ok(until.abs_diff(first).saturating_add(1))
    }
}

async fn seal_off(connection: &mut SqliteConnection, until: i64) -> Result<(), BufferError> {
    const MOVE: &str =
        "INSERT INTO audit_seal (one, n, hash) SELECT 1, n, hash FROM audit WHERE n = ?
      ON CONFLICT (one) DO UPDATE SET n = excluded.n, hash = excluded.hash";
    for sql in [MOVE, "DELETE FROM audit WHERE n <= ?"] {
        sqlx::query(sql)
            .bind(until)
            .execute(&mut *connection)
            .await
            .map_err(BufferError::database("seal old rows off"))?;
    }
    Ok(())
}

/// Within a transaction: appends rows to the record, and makes it if there is none.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    rows: &[Row],
    epoch: &str,
    at: Time,
) -> Result<(), BufferError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut before = Seal::default();
    let mut start = None;
    if scalar(connection, EXISTS, "look for the record").await? == 0 {
        command(connection, TABLES, "make the record").await?;
        command(connection, SEAL, "make the record").await?;
        start = Some(Row {
            at: time(at.0),
            what: "start".to_owned(),
            epoch: Some(epoch.to_owned()),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..Row::default()
        });
    } else if let Some(found) = last(connection, LAST).await? {
        before = found;
    } else if let Some(sealed) = last(connection, SEALED).await? {
        before = sealed;
    }
    for row in start.iter().chain(rows) {
        let n = before.n.saturating_add(1);
        let text = Row { n, ..row.clone() }.text();
        let hash = chain(&before.hash, &text);
        sqlx::query("INSERT INTO audit (n, at_us, hash, row) VALUES (?, ?, ?, ?)")
            .bind(n)
            .bind(at.0)
            .bind(&hash)
            .bind(text)
            .execute(&mut *connection)
            .await
            .map_err(BufferError::database("record a verdict"))?;
        before = Seal { n, hash };
    }
    Ok(())
}

async fn last(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Option<Seal>, BufferError> {
    let found: Option<(i64, String)> = sqlx::query_as(sql)
        .fetch_optional(connection)
        .await
        .map_err(BufferError::database("read the record"))?;
    Ok(found.map(|(n, hash)| Seal { n, hash }))
}

/// The record of the buffer in a folder, read beside a running gateway.
#[derive(Debug)]
pub struct Record {
    connection: SqliteConnection,
    range: (Time, Time),
    after: i64,
    is_there: bool,
}

impl Record {
    /// Opens the record, for the rows of this range of times.
    ///
    /// # Errors
    /// There is no buffer in `directory`, or it cannot be read.
    pub async fn open(directory: &Path, range: (Time, Time)) -> Result<Self, BufferError> {
        let mut connection = connect::for_reading(&super::inspect::existing(directory)?).await?;
        // All that is read is of one moment: rows that are sealed off meanwhile would be missing.
        command(&mut connection, "BEGIN", "read the record").await?;
        Self::over(connection, range).await
    }

    /// The record in a file that is open; each call is a look of its own.
    pub(super) async fn over(
        mut connection: SqliteConnection,
        range: (Time, Time),
    ) -> Result<Self, BufferError> {
        let is_there = scalar(&mut connection, EXISTS, "look for the record").await? > 0;
        Ok(Self {
            connection,
            range,
            after: 0,
            is_there,
        })
    }

    /// What its rows go on from.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn seal(&mut self) -> Result<Seal, BufferError> {
        if !self.is_there {
            return Ok(Seal::default());
        }
        const BEFORE: &str = "SELECT n, hash FROM audit
          WHERE n < (SELECT coalesce(min(n), 9223372036854775807) FROM audit WHERE at_us >= ?) ORDER BY n DESC LIMIT 1";
        let before: Option<(i64, String)> = sqlx::query_as(BEFORE)
            .bind(self.range.0.0)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(BufferError::database("read the record"))?;
        if let Some((n, hash)) = before {
            self.after = n;
            return Ok(Seal { n, hash });
        }
        let seal = last(&mut self.connection, SEALED)
            .await?
            .unwrap_or_default();
        self.after = seal.n;
        Ok(seal)
    }

    /// Number of the newest row; 0 without any.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn newest(&mut self) -> Result<i64, BufferError> {
        if !self.is_there {
            return Ok(0);
        }
        const NEWEST: &str = "SELECT coalesce(max(n), 0) FROM audit";
        scalar(&mut self.connection, NEWEST, "read the record").await
    }

    /// The next rows, in order, without gaps; none at the end.
    ///
    /// # Errors
    /// SQLite cannot read, or a row is damaged.
    pub async fn next(&mut self) -> Result<Vec<Sealed>, BufferError> {
        if !self.is_there {
            return Ok(Vec::new());
        }
        const ROWS: &str = "SELECT n, hash, row FROM audit WHERE n > ?
          AND n <= (SELECT max(n) FROM audit WHERE at_us <= ?) ORDER BY n LIMIT ?";
        let rows: Vec<(i64, String, String)> = sqlx::query_as(ROWS)
            .bind(self.after)
            .bind(self.range.1.0)
            .bind(READ_ROWS)
            .fetch_all(&mut self.connection)
            .await
            .map_err(BufferError::database("read the record"))?;
        self.after = rows.last().map_or(self.after, |(n, ..)| *n);
        // A row that cannot be read stays one that does not verify.
        let sealed = |(n, hash, text): (i64, String, String)| Sealed {
            hash,
            row: serde_json::from_str(&text).unwrap_or(Row {
                n,
                what: "damaged".to_owned(),
                ..Row::default()
            }),
        };
        Ok(rows.into_iter().map(sealed).collect())
    }

    /// Whether every row is as it was written.
    ///
    /// # Errors
    /// SQLite cannot read, or a row is damaged.
    pub async fn verify(mut self) -> Result<Result<Verified, Broken>, BufferError> {
        loop {
            let seal = self.seal().await?;
            let verified = self.verify_from(&seal).await?;
            // Rows that were sealed off meanwhile are missing and nothing is wrong: from what is there now, once more.
            if verified.is_ok() || self.seal().await? == seal {
                return Ok(verified);
            }
        }
    }

    async fn verify_from(&mut self, seal: &Seal) -> Result<Result<Verified, Broken>, BufferError> {
        let mut verifier = Verifier::default();
        let seal = serde_json::json!({ "seal": seal });
        let mut taken = verifier.take(&seal.to_string());
        while taken.is_ok() {
            let rows = self.next().await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                taken = taken.and_then(|()| verifier.take(&row.json()));
            }
        }
        Ok(taken.and_then(|()| verifier.finish()))
    }
}
