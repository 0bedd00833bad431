//! Rows that go on the store's word.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, MqttOptions};
use tracegate_sim::broker::Broker;
use tracegate_sim::ledger::{Ledger, Store as SimStore};
use tracegate_sim::{Task, wait_until};

use super::broker::{EVENTS, Subscriber};
use super::fake::{Answer, Fake};
use super::*;
use crate::downlink::ack::Limits;
use crate::forward::subscribe;

pub(super) const ACK_TOPIC: &str = "tracegate/plant-3/ack";

/// Settings that wait for the store, but not for long.
pub(super) fn patient(broker: SocketAddr) -> Settings {
    patient_as(settings(broker))
}

pub(super) fn patient_as(settings: Settings) -> Settings {
    let limits = Limits {
        patience: Duration::from_millis(300),
        ahead: 1000,
    };
    Settings {
        downlink: subscribe::Settings {
            acknowledge: Some((ACK_TOPIC.to_owned(), limits)),
            ..subscribe::Settings::default()
        },
        accept_without_subscriber: true,
        ..settings
    }
}

pub(super) fn store(broker: SocketAddr) -> SimStore {
    SimStore::acknowledging(broker, EVENTS, Ledger::default(), ACK_TOPIC)
}

/// Publishes by hand.
pub(super) struct Publisher {
    client: AsyncClient,
    _task: Task,
}

impl Publisher {
    pub(super) fn start(broker: SocketAddr) -> Self {
        Self::known_as(broker, "hand")
    }

    /// With this user name, and the password that is right.
    pub(super) fn known_as(broker: SocketAddr, user: &str) -> Self {
        let mut options = MqttOptions::new(user, broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(5));
        options.set_credentials(user, "right");
        let (client, mut events) = AsyncClient::new(options, 10);
        let task = Task::spawn(async move { while events.poll().await.is_ok() {} });
        Self {
            client,
            _task: task,
        }
    }

    pub(super) async fn say(&self, topic: &str, payload: &str) {
        let sent = self
            .client
            .publish(topic, QoS::AtLeastOnce, false, payload.to_owned());
        sent.await.unwrap();
    }
}

#[tokio::test]
async fn a_puback_is_not_enough_and_the_stores_word_is() {
    let broker = Broker::start().await.unwrap();
    let mut watcher = Subscriber::start(broker.addr(), EVENTS).await;
    let mut rig = Rig::start(patient(broker.addr()), 30).await;
    in_order(&watcher.numbers(30).await, 30);
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 30
    })
    .await
    .unwrap();
    assert_eq!(*rig.acknowledged.borrow(), 0);
    rig.says("store: it confirms nothing of what is sent").await;
    rig.health.shows_alone("STORE-SILENT");
    let _store = store(broker.addr());
    rig.acknowledged(30).await;
    rig.add(30).await;
    rig.acknowledged(60).await;
    wait_until("no condition", PATIENCE, || {
        rig.health.conditions().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(rig.health.counters().unconfirmed.get(), 0);
    rig.stop().await;
}

/// The broker takes everything and keeps nothing: nobody has subscribed yet.
#[tokio::test]
async fn what_the_broker_acknowledged_and_forgot_is_sent_again() {
    let broker = Broker::start().await.unwrap();
    let rig = Rig::start(patient(broker.addr()), 300).await;
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 300
    })
    .await
    .unwrap();
    let mut watcher = Subscriber::start(broker.addr(), EVENTS).await;
    let _store = store(broker.addr());
    rig.acknowledged(300).await;
    let numbers = watcher.numbers(300).await;
    let from_first: Vec<i64> = numbers.iter().copied().skip_while(|n| *n != 1).collect();
    in_order(&from_first, 300);
    assert!(rig.health.counters().resent.get() >= 300);
    rig.stop().await;
}

#[tokio::test]
async fn a_false_word_is_refused_in_words_and_a_true_one_ends_that() {
    let broker = Broker::start().await.unwrap();
    let rig = Rig::start(patient(broker.addr()), 10).await;
    let hand = Publisher::start(broker.addr());
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 10
    })
    .await
    .unwrap();
    let epoch = rig.health.epoch();
    let word = |seq: i64| format!(r#"{{"epoch":"{epoch}","seq":{seq}}}"#);
    for (payload, text) in [
        (
            "rubbish".to_owned(),
            "its acknowledgement is not taken: its message is not",
        ),
        (word(11), "the newest that can have been sent is 10"),
        (
            r#"{"epoch":"other","seq":5}"#.to_owned(),
            "names epoch other",
        ),
    ] {
        hand.say(ACK_TOPIC, &payload).await;
        rig.says(text).await;
        assert_eq!(*rig.acknowledged.borrow(), 0);
    }
    hand.say(ACK_TOPIC, &word(7)).await;
    rig.acknowledged(7).await;
    assert!(
        !rig.condition().contains("not taken"),
        "{}",
        rig.condition()
    );
    // All is confirmed, and only that word is wrong.
    hand.say(ACK_TOPIC, &word(10)).await;
    rig.acknowledged(10).await;
    hand.say(ACK_TOPIC, &word(6)).await;
    rig.says("gone back from event 10 to 6").await;
    rig.health.shows_alone("STORE-ACK-REFUSED");
    assert_eq!(*rig.acknowledged.borrow(), 10);
    assert_eq!(rig.health.counters().acks_refused.get(), 4);
    rig.stop().await;
}

