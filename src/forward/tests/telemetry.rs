//! The second stream: what the broker does not want of it is not sent again, and movements do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use tracegate_sim::broker::Broker;

use super::acknowledge::{patient, store};
use super::broker::Subscriber;
use super::fake::{Answer, Fake};
use super::*;
use crate::buffer::{NewRow, Stream};

fn is_telemetry(publish: &Publish) -> bool {
    publish.topic.starts_with(b"tracegate/plant-3/nonevents/")
}

fn row(stream: Stream, number: usize) -> NewRow<'static> {
    NewRow {
        stream,
        id: EventId::of_prehash(&number.to_string()).to_string(),
        place: "dock_1".into(),
        at: Time(0),
        json: format!("{{\"number\":{number}}}").into(),
    }
}

/// Stores numbered rows, every third of them telemetry.
async fn store_rows(store: &mut Store, rows: usize) {
    let next = usize::try_from(store.last_seq()).unwrap() + 1;
    let rows: Vec<_> = (next..next + rows)
        .map(|number| row(every_third(number), number))
        .collect();
    store.commit_rows(&[], &rows, Time(0)).await.unwrap();
}

async fn put(rig: &mut Rig, rows: usize) {
    store_rows(&mut rig.store, rows).await;
    rig.committed.send_replace(rig.store.last_seq());
}

fn every_third(number: usize) -> Stream {
    match number % 3 {
        0 => Stream::NonEvent,
        _ => Stream::Movement,
    }
}

