//! From the configuration to what comes back from the broker.

use super::Device;
use crate::config::{Acknowledge, Config, OutputUse};
use crate::downlink::ack::Limits;
use crate::downlink::command::Kind;
use crate::downlink::order::{Orders, Target};
use crate::forward::{commands, subscribe};

/// The way back from the broker.
pub(super) fn settings(config: &Config) -> subscribe::Settings {
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let ack_topic = mqtt.ack_topic.0.render(site, "");
    let acknowledge = (mqtt.acknowledge == Acknowledge::Store).then(|| {
        let limits = Limits {
            patience: mqtt.ack_timeout,
            ahead: mqtt.ack_ahead,
        };
        (ack_topic.clone(), limits)
    });
    let command = &config.command;
    let is_allowed = |kind: &Kind| match kind {
        Kind::Identify => command.identify,
        Kind::Gpo => command.gpo,
        Kind::Status => command.status,
        Kind::Replay => command.replay,
    };
    let topic = |kind: Kind| (kind, command.topic.0.render(site, kind.as_str()));
    let commands = commands::Settings {
        topics: Kind::ALL
            .into_iter()
            .filter(is_allowed)
            .map(topic)
            .collect(),
        not_for_answers: vec![
            mqtt.topic.0.beginning(site),
            mqtt.non_event_topic.0.beginning(site),
            mqtt.gap_topic.0.beginning(site),
            mqtt.status_topic.0.beginning(site),
            mqtt.device_topic.0.beginning(site),
            ack_topic,
        ],
    };
    subscribe::Settings {
        acknowledge,
        commands,
    }
}

/// What commands may ask of a device, and where it hears of it.
#[must_use]
pub fn target(device: &Device) -> (Target, Orders) {
    match device {
        Device::Llrp(settings) => {
            let (commanded, shown): (Vec<_>, Vec<_>) = settings
                .outputs
                .iter()
                .filter(|(_, what)| **what != OutputUse::Light)
                .partition(|(_, what)| **what == OutputUse::Command);
            let ports = commanded.into_iter().map(|(port, _)| *port).collect();
            Target::new(!shown.is_empty(), ports)
        }
        Device::Scanner(settings) => Target::new(!settings.answers.identify.is_empty(), Vec::new()),
        Device::Hid(settings) => Target::new(!settings.answers.identify.is_empty(), Vec::new()),
        Device::Receiver(_) | Device::Marker(_) | Device::Keyboard(_) => {
            Target::new(false, Vec::new())
        }
    }
}
