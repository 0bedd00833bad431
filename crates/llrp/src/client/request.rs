//! Requests under way: sent, timed, and matched with their responses.
//!
//! The set-up asks one thing at a time, because each answer decides what comes next. Outputs are written beside it, and
//! CLOSE_CONNECTION waits for nobody.

use std::time::Duration;

use super::error::{ClientError, LinkLoss};
use super::event::CloseReason;
use super::refusal::Refusal;
use super::step::Step;
use super::{Client, State};
use crate::VERSION_1_1;
use crate::codec::impinj::EnableExtensionsResponse;
use crate::codec::message::{self, Message, message_name};
use crate::codec::param::{GPOWriteData, LLRPStatus};
use crate::codec::{Frame, Params};
use crate::frame::RawFrame;
use crate::wire::DecodeError;

/// Most requests without an answer whose late answers are still recognised.
const EXPIRED_MAX: usize = 16;

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// The set-up, and what keeps it up.
    Setup(Step),
    /// A write to an output.
    Output { port: u16, high: bool },
    /// The reports gathered so far.
    Fetch,
    /// The end of the session.
    Close,
}

/// A request whose response has not come.
#[derive(Debug)]
pub(super) struct Pending {
    message_id: u32,
    task: Task,
    pub(super) deadline: Duration,
    /// How long that is from the start.
    patience: Duration,
}

impl Task {
    fn request_type(&self) -> u16 {
        match self {
            Self::Setup(step) => step.request_type(),
            Self::Output { .. } => message::SetReaderConfig::TYPE,
            Self::Fetch => message::GetReport::TYPE,
            Self::Close => message::CloseConnection::TYPE,
        }
    }

    /// Name of the request, as the standard has it.
    fn request_name(&self) -> &'static str {
        match self {
            Self::Setup(Step::Extensions) => "IMPINJ_ENABLE_EXTENSIONS",
            _ => message_name(self.request_type()).unwrap_or("a request"),
        }
    }

    /// Type of the response: numbered 10 above the request, with two exceptions. `None` if there is none.
    fn response_type(&self) -> Option<u16> {
        match self {
            Self::Setup(step) if !step.has_response() => None,
            Self::Fetch => None,
            Self::Setup(Step::Extensions) => Some(message::CustomMessage::TYPE),
            Self::Close => Some(message::CloseConnectionResponse::TYPE),
            _ => Some(self.request_type() + 10),
        }
    }

    /// Whether the session goes on without an answer.
    fn is_optional(&self) -> bool {
        match self {
            Self::Setup(step) => step.is_optional(),
            Self::Output { .. } | Self::Fetch => true,
            Self::Close => false,
        }
    }
}

impl Client {
    /// Whether requests may be sent beside the set-up.
    pub(super) fn can_request(&self) -> bool {
        self.negotiated && matches!(self.state, State::SettingUp | State::Ready)
    }

    /// Whether a request of the set-up is under way.
    pub(super) fn is_setting_up(&self) -> bool {
        self.pending
            .iter()
            .any(|pending| matches!(pending.task, Task::Setup(_)))
    }

    /// Sends a request and waits for its response, if it has one.
    pub(super) fn request(&mut self, now: Duration, task: Task) {
        let message_id = self.next_message_id;
        self.next_message_id = message_id.checked_add(1).unwrap_or(1);
        let message = match &task {
            Task::Setup(step) => self.step_message(step),
            Task::Output { port, high } => message::SetReaderConfig {
                reset_to_factory_default: false,
                params: Params::default().with(GPOWriteData {
                    gpo_port_number: *port,
                    gpo_data: *high,
                }),
            }
            .into(),
            Task::Fetch => message::GetReport {}.into(),
            Task::Close => message::CloseConnection {}.into(),
        };
        let about_versions = matches!(
            task,
            Task::Setup(Step::AskVersions | Step::SetVersion { .. })
        );
        let (version, patience) = match &task {
            // The question for versions is itself of LLRP 1.1.
            _ if about_versions => (VERSION_1_1, self.config.version_timeout),
            Task::Close => (self.version, self.config.close_timeout),
            _ => (self.version, self.config.request_timeout),
        };
        if task.response_type().is_some() {
            self.pending.push(Pending {
                message_id,
                task,
                deadline: now.saturating_add(patience),
                patience,
            });
        }
        match (Frame {
            version,
            message_id,
            message,
        })
        .encode()
        {
            Ok(bytes) => self.requests.push_back(bytes),
            Err(error) => self.fail(ClientError::Misconfigured(format!(
                "the request cannot be sent: {error}"
            ))),
        }
    }

