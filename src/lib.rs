//! Tracegate: the gateway daemon as a library; `main.rs` only parses arguments and calls it.

pub mod cli;
pub mod config;
