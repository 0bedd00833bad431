//! Frames between byte sequences.

use super::{Heap, Junk, Piece};

/// See [`Kind::Delimited`](super::Kind::Delimited).
#[derive(Debug, Clone)]
pub(super) struct Delimited {
    starts: Vec<Vec<u8>>,
    ends: Vec<Vec<u8>>,
    max_len: usize,
    /// Longest start or end.
    longest: usize,
    keeps_empty: bool,
    state: State,
    /// In a frame: its bytes. Elsewhere: the last bytes, which may be part of a start or an end.
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waiting for a start.
    Outside,
    /// In a frame.
    Inside,
    /// In a frame that is too long; waiting for its end.
    Overlong,
}

impl Delimited {
    pub(super) fn new(mut starts: Vec<Vec<u8>>, mut ends: Vec<Vec<u8>>, max_len: usize) -> Self {
        for list in [&mut starts, &mut ends] {
            list.retain(|sequence| !sequence.is_empty());
            list.sort_by_key(|sequence| std::cmp::Reverse(sequence.len()));
        }
        let longest = starts.iter().chain(&ends).map(Vec::len).max().unwrap_or(0);
        let state = State::first(&starts);
        Delimited {
            keeps_empty: !starts.is_empty() || ends.len() == 1,
            longest,
            starts,
            ends,
            max_len,
            state,
            held: Vec::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8], junk: &mut Heap, out: &mut Vec<Piece>) {
        for &byte in bytes {
            self.held.push(byte);
            match self.state {
                State::Inside => self.inside(junk, out),
                State::Outside => self.outside(junk, out),
                State::Overlong => self.overlong(junk, out),
            }
        }
    }

    fn inside(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        if let Some(end) = ending(&self.held, &self.ends) {
            let mut frame = std::mem::take(&mut self.held);
            frame.truncate(frame.len().saturating_sub(end));
            self.state = State::first(&self.starts);
            if frame.len() > self.max_len {
                junk.add(frame.len(), Junk::Overlong, out);
                junk.tell(out);
            } else if !frame.is_empty() || self.keeps_empty {
                junk.frame(frame, out);
            }
            return;
        }
        let anew = ending(&self.held, &self.starts)
            .filter(|start| begins_with_control(&self.held, *start));
        if let Some(start) = anew {
            junk.add(self.held.len().saturating_sub(start), Junk::Unfinished, out);
            self.held.clear();
        } else if self.held.len() > self.max_len.saturating_add(self.longest) {
            // What might be the beginning of an end is kept.
            let gone = self.held.len().saturating_sub(self.longest);
            junk.add(gone, Junk::Overlong, out);
            self.held = self.held.split_off(gone);
            self.state = if self.starts.is_empty() {
                State::Overlong
            } else {
                State::Outside
            };
        }
    }

    fn outside(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        if let Some(start) = ending(&self.held, &self.starts) {
            self.discard(self.held.len().saturating_sub(start), junk, out);
            self.held.clear();
            self.state = State::Inside;
        } else if self.held.len() >= self.longest {
            self.discard(1, junk, out);
        }
    }

    /// Throws away the first bytes held; separators between frames are not worth a word.
    fn discard(&mut self, count: usize, junk: &mut Heap, out: &mut Vec<Piece>) {
        let filler = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        let gone = self.held.drain(..count.min(self.held.len()));
        let told = gone.filter(|byte| !filler(byte)).count();
        junk.add(told, Junk::Outside, out);
    }

    fn overlong(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        if let Some(end) = ending(&self.held, &self.ends) {
            junk.add(self.held.len().saturating_sub(end), Junk::Overlong, out);
            junk.tell(out);
            self.held.clear();
            self.state = State::Inside;
        } else if self.held.len() > self.longest {
            self.held.remove(0);
            junk.add(1, Junk::Overlong, out);
        }
    }

    /// What began without a start ends without an end.
    pub(super) fn finish(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        let whole = self.starts.is_empty() && self.held.len() <= self.max_len;
        if whole && self.state == State::Inside && !self.held.is_empty() {
            junk.frame(std::mem::take(&mut self.held), out);
        } else {
            self.give_up(junk, out);
        }
    }

    /// Throws away what is unfinished.
    pub(super) fn give_up(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        let held = self.held.len();
        match self.state {
            State::Outside => self.discard(held, junk, out),
            State::Inside => junk.add(held, Junk::Unfinished, out),
            State::Overlong => junk.add(held, Junk::Overlong, out),
        }
        self.held.clear();
        self.state = State::first(&self.starts);
    }
}

impl State {
    fn first(starts: &[Vec<u8>]) -> State {
        if starts.is_empty() {
            State::Inside
        } else {
            State::Outside
        }
    }
}

/// The length of the sequence that `held` ends with; the longest of them.
fn ending(held: &[u8], sequences: &[Vec<u8>]) -> Option<usize> {
    let found = sequences.iter().find(|sequence| held.ends_with(sequence));
    found.map(Vec::len)
}

fn begins_with_control(held: &[u8], start: usize) -> bool {
    let at = held.len().saturating_sub(start);
    held.get(at).is_some_and(|byte| *byte < 0x20)
}
