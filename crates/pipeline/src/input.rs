//! What goes into the pipeline and what comes out.

use serde::{Deserialize, Serialize};
use tracegate_epcis::EventId;
pub use tracegate_feed::active::Signal;

use crate::config::{Direction, PipelineConfig};
use crate::eyes::Says;
pub use crate::gate::EpcKey;
use crate::guard::Rule;
use crate::mark::MarkReport;
use crate::movement::Wall;
use crate::reference::Reference;
pub use crate::station::{JobNow, RefusedNow, StationNow};
use crate::time::{Span, Time};

/// A device as its index in [`PipelineConfig::devices`].
pub type DeviceIndex = u16;

/// A time stamp as the reader gave it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReaderTime {
    /// Since the Unix epoch, by the reader's own clock (LLRP 1.0.1 §16.2.2.1).
    Utc(u64),
    /// Since the reader was started (LLRP 1.0.1 §16.2.2.2).
    Uptime(u64),
}

impl ReaderTime {
    /// The number of microseconds, whatever they count from.
    #[must_use]
    pub fn micros(self) -> i64 {
        let (Self::Utc(us) | Self::Uptime(us)) = self;
        i64::try_from(us).unwrap_or(i64::MAX)
    }
}

/// One sighting of one tag on one antenna.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Read {
    /// EPC memory as sent, most significant bit first.
    pub epc: Vec<u8>,
    /// How many bits of `epc` count.
    pub bit_len: u16,
    /// Protocol control word, if the reader sent it.
    pub pc: Option<u16>,
    /// Antenna port, 1 and up.
    pub antenna: u16,
    /// Peak RSSI in whole dBm.
    pub rssi_dbm: Option<i8>,
    /// When the reader saw it, by the reader's clock.
    pub device_time: Option<ReaderTime>,
    /// How long before its input's `at` it arrived, in microseconds: it waited for the core.
    pub waited_us: u32,
    /// Further sightings of the same tag on the same antenna that it stands for.
    pub more: u32,
    /// What most tags do not say.
    pub extra: Option<Box<Extra>>,
}

/// What active, battery-assisted and sensor tags say besides their identity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extra {
    /// First word of the extended protocol control (EPC Gen2 §6.3.2.1.2.5).
    pub xpc_w1: Option<u16>,
    /// Memory that the reader was told to read.
    pub data: Vec<TagData>,
    /// What it says by itself: then it is an active tag, and this its beacon.
    pub beacon: Option<Box<Signal>>,
}

/// Words of a tag's memory, read for one sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagData {
    /// Index in [`PipelineConfig::sensors`].
    pub sensor: u16,
    /// The words, in the order of the memory.
    pub words: Vec<u16>,
}

/// Everything that can change the pipeline's state. `at` is gateway time and never runs backwards within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A new configuration. Loads in flight at read points that go away are decided first.
    Configure(Box<PipelineConfig>),
    /// The process (re)started: every device is disconnected until it reports itself.
    Start {
        /// Gateway time of the start; may lie before earlier inputs when the wall clock was set back.
        at: Time,
    },
    /// A device connected or was lost.
    Device {
        /// Which device.
        device: DeviceIndex,
        /// Gateway time of the change.
        at: Time,
        /// Connected and ready, or gone.
        up: bool,
        /// The reader's clock at `at`, where its connection event told it.
        reader_time: Option<ReaderTime>,
    },
    /// Reports from a reader.
    Reads {
        /// Which reader.
        device: DeviceIndex,
        /// When the newest of them arrived.
        at: Time,
        /// Its sightings.
        reads: Vec<Read>,
    },
    /// An input of a reader changed, or was asked for: a photo-eye, for instance.
    Gpi {
        /// Which reader.
        device: DeviceIndex,
        /// When it was heard of.
        at: Time,
        /// Input, from 1.
        port: u16,
        /// Whether it is high now.
        high: bool,
        /// When it changed, by the reader's clock; `None` if it was asked for.
        reader_time: Option<ReaderTime>,
    },
    /// One frame from a scanner.
    Scan {
        /// Which scanner.
        device: DeviceIndex,
        /// When it arrived.
        at: Time,
        /// The frame without its terminator.
        data: Vec<u8>,
    },
    /// Time passed.
    Tick {
        /// Gateway time.
        at: Time,
    },
    /// What is known about things that the next input mentions.
    References {
        /// Gateway time.
        at: Time,
        /// Until when the site's data is known to be current, by the site's clock: when its snapshot was made, or its newest
        /// sign of life. `None` if nobody told: what was told before still counts.
        as_of: Option<Time>,
        /// The records; there may be none, when only `as_of` is news.
        records: Vec<Reference>,
    },
    /// The gateway's wall clock was set, or is known to be right or wrong from now on. Windows do not notice; the times in
    /// events do.
    Wall {
        /// Gateway time.
        at: Time,
        /// What is known of it.
        wall: Wall,
    },
    /// A marker's feed tells of a mark, or how far it was read.
    Mark(Box<MarkReport>),
}

impl Input {
    /// Its gateway time; a configuration has none.
    #[must_use]
    pub const fn at(&self) -> Option<Time> {
        match self {
            Self::Configure(_) => None,
            Self::Start { at }
            | Self::Device { at, .. }
            | Self::Reads { at, .. }
            | Self::Gpi { at, .. }
            | Self::Scan { at, .. }
            | Self::Wall { at, .. }
            | Self::Tick { at }
            | Self::References { at, .. } => Some(*at),
            Self::Mark(report) => Some(report.at),
        }
    }
}

