//! What systemd is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

use crate::health::{Code, Health};
use crate::logs;

/// The status line is renewed this often, and when something changes, but not more often than the second figure.
const STATUS_EVERY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(200));

/// Feeds systemd's watchdog for as long as every task shows signs of life, and tells systemd how things are.
pub(super) async fn supervise(health: Health) {
    let watchdog = sd_notify::watchdog_enabled();
    let every = watchdog.map_or(STATUS_EVERY.0, |limit| (limit / 3).min(STATUS_EVERY.0));
    let mut changes = health.subscribe();
    let mut told = logs::Told::default();
    loop {
        match health.stuck() {
            None if watchdog.is_some() => notify(&[NotifyState::Watchdog]),
            None => {}
            Some(task) => error!(
                code = Code::TaskStuck.as_str(),
                task, "A task shows no sign of life; the watchdog is not fed"
            ),
        }
        let next = health.settle();
        let conditions = health.shown();
        told.look(&conditions);
        let waiting = health.counters().waiting.get();
        let text = match conditions.as_slice() {
            [] if health.reads_nothing() => format!("No device is configured; {waiting} waiting"),
            [] => format!("Everything is being delivered; {waiting} waiting"),
            [only] => format!("{only}; {waiting} waiting"),
            [first, more @ ..] => {
                format!("{first} (and {} more); {waiting} waiting", more.len())
            }
        };
        notify(&[NotifyState::Status(&text)]);
        sleep(STATUS_EVERY.1.min(every)).await;
        // Nobody should read "not connected" where it says "connected" a moment later; `health` keeps the sender alive.
        let wait = next.map_or(every, |next| next.min(every));
        let _ = timeout(wait, changes.changed()).await;
    }
}

/// Without systemd there is nobody to tell.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(code = logs::SYSTEMD_NOT_TOLD, %error, "systemd cannot be told");
    }
}
