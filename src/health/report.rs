//! What is told of one device by itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::device::Device;
use super::history::{History, Pace};
use super::{DeviceState, Health, Problem};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// An RFID reader.
    Reader,
    /// A barcode scanner.
    Scanner,
    /// A receiver of active tags, or a reader that publishes by itself.
    Receiver,
    /// A laser marker.
    Marker,
    /// A stack light.
    Light,
}

impl DeviceKind {
    /// As in the message about the device.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Scanner => "scanner",
            Self::Receiver => "receiver",
            Self::Marker => "marker",
            Self::Light => "light",
        }
    }
}

/// Reads of a device since the start of the gateway.
#[derive(Debug, Default)]
pub(super) struct Reads {
    total: u64,
    last: Option<Timestamp>,
    antennas: BTreeMap<u16, (u64, History)>,
    /// In the last minute.
    pace: Pace,
}

/// Antennas counted for one device, at most; a reader has up to 64 behind hubs.
const MOST_ANTENNAS: usize = 256;

/// The retained message about a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// `starting`, `up` or `down`.
    pub state: &'static str,
    /// Since when it is so, RFC 3339.
    pub since: String,
    /// Site name.
    pub site: String,
    /// Name in the configuration.
    pub device: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What somebody should do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
    /// What is wrong with it although it is connected.
    pub problems: Vec<String>,
    /// What was asked for and it cannot do.
    pub limits: Vec<String>,
    /// Tag reads or scans since the start of the gateway.
    pub reads: u64,
    /// When the last of them came, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read: Option<String>,
    /// Antennas that have read, or have a problem.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub antennas: BTreeMap<u16, AntennaReport>,
    /// What was counted since start, without zeros.
    pub counters: BTreeMap<&'static str, u64>,
}

/// An antenna of a reader.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AntennaReport {
    /// Tag reads since the start of the gateway.
    pub reads: u64,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl DeviceReport {
    /// The message as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What is worth a message of its own when it changes.
    #[must_use]
    pub fn essence(&self) -> String {
        let Self {
            state,
            reason,
            problems,
            limits,
            ..
        } = self;
        format!("{state} {reason:?} {problems:?} {limits:?}")
    }
}

impl Reads {
    /// Forgets other antennas.
    pub(super) fn keep(&mut self, antennas: &BTreeSet<u16>) {
        self.antennas
            .retain(|antenna, _| antennas.contains(antenna));
    }

    fn add(&mut self, antenna: Option<u16>, n: u64, at: Timestamp) {
        self.total = self.total.saturating_add(n);
        self.last = Some(at);
        self.pace.add(at, n);
        let Some(antenna) = antenna else { return };
        if self.antennas.len() < MOST_ANTENNAS || self.antennas.contains_key(&antenna) {
            let (count, history) = self.antennas.entry(antenna).or_default();
            *count = count.saturating_add(n);
            history.add(at, n);
        }
    }
}

impl Health {
    /// Notes `n` reads of a device just now, by a reader's antenna.
    pub fn reads(&self, name: &str, antenna: Option<u16>, n: u64) {
        self.with_device(name, |device| {
            device.reads.add(antenna, n, Timestamp::now());
            false
        });
    }

    /// All devices, and what they are.
    #[must_use]
    pub fn kinds(&self) -> Vec<(String, DeviceKind)> {
        let links = self.links();
        let devices = links.devices.iter();
        let known = devices.filter_map(|(name, device)| Some((name.clone(), device.kind?)));
        known.collect()
    }

    /// How a device has been reading: in the last minute, and for each antenna over the last hours.
    #[must_use]
    pub fn pace(&self, name: &str) -> (u64, BTreeMap<u16, Vec<u64>>) {
        let now = Timestamp::now();
        let links = self.links();
        let Some(device) = links.devices.get(name) else {
            return Default::default();
        };
        let antennas = device.reads.antennas.iter();
        let antennas = antennas.map(|(antenna, (_, history))| (*antenna, history.counts(now)));
        let minute = device.reads.pace.counts(now).iter().sum();
        (minute, antennas.collect())
    }

