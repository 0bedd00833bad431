//! What is known about the gateway's own state: devices, broker, counters, signs of life.

mod level;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use level::BufferLevel;

/// A task that has shown no sign of life for this long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(20);

/// A device's link, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum DeviceState {
    /// Not tried yet.
    Starting,
    /// Connected and delivering.
    Up,
    /// Not connected; the reason is for the technician.
    Down {
        /// Why.
        reason: String,
    },
}

/// The broker's link, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// Connected.
    Up,
    /// Connected, but it does not take events.
    Refuses(String),
    /// Not connected.
    Down(String),
}

/// A counter since start.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets the value, for figures that somebody else counts.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident),* $(,)?) => {
        /// Everything that is counted; the names are those of the status message.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[doc = $doc])+ pub $name: Counter,)* }

        impl Counters {
            /// Names and values in a fixed order.
            #[must_use]
            pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$((stringify!($name), self.$name.get()),)*])
            }
        }
    };
}

counters! {
    /// Tag reads taken in.
    reads,
    /// Reads merged with another of the same tag on the same antenna because the queue was full.
    reads_conflated,
    /// Reads dropped because even the merged queue was full.
    reads_dropped,
    /// Reads weaker than `min_rssi`.
    reads_weak,
    /// Reads of ignored tags.
    reads_ignored,
    /// Reads on antennas of no read point.
    reads_unassigned,
    /// Reads that came after their time was decided.
    reads_late,
    /// Tags or reads hurried on because a table was full.
    capped,
    /// Scanner frames taken in.
    scans,
    /// Scanner frames longer than allowed, and bytes that belong to none.
    scans_malformed,
    /// Scans refused.
    scans_refused,
    /// Scans repeated within the duplicate window.
    scans_repeated,
    /// Movement events stored.
    events,
    /// Loads not booked.
    non_events,
    /// Events the broker acknowledged.
    forwarded,
    /// Times the broker did not take an event.
    refused,
    /// Events waiting in the outbox.
    waiting,
    /// Events set aside in the buffer because they cannot be sent.
    dead_letters,
    /// Commits that failed and were tried again.
    commit_failures,
    /// Device connections lost or not made.
    device_disconnects,
    /// Broker connections lost or not made.
    broker_disconnects,
    /// Tags followed.
    tags,
    /// Reads waiting for their turn.
    reads_buffered,
}

/// Shared by all tasks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: String,
    counters: Counters,
    links: Mutex<Links>,
    beats: Mutex<Vec<(String, Beat)>>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Links {
    devices: BTreeMap<String, DeviceState>,
    broker: BrokerState,
    storing: Option<String>,
    buffer: BufferLevel,
    epoch: String,
    lost: Option<String>,
}

/// The retained status message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `online` or `offline`.
    pub state: String,
    /// Why it is offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Site name.
    pub site: String,
    /// Version of the gateway.
    pub version: &'static str,
    /// Epoch of the buffer; sequence numbers count within it.
    pub epoch: String,
    /// What is wrong now, for people.
    pub conditions: Vec<String>,
    /// Every device with its state.
    pub devices: BTreeMap<String, DeviceState>,
    /// How full the buffer is.
    pub buffer: BufferLevel,
    /// Counters since start.
    pub counters: BTreeMap<&'static str, u64>,
}

