//! What arrives while it is not known whether it waited on its way or the reader's clock was set back.
//!
//! Both look alike at first: it says that it was made a while ago. Dated at once, what a reader saw around a step of its clock
//! would be lost, as too late, or told of a wrong time. So it waits until something arrives in time (it was late), goes on
//! long enough (the clock was set back), or nothing more comes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{DeviceClock, STEP_AFTER};
use crate::input::{Read, ReaderTime};
use crate::time::{Span, Time};

/// What is late by less than this is waited for in any case.
pub(super) const LATE: Span = Span::millis(900);
/// What agrees for this long before nothing more comes tells a step.
const AGREED: Span = Span::millis(1_000);
/// So much waits at one reader at most: some seconds of a busy one. The rest is taken to be late.
const MOST: usize = 8_192;

/// Something that a reader sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Held {
    Read(Read),
    Edge {
        port: u16,
        high: bool,
        reader_time: Option<ReaderTime>,
    },
}

impl Held {
    /// When it left the reader, if it arrived at `at`, and what the reader's clock said when it was made.
    pub fn times(&self, at: Time) -> (Time, Option<ReaderTime>) {
        match self {
            Self::Read(read) => (at - Span(read.waited_us.into()), read.device_time),
            Self::Edge { reader_time, .. } => (at, *reader_time),
        }
    }
}

/// It arrived at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doubtful {
    pub at: Time,
    pub what: Held,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Doubt {
    /// What arrived last could not be dated.
    pub is_open: bool,
    waiting: VecDeque<Doubtful>,
}

impl Doubt {
    /// Since when something waits.
    pub fn since(&self) -> Option<Time> {
        self.waiting.front().map(|first| first.at)
    }
}

impl DeviceClock {
    /// Keeps what [cannot be dated yet](Self::weigh), or gives it back if too much waits.
    pub(crate) fn hold(&mut self, doubtful: Doubtful) -> Result<(), Held> {
        if self.doubt.waiting.len() >= MOST {
            return Err(doubtful.what);
        }
        self.doubt.waiting.push_back(doubtful);
        Ok(())
    }

    /// How much waits.
    pub(crate) fn held(&self) -> usize {
        self.doubt.waiting.len()
    }

    /// When it is decided at the latest.
    pub(crate) fn doubt_due(&self) -> Option<Time> {
        self.doubt.since().map(|since| since + STEP_AFTER)
    }

    /// Nothing more will tell.
    pub(crate) fn end_doubt(&mut self) {
        self.doubt.is_open = false;
        if let Some(step) = self.step.take()
            && step.last - step.since >= AGREED
        {
            self.step_back(step.last, step);
        }
    }

    /// What waited and can be dated now.
    pub(crate) fn released(&mut self) -> VecDeque<Doubtful> {
        if self.doubt.is_open {
            return VecDeque::new();
        }
        std::mem::take(&mut self.doubt.waiting)
    }
}
