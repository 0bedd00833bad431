//! A simulated day: what happened, what the readers saw of it, and what reached the gateway.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_pipeline::{Input, PipelineConfig};

use super::air::{Air, Conditions};
use super::delivery::{Arrival, Clock, DAY, arrivals, input, outages};
use super::dice::Dice;
use super::eyes::{EyeEdge, eye_arrivals, eye_edges};
use super::goods::{Body, BodyKind, Cause, Tag, TagIndex, TagKind};
use super::inventory::{Inventory, Sighting};
use super::site::Site;
use super::situation::{Preset, Situation};
use super::traffic::Traffic;
use super::truth::{Movement, movements};
use super::waves::Rounds;

/// Streams of chance that do not touch each other.
mod stream {
    pub(super) const SITE: u64 = 1;
    pub(super) const TRAFFIC: u64 = 2;
    pub(super) const GHOSTS: u64 = 3;
    /// And up, one for each reader.
    pub(super) const READERS: u64 = 100;
    pub(super) const NETWORK: u64 = 200;
    pub(super) const EYES: u64 = 300;
}

/// A movement that cannot be found by anybody: less than this share of its tags was read at its gate.
const OBSERVABLE: f64 = 0.5;
/// What is read this long before or after a passage still tells of it.
const AROUND_S: f64 = 3.0;

/// One day with its truth.
#[derive(Debug)]
pub struct Day {
    /// Which preset.
    pub situation: Situation,
    /// Of all chance in it.
    pub seed: u64,
    /// Seconds of traffic.
    pub length_s: f64,
    /// What passed, in order of the end of the passages, without what nobody could find.
    pub movements: Vec<Movement>,
    /// Movements of which less than half of the tags were read: not counted.
    pub unreadable: usize,
    /// Photo-eye edges in order of time.
    pub eyes: Vec<EyeEdge>,
    pub(super) site: Site,
    pub(super) tags: Vec<Tag>,
    pub(super) bodies: Vec<Body>,
    pub(super) body_of: Vec<u32>,
    /// The gateway has the photo-eyes.
    wired: bool,
    pub(super) arrivals: Vec<(f64, u16, Arrival)>,
    by_uri: BTreeMap<String, TagIndex>,
}

impl Day {
    /// Simulates `length_s` seconds; the same arguments give the same day.
    #[must_use]
    pub fn new(situation: Situation, seed: u64, length_s: f64) -> Self {
        Self::under(situation, seed, length_s, Conditions::default())
    }

    /// The same traffic in another air, with readers that go about their rounds in another way than the preset's, or with
    /// photo-eyes.
    #[must_use]
    pub fn under(situation: Situation, seed: u64, length_s: f64, conditions: Conditions) -> Self {
        let mut preset = Preset::new(situation, &mut Dice::new(seed, stream::SITE));
        for reader in &mut preset.site.readers {
            reader.search = conditions.search.unwrap_or(reader.search);
        }
        let mut traffic = Traffic::new(&preset, Dice::new(seed, stream::TRAFFIC), length_s);
        traffic.run();
        let (bodies, mut warehouse) = (traffic.bodies, traffic.warehouse);
        let goods = warehouse.tags.len();
        let mut ghost_dice = Dice::new(seed, stream::GHOSTS);
        let end = length_s + 30.0;
        let (mut arrived, mut seen) = (Vec::new(), Vec::new());
        let eyes = eye_edges(&preset.site.gates, &bodies, length_s);
        for (device, reader) in (0_u16..).zip(&preset.site.readers) {
            let dice = Dice::new(seed, stream::READERS + u64::from(device));
            let tags = &warehouse.tags[..goods];
            let belt = (reader.ports.iter()).any(|port| {
                preset
                    .site
                    .gates
                    .get(port.gate)
                    .is_some_and(|gate| gate.belt)
            });
            let mut sightings = match conditions.air {
                Air::LinkBudget => {
                    let pace = conditions.pace(belt);
                    Inventory::new(reader, &bodies, tags, end, pace, dice).run(end)
                }
                Air::Waves => {
                    Rounds::new(reader, &bodies, tags, end, &conditions, belt, dice).run(end)
                }
            };
            let mut at = ghost_dice.gap(3600.0 / preset.faults.ghosts_per_h);
            while at < length_s {
                let antenna = ghost_dice.whole(1, 4) as u16;
                if let Some(tag) = warehouse.ghost(&mut ghost_dice) {
                    sightings.push(Sighting {
                        at,
                        tag,
                        antenna,
                        rssi_dbm: -70,
                    });
                }
                at += ghost_dice.gap(3600.0 / preset.faults.ghosts_per_h);
            }
            sightings.sort_by(|a, b| a.at.total_cmp(&b.at));
            let mut dice = Dice::new(seed, stream::NETWORK + u64::from(device));
            let clock = Clock::new(&preset.faults, length_s, &mut dice);
            let gaps = outages(&preset.faults, length_s, &mut dice);
            let own = arrivals(&sightings, &clock, &gaps, &preset.faults, &mut dice);
            seen.push(delivered(&own));
            let mut dice = Dice::new(seed, stream::EYES + u64::from(device));
            let its = |edge: &&EyeEdge| edge.read_point == usize::from(device);
            let its: Vec<EyeEdge> = eyes.iter().filter(its).copied().collect();
            let edges = eye_arrivals(&its, &clock, &gaps, preset.faults.late, &mut dice);
            arrived.extend(edges.into_iter().map(|(at, what)| (at, device, what)));
            arrived.extend(own.into_iter().map(|(at, what)| (at, device, what)));
        }
        arrived.sort_by(|a, b| a.0.total_cmp(&b.0));
        let tags = warehouse.tags;
        let goods_of = |body: &Body| {
            let own = body.tags.clone().filter(|index| is_goods(&tags[*index]));
            own.filter_map(|index| TagIndex::try_from(index).ok())
                .collect()
        };
        let all = movements(&preset.site.gates, &bodies, goods_of);
        let in_day = |movement: &Movement| movement.from_s >= 0.0 && movement.to_s <= length_s;
        let mut unreadable = 0;
        let truth = all.into_iter().filter(in_day).filter_map(|movement| {
            let read = read_of(&movement, &preset.site, &seen);
            let readable = read.len() as f64 >= OBSERVABLE * movement.tags.len() as f64;
            unreadable += usize::from(!readable);
            readable.then_some(Movement { read, ..movement })
        });
        let movements = truth.collect();
        let mut body_of = vec![u32::MAX; tags.len()];
        for (number, body) in (0..).zip(&bodies) {
            body_of[body.tags.clone()].fill(number);
        }
        let uris = (0..)
            .zip(&tags)
            .map(|(index, tag)| (tag.uri.clone(), index));
        Self {
            situation,
            seed,
            length_s,
            movements,
            unreadable,
            eyes,
            wired: conditions.eyes,
            by_uri: uris.collect(),
            body_of,
            tags,
            bodies,
            arrivals: arrived,
            site: preset.site,
        }
    }

