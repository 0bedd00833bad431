//! Patterns of tags as what a reader's radio can compare: one run of bits of the tag's memory (EPC Gen2 §6.3.2.12.1.1).
//!
//! The reader picks out at least the tags that match; where it can only compare a part of the pattern, it lets a few
//! others through, and `[tags]` decides about them as about any other.

use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::filter::Pattern;

/// Where the EPC starts in its bank: after CRC and PC.
const EPC_START: u16 = 32;
/// Longest run that Gen2 can compare.
const MOST_BITS: usize = 255;
/// Header, filter value and partition stand before the company prefix (TDS 2.1 §14.6).
const HEADER_BITS: usize = 8;
const FILTER_END: usize = 11;
const PREFIX_START: usize = 14;
/// Bits of a company prefix of 12, 11, … 6 digits.
const PREFIX_BITS: [usize; 7] = [40, 37, 34, 30, 27, 24, 20];
/// Headers of the schemes that have this frame (TDS 2.1 table 14-1).
const HEADERS: &[(&str, u8)] = &[
    ("gdti-174", 0x3e),
    ("gdti-96", 0x2c),
    ("giai-202", 0x38),
    ("giai-96", 0x34),
    ("grai-170", 0x37),
    ("grai-96", 0x33),
    ("gsrn-96", 0x2d),
    ("gsrnp-96", 0x2e),
    ("sgcn-96", 0x3f),
    ("sgln-195", 0x39),
    ("sgln-96", 0x32),
    ("sgtin-198", 0x36),
    ("sgtin-96", 0x30),
    ("sscc-96", 0x31),
];

/// A run of bits of the EPC bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitMask {
    /// First bit of the bank to compare.
    pub bit_pointer: u16,
    /// What it must be, left-aligned.
    pub mask: Vec<u8>,
    /// Bits to compare.
    pub bit_len: u16,
}

/// The run of bits that all tags of a pattern share.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn bit_mask(pattern: &Pattern) -> Result<BitMask, String> {
    match pattern {
        Pattern::Hex { digits, .. } => {
            let bits = digits.bytes().flat_map(|digit| {
                let value = char::from(digit).to_digit(16).unwrap_or(0);
                (0..4).rev().map(move |bit| value >> bit & 1 == 1)
            });
            run(&bits.collect::<Vec<_>>(), 0)
        }
        Pattern::Uri { scheme, fields } => uri(scheme, fields),
    }
}

fn uri(scheme: &str, fields: &[Option<String>]) -> Result<BitMask, String> {
    let Some((_, header)) = HEADERS.iter().find(|(name, _)| *name == scheme) else {
        return Err(format!("{scheme} has no fixed bits to compare"));
    };
    let given = fields.iter().rposition(Option::is_some);
    let mut bits = number((*header).into(), HEADER_BITS);
    let (filter, rest) = fields.split_first().unwrap_or((&None, &[]));
    let Some(last) = given else {
        return run(&bits, 0);
    };
    let filter_value = match filter.as_deref().map(str::parse::<u64>) {
        None => 0,
        Some(Ok(value @ 0..=7)) => value,
        Some(_) => return Err("the filter value is not 0 to 7".to_owned()),
    };
    bits.extend(number(filter_value, FILTER_END - HEADER_BITS));
    if last == 0 {
        return run(&bits, 0);
    }
    let Some(Some(company)) = rest.first() else {
        return Err(
            "what follows a * cannot be compared: where it stands depends on the company prefix"
                .to_owned(),
        );
    };
    // The filter value is in the way of comparing header and company prefix in one run.
    let start = if filter.is_some() { 0 } else { FILTER_END };
    if last > 1 {
        let whole = exact(scheme, filter_value, rest, last)?;
        return run(whole.get(start..).unwrap_or_default(), start);
    }
    let (partition, width) = partition(company)?;
    bits.extend(number(partition, PREFIX_START - FILTER_END));
    let company = company
        .parse()
        .map_err(|_| "the company prefix is not a number".to_owned())?;
    bits.extend(number(company, width));
    run(bits.get(start..).unwrap_or_default(), start)
}

/// Partition value and bits of a company prefix.
fn partition(company: &str) -> Result<(u64, usize), String> {
    let partition = 12_usize.checked_sub(company.len());
    let width = partition.and_then(|at| PREFIX_BITS.get(at));
    match (partition, width) {
        (Some(partition), Some(width)) => Ok((partition as u64, *width)),
        _ => Err("a company prefix has 6 to 12 digits".to_owned()),
    }
}

