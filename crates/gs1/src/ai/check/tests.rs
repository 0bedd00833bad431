//! Each check with values that pass and values that do not.

use super::*;

fn outcomes(check: Check, values: &[&str]) -> Vec<bool> {
    values
        .iter()
        .map(|value| check.run(value.as_bytes()).is_ok())
        .collect()
}

/// All of `good` pass, none of `bad` does.
fn tell(check: Check, good: &[&str], bad: &[&str]) {
    assert_eq!(
        outcomes(check, good),
        vec![true; good.len()],
        "{check:?} {good:?}"
    );
    assert_eq!(
        outcomes(check, bad),
        vec![false; bad.len()],
        "{check:?} {bad:?}"
    );
}

#[test]
fn check_digits() {
    tell(
        Check::ModuloTen,
        &["09506000134352", "106141412345678908", "0"],
        &["09506000134353", "106141412345678909"],
    );
    assert_eq!(
        Check::ModuloTen.run(b"09506000134353"),
        Err(Fault::CheckDigit {
            expected: 2,
            found: 3
        })
    );
}

#[test]
fn check_pairs() {
    // The example of GenSpecs 7.9.5, and others worked out by hand from its table of weights.
    tell(
        Check::PrimePair,
        &["1987654Ad4X4bL5ttr2310c2K", "22", "!22", "00000!HV"],
        &[
            "1987654Ad4X4bL5ttr2310cK2",
            "1987654Ad4X4bL5ttr2310d2K",
            "2",
            "33",
            "12345#22",
        ],
    );
}

#[test]
fn dates_and_times() {
    tell(
        Check::DateOrMonth,
        &["261231", "240229", "000229", "260200", "991130"],
        &["260001", "261301", "260132", "260229", "260431", "000000"],
    );
    tell(Check::Date, &["261231", "240229"], &["260200", "260229"]);
    tell(
        Check::LongDate,
        &["19650103", "20000229", "19040229"],
        &["19650100", "19000229", "20231301", "19650432"],
    );
    tell(
        Check::HourMinute,
        &["0000", "2359"],
        &["2400", "2360", "9999"],
    );
    tell(Check::Hour, &["00", "23"], &["24", "99"]);
    tell(Check::Minute, &["00", "59"], &["60"]);
    tell(Check::Second, &["00", "59"], &["60"]);
}

#[test]
fn code_lists() {
    tell(
        Check::Country,
        &["004", "276", "840"],
        &["000", "999", "280"],
    );
    tell(Check::CountryOr999, &["276", "999"], &["998"]);
    tell(Check::CountryLetters, &["DE", "GB"], &["XX", "de", "A!"]);
    tell(Check::Currency, &["978", "840", "999"], &["000", "276"]);
    tell(
        Check::PackageType,
        &["1A", "9", "PUE", "ZZ"],
        &["", "0", "1a", "PUEE"],
    );
    tell(
        Check::MediaType,
        &["01", "10", "80", "99"],
        &["00", "11", "79"],
    );
    tell(Check::Sex, &["0", "1", "2", "9"], &["3", "8"]);
    tell(Check::Winding, &["0", "1", "9"], &["2", "8"]);
    tell(Check::YesNo, &["0", "1"], &["2", "9"]);
}

#[test]
fn codes_that_calculate() {
    tell(
        Check::PercentEncoding,
        &["", "plain", "a%2Fb", "%ff%FF"],
        &["%", "a%2", "%2G", "%%41"],
    );
    tell(
        Check::Iban,
        &[
            "DE89370400440532013000",
            "GB82WEST12345698765432",
            "NO9386011117947",
        ],
        &[
            "DE89370400440532013001",
            "9B82WEST12345698765432",
            "XX82WEST12345698765432",
            "GB82west12345698765432",
            "DE89370400",
            "DE",
            "",
        ],
    );
    tell(
        Check::PositionInSequence,
        &["1/1", "2/3", "9/9"],
        &[
            "3/2", "0/1", "1/0", "1//", "/12", "12/", "123", "01/2", "1/2/3",
        ],
    );
    tell(
        Check::PieceOfTotal,
        &["0101", "0199", "9999"],
        &["0001", "0100", "0201", "0000"],
    );
    tell(
        Check::Base64Padding,
        &["", "1", "12", "123", "12=", "1=="],
        &["=", "===", "123=", "1=2"],
    );
}

#[test]
fn plain_rules() {
    tell(
        Check::CompanyPrefix,
        &["1234", "1234A"],
        &["123", "123A", "A234", ""],
    );
    tell(Check::NonZero, &["0001"], &["0000"]);
    tell(Check::Zero, &["0"], &["1"]);
    tell(
        Check::Latitude,
        &["0000000000", "1800000000"],
        &["1800000001"],
    );
    tell(
        Check::Longitude,
        &["0000000000", "3600000000"],
        &["3600000001"],
    );
    tell(Check::Hyphens, &["-"], &["+", "1"]);
    tell(Check::NoLeadingZero, &["1", "10"], &["0", "01"]);
    tell(Check::HasNonDigit, &["12A4"], &["1234"]);
    tell(
        Check::ImporterIndex,
        &["a", "Z", "0", "-", "_"],
        &["/", "!"],
    );
}

#[test]
fn coupons() {
    // Prefix 123456, offer 123456, save 1 digit, requirement 1 digit code 0 family 123.
    let plain = "012345612345611110123";
    // Rules code 0 and a second purchase with the same prefix, a third one with its own, and the rest.
    let all = format!("{plain}101101239211012301234563261231426010150123456611234567901 01");
    let all = all.replace(' ', "");
    let with = |tail: &str| format!("{plain}{tail}");
    let reversed = with("32601014261231");
    let second = with("13110");
    tell(
        Check::Coupon,
        &[plain, &all, &with("3261231"), &with("4260101")],
        &[
            "",
            "7",
            "01234561234561111012",
            "0123456123456",
            "01234561234560",
            "012345612345611115123",
            "01234561234561111012A",
            &second,
            &reversed,
            &with("3261301"),
            &with("3260100"),
            &with("7"),
            &with("60123456"),
            &with("93"),
            &with("9010"),
            &with("90102"),
        ],
    );
    tell(
        Check::PositiveOffer,
        &["001234561234560123456", "101234561234560123456"],
        &[
            "",
            "201234561234560123456",
            "07",
            "00123456123456",
            "0012345612345601234567",
            "00123456123456012345",
            "0012345612345601234A6",
        ],
    );
}
