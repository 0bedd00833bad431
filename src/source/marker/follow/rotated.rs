//! Files beside a log that were it before.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::PathBuf;

use tracegate_pipeline::mark::LogPlace;

use super::Follower;
use super::files::{folder, id, is_rotated, is_same, modified_ns};

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

impl Follower {
    /// The newest file beside the one in place that holds what was read.
    pub(super) fn copy_of(&self, place: LogPlace) -> io::Result<Option<File>> {
        for (_, path, _) in self.rotated()?.into_iter().rev() {
            if let Ok(file) = File::open(path)
                && is_same(&file, &place)?
            {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// The oldest of the rotated files that come after.
    pub(super) fn next_of<'a>(&self, all: &'a [Rotated], after: After) -> Option<&'a Rotated> {
        let newer_than = |since_ns| {
            let mut newer = all.iter().filter(move |it| it.0 > since_ns);
            newer.find(|it| !self.done.contains(&id(&it.2)))
        };
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
