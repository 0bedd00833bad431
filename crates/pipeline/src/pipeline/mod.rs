//! The fold: one input at a time, outputs in order.

mod advance;
mod reconfigure;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tracegate_gs1::TagIdentity;
use tracegate_gs1::epc::decode_bank;

use crate::clock::{Corrected, DeviceClock, Watermark};
use crate::config::{
    Direction, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side, StationScanner,
};
use crate::filter::TagClass;
use crate::gate::{EpcKey, Gate, Sighting, Taken};
use crate::input::{
    DeviceIndex, Input, NonEvent, NonEventReason, Output, Read, ReaderTime, ScanVerdict,
    VerdictKind,
};
use crate::movement;
use crate::passage::Decision;
use crate::sensing::{Sensed, SensorConfig};
use crate::station::Station;
use crate::stats::Stats;
use crate::time::{Span, Time};

/// Ticks are asked for no closer than this.
const TICK: Span = Span::millis(250);
/// A start this far before the newest input means that the wall clock was set back.
const SET_BACK: Span = Span::millis(1_000);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Place {
    Gate(Gate),
    Station(Station),
}

/// The whole state, for snapshots. Its fields are private on purpose: only a [`Pipeline`] makes sense of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    config: PipelineConfig,
    now: Time,
    devices: Vec<DeviceClock>,
    places: Vec<Place>,
}

/// The pipeline: see the [crate] documentation.
#[derive(Debug, Clone)]
pub struct Pipeline {
    state: State,
    zone: TimeZone,
    ports: BTreeMap<(DeviceIndex, u16), (usize, Side)>,
    scanners: BTreeMap<DeviceIndex, (usize, StationScanner)>,
    stats: Stats,
}

impl Default for Pipeline {
    fn default() -> Self {
        let config = PipelineConfig {
            sensors: Vec::new(),
            time_zone: "UTC".to_owned(),
            devices: Vec::new(),
            read_points: Vec::new(),
            tags: crate::filter::TagRules::default(),
        };
        Self::from_state(State {
            config,
            now: Time::MIN,
            devices: Vec::new(),
            places: Vec::new(),
        })
    }
}

impl Pipeline {
    /// Goes on from a snapshot.
    #[must_use]
    pub fn from_state(state: State) -> Self {
        let zone = movement::zone(&state.config.time_zone);
        let (mut ports, mut scanners) = (BTreeMap::new(), BTreeMap::new());
        for (index, read_point) in state.config.read_points.iter().enumerate() {
            match &read_point.kind {
                ReadPointKind::Gate(gate) => {
                    ports.extend(
                        gate.antennas
                            .iter()
                            .map(|a| ((a.device, a.antenna), (index, a.side))),
                    );
                }
                ReadPointKind::Station(station) => {
                    scanners.extend(
                        station
                            .scanners
                            .iter()
                            .map(|scanner| (scanner.device, (index, scanner.clone()))),
                    );
                }
            }
        }
        Self {
            state,
            zone,
            ports,
            scanners,
            stats: Stats::default(),
        }
    }

