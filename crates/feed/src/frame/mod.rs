//! Cuts a device's byte stream into frames, whatever pieces the bytes come in.
//!
//! **Invariants**: the same bytes give the same pieces however they are split (as long as the times are the same);
//! memory stays below `max_len` plus a constant; every byte is in a frame, in a [`Piece::Junk`], or a separator; after
//! junk the next whole frame is found again.

mod delimited;
mod measured;
#[cfg(test)]
mod tests;

use delimited::Delimited;
use measured::{Idle, Measured};

/// A frame that does not go on for so long has lost its end.
pub const UNFINISHED_US: u64 = 2_000_000;
/// A frame that is only known by its length is given up earlier: the next one begins soon.
pub const STALLED_US: u64 = 500_000;
/// Junk without an end is told in portions of so many bytes.
pub const JUNK_PORTION: usize = 64 * 1024;
/// Longest frame when nothing else is said; a QR code holds 4,296 characters at most (ISO/IEC 18004).
pub const DEFAULT_MAX_LEN: usize = 8 * 1024;

/// How frames are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framing {
    /// By what.
    pub kind: Kind,
    /// Longest content of a frame in bytes; longer ones are junk.
    pub max_len: usize,
}

impl Framing {
    /// Frames that end with CR, LF or NUL, of the usual length.
    #[must_use]
    pub fn lines() -> Framing {
        let ends = [b'\r', b'\n', 0].map(|byte| vec![byte]);
        Framing {
            kind: Kind::Delimited {
                starts: Vec::new(),
                ends: ends.to_vec(),
            },
            max_len: DEFAULT_MAX_LEN,
        }
    }
}

/// What separates frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Byte sequences. With `starts`, what is between an end and the next start is junk (CR, LF and NUL are let pass);
    /// a start that begins with a control character also begins a frame anew. Empty frames are kept only where they are
    /// unmistakable: with starts, or with one end.
    Delimited {
        /// Alternatives for the begin; none for frames that begin where the last one ended.
        starts: Vec<Vec<u8>>,
        /// Alternatives for the end.
        ends: Vec<Vec<u8>>,
    },
    /// Always the same number of bytes.
    Fixed {
        /// So many.
        len: usize,
    },
    /// A binary length, then so many bytes; the frame is without the length.
    LengthPrefixed {
        /// Size of the length.
        width: Width,
        /// Its byte order.
        order: Order,
        /// Whether the length includes its own bytes.
        counts_itself: bool,
    },
    /// Silence.
    IdleGap {
        /// For so long.
        gap_us: u64,
    },
    /// Packets of the Simple Serial Interface: the frame is the whole packet, with a good check sum; see
    /// [`ssi`](crate::ssi).
    Ssi,
}

/// Size of a binary length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    One,
    /// Two bytes.
    Two,
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Width::One => 1,
            Width::Two => 2,
        }
    }
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

/// What came out of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The content of a frame, without separators.
    Frame(Vec<u8>),
    /// Bytes that are in no frame.
    Junk {
        /// So many.
        len: usize,
        /// For this reason.
        why: Junk,
    },
}

/// Why bytes are in no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Junk {
    /// Between an end and the next start.
    Outside,
    /// Longer than the maximum length.
    Overlong,
    /// The rest did not come.
    Unfinished,
    /// A length or a check sum that cannot be.
    Damaged,
}

impl Junk {
    /// For people: what is wrong, and what to look at.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Junk::Outside => {
                "bytes before the start of a frame; check `start` and the line settings"
            }
            Junk::Overlong => {
                "a frame without end; check the scanner's suffix, `end` and the line settings"
            }
            Junk::Unfinished => {
                "a frame without end; set the scanner's suffix to CR or LF, or say what it is with `end`"
            }
            Junk::Damaged => {
                "a frame with a wrong length or check sum; check `frame` and the line settings"
            }
        }
    }
}

/// The framer of one connection.
#[derive(Debug, Clone)]
pub struct Framer {
    machine: Machine,
    junk: Heap,
    /// When the last byte came.
    last_us: u64,
}

#[derive(Debug, Clone)]
enum Machine {
    Delimited(Delimited),
    Measured(Measured),
    Idle(Idle),
}

