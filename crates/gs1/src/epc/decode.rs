//! From bits to an EPC (TDS 1.13 section 14.4).

use super::{
    Epc, EpcError, Scheme,
    bits::{BitReader, Bits},
    error::Field,
    fields::Fields,
    plus,
    scheme::{Company, Layout, PartitionRow, Reference, Tail},
    value::{TEXT_MAX, Text, Value},
};
use crate::{charset::Charset, digits::power_of_ten};

/// Decodes the first `bit_len` bits of `bytes`, the EPC as a reader reports it.
///
/// More bits than a scheme of fixed length has are word padding of tag memory and are cut off,
/// whatever they hold (TDS 14.4 step 3); behind an EPC of variable length they must be zero. What
/// is refused allocates nothing.
///
/// # Errors
/// Any check of TDS 14.4 that fails; the memory is then [`raw_uri`](super::raw_uri) and nothing
/// else. Never panics, whatever `bit_len` says.
pub fn decode(bytes: &[u8], bit_len: usize) -> Result<Epc, EpcError> {
    if bit_len == 0 {
        return Err(EpcError::Empty);
    }
    let available = bytes.len().saturating_mul(8);
    let missing = EpcError::Missing { bit_len, available };
    let bits = Bits::new(bytes, bit_len).ok_or(missing)?;
    // A header that is cut itself names no scheme; show what there is of it.
    let header = bits.small(0, bit_len.min(8)).ok_or(missing)?;
    if bit_len < 8 {
        return Err(EpcError::Header(header << (8 - bit_len)));
    }
    let scheme = Scheme::of_header(header).ok_or(EpcError::Header(header))?;
    if let Some(needs) = scheme.bits().filter(|&needs| bit_len < needs) {
        return Err(EpcError::TooShort {
            scheme,
            needs,
            has: bit_len,
        });
    }
    let mut walk = Walk {
        scheme,
        reader: BitReader::new(bits),
        has: bit_len,
    };
    walk.uint(8)?;
    let fields = match &scheme.spec().layout {
        Layout::Company(company) => walk.company(company)?,
        Layout::Gid => walk.gid()?,
        Layout::Usdod => walk.usdod()?,
        Layout::Adi => walk.adi()?,
        Layout::Plus(layout) => return plus::decode(scheme, layout, walk.reader),
    };
    if scheme.bits().is_none() && !walk.reader.only_zeros_left() {
        return Err(EpcError::AfterEnd);
    }
    Ok(Epc::of_fields(fields))
}

/// Takes the fields of one scheme, in order.
struct Walk<'a> {
    scheme: Scheme,
    reader: BitReader<'a>,
    has: usize,
}

