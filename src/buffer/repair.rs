//! A damaged file: kept aside, and replaced by a new one with everything that can still be read.
//!
//! The new file is complete before it takes the old one's place, so that nobody ever sees half of it: rows come in order or
//! not at all. It has a new epoch, because the newest numbers of the old file may be among what is lost and would be given
//! out twice; rows keep their numbers. To a consumer a saved event that it has already is a repeat: it has the same
//! `event_id`.
//!
//! Steps, each of which may be the last before a power cut: `….salvage` is filled; the damaged files get second names;
//! `….salvage` becomes `….ready`; the old log is deleted, `….ready` becomes the buffer. [`finish`] goes on from the third.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection};
use tracegate_pipeline::Time;

use super::aside::{Working, beside, copy, keep, remove, thin_out, unusable};
use super::connect::{self, PAGE_BYTES};
use super::directory::sync_directories;
use super::salvage::{salvage, snapshot};
use super::statements::{EPOCH, epoch, scalar};
use super::sweep::{Span, Table};
use super::{BufferError, FILE_NAME, kept};

/// A file larger than this is not read through at the start.
const CHECK_MAX_BYTES: u64 = 256 << 20;

/// The newest number that anything but the outbox tells of.
const NEWEST: &str = "SELECT coalesce(max(seq), 0) FROM
  (SELECT seq FROM dead_letter UNION ALL SELECT to_seq FROM dropped) WHERE seq < 1 << 62";

/// What became of a damaged buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged file, kept.
    pub aside: PathBuf,
    /// Events that are in the new file.
    pub saved: u64,
    /// Events that are damaged themselves: they are dead letters now.
    pub set_aside: u64,
    /// Events that could not be read; `None` when not even their number could.
    pub lost: Option<u64>,
    /// Something of the journal could not be read: loads in a door at that moment may be missing.
    pub journal_torn: bool,
    /// Older damaged files that were deleted to make room for this one.
    pub discarded: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the buffer's file was damaged and has been replaced: {} waiting events saved, {} damaged ones set aside, ",
            self.saved, self.set_aside
        )?;
        match self.lost {
            Some(lost) => write!(f, "{lost} lost")?,
            None => f.write_str("an unknown number lost")?,
        }
        if self.journal_torn {
            f.write_str(", loads that were passing a gate may be missing")?;
        }
        write!(
            f,
            "; the damaged file is kept as {}; check the disk",
            self.aside.display()
        )?;
        match self.discarded {
            0 => Ok(()),
            count => write!(f, "; {count} older damaged files were deleted"),
        }
    }
}

/// What the caller knows of the damaged file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// Events up to here have left the outbox.
    pub(super) acknowledged: Option<i64>,
    pub(super) last_seq: Option<i64>,
}

/// Makes the new file, complete and durable, and keeps the damaged one under another name. [`finish`] puts it in place;
/// before that every connection that writes must be closed. `working` is called now and then.
pub(super) async fn rebuild(
    directory: &Path,
    max_bytes: u64,
    known: Known,
    working: &Working<'_>,
) -> Result<Damage, BufferError> {
    let damaged = directory.join(FILE_NAME);
    let salvaged = beside(&damaged, ".salvage");
    let patched = beside(&damaged, ".patched");
    let ready = beside(&damaged, ".ready");
    remove_all(&salvaged)?;
    // Should this attempt fail, the old file is written to again, and an earlier copy must not come back after a power cut.
    if ready.try_exists().map_err(unusable(&ready))? {
        remove(&ready)?;
        sync_directories(directory, Some(directory))?;
    }
    // Twice the cap: what was saved must fit, whatever the cap is by now.
    let mut new = connect::for_writing(&salvaged, max_bytes.saturating_mul(2)).await?;
    let filled = fill(&mut new, &damaged, known, working).await;
    let closed = new.close().await.map_err(BufferError::database("close"));
    remove_all(&patched)?;
    let mut damage = filled?;
    closed?;
    File::open(&salvaged)
        .and_then(|file| file.sync_all())
        .map_err(unusable(&salvaged))?;
    damage.aside = keep(&damaged, working)?;
    sync_directories(directory, Some(directory))?;
    fs::rename(&salvaged, &ready).map_err(unusable(&ready))?;
    damage.discarded = thin_out(&damaged, max_bytes);
    Ok(damage)
}

/// Whether a new file waits for its place. Nothing may be stored in the old one then: it would vanish with it.
pub(super) fn is_ready(directory: &Path) -> Result<bool, BufferError> {
    let ready = beside(&directory.join(FILE_NAME), ".ready");
    ready.try_exists().map_err(unusable(&ready))
}

/// Puts a new file in the place of the damaged one, if one is ready. The old log goes first: applied to the new file it would
/// destroy it.
pub(super) fn finish(directory: &Path) -> Result<bool, BufferError> {
    let path = directory.join(FILE_NAME);
    let ready = beside(&path, ".ready");
    if !is_ready(directory)? {
        return Ok(false);
    }
    // Once the old log is gone there is no way back.
    sync_directories(directory, Some(directory))?;
    for suffix in ["-wal", "-shm"] {
        remove(&beside(&path, suffix))?;
    }
    sync_directories(directory, Some(directory))?;
    fs::rename(&ready, &path).map_err(unusable(&path))?;
    sync_directories(directory, Some(directory))?;
    Ok(true)
}

