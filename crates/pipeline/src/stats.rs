//! What the pipeline counts.

use std::collections::BTreeMap;

use crate::input::NonEventReason;

/// Counters since the process started; not part of the state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Reads taken in.
    pub reads: u64,
    /// Reads weaker than `min_rssi`.
    pub weak: u64,
    /// Reads of tags that match `ignore`, or no cargo pattern.
    pub ignored: u64,
    /// Reads on antennas that belong to no read point.
    pub unassigned: u64,
    /// Reads older than what was already decided.
    pub late: u64,
    /// Events made of late reads.
    pub late_events: u64,
    /// Times that a reader's clock was set back.
    pub clock_steps: u64,
    /// Memory of sensor tags that does not fit its configuration.
    pub sensor_mismatches: u64,
    /// Tags and reads hurried on or forgotten because of a cap.
    pub capped: u64,
    /// Facts about things forgotten because of a cap.
    pub references_capped: u64,
    /// Movement events made.
    pub events: u64,
    /// Loads not booked, by reason.
    pub non_events: BTreeMap<NonEventReason, u64>,
    /// Scans accepted, repeated, refused.
    pub scans: [u64; 3],
}
