//! One device: its link, what it says is wrong with it, what it cannot do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::counters::DeviceCounter;
use super::tame;

/// Problems and limits kept for one device; a device that talks without end is not believed more than that.
const MOST: usize = 64;

/// A device's link, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum DeviceState {
    /// Not tried yet.
    Starting,
    /// Connected and delivering.
    Up,
    /// Not connected; the reason is for the technician.
    Down {
        /// Why.
        reason: String,
    },
}

/// Something that is wrong with a device that is connected; of each kind there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// An antenna.
    Antenna(u16),
    /// An output.
    Output(u16),
    /// Its clock.
    Clock,
    /// Its report buffer.
    Buffer,
    /// A fault that it reported itself.
    Exception,
    /// It has forgotten what it was told.
    Reboot,
}

/// What is known about a device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) state: DeviceState,
    problems: BTreeMap<Problem, (String, Option<Instant>)>,
    limits: Vec<String>,
    counters: BTreeMap<DeviceCounter, u64>,
}

/// A device in the status message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceStatus {
    /// Its link.
    #[serde(flatten)]
    pub state: DeviceState,
    /// What is wrong with it although it is connected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What was asked for and it cannot do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What was counted since start, without zeros.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<&'static str, u64>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            state: DeviceState::Starting,
            problems: BTreeMap::new(),
            limits: Vec::new(),
            counters: BTreeMap::new(),
        }
    }
}

impl Device {
    /// Notes a problem, for good or for a while; `None` ends it. Returns whether that is news.
    pub(super) fn problem(
        &mut self,
        problem: Problem,
        text: Option<&str>,
        lasts: Option<Duration>,
    ) -> bool {
        let Some(text) = text.map(tame) else {
            return self.problems.remove(&problem).is_some();
        };
        if self.problems.len() >= MOST && !self.problems.contains_key(&problem) {
            return false;
        }
        let until = lasts.and_then(|lasts| Instant::now().checked_add(lasts));
        let before = self.problems.insert(problem, (text.clone(), until));
        before.is_none_or(|(before, _)| before != text)
    }

    /// Forgets what the device will say again if it still holds; returns whether that is news.
    pub(super) fn reconnected(&mut self) -> bool {
        let before = self.problems.len();
        self.problems.retain(|_, (_, until)| until.is_some());
        before != self.problems.len()
    }

    /// Notes what it cannot do; returns whether that is news.
    pub(super) fn limits(&mut self, limits: &[String]) -> bool {
        let limits: Vec<String> = limits.iter().take(MOST).map(|text| tame(text)).collect();
        let news = self.limits != limits;
        self.limits = limits;
        news
    }

    /// Notes one more thing that it cannot do; returns whether that is news.
    pub(super) fn limit(&mut self, text: &str) -> bool {
        let text = tame(text);
        let news = !self.limits.contains(&text) && self.limits.len() < MOST;
        if news {
            self.limits.push(text);
        }
        news
    }

    pub(super) fn count(&mut self, counter: DeviceCounter, n: u64) {
        let count = self.counters.entry(counter).or_default();
        *count = count.saturating_add(n);
    }

    /// What is wrong with it now.
    pub(super) fn problems(&self) -> impl Iterator<Item = &str> {
        let now = Instant::now();
        let lasting = move |until: &Option<Instant>| until.is_none_or(|until| now < until);
        let problems = self.problems.values();
        problems
            .filter(move |(_, until)| lasting(until))
            .map(|(text, _)| text.as_str())
    }

    pub(super) fn status(&self) -> DeviceStatus {
        DeviceStatus {
            state: self.state.clone(),
            problems: self.problems().map(str::to_owned).collect(),
            limits: self.limits.clone(),
            counters: self
                .counters
                .iter()
                .map(|(counter, n)| (counter.as_str(), *n))
                .collect(),
        }
    }
}
