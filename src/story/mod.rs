//! What became of a tag: where it was read, what it was booked with, why it was not.
//!
//! A [`Book`] is written from the pipeline's inputs and what came of them, beside the pipeline and never read by it: it is
//! no part of the state that decides. It is bounded, so it knows the tags that were read last and what happened last.

mod book;
#[cfg(test)]
mod tests;
mod told;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::capture::line::Moment;
pub use book::Book;
pub(crate) use book::{identity, names, passage, things, told, wanted};
pub(crate) use words::ignored;
pub use words::{advice, clock, reason, render};

/// One tag, or one thing that was scanned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Its memory in hexadecimal, if a reader reported it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epc: Option<String>,
    /// What events call it.
    pub identity: String,
    /// Zone of the site, for people.
    pub time_zone: String,
    /// Why none of its reads count, if `[tags]` does not want it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ignored: Option<String>,
    /// Where it was read, by antenna.
    pub sightings: Vec<SeenAt>,
    /// Movements that it was booked with.
    pub passages: Vec<Passage>,
    /// Loads with it that were not booked.
    pub non_events: Vec<NotBooked>,
}

/// Reads of a tag on one antenna.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenAt {
    /// The reader.
    pub device: String,
    /// Its antenna.
    pub antenna: u16,
    /// The read point that the antenna belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub read_point: Option<String>,
    /// The side that the antenna looks at, `inside` or `outside`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub side: Option<String>,
    /// All reads.
    pub reads: u64,
    /// Those weaker than `min_rssi`, which count for nothing.
    pub weak: u64,
    /// `min_rssi` of the read point, dBm.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_rssi: Option<i8>,
    /// When the first arrived, and the last.
    pub first: Moment,
    /// See `first`.
    pub last: Moment,
    /// Since when it has been read without a longer pause.
    pub since: Moment,
    /// The strongest, dBm.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_rssi: Option<i8>,
    /// Read here for so long without passing that it counts as parked stock.
    pub resident: bool,
}

/// What happened last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Movements that were booked, the newest first.
    pub passages: Vec<Passage>,
    /// Loads that were not, the newest first.
    pub non_events: Vec<NotBooked>,
    /// What moved out of a guarded door and may not, the newest first.
    #[serde(default)]
    pub alerts: Vec<Stopped>,
    /// Stations by name, as [`Health`](crate::health::Health) knows them.
    #[serde(default)]
    pub stations: BTreeMap<String, AtStation>,
    /// Guards by the name of their read point.
    #[serde(default)]
    pub guards: BTreeMap<String, Guarded>,
}

/// How a station stands, and what it said last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtStation {
    /// Its task; without one it books every scan by itself.
    pub task: Option<String>,
    /// Number of the operator's badge, and until when it counts if nothing is scanned. Not for bundles, which leave the site.
    #[serde(skip)]
    pub operator: Option<(String, Moment)>,
    /// What is scanned and not booked yet.
    pub job: Option<OpenJob>,
    /// What was refused, and is neither cleared, overridden nor given up.
    pub refused: Option<Uncleared>,
    /// Its last answers, the newest first.
    pub answers: Vec<Answer>,
}

/// What was refused, and waits to be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncleared {
    /// When it was scanned.
    pub at: Moment,
    /// Why, for people.
    pub text: String,
}

/// Scans that belong together and are not booked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenJob {
    /// Number of the order.
    pub order: Option<String>,
    /// The pallet or box, or the lot.
    pub parent: Option<String>,
    /// Things scanned.
    pub things: usize,
    /// The newest of them.
    pub newest: Option<String>,
    /// When something was last scanned.
    pub touched: Moment,
    /// When it is given up if nobody goes on.
    pub ends: Moment,
}

/// What a station said to a scan. The code itself is left out: badges are codes, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When it was scanned.
    pub at: Moment,
    /// The scanner.
    pub device: String,
    /// `accepted`, `duplicate`, `warned`, `refused` or `pending`.
    pub verdict: String,
    /// Why, or what became of it.
    pub text: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Number of the operator's badge; not for bundles.
    #[serde(skip)]
    pub operator: Option<String>,
}

/// Something moved out of a guarded door and may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// When.
    pub at: Moment,
    /// Where.
    pub read_point: String,
    /// What, as URI.
    pub thing: String,
    /// The rule against it.
    pub rule: String,
    /// Why, for people.
    pub text: String,
}

/// What a guard looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// Rules that refuse, while the site's data is current.
    pub refuses: Vec<String>,
    /// Rules that warn.
    pub warns: Vec<String>,
    /// Rules that refuse although the data is old.
    pub refuses_stale: Vec<String>,
    /// Data older than this is stale, seconds.
    pub max_age_s: u64,
}

/// A movement that was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When.
    pub at: Moment,
    /// Where.
    pub read_point: String,
    /// Its event.
    pub event_id: String,
    /// In a line.
    pub summary: String,
    /// It tells that the thing moves towards the way out and may not leave; nothing was booked with it.
    #[serde(default)]
    pub alert: bool,
    /// What photo-eyes say of it, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub eyes: Option<String>,
}

/// A load that was not booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBooked {
    /// When it was at the read point.
    pub at: Moment,
    /// Where.
    pub read_point: String,
    /// Which way it seemed to go, `in` or `out`; `here` in a zone, which has no ways.
    pub direction: String,
    /// The rule, as in logs.
    pub reason: String,
    /// The rule, in words.
    pub text: String,
    /// What photo-eyes say of it, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub eyes: Option<String>,
    /// What to do about it.
    pub advice: String,
    /// How many tags the load had.
    pub tags: usize,
}
