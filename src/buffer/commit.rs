//! Storing a batch: what makes room for it, what is dropped, and what leaves along with it.

use std::path::Path;

use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Time};

use super::connect::PAGE_BYTES;
use super::kept::{self, Left};
use super::replay::journal_crc32;
use super::statements::{Appended, append, delete};
use super::store::{DELETE_ROWS, ROW_OVERHEAD_BYTES, USED_PAGES};
use super::stream::NewRow;
use super::{BufferError, Store, audit, telemetry};
use crate::failpoint::Failpoint;

/// Slices of kept rows, or of telemetry, that leave for one batch, at most.
const ROOM_SLICES: usize = 20;

impl Store {
    /// Stores a batch of inputs and the events that came of it: all or nothing. Events that the outbox already holds (same
    /// id) are not stored again. The oldest acknowledged ones leave.
    ///
    /// # Errors
    /// Nothing was stored; [`BufferError::is_full`] tells whether waiting may help.
    pub async fn commit(
        &mut self,
        inputs: &[Input],
        events: &[MovementEvent],
        recorded: Time,
    ) -> Result<(), BufferError> {
        let rows: Vec<NewRow<'_>> = events.iter().map(NewRow::from).collect();
        self.commit_rows(inputs, &rows, recorded).await
    }

    /// As [`Self::commit`], with rows of every stream in their order. Telemetry that there is no room for is dropped: the
    /// oldest that waits, else that of the batch.
    ///
    /// # Errors
    /// As [`Self::commit`]; also a batch of telemetry alone is refused only when its inputs are.
    pub async fn commit_rows(
        &mut self,
        inputs: &[Input],
        rows: &[NewRow<'_>],
        recorded: Time,
    ) -> Result<(), BufferError> {
        let encoded = self.tail.with(inputs)?;
        let done = self.commit_encoded(&encoded, rows, recorded).await;
        if done.is_ok() {
            self.verdicts.clear();
            self.tail.clear();
            self.journal_inputs += inputs.len();
        }
        self.note(done)
    }

    async fn commit_encoded(
        &mut self,
        inputs: &[u8],
        rows: &[NewRow<'_>],
        recorded: Time,
    ) -> Result<(), BufferError> {
        let crc = journal_crc32(inputs);
        self.settle().await?;
        if self.doubtful && self.is_there(crc).await? {
            return self.recount().await;
        }
        let telemetry = telemetry::sizes(rows);
        let fits = self.fit_telemetry(telemetry).await?;
        let rows = rows.iter().filter(|row| fits || !row.stream.is_telemetry());
        let rows: Vec<&NewRow<'_>> = rows.collect();
        let bytes = rows.iter().fold(inputs.len() as u64, |sum, row| {
            sum.saturating_add(row.json.len() as u64)
                .saturating_add(ROW_OVERHEAD_BYTES)
        });
        if self.gate.must_measure() {
            let pages = self.number(USED_PAGES, "measure the file").await?;
            self.gate.measured(pages.saturating_mul(PAGE_BYTES));
        }
        let directory = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let was_full = self.gate.is_full();
        for slices in 0.. {
            let held = self.waiting.saturating_add(self.kept);
            let full = match self.gate.admit(&directory, bytes, held) {
                Ok(()) => match self.attempt((inputs, crc), &rows, bytes, recorded).await {
                    Err(error) if error.is_full() => error,
                    done => {
                        done?;
                        break;
                    }
                },
                Err(full) => full,
            };
            // What is only kept, and telemetry, go before anything is refused.
            if slices >= ROOM_SLICES || !self.make_room().await? {
                return Err(full);
            }
            if !was_full {
                self.gate.reconsider();
            }
        }
        match fits {
            true => self.telemetry.added(telemetry),
            false => self.telemetry.left_out(telemetry.0),
        }
        Ok(())
    }

    async fn attempt(
        &mut self,
        (inputs, crc): (&[u8], i64),
        rows: &[&NewRow<'_>],
        bytes: u64,
        recorded: Time,
    ) -> Result<(), BufferError> {
        let journaled = inputs.len();
        self.begin().await?;
        self.doubtful = true;
        let stored = self.store((inputs, crc), rows, recorded).await;
        let stored = self.end(stored).await;
        if let Err(error) = &stored
            && error.is_full()
        {
            self.gate.overran();
        }
        let (left, stored) = stored?;
        self.doubtful = false;
        self.gate.wrote(bytes);
        self.journal_rows += 1;
        self.journal_bytes += journaled;
        self.last_seq = stored.last_seq.unwrap_or(self.last_seq);
        self.journal_seq = stored.journal_seq;
        match left {
            Left::Deleted(rows) => {
                self.waiting = self.waiting.saturating_sub(rows) + stored.events;
                if rows < DELETE_ROWS.0.unsigned_abs() {
                    self.forgotten = self.acknowledged;
                }
            }
            Left::Marked { waiting, kept } => {
                (self.waiting, self.kept) = (waiting, kept);
                self.sent = self.sent.max(self.acknowledged);
                self.forgotten = self.acknowledged;
            }
        }
        Ok(())
    }

    /// Within a transaction: what leaves, and what comes.
    async fn store(
        &mut self,
        inputs: (&[u8], i64),
        rows: &[&NewRow<'_>],
        recorded: Time,
    ) -> Result<(Left, Appended), BufferError> {
        let (seq, leaves) = (self.acknowledged, self.acknowledged > self.forgotten);
        let keeps = self.keeps();
        let connection = &mut self.connection;
        let mut left = Left::Deleted(0);
        if leaves && !keeps {
            left = Left::Deleted(delete(connection, seq, DELETE_ROWS.0).await?);
        }
        let appended = append(connection, inputs, rows, recorded, self.format).await?;
        audit::append(connection, &self.verdicts, &self.epoch, recorded).await?;
        if leaves && keeps {
            left = kept::mark(connection, &self.epoch, seq, self.format).await?;
        }
        Failpoint::InCommit.pass();
        Ok((left, appended))
    }

    /// Whether the batch that failed last is in the journal after all. The disk may fail in the very last step of a commit;
    /// opened anew, SQLite then finds it complete, and storing it again would replay it twice.
    async fn is_there(&mut self, crc: i64) -> Result<bool, BufferError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT crc32 FROM journal WHERE seq = ?")
            .bind(self.journal_seq.saturating_add(1))
            .fetch_optional(&mut self.connection)
            .await
            .map_err(BufferError::database("look for the batch"))?;
        self.doubtful = false;
        Ok(found == Some(crc))
    }
}
