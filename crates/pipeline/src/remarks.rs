//! What an event says of itself beside EPCIS: fields of our own namespace, `gw:`.
//!
//! They are part of the event's hash id like everything else, so they hold nothing that a replay would tell otherwise.

use jiff::Timestamp;
use serde_json::Value;
use tracegate_epcis::{EventData, Namespace};

use crate::config::Direction;
use crate::guard::{self, Judgement};
use crate::mapping::Origin;
use crate::movement::Wall;
use crate::passage::{Decision, Late};
use crate::time::Time;

/// What fields of the gateway's own begin with. Not `tracegate`: that would expand the names of things without a GS1 key.
pub const PREFIX: &str = "gw";
/// The namespace that [`PREFIX`] stands for.
pub const NAMESPACE: &str = "tracegate:event/";

/// Fields that the gateway writes itself, without the prefix.
pub const OWN_FIELDS: &[&str] = &[
    "alarm",
    "alarmLimit",
    "alert",
    "ambiguous",
    "carriers",
    "clockUnsynchronised",
    "dataAgeSeconds",
    "dataVersion",
    "dwellSeconds",
    "findings",
    "grade",
    "late",
    "mark",
    "missing",
    "missingElements",
    "missingQuantities",
    "operator",
    "outcome",
    "overrides",
    "passage",
    "presence",
    "quantities",
    "result",
    "rule",
    "text",
    "unexpected",
    "unexpectedQuantities",
    "verdict",
];

/// Of them, those that a site may say, too: they count where the gateway knows no better.
pub const SITE_FIELDS: &[&str] = &["operator"];

/// Remarks on one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remarks<'a> {
    /// The passage that it tells of, by direction and time: events that tell of one passage have it in common.
    pub passage: Option<(Direction, Time)>,
    /// Its reads came after their time was decided.
    pub late: bool,
    /// Carriers that were there at the time, as URIs.
    pub carriers: &'a [String],
    /// What fills the holes of configured texts.
    pub origin: Origin<'a>,
    /// What the guard of the door says of it, if it says anything.
    pub verdict: Option<&'a Judgement>,
}

impl<'a> Remarks<'a> {
    /// Of a load.
    #[must_use]
    pub fn of(decision: &Decision, carriers: &'a [String]) -> Self {
        let at = match decision.late {
            Some(Late::Amends(at)) => at,
            _ => decision.at,
        };
        Self {
            passage: Some((decision.direction, at)),
            late: decision.late.is_some(),
            carriers,
            verdict: None,
            origin: Origin::default(),
        }
    }

    /// Of a scan or mark of this device.
    #[must_use]
    pub fn by(device: Option<&'a str>) -> Self {
        let origin = Origin { device, code: None };
        Self {
            origin,
            ..Self::default()
        }
    }

    /// Writes them into the event of a read point.
    pub(crate) fn write(&self, read_point: &str, wall: Wall, event: &mut EventData) {
        let mut put = |name: &str, value: Value| extend(event, name, value);
        if let Some((direction, at)) = self.passage {
            put("passage", passage_id(read_point, direction, at).into());
        }
        if self.late {
            put("late", true.into());
        }
        if !wall.synchronised {
            put("clockUnsynchronised", true.into());
        }
        if !self.carriers.is_empty() {
            put("carriers", self.carriers.into());
        }
        if let Some(verdict) = self.verdict {
            guard::alert(verdict, event);
        }
    }
}

/// Adds a field of the gateway's own namespace.
pub(crate) fn extend(event: &mut EventData, name: &str, value: impl Into<Value>) {
    let namespace = Namespace {
        prefix: PREFIX.to_owned(),
        uri: NAMESPACE.to_owned(),
    };
    event.extend(&namespace, name, value);
}

/// `dock_1/in/2026-11-22T10:00:05.123456Z`.
fn passage_id(read_point: &str, direction: Direction, at: Time) -> String {
    let direction = direction.as_str();
    match Timestamp::from_microsecond(at.0) {
        Ok(time) => format!("{read_point}/{direction}/{time:.6}"),
        Err(_) => format!("{read_point}/{direction}/{}", at.0),
    }
}
