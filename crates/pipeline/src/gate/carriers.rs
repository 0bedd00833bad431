//! Tags of fork lifts and other carriers at a gate: never part of a load, but they tell which truck moved it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EpcKey, Gate};
use crate::config::Tuning;
use crate::passage::Decision;
use crate::time::{Span, Time};

/// Reads of one carrier within this are one.
const STEP: Span = Span::millis(500);
/// Sightings of carriers remembered at one gate at most; beyond, the oldest is forgotten.
const MAX_CARRIERS: usize = 4_096;

/// When carriers were read. The order in which reads arrive makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Carriers {
    seen: BTreeSet<(Time, EpcKey)>,
}

impl Carriers {
    /// The carriers read within `reach` of `at`, in order of their memory.
    pub fn near(&self, at: Time, reach: Span) -> Vec<EpcKey> {
        let first = EpcKey {
            epc: Vec::new(),
            bit_len: 0,
        };
        let seen = self.seen.range((at - reach - STEP, first)..);
        let near: BTreeSet<&EpcKey> = seen
            .take_while(|(time, _)| *time <= at + reach)
            .map(|(_, key)| key)
            .collect();
        near.into_iter().cloned().collect()
    }
}

impl Gate {
    /// Says which carriers were there when a load passed.
    pub(super) fn tell_carriers(&self, tuning: &Tuning, decision: &mut Decision) {
        let reach = tuning.load_gap + tuning.load_gap;
        decision.carriers = self.carriers.near(decision.at, reach);
    }

    /// Notes a read of a carrier.
    pub fn note_carrier(&mut self, at: Time, key: EpcKey) {
        let at = Time(at.0 - at.0.rem_euclid(STEP.0));
        self.carriers.seen.insert((at, key));
        if self.carriers.seen.len() > MAX_CARRIERS {
            self.carriers.seen.pop_first();
            self.capped += 1;
        }
    }
}
