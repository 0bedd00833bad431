//! Follows a log file over rotation by rename and by copy, over truncation, and over an older version that takes its place.
//!
//! Synchronous on purpose: a share that does not answer blocks whoever reads it, so this runs on a thread for blocking work.
//!
//! A file is known again by its beginning and by the bytes before the place that was read to, not by its inode alone: those
//! are used again, and shares invent them. When the file in its place is another, or shorter, then the one that was read is
//! looked for beside it, read to its end, and after it those that are newer, before the new one is begun.
//!
//! Invariant: only whole lines; a line is handed out once, and which file of the sequence it stands in (`generation`) depends on
//! nothing but the files.

mod files;
mod rotated;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use tracegate_feed::marker::lines::{Encoding, Line, Lines};
use tracegate_pipeline::mark::{LogPlace, Print};

pub(super) use files::hash;
use files::{Open, id, is_folder, is_same, last_line_end, modified_ns, read_at};
use rotated::{After, newest, settled};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// Bytes that a file's beginning is known by.
const HEAD: usize = 4 * 1024;
/// Bytes before the place that was read to.
const TAIL: u64 = 256;
/// Bytes that were read last and are kept: those before each line of a look are among them.
const RECENT: usize = CHUNK + TAIL as usize;
/// Attempts to open a file whose name changes meanwhile.
const ATTEMPTS: u32 = 5;
/// Files remembered as read to their end.
const MAX_DONE: usize = 64;
/// A file that was renamed may still be written to: it is given up after so many looks without news.
const GRACE: u32 = 3;

/// What the technician should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An older version of the file took its place.
    Older {
        /// Bytes that it lacks.
        by: u64,
    },
    /// The file that was read is gone, with what had come since.
    Lost,
    /// The last line of a rotated file has no end.
    Torn,
}

/// What a look at the file gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Another file was begun before these lines: where.
    pub moved: Option<LogPlace>,
    /// Whole lines.
    pub lines: Vec<Line>,
    /// What happened.
    pub notes: Vec<Note>,
    /// There may be more: look again at once.
    pub more: bool,
    /// There is no file, and its folder can be read.
    pub missing: bool,
}

/// A log file and how far it was read.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    encoding: Encoding,
    from_end: bool,
    place: Option<LogPlace>,
    open: Option<Open>,
    /// The beginning of the file that was read last.
    head: Vec<u8>,
    eof_seen: u32,
    /// Files that were read to their end.
    done: VecDeque<(u64, u64)>,
}

impl Follower {
    /// Goes on from `place`. Without one the file is new to us: what it holds already counts unless `from_end`.
    #[must_use]
    pub fn new(path: PathBuf, encoding: Encoding, from_end: bool, place: Option<LogPlace>) -> Self {
        Self {
            path,
            encoding,
            from_end,
            place,
            open: None,
            head: Vec::new(),
            eof_seen: 0,
            done: VecDeque::new(),
        }
    }

