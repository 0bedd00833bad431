//! Retained messages about each device, and the end of those about devices that are no more.
//!
//! A device is told of when a connection begins, when its state, its problems or its limits change, but not more often than
//! its interval, and with the renewed status when only its counters did. Retained messages outlive the gateway's
//! configuration: so topics are noted in a file before anything is sent to them, and a topic that is not used any more gets
//! an empty message, which makes the broker forget (MQTT 5 §3.3.1.3).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::config::Template;
use crate::health::{DeviceKind, Health};
use crate::logs;

/// Topics of devices that are no more, at most; a longer list is not one that we wrote.
const MOST_FORGOTTEN: usize = 65_536;

/// What is told of devices, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Topic of each device; `None` tells nothing.
    pub topic: Option<Template>,
    /// All devices.
    pub devices: BTreeMap<String, DeviceKind>,
    /// A device is told of not more often than this.
    pub interval: Duration,
    /// Where the topics in use are noted; `None` notes them nowhere.
    pub record: Option<PathBuf>,
}

/// Which message is due, for one connection.
#[derive(Debug)]
pub(super) struct Announcer {
    devices: Vec<Device>,
    /// Where to go on looking, so that no device waits for another for ever.
    next: usize,
    /// When to look: making reports of all devices for every event would cost too much.
    look_at: Option<Instant>,
    interval: Duration,
    record: Option<PathBuf>,
    topics: BTreeSet<String>,
    /// Topics to have forgotten.
    forgotten: Vec<String>,
    /// All of them were sent, and this is not noted yet.
    unsettled: bool,
}

#[derive(Debug)]
struct Device {
    name: String,
    kind: DeviceKind,
    topic: String,
    told: Option<(Instant, String)>,
    /// Its counters may have changed.
    refresh: bool,
}

impl Announcer {
    pub(super) fn new(settings: &Settings, site: &str) -> Self {
        let device = |(name, kind): (&String, &DeviceKind)| {
            Some(Device {
                topic: settings.topic.as_ref()?.render(site, name),
                name: name.clone(),
                kind: *kind,
                told: None,
                refresh: true,
            })
        };
        let devices: Vec<Device> = settings.devices.iter().filter_map(device).collect();
        let topics: BTreeSet<String> = devices.iter().map(|it| it.topic.clone()).collect();
        let mut announcer = Self {
            devices,
            next: 0,
            look_at: Some(Instant::now()),
            interval: settings.interval,
            record: settings.record.clone(),
            topics,
            forgotten: Vec::new(),
            unsettled: false,
        };
        announcer.recall();
        announcer
    }

    /// Goes on with other devices: of those that stay only news is told, those that are no more are forgotten.
    pub(super) fn follow(
        &mut self,
        settings: &Settings,
        kinds: &BTreeMap<String, DeviceKind>,
        site: &str,
    ) {
        let settings = Settings {
            devices: kinds.clone(),
            ..settings.clone()
        };
        let before = std::mem::replace(self, Self::new(&settings, site));
        for old in before.devices {
            let is_same = |new: &&mut Device| new.name == old.name && new.kind == old.kind;
            if let Some(new) = self.devices.iter_mut().find(is_same) {
                (new.told, new.refresh) = (old.told, old.refresh);
            }
        }
    }

    /// Finds out what an earlier configuration left behind, and notes what this one will leave.
    fn recall(&mut self) {
        let Some(record) = &self.record else { return };
        let known: BTreeSet<String> = match fs::read_to_string(record) {
            Ok(text) => text
                .lines()
                .take(MOST_FORGOTTEN)
                .map(str::to_owned)
                .collect(),
            Err(_) => BTreeSet::new(),
        };
        self.forgotten = known.difference(&self.topics).cloned().collect();
        self.unsettled = !self.forgotten.is_empty();
        if !self.topics.is_subset(&known) {
            let both: BTreeSet<String> = known.union(&self.topics).cloned().collect();
            self.note(&both);
        }
    }

    fn note(&self, topics: &BTreeSet<String>) {
        let Some(record) = &self.record else { return };
        let lines: String = topics.iter().map(|topic| format!("{topic}\n")).collect();
        if let Err(error) = replace(record, &lines) {
            let file = record.display();
            warn!(code = logs::TOPICS_NOT_NOTED, %file, %error, "Topics of devices are not noted; those of removed devices may stay at the broker");
        }
    }

    /// Something has changed with one of them, or elsewhere.
    pub(super) fn changed(&mut self) {
        self.look_at = Some(Instant::now());
    }

    /// Counters are told of, too.
    pub(super) fn refresh(&mut self) {
        self.changed();
        for device in &mut self.devices {
            device.refresh = true;
        }
    }

    /// The next message that is due: topic and payload. `acknowledged`: everything before it is.
    pub(super) fn next(&mut self, health: &Health, acknowledged: bool) -> Option<(String, String)> {
        if let Some(topic) = self.forgotten.pop() {
            return Some((topic, String::new()));
        }
        if self.unsettled && acknowledged {
            self.unsettled = false;
            self.note(&self.topics);
        }
        let (now, count) = (Instant::now(), self.devices.len());
        if self.look_at.is_none_or(|at| now < at) {
            return None;
        }
        let mut later: Option<Instant> = None;
        for step in 0..count {
            let place = (self.next + step) % count;
            let device = self.devices.get_mut(place)?;
            let may = device.told.as_ref().map(|(at, _)| *at + self.interval);
            if let Some(may) = may.filter(|may| now < *may) {
                later = Some(later.map_or(may, |later| later.min(may)));
                continue;
            }
            let report = health.device_report(&device.name, device.kind);
            let essence = report.essence();
            let changed = device
                .told
                .as_ref()
                .is_none_or(|(_, told)| *told != essence);
            if changed || device.refresh {
                device.refresh = false;
                device.told = Some((now, essence));
                self.next = (place + 1) % count;
                return Some((device.topic.clone(), report.to_json()));
            }
        }
        self.look_at = later;
        None
    }
}

