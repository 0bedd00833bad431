//! The pipeline's own configuration: checked, complete, and part of the journal.

mod canonical;

use serde::{Deserialize, Serialize};

use crate::air::USUAL;
use crate::association::LoadRules;
use crate::compliance::Profile;
use crate::filter::TagRules;
use crate::guard::GuardConfig;
use crate::input::DeviceIndex;
use crate::mapping::{StepAction, Text};
use crate::mark::MarkStation;
use crate::sensing::SensorConfig;
pub use crate::station::{
    BadCode, CodeRules, Codes, Command, Confirm, TaskConfig, TaskKind, Verdicts,
};
use crate::time::Span;
use crate::zone::ZoneConfig;

/// Everything the pipeline needs to know. Defaults were filled in by whoever built it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineConfig {
    /// IANA name of the site's time zone, for `eventTimeZoneOffset`.
    pub time_zone: String,
    /// Names of all devices; inputs refer to them by index.
    pub devices: Vec<String>,
    /// Read points in order of name.
    pub read_points: Vec<ReadPointConfig>,
    /// Which tags count.
    pub tags: TagRules,
    /// What tags measure.
    pub sensors: Vec<SensorConfig>,
}

/// One business place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadPointConfig {
    /// Its name, as in topics and logs.
    pub name: String,
    /// Its EPCIS `readPoint` id.
    pub uri: String,
    /// What stands there.
    pub kind: ReadPointKind,
    /// What may be used or leave here; everything, without it.
    #[serde(default)]
    pub guard: Option<Box<GuardConfig>>,
}

/// The kinds of read point.
#[expect(
    clippy::large_enum_variant,
    reason = "there are a handful, and they live as long as the configuration"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReadPointKind {
    /// Antennas on two sides of a line; loads pass it.
    Gate(GateConfig),
    /// Scanners with a task.
    Station(StationConfig),
    /// Antennas that look at a place; things come, stay and leave.
    Zone(ZoneConfig),
}

/// A dock door or a belt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateConfig {
    /// Antennas, each with its side.
    pub antennas: Vec<GateAntenna>,
    /// The event of a load that comes in; without it none is made.
    pub inward: Option<Step>,
    /// The event of a load that goes out; without it none is made.
    pub outward: Option<Step>,
    /// Thresholds and times.
    pub tuning: Tuning,
    /// How the tags of a load are told.
    pub loads: LoadRules,
    /// What is told about stock that is parked in its field.
    pub stay: Option<Box<ZoneConfig>>,
    /// Photo-eyes across it, one for each side at most.
    pub eyes: Vec<GateEye>,
}

/// One photo-eye of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateEye {
    /// The reader whose input it is wired to.
    pub device: DeviceIndex,
    /// That input, from 1.
    pub port: u16,
    /// Its beam is on this side of the line.
    pub side: Side,
    /// The input is high while the beam is interrupted; otherwise low.
    pub blocked_high: bool,
}

/// One antenna of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAntenna {
    /// Its reader.
    pub device: DeviceIndex,
    /// Its port.
    pub antenna: u16,
    /// Which side of the gate it looks at.
    pub side: Side,
}

/// A side of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// Within the building.
    Inside,
    /// Outside it.
    Outside,
}

impl Side {
    /// The word used in config, logs and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Inside => Self::Outside,
            Self::Outside => Self::Inside,
        }
    }
}

/// Which way a load went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// From outside to inside.
    In,
    /// From inside to outside.
    Out,
}

impl Direction {
    /// The way that ends on `side`.
    #[must_use]
    pub const fn towards(side: Side) -> Self {
        match side {
            Side::Inside => Self::In,
            Side::Outside => Self::Out,
        }
    }

    /// The side where a load that goes this way ends up.
    #[must_use]
    pub const fn destination(self) -> Side {
        match self {
            Self::In => Side::Inside,
            Self::Out => Side::Outside,
        }
    }

    /// The other way.
    #[must_use]
    pub const fn opposite(self) -> Self {
        Self::towards(self.destination().opposite())
    }

    /// The word used in config, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// The business meaning of a movement: EPCIS "why" and "where".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Step {
    /// CBV word or URI.
    pub biz_step: String,
    /// CBV word or URI.
    pub disposition: Option<String>,
    /// Where the objects are afterwards, as a URI.
    pub biz_location: Option<String>,
    /// Business documents as (type, id).
    #[serde(default)]
    pub biz_transactions: Vec<(String, Text)>,
    /// Where the objects come from, as (type, party or place).
    #[serde(default)]
    pub sources: Vec<(String, Text)>,
    /// Where they go to.
    #[serde(default)]
    pub destinations: Vec<(String, Text)>,
    /// What happened to the objects. Marks add and alarms observe, whatever stands here.
    #[serde(default)]
    pub action: StepAction,
    /// Dispositions that hold from now on, whatever other events say.
    #[serde(default)]
    pub set: Vec<String>,
    /// Those that hold no more.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Master data of what is added, by field name with prefix.
    #[serde(default)]
    pub ilmd: Vec<(String, Text)>,
    /// Fields of the gateway's namespace, or of the site's, by name with prefix.
    #[serde(default)]
    pub fields: Vec<(String, Text)>,
    /// What the prefix of the site's own fields stands for.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Rules that say what the event must hold.
    #[serde(default)]
    pub profiles: Vec<Profile>,
}

