//! What devices say of themselves, and which there are: of one that is no more nothing stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use super::condition;
use super::device::{Device, Uses};
use super::ports::Ports;
use super::{Code, DeviceCounter, DeviceKind, DeviceState, Health, Links, Problem, SHOWN};
use crate::logs;

/// A device as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// What it is.
    pub kind: DeviceKind,
    /// What read points work with.
    pub uses: Uses,
    /// Antennas that it is told to read with; `None`: all that it has.
    pub antennas: Option<BTreeSet<u16>>,
}

impl Health {
    /// From now on these are all devices and lights: what was known of others is forgotten, and what is told of others is
    /// not taken.
    pub fn configured(&self, all: BTreeMap<String, Configured>) {
        let (news, absent) = {
            let mut links = self.links();
            let links = &mut *links;
            let before = links.devices.len();
            let stays = |name: &String, device: &mut Device| {
                let kind = all.get(name).map(|it| it.kind);
                kind.is_some() && (device.kind.is_none() || device.kind == kind)
            };
            links.devices.retain(stays);
            let mut news = links.devices.len() != before;
            for (name, configured) in all {
                let known = links.devices.contains_key(&name);
                let device = links.devices.entry(name).or_default();
                news |= device.configure(configured) || !known;
            }
            links.devices_are_known = true;
            let devices = &links.devices;
            links.certificates.retain(|it| devices.contains_key(it));
            links.points.retain_devices(|it| devices.contains_key(it));
            let devices = links.devices.iter_mut();
            let absent = devices.map(|(name, it)| (name.clone(), it.tells_absent()));
            (news, absent.collect::<Vec<_>>())
        };
        self.announce(news);
        for (name, absent) in absent {
            restricted(&name, &absent);
        }
    }

    /// The task of a device begins anew, by other settings: what was wrong, what it could not do, and what its connection
    /// was secured with is told again if it still holds.
    pub fn anew(&self, name: &str) {
        self.links().certificates.retain(|it| it != name);
        self.with_device(name, Device::anew);
        self.device(name, DeviceState::Starting);
    }

    /// Notes a device's state; returns whether it is news.
    pub fn device(&self, name: &str, state: DeviceState) -> bool {
        let news = {
            let mut links = self.links();
            let known = links.devices.contains_key(name);
            links.device(name).is_some_and(|device| {
                let news = !known || device.state != state;
                if std::mem::discriminant(&device.state) != std::mem::discriminant(&state) {
                    device.since = Timestamp::now();
                }
                device.state = state;
                news
            })
        };
        self.announce(news)
    }

    /// Notes why a device is down. The code is for the log, if the log is to be told: once for each reason, and not too
    /// often of a device that comes and goes.
    pub fn device_down(&self, name: &str, reason: String) -> Option<Code> {
        let state = DeviceState::Down {
            reason: reason.clone(),
        };
        let news = self.device(name, state);
        let mut links = self.links();
        let device = links.device(name)?;
        let code = condition::of_reason(&reason, device.kind);
        device.tells_down(news).then_some(code)
    }

    /// Notes that a device is up; whether the log is to be told.
    pub fn device_up(&self, name: &str) -> bool {
        let news = self.device(name, DeviceState::Up);
        let mut links = self.links();
        news && links.device(name).is_some_and(Device::tells_up)
    }

    /// Notes what a device is, where nobody tells of all of them.
    pub fn know(&self, name: &str, kind: DeviceKind) {
        self.with_device(name, |device| {
            device.kind = Some(kind);
            false
        });
    }

    /// Whether a device is connected.
    #[must_use]
    pub fn is_up(&self, name: &str) -> bool {
        let links = self.links();
        let device = links.devices.get(name);
        device.is_some_and(|device| device.state == DeviceState::Up)
    }

    /// Forgets what was wrong with a device and what it could not do: it is connected anew and will say so again.
    pub fn reconnected(&self, name: &str) {
        self.with_device(name, Device::reconnected);
    }

