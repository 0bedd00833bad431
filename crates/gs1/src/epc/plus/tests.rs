//! '+' and '++' schemes: encodings of every kind, refusals, properties.

use proptest::prelude::*;

use super::super::{EpcBinary, TagIdentity, bits::Bits, decode, decode_bank};
use super::*;

fn element(ai: &str, value: &str) -> Element {
    let ai = Ai::from_digits(ai.as_bytes()).unwrap();
    Element::new(ai, value).unwrap_or_else(|error| panic!("({ai}){value}: {error}"))
}

fn elements(list: &[(&str, &str)]) -> Vec<Element> {
    list.iter().map(|(ai, value)| element(ai, value)).collect()
}

/// Bits from `(value, width)` fields.
fn memory(fields: &[(u64, usize)]) -> EpcBinary {
    let mut bits = BitWriter::default();
    for &(value, width) in fields {
        bits.push(value, width);
    }
    let (bytes, bit_len) = bits.into_words();
    EpcBinary { bytes, bit_len }
}

fn decoded(fields: &[(u64, usize)]) -> Result<String, EpcError> {
    let binary = memory(fields);
    decode(&binary.bytes, binary.bit_len).map(|epc| epc.element_string().unwrap())
}

/// SGTIN+ with the GTIN of the TDS examples, then `serial`.
fn sgtin(serial: &[(u64, usize)]) -> Result<String, EpcError> {
    let mut fields = vec![(0xF7, 8), (3, 4), (0x0079_5211_4112_3453, 56)];
    fields.extend(serial);
    decoded(&fields)
}

#[test]
fn every_encoding_indicator_that_fits_is_read() {
    let text = |serial: &str| Ok(format!("(01)79521141123453(21){serial}"));
    for (serial, value) in [
        // The digits 007 in each alphabet that has them.
        (&[(0, 3), (3, 5), (7, 10)][..], "007"),
        (&[(1, 3), (3, 5), (0x007, 12)], "007"),
        (&[(2, 3), (3, 5), (0x007, 12)], "007"),
        (&[(3, 3), (3, 5), (52, 6), (52, 6), (59, 6)], "007"),
        (&[(4, 3), (3, 5), (0x30, 7), (0x30, 7), (0x37, 7)], "007"),
        (&[(5, 3), (3, 5), (30 * 1600 + 30 * 40 + 37 + 1, 16)], "007"),
        (&[(5, 3), (1, 5), (1600 + 1, 16)], "A"),
        (&[(1, 3), (2, 5), (0xAF, 8)], "AF"),
        (&[(2, 3), (2, 5), (0xAF, 8)], "af"),
        // Twenty digits: more than 64 bits.
        (
            &[(0, 3), (20, 5), (0x5, 3), (0x6BC7_5E2D_630F_FFFF, 64)],
            "99999999999999999999",
        ),
    ] {
        assert_eq!(sgtin(serial), text(value), "{value}");
    }
}

