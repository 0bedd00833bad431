//! The way back: subscriptions on each connection, and what arrives on them.
//!
//! Nothing here ends a connection or holds up an event: a subscription that is refused is a condition and is asked for again
//! from time to time, a message that cannot be used is counted and forgotten. Messages larger than [`super::client`] takes the broker
//! keeps to itself, because CONNECT says so (MQTT 5 §3.1.2.11.4).

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::client::{Filter, Message};
use super::commands::{self, Around, Commands};
use super::lanes::Lanes;
use crate::downlink::ack::{Limits, StoreAcks};
use crate::downlink::command::Kind;
use crate::health::{Code, Health, Notice, tame};
use crate::logs;

/// A refused subscription is asked for again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// What comes down from the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Rows are deleted on the store's word: the topic it publishes that on, and how far sending may run ahead of it.
    pub acknowledge: Option<(String, Limits)>,
    /// Commands that are allowed.
    pub commands: commands::Settings,
}

/// What a subscription is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Acknowledgement,
    Command(Kind),
}

impl Purpose {
    const fn notice(self) -> Notice {
        match self {
            Self::Acknowledgement => Notice::StoreSubscription,
            Self::Command(kind) => Notice::CommandSubscription(kind),
        }
    }

    const fn without(self) -> &'static str {
        match self {
            Self::Acknowledgement => {
                "without it the store's word cannot be heard, and nothing leaves the buffer"
            }
            Self::Command(_) => "without it this command cannot be given",
        }
    }
}

/// Everything of the way back that outlives a connection.
#[derive(Debug)]
pub(super) struct Downlink {
    filters: Vec<(Purpose, String)>,
    acks: Option<StoreAcks>,
    /// The buffer that the store confirms events of.
    epoch: String,
    pub(super) commands: Commands,
    /// When to subscribe, and whether that was asked for and not answered.
    subscribe_at: Option<Instant>,
    asked: bool,
}

impl Downlink {
    /// Everything up to `acknowledged` is done; what is not newer than `committed` may have been sent in an earlier life.
    pub(super) fn new(
        settings: &Settings,
        (acknowledged, committed): (i64, i64),
        epoch: String,
    ) -> Self {
        let acks = settings.acknowledge.as_ref();
        let ack = acks.map(|(topic, _)| (Purpose::Acknowledgement, topic.clone()));
        let commands = settings.commands.topics.iter();
        let commands = commands.map(|(kind, topic)| (Purpose::Command(*kind), topic.clone()));
        Self {
            filters: ack.into_iter().chain(commands).collect(),
            epoch,
            commands: Commands::new(settings.commands.clone()),
            acks: acks.map(|(_, limits)| StoreAcks::new(*limits, acknowledged, committed)),
            subscribe_at: None,
            asked: false,
        }
    }

    /// A new connection. Returns the row behind which sending goes on, if the store decides that.
    pub(super) fn connected(&mut self, now: Instant) -> Option<i64> {
        self.asked = false;
        self.commands.reconnected();
        self.subscribe_at = (!self.filters.is_empty()).then_some(now);
        self.acks.as_mut().map(|acks| acks.connected(now))
    }

    /// What to subscribe to now. Only when nothing is under way: the client does not look whether the packet's number is
    /// free.
    pub(super) fn subscriptions_due(&mut self, now: Instant, idle: bool) -> Vec<Filter> {
        if !idle || self.asked || self.subscribe_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.asked = true;
        self.subscribe_at = None;
        let filters = self.filters.iter();
        filters
            .map(|(purpose, topic)| Filter {
                topics: topic.clone(),
                // So that a command that is to be kept by the broker is recognised when it is given.
                retain_as_published: matches!(purpose, Purpose::Command(_)),
                at_most_once: false,
            })
            .collect()
    }

    /// The broker's answer to the subscriptions, in their order.
    pub(super) fn subscribed(
        &mut self,
        mut answer: Vec<Result<(), String>>,
        health: &Health,
        now: Instant,
    ) {
        let missing = || Err("its answer is too short".to_owned());
        answer.resize_with(self.filters.len(), missing);
        self.asked = false;
        for ((purpose, topic), answer) in self.filters.iter().zip(answer) {
            let refusal = answer.err().map(|why| {
                format!(
                    "the broker refuses the subscription to {topic}: {why}; {}",
                    purpose.without()
                )
            });
            if refusal.is_some() {
                self.subscribe_at = Some(now + AGAIN);
            }
            if health.notice(purpose.notice(), refusal.clone()) {
                match refusal {
                    Some(reason) => warn!(
                        code = logs::SUBSCRIPTION_REFUSED,
                        reason, "Subscription refused; trying again"
                    ),
                    None => info!(
                        code = logs::SUBSCRIPTION_REFUSED,
                        topic, "Subscription accepted now"
                    ),
                }
            }
        }
    }

