//! What the antennas of a read point read: goods that passed, and what stands about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::config::{GateAntenna, GateConfig, Side};
use tracegate_pipeline::filter::TagClass;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Read, Time};

use super::{Pass, Walk};

/// Around a pass goods come and go.
const MARGIN: Span = Span::millis(3_000);
/// A tag that is read at least this often while nothing passes, compared with the passes, stands about.
const STRAY_RATE: f64 = 0.2;
/// Width of a column of a histogram, dB.
const BIN_DB: i8 = 5;

/// Reads by strength.
pub type Histogram = BTreeMap<i8, u64>;

/// What an antenna read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Antenna {
    /// Its reader.
    pub device: String,
    /// Its port.
    pub antenna: u16,
    /// The side it looks at.
    pub side: &'static str,
    /// Reads of goods by strength: the lower end of 5 dB, in dBm.
    pub goods: Histogram,
    /// Reads of what stands about.
    pub strays: Histogram,
    /// In how many passes of a tag it read the tag, and of how many.
    pub read: (usize, usize),
    /// Median of the strongest read of a tag in a pass, dBm.
    pub median_peak: Option<i8>,
}

/// Everything that was read, sorted out.
#[derive(Debug)]
pub(super) struct Figures {
    antennas: Vec<Antenna>,
    goods: BTreeSet<Vec<u8>>,
    strays: BTreeSet<Vec<u8>>,
    /// Strongest read of each tag of the goods in each pass on each side.
    side_peaks: Vec<i8>,
    /// Strength of every read of what stands about.
    stray_levels: Vec<i8>,
}

/// The strongest read by reader and antenna.
type Peaks = BTreeMap<(u16, u16), i8>;

struct Sighting<'a> {
    read: &'a Read,
    antenna: GateAntenna,
    pass: Option<usize>,
}

impl Figures {
    pub(super) fn of(walk: &Walk<'_>, gate: &GateConfig) -> Self {
        let sightings = sightings(walk, gate);
        let (goods, strays) = sort(walk, &sightings);
        let mut figures = Self {
            antennas: Vec::new(),
            goods,
            strays,
            side_peaks: Vec::new(),
            stray_levels: Vec::new(),
        };
        let mut peaks: BTreeMap<(usize, &[u8]), Peaks> = BTreeMap::new();
        let mut sides: BTreeMap<(usize, &[u8], Side), i8> = BTreeMap::new();
        let mut histograms: BTreeMap<(u16, u16), [Histogram; 2]> = BTreeMap::new();
        for Sighting {
            read,
            antenna,
            pass,
        } in &sightings
        {
            let port = (antenna.device, antenna.antenna);
            let epc = read.epc.as_slice();
            let is_stray = figures.strays.contains(epc);
            let Some(level) = read.rssi_dbm else { continue };
            let [of_goods, of_strays] = histograms.entry(port).or_default();
            let histogram = if is_stray { of_strays } else { of_goods };
            let count = 1 + u64::from(read.more);
            *histogram
                .entry(level.div_euclid(BIN_DB).saturating_mul(BIN_DB))
                .or_default() += count;
            if is_stray {
                figures.stray_levels.push(level);
            } else if let Some(pass) = *pass {
                let peak = peaks.entry((pass, epc)).or_default().entry(port);
                let peak = peak.or_insert(level);
                *peak = (*peak).max(level);
                let side = sides.entry((pass, epc, antenna.side)).or_insert(level);
                *side = (*side).max(level);
            }
        }
        figures.side_peaks = sides.into_values().collect();
        figures.antennas = gate
            .antennas
            .iter()
            .map(|antenna| {
                let port = (antenna.device, antenna.antenna);
                let mut own: Vec<i8> = peaks
                    .values()
                    .filter_map(|it| it.get(&port).copied())
                    .collect();
                let [goods, strays] = histograms.remove(&port).unwrap_or_default();
                let names = &walk.config.devices;
                Antenna {
                    device: names.get(usize::from(port.0)).cloned().unwrap_or_default(),
                    antenna: port.1,
                    side: match antenna.side {
                        Side::Inside => "inside",
                        Side::Outside => "outside",
                    },
                    goods,
                    strays,
                    read: (own.len(), peaks.len()),
                    median_peak: percentile(&mut own, 50),
                }
            })
            .collect();
        figures
    }

