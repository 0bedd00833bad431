//! Devices: async shells that connect, frame and hand reads to the core. One task per device, which reconnects for ever.

pub mod attached;
pub mod hid;
pub mod keyboard;
pub mod llrp;
pub mod marker;
pub mod queue;
pub mod receiver;
pub mod scanner;
#[cfg(test)]
mod tests;
pub mod transport;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracegate_pipeline::input::DeviceIndex;
use tracing::{info, warn};

use crate::clock::GatewayClock;
use crate::downlink::order::Orders;
use crate::health::{Beat, DeviceCounter, DeviceState, Health, tame};

/// What every device task is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its name in the config.
    pub name: String,
    /// Its index in the pipeline's device table.
    pub device: DeviceIndex,
    /// To the core.
    pub inputs: mpsc::Sender<Input>,
    /// Time.
    pub clock: GatewayClock,
    /// Conditions and counters.
    pub health: Health,
    /// What it is told to do on command.
    pub orders: Orders,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Context {
    /// Reports the device as down; logs it once per change of reason, not once per attempt.
    fn down(&self, reason: &str) {
        self.health.counters().device_disconnects.add(1);
        self.health.count(&self.name, DeviceCounter::Disconnects, 1);
        let reason = tame(reason);
        let state = DeviceState::Down {
            reason: reason.clone(),
        };
        if self.health.device(&self.name, state) {
            warn!(device = self.name, reason, "Device not connected");
        }
    }

    /// Reports the device as up.
    fn up(&self) {
        if self.health.device(&self.name, DeviceState::Up) {
            info!(device = self.name, "Device connected");
        }
    }

    /// Waits between attempts; returns false when the gateway stops.
    async fn pause(&self, wait: Duration) -> bool {
        self.beat.pause(wait, &self.stop).await
    }

    /// Hands an input to the core, waiting for room. For rare inputs only: tag reads go through [`queue::ReadQueue`].
    async fn send(&self, input: Input) -> bool {
        loop {
            self.beat.touch();
            match tokio::time::timeout(Duration::from_secs(5), self.inputs.reserve()).await {
                Ok(Ok(room)) => {
                    room.send(input);
                    return true;
                }
                Ok(Err(_)) => return false,
                Err(_) if self.stop.is_cancelled() => return false,
                Err(_) => {}
            }
        }
    }
}

/// Allows ten log lines a minute.
#[derive(Debug, Default)]
struct Sparingly {
    since: Option<Instant>,
    said: u32,
    unsaid: u64,
}

impl Sparingly {
    /// `Some` allows a line, and tells how many were not allowed before it.
    fn say(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self
            .since
            .is_none_or(|since| now - since >= Duration::from_secs(60))
        {
            (self.since, self.said) = (Some(now), 0);
        }
        if self.said >= 10 {
            self.unsaid += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}