    /// The state, for a snapshot.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &PipelineConfig {
        &self.state.config
    }

    /// Counters since this value was made.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Gateway time of the newest input.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.state.now
    }

    /// Tags followed and reads waiting for their turn, over all gates.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        self.gates()
            .map(Gate::sizes)
            .fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// When the pipeline wants a [`Input::Tick`] at the latest; `None` while nothing is open.
    #[must_use]
    pub fn next_tick(&self) -> Option<Time> {
        let due = self
            .state
            .places
            .iter()
            .zip(&self.state.config.read_points)
            .filter_map(|(place, read_point)| match (place, &read_point.kind) {
                (Place::Gate(gate), ReadPointKind::Gate(config)) => {
                    Some(gate.deadline()? + config.tuning.allowed_lateness)
                }
                _ => None,
            });
        due.min().map(|at| at.later(self.state.now + TICK))
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Configure(config) => self.configure(*config, &mut outputs),
            Input::Start { at } => self.start(at, &mut outputs),
            Input::Device {
                device,
                at,
                up,
                reader_time,
            } => {
                let at = self.clock(at);
                if let Some(clock) = self.state.devices.get_mut(usize::from(device)) {
                    clock.link_changed(at, up, reader_time);
                }
                self.advance(&mut outputs);
            }
            Input::Reads { device, at, reads } => {
                let at = self.clock(at);
                for read in reads {
                    self.read(device, at, read, &mut outputs);
                }
                self.advance(&mut outputs);
            }
            // Photo-eyes decide nothing yet; their time stamps tell about the clock like any other.
            Input::Gpi {
                device,
                at,
                reader_time,
                ..
            } => {
                let at = self.clock(at);
                if let Some(clock) = self.state.devices.get_mut(usize::from(device)) {
                    let dated = clock.date(at, reader_time);
                    self.note_step(device, at, dated, &mut outputs);
                }
                self.advance(&mut outputs);
            }
            Input::Scan { device, at, data } => {
                let at = self.clock(at);
                self.scan(device, at, &data, &mut outputs);
                self.advance(&mut outputs);
            }
            Input::Tick { at } => {
                self.clock(at);
                self.advance(&mut outputs);
            }
        }
        outputs
    }

    fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.state.places.iter().filter_map(|place| match place {
            Place::Gate(gate) => Some(gate),
            Place::Station(_) => None,
        })
    }

    /// Inputs of several sources may overtake each other by a little; time does not run backwards for that.
    fn clock(&mut self, at: Time) -> Time {
        self.state.now = self.state.now.later(at);
        self.state.now
    }

    fn start(&mut self, at: Time, outputs: &mut Vec<Output>) {
        if self.state.now - at > SET_BACK {
            // Nothing measured on the old line can be compared with the new one.
            self.flush_all(outputs);
            self.state.devices.fill(DeviceClock::down(at));
            self.state.now = at;
        }
        let at = self.clock(at);
        for device in &mut self.state.devices {
            device.restarted(at);
        }
    }

    /// The gateway time of something that arrived at `at`.
    fn time(
        &mut self,
        device: DeviceIndex,
        at: Time,
        reader_time: Option<ReaderTime>,
        outputs: &mut Vec<Output>,
    ) -> Option<Corrected> {
        let clock = self.state.devices.get_mut(usize::from(device))?;
        let corrected = clock.correct(at, reader_time);
        self.note_step(device, at, corrected, outputs);
        Some(corrected)
    }

    fn note_step(
        &mut self,
        device: DeviceIndex,
        at: Time,
        dated: Corrected,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(by) = dated.stepped_back {
            self.stats.clock_steps += 1;
            outputs.push(Output::ClockStepped { device, at, by });
        }
    }

    fn read(&mut self, device: DeviceIndex, at: Time, read: Read, outputs: &mut Vec<Output>) {
        self.stats.reads += 1 + u64::from(read.more);
        let arrived = at - Span(read.waited_us.into());
        let Some(corrected) = self.time(device, arrived, read.device_time, outputs) else {
            return;
        };
        let Some(&(index, side)) = self.ports.get(&(device, read.antenna)) else {
            self.stats.unassigned += 1 + u64::from(read.more);
            return;
        };
        let read_point = self.state.config.read_points.get(index);
        let (Some(Place::Gate(gate)), Some(ReadPointKind::Gate(config))) = (
            self.state.places.get_mut(index),
            read_point.map(|read_point| &read_point.kind),
        ) else {
            return;
        };
        if read
            .rssi_dbm
            .is_some_and(|rssi| rssi < config.tuning.min_rssi_dbm)
        {
            self.stats.weak += 1 + u64::from(read.more);
            return;
        }
        let key = EpcKey {
            epc: read.epc,
            bit_len: read.bit_len,
        };
        let class = gate.class_of(&key).unwrap_or_else(|| {
            let bit_len = usize::from(key.bit_len);
            let identity = decode_bank(read.pc, &key.epc, bit_len);
            self.state
                .config
                .tags
                .classify(&key.epc, bit_len, &identity)
        });
        if class == TagClass::Ignored {
            self.stats.ignored += 1 + u64::from(read.more);
            return;
        }
        let sighting = Sighting {
            side,
            class,
            pc: read.pc,
            rssi_dbm: read.rssi_dbm,
            uncertainty: corrected.uncertainty,
            sensed: read.extra.and_then(|extra| {
                let sensors = &self.state.config.sensors;
                let (sensed, mismatches) = Sensed::new(&extra, sensors, read.pc, &key);
                self.stats.sensor_mismatches += mismatches;
                sensed
            }),
        };
        if gate.push(corrected.at, (device, read.antenna), key, sighting) == Taken::Late {
            self.stats.late += 1 + u64::from(read.more);
        }
    }

    fn scan(&mut self, device: DeviceIndex, at: Time, data: &[u8], outputs: &mut Vec<Output>) {
        let Some(&(index, ref scanner)) = self.scanners.get(&device) else {
            self.stats.unassigned += 1;
            return;
        };
        let read_point = self.state.config.read_points.get(index);
        let (Some(Place::Station(station)), Some(read_point)) =
            (self.state.places.get_mut(index), read_point)
        else {
            return;
        };
        let ReadPointKind::Station(config) = &read_point.kind else {
            return;
        };
        let (kind, event) = station.scan(read_point, config, scanner, &self.zone, at, data);
        let [accepted, repeated, refused] = &mut self.stats.scans;
        *match kind {
            VerdictKind::Accepted => accepted,
            VerdictKind::Duplicate => repeated,
            VerdictKind::Refused(_) => refused,
        } += 1;
        self.stats.events += u64::from(event.is_some());
        outputs.extend(event.map(|event| Output::Event(Box::new(event))));
        outputs.push(Output::Verdict(ScanVerdict { device, kind }));
    }

    /// Moves every gate on to where its devices' reads are complete.
    fn advance(&mut self, outputs: &mut Vec<Output>) {
        let now = self.state.now;
        self.each_gate(outputs, |devices, config| watermark(devices, config, now));
    }

    fn flush_all(&mut self, outputs: &mut Vec<Output>) {
        self.each_gate(outputs, |_, _| Watermark::Excluded);
    }
}

