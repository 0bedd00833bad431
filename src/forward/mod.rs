//! From the outbox to the broker: at least once, in order, forgotten only when acknowledged.
//!
//! [`window`] and [`lanes`] are the bookkeeping without a socket: which publish is which message, and which rows of the
//! outbox may be sent and deleted; `memory` is what outlives a connection; [`mqtt`] keeps connections up, `connect` makes one and `session` is its
//! traffic; [`subscribe`] is the way back from the broker, `again` sends kept events once more; [`site`] takes the site's data in, on a connection of its own ([`listen`]); `words` turns what the broker
//! says into sentences. [`client`] is the MQTT client, used as a wire only: every
//! connection gets a fresh event loop and a clean start, and the outbox is the one store that anything is sent again from.

mod again;
mod age;
pub mod announce;
pub mod client;
pub mod commands;
mod connect;
mod credentials;
mod document;
mod failover;
pub mod lanes;
pub mod listen;
mod memory;
pub mod mqtt;
mod patience;
pub mod probe;
mod session;
pub mod site;
pub mod sparkplug;
pub mod subscribe;
mod suspect;
#[cfg(test)]
pub(crate) mod tests;
pub mod window;
pub(crate) mod words;
