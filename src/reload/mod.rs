//! A changed configuration for the running gateway.

pub mod waits;
