//! What is known about the gateway's own state: devices, broker, counters, signs of life.

mod beat;
mod broker;
mod certificates;
mod condition;
mod config;
mod counters;
mod device;
mod devices;
mod disk;
mod history;
mod latency;
mod level;
mod notice;
mod points;
mod ports;
mod reader_clock;
mod report;
mod site_data;
mod station;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

pub use beat::Beat;
use beat::STUCK_AFTER;
use broker::Brokers;
pub use broker::{EndpointState, EndpointStatus};
use certificates::Certificates;
pub use certificates::{CertificateStatus, FileProblem, Holder, Stage};
pub use condition::{Code, Condition, Fault, Severity, Stops, Subject, headline};
use condition::{Tracker, found};
pub use config::{ConfigState, Rejected};
pub use counters::{Counter, Counters, DeviceCounter};
use device::Device;
pub use device::{DeviceState, DeviceStatus, Problem, Uses};
pub use devices::Configured;
use disk::Disks;
pub use disk::{Disk, Room, state_directory};
use latency::Latencies;
pub use latency::{BOUNDS_MS, Histogram};
use level::Trend;
pub use level::{BufferLevel, about};
pub use notice::Notice;
use points::Points;
pub use points::{Became, Queue};
pub use ports::Ports;
pub(crate) use reader_clock::{CLOCK_UNSET, clock_complaint};
pub use report::{AntennaReport, DeviceKind, DeviceReport};
use site_data::Site;
pub use site_data::{KindKnown, SiteData, spoken};
use station::Station;
pub use station::{StationStatus, StationVerdict, UnclearedStatus};

/// The answer of a gateway without devices, where nothing is wrong.
const NOTHING_TO_READ: &str = "There is nothing to read yet: no device is configured.";
/// For how long something that has no end of its own is shown: a fault that a reader reported, a buffer that overflowed.
const SHOWN: Duration = Duration::from_secs(600);

/// What no lamp at a door has to show.
const QUIET: &[Code] = &[
    Code::ClockUnsynced,
    Code::ConfigLastGood,
    Code::ConfigRejected,
    Code::ConfigWaits,
    Code::EventsSetAside,
    Code::BufferGrowing,
    Code::DiskLow,
];

/// The broker's link, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// Connected.
    Up,
    /// Connected, but it does not take events.
    Refuses(String),
    /// Not connected.
    Down(String),
    /// Not connected, and trying again does not help: it refuses us.
    Denied(String),
}

