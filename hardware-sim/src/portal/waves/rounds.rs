//! Gen2 rounds with slots (6.3.2.10 and annex D): tags draw, the reader adapts the number of slots as it goes.
//!
//! A slot that nobody drew costs little, one that several drew costs their random numbers, unless one of them is so much
//! louder that it is heard all the same (capture), and one that was drawn once costs the whole exchange. Reads a second are
//! what a reader reaches that has guessed the number of tags right: 37 % of the slots hit.

use super::super::air::Conditions;
use super::super::dice::Dice;
use super::super::goods::{Body, Tag, TagIndex};
use super::super::inventory::{Sighting, step};
use super::super::radio::Link;
use super::super::site::{ReaderSite, Search};
use super::{Scene, Waves};

/// What an empty and a collided slot cost of a read one, by the times of Miller 4 at 256 kHz (Gen2 6.3.1.6): 0.4, 1.0
/// and 4.2 ms.
const EMPTY: f64 = 0.09;
const COLLIDED: f64 = 0.24;
/// A Query with its preamble, and what follows until the first slot, of a read slot.
const QUERY: f64 = 0.5;
/// Switching the antenna.
const SWITCH_S: f64 = 0.01;
/// Slots of the first round: 2^4, as readers begin.
const FIRST_Q: f64 = 4.0;
/// Width of the step from never to always, for waking and for decoding.
const WAKE_DB: f64 = 0.3;
const DECODE_DB: f64 = 1.0;
/// A tag this much louder than all others of its slot together is decoded every other time.
const CAPTURE_DB: f64 = 6.0;
const CAPTURE_WIDTH_DB: f64 = 1.5;
/// Noise of a single RSSI figure.
const RSSI_NOISE_DB: f64 = 0.5;
/// Receivers of two antennas of one reader differ by this at most, either way.
const PORT_DB: f64 = 1.5;
/// A port is left after so many rounds that nobody answered.
const IDLE_ROUNDS: u32 = 2;
/// The sensitivity of a site is that of this pace; twice the time for a bit is twice the energy.
const USUAL_READS_PER_S: f64 = 200.0;

/// How long everything takes, seconds.
#[derive(Debug, Clone, Copy)]
struct Timing {
    read: f64,
    empty: f64,
    collided: f64,
    query: f64,
    dwell: f64,
}

impl Timing {
    fn new(reads_per_s: f64, dwell: f64) -> Self {
        // At the best number of slots each read comes with one empty slot and 0.72 collided ones.
        let read = 1.0 / (reads_per_s * (1.0 + EMPTY + 0.72 * COLLIDED));
        Self {
            read,
            empty: EMPTY * read,
            collided: COLLIDED * read,
            query: QUERY * read,
            dwell,
        }
    }
}

/// A tag that waits for its slot.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    slot: u32,
    tag: usize,
    body: usize,
}

/// One reader's day in the field of waves.
pub(in super::super) struct Rounds<'a> {
    waves: Waves<'a>,
    reader: &'a ReaderSite,
    tags: &'a [Tag],
    timing: Timing,
    sensitivity_dbm: f64,
    dice: Dice,
    /// By antenna: the exponent of the number of slots as the reader has it, and what its receiver shows too much.
    q: Vec<f64>,
    off_db: Vec<f64>,
    /// Session 1: silent until then. Session 2: which target it answers to.
    silent_until: Vec<f64>,
    flag_b: Vec<bool>,
    target_b: bool,
}

impl<'a> Rounds<'a> {
    pub(in super::super) fn new(
        reader: &'a ReaderSite,
        bodies: &'a [Body],
        tags: &'a [Tag],
        length_s: f64,
        conditions: &Conditions,
        belt: bool,
        mut dice: Dice,
    ) -> Self {
        let seed = u64::from(dice.whole(0, u32::MAX));
        let ports = reader.ports.len();
        let reads = conditions.reads_per_s();
        Self {
            waves: Waves::new(reader, bodies, tags, length_s, seed),
            reader,
            tags,
            timing: Timing::new(reads, conditions.dwell_s(belt)),
            sensitivity_dbm: reader.radio.sensitivity_dbm
                + 10.0 * (reads / USUAL_READS_PER_S).log10(),
            q: vec![FIRST_Q; ports],
            off_db: (0..ports)
                .map(|_| dice.between(-PORT_DB, PORT_DB))
                .collect(),
            dice,
            silent_until: vec![0.0; tags.len()],
            flag_b: vec![false; tags.len()],
            target_b: false,
        }
    }

