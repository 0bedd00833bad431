//! From a tag URI or from elements to bits (TDS 1.13 section 14.3).

use super::{
    Epc, EpcError, Repr, Scheme,
    bits::BitWriter,
    decode::{cage, check_adi_serial, is_part_character, is_set_39, is_set_82, pieces},
    error::Field,
    fields::Fields,
    plus,
    scheme::{Company, Layout, PartitionRow, Reference, Tail},
    value::{Text, Value},
};
use crate::{
    charset::unescape_urn,
    digits::{self, power_of_ten},
};

/// The bits of an EPC as they stand in tag memory from bit 20h on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EpcBinary {
    /// Whole 16-bit words, zero-padded.
    pub bytes: Vec<u8>,
    /// The bits of the EPC, without the padding.
    pub bit_len: usize,
}

/// Encodes an EPC Tag URI, such as `urn:epc:tag:sgtin-96:3.0614141.812345.6789`.
///
/// # Errors
/// [`EpcError`] names the field that is wrong.
pub fn encode_tag_uri(uri: &str) -> Result<EpcBinary, EpcError> {
    Epc::from_tag_uri(uri).map(|epc| epc.to_binary())
}

impl Epc {
    /// Parses an EPC Tag URI (TDS section 12) of a TDS 1.x scheme.
    ///
    /// # Errors
    /// [`EpcError`] names the field that is wrong.
    pub fn from_tag_uri(uri: &str) -> Result<Self, EpcError> {
        let (name, fields) = uri
            .strip_prefix("urn:epc:tag:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(EpcError::Uri)?;
        let scheme = Scheme::of_name(name).ok_or(EpcError::Uri)?;
        let fields = UriFields { scheme, fields };
        match &scheme.spec().layout {
            Layout::Company(company) => fields.company(company),
            Layout::Gid => fields.gid(),
            Layout::Usdod => fields.usdod(),
            Layout::Adi => fields.adi(),
            Layout::Plus(_) => Err(EpcError::Uri),
        }
        .map(Self::of_fields)
    }

    /// The bits of this EPC. A scheme of TDS 2.0 gets the shortest encoding of every value, which
    /// need not be the one that was decoded.
    pub fn to_binary(&self) -> EpcBinary {
        let mut bits = BitWriter::default();
        match &self.0 {
            Repr::Fields(fields) => write(&mut bits, fields),
            Repr::Plus(plus) => plus::write(&mut bits, plus),
        }
        let (bytes, bit_len) = bits.into_words();
        EpcBinary { bytes, bit_len }
    }
}

fn write(bits: &mut BitWriter, fields: &Fields) {
    let spec = fields.scheme.spec();
    bits.push(spec.header.into(), 8);
    match &spec.layout {
        Layout::Company(company) => write_company(bits, company, fields),
        Layout::Gid => {
            for (value, width) in [
                (fields.owner, 28),
                (fields.reference, 24),
                (fields.serial, 36),
            ] {
                bits.push(value.number(), width);
            }
        }
        Layout::Usdod => {
            bits.push(fields.filter.into(), 4);
            push_cage(bits, fields.owner, 8);
            bits.push(fields.reference.number(), 36);
        }
        Layout::Adi => {
            bits.push(fields.filter.into(), 6);
            push_cage(bits, fields.owner, 6);
            push_six_bit(bits, fields.reference);
            push_six_bit(bits, fields.serial);
        }
        // Never held as fields.
        Layout::Plus(_) => {}
    }
}

fn write_company(bits: &mut BitWriter, company: &Company, fields: &Fields) {
    let row = company.partition(fields.partition).unwrap_or_default();
    bits.push(fields.filter.into(), 3);
    bits.push(fields.partition.into(), 3);
    bits.push(fields.owner.number(), row.prefix_bits);
    match company.reference {
        Reference::Padded | Reference::Integer => {
            bits.push(fields.reference.number(), row.reference_bits);
        }
        Reference::Text => push_text(bits, fields.reference, row.reference_bits),
        Reference::SixBit => push_six_bit(bits, fields.reference),
    }
    if let Some((piece, total)) = fields.pieces {
        bits.push(piece.into(), 7);
        bits.push(total.into(), 7);
    }
    match company.tail {
        Tail::End => {}
        Tail::Integer { bits: width, .. } => bits.push(fields.serial.number(), width),
        Tail::NumericString { bits: width, .. } => {
            let Value::Digits {
                value,
                width: digits,
            } = fields.serial
            else {
                return;
            };
            bits.push(power_of_ten(digits) + value, width);
        }
        Tail::Text(length) => push_text(bits, fields.serial, usize::from(length) * 7),
        Tail::Reserved(width) => bits.push(0, width),
    }
}

/// 7-bit characters, zero-padded to `width` bits.
fn push_text(bits: &mut BitWriter, value: Value, width: usize) {
    let text = value.text();
    text.iter()
        .for_each(|&character| bits.push(character.into(), 7));
    bits.push(0, width.saturating_sub(text.len() * 7));
}

/// 6-bit characters and a zero.
fn push_six_bit(bits: &mut BitWriter, value: Value) {
    let text = value.text();
    text.iter()
        .for_each(|&character| bits.push(character.into(), 6));
    bits.push(0, 6);
}

/// Six characters; a code of five is preceded by a space.
fn push_cage(bits: &mut BitWriter, value: Value, width: usize) {
    let code = value.text();
    if code.len() < 6 {
        bits.push(u64::from(b' '), width);
    }
    code.iter()
        .for_each(|&character| bits.push(character.into(), width));
}

/// The fields of a tag URI, from the filter value on.
pub(super) struct UriFields<'a> {
    pub(super) scheme: Scheme,
    pub(super) fields: &'a str,
}