#[tokio::test]
async fn telemetry_that_is_refused_is_done_with() {
    for reason in [
        PubAckReason::NotAuthorized,
        PubAckReason::NoMatchingSubscribers,
        PubAckReason::TopicNameInvalid,
        PubAckReason::PayloadFormatInvalid,
        PubAckReason::UnspecifiedError,
        PubAckReason::ImplementationSpecificError,
    ] {
        let broker = Fake::start(
            |_| Answer::welcome(),
            move |_, _, publish| match is_telemetry(publish) {
                true => Answer::because(publish, reason),
                false => Answer::taken(publish),
            },
        )
        .await;
        let mut rig = Rig::start(settings(broker.addr), 0).await;
        put(&mut rig, 90).await;
        rig.acknowledged(90).await;
        let log = broker.log();
        assert_eq!(log.heard.len(), 90, "{reason:?}: each once");
        let movements: Vec<i64> = (1..=90).filter(|n| n % 3 > 0).collect();
        assert_eq!(log.taken, movements, "{reason:?}");
        let counters = rig.health.counters();
        assert_eq!(counters.telemetry_refused.get(), 30);
        assert_eq!((counters.forwarded.get(), counters.refused.get()), (60, 0));
        assert_eq!(rig.health.conditions(), [""; 0]);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_broker_that_is_over_its_quota_gets_telemetry_again() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = refusals.clone();
    let broker = Fake::start(
        |_| Answer::welcome(),
        move |_, _, publish| {
            let is_refused = is_telemetry(publish) && count.fetch_add(1, Relaxed) < 5;
            match is_refused {
                true => Answer::because(publish, PubAckReason::QuotaExceeded),
                false => Answer::taken(publish),
            }
        },
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 0).await;
    put(&mut rig, 60).await;
    rig.acknowledged(60).await;
    let log = broker.log();
    let telemetry: Vec<i64> = log.taken.iter().copied().filter(|n| n % 3 == 0).collect();
    // What was under way behind the first that was refused overtook it, and came again.
    let again = telemetry.iter().map(|n| n / 3).skip_while(|n| *n != 1);
    in_order(&again.collect::<Vec<_>>(), 20);
    assert_eq!(rig.health.counters().telemetry_refused.get(), 0);
    assert!(refusals.load(Relaxed) >= 25);
    rig.stop().await;
}

/// After days without a broker: 6,000 rows of telemetry, more than are kept in mind, and then movements.
#[tokio::test]
async fn movements_do_not_wait_for_telemetry_before_them() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let mut rig = Rig::start(settings(broker.addr), 0).await;
    // Not told of before all is there.
    let rows: Vec<_> = (1..=6_000)
        .map(|number| row(Stream::NonEvent, number))
        .chain((6_001..=6_300).map(|number| row(Stream::Movement, number)))
        .collect();
    rig.store.commit_rows(&[], &rows, Time(0)).await.unwrap();
    rig.committed.send_replace(6_300);
    rig.acknowledged(6_300).await;
    let log = broker.log();
    let taken = log.taken;
    assert_eq!(taken.len(), 6_300, "each once");
    let last = taken.iter().position(|number| *number == 6_300).unwrap();
    // Every second message is telemetry, and a window may have been under way.
    assert!(last < 300 * 2 + 2 * 20, "the last movement came as {last}");
    for stream in [1..=6_000, 6_001..=6_300] {
        let own = taken
            .iter()
            .copied()
            .filter(|number| stream.contains(number));
        assert!(own.eq(stream.clone()), "in order");
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_was_dropped_is_told_in_its_place() {
    let broker = Broker::start().await.unwrap();
    let mut watcher = Subscriber::start(broker.addr(), "#").await;
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), 100 << 20).await.unwrap().store;
    store.share_telemetry(10_000);
    for _ in 0..10 {
        store_rows(&mut store, 30).await;
    }
    let dropped = store.telemetry_dropped();
    assert!(dropped > 50, "{dropped}");
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    let rows = reader.after(0, 1_000).await.unwrap();
    let (gaps, waiting): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.stream == Stream::Gap);
    let [gap] = gaps.as_slice() else {
        panic!("one gap: {gaps:?}")
    };
    let devices = Directory::new();
    let mut rig = Rig::over(settings(broker.addr()), folder, store, devices).await;
    rig.acknowledged(300).await;
    let mut came = Vec::new();
    while came.len() < waiting.len() + 1 {
        let (topic, payload) = watcher.next().await;
        if topic != "status" {
            came.push((topic, String::from_utf8(payload).unwrap()));
        }
    }
    let of = |topic: &str| came.iter().filter(|(it, _)| it == topic).count();
    assert_eq!(of("gaps"), 1);
    let told = came.iter().find(|(topic, _)| topic == "gaps").unwrap();
    assert_eq!(told.1, gap.payload);
    let told: serde_json::Value = serde_json::from_str(&told.1).unwrap();
    assert_eq!(told["count"], dropped);
    assert_eq!(
        (&told["from_seq"], &told["to_seq"]),
        (&3.into(), &gap.seq.into())
    );
    assert_eq!(told["reason"], "share");
    assert_eq!(of("tracegate/plant-3/events/dock_1"), 200);
    assert_eq!(
        of("tracegate/plant-3/nonevents/dock_1") as u64,
        100 - dropped
    );
    rig.store.acknowledged(300).await.unwrap();
    assert_eq!(rig.store.waiting(), 0);
    rig.stop().await;
}

/// A store that knows nothing of telemetry has everything that it is asked for.
#[tokio::test]
async fn a_store_that_acknowledges_is_not_asked_for_telemetry() {
    let broker = Broker::start().await.unwrap();
    let _store = store(broker.addr());
    let mut rig = Rig::start(patient(broker.addr()), 0).await;
    for _ in 0..10 {
        put(&mut rig, 29).await;
    }
    // The last row is a movement, or telemetry: both leave.
    for more in [1, 1, 1, 3, 1, 3, 1, 3] {
        let last = rig.store.last_seq();
        rig.acknowledged(last).await;
        put(&mut rig, more).await;
    }
    let last = rig.store.last_seq();
    rig.acknowledged(last).await;
    let counters = rig.health.counters();
    assert_eq!(counters.resent.get(), 0);
    assert_eq!(counters.unconfirmed.get(), 0);
    assert_eq!(rig.health.conditions(), [""; 0]);
    rig.stop().await;
}
