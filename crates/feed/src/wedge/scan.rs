//! Characters to scans: what comes fast and ends as it should is a code, the rest somebody typed.

use super::keys::{Keys, Press, Stroke};
use super::layout::Layout;

/// Longest code, in bytes; a QR code holds 4,296 characters at most (ISO/IEC 18004).
pub const MAX_SCAN: usize = 8 * 1024;

/// What ends a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    /// Enter, on either block, or CR or LF typed as control characters.
    Enter,
    /// Tab.
    Tab,
    /// Silence.
    None,
}

/// How to understand one scanner. Gaps are between two events of any key, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Layout the scanner is set to.
    pub layout: &'static Layout,
    /// What ends a code.
    pub suffix: Suffix,
    /// Shorter codes, in characters, are taken as typed by hand.
    pub min_length: usize,
    /// A person types: so slowly no scanner does.
    pub max_gap_us: u64,
    /// Nothing more comes; longer than `max_gap_us`.
    pub idle_gap_us: u64,
}

/// What became of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A code in UTF-8, without what ends it.
    Scan(Vec<u8>),
    /// Keys that are no code.
    Lost(Lost),
}

/// Why keys were thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Too slow or too few.
    #[error("{len} characters were typed by hand")]
    Typed {
        /// Characters.
        len: usize,
    },
    /// Fast and long enough, but what ends a code did not come.
    #[error(
        "the code has no suffix after {len} characters; set the scanner's suffix, or `suffix` here"
    )]
    NoSuffix {
        /// Characters.
        len: usize,
    },
    /// More than [`MAX_SCAN`].
    #[error("the code is longer than {MAX_SCAN} bytes")]
    TooLong,
    /// A key that the layout has no character for.
    #[error("key {code} has no character in layout {layout}; is the scanner set to it?")]
    NoCharacter {
        /// Linux input event code.
        code: u16,
        /// Name of the layout.
        layout: &'static str,
    },
    /// The system lost events (`SYN_DROPPED`).
    #[error("the system lost key events after {len} characters")]
    Dropped {
        /// Characters.
        len: usize,
    },
    /// The beginning was missed: it came before the device was open.
    #[error("{len} characters without their beginning came right after the start")]
    Begun {
        /// Characters.
        len: usize,
    },
    /// The device went away.
    #[error("the scanner went away after {len} characters of a code")]
    Gone {
        /// Characters.
        len: usize,
    },
}

/// What may become a code.
#[derive(Debug, Clone, Default)]
struct Pending {
    text: String,
    len: usize,
    /// Some gap was too long for a scanner.
    slow: bool,
}

/// Whether what comes is passed over, up to the next end or silence, because its beginning cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipping {
    No,
    /// Since the device was opened; so many characters.
    Start(usize),
    /// Since something that was told.
    Told,
}

/// The state of one scanner. Times are those of the events, in microseconds.
#[derive(Debug, Clone)]
pub struct Wedge {
    settings: Settings,
    keys: Keys,
    pending: Pending,
    skipping: Skipping,
    last_us: u64,
    /// Whether an event came since the last silence.
    busy: bool,
}

impl Wedge {
    /// A device just opened, with the keys that are down. A code that is under way is passed over.
    #[must_use]
    pub fn new(settings: Settings, held: &[u16], now_us: u64) -> Self {
        Self {
            keys: Keys::new(settings.layout, held),
            settings,
            pending: Pending::default(),
            skipping: Skipping::Start(0),
            last_us: now_us,
            busy: true,
        }
    }

    /// Takes an event of a key.
    pub fn key(&mut self, code: u16, press: Press, at_us: u64, out: &mut Vec<Heard>) {
        if press == Press::Repeat {
            return;
        }
        self.tick(at_us, out);
        let gap = at_us.saturating_sub(self.last_us);
        (self.last_us, self.busy) = (at_us, true);
        self.pending.slow |= self.pending.len > 0 && gap > self.settings.max_gap_us;
        match self.keys.key(code, press) {
            Stroke::Nothing => {}
            Stroke::Char(char) => self.character(char, out),
            Stroke::Chars(first, second) => {
                self.character(first, out);
                self.character(second, out);
            }
            Stroke::Enter => self.ender(Suffix::Enter, '\r', out),
            Stroke::Tab => self.ender(Suffix::Tab, '\t', out),
            Stroke::Unknown(code) => self.spoilt(
                Lost::NoCharacter {
                    code,
                    layout: self.settings.layout.name,
                },
                out,
            ),
        }
    }

