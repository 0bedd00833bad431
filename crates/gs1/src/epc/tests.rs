//! EPCs: known tags, refusals, hostile input, and properties.

use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn decode_hex(hex: &str) -> Result<Epc, EpcError> {
    decode(&bytes(hex), hex.len() * 4)
}

#[test]
fn schemes_and_their_names() {
    for (hex, tag_uri, pure_uri, instance) in [
        (
            "3074257BF7194E4000001A85",
            "urn:epc:tag:sgtin-96:3.0614141.812345.6789",
            "urn:epc:id:sgtin:0614141.812345.6789",
            "https://id.gs1.org/01/80614141123458/21/6789",
        ),
        (
            "3674257BF6B7A659B2C2BF100000000000000000000000000000",
            "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb",
            "urn:epc:id:sgtin:0614141.712345.32a%2Fb",
            "https://id.gs1.org/01/70614141123451/21/32a%2Fb",
        ),
        (
            "3174257BF4499602D2000000",
            "urn:epc:tag:sscc-96:3.0614141.1234567890",
            "urn:epc:id:sscc:0614141.1234567890",
            "https://id.gs1.org/00/106141412345678908",
        ),
    ] {
        let epc = decode_hex(hex).unwrap();
        assert_eq!(
            (epc.tag_uri().as_str(), epc.pure_uri().as_str()),
            (tag_uri, pure_uri)
        );
        assert_eq!(epc.instance_uri(), instance);
        assert_eq!(epc.identity().instance_uri().as_deref(), Some(instance));
        assert_eq!(epc.filter(), 3);
        assert_eq!(
            encode_tag_uri(tag_uri),
            Ok(EpcBinary {
                bytes: bytes(hex),
                bit_len: epc.scheme().bits()
            })
        );
    }
}

#[test]
fn memory_beyond_the_scheme_is_padding() {
    let sgtin = "3074257BF7194E4000001A85";
    let longer = format!("{sgtin}0000FFFF");
    assert_eq!(decode_hex(&longer), decode_hex(sgtin));
    let text = "3674257BF6B7A659B2C2BF100000000000000000000000000000";
    assert_eq!(decode(&bytes(text), 198), decode_hex(text));
    let too_short = EpcError::TooShort {
        scheme: Scheme::Sgtin198,
        needs: 198,
        has: 197,
    };
    assert_eq!(decode(&bytes(text), 197), Err(too_short));
}

#[test]
fn hostile_lengths_are_errors() {
    let hex = "3074257BF7194E4000001A85";
    for (length, bit_len, error) in [
        (0, 0, EpcError::Empty),
        (12, 0, EpcError::Empty),
        (
            0,
            96,
            EpcError::Missing {
                bit_len: 96,
                available: 0,
            },
        ),
        (
            12,
            97,
            EpcError::Missing {
                bit_len: 97,
                available: 96,
            },
        ),
        (
            12,
            usize::MAX,
            EpcError::Missing {
                bit_len: usize::MAX,
                available: 96,
            },
        ),
        (12, 7, EpcError::Header(0x30)),
        (12, 2, EpcError::Header(0x00)),
        (
            12,
            95,
            EpcError::TooShort {
                scheme: Scheme::Sgtin96,
                needs: 96,
                has: 95,
            },
        ),
    ] {
        assert_eq!(
            decode(bytes(hex).get(..length).unwrap(), bit_len),
            Err(error)
        );
    }
    assert_eq!(raw_uri(&[0xAB], usize::MAX), "urn:epc:raw:8.xAB");
}

#[test]
fn raw_uris_are_numbers() {
    for (hex, bit_len, uri) in [
        ("", 0, "urn:epc:raw:0.x"),
        ("e200abCD", 32, "urn:epc:raw:32.xE200ABCD"),
        ("FFF0", 12, "urn:epc:raw:12.xFFF"),
        ("FFE0", 11, "urn:epc:raw:11.x7FF"),
        ("FF80", 9, "urn:epc:raw:9.x1FF"),
        ("80", 1, "urn:epc:raw:1.x1"),
        ("FE", 7, "urn:epc:raw:7.x7F"),
    ] {
        assert_eq!(raw_uri(&bytes(hex), bit_len), uri);
    }
}

