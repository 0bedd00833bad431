//! What the connections share: sessions with their subscriptions, and the retained messages.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rumqttc::v5::mqttbytes::{
    QoS,
    v5::{Filter, LastWill, PubAckReason, Publish, PublishProperties, SubscribeReasonCode},
};
use tokio::sync::mpsc;

use super::BrokerStats;

/// Messages waiting for one subscriber.
pub(super) const QUEUE: usize = 1024;
/// Retained messages; more are refused.
const MOST_RETAINED: usize = 10_000;
/// Subscriptions of one session; more are refused.
const MOST_FILTERS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Hub {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<String, Session>,
    retained: BTreeMap<String, Publish>,
    generation: u64,
    stats: BrokerStats,
}

#[derive(Debug)]
struct Session {
    generation: u64,
    queue: mpsc::Sender<Publish>,
    /// With the quality of service granted, and whether messages keep their retain flag (MQTT 5 §3.8.3.1).
    filters: Vec<(String, QoS, bool)>,
    will: Option<LastWill>,
}

/// A connection's place in the hub.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) client: String,
    generation: u64,
    /// What was published to the session; ends when another connection took it over.
    pub(super) queue: mpsc::Receiver<Publish>,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> BrokerStats {
        let state = self.state();
        BrokerStats {
            sessions: state.sessions.len(),
            ..state.stats
        }
    }

    /// Opens a session. One of the same name ends, and its will is out before the new one begins (MQTT 5 §3.1.4).
    pub(super) fn open(&self, client: &str, will: Option<LastWill>) -> Ticket {
        let mut state = self.state();
        state.generation += 1;
        let generation = state.generation;
        let client = if client.is_empty() {
            format!("auto-{generation}")
        } else {
            client.to_owned()
        };
        let (sender, queue) = mpsc::channel(QUEUE);
        let session = Session {
            generation,
            queue: sender,
            filters: Vec::new(),
            will,
        };
        if let Some(will) = state
            .sessions
            .insert(client.clone(), session)
            .and_then(|old| old.will)
        {
            state.publish(&from_will(&will));
        }
        Ticket {
            client,
            generation,
            queue,
        }
    }

    /// Ends the session unless another connection has it by now; without a DISCONNECT the will is published.
    pub(super) fn close(&self, ticket: &Ticket, said_goodbye: bool) {
        let mut state = self.state();
        if state
            .sessions
            .get(&ticket.client)
            .is_none_or(|session| session.generation != ticket.generation)
        {
            return;
        }
        let will = state
            .sessions
            .remove(&ticket.client)
            .and_then(|session| session.will);
        if let Some(will) = will.filter(|_| !said_goodbye) {
            state.publish(&from_will(&will));
        }
    }

    pub(super) fn publish(&self, publish: &Publish) -> PubAckReason {
        self.state().publish(publish)
    }

    /// Adds subscriptions and queues what is retained under them.
    pub(super) fn subscribe(
        &self,
        ticket: &Ticket,
        filters: &[Filter],
    ) -> Vec<SubscribeReasonCode> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(session) = state.sessions.get_mut(&ticket.client) else {
            return Vec::new();
        };
        let add = |filter: &Filter| {
            let granted = if filter.qos == QoS::AtMostOnce {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            if filter.path.starts_with("$share/") {
                return SubscribeReasonCode::SharedSubscriptionsNotSupported;
            }
            if !is_filter(&filter.path) {
                return SubscribeReasonCode::TopicFilterInvalid;
            }
            session.filters.retain(|(path, ..)| *path != filter.path);
            if session.filters.len() >= MOST_FILTERS {
                return SubscribeReasonCode::QuotaExceeded;
            }
            let keeps_retain = filter.preserve_retain;
            session
                .filters
                .push((filter.path.clone(), granted, keeps_retain));
            for (topic, retained) in &state.retained {
                if matches(topic, &filter.path) {
                    // A queue full of retained messages: the rest is missing, as after any late subscription.
                    let _ = session.queue.try_send(Publish {
                        qos: lesser(retained.qos, granted),
                        ..retained.clone()
                    });
                }
            }
            SubscribeReasonCode::Success(granted)
        };
        filters.iter().map(add).collect()
    }

    /// Removes subscriptions; says for each whether it was there.
    pub(super) fn unsubscribe(&self, ticket: &Ticket, filters: &[String]) -> Vec<bool> {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&ticket.client) else {
            return Vec::new();
        };
        let mut remove = |filter: &String| {
            let before = session.filters.len();
            session.filters.retain(|(path, ..)| path != filter);
            session.filters.len() < before
        };
        filters.iter().map(&mut remove).collect()
    }
}

