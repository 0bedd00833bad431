//! One thing that happened, as a line of JSON.

use serde::{Deserialize, Serialize};

use crate::story::{Moment, NotBooked, Passage};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// Reads of a tag on an antenna.
    Read(Box<Sighting>),
    /// A tag that was taken for a ghost.
    Ghost {
        /// When it was read first.
        at: Moment,
        /// Where.
        read_point: String,
        /// Its memory in hexadecimal.
        epc: String,
        /// What events call it.
        tag: String,
        /// Why.
        why: String,
    },
    /// A scan, and what the operator was told.
    Scan {
        /// When.
        at: Moment,
        /// The scanner.
        device: String,
        /// Its station.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        read_point: Option<String>,
        /// The code; empty where time decided.
        code: String,
        /// `accepted`, `duplicate`, `warned`, `refused` or `pending`.
        verdict: String,
        /// What the operator was told.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        text: Option<String>,
    },
    /// A movement that was booked.
    Event(Passage),
    /// A load that was not booked.
    NotBooked(NotBooked),
    /// Something that may not leave moves towards the way out.
    Alert {
        /// When.
        at: Moment,
        /// Where.
        read_point: String,
        /// What.
        thing: String,
        /// Why it may not.
        text: String,
    },
    /// A device was connected or lost.
    Device {
        /// When.
        at: Moment,
        /// Which.
        device: String,
        /// Connected.
        up: bool,
    },
    /// An input of a reader changed.
    Input {
        /// When.
        at: Moment,
        /// The reader.
        device: String,
        /// Which input, from 1.
        port: u16,
        /// Its level now.
        high: bool,
    },
    /// Something is missing here: the command was too slow.
    Gap {
        /// Reads, other inputs and decisions.
        lost: u64,
    },
}

/// Reads of a tag on an antenna: one, or those of a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When the last of them arrived.
    pub at: Moment,
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
    /// The tag's memory in hexadecimal.
    pub epc: String,
    /// What events call it.
    pub tag: String,
    /// How many.
    pub reads: u64,
    /// The strongest, dBm.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rssi: Option<i8>,
    /// What became of them, in a word; with `--why`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fate: Option<String>,
    /// The same in words, where they do not simply count.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}
