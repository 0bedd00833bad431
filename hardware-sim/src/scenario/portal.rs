//! Radio at a dock door, simple but physical: who is read when, and how loud.
//!
//! The axis `x` runs through the door, negative outside. Antennas stand 0.8 m before and behind the door line, 1.5 m
//! beside the lane, turned a little away from the door. A read's RSSI follows from distance (backscatter: 40 dB a
//! decade), the antenna pattern (used twice), one reflected path, the tag's own orientation and noise. Each antenna
//! gets an inventory round in turn; a round has room for a limited number of tags, so crowds are read less often.

use fastrand::Rng;

/// Half the way of a passage.
pub(super) const REACH_M: f64 = 3.0;
/// From the door line to the antennas of a side.
const ANTENNA_X_M: f64 = 0.8;
/// From the middle of the lane to the antennas.
const ANTENNA_Y_M: f64 = 1.5;
/// RSSI of a well oriented tag one metre before an antenna.
const RSSI_AT_1M_DBM: f64 = -40.0;
/// What the reflected path is weaker than the direct one.
const REFLECTION_DB: f64 = 16.0;
/// Half of the reads succeed here.
const SENSITIVITY_DBM: f64 = -70.0;
/// Tags that one round can singulate.
const ROUND_CAPACITY: f64 = 20.0;

/// An antenna of a door.
#[derive(Debug, Clone)]
pub(super) struct Antenna {
    pub(super) number: u16,
    x: f64,
    y: f64,
    /// Boresight, a unit vector.
    facing: (f64, f64),
}

/// The antennas of a door in the order they are used.
pub(super) fn antennas(inside: &[u16], outside: &[u16]) -> Vec<Antenna> {
    let side = |numbers: &[u16], sign: f64| -> Vec<Antenna> {
        let stand = numbers.iter().enumerate().map(|(i, number)| {
            let y = if i % 2 == 0 {
                ANTENNA_Y_M
            } else {
                -ANTENNA_Y_M
            };
            let tilt = 20_f64.to_radians();
            Antenna {
                number: *number,
                x: sign * ANTENNA_X_M,
                y,
                facing: (sign * tilt.sin(), -y.signum() * tilt.cos()),
            }
        });
        stand.collect()
    };
    let mut all = side(inside, 1.0);
    all.extend(side(outside, -1.0));
    all.sort_by_key(|antenna| antenna.number);
    all
}

/// Where a tag sits on its pallet and how badly it is turned.
#[derive(Debug, Clone)]
pub(super) struct Mounting {
    dx: f64,
    dy: f64,
    orientation_db: f64,
}

impl Mounting {
    pub(super) fn random(rng: &mut Rng) -> Self {
        Self {
            dx: rng.f64() - 0.5,
            dy: 0.8 * (rng.f64() - 0.5),
            orientation_db: 6.0 * rng.f64() * rng.f64(),
        }
    }
}

/// Mean RSSI of a tag at `x` (its pallet's centre) at an antenna.
fn mean_rssi(antenna: &Antenna, tag: &Mounting, x: f64) -> f64 {
    let (to_x, to_y) = (x + tag.dx - antenna.x, tag.dy - antenna.y);
    let distance = to_x.hypot(to_y).max(0.3);
    let cosine = (to_x * antenna.facing.0 + to_y * antenna.facing.1) / distance;
    // A patch antenna: parabolic main lobe of 70 degrees, 15 dB front to back.
    let off_axis = cosine.clamp(-1.0, 1.0).acos().to_degrees() / 70.0;
    let pattern_db = (12.0 * off_axis * off_axis).min(15.0);
    let at_distance = RSSI_AT_1M_DBM - 40.0 * distance.log10() - tag.orientation_db;
    let direct = power(at_distance - 2.0 * pattern_db);
    10.0 * (direct + power(at_distance - REFLECTION_DB)).log10()
}

fn power(dbm: f64) -> f64 {
    10_f64.powf(dbm / 10.0)
}

/// One inventory round: which of the `tags` answered, and how loud, with the pallet's centre at `x`.
pub(super) fn round(
    antenna: &Antenna,
    tags: &[Mounting],
    x: f64,
    rng: &mut Rng,
) -> Vec<(usize, f64)> {
    let mut heard = Vec::new();
    for (i, tag) in tags.iter().enumerate() {
        let rssi = mean_rssi(antenna, tag, x) + 1.5 * normal(rng);
        if rng.f64() < 1.0 / (1.0 + ((SENSITIVITY_DBM - rssi) / 2.0).exp()) {
            heard.push((i, rssi));
        }
    }
    let share = ROUND_CAPACITY / (heard.len().max(1) as f64);
    heard.into_iter().filter(|_| rng.f64() < share).collect()
}

/// Standard normal, near enough: the sum of twelve uniforms.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}
