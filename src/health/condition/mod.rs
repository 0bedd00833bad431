//! Conditions: everything that is wrong now, each with a code from one table.
//!
//! What is found wrong is compared with what was wrong before, so that each condition has a beginning. It is shown once it
//! has held for its code's delay, and not while something it follows from holds.

mod code;
mod find;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

pub use code::{Code, Fault, Severity, Stops};
pub(super) use find::{found, of_reason};

use super::{DeviceKind, Health, Problem};

/// What a condition is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The gateway itself.
    Gateway,
    /// The buffer.
    Buffer,
    /// The broker.
    Broker,
    /// The store behind it.
    Store,
    /// Commands from the broker.
    Commands,
    /// What the site tells of lots, orders and pallets.
    Lots,
    /// A certificate, key or password.
    Certificate,
    /// A device.
    Device(String),
    /// An antenna, an input or an output of a device, by number.
    Port(String, u16),
}

impl Subject {
    /// The device's name, if it is one, or of one.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Device(name) | Self::Port(name, _) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::Buffer => f.write_str("buffer"),
            Self::Broker => f.write_str("broker"),
            Self::Store => f.write_str("store"),
            Self::Commands => f.write_str("commands"),
            Self::Lots => f.write_str("lots"),
            Self::Certificate => f.write_str("certificate"),
            Self::Device(name) => f.write_str(name),
            Self::Port(name, port) => write!(f, "{name}/{port}"),
        }
    }
}

/// Something that is wrong at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) code: Code,
    pub(super) subject: Subject,
    /// Without the subject.
    pub(super) text: String,
}

impl Found {
    /// For people: with the name of the device, broker or store in front.
    pub(super) fn line(&self) -> String {
        let text = &self.text;
        match &self.subject {
            Subject::Device(name) | Subject::Port(name, _) => format!("{name}: {text}"),
            Subject::Broker | Subject::Store | Subject::Commands | Subject::Lots => {
                format!("{}: {text}", self.subject)
            }
            Subject::Gateway | Subject::Buffer | Subject::Certificate => text.clone(),
        }
    }
}

/// A condition, as it is shown and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a device, `dock_1/3` for a port of one, or a part of the gateway.
    pub subject: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// What is wrong, in words, with the name of the device, broker or store in front.
    pub text: String,
    /// What to do.
    pub what_to_do: &'static str,
}

impl fmt::Display for Condition {
    /// The code and the words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.as_str(), self.text)
    }
}

/// Since when conditions hold.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    since: BTreeMap<(Code, Subject), (Timestamp, Instant)>,
    /// What was shown when that was last looked at.
    shown: Vec<(Code, Subject)>,
}

impl Tracker {
    /// Takes what is wrong now; returns what is shown of it, the worst first, and when more will be.
    fn update(&mut self, found: Vec<Found>) -> (Vec<(Found, Timestamp)>, Option<Duration>) {
        let (now, wall) = (Instant::now(), Timestamp::now());
        let key = |found: &Found| (found.code, found.subject.clone());
        let mut since = BTreeMap::new();
        for found in &found {
            let key = key(found);
            let began = self.since.get(&key).copied().unwrap_or((wall, now));
            since.insert(key, began);
        }
        self.since = since;
        let mut next: Option<Duration> = None;
        let mut shown = Vec::new();
        for condition in &found {
            if found.iter().any(|root| is_root(root, condition)) {
                continue;
            }
            let Some((began, at)) = self.since.get(&key(condition)) else {
                continue;
            };
            let left = condition.code.delay().saturating_sub(now - *at);
            if left.is_zero() {
                shown.push((condition.clone(), *began));
            } else {
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        let order = |found: &Found| (found.code.severity(), found.code.stops(), found.code);
        shown.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)).then(a.subject.cmp(&b.subject)));
        (shown, next)
    }
}

/// Whether `follower` follows from `root`: of the same device, or from something that all have in common.
fn is_root(root: &Found, follower: &Found) -> bool {
    if !follower.code.roots().contains(&root.code) {
        return false;
    }
    match (&root.subject, &follower.subject) {
        // What one port has does not explain another's.
        (Subject::Port(..), Subject::Port(..)) => root.subject == follower.subject,
        (root, follower) => root.device().is_none() || root.device() == follower.device(),
    }
}

impl Code {
    /// Of the reason why a device is down.
    #[must_use]
    pub fn of_reason(reason: &str, kind: Option<DeviceKind>) -> Self {
        find::of_reason(reason, kind)
    }

    /// Of what is wrong with a device that is connected.
    #[must_use]
    pub const fn of_problem(problem: Problem) -> Self {
        find::of_problem(problem).0
    }

    /// Of the reason why nothing can be stored.
    #[must_use]
    pub fn of_storing(problem: &str) -> Self {
        find::of_storing(problem)
    }
}

impl Health {
    /// What is shown now, the worst first; empty when everything is being delivered.
    #[must_use]
    pub fn shown(&self) -> Vec<Condition> {
        let stuck = self.stuck();
        let (shown, _) = {
            let mut links = self.links();
            let found = found(&self.0, &links, stuck, |_, _| true);
            links.tracker.update(found)
        };
        shown.into_iter().map(condition).collect()
    }

    /// Looks whether what is shown has changed, which is then announced; returns when to look again at the latest, if
    /// something waits for its delay.
    pub fn settle(&self) -> Option<Duration> {
        let stuck = self.stuck();
        let (news, next) = {
            let mut links = self.links();
            let found = found(&self.0, &links, stuck, |_, _| true);
            let (shown, next) = links.tracker.update(found);
            let shown = shown.into_iter().map(|(it, _)| (it.code, it.subject));
            let shown: Vec<_> = shown.collect();
            let news = links.tracker.shown != shown;
            links.tracker.shown = shown;
            (news, next)
        };
        self.announce(news);
        next
    }
}

fn condition((found, since): (Found, Timestamp)) -> Condition {
    Condition {
        code: found.code,
        severity: found.code.severity(),
        subject: found.subject.to_string(),
        since: since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        text: found.line(),
        what_to_do: found.code.remedy(),
    }
}

/// The answer to "is everything delivered, and if not, whose fault is it".
#[must_use]
pub fn headline(shown: &[Condition]) -> String {
    let worst = shown.iter().min_by_key(|it| (it.code.stops(), it.severity));
    let Some(worst) = worst else {
        return "Everything is being delivered.".to_owned();
    };
    // Two devices may be down for two reasons.
    let mut whose: Vec<&str> = Vec::new();
    for other in shown
        .iter()
        .filter(|it| it.code.stops() == worst.code.stops())
    {
        let words = other.code.fault().words();
        if !whose.contains(&words) {
            whose.push(words);
        }
    }
    let whose = whose.join("; and at ");
    match worst.code.stops() {
        Stops::Storing => {
            format!("Nothing can be stored, and devices wait. Look at {whose}.")
        }
        Stops::Delivery => {
            format!("Events wait here and are not delivered. Look at {whose}.")
        }
        Stops::Reading => {
            let of = |it: &&Condition| it.code.stops() == Stops::Reading;
            let mut names: Vec<&str> = shown.iter().filter(of).map(|it| &*it.subject).collect();
            names.dedup();
            let more = names.len().saturating_sub(3);
            names.truncate(3);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let names = names.join(", ");
            format!(
                "What is read is being delivered, but something is not read, or badly: {names}{more}. Look at {whose}."
            )
        }
        Stops::Nothing => {
            format!(
                "Everything is being delivered, but something needs attention. Look at {whose}."
            )
        }
    }
}
