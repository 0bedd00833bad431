//! Tag reports, two ways.

use tracegate_llrp::codec::param::*;
use tracegate_llrp::codec::{
    Frame, Message, Param, Parameter, Params, VendorParameter, impinj, zebra,
};
use tracegate_llrp::frame::{Header, RawFrame};
use tracegate_llrp::report::{
    EpcBytes, MAX_EPC_BYTES, OpKind, OpResult, ReaderTime, ReportCounters, TagRead, read_tags,
};

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
    assert_eq!(tags, expected, "{counters:?}");
}

/// What the fast path should make of a tag, by the tree.
fn read(params: &Params) -> Option<TagRead> {
    let mut tag = TagRead::default();
    let epc96 = params
        .0
        .iter()
        .position(|param| matches!(param, Param::EPC96(_)));
    let data = params
        .0
        .iter()
        .position(|param| matches!(param, Param::EPCData(_)));
    match (epc96, data) {
        (Some(first), other) if other.is_none_or(|other| first < other) => {
            tag.epc = EpcBytes::new(&params.first::<EPC96>()?.epc)?;
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
            tag.epc = EpcBytes::new(&bytes)?;
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
    for param in &params.0 {
        read_rest(param, &mut tag);
    }
    Some(tag)
}

/// A value that comes more than once: the last counts.
fn last<T: Parameter, V>(params: &Params, value: impl Fn(&T) -> V) -> Option<V> {
    params.all::<T>().last().map(value)
}

/// Vendor values and results of operations.
fn read_rest(param: &Param, tag: &mut TagRead) {
    let mut op = |kind, op_spec_id, status, words: &[u16]| {
        tag.extra.get_or_insert_default().ops.push(OpResult {
            op_spec_id,
            kind,
            status,
            words: words.to_vec(),
        });
    };
    match param {
        Param::C1G2ReadOpSpecResult(p) => {
            op(OpKind::Read, p.op_spec_id, p.result.code(), &p.read_data)
        }
        Param::C1G2WriteOpSpecResult(p) => {
            op(
                OpKind::Write,
                p.op_spec_id,
                p.result.code(),
                &[p.num_words_written],
            );
        }
        Param::C1G2KillOpSpecResult(p) => op(OpKind::Kill, p.op_spec_id, p.result.code(), &[]),
        Param::C1G2LockOpSpecResult(p) => op(OpKind::Lock, p.op_spec_id, p.result.code(), &[]),
        Param::C1G2BlockEraseOpSpecResult(p) => {
            op(OpKind::BlockErase, p.op_spec_id, p.result.code(), &[]);
        }
        Param::C1G2BlockWriteOpSpecResult(p) => {
            op(
                OpKind::BlockWrite,
                p.op_spec_id,
                p.result.code(),
                &[p.num_words_written],
            );
        }
        Param::C1G2RecommissionOpSpecResult(p) => {
            op(OpKind::Recommission, p.op_spec_id, p.result.code(), &[]);
        }
        Param::C1G2BlockPermalockOpSpecResult(p) => {
            op(OpKind::BlockPermalock, p.op_spec_id, p.result.code(), &[]);
        }
        Param::C1G2GetBlockPermalockStatusOpSpecResult(p) => {
            let status = &p.permalock_status;
            op(
                OpKind::GetBlockPermalockStatus,
                p.op_spec_id,
                p.result.code(),
                status,
            );
        }
        Param::Custom(custom) => {
            if let Some(p) = impinj::SerializedTID::from_custom(custom) {
                tag.extra.get_or_insert_default().tid = p.tid;
            } else if let Some(p) = impinj::RFPhaseAngle::from_custom(custom) {
                tag.phase = Some(p.phase & 0xfff);
            } else if let Some(p) = zebra::TagPhase::from_custom(custom) {
                tag.phase = Some((p.phase as u16) >> 4);
            } else if let Some(p) = impinj::PeakRSSI::from_custom(custom) {
                tag.rssi_hundredths_dbm = Some(p.rssi_hundredths_dbm);
            } else if let Some(p) = impinj::RFDopplerFrequency::from_custom(custom) {
                tag.doppler = Some(p.doppler);
            }
        }
        _ => {}
    }
}
