//! The schemes and what kind of layout each has; the layouts themselves are rows of
//! [`table`](super::table).

use std::fmt;

use super::table;
use crate::Ai;

/// Declares the schemes: a variant each, with its row.
macro_rules! schemes {
    ($($(#[$doc:meta])* $variant:ident => $row:ident,)*) => {
        /// An EPC binary coding scheme (TDS 1.13 table 14-1; TDS 2.3 table 14-1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Scheme {
            $($(#[$doc])* $variant,)*
        }

        impl Scheme {
            /// Every scheme that is known.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(super) const fn spec(self) -> &'static SchemeSpec {
                match self {
                    $(Self::$variant => &table::$row,)*
                }
            }
        }
    };
}

schemes! {
    /// SGTIN-96: trade item with a numeric serial below 2^38, no leading zeros.
    Sgtin96 => SGTIN_96,
    /// SGTIN-198: trade item with a serial of up to 20 characters.
    Sgtin198 => SGTIN_198,
    /// SSCC-96: logistic unit.
    Sscc96 => SSCC_96,
    /// SGLN-96: location with a numeric extension below 2^41.
    Sgln96 => SGLN_96,
    /// SGLN-195: location with an extension of up to 20 characters.
    Sgln195 => SGLN_195,
    /// GRAI-96: returnable asset with a numeric serial below 2^38.
    Grai96 => GRAI_96,
    /// GRAI-170: returnable asset with a serial of up to 16 characters.
    Grai170 => GRAI_170,
    /// GIAI-96: individual asset with a numeric reference.
    Giai96 => GIAI_96,
    /// GIAI-202: individual asset with a reference of up to 24 characters.
    Giai202 => GIAI_202,
    /// GSRN-96: recipient of a service.
    Gsrn96 => GSRN_96,
    /// GSRNP-96: provider of a service.
    Gsrnp96 => GSRNP_96,
    /// GDTI-96: document with a numeric serial below 2^41.
    Gdti96 => GDTI_96,
    /// GDTI-113: document with a serial of up to 17 digits; deprecated since TDS 1.9.
    Gdti113 => GDTI_113,
    /// GDTI-174: document with a serial of up to 17 characters.
    Gdti174 => GDTI_174,
    /// CPI-96: component or part with a numeric reference.
    Cpi96 => CPI_96,
    /// CPI-var: component or part with a reference of up to 24 characters.
    CpiVar => CPI_VAR,
    /// SGCN-96: coupon with a serial of up to 12 digits.
    Sgcn96 => SGCN_96,
    /// ITIP-110: piece of a trade item with a numeric serial below 2^38.
    Itip110 => ITIP_110,
    /// ITIP-212: piece of a trade item with a serial of up to 20 characters.
    Itip212 => ITIP_212,
    /// GID-96: no GS1 key, numbers only.
    Gid96 => GID_96,
    /// USDOD-96: supplier of the US Department of Defense, and a number.
    Usdod96 => USDOD_96,
    /// ADI-var: aircraft part of the aerospace and defence industry.
    AdiVar => ADI_VAR,
    /// SGTIN+ (TDS 2.0).
    SgtinPlus => SGTIN_PLUS,
    /// DSGTIN+: SGTIN+ that leads with a date (TDS 2.0).
    DsgtinPlus => DSGTIN_PLUS,
    /// SSCC+ (TDS 2.0).
    SsccPlus => SSCC_PLUS,
    /// SGLN+ (TDS 2.0).
    SglnPlus => SGLN_PLUS,
    /// GRAI+ (TDS 2.0).
    GraiPlus => GRAI_PLUS,
    /// GIAI+ (TDS 2.0).
    GiaiPlus => GIAI_PLUS,
    /// GSRN+ (TDS 2.0).
    GsrnPlus => GSRN_PLUS,
    /// GSRNP+ (TDS 2.0).
    GsrnpPlus => GSRNP_PLUS,
    /// GDTI+ (TDS 2.0).
    GdtiPlus => GDTI_PLUS,
    /// CPI+ (TDS 2.0).
    CpiPlus => CPI_PLUS,
    /// SGCN+ (TDS 2.0).
    SgcnPlus => SGCN_PLUS,
    /// ITIP+ (TDS 2.0).
    ItipPlus => ITIP_PLUS,
    /// SGTIN++: SGTIN+ with the host name of its Digital Link (TDS 2.3).
    SgtinPlusPlus => SGTIN_PLUS_PLUS,
    /// DSGTIN++ (TDS 2.3).
    DsgtinPlusPlus => DSGTIN_PLUS_PLUS,
    /// SSCC++ (TDS 2.3).
    SsccPlusPlus => SSCC_PLUS_PLUS,
    /// SGLN++ (TDS 2.3).
    SglnPlusPlus => SGLN_PLUS_PLUS,
    /// GRAI++ (TDS 2.3).
    GraiPlusPlus => GRAI_PLUS_PLUS,
    /// GIAI++ (TDS 2.3).
    GiaiPlusPlus => GIAI_PLUS_PLUS,
    /// GSRN++ (TDS 2.3).
    GsrnPlusPlus => GSRN_PLUS_PLUS,
    /// GSRNP++ (TDS 2.3).
    GsrnpPlusPlus => GSRNP_PLUS_PLUS,
    /// GDTI++ (TDS 2.3).
    GdtiPlusPlus => GDTI_PLUS_PLUS,
    /// CPI++ (TDS 2.3).
    CpiPlusPlus => CPI_PLUS_PLUS,
    /// SGCN++ (TDS 2.3).
    SgcnPlusPlus => SGCN_PLUS_PLUS,
    /// ITIP++ (TDS 2.3).
    ItipPlusPlus => ITIP_PLUS_PLUS,
}

impl Scheme {
    /// The name in a tag URI, `sgtin-96`; of the schemes without one, `sgtin+`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The bits that an encoding has, `None` where they vary.
    pub fn bits(self) -> Option<usize> {
        match &self.spec().layout {
            Layout::Company(company) => company.bits,
            Layout::Gid | Layout::Usdod => Some(96),
            Layout::Adi | Layout::Plus(_) => None,
        }
    }

    /// The scheme of a tag URI's name, `sgtin-96`, or of `sgtin+`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|scheme| scheme.name() == name)
    }

    /// Whether the scheme has a tag URI: those of TDS 1.x do.
    pub fn has_tag_uri(self) -> bool {
        !matches!(self.spec().layout, Layout::Plus(_))
    }

    /// The name in a pure identity URI, `sgtin`; `None` for schemes without one.
    pub fn pure_name(self) -> Option<&'static str> {
        let name = self.name();
        self.has_tag_uri()
            .then(|| name.split_once('-').map_or(name, |(pure, _)| pure))
    }

    pub(super) fn of_header(header: u8) -> Option<Self> {
        BY_HEADER.get(usize::from(header)).copied().flatten()
    }

    /// The greatest filter value; `None` if the scheme has no filter (TDS section 10).
    pub(super) fn filter_max(self) -> Option<u8> {
        match self.spec().layout {
            Layout::Company(_) | Layout::Plus(_) => Some(7),
            Layout::Usdod => Some(15),
            Layout::Adi => Some(63),
            Layout::Gid => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The scheme of each header.
static BY_HEADER: [Option<Scheme>; 256] = {
    let mut schemes = [None; 256];
    let mut row = 0;
    while row < Scheme::ALL.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            schemes[Scheme::ALL[row].spec().header as usize] = Some(Scheme::ALL[row]);
        }
        row += 1;
    }
    schemes
};

/// A row of the table.
pub(super) struct SchemeSpec {
    pub(super) name: &'static str,
    pub(super) header: u8,
    pub(super) layout: Layout,
}

/// What follows the header.
pub(super) enum Layout {
    /// Filter, partition, company prefix, and the rest of a GS1 key.
    Company(Company),
    /// General manager number (28 bits), object class (24), serial (36).
    Gid,
    /// Filter (4 bits), CAGE code or DoDAAC in ASCII (48), serial (36).
    Usdod,
    /// Filter (6 bits), CAGE code or DoDAAC (6 characters of 6 bits), part number and serial, each
    /// of 6-bit characters to a zero.
    Adi,
    /// Toggle, filter, elements as TDS 2.0 encodes them.
    Plus(Plus),
}

/// The layout of a scheme that carries a GS1 key with its company prefix: filter (3 bits),
/// partition (3), then what is here.
pub(super) struct Company {
    /// The bits of the scheme, if they do not vary.
    pub(super) bits: Option<usize>,
    pub(super) partitions: &'static [PartitionRow; 7],
    pub(super) reference: Reference,
    /// Whether piece and total follow the reference, 7 bits each.
    pub(super) pieces: bool,
    pub(super) tail: Tail,
    pub(super) key: Key,
}

/// How the reference behind the company prefix is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// A number with exactly the digits of its row.
    Padded,
    /// A number without leading zeros, with at most the digits of its row.
    Integer,
    /// 7-bit characters, NUL-padded to the bits of its row; at most as many as the row has digits.
    Text,
    /// 6-bit characters to a zero, at most as many as the row has digits.
    SixBit,
}

