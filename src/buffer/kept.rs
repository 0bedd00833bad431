//! Events that were acknowledged and stay for a while, so that a store which lost something can have them again.
//!
//! They stay where they are. One number tells them from those that wait: everything up to `meta.sent` is acknowledged. It is
//! `SEQ CRC`, the check sum over epoch and number: a number that is too high because of a damaged page would pass over events
//! that wait, and SQLite has no check sums. One that is not right counts as none, and events are sent twice.
//!
//! They leave, oldest first and in slices, when they are older than [`Keep::age`], when they take more than [`Keep::bytes`],
//! and before anything new is refused for want of room. After a repair of the file there are none.

use std::time::Duration;

use sqlx::SqliteConnection;
use tracegate_pipeline::Time;

use super::connect::PAGE_BYTES;
use super::settle::Counts;
use super::statements::{KEPT_SINCE, SENT, scalar};
use super::telemetry::DropReason;
use super::{BufferError, Store, crc32};

/// Slices that one pass deletes at most: the core waits meanwhile.
const SLICES: usize = 20;
/// Rows in a slice; and when there is no room for that.
const SLICE_ROWS: (i64, i64) = (1_000, 30);
/// They make room while the file is fuller than this, in percent of its cap: well before anything is refused.
const ROOMY_PERCENT: u64 = 70;

const KEPT: &str = "SELECT max(0, coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sent') - (SELECT min(seq) FROM outbox) + 1, 0))";
const FIRST: &str = "SELECT coalesce(min(seq), 0) FROM outbox";

/// How long acknowledged events stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// For so long after they were stored; 0: not at all.
    pub age: Duration,
    /// And as long as they take no more than this of the file, about.
    pub bytes: u64,
}

/// What became of acknowledged events.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    /// So many were deleted.
    Deleted(u64),
    /// They stay; so many wait now, and so many are kept.
    Marked { waiting: u64, kept: u64 },
}

