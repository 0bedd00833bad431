//! What operators hear and see of what was stored.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracegate_pipeline::Input;
use tracegate_pipeline::input::{ScanVerdict, VerdictKind};
use tracegate_pipeline::time::Time;
use tracing::{debug, warn};

use super::Core;

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
