//! What the reader can do of what a client asks, parameter by parameter.

use super::Reader;
use super::refusal::Problem;
use super::vendor;
use crate::VERSION_1_0_1;
use crate::codec::code::{
    AISpecStopTriggerType, AirProtocol, ROSpecStartTriggerType, ROSpecState, ROSpecStopTriggerType,
    StatusCode,
};
use crate::codec::param::{
    AISpec, AISpecStopTrigger, AccessCommand, AccessSpec, AntennaConfiguration, AntennaProperties,
    C1G2Filter, C1G2InventoryCommand, C1G2RFControl, C1G2SingulationControl, C1G2TagSpec,
    EventsAndReports, GPIPortCurrentState, GPITriggerValue, GPOWriteData, InventoryParameterSpec,
    PeriodicTriggerValue, RFReceiver, RFSurveySpec, RFTransmitter, ROBoundarySpec, ROReportSpec,
    ROSpec, ROSpecStartTrigger, ROSpecStopTrigger, ReaderEventNotificationSpec,
    TagObservationTrigger, TagReportContentSelector,
};
use crate::codec::{Param, Parameter, Params};

/// Priorities a ROSpec may have: 0 to one less than this.
pub(super) const PRIORITIES: u8 = 8;
/// Most parts of a ROSpec.
pub(super) const SPECS_PER_ROSPEC: u32 = 32;
/// Most operations of an AccessSpec.
pub(super) const OPS_PER_ACCESS_SPEC: u32 = 8;

/// Type and sub-parameters of a parameter that has some and that a client may send.
fn container(param: &Param) -> Option<(u16, &Params)> {
    macro_rules! containers {
        ($($name:ident)*) => {
            match param {
                $( Param::$name(p) => Some(($name::TYPE, &p.params)), )*
                _ => None,
            }
        };
    }
    containers!(
        ROSpec ROBoundarySpec ROSpecStartTrigger ROSpecStopTrigger AISpec AISpecStopTrigger InventoryParameterSpec
        AntennaConfiguration C1G2InventoryCommand C1G2Filter C1G2SingulationControl ROReportSpec
        TagReportContentSelector AccessSpec AccessCommand C1G2TagSpec ReaderEventNotificationSpec PeriodicTriggerValue
    )
}

/// Whether a parameter of this type is anywhere in `params`.
pub(super) fn mentions(params: &Params, parameter_type: u16) -> bool {
    params.0.iter().any(|param| {
        crate::codec::param::parameter_name(parameter_type) == Some(param.name())
            || container(param).is_some_and(|(_, inner)| mentions(inner, parameter_type))
    })
}

impl Reader {
    /// Checks everything below a message or parameter; `parent` is the parameter's type, `None` a message.
    pub(super) fn check(&self, parent: Option<u16>, params: &Params) -> Result<(), Problem> {
        for param in &params.0 {
            self.check_one(parent, param)?;
            if let Some((parameter_type, inner)) = container(param) {
                self.check(Some(parameter_type), inner)
                    .map_err(|problem| problem.inside(parameter_type))?;
            }
        }
        Ok(())
    }

    fn check_one(&self, parent: Option<u16>, param: &Param) -> Result<(), Problem> {
        match param {
            Param::ROSpec(spec) => self.check_rospec(spec),
            Param::AISpec(ai) => self.check_antennas(ai),
            Param::RFSurveySpec(_) => Err(unsupported(
                RFSurveySpec::TYPE,
                "this reader makes no surveys",
            )),
            Param::ROSpecStartTrigger(trigger) => check_start(trigger),
            Param::ROSpecStopTrigger(trigger) => check_stop(trigger),
            Param::GPITriggerValue(gpi) => {
                port::<GPITriggerValue>(0, gpi.gpi_port_num, self.config.gpis, "inputs")
            }
            Param::AISpecStopTrigger(trigger) => self.check_ai_stop(trigger),
            Param::InventoryParameterSpec(spec) => {
                protocol::<InventoryParameterSpec>(1, spec.protocol_id)
            }
            Param::AccessSpec(spec) => {
                antenna::<AccessSpec>(1, spec.antenna_id, self.config.antennas)?;
                protocol::<AccessSpec>(2, spec.protocol_id)
            }
            Param::AntennaConfiguration(antenna_) => {
                antenna::<AntennaConfiguration>(0, antenna_.antenna_id, self.config.antennas)
            }
            Param::AntennaProperties(_) => Err(unsupported(
                AntennaProperties::TYPE,
                "the properties of this reader's antennas cannot be set",
            )),
            Param::ROReportSpec(spec)
                if spec.trigger.code() > 2 && self.config.max_version == VERSION_1_0_1 =>
            {
                let text = "LLRP 1.0.1 has no such report trigger";
                Err(Problem::field::<ROReportSpec>(0, StatusCode::Invalid, text))
            }
            Param::RFTransmitter(radio) => self.check_transmitter(radio),
            Param::RFReceiver(radio) => in_table::<RFReceiver>(
                0,
                radio.receiver_sensitivity,
                self.config.sensitivity_table.len(),
                "sensitivity table",
            ),
            Param::C1G2InventoryCommand(command) => self.check_inventory(command),
            Param::C1G2RFControl(control) => self.check_mode(control),
            Param::EventsAndReports(hold)
                if hold.hold_events_and_reports_upon_reconnect && !self.config.can_hold_reports =>
            {
                let text = "this reader cannot hold events and reports";
                Err(unsupported(EventsAndReports::TYPE, text))
            }
            Param::GPOWriteData(write) => {
                port::<GPOWriteData>(0, write.gpo_port_number, self.config.gpos, "outputs")
            }
            Param::GPIPortCurrentState(state) => {
                port::<GPIPortCurrentState>(0, state.gpi_port_num, self.config.gpis, "inputs")
            }
            Param::Custom(custom) => {
                let extended = self.connection.as_ref().is_some_and(|c| c.vendor_enabled);
                vendor::check(self.config.manufacturer, extended, parent, custom)
            }
            Param::Unknown(unknown) => Err(Problem::parameter(
                unknown.param_type(),
                StatusCode::NestedUnknownParameter,
                "this reader does not know the parameter",
            )),
            _ => Ok(()),
        }
    }