impl State {
    fn publish(&mut self, publish: &Publish) -> PubAckReason {
        let Ok(topic) = std::str::from_utf8(&publish.topic) else {
            return PubAckReason::TopicNameInvalid;
        };
        if topic.is_empty() || topic.contains(['+', '#', '\0']) {
            return PubAckReason::TopicNameInvalid;
        }
        if publish.retain && publish.payload.is_empty() {
            self.retained.remove(topic);
        } else if publish.retain {
            if self.retained.len() >= MOST_RETAINED && !self.retained.contains_key(topic) {
                return PubAckReason::QuotaExceeded;
            }
            self.retained.insert(topic.to_owned(), publish.clone());
        }
        let subscribed = |session: &Session| {
            let granted = session
                .filters
                .iter()
                .filter(|(filter, ..)| matches(topic, filter))
                .map(|(_, qos, keeps_retain)| (*qos, *keeps_retain));
            granted.reduce(|a, b| (if a.0 < b.0 { b.0 } else { a.0 }, a.1 || b.1))
        };
        // A closed queue is a session whose connection is just ending.
        let open = self
            .sessions
            .values()
            .filter(|session| !session.queue.is_closed());
        let targets: Vec<_> = open
            .filter_map(|session| Some((&session.queue, subscribed(session)?)))
            .collect();
        if targets.is_empty() {
            self.stats.unmatched += 1;
            return PubAckReason::NoMatchingSubscribers;
        }
        // Only this function fills the queues, under the lock: room seen now is room below.
        if targets.iter().any(|(queue, _)| queue.capacity() == 0) {
            self.stats.refused += 1;
            return PubAckReason::QuotaExceeded;
        }
        for (queue, (granted, keeps_retain)) in targets {
            let message = Publish {
                dup: false,
                retain: publish.retain && keeps_retain,
                qos: lesser(publish.qos, granted),
                ..publish.clone()
            };
            let _ = queue.try_send(message);
        }
        self.stats.delivered += 1;
        PubAckReason::Success
    }
}

/// The quality of service that both sides agreed to.
fn lesser(a: QoS, b: QoS) -> QoS {
    if a < b { a } else { b }
}

fn from_will(will: &LastWill) -> Publish {
    let properties = will.properties.as_ref().map(|given| PublishProperties {
        payload_format_indicator: given.payload_format_indicator,
        message_expiry_interval: given.message_expiry_interval,
        response_topic: given.response_topic.clone(),
        correlation_data: given.correlation_data.clone(),
        user_properties: given.user_properties.clone(),
        content_type: given.content_type.clone(),
        ..PublishProperties::default()
    });
    Publish {
        dup: false,
        qos: will.qos,
        retain: will.retain,
        topic: will.topic.clone(),
        pkid: 0,
        payload: will.message.clone(),
        properties,
    }
}

/// Whether wildcards stand where they may (MQTT 5 §4.7.1).
fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut well_formed = !filter.is_empty();
    while let Some(level) = levels.next() {
        let last = levels.peek().is_none();
        well_formed &= level == "+" || (level == "#" && last) || !level.contains(['+', '#']);
    }
    well_formed
}

/// Whether `topic` falls under `filter`; topics that begin with `$` are for exact filters only (MQTT 5 §4.7.2).
pub(super) fn matches(topic: &str, filter: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut topics, mut filters) = (topic.split('/'), filter.split('/'));
    loop {
        match (topics.next(), filters.next()) {
            (_, Some("#")) | (None, None) => return true,
            (Some(_), Some("+")) => {}
            (Some(level), Some(wanted)) if level == wanted => {}
            _ => return false,
        }
    }
}
