//! Devices: async shells that connect, frame and hand reads to the core. One task per device, which reconnects for ever.

pub mod attached;
pub mod hid;
pub mod keyboard;
pub mod light;
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
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracegate_pipeline::input::DeviceIndex;
use tracing::{info, warn};

use crate::clock::GatewayClock;
use crate::downlink::order::{Action, Order, Orders};
use crate::health::{Beat, DeviceCounter, Health, tame};
use crate::logs;
use transport::{Opener, Port};

/// Between attempts to reach a device, jittered up to twice that: one that was replugged is back within two seconds.
const RETRY: Duration = Duration::from_secs(1);
/// A device that again and again accepts the connection and ends it at once is tried up to so many times more rarely.
const RETRY_SLOWDOWN: u32 = 8;
/// A connection that lasted so long was a good one, even if nothing came.
const STEADY: Duration = Duration::from_secs(30);
/// Signs of life even when nothing happens.
const WAKE: Duration = Duration::from_secs(5);
/// Between two beeps of a scanner that shows which one it is.
const BEEP: Duration = Duration::from_secs(1);

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
        if let Some(code) = self.health.device_down(&self.name, reason.clone()) {
            let code = code.as_str();
            warn!(code, device = self.name, reason, "Device not connected");
        }
    }

    /// Reports the device as up.
    fn up(&self) {
        if self.health.device_up(&self.name) {
            info!(
                code = logs::DEVICE_CONNECTED,
                device = self.name,
                "Device connected"
            );
        }
    }

    /// Waits between attempts; returns false when the gateway stops.
    async fn pause(&self, wait: Duration) -> bool {
        self.beat.pause(wait, &self.stop).await
    }

    /// Opens the device, or says why not; `None` when the gateway stops. `gone` is why the last connection ended, which is
    /// said while the device is waited for.
    async fn open(
        &self,
        opener: &mut Opener,
        what: &str,
        gone: Option<String>,
    ) -> Result<Option<Port>, String> {
        if let Some(waits) = opener.prepare(what).await? {
            self.down(&gone.map_or_else(|| waits.clone(), |gone| format!("{gone}; {waits}")));
        }
        let open = opener.open(what);
        tokio::pin!(open);
        loop {
            self.beat.touch();
            tokio::select! {
                port = &mut open => return port.map(Some),
                () = tokio::time::sleep(WAKE) => {}
                () = self.stop.cancelled() => return Ok(None),
            }
        }
    }

    /// Tells the core that the device is there, or gone; returns false when the gateway stops.
    async fn link(&self, up: bool) -> bool {
        let (device, at) = (self.device, self.clock.now());
        self.send(Input::Device {
            device,
            at,
            up,
            reader_time: None,
        })
        .await
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

/// How much slower than [`RETRY`] a device is tried.
#[derive(Debug)]
struct Retry(u32);

impl Default for Retry {
    fn default() -> Self {
        Self(1)
    }
}

impl Retry {
    /// Says why the device is down and waits before the next attempt, longer each time unless the connection was `good`.
    /// Returns false when the gateway stops.
    async fn wait(&mut self, context: &Context, reason: &str, good: bool) -> bool {
        context.down(reason);
        context.pause(self.next(good)).await
    }

    /// How long to wait before the next attempt, longer each time unless the connection was `good`.
    fn next(&mut self, good: bool) -> Duration {
        self.0 = if good {
            1
        } else {
            (self.0 * 2).min(RETRY_SLOWDOWN)
        };
        (RETRY * self.0).mul_f64(1.0 + fastrand::f64())
    }
}

/// Beeps by which a scanner shows which one it is.
struct Beeps {
    left: u64,
    at: Instant,
}

impl Beeps {
    fn none() -> Self {
        Self {
            left: 0,
            at: Instant::now(),
        }
    }

    /// Takes an order to a scanner; one that does not `hear` can do nothing.
    fn take(&mut self, order: Order, hears: bool) {
        let answer = match order.action {
            Action::Identify(_) if !hears => Err("a scanner that types cannot be told anything"),
            Action::Identify(time) => {
                (self.left, self.at) = (time.as_secs(), Instant::now());
                Ok(())
            }
            Action::Output { .. } => Err("a scanner has no outputs"),
        };
        // Nobody may wait any more.
        let _ = order.done.send(answer.map_err(str::to_owned));
    }

    /// Waits for the next beep; for ever, if none is left. Cancel safe.
    async fn next(&mut self) {
        if self.left == 0 {
            return std::future::pending().await;
        }
        sleep_until(self.at).await;
        (self.left, self.at) = (self.left - 1, self.at + BEEP);
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
