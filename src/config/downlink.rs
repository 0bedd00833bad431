//! `[command]`, and topics that must differ.

use serde::Deserialize;

use super::check::Checker;
use super::diagnostic::Diagnostic;
use super::mqtt::{Acknowledge, MqttVersion};
use super::template::CommandTopic;
use super::units::FromText;

/// `[command]`: what may be asked of the gateway over the broker. Who may ask is for the broker's access list to say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Command {
    /// Topic of commands.
    pub topic: CommandTopic,
    /// A device shows which one it is.
    pub identify: bool,
    /// Outputs of readers are switched.
    pub gpo: bool,
    /// The status is published.
    pub status: bool,
    /// Kept events are sent again.
    pub replay: bool,
}

impl Default for Command {
    fn default() -> Self {
        let topic = CommandTopic::from_text("tracegate/{site}/cmd/{command}");
        Command {
            topic: topic
                .unwrap_or_else(|_| unreachable!("a default is well-formed, the tests load it")),
            identify: false,
            gpo: false,
            status: false,
            replay: false,
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    kept(checker);
    if checker.config.mqtt.acknowledge == Acknowledge::Store {
        topics(checker);
        version(checker);
    }
}

/// Events that wait need room beside those that are kept.
fn kept(checker: &mut Checker<'_>) {
    let buffer = &checker.config.buffer;
    let most = buffer.max_size.bytes() / 2;
    if buffer.keep_sent.is_zero() || buffer.keep_sent_size.bytes() <= most {
        return;
    }
    let keys = ["keep_sent_size", "max_size", "keep_sent"];
    if checker.tree.is_bad(&["buffer"]) {
        return;
    }
    let key = keys.iter().find(|key| checker.tree.has(&["buffer", key]));
    let place = checker.tree.at(&["buffer", key.unwrap_or(&"keep_sent")]);
    let title = "`keep_sent_size` is more than half of `max_size`".to_owned();
    let label = format!(
        "keep_sent_size is {}, max_size is {}",
        buffer.keep_sent_size, buffer.max_size
    );
    let help = "events that wait need room too: make keep_sent_size smaller, or max_size larger";
    checker.error("conflict", title, place, &label, help);
}

/// The store must be told which event is which.
fn version(checker: &mut Checker<'_>) {
    if checker.config.mqtt.version != MqttVersion::V311 || checker.tree.is_bad(&["mqtt"]) {
        return;
    }
    let title = "the store cannot acknowledge with MQTT 3.1.1";
    let place = checker.tree.at(&["mqtt", "acknowledge"]);
    let problem = Diagnostic::error("conflict", title, place, "")
        .context(
            checker.tree.at(&["mqtt", "version"]),
            "messages have no properties, so events have no numbers",
        )
        .help("delete acknowledge, or use version = \"5\"");
    checker.problems.push(problem);
}

/// A topic that we publish to is none to listen on.
fn topics(checker: &mut Checker<'_>) {
    let config = checker.config;
    if !checker.is_set(&["gateway", "site"]) || checker.tree.is_bad(&["mqtt"]) {
        return;
    }
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let ack = mqtt.ack_topic.0.render(site, "");
    let events = |name: &String| mqtt.topic.0.render(site, name);
    let device = |name: &String| mqtt.device_topic.0.render(site, name);
    let taken = mqtt.status_topic.0.render(site, "") == ack
        || config.read_point.keys().any(|name| events(name) == ack)
        || (mqtt.device_status && config.devices().any(|(_, name)| device(name) == ack));
    if taken {
        let key = ["ack_topic", "status_topic", "topic", "device_topic"]
            .into_iter()
            .find(|key| checker.tree.has(&["mqtt", key]))
            .unwrap_or("acknowledge");
        let title = "the store's acknowledgement has a topic of the gateway's own messages";
        let place = checker.tree.at(&["mqtt", key]);
        let problem =
            Diagnostic::error("conflict", title, place, "").help("give it a topic of its own");
        checker.problems.push(problem);
    }
}
