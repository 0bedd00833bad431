//! Packets in and out. Inside they are those of MQTT 5; a client of MQTT 3.1.1 is translated for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self as codec4, v4};
use rumqttc::v5::mqttbytes::v5::{
    Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter, LastWill, Packet,
    PingReq, PubAck, PubAckReason, Publish, Subscribe, SubscribeReasonCode, Unsubscribe,
};
use rumqttc::v5::mqttbytes::{Error as PacketError, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::End;

/// A peer that takes nothing for so long is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// A client that was sent away has so long to hang up.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) struct Wire {
    pub(super) socket: TcpStream,
    /// Largest packet either way, in bytes.
    pub(super) largest: u32,
    incoming: BytesMut,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    NotSaid,
    V5,
    V311,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, largest: u32) -> Self {
        Self {
            socket,
            largest,
            incoming: BytesMut::new(),
            version: Version::NotSaid,
        }
    }

    pub(super) fn is_v5(&self) -> bool {
        self.version == Version::V5
    }

    /// The next packet. Cancel safe: bytes wait in the buffer.
    pub(super) async fn read(&mut self) -> Result<Packet, End> {
        loop {
            if let Some(packet) = self.parse()? {
                return Ok(packet);
            }
            if self.socket.read_buf(&mut self.incoming).await? == 0 {
                return Err(End::Lost);
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Packet>, End> {
        if self.version == Version::NotSaid {
            self.version = match level(&self.incoming) {
                Some(4) => Version::V311,
                Some(_) => Version::V5,
                None => Version::NotSaid,
            };
        }
        if self.version == Version::V311 {
            let largest = usize::try_from(self.largest).unwrap_or(usize::MAX);
            return match v4::Packet::read(&mut self.incoming, largest) {
                Ok(packet) => from_v311(packet).map(Some),
                Err(codec4::Error::InsufficientBytes(_)) => Ok(None),
                Err(_) => Err(End::Refused(DisconnectReasonCode::MalformedPacket)),
            };
        }
        // The codec does not know a DISCONNECT without reason code, which is the usual goodbye.
        if self.incoming.starts_with(&[0xe0, 0x00]) {
            return Ok(Some(Packet::Disconnect(Disconnect::new(
                DisconnectReasonCode::NormalDisconnection,
            ))));
        }
        match Packet::read(&mut self.incoming, Some(self.largest)) {
            Ok(packet) => Ok(Some(packet)),
            Err(PacketError::InsufficientBytes(_)) => Ok(None),
            Err(PacketError::PayloadSizeLimitExceeded { .. }) => {
                Err(End::Refused(DisconnectReasonCode::PacketTooLarge))
            }
            Err(_) => Err(End::Refused(DisconnectReasonCode::MalformedPacket)),
        }
    }

    pub(super) async fn write(&mut self, packet: &Packet) -> Result<(), End> {
        let mut bytes = BytesMut::new();
        let unwritable = End::Refused(DisconnectReasonCode::ImplementationSpecificError);
        let written = match self.version {
            Version::V311 => match to_v311(packet)? {
                Some(packet) => packet.write(&mut bytes, usize::MAX).is_ok(),
                None => true,
            },
            Version::V5 | Version::NotSaid => packet.write(&mut bytes, None).is_ok(),
        };
        if !written {
            return Err(unwritable);
        }
        self.write_raw(&bytes).await
    }

    /// DISCONNECT, which MQTT 3.1.1 has not, and the end.
    pub(super) async fn send_away(&mut self, reason: DisconnectReasonCode) {
        if self.is_v5() {
            // The codec says that it writes one byte, and writes two.
            let _ = self.write_raw(&[0xe0, 2, reason as u8, 0]).await;
        }
        let _ = self.socket.shutdown().await;
        // Closing with bytes unread would reset the connection, and the last words be lost.
        let rest = async {
            while self
                .socket
                .read_buf(&mut self.incoming)
                .await
                .is_ok_and(|count| count > 0)
            {
                self.incoming.clear();
            }
        };
        let _ = timeout(LAST_WORDS, rest).await;
    }

    pub(super) async fn write_raw(&mut self, bytes: &[u8]) -> Result<(), End> {
        match timeout(WRITE_DEADLINE, self.socket.write_all(bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(End::Lost),
        }
    }
}

/// The protocol level of a CONNECT, once enough of it is there (MQTT 5 §3.1.2).
fn level(incoming: &[u8]) -> Option<u8> {
    let rest = incoming.strip_prefix(&[0x10])?;
    let length = 1 + rest.iter().position(|byte| byte & 0x80 == 0)?;
    rest.get(length + 6).copied()
}

fn from_v311(packet: v4::Packet) -> Result<Packet, End> {
    Ok(match packet {
        v4::Packet::Connect(connect) => {
            let will = connect.last_will.map(|will| LastWill {
                topic: will.topic.into(),
                message: will.message,
                qos: qos5(will.qos),
                retain: will.retain,
                properties: None,
            });
            let connect = Connect {
                keep_alive: connect.keep_alive,
                client_id: connect.client_id,
                clean_start: connect.clean_session,
                properties: None,
            };
            Packet::Connect(connect, will, None)
        }
        v4::Packet::Publish(publish) => Packet::Publish(Publish {
            dup: publish.dup,
            qos: qos5(publish.qos),
            retain: publish.retain,
            topic: publish.topic.into(),
            pkid: publish.pkid,
            payload: publish.payload,
            properties: None,
        }),
        v4::Packet::PubAck(ack) => Packet::PubAck(PubAck {
            pkid: ack.pkid,
            reason: PubAckReason::Success,
            properties: None,
        }),
        v4::Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.into_iter();
            Packet::Subscribe(Subscribe {
                pkid: subscribe.pkid,
                filters: filters
                    .map(|filter| Filter::new(filter.path, qos5(filter.qos)))
                    .collect(),
                properties: None,
            })
        }
        v4::Packet::Unsubscribe(unsubscribe) => Packet::Unsubscribe(Unsubscribe {
            pkid: unsubscribe.pkid,
            filters: unsubscribe.topics,
            properties: None,
        }),
        v4::Packet::PingReq => Packet::PingReq(PingReq),
        v4::Packet::Disconnect => {
            Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection))
        }
        _ => return Err(End::Refused(DisconnectReasonCode::ProtocolError)),
    })
}

