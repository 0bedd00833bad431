//! Whether a buffer's file is what was written to it: looks at everything, changes nothing.
//!
//! A gateway may have the file open, and goes on: so rows are read in steps, each a look at the file of its own. A look held
//! open would keep the gateway's log from being emptied, and the log would grow. What comes after the first look is not
//! looked at, and what is deleted meanwhile is not missed. Only pages and indexes are judged in one go, which is SQLite's way.
//! A file whose log is empty is read without even looking at its locks, so that nothing is made beside it; if
//! it changes meanwhile, it is read again.

mod kinds;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::SqliteConnection;

use self::kinds::{Walk, events, journal, letters, losses, record, snapshot, structure, tail};
use super::aside::beside;
use super::export::{merged, sent};
use super::inspect::readable;
use super::statements::{EPOCH, FORMAT, LETTERS_SINCE, USER_VERSION, scalar};
use super::sweep::{Span, Table};
use super::{BufferError, Trouble, connect, kept};

/// Problems of a kind that are listed; all are counted.
const LISTED: usize = 20;
/// Times that a file which changes is read.
const TRIES: usize = 3;
/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Number of the row, or of the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<i64>,
    /// Number of the last of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// What is wrong.
    pub reason: String,
}

/// What was found of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// What was looked at.
    pub kind: &'static str,
    /// How many are as they were written; `None` where there is nothing to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<u64>,
    /// How many problems there are.
    pub damaged: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

impl Kind {
    const fn new(kind: &'static str, sound: Option<u64>) -> Self {
        Self {
            kind,
            sound,
            damaged: 0,
            problems: Vec::new(),
        }
    }

    fn judge(&mut self, row: i64, wrong: Option<&str>) {
        match wrong {
            Some(reason) => self.add(Some(row), None, reason),
            None => self.sound = self.sound.map(|sound| sound.saturating_add(1)),
        }
    }

    fn add(&mut self, row: Option<i64>, to: Option<i64>, reason: &str) {
        self.damaged = self.damaged.saturating_add(1);
        if self.problems.len() < LISTED {
            let reason = reason.to_owned();
            self.problems.push(Problem { row, to, reason });
        }
    }

    /// What could not be read of a table; true when everything could.
    fn unread(&mut self, unread: Option<Vec<Span>>) -> bool {
        const REASON: &str = "cannot be read: a page of the file is damaged";
        let Some(unread) = unread else {
            self.add(None, None, "the table cannot be found in the file");
            return false;
        };
        let is_whole = unread.is_empty();
        for (from, to) in merged(unread) {
            self.add(Some(from), (to > from).then_some(to), REASON);
        }
        is_whole
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The file.
    pub file: PathBuf,
    /// Whether everything is as it was written.
    pub is_sound: bool,
    /// Its format; `None` if it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<i64>,
    /// Names the buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// By kind.
    pub kinds: Vec<Kind>,
    /// What else is to be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Looks through the file at `path`. `told` hears how many rows of how many are done.
///
/// # Errors
/// There is no such file, it is a newer version's, or this user may not read it. What is damaged is no error.
pub async fn verify(path: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Verified, BufferError> {
    readable(path)?;
    let mut tries = 0;
    loop {
        tries += 1;
        let before = stamp(path);
        let (connection, is_still) = connect::without_trace(path).await?;
        let mut found = look_through(path, connection, told).await?;
        if !is_still || stamp(path) == before || tries == TRIES {
            found.notes = notes(path);
            found.is_sound = found.kinds.iter().all(|kind| kind.damaged == 0);
            return Ok(found);
        }
    }
}

/// Differs when somebody has written.
fn stamp(path: &Path) -> [Option<(u64, u64, i64, i64)>; 2] {
    let of = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
    };
    let log = of(&beside(path, "-wal")).filter(|(_, len, ..)| *len > 0);
    [of(path), log]
}

async fn look_through(
    path: &Path,
    mut connection: SqliteConnection,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Verified, BufferError> {
    let source = &mut connection;
    let mut found = Verified {
        file: path.to_owned(),
        is_sound: false,
        format: None,
        epoch: None,
        kinds: vec![structure(source).await],
        notes: Vec::new(),
    };
    let format = match scalar(source, FORMAT, "read the format").await {
        Ok(format) if format > USER_VERSION => {
            let path = path.to_owned();
            return Err(BufferError::Newer {
                path,
                found: format,
            });
        }
        Ok(format) => format,
        // Nothing of it can be read, and that has been said.
        Err(error) if error.trouble() == Trouble::Damaged => return Ok(found),
        // Locked, or a disk that refuses: nothing is known of the file.
        Err(error) => return Err(error),
    };
    found.format = Some(format);
    let mut head = Kind::new("head", None);
    let epoch: Result<String, _> = sqlx::query_scalar(EPOCH).fetch_one(&mut *source).await;
    match epoch {
        Ok(epoch) => found.epoch = Some(epoch),
        Err(_) => head.add(None, None, "the buffer's name (its epoch) cannot be read"),
    }
    let epoch = found.epoch.clone().unwrap_or_default();
    let has_sent = "SELECT count(*) FROM meta WHERE key = 'sent'";
    let has_sent = scalar(source, has_sent, "look how far events were sent").await;
    let is_told = matches!(kept::sent(source, &epoch).await, Ok(Some(_)));
    if found.epoch.is_some() && has_sent.is_ok_and(|count| count > 0) && !is_told {
        let reason = "how far events were acknowledged has a wrong check sum: those that are kept are sent again";
        head.add(None, None, reason);
    }
    found.kinds.push(head);
    let sent = sent(source, path, &epoch).await;

    let mut walk = Walk::new();
    let tables = [
        Table::Outbox { from: 1 },
        Table::DeadLetters,
        Table::Dropped,
        Table::Journal,
    ];
    let mut spans = Vec::new();
    for table in tables {
        if format >= LETTERS_SINCE || !matches!(table, Table::DeadLetters | Table::Dropped) {
            let (from, to) = table.whole(source).await;
            let rows = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
            walk.total = walk.total.saturating_add(rows);
            spans.push((table, (from, to)));
        }
    }
    for (table, span) in spans {
        let kinds = match table {
            Table::Outbox { .. } => events(source, span, sent, format, &mut walk, told).await,
            Table::DeadLetters => vec![letters(source, span, &mut walk, told).await],
            Table::Dropped => vec![losses(source, span, &mut walk, told).await],
            Table::Journal => vec![journal(source, span, &mut walk, told).await],
        };
        found.kinds.extend(kinds);
    }
    found.kinds.push(snapshot(source).await);
    found.kinds.push(tail(source, path, &epoch).await);
    found.kinds.extend(record(connection).await);
    Ok(found)
}

fn notes(path: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    let ready = beside(path, ".ready");
    if ready.exists() {
        notes.push(format!(
            "a repaired file waits to take this one's place at the gateway's next start: {}",
            ready.display()
        ));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.damaged-");
    let entries = std::fs::read_dir(path.parent().unwrap_or(Path::new("."))).into_iter();
    let names = entries.flatten().flatten().map(|entry| entry.file_name());
    let mut kept: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| {
            name.starts_with(&prefix) && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .collect();
    kept.sort();
    for name in kept {
        notes.push(format!(
            "kept from a repair: {}",
            path.with_file_name(name).display()
        ));
    }
    notes
}
