//! `[reference]`: what is known about lots, orders, serial numbers and pallets, and where it comes from.

use std::time::Duration;

use serde::Deserialize;

use super::check::Checker;
use super::limits::{optional as optional_range, range, show_number, show_time};
use super::template::StatusTopic;
use super::units::{optional, shown};

/// `[reference]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct References {
    /// Records at most.
    pub max_records: u64,
    /// Below this topic the site publishes its data; without it none is subscribed to.
    #[serde(deserialize_with = "optional")]
    pub topic: Option<StatusTopic>,
    /// Older data is a condition. With `topic` 8 hours, without it never, unless it is given.
    #[serde(deserialize_with = "optional")]
    pub max_age: Option<Duration>,
}

impl Default for References {
    fn default() -> Self {
        Self {
            max_records: 1_000_000,
            topic: None,
            max_age: None,
        }
    }
}

impl References {
    /// How old the data may be, if that matters.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        const USUAL: Duration = Duration::from_secs(8 * 3_600);
        self.max_age.or(self.topic.as_ref().map(|_| USUAL))
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let reference = &checker.config.reference;
    range(
        checker,
        &["reference", "max_records"],
        reference.max_records,
        1_000..=20_000_000,
        show_number,
    );
    optional_range(
        checker,
        &["reference", "max_age"],
        reference.max_age,
        Duration::from_secs(60)..=Duration::from_secs(30 * 86_400),
        show_time,
    );
    topics(checker);
}

/// What the gateway publishes must not come back as the site's data.
fn topics(checker: &mut Checker<'_>) {
    let config = checker.config;
    let Some(topic) = &config.reference.topic else {
        return;
    };
    if !checker.is_set(&["gateway", "site"]) || checker.tree.is_bad(&["mqtt"]) {
        return;
    }
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let below = format!("{}/", topic.0.render(site, ""));
    let events = config.read_point.keys();
    let mut own: Vec<String> = events.map(|name| mqtt.topic.0.render(site, name)).collect();
    own.push(mqtt.status_topic.0.render(site, ""));
    own.push(mqtt.ack_topic.0.render(site, ""));
    own.push(mqtt.gap_topic.0.render(site, ""));
    let devices = config.devices();
    own.extend(devices.map(|(_, name)| mqtt.device_topic.0.render(site, name)));
    if let Some(clash) = own.iter().find(|own| own.starts_with(&below)) {
        let place = checker.tree.at(&["reference", "topic"]);
        checker.error(
            "conflict",
            "the site's data has a topic of the gateway's own messages".to_owned(),
            place,
            &format!("{} is below it", shown(clash)),
            "give it a topic of its own, such as \"tracegate/{site}/ref\"",
        );
    }
}