    /// Asks for the reports that the reader has gathered; they come as [`ClientEvent::Reports`](super::ClientEvent).
    pub fn fetch_reports(&mut self, now: Duration) {
        // Asking faster than the reader listens adds nothing.
        if self.can_request() && self.requests.is_empty() {
            self.request(now, Task::Fetch);
        }
    }

    /// Nobody waits any more for what is under way.
    pub(super) fn forget_requests(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.remember_expired(pending.message_id);
        }
    }

    fn remember_expired(&mut self, message_id: u32) {
        if self.expired.len() >= EXPIRED_MAX {
            self.expired.pop_front();
        }
        self.expired.push_back(message_id);
    }

    /// Whether the reader was asked for its versions and has not answered.
    pub(super) fn awaits_versions(&self) -> bool {
        self.pending
            .iter()
            .any(|pending| pending.task == Task::Setup(Step::AskVersions))
    }

    /// Ends the wait for responses that are overdue.
    pub(super) fn expire_requests(&mut self, now: Duration) {
        while let Some(index) = self
            .pending
            .iter()
            .position(|pending| now >= pending.deadline)
        {
            let Pending {
                message_id,
                task,
                patience,
                ..
            } = self.pending.swap_remove(index);
            self.remember_expired(message_id);
            let seconds = patience.as_secs();
            let request = task.request_name();
            if task == Task::Close {
                return self.end(CloseReason::Requested);
            }
            if !task.is_optional() {
                return self.fail(LinkLoss::RequestTimedOut { request, seconds }.into());
            }
            let refusal = Refusal::unanswered(format!("no answer to {request} within {seconds} s"));
            self.answered(now, task, Err(refusal));
        }
    }

    pub(super) fn handle_response(&mut self, now: Duration, raw: RawFrame<'_>) {
        let Some(task) = self.awaited_by(raw) else {
            return self.stray_response(raw);
        };
        if task == Task::Close {
            return self.end(CloseReason::Requested);
        }
        let name = message_name(raw.header.message_type).unwrap_or("response");
        let frame = self.decode(raw);
        let extensions;
        let params = match &frame {
            Ok(Frame {
                message: Message::CustomMessage(custom),
                ..
            }) => {
                extensions = EnableExtensionsResponse::from_message(custom);
                extensions.as_ref().map(|response| &response.params)
            }
            Ok(frame) => Some(response_params(&frame.message)),
            Err(_) => None,
        };
        let status = params.and_then(Params::first::<LLRPStatus>);
        match (status, &frame) {
            (Some(status), Ok(frame)) => {
                let refused = status.status_code.code() != 0
                    || raw.header.message_type == message::ErrorMessage::TYPE;
                let outcome = if refused {
                    Err(Refusal::from(status))
                } else {
                    Ok(&frame.message)
                };
                self.answered(now, task, outcome);
            }
            (_, frame) => {
                let error = frame
                    .as_ref()
                    .err()
                    .copied()
                    .unwrap_or(DecodeError::Missing {
                        name,
                        missing: "LLRPStatus",
                    });
                self.counters.malformed_messages += 1;
                if task.is_optional() {
                    let refusal =
                        Refusal::unanswered(format!("the reader's {name} is malformed: {error}"));
                    self.answered(now, task, Err(refusal));
                } else {
                    let message = name;
                    self.fail(LinkLoss::Malformed { message, error }.into());
                }
            }
        }
    }

    /// The task that waits for this response; it waits no more.
    fn awaited_by(&mut self, raw: RawFrame<'_>) -> Option<Task> {
        let (message_type, id) = (raw.header.message_type, raw.header.message_id);
        let is_error = message_type == message::ErrorMessage::TYPE;
        let fits = |pending: &Pending| {
            pending.message_id == id
                && (is_error || pending.task.response_type() == Some(message_type))
        };
        // A reader that does not know LLRP 1.1 may not even take the id out of such a message.
        let about_versions =
            |pending: &Pending| is_error && pending.task == Task::Setup(Step::AskVersions);
        let index = self
            .pending
            .iter()
            .position(fits)
            .or_else(|| self.pending.iter().position(about_versions))?;
        Some(self.pending.swap_remove(index).task)
    }

    /// Decodes what can be used of a message, and counts the rest.
    pub(super) fn decode(&mut self, raw: RawFrame<'_>) -> Result<Frame, DecodeError> {
        let (frame, odd) = Frame::decode_counted(raw)?;
        self.counters.odd.add(&odd);
        Ok(frame)
    }

    fn stray_response(&mut self, raw: RawFrame<'_>) {
        let id = raw.header.message_id;
        if let Some(index) = self.expired.iter().position(|expired| *expired == id) {
            self.expired.remove(index);
            self.counters.late_responses += 1;
            return;
        }
        if raw.header.message_type == message::CustomMessage::TYPE {
            self.counters.unexpected_messages += 1;
            return;
        }
        self.counters.stray_responses += 1;
        if raw.header.message_type == message::ErrorMessage::TYPE
            && let Ok(frame) = self.decode(raw)
            && let Some(status) = response_params(&frame.message).first::<LLRPStatus>()
        {
            let why = Refusal::from(status).explanation;
            self.warn(format!("the reader sent an error nobody waits for: {why}"));
        }
    }

    fn answered(&mut self, now: Duration, task: Task, outcome: Result<&Message, Refusal>) {
        match task {
            Task::Setup(step) => self.step_done(now, step, outcome),
            Task::Output { port, high } => self.output_written(now, port, high, outcome.err()),
            Task::Fetch | Task::Close => {}
        }
    }
}

