//! How stations stand, and what was told there and at guarded doors: the one place that messages, page and commands ask.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracegate_pipeline::Time;
use tracegate_pipeline::input::{JobNow, StationNow};

use super::{Health, tame};
use crate::story::{Answer, AtStation, OpenJob, Uncleared};

/// Answers remembered of each station; beyond, the oldest are forgotten.
const MAX_ANSWERS: usize = 10;
/// What tells nothing of the station: it was scanned before.
const DUPLICATE: &str = "duplicate";
/// A scan was refused.
const REFUSED: &str = "refused";

/// The last verdict of a read point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StationStatus {
    /// `accepted`, `pending` (more is to be scanned), `warned`, `refused`, or `alert` of what leaves by a door and may not.
    pub verdict: &'static str,
    /// When that was, RFC 3339.
    pub at: String,
    /// How many seconds ago.
    pub age_s: u64,
    /// What was told, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// Number of the badge of who is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What is done there, of a station with a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<&'static str>,
    /// What was refused there and is neither cleared, overridden nor given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncleared: Option<UnclearedStatus>,
}

/// What waits to be cleared at a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnclearedStatus {
    /// When it was scanned, RFC 3339.
    pub at: String,
    /// Why it was refused.
    pub text: String,
}

/// A verdict, when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationVerdict {
    /// As in [`StationStatus::verdict`], or `duplicate`.
    pub verdict: &'static str,
    /// When the scan came, or what leaves was seen.
    pub at: Time,
    /// The scanner, if it was scanned.
    pub device: Option<String>,
    /// What was told.
    pub text: Option<String>,
    /// The rule that decided.
    pub rule: Option<&'static str>,
    /// Number of the badge.
    pub operator: Option<String>,
}

/// What is known of a station or a guarded door.
#[derive(Debug, Default)]
pub(super) struct Station {
    /// How it stands, if it has a task.
    now: Option<StationNow>,
    /// The newest first.
    told: VecDeque<StationVerdict>,
}

impl Station {
    /// What it told last; after a start, what it told before and nobody has cleared.
    fn status(&self, now: Timestamp) -> Option<StationStatus> {
        let refused = self.now.as_ref().and_then(|it| it.refused.as_ref());
        let told = self.told.iter().find(|it| it.verdict != DUPLICATE);
        let (verdict, at) = match (told, refused) {
            (Some(told), _) => (told.verdict, told.at),
            (None, Some(refused)) => (REFUSED, refused.at),
            (None, None) => return None,
        };
        let text = || refused.map(|it| tame(&it.text));
        let age = now.duration_since(timestamp(at));
        Some(StationStatus {
            verdict,
            at: spelt(at),
            age_s: Duration::try_from(age).unwrap_or_default().as_secs(),
            text: told.map_or_else(text, |it| it.text.clone()),
            rule: told.and_then(|it| it.rule),
            operator: told.and_then(|it| it.operator.clone()),
            task: self.now.as_ref().map(|it| it.task.as_str()),
            uncleared: refused.map(|it| UnclearedStatus {
                at: spelt(it.at),
                text: tame(&it.text),
            }),
        })
    }

    fn standing(&self) -> AtStation {
        let now = self.now.as_ref();
        let refused = now.and_then(|now| now.refused.as_ref());
        let operator = now.and_then(|now| now.operator.as_ref());
        AtStation {
            task: now.map(|now| now.task.as_str().to_owned()),
            operator: operator.map(|(id, until)| (tame(id), (*until).into())),
            job: now.and_then(|now| now.job.as_ref()).map(job),
            refused: refused.map(|it| Uncleared {
                at: it.at.into(),
                text: tame(&it.text),
            }),
            answers: self.told.iter().map(answer).collect(),
        }
    }
}

fn job(job: &JobNow) -> OpenJob {
    OpenJob {
        order: job.order.clone(),
        parent: job.parent.clone(),
        things: job.things,
        newest: job.newest.clone(),
        touched: job.touched.into(),
        ends: job.ends.into(),
    }
}

fn answer(told: &StationVerdict) -> Answer {
    Answer {
        at: told.at.into(),
        device: told.device.clone().unwrap_or_default(),
        verdict: told.verdict.to_owned(),
        text: told.text.clone().unwrap_or_default(),
        rule: told.rule.map(str::to_owned),
        operator: told.operator.clone(),
    }
}

fn timestamp(at: Time) -> Timestamp {
    Timestamp::from_microsecond(at.0).unwrap_or_default()
}

fn spelt(at: Time) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn status(
    stations: &BTreeMap<String, Station>,
    now: Timestamp,
) -> BTreeMap<String, StationStatus> {
    let stations = stations.iter();
    stations
        .filter_map(|(name, station)| Some((name.clone(), station.status(now)?)))
        .collect()
}

impl Health {
    /// Notes what was told at a read point. That is no news of its own: the next status message has it.
    pub fn told_at(&self, read_point: &str, verdict: StationVerdict) {
        let text = verdict.text.as_deref().filter(|text| !text.is_empty());
        let verdict = StationVerdict {
            text: text.map(tame),
            operator: verdict.operator.as_deref().map(tame),
            ..verdict
        };
        let stations = &mut self.links().stations;
        let told = &mut stations.entry(read_point.to_owned()).or_default().told;
        told.push_front(verdict);
        told.truncate(MAX_ANSWERS);
    }

    /// Notes how all stations with a task stand.
    pub fn stand(&self, all: Vec<StationNow>) {
        let stations = &mut self.links().stations;
        stations.values_mut().for_each(|it| it.now = None);
        for now in all {
            let station = stations.entry(now.read_point.clone()).or_default();
            station.now = Some(now);
        }
    }