/// Whether the file's structure is sound, as far as a quick look tells; `true` also when it is too large for one.
pub async fn is_sound(path: &Path) -> bool {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= CHECK_MAX_BYTES);
    if !small {
        return true;
    }
    let Ok(mut connection) = connect::for_reading(path).await else {
        return true;
    };
    let found: Result<String, _> = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await;
    drop(connection.close().await);
    match found {
        Ok(text) => text == "ok",
        Err(error) => {
            let error = BufferError::database("check the file")(error);
            error.trouble() != super::Trouble::Damaged
        }
    }
}

/// Reads what can be read: with the log; without it; and with a first page from the new file, whose tables begin at the same
/// pages, because SQLite gives them out in order.
async fn fill(
    new: &mut SqliteConnection,
    damaged: &Path,
    known: Known,
    working: &Working<'_>,
) -> Result<Damage, BufferError> {
    let (salvaged, patched) = (beside(damaged, ".salvage"), beside(damaged, ".patched"));
    connect::prepare(new, &salvaged).await?;
    epoch(new).await?;
    checkpoint(new).await?;
    let known = Known {
        acknowledged: known.acknowledged.max(told_sent(damaged).await),
        ..known
    };
    let from = known.acknowledged.map_or(1, |seq| seq.saturating_add(1));
    // Dead letters go before the events that may become some, and so keep their numbers.
    let mut open: Vec<(Table, Option<Vec<Span>>)> = vec![
        (Table::DeadLetters, None),
        (Table::Outbox { from }, None),
        (Table::Journal, None),
        (Table::Dropped, None),
    ];
    let (mut last_seq, mut journal_seq, mut found_snapshot) = (known.last_seq, None, false);
    for attempt in 0..3 {
        if attempt == 2 && !patch(damaged, &patched, &salvaged, working) {
            break;
        }
        let source = match attempt {
            0 => connect::for_reading(damaged).await,
            1 => connect::immutable(damaged).await,
            _ => connect::immutable(&patched).await,
        };
        let Ok(mut source) = source else { continue };
        last_seq = last_seq.max(sequence(&mut source, "outbox").await);
        journal_seq = journal_seq.max(sequence(&mut source, "journal").await);
        found_snapshot = found_snapshot || snapshot(&mut source, new).await?;
        for (table, unread) in &mut open {
            if unread.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let spans = unread.take();
            *unread = salvage(&mut source, new, *table, spans, working).await?;
        }
        drop(source.close().await);
        if found_snapshot
            && open
                .iter()
                .all(|(_, unread)| unread.as_ref().is_some_and(Vec::is_empty))
        {
            break;
        }
    }
    let journal_torn = !found_snapshot
        || open.iter().any(|(table, unread)| {
            *table == Table::Journal && !unread.as_ref().is_some_and(Vec::is_empty)
        });
    let outbox_read = open.iter().all(|(table, unread)| {
        *table == Table::Journal || unread.as_ref().is_some_and(Vec::is_empty)
    });
    let ends = Ends {
        last_seq,
        journal_seq,
        outbox_read,
    };
    conclude(new, known, ends, journal_torn).await
}

/// How far the damaged file says that everything is acknowledged, if that is still credible.
async fn told_sent(damaged: &Path) -> Option<i64> {
    let mut source = connect::for_reading(damaged).await.ok()?;
    let told: Result<String, _> = sqlx::query_scalar(EPOCH).fetch_one(&mut source).await;
    let sent = match told {
        Ok(epoch) => kept::sent(&mut source, &epoch).await.ok().flatten(),
        Err(_) => None,
    };
    drop(source.close().await);
    sent
}

/// How far the damaged file's tables went.
struct Ends {
    last_seq: Option<i64>,
    journal_seq: Option<i64>,
    outbox_read: bool,
}

