//! LLRP, the Low Level Reader Protocol of UHF RFID readers: codec and both state machines.
//!
//! Nothing here opens a socket, reads a clock or spawns: bytes and time go in, bytes and events come out. The
//! same input gives the same output, so a whole session runs in a test under virtual time.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | bounded reading and writing of big-endian fields |
//! | [`frame`] | a byte stream cut into messages |
//! | [`codec`] | every parameter and message of LLRP 1.0.1, 1.1 and 2.0, typed, from one table |
//! | [`report`] | the fast path: tag reports straight from the frame |
//! | [`client`] | the client's half of a connection |
//! | [`reader`] | the reader's half, for simulators and tests |
//! | [`backoff`] | how long to wait before the next connection |
//!
//! # Invariants
//!
//! - No input can panic, hang, recurse without limit, or make this crate allocate more than a small multiple
//!   of the bytes it was given.
//! - Unknown parameters, messages and enumeration values are kept; decode then encode gives the same bytes.
//! - One connection is one [`client::Client`]: a reconnect starts with empty buffers.

#![warn(clippy::indexing_slicing)]

pub mod backoff;
pub mod client;
pub mod codec;
pub mod frame;
pub mod reader;
pub mod report;
pub mod wire;

/// Default port for plain LLRP (LLRP 1.0.1 §17.1).
pub const PORT: u16 = 5084;

/// Header version of LLRP 1.0.1.
pub const VERSION_1_0_1: u8 = 1;

/// Header version of LLRP 1.1; `GET_SUPPORTED_VERSION` and `SET_PROTOCOL_VERSION` always travel with it.
pub const VERSION_1_1: u8 = 2;

/// Header version of LLRP 2.0.
pub const VERSION_2_0: u8 = 3;
