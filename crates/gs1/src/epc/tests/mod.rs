//! EPCs: known tags, refusals, hostile input.

mod bank;
mod limits;
mod properties;

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
            (epc.tag_uri().as_deref(), epc.pure_uri().as_deref()),
            (Some(tag_uri), Some(pure_uri))
        );
        assert_eq!(epc.instance_uri(), instance);
        let identity = epc.identity().unwrap();
        assert_eq!(identity.instance_uri().as_deref(), Some(instance));
        assert_eq!(epc.filter(), Some(3));
        assert_eq!(
            encode_tag_uri(tag_uri),
            Ok(EpcBinary {
                bytes: bytes(hex),
                bit_len: epc.scheme().bits().unwrap()
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
fn tag_uris_that_cannot_be_encoded() {
    let unfit = |scheme| EpcError::UriField {
        scheme,
        field: Field::Serial,
    };
    for (uri, error) in [
        ("", EpcError::Uri),
        ("urn:epc:id:sgtin:0614141.812345.6789", EpcError::Uri),
        ("urn:epc:tag:sgtin+:3.0614141.12345.400", EpcError::Uri),
        (
            "urn:epc:tag:sgtin-96:8.0614141.812345.1",
            EpcError::UriFilter { max: 7 },
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
            unfit(Scheme::Sgtin96),
        ),
        (
            "urn:epc:tag:sgtin-96:3.0614141.812345.274877906944",
            unfit(Scheme::Sgtin96),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a/b",
            unfit(Scheme::Sgtin198),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a%00",
            EpcError::Character {
                field: Field::Serial,
                character: 0,
            },
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.012345678901234567890",
            EpcError::LongText {
                field: Field::Serial,
                max: 20,
            },
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.",
            EpcError::EmptyText(Field::Serial),
        ),
        (
            "urn:epc:tag:sgtin-198:3.0614141.812345.a%20b",
            EpcError::Character {
                field: Field::Serial,
                character: b' ',
            },
        ),
        (
            "urn:epc:tag:sscc-96:3.0614141.1234567890.1",
            EpcError::UriKey { needs: 17 },
        ),
        (
            "urn:epc:tag:sscc-96:3.0614141",
            EpcError::UriFields(Scheme::Sscc96),
        ),
    ] {
        assert_eq!(encode_tag_uri(uri), Err(error), "{uri}");
    }
}

#[test]
fn keys_of_every_scheme() {
    for (uri, elements) in [
        (
            "urn:epc:tag:sgln-96:3.0614141.12345.0",
            "(414)0614141123452",
        ),
        (
            "urn:epc:tag:sgln-195:3.0614141.12345.0",
            "(414)0614141123452",
        ),
        (
            "urn:epc:tag:sgln-195:3.0614141.12345.00",
            "(414)0614141123452(254)00",
        ),
        (
            "urn:epc:tag:grai-170:0.401234512345..x%2Fy",
            "(8003)04012345123456x/y",
        ),
        (
            "urn:epc:tag:giai-202:0.4012345.%22A%25",
            "(8004)4012345\"A%",
        ),
        (
            "urn:epc:tag:gsrn-96:0.4012345.1234567890",
            "(8018)401234512345678900",
        ),
        (
            "urn:epc:tag:gsrnp-96:0.4012345.1234567890",
            "(8017)401234512345678900",
        ),
        (
            "urn:epc:tag:gdti-113:1.4012345.12345.00042",
            "(253)401234512345600042",
        ),
        (
            "urn:epc:tag:cpi-var:3.0614141.5PQ7%2FZ43.0",
            "(8010)06141415PQ7/Z43(8011)0",
        ),
        (
            "urn:epc:tag:sgcn-96:3.4012345.67890.04711",
            "(255)401234567890104711",
        ),
        (
            "urn:epc:tag:itip-212:0.4012345.012345.01.02.mw",
            "(8006)040123451234560102(21)mw",
        ),
        ("urn:epc:tag:gid-96:1.2.3", "-"),
        ("urn:epc:tag:usdod-96:15.CAGEY.7", "-"),
        ("urn:epc:tag:adi-var:63.CAGEY..%23A", "-"),
    ] {
        let epc = Epc::from_tag_uri(uri).unwrap();
        assert_eq!(epc.element_string().unwrap_or("-".to_owned()), elements);
        assert_eq!(epc.identity().is_some(), elements != "-");
        assert_eq!(epc.key().is_some(), elements != "-");
        let (instance, pure) = (epc.instance_uri(), epc.pure_uri().unwrap());
        assert_eq!(instance == pure, elements == "-", "{instance}");
    }
}
