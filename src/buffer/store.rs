//! The writing side: one connection, owned by one task.

use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection};
use tracegate_pipeline::{Input, Pipeline, Time};
use tracing::debug;

use super::BufferError;
use super::connect::{self, PAGE_BYTES};
use super::directory::Lock;
use super::kept::Keep;
use super::repair::{Damage, Known, rebuild};
use super::space::Gate;
use super::statements::{LETTERS_SINCE, STREAMS_SINCE, delete, replace_journal, set_aside};
use super::tail::Tail;
use super::telemetry::Level;
use crate::audit::Row;

/// A snapshot is taken, and the journal trimmed, when the journal has the first and four times the size of the last snapshot:
/// then a start replays little, and snapshots add at most a quarter to what is written. At the second it is taken anyway.
const SNAPSHOT_AFTER_BYTES: (usize, usize) = (256 << 10, 4 << 20);
/// So many inputs are enough too, once the journal is as large as the last snapshot: replaying them takes the time.
const SNAPSHOT_AFTER_INPUTS: usize = 4_096;
/// And after this many rows as soon as the pipeline has nothing open: then a snapshot is small.
const SNAPSHOT_AFTER_IDLE_ROWS: usize = 64;
/// Pages given back to the file system per slice; all at once would block for seconds.
const VACUUM_PAGES: &str = "PRAGMA incremental_vacuum(256)";
/// Pages in use, that is without free ones.
pub(super) const USED_PAGES: &str =
    "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count";
const OLDEST: &str =
    "SELECT CAST(recorded_us AS INTEGER) FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1";
/// Acknowledged rows deleted at a time; and when there is no room for that.
pub(super) const DELETE_ROWS: (i64, i64) = (1_000, 30);
/// What a row takes beyond its texts, about: numbers, headers, and its id once more in the index.
pub(super) const ROW_OVERHEAD_BYTES: u64 = 300;

/// How full the buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Events not yet acknowledged.
    pub waiting: u64,
    /// Bytes of the file in use.
    pub bytes: u64,
    /// The cap, in bytes.
    pub max_bytes: u64,
    /// When the oldest event that waits was stored.
    pub oldest: Option<Time>,
    /// Events set aside.
    pub dead_letters: u64,
    /// The oldest event that is kept although it is acknowledged, and how many there are, about.
    pub kept: Option<(i64, u64)>,
    /// Rows of telemetry among those that wait, and what they take, in bytes.
    pub telemetry: (u64, u64),
}

/// The writing side of the buffer.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: SqliteConnection,
    pub(super) gate: Gate,
    pub(super) tail: Tail,
    pub(super) path: PathBuf,
    pub(super) format: i64,
    pub(super) epoch: String,
    pub(super) journal_rows: usize,
    pub(super) journal_inputs: usize,
    pub(super) journal_bytes: usize,
    pub(super) snapshot_bytes: usize,
    pub(super) waiting: u64,
    pub(super) last_seq: i64,
    pub(super) journal_seq: i64,
    // The broker has everything up to the first; up to the second it has left the outbox, or is marked as kept.
    pub(super) acknowledged: i64,
    pub(super) forgotten: i64,
    pub(super) keep: Keep,
    // Everything up to here is acknowledged, as far as the file tells.
    pub(super) sent: i64,
    pub(super) kept: u64,
    pub(super) telemetry: Level,
    // A transaction was begun and not seen to end.
    pub(super) unsettled: bool,
    // A batch may have been committed although SQLite said that it was not.
    pub(super) doubtful: bool,
    // The connection must be made anew before it is used again.
    pub(super) reopen: bool,
    // A new file was made, and whoever asked for it was not told yet that it is in place.
    pub(super) damage: Option<Damage>,
    // For the record, with the next commit.
    pub(super) verdicts: Vec<Row>,
    // Held for its lock only.
    pub(super) _lock: Lock,
}

impl Store {
    /// The file, for readers and messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Made with the file; sequences count within it.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Events not yet acknowledged.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The newest sequence number ever given out.
    #[must_use]
    pub const fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// Everything up to this number, which was acknowledged or set aside, has left the outbox or is kept as acknowledged; as
    /// far as is known, 0 for nothing.
    #[must_use]
    pub const fn forgotten(&self) -> i64 {
        self.forgotten
    }

    /// Everything up to this number is acknowledged, as far as file and note tell, whether or not it has left.
    #[must_use]
    pub const fn last_acknowledged(&self) -> i64 {
        self.acknowledged
    }

