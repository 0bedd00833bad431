//! What the reader cannot do or refuses: left out piece by piece, and told.

use std::time::Duration;

use super::pair::Pair;
use crate::client::*;
use crate::codec::Parameter;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::reader::ReaderConfig;

/// Everything that an Impinj reader can be asked for.
fn demanding() -> ClientConfig {
    let select = Select {
        bank: MemoryBank::Epc,
        bit_pointer: 32,
        mask: vec![0x30],
        bit_len: 8,
    };
    ClientConfig {
        session: 1,
        antennas: vec![AntennaConfig {
            id: 1,
            power: Some(Dbm::from_hundredths(2500)),
            receive_sensitivity: Some(10),
        }],
        mode: Some(RfMode::Name("AutoSet Dense Reader".to_owned())),
        search_mode: Some(SearchMode::TagFocus),
        select: vec![select],
        report: ReportContent {
            crc: true,
            channel: true,
            phase: true,
            doppler: true,
            fine_rssi: true,
            tid: true,
            ..ReportContent::default()
        },
        duty_cycle: Some(DutyCycle {
            on: Duration::from_secs(2),
            off: Duration::from_secs(1),
        }),
        ..ClientConfig::default()
    }
}

fn count(pair: &Pair, message_type: u16) -> usize {
    pair.sent
        .iter()
        .filter(|sent| **sent == message_type)
        .count()
}

#[test]
fn an_impinj_reader_does_all_of_it() {
    let mut pair = Pair::new(demanding(), ReaderConfig::impinj());
    pair.drive();
    assert_eq!(pair.told_ready(), (false, &[][..]));
    assert_eq!(pair.reader.counters().refused, 0);
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(
        pair.told_ready(),
        (true, &[][..]),
        "though defaults are filled in"
    );
    assert_eq!(
        count(&pair, CustomMessage::TYPE),
        1,
        "extensions are per connection"
    );
}

#[test]
fn what_the_reader_names_is_left_out_told_and_not_asked_for_again() {
    let refused = |parameter: u16| -> &'static str {
        match parameter {
            C1G2RFControl::TYPE => "the reader's own radio mode is used",
            RFReceiver::TYPE => "the reader's own receive sensitivity is used",
            C1G2Filter::TYPE => "the reader reads all tags, not only those asked for",
            PeriodicTriggerValue::TYPE => "the reader reads without pauses",
            C1G2SingulationControl::TYPE => "the reader's own session and tag population are used",
            GPIPortCurrentState::TYPE => "changes of inputs are not told",
            EventsAndReports::TYPE => {
                "the reader does not hold reports: reads during a lost connection are lost"
            }
            _ => "antenna, input and buffer events are not told",
        }
    };
    for (request, parameter) in [
        (AddROSpec::TYPE, C1G2RFControl::TYPE),
        (AddROSpec::TYPE, RFReceiver::TYPE),
        (AddROSpec::TYPE, C1G2Filter::TYPE),
        (AddROSpec::TYPE, PeriodicTriggerValue::TYPE),
        (AddROSpec::TYPE, C1G2SingulationControl::TYPE),
        (SetReaderConfig::TYPE, GPIPortCurrentState::TYPE),
        (SetReaderConfig::TYPE, EventsAndReports::TYPE),
        (SetReaderConfig::TYPE, EventNotificationState::TYPE),
    ] {
        let mut pair = Pair::new(demanding(), ReaderConfig::impinj());
        pair.reader.refuse(request, Some(parameter), u32::MAX);
        pair.drive();
        let limits = pair.told_ready().1.to_vec();
        let [limit] = limits.as_slice() else {
            panic!("{parameter}: {limits:?}")
        };
        assert!(limit.starts_with(refused(parameter)), "{limit}");
        let name = crate::codec::param::parameter_name(parameter).unwrap();
        assert!(limit.contains(&format!("{name} ({parameter})")), "{limit}");
        assert_eq!(count(&pair, request), 2);
        pair.reconnect(Duration::from_secs(1));
        assert_eq!(pair.told_ready(), (true, &limits[..]));
        assert!(count(&pair, request) <= 1, "not asked for again");
        // Another configuration is another question.
        pair.config.tag_population = 5;
        pair.reconnect(Duration::from_secs(1));
        assert!(count(&pair, request) == 2, "{parameter} {:?}", pair.sent);
    }
}

