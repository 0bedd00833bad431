//! What the storing broker does: it enters events before it acknowledges them, and misbehaves as its manners say.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason, Publish};
use tracegate_sim::broker::{Answer, Conduct, Terms, Welcome};

use super::ledger::Ledger;

/// Something that happens to a message.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// It is stored; the acknowledgement is lost.
    LoseAck,
    /// It is not taken, for this reason.
    Refuse(PubAckReason),
    /// It is not taken; DISCONNECT.
    Goodbye(DisconnectReasonCode),
    /// It is stored, and rubbish comes instead of the acknowledgement.
    Rubbish(&'static [u8]),
    /// It is stored; then the connection is reset.
    Cut,
    /// Nothing more is read.
    Deaf,
}

/// A connection that is not made.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    Because(ConnectReturnCode),
    Silence,
}

/// How the broker behaves.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// Each so many messages one of `acts` happens, in turn.
    pub every: i64,
    pub acts: Vec<Act>,
    /// Acknowledgements wait for up to so many milliseconds, and so overtake each other.
    pub ack_delay_ms: u64,
    /// Every other connection is refused, from the second on, until there are no more of these.
    pub refusals: Vec<Refusal>,
    /// Receive maxima of the connections, in turn.
    pub receive_maxima: Vec<u16>,
    pub packet_maximum: Option<u32>,
    pub topic_aliases: u16,
    pub keep_alive_s: Option<u16>,
}

#[derive(Debug)]
pub struct Script {
    manners: Manners,
    ledger: Arc<Ledger>,
    random: Mutex<fastrand::Rng>,
    connections: AtomicUsize,
    refused: AtomicUsize,
    messages: AtomicI64,
    next_act: AtomicI64,
    acted: AtomicUsize,
    protests: Mutex<Vec<DisconnectReasonCode>>,
}

impl Script {
    pub fn new(manners: Manners, ledger: Arc<Ledger>, seed: u64) -> Arc<Self> {
        let next_act = AtomicI64::new(manners.every);
        Arc::new(Self {
            manners,
            ledger,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            connections: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            messages: AtomicI64::new(0),
            next_act,
            acted: AtomicUsize::new(0),
            protests: Mutex::new(Vec::new()),
        })
    }

    fn random(&self, below: u64) -> u64 {
        let mut random = self.random.lock().expect("nobody panics with it");
        random.u64(..below.max(1))
    }

    /// Acts and refusals so far.
    pub fn faults(&self) -> usize {
        self.acted.load(Relaxed) + self.refused.load(Relaxed)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Refusals that were planned and have not happened.
    pub fn refusals_left(&self) -> usize {
        self.manners.refusals.len() - self.refused.load(Relaxed)
    }

    /// What the gateway did wrong.
    pub fn protests(&self) -> Vec<DisconnectReasonCode> {
        let protests = self.protests.lock().expect("nobody panics with it");
        protests.clone()
    }

    fn act(&self) -> Option<Act> {
        let count = self.messages.fetch_add(1, Relaxed) + 1;
        if self.manners.acts.is_empty() || count < self.next_act.load(Relaxed) {
            return None;
        }
        let every = self.manners.every;
        let jitter = i64::try_from(self.random(u64::try_from(every).unwrap_or(1))).unwrap_or(0);
        self.next_act.store(count + every / 2 + jitter, Relaxed);
        let acted = self.acted.fetch_add(1, Relaxed);
        self.manners
            .acts
            .get(acted % self.manners.acts.len())
            .copied()
    }
}

impl Conduct for Script {
    fn welcome(&self, _: usize) -> Welcome {
        let number = self.connections.fetch_add(1, Relaxed);
        let refused = self.refused.load(Relaxed);
        if number % 2 == 1
            && let Some(refusal) = self.manners.refusals.get(refused)
        {
            self.refused.fetch_add(1, Relaxed);
            return match refusal {
                Refusal::Because(code) => Welcome::No(*code),
                Refusal::Silence => Welcome::Silence,
            };
        }
        let Manners {
            receive_maxima,
            packet_maximum,
            topic_aliases,
            keep_alive_s,
            ..
        } = &self.manners;
        Welcome::Yes(Terms {
            receive_maximum: receive_maxima
                .get(number % receive_maxima.len().max(1))
                .copied(),
            packet_maximum: *packet_maximum,
            topic_aliases: *topic_aliases,
            keep_alive_s: *keep_alive_s,
        })
    }

    fn publish(&self, _: usize, publish: &Publish) -> Answer {
        if publish.retain {
            // Status; nothing depends on it.
            return Answer::Because(PubAckReason::Success);
        }
        let act = self.act();
        match act {
            Some(Act::Refuse(reason)) => return Answer::Because(reason),
            Some(Act::Goodbye(reason)) => return Answer::Goodbye(reason),
            Some(Act::Deaf) => return Answer::Deaf,
            _ => self.ledger.enter(publish),
        }
        match act {
            Some(Act::LoseAck) => Answer::Silence,
            Some(Act::Rubbish(bytes)) => Answer::Words(bytes.to_vec()),
            Some(Act::Cut) => Answer::Cut,
            _ if self.manners.ack_delay_ms > 0 => Answer::Later(Duration::from_millis(
                self.random(self.manners.ack_delay_ms),
            )),
            _ => Answer::Because(PubAckReason::Success),
        }
    }

    fn protest(&self, _: usize, reason: DisconnectReasonCode) {
        let mut protests = self.protests.lock().expect("nobody panics with it");
        protests.push(reason);
    }
}
