//! How far everything is acknowledged, noted beside the buffer at once: `buffer.acknowledged`.
//!
//! Rows leave the outbox in batches, because a deletion waits for the disk. What was acknowledged since the last one would
//! be sent again after a kill, several windows of it. So the forwarder writes the number here before it sends anything
//! more, without a flush: a kill loses nothing of it, and a power cut may set it back, which only repeats something.
//!
//! The file is one line, `SEQ CRC` as in `meta.sent`: the check sum goes over the buffer's epoch and the number. It is
//! overwritten in place, and what may stand behind the line means nothing. A number that the buffer has not given out yet
//! is another copy's: then the file is removed, because that number may come to mean something.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tracing::debug;

use super::kept;

pub(super) const NAME: &str = "buffer.acknowledged";

/// The writing side of the note.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    file: Option<File>,
}

impl Note {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(NAME),
            file: None,
        }
    }

    /// Everything up to `seq` is acknowledged. Without the note it is sent again at worst.
    pub(super) fn write(&mut self, epoch: &str, seq: i64) {
        if let Err(error) = self.try_write(epoch, seq) {
            debug!(%error, "Acknowledgement not noted");
            self.file = None;
        }
    }

    fn try_write(&mut self, epoch: &str, seq: i64) -> std::io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => {
                let mut options = File::options();
                let options = options.write(true).create(true).truncate(false);
                self.file.insert(options.open(&self.path)?)
            }
        };
        let line = format!("{}\n", kept::check(epoch, seq));
        file.write_all_at(line.as_bytes(), 0)
    }
}

/// What was noted of the buffer with this epoch, whose newest row is `last_seq`; 0 for nothing. Another copy's note is
/// removed.
pub(super) fn read(directory: &Path, epoch: &str, last_seq: i64) -> i64 {
    let seq = look(directory, epoch);
    if seq <= last_seq {
        return seq;
    }
    if let Err(error) = std::fs::remove_file(directory.join(NAME)) {
        debug!(%error, "Foreign note of acknowledgements not removed");
    }
    0
}

/// What is noted of a buffer with this epoch, or of a copy of it; 0 for nothing.
pub(super) fn look(directory: &Path, epoch: &str) -> i64 {
    // Not there is as good as empty.
    let bytes = std::fs::read(directory.join(NAME)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next().unwrap_or_default();
    kept::checked(epoch, line).unwrap_or(0).max(0)
}