/// A scanner station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationConfig {
    /// Its scanners.
    pub scanners: Vec<StationScanner>,
    /// The event of a scan.
    pub step: Step,
    /// What scans are for, where several make one event; without it each is one, by `step`.
    #[serde(default)]
    pub task: Option<Box<TaskConfig>>,
    /// Its markers, and the event of a mark.
    pub marks: Option<Box<MarkStation>>,
}

/// One scanner of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationScanner {
    /// Which scanner.
    pub device: DeviceIndex,
    /// The same label within this time is one scan.
    pub duplicate_window: Span,
    /// Take data without AIM identifier as GS1.
    pub assume_gs1: bool,
    /// What the scanner sends for GS, if it cannot send that.
    pub gs_substitutes: Vec<String>,
    /// Take labels with application identifiers that are not assigned.
    pub keep_unknown_ais: bool,
}

/// Thresholds and times of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Weaker reads are ignored, dBm.
    pub min_rssi_dbm: i8,
    /// Reads of one tag on one antenna within this are one observation.
    pub dedup: Span,
    /// A tag appears after `min_reads` observations within this.
    pub appear_within: Span,
    /// Observations that make a tag appear.
    pub min_reads: u16,
    /// A tag is gone after this without an observation.
    pub lost_after: Span,
    /// Time constant of the side tracker.
    pub side_tau: Span,
    /// Clear side when the score is at least this, 0 to 1.
    pub side_level: f64,
    /// How long the score must be clear.
    pub side_hold: Span,
    /// Changes of side within this belong to one load.
    pub load_gap: Span,
    /// Wait this long after the last change of side before deciding.
    pub settle: Span,
    /// How far before and after a change of side its tags are looked at.
    pub reach: Span,
    /// A tag in the field is heard again on the same side within this, in half of all cases.
    pub revisit: Span,
    /// Things pass one close behind the other, and each is a load of its own.
    pub one_by_one: bool,
    /// Tags that must have changed sides.
    pub min_tags: usize,
    /// Share of the tags read that must have changed sides, 0 to 1.
    pub flip_ratio: f64,
    /// The same tag is not booked in the same direction again within this.
    pub rearm: Span,
    /// How late a read may be and still find its place.
    pub allowed_lateness: Span,
    /// How long a lost reader holds up its read points.
    pub down_grace: Span,
    /// A photo-eye has changed when its level has lasted for this.
    pub eye_debounce: Span,
    /// A photo-eye that is interrupted for longer is ignored.
    pub eye_blocked_after: Span,
}

impl Tuning {
    /// A time that is right for loads that pass in the usual time, for those that pass here.
    pub(crate) fn paced(&self, usual: Span) -> Span {
        let reach = if self.one_by_one {
            Self::belt()
        } else {
            Self::dock()
        }
        .reach;
        Span(usual.0.saturating_mul(self.reach.0) / reach.0.max(1))
    }

    /// A time by which a tag may seem to be elsewhere because it was not heard meanwhile, for the air here.
    pub(crate) fn looked(&self, usual: Span) -> Span {
        Span(usual.0.saturating_mul(self.revisit.0) / USUAL.0)
    }

    /// Defaults for a dock door.
    #[must_use]
    pub const fn dock() -> Self {
        Self {
            min_rssi_dbm: -78,
            dedup: Span::millis(250),
            appear_within: Span::millis(1500),
            min_reads: 2,
            lost_after: Span::millis(3000),
            side_tau: Span::millis(700),
            side_level: 0.30,
            side_hold: Span::millis(600),
            load_gap: Span::millis(600),
            settle: Span::millis(3000),
            reach: Span::millis(3000),
            revisit: USUAL,
            one_by_one: false,
            min_tags: 2,
            flip_ratio: 0.35,
            rearm: Span::millis(20_000),
            allowed_lateness: Span::millis(900),
            down_grace: Span::millis(20_000),
            eye_debounce: Span::millis(30),
            eye_blocked_after: Span::millis(60_000),
        }
    }

    /// Defaults for a conveyor belt.
    #[must_use]
    pub const fn belt() -> Self {
        Self {
            min_rssi_dbm: -70,
            dedup: Span::millis(100),
            appear_within: Span::millis(500),
            min_reads: 2,
            lost_after: Span::millis(1000),
            side_tau: Span::millis(450),
            side_level: 0.22,
            side_hold: Span::millis(250),
            load_gap: Span::millis(200),
            settle: Span::millis(800),
            reach: Span::millis(2000),
            revisit: USUAL,
            one_by_one: true,
            min_tags: 1,
            flip_ratio: 0.0,
            rearm: Span::millis(60_000),
            allowed_lateness: Span::millis(600),
            down_grace: Span::millis(20_000),
            eye_debounce: Span::millis(30),
            eye_blocked_after: Span::millis(60_000),
        }
    }
}
