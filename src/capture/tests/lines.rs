//! Whatever an input says comes back from its line, and no line can do harm.

use proptest::prelude::*;
use tracegate_feed::active::Milli;
use tracegate_pipeline::input::{Extra, Signal, TagData};
use tracegate_pipeline::mark::{
    LogPlace, Mark, MarkId, MarkOutcome, MarkReport, MarkedItem, Progress,
};
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::reference::{
    Batch, Content, Facts, Item, ItemLot, Lot, Order, OrderLine, Quantity, Reference,
};
use tracegate_pipeline::time::Span;

use super::*;

#[test]
fn the_format_is_documented_whole() {
    let text = include_str!("../../../docs/captures.md");
    let (table, rest) = text.split_once("\nA read: ").unwrap();
    for (kind, keys) in line::TYPES {
        let row = table
            .lines()
            .find(|it| it.starts_with(&format!("| `{kind}` |")));
        let row = row.unwrap_or_else(|| panic!("`{kind}` is not there"));
        for key in *keys {
            assert!(row.contains(&format!("`{key}`")), "{kind}: {key}");
        }
    }
    for key in line::READ_KEYS {
        assert!(rest.contains(&format!("`{key}`")), "{key}");
    }
    let examples = text.split("```json\n").skip(1).map(|example| {
        let lines = example.lines().take_while(|it| *it != "```");
        lines
            .map(|it| Line::parse(it).unwrap())
            .collect::<Vec<Line>>()
            .len()
    });
    assert_eq!(examples.collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn strength_is_in_whole_dbm() {
    for (written, read) in [
        ("-55", Some(-55)),
        ("-54.9", Some(-55)),
        ("-54.4", Some(-54)),
        ("null", None),
    ] {
        let line = format!(
            r#"{{"type":"read","device":"d","at":1,"epc":"30","antenna":1,"rssi":{written}}}"#
        );
        let Line::Reads(reads) = Line::parse(&line).unwrap() else {
            panic!("{line}")
        };
        assert_eq!(reads.reads[0].rssi, read, "{line}");
    }
}

fn reader_time() -> impl Strategy<Value = Option<ReaderTime>> {
    prop_oneof![
        Just(None),
        // Beyond what RFC 3339 can say it is a number.
        (0..=i64::MAX as u64).prop_map(|us| Some(ReaderTime::Utc(us))),
        any::<u64>().prop_map(|us| Some(ReaderTime::Uptime(us))),
    ]
}

fn read() -> impl Strategy<Value = Read> {
    let data = (0_u16..1, prop::collection::vec(any::<u16>(), 0..3));
    let data = data.prop_map(|(sensor, words)| TagData { sensor, words });
    let data = prop::collection::vec(data, 0..3);
    let extra = (any::<Option<u16>>(), data, any::<bool>());
    let memory = prop::collection::vec(any::<u8>(), 0..62);
    (
        (memory, any::<u16>(), any::<u16>(), any::<Option<u16>>()),
        (
            any::<Option<i8>>(),
            reader_time(),
            prop_oneof![0_u32..3, any::<u32>()],
        ),
        (0..u32::MAX, extra),
    )
        .prop_map(
            |((epc, bits, antenna, pc), (rssi_dbm, device_time, waited_us), (more, extra))| {
                let beacon = Signal {
                    temperature: rssi_dbm.map(|it| Milli(it.into())),
                    sequence: Some(more),
                    marker: pc.map(|it| it.to_string()),
                    ..Signal::default()
                };
                let extra = Extra {
                    xpc_w1: extra.0,
                    data: extra.1,
                    beacon: extra.2.then(|| Box::new(beacon)),
                };
                Read {
                    bit_len: bits % (epc.len() as u16 * 8 + 1),
                    epc,
                    pc,
                    antenna,
                    rssi_dbm,
                    device_time,
                    waited_us,
                    more,
                    extra: (extra != Extra::default()).then(|| Box::new(extra)),
                }
            },
        )
}

/// A configuration with all that may stand in one.
fn guarded() -> PipelineConfig {
    let mut config = gateway();
    for read_point in &mut config.read_points {
        read_point.guard = Some(Box::default());
    }
    config
}

/// One record of each kind.
fn records(number: u16) -> Vec<Reference> {
    let (lot, expiry) = (format!("L{number}"), Some("271231".to_owned()));
    let content = Content {
        item: format!("https://id.gs1.org/01/04012345001006/21/{number}"),
        instance: true,
        lot: Some(lot.clone()),
        pieces: None,
    };
    let status = Some("released".to_owned());
    let facts = [
        None,
        Some(Facts::Contents(vec![content])),
        Some(Facts::Lot(Lot {
            status,
            expiry: expiry.clone(),
            quantity: Some(Quantity::pieces(number.into())),
            ..Lot::default()
        })),
        Some(Facts::Order(Order {
            lines: vec![OrderLine {
                item: "https://id.gs1.org/01/04012345001006".to_owned(),
                open: Some(Quantity::pieces(number.into())),
                lots: vec![lot.clone()],
                line: None,
            }],
            ..Order::default()
        })),
        Some(Facts::Item(Item {
            lots: vec![ItemLot {
                lot: lot.clone(),
                expiry: expiry.clone(),
                ..ItemLot::default()
            }],
        })),
        Some(Facts::Serial(Batch { lot, expiry })),
    ];
    let record = |facts| Reference {
        key: format!("https://id.gs1.org/00/{number}"),
        version: u64::from(number),
        facts,
    };
    facts.into_iter().map(record).collect()
}

fn marked(device: u16, at: Time, port: u16, flag: bool) -> MarkReport {
    let mark = Mark {
        id: MarkId::File {
            content: u64::MAX - u64::from(port),
            index: 3,
        },
        item: MarkedItem {
            code: Some("]d2\u{1d}".to_owned()),
            ..MarkedItem::default()
        },
        outcome: MarkOutcome::Failed(flag.then(|| "E1".to_owned())),
        grade: tracegate_feed::marker::Grade::parse("DPM3.0/10/660/45Q A,B").ok(),
        device_time_us: flag.then_some(at.0),
    };
    let place = LogPlace {
        file: Some((1, 2)),
        read_to: port.into(),
        ..LogPlace::default()
    };
    MarkReport {
        device,
        at,
        mark: Some(mark).filter(|_| port.is_multiple_of(2)),
        progress: flag.then_some(Progress::Log(place)),
        answer: flag,
    }
}

fn extreme() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => T0..T0 + 60_000_000,
        1 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
    ]
}