/// Sequences go on where they were; what is missing between is noted.
async fn conclude(
    new: &mut SqliteConnection,
    known: Known,
    ends: Ends,
    journal_torn: bool,
) -> Result<Damage, BufferError> {
    // A row of which one reading was good needs no dead letter of a bad one.
    sqlx::query("DELETE FROM dead_letter WHERE epoch = (SELECT value FROM meta WHERE key = 'epoch') AND seq IN (SELECT seq FROM outbox)")
        .execute(&mut *new)
        .await
        .map_err(BufferError::database("tidy what was saved"))?;
    let saved = count(new, "SELECT count(*) FROM outbox").await?;
    let set_aside = count(
        new,
        "SELECT count(*) FROM dead_letter WHERE epoch = (SELECT value FROM meta WHERE key = 'epoch')",
    )
    .await?;
    let top = count(new, "SELECT coalesce(max(seq), 0) FROM outbox").await?;
    let bottom = count(new, "SELECT coalesce(min(seq), 0) FROM outbox").await?;
    let journal_top = count(new, "SELECT coalesce(max(seq), 0) FROM journal").await?;
    let last = match ends.last_seq {
        Some(seq) => seq.max(top),
        // Numbers that dead letters and losses have must not come back either.
        None => count(new, NEWEST).await?.max(top),
    };
    // Where the head begins is told by the first row that was saved, unless more may have been before it.
    let first = match known.acknowledged {
        Some(seq) => Some(seq.saturating_add(1)),
        None if saved > 0 => Some(bottom),
        None if ends.outbox_read => Some(last.saturating_add(1)),
        None => None,
    };
    for (name, seq) in [
        ("outbox", last),
        ("journal", ends.journal_seq.unwrap_or(0).max(journal_top)),
    ] {
        sqlx::query("DELETE FROM sqlite_sequence WHERE name = ?")
            .bind(name)
            .execute(&mut *new)
            .await
            .map_err(BufferError::database("go on with the sequence"))?;
        sqlx::query("INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)")
            .bind(name)
            .bind(seq)
            .execute(&mut *new)
            .await
            .map_err(BufferError::database("go on with the sequence"))?;
    }
    let lost = note_losses(new, first, last).await?;
    checkpoint(new).await?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(Damage {
        aside: PathBuf::new(),
        discarded: 0,
        saved: number(saved),
        set_aside: number(set_aside),
        lost: lost.map(number),
        journal_torn,
    })
}

/// Notes each gap between `first` and `last` that nothing accounts for; returns how many numbers are in them.
async fn note_losses(
    new: &mut SqliteConnection,
    first: Option<i64>,
    last: i64,
) -> Result<Option<i64>, BufferError> {
    const DOING: &str = "note what is lost";
    let sql = match first {
        // A row that does not count all of its numbers accounts for none of them.
        Some(_) => {
            "WITH known(low, high) AS (
               SELECT ?1 - 1, ?1 - 1 UNION ALL SELECT ?2 + 1, ?2 + 1 UNION ALL SELECT seq, seq FROM outbox
               UNION ALL SELECT seq, seq FROM dead_letter WHERE seq BETWEEN ?1 AND ?2
               UNION ALL SELECT max(from_seq, ?1), min(to_seq, ?2) FROM dropped
                 WHERE from_seq <= ?2 AND to_seq >= ?1 AND count = to_seq - from_seq + 1),
             gap(low, high) AS (
               SELECT 1 + max(high) OVER (ORDER BY low ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), low - 1 FROM known)
             INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us)
             SELECT meta.value, low, high, high - low + 1, 'damaged file', ?3 FROM gap, meta WHERE meta.key = 'epoch' AND low <= high"
        }
        None => {
            "INSERT INTO dropped(epoch, from_seq, to_seq, count, reason, at_us)
             SELECT value, ?1, ?2, 0, 'damaged file', ?3 FROM meta WHERE key = 'epoch'"
        }
    };
    sqlx::query(sql)
        .bind(first.unwrap_or(0))
        .bind(last)
        .bind(wall_clock().0)
        .execute(&mut *new)
        .await
        .map_err(BufferError::database(DOING))?;
    let lost = "SELECT coalesce(sum(count), 0) FROM dropped WHERE epoch = (SELECT value FROM meta WHERE key = 'epoch')";
    Ok(match first {
        Some(_) => Some(count(new, lost).await?),
        None => None,
    })
}

async fn count(new: &mut SqliteConnection, sql: &'static str) -> Result<i64, BufferError> {
    scalar(new, sql, "count what was saved").await
}

async fn sequence(source: &mut SqliteConnection, name: &'static str) -> Option<i64> {
    sqlx::query_scalar("SELECT CAST(seq AS INTEGER) FROM sqlite_sequence WHERE name = ?")
        .bind(name)
        .fetch_optional(source)
        .await
        .ok()
        .flatten()
        .filter(|seq| (0..=i64::MAX / 2).contains(seq))
}

async fn checkpoint(connection: &mut SqliteConnection) -> Result<(), BufferError> {
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(connection)
        .await
        .map_err(BufferError::database("write the new file"))?;
    Ok(())
}

/// A copy of the damaged file with the first page of the new one; false when that cannot be made.
fn patch(damaged: &Path, patched: &Path, salvaged: &Path, working: &Working<'_>) -> bool {
    let patch = || -> io::Result<()> {
        let mut page = vec![0; usize::try_from(PAGE_BYTES).unwrap_or(4096)];
        File::open(salvaged)?.read_exact_at(&mut page, 0)?;
        let bytes = copy(damaged, patched, working)?;
        // The file's size in pages (SQLite file format §1.3, offset 28).
        let pages = u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX);
        if let Some(field) = page.get_mut(28..32) {
            field.copy_from_slice(&pages.to_be_bytes());
        }
        File::options()
            .write(true)
            .open(patched)?
            .write_all_at(&page, 0)
    };
    patch().is_ok()
}

fn remove_all(path: &Path) -> Result<(), BufferError> {
    ["", "-wal", "-shm", "-journal"]
        .iter()
        .try_for_each(|suffix| remove(&beside(path, suffix)))
}

pub(super) fn wall_clock() -> Time {
    Time(jiff::Timestamp::now().as_microsecond())
}