    /// How stations stand, and what they told last.
    #[must_use]
    pub fn stations(&self) -> BTreeMap<String, AtStation> {
        let links = self.links();
        let stations = links.stations.iter();
        // What a guarded door told is among its events.
        let is_station =
            |it: &&Station| it.now.is_some() || it.told.iter().any(|told| told.device.is_some());
        stations
            .filter(|(_, station)| is_station(station))
            .map(|(name, station)| (name.clone(), station.standing()))
            .collect()
    }

    /// Forgets what was counted at read points that are not there any more, and what was told where nothing is told now.
    pub fn read_points(&self, is_there: impl Fn(&str) -> bool, tells: impl Fn(&str) -> bool) {
        let mut links = self.links();
        links.stations.retain(|name, _| tells(name));
        links.points.retain_read_points(is_there);
    }
}

#[cfg(test)]
mod tests {
    use tracegate_pipeline::config::TaskKind;
    use tracegate_pipeline::input::RefusedNow;

    use super::*;

    fn now(seconds_ago: u64) -> Time {
        let at = Timestamp::now() - Duration::from_secs(seconds_ago);
        Time(at.as_microsecond())
    }

    fn told(verdict: &'static str, text: &str) -> StationVerdict {
        StationVerdict {
            verdict,
            at: now(90),
            device: Some("pack_1".to_owned()),
            text: Some(text.to_owned()),
            rule: None,
            operator: Some("0042".to_owned()),
        }
    }

    fn stands(refused: Option<&str>) -> StationNow {
        StationNow {
            read_point: "line_1".to_owned(),
            task: TaskKind::Issue,
            operator: None,
            job: None,
            refused: refused.map(|text| RefusedNow {
                at: now(90),
                text: text.to_owned(),
            }),
            ends: None,
        }
    }

    #[test]
    fn the_last_verdict_of_each_station_is_told_with_its_age() {
        let health = Health::new("plant-3", "e");
        assert!(!health.status().to_json().contains("stations"));
        health.told_at("line_1", told("pending", "scan the lot"));
        health.told_at("line_2", told("accepted", ""));
        let refused = StationVerdict {
            rule: Some("lot_hold"),
            ..told("refused", "lot B-9 is not\nreleased")
        };
        health.told_at("line_1", refused);
        // That tells nothing of the station.
        health.told_at("line_1", told("duplicate", "scanned before"));
        let stations = health.status().stations;
        let first = &stations["line_1"];
        assert_eq!((first.verdict, first.rule), ("refused", Some("lot_hold")));
        assert_eq!(first.text.as_deref(), Some("lot B-9 is not released"));
        assert_eq!(first.operator.as_deref(), Some("0042"));
        assert!((90..120).contains(&first.age_s), "{first:?}");
        assert_eq!(stations["line_2"].text, None);
        let answers = |name: &str| -> Vec<String> {
            let answers = health.stations().remove(name).unwrap().answers;
            answers.into_iter().map(|it| it.verdict).collect()
        };
        assert_eq!(answers("line_1"), ["duplicate", "refused", "pending"]);
        for _ in 0..100 {
            health.told_at("line_1", told("accepted", ""));
        }
        assert_eq!(answers("line_1").len(), MAX_ANSWERS);
        // Nobody knows when the gateway is gone.
        assert!(health.last_will().stations.is_empty());
        health.read_points(|_| true, |name| name == "line_2");
        let names: Vec<String> = health.status().stations.into_keys().collect();
        assert_eq!(names, ["line_2"]);
    }

    /// Message and page say the same of it, and both let it go when it is settled, with a verdict or without.
    #[test]
    fn what_was_refused_waits_until_it_is_settled() {
        let health = Health::new("plant-3", "e");
        let waits = || {
            let message = health.status().stations.remove("line_1");
            let message = message.and_then(|it| it.uncleared).map(|it| it.text);
            let page = health.stations().remove("line_1");
            let page = page.and_then(|it| it.refused).map(|it| it.text);
            assert_eq!(message, page);
            page
        };
        assert_eq!(waits(), None);
        health.told_at("line_1", told("refused", "on hold"));
        health.stand(vec![stands(Some("on hold"))]);
        assert_eq!(waits().as_deref(), Some("on hold"));
        let status = health.status().stations.remove("line_1").unwrap();
        assert_eq!(status.task, Some("issue"));
        assert_eq!(status.uncleared.unwrap().at, status.at);
        // A badge: the station is as it was.
        health.told_at("line_1", told("accepted", ""));
        health.stand(vec![stands(Some("on hold"))]);
        assert_eq!(waits().as_deref(), Some("on hold"));
        // Nobody went on, and nothing was open: no verdict says so.
        health.stand(vec![stands(None)]);
        assert_eq!(waits(), None);
        assert_eq!(health.stations()["line_1"].answers.len(), 2);
    }

    #[test]
    fn after_a_start_a_station_stands_as_it_did_before() {
        let health = Health::new("plant-3", "e");
        health.stand(vec![stands(None)]);
        assert!(health.status().stations.is_empty(), "it told nothing");
        health.stand(vec![stands(Some("lot B-9\nis on hold"))]);
        let status = health.status().stations.remove("line_1").unwrap();
        assert_eq!(status.verdict, "refused");
        assert_eq!(status.text.as_deref(), Some("lot B-9 is on hold"));
        assert!((90..120).contains(&status.age_s));
        // Its task is another, or none.
        health.stand(Vec::new());
        assert!(health.status().stations.is_empty());
    }
}