    /// Tags that were taken through.
    pub(super) fn goods(&self) -> usize {
        self.goods.len()
    }

    /// Tags that stand about.
    pub(super) fn strays(&self) -> usize {
        self.strays.len()
    }

    pub(super) fn antennas(&self) -> Vec<Antenna> {
        self.antennas.clone()
    }

    /// Nearly all tags of the goods were read at least this strongly on each side where they were read.
    pub(super) fn weakest_goods(&self) -> Option<i8> {
        percentile(&mut self.side_peaks.clone(), 5)
    }

    /// Nearly all reads of what stands about are this strong at most.
    pub(super) fn strongest_strays(&self) -> Option<i8> {
        percentile(&mut self.stray_levels.clone(), 95)
    }
}

fn percentile(levels: &mut [i8], percent: usize) -> Option<i8> {
    levels.sort_unstable();
    let last = levels.len().checked_sub(1)?;
    levels.get(last * percent / 100).copied()
}

/// Reads of tags that count, at the antennas of the read point.
fn sightings<'a>(walk: &Walk<'a>, gate: &GateConfig) -> Vec<Sighting<'a>> {
    let mut classes: BTreeMap<&[u8], bool> = BTreeMap::new();
    let mut sightings = Vec::new();
    for input in walk.inputs {
        let Input::Reads { device, at, reads } = input else {
            continue;
        };
        for read in reads {
            let mut antennas = gate.antennas.iter();
            let is_it = |it: &&GateAntenna| it.device == *device && it.antenna == read.antenna;
            let Some(antenna) = antennas.find(is_it) else {
                continue;
            };
            let counts = *classes.entry(&read.epc).or_insert_with(|| {
                let bits = usize::from(read.bit_len);
                let identity = decode_bank(read.pc, &read.epc, bits);
                let rules = &walk.config.tags;
                rules.classify(&read.epc, bits, &identity) != TagClass::Ignored
            });
            if counts {
                let at = *at - Span(read.waited_us.into());
                sightings.push(Sighting {
                    read,
                    antenna: *antenna,
                    pass: pass_at(walk.passes, at),
                });
            }
        }
    }
    sightings
}

fn pass_at(passes: &[Pass], at: Time) -> Option<usize> {
    let within = |margin: Span| {
        let mut passes = passes.iter();
        passes.position(|pass| pass.from - margin <= at && at <= pass.to + margin)
    };
    within(Span::default()).or_else(|| within(MARGIN))
}

/// Goods, and what stands about: it is read as well while nothing passes.
fn sort(walk: &Walk<'_>, sightings: &[Sighting<'_>]) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let mut counts: BTreeMap<&[u8], (f64, f64)> = BTreeMap::new();
    for sighting in sightings {
        let count = counts.entry(&sighting.read.epc).or_default();
        match sighting.pass {
            Some(_) => count.0 += 1.0,
            None => count.1 += 1.0,
        }
    }
    let times = walk.inputs.iter().filter_map(tracegate_pipeline::Input::at);
    let (first, last) = times.fold((None, Time::MIN), |(first, last), at| {
        (first.or(Some(at)), last.later(at))
    });
    let first = first.unwrap_or(last);
    let mut busy = 0.0;
    let mut until = Time::MIN;
    for pass in walk.passes {
        // Before the first read and after the last nobody looked.
        let from = (pass.from - MARGIN).later(until).later(first);
        until = until.later((pass.to + MARGIN).min(last));
        busy += (until - from).seconds().max(0.0);
    }
    let idle = (last - first).seconds() - busy;
    let (mut goods, mut strays) = (BTreeSet::new(), BTreeSet::new());
    for (epc, (passing, idling)) in counts {
        let is_stray = passing == 0.0
            || idle > 1.0 && idling / idle >= STRAY_RATE * passing / busy.max(f64::MIN_POSITIVE);
        let side = if is_stray { &mut strays } else { &mut goods };
        side.insert(epc.to_vec());
    }
    (goods, strays)
}
