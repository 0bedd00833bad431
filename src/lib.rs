//! Tracegate: the gateway daemon as a library; `main.rs` only parses arguments and calls it.
//!
//! See ARCHITECTURE.md for the map and the invariants.

pub mod buffer;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core;
#[cfg(feature = "demo")]
pub mod demo;
pub mod downlink;
pub mod forward;
pub mod health;
pub mod service;
pub mod source;
pub mod tls;
pub mod topology;

pub use tracegate_pipeline::error_chain;
