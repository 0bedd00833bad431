//! From the outbox to the broker: at least once, in order, forgotten only when acknowledged.
//!
//! [`window`] is the bookkeeping without a socket; [`mqtt`] keeps connections up, `connect` makes one and `session` is its
//! traffic; `words` turns what the broker says into sentences,
//! [`subscribe`] is the way back from the broker. The MQTT client (rumqttc) is used as a wire only: every connection gets a fresh event
//! loop and a clean start, and the outbox is the one store that anything is sent again from. What would make us change the
//! client: a release whose `Outgoing::Publish` events no longer follow the order of requests, or an unfixed advisory in
//! its TLS stack; the fork rumqttc-v5-next with tracked publishes is the second choice.

mod again;
pub mod commands;
mod connect;
mod message;
pub mod mqtt;
mod patience;
mod session;
pub mod subscribe;
#[cfg(test)]
mod tests;
pub mod window;
mod words;
