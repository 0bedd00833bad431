//! The tasks of all devices, lights and listening ports, and how they follow another configuration.
//!
//! A device keeps its number for as long as the gateway runs, also while it is not configured: so its task need not hear of
//! other devices that come and go. A number goes to another device only when its own is no more.
//!
//! In this order: [`Running::plan`] builds everything new and changes nothing, [`Running::retire`] ends what is no more or
//! is to be made anew, then the core takes the new configuration, then [`Running::start`] starts what is new.

mod plan;
pub(super) mod roster;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::Input;
use tracing::{error, warn};

use super::light::Panels;
use crate::clock::GatewayClock;
use crate::core::{Feedback, Told};
use crate::downlink::order::Target;
use crate::health::{Beat, Health};
use crate::logs;
use crate::source::llrp::listen::{Door, Route, Seat};
use crate::source::marker::Known;
use plan::Owner;
pub use plan::Plan;

/// A device that does not let go in this time is left alone.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// What a task does.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What all tasks are given.
#[derive(Debug, Clone)]
pub struct Common {
    /// Time.
    pub clock: GatewayClock,
    /// Conditions and counters.
    pub health: Health,
    /// To the core.
    pub inputs: mpsc::Sender<Input>,
    /// Ends all of them.
    pub stop: CancellationToken,
}

/// Everything that runs.
#[derive(Debug)]
pub struct Running {
    common: Common,
    tasks: JoinSet<()>,
    /// By number.
    slots: Vec<Slot>,
    doors: BTreeMap<SocketAddr, (Vec<Expected>, Task)>,
    lights: BTreeMap<String, (Panels, Task, mpsc::Sender<Told>)>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    unit: Option<Unit>,
}

/// A device with a task.
#[derive(Debug, Clone)]
struct Unit {
    /// What it does, as text: whatever is different in there makes it another.
    essence: String,
    task: Task,
    wires: Wires,
}

/// Where words to a device go.
#[derive(Debug, Clone)]
struct Wires {
    feedback: Option<mpsc::Sender<Feedback>>,
    stored: Option<watch::Sender<u64>>,
    target: Target,
    seat: Option<(SocketAddr, Option<IpAddr>, Seat)>,
}

/// What can be ended.
#[derive(Debug, Clone)]
struct Task {
    handle: Option<AbortHandle>,
    stop: CancellationToken,
    beat: Beat,
}

/// A reader that may dial in.
type Expected = (String, Option<IpAddr>);

impl Running {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(common: Common) -> Self {
        Self {
            common,
            tasks: JoinSet::new(),
            slots: Vec::new(),
            doors: BTreeMap::new(),
            lights: BTreeMap::new(),
        }
    }

    /// The tasks that the plan does without; [`Running::retire`] ends them.
    #[must_use]
    pub fn leaving(&mut self, plan: &Plan) -> Leaving {
        let mut over = Vec::new();
        for index in &plan.ended {
            let slot = self.slots.get_mut(usize::from(*index));
            if let Some(unit) = slot.and_then(|slot| slot.unit.take()) {
                over.push(unit.task);
            }
        }
        let begins = |key: &str| {
            let mut owners = plan.work.iter().map(|(owner, _)| owner);
            owners.any(|owner| matches!(owner, Owner::Lights(it, _) if it == key))
        };
        self.lights.retain(|key, (_, task, _)| {
            let stays = plan.panels.contains_key(key) && !begins(key);
            if !stays {
                over.push(task.clone());
            }
            stays
        });
        self.doors.retain(|at, (expected, task)| {
            let routes = plan.doors.get(at);
            let stays = routes.is_some_and(|routes| expects(routes) == *expected);
            if !stays {
                over.push(task.clone());
            }
            stays
        });
        Leaving(over)
    }

