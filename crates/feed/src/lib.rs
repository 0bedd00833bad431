//! Feeds: what scanners, laser markers and active-tag receivers send, as values.
//!
//! Bytes and time go in, values come out; nothing here does I/O or reads a clock, and no input can panic.
//!
//! A feed is always the same chain: bytes are cut into frames ([`frame`]), a frame is classified by ordered rules that
//! also take its fields out ([`rules`]). What a make of device is like is a named [`profile`].

#![warn(clippy::indexing_slicing)]

pub mod active;
pub mod frame;
pub mod hid;
pub mod marker;
pub mod modbus;
pub mod profile;
pub mod rules;
pub mod ssi;
pub mod telnet;
pub mod text;
pub mod wedge;
