//! What is lost on the way: one acknowledgement among many, and the broker's last words.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode as Code;

use super::fake::{Answer, Fake};
use super::*;

/// The other half of the promise, in simulated time, stands beside the window.
#[tokio::test]
async fn a_lost_acknowledgement_among_others_is_noticed_and_counted() {
    let lost = AtomicUsize::new(0);
    let broker = Fake::gated(
        |_| Answer::welcome(),
        move |_, number, publish| match number {
            31 if lost.fetch_add(1, Relaxed) == 0 => Answer::Silence,
            _ => Answer::taken(publish),
        },
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 40).await;
    rig.acknowledged(30).await;
    // Others are acknowledged all the time, and fewer than would fill the window.
    let mut last = 40;
    while rig.health.counters().broker_acks_missing.get() == 0 {
        if last < 45 {
            rig.add(1).await;
            last += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(*rig.acknowledged.borrow(), 30, "{}", rig.condition());
    }
    rig.says("without acknowledgement").await;
    broker.admit();
    rig.acknowledged(45).await;
    assert_eq!(broker.log().connections, 2);
    let counters = rig.health.counters();
    assert_eq!(counters.broker_silences.get(), 0);
    assert_eq!(counters.broker_disconnects.get(), 1);
    rig.stop().await;
}

/// The client has ended before the first message is handed to it: that it takes no more is no reason.
#[tokio::test]
async fn the_brokers_last_words_are_told_although_writing_failed_first() {
    let connack = [0x20, 3, 0, 0, 0];
    let because = "closed for stocktaking";
    let length = u8::try_from(because.len()).unwrap();
    let goodbye = [
        0xe0,
        length + 5,
        Code::AdministrativeAction as u8,
        length + 3,
        0x1f,
        0,
        length,
    ];
    let all = [&connack[..], &goodbye, because.as_bytes()].concat();
    let broker = Fake::gated(
        move |connection| match connection {
            1 => Answer::LastWords(all.clone()),
            _ => Answer::welcome(),
        },
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(settings(broker.addr), 5).await;
    rig.says("its administrator did it (it says: closed for stocktaking)")
        .await;
    assert_eq!(rig.health.counters().broker_goodbyes.get(), 1);
    broker.admit();
    rig.acknowledged(5).await;
    rig.stop().await;
}

/// An acknowledgement and DISCONNECT in one piece: what is acknowledged is not sent again.
#[tokio::test]
async fn acknowledgements_right_before_the_end_count() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |connection, number, publish| match (connection, number) {
            (1, 1) => {
                let [high, low] = publish.pkid.to_be_bytes();
                let puback = [0x40, 2, high, low];
                let goodbye = [0xe0, 2, Code::ServerShuttingDown as u8, 0];
                Answer::LastWords([&puback[..], &goodbye].concat())
            }
            _ => Answer::taken(publish),
        },
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 1).await;
    rig.acknowledged(1).await;
    assert_eq!(rig.health.counters().resent.get(), 0);
    rig.add(1).await;
    rig.acknowledged(2).await;
    assert_eq!(broker.log().heard, [(1, 1), (2, 2)]);
    assert_eq!(rig.health.counters().broker_goodbyes.get(), 1);
    rig.stop().await;
}
