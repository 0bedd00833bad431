//! Keyboard layouts: which character a key gives, alone, with Shift, with AltGr, with both.

/// The keys of the main block that give characters, in the order of the tables below: row by row from the top left, each row
/// from left to right (Linux input event codes). 43 is beside Enter, 86 beside the left Shift.
const POSITIONS: [u16; 48] = [
    41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, //
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, //
    30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43, //
    86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,
];

/// One layout. A level is a text with a character for each of the keys in `POSITIONS`; a space is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// As written in the configuration.
    pub name: &'static str,
    levels: [&'static str; 4],
    /// Of each level, the characters that wait for the next one.
    dead: [&'static str; 4],
    /// The key beside 0 of the keypad.
    decimal: char,
}

/// A key's character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    /// Stands for itself.
    Plain(char),
    /// An accent for the next character.
    Dead(char),
}

const US_BASE: &str = "`1234567890-=qwertyuiop[]asdfghjkl;'\\\\zxcvbnm,./";
const US_SHIFT: &str = "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"||ZXCVBNM<>?";
const NONE: &str = "";

/// All layouts, by name. Characters on AltGr are those of Windows, which scanners imitate.
static LAYOUTS: [Layout; 9] = [
    Layout {
        name: "us",
        levels: [US_BASE, US_SHIFT, NONE, NONE],
        dead: [NONE; 4],
        decimal: '.',
    },
    Layout {
        name: "uk",
        levels: [
            "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./",
            "¬!\"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?",
            "¦   €          é   úíó   á",
            "               É   ÚÍÓ   Á",
        ],
        dead: [NONE; 4],
        decimal: '.',
    },
    Layout {
        name: "de",
        levels: [
            "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
            "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
            "  ²³   {[]}\\ @ €        ~            |      µ",
            NONE,
        ],
        dead: ["^´", "`", NONE, NONE],
        decimal: ',',
    },
    Layout {
        name: "fr",
        levels: [
            "²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!",
            " 1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§",
            "  ~#{[|`\\^@]}  €        ¤",
            NONE,
        ],
        dead: ["^", "¨", "~`", NONE],
        decimal: '.',
    },
    Layout {
        name: "es",
        levels: [
            "º1234567890'¡qwertyuiop`+asdfghjklñ´ç<zxcvbnm,.-",
            "ª!\"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨Ç>ZXCVBNM;:_",
            "\\|@#~€¬        €       []          {}",
            NONE,
        ],
        dead: ["`´", "^¨", "~", NONE],
        decimal: '.',
    },
    Layout {
        name: "it",
        levels: [
            "\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-",
            "|!\"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_",
            "     €         €       []         @#",
            "                       {}",
        ],
        dead: [NONE; 4],
        decimal: '.',
    },
    Layout {
        name: "cz",
        levels: [
            ";+ěščřžýáíé=´qwertzuiopú)asdfghjklů§¨\\yxcvbnm,.-",
            "°1234567890%ˇQWERTZUIOP/(ASDFGHJKL\"!'|YXCVBNM?:_",
            " ~ˇ^˘°˛`˙´˝¨¸\\|€       ÷× đĐ[]  łŁ$ß¤  #&@{} <>*",
            NONE,
        ],
        dead: ["´¨", "°ˇ", "ˇ^˘°˛˙´˝¨¸", NONE],
        decimal: ',',
    },
    Layout {
        name: "pl",
        levels: [
            US_BASE,
            US_SHIFT,
            "               ę   € ó   ąś      ł    żźć  ń",
            "               Ę     Ó   ĄŚ      Ł    ŻŹĆ  Ń",
        ],
        dead: [NONE; 4],
        decimal: ',',
    },
    Layout {
        name: "se",
        levels: [
            "§1234567890+´qwertyuiopå¨asdfghjklöä'<zxcvbnm,.-",
            "½!\"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLÖÄ*>ZXCVBNM;:_",
            "  @£$€ {[]}\\   €        ~            |      µ",
            NONE,
        ],
        dead: ["´¨", "`^", "~", NONE],
        decimal: ',',
    },
];

