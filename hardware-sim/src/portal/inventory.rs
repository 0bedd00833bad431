//! Inventory rounds of one reader through the day: antennas in turn, tags that share the air.

use super::dice::Dice;
use super::floor::{EARSHOT_M, Floor, Present};
use super::goods::{Body, BodyKind, Tag, TagIndex};
use super::radio::{Link, Point, link, plus, wave_m};
use super::site::{ReaderSite, Search};
use super::surroundings::{FADING_DB, MOST_SHADE_DB, Scatterer, fading_db, in_load_db, through_m};

/// One tag's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sighting {
    /// Seconds of the day, true time.
    pub(super) at: f64,
    pub(super) tag: TagIndex,
    /// Antenna number, 1 and up.
    pub(super) antenna: u16,
    pub(super) rssi_dbm: i8,
}

/// Switching the antenna and starting a round.
const ROUND_S: f64 = 0.012;
/// An empty round takes at least this.
const SHORTEST_S: f64 = 0.02;
/// The pace of a site that asks for no other.
const USUAL_PACE: Pace = Pace {
    turn_s: 0.0037,
    dwell_s: 0.12,
};
/// Width of the step from never to always, for waking and for decoding.
const WAKE_DB: f64 = 0.7;
const DECODE_DB: f64 = 1.5;
/// A tag farther below its threshold is not asked.
const HOPELESS_DB: f64 = 4.0;
/// How long the link of a body that stands still is good for, with and without something moving near it.
const STEADY_S: (f64, f64) = (0.8, 0.15);
/// Moving bodies this near to an antenna change what it hears of others.
const STIRS_M: f64 = 4.0;
/// What a moving body reflects.
const BODY_REFLECTS: f64 = 0.3;
/// Channels of EN 302 208, and how long the reader stays on one.
const CHANNELS_HZ: [f64; 4] = [865.7e6, 866.3e6, 866.9e6, 867.5e6];
const CHANNEL_S: f64 = 3.5;
/// Noise of a single RSSI figure.
const RSSI_NOISE_DB: f64 = 0.7;

/// How fast the air is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// One tag's turn with the empty and collided slots that go with it.
    pub(super) turn_s: f64,
    /// The reader goes to the next antenna after this at the latest.
    pub(super) dwell_s: f64,
}

impl Default for Pace {
    /// About 270 tags a second.
    fn default() -> Self {
        USUAL_PACE
    }
}

/// A tag's link to one antenna, until it is worked out anew.
#[derive(Debug, Clone, Copy)]
struct Known {
    until: f64,
    link: Link,
}

/// One reader's day.
pub(super) struct Inventory<'a> {
    reader: &'a ReaderSite,
    floor: Floor<'a>,
    tags: &'a [Tag],
    pace: Pace,
    dice: Dice,
    known: Vec<Option<Known>>,
    /// Session 1: silent until then. Session 2: which target it answers to.
    silent_until: Vec<f64>,
    flag_b: Vec<bool>,
    target_b: bool,
}

impl<'a> Inventory<'a> {
    pub(super) fn new(
        reader: &'a ReaderSite,
        bodies: &'a [Body],
        tags: &'a [Tag],
        length_s: f64,
        pace: Pace,
        dice: Dice,
    ) -> Self {
        Self {
            reader,
            floor: Floor::new(reader, bodies, length_s),
            tags,
            pace,
            dice,
            known: vec![None; tags.len() * reader.ports.len()],
            silent_until: vec![0.0; tags.len()],
            flag_b: vec![false; tags.len()],
            target_b: false,
        }
    }

