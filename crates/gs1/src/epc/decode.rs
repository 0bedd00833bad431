//! From bits to an EPC (TDS 1.13 section 14.4).

use super::{
    Epc, EpcError, Scheme,
    bits::Bits,
    scheme::{COMPANY_PREFIX_START, FILTER, PARTITION, Tail},
    serial::{Serial, SerialText},
};
use crate::digits::power_of_ten;

/// Decodes the first `bit_len` bits of `bytes`, the EPC as a reader reports it.
///
/// More bits than the scheme has are word padding of tag memory and are cut off, whatever they hold
/// (TDS 14.4 step 3). Nothing is allocated.
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
    let too_short = EpcError::TooShort {
        scheme,
        needs: scheme.bits(),
        has: bit_len,
    };
    if bit_len < scheme.bits() {
        return Err(too_short);
    }
    fields(scheme, bits, too_short)
}

/// Reads the fields of `scheme`. `too_short` cannot occur any more: its bits are there.
fn fields(scheme: Scheme, bits: Bits<'_>, too_short: EpcError) -> Result<Epc, EpcError> {
    debug_assert!(bits.len() >= scheme.bits());
    let spec = scheme.spec();
    let small = |(start, width)| bits.small(start, width).ok_or(too_short);
    let filter = small(FILTER)?;
    let partition = small(PARTITION)?;
    let row = spec
        .partition(partition)
        .ok_or(EpcError::Partition(partition))?;

    let uint = |start, width| bits.uint(start, width).ok_or(too_short);
    let company_prefix = uint(COMPANY_PREFIX_START, row.prefix_bits)?;
    if company_prefix >= power_of_ten(row.prefix_digits) {
        return Err(EpcError::CompanyPrefix {
            digits: row.prefix_digits,
        });
    }
    let reference_start = COMPANY_PREFIX_START + row.prefix_bits;
    let reference = uint(reference_start, row.reference_bits)?;
    if reference >= power_of_ten(row.reference_digits) {
        return Err(EpcError::Reference {
            digits: row.reference_digits,
        });
    }

    let start = reference_start + row.reference_bits;
    let serial = match spec.tail {
        Tail::Integer(width) => Serial::Number(uint(start, width)?),
        Tail::Text(length) => {
            let characters = (0..length).map_while(|place| bits.small(start + place * 7, 7));
            Serial::Text(SerialText::new(characters)?)
        }
        Tail::Reserved(width) if uint(start, width)? == 0 => Serial::None,
        Tail::Reserved(_) => return Err(EpcError::Reserved),
    };
    Ok(Epc {
        scheme,
        filter,
        partition,
        company_prefix,
        reference,
        serial,
    })
}
