//! The second air: a field of waves instead of a budget, and slots instead of turns.
//!
//! A rule of the pipeline that only fits the physics of the first air shows here. Nothing below is taken from it but the
//! site, the tags and their ways: `rays` are the two rays of the two-ray model with polarisation, `hall` the plane waves
//! of the multipath, `shade` diffraction around what stands in between, `rounds` the slotted rounds of Gen2.

mod hall;
mod phasor;
mod rays;
mod rounds;
mod shade;

#[cfg(test)]
mod tests;

use std::f64::consts::TAU;

use super::dice::Dice;
use super::floor::{EARSHOT_M, Floor, Present};
use super::goods::{Body, Tag};
use super::inventory::channel_hz;
use super::radio::{Link, Point, dot, minus, norm, pattern_dbi, plus, unit, wave_m};
use super::site::ReaderSite;
use super::surroundings::in_load_m;

use hall::{Hall, Part};
use phasor::{Phasor, amplitude};

pub(super) use rounds::Rounds;

/// Exponent of the distance law of a hall: from, to.
const EXPONENT: (f64, f64) = (1.8, 2.3);
/// Of what falls on the tag, this is sent back less.
const MODULATION_LOSS_DB: f64 = 6.0;
/// A chip that gets more than this above its threshold sends back only half of the rest, in decibels: its rectifier and
/// limiter load the antenna more.
const COMPRESSION_DB: f64 = 12.0;
/// A tag whose strongest possible sum stays farther below its threshold than this is not worked out.
const HOPELESS_DB: f64 = 6.0;
/// How long the link of a body that stands still is good for, with and without something moving near it.
const STEADY_S: (f64, f64) = (0.8, 0.15);
/// Bodies this near to an antenna send on to others what they get of it.
const STIRS_M: f64 = 4.0;

/// A tag's link to one antenna, until it is worked out anew.
#[derive(Debug, Clone, Copy)]
struct Known {
    until: f64,
    link: Link,
}

/// The field of one reader's antennas, at any moment of the day.
struct Waves<'a> {
    reader: &'a ReaderSite,
    tags: &'a [Tag],
    floor: Floor<'a>,
    exponent: f64,
    halls: Vec<Hall>,
    /// By tag and antenna.
    parts: Vec<Option<Box<[Part]>>>,
    known: Vec<Option<Known>>,
    seed: u64,
}

/// Everybody near, at one moment.
struct Scene<'a> {
    at: f64,
    present: Vec<Present<'a>>,
}

impl Scene<'_> {
    /// The place of the body with this number in the day's list.
    fn place_of(&self, body: usize) -> Option<usize> {
        self.present.iter().position(|one| one.index == body)
    }
}

impl<'a> Waves<'a> {
    fn new(
        reader: &'a ReaderSite,
        bodies: &'a [Body],
        tags: &'a [Tag],
        length_s: f64,
        seed: u64,
    ) -> Self {
        let mut dice = Dice::new(seed, 0);
        let exponent = dice.between(EXPONENT.0, EXPONENT.1);
        let ports = reader.ports.len();
        Self {
            reader,
            tags,
            floor: Floor::new(reader, bodies, length_s),
            exponent,
            halls: (0..ports).map(|_| Hall::new(&mut dice)).collect(),
            parts: vec![None; tags.len() * ports],
            known: vec![None; tags.len() * ports],
            seed,
        }
    }

