//! A log as marking software writes it: a CSV line per mark, rotated, cut, or replaced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A log that is written. Blocking: for a thread of its own.
#[derive(Debug)]
pub struct MarkLog {
    path: PathBuf,
    header: String,
    marks: u64,
    rotations: u32,
}

impl MarkLog {
    /// A new log with this line at the beginning of each file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path, header: &str) -> io::Result<Self> {
        let log = Self {
            path: path.to_owned(),
            header: header.to_owned(),
            marks: 0,
            rotations: 0,
        };
        fs::write(path, format!("{header}\n"))?;
        Ok(log)
    }

    /// Marks written.
    pub fn marks(&self) -> u64 {
        self.marks
    }

    /// Appends the line of a mark, in two writes: whoever reads between them sees half of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn mark(&mut self, line: &str) -> io::Result<()> {
        let mut file = File::options().append(true).open(&self.path)?;
        let half = line.len() / 2;
        file.write_all(line.as_bytes().get(..half).unwrap_or_default())?;
        file.write_all(format!("{}\n", line.get(half..).unwrap_or_default()).as_bytes())?;
        self.marks += 1;
        Ok(())
    }

    /// Rotates by rename, to `NAME.1`, `NAME.2` …; the numbers rise.
    ///
    /// # Errors
    /// The file system says no.
    pub fn rename(&mut self) -> io::Result<()> {
        let to = self.next();
        fs::rename(&self.path, to)?;
        fs::write(&self.path, format!("{}\n", self.header))
    }

    /// Rotates by a copy, after which the file is emptied.
    ///
    /// # Errors
    /// The file system says no.
    pub fn cut(&mut self) -> io::Result<()> {
        let to = self.next();
        fs::copy(&self.path, to)?;
        let file = File::options().append(true).open(&self.path)?;
        file.set_len(0)?;
        (&file).write_all(format!("{}\n", self.header).as_bytes())
    }

    fn next(&mut self) -> PathBuf {
        self.rotations += 1;
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{}", self.rotations));
        name.into()
    }
}
