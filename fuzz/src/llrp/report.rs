//! Tag reports, two ways.

use tracegate_llrp::codec::param::*;
use tracegate_llrp::codec::{Frame, Message, Params, impinj};
use tracegate_llrp::frame::{Header, RawFrame};
use tracegate_llrp::report::{MAX_EPC_BYTES, ReaderTime, ReportCounters, TagRead, read_tags};

/// The body of a `RO_ACCESS_REPORT`: the fast path against the tree.
///
/// # Panics
/// If they disagree on a valid report, or the counters on what came out.
pub fn report(data: &[u8]) {
    let (mut tags, mut counters) = (Vec::new(), ReportCounters::default());
    read_tags(data, &mut tags, &mut counters);
    assert_eq!(counters.tags, tags.len() as u64);
    for tag in &tags {
        let len = usize::from(tag.bit_len).div_ceil(8);
        assert_eq!(tag.epc.as_slice().len(), len);
        assert!(
            tag.extra.as_ref().is_none_or(
                |extra| !(extra.tid.is_empty() && extra.ops.is_empty()) || data.len() > 10
            )
        );
    }
    let header = Header {
        version: 1,
        message_type: 61,
        message_id: 1,
    };
    let Ok(frame) = Frame::decode(RawFrame { header, body: data }) else {
        return;
    };
    let Message::ROAccessReport(report) = frame.message else {
        panic!("61 is RO_ACCESS_REPORT")
    };
    let expected: Vec<TagRead> = report
        .params
        .all::<TagReportData>()
        .filter_map(|tag| read(&tag.params))
        .collect();
    assert_eq!(tags.len(), expected.len(), "{counters:?}");
    for (fast, tree) in tags.iter().zip(&expected) {
        compare(fast, tree);
    }
}

/// What the fast path should make of a tag, by the tree.
fn read(params: &Params) -> Option<TagRead> {
    let mut tag = TagRead::default();
    let epc96 = params
        .0
        .iter()
        .position(|param| matches!(param, tracegate_llrp::codec::Param::EPC96(_)));
    let data = params
        .0
        .iter()
        .position(|param| matches!(param, tracegate_llrp::codec::Param::EPCData(_)));
    // Every EPC must fit, also one that is not used because another came first.
    match (epc96, data) {
        (Some(first), other) if other.is_none_or(|other| first < other) => {
            tag.epc = tracegate_llrp::report::EpcBytes::new(&params.first::<EPC96>()?.epc)?;
            tag.bit_len = 96;
        }
        _ => {
            let epc = &params.first::<EPCData>()?.epc;
            if epc.bytes().len() > MAX_EPC_BYTES {
                return None;
            }
            tag.bit_len = epc.bit_len();
            let mut bytes = epc.bytes().to_vec();
            if let (Some(last), used @ 1..) = (bytes.last_mut(), epc.bit_len() % 8) {
                *last &= !(0xff >> used);
            }
            tag.epc = tracegate_llrp::report::EpcBytes::new(&bytes)?;
        }
    }
    tag.antenna = last(params, |p: &AntennaID| p.antenna_id);
    tag.peak_rssi_dbm = last(params, |p: &PeakRSSI| p.peak_rssi);
    tag.seen_count = last(params, |p: &TagSeenCount| p.tag_count);
    tag.channel = last(params, |p: &ChannelIndex| p.channel_index);
    tag.rospec_id = last(params, |p: &ROSpecID| p.rospec_id);
    tag.access_spec_id = last(params, |p: &AccessSpecID| p.access_spec_id);
    tag.pc = last(params, |p: &C1G2PC| p.pc_bits);
    tag.crc = last(params, |p: &C1G2CRC| p.crc);
    tag.xpc_w1 = last(params, |p: &C1G2XPCW1| p.xpc_w1);
    tag.xpc_w2 = last(params, |p: &C1G2XPCW2| p.xpc_w2);
    tag.first_seen = last(params, |p: &FirstSeenTimestampUTC| {
        ReaderTime::Utc(p.microseconds)
    })
    .or_else(|| {
        params
            .first::<FirstSeenTimestampUptime>()
            .map(|p| ReaderTime::Uptime(p.microseconds))
    });
    tag.last_seen = last(params, |p: &LastSeenTimestampUTC| {
        ReaderTime::Utc(p.microseconds)
    })
    .or_else(|| {
        params
            .first::<LastSeenTimestampUptime>()
            .map(|p| ReaderTime::Uptime(p.microseconds))
    });
    tag.rssi_hundredths_dbm = params
        .vendor_all::<impinj::PeakRSSI>()
        .last()
        .map(|p| p.rssi_hundredths_dbm);
    tag.doppler = params
        .vendor_all::<impinj::RFDopplerFrequency>()
        .last()
        .map(|p| p.doppler);
    Some(tag)
}

/// A value that comes more than once: the last counts.
fn last<T: tracegate_llrp::codec::Parameter, V>(
    params: &Params,
    value: impl Fn(&T) -> V,
) -> Option<V> {
    params.all::<T>().last().map(value)
}

fn compare(fast: &TagRead, tree: &TagRead) {
    // Phase and memory have their own tests: two vendors give the one, the other is a list.
    let fast = TagRead {
        phase: None,
        extra: None,
        ..fast.clone()
    };
    assert_eq!(fast, *tree);
}
