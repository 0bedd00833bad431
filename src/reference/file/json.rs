//! Entries in JSON: an array, or one after the other; each is read by itself, so that its place is known.

use serde::Deserialize as _;

use super::entry::Entry;
use super::{FileError, Placed};

pub(super) fn entries(text: &str) -> Result<Vec<Placed>, FileError> {
    let is_array = text.trim_start().starts_with('[');
    let mut at = Place {
        text,
        offset: 0,
        line: 1,
        column: 1,
    };
    let mut entries = Vec::new();
    at.skip(char::is_whitespace);
    if is_array {
        at.over(1);
    }
    loop {
        at.skip(char::is_whitespace);
        let rest = at.rest();
        if is_array && rest.starts_with(']') {
            at.over(1);
            at.skip(char::is_whitespace);
            return match at.rest() {
                "" => Ok(entries),
                _ => Err(at.error("there is something behind the end of the list".to_owned())),
            };
        }
        if rest.is_empty() {
            return match is_array {
                true => Err(at.error("the list has no end, ]".to_owned())),
                false => Ok(entries),
            };
        }
        if is_array && !entries.is_empty() {
            if !rest.starts_with(',') {
                return Err(at.error("a comma is missing between two entries".to_owned()));
            }
            at.over(1);
            at.skip(char::is_whitespace);
        }
        entries.push(at.entry()?);
    }
}

/// Where reading is.
struct Place<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Place<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn skip(&mut self, skips: impl Fn(char) -> bool) {
        let rest = self.rest();
        let end = rest.find(|c| !skips(c)).unwrap_or(rest.len());
        self.over(end);
    }

    /// Goes on behind so many bytes.
    fn over(&mut self, bytes: usize) {
        for c in self.rest().get(..bytes).unwrap_or_default().chars() {
            match c {
                '\n' => (self.line, self.column) = (self.line + 1, 1),
                _ => self.column += 1,
            }
        }
        self.offset += bytes;
    }

    fn entry(&mut self) -> Result<Placed, FileError> {
        let (line, column) = (self.line, self.column);
        let mut reader =
            serde_json::Deserializer::from_str(self.rest()).into_iter::<serde_json::Value>();
        // First as any JSON: how long it is is only told when it could be read.
        let whole = match reader.next() {
            Some(Ok(_)) => reader.byte_offset(),
            Some(Err(error)) => return Err(self.broken(&error)),
            None => return Err(self.error("an entry is missing".to_owned())),
        };
        let text = self.rest().get(..whole).unwrap_or_default();
        let mut reader = serde_json::Deserializer::from_str(text);
        let entry = Entry::deserialize(&mut reader).map_err(|error| self.broken(&error))?;
        self.over(whole);
        Ok(Placed {
            line,
            column,
            fields: Vec::new(),
            entry,
        })
    }

    /// An error within the entry that begins here.
    fn broken(&self, error: &serde_json::Error) -> FileError {
        let problem = error.to_string();
        // The place is told before it.
        let problem = problem
            .rsplit_once(" at line ")
            .map_or(problem.as_str(), |(problem, _)| problem);
        let (line, column) = (error.line().max(1), error.column().max(1));
        FileError {
            line: self.line + line - 1,
            column: if line == 1 {
                self.column + column - 1
            } else {
                column
            },
            problem: problem.to_owned(),
        }
    }

    const fn error(&self, problem: String) -> FileError {
        FileError {
            line: self.line,
            column: self.column,
            problem,
        }
    }
}
