//! A new configuration while loads are under way.

use crate::clock::DeviceClock;
use crate::config::{PipelineConfig, ReadPointConfig, ReadPointKind};
use crate::gate::Gate;
use crate::input::{DeviceIndex, Output};
use crate::movement;
use crate::pipeline::book::Books;
use crate::pipeline::watch::zone_of;
use crate::pipeline::{Pipeline, Place};
use crate::station::{self, Station, TaskConfig};

impl Pipeline {
    /// Takes over what the new configuration still has; a gate that changed decides what is open by the old rule.
    pub(super) fn configure(&mut self, config: PipelineConfig, outputs: &mut Vec<Output>) {
        if config == self.state.config {
            return;
        }
        let renumbers = is_renumbered(&self.state.config.devices, &config.devices);
        let is_same = |old: &ReadPointConfig, new: &ReadPointConfig| {
            old.name == new.name
                && std::mem::discriminant(&old.kind) == std::mem::discriminant(&new.kind)
        };
        let old = std::mem::take(&mut self.state.places);
        let old_config = std::mem::replace(&mut self.state.config, config);
        let renumber = |index: DeviceIndex, from: &[String], to: &[String]| {
            let name = from.get(usize::from(index))?;
            to.iter()
                .position(|other| other == name)
                .and_then(|at| DeviceIndex::try_from(at).ok())
        };
        self.state.marks.configured(&self.state.config.devices);
        let now = self.state.now;
        let devices = self.state.config.devices.iter().map(|name| {
            let before = old_config.devices.iter().position(|other| other == name);
            before
                .and_then(|at| self.state.devices.get(at).cloned())
                .unwrap_or_else(|| DeviceClock::down(now))
        });
        self.state.devices = devices.collect();
        let mut places: Vec<Option<Place>> =
            self.state.config.read_points.iter().map(|_| None).collect();
        let mut given_up = Vec::new();
        for (place, read_point) in old.into_iter().zip(&old_config.read_points) {
            let new = self
                .state
                .config
                .read_points
                .iter()
                .position(|new| is_same(read_point, new));
            match (new.and_then(|new| places.get_mut(new)), place) {
                (slot, Place::Station(mut station)) => {
                    station.reconfigured(|index| {
                        renumber(index, &old_config.devices, &self.state.config.devices)
                    });
                    let new = new.and_then(|new| self.state.config.read_points.get(new));
                    let kind = new.and_then(task_of).map(|task| task.kind);
                    if let Some(task) = task_of(read_point).filter(|it| kind != Some(it.kind)) {
                        let mut zone = movement::zone(&old_config.time_zone);
                        zone.wall = self.state.wall;
                        let place = station::Place {
                            read_point,
                            task,
                            zone: &zone,
                            facts: &self.state.references,
                        };
                        let text = "the configuration was changed: what was scanned is not booked";
                        let worked = station.desk.give_up(place, now, text.to_owned());
                        given_up.extend(worked);
                    }
                    if let Some(slot) = slot {
                        *slot = Some(Place::Station(station));
                    }
                }
                // A gate whose antennas or times changed decides what is open by the old rule; an untouched one goes on.
                (slot, Place::Gate(mut gate)) => {
                    let untouched = !renumbers
                        && old_config.sensors == self.state.config.sensors
                        && new
                            .and_then(|new| self.state.config.read_points.get(new))
                            .is_some_and(|new| new.kind == read_point.kind);
                    if let ReadPointKind::Gate(config) = &read_point.kind
                        && !untouched
                    {
                        let decisions = gate.flush(&config.tuning);
                        let mut zone = movement::zone(&old_config.time_zone);
                        zone.wall = self.state.wall;
                        let books =
                            Books::new(read_point, &zone, &old_config, &self.state.references);
                        books.loads(config, &decisions, &mut self.stats, outputs);
                        gate.forget_eyes();
                    }
                    if let Some(slot) = slot {
                        *slot = Some(Place::Gate(gate));
                    }
                }
                (Some(slot), Place::Zone) => *slot = Some(Place::Zone),
                (None, Place::Zone) => {}
            }
        }
        for worked in given_up {
            self.tell_worked(worked, outputs);
        }
        let fresh = |kind: &ReadPointKind| match kind {
            ReadPointKind::Gate(_) => Place::Gate(Gate::default()),
            ReadPointKind::Station(_) => Place::Station(Station::default()),
            ReadPointKind::Zone(_) => Place::Zone,
        };
        let read_points = self.state.config.read_points.iter();
        self.state.places = places
            .into_iter()
            .zip(read_points)
            .map(|(place, new)| place.unwrap_or_else(|| fresh(&new.kind)))
            .collect();
        self.reconfigure_zones(&old_config, outputs);
        let stats = std::mem::take(&mut self.stats);
        let trace = self.trace.take();
        *self = Self {
            stats,
            trace,
            ..Self::from_state(self.state.clone())
        };
    }

    /// The same state under a configuration of the same devices and read points, as if it had been so all along: to try other
    /// settings on what was read. What is open goes on, which [`Input::Configure`](crate::Input::Configure) decides.
    #[must_use]
    pub fn tried_with(&self, config: PipelineConfig) -> Self {
        let mut state = self.state.clone();
        state.config = config;
        Self::from_state(state)
    }

    /// Who is in a zone stays there: it does not come again because of a new configuration.
    fn reconfigure_zones(&mut self, old: &PipelineConfig, outputs: &mut Vec<Output>) {
        let same_devices = !is_renumbered(&old.devices, &self.state.config.devices);
        let is_same_place = |before: &ReadPointConfig, now: &ReadPointConfig| {
            before.name == now.name && zone_of(now).is_some()
        };
        let now = &self.state.config.read_points;
        self.state.whereabouts.renumber(|index| {
            let before = old.read_points.get(index)?;
            now.iter().position(|now| is_same_place(before, now))
        });
        for (index, mut zone) in std::mem::take(&mut self.state.zones) {
            let Some(read_point) = old.read_points.get(index) else {
                continue;
            };
            let new_points = &self.state.config.read_points;
            let new = new_points.iter().position(|new| {
                new.name == read_point.name
                    && std::mem::discriminant(&new.kind) == std::mem::discriminant(&read_point.kind)
            });
            let config = new.and_then(|new| zone_of(new_points.get(new)?));
            if !same_devices || config != zone_of(read_point) {
                let time_zone = movement::zone(&old.time_zone);
                self.settle_zone(&mut zone, read_point, &time_zone, outputs);
                zone.renumber(|device| {
                    let name = old.devices.get(usize::from(device))?;
                    let mut names = self.state.config.devices.iter();
                    DeviceIndex::try_from(names.position(|new| new == name)?).ok()
                });
            }
            let still = new.filter(|new| {
                let read_point = self.state.config.read_points.get(*new);
                read_point.and_then(zone_of).is_some()
            });
            if let Some(new) = still {
                self.state.zones.insert(new, zone);
            }
        }
    }
}

/// Whether a device has another number than before, or its number another device.
fn is_renumbered(old: &[String], new: &[String]) -> bool {
    new.len() < old.len() || old.iter().zip(new).any(|(old, new)| old != new)
}

/// The task of a station that has one.
fn task_of(read_point: &ReadPointConfig) -> Option<&TaskConfig> {
    match &read_point.kind {
        ReadPointKind::Station(station) => station.task.as_deref(),
        ReadPointKind::Gate(_) | ReadPointKind::Zone(_) => None,
    }
}
