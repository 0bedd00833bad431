//! The table of schemes: header, lengths and fields of each (TDS 1.13 section 14.6; TDS 2.3
//! section 14.6). To support one more, add its row, and its line in [`scheme`](super::scheme).

use super::scheme::{
    Company, Key, KeyForm, Layout, PartitionRow, Plus, Reference, SchemeSpec, SerialPlace, Tail,
};
use crate::Ai;

/// The bits that TDS gives to a company prefix of 12, 11, … 6 digits.
const PREFIX_BITS: [usize; 7] = [40, 37, 34, 30, 27, 24, 20];

/// The partition table of a scheme whose prefix and reference share `bits` bits and `digits` digits
/// or characters. All partition tables have this form.
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

static ITEM: [PartitionRow; 7] = partitions(44, 13);
static UNIT: [PartitionRow; 7] = partitions(58, 17);
static THIRTEEN: [PartitionRow; 7] = partitions(41, 12);
static ASSET_TYPE: [PartitionRow; 7] = partitions(44, 12);
static ASSET_96: [PartitionRow; 7] = partitions(82, 25);
static ASSET_202: [PartitionRow; 7] = partitions(188, 30);
static PART_96: [PartitionRow; 7] = partitions(51, 15);
/// The reference ends with a zero character, so that its bits do not come from here.
static PART_VAR: [PartitionRow; 7] = partitions(PREFIX_BITS[0], 30);

const fn key(ai: Ai, form: KeyForm, serial: SerialPlace) -> Key {
    Key { ai, form, serial }
}

const GTIN: Key = key(
    Ai::GTIN,
    KeyForm::Indicator(14),
    SerialPlace::Own(Ai::SERIAL),
);
const SSCC: Key = key(Ai::SSCC, KeyForm::Indicator(18), SerialPlace::Nowhere);
const GLN: Key = key(
    Ai::GLN,
    KeyForm::Checked(13),
    SerialPlace::OwnUnlessZero(Ai::GLN_EXTENSION),
);
const GRAI: Key = key(Ai::GRAI, KeyForm::Asset, SerialPlace::InKey);
const GIAI: Key = key(Ai::GIAI, KeyForm::Open, SerialPlace::Nowhere);
const GSRN: Key = key(Ai::GSRN, KeyForm::Checked(18), SerialPlace::Nowhere);
const GSRNP: Key = key(
    Ai::GSRN_PROVIDER,
    KeyForm::Checked(18),
    SerialPlace::Nowhere,
);
const GDTI: Key = key(Ai::GDTI, KeyForm::Checked(13), SerialPlace::InKey);
const GCN: Key = key(Ai::GCN, KeyForm::Checked(13), SerialPlace::InKey);
const CPI: Key = key(Ai::CPID, KeyForm::Open, SerialPlace::Own(Ai::CPID_SERIAL));
const ITIP: Key = key(
    Ai::ITIP,
    KeyForm::Indicator(14),
    SerialPlace::Own(Ai::SERIAL),
);

/// A serial that may fill its bits.
const fn serial(bits: usize) -> Tail {
    Tail::Integer { bits, digits: 19 }
}

/// A scheme with a reference of fixed length and no pieces, as most are.
const fn company(
    name: &'static str,
    header: u8,
    bits: usize,
    partitions: &'static [PartitionRow; 7],
    tail: Tail,
    key: Key,
) -> SchemeSpec {
    special(
        name,
        header,
        Company {
            bits: Some(bits),
            partitions,
            reference: Reference::Padded,
            pieces: false,
            tail,
            key,
        },
    )
}

const fn special(name: &'static str, header: u8, company: Company) -> SchemeSpec {
    SchemeSpec {
        name,
        header,
        layout: Layout::Company(company),
    }
}

pub(super) static SGTIN_96: SchemeSpec = company("sgtin-96", 0x30, 96, &ITEM, serial(38), GTIN);
pub(super) static SGTIN_198: SchemeSpec =
    company("sgtin-198", 0x36, 198, &ITEM, Tail::Text(20), GTIN);
pub(super) static SSCC_96: SchemeSpec =
    company("sscc-96", 0x31, 96, &UNIT, Tail::Reserved(24), SSCC);
pub(super) static SGLN_96: SchemeSpec = company("sgln-96", 0x32, 96, &THIRTEEN, serial(41), GLN);
pub(super) static SGLN_195: SchemeSpec =
    company("sgln-195", 0x39, 195, &THIRTEEN, Tail::Text(20), GLN);
