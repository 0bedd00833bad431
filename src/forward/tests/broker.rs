//! With the embedded broker: subscribers, Last Will, restart.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::sync::mpsc;
use tracegate_sim::broker::Broker;
use tracegate_sim::{Task, wait_until};

use super::*;

/// A client that keeps subscribed to `filter` over restarts, and hands on what it gets.
pub(super) struct Subscriber {
    messages: mpsc::Receiver<(String, Vec<u8>)>,
    _task: Task,
}

impl Subscriber {
    pub(super) async fn start(broker: SocketAddr, filter: &'static str) -> Self {
        let mut options = MqttOptions::new("store", broker.ip().to_string(), broker.port());
        options
            .set_keep_alive(Duration::from_secs(5))
            .set_clean_start(true);
        let (client, mut events) = AsyncClient::new(options, 10);
        let (messages_in, messages) = mpsc::channel(10_000);
        let (ready_in, mut ready) = mpsc::channel(1);
        let task = Task::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => drop(ready_in.try_send(())),
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                        let _ = messages_in.send((topic, publish.payload.to_vec())).await;
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        tokio::time::timeout(PATIENCE, ready.recv()).await.unwrap();
        Self {
            messages,
            _task: task,
        }
    }

    async fn message(&mut self) -> Vec<u8> {
        self.next().await.1
    }

    /// The next message with its topic.
    pub(super) async fn next(&mut self) -> (String, Vec<u8>) {
        let message = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        message
            .expect("a message comes")
            .expect("the subscriber lives")
    }

    /// The next status of this state.
    async fn status(&mut self, state: &str) -> serde_json::Value {
        loop {
            let status: serde_json::Value = serde_json::from_slice(&self.message().await).unwrap();
            if status["state"] == state {
                return status;
            }
        }
    }

    /// Numbers of the events that came so far, until `last` has.
    pub(super) async fn numbers(&mut self, last: i64) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            numbers.push(number(&self.message().await));
        }
        numbers
    }
}

/// A broker on the port of one that has just been stopped.
pub(super) async fn bind_again(addr: SocketAddr) -> Broker {
    let mut again = Broker::bind(addr).await;
    for _ in 0..6_000 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        again = Broker::bind(addr).await;
    }
    again.expect("the port is free again")
}

pub(super) const EVENTS: &str = "tracegate/plant-3/events/#";

#[tokio::test]
async fn without_a_subscriber_events_are_held_and_then_come_in_order() {
    let broker = Broker::start().await.unwrap();
    let rig = Rig::start(settings(broker.addr()), 50).await;
    rig.says("nobody is subscribed").await;
    rig.health.shows_alone("BROKER-REFUSES-EVENTS");
    wait_until("more attempts", PATIENCE, || {
        rig.health.counters().refused.get() > 25
    })
    .await
    .unwrap();
    assert_eq!(*rig.acknowledged.borrow(), 0);
    let mut store = Subscriber::start(broker.addr(), EVENTS).await;
    assert_eq!(store.numbers(50).await, (1..=50).collect::<Vec<_>>());
    rig.acknowledged(50).await;
    wait_until("the condition to end", PATIENCE, || {
        rig.health.conditions().is_empty()
    })
    .await
    .unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn without_a_subscriber_accept_lets_events_go() {
    let broker = Broker::start().await.unwrap();
    let accepting = Settings {
        accept_without_subscriber: true,
        ..settings(broker.addr())
    };
    let rig = Rig::start(accepting, 50).await;
    rig.acknowledged(50).await;
    assert_eq!(rig.health.conditions(), [""; 0]);
    rig.stop().await;
}

#[tokio::test]
async fn the_status_is_json_and_tells_how_the_gateway_ended() {
    let broker = Broker::start().await.unwrap();
    let mut watcher = Subscriber::start(broker.addr(), "status").await;
    let rig = Rig::start(settings(broker.addr()), 0).await;
    let online = watcher.status("online").await;
    assert_eq!(online["site"], "plant-3");
    assert_eq!(online["epoch"], rig.health.epoch());
    assert_eq!(online["conditions"], serde_json::json!([]));
    assert_eq!(online["counters"]["forwarded"], 0);
    rig.forwarder.abort();
    let lost = watcher.status("offline").await;
    assert_eq!(lost["reason"], "connection lost");

    let rig = Rig::start(settings(broker.addr()), 0).await;
    watcher.status("online").await;
    rig.stop().await;
    assert_eq!(watcher.status("offline").await["reason"], "stopped");
    // Retained, so that who comes later knows too; and no Last Will after it.
    let mut late = Subscriber::start(broker.addr(), "status").await;
    assert_eq!(late.status("offline").await["reason"], "stopped");
}

#[tokio::test]
async fn a_restarted_broker_gets_what_came_meanwhile() {
    let broker = Broker::start().await.unwrap();
    let addr = broker.addr();
    let mut store = Subscriber::start(addr, EVENTS).await;
    let mut rig = Rig::start(settings(addr), 10).await;
    store.numbers(10).await;
    rig.acknowledged(10).await;
    drop(broker);
    rig.says("broker").await;
    rig.add(10).await;
    let _broker = bind_again(addr).await;
    in_order(&[(1..=10).collect(), store.numbers(20).await].concat(), 20);
    rig.acknowledged(20).await;
    rig.stop().await;
}
