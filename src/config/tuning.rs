//! The figures a read point works with: what is configured, else the pipeline's default for its mode.

use std::time::Duration;

use tracegate_pipeline::config::Tuning;
use tracegate_pipeline::time::Span;

use super::model::{Mode, ReadPoint};

impl ReadPoint {
    /// Every figure, none missing. A station has no antennas, and a zone no sides; they get those of a
    /// dock, which nothing reads.
    pub fn tuning(&self) -> Tuning {
        let default = match self.mode {
            Mode::Dock | Mode::Presence | Mode::Station => Tuning::dock(),
            Mode::Belt => Tuning::belt(),
        };
        let span = |given: Option<Duration>, default: Span| given.map_or(default, Span::from);
        let eyes = self.photo_eyes.as_ref();
        let side_tau = span(self.side_tau, default.side_tau);
        Tuning {
            // Readers report whole dBm.
            min_rssi_dbm: self.min_rssi.map_or(default.min_rssi_dbm, |level| {
                i8::try_from(level.hundredths() / 100).unwrap_or(i8::MIN)
            }),
            dedup: span(self.dedup, default.dedup),
            appear_within: span(self.appear_within, default.appear_within),
            min_reads: self.min_reads.unwrap_or(default.min_reads),
            lost_after: span(self.lost_after, default.lost_after),
            side_tau,
            side_level: self.side_level.unwrap_or(default.side_level),
            side_hold: span(self.side_hold, default.side_hold),
            load_gap: span(self.load_gap, default.load_gap),
            settle: span(self.settle, default.settle),
            // Who smooths for a shorter time has loads that pass faster.
            reach: Span(default.reach.0.saturating_mul(side_tau.0) / default.side_tau.0.max(1)),
            revisit: default.revisit,
            one_by_one: default.one_by_one,
            min_tags: self.min_tags.map_or(default.min_tags, usize::from),
            flip_ratio: self.flip_ratio.unwrap_or(default.flip_ratio),
            rearm: span(self.rearm, default.rearm),
            allowed_lateness: span(self.allowed_lateness, default.allowed_lateness),
            down_grace: span(self.down_grace, default.down_grace),
            eye_debounce: span(eyes.and_then(|it| it.debounce), default.eye_debounce),
            eye_blocked_after: span(
                eyes.and_then(|it| it.blocked_after),
                default.eye_blocked_after,
            ),
        }
    }
}
