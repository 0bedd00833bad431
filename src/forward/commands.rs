//! Commands over MQTT: who asked, who does it, and where the answer goes.
//!
//! A command never waits: a device gets it through its queue, and has `DEVICE_TIME` to answer. Everything here outlives a
//! connection, so an answer that comes late goes out on the next one.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use super::client::Message;
use crate::downlink::Allowance;
use crate::downlink::command::{self, Answer, Command, Kind, Known, Memory, Outcome};
use crate::downlink::order::{Action, Directory};
use crate::downlink::replay::Replay;
use crate::health::{Health, tame};
use crate::logs;

/// A device that has not answered by then is not waited for.
const DEVICE_TIME: Duration = Duration::from_secs(2);
/// Commands looked at: so many at once, and so many a second.
const RATE: (u32, u32) = (20, 5);
/// Commands that wait for a device.
const MOST_PENDING: usize = 16;
/// Answers that wait to be sent.
const MOST_ANSWERS: usize = 32;
/// Longest response topic, and longest correlation data, in bytes.
const MOST_REPLY: usize = 256;

/// Which commands there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Those that are allowed, each with its topic.
    pub topics: Vec<(Kind, String)>,
    /// No answer goes to a topic that begins so: others would take it for an event or a status.
    pub not_for_answers: Vec<String>,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) topic: String,
    pub(super) correlation: Option<Bytes>,
}

/// A command that a device has answered, or not.
type Ended = (Kind, String, Reply, Answer);

#[derive(Debug)]
pub(super) struct Commands {
    settings: Settings,
    memory: Memory,
    allowance: Allowance,
    pending: JoinSet<Ended>,
    answers: VecDeque<(Reply, Answer)>,
    status_wanted: bool,
    replay: Option<Replay>,
}

/// What is around when a message comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) devices: &'a Directory,
    pub(super) health: &'a Health,
    /// Everything up to here is acknowledged.
    pub(super) acknowledged: i64,
    pub(super) now: Instant,
}

