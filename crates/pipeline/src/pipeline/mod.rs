//! The fold: one input at a time, outputs in order.

mod active;
mod advance;
mod book;
mod clocks;
mod eyes;
mod guard;
mod late;
mod mark;
mod read;
mod reconfigure;
mod scan;
mod watch;

pub use eyes::EyeReport;

use std::collections::BTreeMap;

use crate::clock::{DeviceClock, Held, Watermark};
use crate::config::{GateConfig, PipelineConfig, ReadPointKind, Side, StationScanner};
use crate::fate::Trace;
use crate::gate::{END, Gate};
use crate::input::{DeviceIndex, Input, Output};
use crate::mark::MarkFeeds;
use crate::movement::{self, Wall};
use crate::reference::References;
use crate::station::{Codes, Station};
use crate::stats::Stats;
use crate::time::{Span, Time};
use crate::whereabouts::Whereabouts;
use crate::zone::Zone;
use serde::{Deserialize, Serialize};

/// Ticks are asked for no closer than this.
const TICK: Span = Span::millis(250);
/// A start this far before the newest input means that the wall clock was set back.
const SET_BACK: Span = Span::millis(1_000);

#[expect(
    clippy::large_enum_variant,
    reason = "there are a handful, and most are gates"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Place {
    Gate(Gate),
    Station(Station),
    /// Its state is in [`State::zones`].
    Zone,
}

/// The whole state, for snapshots. Its fields are private on purpose: only a [`Pipeline`] makes sense of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    config: PipelineConfig,
    now: Time,
    wall: Wall,
    devices: Vec<DeviceClock>,
    places: Vec<Place>,
    /// What read points know of things that come, stay and leave, by their index.
    zones: BTreeMap<usize, Zone>,
    /// Which of them active tags are in.
    whereabouts: Whereabouts,
    references: References,
    /// How far the feeds of markers were read.
    marks: MarkFeeds,
}

/// The pipeline: see the [crate] documentation.
#[derive(Debug, Clone)]
pub struct Pipeline {
    state: State,
    zone: movement::Zone,
    ports: BTreeMap<(DeviceIndex, u16), (usize, Side)>,
    watched: BTreeMap<watch::Port, usize>,
    marked: BTreeMap<String, usize>,
    eyes: BTreeMap<(DeviceIndex, u16), Vec<eyes::Wire>>,
    scanners: BTreeMap<DeviceIndex, (usize, StationScanner)>,
    /// What codes are, at stations with a task.
    codes: BTreeMap<usize, Codes>,
    stats: Stats,
    /// What becomes of reads, while somebody follows them; no part of what decides.
    trace: Option<Trace>,
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
            wall: Wall::default(),
            devices: Vec::new(),
            places: Vec::new(),
            zones: BTreeMap::new(),
            whereabouts: Whereabouts::default(),
            references: References::default(),
            marks: MarkFeeds::default(),
        })
    }
}

