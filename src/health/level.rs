//! What is told of the buffer: how full it is, and whether its file had to be replaced.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{Code, Health};

/// Sources wait from here on, in percent of the cap.
const FULL_PERCENT: u64 = 90;
/// From here on it is told.
const NEARLY_FULL_PERCENT: u64 = 68;
/// An event that has waited for longer shows that something is slow.
const SLOW_S: u64 = 300;
/// Between two looks at how the level changes, and how many of them are kept.
const LOOKS: (Duration, usize) = (Duration::from_secs(60), 30);
/// What is measured over less time says nothing about the next hours.
const LEAST: Duration = Duration::from_secs(240);

/// How full the buffer is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BufferLevel {
    /// Bytes in use.
    pub bytes: u64,
    /// Of the cap, in percent.
    pub percent: u64,
    /// For how many seconds the oldest event has been waiting; 0 when none is.
    pub oldest_s: u64,
    /// The cap, `[buffer] max_size`.
    pub max_bytes: u64,
    /// In how many seconds sources will have to wait if it goes on like in the last half hour; none when it does not grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_in_s: Option<u64>,
}

/// How the level changes.
#[derive(Debug, Default)]
pub(super) struct Trend(VecDeque<(Instant, u64)>);

impl Trend {
    /// Takes a level; returns in how many seconds sources will have to wait.
    fn look(&mut self, level: &BufferLevel) -> Option<u64> {
        let now = Instant::now();
        let due = self.0.back().is_none_or(|(at, _)| now - *at >= LOOKS.0);
        if due {
            self.0.push_back((now, level.bytes));
            while self.0.len() > LOOKS.1 {
                self.0.pop_front();
            }
        }
        let (began, before) = *self.0.front()?;
        let grown = level.bytes.checked_sub(before).filter(|grown| *grown > 0)?;
        let room = (level.max_bytes / 100 * FULL_PERCENT).checked_sub(level.bytes)?;
        let took = now - began;
        if took < LEAST || level.oldest_s == 0 {
            return None;
        }
        let seconds = took.as_secs_f64() * room as f64 / grown as f64;
        // Beyond that nobody knows what will be.
        (seconds < 30.0 * 86_400.0).then_some(seconds as u64)
    }

    /// What is wrong with it, for people.
    pub(super) fn conditions(&self, level: &BufferLevel) -> Option<(Code, String)> {
        let full = match level.full_in_s {
            Some(seconds) => format!("; full in about {} if it goes on like this", about(seconds)),
            None => String::new(),
        };
        let (percent, waits) = (level.percent, about(level.oldest_s));
        if percent >= NEARLY_FULL_PERCENT && level.oldest_s > 0 {
            let text = format!(
                "the buffer is at {percent} %, and at {FULL_PERCENT} % devices have to wait{full}"
            );
            return Some((Code::BufferNearlyFull, text));
        }
        let slow = level.oldest_s > SLOW_S && level.full_in_s.is_some();
        let text = format!(
            "the oldest event has been waiting for {waits}, and more come than leave{full}"
        );
        slow.then_some((Code::BufferGrowing, text))
    }
}

/// A time for people, rounded down.
#[must_use]
pub fn about(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Health {
    /// The buffer's file was damaged and is another one: its epoch, and what became of the events, for people. Stands among
    /// the conditions until the next start: somebody has to look at the disk.
    pub fn buffer_replaced(&self, epoch: &str, what: String) {
        {
            let mut links = self.links();
            epoch.clone_into(&mut links.epoch);
            links.lost = Some(what);
        }
        self.announce(true);
    }

    /// Notes the oldest acknowledged event that is kept.
    pub fn kept_from(&self, first: Option<i64>) {
        self.links().kept_from = first;
    }

    /// The oldest acknowledged event that was kept a moment ago.
    #[must_use]
    pub fn first_kept(&self) -> Option<i64> {
        self.links().kept_from
    }

    /// Notes how full the buffer is; no news, it changes all the time.
    pub fn buffer(&self, mut level: BufferLevel) {
        let mut links = self.links();
        level.full_in_s = links.buffer_trend.look(&level);
        links.buffer = level;
    }
}