impl Commands {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            memory: Memory::default(),
            allowance: Allowance::new(RATE.0, RATE.1),
            pending: JoinSet::new(),
            answers: VecDeque::new(),
            status_wanted: false,
            replay: None,
        }
    }

    /// A command has come.
    pub(super) fn message(&mut self, kind: Kind, message: &Message, around: Around<'_>) {
        let Around { health, now, .. } = around;
        if message.retain && message.payload.is_empty() {
            // Somebody deletes a command that the broker kept.
            return;
        }
        let counters = health.counters();
        if !self.allowance.take(now) {
            counters.commands_dropped.add(1);
            return debug!(command = kind.as_str(), "Too many commands; dropped");
        }
        counters.commands.add(1);
        let (by, command) = (by(message), kind.as_str());
        let reply = self.reply(kind, message);
        let id = match command::id(&message.payload) {
            Ok(id) => id,
            Err(why) => {
                counters.commands_refused.add(1);
                warn!(
                    code = logs::COMMAND_REFUSED,
                    command,
                    by,
                    reason = tame(&why),
                    "Command refused"
                );
                let answer = Answer::new(None, kind, Outcome::Refused).text(why);
                return self.answer(reply, answer, health);
            }
        };
        if message.retain {
            counters.commands_refused.add(1);
            warn!(
                code = logs::COMMAND_REFUSED,
                command, id, by, "Command refused: it was published with retain"
            );
            let why = "published with retain: it would be given again at each connection; delete it at the broker, publish without";
            let answer = Answer::new(Some(id), kind, Outcome::Refused).text(why);
            return self.answer(reply, answer, health);
        }
        match self.memory.look_up(kind, &id, now) {
            Known::New => {}
            // Whoever gave it first is answered.
            Known::UnderWay => return,
            Known::Answered(answer) => {
                debug!(command, id, by, "Command given again");
                return self.answer(reply, answer, health);
            }
        }
        match self.begin(kind, &id, &reply, &message.payload, around) {
            Ok(Some(outcome)) => {
                info!(command, id, by, "Command done");
                self.conclude(kind, &id, reply, outcome, health);
            }
            Ok(None) => info!(command, id, by, "Command under way"),
            Err(why) => {
                let reason = tame(&why);
                warn!(
                    code = logs::COMMAND_REFUSED,
                    command, id, by, reason, "Command refused"
                );
                let answer = Answer::new(Some(id.clone()), kind, Outcome::Refused).text(why);
                self.conclude(kind, &id, reply, answer, health);
            }
        }
    }

    /// Does it, or has it done: then the answer comes later.
    fn begin(
        &mut self,
        kind: Kind,
        id: &str,
        reply: &Reply,
        payload: &[u8],
        around: Around<'_>,
    ) -> Result<Option<Answer>, String> {
        match command::parse(kind, payload)? {
            Command::Status => {
                self.status_wanted = true;
                let id = Some(id.to_owned());
                Ok(Some(Answer::new(id, kind, Outcome::Done)))
            }
            Command::Replay { epoch, from, to } => {
                let answer = Answer::new(Some(id.to_owned()), kind, Outcome::Done);
                self.replay_from(&epoch, (from, to), around, answer)
                    .map(Some)
            }
            Command::Device { device, action } => {
                let ended = (kind, id.to_owned(), reply.clone());
                self.order(&device, action, around, ended)?;
                Ok(None)
            }
        }
    }

    /// Begins to send kept events again.
    fn replay_from(
        &mut self,
        epoch: &str,
        (from, to): (i64, Option<i64>),
        around: Around<'_>,
        answer: Answer,
    ) -> Result<Answer, String> {
        let (ours, last) = (around.health.epoch(), around.acknowledged);
        if epoch != ours {
            return Err(format!(
                "this buffer is epoch {ours}, its numbers are others"
            ));
        }
        if let Some((first, last)) = self.replay.as_ref().map(Replay::range) {
            return Err(format!(
                "events {first} to {last} are being sent again; wait for the end of that"
            ));
        }
        let Some(first) = around.health.first_kept() else {
            return Err(
                "no acknowledged events are kept; [buffer] keep_sent has them stay".to_owned(),
            );
        };
        if from > last {
            return Err(format!(
                "events after {last} are not acknowledged: they come by themselves"
            ));
        }
        let (begin, end) = (from.max(first), to.unwrap_or(last).min(last));
        if begin > end {
            return Err(format!("events before {first} are no longer kept"));
        }
        self.replay = Some(Replay::new(begin, end));
        let answer = Answer {
            from: Some(begin),
            to: Some(end),
            ..answer
        };
        Ok(match begin > from {
            true => answer.text(format!("events before {first} are no longer kept")),
            false => answer,
        })
    }

    /// The replay that is under way.
    pub(super) const fn replay(&mut self) -> Option<&mut Replay> {
        self.replay.as_mut()
    }

    /// A new connection: what was under way on the old one is lost.
    pub(super) fn reconnected(&mut self) {
        if let Some(replay) = &mut self.replay {
            replay.reconnected();
        }
    }

    /// The broker has answered to an event sent again.
    pub(super) fn replayed(&mut self, seq: i64, taken: bool, hold: Duration, health: &Health) {
        if taken {
            health.counters().replayed.add(1);
        }
        if let Some(replay) = &mut self.replay {
            replay.answered(seq, taken, hold, Instant::now());
        }
    }

    /// Forgets a replay that is done, or all the same if the gateway stops.
    pub(super) fn end_replay(&mut self, stopping: bool) {
        if let Some(replay) = self.replay.take_if(|replay| stopping || replay.is_done()) {
            let ((from, to), count) = (replay.range(), replay.sent());
            let done = replay.is_done();
            info!(from, to, count, done, "Kept events sent again");
        }
    }

    fn order(
        &mut self,
        device: &str,
        action: Action,
        around: Around<'_>,
        (kind, id, reply): (Kind, String, Reply),
    ) -> Result<(), String> {
        let target = command::target(around.devices, device, action)?;
        if !around.health.is_up(device) {
            return Err(format!("{device} is not connected"));
        }
        if self.pending.len() >= MOST_PENDING {
            return Err("too many commands are under way; try again".to_owned());
        }
        let busy = || format!("{device} is busy with other commands; try again");
        let done = target.give(action).ok_or_else(busy)?;
        self.pending.spawn(async move {
            let answer = |outcome| Answer::new(Some(id.clone()), kind, outcome);
            let answer = match timeout(DEVICE_TIME, done).await {
                Ok(Ok(Ok(()))) => answer(Outcome::Done),
                Ok(Ok(Err(why))) => answer(Outcome::Refused).text(tame(&why)),
                // The connection to the device has ended.
                Ok(Err(_)) => answer(Outcome::Refused).text("the device's connection broke"),
                Err(_) => answer(Outcome::Timeout).text("the device has not answered within 2 s"),
            };
            (kind, id, reply, answer)
        });
        Ok(())
    }

    /// Waits for a device's answer; for ever, if none is awaited. Cancel safe.
    pub(super) async fn device_answers(&mut self, health: &Health) {
        match self.pending.join_next().await {
            Some(Ok((kind, id, reply, answer))) => self.conclude(kind, &id, reply, answer, health),
            Some(Err(error)) => warn!(code = logs::COMMAND_LOST, %error, "A command was lost"),
            None => std::future::pending().await,
        }
    }

    fn conclude(&mut self, kind: Kind, id: &str, reply: Reply, answer: Answer, health: &Health) {
        if answer.outcome != Outcome::Done {
            health.counters().commands_refused.add(1);
        }
        self.memory.answered(kind, id, &answer);
        self.answer(reply, answer, health);
    }

    fn answer(&mut self, reply: Reply, answer: Answer, health: &Health) {
        if self.answers.len() >= MOST_ANSWERS {
            // Whoever asks again, with the same id, gets it then.
            health.counters().commands_dropped.add(1);
            return;
        }
        self.answers.push_back((reply, answer));
    }

    /// The next answer to send.
    pub(super) fn next_answer(&mut self) -> Option<(Reply, String)> {
        let (reply, answer) = self.answers.pop_front()?;
        Some((reply, answer.to_json()))
    }

    /// Whether somebody asked for the status.
    pub(super) fn wants_status(&mut self) -> bool {
        std::mem::take(&mut self.status_wanted)
    }

    /// The response topic that was given (MQTT 5 §3.3.2.3.5), unless it is no topic for answers; else that of the command.
    fn reply(&self, kind: Kind, message: &Message) -> Reply {
        let given = &message.properties;
        let correlation = given.correlation.clone();
        let correlation = correlation.filter(|data| data.len() <= MOST_REPLY);
        let asked = given.response_topic.clone();
        let topic = asked.filter(|topic| self.is_for_answers(topic));
        let own = || {
            let topics = self.settings.topics.iter();
            let found = topics.into_iter().find(|(of, _)| *of == kind);
            found.map_or_else(String::new, |(_, topic)| format!("{topic}/answer"))
        };
        Reply {
            topic: topic.unwrap_or_else(own),
            correlation,
        }
    }

    fn is_for_answers(&self, topic: &str) -> bool {
        let is_topic = !topic.is_empty()
            && topic.len() <= MOST_REPLY
            && !topic.starts_with('$')
            && !topic.contains(|c: char| c.is_control() || c == '+' || c == '#');
        let taken = self.settings.not_for_answers.iter();
        let commands = self.settings.topics.iter().map(|(_, topic)| topic);
        is_topic
            && !commands.into_iter().any(|command| command == topic)
            && !taken.into_iter().any(|start| topic.starts_with(start))
    }
}

/// Who says that he gave it; MQTT itself does not tell.
fn by(message: &Message) -> String {
    let mut named = message.properties.user.iter();
    let named = named.find(|(key, _)| key == "from");
    named.map_or_else(|| "unknown".to_owned(), |(_, name)| tame(name))
}
