//! A client's requests: carried out, or refused with the status codes a real reader gives.

use super::Reader;
use super::inventory::Spec;
use crate::VERSION_1_0_1;
use crate::codec::code::{KeepaliveTriggerType, ROSpecState, StatusCode};
use crate::codec::field::Text;
use crate::codec::message::{self, Message};
use crate::codec::param::{
    AISpec, AntennaConfiguration, EventNotificationState, EventsAndReports, FieldError,
    InventoryParameterSpec, KeepaliveSpec, LLRPStatus, ParameterError, RFTransmitter, ROReportSpec,
    ROSpec, ReaderEventNotificationSpec,
};
use crate::codec::{Frame, Parameter, Params};
use crate::frame::RawFrame;
use crate::wire::DecodeError;

/// A refusal; boxed, because it is rare and large.
type Refusal = Box<LLRPStatus>;

impl Reader {
    pub(super) fn handle_frame(&mut self, raw: RawFrame<'_>) {
        let header = raw.header;
        let answer = if header.version == VERSION_1_0_1 {
            match Frame::decode(raw) {
                Ok(frame) => self.handle_message(frame.message),
                Err(error) => Err(malformed(error)),
            }
        } else {
            let status = status(
                StatusCode::UnsupportedVersion,
                "this reader speaks LLRP 1.0.1",
            );
            self.respond(
                header.message_id,
                message::ErrorMessage {
                    params: Params::default().with(*status),
                },
            );
            return;
        };
        let message = match answer {
            Ok(None) => return,
            Ok(Some(params)) => {
                let mut all = Params::default().with(LLRPStatus::default());
                all.0.extend(params.0);
                response(header.message_type, all)
            }
            Err(refusal) => {
                self.counters.refused += 1;
                response(header.message_type, Params::default().with(*refusal))
            }
        };
        self.respond(header.message_id, message);
        if header.message_type == message::CloseConnection::TYPE
            && let Some(connection) = &mut self.connection
        {
            connection.closing = true;
        }
    }

    fn respond(&mut self, message_id: u32, message: impl Into<Message>) {
        let frame = Frame {
            version: VERSION_1_0_1,
            message_id,
            message: message.into(),
        };
        // A response too long for its length fields cannot be said; the client's request then times out.
        if let Ok(bytes) = frame.encode() {
            self.send_bytes(bytes);
        }
    }

    /// What the response carries after its status; `None` for messages without a response.
    fn handle_message(&mut self, message: Message) -> Result<Option<Params>, Refusal> {
        let done = Ok(Some(Params::default()));
        match message {
            Message::GetReaderCapabilities(request) => {
                Ok(Some(self.capabilities(request.requested_data)))
            }
            Message::GetReaderConfig(request) => {
                Ok(Some(self.configuration(request.requested_data)))
            }
            Message::SetReaderConfig(request) => self.configure(&request).and(done),
            Message::GetROSpecs(_) => Ok(Some(
                self.specs.iter().map(|spec| spec.spec.clone()).collect(),
            )),
            Message::AddROSpec(request) => match request.params.first::<ROSpec>() {
                Some(spec) => self.add(spec.clone()).and(done),
                None => Err(status(StatusCode::MissingParameter, "no ROSpec to add")),
            },
            Message::DeleteROSpec(request) => self.delete(request.rospec_id).and(done),
            Message::EnableROSpec(request) => self.enable(request.rospec_id).and(done),
            Message::DisableROSpec(request) => {
                for index in self.selected(request.rospec_id)? {
                    self.stop(index, ROSpecState::Disabled);
                }
                done
            }
            Message::StartROSpec(request) => {
                let index = self.in_state(request.rospec_id, ROSpecState::Inactive)?;
                self.start(index);
                done
            }
            Message::StopROSpec(request) => {
                let index = self.in_state(request.rospec_id, ROSpecState::Active)?;
                self.stop(index, ROSpecState::Inactive);
                done
            }
            Message::GetReport(_) => {
                (0..self.specs.len()).for_each(|index| self.report(index));
                Ok(None)
            }
            Message::EnableEventsAndReports(_) => {
                if let Some(connection) = &mut self.connection {
                    connection.released = true;
                }
                Ok(None)
            }
            Message::KeepaliveAck(_) => {
                self.counters.keepalive_acks += 1;
                Ok(None)
            }
            Message::CloseConnection(_) => done,
            Message::GetAccessSpecs(_) => done,
            _ => Err(status(
                StatusCode::UnsupportedMessage,
                "this reader does not know the message",
            )),
        }
    }

