//! Stories as people read them, and the bounds of the book.

use tracegate_pipeline::config::{
    Direction, GateAntenna, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side,
    StationConfig, Step, Tuning,
};
use tracegate_pipeline::eyes::Says;
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::input::{EpcKey, MovementEvent, NonEvent, NonEventReason, RefusedMark};
use tracegate_pipeline::zone::ZoneConfig;
use tracegate_pipeline::{Input, Read, Time};

use super::{Book, render};

/// 2026-11-22T10:00:00Z.
const T0: i64 = 1_795_341_600_000_000;
const S: i64 = 1_000_000;

fn config() -> PipelineConfig {
    let antenna = |antenna, side| GateAntenna {
        device: 0,
        antenna,
        side,
    };
    PipelineConfig {
        time_zone: "Europe/Berlin".into(),
        devices: vec!["dock_1".into()],
        read_points: vec![ReadPointConfig {
            name: "door".into(),
            uri: "urn:epc:id:sgln:4012345.00001.dock1".into(),
            guard: None,
            kind: ReadPointKind::Gate(GateConfig {
                antennas: vec![antenna(1, Side::Outside), antenna(2, Side::Inside)],
                inward: None,
                outward: None,
                tuning: Tuning::dock(),
                loads: tracegate_pipeline::association::LoadRules::default(),
                stay: None,
                eyes: Vec::new(),
            }),
        }],
        tags: TagRules {
            ignore: vec![Pattern::parse("hex:34*").unwrap()],
            ..TagRules::default()
        },
        sensors: Vec::new(),
    }
}

fn book() -> Book {
    let mut book = Book::default();
    book.input(&Input::Configure(Box::new(config())));
    book
}

fn epc(number: u64) -> Vec<u8> {
    let uri = format!("urn:epc:tag:sgtin-96:1.4012345.000100.{number}");
    tracegate_gs1::epc::encode_tag_uri(&uri).unwrap().bytes
}

fn read(book: &mut Book, at: i64, epc: &[u8], antenna: u16, rssi: i8) {
    let read = Read {
        epc: epc.to_vec(),
        bit_len: epc.len() as u16 * 8,
        antenna,
        rssi_dbm: Some(rssi),
        ..Read::default()
    };
    book.input(&Input::Reads {
        device: 0,
        at: Time(at),
        reads: vec![read],
    });
}

fn load(reason: NonEventReason, number: u64) -> NonEvent {
    let key = EpcKey {
        epc: epc(number),
        bit_len: 96,
    };
    NonEvent {
        read_point: "door".into(),
        at: Time(T0 + 11 * S),
        reason,
        tags: 1,
        direction: Some(Direction::In),
        members: vec![(key, None)],
        mark: None,
        eyes: Says::Nothing,
    }
}

fn told(book: &Book, name: &str) -> String {
    book.stories(name).iter().map(render).collect()
}

#[test]
fn a_load_that_was_not_booked_says_which_rule_and_what_to_do() {
    let mut book = book();
    for step in 0..6 {
        read(
            &mut book,
            T0 + (5 + step) * S,
            &epc(1),
            1 + u16::from(step > 2),
            -60,
        );
    }
    book.not_booked(&load(NonEventReason::FewTags, 1));
    let text = told(&book, "urn:epc:tag:sgtin-96:1.4012345.000100.1");
    assert_eq!(
        text,
        "3034f4e4e400190000000001  https://id.gs1.org/01/04012345001006/21/1\n  \
         2026-11-22 11:00:05 to 2026-11-22 11:00:07 antenna dock_1/1 (door, outside): 3 reads, strongest -60 dBm\n  \
         2026-11-22 11:00:08 to 2026-11-22 11:00:10 antenna dock_1/2 (door, inside): 3 reads, strongest -60 dBm\n  \
         2026-11-22 11:00:11 door: not booked, in: few_tags: only 1 tag clearly changed sides, and min_tags is 2. If loads of so few tags are to count, lower min_tags; if there were more, see why the others were not read on both sides: `tracegate survey` shows it.\n"
    );
}

