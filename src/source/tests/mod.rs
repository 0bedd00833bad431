//! Devices over real sockets and ptys; the test is the core.

mod answers;
mod faults;
mod feeds;
mod kept;
mod killed;
mod light;
mod links;
mod marker;
mod reader;
mod receiver;
mod replug;
mod says;
mod scanner;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::{Input, Read};
use tracegate_sim::wait_until;

use super::Context;
use crate::clock::GatewayClock;
use crate::downlink::order::Target;
use crate::health::{BrokerState, DeviceState, Health};

/// Generous: only a failing test waits for so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A device task and what it is connected to.
pub(super) struct Rig {
    pub(super) health: Health,
    pub(super) target: Target,
    clock: GatewayClock,
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    /// Starts the device `name` with room for `room` inputs in the core.
    pub(super) fn start<F>(room: usize, device: impl FnOnce(Context) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let health = Health::new("plant-3", "epoch");
        health.broker(BrokerState::Up);
        let (inputs_in, inputs) = mpsc::channel(room);
        let (target, orders) = Target::new(true, vec![4]);
        let (stop, clock) = (CancellationToken::new(), GatewayClock::start());
        let context = Context {
            name: "dock_1".to_owned(),
            device: 0,
            inputs: inputs_in,
            clock,
            health: health.clone(),
            orders,
            beat: health.beat("dock_1"),
            stop: stop.clone(),
        };
        let task = tokio::spawn(device(context));
        Self {
            health,
            target,
            clock,
            inputs,
            stop,
            task,
        }
    }

    async fn input(&mut self) -> Input {
        match timeout(PATIENCE, self.inputs.recv()).await {
            Ok(input) => input.expect("the device task lives"),
            Err(_) => panic!("no input comes; {:?}", self.health.conditions()),
        }
    }

    /// Takes the link's next change.
    pub(super) async fn link(&mut self) -> bool {
        loop {
            if let Input::Device { up, .. } = self.input().await {
                return up;
            }
        }
    }

    async fn reads(&mut self) -> Vec<Read> {
        loop {
            if let Input::Reads { reads, .. } = self.input().await {
                return reads;
            }
        }
    }

    pub(super) async fn scan(&mut self) -> String {
        loop {
            if let Input::Scan { data, .. } = self.input().await {
                return String::from_utf8_lossy(&data).into_owned();
            }
        }
    }

    pub(super) fn condition(&self) -> String {
        self.health.conditions().join("; ")
    }

    /// Waits until the conditions name `text`.
    pub(super) async fn says(&self, text: &str) {
        self.health.says(text, PATIENCE).await;
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("the device stops")
            .expect("the device does not panic");
    }
}

#[tokio::test(start_paused = true)]
async fn a_talkative_device_is_quoted_sparingly() {
    let mut remarks = super::Sparingly::default();
    let said = (0..100).filter_map(|_| remarks.say()).count();
    assert_eq!(said, 10);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!((remarks.say(), remarks.say()), (Some(90), Some(0)));
}
