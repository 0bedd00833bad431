//! Antenna health, judged by what is read: an antenna that reads far less, or far weaker, than it did on the days before.
//!
//! A reader's own word on its antennas comes late, or not at all at low power. So each antenna of a gate is compared with
//! its own history, in pieces of time in which there was traffic: another antenna of the gate saw as many tags come as it
//! usually does in such a piece. Tags that are fixed to the building (`[tags] reference`) tell the same without traffic.
//! A tag that is parked before an antenna counts only as it comes.
//!
//! Pure: time comes in with what is read. **Invariants**: no traffic, no judgement; medians over pieces and days, so that
//! no odd hour decides; everything bounded.

mod file;
mod slot;
#[cfg(test)]
mod tests;
mod track;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::{Input, PipelineConfig, Time};
use tracing::{info, warn};

use crate::health::{Code, Health, Problem};
use slot::Slot;
use track::{Measure, Track};

/// Length of a piece of time, microseconds: a quarter of an hour.
const PIECE_US: i64 = 15 * 60 * 1_000_000;
/// Pieces of a day.
const PIECES_PER_DAY: i64 = 96;
/// Tags that another antenna must have seen coming before a piece is judged.
const TRAFFIC: u32 = 10;
/// Antennas followed at most.
const MAX_ANTENNAS: usize = 1_024;
/// A reader that read nothing in so many pieces with traffic is silent.
const SILENT_PIECES: u32 = 2;

/// What an antenna is judged by; kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Tracks {
    /// Tags that came, in pieces with traffic.
    tags: Track,
    /// Reads for each tag that the gate's other antennas saw coming.
    rate: Track,
    /// Mean strength of tags that came, dBm.
    rssi: Track,
    /// Reads of the tags that are fixed to the building.
    reference: Track,
}

#[derive(Debug, Default)]
struct Antenna {
    slot: Slot,
    tracks: Tracks,
    /// Other antennas of the same gates.
    neighbours: BTreeSet<(DeviceIndex, u16)>,
}

#[derive(Debug, Default)]
struct Reader {
    /// It was not connected for the whole of the piece.
    disturbed: bool,
    /// Pieces with traffic in which it read nothing, in a row.
    silent: u32,
}

/// What is known about all antennas.
#[derive(Debug, Default)]
pub struct Antennas {
    names: Vec<String>,
    antennas: BTreeMap<(DeviceIndex, u16), Antenna>,
    readers: BTreeMap<DeviceIndex, Reader>,
    reference: Vec<Pattern>,
    /// The piece that is under way.
    piece: Option<i64>,
    file: Option<PathBuf>,
    /// Of antennas that the configuration does not name now.
    others: BTreeMap<(String, u16), Tracks>,
}

/// What is to be said of an antenna, or of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) device: String,
    pub(crate) problem: Problem,
    /// `None`: it is well, or nothing is known.
    pub(crate) text: Option<String>,
}

impl Antennas {
    /// With what was learned before, in `file`, where more will be noted.
    #[must_use]
    pub fn remembered(file: PathBuf) -> Self {
        let others = file::load(&file);
        Self {
            others,
            file: Some(file),
            ..Self::default()
        }
    }

    /// From here on this is the configuration.
    pub fn configure(&mut self, config: &PipelineConfig) {
        for ((device, antenna), known) in std::mem::take(&mut self.antennas) {
            if let Some(name) = self.names.get(usize::from(device)) {
                self.others.insert((name.clone(), antenna), known.tracks);
            }
        }
        self.names.clone_from(&config.devices);
        self.reference.clone_from(&config.tags.reference);
        for read_point in &config.read_points {
            let (all, are_neighbours): (Vec<_>, bool) = match &read_point.kind {
                ReadPointKind::Gate(gate) => {
                    let antennas = gate.antennas.iter();
                    (antennas.map(|it| (it.device, it.antenna)).collect(), true)
                }
                // Antennas of a zone look at different places: one says nothing about another.
                ReadPointKind::Zone(zone) => (zone.antennas.clone(), false),
                ReadPointKind::Station(_) => continue,
            };
            for place in &all {
                if self.antennas.len() >= MAX_ANTENNAS && !self.antennas.contains_key(place) {
                    continue;
                }
                let name = self.names.get(usize::from(place.0)).cloned();
                let others = &mut self.others;
                let antenna = self.antennas.entry(*place).or_insert_with(|| Antenna {
                    tracks: name
                        .and_then(|name| others.remove(&(name, place.1)))
                        .unwrap_or_default(),
                    ..Antenna::default()
                });
                if are_neighbours {
                    let neighbours = all.iter().filter(|it| *it != place);
                    antenna.neighbours.extend(neighbours.copied());
                }
            }
        }
        let devices = self.antennas.keys().map(|(device, _)| *device);
        self.readers = devices.map(|it| (it, Reader::default())).collect();
        self.disturb();
    }

