//! The store's MQTT client: subscribes with QoS 1 and a persistent session, and never gives up.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, Event, Incoming, MqttOptions,
    mqttbytes::{QoS, v5::Publish},
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{Ledger, Line};
use crate::{DeadlineMissed, Task, wait_until};

/// The broker keeps our messages for so long while we are away.
const SESSION_EXPIRY_S: u32 = 24 * 3600;
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(200);
/// Largest message taken.
const LARGEST: u32 = 4 * 1024 * 1024;
/// Lines waiting to be printed; when nobody takes them, later ones are not kept.
const LINES: usize = 1024;
/// Epochs of gateways that are followed; there is one for each buffer.
const MOST_EPOCHS: usize = 64;

/// A subscriber with a ledger; dropping it disconnects.
#[derive(Debug)]
pub struct Store {
    ledger: Arc<Mutex<Ledger>>,
    status: watch::Receiver<StoreStatus>,
    lines: mpsc::Receiver<Line>,
    _task: Task,
}

/// How the store's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Subscribed on the connection that is open now.
    pub subscribed: bool,
    /// Connections so far.
    pub connections: u64,
    /// Messages so far.
    pub messages: u64,
}

impl Store {
    /// Subscribes to `filter` at `broker` and enters what comes into `ledger`.
    pub fn subscribe(broker: SocketAddr, filter: &str, ledger: Ledger) -> Self {
        Self::start(broker, filter, ledger, None)
    }

    /// The same, and tells gateways on `topic` how far it has taken their events; they must have this topic as
    /// `[mqtt] ack_topic`.
    pub fn acknowledging(broker: SocketAddr, filter: &str, ledger: Ledger, topic: &str) -> Self {
        Self::start(broker, filter, ledger, Some(topic.to_owned()))
    }

    fn start(broker: SocketAddr, filter: &str, ledger: Ledger, ack_topic: Option<String>) -> Self {
        let ledger = Arc::new(Mutex::new(ledger));
        let (publish, status) = watch::channel(StoreStatus::default());
        let (print, lines) = mpsc::channel(LINES);
        let subscriber = Subscriber {
            broker,
            filter: filter.to_owned(),
            ledger: ledger.clone(),
            status: publish,
            print,
            ack_topic,
            marks: BTreeMap::new(),
            owed: BTreeSet::new(),
        };
        let task = Task::spawn(subscriber.run());
        Self {
            ledger,
            status,
            lines,
            _task: task,
        }
    }

    /// The ledger; do not hold it across an `await`.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic while the ledger was held is a failed test already.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the connection is.
    pub fn status(&self) -> StoreStatus {
        *self.status.borrow()
    }

    /// The next event's line; `None` when the store has ended. Cancel safe.
    pub async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// Waits until the broker has confirmed the subscription.
    ///
    /// # Errors
    /// [`DeadlineMissed`].
    pub async fn subscribed(&self, deadline: Duration) -> Result<(), DeadlineMissed> {
        wait_until("the store's subscription", deadline, || {
            self.status().subscribed
        })
        .await
    }

    /// Waits until `condition` holds for the ledger.
    ///
    /// # Errors
    /// [`DeadlineMissed`]; [`Ledger::report`] says what is missing.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut(&Ledger) -> bool,
    ) -> Result<(), DeadlineMissed> {
        wait_until(what, deadline, || condition(&self.ledger())).await
    }
}

struct Subscriber {
    broker: SocketAddr,
    filter: String,
    ledger: Arc<Mutex<Ledger>>,
    status: watch::Sender<StoreStatus>,
    print: mpsc::Sender<Line>,
    ack_topic: Option<String>,
    /// For each epoch the newest event such that it and all before it have come.
    marks: BTreeMap<String, i64>,
    /// Epochs of which the mark is to be told.
    owed: BTreeSet<String>,
}

impl Subscriber {
    async fn run(mut self) {
        loop {
            self.connection().await;
            self.status.send_modify(|status| status.subscribed = false);
            sleep(RETRY).await;
        }
    }

    /// One connection from CONNECT to its end. A fresh event loop each time: one that is used again after an error
    /// carries old packets over.
    async fn connection(&mut self) {
        let mut options = MqttOptions::new(
            "tracegate-store",
            self.broker.ip().to_string(),
            self.broker.port(),
        );
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(SESSION_EXPIRY_S))
            .set_max_packet_size(Some(LARGEST))
            .set_outgoing_inflight_upper_limit(16)
            .set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 16);
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    self.status.send_modify(|status| status.connections += 1);
                    // The channel is empty on a new connection.
                    let _ = client.try_subscribe(self.filter.clone(), QoS::AtLeastOnce);
                }
                Ok(Event::Incoming(Incoming::SubAck(_))) => {
                    self.status.send_modify(|status| status.subscribed = true);
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    self.take(&publish.payload);
                    // One that names no epoch is nothing to acknowledge.
                    let _ = self.acknowledge(&publish);
                }
                Ok(_) => {}
                Err(_) => return,
            }
            self.say_marks(&client);
        }
    }

    /// Tells the marks that have not been told, as far as the channel has room; each answer of the broker makes some.
    fn say_marks(&mut self, client: &AsyncClient) {
        let Some(topic) = &self.ack_topic else { return };
        while let Some(epoch) = self.owed.first() {
            let mark = self.marks.get(epoch).copied().unwrap_or_default();
            let word = format!(r#"{{"epoch":"{epoch}","seq":{mark}}}"#);
            let told = client.try_publish(topic.clone(), QoS::AtLeastOnce, true, word);
            if told.is_err() {
                return;
            }
            self.owed.pop_first();
        }
    }

    /// Notes the event's mark, the newest of its epoch such that all before it came too, to be told. An event that names one
    /// before it (`previous`) that has not come changes nothing: the gateway sends from there again.
    fn acknowledge(&mut self, publish: &Publish) -> Option<()> {
        self.ack_topic.as_ref()?;
        let properties = &publish.properties.as_ref()?.user_properties;
        let property = |name: &str| {
            let found = properties.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let epoch = property("epoch")?;
        // A message with several events has those that follow each other.
        let seq = property("seq").or_else(|| property("last_seq"));
        let seq: i64 = seq?.parse().ok()?;
        let previous: i64 = property("previous")?.parse().ok()?;
        if self.marks.len() >= MOST_EPOCHS
            && !self.marks.contains_key(epoch)
            && let Some((forgotten, _)) = self.marks.pop_first()
        {
            self.owed.remove(&forgotten);
        }
        let mark = self.marks.entry(epoch.to_owned()).or_default();
        if previous <= *mark {
            *mark = seq.max(*mark);
        }
        self.owed.insert(epoch.to_owned());
        Some(())
    }

    fn take(&self, payload: &[u8]) {
        let lines = self
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .observe(payload);
        self.status.send_modify(|status| status.messages += 1);
        for line in lines {
            let _ = self.print.try_send(line);
        }
    }
}
