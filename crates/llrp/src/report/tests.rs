//! Tag reports, whole and broken.

use super::*;
use crate::codec::field::Bits;
use crate::codec::param::*;
use crate::codec::{Frame, Message, Params, message};

fn body(message: impl Into<Message>) -> Vec<u8> {
    Frame {
        version: 1,
        message_id: 1,
        message: message.into(),
    }
    .encode()
    .unwrap()[10..]
        .to_vec()
}

fn read(body: &[u8]) -> (Vec<TagRead>, ReportCounters) {
    let (mut tags, mut counters) = (Vec::new(), ReportCounters::default());
    read_tags(body, &mut tags, &mut counters);
    (tags, counters)
}

fn tag(epc: &[u8]) -> TagReportData {
    let bits = Bits::new(epc.len() as u16 * 8, epc);
    TagReportData {
        params: Params::default().with(EPCData { epc: bits }),
    }
}

#[test]
fn everything_asked_for_arrives() {
    let params = Params::default()
        .with(AntennaID { antenna_id: 3 })
        .with(EPC96 { epc: [7; 12] })
        .with(ROSpecID { rospec_id: 14150 })
        .with(PeakRSSI { peak_rssi: -61 })
        .with(ChannelIndex { channel_index: 9 })
        .with(FirstSeenTimestampUTC { microseconds: 5 })
        .with(FirstSeenTimestampUptime { microseconds: 1 })
        .with(LastSeenTimestampUptime { microseconds: 2 })
        .with(TagSeenCount { tag_count: 4 })
        .with(C1G2PC { pc_bits: 0x3000 })
        .with(C1G2CRC { crc: 1 })
        .with(AccessSpecID { access_spec_id: 0 })
        .with(Custom {
            vendor: 25882,
            subtype: 57,
            data: crate::codec::field::Rest(vec![1, 2]),
        });
    let report = message::ROAccessReport {
        params: Params::default().with(TagReportData { params }),
    };
    let (tags, counters) = read(&body(report));
    assert_eq!(
        tags,
        [TagRead {
            epc: EpcBytes::new(&[7; 12]).unwrap(),
            bit_len: 96,
            pc: Some(0x3000),
            antenna: Some(3),
            peak_rssi_dbm: Some(-61),
            first_seen: Some(ReaderTime::Utc(5)),
            last_seen: Some(ReaderTime::Uptime(2)),
            seen_count: Some(4),
            rospec_id: Some(14150),
            crc: Some(1),
            channel: Some(9),
            access_spec_id: Some(0),
            rssi_hundredths_dbm: Some(0x0102),
            ..TagRead::default()
        }]
    );
    assert_eq!(
        counters,
        ReportCounters {
            tags: 1,
            ..ReportCounters::default()
        }
    );
}

#[test]
fn a_bad_tag_costs_only_itself() {
    let mut report = body(message::ROAccessReport {
        params: Params::default().with(tag(&[1; 62])),
    });
    // EPC beyond its container, EPC of 63 bytes, none at all, a cut TV, an unknown TV.
    report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 8, 0, 96, 1, 2]);
    report.extend_from_slice(&body(message::ROAccessReport {
        params: Params::default().with(tag(&[1; 63])),
    }));
    report.extend_from_slice(&[0, 240, 0, 4]);
    report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 6, 0, 0, 0x81, 1]);
    report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 6, 0, 0, 0xff, 1]);
    report.extend_from_slice(&body(message::ROAccessReport {
        params: Params::default().with(tag(&[])),
    }));
    let (tags, counters) = read(&report);
    assert_eq!(
        tags.iter().map(|t| t.bit_len).collect::<Vec<_>>(),
        [496, 0, 0]
    );
    assert_eq!(
        counters,
        ReportCounters {
            tags: 3,
            bad_tags: 4,
            partial_tags: 1,
            ..ReportCounters::default()
        }
    );
    for cut in 0..report.len() {
        let (cut_tags, _) = read(&report[..cut]);
        assert!(cut_tags.len() <= tags.len() && cut_tags[..] == tags[..cut_tags.len()]);
    }
}

#[test]
fn memory_and_vendor_values_arrive_and_the_rest_is_counted() {
    use crate::codec::code::C1G2ReadResult;
    use crate::codec::field::Rest;
    use crate::codec::{impinj, zebra};

    let params = Params::default()
        .with(EPC96 { epc: [7; 12] })
        .with(C1G2XPCW1 { xpc_w1: 0x8000 })
        .with(C1G2XPCW2 { xpc_w2: 2 })
        .with(C1G2ReadOpSpecResult {
            result: C1G2ReadResult::MemoryLocked,
            op_spec_id: 3,
            read_data: vec![1, 2],
        })
        .with(C1G2KillOpSpecResult::default())
        .with(C1G2WriteOpSpecResult {
            num_words_written: 6,
            ..Default::default()
        })
        .with(impinj::SerializedTID {
            tid: vec![0xe280, 0x1160],
            ..Default::default()
        })
        .with(impinj::RFPhaseAngle {
            phase: 4095,
            ..Default::default()
        })
        .with(impinj::PeakRSSI {
            rssi_hundredths_dbm: -6150,
            // Newer firmware appended something.
            extra: Rest(vec![1, 2, 3]),
        })
        .with(impinj::RFDopplerFrequency {
            doppler: -5,
            ..Default::default()
        })
        .with(zebra::BrandIDCheckStatus::default())
        .with(CryptoResponse::default());
    let report = message::ROAccessReport {
        params: Params::default().with(TagReportData { params }),
    };
    let (tags, counters) = read(&body(report));
    let [tag] = &tags[..] else { panic!("one tag") };
    assert_eq!((tag.xpc_w1, tag.xpc_w2), (Some(0x8000), Some(2)));
    assert_eq!((tag.phase, tag.doppler), (Some(4095), Some(-5)));
    assert_eq!(tag.rssi_hundredths_dbm, Some(-6150));
    let extra = tag.extra.as_ref().unwrap();
    assert_eq!(extra.tid, [0xe280, 0x1160]);
    let op = |op_spec_id, kind, status, words: &[u16]| OpResult {
        op_spec_id,
        kind,
        status,
        words: words.to_vec(),
    };
    assert_eq!(
        extra.ops,
        [
            op(3, OpKind::Read, 5, &[1, 2]),
            op(0, OpKind::Kill, 0, &[]),
            op(0, OpKind::Write, 0, &[6]),
        ]
    );
    assert_eq!(counters.skipped_params, 2);
}

#[test]
fn zebra_phases_count_in_the_same_unit() {
    use crate::codec::zebra::TagPhase;
    for (phase, expected) in [(0, 0), (16384, 1024), (-16384, 3072), (i16::MIN, 2048)] {
        let params = Params::default().with(EPC96::default()).with(TagPhase {
            phase,
            ..Default::default()
        });
        let report = message::ROAccessReport {
            params: Params::default().with(TagReportData { params }),
        };
        assert_eq!(read(&body(report)).0[0].phase, Some(expected));
    }
}