    /// The broker has all events up to `seq`: the next commit deletes them, or marks them as kept, along with what it stores,
    /// and so needs no flush of their own.
    pub fn acknowledge(&mut self, seq: i64) {
        self.acknowledged = self.acknowledged.max(seq);
    }

    /// Keeps inputs of which nothing came for the next commit: a kill does not lose them, but a power cut may. False if
    /// they cannot wait, because others have waited long enough or the file is not in order; nothing was kept then.
    #[must_use]
    pub fn defer(&mut self, inputs: &[Input], now: Time) -> bool {
        let in_order = !self.doubtful && !self.reopen && !self.unsettled && self.damage.is_none();
        let kept = in_order && self.tail.add(inputs, now, (&self.epoch, self.journal_seq));
        self.journal_inputs += if kept { inputs.len() } else { 0 };
        kept
    }

    /// When the inputs that wait have waited long enough, if any do: they want a [`Self::commit`] then.
    #[must_use]
    pub const fn due(&self) -> Option<Time> {
        self.tail.due()
    }

    /// Replaces the journal by a snapshot when it has grown enough, or when a snapshot is cheap. `pipeline` must be what the
    /// journal folds to: every batch it has taken is committed, or waits; while one does, there is no snapshot.
    ///
    /// # Errors
    /// The journal is as it was.
    pub async fn trim(&mut self, pipeline: &Pipeline) -> Result<(), BufferError> {
        if self.due().is_some() {
            return Ok(());
        }
        let idle = pipeline.next_tick().is_none();
        let (least, most) = SNAPSHOT_AFTER_BYTES;
        let due = self.snapshot_bytes.saturating_mul(4).clamp(least, most);
        let many = self.journal_inputs >= SNAPSHOT_AFTER_INPUTS
            && self.journal_bytes >= self.snapshot_bytes;
        let cheap = idle && self.journal_rows >= SNAPSHOT_AFTER_IDLE_ROWS;
        if self.journal_bytes >= due || many || cheap {
            self.snapshot(pipeline).await?;
        }
        Ok(())
    }

    /// As [`Self::trim`], now.
    pub(super) async fn snapshot(&mut self, pipeline: &Pipeline) -> Result<(), BufferError> {
        let state =
            postcard::to_stdvec(pipeline.state()).map_err(|source| BufferError::Encode {
                what: "the state",
                source,
            })?;
        let bytes = state.len();
        let replaced = self.replace_journal(state).await;
        self.note(replaced)?;
        (self.journal_rows, self.journal_inputs) = (0, 0);
        (self.journal_bytes, self.snapshot_bytes) = (0, bytes);
        if let Err(error) = self.give_back().await {
            debug!(%error, "No pages given back; the next time will do");
        }
        Ok(())
    }

    async fn replace_journal(&mut self, state: Vec<u8>) -> Result<(), BufferError> {
        self.begin().await?;
        let replaced = replace_journal(&mut self.connection, state).await;
        self.end(replaced).await
    }

    /// Forgets all events up to `seq`, or keeps them as acknowledged: the broker has them. Done in slices, oldest first: a delete of everything after a
    /// long outage needs room for every page that it touches, and on a full disk there may be little.
    ///
    /// # Errors
    /// Not all of them were deleted.
    pub async fn acknowledged(&mut self, seq: i64) -> Result<u64, BufferError> {
        self.acknowledge(seq);
        if self.keeps() {
            let done = self.mark_sent(seq).await;
            return self.note(done);
        }
        let (mut deleted, mut slice) = (0, DELETE_ROWS.0);
        loop {
            let done = self.delete(seq, slice).await;
            match self.note(done) {
                Err(error) if error.is_full() && slice > DELETE_ROWS.1 => slice = DELETE_ROWS.1,
                Err(error) => return Err(error),
                Ok(rows) => {
                    deleted += rows;
                    if rows < slice.unsigned_abs() {
                        self.forgotten = self.forgotten.max(seq);
                        return Ok(deleted);
                    }
                }
            }
        }
    }

    async fn delete(&mut self, seq: i64, slice: i64) -> Result<u64, BufferError> {
        self.settle().await?;
        let rows = delete(&mut self.connection, seq, slice).await?;
        self.waiting = self.waiting.saturating_sub(rows);
        Ok(rows)
    }

