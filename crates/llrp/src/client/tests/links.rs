//! Links that break, fall silent, are taken, and come back.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::{Pair, tags, times};
use crate::client::*;
use crate::codec::Params;
use crate::codec::code::ConnectionAttemptStatus;
use crate::codec::message::*;
use crate::codec::param::*;
use crate::reader::{Reader, ReaderConfig, ReaderError};
use crate::report::ReaderTime;

#[test]
fn keepalives_are_answered_at_once_and_first() {
    let mut pair = Pair::ready();
    pair.pass(Duration::from_secs(61));
    let counters = pair.reader.counters();
    assert_eq!((counters.keepalives, counters.keepalive_acks), (12, 12));
    assert!(pair.client.is_ready());

    // While a request waits to be sent, the answer overtakes it and has the keepalive's id.
    pair.client.close(pair.now);
    pair.deliver_message(4711, Keepalive {});
    let first = pair.client.poll_transmit().unwrap();
    assert_eq!(first, [0x04, 72, 0, 0, 0, 10, 0, 0, 0x12, 0x67]);
}

#[test]
fn a_silent_reader_is_noticed() {
    let mut pair = Pair::ready();
    pair.pass(Duration::from_secs(21));
    pair.cut = true;
    pair.pass(Duration::from_secs(13));
    assert!(pair.client.is_ready());
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.error().to_string(), "reader silent for 15 s");
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn a_reader_that_never_greets_is_noticed() {
    let mut client = Client::new(ClientConfig::default(), Duration::ZERO);
    assert_eq!(client.poll_timeout(), Some(Duration::from_secs(10)));
    client.handle_timeout(Duration::from_secs(10));
    let Some(ClientEvent::Closed {
        reason: CloseReason::Failed(error),
    }) = client.poll_event()
    else {
        panic!()
    };
    assert_eq!(
        error.to_string(),
        "reader sent no connection event for 10 s"
    );
    assert_eq!(
        client.poll_transmit(),
        None,
        "before the connection event nothing may be sent"
    );
}

#[test]
fn outcomes_of_a_connection_attempt_read_differently() {
    use ConnectionAttemptStatus as Status;
    for (status, words) in [
        (
            Status::ReaderInitiatedExists,
            "the reader itself has opened a connection to another client; a reader serves one client at a time",
        ),
        (
            Status::ClientInitiatedExists,
            "another client holds the reader; a reader serves one client at a time",
        ),
        (
            Status::Failed,
            "the reader refuses the connection, without saying why",
        ),
        (
            Status::Unknown(77),
            "the reader refuses the connection with status 77, not in the standard",
        ),
    ] {
        let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
        let params = Params::default()
            .with(UTCTimestamp { microseconds: 1 })
            .with(ConnectionAttemptEvent { status });
        let data = ReaderEventNotificationData { params };
        pair.deliver_message(
            0,
            ReaderEventNotification {
                params: Params::default().with(data),
            },
        );
        assert_eq!(pair.error().to_string(), words);
    }
}

#[test]
fn a_second_client_is_refused_and_the_first_is_told() {
    let mut pair = Pair::ready();
    let bytes = pair.reader.refuse_second_client();
    let mut second = Client::new(ClientConfig::default(), pair.now);
    second.handle_bytes(pair.now, &bytes);
    let Some(ClientEvent::Closed {
        reason: CloseReason::Failed(error),
    }) = second.poll_event()
    else {
        panic!()
    };
    assert_eq!(
        error,
        ClientError::Busy(ConnectionAttemptStatus::ClientInitiatedExists)
    );
    pair.drive();
    assert_eq!(
        pair.warnings(),
        [
            "another client tried to connect and was turned away; a reader serves one client at a time"
        ]
    );
    assert!(pair.client.is_ready());
}

#[test]
fn what_is_not_llrp_is_named() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        &[0xff; 20],
        &[0; 10],
        &[4, 99, 0, 0, 0, 10, 0, 0, 0, 0],
    ] {
        let mut client = Client::new(ClientConfig::default(), Duration::ZERO);
        client.handle_bytes(Duration::ZERO, bytes);
        let Some(ClientEvent::Closed {
            reason: CloseReason::Failed(error),
        }) = client.poll_event()
        else {
            panic!("{bytes:?}")
        };
        assert!(error.to_string().contains("not an LLRP reader"), "{error}");
        assert_eq!(client.poll_transmit(), None);
    }
    let mut reader = Reader::new(ReaderConfig::default());
    assert_eq!(reader.handle_bytes(1, b"x"), Err(ReaderError::NotConnected));
    reader.connect(1);
    assert!(matches!(
        reader.handle_bytes(1, b"GET / HTTP/1.1\r\n\r\n"),
        Err(ReaderError::NotLlrp(_))
    ));
}