/// All or nothing, also in a power cut.
fn replace(path: &std::path::Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DeviceTopic, Mqtt};
    use crate::health::{DeviceCounter, DeviceState, Problem};

    const SECOND: Duration = Duration::from_secs(1);

    fn settings(names: &[&str]) -> Settings {
        let DeviceTopic(topic) = Mqtt::default().device_topic;
        let device = |name: &&str| ((*name).to_owned(), DeviceKind::Reader);
        Settings {
            topic: Some(topic),
            devices: names.iter().map(device).collect(),
            interval: 10 * SECOND,
            record: None,
        }
    }

    /// Topics of all that is due now, without what they have in common.
    fn due(announcer: &mut Announcer, health: &Health) -> Vec<String> {
        let next = || Some(announcer.next(health, true)?.0);
        let topics = std::iter::from_fn(next);
        topics
            .map(|topic| topic.rsplit('/').next().unwrap_or_default().to_owned())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_is_new_is_told_of_and_one_that_stays_is_not_told_again() {
        let health = Health::new("plant-3", "e");
        let before = settings(&["dock_1", "dock_2"]);
        let mut announcer = Announcer::new(&before, "plant-3");
        assert_eq!(due(&mut announcer, &health).len(), 2);
        let kinds = settings(&["dock_2", "dock_3"]).devices;
        announcer.follow(&before, &kinds, "plant-3");
        let told = due(&mut announcer, &health);
        assert!(told.len() == 1 && told[0].contains("dock_3"), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_at_once_and_the_next_one_not_before_the_interval() {
        let health = Health::new("plant-3", "e");
        let mut announcer = Announcer::new(&settings(&["dock_1", "dock_2"]), "plant-3");
        assert_eq!(due(&mut announcer, &health), ["dock_1", "dock_2"]);
        tokio::time::advance(11 * SECOND).await;
        assert_eq!(due(&mut announcer, &health), [""; 0]);
        health.device("dock_2", DeviceState::Up);
        announcer.changed();
        assert_eq!(due(&mut announcer, &health), ["dock_2"]);
        for _ in 0..5 {
            tokio::time::advance(SECOND).await;
            health.problem("dock_2", Problem::Antenna(1), Some("x"));
            announcer.changed();
            assert_eq!(due(&mut announcer, &health), [""; 0]);
        }
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(due(&mut announcer, &health), ["dock_2"]);
        // What counts on by itself waits for the status to be renewed.
        tokio::time::advance(11 * SECOND).await;
        health.count("dock_1", DeviceCounter::Exceptions, 1);
        announcer.changed();
        assert_eq!(due(&mut announcer, &health), [""; 0]);
        announcer.refresh();
        assert_eq!(due(&mut announcer, &health), ["dock_1", "dock_2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_changes_all_the_time_does_not_starve_the_others() {
        let health = Health::new("plant-3", "e");
        let mut settings = settings(&["dock_1", "dock_2", "dock_3"]);
        settings.interval = Duration::ZERO;
        let mut announcer = Announcer::new(&settings, "plant-3");
        let mut told = BTreeSet::new();
        for number in 0..3 {
            let reason = number.to_string();
            health.device("dock_1", DeviceState::Down { reason });
            announcer.changed();
            told.insert(announcer.next(&health, true).unwrap().0);
        }
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn topics_of_removed_devices_are_forgotten_once() {
        let folder = tempfile::tempdir().unwrap();
        let record = Some(folder.path().join("topics"));
        let with = |names: &[&str]| Settings {
            record: record.clone(),
            ..settings(names)
        };
        let health = Health::new("plant-3", "e");
        let mut announcer = Announcer::new(&with(&["dock_1", "dock_2"]), "plant-3");
        assert_eq!(due(&mut announcer, &health), ["dock_1", "dock_2"]);

        // Cut off before the broker has acknowledged it: asked for again.
        for _ in 0..2 {
            let mut announcer = Announcer::new(&with(&["dock_2"]), "plant-3");
            let first = announcer.next(&health, false).unwrap();
            assert_eq!(
                first,
                ("tracegate/plant-3/device/dock_1".to_owned(), String::new())
            );
            assert!(announcer.next(&health, false).unwrap().1.contains("dock_2"));
        }
        let mut announcer = Announcer::new(&with(&["dock_2"]), "plant-3");
        assert_eq!(due(&mut announcer, &health), ["dock_1", "dock_2"]);
        let mut announcer = Announcer::new(&with(&["dock_2"]), "plant-3");
        assert_eq!(due(&mut announcer, &health), ["dock_2"]);

        // Switched off altogether.
        let off = Settings {
            topic: None,
            ..with(&["dock_2"])
        };
        assert_eq!(
            due(&mut Announcer::new(&off, "plant-3"), &health),
            ["dock_2"]
        );
        assert_eq!(due(&mut Announcer::new(&off, "plant-3"), &health), [""; 0]);
    }
}
