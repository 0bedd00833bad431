//! The streams of the outbox: movements, and telemetry that makes way for them.

use std::borrow::Cow;

use serde::Serialize;
use tracegate_pipeline::Time;
use tracegate_pipeline::input::MovementEvent;

use super::crc32;

/// What a row of the outbox is. All but movements are telemetry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// A business fact. Nothing else makes it leave than its acknowledgement, or an operator.
    #[default]
    Movement,
    /// A load that was not booked.
    NonEvent,
    /// Stands for telemetry that was dropped.
    Gap,
}

impl Stream {
    /// The number in the file.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Movement => 0,
            Self::NonEvent => 1,
            Self::Gap => 2,
        }
    }

    /// The stream with this number in the file.
    #[must_use]
    pub const fn of(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Movement),
            1 => Some(Self::NonEvent),
            2 => Some(Self::Gap),
            _ => None,
        }
    }

    /// Whether it makes way for movements.
    #[must_use]
    pub const fn is_telemetry(self) -> bool {
        !matches!(self, Self::Movement)
    }

    /// The word for people and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Movement => "movement",
            Self::NonEvent => "non_event",
            Self::Gap => "gap",
        }
    }
}

/// A row to be stored; it gets its number then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow<'a> {
    /// What it is.
    pub stream: Stream,
    /// Its id: a row with the same is not stored again while this one is there.
    pub id: String,
    /// The read point, for its topic.
    pub place: Cow<'a, str>,
    /// When it happened.
    pub at: Time,
    /// What is sent.
    pub json: Cow<'a, str>,
}

impl<'a> From<&'a MovementEvent> for NewRow<'a> {
    fn from(event: &'a MovementEvent) -> Self {
        Self {
            stream: Stream::Movement,
            id: event.id.to_string(),
            place: event.read_point.as_str().into(),
            at: event.at,
            json: event.json.as_str().into(),
        }
    }
}

/// The check sum of a row. A movement's is that of formats without streams; a row that turns from one stream into another
/// is a damaged one.
pub(super) fn row_crc32(stream: i64, [id, place, payload]: [&[u8]; 3]) -> i64 {
    match stream {
        0 => crc32(&[id, place, payload]),
        other => crc32(&[id, place, payload, &other.to_le_bytes()]),
    }
}
