//! Messages from the reader: reports, keepalives, notifications, responses.

use std::time::Duration;

use super::error::{ClientError, LinkLoss};
use super::event::{ClientEvent, CloseReason};
use super::setup::Step;
use super::{ACKS_MAX, Client, EVENTS_MAX, Pending, State, TAGS_MAX, TAGS_PER_EVENT};
use crate::codec::code::{AntennaEventType, ConnectionAttemptStatus, ROSpecEventType};
use crate::codec::message::{self, Message, message_name};
use crate::codec::param::{
    AntennaEvent, ConnectionAttemptEvent, ConnectionCloseEvent, GPIEvent, LLRPStatus, ROSpecEvent,
    ReaderEventNotificationData, ReaderExceptionEvent, ReportBufferLevelWarningEvent,
    ReportBufferOverflowErrorEvent, UTCTimestamp, Uptime,
};
use crate::codec::status::explain;
use crate::codec::{Frame, Params};
use crate::frame::{Header, RawFrame};
use crate::report::{ReaderTime, TagRead, read_tags};
use crate::wire::DecodeError;

/// 2010-01-01T00:00Z in microseconds: no reader in use was set before.
const YEAR_2010_US: u64 = 1_262_304_000_000_000;

impl Client {
    pub(super) fn handle_frame(&mut self, now: Duration, raw: RawFrame<'_>) {
        let Header {
            version,
            message_type,
            message_id,
        } = raw.header;
        if matches!(self.state, State::AwaitingConnection { .. })
            && (!(1..=3).contains(&version) || message_name(message_type).is_none())
        {
            return self.fail(ClientError::NotLlrp(None));
        }
        match message_type {
            message::ROAccessReport::TYPE => self.handle_report(raw.body),
            message::Keepalive::TYPE => {
                self.counters.keepalives += 1;
                if self.acks.len() < ACKS_MAX {
                    self.acks.push_back(message_id);
                } else {
                    self.counters.dropped_acks += 1;
                }
            }
            message::ReaderEventNotification::TYPE => match Frame::decode_lenient(raw) {
                Ok(Frame {
                    message: Message::ReaderEventNotification(event),
                    ..
                }) => {
                    for data in event.params.all() {
                        self.handle_notification(now, data);
                    }
                }
                _ => self.counters.malformed_messages += 1,
            },
            _ if is_response(message_type) => self.handle_response(now, raw),
            _ => self.counters.unexpected_messages += 1,
        }
    }

    fn handle_report(&mut self, body: &[u8]) {
        let mut tags = match self.events.back_mut() {
            Some(ClientEvent::Reports(tags)) if tags.len() < TAGS_PER_EVENT => std::mem::take(tags),
            _ => Vec::new(),
        };
        let gathered = tags.len();
        let joins = gathered > 0;
        read_tags(body, &mut tags, &mut self.counters.reports);
        let room = TAGS_MAX.saturating_sub(self.waiting_tags);
        let fresh = tags.len() - gathered;
        if fresh > room {
            tags.truncate(gathered + room);
            self.counters.undelivered_tags += (fresh - room) as u64;
        }
        self.waiting_tags += tags.len() - gathered;
        match self.events.back_mut() {
            Some(ClientEvent::Reports(back)) if joins => *back = tags,
            // A report without tags is normal from some readers and tells nothing.
            _ if !tags.is_empty() => self.push_reports(tags),
            _ => {}
        }
    }

