//! Texts with placeholders: `tracegate/{site}/events/{read_point}`.

use tracegate_gs1::Ai;
use tracegate_pipeline::mapping::{Part as MappedPart, Text};

use super::suggest::did_you_mean;
use super::units::{FromText, Refusal, shown};

/// What may stand in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{site}`: `gateway.site`.
    Site,
    /// `{read_point}`: the name of the read point.
    ReadPoint,
    /// `{device}`: the name of the device.
    Device,
    /// `{command}`: the kind of command.
    Command,
    /// `{17}`: what a code says under this application identifier.
    Value(Ai),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Placeholder),
}

/// A text with placeholders, split once when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Vec<Part>);

impl Template {
    /// Splits `text`; only placeholders in `allowed` may occur.
    ///
    /// # Errors
    /// An unknown placeholder, or a brace without its partner.
    pub fn parse(text: &str, allowed: &[(&str, Placeholder)]) -> Result<Self, Refusal> {
        Self::split(text, allowed, "", |_| None)
    }

    /// As [`parse`](Self::parse), for a text of an event: site, read point, device, and what a code says.
    ///
    /// # Errors
    /// The same.
    pub fn mapped(text: &str) -> Result<Self, Refusal> {
        let allowed = [SITE, READ_POINT, DEVICE];
        let more = "; and of a code by application identifier: {10} is its lot, {17} its expiry";
        let assigned = |ai: &Ai| ai.title().is_some();
        let value = |name: &str| {
            let ai = Ai::from_digits(name.as_bytes()).filter(assigned);
            ai.map(Placeholder::Value)
        };
        Self::split(text, &allowed, more, value)
    }

    fn split(
        text: &str,
        allowed: &[(&str, Placeholder)],
        more: &str,
        other: impl Fn(&str) -> Option<Placeholder>,
    ) -> Result<Self, Refusal> {
        let names = || allowed.iter().map(|(name, _)| *name);
        let help = format!(
            "placeholders here: {}{more}",
            names()
                .map(|name| format!("{{{name}}}"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let hole = after
                .strip_prefix('{')
                .and_then(|after| after.split_once('}'));
            let Some((name, tail)) = hole else {
                return Err(Refusal::new("a brace has no partner", help));
            };
            let known = allowed.iter().find(|(allowed, _)| *allowed == name);
            let Some(hole) = known.map(|(_, hole)| *hole).or_else(|| other(name)) else {
                let otherwise = format!("unknown placeholder {{{}}}", shown(name));
                return Err(Refusal::new(did_you_mean(name, names(), &otherwise), help));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Hole(hole));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    /// The text with its placeholders filled in; `name` is the read point's, the device's or the command's.
    pub fn render(&self, site: &str, name: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Hole(Placeholder::Site) => site,
            Part::Hole(Placeholder::ReadPoint | Placeholder::Device | Placeholder::Command) => name,
            // Only texts of events have it, and those are filled by the pipeline.
            Part::Hole(Placeholder::Value(_)) => "",
        });
        parts.collect()
    }

    /// The text for the pipeline, with what does not change from event to event filled in.
    pub fn text(&self, site: &str, read_point: &str) -> Text {
        let part = |part: &Part| match part {
            Part::Text(text) => MappedPart::Fixed(text.clone()),
            Part::Hole(Placeholder::Site) => MappedPart::Fixed(site.to_owned()),
            Part::Hole(Placeholder::Device) => MappedPart::Device,
            Part::Hole(Placeholder::Value(ai)) => MappedPart::Value(*ai),
            Part::Hole(Placeholder::ReadPoint | Placeholder::Command) => {
                MappedPart::Fixed(read_point.to_owned())
            }
        };
        Text(self.0.iter().map(part).collect())
    }

    /// The text, if it has no placeholders.
    pub fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What every such text begins with.
    pub fn beginning(&self, site: &str) -> String {
        let fixed = self.0.iter().map_while(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Hole(Placeholder::Site) => Some(site),
            Part::Hole(_) => None,
        });
        fixed.collect()
    }

    fn has(&self, hole: Placeholder) -> bool {
        self.0.contains(&Part::Hole(hole))
    }
}

/// The MQTT topic of movement events; may hold `{site}` and `{read_point}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTopic(pub Template);

/// The MQTT topic of the status message; may hold `{site}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusTopic(pub Template);

/// The MQTT topic of the message about a device; holds `{device}` and may hold `{site}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTopic(pub Template);

/// The MQTT topic of commands; holds `{command}`, and may hold `{site}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTopic(pub Template);

/// The MQTT client identifier; may hold `{site}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId(pub Template);

const SITE: (&str, Placeholder) = ("site", Placeholder::Site);
const DEVICE: (&str, Placeholder) = ("device", Placeholder::Device);
const COMMAND: (&str, Placeholder) = ("command", Placeholder::Command);
const READ_POINT: (&str, Placeholder) = ("read_point", Placeholder::ReadPoint);

/// Checks a topic name to publish to (MQTT 5.0 §4.7): not empty, no wildcard, no empty level.
fn topic(text: &str, allowed: &[(&str, Placeholder)]) -> Result<Template, Refusal> {
    const HELP: &str = "example: \"tracegate/{site}/events/{read_point}\"";
    if text.is_empty() {
        return Err(Refusal::new("the topic is empty", HELP));
    }
    if text.contains(['+', '#']) {
        return Err(Refusal::new(
            "+ and # are wildcards: events cannot be sent to them",
            HELP,
        ));
    }
    if text.starts_with('$') {
        return Err(Refusal::new(
            "topics that start with $ belong to the broker",
            HELP,
        ));
    }
    if text.split('/').any(str::is_empty) {
        return Err(Refusal::new("a level between two / is empty", HELP));
    }
    if text.chars().any(char::is_control) || text.len() > 1024 {
        return Err(Refusal::new(
            "expected at most 1024 printable characters",
            HELP,
        ));
    }
    Template::parse(text, allowed)
}

impl FromText for EventTopic {
    const EXPECTED: &'static str = "a topic in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        topic(text, &[SITE, READ_POINT]).map(EventTopic)
    }
}

