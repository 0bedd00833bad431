//! What guarded doors told, and what guards look at.

use std::collections::{BTreeMap, VecDeque};

use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::guard::{GuardConfig, Level, Rule};
use tracegate_pipeline::input::Alert;

use super::{Guarded, Stopped};
use crate::health::tame;

/// Alerts remembered.
const MAX_ALERTS: usize = 50;

/// What moved out and may not.
#[derive(Debug, Default)]
pub(super) struct Told {
    alerts: VecDeque<Stopped>,
}

impl Told {
    /// Something moved out and may not.
    pub fn stopped(&mut self, alert: &Alert) {
        self.alerts.push_front(Stopped {
            at: alert.at.into(),
            read_point: alert.read_point.clone(),
            thing: tame(&alert.thing),
            rule: alert.rule.as_str().to_owned(),
            text: tame(&alert.text),
        });
        self.alerts.truncate(MAX_ALERTS);
    }

    /// The newest first.
    pub fn alerts(&self) -> Vec<Stopped> {
        self.alerts.iter().cloned().collect()
    }
}

/// What the guards of read points look at.
pub(super) fn guards(config: &PipelineConfig) -> BTreeMap<String, Guarded> {
    let guards = config.read_points.iter();
    let guards = guards.filter_map(|it| Some((it, it.guard.as_deref()?)));
    guards
        .map(|(read_point, guard)| {
            let is_station = matches!(read_point.kind, ReadPointKind::Station(_));
            (read_point.name.clone(), guarded(guard, is_station))
        })
        .collect()
}

fn guarded(guard: &GuardConfig, is_station: bool) -> Guarded {
    let of = |level, is_stale| {
        let rules = Rule::ALL.into_iter();
        let rules = rules.filter(|rule| is_station || is_for_doors(*rule));
        let rules = rules.filter(|rule| guard.level(*rule, is_stale) == level);
        rules.map(|rule| rule.as_str().to_owned()).collect()
    };
    Guarded {
        refuses: of(Level::Refuse, false),
        warns: of(Level::Warn, false),
        refuses_stale: of(Level::Refuse, true),
        max_age_s: u64::try_from(guard.max_age.0 / 1_000_000).unwrap_or(0),
    }
}

/// A door asks for no order, and who takes which lot first is decided elsewhere.
const fn is_for_doors(rule: Rule) -> bool {
    matches!(rule, Rule::LotHold | Rule::LotExpired | Rule::MinRemaining)
}
