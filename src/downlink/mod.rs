//! What comes down from the broker, without a socket: the store's word on how far it has committed, and commands.
//!
//! [`ack`] follows the store, [`command`] reads commands and remembers their answers, [`order`] is how a device is told to do
//! something, [`replay`] sends kept events again; [`Allowance`] bounds how much is looked at. The MQTT side is in `forward/subscribe.rs`.
//! Nothing here can stop capture: whatever cannot be read or is not allowed is refused in words, counted, and forgotten.

pub mod ack;
pub mod command;
pub mod order;
mod rate;
pub mod replay;

pub use rate::Allowance;
