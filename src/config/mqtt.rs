//! `[mqtt]`, and topics that must differ.

use std::time::Duration;

use serde::Deserialize;

use super::address::BrokerUrls;
use super::check::Checker;
use super::template::{ClientId, DeviceTopic, EventTopic, StatusTopic};
use super::text::{FileName, Line};
use super::units::{ByteSize, FromText, from_text, optional, shown};

/// What to do with an event that the broker took although nobody subscribes to its topic (MQTT 5.0 §3.4.2.1, 0x10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNoSubscriber {
    /// Keep it and try again.
    #[default]
    Hold,
    /// Count it as delivered.
    Accept,
}

/// The version of MQTT that the broker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MqttVersion {
    /// MQTT 5.
    #[default]
    #[serde(rename = "5")]
    V5,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V311,
}

/// What a message with one event holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The event.
    #[default]
    Event,
    /// An EPCIS document with it.
    Document,
}

/// Whose acknowledgement lets an event go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// The broker's PUBACK.
    #[default]
    Broker,
    /// The word of the store behind it.
    Store,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Mqtt {
    /// Where the broker is, or those of a cluster; required.
    pub url: BrokerUrls,
    /// The protocol's version.
    pub version: MqttVersion,
    /// Client identifier.
    pub client_id: ClientId,
    /// User name.
    #[serde(deserialize_with = "optional")]
    pub username: Option<Line>,
    /// File with the password; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub password_file: Option<FileName>,
    /// File with certificates to trust; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub ca_file: Option<FileName>,
    /// File with the gateway's own certificate; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub client_certificate_file: Option<FileName>,
    /// File with its private key; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub client_key_file: Option<FileName>,
    /// Topic of events.
    pub topic: EventTopic,
    /// Whether loads that are not booked are told, too.
    pub non_events: bool,
    /// Topic of that.
    pub non_event_topic: EventTopic,
    /// Topic of what says that some of it was dropped.
    pub gap_topic: StatusTopic,
    /// Topic of the retained status message.
    pub status_topic: StatusTopic,
    /// Whether each device has a retained message of its own.
    pub device_status: bool,
    /// Topic of that message.
    pub device_topic: DeviceTopic,
    /// A device is told of not more often than this.
    #[serde(deserialize_with = "from_text")]
    pub device_interval: Duration,
    /// MQTT keep alive.
    #[serde(deserialize_with = "from_text")]
    pub keep_alive: Duration,
    /// Unacknowledged publishes at most.
    pub window: u16,
    /// What a message with one event holds.
    pub payload: Payload,
    /// Events of a topic in one message at most, while more than a window waits; 1: never together.
    pub batch_events: u16,
    /// Payload of such a message at most.
    pub batch_size: ByteSize,
    /// For how long the broker may keep an event for a subscriber that is away.
    #[serde(deserialize_with = "optional")]
    pub message_expiry: Option<Duration>,
    /// Refusals of an event before it is set aside; 0 for ever.
    pub attempts: u32,
    /// What to do when nobody subscribes.
    pub on_no_subscriber: OnNoSubscriber,
    /// Whose acknowledgement lets an event go.
    pub acknowledge: Acknowledge,
    /// Topic of the store's acknowledgement.
    pub ack_topic: StatusTopic,
    /// Without the store's word for this long, events are sent again.
    #[serde(deserialize_with = "from_text")]
    pub ack_timeout: Duration,
    /// Events sent and not acknowledged by the store at most.
    pub ack_ahead: u32,
}

impl Mqtt {
    /// The files it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut FileName> {
        [
            &mut self.password_file,
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ]
        .into_iter()
        .flatten()
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        fn known<T: FromText>(text: &str) -> T {
            T::from_text(text)
                .unwrap_or_else(|_| unreachable!("a default is well-formed, the tests load it"))
        }
        Mqtt {
            url: BrokerUrls::default(),
            version: MqttVersion::V5,
            client_id: known("tracegate-{site}"),
            username: None,
            password_file: None,
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            topic: known("tracegate/{site}/events/{read_point}"),
            non_events: false,
            non_event_topic: known("tracegate/{site}/nonevents/{read_point}"),
            gap_topic: known("tracegate/{site}/gaps"),
            status_topic: known("tracegate/{site}/status"),
            device_status: true,
            device_topic: known("tracegate/{site}/device/{device}"),
            device_interval: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
            window: 100,
            payload: Payload::Event,
            batch_events: 1,
            batch_size: ByteSize(64 << 10),
            message_expiry: None,
            attempts: 30,
            on_no_subscriber: OnNoSubscriber::Hold,
            acknowledge: Acknowledge::Broker,
            ack_topic: known("tracegate/{site}/ack"),
            ack_timeout: Duration::from_secs(30),
            ack_ahead: 10_000,
        }
    }
}

