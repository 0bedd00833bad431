//! The MQTT client behind a few calls: connect with options, publish, subscribe, take the next event, disconnect.
//!
//! A client is a wire: one connection, nothing sent twice. What it is asked for leaves in the order of asking,
//! and each publish that left is told by its packet id; the rest is ours. What would make us change the client: a release
//! that tells packet ids in another order than that of asking, an unfixed advisory in its TLS stack, or an own store of
//! messages that cannot be switched off. A new one is a file beside `v5` and an arm in
//! [`open`].

mod v311;
mod v5;

use std::fmt::{self, Debug};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason};
use rumqttc::{NetworkOptions, TlsConfiguration, TlsError, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::Secret;

/// Client events waiting for the session; then the event loop waits, and with it the socket.
const EVENTS: usize = 256;
/// Room for requests beside the window's publishes: subscriptions, DISCONNECT.
const OTHER_REQUESTS: usize = 8;
/// Largest packet taken from a broker, in bytes. A larger one ends the connection, and under MQTT 5 is not sent.
const INCOMING_MAX: u32 = 256 << 10;
/// Largest packet that MQTT can carry (MQTT 3.1.1 §2.2.3), in bytes.
const PACKET_MAX: usize = 268_435_455;

/// The protocol's version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// MQTT 5.
    #[default]
    V5,
    /// MQTT 3.1.1: no properties, no reasons; a PUBACK is always a success.
    V311,
}

impl Version {
    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V5 => "MQTT 5",
            Self::V311 => "MQTT 3.1.1",
        }
    }
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What a connection is made with.
#[derive(Debug)]
pub struct Options {
    /// The protocol's version.
    pub version: Version,
    /// Where the broker listens.
    pub endpoint: Endpoint,
    /// Client identifier.
    pub client_id: String,
    /// User name and password.
    pub credentials: Option<(String, Secret)>,
    /// TLS; `None` connects without.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Topic and text of the retained Last Will, if there is one.
    pub last_will: Option<(String, String)>,
    /// Keep-alive, at least 5 s.
    pub keep_alive: Duration,
    /// Publishes under way at most, at least 1.
    pub window: u16,
    /// The client's own patience with the network; the session's deadlines are shorter.
    pub patience: Duration,
    /// What the broker keeps after the connection; `None` begins anew each time, and acknowledges what comes as it comes.
    pub kept: Option<Kept>,
}

/// A session that outlives its connections (MQTT 5 §4.1): what is published at QoS 1 meanwhile comes with the next one,
/// and so does whatever was not acknowledged with [`Client::acknowledge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// For how long without a connection. MQTT 3.1.1 cannot say it: the broker's own limit holds.
    pub expiry: Duration,
    /// Messages that may come before the first of them is acknowledged. MQTT 3.1.1 cannot say it either.
    pub receive_maximum: u16,
}

impl Options {
    fn capacity(&self) -> usize {
        let acknowledgements = self.kept.map_or(0, |kept| kept.receive_maximum);
        usize::from(self.window) + usize::from(acknowledgements) + OTHER_REQUESTS
    }

    /// Small packets that wait for each other: delaying them would only add latency.
    fn network(&self) -> NetworkOptions {
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(self.patience.as_secs());
        network
    }

    fn transport(&self) -> Transport {
        match &self.tls {
            Some(tls) => Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())),
            None => Transport::Tcp,
        }
    }
}

/// A message to publish, at QoS 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Topic name; empty if an alias that the broker knows stands for it.
    pub topic: String,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// The content.
    pub payload: Bytes,
    /// Not sent with MQTT 3.1.1, which has none.
    pub properties: Properties,
}

/// Properties of a message (MQTT 5 §3.3.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// The payload is UTF-8.
    pub is_text: bool,
    /// Content type.
    pub content_type: Option<String>,
    /// Topic alias.
    pub alias: Option<u16>,
    /// Message expiry interval.
    pub expiry_s: Option<u32>,
    /// Topic for an answer.
    pub response_topic: Option<String>,
    /// What the answer repeats.
    pub correlation: Option<Bytes>,
    /// User properties.
    pub user: Vec<(String, String)>,
}

impl Message {
    /// An upper bound of the PUBLISH packet's size in bytes (MQTT 5 §3.3).
    #[must_use]
    pub fn size(&self) -> usize {
        // Fixed header 5, packet id 2, length of properties 4, payload format 2, alias 3, expiry 5; each text has a length
        // of 2, each property a byte of type.
        let Properties {
            content_type,
            response_topic,
            correlation,
            user,
            ..
        } = &self.properties;
        let texts = [content_type, response_topic].into_iter().flatten();
        let texts: usize = texts.map(|text| 3 + text.len()).sum();
        let correlation = correlation.as_ref().map_or(0, |data| 3 + data.len());
        let user: usize = user
            .iter()
            .map(|(key, value)| 5 + key.len() + value.len())
            .sum();
        5 + 2
            + 4
            + 2
            + 3
            + 5
            + 2
            + self.topic.len()
            + texts
            + correlation
            + user
            + self.payload.len()
    }
}

