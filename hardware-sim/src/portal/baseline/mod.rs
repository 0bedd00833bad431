//! What others do, written anew from their published rules, and fed the same inputs: what stands for the state of the art
//! in the score tables.
//!
//! All of them follow single tags; to be comparable, turns of tags that go together become one claim ([`Batcher`]).

mod dedup;
mod edgex;
mod smurf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::config::{Direction, ReadPointKind, Side};
use tracegate_pipeline::eyes::Says;
use tracegate_pipeline::filter::TagClass;
use tracegate_pipeline::{Input, PipelineConfig};

use super::claim::{Claim, end_s};
use super::day::Day;
use super::delivery::seconds;
use super::goods::TagIndex;

pub(super) use dedup::Dedup;
pub(super) use edgex::Edgex;
pub(super) use smurf::Smurf;

/// Methods are given the time this often.
const TICK_S: f64 = 0.25;
/// Turns of tags this close in time belong together, and their claim is made when no more came for this long (tags of
/// one load are lost one after the other): at doors.
const DOOR_S: (f64, f64) = (2.0, 4.0);
/// The same on belts.
const BELT_S: (f64, f64) = (0.3, 1.0);

/// A read that passed the tag filter, at its gate and side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Seconds of the day, by the gateway's clock.
    pub(super) at: f64,
    pub(super) gate: usize,
    pub(super) side: Side,
    pub(super) tag: TagIndex,
    pub(super) rssi_dbm: f64,
}

/// A method's word that one tag passed a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turn {
    pub(super) at: f64,
    pub(super) gate: usize,
    pub(super) direction: Direction,
    pub(super) tag: TagIndex,
}

/// A method that follows tags.
pub(super) trait Follow {
    fn see(&mut self, seen: Seen) -> Option<Turn>;
    fn tick(&mut self, now: f64, turns: &mut Vec<Turn>);
}

/// What every method needs before its rules begin: which tags count, which antenna is where, what time it is.
pub(super) struct Front {
    config: PipelineConfig,
    ports: BTreeMap<(u16, u16), (usize, Side)>,
    tags: BTreeMap<Vec<u8>, (TagIndex, bool)>,
}

impl Front {
    pub(super) fn new(day: &Day) -> Self {
        let config = day.pipeline_config();
        let mut ports = BTreeMap::new();
        for (gate, point) in config.read_points.iter().enumerate() {
            if let ReadPointKind::Gate(kind) = &point.kind {
                let own = kind.antennas.iter();
                ports.extend(own.map(|a| ((a.device, a.antenna), (gate, a.side))));
            }
        }
        let tags = (0..).zip(&day.tags).map(|(index, tag)| {
            let bits = tag.epc.len() * 8;
            let identity = decode_bank(Some(0x3000), &tag.epc, bits);
            let counts = config.tags.classify(&tag.epc, bits, &identity) != TagClass::Ignored;
            (tag.epc.clone(), (index, counts))
        });
        Self {
            tags: tags.collect(),
            config,
            ports,
        }
    }

    /// The reads of a report. Reader time is shifted so that its newest read is as old as its arrival (EdgeX does the
    /// same): none of these methods follows the reader's clock.
    fn seen(&self, input: &Input) -> Vec<Seen> {
        let Input::Reads { device, at, reads } = input else {
            return Vec::new();
        };
        let micros = |read: &tracegate_pipeline::Read| read.device_time.map(|time| time.micros());
        let newest = reads.iter().filter_map(micros).max().unwrap_or(0);
        let seen = reads.iter().filter_map(|read| {
            let (gate, side) = *self.ports.get(&(*device, read.antenna))?;
            let (tag, counts) = *self.tags.get(&read.epc)?;
            let age = micros(read).map_or(0, |own| newest - own) as f64 / 1e6;
            let weakest = match &self.config.read_points.get(gate)?.kind {
                ReadPointKind::Gate(kind) => kind.tuning.min_rssi_dbm,
                ReadPointKind::Station(_) | ReadPointKind::Zone(_) => i8::MIN,
            };
            let rssi_dbm = read.rssi_dbm.filter(|rssi| *rssi >= weakest)?;
            counts.then(|| Seen {
                at: seconds(*at) - age,
                gate,
                side,
                tag,
                rssi_dbm: f64::from(rssi_dbm),
            })
        });
        seen.collect()
    }
}

/// Feeds a day to a method.
pub(super) fn run(day: &Day, front: Front, mut method: impl Follow) -> Vec<Claim> {
    let belts = day.site.gates.iter().map(|gate| gate.belt);
    let mut batcher = Batcher::new(belts.collect());
    let (mut claims, mut turns) = (Vec::new(), Vec::new());
    let mut tick = TICK_S;
    let mut tick_until = |until: f64, method: &mut dyn Follow, batcher: &mut Batcher| {
        while tick <= until {
            method.tick(tick, &mut turns);
            for turn in turns.drain(..) {
                batcher.add(turn, tick);
            }
            batcher.tick(tick, &mut claims);
            tick += TICK_S;
        }
    };
    for input in day.inputs() {
        let Input::Reads { at, .. } = &input else {
            continue;
        };
        let now = seconds(*at);
        tick_until(now, &mut method, &mut batcher);
        for seen in front.seen(&input) {
            if let Some(turn) = method.see(seen) {
                batcher.add(turn, now);
            }
        }
    }
    tick_until(end_s(day), &mut method, &mut batcher);
    claims
}

struct Open {
    claim: Claim,
    last_at: f64,
    heard: f64,
}

/// Turns that go together.
pub(super) struct Batcher {
    open: Vec<Open>,
    /// For each gate, whether it is on a belt.
    belts: Vec<bool>,
}

impl Batcher {
    pub(super) const fn new(belts: Vec<bool>) -> Self {
        Self {
            open: Vec::new(),
            belts,
        }
    }

    pub(super) fn add(&mut self, turn: Turn, now: f64) {
        let (together, _) = times(&self.belts, turn.gate);
        let near = |open: &&mut Open| {
            (open.claim.read_point, open.claim.direction) == (turn.gate, turn.direction)
                && turn.at > open.claim.at_s - together
                && turn.at < open.last_at + together
        };
        if let Some(open) = self.open.iter_mut().find(near) {
            open.claim.tags.insert(turn.tag);
            open.claim.at_s = open.claim.at_s.min(turn.at);
            open.last_at = open.last_at.max(turn.at);
            open.heard = now;
        } else {
            self.open.push(Open {
                claim: Claim {
                    read_point: turn.gate,
                    direction: turn.direction,
                    tags: [turn.tag].into(),
                    unknown: 0,
                    passage: None,
                    at_s: turn.at,
                    said_s: now,
                    eyes: Says::Nothing,
                },
                last_at: turn.at,
                heard: now,
            });
        }
    }

    pub(super) fn tick(&mut self, now: f64, claims: &mut Vec<Claim>) {
        let belts = &self.belts;
        let is_done = |open: &mut Open| now - open.heard >= times(belts, open.claim.read_point).1;
        let done = self.open.extract_if(.., is_done);
        claims.extend(done.map(|open| Claim {
            at_s: f64::midpoint(open.claim.at_s, open.last_at),
            said_s: now,
            eyes: Says::Nothing,
            ..open.claim
        }));
    }
}

fn times(belts: &[bool], gate: usize) -> (f64, f64) {
    if belts.get(gate).copied().unwrap_or(false) {
        BELT_S
    } else {
        DOOR_S
    }
}
