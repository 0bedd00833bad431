//! Radio at a dock door, simple but physical: who is read when, and how loud.
//!
//! The axis `x` runs through the door, negative outside. Antennas stand 0.8 m before and behind the door line, 1.5 m
//! beside the lane, turned a little away from the door. A read's RSSI follows from distance (backscatter: 40 dB a
//! decade), the antenna pattern (used twice), one reflected path, the tag's own orientation and noise. Each antenna
//! gets an inventory round in turn; a round has room for a limited number of tags, so crowds are read less often.

use fastrand::Rng;

use super::timeline::Direction;

/// Half the way of a passage.
const REACH_M: f64 = 3.0;
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
/// Crossings of a pallet until one is legible; after these the last is taken as it is.
const MOST_TRIES: u32 = 64;

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

/// A read of a tag.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// Index of the tag on its pallet.
    pub(super) tag: usize,
    pub(super) antenna: u16,
    pub(super) rssi_dbm: f64,
    pub(super) at_us: u64,
    /// The antenna is on the side of the door where the pallet is at this time.
    tells_true: bool,
}

/// A pallet's way through the door, at constant speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) direction: Direction,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl Way {
    /// The reads of a crossing of which each tag's tell which way it went, and whose turn it is after them.
    ///
    /// A scenario is about what becomes of reads: what no reads tell, nobody could get right. So a crossing in which the air
    /// left a tag out, or turned it round, is crossed again. `portal` has radio that leaves tags out.
    pub(super) fn legible(
        self,
        antennas: &[Antenna],
        tags: &[Mounting],
        rng: &mut Rng,
    ) -> (Vec<Heard>, usize) {
        let mut tries = 1;
        loop {
            let (heard, next) = self.crossed(antennas, tags, rng);
            if tries == MOST_TRIES || (0..tags.len()).all(|tag| is_legible(&heard, tag)) {
                return (heard, next);
            }
            tries += 1;
        }
    }

    fn crossed(
        self,
        antennas: &[Antenna],
        tags: &[Mounting],
        rng: &mut Rng,
    ) -> (Vec<Heard>, usize) {
        let mut heard = Vec::new();
        let mut turn = rng.usize(0..antennas.len().max(1));
        let mut now_us = self.from_us;
        while now_us < self.to_us {
            let round_us = rng.u64(60_000..=100_000);
            let share = (now_us - self.from_us) as f64 / (self.to_us - self.from_us) as f64;
            let sign = match self.direction {
                Direction::In => 1.0,
                Direction::Out => -1.0,
            };
            let x = sign * (share * 2.0 - 1.0) * REACH_M;
            let Some(antenna) = antennas.get(turn % antennas.len().max(1)) else {
                break;
            };
            for (tag, rssi_dbm) in round(antenna, tags, x, rng) {
                heard.push(Heard {
                    tag,
                    antenna: antenna.number,
                    rssi_dbm,
                    at_us: now_us + rng.u64(0..round_us),
                    tells_true: antenna.x.signum() == x.signum(),
                });
            }
            turn += 1;
            now_us += round_us;
        }
        (heard, turn % antennas.len().max(1))
    }
}

/// The tag was read twice or more, and louder on the side where it was than on the other.
fn is_legible(heard: &[Heard], tag: usize) -> bool {
    let (mut reads, mut balance) = (0, 0.0);
    for read in heard.iter().filter(|read| read.tag == tag) {
        reads += 1;
        let amplitude = 10_f64.powf(read.rssi_dbm / 20.0);
        balance += if read.tells_true {
            amplitude
        } else {
            -amplitude
        };
    }
    reads >= 2 && balance > 0.0
}

/// One inventory round: which of the `tags` answered, and how loud, with the pallet's centre at `x`.
fn round(antenna: &Antenna, tags: &[Mounting], x: f64, rng: &mut Rng) -> Vec<(usize, f64)> {
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