impl Checker<'_> {
    /// No two kinds of messages may share a topic.
    pub(super) fn topics(&mut self) {
        let mqtt = &self.config.mqtt;
        if !self.is_set(&["gateway", "site"]) || self.tree.is_bad(&["mqtt"]) {
            return;
        }
        let site = self.config.gateway.site.as_str();
        let status = mqtt.status_topic.0.render(site, "");
        if let Some(name) = self
            .config
            .read_point
            .keys()
            .find(|name| mqtt.topic.0.render(site, name) == status)
        {
            let title = format!(
                "events of `{}` and the status message have the same topic",
                shown(name)
            );
            let set = if self.tree.has(&["mqtt", "status_topic"]) {
                "status_topic"
            } else {
                "topic"
            };
            self.error(
                "conflict",
                title,
                self.tree.at(&["mqtt", set]),
                "",
                "give them different topics",
            );
        }
        self.device_topics();
        self.telemetry_topics();
    }

    /// As above, for loads that are not booked.
    fn telemetry_topics(&mut self) {
        let (config, mqtt) = (self.config, &self.config.mqtt);
        let site = config.gateway.site.as_str();
        let of = |topic: &super::template::Template| {
            let names = config.read_point.keys();
            names.map(|name| topic.render(site, name)).collect()
        };
        let (mut taken, loads): (Vec<String>, Vec<String>) =
            (of(&mqtt.topic.0), of(&mqtt.non_event_topic.0));
        taken.push(mqtt.status_topic.0.render(site, ""));
        if mqtt.acknowledge == Acknowledge::Store {
            taken.push(mqtt.ack_topic.0.render(site, ""));
        }
        if mqtt.device_status {
            let devices = config.devices();
            taken.extend(devices.map(|(_, name)| mqtt.device_topic.0.render(site, name)));
        }
        let gaps = mqtt.gap_topic.0.render(site, "");
        let load = loads.iter().find(|it| **it == gaps || taken.contains(*it));
        let clash = load.or(taken.contains(&gaps).then_some(&gaps));
        if let Some(topic) = clash.filter(|_| mqtt.non_events) {
            let set = ["non_event_topic", "gap_topic", "topic", "non_events"];
            let set = set.into_iter().find(|key| self.tree.has(&["mqtt", key]));
            let place = self.tree.at(&["mqtt", set.unwrap_or("url")]);
            self.error(
                "conflict",
                "loads that are not booked have the topic of something else".to_owned(),
                place,
                &format!("both are sent to {}", shown(topic)),
                "give them different topics",
            );
        }
    }

    /// As above, for the messages about single devices.
    fn device_topics(&mut self) {
        let (config, mqtt) = (self.config, &self.config.mqtt);
        let site = config.gateway.site.as_str();
        let others = config
            .read_point
            .keys()
            .map(|name| mqtt.topic.0.render(site, name));
        let taken: Vec<String> = others
            .chain([mqtt.status_topic.0.render(site, "")])
            .collect();
        let clash = config
            .devices()
            .map(|(_, name)| (name, mqtt.device_topic.0.render(site, name)))
            .find(|(_, topic)| taken.contains(topic));
        if let Some((name, topic)) = clash.filter(|_| mqtt.device_status) {
            let title = format!(
                "the message about `{}` has the topic of another",
                shown(name)
            );
            let set = ["device_topic", "topic", "status_topic"];
            let set = set.into_iter().find(|key| self.tree.has(&["mqtt", key]));
            let place = self.tree.at(&["mqtt", set.unwrap_or("url")]);
            let label = format!("both are sent to {}", shown(&topic));
            self.error(
                "conflict",
                title,
                place,
                &label,
                "give them different topics",
            );
        }
    }
}
