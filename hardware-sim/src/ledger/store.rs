//! The store's MQTT client: subscribes with QoS 1 and a persistent session, and never gives up.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
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
        let ledger = Arc::new(Mutex::new(ledger));
        let (publish, status) = watch::channel(StoreStatus::default());
        let (print, lines) = mpsc::channel(LINES);
        let subscriber = Subscriber {
            broker,
            filter: filter.to_owned(),
            ledger: ledger.clone(),
            status: publish,
            print,
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
}

impl Subscriber {
    async fn run(self) {
        loop {
            self.connection().await;
            self.status.send_modify(|status| status.subscribed = false);
            sleep(RETRY).await;
        }
    }

    /// One connection from CONNECT to its end. A fresh event loop each time: one that is used again after an error
    /// carries old packets over.
    async fn connection(&self) {
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
                Ok(Event::Incoming(Incoming::Publish(publish))) => self.take(&publish.payload),
                Ok(_) => {}
                Err(_) => return,
            }
        }
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
