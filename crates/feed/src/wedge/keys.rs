//! Key events to characters: modifiers, accents, control characters, codes on the keypad.

use super::layout::{Glyph, Layout, accented, lower, upper};

/// What a key does (`value` of an `EV_KEY` event).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// 1.
    Down,
    /// 0.
    Up,
    /// 2, made by the kernel while a key is held.
    Repeat,
}

/// What an event amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Nothing yet, or nothing at all.
    Nothing,
    /// A character.
    Char(char),
    /// Two: an accent that fits no letter, and what came behind it.
    Chars(char, char),
    /// Enter, on either block.
    Enter,
    /// Tab.
    Tab,
    /// A key, or a code on the keypad, that the layout has no character for.
    Unknown(u16),
}

const ENTER: u16 = 28;
const KEYPAD_ENTER: u16 = 96;
const TAB: u16 = 15;
const SPACE: u16 = 57;
const CAPS_LOCK: u16 = 58;
/// Longest code on the keypad; more digits are a key that is stuck.
const MAX_ALT_DIGITS: usize = 8;

/// State of the keyboard.
#[derive(Debug, Clone)]
pub struct Keys {
    layout: &'static Layout,
    /// Left and right Shift, Ctrl; left and right Alt.
    held: [bool; 6],
    caps_lock: bool,
    accent: Option<char>,
    /// Digits typed on the keypad since Alt went down.
    code: String,
}

/// Places in `held`.
const MODIFIERS: [u16; 6] = [42, 54, 29, 97, 56, 100];

impl Keys {
    /// With the keys that are down already.
    #[must_use]
    pub fn new(layout: &'static Layout, held: &[u16]) -> Self {
        Self {
            layout,
            held: MODIFIERS.map(|code| held.contains(&code)),
            caps_lock: false,
            accent: None,
            code: String::new(),
        }
    }

    /// Takes the keys that are down now, when events were missed. Caps Lock is taken as it was.
    pub fn resume(&mut self, held: &[u16]) {
        let caps_lock = self.caps_lock;
        *self = Self::new(self.layout, held);
        self.caps_lock = caps_lock;
    }

    /// Takes an event.
    pub fn key(&mut self, code: u16, press: Press) -> Stroke {
        if let Some(at) = MODIFIERS.iter().position(|modifier| *modifier == code) {
            return self.modifier(at, press);
        }
        if press != Press::Down {
            return Stroke::Nothing;
        }
        match code {
            ENTER | KEYPAD_ENTER => Stroke::Enter,
            TAB => Stroke::Tab,
            CAPS_LOCK => {
                self.caps_lock = !self.caps_lock;
                Stroke::Nothing
            }
            _ => self.character(code),
        }
    }

    /// An accent that nothing came behind.
    pub fn rest(&mut self) -> Option<char> {
        self.accent.take()
    }

    fn modifier(&mut self, at: usize, press: Press) -> Stroke {
        let alt_before = self.alt();
        if let (Some(held), true) = (self.held.get_mut(at), press != Press::Repeat) {
            *held = press == Press::Down;
        }
        if alt_before && !self.alt() && !self.code.is_empty() {
            let code = std::mem::take(&mut self.code);
            return match coded(&code) {
                Some(char) => self.plain(char),
                None => Stroke::Unknown(MODIFIERS.get(at).copied().unwrap_or_default()),
            };
        }
        Stroke::Nothing
    }

    fn character(&mut self, code: u16) -> Stroke {
        let keypad = self.layout.keypad(code);
        if self.alt()
            && let Some(digit @ '0'..='9') = keypad
        {
            if self.code.len() < MAX_ALT_DIGITS {
                self.code.push(digit);
            }
            return Stroke::Nothing;
        }
        if code == SPACE {
            return match self.accent.take() {
                Some(accent) => Stroke::Char(accent),
                None => Stroke::Char(' '),
            };
        }
        if let Some(char) = keypad {
            return self.plain(char);
        }
        if self.ctrl() && !self.altgr() {
            return match self.control(code) {
                Some(char) => self.plain(char),
                None if self.is_character(code) => Stroke::Unknown(code),
                None => Stroke::Nothing,
            };
        }
        match self.layout.glyph(code, self.shift(), self.altgr()) {
            Some(Glyph::Plain(char)) if !self.altgr() => self.plain(self.with_caps_lock(char)),
            Some(Glyph::Plain(char)) => self.plain(char),
            Some(Glyph::Dead(accent)) => match self.accent.replace(accent) {
                // Twice the same is the accent itself.
                Some(before) if before == accent => {
                    self.accent = None;
                    Stroke::Char(accent)
                }
                Some(before) => Stroke::Char(before),
                None => Stroke::Nothing,
            },
            None if self.is_character(code) => Stroke::Unknown(code),
            // Function and cursor keys: some sites mark scans with one.
            None => Stroke::Nothing,
        }
    }

    fn plain(&mut self, char: char) -> Stroke {
        match self.accent.take() {
            Some(accent) => match accented(accent, char) {
                Some(letter) => Stroke::Char(letter),
                None => Stroke::Chars(accent, char),
            },
            None => Stroke::Char(char),
        }
    }

    /// The control character of Ctrl and a key: that of the key's character, else that of its place, as on Windows.
    fn control(&self, code: u16) -> Option<char> {
        let level = |shift| match self.layout.glyph(code, shift, false)? {
            Glyph::Plain(char) | Glyph::Dead(char) => u8::try_from(upper(char)).ok(),
        };
        let by_character = [level(self.shift()), level(false)];
        let by_character = by_character.into_iter().flatten().find_map(|char| {
            let control = matches!(char, b'@'..=b'_').then_some(char & 0x1F);
            control.map(char::from)
        });
        by_character.or(match code {
            26 => Some('\x1B'),
            43 => Some('\x1C'),
            27 => Some('\x1D'),
            7 => Some('\x1E'),
            12 => Some('\x1F'),
            _ => None,
        })
    }

    /// Whether the key stands for a character at some level.
    fn is_character(&self, code: u16) -> bool {
        [false, true]
            .iter()
            .any(|shift| self.layout.glyph(code, *shift, false).is_some())
    }

    fn with_caps_lock(&self, char: char) -> char {
        match (self.caps_lock, self.shift()) {
            (false, _) => char,
            (true, false) => upper(char),
            (true, true) => lower(char),
        }
    }

    fn shift(&self) -> bool {
        matches!(self.held, [true, ..] | [_, true, ..])
    }

    fn ctrl(&self) -> bool {
        matches!(self.held, [_, _, true, ..] | [_, _, _, true, ..])
    }

    fn alt(&self) -> bool {
        matches!(self.held, [.., true, _])
    }

    /// Ctrl and Alt together are AltGr, as on Windows.
    fn altgr(&self) -> bool {
        matches!(self.held, [.., true]) || self.ctrl() && self.alt()
    }
}

/// Characters 128 to 159 of Windows-1252; a space is none.
const WINDOWS_1252: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

/// The character of Alt and digits: up to 127 that of ASCII; above, with a 0 in front, that of Windows-1252. Others depend on
/// the code page of a computer that is not there.
fn coded(digits: &str) -> Option<char> {
    let code: u8 = digits.parse().ok()?;
    match code {
        0..=0x7F => Some(char::from(code)),
        _ if !digits.starts_with('0') => None,
        0x80..=0x9F => {
            let found = WINDOWS_1252.chars().nth(usize::from(code & 0x1F));
            found.filter(|char| *char != ' ')
        }
        _ => Some(char::from(code)),
    }
}
