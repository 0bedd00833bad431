//! The link budget: what power reaches a tag, and how loud it answers.
//!
//! Decibels all the way. Forward: transmit power, cable, antenna gain in that direction, half of it lost to polarisation,
//! free space, what stands in between, fading, and the tag's own pattern. The tag answers when what is left is above its
//! threshold. The way back loses the same once more, and the tag's modulation besides.

use std::f64::consts::TAU;

/// A place or a direction: metres along x (through the door, positive inside), y (along the wall), z (up).
pub(super) type Point = [f64; 3];

const LIGHT_M_PER_S: f64 = 299_792_458.0;
/// A circular antenna and a linear tag.
const POLARISATION_LOSS_DB: f64 = 3.0;
/// Of what falls on the tag, this is sent back less.
const MODULATION_LOSS_DB: f64 = 6.0;
/// Closer than this the far field ends, and the formulas with it.
const NEAREST_M: f64 = 0.15;
/// A tag seen along its dipole is never quite dark: something is always reflected.
const DIPOLE_FLOOR: f64 = 0.03;

/// A reader antenna.
#[derive(Debug, Clone)]
pub(super) struct Antenna {
    pub(super) at: Point,
    /// Unit vector of the main lobe.
    pub(super) boresight: Point,
    pub(super) gain_dbi: f64,
    /// Width of the main lobe between its -3 dB directions, degrees.
    pub(super) beam_deg: f64,
    /// How much weaker the back is than the front.
    pub(super) front_to_back_db: f64,
}

/// The reader behind the antennas.
#[derive(Debug, Clone)]
pub(super) struct Transceiver {
    pub(super) power_dbm: f64,
    pub(super) cable_loss_db: f64,
    /// Half of the answers this loud are decoded.
    pub(super) sensitivity_dbm: f64,
}

/// The radio side of a tag.
#[derive(Debug, Clone)]
pub(super) struct TagRadio {
    /// Power that half of its attempts to wake need.
    pub(super) threshold_dbm: f64,
    /// Gain across the dipole, with what the goods below take from it.
    pub(super) gain_dbi: f64,
    /// Unit vector along the dipole.
    pub(super) axis: Point,
}

/// Both ways between an antenna and a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// What reaches the chip.
    pub(super) tag_dbm: f64,
    /// What the reader hears.
    pub(super) rssi_dbm: f64,
}

/// The link with `loss_db` more than free space in each direction.
pub(super) fn link(
    reader: &Transceiver,
    antenna: &Antenna,
    tag: &TagRadio,
    tag_at: Point,
    wave_m: f64,
    loss_db: f64,
) -> Link {
    let way = minus(tag_at, antenna.at);
    let distance = norm(way).max(NEAREST_M);
    let direction = way.map(|part| part / distance);
    let one_way = pattern_dbi(antenna, direction) + dipole_dbi(tag, direction)
        - POLARISATION_LOSS_DB
        - reader.cable_loss_db
        - free_space_db(distance, wave_m)
        - loss_db;
    let tag_dbm = reader.power_dbm + one_way;
    Link {
        tag_dbm,
        rssi_dbm: tag_dbm - MODULATION_LOSS_DB + one_way,
    }
}

/// Friis: 20 dB a decade.
pub(super) fn free_space_db(distance: f64, wave_m: f64) -> f64 {
    20.0 * (2.0 * TAU * distance / wave_m).log10()
}

pub(super) fn wave_m(hz: f64) -> f64 {
    LIGHT_M_PER_S / hz
}

/// A patch: parabolic in decibels down to its back.
pub(super) fn pattern_dbi(antenna: &Antenna, direction: Point) -> f64 {
    let angle = dot(antenna.boresight, direction).clamp(-1.0, 1.0).acos();
    let off = angle.to_degrees() / antenna.beam_deg;
    antenna.gain_dbi - (12.0 * off * off).min(antenna.front_to_back_db)
}

fn dipole_dbi(tag: &TagRadio, direction: Point) -> f64 {
    let along = dot(tag.axis, direction);
    tag.gain_dbi + 10.0 * (1.0 - along * along).max(DIPOLE_FLOOR).log10()
}

pub(super) fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn plus(a: Point, b: Point) -> Point {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn norm(a: Point) -> f64 {
    dot(a, a).sqrt()
}

/// The unit vector that way; straight up for nothing.
pub(super) fn unit(a: Point) -> Point {
    let length = norm(a);
    if length > 0.0 {
        a.map(|part| part / length)
    } else {
        [0.0, 0.0, 1.0]
    }
}
