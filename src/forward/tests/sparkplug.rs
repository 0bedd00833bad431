//! The edge node at a real Mosquitto, read by a decoder by others.

use std::sync::{Arc, Mutex};

use prost::Message as _;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tracegate_sim::Task;

use super::mosquitto::Mosquitto;
use super::*;
use crate::forward::sparkplug;
use crate::health::{DeviceKind, DeviceState};
use crate::sparkplug::payload::tests::Payload;
use crate::sparkplug::payload::{Metric, REBIRTH, Value, encode};

type Seen = Arc<Mutex<Vec<(String, Payload)>>>;

/// A host application: everything that comes, and its client for commands.
async fn host(broker: SocketAddr) -> (AsyncClient, Seen, Task) {
    let options = MqttOptions::new("host", broker.ip().to_string(), broker.port());
    let (client, mut events) = AsyncClient::new(options, 10);
    client
        .subscribe("spBv1.0/#", QoS::AtLeastOnce)
        .await
        .unwrap();
    let seen = Seen::default();
    let (ready, subscribed) = tokio::sync::oneshot::channel();
    let (mut ready, list) = (Some(ready), seen.clone());
    let task = Task::spawn(async move {
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::SubAck(_)) => {
                    let _ = ready.take().map(|ready| ready.send(()));
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    assert!(!publish.retain);
                    let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                    let payload = Payload::decode(publish.payload.as_ref()).unwrap();
                    list.lock().unwrap().push((topic, payload));
                }
                _ => {}
            }
        }
    });
    tokio::time::timeout(PATIENCE, subscribed)
        .await
        .unwrap()
        .unwrap();
    (client, seen, task)
}

/// Waits for so many messages of this topic; returns the last.
async fn comes(seen: &Seen, topic: &str, times: usize) -> Payload {
    let found = || -> Vec<Payload> {
        let seen = seen.lock().unwrap();
        let same = seen.iter().filter(|(of, _)| of == topic);
        same.map(|(_, payload)| payload.clone()).collect()
    };
    wait_until(topic, PATIENCE, || found().len() >= times)
        .await
        .unwrap_or_else(|error| {
            let topics: Vec<String> = seen.lock().unwrap().iter().map(|it| it.0.clone()).collect();
            panic!("{error}: {topics:?}")
        });
    found().pop().unwrap()
}

#[tokio::test]
async fn an_edge_node_is_born_tells_is_reborn_and_dies() {
    let mosquitto = Mosquitto::start_with(true, "", |_| ()).await;
    let (client, seen, _host) = host(mosquitto.plain).await;
    let settings = sparkplug::Settings {
        group: "Plant 3".to_owned(),
        node: "dock".to_owned(),
        devices: [("line_1".to_owned(), DeviceKind::Scanner)].into(),
        broker: settings(mosquitto.plain),
        every: Duration::from_millis(20),
    };
    let health = Health::new("plant-3", "e");
    let start = |stop: &CancellationToken| {
        let (health, beat) = (health.clone(), health.beat("sparkplug"));
        tokio::spawn(sparkplug::run(settings.clone(), health, beat, stop.clone()))
    };
    let stop = CancellationToken::new();
    let node = start(&stop);

    let birth = comes(&seen, "spBv1.0/Plant 3/NBIRTH/dock", 1).await;
    assert_eq!(birth.seq, Some(0));
    assert_eq!(birth.metric("bdSeq").unwrap().long_value, Some(0));
    let site = birth.metric("Properties/Site").unwrap();
    assert_eq!(site.string_value.as_deref(), Some("plant-3"));
    health.device("line_1", DeviceState::Up);
    let device = comes(&seen, "spBv1.0/Plant 3/DBIRTH/dock/line_1", 1).await;
    assert_eq!(device.metric("Reads").unwrap().long_value, Some(0));
    health.reads("line_1", None, 3);
    let data = comes(&seen, "spBv1.0/Plant 3/DDATA/dock/line_1", 1).await;
    assert_eq!(data.metric("Reads").unwrap().long_value, Some(3));
    assert!(data.metric("Problems").is_none(), "only what has changed");

    let command = encode(1, None, &[Metric::new(REBIRTH, Value::Boolean(true))]);
    let to = "spBv1.0/Plant 3/NCMD/dock";
    client
        .publish(to, QoS::AtLeastOnce, false, command)
        .await
        .unwrap();
    let again = comes(&seen, "spBv1.0/Plant 3/NBIRTH/dock", 2).await;
    assert_eq!(again.metric("bdSeq").unwrap().long_value, Some(0));
    comes(&seen, "spBv1.0/Plant 3/DBIRTH/dock/line_1", 2).await;
    let reason = "unplugged".to_owned();
    health.device("line_1", DeviceState::Down { reason });
    comes(&seen, "spBv1.0/Plant 3/DDEATH/dock/line_1", 1).await;

    // Numbers rise by one from birth to birth.
    let mut next = 0;
    for (topic, payload) in seen.lock().unwrap().iter() {
        if topic.contains("/NCMD/") {
            continue;
        }
        next = if topic.contains("/NBIRTH/") { 0 } else { next };
        assert_eq!(payload.seq, Some(next), "{topic}");
        next += 1;
    }
    stop.cancel();
    tokio::time::timeout(PATIENCE, node).await.unwrap().unwrap();
    let death = comes(&seen, "spBv1.0/Plant 3/NDEATH/dock", 1).await;
    assert_eq!((death.seq, death.metrics.len()), (None, 1));

    // Gone without a word: the broker tells, by the Last Will.
    let node = start(&CancellationToken::new());
    comes(&seen, "spBv1.0/Plant 3/NBIRTH/dock", 3).await;
    node.abort();
    let death = comes(&seen, "spBv1.0/Plant 3/NDEATH/dock", 2).await;
    assert_eq!(death.metric("bdSeq").unwrap().long_value, Some(0));
    assert_eq!(health.counters().sparkplug_disconnects.get(), 0);
    drop(client);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_tried_again_and_a_stop_does_not_wait() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let settings = sparkplug::Settings {
        group: "g".to_owned(),
        node: "n".to_owned(),
        devices: Default::default(),
        broker: settings(nobody),
        every: Duration::from_millis(20),
    };
    let (health, stop) = (Health::new("plant-3", "e"), CancellationToken::new());
    let beat = health.beat("sparkplug");
    let node = tokio::spawn(sparkplug::run(settings, health.clone(), beat, stop.clone()));
    wait_until("attempts", PATIENCE, || {
        health.counters().sparkplug_disconnects.get() >= 3
    })
    .await
    .unwrap();
    stop.cancel();
    tokio::time::timeout(PATIENCE, node).await.unwrap().unwrap();
}
