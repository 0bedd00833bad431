//! From a tag URI to bits (TDS 1.13 section 14.3).

use super::{
    Epc, EpcError, Scheme,
    bits::BitWriter,
    scheme::{FILTER, PARTITION, Tail},
    serial::{Serial, SerialText},
};
use crate::{charset::unescape_urn, digits};

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
    /// Parses an EPC Tag URI (TDS section 12).
    ///
    /// # Errors
    /// [`EpcError`] names the field that is wrong.
    pub fn from_tag_uri(uri: &str) -> Result<Self, EpcError> {
        let (name, fields) = uri
            .strip_prefix("urn:epc:tag:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(EpcError::Uri)?;
        let scheme = Scheme::of_name(name).ok_or(EpcError::Uri)?;
        // A serial may contain dots, so the last field takes what is left.
        let mut fields = fields.splitn(4, '.');
        let mut field = || fields.next().ok_or(EpcError::UriFields(scheme));
        let filter = match field()?.as_bytes() {
            [digit @ b'0'..=b'7'] => digit - b'0',
            _ => return Err(EpcError::UriFilter),
        };
        let (partition, company_prefix, reference) = key(scheme, field()?, field()?)?;
        let serial = serial(scheme, fields.next())?;
        Ok(Self {
            scheme,
            filter,
            partition,
            company_prefix,
            reference,
            serial,
        })
    }

    /// The bits of this EPC.
    pub fn to_binary(&self) -> EpcBinary {
        let (spec, row) = (self.scheme.spec(), self.row());
        let mut bits = BitWriter::default();
        bits.push(spec.header.into(), 8);
        bits.push(self.filter.into(), FILTER.1);
        bits.push(self.partition.into(), PARTITION.1);
        bits.push(self.company_prefix, row.prefix_bits);
        bits.push(self.reference, row.reference_bits);
        match (spec.tail, &self.serial) {
            (Tail::Integer(width), Serial::Number(number)) => bits.push(*number, width),
            (Tail::Text(length), Serial::Text(text)) => {
                let characters = text.bytes();
                characters
                    .iter()
                    .for_each(|&character| bits.push(character.into(), 7));
                bits.push(0, (length - characters.len()) * 7);
            }
            (Tail::Integer(width) | Tail::Reserved(width), _) => bits.push(0, width),
            (Tail::Text(length), _) => bits.push(0, length * 7),
        }
        let (bytes, bit_len) = bits.into_words();
        EpcBinary { bytes, bit_len }
    }
}

/// The partition value that fits the number of digits, and the two numbers.
fn key(scheme: Scheme, prefix: &str, reference: &str) -> Result<(u8, u64, u64), EpcError> {
    let needs = scheme.spec().key_digits();
    let partition = (0..7).find(|&value| {
        let row = scheme.spec().partition(value).unwrap_or_default();
        usize::from(row.prefix_digits) == prefix.len()
            && usize::from(row.reference_digits) == reference.len()
    });
    let numbers = digits::parse(prefix.as_bytes()).zip(digits::parse(reference.as_bytes()));
    match (partition, numbers) {
        (Some(partition), Some((prefix, reference))) => Ok((partition, prefix, reference)),
        _ => Err(EpcError::UriKey { needs }),
    }
}

fn serial(scheme: Scheme, field: Option<&str>) -> Result<Serial, EpcError> {
    match (scheme.spec().tail, field) {
        (Tail::Reserved(_), None) => Ok(Serial::None),
        (Tail::Integer(width), Some(field)) => {
            let canonical = field == "0" || !field.starts_with('0');
            let number =
                digits::parse(field.as_bytes()).filter(|number| canonical && number >> width == 0);
            number
                .map(Serial::Number)
                .ok_or(EpcError::UriSerial(scheme))
        }
        (Tail::Text(length), Some(field)) => {
            let text =
                unescape_urn(field).filter(|text| text.len() <= length && !text.contains(&0));
            SerialText::new(text.ok_or(EpcError::UriSerial(scheme))?).map(Serial::Text)
        }
        _ => Err(EpcError::UriFields(scheme)),
    }
}
