//! The rules of EdgeX's LLRP inventory service, from its documentation: a tag is at one location; another takes it over
//! when its moving mean RSSI is better by an offset that shrinks while the old one is silent. `Moved` between the two
//! sides of a gate is a movement; `Arrived` and `Departed` are none.

use std::collections::{BTreeMap, VecDeque};

use tracegate_pipeline::config::{Direction, Side};

use super::{Follow, Seen, Turn};
use crate::portal::goods::TagIndex;

/// Values in a moving mean.
const MEAN_OF: usize = 20;
/// Better by this, decibels, while the old location is fresh.
const THRESHOLD_DB: f64 = 6.0;
/// So long it counts as fresh.
const HOLD_OFF_S: f64 = 0.5;
/// And this much less each second after it.
const SLOPE_DB_PER_S: f64 = 8.0;
/// A tag that was silent for this long has departed; looked at in this rhythm.
const DEPARTED_S: f64 = 600.0;
const DEPARTED_CHECK_S: f64 = 30.0;

type Location = (usize, Side);

#[derive(Debug, Clone, Default)]
struct Mean {
    values: VecDeque<f64>,
    last_at: f64,
}

impl Mean {
    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len().max(1) as f64
    }
}

#[derive(Debug, Clone)]
struct State {
    at: Location,
    means: BTreeMap<Location, Mean>,
    last_at: f64,
}

/// Tags that are present.
#[derive(Debug, Default)]
pub(in crate::portal) struct Edgex {
    present: BTreeMap<TagIndex, State>,
    checked: f64,
}

impl Follow for Edgex {
    fn see(&mut self, seen: Seen) -> Option<Turn> {
        let here = (seen.gate, seen.side);
        let state = self.present.entry(seen.tag).or_insert_with(|| State {
            at: here,
            means: BTreeMap::new(),
            last_at: seen.at,
        });
        state.last_at = state.last_at.max(seen.at);
        let mean = state.means.entry(here).or_default();
        if mean.values.len() == MEAN_OF {
            mean.values.pop_front();
        }
        mean.values.push_back(seen.rssi_dbm);
        mean.last_at = mean.last_at.max(seen.at);
        let (new, count) = (mean.mean(), mean.values.len());
        if state.at == here || count < 2 {
            return None;
        }
        let old = state.means.get(&state.at)?;
        let age = seen.at - old.last_at;
        let offset = THRESHOLD_DB.min(THRESHOLD_DB - SLOPE_DB_PER_S * (age - HOLD_OFF_S));
        if new <= old.mean() + offset {
            return None;
        }
        let before = std::mem::replace(&mut state.at, here);
        (before.0 == here.0).then(|| Turn {
            at: seen.at,
            gate: here.0,
            direction: Direction::towards(here.1),
            tag: seen.tag,
        })
    }

    fn tick(&mut self, now: f64, _: &mut Vec<Turn>) {
        if now - self.checked >= DEPARTED_CHECK_S {
            self.checked = now;
            self.present
                .retain(|_, state| now - state.last_at < DEPARTED_S);
        }
    }
}
