//! Devices: async shells that connect, frame and hand reads to the core. One task per device, which reconnects for ever.

pub mod lines;
pub mod llrp;
pub mod queue;
pub mod scanner;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracegate_pipeline::input::DeviceIndex;
use tracing::{info, warn};

use crate::clock::GatewayClock;
use crate::health::{Beat, DeviceState, Health};

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
    /// Sign of life.
    pub beat: Beat,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl Context {
    /// Reports the device as down; logs it once per change of reason, not once per attempt.
    fn down(&self, reason: String) {
        self.health.counters().device_disconnects.add(1);
        if self.health.device(
            &self.name,
            DeviceState::Down {
                reason: reason.clone(),
            },
        ) {
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
        let until = Instant::now() + wait;
        loop {
            self.beat.touch();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return !self.stop.is_cancelled();
            }
            tokio::select! {
                () = sleep(left.min(Duration::from_secs(5))) => {}
                () = self.stop.cancelled() => return false,
            }
        }
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