/// The bits up to the end of field `last`, which follows the company prefix.
fn exact(
    scheme: &str,
    filter: u64,
    fields: &[Option<String>],
    last: usize,
) -> Result<Vec<bool>, String> {
    let (tail_bits, has_serial) = match scheme {
        "sgtin-96" => (38, true),
        "sgtin-198" => (140, true),
        "sscc-96" => (24, false),
        _ => {
            return Err(format!(
                "of {scheme} no more than filter value and company prefix can be compared"
            ));
        }
    };
    let fields: Option<Vec<&str>> = fields
        .get(..last)
        .unwrap_or_default()
        .iter()
        .map(Option::as_deref)
        .collect();
    let Some(fields) = fields else {
        return Err(
            "a * stands between fields that are given, and a reader compares one run of bits"
                .to_owned(),
        );
    };
    let serial = if has_serial && last == 2 { ".0" } else { "" };
    let tag = format!("urn:epc:tag:{scheme}:{filter}.{}{serial}", fields.join("."));
    let encoded = encode_tag_uri(&tag).map_err(|error| error.to_string())?;
    let end = if has_serial && last == 3 {
        encoded.bit_len
    } else {
        encoded.bit_len.saturating_sub(tail_bits)
    };
    let bits = encoded
        .bytes
        .iter()
        .flat_map(|byte| number((*byte).into(), 8));
    Ok(bits.take(end).collect())
}

fn number(value: u64, width: usize) -> Vec<bool> {
    (0..width).rev().map(|bit| value >> bit & 1 == 1).collect()
}

fn run(bits: &[bool], start: usize) -> Result<BitMask, String> {
    if bits.len() > MOST_BITS {
        return Err(format!(
            "it has {} bits, and a reader compares {MOST_BITS} at most",
            bits.len()
        ));
    }
    let byte = |bits: &[bool]| {
        let ones = bits.iter().enumerate().filter(|(_, bit)| **bit);
        ones.fold(0, |byte, (at, _)| byte | 0x80 >> at)
    };
    Ok(BitMask {
        bit_pointer: EPC_START.saturating_add(u16::try_from(start).unwrap_or(u16::MAX)),
        mask: bits.chunks(8).map(byte).collect(),
        bit_len: u16::try_from(bits.len()).unwrap_or(u16::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> Result<(u16, String, u16), String> {
        let mask = bit_mask(&Pattern::parse(text).unwrap())?;
        let hex = mask.mask.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((mask.bit_pointer, hex, mask.bit_len))
    }

    #[test]
    fn what_is_given_without_a_gap_is_compared() {
        for (pattern, pointer, hex, len) in [
            ("hex:34*", 32, "34", 8),
            ("hex:3034f*", 32, "3034f0", 20),
            ("urn:epc:pat:sgtin-96:*.*.*.*", 32, "30", 8),
            ("urn:epc:pat:grai-96:3.*.*.*", 32, "3360", 11),
            // Header 00110000, filter 011, partition 101, prefix 0614141 in 24 bits (TDS 2.1 §14.5.1).
            ("urn:epc:pat:sgtin-96:3.0614141.*.*", 32, "3074257bf4", 38),
            // The same from the partition on: 101 and the 24 bits.
            ("urn:epc:pat:sgtin-96:*.0614141.*.*", 43, "a12bdfa0", 27),
            ("urn:epc:pat:sgln-195:*.0614141.*.*", 43, "a12bdfa0", 27),
            (
                "urn:epc:pat:sgtin-96:3.0614141.812345.6789",
                32,
                "3074257bf7194e4000001a85",
                96,
            ),
            (
                "urn:epc:pat:sgtin-96:3.0614141.812345.*",
                32,
                "3074257bf7194e40",
                58,
            ),
        ] {
            assert_eq!(mask(pattern), Ok((pointer, hex.into(), len)), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_with_the_reason() {
        for (pattern, reason) in [
            (
                "urn:epc:pat:sgtin-96:*.*.812345.*",
                "depends on the company prefix",
            ),
            ("urn:epc:pat:sgtin-96:*.0614141.*.6789", "one run of bits"),
            ("urn:epc:pat:sgtin-96:*.0614141.12345.*", "digits"),
            ("urn:epc:pat:sgtin-96:9.*.*.*", "0 to 7"),
            ("urn:epc:pat:sgtin-96:*.06141.*.*", "6 to 12 digits"),
            ("urn:epc:pat:grai-96:*.0614141.12345.*", "no more than"),
            ("urn:epc:pat:gid-96:*.*.*", "no fixed bits"),
            (&format!("hex:{}*", "3".repeat(70)), "280 bits"),
        ] {
            let error = mask(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }
}
