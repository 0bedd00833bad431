//! HIBC data of every form.

use proptest::prelude::*;

use super::*;

/// With its check character put behind it: primary, then what else is known.
fn read(body: &str) -> String {
    let check = check_character(body.as_bytes()).unwrap_or('?');
    match parse_hibc(format!("{body}{check}").as_bytes()) {
        Ok(hibc) => describe(&hibc),
        Err(error) => error.to_string(),
    }
}

fn describe(hibc: &Hibc) -> String {
    let mut parts = Vec::new();
    if let Some(primary) = &hibc.primary {
        parts.push(format!(
            "{} {} {}",
            primary.labeler, primary.product, primary.unit_of_measure
        ));
    }
    parts.extend(hibc.link.map(|link| format!("link {link}")));
    parts.extend(hibc.lot.iter().map(|lot| format!("lot {lot}")));
    parts.extend(hibc.serial.iter().map(|serial| format!("serial {serial}")));
    parts.extend(hibc.quantity.map(|quantity| format!("quantity {quantity}")));
    parts.extend(hibc.expiry.map(|date| format!("expiry {date}")));
    parts.extend(hibc.manufactured.map(|date| format!("made {date}")));
    parts.join(", ")
}

#[test]
fn forms_of_data() {
    for (body, expected) in [
        ("+A123BJC5D6E71", "A123 BJC5D6E7 1"),
        (
            "+A1231X",
            "the primary data must be a letter and three letters or digits, a product of 1 to 18 letters or digits, and a unit of measure",
        ),
        ("+A123X1/$LOT1", "A123 X 1, lot LOT1"),
        ("+A123X1/$+S1", "A123 X 1, serial S1"),
        ("+A123X1/26254LOT", "A123 X 1, lot LOT, expiry 2026-09-11"),
        ("+A123X1/$$0926LOT", "A123 X 1, lot LOT, expiry 2026-09"),
        (
            "+A123X1/$$2091126LOT",
            "A123 X 1, lot LOT, expiry 2026-09-11",
        ),
        (
            "+A123X1/$$3260911LOT",
            "A123 X 1, lot LOT, expiry 2026-09-11",
        ),
        (
            "+A123X1/$$426091113LOT",
            "A123 X 1, lot LOT, expiry 2026-09-11T13",
        ),
        (
            "+A123X1/$$526254LOT",
            "A123 X 1, lot LOT, expiry 2026-09-11",
        ),
        (
            "+A123X1/$$62625413LOT",
            "A123 X 1, lot LOT, expiry 2026-09-11T13",
        ),
        ("+A123X1/$$7LOT", "A123 X 1, lot LOT"),
        (
            "+A123X1/$$8243260911LOT",
            "A123 X 1, lot LOT, quantity 24, expiry 2026-09-11",
        ),
        (
            "+A123X1/$$9000240926",
            "A123 X 1, quantity 24, expiry 2026-09",
        ),
        (
            "+A123X1/$$+3260911S1",
            "A123 X 1, serial S1, expiry 2026-09-11",
        ),
        (
            "+A123X1/$$3260911L/S9/16D20250101/14D20261231/Q5",
            "A123 X 1, lot L, serial 9, quantity 5, expiry 2026-12-31, made 2025-01-01",
        ),
        ("+$$3260911LOTC", "link C, lot LOT, expiry 2026-09-11"),
        ("+$LOT/", "link /, lot LOT"),
        ("+26254LOTX", "link X, lot LOT, expiry 2026-09-11"),
    ] {
        assert_eq!(read(body), expected, "{body}");
    }
}

#[test]
fn refusals_say_why() {
    for (body, why) in [
        ("+A123", "the primary data must be a letter"),
        ("+-123X1", "the primary data must be a letter"),
        ("+A12-X1", "the primary data must be a letter"),
        (
            "+A12312345678901234567890",
            "the primary data must be a letter",
        ),
        ("+A123X1/", "the secondary data at byte 8 is not a date"),
        (
            "+A123X1/$$1326L",
            "the secondary data at byte 8 is not a date",
        ),
        (
            "+A123X1/$$3260230L",
            "the secondary data at byte 8 is not a date",
        ),
        (
            "+A123X1/$$526366L",
            "the secondary data at byte 8 is not a date",
        ),
        (
            "+A123X1/$$ABC",
            "the secondary data at byte 8 is not a date behind $$",
        ),
        (
            "+A123X1/$$8A",
            "the secondary data at byte 8 is not a quantity",
        ),
        (
            "+A123X1/$1234567890123456789",
            "the secondary data at byte 8 is not a lot or serial number",
        ),
        (
            "+A123X1/$L/16D2025",
            "the secondary data at byte 11 is not a date of manufacture",
        ),
        (
            "+A123X1/$L/99X",
            "the secondary data at byte 11 is not a supplement",
        ),
    ] {
        let found = read(body);
        assert!(found.starts_with(why), "{body}: {found}");
    }
    let raw = |data: &str| parse_hibc(data.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        raw("A123X1"),
        "not HIBC data: it must start with + and end with a check character"
    );
    assert_eq!(raw("+A123X1a"), "byte 7 is not a character of HIBC");
    assert_eq!(raw("+A123x1A"), "byte 5 is not a character of HIBC");
    let check = check_character(b"+A123X1").unwrap();
    assert_eq!(
        raw("+A123X1%"),
        format!("the check character is %, it should be {check}")
    );
}

proptest! {
    #[test]
    fn nothing_panics(body in "\\+[A-Z]?[0-9A-Z$/+.]{0,24}") {
        let _ = read(&body);
        let _ = parse_hibc(body.as_bytes());
    }

    #[test]
    fn one_wrong_character_is_seen(body in "\\+[A-Z][0-9A-Z]{4,12}[0-9]", place in 1usize..20, other in 0usize..43) {
        let check = check_character(body.as_bytes()).unwrap();
        let mut data = format!("{body}{check}").into_bytes();
        let place = place % data.len();
        let wrong = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"[other];
        prop_assume!(place > 0 && data[place] != wrong);
        data[place] = wrong;
        prop_assert!(parse_hibc(&data).is_err());
    }
}