    fn configure(&mut self, request: &message::SetReaderConfig) -> Result<(), Refusal> {
        let params = &request.params;
        for antenna in params.all::<AntennaConfiguration>() {
            self.check_antenna(antenna)?;
        }
        let hold = params
            .first::<EventsAndReports>()
            .map(|p| p.hold_events_and_reports_upon_reconnect);
        if hold == Some(true) && !self.config.can_hold_reports {
            let text = "this reader cannot hold events and reports";
            return Err(parameter_error(
                EventsAndReports::TYPE,
                StatusCode::NestedUnsupportedParameter,
                text,
            ));
        }
        if request.reset_to_factory_default {
            self.settings = super::Settings::default();
        }
        self.settings.hold = hold.unwrap_or(self.settings.hold);
        if let Some(spec) = params.first::<ROReportSpec>() {
            self.settings.report_spec = Some(spec.clone());
        }
        if let Some(spec) = params.first::<KeepaliveSpec>() {
            let periodic = spec.trigger_type == KeepaliveTriggerType::Periodic;
            self.settings.keepalive_ms = periodic.then_some(spec.period_ms);
            let next = self.keepalive_after(self.now_us);
            if let Some(connection) = &mut self.connection {
                connection.next_keepalive_us = next;
            }
        }
        if let Some(spec) = params.first::<ReaderEventNotificationSpec>() {
            for state in spec.params.all::<EventNotificationState>() {
                self.settings
                    .notifications
                    .retain(|kind| *kind != state.event_type);
                if state.enabled {
                    self.settings.notifications.push(state.event_type);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, spec: ROSpec) -> Result<(), Refusal> {
        if spec.rospec_id == 0 {
            return Err(field_error(
                ROSpec::TYPE,
                0,
                StatusCode::Invalid,
                "ROSpecID 0 is not allowed",
            ));
        }
        if self
            .specs
            .iter()
            .any(|known| known.spec.rospec_id == spec.rospec_id)
        {
            return Err(field_error(
                ROSpec::TYPE,
                0,
                StatusCode::Invalid,
                "the ROSpecID is in use",
            ));
        }
        if self.specs.len() as u64 >= u64::from(self.config.max_rospecs) {
            let text = format!(
                "this reader holds at most {} ROSpecs",
                self.config.max_rospecs
            );
            return Err(parameter_error(
                ROSpec::TYPE,
                StatusCode::NestedOverflowParameter,
                &text,
            ));
        }
        if spec.current_state != ROSpecState::Disabled {
            return Err(field_error(
                ROSpec::TYPE,
                2,
                StatusCode::Invalid,
                "a new ROSpec must be disabled",
            ));
        }
        for ai in spec.params.all::<AISpec>() {
            if ai.antenna_ids.is_empty()
                || ai.antenna_ids.iter().any(|&id| id > self.config.antennas)
            {
                let text = format!("this reader has antennas 1 to {}", self.config.antennas);
                return Err(field_error(AISpec::TYPE, 0, StatusCode::OutOfRange, &text));
            }
            for inventory in ai.params.all::<InventoryParameterSpec>() {
                for antenna in inventory.params.all::<AntennaConfiguration>() {
                    self.check_antenna(antenna)?;
                }
            }
        }
        self.specs.push(Spec::new(spec));
        Ok(())
    }

    fn check_antenna(&self, antenna: &AntennaConfiguration) -> Result<(), Refusal> {
        if antenna.antenna_id > self.config.antennas {
            let text = format!("this reader has antennas 1 to {}", self.config.antennas);
            return Err(field_error(
                AntennaConfiguration::TYPE,
                0,
                StatusCode::OutOfRange,
                &text,
            ));
        }
        let Some(radio) = antenna.params.first::<RFTransmitter>() else {
            return Ok(());
        };
        let power = usize::from(radio.transmit_power);
        if power == 0 || power > self.config.power_table.len() {
            let text = format!(
                "the power table has entries 1 to {}",
                self.config.power_table.len()
            );
            return Err(field_error(
                RFTransmitter::TYPE,
                2,
                StatusCode::OutOfRange,
                &text,
            ));
        }
        if self.config.hopping && radio.hop_table_id != 1 {
            return Err(field_error(
                RFTransmitter::TYPE,
                0,
                StatusCode::OutOfRange,
                "the hop table is number 1",
            ));
        }
        let channel = usize::from(radio.channel_index);
        if !self.config.hopping && (channel == 0 || channel > self.config.frequencies_khz.len()) {
            let text = format!(
                "the channels are 1 to {}",
                self.config.frequencies_khz.len()
            );
            return Err(field_error(
                RFTransmitter::TYPE,
                1,
                StatusCode::OutOfRange,
                &text,
            ));
        }
        Ok(())
    }

    fn delete(&mut self, rospec_id: u32) -> Result<(), Refusal> {
        let selected = self.selected(rospec_id)?;
        let enabled = |&index: &usize| {
            self.specs
                .get(index)
                .is_some_and(|spec| spec.spec.current_state != ROSpecState::Disabled)
        };
        if self.config.refuse_delete_of_enabled && selected.iter().any(enabled) {
            return Err(message_field_error("disable the ROSpec before deleting it"));
        }
        // From the last to the first, so that the positions stay right.
        for index in selected.into_iter().rev() {
            self.stop(index, ROSpecState::Disabled);
            self.specs.remove(index);
        }
        Ok(())
    }

    fn enable(&mut self, rospec_id: u32) -> Result<(), Refusal> {
        for index in self.selected(rospec_id)? {
            let Some(spec) = self.specs.get_mut(index) else {
                continue;
            };
            if spec.spec.current_state != ROSpecState::Disabled {
                continue;
            }
            spec.spec.current_state = ROSpecState::Inactive;
            if spec.starts_immediately() {
                self.start(index);
            }
        }
        Ok(())
    }

    /// Positions of the ROSpecs an id names; 0 names all.
    fn selected(&self, rospec_id: u32) -> Result<Vec<usize>, Refusal> {
        if rospec_id == 0 {
            return Ok((0..self.specs.len()).collect());
        }
        self.position(rospec_id).map(|index| vec![index])
    }

    fn in_state(&self, rospec_id: u32, state: ROSpecState) -> Result<usize, Refusal> {
        let index = self.position(rospec_id)?;
        match self.specs.get(index) {
            Some(spec) if spec.spec.current_state == state => Ok(index),
            Some(spec) => {
                let now = spec.spec.current_state.text();
                Err(message_field_error(&format!(
                    "ROSpec {rospec_id} is {now}, must be {}",
                    state.text()
                )))
            }
            None => Err(message_field_error("no such ROSpec")),
        }
    }

    fn position(&self, rospec_id: u32) -> Result<usize, Refusal> {
        self.specs
            .iter()
            .position(|spec| spec.spec.rospec_id == rospec_id)
            .ok_or_else(|| message_field_error(&format!("there is no ROSpec {rospec_id}")))
    }
}

fn status(status_code: StatusCode, text: &str) -> Refusal {
    Box::new(LLRPStatus {
        status_code,
        error_description: Text::from(text),
        params: Params::default(),
    })
}

/// The request's only field, the ROSpecID, does not suit.
fn message_field_error(text: &str) -> Refusal {
    let mut refusal = status(StatusCode::FieldError, text);
    refusal.params.push(FieldError {
        field_num: 0,
        error_code: StatusCode::Invalid,
    });
    refusal
}

fn parameter_error(parameter_type: u16, error_code: StatusCode, text: &str) -> Refusal {
    let mut refusal = status(StatusCode::ParameterError, text);
    refusal.params.push(ParameterError {
        parameter_type,
        error_code,
        params: Params::default(),
    });
    refusal
}

fn field_error(parameter_type: u16, field_num: u16, error_code: StatusCode, text: &str) -> Refusal {
    let mut refusal = status(StatusCode::ParameterError, text);
    let params = Params::default().with(FieldError {
        field_num,
        error_code,
    });
    refusal.params.push(ParameterError {
        parameter_type,
        error_code: StatusCode::NestedFieldError,
        params,
    });
    refusal
}

fn malformed(error: DecodeError) -> Refusal {
    let code = match error {
        DecodeError::Missing { .. } => StatusCode::MissingParameter,
        _ => StatusCode::ParameterError,
    };
    status(code, &error.to_string())
}

/// The response to a request, ERROR_MESSAGE for what has none.
fn response(request_type: u16, params: Params) -> Message {
    match request_type {
        message::GetReaderCapabilities::TYPE => {
            message::GetReaderCapabilitiesResponse { params }.into()
        }
        message::GetReaderConfig::TYPE => message::GetReaderConfigResponse { params }.into(),
        message::SetReaderConfig::TYPE => message::SetReaderConfigResponse { params }.into(),
        message::CloseConnection::TYPE => message::CloseConnectionResponse { params }.into(),
        message::GetROSpecs::TYPE => message::GetROSpecsResponse { params }.into(),
        message::AddROSpec::TYPE => message::AddROSpecResponse { params }.into(),
        message::DeleteROSpec::TYPE => message::DeleteROSpecResponse { params }.into(),
        message::StartROSpec::TYPE => message::StartROSpecResponse { params }.into(),
        message::StopROSpec::TYPE => message::StopROSpecResponse { params }.into(),
        message::EnableROSpec::TYPE => message::EnableROSpecResponse { params }.into(),
        message::DisableROSpec::TYPE => message::DisableROSpecResponse { params }.into(),
        message::GetAccessSpecs::TYPE => message::GetAccessSpecsResponse { params }.into(),
        message::AddAccessSpec::TYPE => message::AddAccessSpecResponse { params }.into(),
        message::DeleteAccessSpec::TYPE => message::DeleteAccessSpecResponse { params }.into(),
        message::EnableAccessSpec::TYPE => message::EnableAccessSpecResponse { params }.into(),
        message::DisableAccessSpec::TYPE => message::DisableAccessSpecResponse { params }.into(),
        _ => message::ErrorMessage { params }.into(),
    }
}
