//! What was last told at each station, and at each guarded door.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracegate_pipeline::Time;

use super::{Health, tame};

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
}

/// A verdict, when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationVerdict {
    /// As in [`StationStatus::verdict`].
    pub verdict: &'static str,
    /// When the scan came, or what leaves was seen.
    pub at: Time,
    /// What was told.
    pub text: Option<String>,
    /// The rule that decided.
    pub rule: Option<&'static str>,
    /// Number of the badge.
    pub operator: Option<String>,
    /// What is done there.
    pub task: Option<&'static str>,
}

impl StationVerdict {
    fn status(&self, now: Timestamp) -> StationStatus {
        let at = Timestamp::from_microsecond(self.at.0).unwrap_or_default();
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        StationStatus {
            verdict: self.verdict,
            at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            age_s: age.as_secs(),
            text: self.text.clone(),
            rule: self.rule,
            operator: self.operator.clone(),
            task: self.task,
        }
    }
}

pub(super) fn status(
    stations: &BTreeMap<String, StationVerdict>,
    now: Timestamp,
) -> BTreeMap<String, StationStatus> {
    let stations = stations.iter();
    stations
        .map(|(name, verdict)| (name.clone(), verdict.status(now)))
        .collect()
}

impl Health {
    /// Notes what was told last at a read point. That is no news of its own: the next status message has it.
    pub fn told_at(&self, read_point: &str, verdict: StationVerdict) {
        let text = verdict.text.as_deref().filter(|text| !text.is_empty());
        let verdict = StationVerdict {
            text: text.map(tame),
            operator: verdict.operator.as_deref().map(tame),
            ..verdict
        };
        let stations = &mut self.links().stations;
        stations.insert(read_point.to_owned(), verdict);
    }

    /// Forgets what was told and counted at read points that are not there any more.
    pub fn read_points(&self, is_there: impl Fn(&str) -> bool) {
        let mut links = self.links();
        links.stations.retain(|name, _| is_there(name));
        links.points.retain_read_points(is_there);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_of_each_station_is_told_with_its_age() {
        let health = Health::new("plant-3", "e");
        assert!(!health.status().to_json().contains("stations"));
        let at = Timestamp::now() - Duration::from_secs(90);
        let told = |verdict, text: &str| StationVerdict {
            verdict,
            at: Time(at.as_microsecond()),
            text: Some(text.to_owned()),
            rule: None,
            operator: Some("0042".to_owned()),
            task: Some("issue"),
        };
        health.told_at("line_1", told("pending", "scan the lot"));
        health.told_at("line_2", told("accepted", ""));
        let refused = StationVerdict {
            rule: Some("lot_hold"),
            ..told("refused", "lot B-9 is not\nreleased")
        };
        health.told_at("line_1", refused);
        let stations = health.status().stations;
        let first = &stations["line_1"];
        assert_eq!((first.verdict, first.rule), ("refused", Some("lot_hold")));
        assert_eq!(first.text.as_deref(), Some("lot B-9 is not released"));
        assert_eq!(first.operator.as_deref(), Some("0042"));
        assert!((90..120).contains(&first.age_s), "{first:?}");
        assert_eq!(stations["line_2"].text, None);
        // Nobody knows when the gateway is gone.
        assert!(health.last_will().stations.is_empty());
        health.read_points(|name| name == "line_2");
        let names: Vec<String> = health.status().stations.into_keys().collect();
        assert_eq!(names, ["line_2"]);
    }
}
