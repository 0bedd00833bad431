//! Scans by carrier, by setting and by content.

use proptest::prelude::*;

use super::*;

fn options(unidentified: Unidentified) -> ScanOptions {
    ScanOptions {
        unidentified,
        ..ScanOptions::default()
    }
}

/// `"(01)…(10)…"` for GS1 content, `"plain …"` otherwise, the error's text for a refusal.
fn read(raw: &[u8], options: &ScanOptions) -> String {
    match parse_scan(raw, options) {
        Ok(Scan {
            content: ScanContent::Plain,
            data,
            ..
        }) => format!("plain {data}"),
        Ok(Scan {
            content: ScanContent::Gs1(elements),
            ..
        }) => elements
            .iter()
            .map(|element| format!("({}){}", element.ai(), element.value()))
            .collect(),
        Ok(Scan { content, .. }) => match content {
            ScanContent::Message(_) => "message".to_owned(),
            ScanContent::Hibc(_) => "hibc".to_owned(),
            ScanContent::Code(_) => "code".to_owned(),
            _ => "else".to_owned(),
        },
        Err(ScanError::Gs1 { source, .. }) => source.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_identifier_decides() {
    for options in [
        Unidentified::Plain,
        Unidentified::Gs1,
        Unidentified::Refused,
    ]
    .map(options)
    {
        for (raw, expected) in [
            ("]C1010950600013435210A1", "(01)09506000134352(10)A1"),
            ("]C0010950600013435210A1", "plain 010950600013435210A1"),
            ("]d1WO00012345", "plain WO00012345"),
            ("]J0", "plain "),
            ("]C1", "no element string: the data is empty"),
            ("]C1WO1", "no application identifier at byte 0"),
            (
                "]C1\x1d0109506000134352",
                "no application identifier at byte 0",
            ),
            ("]E04012345484922", "(01)04012345484922"),
            ("]E00365553453605", "(01)00365553453605"),
            ("]E475238254", "(01)00000075238254"),
            (
                "]E04600051289216|]e010A1\x1d21B",
                "(01)04600051289216(10)A1(21)B",
            ),
            (
                "]E04600051289216|]e00104600051289216",
                "(01)04600051289216(01)04600051289216",
            ),
            (
                "]E04600051289216|]e00109506000134352",
                "(01) at byte 17 contradicts an earlier (01)",
            ),
            ("]E04600051289216|x", "no application identifier at byte 14"),
            (
                "]E04600051289216|]e0",
                "no element string: the data is empty",
            ),
            (
                "]E0123456789012",
                "(01) at byte 0: the value has 12 characters, fewer than 13",
            ),
            (
                "]E475238255",
                "(01) at byte 0: the check digit is 5, it should be 4",
            ),
            (
                "]E4752x8254",
                "(01) at byte 3: the character is not one of digits",
            ),
            ("", "the scan is empty"),
        ] {
            assert_eq!(read(raw.as_bytes(), &options), expected, "{raw:?}");
        }
    }
}

#[test]
fn without_identifier_the_feed_decides() {
    for (raw, expected) in [
        ("\x1d010950600013435210A1", "(01)09506000134352(10)A1"),
        ("10A1", "(10)A1"),
        ("4012345484922", "(01)04012345484922"),
        ("123456789012", "(01)00123456789012"),
        ("75238254", "(01)00000075238254"),
        ("80614141123458", "(01)80614141123458"),
        (
            "02345673",
            "(02) at byte 2: the value has 6 characters, fewer than 14",
        ),
        // Lot 123454 or EAN-8 10123454: both hold, so neither is taken.
        (
            "10123454",
            "the digits may be a GTIN or an element string; only a symbology identifier can tell",
        ),
        ("10123453", "(10)123453"),
        // A consignment number (401) as far as the data tells: the check digit is no EAN-13's.
        ("4012345484923", "(401)2345484923"),
    ] {
        assert_eq!(
            read(raw.as_bytes(), &options(Unidentified::Gs1)),
            expected,
            "{raw:?}"
        );
        assert_eq!(
            read(raw.as_bytes(), &options(Unidentified::Plain)),
            format!("plain {raw}")
        );
    }
}

#[test]
fn data_in_another_encoding_is_kept() {
    assert_eq!(
        read(b"]X0Gr\xfc\xdfe", &options(Unidentified::Plain)),
        "plain Gr\u{fc}\u{df}e"
    );
    assert_eq!(
        read("]X0Grüße".as_bytes(), &options(Unidentified::Plain)),
        "plain Grüße"
    );
}

#[test]
fn the_identifier_is_kept() {
    let scan = parse_scan(b"]d2010950600013435221A", &options(Unidentified::Plain)).unwrap();
    assert_eq!(scan.aim.unwrap().to_string(), "]d2");
    assert_eq!(scan.data, "010950600013435221A");
    let identity = scan.identity().unwrap();
    assert_eq!(
        identity.instance_uri().unwrap(),
        "https://id.gs1.org/01/09506000134352/21/A"
    );
    assert_eq!(
        parse_scan(b"]d210A", &options(Unidentified::Plain))
            .unwrap()
            .identity(),
        None
    );
}

#[test]
fn carriers_without_meaning_leave_it_to_the_data() {
    let plain = options(Unidentified::Plain);
    for (raw, expected) in [
        (
            "]Q1https://a/01/09506000134352/21/S",
            "(01)09506000134352(21)S",
        ),
        ("]C0HTTP://a/01/09506000134352", "(01)09506000134352"),
        ("https://a/01/09506000134352", "(01)09506000134352"),
        (
            "]Q1HtTps://a/01/09506000134352",
            "plain HtTps://a/01/09506000134352",
        ),
        (
            "]Q1https://example.com/menu",
            "the scan is a web address and no GS1 Digital Link",
        ),
        ("]L0[)>\x1e06\x1dP1\x1e\x04", "message"),
        ("[)>\x1e", "the scan is not a valid ISO/IEC 15434 message"),
        ("]A0+PRFBWIV2T6M", "hibc"),
        ("+PRFBWIV2T6M", "hibc"),
        ("]A0+PRFBWIV2T6X", "the scan is not valid HIBC data"),
        ("+PRFBWIV2T6X", "plain +PRFBWIV2T6X"),
        ("]I109506000134352", "(01)09506000134352"),
        ("]I109506000134353", "plain 09506000134353"),
        ("]I1123456", "plain 123456"),
        ("]c1ABC", "plain ABC"),
    ] {
        assert_eq!(read(raw.as_bytes(), &plain), expected, "{raw:?}");
    }
}

#[test]
fn a_feed_may_demand_identifiers() {
    let refused = options(Unidentified::Refused);
    let why = "there is no symbology identifier that says what was read; switch AIM identifiers on at the scanner";
    for (raw, expected) in [
        ("ABC", why),
        ("]", why),
        ("]X0ABC", why),
        ("0109506000134352", why),
        ("https://a/01/09506000134352", why),
        ("+PRFBWIV2T6X", "the scan is not valid HIBC data"),
        ("+PRFBWIV2T6M", "hibc"),
        ("[)>\x1e06\x1dP1\x1e\x04", "message"),
        ("]C0ABC", "plain ABC"),
    ] {
        assert_eq!(read(raw.as_bytes(), &refused), expected, "{raw:?}");
    }
}

#[test]
fn a_lost_separator_may_have_a_substitute() {
    let with = |substitutes: &[&str]| ScanOptions {
        gs_substitutes: substitutes.iter().map(ToString::to_string).collect(),
        unidentified: Unidentified::Gs1,
        ..ScanOptions::default()
    };
    let expected = "(01)09506000134352(10)L(21)S";
    for substitute in ["^", "~", "|", "<GS>", "{GS}", "Alt+029", "\u{241d}"] {
        let options = with(&["#", substitute, ""]);
        for start in ["]C1", "", substitute] {
            let raw = format!("{start}010950600013435210L{substitute}21S{substitute}");
            assert_eq!(read(raw.as_bytes(), &options), expected, "{raw}");
        }
        // Not configured, it is what it is: no character of a value, or part of the lot.
        let raw = format!("]C1010950600013435210L{substitute}21S");
        assert_ne!(read(raw.as_bytes(), &with(&[])), expected, "{raw}");
    }
    let composite = with(&["|"]);
    assert_eq!(
        read(b"]E04600051289216|]e010A1|21B", &composite),
        "(01)04600051289216(10)A1(21)B"
    );
}

#[test]
fn unknown_identifiers_are_kept_on_request() {
    let keep = ScanOptions {
        keep_unknown_ais: true,
        ..ScanOptions::default()
    };
    let raw = b"]d2010950600013435205X/\x1d10L";
    assert_eq!(
        read(raw, &ScanOptions::default()),
        "application identifier (05) at byte 16 is not assigned"
    );
    let scan = parse_scan(raw, &keep).unwrap();
    assert_eq!(read(raw, &keep), "(01)09506000134352(10)L");
    let [ScanWarning::UnknownAi(unknown)] = &scan.warnings[..] else {
        panic!("{:?}", scan.warnings)
    };
    assert_eq!((unknown.ai.as_str(), unknown.value.as_str()), ("05", "X/"));
    assert_eq!(
        scan.warnings[0].to_string(),
        "application identifier (05) at byte 16 is not assigned"
    );
}

#[test]
fn relationships_are_warnings() {
    for (raw, warnings) in [
        ("]C1010950600013435210L", vec![]),
        (
            "]C110L",
            vec!["(10) needs (01) or (02) or (03) or (8006) or (8026), which is not in this scan"],
        ),
        (
            "]C101095060001343523712",
            vec![
                "(01) must not stand beside (37)",
                "(37) needs (00), which is not in this scan",
                "(37) needs (02) or (8026), which is not in this scan",
            ],
        ),
        (
            "]C101095060001343523100000001\x1d3102000001",
            vec!["(3100) must not stand beside (3102)"],
        ),
        (
            "]C18041123456789012345\x1d0109506000134352",
            vec!["(8041) needs (01) with (21) with (8040), which is not in this scan"],
        ),
        ("]L0[)>06\x1dP1\x1e\x04", vec!["first RS missing"]),
    ] {
        let scan = parse_scan(raw.as_bytes(), &ScanOptions::default());
        let scan = scan.unwrap_or_else(|error| panic!("{raw:?}: {error:?}"));
        let found: Vec<String> = scan.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(found, warnings, "{raw:?}");
    }
}

#[test]
fn patterns_read_what_is_the_plants_own() {
    let options = ScanOptions {
        patterns: vec![
            PlainPattern::new("order", r"WO(?<order>\d+)").unwrap(),
            PlainPattern::new("tool", r"\+T(?<tool>\d+)").unwrap(),
        ],
        unidentified: Unidentified::Refused,
        ..ScanOptions::default()
    };
    for raw in ["WO12", "]C0WO12", "]A0+T12", "+T12"] {
        assert_eq!(read(raw.as_bytes(), &options), "code", "{raw}");
    }
    let scan = parse_scan(b"]C0WO12", &options).unwrap();
    assert_eq!(
        scan.thing().unwrap().uri().unwrap(),
        "tracegate:plain/order/order/12"
    );
    assert_eq!(
        read(b"]C1WO12", &options),
        "no application identifier at byte 0",
        "the carrier says GS1"
    );
}

#[test]
fn tag_barcode_and_mark_of_one_item_are_one_thing() {
    let uri = |raw: &[u8]| {
        let scan = parse_scan(raw, &ScanOptions::default()).unwrap();
        scan.thing().unwrap().uri().unwrap()
    };
    let item = "https://id.gs1.org/01/09506000134352/21/S1";
    for raw in [
        &b"]d2010950600013435221S1"[..],
        b"]C110L\x1d21S1\x1d0109506000134352",
        b"]Q1https://example.com/x/01/09506000134352/10/L/21/S1",
        b"]d1[)>\x1e05\x1d0109506000134352\x1d21S1\x1e\x04",
    ] {
        assert_eq!(uri(raw), item);
    }
}

proptest! {
    #[test]
    fn nothing_panics(raw in r"(\][A-Za-z][0-9])?(\[\)>|\+|https://a/)?[0-4A|/$\x1d\x1e\x04\]]{0,24}", setting in 0..3) {
        let unidentified = match setting {
            0 => Unidentified::Plain,
            1 => Unidentified::Gs1,
            _ => Unidentified::Refused,
        };
        let mut options = options(unidentified);
        options.gs_substitutes = vec!["|".to_owned()];
        options.keep_unknown_ais = setting == 1;
        if let Ok(scan) = parse_scan(raw.as_bytes(), &options) {
            let _ = (scan.thing(), scan.udi());
        }
    }
}