    /// A message came. Returns the store's mark when it has moved.
    pub(super) fn message(&mut self, message: &Message, around: Around<'_>) -> Option<i64> {
        let mut filters = self.filters.iter();
        let purpose = filters.find(|(_, filter)| *filter == message.topic);
        let purpose = purpose.map(|(purpose, _)| *purpose);
        match purpose {
            Some(Purpose::Acknowledgement) => self.store_says(message, around.health, around.now),
            Some(Purpose::Command(kind)) => {
                self.commands.message(kind, message, around);
                None
            }
            None => {
                debug!(topic = message.topic, "Message on a topic of nobody");
                None
            }
        }
    }

    fn store_says(&mut self, message: &Message, health: &Health, now: Instant) -> Option<i64> {
        let acks = self.acks.as_mut()?;
        let moved = match acks.hear(&message.payload, &health.epoch(), now) {
            Ok(moved) => moved,
            // What the broker kept is of a time that is over.
            Err(reason) if message.retain => {
                debug!(%reason, "Kept acknowledgement not taken");
                return None;
            }
            Err(reason) => {
                health.counters().acks_refused.add(1);
                let reason = tame(&format!("its acknowledgement is not taken: {reason}"));
                if health.notice(Notice::StoreRefused, Some(reason.clone())) {
                    warn!(
                        code = Code::StoreRefused.as_str(),
                        reason, "Acknowledgement of the store not taken"
                    );
                }
                return None;
            }
        };
        health.notice(Notice::StoreRefused, None);
        if moved && health.notice(Notice::StoreSilent, None) {
            info!(
                code = Code::StoreSilent.as_str(),
                "The store confirms events again"
            );
        }
        self.count(health);
        moved
            .then(|| self.acks.as_ref().map(StoreAcks::done))
            .flatten()
    }

    /// The store's mark, if rows are deleted on its word.
    pub(super) fn mark(&self) -> Option<i64> {
        self.acks.as_ref().map(StoreAcks::mark)
    }

    /// How many more events may be sent before the store must speak.
    pub(super) fn room(&self) -> usize {
        self.acks.as_ref().map_or(usize::MAX, StoreAcks::room)
    }

    /// Whether everything before the next row is confirmed, if that matters.
    pub(super) fn is_confirmed(&self) -> bool {
        self.previous().is_none_or(|previous| previous == 0)
    }

    /// The event that the store must have before the next one; 0 for none.
    pub(super) fn previous(&self) -> Option<i64> {
        self.acks.as_ref().map(StoreAcks::previous)
    }

    /// The row goes out. Whether it has before, if the store acknowledges.
    pub(super) fn sending(&mut self, seq: i64, health: &Health, now: Instant) -> Option<bool> {
        let again = self.acks.as_mut().map(|acks| acks.sending(seq, now));
        self.count(health);
        again
    }

    /// What is sent next, behind this row. The store can say only that it has everything up to some row: nothing may then
    /// run ahead of one that the broker does not take.
    pub(super) fn lanes<R>(&self, from: i64) -> Lanes<R> {
        match self.acks {
            Some(_) => Lanes::in_order(from),
            None => Lanes::new(from),
        }
    }

    /// The broker took everything up to here. Returns up to where it is done with, which may be for the store to say.
    pub(super) fn taken(&mut self, seq: i64) -> i64 {
        let Some(acks) = &mut self.acks else {
            return seq;
        };
        acks.taken(seq);
        acks.done()
    }

    /// The row was set aside.
    pub(super) fn skip(&mut self, seq: i64, now: Instant) {
        if let Some(acks) = &mut self.acks {
            acks.skip(seq, now);
        }
    }

    /// Sending goes on behind this row.
    pub(super) fn back_to(&mut self, seq: i64) {
        if let Some(acks) = &mut self.acks {
            acks.back_to(seq);
        }
    }

    /// The row behind which sending begins again because the store has been silent for too long; asked for in vain while
    /// anything is in flight.
    pub(super) fn restart(&mut self, idle: bool, health: &Health, now: Instant) -> Option<i64> {
        let acks = self.acks.as_mut()?;
        let epoch = health.epoch();
        let renamed = epoch != self.epoch;
        if renamed {
            acks.renamed();
        }
        if !acks.is_overdue(now) || !idle {
            return None;
        }
        self.epoch = epoch;
        let unconfirmed = acks.unconfirmed();
        let from = acks.restart();
        if renamed {
            return Some(from);
        }
        let reason = "it confirms nothing of what is sent; is it running, does it publish its acknowledgement on [mqtt] ack_topic, and may this gateway read that (the broker's access list)?";
        if health.notice(Notice::StoreSilent, Some(reason.to_owned())) {
            warn!(
                code = Code::StoreSilent.as_str(),
                count = unconfirmed,
                reason,
                "The store is silent; sending again from where it is"
            );
        }
        self.count(health);
        Some(from)
    }

    fn count(&self, health: &Health) {
        let unconfirmed = self.acks.as_ref().map_or(0, StoreAcks::unconfirmed);
        health.counters().unconfirmed.set(unconfirmed);
    }
}
