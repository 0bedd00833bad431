//! A client's requests: carried out, or refused with the status codes a real reader gives.

use super::Reader;
use super::check::mentions;
use super::refusal::{Refusal, malformed, message_field, status};
use super::vendor;
use crate::VERSION_1_0_1;
use crate::codec::code::{ROSpecState, StatusCode};
use crate::codec::message::{self, Message};
use crate::codec::param::{AccessSpec, LLRPStatus, ROSpec};
use crate::codec::{Frame, Params};
use crate::frame::{Header, RawFrame};

/// What a request is answered with.
enum Answer {
    /// No response belongs to it.
    None,
    /// Its response, with this after the status.
    Done(Params),
    /// A message of its own kind.
    Message(Message),
}

impl Reader {
    pub(super) fn handle_frame(&mut self, raw: RawFrame<'_>) {
        let Header {
            version,
            message_type,
            message_id,
        } = raw.header;
        if self.faults.ignore.contains(&message_type) {
            return;
        }
        if !self.speaks(version, message_type) {
            let text = match self.config.max_version {
                VERSION_1_0_1 => "this reader speaks LLRP 1.0.1".to_owned(),
                _ => format!("the version of this connection is {}", self.version()),
            };
            let refusal = status(StatusCode::UnsupportedVersion, &text);
            let params = Params::default().with(*refusal);
            self.respond(self.version(), message_id, message::ErrorMessage { params });
            return;
        }
        let answer = match Frame::decode(raw) {
            Ok(frame) => self.handle_message(frame.message),
            Err(error) => Err(malformed(error)),
        };
        let response = match answer {
            Ok(Answer::None) => return,
            Ok(Answer::Done(params)) => {
                let mut all = Params::default().with(LLRPStatus::default());
                all.0.extend(params.0);
                response(message_type, all)
            }
            Ok(Answer::Message(message)) => message,
            Err(refusal) => {
                self.counters.refused += 1;
                response(message_type, Params::default().with(*refusal))
            }
        };
        // An answer to a negotiation travels with the version it was asked in.
        self.respond(version, message_id, response);
        if message_type == message::CloseConnection::TYPE
            && let Some(connection) = &mut self.connection
        {
            connection.closing = true;
        }
    }

    /// Whether a message with this header version is taken now (LLRP 1.1 §9.1).
    fn speaks(&self, version: u8, message_type: u16) -> bool {
        let negotiates = matches!(
            message_type,
            message::GetSupportedVersion::TYPE | message::SetProtocolVersion::TYPE
        );
        if negotiates && self.config.max_version > VERSION_1_0_1 {
            return version > VERSION_1_0_1 && version <= self.config.max_version;
        }
        version == self.version()
    }

    fn respond(&mut self, version: u8, message_id: u32, message: impl Into<Message>) {
        let frame = Frame {
            version,
            message_id,
            message: message.into(),
        };
        // A response too long for its length fields cannot be said; the client's request then times out.
        if let Ok(bytes) = frame.encode() {
            self.send_bytes(bytes);
        }
    }

    fn handle_message(&mut self, message: Message) -> Result<Answer, Refusal> {
        self.refuse_on_command(&message)?;
        let done = Ok(Answer::Done(Params::default()));
        let changed = match message {
            Message::GetSupportedVersion(_) => return Ok(self.supported_version()),
            Message::SetProtocolVersion(request) => {
                return self.set_version(request.protocol_version).and(done);
            }
            Message::GetReaderCapabilities(request) => {
                self.check(None, &request.params)?;
                return Ok(Answer::Done(self.capabilities(request.requested_data)));
            }
            Message::GetReaderConfig(request) => {
                return self.configuration(&request).map(Answer::Done);
            }
            Message::SetReaderConfig(request) => return self.configure(&request).and(done),
            Message::GetROSpecs(_) => return Ok(Answer::Done(self.described_rospecs())),
            Message::AddROSpec(request) => {
                self.check(None, &request.params)?;
                match request.params.first::<ROSpec>() {
                    Some(spec) => self.add_rospec(spec.clone()),
                    None => Err(status(StatusCode::MissingParameter, "no ROSpec to add")),
                }
            }
            Message::DeleteROSpec(request) => self.delete_rospec(request.rospec_id),
            Message::EnableROSpec(request) => {
                return self.enable_rospec(request.rospec_id).and(done);
            }
            Message::DisableROSpec(request) => {
                return self.disable_rospec(request.rospec_id).and(done);
            }
            Message::StartROSpec(request) => {
                let index = self.in_state(request.rospec_id, ROSpecState::Inactive)?;
                self.start(index);
                return done;
            }
            Message::StopROSpec(request) => {
                let index = self.in_state(request.rospec_id, ROSpecState::Active)?;
                self.stop(index, ROSpecState::Inactive);
                return done;
            }
            Message::GetAccessSpecs(_) => {
                let specs = self.access.iter().map(|access| access.spec.clone());
                return Ok(Answer::Done(specs.collect()));
            }
            Message::AddAccessSpec(request) => {
                self.check(None, &request.params)?;
                match request.params.first::<AccessSpec>() {
                    Some(spec) => self.add_access(spec.clone()),
                    None => Err(status(StatusCode::MissingParameter, "no AccessSpec to add")),
                }
            }
            Message::DeleteAccessSpec(request) => self.delete_access(request.access_spec_id),
            Message::EnableAccessSpec(request) => {
                return self.enable_access(request.access_spec_id, true).and(done);
            }
            Message::DisableAccessSpec(request) => {
                return self.enable_access(request.access_spec_id, false).and(done);
            }
            Message::CustomMessage(request) => {
                let answer = vendor::answer(self.config.manufacturer, &request);
                let answer = answer.ok_or_else(|| {
                    let text = "this reader does not know the vendor's message";
                    status(StatusCode::UnsupportedMessage, text)
                })?;
                if let Some(connection) = &mut self.connection {
                    connection.vendor_enabled = true;
                }
                return Ok(Answer::Message(answer));
            }
            Message::CloseConnection(_) => return done,
            unanswered => return self.handle_unanswered(&unanswered),
        };
        changed?;
        self.state_changed();
        done
    }

