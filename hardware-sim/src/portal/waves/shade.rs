//! What stands between an antenna and a tag: a wave goes through goods, and around everything.
//!
//! Around is diffraction at the left, the right and the upper edge, each a knife edge (ITU-R P.526, 4.1): 6 dB where the
//! straight ray grazes it, about 20 dB well behind it, nothing a Fresnel zone beside it. So a shadow comes and goes smoothly
//! as a truck drives by, and it is never black. Steel and people let nothing through; goods take their decibels a metre.

use std::f64::consts::TAU;

use super::super::floor::Present;
use super::super::goods::{Body, BodyKind};
use super::super::radio::{Point, minus, norm};
use super::super::surroundings::through_m;

/// A truck's mast and counterweight stand this far out of the truck before and behind it, and the mast above it.
const MAST_M: (f64, f64) = (0.15, 0.3);
/// Edges nearer to either end than this are not worked out: the formula is for far fields.
const NEAREST_M: f64 = 0.25;

/// The loss of the straight ray from `tag` to `ears` on one body that is not the tag's own, decibels.
pub(super) fn loss_db(tag: Point, ears: Point, other: &Present<'_>, wave_m: f64) -> f64 {
    let way = minus(ears, tag);
    let flat = way[0].hypot(way[1]);
    if flat < 2.0 * NEAREST_M {
        return 0.0;
    }
    let (x, y) = (way[0] / flat, way[1] / flat);
    let (to_x, to_y) = (other.at.0 - tag[0], other.at.1 - tag[1]);
    let along = to_x * x + to_y * y;
    let aside = to_y * x - to_x * y;
    let mut size = other.body.size;
    if other.body.kind == BodyKind::Truck {
        size = [size[0] + 2.0 * MAST_M.0, size[1], size[2] + MAST_M.1];
    }
    let half = (size[0] * y.abs() + size[1] * x.abs()) / 2.0;
    // Beside it by more than any Fresnel zone here, or not in between.
    if aside.abs() > half + 1.0 || along < 0.0 || along > flat {
        return 0.0;
    }
    let near = along.clamp(NEAREST_M, flat - NEAREST_M);
    let zone = (2.0 * flat / (wave_m * near * (flat - near))).sqrt();
    let ray_height = tag[2] + way[2] * near / flat;
    let edges = [half - aside, half + aside, size[2] - ray_height];
    let around: f64 = edges
        .iter()
        .map(|depth| 10f64.powf(-knife_edge_db(depth * zone) / 10.0))
        .sum();
    let through = if other.body.kind == BodyKind::Load {
        let metres = through_m(tag, ears, other.at, size);
        10f64.powf(-metres * other.body.db_per_m / 10.0)
    } else {
        0.0
    };
    -10.0 * (around + through).clamp(1e-6, 1.0).log10()
}

/// ITU-R P.526, equation 31: the loss behind a knife edge, by how deep in its shadow, in units of the Fresnel zone.
pub(super) fn knife_edge_db(depth: f64) -> f64 {
    if depth <= -0.78 {
        return 0.0;
    }
    let from = depth - 0.1;
    6.9 + 20.0 * ((from * from + 1.0).sqrt() + from).log10()
}

/// What another body sends on from an antenna towards a tag, relative to isotropic spreading: strength, and the length of both
/// ways. The bistatic radar equation: a convex body that is large against the wave sends back what falls on its silhouette,
/// as far as it reflects, to all sides alike (a sphere does so exactly: π a²). Near by it sends no more than a mirror of its
/// stuff would, to which the antenna is as far as both ways together.
pub(super) fn scattered(other: &Present<'_>, ears: Point, tag: Point, wave_m: f64) -> (f64, f64) {
    let size = other.body.size;
    let section = (size[0] + size[1]) / 2.0 * size[2];
    let middle = [other.at.0, other.at.1, size[2] / 2.0];
    let (there, back) = (norm(minus(middle, ears)), norm(minus(tag, middle)));
    let whole = there + back;
    let four_pi = 2.0 * TAU;
    let spread = ((section / four_pi).sqrt() / (there * back).max(1e-3)).min(1.0 / whole.max(0.1));
    let strength = wave_m / four_pi * reflected(other.body).sqrt() * spread;
    (strength, whole)
}

/// The share of the power that a body reflects, by Fresnel at right angles: all of it steel, 0.6 people (permittivity of
/// muscle at 900 MHz: 55), 0.02 paper and textiles (1.6, most of it is air), 0.1 mixed cases (3 to 4), half drinks and
/// cans (water 0.64, metal 1, and air between them).
fn reflected(body: &Body) -> f64 {
    match body.kind {
        BodyKind::Truck => 1.0,
        BodyKind::Person => 0.6,
        BodyKind::Load if body.db_per_m < 5.0 => 0.02,
        BodyKind::Load if body.db_per_m < 20.0 => 0.1,
        BodyKind::Load => 0.5,
    }
}
