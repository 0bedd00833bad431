//! One device: its link, what it says is wrong with it, what it cannot do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::counters::DeviceCounter;
use super::devices::Configured;
use super::ports::Ports;
use super::report::{DeviceKind, Reads};
use super::tame;

/// Problems and limits kept for one device; a device that talks without end is not believed more than that.
const MOST: usize = 64;

/// The log is told that a device is down once in this time at most.
const DOWN_LINES: Duration = Duration::from_secs(20);

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
    /// A photo-eye at an input.
    Input(u16),
    /// Its clock.
    Clock,
    /// Its clock is far off, or drifts.
    ClockOff,
    /// Its report buffer.
    Buffer,
    /// A fault that it reported itself.
    Exception,
    /// An antenna that reads far less than it used to.
    Weak(u16),
    /// It reads nothing although its neighbours read.
    NoReads,
    /// It has forgotten what it was told.
    Reboot,
    /// It gives no sign of life.
    Silent,
    /// It sent a frame that no rule knows.
    UnknownFrame,
    /// Its log, or its folder of files.
    Log,
}

/// What read points work with of a device; what else it has is not complained of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Antennas.
    pub antennas: BTreeSet<u16>,
    /// Inputs with a photo-eye.
    pub eyes: BTreeSet<u16>,
}

impl Uses {
    fn has(&self, problem: Problem) -> bool {
        match problem {
            Problem::Antenna(id) | Problem::Weak(id) => self.antennas.contains(&id),
            Problem::Input(id) => self.eyes.contains(&id),
            Problem::NoReads => !self.antennas.is_empty(),
            _ => true,
        }
    }
}

/// What is known about a device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) state: DeviceState,
    /// What it is, where that is known.
    pub(super) kind: Option<DeviceKind>,
    /// What is worked with, where that is known.
    uses: Option<Uses>,
    /// When the log was last told that it is down, and whether it still is to be told.
    told: Option<Instant>,
    untold: bool,
    /// When it became so.
    pub(super) since: Timestamp,
    pub(super) reads: Reads,
    problems: BTreeMap<Problem, (String, Option<Instant>)>,
    limits: Vec<String>,
    /// Those of the connection before.
    limits_before: Vec<String>,
    /// What it has, as it says on this connection.
    ports: Option<Ports>,
    /// What it has not and is worked with, as the log was last told.
    absent_told: BTreeSet<String>,
    counters: BTreeMap<DeviceCounter, u64>,
    /// How far its clock is behind, and how much too slow it is.
    pub(super) clock: (Option<i64>, Option<i64>),
    /// How late its reads come.
    pub(super) reports_late: Option<i64>,
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
    /// How far its clock is behind, in milliseconds, if it tells the time of day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_behind_ms: Option<i64>,
    /// By how many millionths its clock is too slow; known after ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_drift_ppm: Option<i64>,
    /// How late its reads regularly come, in milliseconds: its reports are about that far apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_late_ms: Option<i64>,
    /// What was counted since start, without zeros.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<&'static str, u64>,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            state: DeviceState::Starting,
            kind: None,
            uses: None,
            told: None,
            untold: false,
            since: Timestamp::now(),
            reads: Reads::default(),
            problems: BTreeMap::new(),
            limits: Vec::new(),
            limits_before: Vec::new(),
            ports: None,
            absent_told: BTreeSet::new(),
            counters: BTreeMap::new(),
            clock: (None, None),
            reports_late: None,
        }
    }
}

impl Device {
    /// It is configured so from now on; returns whether something that was wrong is of no account any more, or is again.
    pub(super) fn configure(&mut self, configured: Configured) -> bool {
        let before = (self.problems().count(), self.absent());
        self.kind = Some(configured.kind);
        self.uses = Some(configured.uses);
        // What the reader says it says once: that is kept. The others are judged anew.
        let mut problems = std::mem::take(&mut self.problems);
        problems.retain(|it, _| matches!(it, Problem::Antenna(_)) || self.is_used(*it));
        self.problems = problems;
        if let Some(antennas) = &configured.antennas {
            self.reads.keep(antennas);
        }
        (self.problems().count(), self.absent()) != before
    }

    /// Whether anybody minds.
    fn is_used(&self, problem: Problem) -> bool {
        self.uses.as_ref().is_none_or(|it| it.has(problem))
    }

    /// Whether the log is to be told that it is down: at once, but for one that comes and goes.
    pub(super) fn tells_down(&mut self, news: bool) -> bool {
        self.untold |= news;
        let now = Instant::now();
        let soon = self.told.is_some_and(|at| now - at < DOWN_LINES);
        let tells = self.untold && !soon;
        if tells {
            (self.told, self.untold) = (Some(now), false);
        }
        tells
    }

    /// Whether the log is to be told that it is up: unless it was not told that it was down.
    pub(super) const fn tells_up(&mut self) -> bool {
        let tells = !self.untold;
        self.untold = false;
        tells
    }

