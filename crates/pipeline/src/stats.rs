//! What the pipeline counts.

use std::collections::BTreeMap;

use crate::fate::Fate;
use crate::filter::Unfit;
use crate::guard::Level;
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
    /// Reads that are not whole: the protocol control word announces more bits than there are.
    pub cut_off: u64,
    /// Reads of ISO tags that nothing allows.
    pub iso: u64,
    /// Reads of empty memory: no bits, all zero or all one.
    pub blank: u64,
    /// Reads of tags that are no EPC of a known scheme, where only those count.
    pub unknown: u64,
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
    /// Beacons of active tags that were heard where their tag is not.
    pub elsewhere: u64,
    /// Alarms of active tags.
    pub alarms: u64,
    /// Tags and reads hurried on or forgotten because of a cap.
    pub capped: u64,
    /// Facts about things forgotten because of a cap.
    pub references_capped: u64,
    /// Movement events made.
    pub events: u64,
    /// Of them, those that lack what a compliance profile asks for.
    pub incomplete: u64,
    /// Edges of photo-eyes older than what was already decided.
    pub edges_late: u64,
    /// Loads not booked, by reason.
    pub non_events: BTreeMap<NonEventReason, u64>,
    /// Scans accepted, repeated, refused.
    pub scans: [u64; 3],
    /// Scans and loads that a guard refused.
    pub guard_refused: u64,
    /// Scans and loads that a guard warned of.
    pub guard_warned: u64,
    /// Things told to leave through a door that may not.
    pub guard_alerts: u64,
    /// Marks that ended.
    pub marks: u64,
    /// Marks that were told again.
    pub marks_repeated: u64,
}

impl Stats {
    /// Counts a verdict of a guard.
    pub(crate) fn judged(&mut self, level: Level) {
        match level {
            Level::Accept => {}
            Level::Warn => self.guard_warned += 1,
            Level::Refuse => self.guard_refused += 1,
        }
    }

    /// Counts what became of `reads` sightings.
    pub(crate) const fn decided(&mut self, fate: Fate, reads: u64) {
        let counter = match fate {
            Fate::Taken | Fate::Parked | Fate::Carrier => return,
            Fate::Weak => &mut self.weak,
            Fate::Ignored => &mut self.ignored,
            Fate::Unfit(reason) => self.unfit(reason),
            Fate::Unassigned => &mut self.unassigned,
            Fate::Late => &mut self.late,
            Fate::Elsewhere => &mut self.elsewhere,
        };
        *counter += reads;
    }

    /// The counter of tags that do not count for this reason.
    const fn unfit(&mut self, reason: Unfit) -> &mut u64 {
        match reason {
            Unfit::CutOff => &mut self.cut_off,
            Unfit::Iso => &mut self.iso,
            Unfit::Blank => &mut self.blank,
            Unfit::Unknown => &mut self.unknown,
        }
    }
}