#[test]
fn without_a_name_the_least_needed_goes_first() {
    let mut pair = Pair::new(demanding(), ReaderConfig::impinj());
    pair.reader.refuse(AddROSpec::TYPE, None, 3);
    pair.drive();
    let (kept, limits) = pair.told_ready();
    let starts: Vec<&str> = limits
        .iter()
        .map(|limit| limit.split(", as").next().unwrap())
        .collect();
    assert!(!kept);
    assert_eq!(
        starts,
        [
            "the reader's own search mode is used",
            "the vendor's report contents are left out",
            "CRC, XPC words, channel and AccessSpec id are not reported",
        ]
    );
    assert!(
        pair.sent.contains(&AddAccessSpec::TYPE),
        "the TID is read by an AccessSpec then"
    );
}

#[test]
fn a_reader_that_refuses_all_is_explained_and_asked_again_later() {
    let mut pair = Pair::new(demanding(), ReaderConfig::impinj());
    pair.reader.refuse(AddROSpec::TYPE, None, u32::MAX);
    pair.drive();
    let text = pair.error().to_string();
    assert!(text.starts_with("reader refused ADD_ROSPEC: "), "{text}");
    let asked = count(&pair, AddROSpec::TYPE);
    assert_eq!(asked, 9, "eight things could be left out");
    assert_eq!(pair.sent.last(), Some(&CloseConnection::TYPE));
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(count(&pair, AddROSpec::TYPE), asked);
}

#[test]
fn an_input_that_says_when_to_read_is_never_left_out() {
    let config = ClientConfig {
        trigger: Some(GpiTrigger {
            port: 2,
            high: true,
            timeout: None,
        }),
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.reader
        .refuse(AddROSpec::TYPE, Some(GPITriggerValue::TYPE), u32::MAX);
    pair.drive();
    assert!(pair.error().to_string().contains("GPITriggerValue (181)"));
    assert!(!pair.reader.is_reading());
}

#[test]
fn other_readers_say_what_they_lack() {
    let mut config = demanding();
    config.report.xpc = true;
    config.duty_cycle = None;
    config.select = vec![config.select[0].clone(); 3];
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.drive();
    assert_eq!(
        pair.told_ready().1,
        [
            "3 tag patterns are asked for, the reader takes at most 2: it reads all tags",
            "radio mode \"AutoSet Dense Reader\" is not among the reader's: 1000 (FM0 at 250 kHz, dense interrogator); the \
             reader's own choice is used",
            "search mode TagFocus needs the extensions of an Impinj reader, the reader's own search mode is used",
            "phase, Doppler shift, fine RSSI cannot be asked for: it needs the extensions of an Impinj reader",
            "XPC words are not reported: they came with LLRP 1.1, and this session speaks 1.0.1",
        ]
    );
    let mut pair = Pair::new(demanding(), ReaderConfig::zebra());
    pair.drive();
    let limits = pair.told_ready().1;
    assert!(
        limits
            .iter()
            .any(|limit| limit.contains("a Zebra reader's phase is taken")),
        "{limits:?}"
    );
}

#[test]
fn tag_focus_in_the_wrong_session_is_remarked() {
    let config = ClientConfig {
        session: 2,
        ..demanding()
    };
    let mut pair = Pair::new(config, ReaderConfig::impinj());
    pair.drive();
    assert_eq!(
        pair.told_ready().1,
        ["TagFocus keeps tags quiet in session 1 only, session 2 is asked for"]
    );
}

#[test]
fn extensions_that_are_refused_become_a_limit() {
    let mut pair = Pair::new(demanding(), ReaderConfig::impinj());
    pair.reader.refuse(CustomMessage::TYPE, None, u32::MAX);
    pair.drive();
    let limits = pair.told_ready().1;
    assert!(
        limits[0].starts_with("the reader does not switch its vendor's extensions on: "),
        "{limits:?}"
    );
    assert_eq!(limits.len(), 3, "{limits:?}");
}

#[test]
fn a_full_reader_is_not_asked_for_less() {
    let foreign = ClientConfig {
        rospec_id: 7,
        ..ClientConfig::default()
    };
    for reader in [ReaderConfig::impinj(), ReaderConfig::zebra()] {
        let mut pair = Pair::new(foreign.clone(), reader);
        pair.drive();
        pair.config = demanding();
        pair.reconnect(Duration::from_secs(1));
        let text = pair.error().to_string();
        assert!(
            text.contains("also holds ROSpec 7 of other software"),
            "{text}"
        );
        assert_eq!(count(&pair, AddROSpec::TYPE), 1);
        pair.config.foreign_rospecs = ForeignRoSpecs::Replace;
        pair.reconnect(Duration::from_secs(1));
        assert!(pair.client.is_ready(), "{:?}", pair.events);
    }
}