    /// Notes a problem, for good or for a while; `None` ends it. Returns whether that is news.
    pub(super) fn problem(
        &mut self,
        problem: Problem,
        text: Option<&str>,
        lasts: Option<Duration>,
    ) -> bool {
        // What has passed is no news when it ends, but when it happens again.
        self.problems.retain(|_, (_, until)| is_lasting(until));
        let Some(text) = text.map(tame) else {
            return self.problems.remove(&problem).is_some();
        };
        if self.problems.len() >= MOST && !self.problems.contains_key(&problem) {
            return false;
        }
        let is_used = self.is_used(problem);
        if !is_used && !matches!(problem, Problem::Antenna(_)) {
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
        let limits = std::mem::take(&mut self.limits);
        let had_limits = !limits.is_empty() || !self.absent().is_empty();
        self.ports = None;
        if !limits.is_empty() {
            self.limits_before = limits;
        }
        had_limits || before != self.problems.len()
    }

    /// Begins anew, as if nothing had ever been told of it; returns whether that is news.
    pub(super) fn anew(&mut self) -> bool {
        (self.clock, self.reports_late) = ((None, None), None);
        // Also what would have been shown for a while yet: it was about other settings, perhaps about another device.
        let had_problems = !std::mem::take(&mut self.problems).is_empty();
        self.reconnected() || had_problems
    }

    /// What it has, and is asked for by read points, from now on.
    pub(super) fn has(&mut self, ports: Ports) -> bool {
        let before = self.absent();
        self.ports = Some(ports);
        before != self.absent()
    }

    /// What read points work with and it has not, in words; nothing while it has not told what it has.
    fn absent(&self) -> Vec<String> {
        let known = self.ports.zip(self.uses.as_ref());
        known.map_or_else(Vec::new, |(ports, uses)| ports.absent(uses).collect())
    }

    /// What of that the log is to be told: each once, unless it was mended meanwhile.
    pub(super) fn tells_absent(&mut self) -> Vec<String> {
        if self.ports.is_none() {
            return Vec::new();
        }
        let now: BTreeSet<String> = self.absent().into_iter().collect();
        let before = std::mem::replace(&mut self.absent_told, now);
        self.absent_told.difference(&before).cloned().collect()
    }

    /// Notes one more thing that it cannot do; returns whether it is noted now, and whether the connection before did not
    /// know of it.
    pub(super) fn limit(&mut self, text: &str) -> (bool, bool) {
        let text = tame(text);
        if self.limits.contains(&text) || self.limits.len() >= MOST {
            return (false, false);
        }
        let news = !self.limits_before.contains(&text);
        self.limits.push(text);
        (true, news)
    }

    pub(super) fn count(&mut self, counter: DeviceCounter, n: u64) {
        let count = self.counters.entry(counter).or_default();
        *count = count.saturating_add(n);
    }

    /// What is wrong with it now.
    pub(super) fn problems(&self) -> impl Iterator<Item = (Problem, &str)> {
        let problems = self.problems.iter();
        problems
            .filter(|(problem, (_, until))| is_lasting(until) && self.is_used(**problem))
            .map(|(problem, (text, _))| (*problem, text.as_str()))
    }

    pub(super) fn status(&self) -> DeviceStatus {
        DeviceStatus {
            state: self.state.clone(),
            problems: self.problems().map(|(_, text)| text.to_owned()).collect(),
            limits: self.limits.iter().cloned().chain(self.absent()).collect(),
            clock_behind_ms: self.clock.0,
            clock_drift_ppm: self.clock.1,
            reports_late_ms: self.reports_late,
            counters: self
                .counters
                .iter()
                .map(|(counter, n)| (counter.as_str(), *n))
                .collect(),
        }
    }
}

fn is_lasting(until: &Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_and_happens_again_is_news() {
        let mut device = Device::default();
        let mut passes = |problem| device.problem(problem, Some("x"), Some(Duration::ZERO));
        for _ in 0..2 {
            assert!(passes(Problem::Exception));
        }
        for id in 0..1000 {
            assert!(passes(Problem::Antenna(id)), "{id}: those before are over");
        }
        assert!(!device.problem(Problem::Exception, None, None));
    }

    #[test]
    fn a_device_that_comes_and_goes_makes_few_lines_and_the_last_one_is_true() {
        let mut device = Device::default();
        let back = |device: &mut Device| {
            let long_ago = Instant::now().checked_sub(DOWN_LINES);
            device.told = Some(long_ago.unwrap());
        };
        assert!(device.tells_up(), "the first time");
        assert!(device.tells_down(true));
        assert!(!device.tells_down(false), "once, not at every attempt");
        assert!(device.tells_up());
        for _ in 0..100 {
            assert!(!device.tells_down(true));
            assert!(!device.tells_up(), "nobody was told that it was down");
        }
        assert!(!device.tells_down(true));
        back(&mut device);
        assert!(device.tells_down(false), "it is told later if it stays so");
        assert!(!device.tells_down(false));
        assert!(device.tells_up());
    }

    #[test]
    fn limits_are_asked_for_anew_and_news_once() {
        let mut device = Device::default();
        assert_eq!(device.limit("no mode 7"), (true, true));
        assert_eq!(device.limit("no mode 7"), (false, false));
        assert!(device.reconnected());
        assert!(device.status().limits.is_empty());
        // A connection that broke before anything was said.
        assert!(!device.reconnected());
        assert_eq!(device.limit("no mode 7"), (true, false));
        assert_eq!(device.status().limits, ["no mode 7"]);
    }
}
