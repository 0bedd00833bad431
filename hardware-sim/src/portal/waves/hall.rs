//! The rest of the field: plane waves from all around, the same at the same place for ever.
//!
//! A sum of plane waves with fixed directions, strengths and phases is Clarke's model of multipath: along any way the sum
//! rises and falls with the wavelength and is forgotten after about half of it; what rests stays in its peak or its hole.
//! Half of the power comes from the hall and is the same field for every tag that comes to a place, half is made by what is
//! packed around the tag and is its own.
//!
//! Together they are as strong as an antenna without any gain would be at that distance: of what a patch sends, the hall
//! gets all, in whatever direction. So Rice's K, the power of the straight ray over this, is nobody's parameter: about 10 dB
//! in the middle of the beam, 7 dB at its edge, less than 0 dB behind the antenna or where goods or a truck stand in between.

use std::f64::consts::TAU;

use super::super::dice::Dice;
use super::super::goods::{Body, Tag};
use super::super::radio::{Point, dot, unit};
use super::super::surroundings::in_load_m;
use super::phasor::{Phasor, amplitude};
use super::rays::{cross, scaled, taken};

/// Waves from the hall, and of the tag's own packing.
const WAVES: (usize, usize) = (8, 6);
/// Sine of the steepest angle at which they come.
const STEEPEST: f64 = 0.7;
/// How much longer their way is than the straight one, on average: a hall's delay spread of about 50 ns, and what is packed
/// around a tag is within a metre or two. A reader that goes to another channel, 0.6 to 1.8 MHz away, turns the hall's waves
/// by a fifth of a radian or more, and the packing's by next to nothing.
const DETOUR_M: (f64, f64) = (15.0, 1.0);

/// A plane wave.
#[derive(Debug, Clone)]
pub(super) struct PlaneWave {
    /// Unit vector of its way.
    direction: Point,
    /// Its field, unit power.
    re: Point,
    im: Point,
    detour_m: f64,
}

/// A plane wave at one tag: strength and phase at the origin, with all that does not change as the tag moves.
#[derive(Debug, Clone)]
pub(super) struct Part {
    direction: Point,
    detour_m: f64,
    strength: Phasor,
}

/// The waves of one antenna that all tags share.
#[derive(Debug, Clone)]
pub(super) struct Hall(Vec<PlaneWave>);

impl Hall {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self((0..WAVES.0).map(|_| plane_wave(DETOUR_M.0, dice)).collect())
    }

    /// All waves of one tag and this antenna. Goods take from each what lies on its way: a tag deep in a load that lets
    /// nothing through hears none of them, one on its face half of them.
    pub(super) fn parts(&self, tag: &Tag, body: &Body, dice: &mut Dice) -> Vec<Part> {
        let own: Vec<PlaneWave> = (0..WAVES.1).map(|_| plane_wave(DETOUR_M.1, dice)).collect();
        let half = |count: usize| (0.5 / count as f64).sqrt();
        let common = self.0.iter().map(|wave| (wave, half(self.0.len())));
        let own = own.iter().map(|wave| (wave, half(own.len())));
        let part = |(wave, share): (&PlaneWave, f64)| {
            let from = back(tag.offset, wave.direction);
            let goods = body.db_per_m * in_load_m(body.size, tag.offset, from);
            Part {
                direction: wave.direction,
                detour_m: wave.detour_m,
                strength: taken(&tag.radio, wave.re, wave.im) * (share * amplitude(-goods)),
            }
        };
        common.chain(own).map(part).collect()
    }
}

/// The sum at a place.
pub(super) fn sum(parts: &[Part], place: Point, wave_m: f64) -> Phasor {
    let mut all = Phasor::default();
    for part in parts {
        let way = dot(part.direction, place) + part.detour_m;
        all += part.strength * Phasor::turn(-TAU * way / wave_m);
    }
    all
}

fn plane_wave(detour_m: f64, dice: &mut Dice) -> PlaneWave {
    let (azimuth, rise) = (dice.between(0.0, TAU), dice.between(-STEEPEST, STEEPEST));
    let flat = (1.0 - rise * rise).sqrt();
    let direction = [flat * azimuth.cos(), flat * azimuth.sin(), rise];
    let one = unit(cross([0.0, 0.0, 1.0], direction));
    let other = cross(direction, one);
    let (tilt, late) = (dice.between(0.0, TAU), dice.between(0.0, TAU));
    let along = scaled(other, tilt.sin() * late.cos());
    let level = scaled(one, tilt.cos());
    PlaneWave {
        direction,
        re: [
            level[0] + along[0],
            level[1] + along[1],
            level[2] + along[2],
        ],
        im: scaled(other, tilt.sin() * late.sin()),
        detour_m: dice.gap(detour_m),
    }
}

/// A place far back on the way of a wave that comes to `place`.
fn back(place: Point, direction: Point) -> Point {
    const FAR_M: f64 = 100.0;
    [
        place[0] - FAR_M * direction[0],
        place[1] - FAR_M * direction[1],
        place[2] - FAR_M * direction[2],
    ]
}
