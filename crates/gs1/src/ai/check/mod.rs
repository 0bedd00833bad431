//! Content checks that the rows name (GenSpecs section 3; the names of the GS1 syntax tests stand in
//! brackets). Each sees one part whose length and characters are right.

mod codes;
mod coupon;
mod date;
mod lists;

use crate::{digits, element::Fault};

/// A check of the content of one part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// None.
    Nothing,
    /// The last digit completes the ones before it modulo 10 (`csum`; GenSpecs 7.9.1).
    ModuloTen,
    /// The last two characters complete the ones before them (`csumalpha`; GenSpecs 7.9.5).
    PrimePair,
    /// Starts with four digits, as every GS1 Company Prefix does (`gcppos1`).
    CompanyPrefix,
    /// YYMMDD (`yymmdd`).
    Date,
    /// YYMMDD, where day 00 leaves the day open (`yymmd0`; GenSpecs 3.4.2).
    DateOrMonth,
    /// YYYYMMDD (`yyyymmdd`).
    LongDate,
    /// HHMM (`hhmi`).
    HourMinute,
    /// HH (`hh`).
    Hour,
    /// MM (`mi`).
    Minute,
    /// SS (`ss`).
    Second,
    /// Numeric country code of ISO 3166 (`iso3166`).
    Country,
    /// The same, or 999 (`iso3166999`).
    CountryOr999,
    /// Two-letter country code of ISO 3166 (`iso3166alpha2`).
    CountryLetters,
    /// Numeric currency code of ISO 4217 (`iso4217`).
    Currency,
    /// Every % starts an escape of two hexadecimal digits (`pcenc`).
    PercentEncoding,
    /// International bank account number of ISO 13616 (`iban`).
    Iban,
    /// Package type of UN/ECE recommendation 21 and its GS1 additions (`packagetype`).
    PackageType,
    /// AIDC media type (`mediatype`).
    MediaType,
    /// Sex by ISO/IEC 5218 (`iso5218`).
    Sex,
    /// Position and end as `2/3` (`posinseqslash`).
    PositionInSequence,
    /// Piece and total in two halves (`pieceoftotal`).
    PieceOfTotal,
    /// Not all zeros (`nonzero`).
    NonZero,
    /// All zeros (`zero`).
    Zero,
    /// Winding direction: 0, 1 or 9 (`winding`).
    Winding,
    /// 0 or 1 (`yesno`).
    YesNo,
    /// Degrees of latitude plus 90, seven decimals (`latitude`).
    Latitude,
    /// Degrees of longitude plus 180, seven decimals (`longitude`).
    Longitude,
    /// Hyphens only (`hyphen`).
    Hyphens,
    /// Does not start with 0 (`nozeroprefix`).
    NoLeadingZero,
    /// Not all digits (`hasnondigit`).
    HasNonDigit,
    /// A character of the importer index (`importeridx`).
    ImporterIndex,
    /// North American coupon code (`couponcode`).
    Coupon,
    /// North American positive offer file coupon (`couponposoffer`).
    PositiveOffer,
    /// Padding of base64, if any, is right (part of `cset64`).
    Base64Padding,
}

impl Check {
    /// Applies the check; a fault's offset counts from the start of `part`.
    #[inline]
    pub(super) fn run(self, part: &[u8]) -> Result<(), Fault> {
        let (holds, expected) = match self {
            Self::Nothing => return Ok(()),
            Self::ModuloTen => return check_digit(part),
            Self::Date => return date::check(part, date::Day::Given),
            Self::DateOrMonth => return date::check(part, date::Day::MayBeOpen),
            Self::LongDate => return date::check(part, date::Day::Given),
            Self::HourMinute => return date::time(part),
            Self::Hour => return date::hour(part),
            Self::Minute | Self::Second => return date::sixtieth(part),
            Self::PrimePair => return codes::check_pair(part),
            Self::PercentEncoding => return codes::percent_encoding(part),
            Self::Iban => return codes::iban(part),
            Self::Coupon => return coupon::code(part),
            Self::PositiveOffer => return coupon::positive_offer(part),
            Self::CompanyPrefix => (
                part.len() >= 4 && part.iter().take(4).all(u8::is_ascii_digit),
                "a GS1 Company Prefix, at least four digits, at its start",
            ),
            Self::Country => (lists::is_country(part), "a country number of ISO 3166"),
            Self::CountryOr999 => (
                part == b"999" || lists::is_country(part),
                "a country number of ISO 3166, or 999",
            ),
            Self::CountryLetters => (
                lists::is_country_letters(part),
                "a two-letter country code of ISO 3166",
            ),
            Self::Currency => (lists::is_currency(part), "a currency number of ISO 4217"),
            Self::PackageType => (
                lists::is_package_type(part),
                "a package type of UN/ECE recommendation 21",
            ),
            Self::MediaType => (
                number(part).is_some_and(|code| matches!(code, 1..=10 | 80..=99)),
                "an AIDC media type, 01 to 10 or 80 to 99",
            ),
            Self::Sex => (
                matches!(part, b"0" | b"1" | b"2" | b"9"),
                "0, 1, 2 or 9, a sex by ISO/IEC 5218",
            ),
            Self::PositionInSequence => (
                codes::position_in_sequence(part),
                "a position and an end, such as 2/3",
            ),
            Self::PieceOfTotal => (
                codes::piece_of_total(part),
                "a piece and a total, the piece not 00 and not above the total",
            ),
            Self::NonZero => (part.iter().any(|&digit| digit != b'0'), "a number above 0"),
            Self::Zero => (part.iter().all(|&digit| digit == b'0'), "0 in this place"),
            Self::Winding => (
                matches!(part, b"0" | b"1" | b"9"),
                "a winding direction, 0, 1 or 9",
            ),
            Self::YesNo => (matches!(part, b"0" | b"1"), "0 or 1"),
            Self::Latitude => (
                number(part).is_some_and(|value| value <= 1_800_000_000),
                "a latitude, 0000000000 to 1800000000",
            ),
            Self::Longitude => (
                number(part).is_some_and(|value| value <= 3_600_000_000),
                "a longitude, 0000000000 to 3600000000",
            ),
            Self::Hyphens => (part.iter().all(|&byte| byte == b'-'), "a hyphen"),
            Self::NoLeadingZero => (part.first() != Some(&b'0'), "no 0 at the start"),
            Self::HasNonDigit => (
                !part.iter().all(u8::is_ascii_digit),
                "a character that is no digit",
            ),
            Self::ImporterIndex => (
                part.iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
                "an importer index, a letter, digit, - or _",
            ),
            Self::Base64Padding => (
                codes::base64_padding(part),
                "padding with = at the end only, to a multiple of three characters",
            ),
        };
        if holds {
            Ok(())
        } else {
            Err(Fault::Content {
                offset: 0,
                expected,
            })
        }
    }
}

fn number(part: &[u8]) -> Option<u64> {
    digits::parse(part)
}

fn check_digit(part: &[u8]) -> Result<(), Fault> {
    let (last, body) = part.split_last().ok_or(Fault::Empty)?;
    let expected = digits::check_digit_of(body);
    let found = u64::from(last.wrapping_sub(b'0'));
    if expected == found {
        Ok(())
    } else {
        Err(Fault::CheckDigit { expected, found })
    }
}

#[cfg(test)]
mod tests;