    fn scene(&self, at: f64) -> Scene<'a> {
        Scene {
            at,
            present: self.floor.present(at),
        }
    }

    /// Tags within earshot of an antenna, each with the place of its body in the scene.
    fn within(&self, scene: &Scene<'a>, port: usize) -> Vec<(usize, usize)> {
        let ears = self.reader.ports[port].antenna.at;
        let mut found = Vec::new();
        for (number, one) in scene.present.iter().enumerate() {
            if (one.at.0 - ears[0]).hypot(one.at.1 - ears[1]) <= EARSHOT_M {
                found.extend(one.body.tags.clone().map(|tag| (tag, number)));
            }
        }
        found
    }

    /// The link of a tag on the body `number` of the scene. Of what stands still it is kept for a while.
    fn link(&mut self, scene: &Scene<'a>, number: usize, tag: usize, port: usize) -> Link {
        let slot = tag * self.reader.ports.len() + port;
        let rests = !scene.present[number].moves;
        if let Some(known) = self.known[slot].filter(|known| rests && scene.at < known.until) {
            return known.link;
        }
        let link = self.work_out(scene, number, tag, port);
        if rests {
            let ears = self.reader.ports[port].antenna.at;
            let stirs = |one: &Present<'_>| {
                one.moves && (one.at.0 - ears[0]).hypot(one.at.1 - ears[1]) < STIRS_M
            };
            let steady = if scene.present.iter().any(stirs) {
                STEADY_S.1
            } else {
                STEADY_S.0
            };
            // Not all at once.
            let spread = 0.7 + 0.6 * ((tag * 7 % 16) as f64 / 16.0);
            let until = scene.at + steady * spread;
            self.known[slot] = Some(Known { until, link });
        }
        link
    }

    fn work_out(&mut self, scene: &Scene<'a>, number: usize, index: usize, port: usize) -> Link {
        let (reader, tag) = (self.reader, &self.tags[index]);
        let antenna = &reader.ports[port].antenna;
        let one = &scene.present[number];
        let place = plus([one.at.0, one.at.1, 0.0], tag.offset);
        let wave = wave_m(channel_hz(scene.at));
        let budget = |one_way_db: f64| {
            let one_way = one_way_db + tag.radio.gain_dbi - reader.radio.cable_loss_db;
            let tag_dbm = reader.radio.power_dbm + one_way;
            let over = tag_dbm - tag.radio.threshold_dbm - COMPRESSION_DB;
            Link {
                tag_dbm,
                rssi_dbm: tag_dbm + one_way - MODULATION_LOSS_DB - 0.5 * over.max(0.0),
            }
        };
        let way = minus(place, antenna.at);
        let reach = rays::spread(norm(way), wave, self.exponent);
        let best = amplitude(pattern_dbi(antenna, unit(way))) + 2.0;
        let hopeful = budget(Phasor::new(reach * best, 0.0).db());
        if hopeful.tag_dbm < tag.radio.threshold_dbm - HOPELESS_DB {
            return hopeful;
        }
        let shade: f64 = scene
            .present
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .map(|(_, other)| shade::loss_db(place, antenna.at, other, wave))
            .sum();
        let mut sum = Phasor::default();
        for ray in [rays::direct, rays::floor] {
            let ray = ray(antenna, &tag.radio, place, wave, self.exponent);
            let floor: Point = [one.at.0, one.at.1, 0.0];
            let towards = minus(ray.from, floor);
            let goods = one.body.db_per_m * in_load_m(one.body.size, tag.offset, towards);
            sum += ray.amplitude * amplitude(-shade - goods);
        }
        let slot = index * reader.ports.len() + port;
        let (seed, hall) = (self.seed, &self.halls[port]);
        let parts = self.parts[slot].get_or_insert_with(|| {
            let mut dice = Dice::new(seed, slot as u64 + 1);
            hall.parts(tag, one.body, &mut dice).into_boxed_slice()
        });
        sum += hall::sum(parts, place, wave) * reach;
        sum += self.sent_on(scene, number, index, port);
        budget(sum.db())
    }

    /// What reaches a tag by way of all other bodies that the antenna has near.
    fn sent_on(&self, scene: &Scene<'a>, number: usize, index: usize, port: usize) -> Phasor {
        let (tag, own) = (&self.tags[index], &scene.present[number]);
        let antenna = &self.reader.ports[port].antenna;
        let place = plus([own.at.0, own.at.1, 0.0], tag.offset);
        let wave = wave_m(channel_hz(scene.at));
        let mut sum = Phasor::default();
        for (other, one) in scene.present.iter().enumerate() {
            let middle = [one.at.0, one.at.1, one.body.size[2] / 2.0];
            let to = minus(middle, antenna.at);
            if other == number || to[0].hypot(to[1]) > STIRS_M {
                continue;
            }
            let (strength, length) = shade::scattered(one, antenna.at, place, wave);
            // It comes through the tag's own goods and past everybody else, as every wave does.
            let towards = minus(middle, [own.at.0, own.at.1, 0.0]);
            let goods = own.body.db_per_m * in_load_m(own.body.size, tag.offset, towards);
            let others = scene.present.iter().enumerate();
            let shade: f64 = others
                .filter(|(third, _)| *third != number && *third != other)
                .map(|(_, third)| {
                    shade::loss_db(middle, antenna.at, third, wave)
                        + shade::loss_db(place, middle, third, wave)
                })
                .sum();
            let sent = amplitude(pattern_dbi(antenna, unit(to)) - goods - shade);
            // A body turns the polarisation by chance: half of the power is across the tag, which hears nothing end on.
            let along = dot(tag.radio.axis, unit(minus(place, middle)));
            let taken = ((1.0 - along * along) / 2.0).sqrt();
            sum += Phasor::turn(-TAU * length / wave) * (strength * sent * taken);
        }
        sum
    }
}