/// The least of the devices' watermarks; devices that nobody waits for any more do not count.
fn watermark(devices: &[DeviceClock], config: &GateConfig, now: Time) -> Watermark {
    let mut used: Vec<DeviceIndex> = config
        .antennas
        .iter()
        .map(|antenna| antenna.device)
        .collect();
    used.sort_unstable();
    used.dedup();
    let marks = used
        .iter()
        .filter_map(|device| devices.get(usize::from(*device)));
    marks
        .map(|clock| {
            clock.watermark(
                now,
                config.tuning.allowed_lateness,
                config.tuning.down_grace,
            )
        })
        .min()
        .unwrap_or(Watermark::Excluded)
}

fn report(
    read_point: &ReadPointConfig,
    config: &GateConfig,
    zone: &TimeZone,
    sensors: &[SensorConfig],
    decisions: &[Decision],
    stats: &mut Stats,
    outputs: &mut Vec<Output>,
) {
    let refuse = |stats: &mut Stats, decision: &Decision, reason| {
        *stats.non_events.entry(reason).or_default() += 1;
        let (read_point, tags) = (read_point.name.clone(), decision.members.len());
        Output::NonEvent(NonEvent {
            read_point,
            at: decision.at,
            reason,
            tags,
        })
    };
    for decision in decisions {
        if let Some(reason) = decision.refused {
            outputs.push(refuse(stats, decision, reason));
            continue;
        }
        let step = match decision.direction {
            Direction::In => config.inward.as_ref(),
            Direction::Out => config.outward.as_ref(),
        };
        let Some(step) = step else { continue };
        let tags: Vec<TagIdentity> = decision
            .members
            .iter()
            .map(|(key, pc)| decode_bank(*pc, &key.epc, usize::from(key.bit_len)))
            .collect();
        let context = movement::Context {
            read_point: &read_point.name,
            uri: &read_point.uri,
            step,
            zone,
            at: decision.at,
        };
        let sensed = decision
            .surroundings
            .iter()
            .filter_map(|(key, surroundings)| {
                let at = decision
                    .members
                    .binary_search_by(|(member, _)| member.cmp(key));
                let tag = tags.get(at.ok()?)?;
                movement::sensor_element(context, tag, surroundings, sensors)
            });
        match movement::passage(context, decision.direction, &tags, sensed.collect()) {
            Ok(mut event) => {
                event.uncertainty = decision.uncertainty;
                stats.events += 1;
                outputs.push(Output::Event(Box::new(event)));
            }
            Err(_) => outputs.push(refuse(stats, decision, NonEventReason::Invalid)),
        }
    }
}
