use proptest::prelude::*;

use super::*;
use crate::input::{Signal, TagData};
use crate::mark::{LogPlace, Mark, MarkId, MarkOutcome, MarkReport, MarkedItem, Progress};
use crate::movement::Wall;
use crate::time::Span;

fn beacon() -> impl Strategy<Value = Signal> {
    let marker = proptest::option::of("[0-9a-f]{1,8}");
    (
        any::<[Option<bool>; 4]>(),
        any::<[Option<u32>; 2]>(),
        marker,
    )
        .prop_map(
            |([tamper, motion, button, low_battery], [sequence, interval_ms], marker)| Signal {
                tamper,
                motion,
                button,
                low_battery,
                sequence,
                interval_ms,
                marker,
                ..Signal::default()
            },
        )
}

fn extra() -> impl Strategy<Value = Extra> {
    let data = (any::<u16>(), proptest::collection::vec(any::<u16>(), 0..4));
    let data = data.prop_map(|(sensor, words)| TagData { sensor, words });
    let data = proptest::collection::vec(data, 0..3);
    (any::<Option<u16>>(), data, proptest::option::of(beacon())).prop_map(
        |(xpc_w1, data, beacon)| Extra {
            xpc_w1,
            data,
            beacon: beacon.map(Box::new),
        },
    )
}

fn reader_time() -> impl Strategy<Value = ReaderTime> {
    prop_oneof![
        any::<u64>().prop_map(ReaderTime::Utc),
        any::<u64>().prop_map(ReaderTime::Uptime),
    ]
}

/// Few different tags, so that they come again; some longer than the dictionary takes.
fn read() -> impl Strategy<Value = Read> {
    let epc = prop_oneof![
        4 => (0..4u8).prop_map(|n| vec![n; 12]),
        1 => proptest::collection::vec(any::<u8>(), 0..100),
    ];
    let time = proptest::option::of(reader_time());
    let waited = prop_oneof![Just(0), any::<u32>()];
    let more = prop_oneof![Just(0), any::<u32>()];
    let extra = proptest::option::of(extra().prop_map(Box::new));
    (
        (epc, any::<u16>(), proptest::option::of(any::<u16>())),
        (0..3u16, proptest::option::of(any::<i8>()), time),
        (waited, more, extra),
    )
        .prop_map(
            |((epc, bit_len, pc), (antenna, rssi_dbm, device_time), (waited_us, more, extra))| {
                Read {
                    epc,
                    bit_len,
                    pc,
                    antenna,
                    rssi_dbm,
                    device_time,
                    waited_us,
                    more,
                    extra,
                }
            },
        )
}

fn input() -> impl Strategy<Value = Input> {
    let at = || any::<i64>().prop_map(Time);
    let reads = proptest::collection::vec(read(), 0..12);
    let time = || proptest::option::of(reader_time());
    let data = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => (0..3u16, at(), reads).prop_map(|(device, at, reads)| Input::Reads { device, at, reads }),
        2 => at().prop_map(|at| Input::Tick { at }),
        1 => at().prop_map(|at| Input::Start { at }),
        1 => (at(), any::<i64>(), any::<bool>()).prop_map(|(at, ahead, synchronised)| {
            let ahead = Span(ahead);
            Input::Wall { at, wall: Wall { ahead, synchronised } }
        }),
        1 => (any::<u16>(), at(), any::<bool>(), time())
            .prop_map(|(device, at, up, reader_time)| Input::Device { device, at, up, reader_time }),
        1 => (any::<u16>(), at(), any::<u16>(), any::<bool>(), time())
            .prop_map(|(device, at, port, high, reader_time)| Input::Gpi { device, at, port, high, reader_time }),
        1 => (any::<u16>(), at(), data).prop_map(|(device, at, data)| Input::Scan { device, at, data }),
        1 => (any::<u16>(), at(), any::<u64>(), any::<bool>()).prop_map(|(device, at, offset, answer)| {
            let place = LogPlace { read_to: offset, ..LogPlace::default() };
            let mark = Mark {
                id: MarkId::Log { generation: 1, offset },
                item: MarkedItem { serial: Some(offset.to_string()), ..MarkedItem::default() },
                outcome: MarkOutcome::Failed(answer.then(|| "E1".to_owned())),
                grade: tracegate_feed::marker::Grade::parse("3.0/10/660/45Q A").ok(),
                device_time_us: answer.then_some(at.0),
            };
            let (mark, progress) = (Some(mark), Some(Progress::Log(place)));
            Input::Mark(Box::new(MarkReport { device, at, mark, progress, answer }))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_comes_back(inputs in proptest::collection::vec(input(), 0..12)) {
        let bytes = encode(&inputs).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), inputs);
    }

    /// A stream is appended to, batch by batch; each state of it can be read.
    #[test]
    fn every_part_of_a_stream_can_be_read(inputs in proptest::collection::vec(input(), 0..8)) {
        let mut encoder = Encoder::default();
        for (count, input) in inputs.iter().enumerate() {
            encoder.append(std::slice::from_ref(input)).unwrap();
            prop_assert_eq!(decode(encoder.bytes()).unwrap(), &inputs[..=count]);
        }
        prop_assert_eq!(encoder.bytes(), encode(&inputs).unwrap());
    }

    #[test]
    fn garbage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(inputs) = decode(&bytes) {
            let again = encode(&inputs).unwrap();
            prop_assert_eq!(decode(&again).unwrap(), inputs);
        }
    }
}

#[test]
fn a_torn_stream_is_told_where() {
    let reads = vec![Read {
        epc: vec![0x30; 12],
        bit_len: 96,
        antenna: 1,
        ..Read::default()
    }];
    let (device, at) = (0, Time(1));
    let bytes = encode(&[Input::Reads { device, at, reads }]).unwrap();
    let error = decode(&bytes[..bytes.len() - 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "byte 20 of the journal row: it ends there"
    );
    let many = [READS, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0];
    assert_eq!(decode(&many).unwrap_err().what, "more reads than bytes");
    let forever = [
        TICK, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
    ];
    assert_eq!(
        decode(&forever).unwrap_err().what,
        "a number of more than 64 bits"
    );
}

/// The figure that the head of the module states.
#[test]
fn a_read_takes_some_ten_bytes() {
    let read = |n: u64| Read {
        epc: [&[0x30; 8][..], &(n * 7 % 64).to_be_bytes()[4..]].concat(),
        bit_len: 96,
        pc: Some(0x3000),
        antenna: (n / 50 % 4) as u16,
        rssi_dbm: Some(-60 + (n % 9) as i8),
        device_time: Some(ReaderTime::Utc(1_700_000_000_000_000 + n * 1_237)),
        ..Read::default()
    };
    let reports = (0..50).map(|report| Input::Reads {
        device: 1,
        at: Time(1_700_000_000_000_000 + report as i64 * 24_740),
        reads: (report * 20..report * 20 + 20).map(read).collect(),
    });
    let inputs: Vec<Input> = reports.collect();
    let bytes = encode(&inputs).unwrap().len();
    assert!(bytes < 7 * 1_000, "{bytes} bytes for 1000 reads");
}