/// Shared by all tasks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: String,
    started: Timestamp,
    counters: Counters,
    links: Mutex<Links>,
    beats: Mutex<Vec<(String, Beat)>>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Links {
    devices: BTreeMap<String, Device>,
    /// These are all that there are.
    devices_are_known: bool,
    broker: BrokerState,
    brokers: Brokers,
    storing: Option<String>,
    reference: Option<String>,
    site: Site,
    buffer: BufferLevel,
    buffer_trend: Trend,
    disks: Disks,
    latencies: Latencies,
    points: Points,
    clock_unsynced: bool,
    tracker: Tracker,
    epoch: String,
    config: ConfigState,
    lost: Option<String>,
    certificates: Certificates,
    notices: BTreeMap<Notice, String>,
    kept_from: Option<i64>,
    stations: BTreeMap<String, Station>,
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
    /// Whether everything is being delivered, and if not, whose fault it is.
    pub summary: String,
    /// What is wrong now, the worst first.
    pub conditions: Vec<Condition>,
    /// Every device with its state.
    pub devices: BTreeMap<String, DeviceStatus>,
    /// Every broker with its state.
    pub brokers: Vec<EndpointStatus>,
    /// Seconds since a broker acknowledged something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_puback_s: Option<u64>,
    /// How full the buffer is.
    pub buffer: BufferLevel,
    /// How current the site's data about lots and orders is, if that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<SiteData>,
    /// What was last told at each station, and at each guarded door.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stations: BTreeMap<String, StationStatus>,
    /// For how long the certificates of the broker's connection are valid.
    pub certificates: BTreeMap<&'static str, CertificateStatus>,
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
            started: Timestamp::now(),
            counters: Counters::default(),
            links: Mutex::new(Links {
                devices: BTreeMap::new(),
                devices_are_known: false,
                broker,
                brokers: Brokers::default(),
                storing: None,
                reference: None,
                site: Site::default(),
                buffer: BufferLevel::default(),
                buffer_trend: Trend::default(),
                disks: Disks::default(),
                latencies: Latencies::default(),
                points: Points::default(),
                clock_unsynced: false,
                tracker: Tracker::default(),
                epoch: epoch.to_owned(),
                config: ConfigState::default(),
                lost: None,
                certificates: Certificates::default(),
                notices: BTreeMap::new(),
                kept_from: None,
                stations: BTreeMap::new(),
            }),
            beats: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// When the gateway was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.0.started
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

    /// Notes whether the gateway's own clock follows a time server.
    pub fn clock_synchronised(&self, synchronised: bool) {
        self.links().clock_unsynced = !synchronised;
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

    /// Notes why nothing is known about lots, serial numbers and pallets, or that it is known again.
    pub fn reference(&self, problem: Option<String>) -> bool {
        let news = {
            let mut links = self.links();
            let news = links.reference != problem;
            links.reference = problem;
            news
        };
        self.announce(news)
    }

    /// Wakes when a device's, the broker's or the buffer's state changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Whether anything is wrong beside these outputs of a device: an output that shows what is wrong must not show that it
    /// was not switched itself.
    #[must_use]
    pub fn is_troubled_beside(&self, name: &str, outputs: &[u16]) -> bool {
        let is_own = |problem| matches!(problem, Problem::Output(port) if outputs.contains(&port));
        let (stuck, links) = (None, self.links());
        let found = found(&self.0, &links, stuck, |device, problem| {
            device != name || !is_own(problem)
        });
        found.iter().any(|it| !QUIET.contains(&it.code))
    }

    /// Whether no device is configured.
    #[must_use]
    pub fn reads_nothing(&self) -> bool {
        self.links().devices.is_empty()
    }

    /// The status message of this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let (conditions, devices) = (self.shown(), self.device_status());
        let links = self.links();
        Status {
            state: "online".to_owned(),
            reason: None,
            site: self.0.site.clone(),
            version: env!("CARGO_PKG_VERSION"),
            epoch: links.epoch.clone(),
            summary: match conditions.is_empty() && devices.is_empty() {
                true => NOTHING_TO_READ.to_owned(),
                false => headline(&conditions),
            },
            conditions,
            devices,
            brokers: links.brokers.status(),
            last_puback_s: links.brokers.last_puback_s(),
            buffer: links.buffer.clone(),
            reference: links.site.status(Timestamp::now()),
            stations: station::status(&links.stations, Timestamp::now()),
            certificates: links.certificates.status(Timestamp::now()),
            counters: self.0.counters.snapshot(),
        }
    }

    fn device_status(&self) -> BTreeMap<String, DeviceStatus> {
        let links = self.links();
        let devices = links.devices.iter();
        devices
            .map(|(name, device)| (name.clone(), device.status()))
            .collect()
    }

    /// The message that the broker publishes when we are gone without a word. Bounded, because CONNECT has room for 64 KiB
    /// only, and without what nobody can know by then.
    #[must_use]
    pub fn last_will(&self) -> Status {
        Status {
            state: "offline".to_owned(),
            reason: Some("connection lost".to_owned()),
            summary: "The gateway is not connected; what it reads meanwhile is kept.".to_owned(),
            conditions: Vec::new(),
            devices: BTreeMap::new(),
            stations: BTreeMap::new(),
            certificates: BTreeMap::new(),
            brokers: Vec::new(),
            last_puback_s: None,
            ..self.status()
        }
    }

    /// A sign of life for the watchdog; every long-lived task holds one and touches it in its loop.
    #[must_use]
    pub fn beat(&self, task: &str) -> Beat {
        let beat = Beat::new();
        self.watch(task, &beat);
        beat
    }

    /// From now on a task is watched by a sign of life that it holds.
    pub fn watch(&self, task: &str, beat: &Beat) {
        beat.touch();
        self.beats().push((task.to_owned(), beat.clone()));
    }

    /// The first task that shows no sign of life, if any.
    #[must_use]
    pub fn stuck(&self) -> Option<String> {
        let mut beats = self.beats();
        beats.retain(|(_, beat)| beat.is_running());
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

#[cfg(test)]
mod tests;
