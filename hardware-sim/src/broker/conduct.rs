//! How a broker behaves: well, unless a test wants something else.

use std::fmt::Debug;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason, Publish};

/// What a broker does beyond its duty, or instead of it. Connections are counted from 1.
///
/// It outlives the broker it is given to, so what it keeps is the broker's disk.
pub trait Conduct: Debug + Send + Sync {
    /// Answers a CONNECT.
    fn welcome(&self, _connection: usize) -> Welcome {
        Welcome::Yes(Terms::default())
    }

    /// What becomes of a publish at QoS 1.
    fn publish(&self, _connection: usize, _publish: &Publish) -> Answer {
        Answer::Deliver
    }

    /// The client has broken the protocol, and is sent away.
    fn protest(&self, _connection: usize, _reason: DisconnectReasonCode) {}
}

/// Behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Well;

impl Conduct for Well {}

/// The answer to a CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// Success, on these terms.
    Yes(Terms),
    /// Refused; the connection ends.
    No(ConnectReturnCode),
    /// Nothing at all.
    Silence,
}

/// What a client is told in CONNACK, and held to. MQTT 3.1.1 has no words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Unacknowledged publishes; 100 unless given.
    pub receive_maximum: Option<u16>,
    /// Largest packet, in bytes; 1 MiB unless given.
    pub packet_maximum: Option<u32>,
    /// Topic aliases.
    pub topic_aliases: u16,
    /// Keep-alive instead of what the client wants, in seconds.
    pub keep_alive_s: Option<u16>,
}

/// What becomes of a publish at QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes to its subscribers and is answered accordingly.
    Deliver,
    /// PUBACK with this reason; nobody gets it.
    Because(PubAckReason),
    /// PUBACK with success after this time, so perhaps behind later ones; nobody gets it.
    Later(Duration),
    /// Nothing.
    Silence,
    /// DISCONNECT, and the end.
    Goodbye(DisconnectReasonCode),
    /// These bytes, and on as if nothing had been.
    Words(Vec<u8>),
    /// The end, by a reset.
    Cut,
    /// Nothing more is read from the connection, which stays.
    Deaf,
}
