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
pub mod forward;
pub mod health;
pub mod service;
pub mod source;
pub mod topology;

/// An error with its causes, for logs and people: "outer: inner: innermost".
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // Some libraries repeat their source in their own text.
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
