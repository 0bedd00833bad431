//! The client's half of LLRP: one [`Client`] is one connection to one reader.
//!
//! `now` is time since an origin of the caller's choice; it must not go backwards. Drive it like this:
//!
//! 1. Connect the transport, make a [`Client`].
//! 2. After every call, send what [`Client::poll_transmit`] gives and take what [`Client::poll_event`] gives, until both are
//!    `None`.
//! 3. Wait for bytes ([`Client::handle_bytes`]), the end of the transport ([`Client::handle_end`]) or the time that
//!    [`Client::poll_timeout`] names ([`Client::handle_timeout`]).
//! 4. After [`ClientEvent::Closed`], send what is left, close the transport, wait by [`crate::backoff`], start again with a
//!    new `Client`: a half message of the old connection must not meet the new one's bytes.
//!
//! # Invariants
//!
//! - Keepalive answers overtake everything else, and are due as soon as the bytes are handed in.
//! - Reports are delivered from the first byte on, not only when set-up is done.
//! - The set-up has one request under way at a time, outputs are written beside it; a response is matched by id and type,
//!   and awaited before the request is sent. Late ones are recognised.
//! - What was asked for and the reader refuses is left out step by step and told; nothing is left out that would make
//!   reads count which should not.

mod access;
mod capabilities;
mod check;
mod compare;
mod config;
mod configure;
mod content;
mod error;
mod event;
mod memory;
mod modes;
mod notify;
mod outputs;
mod receive;
mod refusal;
mod reports;
mod request;
mod rospec;
mod setup;
mod step;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use capabilities::Capabilities;
pub use config::{
    AccessRead, AntennaConfig, ClientConfig, Dbm, DutyCycle, ForeignRoSpecs, GpiTrigger,
    MemoryBank, ReportContent, RfMode, SearchMode, Select, TID_OP_SPEC,
};
pub use error::{ClientError, LinkLoss};
pub use event::{ClientCounters, ClientEvent, CloseReason};
pub use memory::Memory;
pub use modes::ModeEntry;
use notify::ReaderClock;
use outputs::Outputs;
use reports::Merged;
use request::{Pending, Task};
use setup::Setup;

use crate::VERSION_1_0_1;
use crate::codec::message;
use crate::frame::{FrameSplitter, Header};

/// Most events waiting for [`Client::poll_event`]; more are dropped and counted.
const EVENTS_MAX: usize = 4096;
/// Most keepalive answers waiting for [`Client::poll_transmit`].
const ACKS_MAX: usize = 64;
/// Silent keepalive periods after which the link is taken for dead.
const SILENT_PERIODS: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitingConnection { deadline: Duration },
    SettingUp,
    Ready,
    Closing { deadline: Duration },
    Closed,
}

/// The client's side of one connection.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    memory: Memory,
    state: State,
    splitter: FrameSplitter,
    setup: Setup,
    outputs: Outputs,
    /// Protocol version spoken.
    version: u8,
    /// The version is settled, so that anything may be asked.
    negotiated: bool,
    pending: Vec<Pending>,
    /// Ids of requests whose answer nobody waits for any more.
    expired: VecDeque<u32>,
    acks: VecDeque<u32>,
    requests: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
    waiting_tags: usize,
    merged: Merged,
    clock: ReaderClock,
    /// When bytes last came.
    heard: Duration,
    /// The reader has been told to send keepalives.
    watching: bool,
    next_message_id: u32,
    counters: ClientCounters,
}

impl Client {
    /// A client on a transport that has just been connected.
    #[must_use]
    pub fn new(config: ClientConfig, now: Duration) -> Self {
        Self::with_memory(config, now, Memory::default())
    }

    /// A client on a transport that has just been connected, with what an earlier one learned about the reader.
    #[must_use]
    pub fn with_memory(config: ClientConfig, now: Duration, mut memory: Memory) -> Self {
        memory.meet_config(&config);
        let deadline = now.saturating_add(config.connect_timeout);
        Self {
            splitter: FrameSplitter::new(config.max_message_len),
            config,
            memory,
            state: State::AwaitingConnection { deadline },
            setup: Setup::default(),
            outputs: Outputs::default(),
            version: VERSION_1_0_1,
            negotiated: false,
            pending: Vec::new(),
            expired: VecDeque::new(),
            acks: VecDeque::new(),
            requests: VecDeque::new(),
            events: VecDeque::new(),
            waiting_tags: 0,
            merged: Merged::default(),
            clock: ReaderClock::default(),
            heard: now,
            watching: false,
            next_message_id: 1,
            counters: ClientCounters::default(),
        }
    }

