//! MQTT 5 with rumqttc.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Filter as Asked, LastWill, Packet, PubAck, Publish, PublishProperties,
    SubscribeReasonCode as Code,
};
use rumqttc::v5::mqttbytes::{Error as CodecError, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event as Raw, EventLoop, MqttOptions, StateError};

use super::{
    Busy, Client, Endpoint, Event, EventsIn, Failure, Filter, INCOMING_MAX, Message, Opened,
    Options, Properties, Terms,
};
use crate::forward::words;

pub(super) fn open(given: &Options, events: EventsIn) -> Opened {
    let Endpoint { host, port } = &given.endpoint;
    let mut options = MqttOptions::new(&given.client_id, host, *port);
    options.set_keep_alive(given.keep_alive);
    options.set_clean_start(given.kept.is_none());
    options.set_connection_timeout(given.patience.as_secs());
    options.set_outgoing_inflight_upper_limit(given.window);
    options.set_max_packet_size(Some(INCOMING_MAX));
    if let Some(kept) = given.kept {
        let expiry_s = u32::try_from(kept.expiry.as_secs()).unwrap_or(u32::MAX);
        options.set_session_expiry_interval(Some(expiry_s));
        options.set_receive_maximum(Some(kept.receive_maximum));
        options.set_manual_acks(true);
    }
    options.set_network_options(given.network());
    options.set_transport(given.transport());
    if let Some((topic, text)) = &given.last_will {
        let will = LastWill::new(topic, text.clone(), QoS::AtLeastOnce, true, None);
        options.set_last_will(will);
    }
    if let Some((user, password)) = &given.credentials {
        options.set_credentials(user, password.expose());
    }
    let (client, event_loop) = AsyncClient::new(options, given.capacity());
    let poller = tokio::spawn(poll(event_loop, events, given.keep_alive));
    (Arc::new(client), poller)
}

/// Owns the event loop; it is dropped as a whole when the session ends.
async fn poll(mut event_loop: EventLoop, events: EventsIn, keep_alive: Duration) {
    loop {
        let event = event_loop.poll().await;
        if event_loop.options.keep_alive().is_zero() {
            // The broker asked for none (MQTT 5 §3.2.2.3.14); the client would then ping without a pause.
            event_loop.options.set_keep_alive(keep_alive);
        }
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
        let Message {
            topic,
            retain,
            payload,
            properties,
        } = message;
        self.try_publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            retain,
            payload,
            properties.into(),
        )
        .map_err(|_| Busy)
    }

    fn subscribe(&self, filters: Vec<Filter>) -> Result<(), Busy> {
        let filters = filters.into_iter().map(|filter| Asked {
            path: filter.topics,
            qos: match filter.at_most_once {
                true => QoS::AtMostOnce,
                false => QoS::AtLeastOnce,
            },
            preserve_retain: filter.retain_as_published,
            ..Asked::default()
        });
        self.try_subscribe_many(filters).map_err(|_| Busy)
    }

    fn acknowledge(&self, packet_id: u16) -> Result<(), Busy> {
        let mut came = Publish::new("", QoS::AtLeastOnce, Bytes::new(), None);
        came.pkid = packet_id;
        self.try_ack(&came).map_err(|_| Busy)
    }

    fn disconnect(&self) -> Result<(), Busy> {
        self.try_disconnect().map_err(|_| Busy)
    }
}

fn translate(event: Raw) -> Event {
    match event {
        Raw::Incoming(Packet::ConnAck(connack)) => Event::Connected(terms(&connack)),
        Raw::Outgoing(Outgoing::Publish(id)) => Event::Sent(id),
        Raw::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => Event::Answered(pkid, reason),
        Raw::Incoming(Packet::SubAck(suback)) => {
            let granted = |code: &Code| match code {
                Code::Success(_) => Ok(()),
                code => Err(words::subscribe_refusal(code)),
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

fn terms(connack: &ConnAck) -> Terms {
    let given = connack.properties.as_ref();
    Terms {
        receive_maximum: given
            .and_then(|given| given.receive_max)
            .unwrap_or(u16::MAX),
        packet_maximum: given.and_then(|given| given.max_packet_size),
        alias_maximum: given.and_then(|given| given.topic_alias_max).unwrap_or(0),
    }
}

fn message(publish: Publish) -> Message {
    let given = publish.properties.unwrap_or_default();
    Message {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        retain: publish.retain,
        payload: publish.payload,
        properties: Properties {
            is_text: given.payload_format_indicator == Some(1),
            content_type: given.content_type,
            alias: None,
            expiry_s: given.message_expiry_interval,
            response_topic: given.response_topic,
            correlation: given.correlation_data,
            user: given.user_properties,
        },
    }
}

impl From<Properties> for PublishProperties {
    fn from(given: Properties) -> Self {
        Self {
            payload_format_indicator: given.is_text.then_some(1),
            message_expiry_interval: given.expiry_s,
            topic_alias: given.alias,
            response_topic: given.response_topic,
            correlation_data: given.correlation,
            user_properties: given.user,
            subscription_identifiers: Vec::new(),
            content_type: given.content_type,
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => Self::Refused(code),
            ConnectionError::MqttState(error) => error.into(),
            ConnectionError::Tls(error) => Self::Tls(error),
            ConnectionError::Io(error) => Self::Io(error),
            ConnectionError::Timeout(_) => Self::Other("no answer in time".to_owned()),
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
            StateError::ConnFail { reason } => Self::Refused(reason),
            StateError::ServerDisconnect {
                reason_code,
                reason_string,
            } => Self::SentAway(reason_code, reason_string),
            StateError::Io(error) => Self::Io(error),
            StateError::Deserialization(CodecError::Io(error)) => Self::of_stream(error),
            StateError::Deserialization(error) => Self::NotMqtt(format!("not MQTT 5: {error}")),
            StateError::ConnectionAborted => Self::Closed,
            StateError::AwaitPingResp => Self::NoPong,
            other => Self::Other(other.to_string()),
        }
    }
}