impl<'a> UriFields<'a> {
    /// Exactly `N` fields; the last takes what is left, since a serial may contain dots.
    fn split<const N: usize>(&self) -> Result<[&'a str; N], EpcError> {
        let mut fields = self.fields.splitn(N, '.');
        let mut split = [""; N];
        for place in &mut split {
            *place = fields.next().ok_or(EpcError::UriFields(self.scheme))?;
        }
        Ok(split)
    }

    pub(super) fn filter(&self, field: &str) -> Result<u8, EpcError> {
        let max = self.scheme.filter_max().unwrap_or(0);
        canonical_number(field)
            .and_then(|filter| u8::try_from(filter).ok())
            .filter(|filter| *filter <= max)
            .ok_or(EpcError::UriFilter { max })
    }

    /// A number without leading zeros that fits `width` bits.
    pub(super) fn integer(
        &self,
        field: Field,
        text: &str,
        width: usize,
    ) -> Result<Value, EpcError> {
        canonical_number(text)
            .filter(|number| width >= 64 || number >> width == 0)
            .map(Value::Number)
            .ok_or(self.unfit(field))
    }

    fn text(
        &self,
        field: Field,
        text: &str,
        max: u8,
        allowed: fn(u8) -> bool,
    ) -> Result<Value, EpcError> {
        let characters = unescape_urn(text).ok_or(self.unfit(field))?;
        Text::new(&characters, max, allowed, field).map(Value::Text)
    }

    fn unfit(&self, field: Field) -> EpcError {
        EpcError::UriField {
            scheme: self.scheme,
            field,
        }
    }

    fn company(&self, company: &Company) -> Result<Fields, EpcError> {
        let has_serial = !matches!(company.tail, Tail::End | Tail::Reserved(_));
        let mut pieces_of = None;
        let (filter, prefix, reference, serial) = match (company.pieces, has_serial) {
            (true, _) => {
                let [filter, prefix, reference, piece, total, serial] = self.split()?;
                pieces_of = Some((piece, total));
                (filter, prefix, reference, Some(serial))
            }
            (false, true) => {
                let [filter, prefix, reference, serial] = self.split()?;
                (filter, prefix, reference, Some(serial))
            }
            (false, false) => {
                let [filter, prefix, reference] = self.split()?;
                (filter, prefix, reference, None)
            }
        };
        let filter = self.filter(filter)?;
        let (partition, owner, reference) = self.key(company, prefix, reference)?;
        let pieces = match pieces_of {
            Some((piece, total)) => Some(pieces(self.piece(piece)?, self.piece(total)?)?),
            None => None,
        };
        let serial = match serial {
            Some(serial) => self.serial(company.tail, serial)?,
            None => Value::None,
        };
        Ok(Fields {
            scheme: self.scheme,
            filter,
            partition,
            owner,
            reference,
            pieces,
            serial,
        })
    }