    /// Something was missed: the piece that is under way is not judged.
    pub fn disturb(&mut self) {
        for reader in self.readers.values_mut() {
            reader.disturbed = true;
        }
    }

    /// Takes what was stored; what comes of it is told to `health`.
    pub fn take(&mut self, inputs: &[Input], health: &Health) {
        for input in inputs {
            if let Some(at) = input.at()
                && let Some(verdicts) = self.time(at)
            {
                for verdict in verdicts {
                    tell(&verdict, health);
                }
                self.note();
            }
            match input {
                Input::Configure(config) => self.configure(config),
                Input::Start { .. } => self.disturb(),
                Input::Device { device, .. } => {
                    if let Some(reader) = self.readers.get_mut(device) {
                        reader.disturbed = true;
                    }
                }
                Input::Reads { device, reads, .. } => {
                    let piece = self.piece.unwrap_or(0);
                    for read in reads {
                        if let Some(antenna) = self.antennas.get_mut(&(*device, read.antenna)) {
                            antenna.slot.read(piece, read, &self.reference);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Time passes; what is to be said when a piece of it has ended.
    pub(crate) fn time(&mut self, at: Time) -> Option<Vec<Verdict>> {
        let piece = at.0.div_euclid(PIECE_US);
        let before = *self.piece.get_or_insert(piece);
        if piece == before {
            return None;
        }
        self.piece = Some(piece);
        // A clock that was set, and a gateway that stood still, make no piece of time.
        if piece < before {
            self.disturb();
        }
        let verdicts = self.judge(before);
        for antenna in self.antennas.values_mut() {
            antenna.slot.begin(piece);
        }
        for reader in self.readers.values_mut() {
            reader.disturbed = false;
        }
        Some(verdicts)
    }

    /// Tags that the best witness of an antenna saw coming, if there was traffic as usual.
    fn traffic(&self, antenna: &Antenna) -> Option<(u32, BTreeSet<DeviceIndex>)> {
        let mut most = 0;
        let mut witnesses = BTreeSet::new();
        for place in &antenna.neighbours {
            let Some(other) = self.antennas.get(place) else {
                continue;
            };
            let is_disturbed = |it: &Reader| it.disturbed;
            if self.readers.get(&place.0).is_none_or(is_disturbed) || other.slot.is_full() {
                continue;
            }
            let tags = other.slot.tags;
            let usual = other.tracks.tags.usual().unwrap_or(0.0);
            if tags >= TRAFFIC && f64::from(tags) * 2.0 >= usual {
                most = most.max(tags);
                witnesses.insert(place.0);
            }
        }
        (most > 0).then_some((most, witnesses))
    }

    fn judge(&mut self, piece: i64) -> Vec<Verdict> {
        let day = piece.div_euclid(PIECES_PER_DAY);
        let mut verdicts = Vec::new();
        // Judged by how the others were before this piece changes them.
        let places = self.antennas.iter();
        let traffic: BTreeMap<_, _> = places
            .map(|(place, antenna)| (*place, self.traffic(antenna)))
            .collect();
        let mut alive: BTreeMap<DeviceIndex, u64> = BTreeMap::new();
        for ((device, _), antenna) in &self.antennas {
            *alive.entry(*device).or_default() += antenna.slot.reads;
        }
        for (device, reader) in &mut self.readers {
            let reads = alive.get(device).copied().unwrap_or(0);
            let elsewhere = traffic.iter().any(|((of, _), traffic)| {
                let witnessed = |it: &BTreeSet<DeviceIndex>| it.iter().any(|by| by != device);
                of == device && traffic.as_ref().is_some_and(|(_, by)| witnessed(by))
            });
            if reads > 0 || reader.disturbed {
                reader.silent = 0;
            } else if elsewhere {
                reader.silent = reader.silent.saturating_add(1);
            }
            if let Some(name) = self.names.get(usize::from(*device)) {
                let text = "it is connected and reads nothing, although its neighbours read";
                verdicts.push(Verdict {
                    device: name.clone(),
                    problem: Problem::NoReads,
                    text: (reader.silent >= SILENT_PIECES).then(|| text.to_owned()),
                });
            }
        }
        for ((device, port), antenna) in &mut self.antennas {
            let Some(name) = self.names.get(usize::from(*device)) else {
                continue;
            };
            let disturbed = self.readers.get(device).is_none_or(|it| it.disturbed);
            let (slot, tracks) = (&antenna.slot, &mut antenna.tracks);
            if !disturbed && !slot.is_full() {
                if let Some(Some((seen, _))) = traffic.get(&(*device, *port)) {
                    let rate = slot.fresh as f64 / f64::from(*seen);
                    tracks.tags.take(Measure::Share, day, f64::from(slot.tags));
                    tracks.rate.take(Measure::Share, day, rate);
                    if let Some(rssi) = slot.mean_rssi() {
                        tracks.rssi.take(Measure::Decibels, day, rssi);
                    }
                }
                // A reader that reads only when something comes says nothing while nothing does.
                if alive.get(device).is_some_and(|reads| *reads > 0) && !self.reference.is_empty() {
                    let reads = slot.reference as f64;
                    tracks.reference.take(Measure::Share, day, reads);
                }
            }
            verdicts.push(Verdict {
                device: name.clone(),
                problem: Problem::Weak(*port),
                text: words(*port, tracks),
            });
        }
        verdicts
    }

    fn note(&self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        let own = self
            .antennas
            .iter()
            .filter_map(|((device, antenna), known)| {
                let name = self.names.get(usize::from(*device))?;
                Some(((name.clone(), *antenna), known.tracks.clone()))
            });
        let all: BTreeMap<_, _> = self.others.clone().into_iter().chain(own).collect();
        // Nobody waits for the disk here.
        drop(tokio::task::spawn_blocking(move || file::save(&path, &all)));
    }
}

/// What is wrong with an antenna; the figures are rounded, so that they are news only when they change much.
fn words(port: u16, tracks: &Tracks) -> Option<String> {
    let share = |(now, usual): (f64, f64)| {
        let percent = (now / usual * 10.0).round() * 10.0;
        match percent > 0.0 {
            true => format!("only about {percent:.0} % of what it used to read"),
            false => "next to nothing of what it used to read".to_owned(),
        }
    };
    if let Some(low) = tracks.rate.low() {
        let share = share(low);
        return Some(format!(
            "antenna {port} reads {share}, while its neighbours read as usual"
        ));
    }
    if let Some(low) = tracks.reference.low() {
        let share = share(low);
        return Some(format!(
            "antenna {port} reads {share} of the reference tags"
        ));
    }
    let (now, usual) = tracks.rssi.low()?;
    let less = ((usual - now) / 3.0).round() * 3.0;
    Some(format!(
        "antenna {port} reads about {less:.0} dB weaker than it used to"
    ))
}

fn tell(verdict: &Verdict, health: &Health) {
    let Verdict {
        device,
        problem,
        text,
    } = verdict;
    if !health.problem(device, *problem, text.as_deref()) {
        return;
    }
    let code = Code::of_problem(*problem).as_str();
    let antenna = match problem {
        Problem::Weak(antenna) => Some(*antenna),
        _ => None,
    };
    match text {
        Some(problem) => warn!(
            code,
            reader = device,
            antenna,
            problem,
            "Less is read than usual"
        ),
        None => info!(code, reader = device, antenna, "It reads as usual again"),
    }
}