    /// All answers of the day, in order of time.
    pub(super) fn run(mut self, length_s: f64) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        let (mut at, mut port) = (0.0, 0);
        while at < length_s {
            at += self.round(at, port, &mut sightings);
            port = (port + 1) % self.reader.ports.len();
        }
        sightings
    }

    /// One round on one antenna; how long it took.
    fn round(&mut self, at: f64, port: usize, sightings: &mut Vec<Sighting>) -> f64 {
        let mut answers = self.answers(at, port);
        self.dice.shuffle(&mut answers);
        let Ok(antenna) = u16::try_from(port + 1) else {
            return SHORTEST_S;
        };
        let mut spent = ROUND_S;
        // The second target of a dual search takes what the first left, while there is time.
        for pass in 0..2 {
            for (tag, link) in &answers {
                if spent + self.pace.turn_s > self.pace.dwell_s {
                    break;
                }
                let index = *tag as usize;
                match self.reader.search {
                    Search::Session2Dual if self.flag_b[index] != self.target_b => continue,
                    Search::Session1Single if at < self.silent_until[index] => continue,
                    _ => {}
                }
                spent += self.pace.turn_s;
                let heard = link.rssi_dbm + RSSI_NOISE_DB * self.dice.normal();
                let decoded = step(heard - self.reader.radio.sensitivity_dbm, DECODE_DB);
                if !self.dice.chance(decoded) {
                    continue;
                }
                self.silent_until[index] = at + self.tags[index].flag_s;
                self.flag_b[index] = !self.flag_b[index];
                sightings.push(Sighting {
                    at: at + spent,
                    tag: *tag,
                    antenna,
                    #[expect(clippy::cast_possible_truncation, reason = "clamped to i8")]
                    rssi_dbm: heard.round().clamp(-128.0, 127.0) as i8,
                });
            }
            if self.reader.search != Search::Session2Dual
                || spent + self.pace.turn_s > self.pace.dwell_s
                || pass == 1
            {
                break;
            }
            self.target_b = !self.target_b;
        }
        spent.max(SHORTEST_S)
    }

    /// The tags that wake up and answer, with their links.
    fn answers(&mut self, at: f64, port: usize) -> Vec<(TagIndex, Link)> {
        let present = self.floor.present(at);
        let ears = self.reader.ports[port].antenna.at;
        let distance = |there: (f64, f64)| (there.0 - ears[0]).hypot(there.1 - ears[1]);
        let stirs = |one: &&Present<'_>| one.moves && distance(one.at) < STIRS_M;
        let mut scatterers = self.reader.scatterers.clone();
        let own = scatterers.len();
        scatterers.extend(present.iter().filter(stirs).map(|one| Scatterer {
            at: [one.at.0, one.at.1, one.body.size[2] / 2.0],
            reflects: if one.body.kind == BodyKind::Person {
                BODY_REFLECTS / 2.0
            } else {
                BODY_REFLECTS
            },
            sways: (0.0, 0.0),
        }));
        let stirred = scatterers.len() > own;
        let mut answers = Vec::new();
        for (number, one) in present.iter().enumerate() {
            if one.body.tags.is_empty() || distance(one.at) > EARSHOT_M {
                continue;
            }
            let mut shade = None;
            for index in one.body.tags.clone() {
                let slot = index * self.reader.ports.len() + port;
                let known = self.known[slot].filter(|known| !one.moves && at < known.until);
                let link = known.map_or_else(
                    || {
                        let shade = *shade.get_or_insert_with(|| shade_db(ears, number, &present));
                        self.link(at, port, one, index, shade, &scatterers)
                    },
                    |known| known.link,
                );
                if known.is_none() {
                    let steady = if stirred { STEADY_S.1 } else { STEADY_S.0 };
                    // Not all at once.
                    let until = at + steady * self.dice.between(0.7, 1.3);
                    self.known[slot] = Some(Known { until, link });
                }
                let above = link.tag_dbm - self.tags[index].radio.threshold_dbm;
                if above > -HOPELESS_DB
                    && self.dice.chance(step(above, WAKE_DB))
                    && let Ok(tag) = TagIndex::try_from(index)
                {
                    answers.push((tag, link));
                }
            }
        }
        answers
    }

    fn link(
        &self,
        at: f64,
        port: usize,
        one: &Present<'_>,
        index: usize,
        shade_db: f64,
        scatterers: &[Scatterer],
    ) -> Link {
        let (tag, antenna) = (&self.tags[index], &self.reader.ports[port].antenna);
        let floor: Point = [one.at.0, one.at.1, 0.0];
        let place = plus(floor, tag.offset);
        let ears = antenna.at;
        let towards = [ears[0] - floor[0], ears[1] - floor[1], ears[2]];
        let wave = wave_m(channel_hz(at));
        let loss = in_load_db(one.body.size, tag.offset, towards, one.body.db_per_m) + shade_db;
        let with = |loss| link(&self.reader.radio, antenna, &tag.radio, place, wave, loss);
        let steady = with(loss);
        // The reflections are the costly part: not for a tag that even the highest peak does not wake.
        if steady.tag_dbm + FADING_DB.1 < tag.radio.threshold_dbm - HOPELESS_DB {
            return steady;
        }
        with(loss - fading_db(ears, place, scatterers, wave, at))
    }
}

/// What the reader sends on at a time of the day.
pub(super) fn channel_hz(at: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time of the day is positive and small"
    )]
    let channel = (at / CHANNEL_S) as usize * 7 % CHANNELS_HZ.len();
    CHANNELS_HZ[channel]
}

/// What the other bodies in the way take, one way.
fn shade_db(ears: Point, number: usize, present: &[Present<'_>]) -> f64 {
    let Some(one) = present.get(number) else {
        return 0.0;
    };
    let middle = [one.at.0, one.at.1, one.body.size[2] / 2.0];
    let others = present
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != number);
    let sum: f64 = others
        .map(|(_, other)| through_m(middle, ears, other.at, other.body.size) * other.body.db_per_m)
        .sum();
    sum.min(MOST_SHADE_DB)
}

/// From 0 to 1, a half where nothing is left over.
pub(super) fn step(above_db: f64, width_db: f64) -> f64 {
    1.0 / (1.0 + (-above_db / width_db).exp())
}