/// Whether a message of this type answers a request.
pub(super) fn is_response(message_type: u16) -> bool {
    matches!(
        message_type,
        4 | 11..=13
            | 30..=36
            | 50..=57
            | message::ErrorMessage::TYPE
            | message::CustomMessage::TYPE
    )
}

/// Sub-parameters of the responses this client waits for.
pub(super) fn response_params(message: &Message) -> &Params {
    static NONE: Params = Params(Vec::new());
    match message {
        Message::GetSupportedVersionResponse(m) => &m.params,
        Message::SetProtocolVersionResponse(m) => &m.params,
        Message::GetReaderCapabilitiesResponse(m) => &m.params,
        Message::GetReaderConfigResponse(m) => &m.params,
        Message::SetReaderConfigResponse(m) => &m.params,
        Message::GetROSpecsResponse(m) => &m.params,
        Message::AddROSpecResponse(m) => &m.params,
        Message::DeleteROSpecResponse(m) => &m.params,
        Message::EnableROSpecResponse(m) => &m.params,
        Message::DisableROSpecResponse(m) => &m.params,
        Message::StartROSpecResponse(m) => &m.params,
        Message::GetAccessSpecsResponse(m) => &m.params,
        Message::AddAccessSpecResponse(m) => &m.params,
        Message::DeleteAccessSpecResponse(m) => &m.params,
        Message::EnableAccessSpecResponse(m) => &m.params,
        Message::DisableAccessSpecResponse(m) => &m.params,
        Message::CloseConnectionResponse(m) => &m.params,
        Message::ErrorMessage(m) => &m.params,
        _ => &NONE,
    }
}
