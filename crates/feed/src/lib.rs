//! Feeds: what scanners, laser markers and active-tag receivers send, as values.
//!
//! Bytes and time go in, values come out; nothing here does I/O or reads a clock, and no input can panic.

#![warn(clippy::indexing_slicing)]

pub mod active;
pub mod hid;
pub mod marker;
pub mod wedge;
