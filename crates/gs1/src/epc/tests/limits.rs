//! Every TDS 1.x scheme at its limits, and every check of TDS 14.4.

use super::*;

/// Every TDS 1.x scheme at its limits: least and greatest value of every field, and one beyond.
#[test]
fn limits_of_every_scheme() {
    for (scheme, least, greatest, beyond) in [
        (
            "sgtin-96",
            "0.000000.0000000.0",
            "7.999999999999.9.274877906943",
            &["3.0614141.812345.274877906944"][..],
        ),
        (
            "sscc-96",
            "0.000000.00000000000",
            "7.999999999999.99999",
            &["0.999999999999.100000"],
        ),
        (
            "sgln-96",
            "0.000000.000000.0",
            "7.999999999999..2199023255551",
            &["0.0614141.12345.2199023255552"],
        ),
        (
            "grai-96",
            "0.000000.000000.0",
            "7.999999999999..274877906943",
            &["0.0614141.12345.274877906944"],
        ),
        (
            "giai-96",
            "0.000000.0",
            "7.999999999999.4398046511103",
            &[
                "0.999999999999.4398046511104",
                "0.000000.4611686018427387904",
                "0.000000.01",
            ],
        ),
        (
            "gsrn-96",
            "0.000000.00000000000",
            "7.999999999999.99999",
            &["0.0614141.123456789"],
        ),
        (
            "gsrnp-96",
            "0.000000.00000000000",
            "7.999999999999.99999",
            &["0.0614141.12345678901"],
        ),
        (
            "gdti-96",
            "0.000000.000000.0",
            "7.999999999999..2199023255551",
            &["0.0614141.12345.2199023255552"],
        ),
        (
            "gdti-113",
            "0.000000.000000.0",
            "7.999999999999..99999999999999999",
            &[
                "0.0614141.12345.",
                "0.0614141.12345.123456789012345678",
                "0.0614141.12345.x",
            ],
        ),
        (
            "cpi-96",
            "0.000000.0.0",
            "7.999999999999.999.2147483647",
            &[
                "0.999999999999.1000.0",
                "0.000000.0.2147483648",
                "0.000000.1000000000.1",
                "0.000000.00.1",
            ],
        ),
        (
            "cpi-var",
            "0.000000.A.0",
            "7.999999999999.ABCDEFGHIJKLMNOPQR.999999999999",
            &[
                "0.999999999999.ABCDEFGHIJKLMNOPQRS.1",
                "0.000000.A.1000000000000",
                "0.000000..1",
                "0.000000.a.1",
            ],
        ),
        (
            "sgcn-96",
            "0.000000.000000.0",
            "7.999999999999..999999999999",
            &["0.0614141.12345.", "0.0614141.12345.1234567890123"],
        ),
        (
            "itip-110",
            "0.000000.0000000.01.01.0",
            "7.999999999999.9.99.99.274877906943",
            &[
                "0.000000.0000000.00.01.0",
                "0.000000.0000000.02.01.0",
                "0.000000.0000000.1.01.0",
                "0.000000.0000000.01.01.274877906944",
            ],
        ),
        (
            "itip-212",
            "0.000000.0000000.01.01.!",
            "7.999999999999.9.01.99.zzzzzzzzzzzzzzzzzzzz",
            &["0.000000.0000000.01.100.A", "0.000000.0000000.01.02"],
        ),
        (
            "sgtin-198",
            "0.000000.0000000.!",
            "7.999999999999.9.zzzzzzzzzzzzzzzzzzzz",
            &["0.000000.0000000.a b"],
        ),
        (
            "sgln-195",
            "0.000000.000000.0",
            "7.999999999999..%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F%3F",
            &["0.000000.000000."],
        ),
        (
            "grai-170",
            "0.000000.000000.!",
            "7.999999999999..zzzzzzzzzzzzzzzz",
            &["0.000000.000000.zzzzzzzzzzzzzzzzz"],
        ),
        (
            "giai-202",
            "0.000000.!",
            "7.999999999999.zzzzzzzzzzzzzzzzzz",
            &["7.999999999999.zzzzzzzzzzzzzzzzzzz", "0.000000."],
        ),
        (
            "gdti-174",
            "0.000000.000000.!",
            "7.999999999999..zzzzzzzzzzzzzzzzz",
            &["0.000000.000000.zzzzzzzzzzzzzzzzzz"],
        ),
        (
            "gid-96",
            "0.0.0",
            "268435455.16777215.68719476735",
            &["268435456.0.0", "0.16777216.0", "0.0.68719476736", "00.0.0"],
        ),
        (
            "usdod-96",
            "0.00000.0",
            "15.ZZZZZZ.68719476735",
            &[
                "16.CAGEY.0",
                "0.CAGEY.68719476736",
                "0.CAG.1",
                "0.CAGEI.1",
                "0.CAGEYYY.1",
            ],
        ),
        (
            "adi-var",
            "0.00000..-",
            "63.ZZZZZZ.//////////////////////////////////.#/////////////////////////////",
            &[
                "64.CAGEY..1",
                "0.CAGEY..",
                "0.CAGEY..%23",
                "0.CAGEY..1%232",
                "0.CAGEY.%23.1",
                "0.CAGEO..1",
            ],
        ),
    ] {
        // Slashes and hashes stand for their escapes: the longest part number and serial.
        let spell = |fields: &str| match scheme {
            "adi-var" => {
                let fields = fields.replacen(&"/".repeat(34), &"/".repeat(32), 1);
                format!(
                    "urn:epc:tag:{scheme}:{}",
                    fields.replace('/', "%2F").replace('#', "%23")
                )
            }
            _ => format!("urn:epc:tag:{scheme}:{fields}"),
        };
        for fields in [least, greatest] {
            let uri = spell(fields);
            let epc = Epc::from_tag_uri(&uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
            let binary = epc.to_binary();
            assert_eq!(
                decode(&binary.bytes, binary.bit_len).as_ref(),
                Ok(&epc),
                "{uri}"
            );
            assert_eq!(epc.tag_uri(), Some(uri));
            assert_eq!(
                binary.bit_len,
                epc.scheme().bits().unwrap_or(binary.bit_len)
            );
        }
        for fields in beyond {
            assert!(
                Epc::from_tag_uri(&spell(fields)).is_err(),
                "{scheme} {fields}"
            );
        }
    }
}

/// What TDS 14.4 refuses, in every kind of field.
#[test]
fn checks_of_tds_14_4() {
    let number = |uri: &str| {
        let mut bytes = encode_tag_uri(uri).unwrap().bytes;
        bytes.resize(16, 0);
        u128::from_be_bytes(bytes.try_into().unwrap())
    };
    let with = |value: u128, start: usize, width: usize, field: u128| {
        let shift = 128 - start - width;
        let mask = (1_u128 << width) - 1;
        (value & !(mask << shift) | field << shift).to_be_bytes()
    };
    let cpi = number("urn:epc:tag:cpi-var:0.999999999999.AB.5");
    let itip = number("urn:epc:tag:itip-110:0.999999999999.9.02.03.0");
    let usdod = u128::from_be_bytes(*b"\x2F\x32\x04\x34\x14\x74\x55\x90\0\0\x16\x2E\0\0\0\0");
    let gcn = u128::from_be_bytes(*b"\x3F\x74\xF4\xE4\xE6\x12\x64\0\0\x01\x99\x07\0\0\0\0");
    let character = |field, character| EpcError::Character { field, character };
    for (memory, bit_len, error) in [
        (with(cpi, 11, 3, 7), 112, EpcError::Partition(7)),
        (
            with(cpi, 14, 40, 1_000_000_000_000),
            112,
            EpcError::CompanyPrefix { digits: 12 },
        ),
        (
            with(cpi, 54, 6, 0),
            112,
            EpcError::EmptyText(Field::Reference),
        ),
        // 011011 is an opening bracket.
        (
            with(cpi, 54, 6, 0x1B),
            112,
            character(Field::Reference, b'['),
        ),
        (
            with(cpi, 72, 40, 1_000_000_000_000),
            112,
            EpcError::SerialDigits { digits: 12 },
        ),
        (with(cpi, 127, 1, 1), 128, EpcError::AfterEnd),
        (
            cpi.to_be_bytes(),
            111,
            EpcError::TooShort {
                scheme: Scheme::CpiVar,
                needs: 112,
                has: 111,
            },
        ),
        (
            with(itip, 58, 7, 100),
            110,
            EpcError::Piece {
                piece: 100,
                total: 3,
            },
        ),
        (
            with(itip, 58, 7, 0),
            110,
            EpcError::Piece { piece: 0, total: 3 },
        ),
        (
            with(itip, 65, 7, 100),
            110,
            EpcError::Piece {
                piece: 2,
                total: 100,
            },
        ),
        (
            with(itip, 65, 7, 1),
            110,
            EpcError::Piece { piece: 2, total: 1 },
        ),
        (
            with(itip, 54, 4, 10),
            110,
            EpcError::Reference { digits: 1 },
        ),
        (
            with(usdod, 20, 8, u128::from(b'I')),
            96,
            character(Field::Cage, b'I'),
        ),
        (
            with(usdod, 20, 8, u128::from(b'a')),
            96,
            character(Field::Cage, b'a'),
        ),
        (
            with(usdod, 52, 8, u128::from(b' ')),
            96,
            character(Field::Cage, b' '),
        ),
        (with(gcn, 55, 41, 0), 96, EpcError::NumericString),
        (with(gcn, 55, 41, 1), 96, EpcError::NumericString),
        (
            with(gcn, 55, 41, 2_100_000_000_000),
            96,
            EpcError::NumericString,
        ),
        (with(gcn, 55, 41, 204_711), 96, EpcError::NumericString),
    ] {
        assert_eq!(decode(&memory, bit_len), Err(error), "{memory:02X?}");
    }
    // GIAI-202 of a 12-digit prefix: 148 bits, 18 characters at most; the rest is zero.
    let full = encode_tag_uri("urn:epc:tag:giai-202:0.999999999999.zzzzzzzzzzzzzzzzzz").unwrap();
    for bit in 54 + 18 * 7..202 {
        let mut memory = full.bytes.clone();
        memory[bit / 8] |= 0x80 >> (bit % 8);
        assert!(decode(&memory, 202).is_err(), "bit {bit}");
    }
    // CPI-96 references have fewer digits than their bits could hold.
    let part = number("urn:epc:tag:cpi-96:0.999999999999.999.0");
    let beyond = with(part, 54, 11, 1000);
    assert_eq!(decode(&beyond, 96), Err(EpcError::Reference { digits: 3 }));
}