proptest! {
    #[test]
    fn every_input_comes_back_from_its_line(
        at in T0 - 1_000_000..T0 * 2,
        device in 0_u16..2,
        reads in prop::collection::vec(read(), 0..4),
        data in prop::collection::vec(any::<u8>(), 0..20),
        time in reader_time(),
        flag in any::<bool>(),
        port in any::<u16>(),
    ) {
        let (config, at) = (gateway(), Time(at));
        for input in [
            Input::Reads { device, at, reads: reads.clone() },
            Input::Scan { device, at, data: data.clone() },
            Input::Device { device, at, up: flag, reader_time: time },
            Input::Gpi { device, at, port, high: flag, reader_time: time },
            Input::Mark(Box::new(marked(device, at, port, flag))),
            Input::Start { at },
            Input::Tick { at },
            Input::References { at, as_of: flag.then_some(at), records: records(port) },
            Input::Wall { at, wall: Wall { ahead: Span(i64::from(port)), synchronised: flag } },
            Input::Configure(Box::new(guarded())),
        ] {
            let text = line_of(&input, &config).to_text();
            let line = Line::parse(text.trim_end()).unwrap();
            prop_assert_eq!(record::input_of(line, &config).unwrap(), Some(input), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", head in "\\{\"type\":\"(read|reads|scan|state)\",\\PC{0,40}\\}") {
        let config = gateway();
        for text in [text, head] {
            if let Ok(line) = Line::parse(&text) {
                let _ = record::input_of(line, &config);
            }
        }
    }

    /// Times that no clock shows, in any order: nothing panics, and it ends.
    #[test]
    fn any_times_can_be_replayed(
        lines in prop::collection::vec((0_u8..6, extreme(), extreme(), 1_u16..3, 1_u8..4), 1..60),
        forced in any::<bool>(),
    ) {
        let config = gateway();
        let mut text = header("plant-3", Time(T0), &config).to_text();
        for (kind, at, time, antenna, number) in lines {
            let (at, device) = (Time(at), 0);
            let reader_time = u64::try_from(time).ok().map(ReaderTime::Utc);
            let read = Read {
                epc: epc(number),
                bit_len: 96,
                antenna,
                rssi_dbm: Some(-50),
                device_time: reader_time,
                ..Read::default()
            };
            let input = match kind {
                0 => Input::Tick { at },
                1 => Input::Device { device, at, up: time % 2 == 0, reader_time },
                2 => Input::Start { at },
                _ => Input::Reads { device, at, reads: vec![read] },
            };
            text += &line_of(&input, &config).to_text();
        }
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            config: forced.then(gateway),
            ..Options::default()
        };
        prop_assert!(played(&written(&folder, "a", &text), &options).is_ok());
    }
}
