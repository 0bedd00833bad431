//! The table of schemes: header, lengths and fields of each (TDS 1.13 section 14).
//!
//! All rows here share one frame: header (8 bits), filter (3), partition (3), company prefix and
//! reference (lengths by partition), then a tail.

use std::fmt;

use crate::Ai;

/// The bits before the company prefix: header, filter, partition.
pub(super) const FILTER: (usize, usize) = (8, 3);
pub(super) const PARTITION: (usize, usize) = (11, 3);
pub(super) const COMPANY_PREFIX_START: usize = 14;

/// An EPC binary coding scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// SGTIN-96: trade item with a numeric serial below 2^38, no leading zeros.
    Sgtin96,
    /// SGTIN-198: trade item with a serial of up to 20 characters.
    Sgtin198,
    /// SSCC-96: logistic unit.
    Sscc96,
}

impl Scheme {
    /// The name in a tag URI, `sgtin-96`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The bits that an encoding has.
    pub fn bits(self) -> usize {
        self.spec().bits
    }

    pub(super) fn spec(self) -> &'static SchemeSpec {
        match self {
            Self::Sgtin96 => &SGTIN_96,
            Self::Sgtin198 => &SGTIN_198,
            Self::Sscc96 => &SSCC_96,
        }
    }

    pub(super) fn of_header(header: u8) -> Option<Self> {
        ALL.into_iter()
            .find(|scheme| scheme.spec().header == header)
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const ALL: [Scheme; 3] = [Scheme::Sgtin96, Scheme::Sgtin198, Scheme::Sscc96];

/// A row of the table.
pub(super) struct SchemeSpec {
    pub(super) name: &'static str,
    /// The name in a pure identity URI.
    pub(super) pure_name: &'static str,
    pub(super) header: u8,
    pub(super) bits: usize,
    partitions: &'static [PartitionRow; 7],
    /// What follows the reference, to the end.
    pub(super) tail: Tail,
    pub(super) key: Key,
}

/// The last field of a scheme.
#[derive(Clone, Copy)]
pub(super) enum Tail {
    /// A serial number, an integer of this many bits.
    Integer(usize),
    /// A serial number of up to this many characters of seven bits, NUL-padded.
    Text(usize),
    /// This many bits, all zero.
    Reserved(usize),
}

/// The GS1 key that a scheme carries, without its check digit: one leading digit, the company
/// prefix, the rest of the reference.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) ai: Ai,
    /// The digits of the key, check digit included.
    pub(super) digits: u8,
}

/// Lengths of company prefix and reference for one partition value.
#[derive(Clone, Copy, Default)]
pub(super) struct PartitionRow {
    pub(super) prefix_bits: usize,
    pub(super) prefix_digits: u8,
    pub(super) reference_bits: usize,
    pub(super) reference_digits: u8,
}

impl SchemeSpec {
    pub(super) fn partition(&self, value: u8) -> Option<PartitionRow> {
        self.partitions.get(usize::from(value)).copied()
    }

    /// The digits of company prefix and reference together: the key without its check digit.
    pub(super) fn key_digits(&self) -> u8 {
        self.key.digits - 1
    }
}

/// The bits that TDS gives to a company prefix of 12, 11, … 6 digits.
const PREFIX_BITS: [usize; 7] = [40, 37, 34, 30, 27, 24, 20];

/// The partition table of a scheme whose prefix and reference share `bits` bits and `digits` digits.
/// The tables of SGTIN, SSCC, SGLN, GRAI, GDTI, GSRN and ITIP all have this form.
const fn partitions(bits: usize, digits: u8) -> [PartitionRow; 7] {
    let mut rows = [PartitionRow {
        prefix_bits: 0,
        prefix_digits: 12,
        reference_bits: 0,
        reference_digits: 0,
    }; 7];
    let mut value = 0;
    while value < rows.len() {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "evaluated by the compiler"
        )]
        {
            let prefix_digits = 12 - value as u8;
            rows[value] = PartitionRow {
                prefix_bits: PREFIX_BITS[value],
                prefix_digits,
                reference_bits: bits - PREFIX_BITS[value],
                reference_digits: digits - prefix_digits,
            };
        }
        value += 1;
    }
    rows
}

static SGTIN_PARTITIONS: [PartitionRow; 7] = partitions(44, 13);
static SSCC_PARTITIONS: [PartitionRow; 7] = partitions(58, 17);

const GTIN: Key = Key {
    ai: Ai::GTIN,
    digits: 14,
};
const SSCC: Key = Key {
    ai: Ai::SSCC,
    digits: 18,
};

static SGTIN_96: SchemeSpec = SchemeSpec {
    name: "sgtin-96",
    pure_name: "sgtin",
    header: 0x30,
    bits: 96,
    partitions: &SGTIN_PARTITIONS,
    tail: Tail::Integer(38),
    key: GTIN,
};

static SGTIN_198: SchemeSpec = SchemeSpec {
    name: "sgtin-198",
    pure_name: "sgtin",
    header: 0x36,
    bits: 198,
    partitions: &SGTIN_PARTITIONS,
    tail: Tail::Text(20),
    key: GTIN,
};

static SSCC_96: SchemeSpec = SchemeSpec {
    name: "sscc-96",
    pure_name: "sscc",
    header: 0x31,
    bits: 96,
    partitions: &SSCC_PARTITIONS,
    tail: Tail::Reserved(24),
    key: SSCC,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_each_scheme_fill_its_bits() {
        for scheme in ALL {
            let spec = scheme.spec();
            for value in 0..7 {
                let row = spec.partition(value).unwrap();
                let tail = match spec.tail {
                    Tail::Integer(bits) | Tail::Reserved(bits) => bits,
                    Tail::Text(characters) => characters * 7,
                };
                let bits = COMPANY_PREFIX_START + row.prefix_bits + row.reference_bits + tail;
                assert_eq!(bits, spec.bits, "{scheme} partition {value}");
                assert_eq!(row.prefix_digits + row.reference_digits, spec.key_digits());
            }
            assert!(spec.partition(7).is_none());
            assert_eq!(Scheme::of_header(spec.header), Some(scheme));
            assert_eq!(Scheme::of_name(spec.name), Some(scheme));
        }
    }

    #[test]
    fn partition_rows_spot_checked_against_tds() {
        // TDS 1.13 section 14: the reference bits of partitions 0 to 6.
        assert_eq!(
            SGTIN_PARTITIONS.map(|row| row.reference_bits),
            [4, 7, 10, 14, 17, 20, 24]
        );
        assert_eq!(
            SSCC_PARTITIONS.map(|row| row.reference_bits),
            [18, 21, 24, 28, 31, 34, 38]
        );
    }
}