#[test]
fn the_toggle_bit_rules_the_header_out() {
    let sgtin = bytes("3074257BF7194E4000001A85");
    let iso = decode_bank(Some(0x31A1), &sgtin, 96);
    let uri = "urn:epc:raw:96.xA1.x3074257BF7194E4000001A85".to_owned();
    assert_eq!(
        iso,
        TagIdentity::Raw {
            uri: uri.clone(),
            reason: RawReason::Iso { afi: 0xA1 }
        }
    );
    assert_eq!(iso.uri(), uri);
    for pc in [None, Some(0x3000), Some(0x34A5)] {
        assert_eq!(
            decode_bank(pc, &sgtin, 96).uri(),
            "https://id.gs1.org/01/80614141123458/21/6789"
        );
    }
}

#[test]
fn undecodable_memory_is_kept_with_its_control_bits() {
    for (pc, uri) in [
        (None, "urn:epc:raw:32.xE2801160"),
        (Some(0x1000), "urn:epc:raw:32.xE2801160"),
        (Some(0x1480), "urn:epc:raw:[att=x80][umi=1]:32.xE2801160"),
    ] {
        let reason = RawReason::Undecodable(EpcError::Header(0xE2));
        assert_eq!(
            decode_bank(pc, &bytes("E2801160"), 32),
            TagIdentity::Raw {
                uri: uri.to_owned(),
                reason
            }
        );
    }
}

#[test]
fn tag_uris_that_cannot_be_encoded() {
    let fields = EpcError::UriFields(Scheme::Sscc96);
    for (uri, error) in [
        ("", EpcError::Uri),
        ("urn:epc:id:sgtin:0614141.812345.6789", EpcError::Uri),
        ("urn:epc:tag:grai-96:3.0614141.12345.400", EpcError::Uri),
        (
            "urn:epc:tag:sgtin-96:8.0614141.812345.1",
            EpcError::UriFilter,
        ),
        (
            "urn:epc:tag:sgtin-96:3.0614141.81234.1",
            EpcError::UriKey { needs: 13 },
        ),
        (
            "urn:epc:tag:sgtin-96:3.06141.81234567.1",
            EpcError::UriKey { needs: 13 },
        ),
        (
            "urn:epc:tag:sgtin-96:3.06141x1.812345.1",
            EpcError::UriKey { needs: 13 },
        ),
        (
            "urn:epc:tag:sgtin-96:3.0614141.812345",
            EpcError::UriFields(Scheme::Sgtin96),
        ),
        (
            "urn:epc:tag:sgtin-96:3.0614141.812345.01",
            EpcError::UriSerial(Scheme::Sgtin96),
        ),
        (
            "urn:epc:tag:sgtin-96:3.0614141.812345.274877906944",
            EpcError::UriSerial(Scheme::Sgtin96),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a/b",
            EpcError::UriSerial(Scheme::Sgtin198),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a%00",
            EpcError::UriSerial(Scheme::Sgtin198),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.012345678901234567890",
            EpcError::UriSerial(Scheme::Sgtin198),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.",
            EpcError::EmptySerial,
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a%20b",
            EpcError::SerialCharacter(b' '),
        ),
        ("urn:epc:tag:sscc-96:3.0614141.1234567890.1", fields),
    ] {
        assert_eq!(encode_tag_uri(uri), Err(error), "{uri}");
    }
}