impl Pipeline {
    /// Goes on from a snapshot.
    #[must_use]
    pub fn from_state(state: State) -> Self {
        let mut zone = movement::zone(&state.config.time_zone);
        zone.wall = state.wall;
        let (mut ports, mut scanners) = (BTreeMap::new(), BTreeMap::new());
        let mut codes = BTreeMap::new();
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
                    // Patterns that cannot be used were refused by the config check.
                    let rules = station.task.as_ref().map(|task| Codes::new(&task.codes));
                    codes.extend(rules.and_then(Result::ok).map(|it| (index, it)));
                    scanners.extend(
                        station
                            .scanners
                            .iter()
                            .map(|scanner| (scanner.device, (index, scanner.clone()))),
                    );
                }
                ReadPointKind::Zone(_) => {}
            }
        }
        let watched = watch::ports(&state.config.read_points);
        let marked = watch::exciters(&state.config.read_points);
        let eyes = eyes::wires(&state.config.read_points);
        Self {
            state,
            zone,
            ports,
            watched,
            marked,
            eyes,
            scanners,
            codes,
            stats: Stats::default(),
            trace: None,
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

    /// What is known of the gateway's wall clock.
    #[must_use]
    pub const fn wall(&self) -> Wall {
        self.state.wall
    }

    /// Gateway time of the newest input.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.state.now
    }

    /// Tags followed and reads waiting for their turn, over all gates.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        let zones = self.state.zones.values().map(Zone::sizes);
        let held = self.state.devices.iter().map(|it| (0, it.held()));
        self.gates()
            .map(Gate::sizes)
            .chain(zones)
            .chain(held)
            .fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// How long it takes at this read point until a tag in the field is heard again on the same side, in half of all cases, if
    /// that is so long that its times follow it.
    #[must_use]
    pub fn slow_air(&self, read_point: &str) -> Option<Span> {
        let mut all = self.state.config.read_points.iter().zip(&self.state.places);
        all.find_map(|(config, place)| match (&config.kind, place) {
            (ReadPointKind::Gate(gate), Place::Gate(it)) if config.name == read_point => {
                it.slow(&gate.tuning)
            }
            _ => None,
        })
    }

    /// Facts held about things that are around.
    #[must_use]
    pub fn facts(&self) -> usize {
        self.state.references.len()
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
                    let open = gate.deadline(&config.tuning);
                    let open = open.map(|at| at + config.tuning.allowed_lateness);
                    open.into_iter().chain(gate.late_due(&config.tuning)).min()
                }
                (Place::Station(station), ReadPointKind::Station(config)) => {
                    station.desk.deadline(config.task.as_deref()?)
                }
                _ => None,
            });
        let zones = self.state.zones.iter().filter_map(|(index, zone)| {
            let read_point = self.state.config.read_points.get(*index)?;
            let config = watch::zone_of(read_point)?;
            Some(zone.deadline()? + config.tuning.allowed_lateness)
        });
        let doubts = self.state.devices.iter().filter_map(DeviceClock::doubt_due);
        due.chain(zones)
            .chain(doubts)
            .min()
            .map(|at| at.later(self.state.now + TICK))
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Configure(config) => self.configure(*config, &mut outputs),
            Input::Start { at } => {
                self.start(at, &mut outputs);
                self.marks_restarted(at, &mut outputs);
            }
            Input::Mark(report) => {
                let at = self.clock(report.at);
                self.mark(at, *report, &mut outputs);
                self.advance(&mut outputs);
            }
            Input::Device {
                device,
                at,
                up,
                reader_time,
            } => {
                let at = self.clock(at);
                // Whether it was given up must not depend on a tick in between.
                self.advance(&mut outputs);
                self.end_doubts(Some(device), &mut outputs);
                if let Some(clock) = self.state.devices.get_mut(usize::from(device)) {
                    clock.link_changed(at, up, reader_time);
                }
                if !up {
                    self.lose_eyes(at, Some(device));
                }
                self.advance(&mut outputs);
            }
            Input::Reads { device, at, reads } => {
                let at = self.clock(at);
                self.end_doubts(None, &mut outputs);
                for read in reads {
                    self.take(device, at, Held::Read(read), &mut outputs);
                }
                self.advance(&mut outputs);
            }
            Input::Gpi {
                device,
                at,
                port,
                high,
                reader_time,
            } => {
                let at = self.clock(at);
                self.end_doubts(None, &mut outputs);
                let edge = Held::Edge {
                    port,
                    high,
                    reader_time,
                };
                self.take(device, at, edge, &mut outputs);
                self.advance(&mut outputs);
            }
            Input::Scan { device, at, data } => {
                let at = self.clock(at);
                self.expire_desks(&mut outputs);
                self.scan(device, at, &data, &mut outputs);
                self.advance(&mut outputs);
            }
            Input::Tick { at } => {
                self.clock(at);
                self.advance(&mut outputs);
            }
            Input::References { at, as_of, records } => {
                let at = self.clock(at);
                (self.state.references).current(as_of, at + self.zone.wall.ahead);
                for record in records {
                    self.state.references.learn(at, record);
                }
            }
            Input::Wall { at, wall } => {
                self.clock(at);
                self.state.wall = wall;
                self.zone.wall = wall;
                self.advance(&mut outputs);
            }
        }
        let events = outputs.iter().filter(|output| match output {
            Output::Event(event) => event.incomplete,
            _ => false,
        });
        self.stats.incomplete += events.count() as u64;
        outputs
    }

    fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.state.places.iter().filter_map(|place| match place {
            Place::Gate(gate) => Some(gate),
            Place::Station(_) | Place::Zone => None,
        })
    }

    /// Inputs of several sources may overtake each other by a little; time does not run backwards for that.
    fn clock(&mut self, at: Time) -> Time {
        self.state.now = self.state.now.later(at);
        self.state.now
    }

    fn start(&mut self, at: Time, outputs: &mut Vec<Output>) {
        for device in (0..).take(self.state.devices.len()) {
            self.end_doubts(Some(device), outputs);
        }
        let ahead = std::mem::take(&mut self.state.wall.ahead);
        if self.state.now - at > SET_BACK || ahead.abs() > SET_BACK {
            // Nothing measured on the old line can be compared with the new one.
            self.flush_all(outputs);
            let by = self.state.now - at;
            for place in &mut self.state.places {
                if let Place::Gate(gate) = place {
                    gate.set_back(by);
                }
            }
            self.set_zones_back(by, outputs);
            self.state.devices.fill(DeviceClock::down(at));
            self.state.now = at;
        }
        self.zone.wall = self.state.wall;
        let at = self.clock(at);
        for device in &mut self.state.devices {
            device.restarted(at);
        }
        self.lose_eyes(at, None);
    }

    /// Moves every gate on to where its devices' reads are complete.
    fn advance(&mut self, outputs: &mut Vec<Output>) {
        self.end_doubts(None, outputs);
        self.expire_desks(outputs);
        let now = self.state.now;
        self.each_gate(outputs, now, |devices, config| {
            watermark(devices, config, now)
        });
        self.settle_late(now, outputs);
        self.advance_zones(outputs);
        self.sweep_references();
    }

    fn flush_all(&mut self, outputs: &mut Vec<Output>) {
        self.each_gate(outputs, END, |_, _| Watermark::Excluded);
        self.settle_late(END, outputs);
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