    fn check_rospec(&self, spec: &ROSpec) -> Result<(), Problem> {
        if spec.rospec_id == 0 {
            return Err(Problem::field::<ROSpec>(
                0,
                StatusCode::Invalid,
                "ROSpecID 0 is not allowed",
            ));
        }
        if spec.priority >= PRIORITIES {
            let text = format!("priorities are 0 to {}", PRIORITIES - 1);
            return Err(Problem::field::<ROSpec>(1, StatusCode::OutOfRange, text));
        }
        if spec.current_state != ROSpecState::Disabled {
            let text = "a new ROSpec must be disabled";
            return Err(Problem::field::<ROSpec>(2, StatusCode::Invalid, text));
        }
        if spec.params.all::<AISpec>().count() as u64 > u64::from(SPECS_PER_ROSPEC) {
            let text = format!("a ROSpec has at most {SPECS_PER_ROSPEC} parts");
            let code = StatusCode::NestedOverflowParameter;
            return Err(Problem::parameter(AISpec::TYPE, code, text).inside(ROSpec::TYPE));
        }
        Ok(())
    }

    fn check_antennas(&self, ai: &AISpec) -> Result<(), Problem> {
        let beyond = ai.antenna_ids.iter().any(|&id| id > self.config.antennas);
        if ai.antenna_ids.is_empty() || beyond {
            let text = format!("this reader has antennas 1 to {}", self.config.antennas);
            return Err(Problem::field::<AISpec>(0, StatusCode::OutOfRange, text));
        }
        Ok(())
    }

    fn check_ai_stop(&self, trigger: &AISpecStopTrigger) -> Result<(), Problem> {
        let needs = |there: bool, parameter_type| {
            if there {
                return Ok(());
            }
            let code = StatusCode::NestedMissingParameter;
            let text = "the trigger lacks its value";
            Err(Problem::parameter(parameter_type, code, text).inside(AISpecStopTrigger::TYPE))
        };
        match trigger.trigger_type {
            AISpecStopTriggerType::Unknown(_) => Err(Problem::field::<AISpecStopTrigger>(
                0,
                StatusCode::Invalid,
                "there is no such stop trigger",
            )),
            AISpecStopTriggerType::TagObservation if !self.config.has_tag_observation_trigger => {
                Err(Problem::field::<AISpecStopTrigger>(
                    0,
                    StatusCode::Invalid,
                    "this reader does not stop by tags seen",
                ))
            }
            AISpecStopTriggerType::TagObservation => needs(
                trigger.params.has::<TagObservationTrigger>(),
                TagObservationTrigger::TYPE,
            ),
            AISpecStopTriggerType::GpiWithTimeout => needs(
                trigger.params.has::<GPITriggerValue>(),
                GPITriggerValue::TYPE,
            ),
            _ => Ok(()),
        }
    }

    fn check_transmitter(&self, radio: &RFTransmitter) -> Result<(), Problem> {
        in_table::<RFTransmitter>(
            2,
            radio.transmit_power,
            self.config.power_table.len(),
            "power table",
        )?;
        if self.config.hopping && radio.hop_table_id != 1 {
            let text = "the hop table is number 1";
            return Err(Problem::field::<RFTransmitter>(
                0,
                StatusCode::OutOfRange,
                text,
            ));
        }
        if self.config.hopping {
            return Ok(());
        }
        in_table::<RFTransmitter>(
            1,
            radio.channel_index,
            self.config.frequencies_khz.len(),
            "frequency table",
        )
    }

