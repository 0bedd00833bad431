//! From the outbox to the broker: at least once, in order, forgotten only when acknowledged.
//!
//! [`window`] is the bookkeeping without a socket; [`mqtt`] keeps connections up, `connect` makes one and `session` is its
//! traffic; `words` turns what the broker says into sentences. [`client`] is the MQTT client, used as a wire only: every
//! connection gets a fresh event loop and a clean start, and the outbox is the one store that anything is sent again from.

pub mod announce;
pub mod client;
mod connect;
mod credentials;
pub mod mqtt;
mod patience;
mod session;
pub mod sparkplug;
#[cfg(test)]
mod tests;
pub mod window;
mod words;
