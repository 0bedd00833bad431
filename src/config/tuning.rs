//! The figures a read point works with: what is configured, else the default of its mode.

use std::time::Duration;

use super::model::{Mode, ReadPoint};
use super::units::Dbm;

/// Every figure of a read point, none missing. Meanings as in [`ReadPoint`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are those of ReadPoint, and are explained there"
)]
pub struct Tuning {
    pub min_rssi: Dbm,
    pub dedup: Duration,
    pub appear_within: Duration,
    pub min_reads: u16,
    pub lost_after: Duration,
    pub side_tau: Duration,
    pub side_level: f64,
    pub side_hold: Duration,
    pub load_gap: Duration,
    pub settle: Duration,
    pub min_tags: u16,
    pub flip_ratio: f64,
    pub rearm: Duration,
    pub allowed_lateness: Duration,
    pub down_grace: Duration,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A door: slow loads of many tags, seen for seconds.
const DOCK: Tuning = Tuning {
    min_rssi: Dbm::from_hundredths(-7800),
    dedup: ms(250),
    appear_within: ms(1500),
    min_reads: 2,
    lost_after: ms(3000),
    side_tau: ms(700),
    side_level: 0.30,
    side_hold: ms(600),
    load_gap: ms(1300),
    settle: ms(3000),
    min_tags: 2,
    flip_ratio: 0.35,
    rearm: ms(20_000),
    allowed_lateness: ms(900),
    down_grace: ms(20_000),
};

/// A conveyor: single items, near the antenna, seen for less than a second.
const BELT: Tuning = Tuning {
    min_rssi: Dbm::from_hundredths(-7000),
    dedup: ms(100),
    appear_within: ms(500),
    min_reads: 2,
    lost_after: ms(1000),
    side_tau: ms(450),
    side_level: 0.22,
    side_hold: ms(250),
    load_gap: ms(200),
    settle: ms(1000),
    min_tags: 1,
    flip_ratio: 0.0,
    rearm: ms(60_000),
    allowed_lateness: ms(600),
    down_grace: ms(20_000),
};

impl Tuning {
    /// The defaults of a mode. A station has no antennas; it gets those of a dock, which nothing reads.
    pub const fn of_mode(mode: Mode) -> Self {
        match mode {
            Mode::Dock | Mode::Station => DOCK,
            Mode::Belt => BELT,
        }
    }
}

impl ReadPoint {
    /// What is configured, completed by the defaults of the mode.
    pub fn tuning(&self) -> Tuning {
        let default = Tuning::of_mode(self.mode);
        Tuning {
            min_rssi: self.min_rssi.unwrap_or(default.min_rssi),
            dedup: self.dedup.unwrap_or(default.dedup),
            appear_within: self.appear_within.unwrap_or(default.appear_within),
            min_reads: self.min_reads.unwrap_or(default.min_reads),
            lost_after: self.lost_after.unwrap_or(default.lost_after),
            side_tau: self.side_tau.unwrap_or(default.side_tau),
            side_level: self.side_level.unwrap_or(default.side_level),
            side_hold: self.side_hold.unwrap_or(default.side_hold),
            load_gap: self.load_gap.unwrap_or(default.load_gap),
            settle: self.settle.unwrap_or(default.settle),
            min_tags: self.min_tags.unwrap_or(default.min_tags),
            flip_ratio: self.flip_ratio.unwrap_or(default.flip_ratio),
            rearm: self.rearm.unwrap_or(default.rearm),
            allowed_lateness: self.allowed_lateness.unwrap_or(default.allowed_lateness),
            down_grace: self.down_grace.unwrap_or(default.down_grace),
        }
    }
}