#[tokio::test]
async fn sending_runs_ahead_of_the_store_so_far_and_no_further() {
    let broker = Broker::start().await.unwrap();
    let mut settings = patient(broker.addr());
    if let Some((_, limits)) = &mut settings.downlink.acknowledge {
        *limits = Limits {
            patience: PATIENCE,
            ahead: 25,
        };
    }
    let rig = Rig::start(settings, 100).await;
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 25
    })
    .await
    .unwrap();
    let hand = Publisher::start(broker.addr());
    let word = format!(r#"{{"epoch":"{}","seq":10}}"#, rig.health.epoch());
    hand.say(ACK_TOPIC, &word).await;
    rig.acknowledged(10).await;
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 35
    })
    .await
    .unwrap();
    assert_eq!(rig.health.counters().forwarded.get(), 35);
    assert_eq!(rig.health.counters().unconfirmed.get(), 25);
    rig.forwarder.abort();
}

/// The buffer's file was damaged and is another one: the store knows nothing of that name, and soon does.
#[tokio::test]
async fn after_a_repair_the_store_goes_on_under_the_new_name() {
    let broker = Broker::start().await.unwrap();
    let mut settings = patient(broker.addr());
    if let Some((_, limits)) = &mut settings.downlink.acknowledge {
        // Not by waiting.
        limits.patience = PATIENCE * 10;
    }
    let mut watcher = Subscriber::start(broker.addr(), EVENTS).await;
    let store = store(broker.addr());
    store.subscribed(PATIENCE).await.unwrap();
    let mut rig = Rig::start(settings, 20).await;
    rig.acknowledged(20).await;
    drop(store);
    rig.add(10).await;
    watcher.numbers(30).await;
    let store = self::store(broker.addr());
    store.subscribed(PATIENCE).await.unwrap();
    rig.store.repair(Some(20), &|| {}).await.unwrap();
    let epoch = rig.store.epoch().to_owned();
    rig.health.buffer_replaced(&epoch, "replaced".to_owned());
    rig.add(5).await;
    rig.acknowledged(35).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_refused_subscription_is_said_and_events_go_on() {
    let broker = Fake::start(
        |_| Answer::welcome(),
        |_, _, publish| Answer::taken(publish),
    )
    .await;
    let rig = Rig::start(patient(broker.addr), 10).await;
    rig.says("the broker refuses the subscription to tracegate/plant-3/ack: not authorized")
        .await;
    rig.health.shows_alone("STORE-NOT-HEARD");
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 10
    })
    .await
    .unwrap();
    assert_eq!(broker.log().connections, 1);
    rig.forwarder.abort();
}

/// A damaged row is set aside only once the store has everything before it: it would be deleted with it.
#[tokio::test]
async fn nothing_unconfirmed_goes_with_a_row_that_is_set_aside() {
    use sqlx::ConnectOptions;

    let broker = Broker::start().await.unwrap();
    let mut rig = Rig::start(patient(broker.addr()), 0).await;
    commit(&mut rig.store, 1, 10).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.store.path());
    let mut outsider = options.connect().await.unwrap();
    sqlx::raw_sql("UPDATE outbox SET payload = '' WHERE seq = 6")
        .execute(&mut outsider)
        .await
        .unwrap();
    rig.committed.send_replace(10);
    wait_until("PUBACKs", PATIENCE, || {
        rig.health.counters().forwarded.get() >= 5
    })
    .await
    .unwrap();
    assert!(rig.requests.try_recv().is_err());
    let mut watcher = Subscriber::start(broker.addr(), EVENTS).await;
    let _store = store(broker.addr());
    assert_eq!(rig.set_aside().await.0, 6);
    rig.acknowledged(10).await;
    let mut numbers = watcher.numbers(10).await;
    numbers.dedup();
    assert!(numbers.ends_with(&[7, 8, 9, 10]), "{numbers:?}");
    rig.stop().await;
}