    /// Partition value, company prefix and reference.
    fn key(
        &self,
        company: &Company,
        prefix: &str,
        reference: &str,
    ) -> Result<(u8, Value, Value), EpcError> {
        let wrong = EpcError::UriKey {
            needs: company.key_digits(),
        };
        let (partition, row) = (0..7)
            .filter_map(|value| Some((value, company.partition(value)?)))
            .find(|(_, row)| usize::from(row.prefix_digits) == prefix.len())
            .ok_or(wrong)?;
        let owner = Value::Digits {
            value: digits::parse(prefix.as_bytes()).ok_or(wrong)?,
            width: row.prefix_digits,
        };
        Ok((partition, owner, self.reference(company, row, reference)?))
    }

    pub(super) fn reference(
        &self,
        company: &Company,
        row: PartitionRow,
        text: &str,
    ) -> Result<Value, EpcError> {
        let digits = row.reference_digits;
        let field = Field::Reference;
        match company.reference {
            Reference::Padded => {
                let wrong = EpcError::UriKey {
                    needs: company.key_digits(),
                };
                if text.len() != usize::from(digits) {
                    return Err(wrong);
                }
                let value = match text {
                    "" => 0,
                    text => digits::parse(text.as_bytes()).ok_or(wrong)?,
                };
                Ok(Value::Digits {
                    value,
                    width: digits,
                })
            }
            Reference::Integer if text.len() > usize::from(digits) => Err(self.unfit(field)),
            Reference::Integer => self.integer(field, text, row.reference_bits),
            Reference::Text => self.text(field, text, digits, is_set_82),
            Reference::SixBit => self.text(field, text, digits, is_set_39),
        }
    }

    /// Two digits.
    pub(super) fn piece(&self, text: &str) -> Result<u8, EpcError> {
        digits::parse(text.as_bytes())
            .filter(|_| text.len() == 2)
            .and_then(|piece| u8::try_from(piece).ok())
            .ok_or(self.unfit(Field::Piece))
    }

    pub(super) fn serial(&self, tail: Tail, text: &str) -> Result<Value, EpcError> {
        let field = Field::Serial;
        match tail {
            Tail::Integer { digits, .. } if text.len() > usize::from(digits) => {
                Err(self.unfit(field))
            }
            Tail::Integer { bits, .. } => self.integer(field, text, bits),
            Tail::NumericString { digits, .. } => {
                let width = u8::try_from(text.len())
                    .ok()
                    .filter(|width| (1..=digits).contains(width));
                width
                    .zip(digits::parse(text.as_bytes()))
                    .map(|(width, value)| Value::Digits { value, width })
                    .ok_or(self.unfit(field))
            }
            Tail::Text(length) => self.text(field, text, length, is_set_82),
            Tail::End | Tail::Reserved(_) => Err(EpcError::UriFields(self.scheme)),
        }
    }

    fn gid(&self) -> Result<Fields, EpcError> {
        let [manager, class, serial] = self.split()?;
        Ok(Fields {
            scheme: self.scheme,
            filter: 0,
            partition: 0,
            owner: self.integer(Field::Manager, manager, 28)?,
            reference: self.integer(Field::ObjectClass, class, 24)?,
            pieces: None,
            serial: self.integer(Field::Serial, serial, 36)?,
        })
    }

    fn usdod(&self) -> Result<Fields, EpcError> {
        let [filter, code, serial] = self.split()?;
        Ok(Fields {
            scheme: self.scheme,
            filter: self.filter(filter)?,
            partition: 0,
            owner: cage(code.as_bytes())?,
            reference: self.integer(Field::Serial, serial, 36)?,
            pieces: None,
            serial: Value::None,
        })
    }

    fn adi(&self) -> Result<Fields, EpcError> {
        let [filter, code, part, serial] = self.split()?;
        Ok(Fields {
            scheme: self.scheme,
            filter: self.filter(filter)?,
            partition: 0,
            owner: cage(code.as_bytes())?,
            reference: self.adi_text(Field::PartNumber, part)?,
            pieces: None,
            serial: self.adi_text(Field::Serial, serial)?,
        })
    }

    /// Part number, which may be missing, or serial number of an ADI.
    pub(super) fn adi_text(&self, field: Field, text: &str) -> Result<Value, EpcError> {
        match (field, text) {
            (Field::PartNumber, "") => Ok(Value::Digits { value: 0, width: 0 }),
            (Field::PartNumber, text) => self.text(field, text, 32, is_part_character),
            (_, text) => {
                let serial = self.text(field, text, 30, is_set_39)?;
                check_adi_serial(&serial)?;
                Ok(serial)
            }
        }
    }
}

/// Digits without leading zeros.
pub(super) fn canonical_number(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    digits::parse(text.as_bytes()).filter(|_| canonical)
}
