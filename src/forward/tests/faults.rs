//! Brokers that refuse, fall silent, cut, or are something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tracegate_sim::{Task, wait_until};

use super::fake::{Answer, Fake};
use super::*;

/// Welcomes and takes everything.
async fn good() -> Fake {
    Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await
}

#[tokio::test]
async fn a_refused_connection_says_what_to_look_at() {
    for (code, text) in [
        (ConnectReturnCode::BadUserNamePassword, "password_file"),
        (ConnectReturnCode::NotAuthorized, "not authorized"),
        (
            ConnectReturnCode::ClientIdentifierNotValid,
            "[mqtt] client_id",
        ),
        (ConnectReturnCode::Banned, "banned"),
        (ConnectReturnCode::ServerBusy, "busy"),
        (ConnectReturnCode::UnsupportedProtocolVersion, "MQTT 5"),
        (ConnectReturnCode::ServerMoved, "[mqtt] url"),
        (ConnectReturnCode::RetainNotSupported, "retained"),
    ] {
        let broker = Fake::gated(
            move |connection| match connection {
                1 => Answer::connack(code, None),
                _ => Answer::welcome(),
            },
            |_, _, publish| Answer::taken(publish),
        )
        .await;
        let rig = Rig::start(settings(broker.addr), 1).await;
        rig.says(text).await;
        broker.admit();
        rig.acknowledged(1).await;
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_mqtt_5_broker_is_named_so() {
    // Nothing; an MQTT 3.1.1 broker's refusal; a TLS alert (protocol version); a web server.
    for (answer, text) in [
        (&b""[..], "does not speak MQTT 5"),
        (&[0x20, 2, 0, 1], "does not speak MQTT 5"),
        (&[0x15, 3, 1, 0, 2, 2, 70], "mqtts://"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak MQTT 5"),
    ] {
        let broker = Fake::start(
            |_| Answer::LastWords(answer.to_vec()),
            |_, _, _| Answer::Silence,
        )
        .await;
        let rig = Rig::start(settings(broker.addr), 1).await;
        rig.says(text).await;
        assert!(
            rig.condition().contains(&broker.addr.to_string()),
            "{}",
            rig.condition()
        );
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_never_answers_connect_is_given_up_and_tried_again() {
    let broker = Fake::start(
        |connection| match connection {
            1 | 2 => Answer::Silence,
            _ => Answer::welcome(),
        },
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 3).await;
    rig.says("no answer within").await;
    rig.acknowledged(3).await;
    assert_eq!(rig.health.conditions(), [""; 0]);
    assert_eq!(broker.log().connections, 3);
    rig.stop().await;
}

#[tokio::test]
async fn nobody_there_is_said_and_a_stop_needs_no_broker() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::start(settings(addr), 1).await;
    rig.says(&format!(
        "cannot reach the broker at {addr}: connection refused"
    ))
    .await;
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_broker_that_does_not_answer() {
    let broker = Fake::start(|_| Answer::Silence, |_, _, _| Answer::Silence).await;
    let timing = Timing {
        connect: PATIENCE * 100,
        ..QUICK
    };
    let rig = Rig::start(
        Settings {
            timing,
            ..settings(broker.addr)
        },
        1,
    )
    .await;
    wait_until("a connection", PATIENCE, || broker.log().connections == 1)
        .await
        .unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn a_missing_password_file_is_named() {
    let broker = good().await;
    let credentials = Some(("gw".to_owned(), Some("/nowhere/mqtt-password".into())));
    let rig = Rig::start(
        Settings {
            credentials,
            ..settings(broker.addr)
        },
        1,
    )
    .await;
    rig.says("cannot read the password file /nowhere/mqtt-password: No such file")
        .await;
    rig.stop().await;
}

#[tokio::test]
async fn a_broker_that_stops_acknowledging_gets_everything_again() {
    // Also pings stay unanswered: only our own deadline notices.
    let broker = Fake::gated(
        |_| Answer::welcome(),
        |connection, number, publish| {
            if connection == 1 && !(0..=17).contains(&number) {
                Answer::Silence
            } else {
                Answer::taken(publish)
            }
        },
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 100).await;
    rig.says("acknowledged nothing for").await;
    broker.admit();
    rig.acknowledged(100).await;
    let log = broker.log();
    assert_eq!(log.connections, 2);
    in_order(&log.taken, 100);
    rig.stop().await;
}

#[tokio::test]
async fn connections_cut_in_mid_window_lose_nothing() {
    // Each of the first connections ends after a different number of events, with acknowledgements under way.
    let broker = Fake::start(
        |_| Answer::welcome(),
        |connection, number, publish| {
            if connection <= 12 && number > 0 && number % 23 == i64::try_from(connection).unwrap() {
                Answer::Cut
            } else {
                Answer::taken(publish)
            }
        },
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 300).await;
    rig.acknowledged(300).await;
    let log = broker.log();
    assert!(log.connections > 5, "{log:?}");
    in_order(&log.taken, 300);
    rig.stop().await;
}

#[tokio::test]
async fn the_brokers_receive_maximum_is_kept_and_the_status_gets_through() {
    for receive_maximum in [1, 7] {
        let broker = Fake::start(
            move |_| Answer::welcome_with(|given| given.receive_max = Some(receive_maximum)),
            |_, _, publish| Answer::taken(publish),
        )
        .await;
        let rig = Rig::start(settings(broker.addr), 200).await;
        // While the backlog drains a device fails: that must not wait for the backlog's end.
        wait_until("half of it", PATIENCE, || broker.log().taken.len() >= 20)
            .await
            .unwrap();
        let reason = "cable".to_owned();
        rig.health
            .device("dock_1", crate::health::DeviceState::Down { reason });
        wait_until("the news", PATIENCE, || {
            let log = broker.log();
            log.statuses.iter().any(|status| status.contains("cable"))
        })
        .await
        .unwrap();
        let taken = broker.log().taken.len();
        assert!(taken < 200, "the status waited for {taken} events");
        rig.acknowledged(200).await;
        let log = broker.log();
        assert_eq!(
            (log.connections, log.unacknowledged),
            (1, usize::from(receive_maximum))
        );
        in_order(&log.taken, 200);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_allows_no_publishes_is_no_silent_end() {
    let broker = Fake::start(
        |_| Answer::welcome_with(|given| given.receive_max = Some(0)),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 1).await;
    rig.says("receive maximum 0").await;
    rig.stop().await;
}

#[tokio::test]
async fn refused_events_are_kept_and_sent_again_in_order() {
    for (reason, text) in [
        (PubAckReason::QuotaExceeded, "quota"),
        (PubAckReason::NotAuthorized, "not authorized to publish"),
        (PubAckReason::UnspecifiedError, "error of its own"),
    ] {
        let refusals = AtomicUsize::new(0);
        let heard = Arc::new(AtomicBool::new(false));
        let seen = heard.clone();
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, number, publish| {
                if number == 31 && (refusals.fetch_add(1, Relaxed) < 5 || !seen.load(Relaxed)) {
                    Answer::because(publish, reason)
                } else {
                    Answer::taken(publish)
                }
            },
        )
        .await;
        let rig = Rig::start(settings(broker.addr), 60).await;
        rig.says(text).await;
        heard.store(true, Relaxed);
        rig.acknowledged(60).await;
        assert_eq!(rig.health.conditions(), [""; 0]);
        let log = broker.log();
        assert_eq!(log.connections, 1);
        // What was under way behind event 31 overtook it once; from 31 on everything came again, in order.
        let again = log.taken.iter().position(|&number| number == 31).unwrap();
        assert_eq!(log.taken[again..], (31..=60).collect::<Vec<_>>()[..]);
        // While event 31 was refused nothing was sent behind it but what was under way.
        let from = |skip| {
            log.heard
                .iter()
                .skip(skip)
                .position(|&(_, number)| number == 31)
        };
        let first = from(0).unwrap() + 1;
        let second = first + from(first).unwrap();
        assert!(second - first < 20, "more than a window: {:?}", log.heard);
        let probes = log.heard[second..]
            .iter()
            .take_while(|(_, number)| *number == 31);
        assert!(probes.count() >= 4, "{:?}", log.heard);
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_event_too_large_for_the_broker_is_said_and_costs_no_connection() {
    let broker = Fake::start(
        |_| Answer::welcome_with(|given| given.max_packet_size = Some(200)),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 1).await;
    rig.says("larger than the 200 bytes that the broker accepts")
        .await;
    let log = broker.log();
    assert_eq!((log.connections, log.heard.len()), (1, 0));
    rig.stop().await;
}

#[tokio::test]
async fn a_broker_that_wants_no_keep_alive_is_not_pinged_without_pause() {
    let broker = Fake::start(
        |_| Answer::welcome_with(|given| given.server_keep_alive = Some(0)),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 1).await;
    // A client that pings without pause takes the second ping for a dead link at once.
    for seq in 1..=20 {
        rig.acknowledged(seq).await;
        rig.add(1).await;
    }
    rig.acknowledged(21).await;
    assert_eq!(broker.log().connections, 1);
    rig.stop().await;
}

#[tokio::test]
async fn being_sent_away_is_said_in_words() {
    use DisconnectReasonCode as Code;
    for (words, text) in [
        (Answer::goodbye(Code::SessionTakenOver), "same client id"),
        (Answer::goodbye(Code::ServerShuttingDown), "shutting down"),
        (Answer::goodbye(Code::NotAuthorized), "access list"),
        (Answer::goodbye(Code::ServerMoved), "use another server"),
        (
            Answer::goodbye(Code::UseAnotherServer),
            "use another server",
        ),
        // Mosquitto's form, without the length of properties: the client cannot read it.
        (
            Answer::LastWords(vec![0xe0, 1, 0x8e]),
            "another client has the same client id",
        ),
    ] {
        let words = std::sync::Mutex::new(Some(words));
        let broker = Fake::gated(
            |_| Answer::welcome(),
            move |_, number, publish| match number {
                1 => words
                    .lock()
                    .unwrap()
                    .take()
                    .unwrap_or_else(|| Answer::taken(publish)),
                _ => Answer::taken(publish),
            },
        )
        .await;
        let rig = Rig::start(settings(broker.addr), 5).await;
        rig.says(text).await;
        broker.admit();
        rig.acknowledged(5).await;
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_graceful_stop_sends_what_waits_and_then_says_offline() {
    let broker = good().await;
    let rig = Rig::start(settings(broker.addr), 400).await;
    wait_until("a start", PATIENCE, || !broker.log().taken.is_empty())
        .await
        .unwrap();
    let acknowledged = rig.acknowledged.clone();
    rig.stop().await;
    assert_eq!(*acknowledged.borrow(), 400);
    wait_until("the end", PATIENCE, || broker.log().ended == 1)
        .await
        .unwrap();
    let log = broker.log();
    assert_eq!(log.goodbyes, 1);
    let last: serde_json::Value = serde_json::from_str(log.statuses.last().unwrap()).unwrap();
    assert_eq!(
        (&last["state"], &last["reason"]),
        (&"offline".into(), &"stopped".into())
    );
}

#[tokio::test]
async fn without_acknowledgements_a_stop_leaves_the_last_word_to_the_will() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, number, publish| match number {
            0 => Answer::taken(publish),
            _ => Answer::Silence,
        },
    )
    .await;
    let timing = Timing {
        progress: PATIENCE * 100,
        drain: Duration::from_millis(50),
        farewell: Duration::from_millis(50),
        ..QUICK
    };
    let rig = Rig::start(
        Settings {
            timing,
            ..settings(broker.addr)
        },
        100,
    )
    .await;
    wait_until("a full window", PATIENCE, || broker.log().heard.len() == 20)
        .await
        .unwrap();
    rig.stop().await;
    wait_until("the end", PATIENCE, || broker.log().ended == 1)
        .await
        .unwrap();
    assert_eq!(
        broker.log().goodbyes,
        0,
        "DISCONNECT would call the Last Will off"
    );
}

#[tokio::test]
async fn late_acknowledgements_leave_time_for_the_last_status() {
    let broker = Fake::gated(
        |_| Answer::welcome(),
        |_, number, publish| match number {
            0 => Answer::taken(publish),
            _ => Answer::taken_later(publish),
        },
    )
    .await;
    let timing = Timing {
        progress: PATIENCE,
        drain: Duration::ZERO,
        farewell: PATIENCE,
        ..QUICK
    };
    let settings = Settings {
        timing,
        ..settings(broker.addr)
    };
    let rig = Rig::start(settings, 100).await;
    wait_until("a full window", PATIENCE, || broker.log().heard.len() == 20)
        .await
        .unwrap();
    rig.stop.cancel();
    // The gateway sees first that there is no room for its last status; right it must be in any case.
    tokio::time::sleep(Duration::from_millis(20)).await;
    broker.admit();
    let acknowledged = rig.acknowledged.clone();
    rig.stop().await;
    wait_until("the end", PATIENCE, || broker.log().ended == 1)
        .await
        .unwrap();
    let log = broker.log();
    assert_eq!((*acknowledged.borrow(), log.goodbyes), (20, 1));
    let last = log.statuses.last().unwrap();
    assert!(last.contains(r#""reason":"stopped""#), "{last}");
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_noticed() {
    // It welcomes us and then reads nothing more: writes block once the socket's buffers are full.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let _peer = Task::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
        std::future::pending::<()>().await;
    });
    let rig = Rig::start(settings(addr), 2000).await;
    rig.says("acknowledged nothing for").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_core_that_is_gone_ends_nothing_and_is_no_busy_loop() {
    let broker = good().await;
    let rig = Rig::start(settings(broker.addr), 3).await;
    let Rig {
        committed,
        acknowledged,
        stop,
        mut forwarder,
        ..
    } = rig;
    drop(committed);
    wait_until("acknowledgements", PATIENCE, || *acknowledged.borrow() == 3)
        .await
        .unwrap();
    assert!(!forwarder.is_finished());
    stop.cancel();
    tokio::time::timeout(PATIENCE, &mut forwarder)
        .await
        .unwrap()
        .unwrap();
}
