//! A gateway's side of the broker: sends messages with QoS 1, and hears the store's word.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::runtime::Runtime;

pub struct Publisher {
    runtime: Runtime,
    client: AsyncClient,
    acknowledged: Arc<Mutex<usize>>,
    /// Marks of each epoch in the order in which they came.
    marks: Arc<Mutex<BTreeMap<String, Vec<i64>>>>,
    asked: usize,
}

impl Publisher {
    pub fn new(broker: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let mut options = MqttOptions::new("gateway", broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        options.set_outgoing_inflight_upper_limit(100);
        let (client, mut events) = AsyncClient::new(options, 256);
        let acknowledged = Arc::new(Mutex::new(0));
        let marks: Arc<Mutex<BTreeMap<String, Vec<i64>>>> = Arc::default();
        let (count, told) = (acknowledged.clone(), marks.clone());
        runtime
            .block_on(client.subscribe("tracegate/+/ack", QoS::AtLeastOnce))
            .expect("room");
        runtime.spawn(async move {
            loop {
                match events.poll().await.expect("the broker stays") {
                    Event::Incoming(Packet::PubAck(_)) => *count.lock().expect("no panic") += 1,
                    Event::Incoming(Packet::Publish(publish)) => {
                        let word: serde_json::Value =
                            serde_json::from_slice(&publish.payload).expect("JSON");
                        let (epoch, seq) = (
                            word["epoch"].as_str().expect("an epoch"),
                            word["seq"].as_i64().expect("a number"),
                        );
                        told.lock()
                            .expect("no panic")
                            .entry(epoch.to_owned())
                            .or_default()
                            .push(seq);
                    }
                    _ => {}
                }
            }
        });
        Self {
            runtime,
            client,
            acknowledged,
            marks,
            asked: 0,
        }
    }

    /// Sends on a topic of the site `plant-3`.
    pub fn send(
        &mut self,
        below: &str,
        payload: impl Into<Vec<u8>>,
        properties: &[(&str, String)],
    ) {
        let properties = PublishProperties {
            user_properties: properties
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
            ..PublishProperties::default()
        };
        let topic = format!("tracegate/plant-3/{below}");
        let sent = self.client.publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            false,
            payload.into(),
            properties,
        );
        self.runtime.block_on(sent).expect("the client runs");
        self.asked += 1;
    }

    /// Waits until the broker has everything.
    pub fn settle(&self) {
        until("the broker has everything", || {
            *self.acknowledged.lock().expect("no panic") == self.asked
        });
    }

    pub fn marks(&self, epoch: &str) -> Vec<i64> {
        self.marks
            .lock()
            .expect("no panic")
            .get(epoch)
            .cloned()
            .unwrap_or_default()
    }
}

/// Waits for a condition.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 180 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
