//! Stack lights: what operators see of their scans, on outputs of an I/O module or of a reader.
//!
//! A task has all lights on one module, because many modules serve one connection only. It takes verdicts whatever the
//! module does; what each light is to show is in `panel`, how outputs are switched in `wire`.

mod panel;
mod wire;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use panel::{Lamp, Lamps, Show, Shows};

use super::{Retry, Sparingly, WAKE};
use crate::core::Told;
use crate::downlink::order::Target;
use crate::health::{Beat, Code, DeviceCounter, DeviceState, Health, Problem, tame};
use crate::logs;
use panel::{Change, Panel};
use wire::{Outcome, Wire};

/// After so long without a word a module is asked for one.
const POLL: Duration = Duration::from_secs(5);
/// Lights are switched off within this when the gateway stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// How the outputs of lights are reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// Coils of an I/O module that speaks Modbus/TCP, as `host:port`.
    Modbus(String),
    /// Outputs of a reader, by its name.
    Reader(String, Target),
}

/// One light.
#[derive(Debug, Clone)]
pub struct Light {
    /// Its name in the config.
    pub name: String,
    /// Modbus unit.
    pub unit: u8,
    /// Coil or output of each lamp it has.
    pub outputs: Lamps<Option<u16>>,
    /// What it shows.
    pub shows: Shows,
}

/// What the task of a module is given.
#[derive(Debug)]
pub struct Context {
    /// Verdicts.
    pub told: mpsc::Receiver<Told>,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the task.
    pub stop: CancellationToken,
}

/// Runs until stopped; verdicts name a light by its place in `lights`.
pub async fn run(way: Way, lights: Vec<Light>, context: Context) {
    let mut module = Module {
        panels: lights
            .iter()
            .map(|light| Panel::new(light.outputs, light.shows))
            .collect(),
        lights,
        context,
        remarks: Sparingly::default(),
    };
    let mut retry = Retry::default();
    loop {
        let started = Instant::now();
        let (reason, good) = match module.while_taking(Wire::open(&way)).await {
            None => break,
            Some(Err(reason)) => (reason, true),
            Some(Ok(wire)) => {
                let (reason, good) = module.serve(wire).await;
                (reason, good || started.elapsed() >= super::STEADY)
            }
        };
        if module.context.stop.is_cancelled() {
            break;
        }
        module.panels.iter_mut().for_each(Panel::lost);
        module.down(&reason);
        let wait = tokio::time::sleep(retry.next(good));
        if module.while_taking(wait).await.is_none() {
            break;
        }
    }
    module.context.beat.finish();
}

/// What is under way at the module.
struct UnderWay {
    light: usize,
    changes: Vec<Change>,
}

struct Module {
    lights: Vec<Light>,
    panels: Vec<Panel>,
    context: Context,
    remarks: Sparingly,
}

