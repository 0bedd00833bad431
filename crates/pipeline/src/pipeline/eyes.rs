//! Photo-eyes: from inputs of readers to the gates that they belong to.

use std::collections::BTreeMap;

use crate::clock::DeviceClock;
use crate::config::{GateEye, ReadPointConfig, ReadPointKind, Side};
use crate::eyes::Fault;
use crate::input::{DeviceIndex, Output};
use crate::pipeline::book::Books;
use crate::pipeline::{Pipeline, Place};
use crate::time::Time;

/// An input of a reader as one eye of a gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    gate: usize,
    side: Side,
    blocked_high: bool,
}

/// A photo-eye and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EyeReport<'a> {
    /// Name of its read point.
    pub read_point: &'a str,
    /// What it is wired to, and its side.
    pub eye: GateEye,
    /// What is wrong with it, if anything.
    pub fault: Option<Fault>,
}

/// The inputs of readers that eyes are wired to.
pub(super) fn wires(read_points: &[ReadPointConfig]) -> BTreeMap<(DeviceIndex, u16), Vec<Wire>> {
    let mut wires: BTreeMap<_, Vec<Wire>> = BTreeMap::new();
    for (gate, read_point) in read_points.iter().enumerate() {
        let ReadPointKind::Gate(config) = &read_point.kind else {
            continue;
        };
        for eye in &config.eyes {
            let port = wires.entry((eye.device, eye.port)).or_default();
            port.push(Wire {
                gate,
                side: eye.side,
                blocked_high: eye.blocked_high,
            });
        }
    }
    wires
}

impl Pipeline {
    /// All photo-eyes at the time of the newest input.
    pub fn eyes(&self) -> impl Iterator<Item = EyeReport<'_>> {
        let gates = self.state.config.read_points.iter().zip(&self.state.places);
        let gates = gates.filter_map(|(read_point, place)| match (&read_point.kind, place) {
            (ReadPointKind::Gate(config), Place::Gate(gate)) => Some((read_point, config, gate)),
            _ => None,
        });
        gates.flat_map(move |(read_point, config, gate)| {
            config.eyes.iter().map(move |eye| {
                let clock = self.state.devices.get(usize::from(eye.device));
                let up_since = clock.and_then(DeviceClock::up_since);
                EyeReport {
                    read_point: &read_point.name,
                    eye: *eye,
                    fault: gate.eye_fault(&config.tuning, eye.side, self.state.now, up_since),
                }
            })
        })
    }

    /// An input had a level at `at`.
    pub(super) fn edge(&mut self, port: (DeviceIndex, u16), at: Time, high: bool) {
        for wire in self.eyes.get(&port).into_iter().flatten() {
            if let Some(Place::Gate(gate)) = self.state.places.get_mut(wire.gate) {
                let blocked = Some(high == wire.blocked_high);
                let is_late = gate.push_edge(at, wire.side, blocked);
                self.stats.edges_late += u64::from(is_late);
            }
        }
    }

    /// A reader is gone, or all are: what its eyes see is not known from then on.
    pub(super) fn lose_eyes(&mut self, at: Time, of: Option<DeviceIndex>) {
        for ((device, _), wires) in &self.eyes {
            if of.is_some_and(|of| of != *device) {
                continue;
            }
            for wire in wires {
                if let Some(Place::Gate(gate)) = self.state.places.get_mut(wire.gate) {
                    gate.push_edge(at, wire.side, None);
                }
            }
        }
    }

    /// What went through doors without a tag.
    pub(super) fn tell_untagged(&mut self, outputs: &mut Vec<Output>) {
        let places = self.state.places.iter_mut();
        for (place, read_point) in places.zip(&self.state.config.read_points) {
            let Place::Gate(gate) = place else {
                continue;
            };
            let crossings = gate.take_untagged();
            if crossings.is_empty() {
                continue;
            }
            let books = Books::new(
                read_point,
                &self.zone,
                &self.state.config,
                &self.state.references,
            );
            books.untagged(&crossings, &mut self.stats, outputs);
        }
    }
}
