//! What comes down from the broker, without a socket: the store's word on how far it has committed, and how much of what
//! arrives is looked at.
//!
//! [`ack`] follows the store; [`Allowance`] bounds what is looked at. The MQTT side is in `forward/subscribe.rs`.
//! Nothing here can stop capture: whatever cannot be read or is not allowed is refused in words, counted, and forgotten.

pub mod ack;
mod rate;

pub use rate::Allowance;