pub(super) static GRAI_96: SchemeSpec = company("grai-96", 0x33, 96, &ASSET_TYPE, serial(38), GRAI);
pub(super) static GRAI_170: SchemeSpec =
    company("grai-170", 0x37, 170, &ASSET_TYPE, Tail::Text(16), GRAI);
pub(super) static GSRN_96: SchemeSpec =
    company("gsrn-96", 0x2D, 96, &UNIT, Tail::Reserved(24), GSRN);
pub(super) static GSRNP_96: SchemeSpec =
    company("gsrnp-96", 0x2E, 96, &UNIT, Tail::Reserved(24), GSRNP);
pub(super) static GDTI_96: SchemeSpec = company("gdti-96", 0x2C, 96, &THIRTEEN, serial(41), GDTI);
pub(super) static GDTI_113: SchemeSpec = company(
    "gdti-113",
    0x3A,
    113,
    &THIRTEEN,
    Tail::NumericString {
        bits: 58,
        digits: 17,
    },
    GDTI,
);
pub(super) static GDTI_174: SchemeSpec =
    company("gdti-174", 0x3E, 174, &THIRTEEN, Tail::Text(17), GDTI);
pub(super) static SGCN_96: SchemeSpec = company(
    "sgcn-96",
    0x3F,
    96,
    &THIRTEEN,
    Tail::NumericString {
        bits: 41,
        digits: 12,
    },
    GCN,
);

pub(super) static GIAI_96: SchemeSpec = special(
    "giai-96",
    0x34,
    Company {
        bits: Some(96),
        partitions: &ASSET_96,
        reference: Reference::Integer,
        pieces: false,
        tail: Tail::End,
        key: GIAI,
    },
);
pub(super) static GIAI_202: SchemeSpec = special(
    "giai-202",
    0x38,
    Company {
        bits: Some(202),
        partitions: &ASSET_202,
        reference: Reference::Text,
        pieces: false,
        tail: Tail::End,
        key: GIAI,
    },
);
pub(super) static CPI_96: SchemeSpec = special(
    "cpi-96",
    0x3C,
    Company {
        bits: Some(96),
        partitions: &PART_96,
        reference: Reference::Integer,
        pieces: false,
        tail: serial(31),
        key: CPI,
    },
);
pub(super) static CPI_VAR: SchemeSpec = special(
    "cpi-var",
    0x3D,
    Company {
        bits: None,
        partitions: &PART_VAR,
        reference: Reference::SixBit,
        pieces: false,
        tail: Tail::Integer {
            bits: 40,
            digits: 12,
        },
        key: CPI,
    },
);
pub(super) static ITIP_110: SchemeSpec = special(
    "itip-110",
    0x40,
    Company {
        bits: Some(110),
        partitions: &ITEM,
        reference: Reference::Padded,
        pieces: true,
        tail: serial(38),
        key: ITIP,
    },
);
pub(super) static ITIP_212: SchemeSpec = special(
    "itip-212",
    0x41,
    Company {
        bits: Some(212),
        partitions: &ITEM,
        reference: Reference::Padded,
        pieces: true,
        tail: Tail::Text(20),
        key: ITIP,
    },
);

pub(super) static GID_96: SchemeSpec = SchemeSpec {
    name: "gid-96",
    header: 0x35,
    layout: Layout::Gid,
};
pub(super) static USDOD_96: SchemeSpec = SchemeSpec {
    name: "usdod-96",
    header: 0x2F,
    layout: Layout::Usdod,
};
pub(super) static ADI_VAR: SchemeSpec = SchemeSpec {
    name: "adi-var",
    header: 0x3B,
    layout: Layout::Adi,
};

/// A '+' row and its '++' row, which differ in header and host name.
macro_rules! plus {
    ($plus:ident $header:literal, $plus_plus:ident $host_header:literal, $name:literal, $dated:literal, $ais:expr) => {
        pub(super) static $plus: SchemeSpec = SchemeSpec {
            name: concat!($name, "+"),
            header: $header,
            layout: Layout::Plus(Plus {
                dated: $dated,
                ais: $ais,
                host: false,
            }),
        };
        pub(super) static $plus_plus: SchemeSpec = SchemeSpec {
            name: concat!($name, "++"),
            header: $host_header,
            layout: Layout::Plus(Plus {
                dated: $dated,
                ais: $ais,
                host: true,
            }),
        };
    };
}

const ITEM_AIS: &[Ai] = &[Ai::GTIN, Ai::SERIAL];

