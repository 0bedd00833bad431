//! The core's side of captures and stories: what was committed is handed on, and the core never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, mpsc};
use tracegate_pipeline::fate::Trace;
use tracegate_pipeline::input::{MovementEvent, NonEvent};
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, Time};

use super::line::Gap;
use crate::health::Health;

/// Committed batches that wait for the witness at most.
const BATCHES: usize = 64;

/// What the core hands on.
#[derive(Debug)]
pub(super) enum Seen {
    /// A committed batch, and what came of it.
    Batch(Batch),
    /// So much was not handed on at this place.
    Missed(Gap, Option<Box<PipelineConfig>>),
    /// How things stand between two batches.
    State(Box<Standing>),
}

/// A committed batch, and what came of it.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which the pipeline took them.
    pub inputs: Vec<Input>,
    /// Movements booked.
    pub events: Vec<MovementEvent>,
    /// Loads not booked.
    pub refused: Vec<NonEvent>,
    /// Verdicts and alerts, each with the number of the input that it answers.
    pub said: Vec<(usize, Output)>,
    /// What became of every read, if somebody follows.
    pub trace: Trace,
}

impl Batch {
    /// Reads, other inputs, and what came of them.
    #[must_use]
    pub fn size(&self) -> u64 {
        let inputs = self.inputs.iter().map(|input| reads(input).max(1));
        let came = self.events.len() + self.refused.len() + self.said.len();
        inputs.sum::<u64>() + came as u64
    }
}

/// Where a capture begins.
#[derive(Debug)]
pub(super) struct Standing {
    /// Gateway time of the newest input.
    pub now: Time,
    pub config: PipelineConfig,
    /// The pipeline's state as postcard.
    pub state: Vec<u8>,
}

/// Held by the core. One that leads nowhere, the default, is for tests of the core.
#[derive(Debug, Default)]
pub struct Tap {
    out: Option<mpsc::Sender<Seen>>,
    asked: Arc<Notify>,
    followed: Arc<AtomicBool>,
    missed: Gap,
    // The newest configuration among what was missed: without it everything after would be misread.
    config: Option<Box<PipelineConfig>>,
    health: Option<Health>,
}

/// The other end.
#[derive(Debug)]
pub struct Outlet {
    pub(super) seen: mpsc::Receiver<Seen>,
    pub(super) asked: Arc<Notify>,
    pub(super) followed: Arc<AtomicBool>,
}

impl Tap {
    /// What waits for the witness, and for how much there is room.
    #[must_use]
    pub fn level(&self) -> Option<(usize, usize)> {
        let out = self.out.as_ref()?;
        let room = out.max_capacity();
        Some((room - out.capacity(), room))
    }

    /// A tap and its other end.
    #[must_use]
    pub fn new(health: Health) -> (Self, Outlet) {
        let (out, seen) = mpsc::channel(BATCHES);
        let asked = Arc::new(Notify::new());
        let followed = Arc::<AtomicBool>::default();
        let outlet = Outlet {
            seen,
            asked: asked.clone(),
            followed: followed.clone(),
        };
        let tap = Self {
            out: Some(out),
            asked,
            followed,
            missed: Gap::default(),
            config: None,
            health: Some(health),
        };
        (tap, outlet)
    }

    /// Hands on what was committed; what finds no room is counted.
    pub fn seen(&mut self, batch: Batch) {
        if batch.inputs.is_empty() && batch.events.is_empty() && batch.refused.is_empty() {
            return;
        }
        let gap = Gap {
            inputs: batch.inputs.len() as u64,
            reads: batch.inputs.iter().map(reads).sum(),
        };
        let config = batch.inputs.iter().rev().find_map(|input| match input {
            Input::Configure(config) => Some(config.clone()),
            _ => None,
        });
        if !self.catch_up() || !self.send(Seen::Batch(batch)) {
            self.config = config.or(self.config.take());
            self.missed.inputs += gap.inputs;
            self.missed.reads += gap.reads;
            if let (Some(health), Some(_)) = (&self.health, &self.out) {
                health.counters().inputs_unwitnessed.add(gap.inputs);
            }
        }
    }

    /// Whether somebody wants to know what becomes of every read.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Relaxed)
    }

    /// Resolves when somebody wants to know how things stand.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Says how things stand between two batches. Whoever asked asks again if there was no room for the answer.
    pub fn tell(&mut self, pipeline: &Pipeline) {
        if let Ok(state) = postcard::to_stdvec(pipeline.state())
            && self.catch_up()
        {
            self.send(Seen::State(Box::new(Standing {
                now: pipeline.now(),
                config: pipeline.config().clone(),
                state,
            })));
        }
    }

    /// What was missed is said before anything else.
    fn catch_up(&mut self) -> bool {
        if self.missed == Gap::default() {
            return true;
        }
        let said = self.send(Seen::Missed(self.missed, self.config.clone()));
        if said {
            (self.missed, self.config) = (Gap::default(), None);
        }
        said
    }

    fn send(&self, seen: Seen) -> bool {
        self.out
            .as_ref()
            .is_some_and(|out| out.try_send(seen).is_ok())
    }
}

/// Tag reads in an input.
pub(super) fn reads(input: &Input) -> u64 {
    match input {
        Input::Reads { reads, .. } => reads.len() as u64,
        _ => 0,
    }
}
