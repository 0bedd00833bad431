//! Codes from reports: a long one takes several.

use super::command::Vendor;
use super::layout::{BadReport, Layout, Piece};

/// Longest code, in bytes; a QR code holds 4,296 characters at most (ISO/IEC 18004).
pub const MAX_SCAN: usize = 8 * 1024;
/// A code that does not go on for so long was interrupted, in microseconds. Reports follow each other within milliseconds.
pub const CONTINUE_WITHIN_US: u64 = 1_000_000;

/// What a scanner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A code, with its AIM identifier in front if the scanner tells it; no CR or LF at the end, never empty.
    Scan(Vec<u8>),
    /// An answer to a command.
    Status(Vec<u8>),
    /// Another report than that of scanned data, whole.
    Other(Vec<u8>),
    /// Bytes of a code that never became whole.
    Lost(Lost),
}

/// Why bytes of a code were thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The scanner said that the code goes on, and then nothing.
    #[error("the code did not go on after {len} bytes")]
    TimedOut {
        /// Bytes until then.
        len: usize,
    },
    /// Another code began.
    #[error("the code was interrupted by another after {len} bytes")]
    Interrupted {
        /// Bytes until then.
        len: usize,
    },
    /// More than [`MAX_SCAN`].
    #[error("the code is longer than {MAX_SCAN} bytes")]
    TooLong,
    /// The device went away.
    #[error("the scanner went away after {len} bytes of a code")]
    Gone {
        /// Bytes until then.
        len: usize,
    },
    /// Not what the layout says.
    #[error("a report is damaged: {0}")]
    Damaged(BadReport),
}

#[derive(Debug, Clone)]
struct Pending {
    aim: Option<[u8; 3]>,
    data: Vec<u8>,
    /// It became longer than can be; its rest is passed over.
    overlong: bool,
    since_us: u64,
}

/// Puts codes together. Times are of any monotonic clock, in microseconds.
#[derive(Debug, Clone)]
pub struct Assembler {
    layout: Layout,
    vendor: Vendor,
    pending: Option<Pending>,
}

impl Assembler {
    /// For one device, from its opening on.
    #[must_use]
    pub fn new(layout: Layout, vendor: Vendor) -> Self {
        Self {
            layout,
            vendor,
            pending: None,
        }
    }

    /// Takes a report as it was read, with its id if the device numbers its reports.
    pub fn push(&mut self, report: &[u8], now_us: u64, out: &mut Vec<Heard>) {
        self.tick(now_us, out);
        match self.layout.read(report) {
            Ok(Some(piece)) => self.piece(&piece, now_us, out),
            Ok(None) => out.push(Heard::Other(report.to_vec())),
            Err(bad) => {
                // Which code it belonged to is unknown: none of them may come out with a hole.
                self.pending = None;
                out.push(Heard::Lost(Lost::Damaged(bad)));
            }
        }
    }

    /// Gives up a code that does not go on.
    pub fn tick(&mut self, now_us: u64, out: &mut Vec<Heard>) {
        if self.deadline_us().is_some_and(|at| now_us >= at) {
            self.give_up(|len| Lost::TimedOut { len }, out);
        }
    }

    /// When to call [`tick`](Self::tick), if nothing comes before.
    #[must_use]
    pub fn deadline_us(&self) -> Option<u64> {
        let pending = self.pending.as_ref()?;
        Some(pending.since_us.saturating_add(CONTINUE_WITHIN_US))
    }

    /// The device went away.
    pub fn reset(&mut self, out: &mut Vec<Heard>) {
        self.give_up(|len| Lost::Gone { len }, out);
    }

    fn give_up(&mut self, why: impl FnOnce(usize) -> Lost, out: &mut Vec<Heard>) {
        // An overlong one was told when it became that.
        if let Some(pending) = self.pending.take().filter(|pending| !pending.overlong) {
            out.push(Heard::Lost(why(pending.data.len())));
        }
    }

    fn piece(&mut self, piece: &Piece<'_>, now_us: u64, out: &mut Vec<Heard>) {
        let goes_on = |pending: &Pending| piece.aim.is_none() || piece.aim == pending.aim;
        if self.pending.as_ref().is_some_and(|it| !goes_on(it)) {
            self.give_up(|len| Lost::Interrupted { len }, out);
        }
        let mut code = self.pending.take().unwrap_or_else(|| Pending {
            aim: piece.aim,
            data: Vec::new(),
            overlong: false,
            since_us: now_us,
        });
        code.since_us = now_us;
        if !code.overlong {
            code.data.extend_from_slice(piece.data);
            if code.data.len() > MAX_SCAN {
                code.data = Vec::new();
                code.overlong = true;
                out.push(Heard::Lost(Lost::TooLong));
            }
        }
        if piece.more {
            self.pending = Some(code);
        } else if !code.overlong {
            out.extend(self.whole(code));
        }
    }

    fn whole(&self, code: Pending) -> Option<Heard> {
        let data = without_line_end(&code.data);
        if data.is_empty() {
            return None;
        }
        if code.aim.is_some_and(|aim| self.vendor.answers_with(aim)) {
            return Some(Heard::Status(data.to_vec()));
        }
        let aim = code.aim.as_ref().map_or(&[][..], |aim| aim);
        Some(Heard::Scan([aim, data].concat()))
    }
}

/// The suffix is a setting of the scanner, meant for programs that take lines.
fn without_line_end(data: &[u8]) -> &[u8] {
    let data = data.strip_suffix(b"\n").unwrap_or(data);
    data.strip_suffix(b"\r").unwrap_or(data)
}