/// `None` for what MQTT 3.1.1 does not say.
fn to_v311(packet: &Packet) -> Result<Option<v4::Packet>, End> {
    Ok(Some(match packet {
        Packet::ConnAck(ack) => v4::Packet::ConnAck(v4::ConnAck::new(
            match ack.code {
                ConnectReturnCode::Success => v4::ConnectReturnCode::Success,
                ConnectReturnCode::UnsupportedProtocolVersion => {
                    v4::ConnectReturnCode::RefusedProtocolVersion
                }
                ConnectReturnCode::ClientIdentifierNotValid => v4::ConnectReturnCode::BadClientId,
                ConnectReturnCode::BadUserNamePassword => {
                    v4::ConnectReturnCode::BadUserNamePassword
                }
                ConnectReturnCode::NotAuthorized => v4::ConnectReturnCode::NotAuthorized,
                _ => v4::ConnectReturnCode::ServiceUnavailable,
            },
            ack.session_present,
        )),
        Packet::Publish(publish) => v4::Packet::Publish(v4::Publish {
            dup: publish.dup,
            qos: qos4(publish.qos),
            retain: publish.retain,
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            pkid: publish.pkid,
            payload: publish.payload.clone(),
        }),
        // A publish that was not taken can be answered in no other way (MQTT 3.1.1 §3.3.5).
        Packet::PubAck(ack) if ack.reason == PubAckReason::QuotaExceeded => return Err(End::Lost),
        Packet::PubAck(ack) => v4::Packet::PubAck(v4::PubAck::new(ack.pkid)),
        Packet::SubAck(ack) => {
            let codes = ack.return_codes.iter().map(|code| match code {
                SubscribeReasonCode::Success(qos) => v4::SubscribeReasonCode::Success(qos4(*qos)),
                _ => v4::SubscribeReasonCode::Failure,
            });
            v4::Packet::SubAck(v4::SubAck::new(ack.pkid, codes.collect()))
        }
        Packet::UnsubAck(ack) => v4::Packet::UnsubAck(v4::UnsubAck::new(ack.pkid)),
        Packet::PingResp(_) => v4::Packet::PingResp,
        _ => return Ok(None),
    }))
}

const fn qos5(qos: codec4::QoS) -> QoS {
    match qos {
        codec4::QoS::AtMostOnce => QoS::AtMostOnce,
        codec4::QoS::AtLeastOnce => QoS::AtLeastOnce,
        codec4::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

const fn qos4(qos: QoS) -> codec4::QoS {
    match qos {
        QoS::AtMostOnce => codec4::QoS::AtMostOnce,
        QoS::AtLeastOnce => codec4::QoS::AtLeastOnce,
        QoS::ExactlyOnce => codec4::QoS::ExactlyOnce,
    }
}

/// Topic aliases that a client has given (MQTT 5 §3.3.2.3.4).
#[derive(Debug, Default)]
pub(super) struct Aliases(std::collections::HashMap<u16, Bytes>);

impl Aliases {
    /// Puts the topic in place, if an alias stands for it.
    pub(super) fn resolve(&mut self, publish: &mut Publish, most: u16) -> Result<(), End> {
        let given = publish.properties.as_ref();
        let Some(alias) = given.and_then(|given| given.topic_alias) else {
            return Ok(());
        };
        let invalid = End::Refused(DisconnectReasonCode::TopicAliasInvalid);
        if alias == 0 || alias > most {
            return Err(invalid);
        }
        if publish.topic.is_empty() {
            publish.topic = self.0.get(&alias).cloned().ok_or(invalid)?;
        } else {
            self.0.insert(alias, publish.topic.clone());
        }
        if let Some(given) = &mut publish.properties {
            given.topic_alias = None;
        }
        Ok(())
    }
}
