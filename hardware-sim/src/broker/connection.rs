//! One client's connection: what packets mean, keep-alive, and how it ends.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    sync::Arc,
    time::Duration,
};

use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, ConnAckProperties, ConnectReturnCode, DisconnectReasonCode, Packet, PingResp,
        PubAck, PubAckReason, Publish, SubAck, UnsubAck, UnsubAckReason,
    },
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::conduct::{Answer, Conduct, Terms, Welcome};
use super::hub::{Hub, Ticket};
use super::wire::{Aliases, Wire};

/// Largest packet either way.
const LARGEST: u32 = 1024 * 1024;
/// Time for a new connection to say CONNECT.
const GREETING: Duration = Duration::from_secs(5);
/// Unacknowledged publishes to one subscriber, unless it allows fewer.
const MOST_IN_FLIGHT: u16 = 100;
/// Without a keep-alive a silent connection stays for a day.
const NO_KEEP_ALIVE: Duration = Duration::from_secs(24 * 3600);

/// Why a connection ends.
pub(super) enum End {
    /// The client said DISCONNECT: no will.
    Goodbye,
    /// The client has broken the protocol and must be told so.
    Refused(DisconnectReasonCode),
    /// The client must go, for no fault of its own.
    SentAway(DisconnectReasonCode),
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

/// What a connection is made of beside its socket.
pub(super) struct Place {
    pub(super) hub: Arc<Hub>,
    pub(super) conduct: Arc<dyn Conduct>,
    /// Connections so far, with this one.
    pub(super) number: usize,
    pub(super) cut: watch::Receiver<u64>,
}

pub(super) async fn serve(socket: TcpStream, mut place: Place) {
    // Small packets that wait for each other: delaying them would only add latency.
    let _ = socket.set_nodelay(true);
    let mut wire = Wire::new(socket, LARGEST);
    let Ok(Ok(Packet::Connect(connect, will, _))) = timeout(GREETING, wire.read()).await else {
        return;
    };
    let terms = match place.conduct.welcome(place.number) {
        Welcome::Yes(terms) => terms,
        Welcome::No(code) => {
            let _ = wire.write(&connack(code, None)).await;
            return;
        }
        Welcome::Silence => {
            let _ = place.cut.changed().await;
            return;
        }
    };
    wire.largest = terms.packet_maximum.unwrap_or(LARGEST);
    let properties = connect.properties.unwrap_or_default();
    let mut ticket = place.hub.open(&connect.client_id, will);
    let mut session = Session {
        in_flight: HashSet::new(),
        next_id: 0,
        room: usize::from(
            properties
                .receive_maximum
                .unwrap_or(u16::MAX)
                .clamp(1, MOST_IN_FLIGHT),
        ),
        keep_alive: match terms.keep_alive_s.unwrap_or(connect.keep_alive) {
            0 => NO_KEEP_ALIVE,
            // One and a half times the keep-alive (MQTT 5 §3.1.2.10).
            seconds => Duration::from_millis(u64::from(seconds) * 1500),
        },
        terms,
        aliases: Aliases::default(),
        unanswered: HashSet::new(),
        later: BTreeSet::new(),
        hub: place.hub.clone(),
        conduct: place.conduct.clone(),
        number: place.number,
    };
    let assigned = connect.client_id.is_empty().then(|| ticket.client.clone());
    let greeting = connack(ConnectReturnCode::Success, Some(greeting(&terms, assigned)));
    let end = match wire.write(&greeting).await {
        Ok(()) => tokio::select! {
            end = session.run(&mut wire, &mut ticket) => end,
            _ = place.cut.changed() => End::Cut,
        },
        Err(end) => end,
    };
    place.hub.close(&ticket, matches!(end, End::Goodbye));
    match end {
        End::Refused(reason) => {
            place.conduct.protest(place.number, reason);
            wire.send_away(reason).await;
        }
        End::SentAway(reason) => wire.send_away(reason).await,
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
    terms: Terms,
    aliases: Aliases,
    /// Packet identifiers of publishes that we have not acknowledged.
    unanswered: HashSet<u16>,
    /// When some of them are.
    later: BTreeSet<(Instant, u16)>,
    hub: Arc<Hub>,
    conduct: Arc<dyn Conduct>,
    number: usize,
}

impl Session {
    async fn run(&mut self, wire: &mut Wire, ticket: &mut Ticket) -> End {
        let mut heard = Instant::now();
        loop {
            let silent = heard + self.keep_alive;
            let due = self.later.first().map_or(silent, |(due, _)| *due);
            let step = tokio::select! {
                packet = wire.read() => {
                    heard = Instant::now();
                    match packet {
                        Ok(packet) => self.handle(packet, wire, ticket).await,
                        Err(end) => Err(end),
                    }
                }
                message = ticket.queue.recv(), if self.in_flight.len() < self.room => match message {
                    Some(message) => self.deliver(message, wire).await,
                    None => Err(End::SentAway(DisconnectReasonCode::SessionTakenOver)),
                },
                () = sleep_until(due), if !self.later.is_empty() => self.answer_late(wire).await,
                () = sleep_until(silent) => Err(End::Refused(DisconnectReasonCode::KeepAliveTimeout)),
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
        ticket: &Ticket,
    ) -> Result<(), End> {
        match packet {
            Packet::Publish(mut publish) => {
                let most = self.terms.topic_aliases;
                self.aliases.resolve(&mut publish, most)?;
                match publish.qos {
                    QoS::AtMostOnce => {
                        self.hub.publish(&publish);
                        Ok(())
                    }
                    QoS::AtLeastOnce => self.take(&publish, wire).await,
                    QoS::ExactlyOnce => Err(End::Refused(DisconnectReasonCode::QoSNotSupported)),
                }
            }
            Packet::PubAck(ack) => {
                self.in_flight.remove(&ack.pkid);
                Ok(())
            }
            Packet::Subscribe(subscribe) => {
                let return_codes = self.hub.subscribe(ticket, &subscribe.filters);
                wire.write(&Packet::SubAck(SubAck {
                    pkid: subscribe.pkid,
                    return_codes,
                    properties: None,
                }))
                .await
            }
            Packet::Unsubscribe(unsubscribe) => {
                let reasons = (self
                    .hub
                    .unsubscribe(ticket, &unsubscribe.filters)
                    .into_iter())
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

    /// A publish at QoS 1.
    async fn take(&mut self, publish: &Publish, wire: &mut Wire) -> Result<(), End> {
        let id = publish.pkid;
        // MQTT 5 §3.3.4; a client of MQTT 3.1.1 was told of no such limit.
        let most = self.terms.receive_maximum.unwrap_or(MOST_IN_FLIGHT);
        self.unanswered.insert(id);
        if self.unanswered.len() > usize::from(most) && wire.is_v5() {
            return Err(End::Refused(DisconnectReasonCode::ReceiveMaximumExceeded));
        }
        match self.conduct.publish(self.number, publish) {
            Answer::Deliver => {
                let reason = self.hub.publish(publish);
                self.answer(id, reason, wire).await
            }
            Answer::Because(reason) => self.answer(id, reason, wire).await,
            Answer::Later(wait) => {
                self.later.insert((Instant::now() + wait, id));
                Ok(())
            }
            Answer::Silence => Ok(()),
            Answer::Goodbye(reason) => Err(End::SentAway(reason)),
            Answer::Words(bytes) => wire.write_raw(&bytes).await,
            Answer::Cut => Err(End::Cut),
            Answer::Deaf => std::future::pending().await,
        }
    }

    async fn answer(
        &mut self,
        pkid: u16,
        reason: PubAckReason,
        wire: &mut Wire,
    ) -> Result<(), End> {
        self.unanswered.remove(&pkid);
        wire.write(&Packet::PubAck(PubAck {
            pkid,
            reason,
            properties: None,
        }))
        .await
    }

    async fn answer_late(&mut self, wire: &mut Wire) -> Result<(), End> {
        let now = Instant::now();
        while let Some((due, id)) = self.later.first().copied()
            && due <= now
        {
            self.later.remove(&(due, id));
            self.answer(id, PubAckReason::Success, wire).await?;
        }
        Ok(())
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

fn connack(code: ConnectReturnCode, properties: Option<ConnAckProperties>) -> Packet {
    Packet::ConnAck(ConnAck {
        session_present: false,
        code,
        properties,
    })
}

fn greeting(terms: &Terms, assigned_client_identifier: Option<String>) -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: Some(0),
        receive_max: Some(terms.receive_maximum.unwrap_or(MOST_IN_FLIGHT)),
        max_qos: Some(1),
        retain_available: Some(1),
        max_packet_size: Some(terms.packet_maximum.unwrap_or(LARGEST)),
        assigned_client_identifier,
        topic_alias_max: (terms.topic_aliases > 0).then_some(terms.topic_aliases),
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: Some(1),
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(0),
        server_keep_alive: terms.keep_alive_s,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}