    /// All answers of the day, in order of time.
    pub(in super::super) fn run(mut self, length_s: f64) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        let (mut at, mut port) = (0.0, 0);
        while at < length_s {
            at = self.dwell(at + SWITCH_S, port, &mut sightings);
            port = (port + 1) % self.reader.ports.len();
        }
        sightings
    }

    /// Rounds on one antenna; when the reader leaves it.
    fn dwell(&mut self, from: f64, port: usize, sightings: &mut Vec<Sighting>) -> f64 {
        let until = from + self.timing.dwell;
        let (mut at, mut idle) = (from, 0);
        while at < until && idle < IDLE_ROUNDS {
            let before = sightings.len();
            let (end, answered) = self.round(at, until, port, sightings);
            at = end;
            idle = if answered { 0 } else { idle + 1 };
            if self.reader.search == Search::Session2Dual && sightings.len() == before {
                self.target_b = !self.target_b;
            }
        }
        at
    }

    /// One round; its end, and whether anybody answered.
    fn round(
        &mut self,
        from: f64,
        until: f64,
        port: usize,
        sightings: &mut Vec<Sighting>,
    ) -> (f64, bool) {
        let scene = self.waves.scene(from);
        let mut waiting = self.awake(&scene, port);
        let answered = !waiting.is_empty();
        let mut at = from + self.timing.query;
        loop {
            let q = self.q[port].round();
            let slots = 1_u32 << q as u32;
            for one in &mut waiting {
                one.slot = self.dice.whole(0, slots - 1);
            }
            waiting.sort_by_key(|one| one.slot);
            let mut left = 0;
            let mut kept: Vec<Waiting> = Vec::new();
            for slot in 0..slots {
                if at >= until {
                    return (at, answered);
                }
                let first = left;
                while waiting.get(left).is_some_and(|one| one.slot == slot) {
                    left += 1;
                }
                let (took, read) = self.slot(at, port, &waiting[first..left], sightings);
                at += took;
                kept.extend(
                    waiting[first..left]
                        .iter()
                        .filter(|one| Some(one.tag) != read),
                );
                // Annex D: a collision says that there are more tags than thought, an empty slot that there are fewer.
                let change = (0.8 / q.max(1.0)).clamp(0.1, 0.5);
                if first == left {
                    self.q[port] = (self.q[port] - change).max(0.0);
                } else if read.is_none() {
                    self.q[port] = (self.q[port] + change).min(15.0);
                }
                if self.q[port].round() != q && (left < waiting.len() || !kept.is_empty()) {
                    break;
                }
            }
            kept.extend(&waiting[left..]);
            // Without a new number of slots the round is over; who collided is asked in the next.
            if self.q[port].round() == q || kept.is_empty() {
                return (at, answered);
            }
            waiting = kept;
            at += self.timing.empty;
        }
    }

    /// What one slot costs, and who was read in it.
    fn slot(
        &mut self,
        at: f64,
        port: usize,
        drawn: &[Waiting],
        sightings: &mut Vec<Sighting>,
    ) -> (f64, Option<usize>) {
        if drawn.is_empty() {
            return (self.timing.empty, None);
        }
        let scene = self.waves.scene(at);
        let mut heard: Vec<(usize, Link)> = Vec::with_capacity(drawn.len());
        for one in drawn {
            let Some(place) = scene.place_of(one.body) else {
                continue;
            };
            let link = self.waves.link(&scene, place, one.tag, port);
            // Who has lost its power since the beginning of the round is silent.
            if self.wakes(one.tag, &link) {
                heard.push((one.tag, link));
            }
        }
        let Some((tag, link)) =
            (heard.iter().copied()).max_by(|a, b| a.1.rssi_dbm.total_cmp(&b.1.rssi_dbm))
        else {
            return (self.timing.empty, None);
        };
        let others: f64 = heard
            .iter()
            .filter(|(other, _)| *other != tag)
            .map(|(_, link)| 10f64.powf(link.rssi_dbm / 10.0))
            .sum();
        let mut decoded = step(link.rssi_dbm - self.sensitivity_dbm, DECODE_DB);
        if others > 0.0 {
            let above = link.rssi_dbm - 10.0 * others.log10();
            decoded *= step(above - CAPTURE_DB, CAPTURE_WIDTH_DB);
        }
        if !self.dice.chance(decoded) {
            return (self.timing.collided, None);
        }
        self.silent_until[tag] = at + self.tags[tag].flag_s;
        self.flag_b[tag] = !self.flag_b[tag];
        let shown = link.rssi_dbm + self.off_db[port] + RSSI_NOISE_DB * self.dice.normal();
        if let (Ok(tag), Ok(antenna)) = (TagIndex::try_from(tag), u16::try_from(port + 1)) {
            sightings.push(Sighting {
                at: at + self.timing.read,
                tag,
                antenna,
                // LLRP PeakRSSI: whole dBm in eight bits.
                rssi_dbm: shown.round().clamp(-128.0, 127.0) as i8,
            });
        }
        (self.timing.read, Some(tag))
    }

    /// Who answers a Query: has power, and the flag that is asked for.
    fn awake(&mut self, scene: &Scene<'a>, port: usize) -> Vec<Waiting> {
        let mut awake = Vec::new();
        for (tag, place) in self.waves.within(scene, port) {
            match self.reader.search {
                Search::Session2Dual if self.flag_b[tag] != self.target_b => continue,
                Search::Session1Single if scene.at < self.silent_until[tag] => continue,
                _ => {}
            }
            let link = self.waves.link(scene, place, tag, port);
            if self.wakes(tag, &link) {
                let body = scene.present[place].index;
                awake.push(Waiting { slot: 0, tag, body });
            }
        }
        awake
    }

    fn wakes(&mut self, tag: usize, link: &Link) -> bool {
        let above = link.tag_dbm - self.tags[tag].radio.threshold_dbm;
        self.dice.chance(step(above, WAKE_DB))
    }
}
