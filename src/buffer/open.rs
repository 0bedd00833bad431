//! Opening the buffer: the lock, the file, a repair if it needs one, the journal.

use std::path::Path;

use sqlx::{Connection, SqliteConnection};
use tracegate_pipeline::Pipeline;

use super::directory::{lock, sync_directories};
use super::kept::Keep;
use super::noted;
use super::repair::{self, Damage, Known, rebuild};
use super::replay::{Replayed, replay};
use super::settle::Counts;
use super::space::{Gate, Limits};
use super::statements::epoch;
use super::tail::Tail;
use super::telemetry::Level;
use super::{BufferError, FILE_NAME, Store, Trouble, connect};

/// What was found when the buffer was opened.
#[derive(Debug)]
pub struct Opened {
    /// The writing side.
    pub store: Store,
    /// The pipeline as the journal left it.
    pub pipeline: Pipeline,
    /// Inputs replayed to get there.
    pub replayed: usize,
    /// Journal rows or snapshots that could not be read; their windows are lost.
    pub unreadable: usize,
    /// The file was damaged, and is another one now.
    pub damage: Option<Damage>,
}

impl Store {
    /// Opens or creates the buffer in `directory` and replays its journal.
    ///
    /// # Errors
    /// The directory cannot be used, another process holds the buffer, or SQLite cannot open it.
    pub async fn open(directory: &Path, limits: impl Into<Limits>) -> Result<Opened, BufferError> {
        let limits = limits.into();
        let existed = directory.ancestors().find(|ancestor| ancestor.is_dir());
        let lock = lock(directory)?;
        let path = directory.join(FILE_NAME);
        repair::finish(directory)?;
        let mut damage = None;
        let (file, mut replayed) = match Readable::open(&path, limits).await {
            Err(error) if error.trouble() == Trouble::Damaged => {
                let found = rebuild(directory, limits.max_bytes, Known::default(), &|| {}).await?;
                repair::finish(directory)?;
                damage = Some(found);
                Readable::open(&path, limits).await?
            }
            opened => opened?,
        };
        sync_directories(directory, existed)?;
        let mut tail = Tail::new(directory);
        match tail.recover(&file.epoch, file.counts.journal_seq) {
            Ok(inputs) => replayed.take(inputs),
            Err(_) => replayed.unreadable += 1,
        }
        let mut store = Self {
            tail,
            connection: file.connection,
            gate: Gate::new(limits),
            path,
            format: file.format,
            epoch: file.epoch,
            journal_rows: replayed.rows,
            journal_inputs: replayed.inputs,
            journal_bytes: replayed.bytes,
            snapshot_bytes: replayed.snapshot_bytes,
            waiting: file.counts.waiting,
            last_seq: file.counts.last_seq,
            journal_seq: file.counts.journal_seq,
            acknowledged: 0,
            forgotten: 0,
            keep: Keep::default(),
            sent: 0,
            kept: 0,
            telemetry: Level::default(),
            unsettled: false,
            doubtful: false,
            reopen: false,
            damage: None,
            verdicts: Vec::new(),
            _lock: lock,
        };
        store.find_sent().await?;
        // It leaves with the first commit, if it has not left.
        store.acknowledge(noted::read(directory, &store.epoch, store.last_seq));
        store.measure_telemetry().await?;
        Ok(Opened {
            store,
            pipeline: replayed.pipeline,
            replayed: replayed.inputs,
            unreadable: replayed.unreadable,
            damage,
        })
    }
}

/// A file that could be opened and read.
struct Readable {
    connection: SqliteConnection,
    format: i64,
    epoch: String,
    counts: Counts,
}

impl Readable {
    async fn open(path: &Path, limits: Limits) -> Result<(Self, Replayed), BufferError> {
        let mut connection = connect::for_writing(path, limits.max_bytes).await?;
        match Self::read(&mut connection, path).await {
            Ok((format, epoch, counts, replayed)) => {
                let readable = Self {
                    connection,
                    format,
                    epoch,
                    counts,
                };
                Ok((readable, replayed))
            }
            Err(error) => {
                // Before anything else is done with the file: closing may still write to it.
                drop(connection.close().await);
                Err(error)
            }
        }
    }

    async fn read(
        connection: &mut SqliteConnection,
        path: &Path,
    ) -> Result<(i64, String, Counts, Replayed), BufferError> {
        let format = connect::prepare(connection, path).await?;
        let epoch = epoch(connection).await?;
        let counts = Counts::read(connection, format).await?;
        Ok((format, epoch, counts, replay(connection).await?))
    }
}
