//! Inputs and outputs, and what they start.

use std::time::Duration;

use super::pair::{Pair, tags};
use crate::client::*;
use crate::codec::code::ROSpecState;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::reader::{ReaderConfig, ReaderFaults};

fn failures(pair: &Pair) -> Vec<&str> {
    let mut failures = Vec::new();
    for event in &pair.events {
        if let ClientEvent::GpoFailed { explanation, .. } = event {
            failures.push(explanation.as_str());
        }
    }
    failures
}

fn levels(pair: &Pair) -> Vec<(u16, bool)> {
    let level = |event: &ClientEvent| match *event {
        ClientEvent::Gpi { port, high, .. } => Some((port, high)),
        _ => None,
    };
    pair.events.iter().filter_map(level).collect()
}

#[test]
fn outputs_are_written_and_written_again_after_a_reconnect() {
    let mut pair = Pair::ready();
    pair.client.set_gpo(pair.now, 2, true);
    pair.client.set_gpo(pair.now, 3, false);
    pair.drive();
    assert_eq!(
        (pair.reader.gpo(2), pair.reader.gpo(3)),
        (Some(true), Some(false))
    );
    for port in [2, 3] {
        assert!(pair.events.contains(&ClientEvent::GpoWritten { port }));
    }
    pair.client.handle_end(pair.now);
    pair.reader.reboot();
    assert_eq!(pair.reader.gpo(2), Some(false));
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.reader.gpo(2), Some(true));
    assert_eq!(failures(&pair), [""; 0]);
}

#[test]
fn the_newest_state_wins_while_a_write_is_under_way() {
    let mut pair = Pair::ready();
    pair.sent.clear();
    for high in [true, false, true, false] {
        pair.client.set_gpo(pair.now, 1, high);
    }
    pair.drive();
    assert_eq!(pair.sent, [SetReaderConfig::TYPE; 2]);
    assert_eq!(pair.reader.gpo(1), Some(false));
}

#[test]
fn outputs_are_written_during_set_up_but_not_before_the_version_is_settled() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    pair.client.set_gpo(pair.now, 1, true);
    assert_eq!(pair.client.poll_transmit(), None);
    let hello = pair.reader.poll_transmit().unwrap();
    pair.deliver(&hello);
    let ask = pair.take_sent();
    assert_eq!(pair.sent, [GetSupportedVersion::TYPE]);
    pair.reader.handle_bytes(pair.utc_us(), &ask).unwrap();
    let answer = pair.reader.poll_transmit().unwrap();
    pair.deliver(&answer);
    pair.take_sent();
    let mut sent = pair.sent.clone();
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            GetReaderCapabilities::TYPE,
            SetReaderConfig::TYPE,
            GetSupportedVersion::TYPE
        ]
    );
}

#[test]
fn outputs_that_fail_say_why() {
    let mut pair = Pair::ready();
    pair.reader
        .refuse(SetReaderConfig::TYPE, Some(GPOWriteData::TYPE), u32::MAX);
    pair.client.set_gpo(pair.now, 0, true);
    pair.client.set_gpo(pair.now, 5, true);
    pair.client.set_gpo(pair.now, 1, true);
    pair.drive();
    let [none, beyond, refused] = failures(&pair)[..] else {
        panic!("{:?}", pair.events)
    };
    assert_eq!(none, "outputs are numbered from 1");
    assert_eq!(
        beyond,
        "output 5 does not exist, the reader has outputs 1 to 4"
    );
    assert!(
        refused.starts_with("output 1 cannot be set high: "),
        "{refused}"
    );
    assert!(refused.contains("GPOWriteData (219)"), "{refused}");
    let written = |event: &ClientEvent| matches!(event, ClientEvent::GpoWritten { .. });
    assert!(!pair.events.iter().any(written), "{:?}", pair.events);

    let mut pair = Pair::ready();
    pair.reader.set_faults(ReaderFaults {
        ignore: vec![SetReaderConfig::TYPE],
        ..ReaderFaults::default()
    });
    pair.client.set_gpo(pair.now, 1, true);
    pair.pass(Duration::from_secs(11));
    assert_eq!(
        failures(&pair),
        ["output 1 cannot be set high: no answer to SET_READER_CONFIG within 10 s"]
    );
    assert!(pair.client.is_ready(), "reading goes on");
    for port in 1..=70 {
        pair.client.set_gpo(pair.now, port + 100, true);
    }
    pair.drive();
    assert!(
        failures(&pair).contains(&"more than 64 outputs are in use") || failures(&pair).len() > 64
    );
}

