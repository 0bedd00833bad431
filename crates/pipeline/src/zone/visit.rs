//! One tag in a zone: it appears, stays, fades and comes back, and is gone in the end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::gate::EpcKey;
use crate::input::DeviceIndex;
use crate::time::{Span, Time};
use crate::zone::ZoneTuning;

/// A tag that stands this long is parked: it is given the longest time before it is taken for gone.
pub(crate) const PARKED_AFTER: Span = Span::millis(18_000);
/// How long a tag that has left is remembered, so that one that fades for longer is given more time from then on.
pub(crate) const REMEMBERED: Span = Span::millis(600_000);
/// A tag that is there is missed for `ln(1/δ)` times its mean pause with a probability of δ = 0.01 (SMURF's bound); in ‰.
const PAUSES_PERMILLE: i64 = 4_605;
/// The newest pause counts this part in the mean.
const SMOOTHING: i64 = 8;

/// Where a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Read, but not often enough yet.
    Glimpsed,
    /// There.
    Present,
    /// Not read any more; the others of its load are waited for.
    Leaving,
    /// Gone; kept for its pauses.
    Gone,
}

/// What a read changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Appeared,
    Returned,
}

/// State of one tag in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Visit {
    pub pc: Option<u16>,
    /// First and last read of the visit.
    pub first: Time,
    pub last: Time,
    pub phase: Phase,
    /// Who read it last.
    pub device: DeviceIndex,
    /// How far off its times may be.
    pub uncertainty: Span,
    /// Those that came together have the same number.
    pub load: u64,
    /// Dwell events that were made.
    pub dwelt: usize,
    /// When a timer of it runs out.
    pub due: Time,
    /// For an active tag: how long it may be silent.
    pub silence: Option<Span>,
    counted_at: Time,
    reads: u32,
    mean_pause: Span,
    patience: Span,
}

impl Visit {
    pub fn new(pc: Option<u16>, device: DeviceIndex, silence: Option<Span>, at: Time) -> Self {
        Self {
            pc,
            first: at,
            last: at,
            phase: Phase::Glimpsed,
            device,
            uncertainty: Span::default(),
            load: 0,
            dwelt: 0,
            due: at,
            silence,
            counted_at: at,
            reads: 0,
            mean_pause: Span::default(),
            patience: Span::default(),
        }
    }

    /// Sets its timer anew.
    pub fn reschedule(&mut self, timers: &mut BTreeSet<(Time, EpcKey)>, tag: &EpcKey, due: Time) {
        timers.remove(&(self.due, tag.clone()));
        self.due = due;
        timers.insert((due, tag.clone()));
    }

    /// Moves its times back by `by`.
    pub fn set_back(&mut self, by: Span) {
        let times = [
            &mut self.first,
            &mut self.last,
            &mut self.due,
            &mut self.counted_at,
        ];
        for time in times {
            *time = *time - by;
        }
    }

    pub fn is_there(&self) -> bool {
        matches!(self.phase, Phase::Present)
    }

    /// Takes one read, in order of time.
    pub fn observe(&mut self, tuning: &ZoneTuning, at: Time, device: DeviceIndex) -> Change {
        let pause = at - self.last;
        let starts_anew = match self.phase {
            Phase::Gone => {
                // It was not gone, it was not read: next time it is waited for longer.
                self.patience = Span(pause.0.saturating_mul(2)).min(REMEMBERED);
                true
            }
            Phase::Glimpsed => at - self.first > self.appear_within(tuning),
            Phase::Present | Phase::Leaving => false,
        };
        if starts_anew {
            self.phase = Phase::Glimpsed;
            (self.first, self.reads, self.dwelt) = (at, 0, 0);
            self.uncertainty = Span::default();
        }
        (self.last, self.device) = (at, device);
        if self.reads == 0 || at - self.counted_at >= tuning.dedup {
            self.count(at);
        }
        match self.phase {
            Phase::Glimpsed if self.reads >= u32::from(tuning.min_reads) => {
                self.phase = Phase::Present;
                Change::Appeared
            }
            Phase::Leaving => {
                self.phase = Phase::Present;
                self.patience = self.patience.max(Span(pause.0.saturating_mul(2)));
                self.patience = self.patience.min(REMEMBERED);
                Change::Returned
            }
            _ => Change::Nothing,
        }
    }

    fn count(&mut self, at: Time) {
        if self.reads > 0 {
            let pause = (at - self.counted_at).0;
            let mean = self.mean_pause.0;
            self.mean_pause = Span(if mean == 0 {
                pause
            } else {
                mean.saturating_add((pause - mean) / SMOOTHING)
            });
        }
        self.reads = self.reads.saturating_add(1);
        self.counted_at = at;
    }

    /// How long it must not be read to be taken for gone: as long as its reads make likely, up to the longest when it is
    /// parked; an active tag has its beacon. A tag that came back is given twice the pause it made.
    pub fn lost_after(&self, tuning: &ZoneTuning) -> Span {
        let (least, most) = (tuning.lost_min, tuning.lost_max.max(tuning.lost_min));
        let likely = Span(self.mean_pause.0.saturating_mul(PAUSES_PERMILLE) / 1000);
        let passive = if self.last - self.first >= PARKED_AFTER {
            most
        } else {
            likely.clamp(least, most)
        };
        self.silence.unwrap_or(passive).max(self.patience)
    }

    /// Within this time it must be read often enough.
    pub fn appear_within(&self, tuning: &ZoneTuning) -> Span {
        self.silence.unwrap_or_default().max(tuning.appear_within)
    }
}