#[test]
fn a_link_lost_in_mid_report_starts_afresh() {
    let mut pair = Pair::ready();
    pair.see(1, 1);
    let report = pair.reader.poll_transmit().unwrap();
    pair.deliver(&report[..report.len() / 2]);
    pair.see(2, 1);
    pair.reconnect(Duration::from_secs(3));
    assert!(pair.client.is_ready());
    assert_eq!(
        tags(&pair.reads()),
        [2],
        "the cut report is gone, the next one was held"
    );
}

#[test]
fn held_reports_arrive_after_a_reconnect_with_their_own_times() {
    let mut pair = Pair::ready();
    pair.client.handle_end(pair.now);
    pair.drive();
    pair.reader.disconnect();
    let mut seen = Vec::new();
    for tag in 0..200 {
        pair.now += Duration::from_millis(10);
        assert!(pair.see(tag, 1));
        seen.push(pair.utc_us());
    }
    pair.reconnect(Duration::from_secs(5));
    let reads = pair.reads();
    assert_eq!(tags(&reads), (0..200).collect::<Vec<u8>>());
    assert_eq!(times(&reads), seen);
    let connected = pair
        .events
        .iter()
        .position(|e| matches!(e, ClientEvent::Connected { .. }));
    assert_eq!(
        connected,
        Some(0),
        "the clock offset can be measured before the old reports come"
    );
}

#[test]
fn held_reports_are_bounded_and_the_loss_is_told() {
    let mut pair = Pair::new(
        ClientConfig::default(),
        ReaderConfig {
            held_reports_max: 10,
            ..ReaderConfig::default()
        },
    );
    pair.drive();
    pair.reader.disconnect();
    for tag in 0..15 {
        pair.see(tag, 1);
    }
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(tags(&pair.reads()), (5..15).collect::<Vec<u8>>());
    assert_eq!(pair.reader.counters().reports_overflowed, 5);
    assert!(
        pair.events
            .iter()
            .any(|event| matches!(event, ClientEvent::BufferOverflow { .. }))
    );
}

#[test]
fn without_holding_reports_are_dropped_and_counted() {
    let mut pair = Pair::new(
        ClientConfig::default(),
        ReaderConfig {
            can_hold_reports: false,
            ..ReaderConfig::default()
        },
    );
    pair.drive();
    pair.reader.disconnect();
    pair.see(1, 1);
    pair.reconnect(Duration::from_secs(1));
    assert_eq!(tags(&pair.reads()), [0_u8; 0]);
    assert_eq!(pair.reader.counters().reports_discarded, 1);
}

#[test]
fn a_rebooted_reader_is_set_up_again() {
    let mut pair = Pair::ready();
    pair.see(1, 1);
    pair.client.handle_end(pair.now);
    pair.reader.reboot();
    assert!(!pair.reader.is_reading() && !pair.see(2, 1));
    pair.reconnect(Duration::from_secs(20));
    assert_eq!(pair.told_ready(), (false, &[][..]));
    assert_eq!(pair.events[1], ClientEvent::Rebooted);
    pair.see(3, 1);
    pair.drive();
    assert_eq!(tags(&pair.reads()), [3]);
    assert_eq!(pair.reader.counters().reports_discarded, 1);
}

#[test]
fn events_of_the_reader_reach_the_caller() {
    let mut pair = Pair::ready();
    pair.events.clear();
    let now = pair.utc_us();
    let reader_time = Some(ReaderTime::Utc(now));
    pair.reader.antenna_event(now, 3, false);
    pair.reader.gpi_event(now, 1, true);
    pair.reader.exception(now, "too hot");
    pair.drive();
    assert_eq!(
        pair.events,
        [
            ClientEvent::Antenna {
                id: 3,
                connected: false,
                reader_time,
            },
            ClientEvent::Gpi {
                port: 1,
                high: true,
                reader_time,
            },
            ClientEvent::ReaderException {
                text: "too hot".to_owned(),
                reader_time,
            },
        ]
    );
}

#[test]
fn close_says_goodbye_and_waits_with_a_deadline() {
    let mut pair = Pair::ready();
    pair.see(1, 1);
    pair.client.close(pair.now);
    pair.drive();
    assert_eq!(tags(&pair.reads()), [1]);
    assert_eq!(
        pair.events.last(),
        Some(&ClientEvent::Closed {
            reason: CloseReason::Requested
        })
    );
    assert!(!pair.reader.is_connected());
    assert!(
        pair.reader.is_reading(),
        "the ROSpec goes on, its reports are held"
    );

    let mut pair = Pair::ready();
    pair.cut = true;
    pair.client.close(pair.now);
    pair.pass(Duration::from_secs(2));
    assert!(!pair.client.is_closed());
    pair.pass(Duration::from_secs(1));
    assert_eq!(
        pair.events.last(),
        Some(&ClientEvent::Closed {
            reason: CloseReason::Requested
        })
    );
}