    /// Messages that get no response.
    fn handle_unanswered(&mut self, message: &Message) -> Result<Answer, Refusal> {
        match message {
            Message::GetReport(_) => {
                (0..self.specs.len()).for_each(|index| self.report(index));
                self.report_wanted = true;
            }
            Message::EnableEventsAndReports(_) => {
                if let Some(connection) = &mut self.connection {
                    connection.released = true;
                }
            }
            Message::KeepaliveAck(_) => {
                self.counters.keepalive_acks += 1;
                if let Some(connection) = &mut self.connection {
                    connection.unanswered = 0;
                }
            }
            _ => {
                let text = "this reader does not know the message";
                return Err(status(StatusCode::UnsupportedMessage, text));
            }
        }
        Ok(Answer::None)
    }

    fn supported_version(&self) -> Answer {
        let response = message::GetSupportedVersionResponse {
            current_version: self.version(),
            supported_version: self.config.max_version,
            params: Params::default().with(LLRPStatus::default()),
        };
        Answer::Message(response.into())
    }

    fn set_version(&mut self, version: u8) -> Result<(), Refusal> {
        if !(VERSION_1_0_1..=self.config.max_version).contains(&version) {
            let text = format!("the versions are 1 to {}", self.config.max_version);
            return Err(status(StatusCode::UnsupportedVersion, &text));
        }
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        if connection.negotiated {
            let text = "the version of this connection has been set before";
            return Err(status(StatusCode::UnexpectedMessage, text));
        }
        (connection.negotiated, connection.version) = (true, version);
        Ok(())
    }

    /// The fault of a reader that will not, whatever the request says.
    fn refuse_on_command(&mut self, message: &Message) -> Result<(), Refusal> {
        let params = match message {
            Message::SetReaderConfig(request) => Some(&request.params),
            Message::AddROSpec(request) => Some(&request.params),
            Message::AddAccessSpec(request) => Some(&request.params),
            _ => None,
        };
        let message_type = message.message_type();
        let rule = self.faults.refuse.iter_mut().find(|rule| {
            rule.times > 0
                && rule.message_type == message_type
                && rule.parameter.is_none_or(|parameter| {
                    params.is_some_and(|params| mentions(params, parameter))
                })
        });
        let Some(rule) = rule else { return Ok(()) };
        rule.times -= 1;
        Err(match rule.parameter {
            Some(parameter) => super::refusal::Problem::parameter(
                parameter,
                StatusCode::NestedUnsupportedParameter,
                "this reader does not support the parameter",
            )
            .into(),
            None => message_field(0, StatusCode::DeviceError, "not now"),
        })
    }
}

/// The response to a request, ERROR_MESSAGE for what has none.
fn response(request_type: u16, params: Params) -> Message {
    macro_rules! responses {
        ($($request:ident => $response:ident,)*) => {
            match request_type {
                $( message::$request::TYPE => message::$response { params }.into(), )*
                _ => message::ErrorMessage { params }.into(),
            }
        };
    }
    responses!(
        SetProtocolVersion => SetProtocolVersionResponse,
        GetReaderCapabilities => GetReaderCapabilitiesResponse,
        GetReaderConfig => GetReaderConfigResponse,
        SetReaderConfig => SetReaderConfigResponse,
        CloseConnection => CloseConnectionResponse,
        GetROSpecs => GetROSpecsResponse,
        AddROSpec => AddROSpecResponse,
        DeleteROSpec => DeleteROSpecResponse,
        StartROSpec => StartROSpecResponse,
        StopROSpec => StopROSpecResponse,
        EnableROSpec => EnableROSpecResponse,
        DisableROSpec => DisableROSpecResponse,
        GetAccessSpecs => GetAccessSpecsResponse,
        AddAccessSpec => AddAccessSpecResponse,
        DeleteAccessSpec => DeleteAccessSpecResponse,
        EnableAccessSpec => EnableAccessSpecResponse,
        DisableAccessSpec => DisableAccessSpecResponse,
    )
}
