//! Active and battery-assisted tags: what a beacon says, how long its tag may be silent, and what is an alarm.
//!
//! A tag that sends by itself is not read more often when one waits: it has its own pace. So its silence is judged by
//! that pace, and by how many of its beacons are heard. What it measures is told as an alarm once, not with each beacon.
//! Times are microseconds of any clock that does not run backwards.

pub mod ageing;
pub mod alarm;
pub mod beacon;
pub mod layout;
pub mod name;
pub mod publish;

pub use ageing::{Ageing, Pace};
pub use alarm::{Alarm, AlarmKind, Alarms, Limits};
pub use beacon::{BadField, Beacon, Milli, Signal};
pub use layout::{Form, Found, Layout};
pub use name::{Names, tag_uri};
pub use publish::{BadMessage, Sighting};
