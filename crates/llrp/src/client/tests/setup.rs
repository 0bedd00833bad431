//! Set-up: what is asked, what is kept, what is refused and how that reads.

use std::time::Duration;

use super::pair::{EPOCH_US, Pair, rospec, tags};
use crate::client::*;
use crate::codec::code::{ROSpecState, StatusCode};
use crate::codec::field::Text;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::codec::{Frame, Params};
use crate::reader::{Reader, ReaderConfig};
use crate::report::ReaderTime;

fn antenna(id: u16, hundredths: Option<i16>) -> AntennaConfig {
    AntennaConfig {
        id,
        power: hundredths.map(Dbm::from_hundredths),
        receive_sensitivity: None,
    }
}

/// A ROSpec of other software, put on the reader by a connection of its own.
fn leave_foreign(reader: &mut Reader, rospec_id: u32) {
    let config = ClientConfig {
        rospec_id,
        ..ClientConfig::default()
    };
    let rospec = rospec(&config);
    reader.connect(EPOCH_US);
    for message in [
        AddROSpec {
            params: Params::default().with(rospec),
        }
        .into(),
        EnableROSpec { rospec_id }.into(),
        StartROSpec { rospec_id }.into(),
        crate::codec::Message::from(SetReaderConfig {
            reset_to_factory_default: false,
            params: Params::default().with(EventsAndReports {
                hold_events_and_reports_upon_reconnect: true,
            }),
        }),
    ] {
        let bytes = Frame {
            version: 1,
            message_id: 1,
            message,
        }
        .encode()
        .unwrap();
        reader.handle_bytes(EPOCH_US, &bytes).unwrap();
    }
    assert_eq!(reader.counters().refused, 0);
    reader.disconnect();
}

#[test]
fn any_segmentation_reaches_ready_and_reads() {
    for segment in [1, 2, 3, 7, 9, 10, 11, 64, usize::MAX] {
        let config = ClientConfig {
            antennas: vec![
                antenna(1, Some(3000)),
                antenna(2, Some(2000)),
                antenna(3, None),
            ],
            ..ClientConfig::default()
        };
        let mut pair = Pair::new(config, ReaderConfig::default());
        pair.segment = segment;
        pair.drive();
        let reader_time = ReaderTime::Utc(pair.utc_us());
        assert_eq!(
            pair.events[0],
            ClientEvent::Connected {
                reader_time,
                clock_unset: false
            }
        );
        assert_eq!(pair.told_ready(), (false, &[][..]));
        let Some(ClientEvent::Ready { capabilities, .. }) = pair.events.last() else {
            panic!("{:?}", pair.events)
        };
        assert_eq!(
            (capabilities.antennas, capabilities.power_table.len()),
            (Some(4), 21)
        );
        assert_eq!(pair.sent, [46, 1, 2, 26, 44, 3, 20, 24, 22, 2, 2, 64]);
        assert!(pair.reader.is_reading());
        pair.see(1, 1);
        pair.see(2, 3);
        assert!(!pair.see(3, 4), "antenna 4 is not configured");
        pair.drive();
        let reads = pair.reads();
        assert_eq!(tags(&reads), [1, 2]);
        let read = &reads[0];
        assert_eq!(
            (read.bit_len, read.pc, read.antenna),
            (96, Some(0x3000), Some(1))
        );
        assert_eq!((read.peak_rssi_dbm, read.seen_count), (Some(-60), Some(1)));
        assert_eq!(
            (read.first_seen, read.last_seen),
            (Some(reader_time), Some(reader_time))
        );
    }
}

#[test]
fn a_reader_without_a_clock_tells_its_uptime() {
    let mut pair = Pair::new(
        ClientConfig::default(),
        ReaderConfig {
            has_utc_clock: false,
            hopping: true,
            ..ReaderConfig::default()
        },
    );
    pair.drive();
    assert_eq!(
        pair.events[0],
        ClientEvent::Connected {
            reader_time: ReaderTime::Uptime(0),
            clock_unset: false,
        }
    );
    pair.pass(Duration::from_secs(2));
    pair.see(1, 1);
    pair.drive();
    assert_eq!(
        pair.reads()[0].first_seen,
        Some(ReaderTime::Uptime(2_000_000))
    );
}

