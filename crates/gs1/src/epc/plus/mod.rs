//! The '+' and '++' schemes: a GS1 key with its serial number, element by element, and further
//! elements as AIDC data (TDS 2.3 sections 14.5 and 14.6).

mod alphabet;
mod buffer;
mod host;
mod method;
mod table;
#[cfg(test)]
mod tests;
mod write;

use super::{
    Epc, EpcError, Repr, Scheme,
    bits::{BitReader, BitWriter},
    error::Field,
    scheme::{Layout, Plus},
};
use crate::{Ai, Element, ai::AiSpec, element::Fault, identity::key_uri};

use buffer::Buffer;
use method::Source;

/// An EPC of a '+' or '++' scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PlusEpc {
    pub(super) scheme: Scheme,
    pub(super) filter: u8,
    /// The elements of the scheme, the date of a DSGTIN+, AIDC data.
    pub(super) elements: Vec<Element>,
    pub(super) host: Option<String>,
}

/// The identifiers of the date types 0 to 6 (TDS 2.3 table in 14.5.3).
const DATE_TYPES: [&[u8]; 7] = [b"11", b"13", b"15", b"16", b"17", b"7006", b"7007"];

/// The most elements that fit tag memory: 31 words hold at most 40 of twelve bits.
const ELEMENTS_MAX: usize = 48;

/// Decodes from the filter toggle on. `reader` has passed the header.
pub(super) fn decode(
    scheme: Scheme,
    layout: &Plus,
    reader: BitReader<'_>,
) -> Result<Epc, EpcError> {
    // The first walk checks everything and keeps nothing, so that a refusal allocates nothing.
    let filter = walk(scheme, layout, reader, &mut |_| {})?;
    let mut elements = Vec::with_capacity(4);
    let mut host = String::new();
    walk(scheme, layout, reader, &mut |piece| match piece {
        Piece::Element(ai, value) => {
            let value = String::from_utf8_lossy(value).into_owned();
            elements.push(Element::trusted(ai, value));
        }
        Piece::Host(text) => host.push_str(text),
    })?;
    if layout.dated && elements.len() >= 3 {
        // The date leads on the tag and follows the key everywhere else.
        elements.get_mut(..3).unwrap_or_default().rotate_left(1);
    }
    Ok(Epc(Repr::Plus(Box::new(PlusEpc {
        scheme,
        filter,
        elements,
        host: layout.host.then_some(host),
    }))))
}

/// What a walk finds.
enum Piece<'a> {
    Element(Ai, &'a [u8]),
    /// A part of the host name.
    Host(&'a str),
}

/// Reads and checks everything, gives the pieces to `found` in the order of the tag, and returns
/// the filter value.
fn walk(
    scheme: Scheme,
    layout: &Plus,
    mut reader: BitReader<'_>,
    found: &mut dyn FnMut(Piece<'_>),
) -> Result<u8, EpcError> {
    let end = EpcError::end(scheme, reader.position() + reader.remaining());
    let has_data = reader.small(1).map_err(end)? == 1;
    let filter = reader.small(3).map_err(end)?;
    let mut walk = Elements {
        scheme,
        seen: [None; ELEMENTS_MAX],
        found,
    };
    if layout.dated {
        let date_type = reader.small(4).map_err(end)?;
        let ai = DATE_TYPES
            .get(usize::from(date_type))
            .and_then(|digits| Ai::from_digits(digits))
            .ok_or(EpcError::DateType(date_type))?;
        walk.element(ai, &[method::Method::Date], &mut reader, true)?;
    }
    for &ai in layout.ais {
        let methods = table::methods(ai).unwrap_or_default();
        walk.element(ai, methods, &mut reader, true)?;
    }
    if layout.host {
        let found = &mut walk.found;
        host::read(&mut reader, scheme, &mut |piece| found(Piece::Host(piece)))?;
    }
    while has_data && !reader.only_zeros_left() {
        let bit = reader.position();
        let ai = next_ai(&mut reader).ok_or(EpcError::NoAi { bit })?;
        let methods = table::methods(ai)
            .filter(|_| ai.spec().is_some())
            .ok_or(EpcError::NoAi { bit })?;
        walk.element(ai, methods, &mut reader, false)?;
    }
    if !reader.only_zeros_left() {
        return Err(EpcError::AfterEnd);
    }
    Ok(filter)
}

/// The application identifier that follows, its length taken from its first two digits (TDS 2.3
/// table K).
fn next_ai(reader: &mut BitReader<'_>) -> Option<Ai> {
    // What follows an identifier of two digits is its value; other than a digit it says nothing.
    let mut ahead = *reader;
    let digits = [(); 4].map(|()| match ahead.small(4) {
        Ok(digit @ 0..=9) => b'0' + digit,
        _ => b' ',
    });
    let ai = Ai::at_start_of(&digits)?;
    reader.skip(ai.as_str().len() * 4).ok()?;
    Some(ai)
}

/// Takes elements one after the other.
struct Elements<'f> {
    scheme: Scheme,
    /// The identifiers so far, to refuse the second of a kind.
    seen: [Option<Ai>; ELEMENTS_MAX],
    found: &'f mut dyn FnMut(Piece<'_>),
}