    /// What is to be told of a device.
    #[must_use]
    pub fn device_report(&self, name: &str, kind: DeviceKind) -> DeviceReport {
        let links = self.links();
        let nothing = Device::default();
        let device = links.devices.get(name).unwrap_or(&nothing);
        report(device, name, kind, &self.0.site)
    }
}

fn report(device: &Device, name: &str, kind: DeviceKind, site: &str) -> DeviceReport {
    let status = device.status();
    let (state, why) = match &status.state {
        DeviceState::Starting => ("starting", None),
        DeviceState::Up => ("up", None),
        DeviceState::Down { reason } => ("down", Some(reason.as_str())),
    };
    // Our reasons name what is wrong, and after a semicolon what to do about it.
    let (reason, what_to_do) = match why.map(|why| (why, why.split_once("; "))) {
        Some((_, Some((reason, advice)))) => (Some(reason), Some(advice)),
        Some((reason, None)) => (Some(reason), None),
        None => (None, None),
    };
    let mut antennas: BTreeMap<u16, AntennaReport> = BTreeMap::new();
    for (&antenna, (reads, _)) in &device.reads.antennas {
        antennas.entry(antenna).or_default().reads = *reads;
    }
    for (problem, text) in device.problems() {
        if let Problem::Antenna(antenna) = problem {
            antennas.entry(antenna).or_default().problem = Some(text.to_owned());
        }
    }
    let seconds = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    DeviceReport {
        state,
        since: seconds(device.since),
        site: site.to_owned(),
        device: name.to_owned(),
        kind,
        reason: reason.map(str::to_owned),
        what_to_do: what_to_do.map(str::to_owned),
        problems: status.problems,
        limits: status.limits,
        reads: device.reads.total,
        last_read: device.reads.last.map(seconds),
        antennas,
        counters: status.counters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_wrong_and_what_to_do() {
        let health = Health::new("plant-3", "e");
        let report = || health.device_report("dock_1", DeviceKind::Reader);
        assert_eq!(report().state, "starting");
        let reason = "10.0.4.21 refuses connections; is LLRP switched on?".to_owned();
        health.device("dock_1", DeviceState::Down { reason });
        let down = report();
        assert_eq!(
            down.reason.as_deref(),
            Some("10.0.4.21 refuses connections")
        );
        assert_eq!(down.what_to_do.as_deref(), Some("is LLRP switched on?"));
        health.device("dock_1", DeviceState::Up);
        let up = report();
        health.problem("dock_1", Problem::Antenna(3), Some("it is disconnected"));
        health.reads("dock_1", Some(1), 4);
        let report = report();
        assert_ne!(report.essence(), up.essence());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["reads"], 4);
        assert_eq!(json["antennas"]["1"]["reads"], 4);
        assert_eq!(json["antennas"]["3"]["problem"], "it is disconnected");
        assert!(json.get("reason").is_none());
        health.reads("dock_1", Some(1), 4);
        let later = health.device_report("dock_1", DeviceKind::Reader);
        assert_eq!(later.essence(), report.essence(), "counting on is no news");
    }

    #[test]
    fn since_is_when_the_state_began_and_not_when_its_reason_changed() {
        let health = Health::new("plant-3", "e");
        let since = || health.links().devices["dock_1"].since;
        let down = |reason: &str| {
            let reason = reason.to_owned();
            health.device("dock_1", DeviceState::Down { reason });
        };
        down("a");
        let began = since();
        std::thread::sleep(std::time::Duration::from_millis(2));
        down("b");
        assert_eq!(since(), began);
        health.device("dock_1", DeviceState::Up);
        assert!(since() > began);
    }

    #[test]
    fn a_reader_cannot_fill_the_memory_with_antennas() {
        let health = Health::new("plant-3", "e");
        for antenna in 0..1000 {
            health.reads("dock_1", Some(antenna), 1);
        }
        let report = health.device_report("dock_1", DeviceKind::Reader);
        assert_eq!((report.reads, report.antennas.len()), (1000, MOST_ANTENNAS));
    }
}