/// Any EPC of a covered scheme, as its tag URI.
fn tag_uri() -> impl Strategy<Value = String> {
    let key = |digits: usize| {
        (6..=12_usize, "[0-9]{17}").prop_map(move |(prefix, all)| {
            (all[..prefix].to_owned(), all[prefix..digits].to_owned())
        })
    };
    let filter = 0..8_u8;
    let text = r#"[!"%-?A-Z_a-z]{1,20}"#.prop_map(|text| {
        let mut escaped = String::new();
        push_urn(&mut escaped, text.as_bytes());
        escaped
    });
    prop_oneof![
        (filter.clone(), key(13), 0..1_u64 << 38)
            .prop_map(|(f, (c, i), s)| format!("urn:epc:tag:sgtin-96:{f}.{c}.{i}.{s}")),
        (filter.clone(), key(13), text)
            .prop_map(|(f, (c, i), s)| format!("urn:epc:tag:sgtin-198:{f}.{c}.{i}.{s}")),
        (filter, key(17)).prop_map(|(f, (c, s))| format!("urn:epc:tag:sscc-96:{f}.{c}.{s}")),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(uri in tag_uri()) {
        let binary = encode_tag_uri(&uri).unwrap();
        let epc = decode(&binary.bytes, binary.bit_len).unwrap();
        prop_assert_eq!(epc.tag_uri(), uri);
        prop_assert_eq!(epc.to_binary(), binary.clone());
        prop_assert_eq!(Some(epc.instance_uri()), epc.identity().instance_uri());
        for cut in 0..binary.bit_len {
            prop_assert!(decode(&binary.bytes, cut).is_err());
        }
        for cut in 0..binary.bytes.len() {
            prop_assert!(decode(binary.bytes.get(..cut).unwrap(), cut * 8).is_err() || cut * 8 >= binary.bit_len);
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bits(
        header in prop::sample::select(vec![0x30_u8, 0x31, 0x36]),
        mut memory in prop::collection::vec(any::<u8>(), 12..32),
        zero_tail in 0..24_usize,
    ) {
        memory[0] = header;
        let kept = memory.len().saturating_sub(zero_tail).max(1);
        memory[kept..].fill(0);
        let identity = decode_bank(None, &memory, memory.len() * 8);
        match identity {
            TagIdentity::Epc(epc) => {
                let binary = epc.to_binary();
                let whole = binary.bit_len / 8;
                prop_assert_eq!(&binary.bytes[..whole], &memory[..whole]);
                prop_assert_eq!(encode_tag_uri(&epc.tag_uri()), Ok(binary));
                prop_assert!(epc.identity().digital_link().is_some());
            }
            TagIdentity::Raw { uri, .. } => prop_assert!(uri.starts_with("urn:epc:raw:")),
        }
    }

    #[test]
    fn no_memory_panics(pc: Option<u16>, memory in prop::collection::vec(any::<u8>(), 0..40), bit_len in 0..400_usize) {
        let _ = decode_bank(pc, &memory, bit_len).uri();
    }

    #[test]
    fn no_uri_panics(uri in "urn:epc:tag:(sgtin-96|sgtin-198|sscc-96):[0-9.%a]{0,40}") {
        let _ = encode_tag_uri(&uri);
    }

    #[test]
    fn tag_and_barcode_of_one_item_have_one_name(uri in tag_uri(), lot in "[A-Z0-9]{1,8}") {
        let tag = Epc::from_tag_uri(&uri).unwrap().identity();
        let key = &tag.elements()[0];
        let barcode = match tag.serial() {
            Some(serial) => format!("]d2{}{}17261231\x1d10{lot}\x1d21{serial}", key.ai(), key.value()),
            None => format!("]C1{}{}3712", key.ai(), key.value()),
        };
        let scan = crate::parse_scan(barcode.as_bytes(), &Default::default()).unwrap();
        let scanned = scan.identity().unwrap();
        prop_assert_eq!(scanned.instance_uri(), tag.instance_uri());
        prop_assert!(tag.instance_uri().is_some());
    }
}