    fn push_reports(&mut self, tags: Vec<TagRead>) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(ClientEvent::Reports(tags));
        } else {
            self.waiting_tags -= tags.len();
            self.counters.undelivered_tags += tags.len() as u64;
        }
    }

    fn handle_notification(&mut self, now: Duration, data: &ReaderEventNotificationData) {
        let params = &data.params;
        let reader_time = reader_time(params);
        if let Some(attempt) = params.first::<ConnectionAttemptEvent>() {
            self.handle_attempt(now, attempt.status, reader_time);
        }
        for event in params.all::<AntennaEvent>() {
            let connected = event.event_type == AntennaEventType::Connected;
            self.emit(ClientEvent::Antenna {
                id: event.antenna_id,
                connected,
                reader_time,
            });
        }
        for event in params.all::<GPIEvent>() {
            self.emit(ClientEvent::Gpi {
                port: event.gpi_port_number,
                high: event.high,
                reader_time,
            });
        }
        for event in params.all::<ReaderExceptionEvent>() {
            self.emit(ClientEvent::ReaderException {
                text: event.message.to_string(),
                reader_time,
            });
        }
        for event in params.all::<ReportBufferLevelWarningEvent>() {
            self.emit(ClientEvent::BufferWarning {
                percent_full: event.percentage_full,
                reader_time,
            });
        }
        if params.has::<ReportBufferOverflowErrorEvent>() {
            self.emit(ClientEvent::BufferOverflow { reader_time });
        }
        let ended = |event: &ROSpecEvent| {
            let other = match event.event_type {
                ROSpecEventType::End => event.rospec_id,
                ROSpecEventType::Preemption => event.preempting_rospec_id,
                _ => return false,
            };
            other == self.config.rospec_id || event.rospec_id == self.config.rospec_id
        };
        if params.all::<ROSpecEvent>().any(ended) {
            self.check_reading(now);
        }
        if params.has::<ConnectionCloseEvent>() {
            match self.state {
                State::Closing { .. } => self.end(CloseReason::Requested),
                _ => self.fail(LinkLoss::ClosedByReader.into()),
            }
        }
    }

    fn handle_attempt(
        &mut self,
        now: Duration,
        status: ConnectionAttemptStatus,
        time: Option<ReaderTime>,
    ) {
        use ConnectionAttemptStatus::{
            AnotherAttempted, ClientInitiatedExists, ReaderInitiatedExists, Success,
        };
        if !matches!(self.state, State::AwaitingConnection { .. }) {
            if status == AnotherAttempted {
                self.warn("another client tried to connect and was turned away".to_owned());
            } else {
                self.counters.unexpected_messages += 1;
            }
            return;
        }
        match (status, time) {
            (Success, Some(reader_time)) => {
                self.state = State::SettingUp;
                let clock_unset = matches!(reader_time, ReaderTime::Utc(us) if us < YEAR_2010_US);
                self.emit(ClientEvent::Connected {
                    reader_time,
                    clock_unset,
                });
                self.begin_setup(now);
            }
            (Success, None) => {
                let error = DecodeError::Missing {
                    name: "ReaderEventNotificationData",
                    missing: "Timestamp",
                };
                self.fail(
                    LinkLoss::Malformed {
                        message: "READER_EVENT_NOTIFICATION",
                        error,
                    }
                    .into(),
                );
            }
            (ReaderInitiatedExists | ClientInitiatedExists, _) => {
                self.fail(ClientError::Busy(status))
            }
            _ => self.fail(ClientError::ConnectionRefused(status)),
        }
    }

    fn handle_response(&mut self, now: Duration, raw: RawFrame<'_>) {
        let Header {
            message_type,
            message_id,
            ..
        } = raw.header;
        let fits = |pending: &mut Pending| {
            pending.message_id == message_id
                && (pending.step.response_type() == message_type
                    || message_type == message::ErrorMessage::TYPE)
        };
        let Some(pending) = self.pending.take_if(fits) else {
            self.counters.stray_responses += 1;
            if message_type == message::ErrorMessage::TYPE
                && let Ok(frame) = Frame::decode_lenient(raw)
                && let Some(status) = response_params(&frame.message).first::<LLRPStatus>()
            {
                self.warn(format!(
                    "the reader sent an error nobody waits for: {}",
                    explain(status)
                ));
            }
            return;
        };
        if pending.step == Step::Close {
            return self.end(CloseReason::Requested);
        }
        let frame = Frame::decode_lenient(raw);
        let params = frame.as_ref().map(|frame| response_params(&frame.message));
        let status = match params {
            Ok(params) => params.first::<LLRPStatus>().ok_or(DecodeError::Missing {
                name: message_name(message_type).unwrap_or("response"),
                missing: "LLRPStatus",
            }),
            Err(error) => Err(*error),
        };
        match (status, params) {
            (Ok(status), Ok(params)) => {
                let refused =
                    status.status_code.code() != 0 || message_type == message::ErrorMessage::TYPE;
                let outcome = if refused {
                    Err(explain(status))
                } else {
                    Ok(params)
                };
                self.step_done(now, pending.step, outcome);
            }
            (Err(error), _) | (_, Err(&error)) => {
                let message = message_name(message_type).unwrap_or("response");
                self.fail(LinkLoss::Malformed { message, error }.into());
            }
        }
    }
}

fn reader_time(params: &Params) -> Option<ReaderTime> {
    let utc = params
        .first::<UTCTimestamp>()
        .map(|time| ReaderTime::Utc(time.microseconds));
    utc.or_else(|| {
        params
            .first::<Uptime>()
            .map(|time| ReaderTime::Uptime(time.microseconds))
    })
}

fn is_response(message_type: u16) -> bool {
    matches!(message_type, 4 | 11..=13 | 30..=36 | 50..=55 | message::ErrorMessage::TYPE)
}

/// Sub-parameters of the responses this client waits for.
fn response_params(message: &Message) -> &Params {
    static NONE: Params = Params(Vec::new());
    match message {
        Message::GetReaderCapabilitiesResponse(m) => &m.params,
        Message::SetReaderConfigResponse(m) => &m.params,
        Message::GetROSpecsResponse(m) => &m.params,
        Message::AddROSpecResponse(m) => &m.params,
        Message::DeleteROSpecResponse(m) => &m.params,
        Message::EnableROSpecResponse(m) => &m.params,
        Message::DisableROSpecResponse(m) => &m.params,
        Message::StartROSpecResponse(m) => &m.params,
        Message::CloseConnectionResponse(m) => &m.params,
        Message::ErrorMessage(m) => &m.params,
        _ => &NONE,
    }
}
