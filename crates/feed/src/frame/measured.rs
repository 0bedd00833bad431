//! Frames of a known length, and frames that silence ends.

use super::{Heap, Junk, Order, Piece, Width};
use crate::ssi;

/// Frames whose length is known from their first bytes.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    measure: Measure,
    held: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Measure {
    Fixed(usize),
    Prefixed {
        width: Width,
        order: Order,
        counts_itself: bool,
        max_len: usize,
    },
    Ssi,
}

/// What the first bytes say.
enum Verdict {
    /// Too early to say.
    More,
    /// A frame of so many bytes, of which the first `skip` are not content.
    Frame { total: usize, skip: usize },
    /// The first byte begins no frame, and need not be told.
    Filler,
    /// The first byte begins no frame.
    Bad(Junk),
}

impl Measured {
    pub(super) fn fixed(len: usize) -> Self {
        Measured::of(Measure::Fixed(len.max(1)))
    }

    pub(super) fn prefixed(
        width: Width,
        order: Order,
        counts_itself: bool,
        max_len: usize,
    ) -> Self {
        Measured::of(Measure::Prefixed {
            width,
            order,
            counts_itself,
            max_len,
        })
    }

    pub(super) fn ssi() -> Self {
        Measured::of(Measure::Ssi)
    }

    fn of(measure: Measure) -> Self {
        Measured {
            measure,
            held: Vec::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8], junk: &mut Heap, out: &mut Vec<Piece>) {
        // One by one, so that no more than one frame is ever held.
        for &byte in bytes {
            self.held.push(byte);
            self.take(junk, out);
        }
    }

    fn take(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        loop {
            match self.measure.judge(&self.held) {
                Verdict::More => return,
                Verdict::Frame { total, skip } => {
                    let rest = self.held.split_off(total.min(self.held.len()));
                    let mut frame = std::mem::replace(&mut self.held, rest);
                    frame.drain(..skip.min(frame.len()));
                    junk.frame(frame, out);
                }
                Verdict::Filler => drop(self.held.drain(..1)),
                Verdict::Bad(why) => {
                    self.held.drain(..1);
                    junk.add(1, why, out);
                }
            }
        }
    }

    /// The rest of a frame does not come. What looked like the beginning of an SSI packet may have been junk before a
    /// real one: the search goes on behind it.
    pub(super) fn stalled(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        if let Measure::Ssi = self.measure {
            while !self.held.is_empty() {
                self.held.drain(..1);
                junk.add(1, Junk::Unfinished, out);
                self.take(junk, out);
            }
        } else {
            self.give_up(junk, out);
        }
    }

    pub(super) fn give_up(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        junk.add(self.held.len(), Junk::Unfinished, out);
        self.held.clear();
    }
}

impl Measure {
    fn judge(self, held: &[u8]) -> Verdict {
        if held.is_empty() {
            return Verdict::More;
        }
        match self {
            Measure::Fixed(len) if held.len() < len => Verdict::More,
            Measure::Fixed(len) => Verdict::Frame {
                total: len,
                skip: 0,
            },
            Measure::Prefixed {
                width,
                order,
                counts_itself,
                max_len,
            } => {
                let skip = width.bytes();
                let stated = match (width, order, held) {
                    (Width::One, _, [len, ..]) => usize::from(*len),
                    (Width::Two, Order::Big, [high, low, ..])
                    | (Width::Two, Order::Little, [low, high, ..]) => {
                        usize::from(u16::from_be_bytes([*high, *low]))
                    }
                    _ => return Verdict::More,
                };
                let content = if counts_itself {
                    match stated.checked_sub(skip) {
                        Some(content) => content,
                        None => return Verdict::Bad(Junk::Damaged),
                    }
                } else {
                    stated
                };
                if content > max_len {
                    return Verdict::Bad(Junk::Overlong);
                }
                let total = content.saturating_add(skip);
                if held.len() < total {
                    Verdict::More
                } else {
                    Verdict::Frame { total, skip }
                }
            }
            Measure::Ssi => match ssi::measure(held) {
                // Sent to wake the host up.
                _ if held.first() == Some(&0) => Verdict::Filler,
                ssi::Measured::More => Verdict::More,
                ssi::Measured::Packet(total) => Verdict::Frame { total, skip: 0 },
                ssi::Measured::Damaged => Verdict::Bad(Junk::Damaged),
            },
        }
    }
}

/// Frames that silence ends.
#[derive(Debug, Clone)]
pub(super) struct Idle {
    gap_us: u64,
    max_len: usize,
    held: Vec<u8>,
    overlong: bool,
}

impl Idle {
    pub(super) fn new(gap_us: u64, max_len: usize) -> Self {
        Idle {
            gap_us,
            max_len,
            held: Vec::new(),
            overlong: false,
        }
    }

    pub(super) fn gap_us(&self) -> u64 {
        self.gap_us
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8], junk: &mut Heap, out: &mut Vec<Piece>) {
        for &byte in bytes {
            if self.overlong {
                junk.add(1, Junk::Overlong, out);
            } else if self.held.len() >= self.max_len {
                junk.add(self.held.len().saturating_add(1), Junk::Overlong, out);
                self.held.clear();
                self.overlong = true;
            } else {
                self.held.push(byte);
            }
        }
    }

    /// Nothing came for the gap: what is there is a frame.
    pub(super) fn gap(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        self.overlong = false;
        let mut frame = std::mem::take(&mut self.held);
        let end = frame
            .iter()
            .rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        frame.truncate(end.map_or(0, |end| end + 1));
        if !frame.is_empty() {
            junk.frame(frame, out);
        }
    }

    pub(super) fn give_up(&mut self, junk: &mut Heap, out: &mut Vec<Piece>) {
        junk.add(self.held.len(), Junk::Unfinished, out);
        self.held.clear();
        self.overlong = false;
    }
}
