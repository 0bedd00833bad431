//! The log: every error and warning has a code, no code repeats itself without end, and the last of them are kept in memory.
//!
//! Lines come from `tracing`. A code is a condition's ([`crate::health::Code`]) or one of [`code`]; `docs/logs.md` has them
//! all. Lines with a code are limited for each subject (a device, a read point, the broker, a file), see `limit`.

pub mod code;
mod conditions;
mod limit;
mod line;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

pub use code::*;
pub use conditions::Told;
use limit::Limiter;
use line::Line;
pub use write::Format;
use write::Output;

/// Errors and warnings that are kept in memory.
const KEPT: usize = 200;
/// How often is looked for lines that have waited.
const LOOK: Duration = Duration::from_secs(1);

static STATE: Mutex<State> = Mutex::new(State::new());

#[derive(Debug)]
struct State {
    limiter: Limiter,
    recent: VecDeque<Recent>,
    counts: BTreeMap<(String, &'static str), Count>,
    /// Lines that nobody took.
    lost: u64,
}

/// A line of the last ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recent {
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// `ERROR` or `WARN`.
    pub level: &'static str,
    /// Its code.
    pub code: String,
    /// What it is about, of what the configuration names; may be empty.
    pub subject: String,
    /// Code, message and fields, as in the log.
    pub text: String,
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// How often a code came up since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Lines, written or not.
    pub lines: u64,
    /// Lines of them that were not written, because there were too many.
    pub left_out: u64,
}

impl State {
    const fn new() -> Self {
        Self {
            limiter: Limiter::new(),
            recent: VecDeque::new(),
            counts: BTreeMap::new(),
            lost: 0,
        }
    }

    /// Takes a line; returns what is to be written.
    fn take(&mut self, now: Instant, line: Line) -> Vec<Line> {
        if !line.code.is_empty() {
            let key = (line.code.clone(), line.level());
            self.counts.entry(key).or_default().lines += 1;
        }
        let mut out = self.limiter.due(now);
        out.extend(self.limiter.offer(now, line));
        self.written(&out);
        out
    }

    fn due(&mut self, now: Instant) -> Vec<Line> {
        let out = self.limiter.due(now);
        self.written(&out);
        out
    }

    fn written(&mut self, lines: &[Line]) {
        for line in lines {
            if line.left_out > 0 {
                let key = (line.code.clone(), line.level());
                self.counts.entry(key).or_default().left_out += line.left_out;
            }
            if line.level <= Level::WARN {
                if self.recent.len() >= KEPT {
                    self.recent.pop_front();
                }
                self.recent.push_back(Recent {
                    at: line.at,
                    level: line.level(),
                    code: line.code.clone(),
                    subject: line.subject(),
                    text: line.words(),
                });
            }
        }
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last errors and warnings, the oldest first; 200 at most. What was left out is counted in the text.
#[must_use]
pub fn recent() -> Vec<Recent> {
    state().recent.iter().cloned().collect()
}

/// How often each code came up, with its level in capitals.
#[must_use]
pub fn counts() -> Vec<(String, &'static str, Count)> {
    let state = state();
    let all = state.counts.iter();
    all.map(|((code, level), count)| (code.clone(), *level, *count))
        .collect()
}

/// Lines that the journal or standard error did not take.
#[must_use]
pub fn lost() -> u64 {
    state().lost
}

/// Begins the log: what `RUST_LOG` says, else lines of this `level` and above. Without `format` it is what fits to where
/// standard error leads. What waits is written when the guard is dropped.
#[must_use]
pub fn start(format: Option<Format>, level: &str) -> Guard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let output = Output::new(format);
    let writer = Writer(output.clone());
    // Only a test begins it twice.
    let _ = Registry::default().with(filter).with(writer).try_init();
    let waiting = output.clone();
    // Without the thread, which a machine may be too poor for, lines wait for the next one.
    let _ = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let due = state().due(Instant::now());
                write(&waiting, &due);
            }
        });
    Guard(output)
}

/// Writes what waits when it is dropped.
#[derive(Debug)]
pub struct Guard(Output);

impl Drop for Guard {
    fn drop(&mut self) {
        let rest = {
            let mut state = state();
            let rest = state.limiter.rest();
            state.written(&rest);
            rest
        };
        write(&self.0, &rest);
    }
}

fn write(output: &Output, lines: &[Line]) {
    let lost = lines.iter().filter(|line| !output.write(line)).count();
    if lost > 0 {
        state().lost += lost as u64;
    }
}

struct Writer(Output);

impl<S: Subscriber> Layer<S> for Writer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = Line::of(event);
        let out = state().take(Instant::now(), line);
        write(&self.0, &out);
    }
}
