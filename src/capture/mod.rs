//! Captures: what went into the pipeline, as lines of JSON, and the same pipeline run over them again.
//!
#![doc = include_str!("../../docs/captures.md")]

pub mod diff;
pub mod file;
pub mod line;
mod moment;
mod record;
pub mod replay;
pub mod tap;
#[cfg(test)]
mod tests;
pub mod witness;

pub use file::{CaptureError, Lines};
pub use line::{Header, Line, LineError};
pub(crate) use record::hex;
pub use record::{header, input_of, line_of};
pub use replay::{Capture, Options, Played, config, play, state};

/// Version of the format.
pub const FORMAT: u32 = 1;
