//! From a tag report to reads.

use tracegate_llrp::report::{OpKind, ReaderTime as LlrpTime, TagRead};
use tracegate_pipeline::input::{Extra, TagData};
use tracegate_pipeline::{Read, ReaderTime};

/// The reads that a report stands for: its first sighting, and its last if that was another. `sensors` names the sensor
/// that each memory read is for.
pub(super) fn reads(tag: TagRead, sensors: &[u16]) -> [Option<Read>; 2] {
    let more = u32::from(tag.seen_count.unwrap_or(1).saturating_sub(1));
    let several = more > 0 && tag.last_seen.is_some() && tag.last_seen != tag.first_seen;
    let extra = extra(&tag, sensors);
    let first = Read {
        epc: tag.epc.as_slice().to_vec(),
        bit_len: tag.bit_len,
        pc: tag.pc,
        antenna: tag.antenna.unwrap_or(0),
        rssi_dbm: tag.peak_rssi_dbm,
        device_time: tag.first_seen.or(tag.last_seen).map(reader_time),
        waited_us: 0,
        more,
        extra,
    };
    if !several || tag.first_seen.is_none() {
        return [Some(first), None];
    }
    let last = Read {
        device_time: tag.last_seen.map(reader_time),
        more: 0,
        extra: None,
        ..first.clone()
    };
    let more = more.saturating_sub(1);
    [Some(Read { more, ..first }), Some(last)]
}

/// Memory of sensor tags that the reader could not read.
pub(super) fn failed(tag: &TagRead) -> u64 {
    let results = tag.extra.iter().flat_map(|extra| &extra.ops);
    let failed = results.filter(|result| result.kind == OpKind::Read && result.status != 0);
    failed.count() as u64
}

fn extra(tag: &TagRead, sensors: &[u16]) -> Option<Box<Extra>> {
    let results = tag.extra.iter().flat_map(|extra| &extra.ops);
    let read = results.filter(|result| result.kind == OpKind::Read && result.status == 0);
    let data: Vec<TagData> = read
        .filter_map(|result| {
            let place = usize::from(result.op_spec_id).checked_sub(1)?;
            Some(TagData {
                sensor: *sensors.get(place)?,
                words: result.words.clone(),
            })
        })
        .collect();
    let xpc_w1 = tag.xpc_w1;
    (xpc_w1.is_some() || !data.is_empty()).then(|| Box::new(Extra { xpc_w1, data }))
}

pub(super) const fn reader_time(time: LlrpTime) -> ReaderTime {
    match time {
        LlrpTime::Utc(us) => ReaderTime::Utc(us),
        LlrpTime::Uptime(us) => ReaderTime::Uptime(us),
    }
}

#[cfg(test)]
mod tests {
    use tracegate_llrp::report::{OpResult, TagExtra};

    use super::*;

    #[test]
    fn sightings_are_counted_once_and_both_ends_kept() {
        let report = |count, first, last| TagRead {
            seen_count: Some(count),
            first_seen: Some(LlrpTime::Utc(first)),
            last_seen: Some(LlrpTime::Utc(last)),
            ..TagRead::default()
        };
        let ends = |tag| {
            reads(tag, &[])
                .into_iter()
                .flatten()
                .map(|read| (read.device_time.unwrap().micros(), read.more))
                .collect::<Vec<_>>()
        };
        assert_eq!(ends(report(1, 5, 5)), [(5, 0)]);
        assert_eq!(ends(report(5, 5, 5)), [(5, 4)]);
        assert_eq!(ends(report(5, 5, 9)), [(5, 3), (9, 0)]);
        // Some readers count none.
        assert_eq!(ends(report(0, 5, 9)), [(5, 0)]);
    }

    #[test]
    fn memory_goes_to_the_sensor_it_was_read_for() {
        let result = |op_spec_id, status| OpResult {
            op_spec_id,
            kind: OpKind::Read,
            status,
            words: vec![op_spec_id],
        };
        let ops = vec![result(2, 0), result(1, 5), result(9, 0), result(0, 0)];
        let tag = TagRead {
            extra: Some(Box::new(TagExtra {
                ops,
                ..TagExtra::default()
            })),
            ..TagRead::default()
        };
        assert_eq!(failed(&tag), 1);
        let [Some(read), None] = reads(tag, &[7, 8]) else {
            panic!()
        };
        let data = read.extra.unwrap().data;
        assert_eq!(data.len(), 1);
        assert_eq!((data[0].sensor, &data[0].words[..]), (8, &[2][..]));
    }
}