impl Store {
    /// From now on acknowledged events stay for so long.
    pub fn keep_sent(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// Everything up to this number is acknowledged, as far as the file tells.
    #[must_use]
    pub const fn sent(&self) -> i64 {
        self.sent
    }

    /// Whether acknowledged events stay, or some have stayed.
    pub(super) fn keeps(&self) -> bool {
        self.format >= KEPT_SINCE && (!self.keep.age.is_zero() || self.kept > 0)
    }

    /// Notes that everything up to `seq` is acknowledged; returns how many events are that more.
    pub(super) async fn mark_sent(&mut self, seq: i64) -> Result<u64, BufferError> {
        let before = self.waiting;
        self.settle().await?;
        set_sent(&mut self.connection, &self.epoch, seq).await?;
        self.sent = self.sent.max(seq);
        self.forgotten = self.forgotten.max(seq);
        self.recount().await?;
        self.kept = self.number(KEPT, "count what is kept").await?;
        Ok(before.saturating_sub(self.waiting))
    }

    /// Reads how far everything is acknowledged; called when the file is opened.
    pub(super) async fn find_sent(&mut self) -> Result<(), BufferError> {
        let found = sent(&mut self.connection, &self.epoch).await?;
        self.sent = found.unwrap_or(0).clamp(0, self.last_seq);
        self.acknowledged = self.acknowledged.max(self.sent);
        self.forgotten = self.forgotten.max(self.sent);
        if found.is_none() {
            // Whatever else it says is not to be believed, also not by who only counts.
            sqlx::query("DELETE FROM meta WHERE key = 'sent'")
                .execute(&mut self.connection)
                .await
                .map_err(BufferError::database("forget how far events were sent"))?;
        }
        self.recount().await?;
        self.kept = self.number(KEPT, "count what is kept").await?;
        Ok(())
    }

    /// Deletes acknowledged events that are too old or too many. Does a part of it at a time: call it again.
    ///
    /// # Errors
    /// SQLite refused; the next time will do.
    pub async fn prune(&mut self, now: Time) -> Result<(), BufferError> {
        let done = self.prune_some(now).await;
        self.note(done)
    }

    async fn prune_some(&mut self, now: Time) -> Result<(), BufferError> {
        self.tidy_dropped().await?;
        let age_us = i64::try_from(self.keep.age.as_micros()).unwrap_or(i64::MAX);
        let before = Time(now.0.saturating_sub(age_us));
        for _ in 0..SLICES {
            if self.kept == 0 {
                break;
            }
            self.settle().await?;
            let used = self.used().await?;
            let of_it = u128::from(used) * u128::from(self.kept)
                / u128::from(self.kept.saturating_add(self.waiting).max(1));
            let roomy = self.gate.limits().max_bytes / 100 * ROOMY_PERCENT;
            let too_many = of_it > u128::from(self.keep.bytes) || used > roomy;
            let until = if too_many { Time(i64::MAX) } else { before };
            if self.drop_slice(until).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Deletes the oldest kept events, if there are any, else the oldest telemetry, else the oldest verdicts of the
    /// record, before something is refused. Returns whether it did.
    pub(super) async fn make_room(&mut self) -> Result<bool, BufferError> {
        let mut gone = 0;
        if self.kept > 0 {
            gone = self.drop_slice(Time(i64::MAX)).await?;
        }
        if gone == 0 {
            gone = self.drop_telemetry(DropReason::Room).await?;
        }
        if gone == 0 {
            gone = self.drop_verdicts().await?;
        }
        if gone == 0 {
            return Ok(false);
        }
        // For a disk that is full of others' files.
        self.give_back().await?;
        let used = self.used().await?;
        self.gate.measured(used);
        Ok(true)
    }

    async fn used(&mut self) -> Result<u64, BufferError> {
        let pages = self
            .number(super::store::USED_PAGES, "measure the file")
            .await?;
        Ok(pages.saturating_mul(PAGE_BYTES))
    }

    /// The oldest slice of what is kept and was stored before `until`. Returns how many rows left.
    async fn drop_slice(&mut self, until: Time) -> Result<u64, BufferError> {
        let gone = match self.delete_kept(until, SLICE_ROWS.0).await {
            Err(error) if error.is_full() => self.delete_kept(until, SLICE_ROWS.1).await?,
            gone => gone?,
        };
        self.kept = self.number(KEPT, "count what is kept").await?;
        Ok(gone)
    }

    async fn delete_kept(&mut self, until: Time, slice: i64) -> Result<u64, BufferError> {
        let done = sqlx::query(
            "DELETE FROM outbox WHERE seq <= min(?, (SELECT min(seq) FROM outbox) + ?) AND recorded_us < ?",
        )
        .bind(self.sent)
        .bind(slice)
        .bind(until.0)
        .execute(&mut self.connection)
        .await
        .map_err(BufferError::database("delete kept events"))?;
        Ok(done.rows_affected())
    }

    /// The oldest row of the outbox, and how many of its rows are kept.
    pub(super) async fn kept_range(&mut self) -> Result<Option<(i64, u64)>, BufferError> {
        self.kept = self.number(KEPT, "count what is kept").await?;
        if self.kept == 0 {
            return Ok(None);
        }
        let first = scalar(&mut self.connection, FIRST, "find the oldest event").await?;
        Ok(Some((first, self.kept)))
    }
}

/// The number with its check sum.
pub(super) fn check(epoch: &str, seq: i64) -> String {
    let sum = crc32(&[epoch.as_bytes(), &seq.to_le_bytes()]);
    format!("{seq} {sum:08x}")
}

/// How far everything is acknowledged; `None` when the file does not say, or not credibly.
pub(super) async fn sent(
    connection: &mut SqliteConnection,
    epoch: &str,
) -> Result<Option<i64>, BufferError> {
    let found: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'sent'")
        .fetch_optional(connection)
        .await
        .map_err(BufferError::database("read how far events were sent"))?;
    Ok(found.and_then(|text| checked(epoch, &text)))
}

/// The number that [`check`] wrote for this epoch.
pub(super) fn checked(epoch: &str, text: &str) -> Option<i64> {
    let seq = text.split_once(' ')?.0.parse().ok()?;
    (check(epoch, seq) == *text).then_some(seq)
}

/// Within a transaction that has stored something: everything up to `seq` is acknowledged and stays.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    epoch: &str,
    seq: i64,
    format: i64,
) -> Result<Left, BufferError> {
    set_sent(connection, epoch, seq).await?;
    let waiting = Counts::read(connection, format).await?.waiting;
    let kept = u64::try_from(kept(connection).await?).unwrap_or(0);
    Ok(Left::Marked { waiting, kept })
}

/// Never lower than before.
async fn set_sent(
    connection: &mut SqliteConnection,
    epoch: &str,
    seq: i64,
) -> Result<(), BufferError> {
    sqlx::query(
        "INSERT INTO meta(key, value) VALUES ('sent', ?1) ON CONFLICT(key) DO UPDATE SET value = ?1 WHERE CAST(value AS INTEGER) < ?2",
    )
    .bind(check(epoch, seq))
    .bind(seq)
    .execute(connection)
    .await
    .map_err(BufferError::database("note how far events were sent"))?;
    Ok(())
}

/// How many rows are kept, for who only looks.
pub(super) async fn kept(connection: &mut SqliteConnection) -> Result<i64, BufferError> {
    scalar(connection, KEPT, "count what is kept").await
}

/// How far everything is acknowledged, for who only looks.
pub(super) async fn sent_number(connection: &mut SqliteConnection) -> Result<i64, BufferError> {
    scalar(connection, SENT, "read how far events were sent").await
}
