//! MQTT 3.1.1 with rumqttc.

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::mqttbytes::Error as CodecError;
use rumqttc::mqttbytes::v4::{
    ConnectReturnCode as Code, LastWill, Packet, Publish, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use rumqttc::{
    AsyncClient, ConnectionError, Event as Raw, EventLoop, MqttOptions, Outgoing, QoS, StateError,
    SubscribeFilter,
};

use super::{
    Busy, Client, Endpoint, Event, EventsIn, Failure, Filter, INCOMING_MAX, Message, Opened,
    Options, PACKET_MAX, Properties, Terms,
};
use crate::forward::words;

pub(super) fn open(given: &Options, events: EventsIn) -> Opened {
    let Endpoint { host, port } = &given.endpoint;
    let mut options = MqttOptions::new(&given.client_id, host, *port);
    options.set_keep_alive(given.keep_alive);
    options.set_clean_session(given.kept.is_none());
    options.set_manual_acks(given.kept.is_some());
    options.set_inflight(given.window);
    let incoming = usize::try_from(INCOMING_MAX).unwrap_or(PACKET_MAX);
    options.set_max_packet_size(incoming, PACKET_MAX);
    options.set_transport(given.transport());
    if let Some((topic, text)) = &given.last_will {
        options.set_last_will(LastWill::new(topic, text.clone(), QoS::AtLeastOnce, true));
    }
    if let Some((user, password)) = &given.credentials {
        options.set_credentials(user, password.expose());
    }
    let (client, mut event_loop) = AsyncClient::new(options, given.capacity());
    event_loop.set_network_options(given.network());
    (Arc::new(client), tokio::spawn(poll(event_loop, events)))
}

/// Owns the event loop; it is dropped as a whole when the session ends.
async fn poll(mut event_loop: EventLoop, events: EventsIn) {
    loop {
        let event = event_loop.poll().await;
        let failed = event.is_err();
        // What came in one piece with the reason to end, acknowledgements for example, is not told by the client.
        while failed && let Some(before) = event_loop.state.events.pop_front() {
            if events.send(Ok(translate(before))).await.is_err() {
                return;
            }
        }
        let event = event.map(translate).map_err(Failure::from);
        if events.send(event).await.is_err() || failed {
            return;
        }
    }
}

impl Client for AsyncClient {
    fn publish(&self, message: Message) -> Result<(), Busy> {
        self.try_publish(
            message.topic,
            QoS::AtLeastOnce,
            message.retain,
            message.payload,
        )
        .map_err(|_| Busy)
    }

    fn subscribe(&self, filters: Vec<Filter>) -> Result<(), Busy> {
        let filters = filters.into_iter();
        let filters = filters.map(|filter| {
            let qos = match filter.at_most_once {
                true => QoS::AtMostOnce,
                false => QoS::AtLeastOnce,
            };
            SubscribeFilter::new(filter.topics, qos)
        });
        self.try_subscribe_many(filters).map_err(|_| Busy)
    }

    fn acknowledge(&self, packet_id: u16) -> Result<(), Busy> {
        let mut came = Publish::from_bytes("", QoS::AtLeastOnce, Bytes::new());
        came.pkid = packet_id;
        self.try_ack(&came).map_err(|_| Busy)
    }

    fn disconnect(&self) -> Result<(), Busy> {
        self.try_disconnect().map_err(|_| Busy)
    }
}

fn translate(event: Raw) -> Event {
    match event {
        // It tells no limits: the protocol's own are left.
        Raw::Incoming(Packet::ConnAck(_)) => Event::Connected(Terms {
            receive_maximum: u16::MAX,
            packet_maximum: None,
            alias_maximum: 0,
        }),
        Raw::Outgoing(Outgoing::Publish(id)) => Event::Sent(id),
        Raw::Incoming(Packet::PubAck(puback)) => {
            Event::Answered(puback.pkid, PubAckReason::Success)
        }
        Raw::Incoming(Packet::SubAck(suback)) => {
            let granted = |code: &_| match code {
                SubscribeReasonCode::Success(_) => Ok(()),
                SubscribeReasonCode::Failure => Err(words::NO_REASON.to_owned()),
            };
            Event::Subscribed(suback.return_codes.iter().map(granted).collect())
        }
        Raw::Incoming(Packet::Publish(publish)) => {
            let id = publish.pkid;
            Event::Received(message(publish), id)
        }
        Raw::Outgoing(Outgoing::Disconnect) => Event::Left,
        _ => Event::Other,
    }
}

fn message(publish: Publish) -> Message {
    Message {
        topic: publish.topic,
        retain: publish.retain,
        payload: publish.payload,
        properties: Properties::default(),
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => Self::Refused(match code {
                Code::Success => ConnectReturnCode::Success,
                Code::RefusedProtocolVersion => ConnectReturnCode::RefusedProtocolVersion,
                Code::BadClientId => ConnectReturnCode::BadClientId,
                Code::ServiceUnavailable => ConnectReturnCode::ServiceUnavailable,
                Code::BadUserNamePassword => ConnectReturnCode::BadUserNamePassword,
                Code::NotAuthorized => ConnectReturnCode::NotAuthorized,
            }),
            ConnectionError::MqttState(error) => error.into(),
            ConnectionError::Tls(error) => Self::Tls(error),
            ConnectionError::Io(error) => Self::Io(error),
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
                Self::Other("no answer in time".to_owned())
            }
            ConnectionError::NotConnAck(_) => {
                Self::NotMqtt("its first packet is no CONNACK".to_owned())
            }
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Io(error) => Self::Io(error),
            StateError::Deserialization(CodecError::Io(error)) => Self::of_stream(error),
            StateError::Deserialization(error) => Self::NotMqtt(format!("not MQTT 3.1.1: {error}")),
            StateError::ConnectionAborted => Self::Closed,
            StateError::AwaitPingResp => Self::NoPong,
            other => Self::Other(other.to_string()),
        }
    }
}
