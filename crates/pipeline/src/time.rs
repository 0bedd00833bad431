//! Points in time on the gateway's time line.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch on the gateway's time line.
///
/// The line is anchored to the wall clock when the process starts and runs on the monotonic clock from there, so it never
/// steps within a run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Time(pub i64);

impl Time {
    /// Before everything that can happen.
    pub const MIN: Self = Self(i64::MIN / 4);

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The later of two times.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

/// A signed length of time in microseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Span(pub i64);

impl Span {
    /// `ms` milliseconds.
    #[must_use]
    pub const fn millis(ms: i64) -> Self {
        Self(ms * 1000)
    }

    /// The distance without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Seconds, for weights.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "spans of interest are far below 2^53 µs"
    )]
    pub const fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<Duration> for Span {
    fn from(value: Duration) -> Self {
        Self(i64::try_from(value.as_micros()).unwrap_or(i64::MAX))
    }
}

impl From<Span> for Duration {
    /// Nothing for a negative span.
    fn from(value: Span) -> Self {
        Self::from_micros(u64::try_from(value.0).unwrap_or(0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
