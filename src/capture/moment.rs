//! Times in captures.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracegate_pipeline::Time;

/// Microseconds since 1970, written as RFC 3339 where that can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl From<Time> for Moment {
    fn from(time: Time) -> Self {
        Self(time.0)
    }
}

impl From<Moment> for Time {
    /// Far enough from the ends that no sum with a span of interest reaches them.
    fn from(moment: Moment) -> Self {
        Self(moment.0.clamp(i64::MIN / 4, i64::MAX / 4))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Timestamp::from_microsecond(self.0) {
            Ok(at) => serializer.collect_str(&format_args!("{at:.6}")),
            Err(_) => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Moment;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a time as \"2026-11-22T10:00:00.123456Z\", or in whole microseconds since 1970",
                )
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                let at: Timestamp = text.parse().map_err(|_| {
                    E::custom(format!(
                        "{text:?} is no time; write it as \"2026-11-22T10:00:00.123456Z\""
                    ))
                })?;
                Ok(Moment(at.as_microsecond()))
            }
            fn visit_i64<E: Error>(self, us: i64) -> Result<Moment, E> {
                Ok(Moment(us))
            }
            fn visit_u64<E: Error>(self, us: u64) -> Result<Moment, E> {
                Ok(Moment(i64::try_from(us).unwrap_or(i64::MAX)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