impl Elements<'_> {
    /// An element `of_key` belongs to the EPC itself, so that none of its parts may be empty.
    fn element(
        &mut self,
        ai: Ai,
        methods: &[method::Method],
        reader: &mut BitReader<'_>,
        of_key: bool,
    ) -> Result<(), EpcError> {
        let bit = reader.position();
        let spec = ai.spec().ok_or(EpcError::NoAi { bit })?;
        let mut value = Buffer::new();
        let mut source = Source {
            reader,
            scheme: self.scheme,
            ai,
        };
        for part in methods {
            let length = value.len();
            part.read(&mut source, &mut value)?;
            if of_key && value.len() == length {
                return Err(EpcError::EmptyText(Field::Serial));
            }
        }
        check(spec, ai, value.bytes())?;
        let place = self
            .seen
            .iter_mut()
            .find(|seen| seen.is_none_or(|seen| seen == ai))
            .filter(|seen| seen.is_none());
        *place.ok_or(EpcError::Repeated { ai })? = Some(ai);
        (self.found)(Piece::Element(ai, value.bytes()));
        Ok(())
    }
}

fn check(spec: &AiSpec, ai: Ai, value: &[u8]) -> Result<(), EpcError> {
    spec.check_of_any_carrier(value)
        .map_err(|fault: Fault| EpcError::Value { ai, fault })
}

impl PlusEpc {
    /// The key and its serial number, without date, AIDC data and host name.
    pub(super) fn instance_uri(&self) -> String {
        let Layout::Plus(layout) = &self.scheme.spec().layout else {
            return String::new();
        };
        let own = self.elements.iter().take(layout.ais.len());
        let segments: Vec<(Ai, &str)> =
            own.map(|element| (element.ai(), element.value())).collect();
        key_uri(&segments)
    }
}

/// Builds an EPC and checks, by encoding and decoding it, that tags can carry it.
pub(super) fn from_elements(
    scheme: Scheme,
    layout: &Plus,
    filter: u8,
    elements: &[Element],
    host: Option<&str>,
) -> Result<Epc, EpcError> {
    let wrong = EpcError::Elements { scheme };
    if filter > 7 {
        return Err(EpcError::UriFilter { max: 7 });
    }
    if layout.host != host.is_some() {
        return Err(EpcError::HostName);
    }
    host.map_or(Ok(()), host::check)?;
    let mut left = elements.to_vec();
    let mut ordered = Vec::with_capacity(elements.len());
    for &ai in layout.ais {
        let place = left.iter().position(|element| element.ai() == ai);
        ordered.push(left.remove(place.ok_or(wrong)?));
    }
    if layout.dated {
        let place = left.iter().position(|element| date_type(element).is_some());
        ordered.push(left.remove(place.ok_or(wrong)?));
    }
    ordered.append(&mut left);
    let epc = PlusEpc {
        scheme,
        filter,
        elements: ordered,
        host: host.map(str::to_owned),
    };
    let mut bits = BitWriter::default();
    write(&mut bits, &epc);
    let (bytes, bit_len) = bits.into_words();
    let back = super::decode(&bytes, bit_len)?;
    let epc = Epc(Repr::Plus(Box::new(epc)));
    if back == epc { Ok(epc) } else { Err(wrong) }
}

/// The date type of an element that can lead a DSGTIN+.
fn date_type(element: &Element) -> Option<u64> {
    let ai = element.ai();
    let place = DATE_TYPES
        .iter()
        .position(|digits| Ai::from_digits(digits) == Some(ai))?;
    // A range of dates does not fit.
    (element.value().len() == 6)
        .then(|| u64::try_from(place).ok())
        .flatten()
}

/// Appends the whole EPC. A value that no encoding can hold ends it early: [`from_elements`] finds
/// that by reading it back, and what was decoded can be encoded.
pub(super) fn write(bits: &mut BitWriter, epc: &PlusEpc) {
    let spec = epc.scheme.spec();
    let Layout::Plus(layout) = &spec.layout else {
        return;
    };
    let own = layout.ais.len();
    let dated = usize::from(layout.dated);
    let data = epc.elements.get(own + dated..).unwrap_or_default();
    bits.push(spec.header.into(), 8);
    bits.push((!data.is_empty()).into(), 1);
    bits.push(epc.filter.into(), 3);
    if let Some(date) = epc.elements.get(own).filter(|_| layout.dated) {
        bits.push(date_type(date).unwrap_or(0), 4);
        method::Method::Date.write(bits, date.value().as_bytes());
    }
    let key = epc.elements.get(..own).unwrap_or_default();
    if key
        .iter()
        .try_for_each(|it| write_value(bits, it))
        .is_none()
    {
        return;
    }
    if let Some(host) = &epc.host {
        host::write(bits, host);
    }
    for element in data {
        for digit in element.ai().as_str().bytes() {
            bits.push((digit & 0x0F).into(), 4);
        }
        if write_value(bits, element).is_none() {
            return;
        }
    }
}

fn write_value(bits: &mut BitWriter, element: &Element) -> Option<()> {
    let mut rest = element.value().as_bytes();
    for method in table::methods(element.ai())? {
        rest = method.write(bits, rest)?;
    }
    rest.is_empty().then_some(())
}