#[test]
fn power_between_steps_is_rounded_down_with_a_warning() {
    let config = ClientConfig {
        antennas: vec![antenna(2, Some(3150))],
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(
        config,
        ReaderConfig {
            hopping: true,
            ..ReaderConfig::default()
        },
    );
    pair.drive();
    assert!(pair.client.is_ready());
    assert_eq!(
        pair.told_ready().1,
        ["antenna 2: the reader has no step of 31.5 dBm, 30 dBm is used"]
    );
}

#[test]
fn what_the_reader_does_not_have_is_said_in_words() {
    for (config, words) in [
        (
            ClientConfig {
                antennas: vec![antenna(5, None)],
                ..ClientConfig::default()
            },
            "antenna 5 does not exist, the reader has antennas 1 to 4",
        ),
        (
            ClientConfig {
                session: 4,
                ..ClientConfig::default()
            },
            "session 4 does not exist, Gen2 has 0 to 3",
        ),
        (
            ClientConfig {
                rospec_id: 0,
                ..ClientConfig::default()
            },
            "ROSpec id 0 means all ROSpecs, choose another",
        ),
    ] {
        let mut pair = Pair::new(config, ReaderConfig::default());
        pair.drive();
        assert_eq!(pair.error().to_string(), words);
        assert_eq!(pair.sent.last(), Some(&CloseConnection::TYPE));
        assert!(!pair.reader.is_connected());
    }
}

#[test]
fn an_unchanged_running_rospec_is_kept() {
    let mut pair = Pair::ready();
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.told_ready(), (true, &[][..]));
    assert_eq!(
        pair.sent,
        [1, 2, 26, 44, 3, 2, 2, 64],
        "nothing touches the ROSpec"
    );
}

#[test]
fn a_changed_rospec_is_replaced() {
    for refuse_delete_of_enabled in [false, true] {
        let config = ReaderConfig {
            refuse_delete_of_enabled,
            ..ReaderConfig::default()
        };
        let mut pair = Pair::new(ClientConfig::default(), config);
        pair.drive();
        pair.config.session = 2;
        pair.reconnect(Duration::from_secs(1));
        assert_eq!(pair.told_ready(), (false, &[][..]));
        assert_eq!(pair.sent[4..10], [3, 25, 21, 20, 24, 22]);
        assert_eq!(pair.warnings(), [""; 0]);
        pair.see(1, 1);
        pair.drive();
        assert_eq!(tags(&pair.reads()), [1]);
    }
}

#[test]
fn foreign_rospecs_are_kept_or_replaced() {
    for (foreign_rospecs, warnings, left) in [
        (
            ForeignRoSpecs::Keep,
            vec!["the reader also holds ROSpec 7 of other software"],
            2,
        ),
        (ForeignRoSpecs::Replace, vec![], 1),
    ] {
        let config = ClientConfig {
            foreign_rospecs,
            ..ClientConfig::default()
        };
        let mut pair = Pair::new(config, ReaderConfig::default());
        leave_foreign(&mut pair.reader, 7);
        pair.reader.connect(pair.utc_us());
        pair.drive();
        assert!(pair.client.is_ready(), "{:?}", pair.events);
        assert_eq!(pair.warnings(), warnings);
        pair.reader.connect(pair.utc_us());
        let ask = Frame {
            version: 1,
            message_id: 1,
            message: GetROSpecs {}.into(),
        }
        .encode()
        .unwrap();
        pair.reader.handle_bytes(pair.utc_us(), &ask).unwrap();
        pair.reader.poll_transmit().unwrap();
        let answer = parse(&pair.reader.poll_transmit().unwrap()).unwrap();
        let crate::codec::Message::GetROSpecsResponse(answer) = answer.message else {
            panic!("{answer:?}")
        };
        assert_eq!(answer.params.all::<ROSpec>().count(), left);
    }
}

