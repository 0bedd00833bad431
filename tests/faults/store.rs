//! The traceability store behind a broker: subscribes, enters what comes, and says how far it is, if it is asked to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::sync::watch;
use tokio::time::sleep;
use tracegate_sim::Task;

use super::ledger::Ledger;
use super::site::SOON;

/// Where it says so.
const ACK_TOPIC: &str = "tracegate/plant-3/ack";
/// Between two words.
const WORD_EVERY: Duration = Duration::from_millis(3);

/// The mark and its epoch: everything up to there is stored.
type Mark = (String, i64);

/// Where the broker is; it may move.
pub type Address = Arc<Mutex<SocketAddr>>;

/// A running store with a session that the broker keeps, if it keeps any.
pub struct Store {
    _task: Task,
}

impl Store {
    /// Subscribes; returns when it is subscribed.
    pub async fn start(
        broker: &Address,
        ledger: &Arc<Ledger>,
        acknowledges: bool,
    ) -> anyhow::Result<Self> {
        let (ready, mut subscribed) = watch::channel(false);
        let store = Subscriber {
            broker: broker.clone(),
            ledger: ledger.clone(),
            acknowledges,
            mark: watch::channel(Mark::default()).0,
            ready,
        };
        let task = Task::spawn(store.run());
        let waited = tokio::time::timeout(SOON, subscribed.wait_for(|ready| *ready)).await;
        waited.context("the store does not subscribe")??;
        Ok(Self { _task: task })
    }
}

struct Subscriber {
    broker: Address,
    ledger: Arc<Ledger>,
    acknowledges: bool,
    mark: watch::Sender<Mark>,
    ready: watch::Sender<bool>,
}

impl Subscriber {
    async fn run(self) {
        loop {
            self.connection().await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A fresh event loop each time: one that is used again after an error carries old packets over.
    async fn connection(&self) {
        let broker = *self.broker.lock().expect("nobody panics with it");
        let mut options = MqttOptions::new("store", broker.ip().to_string(), broker.port());
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(3_600))
            .set_manual_acks(true)
            .set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 1_000);
        let topic = "tracegate/plant-3/events/#";
        if client.subscribe(topic, QoS::AtLeastOnce).await.is_err() {
            return;
        }
        let _words = self
            .acknowledges
            .then(|| Task::spawn(speak(client.clone(), self.mark.subscribe())));
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Incoming::SubAck(_)) => {
                    self.ready.send_replace(true);
                }
                Event::Incoming(Incoming::Publish(publish)) => {
                    self.ledger.enter(&publish);
                    self.move_mark(&publish);
                    // Unacknowledged it comes again.
                    let _ = client.try_ack(&publish);
                }
                _ => {}
            }
        }
    }

    /// An event whose predecessor is there moves the mark; any other comes again.
    fn move_mark(&self, publish: &Publish) -> Option<()> {
        let properties = &publish.properties.as_ref()?.user_properties;
        let property = |name: &str| {
            let found = properties.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let epoch = property("epoch")?;
        let seq: i64 = property("seq")?.parse().ok()?;
        let previous: i64 = property("previous")?.parse().ok()?;
        self.mark.send_if_modified(|mark| {
            if mark.0.is_empty() {
                mark.0 = epoch.to_owned();
            }
            let moves = previous <= mark.1 && seq > mark.1;
            if moves {
                mark.1 = seq;
            }
            moves
        });
        Some(())
    }
}

/// Says where the mark is, at once and whenever it has moved.
async fn speak(client: AsyncClient, mut mark: watch::Receiver<Mark>) {
    loop {
        let (epoch, seq) = mark.borrow_and_update().clone();
        if seq > 0 {
            let word = format!(r#"{{"epoch":"{epoch}","seq":{seq}}}"#);
            // What is lost here the next word says too; and the gateway sends again.
            let _ = client.try_publish(ACK_TOPIC, QoS::AtLeastOnce, true, word);
        }
        sleep(WORD_EVERY).await;
        if mark.changed().await.is_err() {
            return;
        }
    }
}
