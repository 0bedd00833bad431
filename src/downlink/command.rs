//! Commands: what they say, whether they are allowed, and what is answered.
//!
//! A command is a JSON object with an `id` that its sender chose. Who may give it is for the broker's access list to say; which
//! commands there are at all, for `[command]` of the configuration. Each gets one answer; the same `id` within
//! [`WINDOW`] gets the same answer once more and is not done again.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::order::{Action, Directory, OutputState, Target};

/// A command is one for so long.
pub const WINDOW: Duration = Duration::from_secs(600);
/// Commands remembered; the oldest is forgotten first.
const MOST_REMEMBERED: usize = 256;
/// Longest command, in bytes.
const MAX_BYTES: usize = 4096;
/// Longest id, in characters.
const MAX_ID: usize = 64;
/// How long a device may show which one it is, and how long an output may be pulsed, at most.
const MOST_SECONDS: u64 = 60;

/// The kinds of commands, by the word in their topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A device shows which one it is.
    Identify,
    /// An output of a reader is switched.
    Gpo,
    /// The status is published now.
    Status,
    /// Kept events are sent again.
    Replay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Identify, Self::Gpo, Self::Status, Self::Replay];

    /// The word in the topic and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Gpo => "gpo",
            Self::Status => "status",
            Self::Replay => "replay",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A device does something.
    Device {
        /// Its name.
        device: String,
        /// What.
        action: Action,
    },
    /// The status is published now.
    Status,
    /// Kept events are sent again.
    Replay {
        /// The epoch that they are numbered in.
        epoch: String,
        /// The first, at least 1.
        from: i64,
        /// The last; without it, all that are kept.
        to: Option<i64>,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is not done; the text says why.
    Refused,
    /// The device did not answer in time; it may have done it.
    Timeout,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The command's own; absent when it had none that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of command.
    pub command: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The first and the last event that are sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// See `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Answer {
    /// An answer without text.
    #[must_use]
    pub fn new(id: Option<String>, kind: Kind, outcome: Outcome) -> Self {
        Self {
            id,
            command: kind.as_str(),
            outcome,
            from: None,
            to: None,
            text: None,
        }
    }

    /// The same, with text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..self
        }
    }

    /// The message.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identify {
    #[serde(rename = "id")]
    _id: String,
    device: String,
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
    Pulse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gpo {
    #[serde(rename = "id")]
    _id: String,
    device: String,
    output: u16,
    state: Switch,
    milliseconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(rename = "id")]
    _id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayFrom {
    #[serde(rename = "id")]
    _id: String,
    epoch: String,
    from: i64,
    to: Option<i64>,
}

/// The command's id, whatever else is wrong with it.
///
/// # Errors
/// It has none, or it is no command at all; in words.
pub fn id(payload: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    if payload.len() > MAX_BYTES {
        let size = payload.len();
        return Err(format!(
            "a command of {size} bytes; at most {MAX_BYTES} are read"
        ));
    }
    let id = match serde_json::from_slice(payload) {
        Ok(Id { id }) => id,
        Err(error) => return Err(format!("not a command, {{\"id\": \"…\", …}}: {error}")),
    };
    if id.is_empty() || id.chars().count() > MAX_ID || id.chars().any(char::is_control) {
        return Err(format!("`id` must have 1 to {MAX_ID} printable characters"));
    }
    Ok(id)
}

/// What the command asks for.
///
/// # Errors
/// Why it cannot be done, in words.
pub fn parse(kind: Kind, payload: &[u8]) -> Result<Command, String> {
    match kind {
        Kind::Identify => {
            let Identify {
                device, seconds, ..
            } = read(payload)?;
            let time = Duration::from_secs(within("seconds", seconds, 5, MOST_SECONDS)?);
            let action = Action::Identify(time);
            Ok(Command::Device { device, action })
        }
        Kind::Gpo => {
            let asked: Gpo = read(payload)?;
            let most = MOST_SECONDS * 1000;
            let time = within("milliseconds", asked.milliseconds, 1000, most)?;
            let state = match asked.state {
                Switch::On => OutputState::On,
                Switch::Off => OutputState::Off,
                Switch::Pulse => OutputState::Pulse(Duration::from_millis(time)),
            };
            let (device, port) = (asked.device, asked.output);
            let action = Action::Output { port, state };
            Ok(Command::Device { device, action })
        }
        Kind::Status => read::<Plain>(payload).map(|_| Command::Status),
        Kind::Replay => {
            let ReplayFrom {
                epoch, from, to, ..
            } = read(payload)?;
            if from < 1 || to.is_some_and(|to| to < from) {
                return Err("`from` must be at least 1, and `to` not less".to_owned());
            }
            Ok(Command::Replay { epoch, from, to })
        }
    }
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}

fn within(name: &str, given: Option<u64>, default: u64, most: u64) -> Result<u64, String> {
    match given.unwrap_or(default) {
        value @ 1.. if value <= most => Ok(value),
        _ => Err(format!("`{name}` must be 1 to {most}")),
    }
}

/// The device that is to do it.
///
/// # Errors
/// There is none, or it cannot; what there is instead, in words.
pub fn target<'a>(
    devices: &'a Directory,
    name: &str,
    action: Action,
) -> Result<&'a Target, String> {
    let Some(target) = devices.get(name) else {
        let names: Vec<&str> = devices.keys().map(String::as_str).collect();
        let name: String = name.chars().take(MAX_ID).collect();
        return Err(format!(
            "there is no device \"{name}\"; there are: {}",
            names.join(", ")
        ));
    };
    match action {
        Action::Identify(_) if !target.identifies => Err(format!(
            "{name} has nothing to show itself with: no output that shows something (gpo), or no on_identify, is configured"
        )),
        Action::Output { port, .. } if !target.outputs.contains(&port) => {
            let ports: Vec<String> = target.outputs.iter().map(u16::to_string).collect();
            Err(match ports.as_slice() {
                [] => format!(
                    "{name} has no outputs for commands; one is made by gpo = {{ {port} = \"command\" }} in its section"
                ),
                ports => format!(
                    "output {port} of {name} is not for commands; these are: {}",
                    ports.join(", ")
                ),
            })
        }
        _ => Ok(target),
    }
}

/// Commands of the last ten minutes.
#[derive(Debug, Default)]
pub struct Memory(VecDeque<(Kind, String, Instant, Option<Answer>)>);

/// Whether a command has been given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is new, and remembered from now on.
    New,
    /// It is being done.
    UnderWay,
    /// It has been answered.
    Answered(Answer),
}

impl Memory {
    /// Whether the command was given before.
    pub fn look_up(&mut self, kind: Kind, id: &str, now: Instant) -> Known {
        let old = |at: Instant| now.saturating_duration_since(at) >= WINDOW;
        while self.0.pop_front_if(|(.., at, _)| old(*at)).is_some() {}
        let known = self
            .0
            .iter()
            .find(|(of, other, ..)| *of == kind && other == id);
        match known {
            Some((.., Some(answer))) => return Known::Answered(answer.clone()),
            Some(_) => return Known::UnderWay,
            None => {}
        }
        if self.0.len() >= MOST_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((kind, id.to_owned(), now, None));
        Known::New
    }

    /// The command was answered.
    pub fn answered(&mut self, kind: Kind, id: &str, answer: &Answer) {
        let known = self
            .0
            .iter_mut()
            .find(|(of, other, ..)| *of == kind && other == id);
        if let Some((.., given)) = known {
            *given = Some(answer.clone());
        }
    }
}

#[cfg(test)]
mod tests;
