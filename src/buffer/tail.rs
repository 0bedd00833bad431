//! Inputs that wait for the next commit, because nothing came of them and nobody wants an answer.
//!
//! A commit writes whole pages and waits for the disk; a reader's reads alone would be worth hundreds of them a second. So
//! they are kept for up to [`WAIT`] and become one journal row. Meanwhile they are in `buffer.tail`, written without a
//! flush: a kill leaves them there, a power cut may take them. Whatever else is committed takes them along.
//!
//! The file is overwritten from its beginning after each commit and never gets shorter; most of what is written to it the
//! disk never sees. It holds records: length and check sum (u32 each, little endian), then a part of a journal stream. Each
//! check sum goes over the one before and its part; the first one's forerunner is made of the file's epoch and the newest
//! journal row. So what an earlier round has left behind is never taken for a continuation.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tracegate_pipeline::journal::{self, Encoder, JournalError};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Time};
use tracing::debug;

use super::statements::STATE_VERSION;
use super::{BufferError, crc32};

/// How long inputs wait at most.
pub(super) const WAIT: Span = Span::millis(5_000);
/// Bytes that wait at most.
pub(super) const MAX_BYTES: usize = 64 << 10;
pub(super) const NAME: &str = "buffer.tail";
const HEADER: usize = 8;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// What waits.
    pending: Encoder,
    due: Option<Time>,
    /// Where the next record goes, and the check sum before it.
    end: u64,
    crc: i64,
    /// What waits is not all in the file, or is there as an earlier run left it.
    closed: bool,
}

impl Tail {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(NAME),
            file: None,
            pending: Encoder::default(),
            due: None,
            end: 0,
            crc: 0,
            closed: false,
        }
    }

    /// What a killed gateway left behind the journal row `base`; it waits for the first commit.
    ///
    /// # Errors
    /// The check sums are right and yet it makes no sense; nothing of it is used.
    pub(super) fn recover(&mut self, epoch: &str, base: i64) -> Result<Vec<Input>, JournalError> {
        // Not there is as good as empty.
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        let inputs = journal::decode(&intact(&bytes, seed(epoch, base)))?;
        if !inputs.is_empty() && self.pending.append(&inputs).is_ok() {
            self.closed = true;
            self.due = Some(Time::MIN);
        }
        Ok(inputs)
    }

    /// When the first that waits has waited long enough.
    pub(super) const fn due(&self) -> Option<Time> {
        self.due
    }

    /// The journal row of what waits and `inputs`.
    pub(super) fn with(&self, inputs: &[Input]) -> Result<Vec<u8>, BufferError> {
        let mut stream = self.pending.clone();
        stream
            .append(inputs)
            .map_err(|source| BufferError::Encode {
                what: "inputs",
                source,
            })?;
        Ok(stream.into_bytes())
    }

    /// What waited was committed.
    pub(super) fn clear(&mut self) {
        self.pending = Encoder::default();
        self.due = None;
        self.end = 0;
        self.closed = false;
    }

    /// Takes inputs in behind the journal row `base.1` of the file `base.0`. False, and nothing taken, if they cannot wait.
    pub(super) fn add(&mut self, inputs: &[Input], now: Time, base: (&str, i64)) -> bool {
        let before = self.pending.bytes().len();
        let is_due = self.due.is_some_and(|due| due <= now);
        if self.closed || is_due || before >= MAX_BYTES {
            return false;
        }
        if self.pending.append(inputs).is_err() {
            return false;
        }
        self.due.get_or_insert(now + WAIT);
        if self.end == 0 {
            self.crc = seed(base.0, base.1);
        }
        if let Err(error) = self.write(before) {
            // The commit is to tell what is wrong with the disk.
            debug!(%error, "Inputs not kept; committing them");
            self.closed = true;
            self.file = None;
            self.due = Some(Time::MIN);
        }
        true
    }

    /// Appends what waits from `before` on.
    fn write(&mut self, before: usize) -> std::io::Result<()> {
        let part = self.pending.bytes().get(before..).unwrap_or_default();
        let crc = chain(self.crc, part);
        let len = u32::try_from(part.len()).map_err(std::io::Error::other)?;
        let sum = u32::try_from(crc).map_err(std::io::Error::other)?;
        let record = [&len.to_le_bytes(), &sum.to_le_bytes(), part].concat();
        let file = match &self.file {
            Some(file) => file,
            None => {
                let mut options = File::options();
                let options = options.write(true).create(true).truncate(false);
                self.file.insert(options.open(&self.path)?)
            }
        };
        file.write_all_at(&record, self.end)?;
        self.end += record.len() as u64;
        self.crc = crc;
        Ok(())
    }
}

fn seed(epoch: &str, base: i64) -> i64 {
    crc32(&[
        &STATE_VERSION.to_le_bytes(),
        epoch.as_bytes(),
        &base.to_le_bytes(),
    ])
}

fn chain(before: i64, part: &[u8]) -> i64 {
    crc32(&[&before.to_le_bytes(), part])
}

/// The parts of all records from the beginning on that follow each other.
fn intact(mut bytes: &[u8], mut crc: i64) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let [a, b, c, d, e, f, g, h] = *header;
        let len = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((part, rest)) = rest.split_at_checked(len) else {
            break;
        };
        let sum = i64::from(u32::from_le_bytes([e, f, g, h]));
        if sum != chain(crc, part) {
            break;
        }
        stream.extend_from_slice(part);
        (bytes, crc) = (rest, sum);
    }
    stream
}
