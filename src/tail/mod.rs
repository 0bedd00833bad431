//! What happens, as it happens: reads, scans, decisions and events for people who follow (`tracegate tail`).
//!
//! The witness hands every committed batch to those who follow, without a copy and without a wait; each [`Follower`] picks
//! what it wants. Why a read does not count is the pipeline's own decision about it ([`tracegate_pipeline::fate`]).
//!
//! Invariants: nobody who follows holds anything up. What waits for a follower is bounded; when it is too slow the oldest
//! goes, it is told how much, and that is counted.

mod follow;
mod line;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::capture::tap::Batch;

pub use follow::Follower;
pub use line::{Line, Sighting};
pub use view::View;
pub use words::render;

/// What somebody wants to follow. Nothing given: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// Only what this device reads, and what comes of it at its read points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Only this read point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_point: Option<String>,
    /// Only this tag, named as for `tracegate why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epc: Option<String>,
    /// Tell of each read whether it counts, and why not.
    pub why: bool,
    /// Each read by itself.
    pub raw: bool,
}

/// Where somebody begins to follow.
#[derive(Debug)]
pub struct Following {
    /// What comes.
    pub told: broadcast::Receiver<Arc<Told>>,
    /// How things are called now.
    pub view: Arc<View>,
    /// Reads, other inputs and decisions before.
    pub from: u64,
}

/// A committed batch, on its way to those who follow.
#[derive(Debug)]
pub struct Told {
    /// Reads, other inputs and decisions before it.
    pub first: u64,
    /// How things are called at its beginning.
    pub view: Arc<View>,
    /// The batch.
    pub batch: Batch,
}