/// The last field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    End,
    /// A serial number of this many bits, at most this many digits.
    Integer {
        /// The bits.
        bits: usize,
        /// The most digits.
        digits: u8,
    },
    /// A serial number whose leading zeros count, written behind a 1 (TDS 14.4.5).
    NumericString {
        /// The bits.
        bits: usize,
        /// The most digits.
        digits: u8,
    },
    /// A serial number of up to this many characters of seven bits, NUL-padded.
    Text(u8),
    /// This many bits, all zero.
    Reserved(usize),
}

/// The GS1 key that a scheme carries and how it is put together.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) ai: Ai,
    pub(super) form: KeyForm,
    pub(super) serial: SerialPlace,
}

/// How company prefix and reference make a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// The reference's first digit, the prefix, the rest of the reference, a check digit: this many
    /// digits (GTIN, SSCC).
    Indicator(u8),
    /// Prefix, reference, check digit: this many digits.
    Checked(u8),
    /// A zero, then prefix, reference, check digit: 14 digits (GRAI).
    Asset,
    /// Prefix and reference as they are (GIAI, CPI).
    Open,
}

/// Where the serial number stands in element strings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SerialPlace {
    /// There is none.
    Nowhere,
    /// At the end of the key's value.
    InKey,
    /// In an element of its own.
    Own(Ai),
    /// In an element of its own, which is left out for `0` (SGLN, TDS 6.3.3).
    OwnUnlessZero(Ai),
}

/// The layout of a scheme of TDS 2.0 or 2.3.
pub(super) struct Plus {
    /// Whether a date leads (TDS 2.0, 14.5.3).
    pub(super) dated: bool,
    /// The elements in their order.
    pub(super) ais: &'static [Ai],
    /// Whether a host name follows (TDS 2.3, 14.5.16).
    pub(super) host: bool,
}

/// Lengths of company prefix and reference for one partition value.
#[derive(Clone, Copy, Default)]
pub(super) struct PartitionRow {
    pub(super) prefix_bits: usize,
    pub(super) prefix_digits: u8,
    pub(super) reference_bits: usize,
    /// The digits of the reference, or the most digits or characters.
    pub(super) reference_digits: u8,
}

impl Company {
    pub(super) fn partition(&self, value: u8) -> Option<PartitionRow> {
        self.partitions.get(usize::from(value)).copied()
    }

    /// The digits, or characters, of company prefix and reference together, at most.
    pub(super) fn key_digits(&self) -> u8 {
        self.partition(0)
            .map_or(0, |row| row.prefix_digits + row.reference_digits)
    }
}
