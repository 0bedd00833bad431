//! Units by UN/ECE recommendation 20 that can be converted into each other: those of one dimension, exactly.

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Pieces, pairs, dozens.
    Count,
    /// Kilograms and pounds.
    Mass,
    /// Litres and gallons.
    Volume,
    /// Metres and inches.
    Length,
    /// Square metres.
    Area,
}

impl Dimension {
    /// As people call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "a number of pieces",
            Self::Mass => "a mass",
            Self::Volume => "a volume",
            Self::Length => "a length",
            Self::Area => "an area",
        }
    }

    /// The unit in which every amount of this dimension has a finite number of decimals.
    pub(super) const fn base(self) -> (&'static str, u128) {
        match self {
            Self::Count => ("H87", 1),
            Self::Mass => ("GRM", GRAM),
            Self::Volume => ("LTR", LITRE),
            Self::Length => ("MTR", METRE),
            Self::Area => ("MTK", SQUARE_METRE),
        }
    }
}

// In nanograms, 10⁻¹³ l, nanometres and hundredths of a square millimetre every unit below is a whole number.
const GRAM: u128 = 1_000_000_000;
const LITRE: u128 = 10_000_000_000_000;
const METRE: u128 = 1_000_000_000;
const SQUARE_METRE: u128 = 100_000_000;

/// The dimension of a unit, and its size in the smallest whole number; `None` for units that are only compared with
/// themselves.
pub(super) const fn size(code: &str) -> Option<(Dimension, u128)> {
    // What a constant match on text needs; no other form is looked up.
    let bytes = code.as_bytes();
    let (dimension, size) = match bytes {
        b"" | b"H87" | b"C62" | b"EA" | b"PCE" => (Dimension::Count, 1),
        b"PR" => (Dimension::Count, 2),
        b"DZN" => (Dimension::Count, 12),
        b"CEN" => (Dimension::Count, 100),
        b"GRO" => (Dimension::Count, 144),
        b"MIL" => (Dimension::Count, 1_000),

        b"MC" => (Dimension::Mass, GRAM / 1_000_000),
        b"MGM" => (Dimension::Mass, GRAM / 1_000),
        b"CGM" => (Dimension::Mass, GRAM / 100),
        b"DG" => (Dimension::Mass, GRAM / 10),
        b"GRM" => (Dimension::Mass, GRAM),
        b"HGM" => (Dimension::Mass, GRAM * 100),
        b"KGM" => (Dimension::Mass, GRAM * 1_000),
        b"DTN" => (Dimension::Mass, GRAM * 100_000),
        b"TNE" => (Dimension::Mass, GRAM * 1_000_000),
        b"ONZ" => (Dimension::Mass, 28_349_523_125),
        b"APZ" => (Dimension::Mass, 31_103_476_800),
        b"LBR" => (Dimension::Mass, 453_592_370_000),
        b"CWA" => (Dimension::Mass, 45_359_237_000_000),
        b"CWI" => (Dimension::Mass, 50_802_345_440_000),
        b"STN" => (Dimension::Mass, 907_184_740_000_000),
        b"LTN" => (Dimension::Mass, 1_016_046_908_800_000),

        b"4G" | b"MMQ" => (Dimension::Volume, LITRE / 1_000_000),
        b"MLT" | b"CMQ" => (Dimension::Volume, LITRE / 1_000),
        b"CLT" => (Dimension::Volume, LITRE / 100),
        b"DLT" => (Dimension::Volume, LITRE / 10),
        b"LTR" | b"DMQ" => (Dimension::Volume, LITRE),
        b"HLT" => (Dimension::Volume, LITRE * 100),
        b"MTQ" => (Dimension::Volume, LITRE * 1_000),
        b"INQ" => (Dimension::Volume, 163_870_640_000),
        b"OZI" => (Dimension::Volume, 284_130_625_000),
        b"OZA" => (Dimension::Volume, 295_735_295_625),
        b"PTL" => (Dimension::Volume, 4_731_764_730_000),
        b"PTI" => (Dimension::Volume, 5_682_612_500_000),
        b"QTL" => (Dimension::Volume, 9_463_529_460_000),
        b"QTI" => (Dimension::Volume, 11_365_225_000_000),
        b"GLL" => (Dimension::Volume, 37_854_117_840_000),
        b"GLI" => (Dimension::Volume, 45_460_900_000_000),
        b"FTQ" => (Dimension::Volume, 283_168_465_920_000),
        b"YDQ" => (Dimension::Volume, 7_645_548_579_840_000),

        b"C45" => (Dimension::Length, 1),
        b"4H" => (Dimension::Length, METRE / 1_000_000),
        b"MMT" => (Dimension::Length, METRE / 1_000),
        b"CMT" => (Dimension::Length, METRE / 100),
        b"DMT" => (Dimension::Length, METRE / 10),
        b"MTR" => (Dimension::Length, METRE),
        b"KMT" => (Dimension::Length, METRE * 1_000),
        b"INH" => (Dimension::Length, 25_400_000),
        b"FOT" => (Dimension::Length, 304_800_000),
        b"YRD" => (Dimension::Length, 914_400_000),
        b"SMI" => (Dimension::Length, 1_609_344_000_000),

        b"MMK" => (Dimension::Area, SQUARE_METRE / 1_000_000),
        b"CMK" => (Dimension::Area, SQUARE_METRE / 10_000),
        b"DMK" => (Dimension::Area, SQUARE_METRE / 100),
        b"MTK" => (Dimension::Area, SQUARE_METRE),
        b"INK" => (Dimension::Area, 64_516),
        b"FTK" => (Dimension::Area, 9_290_304),
        b"YDK" => (Dimension::Area, 83_612_736),
        b"HAR" => (Dimension::Area, SQUARE_METRE * 10_000),
        _ => return None,
    };
    Some((dimension, size))
}