    /// Takes in bytes from the reader, in any pieces.
    pub fn handle_bytes(&mut self, now: Duration, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.heard = now;
        }
        let mut splitter = std::mem::take(&mut self.splitter);
        let mut input = bytes;
        while self.state != State::Closed {
            match splitter.next_frame(&mut input) {
                Ok(Some(frame)) => self.handle_frame(now, frame),
                Ok(None) => break,
                Err(error) if matches!(self.state, State::AwaitingConnection { .. }) => {
                    self.fail(ClientError::NotLlrp(Some(error)));
                }
                Err(error) => self.fail(LinkLoss::Garbled(error).into()),
            }
        }
        self.splitter = splitter;
    }

    /// The transport has ended.
    pub fn handle_end(&mut self, _now: Duration) {
        match self.state {
            State::Closed => {}
            State::Closing { .. } => self.end(CloseReason::Requested),
            _ => self.fail(LinkLoss::TransportEnded.into()),
        }
    }

    /// Acts on what is overdue.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.state {
            State::Closed => return,
            State::AwaitingConnection { deadline } if now >= deadline => {
                let seconds = self.config.connect_timeout.as_secs();
                return self.fail(LinkLoss::NoConnectionEvent { seconds }.into());
            }
            State::Closing { deadline } if now >= deadline => {
                return self.end(CloseReason::Requested);
            }
            _ => {}
        }
        self.expire_requests(now);
        if self.setup.check_due.take_if(|due| now >= *due).is_some() {
            self.check_reading(now);
        }
        if self
            .silence_deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            let seconds = now.saturating_sub(self.heard).as_secs();
            self.fail(LinkLoss::Silent { seconds }.into());
        }
    }

    /// When to call [`Client::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let own = match self.state {
            State::Closed => return None,
            State::AwaitingConnection { deadline } | State::Closing { deadline } => Some(deadline),
            State::SettingUp | State::Ready => None,
        };
        let pending = self.pending.iter().map(|pending| pending.deadline).min();
        let check = self.setup.check_due;
        [own, pending, check, self.silence_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next bytes for the reader.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(message_id) = self.acks.pop_front() {
            let header = Header {
                version: self.version,
                message_type: message::KeepaliveAck::TYPE,
                message_id,
            };
            return Some(header.encode(crate::frame::HEADER_LEN as u32).to_vec());
        }
        self.requests.pop_front()
    }

    /// Ends the session in good order: CLOSE_CONNECTION, and its response within
    /// [`close_timeout`](ClientConfig::close_timeout). Reports that come meanwhile are delivered.
    pub fn close(&mut self, now: Duration) {
        match self.state {
            State::Closed | State::Closing { .. } => {}
            // Before its connection event the reader may be sent nothing (LLRP 1.0.1 §17.1.2).
            State::AwaitingConnection { .. } => self.end(CloseReason::Requested),
            State::SettingUp | State::Ready => {
                let deadline = now.saturating_add(self.config.close_timeout);
                self.state = State::Closing { deadline };
                self.setup.steps.clear();
                self.forget_requests();
                self.request(now, Task::Close);
            }
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether set-up is done and the session lasts.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What was learned about the reader, for the next client.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.memory.clone()
    }

    /// Counters of this connection.
    #[must_use]
    pub fn counters(&self) -> ClientCounters {
        ClientCounters {
            frames: self.splitter.counters(),
            ..self.counters
        }
    }

    fn silence_deadline(&self) -> Option<Duration> {
        let patience = self.keepalive_period().saturating_mul(SILENT_PERIODS);
        self.watching.then(|| self.heard.saturating_add(patience))
    }

    fn keepalive_period(&self) -> Duration {
        self.config.keepalive_period.max(Duration::from_millis(1))
    }

    fn emit(&mut self, event: ClientEvent) {
        // One notification can end the session and tell of more; the end is the last word.
        if self.state == State::Closed {
            return;
        }
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.undelivered_events += 1;
        }
    }

    fn warn(&mut self, text: String) {
        self.emit(ClientEvent::Warning(text));
    }

    fn fail(&mut self, error: ClientError) {
        let connected = !matches!(self.state, State::AwaitingConnection { .. });
        let ended = matches!(
            error,
            ClientError::LinkLost(LinkLoss::TransportEnded | LinkLoss::ClosedByReader)
        );
        if ended && self.awaits_versions() {
            // It was the question, most likely, unless the network broke just then: the next session does without if the
            // reader said that it closes, or if it happens twice in a row.
            let said = error == ClientError::LinkLost(LinkLoss::ClosedByReader);
            self.memory.dislikes_versions |= said || self.memory.versions_cut;
            self.memory.versions_cut = true;
        }
        self.requests.clear();
        self.setup.steps.clear();
        self.forget_requests();
        if connected && !ended {
            // Some readers keep the session of a client that just goes away, and then refuse the next.
            self.state = State::Closed;
            self.request(self.heard, Task::Close);
        }
        self.end(CloseReason::Failed(error));
    }

    fn end(&mut self, reason: CloseReason) {
        self.state = State::Closed;
        self.pending.clear();
        self.watching = false;
        // Not bounded by `EVENTS_MAX`: it comes once.
        self.events.push_back(ClientEvent::Closed { reason });
    }
}
