//! A ROSpec that something else stops, and how that is noticed.

use std::time::Duration;

use super::pair::Pair;
use crate::client::*;
use crate::codec::message::*;
use crate::codec::param::ReaderEventNotificationSpec;
use crate::codec::{Frame, Parameter};
use crate::reader::ReaderConfig;

/// As if by the reader's web page.
fn stop(pair: &mut Pair) {
    let message = StopROSpec {
        rospec_id: pair.config.rospec_id,
    };
    let frame = Frame {
        version: 1,
        message_id: 1,
        message: message.into(),
    };
    pair.reader
        .handle_bytes(pair.utc_us(), &frame.encode().unwrap())
        .unwrap();
    assert!(!pair.reader.is_reading());
}

#[test]
fn a_stop_in_the_last_moment_of_the_set_up_is_noticed() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    while !pair.reader.is_reading() {
        let bytes: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit())
            .flatten()
            .collect();
        pair.deliver(&bytes);
        let sent = pair.take_sent();
        pair.reader.handle_bytes(pair.utc_us(), &sent).unwrap();
    }
    assert!(!pair.client.is_ready());
    stop(&mut pair);
    pair.drive();
    assert!(pair.client.is_ready() && !pair.reader.is_reading());
    pair.pass(Duration::from_secs(2));
    assert!(pair.reader.is_reading());
}

#[test]
fn a_reader_that_tells_no_events_is_looked_at_from_time_to_time() {
    let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
    pair.reader.refuse(
        SetReaderConfig::TYPE,
        Some(ReaderEventNotificationSpec::TYPE),
        u32::MAX,
    );
    pair.drive();
    assert!(pair.client.is_ready(), "{:?}", pair.events);
    for _ in 0..2 {
        stop(&mut pair);
        pair.pass(Duration::from_secs(61));
        assert!(pair.reader.is_reading());
    }
}
