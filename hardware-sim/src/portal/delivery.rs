//! From what a reader saw to what reaches the gateway, and when: its clock, its reports, the network.

use tracegate_pipeline::{Input, Read, ReaderTime, Time};

use super::dice::Dice;
use super::goods::Tag;
use super::inventory::Sighting;
use super::situation::Faults;

/// The beginning of the day on the gateway's clock: 2026-11-22T10:00:00Z.
pub(super) const DAY: Time = Time(1_795_341_600_000_000);
/// What it takes from the reader's antenna to the gateway at best, and how much that varies.
const NETWORK_S: (f64, f64) = (0.004, 0.02);
/// Held reports come in pieces of this many reads.
const HELD_READS: usize = 200;

/// A gateway time as seconds of the day.
pub(super) fn seconds(at: Time) -> f64 {
    at.micros_since(DAY) as f64 / 1e6
}

pub(super) fn gateway_time(seconds: f64) -> Time {
    #[expect(clippy::cast_possible_truncation, reason = "a time of the day in µs")]
    Time(DAY.0 + (seconds * 1e6).round() as i64)
}

/// A reader's clock against the true one.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    offset_s: f64,
    drift: f64,
    /// When, and by how much.
    steps: Vec<(f64, f64)>,
}

impl Clock {
    pub(super) fn new(faults: &Faults, length_s: f64, dice: &mut Dice) -> Self {
        let mut steps = Vec::new();
        for at in times(faults.steps_per_h, length_s, dice) {
            steps.push((at, dice.sign() * dice.between(0.3, 2.0)));
        }
        Self {
            offset_s: faults.offset_s * dice.between(-1.0, 1.0),
            drift: faults.drift_ppm * 1e-6 * dice.between(-1.0, 1.0),
            steps,
        }
    }

    pub(super) fn read(&self, at: f64) -> ReaderTime {
        let stepped = self.steps.iter().filter(|(when, _)| *when <= at);
        let off = self.offset_s + self.drift * at + stepped.map(|(_, by)| by).sum::<f64>();
        ReaderTime::Utc(u64::try_from(gateway_time(at + off).0).unwrap_or(0))
    }
}

/// A time without link: from, until, and whether what was seen meanwhile is delivered after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outage {
    pub(super) from: f64,
    pub(super) until: f64,
    pub(super) held: bool,
}

pub(super) fn outages(faults: &Faults, length_s: f64, dice: &mut Dice) -> Vec<Outage> {
    let mut found: Vec<Outage> = Vec::new();
    for from in times(faults.gaps_per_h, length_s, dice) {
        let until = from + dice.between(2.0, 15.0);
        let held = dice.chance(faults.held);
        if found.last().is_none_or(|last| from > last.until + 5.0) {
            found.push(Outage { from, until, held });
        }
    }
    found
}

fn times(per_h: f64, length_s: f64, dice: &mut Dice) -> Vec<f64> {
    let mut found = Vec::new();
    if per_h > 0.0 {
        let mean = 3600.0 / per_h;
        let mut at = dice.gap(mean);
        while at < length_s {
            found.push(at);
            at += dice.gap(mean);
        }
    }
    found
}

/// Something that reaches the gateway.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arrival {
    Link {
        up: bool,
        clock: ReaderTime,
    },
    /// A level of an input, and when it changed if it was not asked for.
    Input {
        port: u16,
        high: bool,
        clock: Option<ReaderTime>,
    },
    Report(Vec<(Sighting, ReaderTime)>),
}

/// What arrives from one reader, in order of arrival.
pub(super) fn arrivals(
    sightings: &[Sighting],
    clock: &Clock,
    outages: &[Outage],
    faults: &Faults,
    dice: &mut Dice,
) -> Vec<(f64, Arrival)> {
    let link = |up, at| {
        let clock = clock.read(at);
        (at, Arrival::Link { up, clock })
    };
    let mut arrivals = vec![link(true, 0.0)];
    let period = 1.0 / faults.reports_per_s;
    let stamped = |sighting: &Sighting| (*sighting, clock.read(sighting.at));
    let mut outages = outages.iter().peekable();
    let mut held: Vec<(Sighting, ReaderTime)> = Vec::new();
    // Reports of one connection come in order: one that is held up holds up those behind it.
    let mut last = 0.0_f64;
    let reports = sightings.chunk_by(|a, b| (a.at / period).floor() == (b.at / period).floor());
    for report in reports {
        let Some(newest) = report.last() else {
            continue;
        };
        let sent = ((newest.at / period).floor() + 1.0) * period;
        while let Some(outage) = outages.next_if(|outage| outage.until < sent) {
            reconnect(&mut arrivals, outage, &mut held, &mut last, link);
        }
        let reads = report.iter().map(stamped);
        match outages.peek() {
            Some(outage) if outage.from <= sent => {
                if outage.held {
                    held.extend(reads);
                }
            }
            _ => {
                let mut delay = NETWORK_S.0 + dice.between(0.0, NETWORK_S.1);
                if dice.chance(faults.late) {
                    delay += dice.between(0.05, 0.6);
                }
                last = last.max(sent + delay);
                arrivals.push((last, Arrival::Report(reads.collect())));
            }
        }
    }
    for outage in outages {
        reconnect(&mut arrivals, outage, &mut held, &mut last, link);
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    arrivals
}

fn reconnect(
    arrivals: &mut Vec<(f64, Arrival)>,
    outage: &Outage,
    held: &mut Vec<(Sighting, ReaderTime)>,
    last: &mut f64,
    link: impl Fn(bool, f64) -> (f64, Arrival),
) {
    arrivals.push(link(false, outage.from.max(*last + 0.001)));
    *last = last.max(outage.until);
    arrivals.push(link(true, *last));
    for piece in held.chunks(HELD_READS) {
        *last += 0.05;
        arrivals.push((*last, Arrival::Report(piece.to_vec())));
    }
    held.clear();
}

/// As the pipeline takes it.
pub(super) fn input(device: u16, at: f64, arrival: &Arrival, tags: &[Tag]) -> Input {
    let at = gateway_time(at);
    match arrival {
        Arrival::Link { up, clock } => Input::Device {
            device,
            at,
            up: *up,
            reader_time: up.then_some(*clock),
        },
        Arrival::Input { port, high, clock } => Input::Gpi {
            device,
            at,
            port: *port,
            high: *high,
            reader_time: *clock,
        },
        Arrival::Report(reads) => {
            let read = |(sighting, time): &(Sighting, ReaderTime)| {
                let tag = tags.get(sighting.tag as usize)?;
                Some(Read {
                    epc: tag.epc.clone(),
                    bit_len: u16::try_from(tag.epc.len() * 8).ok()?,
                    pc: Some(0x3000),
                    antenna: sighting.antenna,
                    rssi_dbm: Some(sighting.rssi_dbm),
                    device_time: Some(*time),
                    ..Read::default()
                })
            };
            Input::Reads {
                device,
                at,
                reads: reads.iter().filter_map(read).collect(),
            }
        }
    }
}
