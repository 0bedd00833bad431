//! How often the same may be said: one line in ten seconds for each code and subject, and the last one said in the end.
//!
//! What is left out is counted, and the next line that is written has the count. The newest line left out waits until it may
//! be written, so that what stands last in the log is how things are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::code;
use super::line::Line;
use crate::health::Code;

/// One line in this time.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// Pairs of code and subject that are told apart at a time; beyond, the subject does not count.
const MOST_KEYS: usize = 1_024;
/// So many lines about a connection may be written at once, because it comes and goes in several steps.
const CONNECTION_STEPS: u32 = 6;

#[derive(Debug)]
struct Bucket {
    /// Lines that may be written now.
    left: u32,
    /// Since when the next one grows.
    since: Instant,
    most: u32,
    left_out: u64,
    waits: Option<Line>,
}

impl Bucket {
    const fn new(most: u32, now: Instant) -> Self {
        Self {
            left: most,
            since: now,
            most,
            left_out: 0,
            waits: None,
        }
    }

    fn grow(&mut self, now: Instant) {
        while self.left < self.most && now.saturating_duration_since(self.since) >= EVERY {
            self.left += 1;
            self.since += EVERY;
        }
        if self.left == self.most {
            self.since = now;
        }
    }

    fn write(&mut self, mut line: Line) -> Line {
        self.left -= 1;
        line.left_out = std::mem::take(&mut self.left_out);
        line
    }
}

/// Who has said what lately.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    buckets: BTreeMap<(String, String), Bucket>,
}

impl Limiter {
    pub(super) const fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
        }
    }

    /// Takes a line; returns it if it is to be written now.
    pub(super) fn offer(&mut self, now: Instant, line: Line) -> Option<Line> {
        // Without a code it is no repeating trouble, but what was asked for: a movement, a step of the daemon's life.
        if line.code.is_empty() {
            return Some(line);
        }
        let (group, most) = group(&line.code);
        let mut key = (group.to_owned(), line.subject());
        if !self.buckets.contains_key(&key) && self.buckets.len() >= MOST_KEYS {
            key.1.clear();
        }
        let bucket = self.buckets.entry(key);
        let bucket = bucket.or_insert_with(|| Bucket::new(most, now));
        bucket.grow(now);
        let older = bucket.waits.take();
        bucket.left_out += u64::from(older.is_some());
        if bucket.left > 0 {
            return Some(bucket.write(line));
        }
        bucket.waits = Some(line);
        None
    }

    /// What has waited long enough.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Line> {
        let mut due = Vec::new();
        self.buckets.retain(|_, bucket| {
            bucket.grow(now);
            if bucket.left > 0
                && let Some(line) = bucket.waits.take()
            {
                due.push(bucket.write(line));
            }
            bucket.left < bucket.most
        });
        due
    }

    /// All that waits: the program ends.
    pub(super) fn rest(&mut self) -> Vec<Line> {
        let buckets = std::mem::take(&mut self.buckets).into_values();
        let rest = buckets.filter_map(|bucket| {
            let mut line = bucket.waits?;
            line.left_out = bucket.left_out;
            Some(line)
        });
        rest.collect()
    }
}

/// Codes that tell of one connection count together: one that comes and goes all the time is one trouble.
fn group(code: &str) -> (&str, u32) {
    const DEVICE: [Code; 9] = [
        Code::ReaderBusy,
        Code::ReaderRefused,
        Code::DeviceUntrusted,
        Code::DeviceDenied,
        Code::DeviceGone,
        Code::PortTaken,
        Code::DeviceAwaited,
        Code::ReaderUnreachable,
        Code::DeviceUnreachable,
    ];
    const BROKER: [Code; 2] = [Code::BrokerDown, Code::BrokerDenied];
    // One is followed by the other when a disk fills up and fails, and both end together.
    const STORING: [Code; 2] = [Code::StorageFailed, Code::BufferFull];
    const UP: [&str; 3] = [
        code::DEVICE_CONNECTED,
        code::READER_READING,
        code::READER_DIALLED_IN,
    ];
    let is = |known: &Code| known.as_str() == code;
    if UP.contains(&code) || DEVICE.iter().any(is) {
        ("a device's connection", CONNECTION_STEPS)
    } else if code == code::BROKER_CONNECTED || BROKER.iter().any(is) {
        ("the broker's connection", CONNECTION_STEPS)
    } else if STORING.iter().any(is) {
        ("storing", 1)
    } else {
        (code, 1)
    }
}