    /// Looks whether nothing more comes.
    pub fn tick(&mut self, now_us: u64, out: &mut Vec<Heard>) {
        if self.deadline_us().is_some_and(|at| now_us >= at) {
            self.silence(out);
        }
    }

    /// When to call [`tick`](Self::tick), if nothing comes before.
    #[must_use]
    pub fn deadline_us(&self) -> Option<u64> {
        (self.busy).then(|| self.last_us.saturating_add(self.settings.idle_gap_us))
    }

    /// The system lost events: what is pending cannot be trusted, nor what comes before the next silence.
    pub fn dropped(&mut self, held: &[u16], at_us: u64, out: &mut Vec<Heard>) {
        self.keys.resume(held);
        (self.last_us, self.busy) = (at_us, true);
        let len = self.pending.len;
        self.spoilt(Lost::Dropped { len }, out);
    }

    /// The device went away.
    pub fn reset(&mut self, out: &mut Vec<Heard>) {
        self.keys.resume(&[]);
        let len = std::mem::take(&mut self.pending).len;
        if len > 0 {
            out.push(Heard::Lost(Lost::Gone { len }));
        }
        (self.skipping, self.busy) = (Skipping::Start(0), true);
    }

    fn character(&mut self, char: char, out: &mut Vec<Heard>) {
        match (char, self.settings.suffix) {
            ('\r' | '\n', Suffix::Enter) => return self.ender(Suffix::Enter, char, out),
            ('\t', Suffix::Tab) => return self.ender(Suffix::Tab, char, out),
            _ => {}
        }
        match &mut self.skipping {
            Skipping::No => {}
            Skipping::Start(len) => return *len = len.saturating_add(1),
            Skipping::Told => return,
        }
        self.pending.text.push(char);
        self.pending.len += 1;
        if self.pending.text.len() > MAX_SCAN {
            self.spoilt(Lost::TooLong, out);
        }
    }

    /// Enter or Tab: the end, or a character of the code.
    fn ender(&mut self, suffix: Suffix, char: char, out: &mut Vec<Heard>) {
        if self.settings.suffix == suffix {
            self.rest(out);
            self.ended(true, out);
        } else if self.settings.suffix == Suffix::None && suffix == Suffix::Enter {
            // Silence follows; nobody's code ends with a line end of its own.
            self.rest(out);
        } else {
            self.character(char, out);
        }
    }

    /// An accent that nothing came behind is a character.
    fn rest(&mut self, out: &mut Vec<Heard>) {
        if let Some(accent) = self.keys.rest() {
            self.character(accent, out);
        }
    }

    fn silence(&mut self, out: &mut Vec<Heard>) {
        self.rest(out);
        self.ended(self.settings.suffix == Suffix::None, out);
        self.busy = false;
    }

    fn ended(&mut self, properly: bool, out: &mut Vec<Heard>) {
        if let Skipping::Start(len @ 1..) = self.skipping {
            out.push(Heard::Lost(Lost::Begun { len }));
        }
        self.skipping = Skipping::No;
        let Pending { text, len, slow } = std::mem::take(&mut self.pending);
        if len == 0 {
            // Nothing, or the end of what was passed over.
        } else if slow || len < self.settings.min_length {
            out.push(Heard::Lost(Lost::Typed { len }));
        } else if properly {
            out.push(Heard::Scan(text.into_bytes()));
        } else {
            out.push(Heard::Lost(Lost::NoSuffix { len }));
        }
    }

    /// Nothing of this code can be used.
    fn spoilt(&mut self, why: Lost, out: &mut Vec<Heard>) {
        self.pending = Pending::default();
        if self.skipping != Skipping::Told || matches!(why, Lost::Dropped { .. }) {
            out.push(Heard::Lost(why));
        }
        self.skipping = Skipping::Told;
    }
}
