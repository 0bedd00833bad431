//! Element strings: a table of good and bad ones, and properties.

use proptest::prelude::*;

use super::*;

fn pairs(data: &str) -> Result<Vec<(String, String)>, ElementError> {
    let elements = parse_element_string(data)?;
    Ok(elements
        .into_iter()
        .map(|element| (element.ai.to_string(), element.value))
        .collect())
}

fn check(data: &str, expected: &[(&str, &str)]) {
    let expected = expected
        .iter()
        .map(|(ai, value)| (ai.to_string(), value.to_string()))
        .collect();
    assert_eq!(pairs(data), Ok(expected), "{data:?}");
}

const GTIN: (&str, &str) = ("01", "09506000134352");

#[test]
fn separators_are_where_they_are_allowed() {
    check("0109506000134352", &[GTIN]);
    check("0109506000134352\x1d", &[GTIN]);
    check("\x1d0109506000134352", &[GTIN]);
    check(
        "010950600013435210A1\x1d21S-1",
        &[GTIN, ("10", "A1"), ("21", "S-1")],
    );
    check(
        "0109506000134352\x1d10A1\x1d21S-1\x1d",
        &[GTIN, ("10", "A1"), ("21", "S-1")],
    );
    check(
        "010950600013435217261200\x1d37000012",
        &[GTIN, ("17", "261200"), ("37", "000012")],
    );
}

#[test]
fn a_lost_separator_is_never_invented() {
    // What a scanner without GS delivers: the lot takes the serial in, as it stands.
    check("010950600013435210A121S-1", &[GTIN, ("10", "A121S-1")]);
    let swallowed = "0109506000134352".to_owned() + "10" + &"X".repeat(18) + "21S-1";
    let fault = Fault::TooLong { max: 20, has: 23 };
    assert_eq!(
        pairs(&swallowed),
        Err(ElementError::Value {
            ai: Ai::LOT,
            position: 18,
            fault
        })
    );
}

#[test]
fn a_repeated_identifier_must_agree_with_itself() {
    check("01095060001343520109506000134352", &[GTIN, GTIN]);
    let conflict = ElementError::Conflict {
        ai: Ai::LOT,
        position: 6,
    };
    assert_eq!(pairs("10A\x1d10B"), Err(conflict));
}

#[test]
fn faults_name_identifier_and_byte() {
    for (data, message) in [
        ("", "no element string: the data is empty"),
        ("\x1d", "no element string: the data is empty"),
        ("\x1d\x1d10A", "no application identifier at byte 1"),
        ("10A\x1d\x1d21B", "no application identifier at byte 4"),
        ("ABC", "no application identifier at byte 0"),
        ("0", "no application identifier at byte 0"),
        (
            "10A\x1d0401",
            "application identifier (04) at byte 4 is not assigned",
        ),
        ("10\x1d21A", "(10) at byte 2: the value is empty"),
        ("01", "(01) at byte 2: the value is empty"),
        (
            "0109506000134",
            "(01) at byte 2: the value has 11 characters, fewer than 14",
        ),
        (
            "01095060\x1d0013",
            "(01) at byte 2: the value has 6 characters, fewer than 14",
        ),
        (
            "01095060001343A2",
            "(01) at byte 14: the character is not one of digits",
        ),
        (
            "0109506000134353",
            "(01) at byte 2: the check digit is 3, it should be 2",
        ),
        (
            "10A B",
            "(10) at byte 3: the character is not one of GS1 character set 82",
        ),
        (
            "10A\u{e9}",
            "(10) at byte 3: the character is not one of GS1 character set 82",
        ),
        (
            "17261301",
            "(17) at byte 2: the value does not hold a date, written YYMMDD, where it should",
        ),
        (
            "37123456789",
            "(37) at byte 2: the value has 9 characters, more than 8; is a separator missing?",
        ),
        ("10A\x1d10B", "(10) at byte 6 contradicts an earlier (10)"),
    ] {
        assert_eq!(pairs(data).unwrap_err().to_string(), message, "{data:?}");
    }
}

#[test]
fn serde_checks_what_it_reads() {
    let element = Element::new(Ai::GTIN, "09506000134352").unwrap();
    let json = serde_json::to_string(&element).unwrap();
    assert_eq!(json, r#"["01","09506000134352"]"#);
    assert_eq!(serde_json::from_str::<Element>(&json).unwrap(), element);
    for bad in [
        r#"["01","09506000134353"]"#,
        r#"["1","x"]"#,
        r#"["0a","x"]"#,
    ] {
        assert!(serde_json::from_str::<Element>(bad).is_err(), "{bad}");
    }
}

/// Values of each identifier, right by construction.
fn element() -> impl Strategy<Value = (Ai, String)> {
    let key = |digits: u32| {
        (0..10_u64.pow(digits - 1)).prop_map(move |body| {
            let check = crate::digits::check_digit(body);
            format!("{:01$}", body * 10 + check, digits as usize)
        })
    };
    let date =
        (0..100_u32, 1..=12_u32, 0..=28_u32).prop_map(|(y, m, d)| format!("{y:02}{m:02}{d:02}"));
    let text = r#"[!"%-?A-Z_a-z]{1,20}"#;
    prop_oneof![
        key(18).prop_map(|value| (Ai::SSCC, value)),
        key(14).prop_map(|value| (Ai::GTIN, value)),
        text.prop_map(|value| (Ai::LOT, value)),
        date.prop_map(|value| (Ai::EXPIRY, value)),
        text.prop_map(|value| (Ai::SERIAL, value)),
        "[0-9]{1,8}".prop_map(|value| (Ai::COUNT, value)),
    ]
}

fn distinct_elements() -> impl Strategy<Value = Vec<(Ai, String)>> {
    prop::collection::vec(element(), 1..6).prop_map(|mut elements| {
        let mut seen = Vec::new();
        elements.retain(|(ai, _)| {
            !seen.contains(ai) && {
                seen.push(*ai);
                true
            }
        });
        elements
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(elements in distinct_elements(), always_separate: bool) {
        let mut data = String::new();
        for (ai, value) in &elements {
            data += ai.as_str();
            data += value;
            if always_separate || !ai.spec().unwrap().predefined {
                data.push('\x1d');
            }
        }
        let read = parse_element_string(&data).unwrap();
        let read: Vec<(Ai, String)> = read.into_iter().map(Into::into).collect();
        prop_assert_eq!(read, elements);
        for cut in 0..data.len() {
            let _ = parse_element_string(data.as_bytes().get(..cut).unwrap());
        }
    }

    #[test]
    fn no_bytes_panic(data: Vec<u8>) {
        let _ = parse_element_string(&data);
    }

    #[test]
    fn no_near_miss_panics(data in "[0-3]{2}[0-9A\x1d]{0,30}") {
        let _ = parse_element_string(&data);
    }
}