#[test]
fn a_mark_that_failed_says_the_markers_own_code() {
    let mut book = book();
    let thing = "https://id.gs1.org/01/04012345000009/21/SN20";
    book.not_booked(&NonEvent {
        direction: None,
        members: Vec::new(),
        mark: Some(RefusedMark {
            id: "laser_1/7".into(),
            thing: Some(thing.into()),
            code: Some("E400 \x1b[2Jlid open".into()),
        }),
        ..load(NonEventReason::MarkFailed, 1)
    });
    let text = told(&book, thing);
    assert!(
        text.contains("mark_failed: the marker failed to mark it: E400 ")
            && text.contains("[2Jlid open. Look at the marker"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text}");
    assert_eq!(
        told(&book, "https://id.gs1.org/01/04012345000009/21/SN21"),
        ""
    );
}

#[test]
fn every_rule_has_words_and_advice() {
    use NonEventReason::{
        Anti, Eye, FewTags, Invalid, MarkFailed, MarkUnidentified, Neighbour, Ratio, Rearm,
        ScanCancelled, ScanRefused, Unclear, Untagged,
    };
    let tuning = Tuning::dock();
    let several = super::reason(FewTags, 3, Some(&tuning));
    assert!(several.starts_with("of 3 tags that seemed"), "{several}");
    for (reason, expected) in [
        (FewTags, "min_tags is 2"),
        (Anti, "the other way"),
        (Ratio, "flip_ratio asks for (35 %)"),
        (Unclear, "does not clearly tell this way"),
        (Rearm, "within rearm (20 s)"),
        (Invalid, "valid EPCIS"),
        (Neighbour, "another gate"),
        (Eye, "photo-eyes"),
        (Untagged, "no tag"),
        (MarkFailed, "the marker failed"),
        (MarkUnidentified, "which thing"),
        (ScanRefused, "refused the scan"),
        (ScanCancelled, "taken back"),
    ] {
        let text = super::reason(reason, 1, Some(&tuning));
        assert!(text.contains(expected), "{text}");
        assert_ne!(text, "another rule refused it");
        assert_ne!(super::advice(reason), "See the log.");
    }
}

#[test]
fn tags_that_were_filtered_out_have_a_story_too() {
    let mut book = book();
    let ignored = [0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    read(&mut book, T0, &ignored, 1, -60);
    let text = told(&book, "340102030405060708090a0b");
    assert!(
        text.contains("Its reads count for nothing: it matches \"hex:34*\" in [tags] ignore"),
        "{text}"
    );
    for (number, antenna, rssi, seconds, expected) in [
        (1, 1, -80, 1, "all its reads were weaker than min_rssi"),
        (2, 7, -50, 1, "its antennas belong to no read point"),
        (3, 2, -50, 1, "read from one side only (inside)"),
        (
            4,
            2,
            -50,
            30,
            "it stands there, and parked stock is not booked",
        ),
    ] {
        for second in 0..seconds {
            read(&mut book, T0 + second * S, &epc(number), antenna, rssi);
        }
        let text = told(&book, &super::super::capture::hex(&epc(number)));
        assert!(text.contains(expected), "{text}");
    }
    assert!(told(&book, &format!("{:024x}", 5)).is_empty());
    // Weak reads are shown with their bound.
    let text = told(&book, "(01)04012345001006(21)1");
    assert!(
        text.contains("1 of them weaker than min_rssi (-78 dBm)"),
        "{text}"
    );
}

#[test]
fn a_tag_has_many_names_and_a_scanned_thing_one() {
    let mut book = book();
    let sscc = tracegate_gs1::epc::encode_tag_uri("urn:epc:tag:sscc-96:0.4012345.0000000001");
    let sscc = sscc.unwrap().bytes;
    read(&mut book, T0, &sscc, 1, -60);
    for name in [
        "urn:epc:tag:sscc-96:0.4012345.0000000001",
        "urn:epc:id:sscc:4012345.0000000001",
        "https://id.gs1.org/00/040123450000000016",
        "(00)040123450000000016",
        "040123450000000016",
    ] {
        assert_eq!(book.stories(name).len(), 1, "{name}");
    }
    let thing = "https://id.gs1.org/01/04012345001006/10/L1";
    book.booked(&event(1, thing));
    let stories = book.stories("(01)04012345001006(10)L1");
    assert_eq!(stories.len(), 1);
    assert!(stories[0].epc.is_none() && stories[0].passages.len() == 1);
    assert!(render(&stories[0]).contains("booked: in  receiving 1 items (event ni:///sha-256;"));
    let mut alert = event(2, "https://id.gs1.org/00/040123450000000016");
    alert.summary = "alert 00/040123450000000016: lot L1 is not released (hold)".into();
    alert.json.insert_str(1, "\"gw:alert\":\"lot_hold\",");
    book.booked(&alert);
    let stories = book.stories("(00)040123450000000016");
    let text = render(&stories[0]);
    assert!(
        text.contains("door: told: alert 00/040123450000000016: lot L1 is"),
        "{text}"
    );
}

#[test]
fn a_place_without_a_direction_is_a_read_point_too() {
    let mut config = config();
    config.read_points[0].name = "cage".into();
    config.read_points[0].kind = ReadPointKind::Zone(ZoneConfig {
        antennas: vec![(0, 1)],
        ..ZoneConfig::default()
    });
    let mut book = Book::default();
    book.configure(&config);
    for second in 0..3_600 {
        read(&mut book, T0 + second * S, &epc(1), 1, -60);
    }
    read(&mut book, T0, &epc(1), 2, -60);
    let text = told(&book, "(01)04012345001006(21)1");
    assert!(
        text.contains("antenna dock_1/1 (cage): 3600 reads"),
        "{text}"
    );
    assert!(
        text.contains("antenna dock_1/2 (in no read point): 1 read"),
        "{text}"
    );
    assert!(
        text.contains("Nothing was told of it yet: it came a moment ago"),
        "{text}"
    );
    // What stays there is no stock that stands in a door.
    assert!(!text.contains("parked"), "{text}");
}

fn event(number: i64, thing: &str) -> MovementEvent {
    MovementEvent {
        id: tracegate_epcis::EventId::of_prehash(&number.to_string()),
        read_point: "door".into(),
        at: Time(T0 + number),
        uncertainty: Default::default(),
        json: format!("{{\"epcList\":[\"{thing}\"]}}"),
        summary: "in  receiving 1 items".into(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    }
}

#[test]
fn the_book_is_bounded_and_forgets_the_oldest() {
    let mut book = book();
    for number in 0..10_000 {
        read(&mut book, T0 + number, &epc(number as u64), 1, -60);
        book.not_booked(&load(NonEventReason::FewTags, number as u64));
        book.booked(&event(number, &format!("https://example.com/{number}")));
    }
    let (tags, passages, loads) = book.sizes();
    assert!((3_072..=4_096).contains(&tags), "{tags}");
    assert_eq!((passages, loads), (1_000, 1_000));
    let name = |number| super::super::capture::hex(&epc(number));
    assert!(book.stories(&name(1)).is_empty());
    assert_eq!(book.stories(&name(9_999))[0].non_events.len(), 1);
    // Large loads are fewer.
    let mut large = load(NonEventReason::Ratio, 1);
    large.members = vec![large.members[0].clone(); 30_000];
    for _ in 0..10 {
        book.not_booked(&large);
    }
    assert_eq!(book.sizes().2, 3);
}

#[test]
fn another_configuration_counts_from_then_on() {
    let mut book = book();
    read(&mut book, T0, &[0x34; 12], 1, -60);
    let mut changed = config();
    changed.tags.ignore.clear();
    changed.read_points.clear();
    book.input(&Input::Configure(Box::new(changed)));
    let stories = book.stories(&"34".repeat(12));
    assert!(stories[0].ignored.is_none());
    assert!(stories[0].sightings[0].read_point.is_none());
}

/// A door that is guarded, and a station.
#[test]
fn guards_are_told_as_they_are_and_alerts_are_bounded() {
    use crate::capture::tap::Batch;
    use tracegate_pipeline::Output;
    use tracegate_pipeline::guard::{GuardConfig, Rule};
    use tracegate_pipeline::input::Alert;

    let mut config = config();
    config.read_points.push(ReadPointConfig {
        name: "line_2".into(),
        uri: "urn:epc:id:sgln:4012345.00001.line2".into(),
        guard: None,
        kind: ReadPointKind::Station(StationConfig {
            scanners: Vec::new(),
            step: Step::default(),
            task: None,
            marks: None,
        }),
    });
    for read_point in &mut config.read_points {
        read_point.guard = Some(Box::new(GuardConfig::default()));
    }
    let mut book = Book::default();
    book.input(&Input::Configure(Box::new(config)));
    let recent = book.recent();
    let door = &recent.guards["door"];
    assert_eq!(door.refuses, ["lot_hold", "lot_expired"]);
    assert!(recent.guards["line_2"].warns.contains(&"fefo".to_owned()));
    let alert = Alert {
        read_point: "door".into(),
        at: Time(T0),
        thing: "x".into(),
        rule: Rule::LotHold,
        text: "lot L1 is on hold".into(),
        data_version: None,
    };
    book.told(&Batch {
        said: vec![(0, Output::Alert(alert)); 200],
        ..Batch::default()
    });
    assert_eq!(book.recent().alerts.len(), 50);
}