#[test]
fn a_refused_rospec_is_explained() {
    let mut pair = Pair::new(
        ClientConfig::default(),
        ReaderConfig {
            max_rospecs: 1,
            ..ReaderConfig::default()
        },
    );
    leave_foreign(&mut pair.reader, 7);
    pair.reader.connect(pair.utc_us());
    pair.drive();
    assert_eq!(
        pair.error().to_string(),
        "reader refused ADD_ROSPEC: an error in a parameter of the message (100), the reader says \"this reader holds \
         at most 1 ROSpecs\"; ROSpec (177): more of a sub-parameter than the reader can take (205); the reader also \
         holds ROSpec 7 of other software, which may be why: remove it, or let it be replaced"
    );
    assert!(
        !pair.reader.is_connected(),
        "the session is closed in good order"
    );
}

#[test]
fn holding_is_given_up_where_the_reader_cannot() {
    let mut pair = Pair::new(
        ClientConfig::default(),
        ReaderConfig {
            can_hold_reports: false,
            ..ReaderConfig::default()
        },
    );
    pair.drive();
    assert_eq!(
        pair.told_ready().1,
        ["the reader cannot hold reports: reads during a lost connection are lost"]
    );
    assert!(pair.sent.ends_with(&[64, GetReport::TYPE]));
}

/// Answers the client's requests by hand up to the one with `request_type`, whose message id it returns.
fn answer_up_to(pair: &mut Pair, request_type: u16) -> u32 {
    pair.cut = true;
    let hello: Vec<u8> = pair.reader.poll_transmit().unwrap();
    pair.deliver(&hello);
    loop {
        let bytes = pair.take_sent();
        let raw = crate::frame::RawFrame::parse(&bytes).unwrap();
        if raw.header.message_type == request_type {
            return raw.header.message_id;
        }
        pair.reader.handle_bytes(pair.utc_us(), &bytes).unwrap();
        let answer: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit())
            .flatten()
            .collect();
        pair.deliver(&answer);
    }
}

fn refusal() -> Params {
    Params::default().with(LLRPStatus {
        status_code: StatusCode::FieldError,
        error_description: Text::from("no"),
        params: Params::default(),
    })
}

#[test]
fn refused_configuration_is_asked_for_step_by_step() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    let mut id = answer_up_to(&mut pair, SetReaderConfig::TYPE);
    for _ in 0..3 {
        pair.deliver_message(id, SetReaderConfigResponse { params: refusal() });
        id = answer_up_to_config(&mut pair);
    }
    pair.deliver_message(id, ErrorMessage { params: refusal() });
    let words = "reader refused SET_READER_CONFIG: an error in a field of the message (101), the reader says \"no\"";
    assert_eq!(pair.error().to_string(), words);
}

fn answer_up_to_config(pair: &mut Pair) -> u32 {
    let bytes = pair.take_sent();
    let header = crate::frame::RawFrame::parse(&bytes).unwrap().header;
    assert_eq!(header.message_type, SetReaderConfig::TYPE);
    header.message_id
}

#[test]
fn already_started_counts_as_started() {
    for (state, ready) in [(ROSpecState::Active, true), (ROSpecState::Inactive, false)] {
        let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
        let id = answer_up_to(&mut pair, StartROSpec::TYPE);
        pair.deliver_message(id, StartROSpecResponse { params: refusal() });
        let bytes = pair.take_sent();
        let header = crate::frame::RawFrame::parse(&bytes).unwrap().header;
        assert_eq!(header.message_type, GetROSpecs::TYPE);
        let mut rospec = rospec(&pair.config);
        rospec.current_state = state;
        let params = Params::default().with(LLRPStatus::default()).with(rospec);
        pair.deliver_message(header.message_id, GetROSpecsResponse { params });
        assert_eq!(pair.client.is_closed(), !ready);
        let next = pair.take_sent();
        let next = crate::frame::RawFrame::parse(&next).unwrap().header;
        let wanted = if ready {
            GetReaderConfig::TYPE
        } else {
            CloseConnection::TYPE
        };
        assert_eq!(next.message_type, wanted);
    }
}

