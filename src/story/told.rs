//! What stations and guarded doors told: how each stands, and its last answers.

use std::collections::{BTreeMap, VecDeque};

use tracegate_pipeline::config::{ReadPointKind, TaskConfig};
use tracegate_pipeline::guard::{GuardConfig, Level, Rule};
use tracegate_pipeline::input::{Alert, ScanVerdict, StationNow, VerdictKind};
use tracegate_pipeline::{PipelineConfig, Time};

use super::{Answer, AtStation, Guarded, OpenJob, Stopped};
use crate::health::tame;

/// Answers remembered of each station.
const MAX_ANSWERS: usize = 10;
/// Alerts remembered.
const MAX_ALERTS: usize = 50;

/// See the module; stations are those of the configuration.
#[derive(Debug, Default)]
pub(super) struct Told {
    stations: BTreeMap<String, Station>,
    alerts: VecDeque<Stopped>,
}

#[derive(Debug, Default)]
struct Station {
    now: Option<StationNow>,
    answers: VecDeque<Answer>,
}

impl Told {
    /// Only these stations are there from now on.
    pub fn configure(&mut self, config: &PipelineConfig) {
        let mut before = std::mem::take(&mut self.stations);
        let stations = config.read_points.iter();
        let stations = stations.filter(|it| matches!(it.kind, ReadPointKind::Station(_)));
        self.stations = stations
            .map(|it| (it.name.clone(), before.remove(&it.name).unwrap_or_default()))
            .collect();
    }

    /// How stations stand.
    pub fn stand(&mut self, all: &[StationNow]) {
        for now in all {
            if let Some(station) = self.stations.get_mut(&now.read_point) {
                station.now = Some(now.clone());
            }
        }
    }

    /// A station answered a scan.
    pub fn answered(&mut self, at: Option<Time>, verdict: &ScanVerdict, config: &PipelineConfig) {
        let detail = verdict.detail.as_deref();
        let name = detail.map(|detail| detail.read_point.as_str());
        let Some(name) = name.or_else(|| station_of(verdict.device, config)) else {
            return;
        };
        let (word, text) = match &verdict.kind {
            VerdictKind::Accepted => ("accepted", ""),
            VerdictKind::Duplicate => ("duplicate", "scanned before"),
            VerdictKind::Warned(text) => ("warned", text.as_str()),
            VerdictKind::Refused(text) => ("refused", text.as_str()),
            VerdictKind::Pending(text) => ("pending", text.as_str()),
        };
        let told = detail.map(|it| it.text.as_str());
        let text = told.filter(|it| !it.is_empty()).unwrap_or(text);
        let device = config.devices.get(usize::from(verdict.device));
        let answer = Answer {
            at: detail.map(|it| it.at).or(at).map(Into::into),
            device: device.cloned().unwrap_or_default(),
            verdict: word.to_owned(),
            text: tame(text),
            rule: detail.and_then(|it| Some(it.rule?.as_str().to_owned())),
            operator: detail.and_then(|it| it.operator.clone()),
        };
        let Some(station) = self.stations.get_mut(name) else {
            return;
        };
        station.answers.push_front(answer);
        station.answers.truncate(MAX_ANSWERS);
    }

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

    /// Stations in order of name.
    pub fn stations(&self, config: &PipelineConfig) -> BTreeMap<String, AtStation> {
        let stations = self.stations.iter().map(|(name, station)| {
            let now = station.now.as_ref();
            let job = now.and_then(|now| now.job.as_ref());
            let told = AtStation {
                task: task_of(name, config).map(|task| task.kind.as_str().to_owned()),
                operator: now
                    .and_then(|now| now.operator.clone())
                    .map(|(id, until)| (id, until.into())),
                job: job.map(|job| OpenJob {
                    order: job.order.clone(),
                    parent: job.parent.clone(),
                    things: job.things,
                    newest: job.newest.clone(),
                    touched: job.touched.into(),
                    ends: job.ends.into(),
                }),
                refused: now.and_then(|now| now.refused.as_deref()).map(tame),
                answers: station.answers.iter().cloned().collect(),
            };
            (name.clone(), told)
        });
        stations.collect()
    }

    /// What moved out and may not, the newest first.
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

fn station_of(device: u16, config: &PipelineConfig) -> Option<&str> {
    let of = |kind: &ReadPointKind| match kind {
        ReadPointKind::Station(it) => it.scanners.iter().any(|it| it.device == device),
        _ => false,
    };
    let found = config.read_points.iter().find(|it| of(&it.kind))?;
    Some(&found.name)
}

fn task_of<'a>(name: &str, config: &'a PipelineConfig) -> Option<&'a TaskConfig> {
    let found = config.read_points.iter().find(|it| it.name == name)?;
    match &found.kind {
        ReadPointKind::Station(station) => station.task.as_deref(),
        _ => None,
    }
}
