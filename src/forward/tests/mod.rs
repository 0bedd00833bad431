//! The forwarder against brokers that behave and brokers that do not.

mod acknowledge;
mod aside;
mod batches;
mod broker;
mod cluster;
mod commands;
mod devices;
mod document;
mod fake;
mod faults;
mod lanes;
mod lost;
pub(crate) mod mosquitto;
mod order;
mod replay;
mod rotation;
mod site;
mod sparkplug;
mod telemetry;

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracegate_epcis::EventId;
use tracegate_pipeline::Time;
use tracegate_pipeline::input::MovementEvent;
use tracegate_sim::wait_until;

use super::client::{Endpoint, Version};
use super::mqtt::{Batch, Links, Settings, Timing, run};
use crate::buffer::{Opened, OutboxReader, Request, Store};
use crate::config::Mqtt;
use crate::downlink::order::{Directory, Fleet};
use crate::health::Health;

/// Generous: only a failing test waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits and deadlines for a broker next door.
const QUICK: Timing = Timing {
    connect: Duration::from_millis(700),
    progress: Duration::from_millis(700),
    backoff: (Duration::from_millis(5), Duration::from_millis(50)),
    steady: Duration::ZERO,
    refused: Duration::from_millis(50),
    hold: Duration::from_millis(30),
    stalled: Duration::from_secs(60),
    drain: Duration::from_secs(2),
    farewell: Duration::from_millis(500),
    status: Duration::from_secs(60),
    watch: Duration::from_millis(100),
};

fn settings(broker: SocketAddr) -> Settings {
    Settings {
        version: Version::V5,
        endpoints: vec![Endpoint {
            host: broker.ip().to_string(),
            port: broker.port(),
        }],
        client_id: "gateway".to_owned(),
        credentials: None,
        tls: None,
        topic: Mqtt::default().topic.0,
        non_event_topic: Mqtt::default().non_event_topic.0,
        gap_topic: "gaps".to_owned(),
        status_topic: "status".to_owned(),
        devices: super::announce::Settings {
            topic: None,
            devices: Default::default(),
            interval: Duration::ZERO,
            record: None,
        },
        site: "plant-3".to_owned(),
        keep_alive: Duration::from_secs(30),
        window: 20,
        batch: Batch {
            events: 1,
            bytes: 64 << 10,
        },
        payload: Default::default(),
        message_expiry: None,
        attempts: 0,
        accept_without_subscriber: false,
        downlink: Default::default(),
        timing: QUICK,
    }
}

/// A forwarder with a real outbox; the test is the core.
struct Rig {
    folder: TempDir,
    store: Store,
    committed: watch::Sender<i64>,
    acknowledged: watch::Receiver<i64>,
    requests: mpsc::Receiver<Request>,
    health: Health,
    stop: CancellationToken,
    forwarder: JoinHandle<()>,
}

impl Rig {
    /// A forwarder with `events` waiting, numbered from 1.
    async fn start(settings: Settings, events: usize) -> Self {
        Self::with_devices(settings, events, Directory::new()).await
    }

    async fn with_devices(settings: Settings, events: usize, devices: Directory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Opened { mut store, .. } = Store::open(folder.path(), 100 << 20).await.unwrap();
        commit(&mut store, 1, events).await;
        Self::over(settings, folder, store, devices).await
    }

    /// A forwarder with what the store holds.
    async fn over(settings: Settings, folder: TempDir, store: Store, devices: Directory) -> Self {
        let health = Health::new("plant-3", store.epoch());
        let (committed, links_committed) = watch::channel(store.last_seq());
        let (links_acknowledged, acknowledged) = watch::channel(0);
        let (links_requests, requests) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let fleet = Fleet {
            targets: devices,
            kinds: settings.devices.devices.clone(),
        };
        let links = Links {
            reader: OutboxReader::open(store.path()).await.unwrap(),
            committed: links_committed,
            acknowledged: links_acknowledged,
            requests: links_requests,
            fleet: watch::channel(fleet).1,
            health: health.clone(),
            beat: health.beat("forwarder"),
            stop: stop.clone(),
        };
        let forwarder = tokio::spawn(run(settings, links));
        Self {
            folder,
            store,
            committed,
            acknowledged,
            requests,
            health,
            stop,
            forwarder,
        }
    }

    /// Stores more events.
    async fn add(&mut self, events: usize) {
        let next = usize::try_from(self.store.last_seq()).unwrap() + 1;
        commit(&mut self.store, next, events).await;
        self.committed.send_replace(self.store.last_seq());
    }

    async fn acknowledged(&self, seq: i64) {
        wait_until("acknowledgements", PATIENCE, || {
            *self.acknowledged.borrow() >= seq
        })
        .await
        .unwrap_or_else(|error| {
            let (mark, conditions) = (*self.acknowledged.borrow(), self.health.conditions());
            panic!("{error}: at {mark} of {seq}, {conditions:?}")
        });
    }

    /// Does as the core does with an event that cannot be sent; returns its number, why, and how often it was tried.
    async fn set_aside(&mut self) -> (i64, String, u32) {
        let request = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        let Ok(Some(Request::SetAside {
            seq,
            reason,
            attempts,
            done,
        })) = request
        else {
            panic!("no event to set aside: {request:?}, {:?}", self.condition());
        };
        self.store
            .set_aside(seq, &reason, attempts, Time(0))
            .await
            .unwrap();
        done.send(true).unwrap();
        (seq, reason, attempts)
    }

    /// Waits until the conditions name `text`.
    async fn says(&self, text: &str) {
        self.health.says(text, PATIENCE).await;
    }

    fn condition(&self) -> String {
        self.health.conditions().join("; ")
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.forwarder)
            .await
            .expect("the forwarder stops")
            .expect("the forwarder does not panic");
        self.store.close().await.unwrap();
        drop(self.folder);
    }
}

async fn commit(store: &mut Store, first: usize, events: usize) {
    commit_at(store, first, events, |_| "dock_1").await;
}

/// Stores events of the read points that `place` says.
async fn commit_at(
    store: &mut Store,
    first: usize,
    events: usize,
    place: fn(usize) -> &'static str,
) {
    let event = |number: usize| MovementEvent {
        id: EventId::of_prehash(&number.to_string()),
        read_point: place(number).to_owned(),
        at: Time(0),
        uncertainty: Default::default(),
        json: format!("{{\"number\":{number}}}"),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    };
    let events: Vec<_> = (first..first + events).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
}

/// The number of an event that [`commit`] made.
fn number(payload: &[u8]) -> i64 {
    let event: serde_json::Value = serde_json::from_slice(payload).unwrap();
    event["number"].as_i64().unwrap()
}

/// The numbers of the events in a message.
fn numbers(payload: &[u8]) -> Vec<i64> {
    let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
    let number = |event: &serde_json::Value| event["number"].as_i64().unwrap();
    match message["epcisBody"]["eventList"].as_array() {
        Some(events) => events.iter().map(number).collect(),
        None => vec![number(&message)],
    }
}

/// Asserts that each of 1 to `last` came, and none for the first time before its predecessor.
fn in_order(numbers: &[i64], last: i64) {
    let mut newest = 0;
    for &number in numbers {
        assert!(number <= newest + 1, "{number} overtook in {numbers:?}");
        newest = newest.max(number);
    }
    assert_eq!(newest, last, "{numbers:?}");
}
