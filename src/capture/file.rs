//! Captures as files: compressed or not, line by line, with the place of every mistake.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::line::{Line, LineError};

/// Longest line, in bytes: a state of many tags is one.
const MAX_LINE: u64 = 64 << 20;
/// First bytes of a file that gzip has made (RFC 1952 §2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error("cannot read the capture {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It ends within a line or a compressed block: the program that wrote it was killed, or it was copied while it grew.
    #[error("{}:{line}: the capture ends in the middle of something, or is damaged here; --skip-bad takes what comes before", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A line that is none.
    #[error("{}:{line}{}", path.display(), hint(*line))]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: LineError,
    },
    /// It can be read only once, and twice is asked for.
    #[error("{} is no file but a pipe, and is read twice here; save it to a file, and give that", path.display())]
    Once {
        /// The pipe.
        path: PathBuf,
    },
    /// There is no configuration.
    #[error("{} names no configuration in its first line; give one: --config gateway.toml", path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
    },
}

/// The first line tells what a file is.
const fn hint(line: u64) -> &'static str {
    match line {
        1 => " (is this a capture, as `tracegate capture` writes it?)",
        _ => "",
    }
}

/// The lines of a capture, in order.
pub struct Lines {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    number: u64,
    consumed: Arc<AtomicU64>,
    /// In bytes; a pipe has none.
    length: Option<u64>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Opens a capture; whether it is compressed is told by its content.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let (file, length) = Self::file(path)?;
        Self::new(path, Box::new(file), length)
    }

    /// Opens a capture that others read, too: nothing is taken out of a pipe.
    ///
    /// # Errors
    /// It cannot be opened or read, or it is not a file.
    pub fn look(path: &Path) -> Result<Self, CaptureError> {
        let (file, length) = Self::file(path)?;
        if length.is_none() {
            let path = path.to_owned();
            return Err(CaptureError::Once { path });
        }
        Self::new(path, Box::new(file), length)
    }

    /// A capture on standard input.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stdin() -> Result<Self, CaptureError> {
        Self::new(
            Path::new("standard input"),
            Box::new(std::io::stdin()),
            None,
        )
    }

    /// The file and its length, if it has one.
    fn file(path: &Path) -> Result<(File, Option<u64>), CaptureError> {
        let problem = |source| unreadable(path, source);
        let file = File::open(path).map_err(problem)?;
        let data = file.metadata().map_err(problem)?;
        // What is no file at all is told by the first read.
        let length = (data.is_file() || data.is_dir()).then_some(data.len());
        Ok((file, length))
    }

    fn new(path: &Path, file: Box<dyn Read>, length: Option<u64>) -> Result<Self, CaptureError> {
        let problem = |source| unreadable(path, source);
        let consumed = Arc::new(AtomicU64::new(0));
        let counted = Counted(file, consumed.clone());
        let mut plain = BufReader::with_capacity(1 << 16, counted);
        let begins = plain.fill_buf().map_err(problem)?;
        let reader: Box<dyn BufRead> = if begins.starts_with(&GZIP) {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            reader,
            path: path.to_owned(),
            number: 0,
            consumed,
            length,
        })
    }

    /// The next line that is not empty; `None` at the end. What is wrong with one does not keep the others from being read.
    ///
    /// # Errors
    /// The file cannot be read, or the line is none.
    pub fn next_line(&mut self) -> Result<Option<Line>, CaptureError> {
        loop {
            self.number += 1;
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_LINE);
            match limited.read_until(b'\n', &mut bytes) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if is_cut(&error) => return Err(self.cut()),
                Err(source) => return Err(unreadable(&self.path, source)),
            }
            let text = String::from_utf8_lossy(&bytes);
            if text.trim().is_empty() {
                continue;
            }
            let is_whole = bytes.ends_with(b"\n");
            return match Line::parse(text.trim()) {
                Ok(line) => Ok(Some(line)),
                // Written by hand the last line may lack its end; cut off it lacks more.
                Err(_) if !is_whole && (bytes.len() as u64) < MAX_LINE => Err(self.cut()),
                Err(error) => Err(self.refuse(error)),
            };
        }
    }

    /// What is wrong with the line that was read last.
    #[must_use]
    pub fn refuse(&self, source: LineError) -> CaptureError {
        CaptureError::Line {
            path: self.path.clone(),
            line: self.number,
            source,
        }
    }

    /// There is no configuration.
    #[must_use]
    pub fn no_config(&self) -> CaptureError {
        CaptureError::NoConfig {
            path: self.path.clone(),
        }
    }

    fn cut(&self) -> CaptureError {
        CaptureError::Cut {
            path: self.path.clone(),
            line: self.number,
        }
    }

    /// How much of the file has been read, in percent; of a pipe nobody knows.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let consumed = self.consumed.load(Ordering::Relaxed);
        self.length.map_or(0, |length| {
            (consumed.saturating_mul(100) / length.max(1)).min(100)
        })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> CaptureError {
    let path = path.to_owned();
    CaptureError::File { path, source }
}

/// A compressed stream that ends too early, or whose end is not what it should be.
fn is_cut(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput)
}

struct Counted(Box<dyn Read>, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
