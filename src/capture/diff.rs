//! What another configuration would have made of the same traffic.

use std::collections::BTreeSet;

use serde::Serialize;
use tracegate_gs1::epc::decode_bank;
use tracegate_pipeline::config::{ReadPointKind, Tuning};
use tracegate_pipeline::input::{MovementEvent, NonEvent};
use tracegate_pipeline::{Output, PipelineConfig, Time};

use crate::capture::line::Moment;
use crate::story::{reason, things};

/// Events of two runs this far apart may be one movement.
const SAME_US: i64 = 30_000_000;

/// A movement of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Booked {
    /// When.
    pub at: Moment,
    /// Where.
    pub read_point: String,
    /// In a line.
    pub summary: String,
    /// Its id.
    pub event_id: String,
    /// Its objects.
    pub things: BTreeSet<String>,
    #[serde(skip)]
    step: String,
}

/// A load that a run did not book.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    at: Moment,
    read_point: String,
    text: String,
    things: BTreeSet<String>,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Run {
    booked: Vec<Booked>,
    refused: Vec<Refused>,
}

/// A difference between two runs, `a` and `b`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Booked by `a` only.
    Lost {
        /// By `a`.
        event: Booked,
        /// What `b` says of it, if it says anything.
        why: Option<String>,
    },
    /// Booked by `b` only.
    Gained {
        /// By `b`.
        event: Booked,
        /// What `a` says of it, if it says anything.
        why: Option<String>,
    },
    /// Booked by both, and not the same.
    Changed {
        /// By `a`.
        before: Booked,
        /// By `b`.
        after: Booked,
        /// Objects of `b` only.
        added: BTreeSet<String>,
        /// Objects of `a` only.
        removed: BTreeSet<String>,
    },
}

impl Change {
    /// When, for sorting.
    #[must_use]
    pub const fn at(&self) -> Moment {
        match self {
            Self::Lost { event, .. } | Self::Gained { event, .. } => event.at,
            Self::Changed { before, .. } => before.at,
        }
    }
}

impl Run {
    /// Notes what came of an input under `config`.
    pub fn take(&mut self, outputs: &[Output], config: &PipelineConfig) {
        for output in outputs {
            match output {
                Output::Event(event) => self.booked.push(booked(event)),
                Output::NonEvent(load) => self.refused.push(refused(load, config)),
                Output::Alert(_)
                | Output::Verdict(_)
                | Output::Learned(_)
                | Output::ClockStepped { .. } => {}
            }
        }
    }

    /// Movements, and loads that were not booked.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.booked.len(), self.refused.len())
    }

    fn says(&self, event: &Booked) -> Option<String> {
        let near = self.refused.iter().filter(|load| {
            load.read_point == event.read_point && !load.things.is_disjoint(&event.things)
        });
        let nearest =
            near.min_by_key(|load| (load.at.0.saturating_sub(event.at.0)).saturating_abs());
        nearest
            .filter(|load| apart(load.at, event.at) <= SAME_US)
            .map(|load| load.text.clone())
    }
}

fn apart(a: Moment, b: Moment) -> i64 {
    Time::from(a).micros_since(b.into()).saturating_abs()
}

fn booked(event: &MovementEvent) -> Booked {
    let json: serde_json::Value = serde_json::from_str(&event.json).unwrap_or_default();
    let step = json.get("bizStep").and_then(serde_json::Value::as_str);
    Booked {
        at: event.at.into(),
        read_point: event.read_point.clone(),
        summary: event.summary.trim().to_owned(),
        event_id: event.id.to_string(),
        things: things(&event.json),
        step: step.unwrap_or_default().to_owned(),
    }
}

fn refused(load: &NonEvent, config: &PipelineConfig) -> Refused {
    let members = load.members.iter();
    let uri = |(key, pc): &(tracegate_pipeline::input::EpcKey, _)| {
        decode_bank(*pc, &key.epc, usize::from(key.bit_len)).uri()
    };
    let tuning = tuning(config, &load.read_point);
    Refused {
        at: load.at.into(),
        read_point: load.read_point.clone(),
        text: format!(
            "{}: {}",
            load.reason.as_str(),
            reason(load.reason, load.tags, tuning)
        ),
        things: members.map(uri).collect(),
    }
}

/// The figures of a read point with antennas.
pub fn tuning<'a>(config: &'a PipelineConfig, read_point: &str) -> Option<&'a Tuning> {
    let found = config.read_points.iter().find(|it| it.name == read_point)?;
    match &found.kind {
        ReadPointKind::Gate(gate) => Some(&gate.tuning),
        ReadPointKind::Station(_) | ReadPointKind::Zone(_) => None,
    }
}

/// What differs, in order of time; and how many movements are the same.
#[must_use]
pub fn compare(a: &Run, b: &Run) -> (Vec<Change>, usize) {
    let ids = |run: &Run| -> BTreeSet<String> {
        run.booked
            .iter()
            .map(|event| event.event_id.clone())
            .collect()
    };
    let (in_a, in_b) = (ids(a), ids(b));
    let own = |run: &Run, other: &BTreeSet<String>| -> Vec<Booked> {
        let events = run.booked.iter();
        events
            .filter(|it| !other.contains(&it.event_id))
            .cloned()
            .collect()
    };
    let (lost, mut gained) = (own(a, &in_b), own(b, &in_a));
    let same = in_a.intersection(&in_b).count();
    let mut changes = Vec::new();
    for before in lost {
        let pairs = gained.iter().enumerate().filter(|(_, after)| {
            after.read_point == before.read_point
                && after.step == before.step
                && apart(after.at, before.at) <= SAME_US
                && !after.things.is_disjoint(&before.things)
        });
        let nearest = pairs.min_by_key(|(_, after)| apart(after.at, before.at));
        let Some(index) = nearest.map(|(index, _)| index) else {
            let why = b.says(&before);
            changes.push(Change::Lost { event: before, why });
            continue;
        };
        let after = gained.remove(index);
        changes.push(Change::Changed {
            added: after.things.difference(&before.things).cloned().collect(),
            removed: before.things.difference(&after.things).cloned().collect(),
            before,
            after,
        });
    }
    changes.extend(gained.into_iter().map(|event| {
        let why = a.says(&event);
        Change::Gained { event, why }
    }));
    changes.sort_by_key(Change::at);
    (changes, same)
}

#[cfg(test)]
impl Run {
    /// Every movement at another time, with another id.
    pub(super) fn shift(&mut self, by_us: i64) {
        for event in &mut self.booked {
            event.at.0 += by_us;
            event.event_id.push('\'');
        }
    }
}
