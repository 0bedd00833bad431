//! Taking a changed configuration into use while everything runs.
//!
//! Read, check, compare, build what is new, swap, end what is old. Until the swap nothing is changed, and whatever goes wrong
//! is answered; from then on nothing can go wrong but what ends the gateway anyway.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Config, Format, Section};
use crate::core::Change;
use crate::downlink::order::Fleet;
use crate::failpoint::Failpoint;
use crate::forward::sparkplug;
use crate::health::{Code, ConfigState, Health};
use crate::logs;
use crate::reload::{Changes, Origin, Outcome, Start, Verdict, keep_waiting, rejected};
use crate::status::Facts;
use crate::topology;
use crate::topology::running::{Running, Unexpected};

/// The edge node of Sparkplug, which knows all devices.
#[derive(Debug)]
pub(super) struct EdgeNode {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl EdgeNode {
    /// Starts it, if there is to be one.
    pub(super) fn start(config: &Config, health: &Health, stop: &CancellationToken) -> Self {
        let stop = stop.child_token();
        let task = topology::edge_node(config).map(|settings| {
            let (beat, stop) = (health.beat("sparkplug"), stop.clone());
            tokio::spawn(sparkplug::run(settings, health.clone(), beat, stop))
        });
        Self { stop, task }
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && task.await.is_err()
        {
            error!(code = logs::PART_FAILED, "Sparkplug failed while stopping");
        }
    }
}

/// What is in force, and who is told of what is to be.
#[derive(Debug)]
pub(super) struct Reloading {
    pub(super) origin: Origin,
    /// What is in force; settings that wait are those of the start.
    pub(super) running: Config,
    /// What was written at the start.
    pub(super) started: Vec<Section>,
    /// What was accepted last.
    pub(super) last: Vec<Section>,
    pub(super) core: mpsc::Sender<Change>,
    pub(super) fleet: watch::Sender<Fleet>,
    pub(super) facts: Option<watch::Sender<Facts>>,
    pub(super) health: Health,
    pub(super) edge_node: EdgeNode,
    pub(super) stop_forward: CancellationToken,
}

impl Reloading {
    pub(super) fn new(
        start: &Start,
        core: mpsc::Sender<Change>,
        fleet: watch::Sender<Fleet>,
        facts: Option<watch::Sender<Facts>>,
        (health, stop_forward): (&Health, &CancellationToken),
    ) -> Self {
        let loaded = &start.accepted.loaded;
        let sections = loaded.sections();
        Self {
            origin: start.origin.clone(),
            running: loaded.config.clone(),
            started: sections.clone(),
            last: sections,
            core,
            fleet,
            facts,
            health: health.clone(),
            edge_node: EdgeNode::start(&loaded.config, health, stop_forward),
            stop_forward: stop_forward.clone(),
        }
    }

    /// Takes the file into use, if it can be; fails when the gateway must end, with the name of the part that failed.
    pub(super) async fn reload(
        &mut self,
        running: &mut Running,
        stop: &CancellationToken,
    ) -> Result<Outcome, &'static str> {
        let before = self.health.config();
        let outcome = |verdict, report: String, changes| Outcome {
            verdict,
            file: before.file.display().to_string(),
            report,
            changes,
        };
        let origin = self.origin.clone();
        let read = tokio::task::spawn_blocking(move || origin.read());
        let accepted = match read.await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(report)) => {
                let rejected = rejected(&report);
                let (file, first) = (before.file.display(), rejected.first());
                warn!(
                    code = Code::ConfigRejected.as_str(),
                    %file,
                    first,
                    "The configuration was rejected; what was in force stays"
                );
                let report = rejected.rendered.clone();
                self.health.config_rejected(rejected);
                return Ok(outcome(Verdict::Rejected, report, Changes::default()));
            }
            Err(_) => return Err("configuration"),
        };
        let report = accepted.loaded.report().render(Format::Human);
        if !self.health.stores() {
            let why = "nothing can be stored at this moment (tracegate status tells why); nothing was changed, try again";
            return Ok(outcome(Verdict::Busy, why.to_owned(), Changes::default()));
        }
        let mut config = accepted.loaded.config.clone();
        keep_waiting(&self.running, &mut config);
        let plan = match running.plan(&config) {
            Ok(plan) => plan,
            Err(error) => {
                let why = error.to_string();
                return Ok(outcome(Verdict::Busy, why, Changes::default()));
            }
        };
        let started = (self.started.as_slice(), &self.running);
        let changes = Changes::between(&self.last, started, &accepted.loaded, plan.anew());
        let is_same = accepted.sha() == before.sha && before.rejected.is_none();
        if is_same && changes.is_empty() {
            return Ok(outcome(Verdict::Unchanged, report, changes));
        }
        Failpoint::BeforeSwap.pass();
        let leaving = running.leaving(&plan);
        running.retire(leaving).await.map_err(part)?;
        Failpoint::InSwap.pass();
        let (done, told) = oneshot::channel();
        let change = Change {
            config: Box::new(plan.pipeline.clone()),
            ended: plan.ended.clone(),
            feedback: plan.feedback.clone(),
            lights: plan.lights.clone(),
            stored: plan.stored.clone(),
            keep_verdicts: config.audit.keep(),
            done,
        };
        let swapped = async {
            self.core.send(change).await.ok()?;
            told.await.ok()
        };
        let known: BTreeMap<_, _> = tokio::select! {
            known = swapped => known.ok_or("core")?,
            // It could not be stored; with the next start the file counts.
            () = stop.cancelled() => {
                let why = "the gateway is stopping".to_owned();
                return Ok(outcome(Verdict::Busy, why, Changes::default()));
            }
        };
        Failpoint::AfterSwap.pass();
        let fleet = plan.fleet.clone();
        let is_other_fleet = fleet.kinds != self.fleet.borrow().kinds;
        running.start(plan, |name| known.get(name).cloned().unwrap_or_default());
        self.fleet.send_replace(fleet);
        if is_other_fleet || config.sparkplug != self.running.sparkplug {
            self.edge_node.stop().await;
            self.edge_node = EdgeNode::start(&config, &self.health, &self.stop_forward);
        }
        if let Some(facts) = &self.facts {
            facts.send_replace(Facts::of(&config));
        }
        self.running = config;
        self.last = accepted.loaded.sections();
        self.origin.keep(&accepted, &self.running);
        let start = Start {
            origin: self.origin.clone(),
            accepted,
            rejected: None,
        };
        let state = ConfigState {
            waits: changes.waits.clone(),
            ..start.state()
        };
        let (file, sha) = (state.file.display(), &state.sha);
        let (added, removed) = (changes.added.len(), changes.removed.len());
        let (changed, waits) = (changes.changed.len(), changes.waits.join(", "));
        info!(%file, sha, added, removed, changed, waits, "Configuration reloaded");
        self.health.config_loaded(state);
        Ok(outcome(Verdict::Applied, report, changes))
    }
}

/// What failed when a device's task ended by itself.
pub(super) const fn part(Unexpected(failed): Unexpected) -> &'static str {
    match failed {
        true => "device task",
        false => "core",
    }
}
