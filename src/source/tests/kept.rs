//! A real Mosquitto keeps what is published while the gateway is away.

use tokio::sync::watch;

use super::receiver::{published, subscription};
use super::*;
use crate::forward::client::{self, Endpoint, Event, Message, Options, Version};
use crate::forward::tests::mosquitto::Mosquitto;
use crate::source::receiver::mqtt::{Subscription, UNSTORED};
use crate::source::receiver::run;

/// A gateway whose core takes what it is given, and says that so many inputs are stored.
struct Plant {
    rig: Rig,
    stored: watch::Sender<u64>,
}

impl Plant {
    async fn start(broker: &Mosquitto, version: Version) -> Self {
        Self::with(subscription(broker.plain, version, "readers/+/tags")).await
    }

    async fn with(subscription: Subscription) -> Self {
        let (stored, told) = watch::channel(0);
        let settings = published(subscription);
        let mut rig = Rig::start(10, |context| run(settings, context, told));
        assert!(rig.link().await);
        Self { rig, stored }
    }

    /// The tags of the next reads, up to `last`.
    async fn up_to(&mut self, last: u16) -> Vec<u16> {
        let mut tags = Vec::new();
        while tags.last() != Some(&last) {
            let reads = self.rig.reads().await;
            let numbers = reads.iter().filter_map(|read| read.epc.last_chunk());
            tags.extend(numbers.map(|bytes| u16::from_be_bytes(*bytes)));
        }
        tags
    }

    /// As SIGKILL does it: no farewell.
    async fn kill(self) {
        self.rig.task.abort();
        let _ = self.rig.task.await;
    }
}

struct Reader(client::Link);

impl Reader {
    async fn start(broker: &Mosquitto) -> Self {
        let mut link = client::open(&Options {
            version: Version::V5,
            endpoint: Endpoint {
                host: broker.plain.ip().to_string(),
                port: broker.plain.port(),
            },
            client_id: "reader".to_owned(),
            credentials: None,
            tls: None,
            last_will: None,
            keep_alive: Duration::from_secs(30),
            window: 20,
            patience: PATIENCE,
            kept: None,
        });
        while !matches!(link.events.recv().await, Some(Ok(Event::Connected(_)))) {}
        Self(link)
    }

    /// Publishes that it read the tag, and waits until the broker has it.
    async fn read(&mut self, tag: u16) {
        self.publish("readers/dock_5/tags", tag).await;
    }

    async fn publish(&mut self, topic: &str, tag: u16) {
        let text = format!(
            r#"{{"eventType":"tagInventory","tagInventoryEvent":{{"epcHex":"3034F4E4E40019000000{tag:04X}","antennaPort":1}}}}"#
        );
        let message = Message {
            topic: topic.to_owned(),
            payload: text.into(),
            ..Message::default()
        };
        self.0.client.publish(message).unwrap();
        loop {
            let event = timeout(PATIENCE, self.0.events.recv()).await;
            match event.unwrap().unwrap().unwrap() {
                Event::Answered(..) => return,
                _ => continue,
            }
        }
    }
}

#[tokio::test]
async fn what_is_published_while_the_gateway_is_away_comes_afterwards() {
    let broker = Mosquitto::start(true).await;
    let mut reader = Reader::start(&broker).await;
    for version in [Version::V5, Version::V311] {
        let mut plant = Plant::start(&broker, version).await;
        reader.read(1).await;
        reader.read(2).await;
        assert_eq!(plant.up_to(2).await, [1, 2]);
        plant.stored.send_replace(u64::MAX);
        // A stop in good order: what is stored does not come again.
        plant.rig.stop().await;
        for tag in 3..=50 {
            reader.read(tag).await;
        }
        let mut plant = Plant::start(&broker, version).await;
        plant.stored.send_replace(u64::MAX);
        assert_eq!(plant.up_to(50).await, (3..=50).collect::<Vec<_>>());
        // What came in was acknowledged, although more comes all the time.
        reader.read(51).await;
        assert_eq!(plant.up_to(51).await, [51]);
        plant.rig.stop().await;
    }
}

#[tokio::test]
async fn what_was_not_stored_when_the_gateway_died_comes_again() {
    // So many are under way at most: that of us, and Mosquitto's own where MQTT cannot say it.
    for (version, window) in [(Version::V5, UNSTORED), (Version::V311, 20)] {
        let broker = Mosquitto::start(true).await;
        let mut reader = Reader::start(&broker).await;
        let mut plant = Plant::start(&broker, version).await;
        reader.read(1).await;
        assert_eq!(plant.up_to(1).await, [1]);
        for tag in 2..=window + 1 {
            reader.read(tag).await;
        }
        let more: Vec<_> = (2..=window).collect();
        assert_eq!(plant.up_to(window).await, more);
        plant.stored.send_replace(1);
        // One more can only come because the broker has the first's acknowledgement.
        assert_eq!(plant.up_to(window + 1).await, [window + 1]);
        plant.kill().await;
        let mut plant = Plant::start(&broker, version).await;
        let unstored: Vec<_> = (2..=window + 1).collect();
        assert_eq!(plant.up_to(window + 1).await, unstored);
    }
}

#[tokio::test]
async fn a_core_that_is_busy_leaves_the_rest_with_the_broker() {
    let broker = Mosquitto::start(true).await;
    let mut reader = Reader::start(&broker).await;
    let mut plant = Plant::start(&broker, Version::V311).await;
    // MQTT 3.1.1 has no receive maximum: Mosquitto has twenty under way. What it holds back comes as soon as something is stored.
    for tag in 1..=60 {
        reader.read(tag).await;
    }
    let first = plant.up_to(20).await;
    assert_eq!(first, (1..=20).collect::<Vec<_>>());
    let more = timeout(Duration::from_millis(100), plant.rig.inputs.recv()).await;
    assert!(more.is_err(), "{more:?}");
    plant.stored.send_replace(u64::MAX);
    assert_eq!(plant.up_to(60).await, (21..=60).collect::<Vec<_>>());
    plant.rig.stop().await;
}

#[tokio::test]
async fn topics_that_were_configured_before_are_not_taken() {
    let broker = Mosquitto::start(true).await;
    let mut reader = Reader::start(&broker).await;
    Plant::start(&broker, Version::V5).await.rig.stop().await;
    let other = subscription(broker.plain, Version::V5, "lines/#");
    let mut plant = Plant::with(other).await;
    plant.stored.send_replace(u64::MAX);
    reader.read(1).await;
    reader.publish("lines/7/tags", 2).await;
    assert_eq!(plant.up_to(2).await, [2]);
    plant.rig.stop().await;
}