impl Status {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Health {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(site: &str, epoch: &str) -> Self {
        let broker = BrokerState::Down("not connected yet".to_owned());
        Self(Arc::new(Inner {
            site: site.to_owned(),
            counters: Counters::default(),
            links: Mutex::new(Links {
                devices: BTreeMap::new(),
                broker,
                storing: None,
                buffer: BufferLevel::default(),
                epoch: epoch.to_owned(),
                lost: None,
            }),
            beats: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// Counters to add to.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The buffer's epoch.
    #[must_use]
    pub fn epoch(&self) -> String {
        self.links().epoch.clone()
    }

    /// Notes a device's state; returns whether it is news.
    pub fn device(&self, name: &str, state: DeviceState) -> bool {
        let news = {
            let devices = &mut self.links().devices;
            devices.insert(name.to_owned(), state.clone()) != Some(state)
        };
        self.announce(news)
    }

    /// Notes the broker's state; returns whether it is news.
    pub fn broker(&self, state: BrokerState) -> bool {
        let news = {
            let mut links = self.links();
            let news = links.broker != state;
            links.broker = state;
            news
        };
        self.announce(news)
    }

    /// Notes why nothing can be stored, or that storing works again.
    pub fn storing(&self, problem: Option<String>) -> bool {
        let news = {
            let mut links = self.links();
            let news = links.storing != problem;
            links.storing = problem;
            news
        };
        self.announce(news)
    }

    /// Wakes when a device's, the broker's or the buffer's state changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// What is wrong now, for people; empty when all is well.
    #[must_use]
    pub fn conditions(&self) -> Vec<String> {
        let links = self.links();
        let storing = links
            .storing
            .iter()
            .map(|problem| format!("nothing can be stored: {problem}"));
        let devices = links
            .devices
            .iter()
            .filter_map(|(name, state)| match state {
                DeviceState::Down { reason } => Some(format!("{name}: {reason}")),
                DeviceState::Starting | DeviceState::Up => None,
            });
        let broker = match &links.broker {
            BrokerState::Up => None,
            BrokerState::Refuses(why) => Some(format!("broker: it does not take events: {why}")),
            BrokerState::Down(why) => Some(format!("broker: {why}")),
        };
        let lost = links.lost.iter().cloned();
        storing.chain(lost).chain(broker).chain(devices).collect()
    }

    /// The status message of this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let conditions = self.conditions();
        let links = self.links();
        Status {
            state: "online".to_owned(),
            reason: None,
            site: self.0.site.clone(),
            version: env!("CARGO_PKG_VERSION"),
            epoch: links.epoch.clone(),
            conditions,
            devices: links.devices.clone(),
            buffer: links.buffer.clone(),
            counters: self.0.counters.snapshot(),
        }
    }

    /// The message that the broker publishes when we are gone without a word. Bounded, because CONNECT has room for 64 KiB
    /// only, and without what nobody can know by then.
    #[must_use]
    pub fn last_will(&self) -> Status {
        Status {
            state: "offline".to_owned(),
            reason: Some("connection lost".to_owned()),
            conditions: Vec::new(),
            devices: BTreeMap::new(),
            ..self.status()
        }
    }

    /// A sign of life for the watchdog; every long-lived task holds one and touches it in its loop.
    #[must_use]
    pub fn beat(&self, task: &str) -> Beat {
        let beat = Beat(Arc::new((
            Mutex::new(Instant::now()),
            AtomicBool::new(true),
        )));
        self.beats().push((task.to_owned(), beat.clone()));
        beat
    }

    /// The first task that shows no sign of life, if any.
    #[must_use]
    pub fn stuck(&self) -> Option<String> {
        let mut beats = self.beats();
        beats.retain(|(_, beat)| beat.0.1.load(Ordering::Relaxed));
        beats
            .iter()
            .find(|(_, beat)| beat.age() > STUCK_AFTER)
            .map(|(task, _)| task.clone())
    }

    fn announce(&self, news: bool) -> bool {
        if news {
            self.0.changed.send_replace(());
        }
        news
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.0.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beats(&self) -> MutexGuard<'_, Vec<(String, Beat)>> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text from elsewhere, for logs, systemd and the status: a line or two, and nothing that moves a terminal's cursor or
/// begins a line of its own.
#[must_use]
pub fn tame(text: &str) -> String {
    const MOST: usize = 400;
    let tame = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(MOST).map(tame).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

/// One task's sign of life.
#[derive(Debug, Clone)]
pub struct Beat(Arc<(Mutex<Instant>, AtomicBool)>);

impl Beat {
    /// The task is alive.
    pub fn touch(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits, showing signs of life; false when `stop` ended it.
    pub async fn pause(&self, wait: Duration, stop: &CancellationToken) -> bool {
        let until = tokio::time::Instant::now() + wait;
        loop {
            self.touch();
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return !stop.is_cancelled();
            }
            tokio::select! {
                () = tokio::time::sleep(left.min(STUCK_AFTER / 4)) => {}
                () = stop.cancelled() => return false,
            }
        }
    }

    /// The task has ended on purpose.
    pub fn finish(&self) {
        self.0.1.store(false, Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Health {
        /// Waits until the conditions name `text`; else shows what they named meanwhile.
        pub(crate) async fn says(&self, text: &str, patience: Duration) {
            let mut said = Vec::new();
            let waited = tracegate_sim::wait_until(text, patience, || {
                let condition = self.conditions().join("; ");
                let found = condition.contains(text);
                if said.last() != Some(&condition) {
                    said.push(condition);
                }
                found
            });
            if let Err(error) = waited.await {
                panic!("{error}; it said {said:#?}");
            }
        }
    }

    #[test]
    fn conditions_name_what_is_wrong_and_changes_are_told_once() {
        let health = Health::new("plant-3", "e");
        assert!(health.broker(BrokerState::Up));
        assert!(!health.broker(BrokerState::Up));
        let down = DeviceState::Down {
            reason: "connection refused".into(),
        };
        assert!(health.device("dock_1", down.clone()) && !health.device("dock_1", down));
        health.device("dock_2", DeviceState::Up);
        health.storing(Some("disk full".into()));
        assert_eq!(
            health.conditions(),
            [
                "nothing can be stored: disk full",
                "dock_1: connection refused"
            ]
        );
        let json = health.status().to_json();
        assert!(
            json.contains(r#""dock_1":{"state":"down","reason":"connection refused"}"#),
            "{json}"
        );
    }

    #[test]
    fn long_or_wild_text_is_tamed() {
        assert_eq!(tame("fault\u{1b}[2J\nmore"), "fault [2J more");
        assert_eq!(tame(&"ä".repeat(1000)).chars().count(), 401);
    }

    #[test]
    fn the_last_will_fits_into_connect() {
        let health = Health::new("plant-3", "e");
        for number in 0..1000 {
            let reason = "does not answer; check power, cable and address of the reader".repeat(3);
            health.device(&format!("dock_{number}"), DeviceState::Down { reason });
        }
        let will = health.last_will().to_json();
        assert!(will.len() < 4_000, "{} bytes", will.len());
        assert!(
            will.contains(r#""state":"offline","reason":"connection lost""#),
            "{will}"
        );
    }

    #[test]
    fn finished_tasks_are_not_stuck() {
        let health = Health::new("plant-3", "e");
        let beat = health.beat("forward");
        assert_eq!(health.stuck(), None);
        *beat.0.0.lock().unwrap() = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        assert_eq!(health.stuck().as_deref(), Some("forward"));
        beat.finish();
        assert_eq!(health.stuck(), None);
    }
}
