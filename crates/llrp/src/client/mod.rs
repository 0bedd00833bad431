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
//! - One request is under way at a time; a response is matched by id and type, and registered before it is sent.

mod capabilities;
mod config;
mod error;
mod event;
mod receive;
mod rospec;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use capabilities::Capabilities;
pub use config::{AntennaConfig, ClientConfig, Dbm, ForeignRoSpecs};
pub use error::{ClientError, LinkLoss};
pub use event::{ClientCounters, ClientEvent, CloseReason};
use setup::{Setup, Step};

use crate::VERSION_1_0_1;
use crate::codec::{Frame, message};
use crate::frame::{FrameSplitter, Header};

/// Most events waiting for [`Client::poll_event`]; more are dropped and counted.
const EVENTS_MAX: usize = 4096;
/// Most tag reports waiting for [`Client::poll_event`]; more are dropped and counted.
const TAGS_MAX: usize = 200_000;
/// Most tag reports gathered into one event.
const TAGS_PER_EVENT: usize = 1024;
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

/// The request under way.
#[derive(Debug)]
struct Pending {
    message_id: u32,
    step: Step,
    deadline: Duration,
}

/// The client's side of one connection.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    splitter: FrameSplitter,
    setup: Setup,
    pending: Option<Pending>,
    acks: VecDeque<u32>,
    requests: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
    waiting_tags: usize,
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
        let deadline = now.saturating_add(config.connect_timeout);
        Self {
            splitter: FrameSplitter::new(config.max_message_len),
            config,
            state: State::AwaitingConnection { deadline },
            setup: Setup::default(),
            pending: None,
            acks: VecDeque::new(),
            requests: VecDeque::new(),
            events: VecDeque::new(),
            waiting_tags: 0,
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
        if let Some(pending) = &self.pending
            && now >= pending.deadline
        {
            let request = pending.step.request_name();
            let seconds = self.config.request_timeout.as_secs();
            return self.fail(LinkLoss::RequestTimedOut { request, seconds }.into());
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
        let pending = self.pending.as_ref().map(|pending| pending.deadline);
        [own, pending, self.silence_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next bytes for the reader.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(message_id) = self.acks.pop_front() {
            let header = Header {
                version: VERSION_1_0_1,
                message_type: message::KeepaliveAck::TYPE,
                message_id,
            };
            return Some(header.encode(crate::frame::HEADER_LEN as u32).to_vec());
        }
        self.requests.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        let event = self.events.pop_front();
        if let Some(ClientEvent::Reports(tags)) = &event {
            self.waiting_tags -= tags.len();
        }
        event
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
                self.request(now, Step::Close);
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

    /// Sends the request of a step and waits for its response, if it has one.
    fn request(&mut self, now: Duration, step: Step) {
        let message_id = self.next_message_id;
        self.next_message_id = message_id.checked_add(1).unwrap_or(1);
        let message = self.step_message(&step);
        let deadline = now.saturating_add(self.config.request_timeout);
        self.pending = step.has_response().then_some(Pending {
            message_id,
            step,
            deadline,
        });
        match (Frame {
            version: VERSION_1_0_1,
            message_id,
            message,
        })
        .encode()
        {
            Ok(bytes) => self.requests.push_back(bytes),
            Err(error) => self.fail(ClientError::Misconfigured(format!(
                "the ROSpec cannot be sent: {error}"
            ))),
        }
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
        self.requests.clear();
        self.setup.steps.clear();
        if connected && !ended {
            // Some readers keep the session of a client that just goes away, and then refuse the next.
            self.state = State::Closed;
            self.request(self.heard, Step::Close);
        }
        self.end(CloseReason::Failed(error));
    }

    fn end(&mut self, reason: CloseReason) {
        self.state = State::Closed;
        self.pending = None;
        self.watching = false;
        // Not bounded by `EVENTS_MAX`: it comes once.
        self.events.push_back(ClientEvent::Closed { reason });
    }
}
