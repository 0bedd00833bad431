//! From the configuration to what comes back from the broker.

use crate::config::{Acknowledge, Config};
use crate::downlink::ack::Limits;
use crate::forward::subscribe;

/// The way back from the broker.
pub(super) fn settings(config: &Config) -> subscribe::Settings {
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let acknowledge = (mqtt.acknowledge == Acknowledge::Store).then(|| {
        let limits = Limits {
            patience: mqtt.ack_timeout,
            ahead: mqtt.ack_ahead,
        };
        (mqtt.ack_topic.0.render(site, ""), limits)
    });
    subscribe::Settings { acknowledge }
}
