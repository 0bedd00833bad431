//! What a row of the table says, and the check of a value against it.

use super::{Ai, check::Check};
use crate::{charset::Charset, element::Fault};

/// A row of the table: one identifier, or a range of identifiers with the same rules.
pub(crate) struct AiSpec {
    pub(crate) first: Ai,
    pub(crate) last: Ai,
    /// The distance of two identifiers of the range, in places of the index.
    pub(super) step: usize,
    /// The data title (GenSpecs 3.2).
    pub(crate) title: &'static str,
    /// Whether the length is predefined (GenSpecs 7.8), so that no separator is needed.
    pub(crate) predefined: bool,
    /// What the value is made of, in order; only the last part may vary in length.
    pub(super) parts: &'static [Part],
    /// The length of the shortest and the longest value.
    min: usize,
    max: usize,
    /// What must stand beside it, each of them (GenSpecs 4.13.2).
    pub(crate) needs: &'static [Need],
    /// What must not stand beside it (GenSpecs 4.13.1).
    pub(crate) excludes: &'static [Pattern],
    /// Set for a primary key of a Digital Link (DL section 4).
    pub(crate) key: Option<&'static Key>,
    /// Whether it may stand in the query of a Digital Link.
    pub(crate) attribute: bool,
}

/// A stretch of a value with one character set.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) charset: Charset,
    pub(super) min: usize,
    pub(super) max: usize,
    /// Whether it may be missing altogether.
    pub(super) optional: bool,
    pub(super) checks: [Check; 3],
}

/// How a primary key is completed.
pub(crate) struct Key {
    /// Alternative sequences of qualifiers, each in path order.
    pub(crate) qualifiers: &'static [&'static [Ai]],
    /// What makes the key name one single thing.
    pub(crate) instance: Instance,
}

/// What a key needs to name one single thing rather than a kind of thing.
pub(crate) enum Instance {
    /// Nothing more.
    Always,
    /// Nothing more, but this qualifier tells parts of the thing apart.
    RefinedBy(Ai),
    /// The first of these qualifiers that is there.
    With(&'static [Ai]),
    /// A serial component: a value longer than this.
    LongerThan(usize),
    /// Nothing does: it names a model.
    Never,
}

/// Identifiers of which one alternative must be there; an alternative may name several.
#[derive(Clone, Copy)]
pub(crate) struct Need([[Pattern; 3]; 10]);

/// One identifier, or all that its digits and wildcards match.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    value: u32,
    mask: u32,
}

impl AiSpec {
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    pub(super) const fn new(
        first: &str,
        last: &str,
        title: &'static str,
        predefined: bool,
        parts: &'static [Part],
    ) -> Self {
        let (mut min, mut max, mut rest) = (0, 0, parts);
        while let [part, tail @ ..] = rest {
            min += if part.optional { 0 } else { part.min };
            max += part.max;
            rest = tail;
        }
        Self {
            first: Ai::literal(first),
            last: Ai::literal(last),
            step: [10_000, 1000, 100, 10, 1][first.len()],
            title,
            predefined,
            parts,
            min,
            max,
            needs: &[],
            excludes: &[],
            key: None,
            attribute: false,
        }
    }

    pub(super) const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    pub(super) const fn excludes(mut self, excludes: &'static [Pattern]) -> Self {
        self.excludes = excludes;
        self
    }

