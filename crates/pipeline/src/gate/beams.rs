//! The photo-eyes of a gate.

use super::Gate;
use crate::config::{Side, Tuning};
use crate::eyes::{Crossing, Eyes, Fault};
use crate::time::Time;

impl Gate {
    /// A level of the eye on one side, or `None` when its reader is gone; says whether it came too late to count for its
    /// own time.
    pub fn push_edge(&mut self, at: Time, side: Side, blocked: Option<bool>) -> bool {
        self.eyes.push(at, side, blocked)
    }

    /// Forgets all that they saw: they may be others now.
    pub fn forget_eyes(&mut self) {
        *self.eyes = Eyes::default();
    }

    /// What is wrong with the eye of one side at `now`; `up_since` tells since when its reader is connected.
    pub fn eye_fault(
        &self,
        tuning: &Tuning,
        side: Side,
        now: Time,
        up_since: Option<Time>,
    ) -> Option<Fault> {
        self.eyes.fault(tuning, side, now, up_since)
    }

    /// What went through and no load was made of, since this was last asked.
    pub fn take_untagged(&mut self) -> Vec<Crossing> {
        std::mem::take(&mut self.untagged)
    }

    pub(super) fn see(&mut self, tuning: &Tuning) {
        let Some(crossing) = self.eyes.step(tuning) else {
            return;
        };
        // What is still undecided may be what went through.
        if !self.passages.is_open() {
            self.untagged.push(crossing);
        }
    }
}