#[test]
fn what_an_encoding_cannot_make_is_refused() {
    let ai = Ai::SERIAL;
    let encoding = Err(EpcError::Encoding { ai });
    for (serial, error) in [
        (
            &[(6, 3), (1, 5), (0, 7)][..],
            Err(EpcError::Indicator { ai, indicator: 6 }),
        ),
        (
            &[(7, 3), (1, 5), (0, 7)],
            Err(EpcError::Indicator { ai, indicator: 7 }),
        ),
        (&[(4, 3), (0, 5)], Err(EpcError::EmptyText(Field::Serial))),
        (&[(4, 3), (21, 5)], encoding.clone()),
        // 1000 in the bits of three digits.
        (&[(0, 3), (3, 5), (1000, 10)], encoding.clone()),
        // No three characters; a space inside; characters beyond the length.
        (&[(5, 3), (3, 5), (0, 16)], encoding.clone()),
        (&[(5, 3), (3, 5), (64_001, 16)], encoding.clone()),
        (&[(5, 3), (3, 5), (1600 + 2, 16)], encoding.clone()),
        (&[(5, 3), (1, 5), (1600 + 40 + 1, 16)], encoding.clone()),
        (
            &[(4, 3), (1, 5), (0x41, 7), (1, 1)],
            Err(EpcError::AfterEnd),
        ),
    ] {
        assert_eq!(sgtin(serial), error);
    }
    let space = sgtin(&[(4, 3), (1, 5), (0x20, 7)]);
    assert!(
        matches!(space, Err(EpcError::Value { ai: Ai::SERIAL, .. })),
        "{space:?}"
    );
    let cut = sgtin(&[(4, 3), (2, 5), (0x41, 7)]);
    assert!(
        matches!(cut, Err(EpcError::TooShort { needs: 90, .. })),
        "{cut:?}"
    );
    // A digit above 9 and a wrong check digit.
    for (gtin, digit) in [
        (0x0079_5211_4112_345A, true),
        (0x0079_5211_4112_3454, false),
    ] {
        let result = decoded(&[(0xF7, 8), (3, 4), (gtin, 56), (0, 3), (1, 5), (1, 4)]);
        match result {
            Err(EpcError::Digit { digit: 0xA, .. }) => assert!(digit),
            Err(EpcError::Value { ai: Ai::GTIN, .. }) => assert!(!digit),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn dates_lead_and_are_checked() {
    let date = |date_type, year, month, day| {
        decoded(&[
            (0xFB, 8),
            (3, 4),
            (date_type, 4),
            (year, 7),
            (month, 4),
            (day, 5),
            (0x0079_5211_4112_3453, 56),
            (0, 3),
            (1, 5),
            (1, 4),
        ])
    };
    for (date_type, ai) in ["11", "13", "15", "16", "17", "7006", "7007"]
        .iter()
        .enumerate()
    {
        let expected = format!("(01)79521141123453(21)1({ai})220630");
        assert_eq!(date(date_type as u64, 22, 6, 30), Ok(expected));
    }
    for date_type in 7..16 {
        let error = Err(EpcError::DateType(date_type));
        assert_eq!(date(date_type.into(), 22, 6, 30), error);
    }
    for (year, month, day) in [(22, 0, 1), (22, 13, 1), (22, 6, 31), (100, 6, 1)] {
        assert!(date(4, year, month, day).is_err(), "{year}-{month}-{day}");
    }
}

#[test]
fn delimited_references() {
    let giai = |fields: &[(u64, usize)]| {
        let mut all = vec![(0xFA, 8), (3, 4)];
        all.extend(fields);
        decoded(&all)
    };
    let text = |value: &str| Ok(format!("(8004){value}"));
    let ai = Ai::GIAI;
    assert_eq!(giai(&[(0x9521_1415, 32), (0xF, 4)]), text("95211415"));
    let thirty = [(0x0123_4567_8901_2345, 60), (0x0123_4567_8901_2345, 60)];
    let [high, low] = thirty;
    assert_eq!(
        giai(&[high, low, (0xF, 4)]),
        text(&"123456789012345".repeat(2))
    );
    for (fields, error) in [
        // A digit too many; a digit that is none; a delimiter with nothing behind it.
        (
            &[high, low, (1, 4), (0xF, 4)][..],
            EpcError::Encoding { ai },
        ),
        (&[(0x1234, 16), (0xA, 4)], EpcError::Digit { ai, digit: 10 }),
        (
            &[(0x1234, 16), (0xE, 4), (4, 3), (0, 5)],
            EpcError::Encoding { ai },
        ),
        (
            &[high, low, (0xE, 4), (4, 3), (1, 5), (0x41, 7)],
            EpcError::Encoding { ai },
        ),
        (&[(0xF, 4)], EpcError::EmptyText(Field::Serial)),
    ] {
        assert_eq!(giai(fields), Err(error));
    }
}

#[test]
fn aidc_data_of_every_kind() {
    let key = ("00", "095201234567891235");
    for (ai, value) in [
        ("01", "79521141123453"),
        ("10", "A1-b/c"),
        ("11", "251130"),
        ("17", "260200"),
        ("20", "07"),
        ("235", "third-party"),
        ("242", "123456"),
        ("253", "9521141123454"),
        ("253", "95211411234545678"),
        ("255", "9521141678909"),
        ("30", "00042"),
        ("3103", "000123"),
        ("3912", "978000123"),
        ("3920", "123456789012345"),
        ("400", "PO-4711"),
        ("402", "95211411234567892"),
        ("410", "9521141123454"),
        ("421", "276D-12345"),
        ("422", "840"),
        ("423", "276056"),
        ("4307", "DE"),
        ("4309", "02790858483015297971"),
        ("4321", "1"),
        ("4324", "2511302359"),
        ("4331", "001234-"),
        ("4331", "001234"),
        ("7003", "2511302359"),
        ("7007", "251130"),
        ("7007", "251101251130"),
        ("7011", "251130"),
        ("7011", "2511301200"),
        ("7023", "9521141AB12"),
        ("7030", "276AB12"),
        ("7241", "02"),
        ("7252", "1"),
        ("7258", "1/3"),
        ("8008", "25113012"),
        ("8008", "2511301259"),
        ("8008", "251130125959"),
        ("8011", "4711"),
        ("91", "ninety"),
        (
            "99",
            "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
        ),
    ] {
        let list = elements(&[key, (ai, value)]);
        let epc = Epc::from_elements(Scheme::SsccPlus, 2, 0, &list, None)
            .unwrap_or_else(|error| panic!("({ai}){value}: {error}"));
        assert_eq!(epc.elements(), list);
        let binary = epc.to_binary();
        assert_eq!(decode(&binary.bytes, binary.bit_len), Ok(epc.clone()));
        // Zeros behind it are padding; anything else is not.
        let mut longer = binary.bytes.clone();
        longer.extend([0; 12]);
        assert_eq!(
            decode(&longer, longer.len() * 8),
            Ok(epc.clone()),
            "({ai}){value}"
        );
        longer.extend([0xFF; 2]);
        assert!(decode(&longer, longer.len() * 8).is_err());
        assert_eq!(
            epc.instance_uri(),
            "https://id.gs1.org/00/095201234567891235"
        );
    }
}

#[test]
fn aidc_data_that_is_none() {
    let with = |fields: &[(u64, usize)]| {
        let mut all = vec![(0xF9, 8), (0b1011, 4)];
        all.extend([(0x0952_0123_4567_8912, 64), (0x35, 8)]);
        all.extend(fields);
        decoded(&all)
    };
    assert_eq!(with(&[]), Ok("(00)095201234567891235".to_owned()));
    assert_eq!(
        with(&[(0x37, 8), (1, 4), (7, 4)]),
        Ok("(00)095201234567891235(37)7".to_owned())
    );
    let no_ai = Err(EpcError::NoAi { bit: 84 });
    for (fields, error) in [
        // Unassigned, known but not for tags, no digits, cut, repeated.
        (&[(0x18, 8), (1, 16)][..], no_ai.clone()),
        (&[(0x03, 8), (1, 64)], no_ai.clone()),
        (&[(0xA7, 8), (1, 16)], no_ai.clone()),
        (&[(0x1A, 8), (1, 16)], no_ai.clone()),
        (&[(0x31, 8)], no_ai.clone()),
        (&[(1, 3)], no_ai),
        (
            &[(0x37, 8), (1, 4), (7, 4), (0x37, 8), (1, 4), (7, 4)],
            Err(EpcError::Repeated { ai: Ai::COUNT }),
        ),
        (
            &[(0x37, 8), (9, 4), (7, 30)],
            Err(EpcError::Encoding { ai: Ai::COUNT }),
        ),
    ] {
        let result = with(fields);
        assert_eq!(result, error);
    }
    assert!(matches!(
        with(&[(0x37, 8), (8, 4)]),
        Err(EpcError::TooShort { .. })
    ));
    // Data that no bit announces.
    let silent = decoded(&[
        (0xF9, 8),
        (3, 4),
        (0x0952_0123_4567_8912, 64),
        (0x35, 8),
        (0x37, 8),
    ]);
    assert_eq!(silent, Err(EpcError::AfterEnd));
}

#[test]
fn what_a_scheme_cannot_hold_is_refused() {
    let item = [("01", "79521141123453"), ("21", "7")];
    let build = |scheme, filter, list: &[(&str, &str)], host| {
        Epc::from_elements(scheme, filter, 7, &elements(list), host)
    };
    let wrong = |scheme| Err(EpcError::Elements { scheme });
    let plus = Scheme::SgtinPlus;
    assert!(build(plus, 7, &item, None).is_ok());
    assert_eq!(
        build(plus, 8, &item, None),
        Err(EpcError::UriFilter { max: 7 })
    );
    assert_eq!(build(plus, 0, &item[..1], None), wrong(plus));
    assert_eq!(build(plus, 0, &item, Some("a.de")), Err(EpcError::HostName));
    assert_eq!(
        build(Scheme::SgtinPlusPlus, 0, &item, None),
        Err(EpcError::HostName)
    );
    assert_eq!(
        build(Scheme::SgtinPlusPlus, 0, &item, Some("a_b")),
        Err(EpcError::HostName)
    );
    let dated = [item[0], item[1], ("17", "251231"), ("11", "250101")];
    let epc = build(Scheme::DsgtinPlus, 0, &dated, None).unwrap();
    assert_eq!(epc.elements(), elements(&dated));
    assert_eq!(
        build(Scheme::DsgtinPlus, 0, &item, None),
        wrong(Scheme::DsgtinPlus)
    );
    assert_eq!(
        build(Scheme::Sgtin96, 0, &dated, None),
        wrong(Scheme::Sgtin96)
    );
    assert_eq!(
        build(Scheme::GraiPlus, 0, &[("8003", "09521141123454")], None),
        Err(EpcError::EmptyText(Field::Serial))
    );
    assert_eq!(build(Scheme::Gid96, 0, &[], None), wrong(Scheme::Gid96));
    let prefix = Epc::from_elements(Scheme::Sgtin96, 0, 5, &elements(&item), None);
    assert_eq!(prefix, Err(EpcError::UriKey { needs: 13 }));
}

#[test]
fn the_key_of_the_scheme_is_the_key() {
    // Of a label with these, the GTIN would be the key: (21) belongs to it. The tag says SSCC.
    let list = [
        ("00", "095201234567891235"),
        ("01", "79521141123453"),
        ("21", "7"),
    ];
    let epc = Epc::from_elements(Scheme::SsccPlus, 0, 0, &elements(&list), None).unwrap();
    let sscc = "https://id.gs1.org/00/095201234567891235";
    assert_eq!(epc.instance_uri(), sscc);
    let identity = epc.identity().unwrap();
    assert_eq!(identity.instance_uri().as_deref(), Some(sscc));
    assert_eq!(identity.elements()[0].ai(), Ai::SSCC);
    // A serial number has no place in the link of an SSCC.
    assert_eq!(epc.digital_link(), None);
    let lot = [list[0], list[1], ("10", "L")];
    let epc = Epc::from_elements(Scheme::SsccPlus, 0, 0, &elements(&lot), None).unwrap();
    let link = format!("{sscc}?01=79521141123453&10=L");
    assert_eq!(epc.digital_link(), Some(link));
}

/// The elements of every '+' scheme, with its name.
fn plus_key() -> impl Strategy<Value = (&'static str, Vec<(String, String)>)> {
    let checked = |body: String| {
        let number: u64 = body.parse().unwrap();
        format!("{body}{}", crate::digits::check_digit(number))
    };
    let serial = |max: usize| {
        prop_oneof![
            prop::collection::vec(r#"[!"%-?A-Z_a-z]"#, 1..=max),
            prop::collection::vec("[0-9]", 1..=max),
            prop::collection::vec("[0-9A-F]", 1..=max),
            prop::collection::vec("[0-9a-f]", 1..=max),
            prop::collection::vec("[0-9A-Za-z_-]", 1..=max),
            prop::collection::vec("[0-9A-Z:.-]", 1..=max),
        ]
        .prop_map(|all| all.concat())
    };
    let body = |digits: usize| {
        let pattern: &'static str = match digits {
            12 => "[0-9]{12}",
            13 => "[0-9]{13}",
            _ => "[0-9]{17}",
        };
        pattern.prop_map(checked)
    };
    let own = |pairs: Vec<(&str, String)>| -> Vec<(String, String)> {
        pairs
            .into_iter()
            .map(|(ai, value)| (ai.to_owned(), value))
            .collect()
    };
    prop_oneof![
        (body(13), serial(20))
            .prop_map(move |(key, serial)| ("sgtin", own(vec![("01", key), ("21", serial)]))),
        (
            body(13),
            serial(20),
            "2[0-9](0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])"
        )
            .prop_map(move |(key, serial, date)| {
                (
                    "dsgtin",
                    own(vec![("01", key), ("21", serial), ("15", date)]),
                )
            }),
        body(17).prop_map(move |key| ("sscc", own(vec![("00", key)]))),
        (body(12), serial(20))
            .prop_map(move |(key, serial)| ("sgln", own(vec![("414", key), ("254", serial)]))),
        (body(12), serial(16)).prop_map(move |(key, serial)| (
            "grai",
            own(vec![("8003", format!("0{key}{serial}"))])
        )),
        ("[0-9]{7}", serial(23))
            .prop_map(move |(prefix, rest)| ("giai", own(vec![("8004", prefix + &rest)]))),
        body(17).prop_map(move |key| ("gsrn", own(vec![("8018", key)]))),
        body(17).prop_map(move |key| ("gsrnp", own(vec![("8017", key)]))),
        (body(12), serial(17))
            .prop_map(move |(key, serial)| ("gdti", own(vec![("253", key + &serial)]))),
        ("[0-9]{7}[0-9A-Z#/-]{1,23}", "[1-9][0-9]{0,11}").prop_map(move |(part, serial)| {
            ("cpi", own(vec![("8010", part), ("8011", serial)]))
        }),
        (body(12), "[0-9]{1,12}")
            .prop_map(move |(key, serial)| ("sgcn", own(vec![("255", key + &serial)]))),
        (body(13), serial(20)).prop_map(move |(key, serial)| (
            "itip",
            own(vec![("8006", key + "0299"), ("21", serial)])
        )),
    ]
}

proptest! {
    #[test]
    fn elements_come_back(
        (name, key) in plus_key(),
        filter in 0..8_u8,
        data in prop::collection::vec(prop_oneof![
            "[!-&]?[0-9A-Za-z]{1,19}".prop_map(|value| ("10", value.replace(['#', '$'], "."))),
            Just(("37", "12".to_owned())),
            Just(("7003", "2512312359".to_owned())),
            "[0-9]{1,90}".prop_map(|value| ("91", value)),
        ], 0..3),
        host in prop::option::of("[a-z][a-z0-9]{0,9}(\\.(com|de|co\\.uk|example|tech)){1,2}"),
    ) {
        let scheme = Scheme::of_name(&format!("{name}+{}", if host.is_some() { "+" } else { "" })).unwrap();
        let mut list: Vec<Element> = key.iter().map(|(ai, value)| element(ai, value)).collect();
        for (ai, value) in data {
            if list.iter().all(|element| element.ai().as_str() != ai) {
                list.push(element(ai, &value));
            }
        }
        let epc = Epc::from_elements(scheme, filter, 0, &list, host.as_deref()).unwrap();
        prop_assert_eq!(epc.elements(), list);
        prop_assert_eq!((epc.host(), epc.filter()), (host.as_deref(), Some(filter)));
        let binary = epc.to_binary();
        prop_assert_eq!(decode(&binary.bytes, binary.bit_len), Ok(epc.clone()));
        prop_assert!(epc.tag_uri().is_none() && epc.pure_uri().is_none());
        // The key of a tag without its data names the same thing.
        let own = scheme.spec();
        let Layout::Plus(layout) = &own.layout else { panic!("{scheme}") };
        let bare = layout.ais.len() + usize::from(layout.dated);
        let alone = Epc::from_elements(scheme, 0, 0, &epc.elements()[..bare], host.as_deref()).unwrap();
        prop_assert_eq!(alone.instance_uri(), epc.instance_uri());
        prop_assert_eq!(epc.identity().unwrap().instance_uri(), Some(epc.instance_uri()));
        for cut in 8..alone.to_binary().bit_len {
            prop_assert!(decode(&binary.bytes, cut).is_err(), "{}", cut);
        }
    }

    #[test]
    fn no_bits_panic(header in prop::sample::select(Scheme::ALL), mut memory in prop::collection::vec(any::<u8>(), 2..62)) {
        memory[0] = header.spec().header;
        let identity = decode_bank(None, &memory, memory.len() * 8);
        if let TagIdentity::Epc(epc) = identity {
            let _ = (epc.digital_link(), epc.identity(), epc.to_binary());
        }
        let bits = Bits::new(&memory, memory.len() * 8).unwrap();
        let _ = BitReader::new(bits).only_zeros_left();
    }
}
