//! How current the site's data about lots, orders and pallets is.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracegate_pipeline::Time;

use super::Health;

/// A time this far ahead of ours is no matter of latency.
const AHEAD: Duration = Duration::from_secs(600);

/// What is told of the site's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteData {
    /// Until when it is known to be current, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// How old it is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    /// Whether it is older than `[reference] max_age`, or nobody ever told how old it is.
    pub stale: bool,
    /// The last snapshot that was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Records about things that are stored.
    pub records: u64,
    /// The last message of the site that could not be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How much is known of one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindKnown {
    /// Records.
    pub records: u64,
    /// When the newest of them was stored.
    pub newest: Timestamp,
}

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Site {
    max_age: Option<Duration>,
    as_of: Option<Timestamp>,
    snapshot: Option<String>,
    records: u64,
    problem: Option<String>,
    kinds: BTreeMap<&'static str, KindKnown>,
}

impl Site {
    fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(self.as_of?);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        let too_old = |max_age| self.age(now).is_none_or(|age| age > max_age);
        self.max_age.is_some_and(too_old)
    }

    pub(super) fn status(&self, now: Timestamp) -> Option<SiteData> {
        self.max_age?;
        let as_of = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Some(SiteData {
            as_of: self.as_of.map(as_of),
            age_s: self.age(now).map(|age| age.as_secs()),
            stale: self.is_stale(now),
            snapshot: self.snapshot.clone(),
            records: self.records,
            problem: self.problem.clone(),
        })
    }

    /// What is wrong with it, for people.
    pub(super) fn condition(&self, now: Timestamp) -> Option<String> {
        let max_age = self.max_age?;
        let Some(as_of) = self.as_of else {
            return Some(
                "nobody has told yet how current the site's data is: no complete snapshot with its meta message has come; is what publishes it running, and may this gateway read [reference] topic?".to_owned(),
            );
        };
        if now < as_of && Duration::try_from(as_of.duration_since(now)).unwrap_or_default() > AHEAD
        {
            let at = as_of.strftime("%Y-%m-%dT%H:%M:%SZ");
            return Some(format!(
                "the site's data is of {at}, which is yet to come; set this gateway's clock, or that of what publishes the data"
            ));
        }
        let age = self.age(now).filter(|age| *age > max_age)?;
        Some(format!(
            "the site's data is {} old, and current for {} ([reference] max_age): answers to operators may be out of date; is what publishes it running?",
            spoken(age),
            spoken(max_age)
        ))
    }
}

/// A time in days, hours and minutes, as people say it.
#[must_use]
pub fn spoken(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes >= 48 * 60 {
        return format!("{} days", minutes / (24 * 60));
    }
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", time.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

impl Health {
    /// From now on it matters how old the site's data is.
    pub fn site_data_matters(&self, max_age: Duration) {
        self.links().site.max_age = Some(max_age);
    }

    /// Notes how many records about things are stored.
    pub fn site_records(&self, records: u64) {
        self.links().site.records = records;
    }

    /// Notes how much is known of each kind of thing, by its word in topics.
    pub fn note_site_kinds(&self, kinds: BTreeMap<&'static str, KindKnown>) {
        self.links().site.kinds = kinds;
    }

    /// How much is known of each kind of thing.
    #[must_use]
    pub fn site_kinds(&self) -> BTreeMap<&'static str, KindKnown> {
        self.links().site.kinds.clone()
    }

    /// Notes until when the site's data is known to be current, and of which snapshot it is.
    pub fn site_data(&self, as_of: Option<Time>, snapshot: Option<String>) {
        let as_of = as_of.and_then(|at| Timestamp::from_microsecond(at.0).ok());
        let news = {
            let mut links = self.links();
            let site = &mut links.site;
            let now = Timestamp::now();
            let was = site.is_stale(now);
            (site.as_of, site.snapshot) = (as_of, snapshot);
            was != site.is_stale(now)
        };
        self.announce(news);
    }

    /// Notes the last message of the site that could not be taken, until the end of the gateway; returns whether it is news.
    pub fn site_problem(&self, problem: String) -> bool {
        let mut links = self.links();
        let news = links.site.problem.as_ref() != Some(&problem);
        links.site.problem = Some(problem);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_judged_by_its_own_time() {
        let (hour, now) = (Duration::from_secs(3600), "2026-11-22T12:00:00Z");
        let now: Timestamp = now.parse().unwrap();
        let mut site = Site::default();
        assert_eq!((site.status(now), site.condition(now)), (None, None));
        site.max_age = Some(8 * hour);
        let told = |site: &Site| site.condition(now).unwrap_or_default();
        assert!(told(&site).contains("nobody has told yet"));
        assert!(site.is_stale(now));
        site.as_of = Some(now - 8 * hour);
        assert_eq!(told(&site), "");
        assert!(!site.is_stale(now));
        site.as_of = Some(now - 9 * hour - Duration::from_secs(60));
        assert!(told(&site).contains("is 9 h 1 min old, and current for 8 h"));
        assert!(site.status(now).unwrap().stale);
        site.as_of = Some(now + hour);
        assert!(told(&site).contains("yet to come"));
    }
}
