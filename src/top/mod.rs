//! How busy the gateway is, as a frame of text that is drawn again every second (`tracegate top`).
//!
//! A [`Sample`] is what the gateway says at a moment; rates come from two of them. Drawing is pure: text in, text out.

mod frame;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::health::Health;
use crate::story::Recent;

pub use frame::{Look, frame};

/// What the gateway says at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The status message.
    pub status: Value,
    /// Devices by name.
    pub devices: BTreeMap<String, Busy>,
    /// What happened last.
    pub recent: Recent,
}

/// A device, and how busy it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Busy {
    /// Reads, scans or marks of the last minute.
    pub last_minute: u64,
    /// The message about the device.
    pub report: Value,
}

impl Sample {
    /// At this moment.
    #[must_use]
    pub fn of(health: &Health, recent: Recent) -> Self {
        let devices = health.kinds().into_iter().map(|(name, kind)| {
            let (last_minute, _) = health.pace(&name);
            // Texts and numbers only: nothing that JSON cannot say.
            let report = serde_json::to_value(health.device_report(&name, kind));
            let report = report.unwrap_or_default();
            (
                name,
                Busy {
                    last_minute,
                    report,
                },
            )
        });
        Self {
            at_ms: Timestamp::now().as_millisecond(),
            status: serde_json::to_value(health.status()).unwrap_or_default(),
            devices: devices.collect(),
            recent,
        }
    }
}
