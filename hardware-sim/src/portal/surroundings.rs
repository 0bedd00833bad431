//! What the air around a portal does to the wave: reflections, and goods in the way.
//!
//! Fading is the sum of the direct ray with those over the floor and over scatterers (door frame, racks, trucks passing
//! by), each with the phase of its detour. So it belongs to the place: a parked tag hears the same as long as nothing
//! moves around it, a moving one passes peaks and holes a few centimetres apart.

use std::f64::consts::TAU;

use super::radio::{Point, minus, norm};

/// Amplitude that the floor gives back.
const FLOOR: f64 = -0.3;
/// Deepest hole and highest peak that the sum may make, decibels.
pub(super) const FADING_DB: (f64, f64) = (-18.0, 5.0);
/// Goods cannot hide a tag more than this: some of the wave finds a way around.
const MOST_IN_LOAD_DB: f64 = 20.0;
/// The same for what other bodies in the way take.
pub(super) const MOST_SHADE_DB: f64 = 14.0;

/// Something that reflects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scatterer {
    pub(super) at: Point,
    /// Amplitude it gives back.
    pub(super) reflects: f64,
    /// It sways (a curtain, a lamp, a person at a desk): radians and cycles a second.
    pub(super) sways: (f64, f64),
}

/// Gain over the direct ray alone, one way, decibels.
pub(super) fn fading_db(
    antenna: Point,
    tag: Point,
    scatterers: &[Scatterer],
    wave_m: f64,
    seconds: f64,
) -> f64 {
    let direct = norm(minus(tag, antenna)).max(0.1);
    let (mut re, mut im) = (1.0, 0.0);
    let mut add = |length: f64, amplitude: f64, turn: f64| {
        let phase = TAU * (length - direct) / wave_m + turn;
        let strength = amplitude * direct / length.max(direct);
        re += strength * phase.cos();
        im += strength * phase.sin();
    };
    let mirrored = [antenna[0], antenna[1], -antenna[2]];
    add(norm(minus(tag, mirrored)), FLOOR, 0.0);
    for scatterer in scatterers {
        let length = norm(minus(scatterer.at, antenna)) + norm(minus(tag, scatterer.at));
        let (swing, hz) = scatterer.sways;
        let turn = if swing > 0.0 {
            swing * (TAU * hz * seconds).sin()
        } else {
            0.0
        };
        add(length, scatterer.reflects, turn);
    }
    (10.0 * (re * re + im * im).max(1e-6).log10()).clamp(FADING_DB.0, FADING_DB.1)
}

/// What a load's own goods take on the way from a tag at `offset` (from the middle of the load's floor) to the antenna.
pub(super) fn in_load_db(size: Point, offset: Point, towards: Point, db_per_m: f64) -> f64 {
    (in_load_m(size, offset, towards) * db_per_m).min(MOST_IN_LOAD_DB)
}

/// How far the way from a tag at `offset` (from the middle of the load's floor) to `towards` runs inside the load, metres.
pub(super) fn in_load_m(size: Point, offset: Point, towards: Point) -> f64 {
    let low = [-size[0] / 2.0, -size[1] / 2.0, 0.0];
    let high = [size[0] / 2.0, size[1] / 2.0, size[2]];
    let way = minus(towards, offset);
    let length = norm(way);
    let mut inside: f64 = 1.0;
    for axis in 0..3 {
        if way[axis].abs() > 1e-9 {
            let wall = if way[axis] > 0.0 {
                high[axis]
            } else {
                low[axis]
            };
            inside = inside.min(((wall - offset[axis]) / way[axis]).max(0.0));
        }
    }
    inside * length
}

/// How long the straight way from `a` to `b` runs through an upright body, metres, seen from above.
pub(super) fn through_m(a: Point, b: Point, middle: (f64, f64), size: Point) -> f64 {
    let way = minus(b, a);
    let (mut enter, mut leave): (f64, f64) = (0.0, 1.0);
    for (axis, (centre, width)) in [(middle.0, size[0]), (middle.1, size[1])]
        .into_iter()
        .enumerate()
    {
        let (low, high) = (
            centre - width / 2.0 - a[axis],
            centre + width / 2.0 - a[axis],
        );
        if way[axis].abs() < 1e-9 {
            if low > 0.0 || high < 0.0 {
                return 0.0;
            }
            continue;
        }
        let (one, two) = (low / way[axis], high / way[axis]);
        enter = enter.max(one.min(two));
        leave = leave.min(one.max(two));
    }
    if enter >= leave {
        return 0.0;
    }
    // Above the body the way is free.
    let height = a[2] + way[2] * (enter + leave) / 2.0;
    if height > size[2] {
        0.0
    } else {
        (leave - enter) * norm(way)
    }
}
