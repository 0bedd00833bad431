//! Which protocol version is spoken, and how that is found out.

use std::time::Duration;

use super::pair::Pair;
use crate::client::*;
use crate::codec::Params;
use crate::codec::code::{ROReportTriggerType, StatusCode};
use crate::codec::message::*;
use crate::codec::param::*;
use crate::reader::{ReaderConfig, ReaderFaults};

const ASK: u16 = GetSupportedVersion::TYPE;
const SET: u16 = SetProtocolVersion::TYPE;

fn reader(max_version: u8) -> ReaderConfig {
    ReaderConfig {
        max_version,
        ..ReaderConfig::default()
    }
}

fn version(pair: &Pair) -> u8 {
    let version = |event| match event {
        &ClientEvent::Ready { version, .. } => Some(version),
        _ => None,
    };
    pair.events.iter().find_map(version).unwrap()
}

#[test]
fn the_highest_common_version_is_spoken_from_then_on() {
    for (client, reader_speaks, spoken) in [
        (1, 2, 1),
        (2, 1, 1),
        (2, 2, 2),
        (2, 3, 2),
        (3, 2, 2),
        (3, 3, 3),
    ] {
        let config = ClientConfig {
            max_version: client,
            ..ClientConfig::default()
        };
        let mut pair = Pair::new(config, reader(reader_speaks));
        pair.drive();
        assert_eq!(version(&pair), spoken, "{client} and {reader_speaks}");
        assert_eq!(pair.sent.contains(&ASK), client > 1);
        for (message_type, version) in pair.sent.iter().zip(&pair.versions) {
            let wanted = if [ASK, SET].contains(message_type) {
                2
            } else {
                spoken
            };
            assert_eq!(*version, wanted, "message {message_type}");
        }
        pair.versions.clear();
        pair.pass(Duration::from_secs(5));
        assert_eq!(pair.versions, [spoken], "the keepalive's answer");
    }
}

#[test]
fn reports_are_gathered_for_a_bounded_time_where_that_can_be_said() {
    for (version, interval_ms, trigger, n) in [
        (
            2,
            100,
            ROReportTriggerType::UponNMillisecondsOrEndOfROSpec,
            100,
        ),
        (2, 0, ROReportTriggerType::UponNTagsOrEndOfROSpec, 1),
        (1, 100, ROReportTriggerType::UponNTagsOrEndOfROSpec, 1),
    ] {
        let config = ClientConfig {
            report_interval: Duration::from_millis(interval_ms),
            ..ClientConfig::default()
        };
        let mut pair = Pair::new(config, reader(version));
        pair.drive();
        let report = pair
            .planned()
            .params
            .first::<ROReportSpec>()
            .unwrap()
            .clone();
        assert_eq!((report.trigger, report.n), (trigger, n));
        pair.see(1, 1);
        pair.pass(Duration::from_millis(200));
        assert_eq!(pair.reads().len(), 1);
    }
}

#[test]
fn an_old_reader_is_asked_once() {
    let mut pair = Pair::ready();
    assert!(pair.sent.contains(&ASK));
    pair.reconnect(Duration::from_secs(1));
    assert!(!pair.sent.contains(&ASK), "it said M_UnsupportedVersion");
    assert_eq!(version(&pair), 1);
}

#[test]
fn an_error_with_another_id_answers_the_question_too() {
    let mut pair = Pair::new(ClientConfig::default(), reader(1));
    pair.cut = true;
    let hello = pair.reader.poll_transmit().unwrap();
    pair.deliver(&hello);
    pair.take_sent();
    let status = LLRPStatus {
        status_code: StatusCode::UnsupportedVersion,
        ..LLRPStatus::default()
    };
    let params = Params::default().with(status);
    pair.deliver_message(0, ErrorMessage { params });
    pair.take_sent();
    assert_eq!(pair.sent, [ASK, GetReaderCapabilities::TYPE]);
}

#[test]
fn silence_and_a_closed_connection_are_answers() {
    let mut pair = Pair::new(ClientConfig::default(), reader(1));
    let ignore = vec![ASK];
    pair.reader.set_faults(ReaderFaults {
        ignore,
        ..ReaderFaults::default()
    });
    pair.drive();
    pair.pass(Duration::from_millis(1900));
    assert_eq!(pair.sent, [ASK]);
    pair.pass(Duration::from_millis(200));
    assert!(pair.client.is_ready());
    // The answer of a slow reader comes when nobody waits any more.
    pair.deliver_message(1, ErrorMessage::default());
    let counters = pair.client.counters();
    assert_eq!((counters.late_responses, counters.stray_responses), (1, 0));
    assert_eq!(pair.warnings(), [""; 0]);
    pair.reconnect(Duration::from_secs(1));
    assert!(pair.client.is_ready() && !pair.sent.contains(&ASK));

    let mut pair = Pair::new(ClientConfig::default(), reader(1));
    // Twice in a row: once may be the network's doing.
    for _ in 0..2 {
        ask(&mut pair);
        begin_anew(&mut pair);
    }
    pair.drive();
    assert!(pair.client.is_ready() && !pair.sent.contains(&ASK));
}

/// The connection ends, and the next begins with the reader's hello under way.
fn begin_anew(pair: &mut Pair) {
    pair.client.handle_end(pair.now);
    pair.reader.disconnect();
    pair.sent.clear();
    let memory = pair.client.memory();
    pair.client = Client::with_memory(pair.config.clone(), pair.now, memory);
    pair.reader.connect(pair.utc_us());
}

/// The reader is asked for its versions; the question is lost.
fn ask(pair: &mut Pair) {
    let hello = pair.reader.poll_transmit().unwrap();
    pair.deliver(&hello);
    pair.take_sent();
    assert_eq!(pair.sent, [ASK]);
}

#[test]
fn one_cut_while_the_question_is_open_does_not_bind_for_good() {
    let mut pair = Pair::new(ClientConfig::default(), reader(2));
    ask(&mut pair);
    begin_anew(&mut pair);
    pair.drive();
    assert_eq!(version(&pair), 2);
    // Answered in between, so not in a row.
    begin_anew(&mut pair);
    ask(&mut pair);
    begin_anew(&mut pair);
    pair.events.clear();
    pair.drive();
    assert_eq!(version(&pair), 2);
    // A reader that says that it closes does not want the question.
    begin_anew(&mut pair);
    ask(&mut pair);
    pair.reader.close(pair.utc_us());
    let bytes = pair.reader.poll_transmit().unwrap();
    pair.deliver(&bytes);
    begin_anew(&mut pair);
    pair.drive();
    assert!(!pair.sent.contains(&ASK));
}

#[test]
fn a_reader_that_does_not_let_itself_be_set_is_spoken_to_as_it_is() {
    let mut pair = Pair::new(ClientConfig::default(), reader(2));
    pair.reader.refuse(SET, None, 1);
    pair.drive();
    assert_eq!(version(&pair), 1);
}
