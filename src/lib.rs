//! Tracegate: the gateway daemon as a library; `main.rs` only parses arguments and calls it.
//!
//! See ARCHITECTURE.md for the map and the invariants.

pub mod antennas;
pub mod audit;
pub mod buffer;
pub mod bundle;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod core;
#[cfg(feature = "demo")]
pub mod demo;
pub mod discover;
pub mod doctor;
pub mod downlink;
pub mod failpoint;
pub mod forward;
pub mod health;
pub mod logs;
pub mod preflight;
pub mod reference;
pub mod reload;
pub mod service;
pub mod source;
pub mod sparkplug;
pub mod status;
pub mod story;
pub mod survey;
pub mod tail;
pub mod telemetry;
pub mod tls;
pub mod top;
pub mod topology;

pub use tracegate_pipeline::error_chain;