    /// Notes a problem of a device until it is ended with `None`; returns whether it is news.
    pub fn problem(&self, name: &str, problem: Problem, text: Option<&str>) -> bool {
        self.with_device(name, |device| device.problem(problem, text, None))
    }

    /// Notes a problem of a device that nobody will say the end of, for ten minutes; returns whether it is news.
    pub fn incident(&self, name: &str, problem: Problem, text: &str) -> bool {
        self.with_device(name, |device| {
            device.problem(problem, Some(text), Some(SHOWN))
        })
    }

    /// Notes that a reader's clock was set back.
    pub fn clock_stepped(&self, name: &str, by: Duration) {
        self.count(name, DeviceCounter::ClockSteps, 1);
        let text = format!(
            "its clock was set back by {:.1} s: its reads had wrong times for a moment; let it follow a time server (NTP)",
            by.as_secs_f64()
        );
        self.incident(name, Problem::Clock, &text);
    }

    /// Notes what a reader has, until it is connected anew; the log is told what read points name that is not there.
    pub fn ports(&self, name: &str, ports: Ports) {
        let mut absent = Vec::new();
        self.with_device(name, |device| {
            let news = device.has(ports);
            absent = device.tells_absent();
            news
        });
        restricted(name, &absent);
    }

    /// Notes one more thing that a device cannot do of what was asked for; returns whether it is news.
    pub fn limit(&self, name: &str, text: &str) -> bool {
        let mut news = false;
        self.with_device(name, |device| {
            let (noted, is_news) = device.limit(text);
            news = is_news;
            noted
        });
        news
    }

    /// Adds to what is counted for one device.
    pub fn count(&self, name: &str, counter: DeviceCounter, n: u64) {
        if n > 0 {
            self.with_device(name, |device| {
                device.count(counter, n);
                false
            });
        }
    }

    pub(super) fn with_device(&self, name: &str, change: impl FnOnce(&mut Device) -> bool) -> bool {
        let news = self.links().device(name).is_some_and(change);
        self.announce(news)
    }
}

fn restricted(reader: &str, absent: &[String]) {
    for reason in absent {
        let code = logs::READER_RESTRICTED;
        warn!(
            code,
            reader, reason, "The reader cannot do all that is configured"
        );
    }
}

