//! What another configuration needs, built beside what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use tokio::sync::{mpsc, oneshot, watch};
use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::input::DeviceIndex;

use super::roster::roster;
use super::{Running, Slot, Task, Unit, Wires, Work};
use crate::config::Config;
use crate::core::{Feedback, LightSwitch, Told};
use crate::downlink::order::Fleet;
use crate::health::{Beat, Configured};
use crate::source::Context;
use crate::source::llrp::link::Link;
use crate::source::llrp::listen::{Route, Seat};
use crate::source::marker::Known;
use crate::topology::light::{self, Panels};
use crate::topology::{Device, TopologyError, devices, downlink, kinds, pipeline_of, prepare};

/// What is to be done for another configuration; nothing of it is done yet.
pub struct Plan {
    /// The pipeline's configuration.
    pub pipeline: PipelineConfig,
    /// Where words to devices go.
    pub feedback: BTreeMap<DeviceIndex, mpsc::Sender<Feedback>>,
    /// Where verdicts are shown.
    pub lights: BTreeMap<DeviceIndex, LightSwitch>,
    /// Who wants to know what is stored.
    pub stored: BTreeMap<DeviceIndex, watch::Sender<u64>>,
    /// Devices for commands and messages.
    pub fleet: Fleet,
    /// Devices whose tasks end.
    pub ended: Vec<DeviceIndex>,
    pub(super) slots: Vec<Slot>,
    pub(super) doors: BTreeMap<SocketAddr, Vec<Route>>,
    pub(super) panels: BTreeMap<String, (Panels, mpsc::Sender<Told>)>,
    pub(super) work: Vec<(Owner, Work)>,
    pub(super) recalls: Vec<(String, oneshot::Sender<Known>)>,
    pub(super) roster: BTreeMap<String, Configured>,
    pub(super) anew: Vec<String>,
}

/// Whose work it is.
pub(super) enum Owner {
    Device(usize),
    Lights(String, Task),
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("anew", &self.anew)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Devices and lights whose tasks begin.
    #[must_use]
    pub fn anew(&self) -> &[String] {
        &self.anew
    }
}

impl Running {
    /// What another configuration needs; changes nothing.
    ///
    /// # Errors
    /// Too many devices.
    pub fn plan(&self, config: &Config) -> Result<Plan, TopologyError> {
        let devices = devices(config)?;
        let wanted: BTreeSet<String> = devices.iter().map(|(name, _)| name.clone()).collect();
        let idle = |slot: &Slot| Slot {
            name: slot.name.clone(),
            unit: None,
        };
        let mut slots: Vec<Slot> = self.slots.iter().map(idle).collect();
        let (mut work, mut anew, mut recalls) = (Vec::new(), Vec::new(), Vec::new());
        for (name, device) in devices {
            let essence = essence(&device);
            let place = self.place(&slots, &wanted, &name);
            let before = self.slots.get(place).filter(|it| it.name == name);
            let before = before.and_then(|it| it.unit.as_ref());
            let kept = before.filter(|unit| unit.essence == essence);
            let unit = match kept {
                Some(unit) => unit.clone(),
                None => {
                    let index = DeviceIndex::try_from(place)
                        .map_err(|_| TopologyError::TooManyDevices(place))?;
                    let seat = before.and_then(|unit| unit.wires.seat.as_ref());
                    let (unit, recall, run) = self.unit(index, &name, device, essence, seat);
                    recalls.extend(recall.map(|recall| (name.clone(), recall)));
                    work.push((Owner::Device(place), run));
                    anew.push(name.clone());
                    unit
                }
            };
            let slot = Slot {
                name,
                unit: Some(unit),
            };
            match slots.get_mut(place) {
                Some(free) => *free = slot,
                None => slots.push(slot),
            }
        }
        let is_kept = |index: usize| {
            let unit = slots.get(index).and_then(|slot| slot.unit.as_ref());
            unit.is_some_and(|unit| unit.task.handle.is_some())
        };
        let running = self.slots.iter().enumerate();
        let ended = running.filter(|(index, slot)| slot.unit.is_some() && !is_kept(*index));
        let ended = ended.filter_map(|(index, _)| DeviceIndex::try_from(index).ok());
        let ended: Vec<DeviceIndex> = ended.collect();
        let units = || {
            let all = slots.iter().enumerate();
            all.filter_map(|(index, slot)| Some((index, &slot.name, slot.unit.as_ref()?)))
        };
        let mut plan = Plan {
            pipeline: pipeline_of(config, slots.iter().map(|it| it.name.clone()).collect()),
            feedback: units()
                .filter_map(|it| by_index(it.0, it.2.wires.feedback.clone()))
                .collect(),
            stored: units()
                .filter_map(|it| by_index(it.0, it.2.wires.stored.clone()))
                .collect(),
            lights: BTreeMap::new(),
            fleet: Fleet {
                targets: units()
                    .map(|(_, name, unit)| (name.clone(), unit.wires.target.clone()))
                    .collect(),
                kinds: kinds(config),
            },
            ended,
            doors: doors(units()),
            panels: BTreeMap::new(),
            work,
            recalls,
            roster: BTreeMap::new(),
            anew,
            slots,
        };
        self.plan_lights(config, &mut plan);
        plan.roster = roster(config, &plan.fleet.kinds);
        Ok(plan)
    }