#[test]
fn events_nobody_takes_are_bounded_and_counted() {
    let mut pair = Pair::ready();
    pair.events.clear();
    let tag = |number: u16| {
        let [a, b] = number.to_be_bytes();
        let params = Params::default()
            .with(EPC96 {
                epc: [a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            })
            .with(AntennaID { antenna_id: 1 })
            .with(FirstSeenTimestampUTC { microseconds: 5 });
        TagReportData { params }
    };
    let report = |numbers: std::ops::Range<u16>| {
        let params = numbers.map(tag).collect();
        let (version, message_id) = (1, 1);
        let message = ROAccessReport { params }.into();
        let frame = crate::codec::Frame {
            version,
            message_id,
            message,
        };
        frame.encode().unwrap()
    };
    for _ in 0..67 {
        pair.client.handle_bytes(pair.now, &report(0..3000));
    }
    assert_eq!(pair.client.counters().conflated_tags, 0);
    for _ in 0..3 {
        pair.client.handle_bytes(pair.now, &report(0..3000));
    }
    assert_eq!(pair.client.counters().conflated_tags, 6000);
    assert_eq!(pair.client.counters().undelivered_tags, 0);
    pair.client.handle_bytes(pair.now, &report(0..20_000));
    assert_eq!(pair.client.counters().undelivered_tags, 20_000 - 16_384);
    pair.reader.exception(pair.utc_us(), "later");
    pair.drive();
    let later = pair.events.pop();
    assert!(matches!(later, Some(ClientEvent::ReaderException { .. })));
    let reads = pair.reads();
    assert_eq!(reads.len(), 201_000 + 16_384);
    let merged = &reads[201_000];
    assert_eq!(
        (merged.seen_count, merged.antenna, merged.first_seen),
        (Some(4), Some(1), Some(ReaderTime::Utc(5)))
    );
    pair.client.handle_bytes(pair.now, &report(0..3000));
    pair.drive();
    assert_eq!(pair.reads().len(), 3000, "back to one by one");
}

proptest! {
    /// A reader's whole session with bytes changed, cut out and cut short, in any pieces.
    #[test]
    fn damaged_streams_end_in_an_error_or_go_on(
        edits in vec((any::<proptest::sample::Index>(), any::<u8>(), 0usize..3), 0..6),
        piece in 1usize..200,
    ) {
        let mut pair = Pair::ready();
        (0..40).for_each(|tag| { pair.see(tag, 1); });
        let mut bytes: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit()).flatten().collect();
        pair.reader.exception(pair.utc_us(), "x");
        bytes.extend(pair.reader.refuse_second_client());
        for (place, value, remove) in edits {
            let at = place.index(bytes.len());
            bytes.splice(at..bytes.len().min(at + remove), [value]);
        }
        for piece in bytes.chunks(piece) {
            pair.client.handle_bytes(pair.now, piece);
        }
        pair.client.handle_timeout(pair.now + Duration::from_secs(60));
        prop_assert!(pair.client.is_closed());
        pair.take_sent();
        let closed = std::iter::from_fn(|| pair.client.poll_event())
            .filter(|event| matches!(event, ClientEvent::Closed { .. })).count();
        prop_assert_eq!(closed, 1);
    }

    /// The reader half takes anything, too.
    #[test]
    fn damaged_requests_do_no_harm(edits in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6)) {
        let mut pair = Pair::new(ClientConfig::default(), ReaderConfig::default());
        let mut bytes = Vec::new();
        while !pair.client.is_ready() {
            let hello: Vec<u8> = std::iter::from_fn(|| pair.reader.poll_transmit()).flatten().collect();
            pair.client.handle_bytes(pair.now, &hello);
            let request = pair.take_sent();
            pair.reader.handle_bytes(pair.utc_us(), &request).unwrap();
            bytes.extend(request);
        }
        for (place, value) in edits {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        pair.reader.reboot();
        pair.reader.connect(pair.utc_us());
        let _ = pair.reader.handle_bytes(pair.utc_us(), &bytes);
        pair.see(1, 1);
        while pair.reader.poll_transmit().is_some() {}
        pair.reader.handle_timeout(pair.utc_us() + 1_000_000_000);
    }
}

#[test]
fn reports_can_be_fetched() {
    let mut pair = Pair::ready();
    pair.sent.clear();
    for _ in 0..3 {
        pair.client.fetch_reports(pair.now);
    }
    pair.drive();
    assert_eq!(pair.sent, [GetReport::TYPE]);
}
