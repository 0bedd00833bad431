//! Odd and broken messages: what is kept, what is skipped, and that it is counted.
//!
//! Each case is a message body of our own, with what the strict and the lenient decoder make of it. See
//! `vectors.rs` for the shared sample vectors.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use tracegate_llrp::codec::{Frame, Oddities};
use tracegate_llrp::frame::{Header, RawFrame};
use tracegate_llrp::report::{ReportCounters, TagRead, read_tags};

fn tlv(number: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&number.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

fn custom(vendor: u32, subtype: u32, data: &[u8]) -> Vec<u8> {
    tlv(
        1023,
        &[&vendor.to_be_bytes(), &subtype.to_be_bytes(), data].concat(),
    )
}

const IMPINJ: u32 = 25882;

/// The error of the strict decoder, `""` for none; what the lenient one counts.
struct Case {
    name: &'static str,
    message_type: u16,
    body: Vec<u8>,
    strict: &'static str,
    odd: Oddities,
}

fn case(
    name: &'static str,
    message_type: u16,
    parts: &[&[u8]],
    strict: &'static str,
    odd: Oddities,
) -> Case {
    Case {
        name,
        message_type,
        body: parts.concat(),
        strict,
        odd,
    }
}

fn cases() -> Vec<Case> {
    let none = Oddities::default();
    let keepalive = tlv(220, &[1, 0, 0, 0, 9]);
    let status = |code: u16, text: &[u8]| {
        let count = u16::try_from(text.len()).unwrap().to_be_bytes();
        tlv(287, &[&code.to_be_bytes()[..], &count, text].concat())
    };
    let bits =
        |count: u16, bytes: &[u8]| tlv(240, &tlv(241, &[&count.to_be_bytes()[..], bytes].concat()));
    vec![
        case(
            "unknown TLV",
            3,
            &[&[0], &tlv(900, &[1, 2]), &keepalive],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "unknown TLV without content",
            3,
            &[&[0], &tlv(901, &[])],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "reserved bits of a TLV's type",
            3,
            &[&[0], &tlv(0x7c00 | 900, &[])],
            "",
            Oddities {
                unknown_params: 1,
                ..none
            },
        ),
        case(
            "unknown TV",
            3,
            &[&[0], &keepalive, &[0xe4, 1, 2, 3]],
            "",
            Oddities {
                unknown_tv: 1,
                ..none
            },
        ),
        case(
            "unknown message",
            999,
            &[&[1, 2, 3]],
            "",
            Oddities {
                unknown_messages: 1,
                ..none
            },
        ),
        case(
            "unknown status",
            13,
            &[&status(398, b"")],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown notification",
            63,
            &[&tlv(246, &[tlv(128, &[0; 8]), tlv(256, &[0, 77])].concat())],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown air protocol in a list",
            11,
            &[&status(0, b""), &tlv(140, &[0, 1, 0, 2, 1, 9])],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "text in Latin-1",
            13,
            &[&status(0, b"gepr\xfcft")],
            "",
            Oddities {
                bad_texts: 1,
                ..none
            },
        ),
        case("EPC of 13 bits", 61, &[&bits(13, &[0xab, 0xc8])], "", none),
        case(
            "EPC of 13 bits with stray ones",
            61,
            &[&bits(13, &[0xab, 0xcf])],
            "",
            Oddities {
                stray_bits: 1,
                ..none
            },
        ),
        case("EPC of no bits", 61, &[&bits(0, &[])], "", none),
        case(
            "vendor parameter as known",
            61,
            &[&custom(IMPINJ, 57, &[1, 2])],
            "",
            none,
        ),
        case(
            "grown vendor parameter",
            61,
            &[&custom(IMPINJ, 57, &[1, 2, 3])],
            "",
            Oddities {
                grown_vendor: 1,
                ..none
            },
        ),
        case(
            "shrunk vendor parameter",
            61,
            &[&custom(IMPINJ, 57, &[1])],
            "",
            Oddities {
                unknown_vendor: 1,
                ..none
            },
        ),
        case(
            "unknown vendor parameter",
            61,
            &[&custom(161, 1000, &[1]), &custom(7, 1, &[])],
            "",
            Oddities {
                unknown_vendor: 2,
                ..none
            },
        ),
        case(
            "unknown value in a vendor parameter",
            61,
            &[&custom(IMPINJ, 23, &[0, 99])],
            "",
            Oddities {
                unknown_codes: 1,
                ..none
            },
        ),
        case(
            "unknown vendor message",
            1023,
            &[&[0, 0, 0, 7, 1, 9, 9]],
            "",
            Oddities {
                unknown_vendor: 1,
                ..none
            },
        ),
        case("report without tags", 61, &[], "", none),
        case(
            "parameter twice",
            3,
            &[&[0], &keepalive, &keepalive],
            "",
            none,
        ),
        case(
            "parameters in another order",
            13,
            &[&keepalive, &status(0, b"")],
            "",
            none,
        ),
        case(
            "vendor parameter without its vendor",
            61,
            &[&tlv(1023, &[0, 0, 0, 1])],
            "4 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case(
            "parameter grown by a field",
            3,
            &[&[0], &tlv(220, &[1, 0, 0, 0, 9, 7])],
            "1 bytes too many in KeepaliveSpec",
            Oddities {
                skipped_bytes: 1,
                ..none
            },
        ),
        case(
            "message grown by a field",
            62,
            &[&[1, 2]],
            "2 bytes too many in KEEPALIVE",
            Oddities {
                skipped_bytes: 2,
                ..none
            },
        ),
        case(
            "parameter too short",
            3,
            &[&[0], &tlv(220, &[1, 0]), &keepalive],
            "4 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case(
            "list beyond its parameter",
            61,
            &[&bits(64, &[1, 2])],
            "8 bytes needed",
            Oddities {
                bad_params: 1,
                ..none
            },
        ),
        case("status missing", 13, &[], "lacks its LLRPStatus", none),
        case(
            "length 0",
            3,
            &[&[0], &[0, 220, 0, 0]],
            "length of 0",
            Oddities::default(),
        ),
        case(
            "length 3",
            3,
            &[&[0], &[0, 220, 0, 3]],
            "length of 3",
            Oddities::default(),
        ),
        case(
            "cut header of a parameter",
            3,
            &[&[0], &[0, 220, 0]],
            "2 bytes needed",
            Oddities::default(),
        ),
        case(
            "parameter beyond the message",
            3,
            &[&[0], &[0, 220, 0, 9, 1]],
            "5 bytes needed",
            Oddities::default(),
        ),
    ]
}

#[test]
fn odd_messages_are_kept_or_refused_and_counted() {
    for Case {
        name,
        message_type,
        body,
        strict,
        odd,
    } in cases()
    {
        let header = Header {
            version: 1,
            message_type,
            message_id: 1,
        };
        let raw = RawFrame {
            header,
            body: &body,
        };
        match Frame::decode(raw) {
            Ok(frame) => {
                assert_eq!(strict, "", "{name}: taken");
                let wire = frame.encode().unwrap();
                assert_eq!(wire.get(10..), Some(&body[..]), "{name}: not as it came");
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !strict.is_empty() && text.contains(strict),
                    "{name}: {text}"
                );
            }
        }
        let hopeless = ["length 0", "length 3", "cut header", "beyond the message"];
        match Frame::decode_counted(raw) {
            Ok((frame, counted)) => {
                assert_eq!(counted, odd, "{name}");
                assert_eq!(Frame::decode_lenient(raw), Ok(frame), "{name}");
            }
            Err(error) => assert!(
                hopeless.iter().any(|part| name.contains(part)),
                "{name}: {error}"
            ),
        }
    }
}

