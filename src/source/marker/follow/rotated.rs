//! Files beside a log that were it before.
//!
//! Rotation by a copy gives them before it empties the log: until then the log holds what such a file holds, from its
//! beginning, and that file, which may not be whole yet, is none of them. So is a backup of the log as it stands.
//!
//! Logs may begin alike, with the names of columns or more. So as long as little of one was read, its beginning does not tell
//! whether it was copied and emptied meanwhile; a new file beside it does.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use tracegate_pipeline::mark::LogPlace;

use super::files::{folder, id, is_rotated, is_same, meanwhile, modified_ns, print, read_at};
use super::{Follower, HEAD, Look, Note, TAIL};

/// Files of a folder that are looked at; a log has its own folder.
const MAX_ENTRIES: usize = 10_000;

/// A rotated file: when it was changed in nanoseconds since the epoch, where it is, what it is.
pub(super) type Rotated = (i64, PathBuf, Metadata);

/// What was read last.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    /// This file, changed then.
    File((u64, u64), i64),
    /// All that was rotated before.
    Since(i64),
}

/// When the newest was changed.
pub(super) fn newest(all: &[Rotated]) -> i64 {
    all.last().map_or(0, |newest| newest.0)
}

/// Those whose content the file in place does not begin with any more.
pub(super) fn settled<'a>(
    all: &'a [Rotated],
    in_place: Option<&File>,
) -> io::Result<&'a [Rotated]> {
    let Some(in_place) = in_place else {
        return Ok(all);
    };
    let mut settled = all;
    while let Some(((_, path, _), before)) = settled.split_last()
        && let Ok(newest) = File::open(path)
        && is_beginning(&newest, in_place)?
    {
        settled = before;
    }
    Ok(settled)
}

/// Whether a file begins with the content of another.
fn is_beginning(content: &File, file: &File) -> io::Result<bool> {
    let len = content.metadata()?.len();
    let (head, tail) = (len.min(HEAD as u64), len.min(TAIL));
    Ok(file.metadata()?.len() >= len
        && print(content, 0, head)? == print(file, 0, head)?
        && print(content, len - tail, tail)? == print(file, len - tail, tail)?)
}

/// Whether what was read of a file is a line at most, which others may begin with too.
fn is_vague(file: &File, read_to: u64) -> io::Result<bool> {
    let mut bytes = vec![0; HEAD];
    let count = read_at(file, &mut bytes, 0)?;
    let read = usize::try_from(read_to).unwrap_or(usize::MAX).min(count);
    let read = bytes.get(..read).unwrap_or_default();
    Ok(read_to < HEAD as u64 && read.iter().filter(|byte| **byte == b'\n').count() <= 1)
}

impl Follower {
    /// The file beside the one in place that holds what was read: the newest, or, if many may begin so, the first that came.
    pub(super) fn copy_of(&self, place: LogPlace) -> io::Result<Option<File>> {
        let mut copy = None;
        for (changed_ns, path, found) in self.rotated()?.into_iter().rev() {
            let Ok(file) = File::open(path) else {
                continue;
            };
            if !is_same(&file, &place)? {
                continue;
            }
            if !is_vague(&file, place.read_to)? {
                return Ok(Some(file));
            }
            // Those that came before it began as it did, and were read.
            if changed_ns > place.since_ns || place.file == Some(id(&found)) {
                copy = Some(file);
            }
        }
        Ok(copy)
    }