#[test]
fn late_and_unknown_responses_are_counted_and_ignored() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    let id = answer_up_to(&mut pair, AddROSpec::TYPE);
    // The wrong id, the wrong type, an error for nobody, a message type of tomorrow.
    pair.deliver_message(id + 100, AddROSpecResponse { params: refusal() });
    pair.deliver_message(id, EnableROSpecResponse { params: refusal() });
    pair.deliver_message(0, ErrorMessage { params: refusal() });
    pair.deliver_message(
        9,
        crate::codec::Message::Unknown(UnknownMessage {
            message_type: 700,
            body: vec![1],
        }),
    );
    assert_eq!(
        (
            pair.client.counters().stray_responses,
            pair.client.counters().unexpected_messages
        ),
        (3, 1)
    );
    assert_eq!(pair.warnings().len(), 1);
    pair.deliver_message(
        id,
        AddROSpecResponse {
            params: Params::default().with(LLRPStatus::default()),
        },
    );
    let bytes = pair.take_sent();
    assert_eq!(
        crate::frame::RawFrame::parse(&bytes)
            .unwrap()
            .header
            .message_type,
        EnableROSpec::TYPE
    );
    // The answer comes when nobody waits any more.
    pair.pass(Duration::from_secs(11));
    assert_eq!(
        pair.error().to_string(),
        "reader did not answer ENABLE_ROSPEC within 10 s"
    );
    pair.deliver_message(
        id + 1,
        EnableROSpecResponse {
            params: Params::default(),
        },
    );
    assert!(matches!(
        pair.events.last(),
        Some(ClientEvent::Closed { .. })
    ));
}

#[test]
fn reports_before_ready_are_delivered() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    answer_up_to(&mut pair, AddROSpec::TYPE);
    let data = TagReportData {
        params: Params::default().with(EPC96 { epc: [9; 12] }),
    };
    pair.deliver_message(
        1,
        ROAccessReport {
            params: Params::default().with(data),
        },
    );
    pair.deliver_message(2, ROAccessReport::default());
    assert_eq!(tags(&pair.reads()), [9]);
}

#[test]
fn a_rospec_stopped_by_others_is_started_again() {
    let mut pair = Pair::ready();
    let id = pair.config.rospec_id;
    for message in [
        StopROSpec { rospec_id: id }.into(),
        crate::codec::Message::from(DisableROSpec { rospec_id: id }),
        DeleteROSpec { rospec_id: id }.into(),
    ] {
        pair.events.clear();
        let bytes = Frame {
            version: 1,
            message_id: 99,
            message,
        }
        .encode()
        .unwrap();
        pair.reader.handle_bytes(pair.utc_us(), &bytes).unwrap();
        assert!(!pair.reader.is_reading());
        pair.drive();
        pair.pass(Duration::from_secs(1));
        assert!(
            pair.reader.is_reading() && pair.client.is_ready(),
            "{:?}",
            pair.events
        );
        assert_eq!(pair.warnings().len(), 1, "{:?}", pair.events);
    }
}

#[test]
fn a_rospec_that_keeps_stopping_is_started_once_a_second() {
    let mut pair = Pair::ready();
    pair.pass(Duration::from_secs(5));
    pair.sent.clear();
    let stop = Frame {
        version: 1,
        message_id: 99,
        message: StopROSpec { rospec_id: 14150 }.into(),
    };
    for _ in 0..35 {
        pair.pass(Duration::from_millis(100));
        if pair.reader.is_reading() {
            let bytes = stop.encode().unwrap();
            pair.reader.handle_bytes(pair.utc_us(), &bytes).unwrap();
            pair.drive();
        }
    }
    let starts = |sent: &&u16| **sent == StartROSpec::TYPE;
    assert_eq!(pair.sent.iter().filter(starts).count(), 4);
}