    /// The number of a device: its own, else one whose device is no more, else a new one.
    fn place(&self, slots: &[Slot], wanted: &BTreeSet<String>, name: &str) -> usize {
        let own = slots.iter().position(|slot| slot.name == name);
        let is_free = |(slot, before): (&Slot, &Slot)| {
            slot.unit.is_none() && before.unit.is_none() && !wanted.contains(&slot.name)
        };
        let free = || slots.iter().zip(&self.slots).position(is_free);
        own.or_else(free).unwrap_or(slots.len())
    }

    fn unit(
        &self,
        index: DeviceIndex,
        name: &str,
        device: Device,
        essence: String,
        before: Option<&(SocketAddr, Option<IpAddr>, Seat)>,
    ) -> (Unit, Option<oneshot::Sender<Known>>, Work) {
        let seat = match &device {
            Device::Llrp(settings) => match &settings.link {
                Link::Listen { at, from } => {
                    // Whoever has dialled in already is taken over.
                    let before = before.filter(|it| it.0 == *at).map(|it| it.2.clone());
                    Some((*at, *from, before.unwrap_or_default()))
                }
                Link::Dial { .. } => None,
            },
            _ => None,
        };
        let (target, orders) = downlink::target(&device);
        let task = Task {
            handle: None,
            stop: self.common.stop.child_token(),
            beat: Beat::new(),
        };
        let context = Context {
            name: name.to_owned(),
            device: index,
            inputs: self.common.inputs.clone(),
            clock: self.common.clock,
            health: self.common.health.clone(),
            orders,
            beat: task.beat.clone(),
            stop: task.stop.clone(),
        };
        let taken = seat.as_ref().map(|it| it.2.clone());
        let prepared = prepare(device, context, taken);
        let wires = Wires {
            feedback: prepared.feedback,
            stored: prepared.stored,
            target,
            seat,
        };
        let unit = Unit {
            essence,
            task,
            wires,
        };
        (unit, prepared.recall, prepared.work)
    }

    /// Lights are made anew with their module, and those of a reader with the reader.
    fn plan_lights(&self, config: &Config, plan: &mut Plan) {
        let mut switches = BTreeMap::new();
        for (key, panels) in light::panels(config, &plan.fleet.targets) {
            let before = self.lights.get(&key).filter(|it| it.0 == panels);
            let through = panels.reader().cloned();
            let before = before.filter(|_| !through.is_some_and(|it| plan.anew.contains(&it)));
            let told = match before {
                Some((.., told)) => told.clone(),
                None => {
                    let task = Task {
                        handle: None,
                        stop: self.common.stop.child_token(),
                        beat: Beat::new(),
                    };
                    let (health, beat) = (self.common.health.clone(), task.beat.clone());
                    let (told, run) = panels.prepare(health, beat, task.stop.clone());
                    plan.anew.extend(panels.names());
                    plan.work.push((Owner::Lights(key.clone(), task), run));
                    told
                }
            };
            for (light, name) in panels.names().enumerate() {
                let task = told.clone();
                switches.insert(name, LightSwitch { light, task });
            }
            plan.panels.insert(key, (panels, told));
        }
        for (_, device, light) in config.lit() {
            let index = plan.slots.iter().position(|slot| slot.name == *device);
            if let Some((index, switch)) = index
                .and_then(|index| DeviceIndex::try_from(index).ok())
                .zip(switches.get(light))
            {
                plan.lights.insert(index, switch.clone());
            }
        }
    }
}

/// What a device's task does, as text.
fn essence(device: &Device) -> String {
    format!("{device:?}")
}

fn by_index<T>(place: usize, wire: Option<T>) -> Option<(DeviceIndex, T)> {
    Some((DeviceIndex::try_from(place).ok()?, wire?))
}

/// Listening ports, with the readers that share them.
fn doors<'a>(
    units: impl Iterator<Item = (usize, &'a String, &'a Unit)>,
) -> BTreeMap<SocketAddr, Vec<Route>> {
    let mut doors: BTreeMap<SocketAddr, Vec<Route>> = BTreeMap::new();
    for (_, name, unit) in units {
        if let Some((at, from, seat)) = &unit.wires.seat {
            doors.entry(*at).or_default().push(Route {
                name: name.clone(),
                from: *from,
                seat: seat.clone(),
            });
        }
    }
    for routes in doors.values_mut() {
        routes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    doors
}
