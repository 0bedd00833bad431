//! The two rays that can be told one by one: straight, and off the floor, with what their polarisation does at the tag.
//!
//! Two-ray ground reflection with Fresnel's coefficients, and a distance law with an exponent of the hall's own beyond the
//! first metre (log-distance; Rappaport, Wireless Communications, 4.9 and 4.11: factories measure 1.6 to 2.0 with a clear
//! view, up to 2.4 through light clutter). A circular antenna is two crossed fields a quarter of a turn apart; off its axis
//! one of them is weaker (axial ratio), so that how a tag is turned matters there.

use std::f64::consts::TAU;

use super::super::radio::{Antenna, Point, TagRadio, dot, minus, norm, pattern_dbi, unit};
use super::phasor::{Phasor, amplitude};

/// Relative permittivity of concrete below 1 GHz (ITU-R P.2040, table 3); its losses hardly change what it reflects.
const CONCRETE: f64 = 5.24;
/// How much weaker one of the crossed fields is: on the axis, and more for each half beam away from it; patches are
/// specified with 1 to 3 dB.
const AXIAL_DB: (f64, f64) = (1.0, 1.5);
const MOST_AXIAL_DB: f64 = 6.0;
/// Closer than this the far field ends, and the formulas with it.
const NEAREST_M: f64 = 0.2;

/// A field vector: in phase, and a quarter of a turn later.
struct Field {
    re: Point,
    im: Point,
}

/// Between an antenna and a tag: the amplitude and the phase of both ways, with unit power and isotropic tag gain.
pub(super) struct Ray {
    /// With antenna pattern, polarisation, tag pattern and distance.
    pub(super) amplitude: Phasor,
    /// Where it comes from, as a place on its line.
    pub(super) from: Point,
}

/// Amplitude at a distance, relative to power between isotropic antennas at none.
pub(super) fn spread(distance: f64, wave_m: f64, exponent: f64) -> f64 {
    let distance = distance.max(NEAREST_M);
    let law = if distance > 1.0 { exponent / 2.0 } else { 1.0 };
    wave_m / (2.0 * TAU) / distance.powf(law)
}

/// The straight ray.
pub(super) fn direct(
    antenna: &Antenna,
    tag: &TagRadio,
    place: Point,
    wave_m: f64,
    exponent: f64,
) -> Ray {
    let way = minus(place, antenna.at);
    let direction = unit(way);
    let field = sent(antenna, direction);
    Ray {
        amplitude: received(tag, &field)
            * (amplitude(pattern_dbi(antenna, direction)) * spread(norm(way), wave_m, exponent))
            * Phasor::turn(-TAU * norm(way) / wave_m),
        from: antenna.at,
    }
}

/// The ray off the floor.
pub(super) fn floor(
    antenna: &Antenna,
    tag: &TagRadio,
    place: Point,
    wave_m: f64,
    exponent: f64,
) -> Ray {
    let mirrored = [antenna.at[0], antenna.at[1], -antenna.at[2]];
    let up = minus(place, mirrored);
    let length = norm(up);
    let rising = unit(up);
    let falling = [rising[0], rising[1], -rising[2]];
    let field = bounced(&sent(antenna, falling), falling, rising);
    Ray {
        amplitude: received(tag, &field)
            * (amplitude(pattern_dbi(antenna, falling)) * spread(length, wave_m, exponent))
            * Phasor::turn(-TAU * length / wave_m),
        from: mirrored,
    }
}

/// What a tag's dipole takes of a field of unit power: the part along it, which is nothing end on.
pub(super) fn taken(tag: &TagRadio, re: Point, im: Point) -> Phasor {
    Phasor::new(dot(tag.axis, re), dot(tag.axis, im))
}

fn received(tag: &TagRadio, field: &Field) -> Phasor {
    taken(tag, field.re, field.im)
}

/// The field of a circular antenna in a direction, unit power.
fn sent(antenna: &Antenna, direction: Point) -> Field {
    // Fixed to the antenna, so that nothing jumps where a tag passes below it.
    let side = cross([0.0, 0.0, 1.0], antenna.boresight);
    let side = if norm(side) > 0.1 {
        side
    } else {
        [0.0, 1.0, 0.0]
    };
    let one = unit(minus(side, scaled(direction, dot(side, direction))));
    let other = cross(direction, one);
    let angle = dot(antenna.boresight, direction).clamp(-1.0, 1.0).acos();
    let off = angle.to_degrees() / (antenna.beam_deg / 2.0);
    let weaker = amplitude(-(AXIAL_DB.0 + AXIAL_DB.1 * off).min(MOST_AXIAL_DB));
    let whole = (1.0 + weaker * weaker).sqrt();
    Field {
        re: scaled(one, 1.0 / whole),
        im: scaled(other, weaker / whole),
    }
}

/// A field after the floor: what is parallel to it and what is not come back each with their own coefficient.
fn bounced(field: &Field, falling: Point, rising: Point) -> Field {
    let across = cross(falling, [0.0, 0.0, 1.0]);
    let across = if norm(across) > 1e-6 {
        unit(across)
    } else {
        [0.0, 1.0, 0.0]
    };
    let (down, up) = (cross(across, falling), cross(across, rising));
    let (parallel, upright) = fresnel(-falling[2]);
    let part = |of: Point| {
        let flat = scaled(across, parallel * dot(of, across));
        let steep = scaled(up, upright * dot(of, down));
        [flat[0] + steep[0], flat[1] + steep[1], flat[2] + steep[2]]
    };
    Field {
        re: part(field.re),
        im: part(field.im),
    }
}

/// Fresnel's coefficients of the floor, for fields parallel to it and in the plane of the ray, by the sine of the grazing
/// angle.
pub(super) fn fresnel(sine: f64) -> (f64, f64) {
    let sine = sine.clamp(0.0, 1.0);
    let inside = (CONCRETE - (1.0 - sine * sine)).sqrt();
    (
        (sine - inside) / (sine + inside),
        (CONCRETE * sine - inside) / (CONCRETE * sine + inside),
    )
}

pub(super) fn cross(a: Point, b: Point) -> Point {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(super) fn scaled(a: Point, by: f64) -> Point {
    a.map(|part| part * by)
}
