//! `[command]`, and topics that must differ.

use serde::Deserialize;

use super::check::Checker;
use super::diagnostic::Diagnostic;
use super::model::Acknowledge;
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
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    if checker.config.mqtt.acknowledge == Acknowledge::Store {
        topics(checker);
    }
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
    let taken = mqtt.status_topic.0.render(site, "") == ack
        || config.read_point.keys().any(|name| events(name) == ack);
    if taken {
        let key = ["ack_topic", "status_topic", "topic"]
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