#[test]
fn inputs_are_told_after_each_connect_and_when_they_change() {
    let mut pair = Pair::ready();
    assert_eq!(
        levels(&pair),
        [(1, false), (2, false), (3, false), (4, false)]
    );
    pair.events.clear();
    pair.reader.gpi_event(pair.utc_us(), 3, true);
    pair.drive();
    assert_eq!(levels(&pair), [(3, true)]);
    pair.client.handle_end(pair.now);
    pair.reader.disconnect();
    pair.reader.gpi_event(pair.utc_us(), 2, true);
    pair.reconnect(Duration::from_secs(1));
    // The state now, then the change that was held.
    assert_eq!(
        levels(&pair),
        [(1, false), (2, true), (3, true), (4, false), (2, true)]
    );
}

#[test]
fn an_input_starts_and_stops_reading() {
    let trigger = GpiTrigger {
        port: 2,
        high: true,
        timeout: Some(Duration::from_secs(30)),
    };
    let config = ClientConfig {
        trigger: Some(trigger),
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(config.clone(), ReaderConfig::default());
    pair.drive();
    assert!(pair.client.is_ready() && !pair.reader.is_reading());
    assert!(!pair.sent.contains(&StartROSpec::TYPE));
    pair.reader.gpi_event(pair.utc_us(), 2, true);
    assert!(pair.reader.is_reading());
    pair.see(1, 1);
    pair.reader.gpi_event(pair.utc_us(), 2, false);
    assert!(!pair.reader.is_reading());
    pair.drive();
    assert_eq!(tags(&pair.reads()), [1]);
    assert_eq!(pair.warnings(), [""; 0], "that it ended is no surprise");

    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.told_ready(), (true, &[][..]));
    assert!(!pair.reader.is_reading(), "the input is low");

    // The photo-eye is covered while the gateway sets the reader up: no change of level will come.
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.reader.gpi_event(pair.utc_us(), 2, true);
    pair.drive();
    assert!(pair.client.is_ready() && pair.reader.is_reading());
    let missing = ClientConfig {
        trigger: Some(GpiTrigger { port: 5, ..trigger }),
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(missing, ReaderConfig::default());
    pair.drive();
    assert_eq!(
        pair.error().to_string(),
        "input 5 does not exist, the reader has inputs 1 to 4"
    );
}

#[test]
fn a_duty_cycle_runs_by_itself() {
    let config = ClientConfig {
        duty_cycle: Some(DutyCycle {
            on: Duration::from_secs(2),
            off: Duration::from_secs(3),
        }),
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(config, ReaderConfig::default());
    pair.drive();
    assert!(pair.client.is_ready(), "{:?}", pair.events);
    pair.sent.clear();
    let mut reading = 0;
    for _ in 0..100 {
        pair.pass(Duration::from_millis(500));
        reading += u32::from(pair.reader.is_reading());
    }
    assert!((35..=45).contains(&reading), "{reading} of 100");
    assert_eq!(pair.warnings(), [""; 0]);
    let checks = pair
        .sent
        .iter()
        .filter(|sent| **sent == GetROSpecs::TYPE)
        .count();
    assert_eq!(checks, 1, "not at each end");
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(pair.told_ready(), (true, &[][..]));
    assert_ne!(pair.planned().current_state, ROSpecState::Active);
}