plus!(SGTIN_PLUS 0xF7, SGTIN_PLUS_PLUS 0xFD, "sgtin", false, ITEM_AIS);
plus!(DSGTIN_PLUS 0xFB, DSGTIN_PLUS_PLUS 0xFC, "dsgtin", true, ITEM_AIS);
plus!(SSCC_PLUS 0xF9, SSCC_PLUS_PLUS 0xEF, "sscc", false, &[Ai::SSCC]);
plus!(SGLN_PLUS 0xF2, SGLN_PLUS_PLUS 0xE9, "sgln", false, &[Ai::GLN, Ai::GLN_EXTENSION]);
plus!(GRAI_PLUS 0xF1, GRAI_PLUS_PLUS 0xEB, "grai", false, &[Ai::GRAI]);
plus!(GIAI_PLUS 0xFA, GIAI_PLUS_PLUS 0xEE, "giai", false, &[Ai::GIAI]);
plus!(GSRN_PLUS 0xF4, GSRN_PLUS_PLUS 0xE7, "gsrn", false, &[Ai::GSRN]);
plus!(GSRNP_PLUS 0xF5, GSRNP_PLUS_PLUS 0xE8, "gsrnp", false, &[Ai::GSRN_PROVIDER]);
plus!(GDTI_PLUS 0xF6, GDTI_PLUS_PLUS 0xEA, "gdti", false, &[Ai::GDTI]);
plus!(CPI_PLUS 0xF0, CPI_PLUS_PLUS 0xE6, "cpi", false, &[Ai::CPID, Ai::CPID_SERIAL]);
plus!(SGCN_PLUS 0xF8, SGCN_PLUS_PLUS 0xEC, "sgcn", false, &[Ai::GCN]);
plus!(ITIP_PLUS 0xF3, ITIP_PLUS_PLUS 0xED, "itip", false, &[Ai::ITIP, Ai::SERIAL]);

#[cfg(test)]
mod tests {
    use super::super::Scheme;
    use super::*;

    #[test]
    fn the_fields_of_each_scheme_fill_its_bits() {
        for &scheme in Scheme::ALL {
            assert_eq!(Scheme::of_header(scheme.spec().header), Some(scheme));
            assert_eq!(Scheme::of_name(scheme.name()), Some(scheme));
            let Layout::Company(company) = &scheme.spec().layout else {
                continue;
            };
            let Some(bits) = company.bits else { continue };
            for value in 0..7 {
                let row = company.partition(value).unwrap();
                let tail = match company.tail {
                    Tail::End => 0,
                    Tail::Integer { bits, .. }
                    | Tail::NumericString { bits, .. }
                    | Tail::Reserved(bits) => bits,
                    Tail::Text(characters) => usize::from(characters) * 7,
                };
                let pieces = if company.pieces { 14 } else { 0 };
                let fields = 14 + row.prefix_bits + row.reference_bits + pieces + tail;
                assert_eq!(fields, bits, "{scheme} partition {value}");
                assert_eq!(
                    row.prefix_digits + row.reference_digits,
                    company.key_digits()
                );
            }
            assert!(company.partition(7).is_none());
        }
        assert_eq!(Scheme::ALL.len(), 46);
    }

    #[test]
    fn partition_rows_spot_checked_against_tds() {
        // TDS 1.13 section 14.6: the reference bits and digits of partitions 0 to 6.
        for (table, bits, digits) in [
            (&ITEM, [4, 7, 10, 14, 17, 20, 24], [1, 2, 3, 4, 5, 6, 7]),
            (&UNIT, [18, 21, 24, 28, 31, 34, 38], [5, 6, 7, 8, 9, 10, 11]),
            (&THIRTEEN, [1, 4, 7, 11, 14, 17, 21], [0, 1, 2, 3, 4, 5, 6]),
            (
                &ASSET_TYPE,
                [4, 7, 10, 14, 17, 20, 24],
                [0, 1, 2, 3, 4, 5, 6],
            ),
            (
                &ASSET_96,
                [42, 45, 48, 52, 55, 58, 62],
                [13, 14, 15, 16, 17, 18, 19],
            ),
            (
                &ASSET_202,
                [148, 151, 154, 158, 161, 164, 168],
                [18, 19, 20, 21, 22, 23, 24],
            ),
            (
                &PART_96,
                [11, 14, 17, 21, 24, 27, 31],
                [3, 4, 5, 6, 7, 8, 9],
            ),
        ] {
            assert_eq!(table.map(|row| row.reference_bits), bits);
            assert_eq!(table.map(|row| row.reference_digits), digits);
        }
    }
}