impl Framer {
    /// A framer that has seen nothing.
    #[must_use]
    pub fn new(framing: Framing) -> Framer {
        let Framing { kind, max_len } = framing;
        let machine = match kind {
            Kind::Delimited { starts, ends } => {
                Machine::Delimited(Delimited::new(starts, ends, max_len))
            }
            Kind::Fixed { len } => Machine::Measured(Measured::fixed(len)),
            Kind::LengthPrefixed {
                width,
                order,
                counts_itself,
            } => Machine::Measured(Measured::prefixed(width, order, counts_itself, max_len)),
            Kind::IdleGap { gap_us } => Machine::Idle(Idle::new(gap_us, max_len)),
            Kind::Ssi => Machine::Measured(Measured::ssi()),
        };
        Framer {
            machine,
            junk: Heap::default(),
            last_us: 0,
        }
    }

    /// Takes bytes that came at `now_us` (any clock that does not go back); what they complete goes to `out`.
    pub fn push(&mut self, bytes: &[u8], now_us: u64, out: &mut Vec<Piece>) {
        self.tick(now_us, out);
        if bytes.is_empty() {
            return;
        }
        self.last_us = now_us;
        match &mut self.machine {
            Machine::Delimited(machine) => machine.push(bytes, &mut self.junk, out),
            Machine::Measured(machine) => machine.push(bytes, &mut self.junk, out),
            Machine::Idle(machine) => machine.push(bytes, &mut self.junk, out),
        }
    }

    /// Lets time pass; to be called at [`deadline_us`](Self::deadline_us).
    pub fn tick(&mut self, now_us: u64, out: &mut Vec<Piece>) {
        if self.deadline_us().is_none_or(|deadline| now_us < deadline) {
            return;
        }
        match &mut self.machine {
            Machine::Idle(machine) => machine.gap(&mut self.junk, out),
            Machine::Measured(machine) => machine.stalled(&mut self.junk, out),
            Machine::Delimited(machine) => machine.give_up(&mut self.junk, out),
        }
        self.junk.tell(out);
    }

    /// When [`tick`](Self::tick) has something to do; `None` while nothing is unfinished.
    #[must_use]
    pub fn deadline_us(&self) -> Option<u64> {
        let wait = match &self.machine {
            Machine::Idle(machine) => machine.gap_us(),
            Machine::Measured(_) => STALLED_US,
            Machine::Delimited(_) => UNFINISHED_US,
        };
        (self.unfinished() > 0 || self.junk.len > 0).then(|| self.last_us.saturating_add(wait))
    }

    /// Bytes of a frame that has not ended.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        match &self.machine {
            Machine::Delimited(machine) => machine.held(),
            Machine::Measured(machine) => machine.held(),
            Machine::Idle(machine) => machine.held(),
        }
    }

    /// A message has ended, as a datagram does: what needs no end of its own is a frame, the rest junk.
    pub fn finish(&mut self, out: &mut Vec<Piece>) {
        match &mut self.machine {
            Machine::Delimited(machine) => machine.finish(&mut self.junk, out),
            Machine::Idle(machine) => machine.gap(&mut self.junk, out),
            Machine::Measured(machine) => machine.give_up(&mut self.junk, out),
        }
        self.junk.tell(out);
    }

    /// The connection is gone: what is unfinished is told as junk, and the next byte begins anew.
    pub fn reset(&mut self, out: &mut Vec<Piece>) {
        match &mut self.machine {
            Machine::Delimited(machine) => machine.give_up(&mut self.junk, out),
            Machine::Measured(machine) => machine.give_up(&mut self.junk, out),
            Machine::Idle(machine) => machine.give_up(&mut self.junk, out),
        }
        self.junk.tell(out);
    }
}

/// Junk that has not been told yet: one run of one reason.
#[derive(Debug, Clone, Default)]
struct Heap {
    len: usize,
    why: Option<Junk>,
}

impl Heap {
    fn add(&mut self, len: usize, why: Junk, out: &mut Vec<Piece>) {
        if len == 0 {
            return;
        }
        if self.why != Some(why) {
            self.tell(out);
            self.why = Some(why);
        }
        self.len += len;
        while self.len >= JUNK_PORTION {
            self.len -= JUNK_PORTION;
            out.push(Piece::Junk {
                len: JUNK_PORTION,
                why,
            });
        }
    }

    fn tell(&mut self, out: &mut Vec<Piece>) {
        if let (Some(why), true) = (self.why.take(), self.len > 0) {
            let len = std::mem::take(&mut self.len);
            out.push(Piece::Junk { len, why });
        }
    }

    fn frame(&mut self, frame: Vec<u8>, out: &mut Vec<Piece>) {
        self.tell(out);
        out.push(Piece::Frame(frame));
    }
}