    /// The gateway's configuration for this site: all defaults.
    #[must_use]
    pub fn pipeline_config(&self) -> PipelineConfig {
        self.site.pipeline_config(self.wired)
    }

    /// What the gateway gets, in order of arrival: configuration, start, links and reports. Ticks are for the caller to
    /// add, when the pipeline asks for them.
    pub fn inputs(&self) -> impl Iterator<Item = Input> {
        let first = [
            Input::Configure(Box::new(self.pipeline_config())),
            Input::Start { at: DAY },
        ];
        let rest = self.arrivals.iter();
        let rest = rest.filter(|(_, _, what)| self.wired || !matches!(what, Arrival::Input { .. }));
        let rest = rest.map(|(at, device, what)| input(*device, *at, what, &self.tags));
        first.into_iter().chain(rest)
    }

    /// Reads that reached the gateway.
    #[must_use]
    pub fn reads(&self) -> usize {
        let reads = self.arrivals.iter().map(|(_, _, what)| match what {
            Arrival::Report(reads) => reads.len(),
            Arrival::Link { .. } | Arrival::Input { .. } => 0,
        });
        reads.sum()
    }

    /// The tag with this Digital Link.
    pub(super) fn tag_of(&self, uri: &str) -> Option<TagIndex> {
        self.by_uri.get(uri).copied()
    }

    /// What a tag was doing at `at` (seconds of the day), as the cause of an event that is not true.
    pub(super) fn cause(&self, tag: TagIndex, at: f64) -> Cause {
        let body = self
            .body_of
            .get(tag as usize)
            .and_then(|body| self.bodies.get(*body as usize));
        let Some(body) = body.filter(|body| body.kind == BodyKind::Load) else {
            return Cause::Strangers;
        };
        let within = |episode: &&(f64, f64, Cause)| at >= episode.0 - 2.0 && at <= episode.1 + 2.0;
        if let Some((_, _, cause)) = body.episodes.iter().find(within) {
            *cause
        } else if body.path.moves_at(at) {
            Cause::Passing
        } else {
            Cause::Parked
        }
    }
}

fn is_goods(tag: &Tag) -> bool {
    matches!(tag.kind, TagKind::Item | TagKind::Unit)
}

/// What did not get lost on the way, in true order.
fn delivered(arrivals: &[(f64, Arrival)]) -> Vec<Sighting> {
    let reports = arrivals.iter().filter_map(|(_, what)| match what {
        Arrival::Report(reads) => Some(reads),
        Arrival::Link { .. } | Arrival::Input { .. } => None,
    });
    let mut seen: Vec<Sighting> = reports.flatten().map(|(sighting, _)| *sighting).collect();
    seen.sort_by(|a, b| a.at.total_cmp(&b.at));
    seen
}

/// The movement's tags that were read at its gate around the passage, in order.
fn read_of(movement: &Movement, site: &Site, seen: &[Vec<Sighting>]) -> Vec<TagIndex> {
    let mut read = BTreeSet::new();
    for (reader, sightings) in site.readers.iter().zip(seen) {
        let from = sightings.partition_point(|one| one.at < movement.from_s - AROUND_S);
        let around = sightings[from..].iter();
        for one in around.take_while(|one| one.at <= movement.to_s + AROUND_S) {
            let port = reader.ports.get(usize::from(one.antenna) - 1);
            if port.is_some_and(|port| port.gate == movement.read_point)
                && movement.tags.binary_search(&one.tag).is_ok()
            {
                read.insert(one.tag);
            }
        }
    }
    read.into_iter().collect()
}
