//! One client's connection: packets in and out, keep-alive, and how it ends.

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::{
    Error as PacketError, QoS,
    v5::{
        ConnAck, ConnAckProperties, ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet,
        PingResp, PubAck, Publish, SubAck, UnsubAck, UnsubAckReason,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::hub::{Hub, Ticket};

/// Largest packet either way.
const LARGEST: u32 = 1024 * 1024;
/// Time for a new connection to say CONNECT.
const GREETING: Duration = Duration::from_secs(5);
/// A peer that takes nothing for so long is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Unacknowledged publishes to one subscriber, unless it allows fewer.
const MOST_IN_FLIGHT: u16 = 100;
/// Without a keep-alive a silent connection stays for a day.
const NO_KEEP_ALIVE: Duration = Duration::from_secs(24 * 3600);

/// Why a connection ends.
enum End {
    /// The client said DISCONNECT: no will.
    Goodbye,
    /// The client must be told why.
    Refused(DisconnectReasonCode),
    /// Nothing more can be said: end of stream, reset, time-out.
    Lost,
    /// [`super::Broker::cut`].
    Cut,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

pub(super) async fn serve(socket: TcpStream, hub: Arc<Hub>, mut cut: watch::Receiver<u64>) {
    // Small packets that wait for each other: delaying them would only add latency.
    let _ = socket.set_nodelay(true);
    let mut wire = Wire {
        socket,
        incoming: BytesMut::new(),
    };
    let Ok(Ok(Packet::Connect(connect, will, _))) = timeout(GREETING, wire.read()).await else {
        return;
    };
    let properties = connect.properties.unwrap_or_default();
    let mut ticket = hub.open(&connect.client_id, will);
    let mut session = Session {
        in_flight: HashSet::new(),
        next_id: 0,
        room: usize::from(
            properties
                .receive_maximum
                .unwrap_or(u16::MAX)
                .clamp(1, MOST_IN_FLIGHT),
        ),
        keep_alive: match connect.keep_alive {
            0 => NO_KEEP_ALIVE,
            // One and a half times the keep-alive (MQTT 5 §3.1.2.10).
            seconds => Duration::from_millis(u64::from(seconds) * 1500),
        },
    };
    let greeting = connack(connect.client_id.is_empty().then(|| ticket.client.clone()));
    let end = match wire.write(&greeting).await {
        Ok(()) => tokio::select! {
            end = session.run(&mut wire, &hub, &mut ticket) => end,
            _ = cut.changed() => End::Cut,
        },
        Err(end) => end,
    };
    hub.close(&ticket, matches!(end, End::Goodbye));
    match end {
        End::Refused(reason) => {
            let _ = wire
                .write(&Packet::Disconnect(Disconnect::new(reason)))
                .await;
        }
        End::Cut => {
            let _ = wire.socket.set_zero_linger();
        }
        End::Goodbye | End::Lost => {}
    }
}

struct Session {
    /// Packet identifiers of publishes the client has not acknowledged.
    in_flight: HashSet<u16>,
    next_id: u16,
    room: usize,
    keep_alive: Duration,
}

impl Session {
    async fn run(&mut self, wire: &mut Wire, hub: &Hub, ticket: &mut Ticket) -> End {
        let mut heard = Instant::now();
        loop {
            let step = tokio::select! {
                packet = wire.read() => {
                    heard = Instant::now();
                    match packet {
                        Ok(packet) => self.handle(packet, wire, hub, ticket).await,
                        Err(end) => Err(end),
                    }
                }
                message = ticket.queue.recv(), if self.in_flight.len() < self.room => match message {
                    Some(message) => self.deliver(message, wire).await,
                    None => Err(End::Refused(DisconnectReasonCode::SessionTakenOver)),
                },
                () = sleep_until(heard + self.keep_alive) => Err(End::Refused(DisconnectReasonCode::KeepAliveTimeout)),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn handle(
        &mut self,
        packet: Packet,
        wire: &mut Wire,
        hub: &Hub,
        ticket: &Ticket,
    ) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => match publish.qos {
                QoS::AtMostOnce => {
                    hub.publish(&publish);
                    Ok(())
                }
                QoS::AtLeastOnce => {
                    let reason = hub.publish(&publish);
                    wire.write(&Packet::PubAck(PubAck {
                        pkid: publish.pkid,
                        reason,
                        properties: None,
                    }))
                    .await
                }
                QoS::ExactlyOnce => Err(End::Refused(DisconnectReasonCode::QoSNotSupported)),
            },
            Packet::PubAck(ack) => {
                self.in_flight.remove(&ack.pkid);
                Ok(())
            }
            Packet::Subscribe(subscribe) => {
                let return_codes = hub.subscribe(ticket, &subscribe.filters);
                wire.write(&Packet::SubAck(SubAck {
                    pkid: subscribe.pkid,
                    return_codes,
                    properties: None,
                }))
                .await
            }
            Packet::Unsubscribe(unsubscribe) => {
                let reasons = (hub.unsubscribe(ticket, &unsubscribe.filters).into_iter())
                    .map(|found| {
                        if found {
                            UnsubAckReason::Success
                        } else {
                            UnsubAckReason::NoSubscriptionExisted
                        }
                    })
                    .collect();
                wire.write(&Packet::UnsubAck(UnsubAck {
                    pkid: unsubscribe.pkid,
                    reasons,
                    properties: None,
                }))
                .await
            }
            Packet::PingReq(_) => wire.write(&Packet::PingResp(PingResp)).await,
            Packet::Disconnect(goodbye)
                if goodbye.reason_code == DisconnectReasonCode::NormalDisconnection =>
            {
                Err(End::Goodbye)
            }
            // With reason 0x04 the client asks for its will; other reasons are errors of its own.
            Packet::Disconnect(_) => Err(End::Lost),
            _ => Err(End::Refused(DisconnectReasonCode::ProtocolError)),
        }
    }

    async fn deliver(&mut self, mut message: Publish, wire: &mut Wire) -> Result<(), End> {
        if message.qos == QoS::AtLeastOnce {
            // Fewer are in flight than there are identifiers, so a free one comes soon.
            loop {
                self.next_id = self.next_id.checked_add(1).unwrap_or(1);
                if self.in_flight.insert(self.next_id) {
                    break;
                }
            }
            message.pkid = self.next_id;
        }
        wire.write(&Packet::Publish(message)).await
    }
}

fn connack(assigned_client_identifier: Option<String>) -> Packet {
    let properties = ConnAckProperties {
        session_expiry_interval: Some(0),
        receive_max: Some(MOST_IN_FLIGHT),
        max_qos: Some(1),
        retain_available: Some(1),
        max_packet_size: Some(LARGEST),
        assigned_client_identifier,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: Some(1),
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(0),
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    Packet::ConnAck(ConnAck {
        session_present: false,
        code: ConnectReturnCode::Success,
        properties: Some(properties),
    })
}

struct Wire {
    socket: TcpStream,
    incoming: BytesMut,
}

impl Wire {
    /// The next packet. Cancel safe: bytes wait in the buffer.
    async fn read(&mut self) -> Result<Packet, End> {
        loop {
            // The codec does not know a DISCONNECT without reason code, which is the usual goodbye.
            if self.incoming.starts_with(&[0xe0, 0x00]) {
                return Ok(Packet::Disconnect(Disconnect::new(
                    DisconnectReasonCode::NormalDisconnection,
                )));
            }
            match Packet::read(&mut self.incoming, Some(LARGEST)) {
                Ok(packet) => return Ok(packet),
                Err(PacketError::InsufficientBytes(_)) => {}
                Err(PacketError::PayloadSizeLimitExceeded { .. }) => {
                    return Err(End::Refused(DisconnectReasonCode::PacketTooLarge));
                }
                Err(_) => return Err(End::Refused(DisconnectReasonCode::MalformedPacket)),
            }
            if self.socket.read_buf(&mut self.incoming).await? == 0 {
                return Err(End::Lost);
            }
        }
    }

    async fn write(&mut self, packet: &Packet) -> Result<(), End> {
        let mut bytes = BytesMut::new();
        packet
            .write(&mut bytes, None)
            .map_err(|_| End::Refused(DisconnectReasonCode::ImplementationSpecificError))?;
        match timeout(WRITE_DEADLINE, self.socket.write_all(&bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(End::Lost),
        }
    }
}