    fn check_inventory(&self, command: &C1G2InventoryCommand) -> Result<(), Problem> {
        if command.tag_inventory_state_aware {
            let text = "this reader does not singulate by the tags' state";
            return Err(Problem::field::<C1G2InventoryCommand>(
                0,
                StatusCode::Invalid,
                text,
            ));
        }
        let filters = command.params.all::<C1G2Filter>().count();
        if filters > usize::from(self.config.max_select_filters) {
            let text = format!(
                "at most {} filters are supported",
                self.config.max_select_filters
            );
            let code = StatusCode::NestedOverflowParameter;
            let problem = Problem::parameter(C1G2Filter::TYPE, code, text);
            return Err(problem.inside(C1G2InventoryCommand::TYPE));
        }
        Ok(())
    }

    fn check_mode(&self, control: &C1G2RFControl) -> Result<(), Problem> {
        if self
            .config
            .rf_modes
            .contains(&u32::from(control.mode_index))
        {
            return Ok(());
        }
        let text = format!("the modes are {:?}", self.config.rf_modes);
        Err(Problem::field::<C1G2RFControl>(
            0,
            StatusCode::OutOfRange,
            text,
        ))
    }
}

fn check_start(trigger: &ROSpecStartTrigger) -> Result<(), Problem> {
    let missing = match trigger.trigger_type {
        ROSpecStartTriggerType::Periodic if !trigger.params.has::<PeriodicTriggerValue>() => {
            PeriodicTriggerValue::TYPE
        }
        ROSpecStartTriggerType::Gpi if !trigger.params.has::<GPITriggerValue>() => {
            GPITriggerValue::TYPE
        }
        ROSpecStartTriggerType::Unknown(_) => {
            let text = "there is no such start trigger";
            return Err(Problem::field::<ROSpecStartTrigger>(
                0,
                StatusCode::Invalid,
                text,
            ));
        }
        _ => return Ok(()),
    };
    let text = "the trigger lacks its value";
    let problem = Problem::parameter(missing, StatusCode::NestedMissingParameter, text);
    Err(problem.inside(ROSpecStartTrigger::TYPE))
}

fn check_stop(trigger: &ROSpecStopTrigger) -> Result<(), Problem> {
    match trigger.trigger_type {
        ROSpecStopTriggerType::GpiWithTimeout if !trigger.params.has::<GPITriggerValue>() => {
            let (code, text) = (
                StatusCode::NestedMissingParameter,
                "the trigger lacks its value",
            );
            let problem = Problem::parameter(GPITriggerValue::TYPE, code, text);
            Err(problem.inside(ROSpecStopTrigger::TYPE))
        }
        ROSpecStopTriggerType::Unknown(_) => Err(Problem::field::<ROSpecStopTrigger>(
            0,
            StatusCode::Invalid,
            "there is no such stop trigger",
        )),
        _ => Ok(()),
    }
}

fn unsupported(parameter_type: u16, text: &str) -> Problem {
    Problem::parameter(parameter_type, StatusCode::NestedUnsupportedParameter, text)
}

/// An antenna of the reader, or 0 for all.
fn antenna<P: Parameter>(field_num: u16, id: u16, antennas: u16) -> Result<(), Problem> {
    if id <= antennas {
        return Ok(());
    }
    let text = format!("this reader has antennas 1 to {antennas}");
    Err(Problem::field::<P>(field_num, StatusCode::OutOfRange, text))
}

fn port<P: Parameter>(field_num: u16, port: u16, ports: u16, what: &str) -> Result<(), Problem> {
    // 0 names all of them in GPIPortCurrentState of some clients; the standard has it in requests only.
    if (1..=ports).contains(&port) {
        return Ok(());
    }
    let text = format!("this reader has {what} 1 to {ports}");
    Err(Problem::field::<P>(field_num, StatusCode::OutOfRange, text))
}

fn in_table<P: Parameter>(
    field_num: u16,
    index: u16,
    entries: usize,
    table: &str,
) -> Result<(), Problem> {
    if index != 0 && usize::from(index) <= entries {
        return Ok(());
    }
    let text = format!("the {table} has entries 1 to {entries}");
    Err(Problem::field::<P>(field_num, StatusCode::OutOfRange, text))
}

fn protocol<P: Parameter>(field_num: u16, protocol: AirProtocol) -> Result<(), Problem> {
    if protocol == AirProtocol::EpcGen2 {
        return Ok(());
    }
    let text = "the only air protocol is EPC Gen2 (1)";
    Err(Problem::field::<P>(field_num, StatusCode::OutOfRange, text))
}
