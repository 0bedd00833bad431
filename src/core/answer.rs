//! What operators hear and see of what was stored.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracegate_pipeline::Input;
use tracegate_pipeline::config::{ReadPointConfig, ReadPointKind};
use tracegate_pipeline::input::{DeviceIndex, ScanVerdict, VerdictKind};
use tracegate_pipeline::time::Time;
use tracing::{debug, warn};

use super::Core;
use super::audit::{Said, Word};
use crate::health::StationVerdict;

use crate::logs;

/// The operator's answer to a scan, sent once the scan is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// Stored.
    Accept,
    /// Stored before: the operator should look.
    Warn,
    /// Taken, and more is needed.
    Pending,
    /// Nothing to tell: it was answered before.
    Silent,
    /// Not booked.
    Refuse,
    /// A movement of a read point that the reader looks at was stored.
    Movement,
}

/// A verdict for a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Which of the task's lights.
    pub light: usize,
    /// What it is to show.
    pub verdict: Feedback,
    /// When the scan came.
    pub scanned: Instant,
}

/// Where the verdicts on a scanner's scans are shown.
#[derive(Debug, Clone)]
pub struct LightSwitch {
    /// Which of the task's lights.
    pub light: usize,
    /// The task.
    pub task: mpsc::Sender<Told>,
}

impl Core {
    /// Tells the operator about the scan that came `at`, now that it is stored.
    pub(super) fn answer(&self, verdict: &ScanVerdict, at: Option<Time>) {
        let feedback = match &verdict.kind {
            VerdictKind::Accepted => Feedback::Accept,
            VerdictKind::Pending(_) => Feedback::Pending,
            VerdictKind::Duplicate if verdict.detail.is_some() => Feedback::Silent,
            VerdictKind::Duplicate => Feedback::Warn,
            VerdictKind::Warned(text) => {
                let scanner = self.device_name(verdict.device);
                warn!(
                    code = logs::SCAN_WARNED,
                    scanner, text, "Scan taken with a warning"
                );
                Feedback::Warn
            }
            VerdictKind::Refused(reason) => {
                warn!(
                    code = logs::SCAN_REFUSED,
                    scanner = self.device_name(verdict.device),
                    reason,
                    "Scan refused"
                );
                Feedback::Refuse
            }
        };
        if let Some(scanner) = self.wiring.feedback.get(&verdict.device)
            && scanner.try_send(feedback).is_err()
        {
            debug!(
                scanner = self.device_name(verdict.device),
                "Scanner gone before its answer"
            );
        }
        if let Some(light) = self.wiring.lights.get(&verdict.device) {
            let now = Instant::now();
            let age_us = at.map_or(0, |at| self.wiring.clock.now().micros_since(at));
            let age = Duration::from_micros(u64::try_from(age_us).unwrap_or(0));
            let scanned = now.checked_sub(age).unwrap_or(now);
            let told = Told {
                light: light.light,
                verdict: feedback,
                scanned,
            };
            if light.task.try_send(told).is_err() {
                self.wiring.health.counters().answers_dropped.add(1);
            }
        }
    }

    /// Notes what was told at stations and doors, and how stations stand where that may have changed.
    pub(super) fn tell_stations(&mut self, said: &[Said], is_configured: bool) {
        for said in said {
            self.tell_station(said);
        }
        // Also what the last words about them have just counted.
        if is_configured {
            self.forget_places();
        }
        let is_verdict = said.iter().any(|said| said.verdict().is_some());
        let is_over = self.stand_until.is_some_and(|at| at <= self.pipeline.now());
        if is_configured || is_verdict || is_over {
            let stations = self.pipeline.stations();
            self.stand_until = stations.iter().filter_map(|it| it.ends).min();
            self.wiring.health.stand(stations);
        }
    }

    /// What was told of read points that are no more, or have nothing to tell any more, is forgotten.
    fn forget_places(&self) {
        let read_points = &self.pipeline.config().read_points;
        let is_station = |it: &ReadPointConfig| matches!(it.kind, ReadPointKind::Station(_));
        let of = |name: &str| read_points.iter().find(|it| it.name == name);
        self.wiring.health.read_points(
            |name| of(name).is_some(),
            |name| of(name).is_some_and(|it| is_station(it) || it.guard.is_some()),
        );
    }

    fn tell_station(&self, said: &Said) {
        let now = || self.wiring.clock.now();
        let (read_point, verdict) = match &said.word {
            Word::Alert(alert) => {
                let verdict = StationVerdict {
                    verdict: "alert",
                    at: alert.at,
                    device: None,
                    text: Some(alert.text.clone()),
                    rule: Some(alert.rule.as_str()),
                    operator: None,
                };
                (alert.read_point.as_str(), verdict)
            }
            Word::Verdict(verdict) => {
                let (word, text) = verdict.kind.parts();
                let detail = verdict.detail.as_deref();
                let own = detail.map(|detail| detail.read_point.as_str());
                let Some(read_point) = own.or_else(|| self.station(verdict.device)) else {
                    return;
                };
                let text = text.or(detail.map(|detail| detail.text.as_str()));
                let text = match verdict.kind {
                    VerdictKind::Duplicate => Some("scanned before"),
                    _ => text,
                };
                let told = StationVerdict {
                    verdict: word,
                    at: detail.map(|it| it.at).or(said.at).unwrap_or_else(now),
                    device: Some(self.device_name(verdict.device).to_owned()),
                    text: text.map(str::to_owned),
                    rule: detail.and_then(|detail| Some(detail.rule?.as_str())),
                    operator: detail.and_then(|detail| detail.operator.clone()),
                };
                (read_point, told)
            }
        };
        self.wiring.health.told_at(read_point, verdict);
    }

    /// The station of a scanner or marker.
    fn station(&self, device: DeviceIndex) -> Option<&str> {
        let mut read_points = self.pipeline.config().read_points.iter();
        read_points.find_map(|read_point| {
            let ReadPointKind::Station(station) = &read_point.kind else {
                return None;
            };
            let mut scanners = station.scanners.iter().map(|it| it.device);
            let marks = station.marks.iter().flat_map(|it| &it.markers);
            let mut markers = marks.map(|it| it.reading.device);
            let is_own = scanners.any(|it| it == device) || markers.any(|it| it == device);
            is_own.then_some(read_point.name.as_str())
        })
    }

    /// Tells receivers that the reads in `batch` are stored: a broker that kept them until then need not any more.
    pub(super) fn tell_stored(&self, batch: &[Input]) {
        for input in batch {
            if let Input::Reads { device, .. } = input
                && let Some(stored) = self.wiring.stored.get(device)
            {
                stored.send_modify(|count| *count += 1);
            }
        }
    }
}