impl Layout {
    /// The layout of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Layout> {
        LAYOUTS.iter().find(|layout| layout.name == name)
    }

    /// Every layout.
    pub fn all() -> impl Iterator<Item = &'static Layout> {
        LAYOUTS.iter()
    }

    /// The character of a key of the main block.
    #[must_use]
    pub fn glyph(&self, code: u16, shift: bool, altgr: bool) -> Option<Glyph> {
        let at = POSITIONS.iter().position(|position| *position == code)?;
        let level = usize::from(shift) | usize::from(altgr) << 1;
        let found = self.levels.get(level)?.chars().nth(at)?;
        match found {
            ' ' => None,
            accent if self.dead.get(level)?.contains(accent) => Some(Glyph::Dead(accent)),
            plain => Some(Glyph::Plain(plain)),
        }
    }

    /// Character of a key of the keypad, with Num Lock on.
    #[must_use]
    pub fn keypad(&self, code: u16) -> Option<char> {
        Some(match code {
            71..=73 => char::from(b'7'.checked_add(u8::try_from(code - 71).ok()?)?),
            75..=77 => char::from(b'4'.checked_add(u8::try_from(code - 75).ok()?)?),
            79..=81 => char::from(b'1'.checked_add(u8::try_from(code - 79).ok()?)?),
            82 => '0',
            83 => self.decimal,
            55 => '*',
            74 => '-',
            78 => '+',
            98 => '/',
            _ => return None,
        })
    }
}

/// Accents, each with the letters that it changes, and what they become.
const ACCENTS: &[(char, &str, &str)] = &[
    ('^', "aeiou", "âêîôû"),
    ('´', "aeiouylrsczn", "áéíóúýĺŕśćźń"),
    ('`', "aeiou", "àèìòù"),
    ('¨', "aeiouy", "äëïöüÿ"),
    ('~', "ano", "ãñõ"),
    ('ˇ', "cdelnrstz", "čďěľňřšťž"),
    ('°', "au", "åů"),
    ('˘', "a", "ă"),
    ('˛', "ae", "ąę"),
    ('˙', "z", "ż"),
    ('˝', "ou", "őű"),
    ('¸', "cst", "çşţ"),
];

/// The letter with the accent; `None` if there is no such letter.
pub(super) fn accented(accent: char, letter: char) -> Option<char> {
    let (_, letters, become_) = ACCENTS.iter().find(|(it, ..)| *it == accent)?;
    let small = lower(letter);
    let at = letters.chars().position(|it| it == small)?;
    let found = become_.chars().nth(at)?;
    Some(if small == letter { found } else { upper(found) })
}

/// The capital of a letter that has one of one character.
pub(super) fn upper(letter: char) -> char {
    let mut capitals = letter.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => letter,
    }
}

/// The small letter of a capital.
pub(super) fn lower(letter: char) -> char {
    let mut small = letter.to_lowercase();
    match (small.next(), small.next()) {
        (Some(small), None) => small,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_a_character_for_each_key() {
        for layout in Layout::all() {
            for (level, text) in layout.levels.iter().enumerate() {
                let len = text.chars().count();
                assert!(
                    len <= POSITIONS.len(),
                    "{} level {level}: {len}",
                    layout.name
                );
                assert!(
                    level > 1 || len == POSITIONS.len(),
                    "{} level {level}: {len}",
                    layout.name
                );
                for accent in layout.dead[level].chars() {
                    assert!(
                        text.contains(accent),
                        "{} level {level}: {accent}",
                        layout.name
                    );
                    assert!(accented(accent, 'x').is_none());
                }
            }
        }
        for (_, letters, become_) in ACCENTS {
            assert_eq!(letters.chars().count(), become_.chars().count());
        }
    }

    /// Codes consist of these: what cannot be typed cannot be scanned.
    #[test]
    fn every_character_of_gs1_can_be_typed() {
        let needed = "!\"%&'()*+,-./0123456789:;<=>?_\
             ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz[]{}@#$\\|~^";
        for layout in Layout::all() {
            let typed: String = [(false, false), (true, false), (false, true), (true, true)]
                .iter()
                .flat_map(|(shift, altgr)| POSITIONS.map(|code| layout.glyph(code, *shift, *altgr)))
                .flatten()
                .map(|glyph| match glyph {
                    Glyph::Plain(char) | Glyph::Dead(char) => char,
                })
                .collect();
            let missing: String = needed.chars().filter(|it| !typed.contains(*it)).collect();
            // Italian keyboards have neither; there, scanners use the keypad.
            let known = if layout.name == "it" { "~" } else { "" };
            assert_eq!(missing, known, "{}", layout.name);
        }
    }
}