impl Walk<'_> {
    fn company(&mut self, company: &Company) -> Result<Fields, EpcError> {
        let filter = self.small(3)?;
        let partition = self.small(3)?;
        let row = company
            .partition(partition)
            .ok_or(EpcError::Partition(partition))?;
        let prefix = self.uint(row.prefix_bits)?;
        if prefix >= power_of_ten(row.prefix_digits) {
            return Err(EpcError::CompanyPrefix {
                digits: row.prefix_digits,
            });
        }
        let reference = self.reference(company, row)?;
        let pieces = if company.pieces {
            Some(pieces(self.small(7)?, self.small(7)?)?)
        } else {
            None
        };
        let serial = self.tail(company.tail)?;
        Ok(Fields {
            scheme: self.scheme,
            filter,
            partition,
            owner: Value::Digits {
                value: prefix,
                width: row.prefix_digits,
            },
            reference,
            pieces,
            serial,
        })
    }

    fn reference(&mut self, company: &Company, row: PartitionRow) -> Result<Value, EpcError> {
        let digits = row.reference_digits;
        match company.reference {
            Reference::Padded | Reference::Integer => {
                let value = self.uint(row.reference_bits)?;
                if value >= power_of_ten(digits) {
                    return Err(EpcError::Reference { digits });
                }
                Ok(match company.reference {
                    Reference::Padded => Value::Digits {
                        value,
                        width: digits,
                    },
                    _ => Value::Number(value),
                })
            }
            Reference::Text => self.text(row.reference_bits, digits, Field::Reference),
            Reference::SixBit => self.six_bit(digits, is_set_39, Field::Reference),
        }
    }

    fn tail(&mut self, tail: Tail) -> Result<Value, EpcError> {
        match tail {
            Tail::End => Ok(Value::None),
            Tail::Integer { bits, digits } => {
                let value = self.uint(bits)?;
                if value >= power_of_ten(digits) {
                    return Err(EpcError::SerialDigits { digits });
                }
                Ok(Value::Number(value))
            }
            Tail::NumericString { bits, digits } => numeric_string(self.uint(bits)?, digits),
            Tail::Text(length) => self.text(usize::from(length) * 7, length, Field::Serial),
            Tail::Reserved(bits) if self.uint(bits)? == 0 => Ok(Value::None),
            Tail::Reserved(_) => Err(EpcError::Reserved),
        }
    }

    fn gid(&mut self) -> Result<Fields, EpcError> {
        Ok(Fields {
            scheme: self.scheme,
            filter: 0,
            partition: 0,
            owner: Value::Number(self.uint(28)?),
            reference: Value::Number(self.uint(24)?),
            pieces: None,
            serial: Value::Number(self.uint(36)?),
        })
    }

    fn usdod(&mut self) -> Result<Fields, EpcError> {
        let filter = self.small(4)?;
        let code = self.uint(48)?.to_be_bytes();
        // Six characters; a code of five is preceded by a space.
        let code = code.get(2..).unwrap_or_default();
        let owner = cage(code.strip_prefix(b" ").unwrap_or(code))?;
        Ok(Fields {
            scheme: self.scheme,
            filter,
            partition: 0,
            owner,
            reference: Value::Number(self.uint(36)?),
            pieces: None,
            serial: Value::None,
        })
    }

    fn adi(&mut self) -> Result<Fields, EpcError> {
        let filter = self.small(6)?;
        let mut code = [0; 6];
        for place in &mut code {
            *place = ascii_of_six_bits(self.small(6)?);
        }
        // A code of five characters is preceded by 100000, a space.
        let owner = cage(code.strip_prefix(b" ").unwrap_or(&code))?;
        let reference = match self.six_bit(32, is_part_character, Field::PartNumber) {
            Err(EpcError::EmptyText(_)) => Value::Digits { value: 0, width: 0 },
            other => other?,
        };
        let serial = self.six_bit(30, is_set_39, Field::Serial)?;
        check_adi_serial(&serial)?;
        Ok(Fields {
            scheme: self.scheme,
            filter,
            partition: 0,
            owner,
            reference,
            pieces: None,
            serial,
        })
    }

    /// `width` bits of 7-bit characters of set 82: at most `max`, then zero bits (TDS 14.4.2).
    fn text(&mut self, width: usize, max: u8, field: Field) -> Result<Value, EpcError> {
        let mut text = [0; TEXT_MAX];
        let mut length = 0;
        let mut rest = width;
        while rest >= 7 {
            let character = self.small(7)?;
            rest -= 7;
            if character == 0 {
                break;
            }
            // Beyond the most characters there can only be padding, which is checked below.
            let place = text.get_mut(length).filter(|_| length < usize::from(max));
            *place.ok_or(EpcError::LongText { field, max })? = character;
            length += 1;
        }
        while rest > 0 {
            let chunk = rest.min(64);
            if self.uint(chunk)? != 0 {
                return Err(EpcError::AfterText(field));
            }
            rest -= chunk;
        }
        let characters = text.get(..length).unwrap_or_default();
        Text::new(characters, max, is_set_82, field).map(Value::Text)
    }

    /// 6-bit characters up to a zero (TDS 14.4.4).
    fn six_bit(
        &mut self,
        max: u8,
        allowed: fn(u8) -> bool,
        field: Field,
    ) -> Result<Value, EpcError> {
        let mut text = [0; TEXT_MAX];
        let mut length = 0;
        loop {
            let code = self.small(6)?;
            if code == 0 {
                break;
            }
            let place = text.get_mut(length).filter(|_| length < usize::from(max));
            *place.ok_or(EpcError::LongText { field, max })? = ascii_of_six_bits(code);
            length += 1;
        }
        let characters = text.get(..length).unwrap_or_default();
        Text::new(characters, max, allowed, field).map(Value::Text)
    }

    fn uint(&mut self, width: usize) -> Result<u64, EpcError> {
        self.reader
            .uint(width)
            .map_err(EpcError::end(self.scheme, self.has))
    }

    fn small(&mut self, width: usize) -> Result<u8, EpcError> {
        self.reader
            .small(width)
            .map_err(EpcError::end(self.scheme, self.has))
    }
}

/// Piece and total, both 01 to 99.
pub(super) fn pieces(piece: u8, total: u8) -> Result<(u8, u8), EpcError> {
    if piece == 0 || piece > total || total > 99 {
        return Err(EpcError::Piece { piece, total });
    }
    Ok((piece, total))
}

/// The digits behind the leading 1 of `number` (TDS 14.4.5).
fn numeric_string(number: u64, digits: u8) -> Result<Value, EpcError> {
    let width = number.checked_ilog10().unwrap_or(0);
    let width = u8::try_from(width).map_err(|_| EpcError::NumericString)?;
    let one = power_of_ten(width);
    if width == 0 || number / one != 1 {
        return Err(EpcError::NumericString);
    }
    if width > digits {
        return Err(EpcError::SerialDigits { digits });
    }
    Ok(Value::Digits {
        value: number - one,
        width,
    })
}

/// A CAGE code (5 characters) or DoDAAC (6).
pub(super) fn cage(code: &[u8]) -> Result<Value, EpcError> {
    let text = Text::new(code, 6, is_cage_character, Field::Cage)?;
    if code.len() < 5 {
        return Err(EpcError::EmptyText(Field::Cage));
    }
    Ok(Value::Text(text))
}

/// `#` may only be the first of several characters (TDS 6.3.10).
pub(super) fn check_adi_serial(serial: &Value) -> Result<(), EpcError> {
    let Value::Text(text) = serial else {
        return Err(EpcError::EmptyText(Field::Serial));
    };
    match text.bytes() {
        b"#" => Err(EpcError::EmptyText(Field::Serial)),
        [_, rest @ ..] if rest.contains(&b'#') => Err(EpcError::Character {
            field: Field::Serial,
            character: b'#',
        }),
        _ => Ok(()),
    }
}

/// The character of a 6-bit code (TDS table G-1): the low six bits of its ASCII code.
pub(crate) fn ascii_of_six_bits(code: u8) -> u8 {
    if code < 0x20 { code | 0x40 } else { code }
}

pub(super) fn is_set_82(byte: u8) -> bool {
    Charset::Set82.contains(byte)
}

pub(super) fn is_set_39(byte: u8) -> bool {
    Charset::Set39.contains(byte)
}

fn is_cage_character(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'H' | b'J'..=b'N' | b'P'..=b'Z')
}

pub(super) fn is_part_character(byte: u8) -> bool {
    is_set_39(byte) && byte != b'#'
}