    pub(super) const fn key(mut self, key: &'static Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Lets it stand in the query of a Digital Link.
    pub(super) const fn link(mut self) -> Self {
        self.attribute = true;
        self
    }

    /// The length of the longest value.
    pub(crate) fn max_length(&self) -> usize {
        self.max
    }

    /// Checks a whole value: length, characters, content. A fault's offset counts from the start of
    /// `value`.
    pub(crate) fn check(&self, value: &[u8]) -> Result<(), Fault> {
        self.walk(value, Check::Nothing)
    }

    /// The same without the one rule that tags do not share: a component tag may hold the serial 0
    /// (TDS 14.6.9), and no barcode may.
    pub(crate) fn check_of_any_carrier(&self, value: &[u8]) -> Result<(), Fault> {
        self.walk(value, Check::NoLeadingZero)
    }

    fn walk(&self, value: &[u8], but: Check) -> Result<(), Fault> {
        let has = value.len();
        if has == 0 {
            return Err(Fault::Empty);
        }
        if has < self.min {
            let needs = self.min;
            return Err(Fault::TooShort { needs, has });
        }
        let mut rest = value;
        for part in self.parts {
            if part.optional && rest.is_empty() {
                break;
            }
            let start = has - rest.len();
            if rest.len() < part.min {
                let needs = start + part.min;
                return Err(Fault::TooShort { needs, has });
            }
            let (piece, tail) = rest.split_at(part.max.min(rest.len()));
            if let Some(outside) = part.charset.first_outside(piece) {
                return Err(Fault::Character {
                    offset: start + outside,
                    charset: part.charset,
                });
            }
            for check in part.checks {
                if check == Check::Nothing {
                    break;
                }
                if check != but {
                    check.run(piece).map_err(|fault| fault.after(start))?;
                }
            }
            rest = tail;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            let max = self.max;
            Err(Fault::TooLong { max, has })
        }
    }
}

impl Part {
    pub(super) const fn new(charset: Charset, min: usize, max: usize) -> Self {
        Self {
            charset,
            min,
            max,
            optional: false,
            checks: [Check::Nothing; 3],
        }
    }

    /// Adds a check of its content; the third one is the last that fits.
    pub(super) const fn is(mut self, check: Check) -> Self {
        let [first, second, third] = self.checks;
        self.checks = match (first, second, third) {
            (Check::Nothing, ..) => [check, second, third],
            (_, Check::Nothing, _) => [first, check, third],
            (_, _, Check::Nothing) => [first, second, check],
            _ => panic!("a part has three checks at most"),
        };
        self
    }

    pub(super) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

impl Need {
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    pub(super) const fn new(alternatives: &[&str]) -> Self {
        let mut need = [[Pattern::NONE; 3]; 10];
        let mut alternative = 0;
        let mut rest = alternatives;
        while let [text, tail @ ..] = rest {
            let (mut bytes, mut end, mut part) = (text.as_bytes(), 0, 0);
            while end < bytes.len() {
                if bytes[end] == b'+' {
                    let (head, others) = bytes.split_at(end);
                    need[alternative][part] = Pattern::from_bytes(head);
                    bytes = others.split_at(1).1;
                    (end, part) = (0, part + 1);
                } else {
                    end += 1;
                }
            }
            need[alternative][part] = Pattern::from_bytes(bytes);
            alternative += 1;
            rest = tail;
        }
        Self(need)
    }

    /// The alternatives, each a list of patterns that must all be met.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = Pattern>> {
        let given = |pattern: &Pattern| *pattern != Pattern::NONE;
        self.0
            .iter()
            .filter(move |all| all.iter().any(given))
            .map(move |all| all.iter().copied().filter(given))
    }

    /// Whether one alternative is met, `present` telling which patterns are.
    pub(crate) fn is_met(&self, mut present: impl FnMut(Pattern) -> bool) -> bool {
        for all in &self.0 {
            if all.first() == Some(&Pattern::NONE) {
                return false;
            }
            if all
                .iter()
                .all(|pattern| *pattern == Pattern::NONE || present(*pattern))
            {
                return true;
            }
        }
        false
    }
}

impl Pattern {
    /// Matches no identifier.
    const NONE: Self = Self { value: 0, mask: 0 };

    pub(super) const fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    const fn from_bytes(text: &[u8]) -> Self {
        let (mut value, mut mask, mut place) = (0, 0, 0);
        while place < 4 {
            let byte = if place < text.len() { text[place] } else { 0 };
            let wildcard = byte == b'n';
            value = value << 8 | if wildcard { 0 } else { byte as u32 };
            mask = mask << 8 | if wildcard { 0 } else { 0xFF };
            place += 1;
        }
        Self { value, mask }
    }

    /// Whether `ai` is meant.
    pub(crate) fn matches(self, ai: Ai) -> bool {
        self != Self::NONE && u32::from_be_bytes(ai.0) & self.mask == self.value
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (byte, mask) in self
            .value
            .to_be_bytes()
            .into_iter()
            .zip(self.mask.to_be_bytes())
        {
            match (byte, mask) {
                (_, 0) => f.write_str("n")?,
                (0, _) => {}
                (digit, _) => write!(f, "{}", char::from(digit))?,
            }
        }
        Ok(())
    }
}