    /// How far it was read, with `resume` as given: the first line of the oldest mark under way.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn place(&mut self, resume: Option<u64>) -> io::Result<LogPlace> {
        let mut place = self.place.unwrap_or_default();
        if let Some(open) = &self.open
            && (open.read_to != place.read_to || place.file != Some(open.id))
        {
            place = self.place_at(open.read_to, None)?;
        }
        place.head = match &self.open {
            Some(_) => self.print_of_head(place.read_to),
            None => place.head,
        };
        place.resume = resume.map_or(place.read_to, |resume| resume.min(place.read_to));
        self.place = Some(place);
        Ok(place)
    }

    /// The same up to the end of one of the lines that the last look gave.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn place_at(&self, end: u64, resume: Option<u64>) -> io::Result<LogPlace> {
        let mut place = self.place.unwrap_or_default();
        if let Some(open) = &self.open {
            place.tail = open.tail(end)?;
            place.file = Some(open.id);
            place.read_to = end;
            place.head = self.print_of_head(end);
        }
        place.resume = resume.map_or(place.read_to, |resume| resume.min(place.read_to));
        Ok(place)
    }

    fn print_of_head(&self, end: u64) -> Print {
        let known = self.place.map_or_else(Print::default, |place| place.head);
        if end >= HEAD as u64 && known.len as usize == HEAD {
            return known;
        }
        let end = usize::try_from(end).unwrap_or(HEAD);
        hash(self.head.get(..end).unwrap_or(&self.head))
    }

    /// Which of the files read one after the other this is.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.place.map_or(0, |place| place.generation)
    }

    /// The first line of the file that is open, for the names of columns.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first_line(&self) -> io::Result<Option<String>> {
        let Some(open) = &self.open else {
            return Ok(None);
        };
        let mut bytes = vec![0; CHUNK];
        let count = read_at(&open.file, &mut bytes, 0)?;
        bytes.truncate(count);
        let (mut lines, mut out) = (Lines::new(self.encoding, 0), Vec::new());
        lines.look(&bytes);
        lines.push(&bytes, &mut out);
        Ok(out.into_iter().next().and_then(|line| line.text))
    }

    /// Looks what is new. At the first look the file is found again.
    ///
    /// # Errors
    /// The file, or its folder, cannot be read: the text of the error says why.
    pub fn look(&mut self) -> io::Result<Look> {
        let mut look = Look::default();
        if self.open.is_none() && !self.find(&mut look)? {
            look.missing = true;
            return Ok(look);
        }
        let mut bytes = [0; CHUNK];
        let Some(open) = &self.open else {
            return Ok(look);
        };
        let before = open.file.metadata()?;
        let count = if before.len() < open.at {
            0
        } else {
            read_at(&open.file, &mut bytes, open.at)?
        };
        let bytes = bytes.get(..count).unwrap_or_default();
        // After reading: what was read in between a truncation and this would be of another file.
        let same = open.file.metadata()?.len() >= open.at + count as u64 && open.is_unchanged()?;
        if same && self.unseen(&before, count, &mut look)? {
            return Ok(look);
        }
        if same && count > 0 {
            self.take(bytes, &mut look);
        }
        if !same {
            self.lost_place(&mut look)?;
        } else if !look.more && look.lines.is_empty() {
            self.at_end(&mut look)?;
        }
        Ok(look)
    }

    /// Takes bytes that follow what was read.
    fn take(&mut self, bytes: &[u8], look: &mut Look) {
        let Some(open) = &mut self.open else {
            return;
        };
        if open.at == 0 {
            open.lines.look(bytes);
        }
        let known = (self.head.len() as u64).checked_sub(open.at);
        if let Some(new) = known.and_then(|known| bytes.get(usize::try_from(known).ok()?..)) {
            self.head
                .extend(new.iter().take(HEAD.saturating_sub(self.head.len())));
        }
        open.at += bytes.len() as u64;
        open.recent.extend_from_slice(bytes);
        let old = open.recent.len().saturating_sub(RECENT);
        open.recent.drain(..old);
        open.lines.push(bytes, &mut look.lines);
        open.read_to = open.lines.start();
        self.eof_seen = 0;
        look.more = true;
        if look.lines.is_empty() && !open.rotated {
            // A line that is being written.
            look.more = bytes.len() == CHUNK;
        }
    }

    /// The file that is open was read to its end: is it still the one in place?
    fn at_end(&mut self, look: &mut Look) -> io::Result<()> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        if open.rotated {
            let after = After::File(open.id, modified_ns(&open.file.metadata()?));
            return self.go_on(after, look);
        }
        let in_place = match fs::metadata(&self.path) {
            Ok(found) => Some(id(&found)),
            // Renamed, and the new one is not there yet; or the share is gone.
            Err(error) if error.kind() == ErrorKind::NotFound && is_folder(&self.path) => None,
            Err(error) => return Err(error),
        };
        if in_place == Some(open.id) {
            self.eof_seen = 0;
            return Ok(());
        }
        self.eof_seen += 1;
        if self.eof_seen < GRACE {
            return Ok(());
        }
        self.eof_seen = 0;
        let (own, modified) = (open.id, modified_ns(&open.file.metadata()?));
        let after = After::File(own, modified);
        if in_place.is_none() && self.next_of(&self.rotated()?, after).is_none() {
            return Ok(());
        }
        self.go_on(after, look)
    }

    /// What was read is not there any more: another file with the same inode, or a shorter one.
    fn lost_place(&mut self, look: &mut Look) -> io::Result<()> {
        self.open = None;
        let place = self.place.unwrap_or_default();
        if let Some(copy) = self.copy_of(place)? {
            look.more = true;
            return self.resume(copy, place, true);
        }
        self.go_on_without(place, look)
    }

    /// Finds the file again at the start; false when it is not there.
    fn find(&mut self, look: &mut Look) -> io::Result<bool> {
        let in_place = self.in_place()?;
        let Some(place) = self.place else {
            // New to us: what comes from now on counts, or all of it.
            let all = self.rotated()?;
            let since_ns = newest(settled(&all, in_place.as_ref())?);
            self.place = Some(LogPlace {
                since_ns,
                ..LogPlace::default()
            });
            let Some(file) = in_place else {
                look.moved = self.place;
                return Ok(false);
            };
            let end = if self.from_end {
                last_line_end(&file, self.encoding, file.metadata()?.len())?
            } else {
                0
            };
            self.open_at(file, end, false)?;
            look.moved = Some(self.place(None)?);
            return Ok(true);
        };
        if place.file.is_none() {
            let after = After::Since(place.since_ns);
            if in_place.is_some() || self.next_of(&self.rotated()?, after).is_some() {
                self.go_on(after, look)?;
            }
            return Ok(self.open.is_some());
        }
        if let Some(file) = in_place
            && is_same(&file, &place)?
        {
            self.resume(file, place, false)?;
            return Ok(true);
        }
        if let Some(copy) = self.copy_of(place)? {
            self.resume(copy, place, true)?;
            return Ok(true);
        }
        let is_there = self.in_place()?.is_some();
        if is_there {
            self.go_on_without(place, look)?;
        }
        Ok(is_there)
    }

    /// The file in place; `None` when it is not there.
    fn in_place(&self) -> io::Result<Option<File>> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound && is_folder(&self.path) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on with the file that comes after: the next of the rotated ones, or else the one in place.
    fn go_on(&mut self, after: After, look: &mut Look) -> io::Result<()> {
        if let Some(open) = self.open.take() {
            if open.lines.start() < open.at {
                look.notes.push(Note::Torn);
            }
            // One that was not read at all may be among those that follow.
            if open.at > 0 {
                self.done.truncate(MAX_DONE - 1);
                self.done.push_front(open.id);
            }
        }
        self.eof_seen = 0;
        for _ in 0..ATTEMPTS {
            // Opened before the others are listed: what was rotated before it came is among them.
            let file = self.in_place()?;
            let all = self.rotated()?;
            let all = settled(&all, file.as_ref())?;
            let Some((changed_ns, path, found)) = self.next_of(all, after) else {
                return self.begin(file, newest(all), look);
            };
            // Names change hands when logs are rotated.
            if let Ok(next) = File::open(path)
                && id(&next.metadata()?) == id(found)
            {
                self.open_at(next, 0, true)?;
                return self.next_generation(*changed_ns, look);
            }
        }
        Err(io::Error::other("it is rotated faster than it can be read"))
    }

    /// Begins the file in place. One that begins as the one before did, and is shorter, is an older version of it.
    fn begin(&mut self, file: Option<File>, since_ns: i64, look: &mut Look) -> io::Result<()> {
        let Some(file) = file else {
            let generation = self.following();
            self.place = Some(LogPlace {
                generation,
                since_ns,
                ..LogPlace::default()
            });
            look.moved = self.place;
            return Ok(());
        };
        let before = self.place.unwrap_or_default();
        let size = file.metadata()?.len();
        let is_same_log = size > 0 && self.is_same_log(&file, size, &before)?;
        let from = if is_same_log {
            last_line_end(&file, self.encoding, size)?.min(before.read_to)
        } else {
            0
        };
        if is_same_log && before.read_to > from {
            look.notes.push(Note::Older {
                by: before.read_to - from,
            });
        }
        self.open_at(file, from, false)?;
        self.next_generation(since_ns, look)
    }

    /// Whether a file holds, from its beginning, what was read before.
    fn is_same_log(&self, file: &File, size: u64, before: &LogPlace) -> io::Result<bool> {
        if before.read_to == 0 {
            return Ok(false);
        }
        let len = size.min(HEAD as u64);
        let mut own = vec![0; usize::try_from(len).unwrap_or(HEAD)];
        let count = read_at(file, &mut own, 0)?;
        own.truncate(count);
        let is_long = own.len() == HEAD;
        let known = is_long && hash(&own) == before.head;
        // A line that is being written may begin as any other.
        let whole = own.iter().rposition(|byte| *byte == b'\n');
        own.truncate(if is_long {
            HEAD
        } else {
            whole.map_or(0, |at| at + 1)
        });
        if own.iter().filter(|byte| **byte == b'\n').count() < 2 {
            // One line may be the names of columns, which all of them begin with.
            return Ok(false);
        }
        let shared = own.len().min(self.head.len());
        if shared > 0 {
            // Either all of it is known, or all that was read, or so much that it cannot be chance.
            let enough = shared == own.len() || shared as u64 >= before.read_to || shared == HEAD;
            return Ok(enough && own.get(..shared) == self.head.get(..shared));
        }
        Ok(known)
    }

    fn next_generation(&mut self, since_ns: i64, look: &mut Look) -> io::Result<()> {
        let generation = self.following();
        self.place = Some(LogPlace {
            generation,
            since_ns,
            ..LogPlace::default()
        });
        look.moved = Some(self.place(None)?);
        look.more = true;
        Ok(())
    }

    /// The number of the next file; one that was never there does not count.
    fn following(&self) -> u32 {
        let was_there = self.place.is_some_and(|place| place.file.is_some());
        self.generation().saturating_add(u32::from(was_there))
    }

    /// Opens the file that holds what was read.
    fn resume(&mut self, file: File, place: LogPlace, rotated: bool) -> io::Result<()> {
        let mut head = vec![0; HEAD];
        let count = read_at(&file, &mut head, 0)?;
        head.truncate(count.min(usize::try_from(place.read_to).unwrap_or(HEAD)));
        self.open_at(file, place.resume, rotated)?;
        self.head = head;
        Ok(())
    }

    fn open_at(&mut self, file: File, at: u64, rotated: bool) -> io::Result<()> {
        let found = file.metadata()?;
        let mut lines = Lines::new(self.encoding, at);
        let mut first = vec![0; if at > 0 { HEAD } else { 0 }];
        let count = read_at(&file, &mut first, 0)?;
        first.truncate(count.min(usize::try_from(at).unwrap_or(HEAD)));
        lines.look(&first);
        self.head = first;
        let len = at.min(TAIL);
        let mut recent = vec![0; usize::try_from(len).unwrap_or(CHUNK)];
        let count = read_at(&file, &mut recent, at - len)?;
        recent.truncate(count);
        self.open = Some(Open {
            id: id(&found),
            file,
            lines,
            at,
            read_to: at,
            recent,
            rotated,
            checked: None,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
