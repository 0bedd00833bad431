//! From a tag report to reads.

use tracegate_llrp::client::ClientConfig;
use tracegate_llrp::report::{OpKind, OpResult, ReaderTime as LlrpTime, TagRead};
use tracegate_pipeline::input::{Extra, TagData};
use tracegate_pipeline::sensing::MAX_WORDS;
use tracegate_pipeline::{Read, ReaderTime};

/// The reads that a report stands for: its first sighting, and its last if that was another. `sensors` names the sensor
/// that each memory read of `client` is for.
pub(super) fn reads(tag: TagRead, client: &ClientConfig, sensors: &[u16]) -> [Option<Read>; 2] {
    let more = u32::from(tag.seen_count.unwrap_or(1).saturating_sub(1));
    let several = more > 0 && tag.last_seen.is_some() && tag.last_seen != tag.first_seen;
    let extra = extra(&tag, client, sensors);
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
pub(super) fn failed(tag: &TagRead, client: &ClientConfig) -> u64 {
    let failed = memory(tag, client).filter(|result| result.status != 0);
    failed.count() as u64
}

/// Results of our memory reads. A reader may do other software's beside ours, with the same numbers; 0 and none name no
/// AccessSpec.
fn memory<'a>(tag: &'a TagRead, client: &'a ClientConfig) -> impl Iterator<Item = &'a OpResult> {
    let id = tag.access_spec_id.filter(|id| *id != 0);
    let is_ours = move || id.is_none_or(|id| client.owns_access_spec(id));
    let extra = tag.extra.iter().filter(move |_| is_ours());
    let results = extra.flat_map(|extra| &extra.ops);
    results.filter(|result| result.kind == OpKind::Read)
}

fn extra(tag: &TagRead, client: &ClientConfig, sensors: &[u16]) -> Option<Box<Extra>> {
    let read = memory(tag, client).filter(|result| result.status == 0);
    let data: Vec<TagData> = read
        .filter_map(|result| {
            let place = usize::from(result.op_spec_id).checked_sub(1)?;
            // One word too many shows that they are not what was asked for; more would only take memory.
            let words = result.words.iter().take(MAX_WORDS + 1);
            Some(TagData {
                sensor: *sensors.get(place)?,
                words: words.copied().collect(),
            })
        })
        .collect();
    let xpc_w1 = tag.xpc_w1;
    (xpc_w1.is_some() || !data.is_empty()).then(|| {
        let beacon = None;
        Box::new(Extra {
            xpc_w1,
            data,
            beacon,
        })
    })
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
            reads(tag, &ClientConfig::default(), &[])
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
        let mut long = result(2, 0);
        long.words = vec![2; 1000];
        let ops = vec![result(2, 0), result(1, 5), result(9, 0), result(0, 0), long];
        let client = ClientConfig::default();
        let tag = |access_spec_id| TagRead {
            access_spec_id,
            extra: Some(Box::new(TagExtra {
                ops: ops.clone(),
                ..TagExtra::default()
            })),
            ..TagRead::default()
        };
        for id in [None, Some(0), Some(client.rospec_id)] {
            assert_eq!(failed(&tag(id), &client), 1);
            let [Some(read), None] = reads(tag(id), &client, &[7, 8]) else {
                panic!()
            };
            let data = read.extra.unwrap().data;
            assert_eq!(data.len(), 2);
            assert_eq!((data[0].sensor, &data[0].words[..]), (8, &[2][..]));
            assert_eq!(data[1].words.len(), MAX_WORDS + 1);
        }
        // Another program's reads are numbered from 1, too.
        let other = Some(client.rospec_id + 7);
        assert_eq!(failed(&tag(other), &client), 0);
        let [Some(read), None] = reads(tag(other), &client, &[7, 8]) else {
            panic!()
        };
        assert!(read.extra.is_none());
    }
}
