//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The wall clock at `instant`, in microseconds since 1970.
pub fn utc_us(instant: Instant) -> u64 {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let wall = if instant >= now {
        wall + (instant - now)
    } else {
        wall - (now - instant)
    };
    let since_1970 = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}
