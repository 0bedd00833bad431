//! Sparkplug B for sites with a unified namespace: the gateway as an edge node, its devices as devices.
//!
//! [`payload`] writes and reads the protocol buffers, [`node`] keeps births, changes and deaths in their order. Neither knows
//! a socket; `forward::sparkplug` has the connection. Movement events are not sent this way: a metric is a state, which may be
//! lost and replaced by the next, and an event may not.

pub mod node;
pub mod payload;
