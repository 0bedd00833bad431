//! Odd and broken messages: what is kept, what is skipped, and that it is counted.
//!
//! Each case is a message body of our own, with what the strict and the lenient decoder make of it. See
//! `vectors.rs` for the shared sample vectors.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod cases;

use cases::{Case, IMPINJ, cases, custom, tlv};
use tracegate_llrp::codec::Frame;
use tracegate_llrp::frame::{Header, RawFrame};
use tracegate_llrp::report::{ReportCounters, TagRead, read_tags};

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
