//! Everything that can go wrong with a reader, against our own client over TCP, with the truth beside it.
//!
//! The reader logs each report of which it wrote every byte; each of them must reach the client's caller exactly once,
//! and nothing else may. Whatever happened, the client reads again in the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod belt;
mod chaos;
mod clocks;
mod host;
mod links;
mod site;
mod specs;