fn read(body: &[u8]) -> (Vec<TagRead>, ReportCounters) {
    let (mut tags, mut counters) = (Vec::new(), ReportCounters::default());
    read_tags(body, &mut tags, &mut counters);
    (tags, counters)
}

#[test]
fn one_bad_tag_never_costs_its_neighbours() {
    let good = |byte: u8| tlv(240, &[&[0x8d][..], &[byte; 12], &[0x81, 0, 1]].concat());
    let bad: [(&str, Vec<u8>); 9] = [
        ("empty", vec![]),
        ("no EPC", vec![0x81, 0, 1]),
        ("EPC-96 cut", vec![0x8d, 1, 2, 3]),
        ("antenna cut", [&[0x8d][..], &[1; 12], &[0x81, 0]].concat()),
        ("EPC longer than its parameter", tlv(241, &[0, 96, 1])),
        (
            "EPC parameter longer than the tag",
            vec![0, 241, 0, 99, 0, 0],
        ),
        ("length 0 inside", vec![0, 241, 0, 0]),
        (
            "EPC of 504 bits",
            tlv(241, &[&[1, 248][..], &[1; 63]].concat()),
        ),
        (
            "vendor parameter without vendor",
            [&[0x8d][..], &[1; 12], &tlv(1023, &[1; 7])].concat(),
        ),
    ];
    for (name, content) in &bad {
        let report = [good(1), tlv(240, content), good(2)].concat();
        let (tags, counters) = read(&report);
        let epcs: Vec<u8> = tags.iter().map(|tag| tag.epc.as_slice()[0]).collect();
        assert_eq!(epcs, [1, 2], "{name}");
        assert_eq!((counters.tags, counters.bad_tags), (2, 1), "{name}");
        // The tree keeps the bad one as bytes, or as far as its parameters go.
        let header = Header {
            version: 1,
            message_type: 61,
            message_id: 1,
        };
        let frame = Frame::decode_lenient(RawFrame {
            header,
            body: &report,
        })
        .unwrap();
        assert_eq!(
            frame.encode().unwrap().get(10..),
            Some(&report[..]),
            "{name}"
        );
    }
}