impl Links {
    /// A device that is configured; while nobody has said which are, any.
    fn device(&mut self, name: &str) -> Option<&mut Device> {
        match self.devices_are_known {
            true => self.devices.get_mut(name),
            false => Some(self.devices.entry(name.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Became, BrokerState, Holder};
    use crate::tls::Validity;

    fn reader(antennas: &[u16], reads_with: Option<&[u16]>) -> Configured {
        Configured {
            kind: DeviceKind::Reader,
            uses: Uses {
                antennas: antennas.iter().copied().collect(),
                eyes: BTreeSet::from([1]),
            },
            antennas: reads_with.map(|it| it.iter().copied().collect()),
        }
    }

    fn fleet(all: &[(&str, Configured)]) -> BTreeMap<String, Configured> {
        let all = all.iter();
        all.map(|(name, it)| ((*name).to_owned(), it.clone()))
            .collect()
    }

    fn up() -> Health {
        let health = Health::new("plant-3", "e");
        health.broker(BrokerState::Up);
        health
    }

    /// A task that ends late, or judges what is in a queue, brings back no device.
    #[test]
    fn nothing_is_taken_of_a_device_that_is_no_more() {
        let health = up();
        health.configured(fleet(&[("dock_1", reader(&[1], None))]));
        health.became("dock_1", Became::Verdict("refused"));
        health.became("door", Became::Movement);
        health.configured(BTreeMap::new());
        assert!(!health.device("dock_1", DeviceState::Up) && !health.device_up("dock_1"));
        assert_eq!(health.device_down("dock_1", "x".to_owned()), None);
        assert!(!health.problem("dock_1", Problem::Weak(1), Some("x")));
        assert!(!health.limit("dock_1", "x"));
        health.reads("dock_1", Some(1), 9);
        health.count("dock_1", DeviceCounter::Reboots, 1);
        health.became("dock_1", Became::Verdict("refused"));
        assert_eq!(health.device_report("dock_1", DeviceKind::Reader).reads, 0);
        assert!(health.status().devices.is_empty());
        let left = health.at_read_points();
        assert_eq!(left, [("door".to_owned(), Became::Movement, 1)]);
    }

    #[test]
    fn a_name_that_another_kind_of_device_has_now_has_no_past() {
        let health = up();
        health.configured(fleet(&[("a", reader(&[1], None))]));
        health.device("a", DeviceState::Up);
        health.incident("a", Problem::Reboot, "x");
        health.reads("a", Some(1), 9);
        let scanner = Configured {
            kind: DeviceKind::Scanner,
            uses: Uses::default(),
            antennas: None,
        };
        health.configured(fleet(&[("a", scanner)]));
        let report = health.device_report("a", DeviceKind::Scanner);
        assert_eq!((report.state, report.reads), ("starting", 0));
        assert!(report.problems.is_empty());
    }

    /// What we say of an antenna ends when it leaves its read point; what the reader says of it, once, is kept for the day
    /// when it comes back.
    #[test]
    fn an_antenna_that_no_read_point_uses_is_not_complained_of() {
        let health = up();
        health.configured(fleet(&[("dock_1", reader(&[1, 2], None))]));
        health.device("dock_1", DeviceState::Up);
        health.problem("dock_1", Problem::Antenna(2), Some("unplugged"));
        health.problem("dock_1", Problem::Weak(2), Some("weak"));
        health.problem("dock_1", Problem::Antenna(1), Some("unplugged, too"));
        health.problem("dock_1", Problem::Input(1), Some("dirty"));
        assert_eq!(health.conditions().len(), 4);
        let used = reader(&[1], None);
        health.configured(fleet(&[("dock_1", used)]));
        let left = ["dock_1: unplugged, too", "dock_1: dirty"];
        assert_eq!(health.conditions(), left);
        // It was in a queue.
        assert!(!health.problem("dock_1", Problem::Weak(2), Some("weak")));
        assert_eq!(health.status().devices["dock_1"].problems.len(), 2);
        health.configured(fleet(&[("dock_1", reader(&[1, 2], None))]));
        let back = [
            "dock_1: unplugged, too",
            "dock_1: unplugged",
            "dock_1: dirty",
        ];
        assert_eq!(health.conditions(), back);
    }

    #[test]
    fn an_antenna_that_left_its_reader_has_no_series() {
        let health = up();
        health.configured(fleet(&[("dock_1", reader(&[1], None))]));
        (1..4).for_each(|antenna| health.reads("dock_1", Some(antenna), 5));
        health.configured(fleet(&[("dock_1", reader(&[1], Some(&[1, 3])))]));
        let report = health.device_report("dock_1", DeviceKind::Reader);
        assert_eq!(report.antennas.into_keys().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(report.reads, 15, "what was counted of the reader stays");
    }

    #[test]
    fn what_secured_a_connection_ends_with_it() {
        let health = up();
        let validity = Validity {
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::UNIX_EPOCH,
        };
        health.configured(fleet(&[("a", reader(&[], None)), ("b", reader(&[], None))]));
        for name in ["a", "b"].map(str::to_owned) {
            health.certificate(Holder::Reader(name.clone()), Some(validity));
            health.certificate(Holder::ReaderAuthority(name), Some(validity));
        }
        health.certificate(Holder::StatusPage, Some(validity));
        assert_eq!(health.conditions().len(), 5);
        health.anew("a");
        assert_eq!(health.conditions().len(), 3);
        health.configured(BTreeMap::new());
        assert_eq!(
            health.conditions().len(),
            1,
            "the status page is still there"
        );
    }
}