    /// Little of the file in place was read, and meanwhile a copy was made of it and it was emptied: what was just read is of
    /// another file, and the copy comes first. It is the file that was begun, so its lines have the same places.
    pub(super) fn unseen(
        &mut self,
        found: &Metadata,
        count: usize,
        look: &mut Look,
    ) -> io::Result<bool> {
        let stamp = (modified_ns(found), found.len());
        let open = self.open.as_ref();
        let Some(open) = open.filter(|open| !open.rotated && open.at < HEAD as u64) else {
            return Ok(false);
        };
        if count == 0 && open.checked == Some(stamp) {
            return Ok(false);
        }
        let (own, place) = (open.id, self.place.unwrap_or_default());
        let in_place = self.in_place()?;
        let all = self.rotated()?;
        let all = settled(&all, in_place.as_ref())?;
        for (changed_ns, path, found) in all.iter().filter(|it| self.is_newer(it, place.since_ns)) {
            if id(found) == own {
                // It was renamed, and is read to its end first.
                break;
            }
            let file = match File::open(path) {
                Ok(file) => (id(&file.metadata()?) == id(found)).then_some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let Some(file) = file else {
                // Names change hands when logs are rotated: the next look sees how they are then.
                look.more = true;
                return Ok(true);
            };
            if place.read_to > 0 && !is_same(&file, &place)? {
                continue;
            }
            look.more = true;
            if place.read_to > 0 {
                self.resume(file, place, true)?;
                return Ok(true);
            }
            self.place = Some(LogPlace {
                generation: place.generation,
                since_ns: *changed_ns,
                ..LogPlace::default()
            });
            self.open_at(file, 0, true)?;
            look.moved = Some(self.place(None)?);
            return Ok(true);
        }
        if let Some(open) = &mut self.open {
            open.checked = Some(stamp);
        }
        Ok(false)
    }

    /// No file holds what was read any more: goes on with what came after it, as far as that can be told.
    pub(super) fn go_on_without(&mut self, place: LogPlace, look: &mut Look) -> io::Result<()> {
        let in_place = self.in_place()?;
        let all = self.rotated()?;
        let all = settled(&all, in_place.as_ref())?;
        let mut after = After::Since(place.since_ns);
        for (changed_ns, path, found) in all.iter().filter(|it| self.is_newer(it, place.since_ns)) {
            let Ok(file) = File::open(path) else {
                break;
            };
            let is_vague = is_vague(&file, file.metadata()?.len())?;
            if !self.is_cut_short(&file, &place)? {
                break;
            }
            // What was written between the copy and the emptying is not in it.
            after = After::File(id(found), *changed_ns);
            if !is_vague {
                break;
            }
        }
        self.go_on(after, look)?;
        let is_older = |note: &Note| matches!(note, Note::Older { .. });
        if !look.notes.iter().any(is_older) {
            look.notes.push(Note::Lost);
        }
        Ok(())
    }

    /// Whether a file is what was read, without its end. Of one that is shorter than what is known of the beginning since a
    /// restart that is a guess.
    fn is_cut_short(&self, file: &File, place: &LogPlace) -> io::Result<bool> {
        let len = file.metadata()?.len();
        if len >= place.read_to {
            return Ok(false);
        }
        let (own, head) = (self.head.len() as u64, u64::from(place.head.len));
        if own == 0 {
            return Ok(len < head || print(file, 0, head)? == place.head);
        }
        let mut bytes = vec![0; usize::try_from(len.min(own)).unwrap_or(HEAD)];
        let count = read_at(file, &mut bytes, 0)?;
        Ok(bytes.get(..count) == self.head.get(..count))
    }

    fn is_newer(&self, rotated: &Rotated, since_ns: i64) -> bool {
        rotated.0 > since_ns && !self.done.contains(&id(&rotated.2))
    }

    /// The oldest of the rotated files that come after.
    pub(super) fn next_of<'a>(&self, all: &'a [Rotated], after: After) -> Option<&'a Rotated> {
        let newer_than = |since_ns| all.iter().find(|it| self.is_newer(it, since_ns));
        match after {
            After::Since(since_ns) => newer_than(since_ns),
            After::File(own, modified_ns) => match all.iter().rposition(|it| id(&it.2) == own) {
                Some(own) => all.get(own + 1),
                None => newer_than(modified_ns),
            },
        }
    }

    /// Rotated files beside the one in place, with when they were changed, in that order.
    pub(super) fn rotated(&self) -> io::Result<Vec<Rotated>> {
        meanwhile();
        let mut all = Vec::new();
        for entry in fs::read_dir(folder(&self.path))?.take(MAX_ENTRIES) {
            let entry = entry?;
            let (Ok(found), name) = (entry.metadata(), entry.file_name()) else {
                continue;
            };
            let base = self.path.file_name().map(|base| base.to_string_lossy());
            let is_rotated = base.is_some_and(|base| is_rotated(&name.to_string_lossy(), &base));
            if found.is_file() && is_rotated {
                all.push((modified_ns(&found), entry.path(), found));
            }
        }
        all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(all)
    }
}
