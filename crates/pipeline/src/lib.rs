//! From reads to movements: the pure middle of the gateway.
//!
//! [`Pipeline`] is a fold over [`Input`]s: configuration, reads, scans, device connections and ticks go in, [`Output`]s
//! (movement events, scan verdicts, non-events) come out. It opens nothing, reads no clock and iterates no hash map, so
//! the same inputs give the same outputs byte for byte; the daemon journals the inputs and rebuilds the state from them
//! after a crash.
//!
//! The stages, each a module: [`clock`] (device time to gateway time, watermark per device), [`filter`] (which tags
//! count), [`eyes`] (photo-eyes at a gate), [`presence`] (one tag at one read point: hysteresis, which side it is on), [`sensing`] (what it measures), [`passage`] (one
//! decision per load, with a direction), [`association`] (parents, contents, lots), [`zone`] (presence without a
//! direction), `whereabouts` (which zone an active tag is in), `station` (scans), [`guard`] (may it be used), [`mark`] (laser markers), [`movement`] (the EPCIS event). [`mod@reference`] is what is known from elsewhere.
//!
//! Invariants: windows close on event time, never on the wall clock of the moment; a read older than what was already
//! decided is never mixed in, it amends a passage or makes one that is marked late; every collection has a bound and a counter at the bound.

#![warn(clippy::indexing_slicing)]

mod air;
pub mod association;
pub mod clock;
pub mod compliance;
pub mod config;
mod evidence;
pub mod eyes;
pub mod fate;
pub mod filter;
mod gate;
pub mod guard;
pub mod input;
pub mod journal;
pub mod mapping;
pub mod mark;
pub mod movement;
pub mod passage;
pub mod pipeline;
pub mod presence;
mod profile;
pub mod reference;
pub mod remarks;
pub mod sensing;
mod station;
pub mod stats;
mod survey;
pub mod time;
mod whereabouts;
pub mod zone;

pub use config::PipelineConfig;
pub use input::{Input, Output, Read, ReaderTime};
pub use pipeline::Pipeline;
pub use time::Time;

/// An error with its causes, for logs and people: "outer: inner: innermost".
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // Some libraries repeat their source in their own text.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