/// Whether two codes mean one unit.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a == b || matches!((size(a), size(b)), (Some(a), Some(b)) if a == b)
}

/// The greatest common divisor of two sizes.
pub(super) const fn common(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definitions of the units in each other, not in ours.
    #[test]
    fn units_are_what_they_are_defined_as() {
        let of = |code| size(code).unwrap_or_else(|| panic!("{code}")).1;
        for (unit, count, part) in [
            ("LBR", 16, "ONZ"),
            ("CWA", 100, "LBR"),
            ("CWI", 112, "LBR"),
            ("STN", 2_000, "LBR"),
            ("LTN", 2_240, "LBR"),
            ("TNE", 1_000, "KGM"),
            ("DTN", 100, "KGM"),
            ("GLL", 4, "QTL"),
            ("QTL", 2, "PTL"),
            ("PTL", 16, "OZA"),
            ("GLL", 231, "INQ"),
            ("GLI", 4, "QTI"),
            ("QTI", 2, "PTI"),
            ("PTI", 20, "OZI"),
            ("FTQ", 1_728, "INQ"),
            ("YDQ", 27, "FTQ"),
            ("MTQ", 1_000, "LTR"),
            ("FOT", 12, "INH"),
            ("YRD", 3, "FOT"),
            ("SMI", 1_760, "YRD"),
            ("FTK", 144, "INK"),
            ("YDK", 9, "FTK"),
            ("HAR", 10_000, "MTK"),
            ("GRO", 12, "DZN"),
            ("MIL", 10, "CEN"),
        ] {
            assert_eq!(of(unit), count * of(part), "{unit} of {part}");
        }
        // 1 in = 25.4 mm, 1 lb = 453.59237 g, 1 imperial gallon = 4.54609 l, 1 oz t = 31.1034768 g.
        assert_eq!(of("INH") * 10, 254 * of("MMT"));
        assert_eq!(of("LBR") * 100_000, 45_359_237 * of("GRM"));
        assert_eq!(of("GLI") * 100_000, 454_609 * of("LTR"));
        assert_eq!(of("APZ") * 10_000_000, 311_034_768 * of("GRM"));
        assert_eq!(of("INQ"), 16_387_064 * of("MMQ") / 1_000);
        assert_eq!(size("KWH"), None);
    }
}