    /// Ends tasks; what they have read is handed over before.
    ///
    /// # Errors
    /// A part ended by itself meanwhile, which it never should.
    pub async fn retire(&mut self, Leaving(over): Leaving) -> Result<(), Unexpected> {
        for task in &over {
            task.stop.cancel();
        }
        let mut waits = over
            .iter()
            .filter_map(|task| Some(task.handle.as_ref()?.id()));
        let mut waits: BTreeSet<Id> = waits.by_ref().collect();
        if let Ok(outcome) = timeout(PATIENCE, self.ended(&mut waits)).await {
            // One that failed has not said so itself, and would count as stuck.
            over.iter().for_each(|task| task.beat.finish());
            return outcome;
        }
        warn!(
            code = logs::STOP_HURRIED,
            "Some devices did not let go in time"
        );
        for task in over {
            // They wait at the core or at their devices, and can be dropped there; one that has ended does not mind.
            task.beat.finish();
            task.handle.iter().for_each(AbortHandle::abort);
        }
        self.ended(&mut waits).await
    }

    /// Waits until all of these have ended.
    async fn ended(&mut self, waits: &mut BTreeSet<Id>) -> Result<(), Unexpected> {
        while !waits.is_empty() {
            let Some(ended) = self.tasks.join_next_with_id().await else {
                break;
            };
            let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
            if !waits.remove(&id) {
                return Err(Unexpected(ended.is_err()));
            }
            if ended.is_err_and(|error| error.is_panic()) {
                error!(
                    code = logs::PART_FAILED,
                    "A device's task failed while it was stopped"
                );
            }
        }
        Ok(())
    }

    /// Starts what is new. The core has the plan's configuration; `known` tells feeds that are read again where to go on.
    pub fn start(&mut self, plan: Plan, known: impl Fn(&str) -> Known) {
        let health = &self.common.health;
        for (name, recall) in plan.recalls {
            // Its task has not begun.
            let _ = recall.send(known(&name));
        }
        health.configured(plan.roster);
        for name in &plan.anew {
            health.anew(name);
        }
        self.slots = plan.slots;
        let mut panels = plan.panels;
        for (owner, work) in plan.work {
            let handle = Some(self.tasks.spawn(work));
            match owner {
                Owner::Device(place) => {
                    let slot = self.slots.get_mut(place);
                    if let Some(Slot {
                        name,
                        unit: Some(unit),
                    }) = slot
                    {
                        health.watch(name, &unit.task.beat);
                        unit.task.handle = handle;
                    }
                }
                Owner::Lights(key, task) => {
                    if let Some((panels, told)) = panels.remove(&key) {
                        health.watch(&key, &task.beat);
                        let task = Task { handle, ..task };
                        self.lights.insert(key, (panels, task, told));
                    }
                }
            }
        }
        for (at, routes) in plan.doors {
            if self.doors.contains_key(&at) {
                continue;
            }
            let (expected, stop) = (expects(&routes), self.common.stop.child_token());
            let beat = self.common.health.beat(&format!("port {at}"));
            let door = Door {
                at,
                routes,
                health: self.common.health.clone(),
                beat: beat.clone(),
                stop: stop.clone(),
            };
            let handle = Some(self.tasks.spawn(door.run()));
            let task = Task { handle, stop, beat };
            self.doors.insert(at, (expected, task));
        }
    }

    /// Resolves when a task ends, which none does by itself; for ever while nothing runs.
    pub async fn failed(&mut self) -> Unexpected {
        match self.tasks.join_next().await {
            Some(ended) => Unexpected(ended.is_err()),
            None => std::future::pending().await,
        }
    }

    /// Ends everything, and with it the inputs to the core.
    pub async fn stop(mut self) {
        self.common.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(PATIENCE, all).await.is_err() {
            warn!(
                code = logs::STOP_HURRIED,
                "Some devices did not let go in time"
            );
            self.tasks.shutdown().await;
        }
    }
}

/// Tasks that are to end.
#[derive(Debug)]
pub struct Leaving(Vec<Task>);

/// A task that ended by itself; whether it failed. Otherwise it is the core that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unexpected(pub bool);

fn expects(routes: &[Route]) -> Vec<Expected> {
    let expected = routes.iter().map(|it| (it.name.clone(), it.from));
    expected.collect()
}
