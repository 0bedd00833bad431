//! From bytes to elements. What is refused allocates nothing.

use super::{Element, ElementError, GS, UnknownElement};
use crate::{Ai, ai::AiSpec, charset::text_of};

/// What to do with an identifier that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    Keep,
}

/// The elements of one element string, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) elements: Vec<Element>,
    /// Empty unless they are to be kept.
    pub(crate) unknown: Vec<UnknownElement>,
}

/// An element that borrows its value from the data, with the position of its value there.
#[derive(Clone, Copy)]
struct RawElement<'a> {
    ai: Ai,
    /// None for an unknown identifier.
    spec: Option<&'static AiSpec>,
    value: &'a [u8],
    position: usize,
}

/// Elements that a scan has without asking for memory; more than a symbol of usual size can hold.
const AT_HAND: usize = 16;

/// What was found so far, on the stack as long as it fits.
struct Found<'a> {
    first: [Option<RawElement<'a>>; AT_HAND],
    count: usize,
    further: Vec<RawElement<'a>>,
}

impl<'a> Found<'a> {
    fn push(&mut self, raw: RawElement<'a>) {
        match self.first.get_mut(self.count) {
            Some(place) => *place = Some(raw),
            None => self.further.push(raw),
        }
        self.count += 1;
    }

    fn iter(&self) -> impl Iterator<Item = &RawElement<'a>> {
        let at_hand = self.first.get(..self.count).unwrap_or(&self.first);
        at_hand.iter().flatten().chain(&self.further)
    }
}

/// Walks an element string.
struct Elements<'a> {
    rest: &'a [u8],
    position: usize,
    unknown: Unknown,
}

impl<'a> Elements<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        self.position += taken.len();
        taken
    }

    fn element(&mut self) -> Result<RawElement<'a>, ElementError> {
        let start = self.position;
        let no_ai = ElementError::NoAi { position: start };
        let ai = Ai::at_start_of(self.rest).ok_or(no_ai)?;
        let spec = ai.spec();
        if spec.is_none() && self.unknown == Unknown::Refuse {
            let position = start;
            return Err(ElementError::UnknownAi { ai, position });
        }
        self.take(ai.len());
        let position = self.position;
        let longest = match spec {
            Some(spec) if spec.predefined => spec.max_length().min(self.rest.len()),
            _ => self.to_separator(self.rest.len()),
        };
        let value = self.rest.get(..longest).unwrap_or_default();
        let checked = match spec {
            Some(spec) => spec.check(value).map_err(|fault| {
                // A value of predefined length that a separator cuts short: that is the fault.
                let cut = value.get(..self.to_separator(longest)).unwrap_or(value);
                spec.check(cut).err().unwrap_or(fault)
            }),
            None if value.is_empty() => Err(super::Fault::Empty),
            None => Ok(()),
        };
        checked.map_err(|fault| ElementError::value(ai, position, fault))?;
        self.take(longest);
        if self.rest.first() == Some(&GS) {
            self.take(1);
        }
        Ok(RawElement {
            ai,
            spec,
            value,
            position,
        })
    }

    /// How many of the next `longest` bytes come before a separator. Values of predefined length end
    /// by counting; no character set has a separator, so none of them holds one.
    fn to_separator(&self, longest: usize) -> usize {
        let within = self.rest.get(..longest).unwrap_or_default();
        within
            .iter()
            .position(|&byte| byte == GS)
            .unwrap_or(longest)
    }
}

/// Parses a whole element string (GenSpecs 7.8): the elements in their order, repetitions kept.
///
/// One FNC1 (GS) may lead, as the symbol itself has it; one may follow each value, and trail. An
/// application identifier may repeat with the same value.
///
/// # Errors
/// The first fault, with the application identifier and the byte; nothing partial is returned.
pub fn parse_element_string(data: impl AsRef<[u8]>) -> Result<Vec<Element>, ElementError> {
    let data = data.as_ref();
    let (data, position) = match data.strip_prefix(&[GS]) {
        Some(rest) => (rest, 1),
        None => (data, 0),
    };
    parse_after_fnc1(data, position, Unknown::Refuse).map(|parsed| parsed.elements)
}

/// Parses what follows the FNC1 in first position: a GS here would be an empty element.
///
/// `position` is where `data` starts in what the caller was given.
pub(crate) fn parse_after_fnc1(
    data: &[u8],
    position: usize,
    unknown: Unknown,
) -> Result<Parsed, ElementError> {
    let mut rest = Elements {
        rest: data,
        position,
        unknown,
    };
    let mut found = Found {
        first: [None; AT_HAND],
        count: 0,
        further: Vec::new(),
    };
    while !rest.rest.is_empty() {
        let raw = rest.element()?;
        if let Some(position) = contradiction(&found, &raw) {
            return Err(ElementError::Conflict {
                ai: raw.ai,
                position,
            });
        }
        found.push(raw);
    }
    if found.count == 0 {
        return Err(ElementError::Empty);
    }
    let mut parsed = Parsed {
        elements: Vec::with_capacity(found.count),
        unknown: Vec::new(),
    };
    for raw in found.iter() {
        let value = || text_of(raw.value);
        if raw.spec.is_some() {
            parsed.elements.push(Element {
                ai: raw.ai,
                value: value(),
            });
        } else {
            parsed.unknown.push(UnknownElement {
                ai: raw.ai,
                value: value(),
                position: raw.position - raw.ai.len(),
            });
        }
    }
    Ok(parsed)
}

/// The position of `raw` if its identifier was there before with another value.
fn contradiction(found: &Found<'_>, raw: &RawElement<'_>) -> Option<usize> {
    found
        .iter()
        .any(|earlier| earlier.ai == raw.ai && earlier.value != raw.value)
        .then_some(raw.position)
}
