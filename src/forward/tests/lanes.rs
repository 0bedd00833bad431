//! One topic's trouble is no other's; an event that ends connections is found; what gets nowhere is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rumqttc::v5::mqttbytes::v5::{DisconnectReasonCode, PubAckReason};

use super::fake::{Answer, Fake};
use super::*;

fn place(number: usize) -> &'static str {
    ["dock_1", "dock_2"][number % 2]
}

#[tokio::test]
async fn a_topic_that_is_not_taken_holds_no_other() {
    for (reason, text) in [
        (PubAckReason::NotAuthorized, "not authorized to publish"),
        (PubAckReason::NoMatchingSubscribers, "nobody is subscribed"),
    ] {
        let allowed = Arc::new(AtomicBool::new(false));
        let is_allowed = allowed.clone();
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, _, publish| {
                let held = publish.topic.ends_with(b"dock_2") && !is_allowed.load(Relaxed);
                match held {
                    true => Answer::because(publish, reason),
                    false => Answer::taken(publish),
                }
            },
        )
        .await;
        let mut rig = Rig::start(settings(broker.addr), 0).await;
        commit_at(&mut rig.store, 1, 200, place).await;
        rig.committed.send_replace(200);
        let others = || broker.log().taken.iter().filter(|n| *n % 2 == 0).count();
        wait_until("the other topic", PATIENCE, || others() == 100)
            .await
            .unwrap();
        rig.says(text).await;
        assert_eq!(*rig.acknowledged.borrow(), 0);
        wait_until("the level", PATIENCE, || {
            rig.health.counters().ahead.get() == 100
        })
        .await
        .unwrap();
        allowed.store(true, Relaxed);
        rig.acknowledged(200).await;
        assert_eq!(rig.health.conditions(), [""; 0]);
        let odd: Vec<i64> = broker
            .log()
            .taken
            .into_iter()
            .filter(|n| n % 2 == 1)
            .collect();
        assert_eq!(odd, Vec::from_iter((1..=200).step_by(2)));
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_ran_ahead_is_not_sent_again_after_a_cut() {
    let (cut, probes) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (do_cut, count) = (cut.clone(), probes.clone());
    let broker = Fake::start(
        |_| Answer::welcome(),
        move |connection, number, publish| {
            if connection == 1 && do_cut.load(Relaxed) {
                return Answer::Cut;
            }
            let is_held = publish.topic.ends_with(b"dock_2") && number > 0;
            if is_held && count.fetch_add(usize::from(connection > 1), Relaxed) < 3 {
                return Answer::because(publish, PubAckReason::NotAuthorized);
            }
            Answer::taken(publish)
        },
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 0).await;
    commit_at(&mut rig.store, 1, 100, place).await;
    rig.committed.send_replace(100);
    wait_until("the level", PATIENCE, || {
        rig.health.counters().ahead.get() == 50
    })
    .await
    .unwrap();
    cut.store(true, Relaxed);
    rig.acknowledged(100).await;
    let even: Vec<i64> = broker
        .log()
        .taken
        .into_iter()
        .filter(|n| n % 2 == 0)
        .collect();
    assert_eq!(even, Vec::from_iter((2..=100).step_by(2)));
    assert!(rig.health.counters().resent.get() >= 3);
    assert_eq!(rig.health.counters().broker_losses.get(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn an_event_that_ends_the_connection_is_found_and_set_aside() {
    for with_a_word in [false, true] {
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, number, publish| match number {
                7 if with_a_word => Answer::goodbye(DisconnectReasonCode::NotAuthorized),
                7 => Answer::Cut,
                _ => Answer::taken(publish),
            },
        )
        .await;
        let settings = Settings {
            attempts: 3,
            ..settings(broker.addr)
        };
        let mut rig = Rig::start(settings, 60).await;
        let (seq, why, attempts) = rig.set_aside().await;
        assert_eq!((seq, attempts), (7, 3));
        assert!(why.contains("ends the connection whenever"), "{why}");
        rig.acknowledged(60).await;
        let log = broker.log();
        let mut taken = log.taken.clone();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(
            taken,
            Vec::from_iter((1..=60).filter(|number| *number != 7))
        );
        assert!(log.connections <= 12, "{}", log.connections);
        rig.stop().await;
    }
}

/// A slow machine: with every connection the wait is over before anything is sent.
#[tokio::test]
async fn an_event_that_ends_the_connection_holds_no_other_topic() {
    for hold in [QUICK.hold, Duration::ZERO] {
        let broker = Fake::start(
            |_| Answer::welcome(),
            |_, number, publish| match number {
                7 => Answer::Cut,
                _ => Answer::taken(publish),
            },
        )
        .await;
        let timing = Timing { hold, ..PATIENT };
        let settings = Settings {
            timing,
            ..settings(broker.addr)
        };
        let mut rig = Rig::start(settings, 0).await;
        commit_at(&mut rig.store, 1, 600, place).await;
        rig.committed.send_replace(600);
        // It is tried for ever, and its topic waits.
        let others = || rig.health.counters().ahead.get();
        wait_until("the other topic", PATIENCE, || others() == 297)
            .await
            .unwrap();
        rig.says("ends the connection whenever").await;
        assert_eq!(*rig.acknowledged.borrow(), 6);
        // A connection with the event alone comes after those with a window of others at least, while there are any.
        let log = broker.log();
        let cuts = log.heard.iter().filter(|(_, number)| *number == 7);
        let last = log.heard.iter().find(|(_, number)| *number == 600);
        let last = last.expect("it came").0;
        let before = cuts.filter(|(connection, _)| *connection < last).count();
        assert!(before <= 3 + 297 / 20, "{before}");
        rig.stop().await;
    }
}

/// Two that the broker does not allow: each is found, tried in its turn, and set aside; the third topic does not wait.
#[tokio::test]
async fn events_of_two_topics_that_end_the_connection_hold_no_third() {
    for attempts in [0, 3] {
        let broker = Fake::start(
            |_| Answer::welcome(),
            |_, number, publish| match number {
                7 | 8 => Answer::Cut,
                _ => Answer::taken(publish),
            },
        )
        .await;
        let settings = Settings {
            attempts,
            timing: Timing {
                connect: PATIENCE,
                ..QUICK
            },
            ..settings(broker.addr)
        };
        let mut rig = Rig::start(settings, 0).await;
        let third = |number: usize| ["dock_1", "dock_2", "dock_3"][number % 3];
        commit_at(&mut rig.store, 1, 600, third).await;
        rig.committed.send_replace(600);
        if attempts > 0 {
            let first = rig.set_aside().await;
            let second = rig.set_aside().await;
            assert_eq!((first.0, first.2, second.0), (7, 3, 8));
            rig.acknowledged(600).await;
        } else {
            let others = || rig.health.counters().ahead.get();
            wait_until("the third topic", PATIENCE, || others() == 198)
                .await
                .unwrap();
            let tried = |wanted: i64| {
                let log = broker.log();
                log.heard
                    .iter()
                    .filter(|(_, number)| *number == wanted)
                    .count()
            };
            wait_until("both to be tried again", PATIENCE, || {
                tried(7) > 5 && tried(8) > 5
            })
            .await
            .unwrap();
            assert_eq!(*rig.acknowledged.borrow(), 6);
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_ends_every_connection_gets_nothing_set_aside() {
    // Whatever is sent, and the status first: that blames no event.
    let broker = Fake::start(
        |_| Answer::welcome(),
        |connection, _, publish| match connection {
            1..=30 => Answer::Cut,
            _ => Answer::taken(publish),
        },
    )
    .await;
    let settings = Settings {
        attempts: 1,
        ..settings(broker.addr)
    };
    let mut rig = Rig::start(settings, 60).await;
    rig.acknowledged(60).await;
    assert!(rig.requests.try_recv().is_err());
    rig.stop().await;
}

#[tokio::test]
async fn an_event_that_gets_nowhere_although_the_broker_answers_is_said() {
    let good = Arc::new(AtomicBool::new(false));
    let is_good = good.clone();
    let broker = Fake::start(
        |_| Answer::welcome(),
        move |_, _, publish| match is_good.load(Relaxed) {
            true => Answer::taken(publish),
            false => Answer::because(publish, PubAckReason::QuotaExceeded),
        },
    )
    .await;
    let timing = Timing {
        stalled: Duration::from_millis(100),
        ..QUICK
    };
    let settings = Settings {
        timing,
        ..settings(broker.addr)
    };
    let rig = Rig::start(settings, 5).await;
    rig.says("it answers, but the oldest event has been waiting")
        .await;
    good.store(true, Relaxed);
    rig.acknowledged(5).await;
    wait_until("the condition to end", PATIENCE, || {
        rig.health.conditions().is_empty()
    })
    .await
    .unwrap();
    rig.stop().await;
}

/// It lives, and says nothing of what it was sent.
#[tokio::test]
async fn a_broker_that_confirms_nothing_is_told_of() {
    let broker = Fake::start(|_| Answer::welcome(), |_, _, _| Answer::Silence).await;
    let timing = Timing {
        stalled: Duration::from_millis(100),
        ..QUICK
    };
    let settings = Settings {
        timing,
        ..settings(broker.addr)
    };
    let rig = Rig::start(settings, 5).await;
    rig.says("it answers, but the oldest event has been waiting")
        .await;
    rig.health.shows_alone("BROKER-STALLED");
    rig.forwarder.abort();
}
