//! What becomes of each read, and why, for people who follow them.
//!
//! Each read has one [`Fate`], which is the decision itself: counters count it, and [`crate::Pipeline::trace`] hands it on.

use crate::filter::Unfit;
use crate::gate::EpcKey;
use crate::time::Time;

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It counts.
    Taken,
    /// It counts, and its tag is parked stock: nothing is booked before it moves.
    Parked,
    /// It counts as a carrier's, which is evidence of a load and never part of one.
    Carrier,
    /// Weaker than `min_rssi`.
    Weak,
    /// Its tag matches a pattern of tags that never count, or none of those that do.
    Ignored,
    /// Its tag cannot count.
    Unfit(Unfit),
    /// Its antenna belongs to no read point.
    Unassigned,
    /// Its time is decided already; it may amend a load.
    Late,
    /// A beacon that was heard where its tag is not.
    Elsewhere,
}

/// A tag that was read too few times, within too short a time, to be taken for one that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghost {
    /// Index of the gate in [`crate::PipelineConfig::read_points`].
    pub read_point: usize,
    /// The tag.
    pub tag: EpcKey,
    /// Its protocol control word, if the reader sent it.
    pub pc: Option<u16>,
    /// When it was read first.
    pub at: Time,
}

/// What was noted of reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// Of each read, in the order in which the pipeline took them.
    pub fates: Vec<Fate>,
    /// Tags at gates that turned out to be ghosts.
    pub ghosts: Vec<Ghost>,
}
