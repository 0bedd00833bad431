//! The figures a read point works with: what is configured, else the default of its mode.

use std::time::Duration;

use tracegate_pipeline::config as pipeline;
use tracegate_pipeline::time::Span;

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

impl From<pipeline::Tuning> for Tuning {
    fn from(tuning: pipeline::Tuning) -> Self {
        let time = |span: Span| Duration::from_micros(u64::try_from(span.0).unwrap_or(0));
        Tuning {
            min_rssi: Dbm::from_hundredths(i32::from(tuning.min_rssi_dbm) * 100),
            dedup: time(tuning.dedup),
            appear_within: time(tuning.appear_within),
            min_reads: tuning.min_reads,
            lost_after: time(tuning.lost_after),
            side_tau: time(tuning.side_tau),
            side_level: tuning.side_level,
            side_hold: time(tuning.side_hold),
            load_gap: time(tuning.load_gap),
            settle: time(tuning.settle),
            min_tags: u16::try_from(tuning.min_tags).unwrap_or(u16::MAX),
            flip_ratio: tuning.flip_ratio,
            rearm: time(tuning.rearm),
            allowed_lateness: time(tuning.allowed_lateness),
            down_grace: time(tuning.down_grace),
        }
    }
}

impl Tuning {
    /// The pipeline's defaults for a mode. A station has no antennas; it gets those of a dock, which nothing reads.
    pub fn of_mode(mode: Mode) -> Self {
        match mode {
            Mode::Dock | Mode::Station => pipeline::Tuning::dock().into(),
            Mode::Belt => pipeline::Tuning::belt().into(),
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
