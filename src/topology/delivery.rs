//! What the buffer and those who send from it are told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{downlink, reader};
use crate::buffer::Keep;
use crate::config::{Config, Mqtt, MqttVersion, OnNoSubscriber};
use crate::forward::client::{Endpoint, Version};
use crate::forward::listen::Subscription;
use crate::forward::{announce, mqtt, site, sparkplug};
use crate::health::DeviceKind;
use crate::tls;

/// How long acknowledged events stay.
#[must_use]
pub fn keep_sent(config: &Config) -> Keep {
    Keep {
        age: config.buffer.keep_sent,
        bytes: config.buffer.keep_sent_size.bytes(),
    }
}

/// How many bytes of the buffer telemetry may take.
#[must_use]
pub fn telemetry_bytes(config: &Config) -> u64 {
    let (most, share) = (
        config.buffer.max_size.bytes(),
        config.buffer.telemetry_share,
    );
    (most as f64 * share) as u64
}

/// The forwarder's settings.
#[must_use]
pub fn forwarder(config: &Config) -> mqtt::Settings {
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let Mqtt {
        url,
        version,
        client_id,
        topic,
        status_topic,
        ..
    } = mqtt;
    let password = mqtt
        .password_file
        .as_ref()
        .map(|file| file.path().to_owned());
    mqtt::Settings {
        version: match version {
            MqttVersion::V5 => Version::V5,
            MqttVersion::V311 => Version::V311,
        },
        endpoints: url
            .all()
            .iter()
            .map(|url| Endpoint {
                host: url.host.as_str().to_owned(),
                port: url.port,
            })
            .collect(),
        client_id: client_id.0.render(site, ""),
        credentials: mqtt
            .username
            .as_ref()
            .map(|user| (user.as_str().to_owned(), password)),
        tls: url.tls().then(|| tls::Setup {
            section: "[mqtt]".to_owned(),
            peer: "broker",
            trust: reader::trust(mqtt.ca_file.as_ref()),
            identity: reader::identity(
                mqtt.client_certificate_file.as_ref(),
                mqtt.client_key_file.as_ref(),
            ),
        }),
        topic: topic.0.clone(),
        non_event_topic: mqtt.non_event_topic.0.clone(),
        gap_topic: mqtt.gap_topic.0.render(site, ""),
        status_topic: status_topic.0.render(site, ""),
        devices: announcements(config),
        site: site.to_owned(),
        keep_alive: mqtt.keep_alive,
        window: mqtt.window,
        batch: mqtt::Batch {
            events: usize::from(mqtt.batch_events),
            bytes: usize::try_from(mqtt.batch_size.bytes()).unwrap_or(usize::MAX),
        },
        payload: mqtt.payload,
        message_expiry: mqtt.message_expiry,
        attempts: mqtt.attempts,
        accept_without_subscriber: mqtt.on_no_subscriber == OnNoSubscriber::Accept,
        downlink: downlink::settings(config),
        timing: mqtt::Timing::default(),
    }
}

/// Where the site's data comes from, if it does by messages.
#[must_use]
pub fn site_data(config: &Config) -> Option<site::Settings> {
    let topic = config.reference.topic.as_ref()?;
    let prefix = format!("{}/", topic.0.render(config.gateway.site.as_str(), ""));
    let gateway = forwarder(config);
    Some(site::Settings {
        subscription: Subscription {
            version: gateway.version,
            endpoints: gateway.endpoints,
            client_id: format!("{}-reference", gateway.client_id),
            credentials: gateway.credentials,
            tls: gateway.tls,
            keep_alive: gateway.keep_alive,
            topics: format!("{prefix}#"),
        },
        prefix,
        directory: config.buffer.directory.path().to_owned(),
        max_records: config.reference.max_records,
    })
}

/// The edge node of Sparkplug, if there is to be one.
#[must_use]
pub fn edge_node(config: &Config) -> Option<sparkplug::Settings> {
    let node = config.sparkplug.node.as_ref();
    Some(sparkplug::Settings {
        group: config.sparkplug.group.as_ref()?.as_str().to_owned(),
        node: node
            .map_or_else(|| config.gateway.site.as_str(), |node| node.as_str())
            .to_owned(),
        devices: announcements(config).devices,
        broker: forwarder(config),
        every: Duration::from_secs(1),
    })
}

/// All devices, and what they are.
#[must_use]
pub fn kinds(config: &Config) -> BTreeMap<String, DeviceKind> {
    let readers = config.llrp.keys().map(|name| (name, DeviceKind::Reader));
    let scanners = config
        .scanner
        .keys()
        .map(|name| (name, DeviceKind::Scanner));
    let markers = config.marker.keys().map(|name| (name, DeviceKind::Marker));
    let receivers = config.receiver.keys();
    let receivers = receivers.map(|name| (name, DeviceKind::Receiver));
    let lights = config.light.keys().map(|name| (name, DeviceKind::Light));
    let feeds = scanners.chain(receivers).chain(markers);
    let all = readers.chain(feeds).chain(lights);
    all.map(|(name, kind)| (name.clone(), kind)).collect()
}

/// What is told of single devices.
fn announcements(config: &Config) -> announce::Settings {
    announce::Settings {
        topic: (config.mqtt.device_status).then(|| config.mqtt.device_topic.0.clone()),
        devices: kinds(config),
        interval: config.mqtt.device_interval,
        record: Some(config.buffer.directory.path().join("device-topics")),
    }
}