    /// Makes the event `seq` a dead letter, so that it holds up nothing any more. Everything before it must be acknowledged
    /// and leaves the outbox too.
    ///
    /// # Errors
    /// It still waits.
    pub async fn set_aside(
        &mut self,
        seq: i64,
        reason: &str,
        attempts: u32,
        at: Time,
    ) -> Result<(), BufferError> {
        let done = self.make_dead_letter(seq, reason, attempts, at).await;
        self.note(done)
    }

    async fn make_dead_letter(
        &mut self,
        seq: i64,
        reason: &str,
        attempts: u32,
        at: Time,
    ) -> Result<(), BufferError> {
        // Most has left in slices before, so this is small.
        self.acknowledged(seq.saturating_sub(1)).await?;
        if self.format < STREAMS_SINCE {
            self.format = connect::prepare(&mut self.connection, &self.path).await?;
        }
        self.begin().await?;
        let kept = if self.keeps() { self.sent } else { 0 };
        let gone = set_aside(&mut self.connection, (kept, seq), reason, attempts, at).await;
        let gone = self.end(gone).await?;
        self.waiting = self.waiting.saturating_sub(gone);
        self.forgotten = self.forgotten.max(seq);
        if self.keeps() {
            self.mark_sent(seq).await?;
        }
        Ok(())
    }

    /// How full the buffer is now; a few look-ups, so not for every batch.
    ///
    /// # Errors
    /// SQLite cannot read.
    pub async fn figures(&mut self) -> Result<Figures, BufferError> {
        let figures = self.measure().await;
        self.note(figures)
    }

    async fn measure(&mut self) -> Result<Figures, BufferError> {
        self.settle().await?;
        self.recount().await?;
        let pages = self.number(USED_PAGES, "measure the file").await?;
        let bytes = pages.saturating_mul(PAGE_BYTES);
        self.gate.measured(bytes);
        let oldest: Option<i64> = sqlx::query_scalar(OLDEST)
            .bind(self.sent)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(BufferError::database("find the oldest event"))?;
        let dead_letters = match self.format {
            LETTERS_SINCE.. => {
                let count = "SELECT count(*) FROM dead_letter";
                self.number(count, "count dead letters").await?
            }
            _ => 0,
        };
        self.measure_telemetry().await?;
        Ok(Figures {
            telemetry: self.telemetry.figures(),
            waiting: self.waiting,
            bytes,
            max_bytes: self.gate.limits().max_bytes,
            oldest: oldest.map(Time),
            dead_letters,
            kept: self.kept_range().await?,
        })
    }

    /// Puts a new file with everything that can be read in the place of the damaged one; events up to `acknowledged`, if
    /// that is known, are left out. Takes its time with a large file: `working` is called meanwhile.
    ///
    /// # Errors
    /// The disk does not take the new file, or not yet: see [`Self::is_being_replaced`].
    pub async fn repair(
        &mut self,
        acknowledged: Option<i64>,
        working: &(dyn Fn() + Send + Sync),
    ) -> Result<Damage, BufferError> {
        let directory = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let limits = self.gate.limits();
        let known = Known {
            acknowledged,
            last_seq: Some(self.last_seq),
        };
        // Whatever comes of it: from here on only the disk tells which file is the one to use.
        self.reopen = true;
        let damage = match self.damage.clone() {
            Some(damage) => damage,
            None => rebuild(&directory, limits.max_bytes, known, working).await?,
        };
        self.damage = Some(damage.clone());
        self.settle().await?;
        // The pipeline in memory knows more than what was saved of the journal.
        self.journal_bytes = SNAPSHOT_AFTER_BYTES.1;
        self.damage = None;
        Ok(damage)
    }

    /// A repair made a new file and was not seen to end; [`Self::repair`] goes on with it. Nothing is stored before that file
    /// is in place.
    #[must_use]
    pub const fn is_being_replaced(&self) -> bool {
        self.damage.is_some()
    }

    /// Closes the file in good order.
    ///
    /// # Errors
    /// SQLite could not finish; what was committed stays committed.
    pub async fn close(self) -> Result<(), BufferError> {
        self.connection
            .close()
            .await
            .map_err(BufferError::database("close"))
    }

    pub(super) async fn give_back(&mut self) -> Result<(), BufferError> {
        sqlx::raw_sql(VACUUM_PAGES)
            .execute(&mut self.connection)
            .await
            .map_err(BufferError::database("give pages back"))?;
        Ok(())
    }
}