#[test]
fn odd_parts_of_a_tag_are_skipped_and_counted() {
    let epc = [&[0x8d][..], &[7; 12]].concat();
    let base = ReportCounters {
        tags: 1,
        ..ReportCounters::default()
    };
    let rows: [(&str, Vec<u8>, ReportCounters); 6] = [
        (
            "unknown TLV",
            tlv(900, &[1]),
            ReportCounters {
                skipped_params: 1,
                ..base
            },
        ),
        (
            "unknown vendor",
            custom(7, 1, &[1]),
            ReportCounters {
                skipped_params: 1,
                ..base
            },
        ),
        (
            "shrunk vendor",
            custom(IMPINJ, 57, &[1]),
            ReportCounters {
                skipped_params: 1,
                ..base
            },
        ),
        (
            "grown vendor",
            custom(IMPINJ, 57, &[1, 2, 3]),
            ReportCounters {
                grown_params: 1,
                ..base
            },
        ),
        (
            "grown TID",
            custom(IMPINJ, 55, &[0, 1, 1, 2, 3]),
            ReportCounters {
                grown_params: 1,
                ..base
            },
        ),
        (
            "unknown TV",
            vec![0xe4, 1, 2],
            ReportCounters {
                partial_tags: 1,
                ..base
            },
        ),
    ];
    for (name, part, expected) in rows {
        let (tags, counters) = read(&tlv(240, &[&epc[..], &part].concat()));
        assert_eq!((tags.len(), counters), (1, expected), "{name}");
    }
    let (tags, counters) = read(&tlv(240, &tlv(241, &[0, 13, 0xab, 0xcf])));
    assert_eq!(
        tags[0].epc.as_slice(),
        [0xab, 0xc8],
        "bits beyond the EPC are no part of it"
    );
    assert_eq!(
        counters,
        ReportCounters {
            stray_bits: 1,
            ..base
        }
    );
    let (tags, counters) = read(&[&tlv(240, &epc)[..], &tlv(900, &[]), &[0, 240, 0]].concat());
    let expected = ReportCounters {
        skipped_params: 1,
        cut_messages: 1,
        ..base
    };
    assert_eq!(
        (tags.len(), counters),
        (1, expected),
        "what comes before the cut is used"
    );
}