impl FromText for StatusTopic {
    const EXPECTED: &'static str = "a topic in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        topic(text, &[SITE]).map(StatusTopic)
    }
}

impl FromText for DeviceTopic {
    const EXPECTED: &'static str = "a topic in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let template = topic(text, &[SITE, DEVICE])?;
        if !template.has(Placeholder::Device) {
            let help = "example: \"tracegate/{site}/device/{device}\"";
            return Err(Refusal::new("{device} is missing", help));
        }
        Ok(DeviceTopic(template))
    }
}

impl FromText for CommandTopic {
    const EXPECTED: &'static str = "a topic in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let template = topic(text, &[SITE, COMMAND])?;
        if !template.has(Placeholder::Command) {
            let help = "example: \"tracegate/{site}/cmd/{command}\"";
            return Err(Refusal::new("{command} is missing", help));
        }
        Ok(CommandTopic(template))
    }
}

impl FromText for ClientId {
    const EXPECTED: &'static str = "a name in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return Err(Refusal::new(
                "expected 1 to 128 printable characters",
                "example: \"tracegate-{site}\"",
            ));
        }
        Template::parse(text, &[SITE]).map(ClientId)
    }
}

super::units::deserialize_from_text!(EventTopic, StatusTopic, DeviceTopic, CommandTopic, ClientId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let topic = EventTopic::from_text("tracegate/{site}/events/{read_point}").unwrap();
        assert_eq!(
            topic.0.render("plant-3", "dock_1"),
            "tracegate/plant-3/events/dock_1"
        );
    }

    #[test]
    fn bad_topics() {
        for text in [
            "",
            "a/#",
            "+/x",
            "a//b",
            "/a",
            "a/",
            "$SYS/a",
            "a/{sit}",
            "a/{site",
            "a}/b",
            "{read_point}}",
        ] {
            assert!(EventTopic::from_text(text).is_err(), "{text}");
        }
        assert!(StatusTopic::from_text("a/{read_point}").is_err());
    }
}