/// A topic filter to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Topics, perhaps with wildcards.
    pub topics: String,
    /// Messages that are to be kept by the broker come marked so when they are published, not only when they come from
    /// there (MQTT 5 §3.8.3.1); MQTT 3.1.1 cannot do that.
    pub retain_as_published: bool,
    /// At QoS 0: where a connection that ends brings everything anew, acknowledgements would only slow it down.
    pub at_most_once: bool,
}

impl From<&str> for Filter {
    fn from(topics: &str) -> Self {
        Self {
            topics: topics.to_owned(),
            retain_as_published: false,
            at_most_once: false,
        }
    }
}

/// What the broker allows, from CONNACK; with MQTT 3.1.1 the protocol's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Unacknowledged publishes.
    pub receive_maximum: u16,
    /// Largest packet in bytes.
    pub packet_maximum: Option<u32>,
    /// Topic aliases are 1 up to this.
    pub alias_maximum: u16,
}

/// What happened on the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// CONNACK: the first event.
    Connected(Terms),
    /// The oldest publish that was asked for has left, with this packet id.
    Sent(u16),
    /// PUBACK.
    Answered(u16, PubAckReason),
    /// SUBACK: for each filter, in the order of asking, why it was refused, if it was.
    Subscribed(Vec<Result<(), String>>),
    /// A message came, with its packet id: 0 at QoS 0.
    Received(Message, u16),
    /// DISCONNECT has left.
    Left,
    /// Nothing that matters: pings, and acknowledgements of ours.
    Other,
}

/// Why there is no connection, or not any more.
#[derive(Debug)]
pub enum Failure {
    /// CONNACK says no.
    Refused(ConnectReturnCode),
    /// DISCONNECT with its reason, and the broker's own words.
    SentAway(DisconnectReasonCode, Option<String>),
    /// TLS could not be set up.
    Tls(TlsError),
    /// The network, or TLS within it.
    Io(io::Error),
    /// What came is not this version of MQTT.
    NotMqtt(String),
    /// Closed without a word, or with one that the client cannot read.
    Closed,
    /// Pings stay unanswered.
    NoPong,
    /// Anything else, in the client's words.
    Other(String),
}

impl Failure {
    /// An error of the stream of packets: the network's, or that it ended within a packet, which has no kind of its own.
    fn of_stream(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Other => Self::NotMqtt(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// The client has no room for the request, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the MQTT client takes no more requests")]
pub struct Busy;

/// The asking side of a connection.
pub trait Client: Debug + Send + Sync {
    /// Asks to publish a message at QoS 1.
    ///
    /// # Errors
    /// There is no room; the session never asks for more than its window.
    fn publish(&self, message: Message) -> Result<(), Busy>;

    /// Asks to subscribe to filters, at QoS 1 unless they say otherwise.
    ///
    /// # Errors
    /// There is no room.
    fn subscribe(&self, filters: Vec<Filter>) -> Result<(), Busy>;

    /// Acknowledges a message that came with this packet id; only where the session is [`Kept`], where nobody else does.
    ///
    /// # Errors
    /// There is no room.
    fn acknowledge(&self, packet_id: u16) -> Result<(), Busy>;

    /// Asks to disconnect, after everything else that was asked for.
    ///
    /// # Errors
    /// There is no room.
    fn disconnect(&self) -> Result<(), Busy>;
}

/// A connection, or its making: the first event tells which. Dropping it closes the socket.
#[derive(Debug)]
pub struct Link {
    /// For requests.
    pub client: Arc<dyn Client>,
    /// What happens, in order; a failure is the last.
    pub events: mpsc::Receiver<Result<Event, Failure>>,
    _poller: AbortOnDrop,
}

/// Begins to connect, with a fresh event loop; with a clean start, unless the session is to be [`Kept`].
#[must_use]
pub fn open(options: &Options) -> Link {
    let (events_in, events) = mpsc::channel(EVENTS);
    let (client, poller) = match options.version {
        Version::V5 => v5::open(options, events_in),
        Version::V311 => v311::open(options, events_in),
    };
    Link {
        client,
        events,
        _poller: AbortOnDrop(poller),
    }
}

type EventsIn = mpsc::Sender<Result<Event, Failure>>;
type Opened = (Arc<dyn Client>, JoinHandle<()>);

/// A task that ends with whoever holds this.
#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
