//! Events that wait, for who wants them by another way than the broker. They stay where they are.
//!
//! Each page is a look at the file of its own. A look held open would keep the gateway's log from being emptied, and whoever
//! takes the events may be slow: so an event that is acknowledged before its page is read is left out.

use std::path::Path;

use rustix::fs::{Access, access};
use serde::de::IgnoredAny;
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::inspect::readable;
use super::statements::{EPOCH, FORMAT, LAST_SEQ, USER_VERSION, scalar};
use super::stream::{Stream, row_crc32};
use super::sweep::{Span, Sweep, Table, bytes, number, text};
use super::{BufferError, FILE_NAME, connect, kept, noted};

/// An event, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its sequence number.
    pub seq: i64,
    /// What it is; `None` if no version knows that, or it is damaged.
    pub stream: Option<Stream>,
    /// EPCIS event hash id.
    pub event_id: String,
    /// Where it happened.
    pub read_point: String,
    /// When it happened, in µs since 1970.
    pub occurred_us: i64,
    /// When it was stored, in µs since 1970.
    pub recorded_us: i64,
    /// Whether it is what was stored; what is no text any more reads as U+FFFD.
    pub intact: bool,
    /// The event.
    pub payload: String,
}

impl Exported {
    /// Of a row of [`Table::Outbox`].
    pub(super) fn of(row: &SqliteRow) -> Self {
        let [id, place, payload] = [1, 2, 3].map(|column| bytes(row, column));
        let stream = number(row, 7);
        let is_right = number(row, 4) == row_crc32(stream, [&id, &place, &payload]);
        let stream = Stream::of(stream);
        Self {
            seq: number(row, 0),
            intact: is_right && stream.is_some(),
            stream,
            event_id: text(row, 1),
            read_point: text(row, 2),
            occurred_us: number(row, 5),
            recorded_us: number(row, 6),
            payload: text(row, 3),
        }
    }

    /// One line of JSON, without its end. `event` is the event byte for byte; a damaged one is the text `payload` instead.
    #[must_use]
    pub fn json(&self, epoch: &str) -> String {
        let mut head = json!({
            "epoch": epoch,
            "seq": self.seq,
            "stream": self.stream.map(Stream::as_str),
            "event_id": self.event_id,
            "read_point": self.read_point,
            "occurred_us": self.occurred_us,
            "recorded_us": self.recorded_us,
            "intact": self.intact,
        });
        let is_json = serde_json::from_str::<IgnoredAny>(&self.payload).is_ok();
        if self.intact && is_json && !self.payload.contains('\n') {
            let mut line = head.to_string();
            line.pop();
            return line + ",\"event\":" + &self.payload + "}";
        }
        if let Some(head) = head.as_object_mut() {
            head.insert("payload".to_owned(), json!(self.payload));
        }
        head.to_string()
    }
}

/// The events that wait, page by page.
#[derive(Debug)]
pub struct Export {
    connection: SqliteConnection,
    sweep: Sweep,
    epoch: String,
    span: Span,
}

impl Export {
    /// Those that wait in the file at `path` at this moment; a gateway may have it open.
    ///
    /// # Errors
    /// There is no such file, it is a newer version's, or it cannot be read.
    pub async fn open(path: &Path) -> Result<Self, BufferError> {
        readable(path)?;
        let mut connection = connection(path).await?;
        let found = scalar(&mut connection, FORMAT, "read the format").await?;
        if found > USER_VERSION {
            let path = path.to_owned();
            return Err(BufferError::Newer { path, found });
        }
        // What cannot be read here is told by `verify`; the events may be there all the same.
        let epoch: Result<String, _> = sqlx::query_scalar(EPOCH).fetch_one(&mut connection).await;
        let epoch = epoch.unwrap_or_default();
        let sent = sent(&mut connection, path, &epoch).await;
        let from = sent.saturating_add(1);
        let span = Table::Outbox { from }.whole(&mut connection).await;
        let sweep = Sweep::new(&mut connection, Table::Outbox { from }, [span]).await;
        Ok(Self {
            connection,
            sweep,
            epoch,
            span,
        })
    }

    /// Names the buffer.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The numbers of the first and the last that may wait; the first is the greater one when nothing does.
    #[must_use]
    pub const fn span(&self) -> (i64, i64) {
        self.span
    }

    /// The next events, in order as long as nothing is damaged; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<Exported>> {
        let rows = self.sweep.next(&mut self.connection, &|| {}).await?;
        Some(rows.iter().map(Exported::of).collect())
    }

    /// Ends it. The numbers of what could not be read, first and last of each stretch, in order.
    #[must_use]
    pub fn unread(self) -> Vec<(i64, i64)> {
        let whole = vec![self.span];
        merged(self.sweep.unread().unwrap_or(whole))
    }
}

/// A gateway may be started at any moment on its own file, which therefore is read as one that is in use; any other is left
/// without a trace, and so is one where nothing may be written.
async fn connection(path: &Path) -> Result<SqliteConnection, BufferError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let is_own = path.file_name().is_some_and(|name| name == FILE_NAME);
    if is_own && access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return connect::for_reading(path).await;
    }
    connect::without_trace(path).await.map(|(it, _)| it)
}

/// How far everything is acknowledged: as the file says, or the note beside it if that is the buffer's own.
pub(super) async fn sent(connection: &mut SqliteConnection, path: &Path, epoch: &str) -> i64 {
    let told = kept::sent(connection, epoch).await.ok().flatten();
    let last = scalar(connection, LAST_SEQ, "read the sequence").await;
    let directory = path.parent().unwrap_or(Path::new("."));
    let noted = noted::look(directory, epoch);
    let noted = if noted <= last.unwrap_or(0) { noted } else { 0 };
    told.unwrap_or(0).max(noted).max(0)
}

/// In order, those that touch put together.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some((_, end)) if end.saturating_add(1) >= from => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}