impl Module {
    /// Does something while verdicts are taken; `None` when the gateway stops.
    async fn while_taking<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(what);
        loop {
            self.context.beat.touch();
            tokio::select! {
                done = &mut what => return Some(done),
                Some(told) = self.context.told.recv() => self.verdict(told),
                () = tokio::time::sleep(WAKE) => {}
                () = self.context.stop.cancelled() => return None,
            }
        }
    }

    /// Switches lamps until the module is gone, or the gateway stops; returns why, and whether it ever answered.
    async fn serve(&mut self, mut wire: Wire) -> (String, bool) {
        let (mut answered, mut goodbye) = (false, None);
        let mut under_way: Option<UnderWay> = None;
        let mut poll_at = Instant::now() + POLL;
        loop {
            let now = Instant::now();
            self.context.beat.touch();
            for at in 0..self.panels.len() {
                let in_time = self.panels.get_mut(at).is_none_or(|panel| panel.pass(now));
                self.dropped(at, u64::from(!in_time));
            }
            if under_way.is_none() {
                under_way = match self.next() {
                    Some(next) => Some(next),
                    None if goodbye.is_some() => return (String::new(), answered),
                    None if poll_at <= now && wire.polls() => Some(UnderWay {
                        light: 0,
                        changes: Vec::new(),
                    }),
                    None => None,
                };
                if let Some(UnderWay { light, changes }) = &mut under_way
                    && let (Some(light), Some(panel)) =
                        (self.lights.get(*light), self.panels.get(*light))
                    && let Err(reason) = wire.ask(light, changes, panel.left(now)).await
                {
                    return (reason, answered);
                }
            }
            let due = self.panels.iter().filter_map(|panel| panel.due(now));
            // An answer that is late ends the connection before long; until then no question is asked.
            let poll = wire.polls().then(|| poll_at.max(now + panel::FRESH));
            let wake = due.chain(poll).min().unwrap_or(now + WAKE).min(now + WAKE);
            tokio::select! {
                // In this order: what was switched is known before the next verdict takes its place.
                biased;
                outcome = wire.outcome() => {
                    let Some(UnderWay { light, changes }) = under_way.take() else {
                        let Err(reason) = outcome else { continue };
                        return (reason, answered);
                    };
                    match outcome {
                        Ok(outcome) => {
                            if !answered {
                                answered = true;
                                self.up();
                            }
                            poll_at = Instant::now() + POLL;
                            self.done(light, &changes, outcome);
                        }
                        Err(reason) => return (reason, answered),
                    }
                }
                () = self.context.stop.cancelled(), if goodbye.is_none() => {
                    self.panels.iter_mut().for_each(Panel::clear);
                    goodbye = Some(Instant::now() + GOODBYE);
                }
                () = sleep_until(goodbye.unwrap_or(now)), if goodbye.is_some() => {
                    return (String::new(), answered);
                }
                // What comes now would light up and stay on.
                Some(told) = self.context.told.recv(), if goodbye.is_none() => self.verdict(told),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// What to switch next: the light that has waited, in their order.
    fn next(&self) -> Option<UnderWay> {
        let now = Instant::now();
        let mut waiting = self.panels.iter().enumerate().filter_map(|(light, panel)| {
            let changes = panel.changes(now);
            (!changes.is_empty()).then_some(UnderWay { light, changes })
        });
        // Those that go on are for an operator who looks; the others can wait.
        let first = waiting.next()?;
        let is_on = |next: &UnderWay| next.changes.iter().any(|change| change.on);
        if is_on(&first) {
            return Some(first);
        }
        Some(waiting.find(is_on).unwrap_or(first))
    }

    fn verdict(&mut self, told: Told) {
        let (now, scanned) = (Instant::now(), told.scanned);
        let panel = self.panels.get_mut(told.light);
        let dropped = panel.map_or(0, |panel| panel.verdict(told.verdict, scanned, now));
        self.dropped(told.light, dropped);
    }

    fn done(&mut self, at: usize, changes: &[Change], outcome: Outcome) {
        let now = Instant::now();
        let (Some(light), Some(panel)) = (self.lights.get(at), self.panels.get_mut(at)) else {
            return;
        };
        let health = &self.context.health;
        for change in changes {
            let problem = Problem::Output(change.output);
            let why = match &outcome {
                Outcome::Again => return,
                Outcome::Refused(why) => Some(why),
                Outcome::Done => None,
            };
            let Some(why) = why else {
                health.problem(&light.name, problem, None);
                if panel.switched(*change, now) {
                    health.counters().answers_late.add(1);
                    health.count(&light.name, DeviceCounter::AnswersLate, 1);
                }
                continue;
            };
            panel.refused(*change, now);
            health.count(&light.name, DeviceCounter::OutputFailures, 1);
            if change.on {
                health.counters().answers_dropped.add(1);
                health.count(&light.name, DeviceCounter::AnswersDropped, 1);
            }
            let text = format!(
                "output {} ({}) was not switched: {why}; check its number",
                change.output,
                change.lamp.as_str()
            );
            if health.problem(&light.name, problem, Some(&text)) {
                warn!(
                    code = Code::OutputFailed.as_str(),
                    light = light.name,
                    reason = why,
                    "Lamp not switched"
                );
            }
        }
    }

    fn dropped(&mut self, at: usize, count: u64) {
        let Some(light) = self.lights.get(at).filter(|_| count > 0) else {
            return;
        };
        let health = &self.context.health;
        health.counters().answers_dropped.add(count);
        health.count(&light.name, DeviceCounter::AnswersDropped, count);
        if let Some(unsaid) = self.remarks.say() {
            warn!(
                code = logs::VERDICT_NOT_SHOWN,
                light = light.name,
                unsaid,
                "A verdict was not shown in time"
            );
        }
    }

    fn up(&self) {
        for light in &self.lights {
            if self.context.health.device(&light.name, DeviceState::Up) {
                info!(
                    code = logs::DEVICE_CONNECTED,
                    device = light.name,
                    "Device connected"
                );
            }
        }
    }

    fn down(&self, reason: &str) {
        let (health, reason) = (&self.context.health, tame(reason));
        for light in &self.lights {
            health.counters().device_disconnects.add(1);
            health.count(&light.name, DeviceCounter::Disconnects, 1);
            let state = DeviceState::Down {
                reason: reason.clone(),
            };
            if health.device(&light.name, state) {
                let code = Code::of_reason(&reason, None).as_str();
                warn!(code, device = light.name, reason, "Device not connected");
            }
        }
    }
}
