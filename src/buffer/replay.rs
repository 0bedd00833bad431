//! From the journal back to the pipeline that wrote it.

use sqlx::{Row, SqliteConnection};
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Pipeline, journal};

use super::statements::STATE_VERSION;
use super::{BufferError, crc32};

/// As the reader of the outbox does: whatever a damaged row has become, it can be read as these types.
const SNAPSHOT: &str = "SELECT coalesce(CAST(journal_seq AS INTEGER), 0), coalesce(CAST(version AS INTEGER), 0), coalesce(CAST(crc32 AS INTEGER), -1),
  coalesce(CAST(state AS BLOB), x'') FROM snapshot";
const JOURNAL: &str =
    "SELECT coalesce(CAST(crc32 AS INTEGER), -1), coalesce(CAST(inputs AS BLOB), x'') FROM journal
  WHERE seq > ? ORDER BY seq";

/// The check sum of a journal row. The version is part of it: rows of another one must not be taken for inputs.
pub(super) fn journal_crc32(inputs: &[u8]) -> i64 {
    crc32(&[&STATE_VERSION.to_le_bytes(), inputs])
}

/// What came of replaying the journal.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) pipeline: Pipeline,
    /// Inputs replayed.
    pub(super) inputs: usize,
    /// Rows that could not be read.
    pub(super) unreadable: usize,
    /// Rows and bytes of the journal.
    pub(super) rows: usize,
    pub(super) bytes: usize,
    /// Bytes of the snapshot before it.
    pub(super) snapshot_bytes: usize,
}

impl Replayed {
    pub(super) fn take(&mut self, inputs: Vec<Input>) {
        self.inputs += inputs.len();
        for input in inputs {
            drop(self.pipeline.handle(input));
        }
    }
}

/// Folds snapshot and journal; what came of the inputs was committed together with them and is thrown away.
pub(super) async fn replay(connection: &mut SqliteConnection) -> Result<Replayed, BufferError> {
    let mut done = Replayed::default();
    let row = sqlx::query(SNAPSHOT)
        .fetch_optional(&mut *connection)
        .await
        .map_err(BufferError::database("read the snapshot"))?;
    let mut covered = 0_i64;
    if let Some(row) = row {
        let (version, crc, state): (i64, i64, Vec<u8>) = (row.get(1), row.get(2), row.get(3));
        covered = row.get(0);
        done.snapshot_bytes = state.len();
        let good = version == STATE_VERSION && crc == crc32(&[&state]);
        match good.then(|| postcard::from_bytes::<State>(&state)) {
            Some(Ok(state)) => done.pipeline = Pipeline::from_state(state),
            _ => done.unreadable += 1,
        }
    }
    let rows = sqlx::query(JOURNAL)
        .bind(covered)
        .fetch_all(connection)
        .await
        .map_err(BufferError::database("read the journal"))?;
    for row in rows {
        let (crc, inputs): (i64, Vec<u8>) = (row.get(0), row.get(1));
        done.rows += 1;
        done.bytes += inputs.len();
        match (crc == journal_crc32(&inputs)).then(|| journal::decode(&inputs)) {
            Some(Ok(inputs)) => done.take(inputs),
            _ => done.unreadable += 1,
        }
    }
    Ok(done)
}