/// What the pipeline says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A business fact to be stored and delivered.
    Event(Box<MovementEvent>),
    /// The answer to a scan.
    Verdict(ScanVerdict),
    /// A fact that was seen here, to be kept with what is known.
    Learned(Reference),
    /// Something moves out of a guarded door that may not: light the dock. Its event, if it is the first, comes with it.
    Alert(Alert),
    /// A load that moved, or seemed to, and was not booked.
    NonEvent(NonEvent),
    /// A reader's clock was set back: its reads had wrong times for up to a few seconds.
    ClockStepped {
        /// Which reader.
        device: DeviceIndex,
        /// When it was believed.
        at: Time,
        /// By how much the clock went back.
        by: Span,
    },
}

/// A finished EPCIS event with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementEvent {
    /// EPCIS event hash id.
    pub id: EventId,
    /// Name of the read point.
    pub read_point: String,
    /// When it happened.
    pub at: Time,
    /// How far off that may be, either way, because of the readers' clocks.
    pub uncertainty: Span,
    /// The event as JSON-LD.
    pub json: String,
    /// One line for people: direction or step, what, how many.
    pub summary: String,
    /// What photo-eyes say of it.
    pub eyes: Says,
    /// It lacks something that a compliance profile asks for; `gw:missingElements` names it.
    pub incomplete: bool,
}

/// Something that may not leave moves towards the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Name of the read point.
    pub read_point: String,
    /// When that was seen.
    pub at: Time,
    /// What was seen, as URI.
    pub thing: String,
    /// The worst rule against it.
    pub rule: Rule,
    /// Why it may not leave, for people.
    pub text: String,
    /// Version of the record that it was judged by.
    pub data_version: Option<u64>,
}

/// The answer to one scan; the operator hears it once the scan is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanVerdict {
    /// Which scanner.
    pub device: DeviceIndex,
    /// Accepted, or why not.
    pub kind: VerdictKind,
    /// What a station with a task says besides.
    pub detail: Option<Box<ScanDetail>>,
}

/// What a station with a task says of a scan, for people and for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanDetail {
    /// Name of the read point.
    pub read_point: String,
    /// When it was scanned.
    pub at: Time,
    /// The code; empty where time decided.
    pub code: Vec<u8>,
    /// What became of it, or what is to be scanned next.
    pub text: String,
    /// Number of the operator's badge.
    pub operator: Option<String>,
    /// The worst that was found.
    pub rule: Option<Rule>,
    /// Version of the record that it was judged by.
    pub data_version: Option<u64>,
    /// How old the site's data was.
    pub data_age: Option<Span>,
}

/// How a scan was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerdictKind {
    /// Booked as an event.
    Accepted,
    /// The same label within the duplicate window: already booked.
    Duplicate,
    /// Booked, and the operator should look; the text says at what.
    Warned(String),
    /// Not booked; the text says why, for the operator.
    Refused(String),
    /// Taken, and more is needed before anything is booked; the text says what.
    Pending(String),
}

impl VerdictKind {
    /// The word for it in records and documents, and what the operator was told.
    #[must_use]
    pub fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Accepted => ("accepted", None),
            Self::Duplicate => ("duplicate", None),
            Self::Warned(text) => ("warned", Some(text)),
            Self::Refused(text) => ("refused", Some(text)),
            Self::Pending(text) => ("pending", Some(text)),
        }
    }
}

/// Why a load was not booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonEvent {
    /// Name of the read point.
    pub read_point: String,
    /// When the load was at the read point.
    pub at: Time,
    /// The rule that refused it.
    pub reason: NonEventReason,
    /// How many tags it had.
    pub tags: usize,
    /// Which way it seemed to go, at a gate.
    pub direction: Option<Direction>,
    /// Its tags in order of their memory, with their protocol control words.
    pub members: Vec<(EpcKey, Option<u16>)>,
    /// Which mark of a laser marker it is, if it is one.
    pub mark: Option<RefusedMark>,
    /// What photo-eyes say of it.
    pub eyes: Says,
}

/// A mark that was not booked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedMark {
    /// The marker's name and the mark's id.
    pub id: String,
    /// What was to be marked, as GS1 Digital Link, if that is known.
    pub thing: Option<String>,
    /// Why it failed, in the marker's own code; of its making, so neither short nor free of control characters.
    pub code: Option<String>,
}

/// Rules that refuse a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NonEventReason {
    /// Fewer tags changed sides than `min_tags`.
    FewTags,
    /// As many tags went the other way at the same time.
    Anti,
    /// Most of the tags that were read did not change sides.
    Ratio,
    /// What was read of its tags on the two sides, taken together, does not clearly tell this way.
    Unclear,
    /// Another gate heard it louder.
    Neighbour,
    /// Every tag of it was booked in this direction within `rearm`.
    Rearm,
    /// The photo-eyes saw nothing pass this way, and its tags alone do not tell it clearly.
    Eye,
    /// Something passed the photo-eyes, and no load was made of it.
    Untagged,
    /// Its event would not have been valid EPCIS: a fault of ours, or of the configuration.
    Invalid,
    /// The marker failed to mark a thing.
    MarkFailed,
    /// A mark does not say which thing it is on.
    MarkUnidentified,
    /// A scan that a rule refused.
    ScanRefused,
    /// Scans that were taken back, or that nobody went on with.
    ScanCancelled,
}

impl NonEventReason {
    /// The word used in logs, metrics and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FewTags => "few_tags",
            Self::Anti => "anti",
            Self::Ratio => "ratio",
            Self::Unclear => "unclear",
            Self::Neighbour => "neighbour",
            Self::Rearm => "rearm",
            Self::Eye => "eye",
            Self::Untagged => "untagged_passage",
            Self::Invalid => "invalid",
            Self::MarkFailed => "mark_failed",
            Self::MarkUnidentified => "mark_unidentified",
            Self::ScanRefused => "scan_refused",
            Self::ScanCancelled => "scan_cancelled",
        }
    }
}
