//! Our ROSpec, made from configuration and capabilities.

use std::time::Duration;

use super::capabilities::Capabilities;
use super::config::{AntennaConfig, ClientConfig, MemoryBank, SearchMode, Select};
use super::modes::mode_index;
use super::refusal::{Asking, Extra};
use crate::codec::code::{
    AISpecStopTriggerType, AirProtocol, C1G2StateUnawareAction, C1G2TruncateAction,
    ROSpecStartTriggerType, ROSpecState, ROSpecStopTriggerType,
};
use crate::codec::field::{Bits, U2};
use crate::codec::impinj::{InventorySearchMode, SearchMode as ImpinjSearchMode};
use crate::codec::param::{
    AISpec, AISpecStopTrigger, AntennaConfiguration, C1G2Filter, C1G2InventoryCommand,
    C1G2RFControl, C1G2SingulationControl, C1G2TagInventoryMask,
    C1G2TagInventoryStateUnawareFilterAction, GPITriggerValue, InventoryParameterSpec,
    PeriodicTriggerValue, RFReceiver, RFTransmitter, ROBoundarySpec, ROSpec, ROSpecStartTrigger,
    ROSpecStopTrigger,
};
use crate::codec::{Params, code};

/// Our ROSpec and what is worth saying about it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) rospec: ROSpec,
    /// What could be left out if it is refused.
    pub(super) used: Vec<Extra>,
    /// What was asked for and is not in it, in words.
    pub(super) limits: Vec<String>,
    /// The TID must be read by an AccessSpec.
    pub(super) tid_by_access: bool,
}

/// What the reader is like on this connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) capabilities: &'a Capabilities,
    /// Protocol version spoken.
    pub(super) version: u8,
    /// Impinj's extensions are on.
    pub(super) extensions: bool,
    /// What the reader has refused.
    pub(super) refused: &'a [(Extra, String)],
}

/// Makes the ROSpec.
///
/// # Errors
/// In words, if the configuration is wrong or asks for antennas or inputs that the reader does not have.
pub(super) fn plan(config: &ClientConfig, terms: Terms<'_>) -> Result<Plan, String> {
    let wrong = config.check();
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let mut planner = Planner {
        config,
        terms,
        asking: Asking::new(terms.refused),
    };
    let boundary = planner.boundary()?;
    let ai_spec = planner.ai_spec()?;
    let (report, tid_by_access) = planner.report_spec();
    let rospec = ROSpec {
        rospec_id: config.rospec_id,
        priority: 0,
        current_state: ROSpecState::Disabled,
        params: Params::default().with(boundary).with(ai_spec).with(report),
    };
    let Asking { used, limits, .. } = planner.asking;
    Ok(Plan {
        rospec,
        used,
        limits,
        tid_by_access,
    })
}

/// The standard's bank of ours.
pub(super) fn bank(bank: MemoryBank) -> code::MemoryBank {
    match bank {
        MemoryBank::Reserved => code::MemoryBank::Reserved,
        MemoryBank::Epc => code::MemoryBank::Epc,
        MemoryBank::Tid => code::MemoryBank::Tid,
        MemoryBank::User => code::MemoryBank::User,
    }
}

/// The first bits of `bytes`, what lies beyond them cleared.
pub(super) fn bits(bit_len: u16, bytes: &[u8]) -> Bits {
    let mut bytes: Vec<u8> = bytes
        .iter()
        .copied()
        .take(usize::from(bit_len).div_ceil(8))
        .collect();
    if let Some(last) = bytes.last_mut()
        && !bit_len.is_multiple_of(8)
    {
        *last &= 0xff << (8 - bit_len % 8);
    }
    Bits::new(bit_len, &bytes)
}

/// The making of a ROSpec.
pub(super) struct Planner<'a> {
    pub(super) config: &'a ClientConfig,
    pub(super) terms: Terms<'a>,
    pub(super) asking: Asking<'a>,
}

impl Planner<'_> {
    fn boundary(&mut self) -> Result<ROBoundarySpec, String> {
        let mut start = ROSpecStartTrigger {
            trigger_type: ROSpecStartTriggerType::Null,
            params: Params::default(),
        };
        let mut stop = ROSpecStopTrigger {
            trigger_type: ROSpecStopTriggerType::Null,
            duration_ms: 0,
            params: Params::default(),
        };
        if let Some(trigger) = self.config.trigger {
            if let Some(count) = self.terms.capabilities.inputs
                && trigger.port > count
            {
                return Err(match count {
                    0 => "an input is to say when to read, but the reader has no inputs".to_owned(),
                    _ => format!(
                        "input {} does not exist, the reader has inputs 1 to {count}",
                        trigger.port
                    ),
                });
            }
            let value = |gpi_event, timeout| GPITriggerValue {
                gpi_port_num: trigger.port,
                gpi_event,
                timeout,
            };
            start.trigger_type = ROSpecStartTriggerType::Gpi;
            start.params.push(value(trigger.high, 0));
            stop.trigger_type = ROSpecStopTriggerType::GpiWithTimeout;
            stop.params
                .push(value(!trigger.high, trigger.timeout.map_or(0, millis)));
        } else if let Some(cycle) = self.config.duty_cycle
            && self.asking.may(Extra::DutyCycle)
        {
            start.trigger_type = ROSpecStartTriggerType::Periodic;
            start.params.push(PeriodicTriggerValue {
                offset: 0,
                period: millis(cycle.on.saturating_add(cycle.off)),
                params: Params::default(),
            });
            stop.trigger_type = ROSpecStopTriggerType::Duration;
            stop.duration_ms = millis(cycle.on);
        }
        Ok(ROBoundarySpec {
            params: Params::default().with(start).with(stop),
        })
    }

    fn ai_spec(&mut self) -> Result<AISpec, String> {
        let all = [AntennaConfig {
            id: 0,
            power: None,
            receive_sensitivity: None,
        }];
        let antennas = match self.config.antennas.as_slice() {
            [] => &all,
            antennas => antennas,
        };
        let command = self.inventory_command();
        let mut inventory = Params::default();
        for antenna in antennas {
            let mut params = self.antenna(antenna)?;
            params.0.extend(command.clone().map(Into::into));
            if !params.0.is_empty() {
                inventory.push(AntennaConfiguration {
                    antenna_id: antenna.id,
                    params,
                });
            }
        }
        Ok(AISpec {
            antenna_ids: antennas.iter().map(|antenna| antenna.id).collect(),
            params: Params::default()
                .with(AISpecStopTrigger {
                    trigger_type: AISpecStopTriggerType::Null,
                    duration_ms: 0,
                    params: Params::default(),
                })
                .with(InventoryParameterSpec {
                    inventory_parameter_spec_id: 1,
                    protocol_id: AirProtocol::EpcGen2,
                    params: inventory,
                }),
        })
    }

    /// Sensitivity and power of an antenna.
    fn antenna(&mut self, antenna: &AntennaConfig) -> Result<Params, String> {
        let (id, capabilities) = (antenna.id, self.terms.capabilities);
        if let Some(count) = capabilities.antennas
            && id > count
        {
            return Err(format!(
                "antenna {id} does not exist, the reader has antennas 1 to {count}"
            ));
        }
        let mut params = Params::default();
        if let Some(wanted) = antenna.receive_sensitivity
            && self.asking.may(Extra::Sensitivity)
        {
            match capabilities.sensitivity_step(id, wanted) {
                Some((index, step)) => {
                    if step != wanted {
                        self.asking.limit(format!(
                            "antenna {id}: the reader has no receive sensitivity step of {wanted} dB, {step} dB is used"
                        ));
                    }
                    params.push(RFReceiver {
                        receiver_sensitivity: index,
                    });
                }
                None => self.asking.limit(format!(
                    "antenna {id}: the reader tells no receive sensitivity steps, its own is used instead of {wanted} dB"
                )),
            }
        }
        if let Some(wanted) = antenna.power {
            match capabilities.power_step(wanted) {
                Some((index, power)) => {
                    if power != wanted {
                        self.asking.limit(format!(
                            "antenna {id}: the reader has no step of {wanted}, {power} is used"
                        ));
                    }
                    params.push(RFTransmitter {
                        hop_table_id: capabilities.hop_table_id.map_or(0, u16::from),
                        // Counted from 1; a reader that hops ignores it.
                        channel_index: 1,
                        transmit_power: index,
                    });
                }
                None => self.asking.limit(format!(
                    "antenna {id}: the reader tells no power steps, its own power is used instead of {wanted}"
                )),
            }
        }
        Ok(params)
    }

    fn inventory_command(&mut self) -> Option<C1G2InventoryCommand> {
        let mut params = self.filters();
        if let Some(mode) = &self.config.mode
            && self.asking.may(Extra::Mode)
        {
            match mode_index(mode, self.terms.capabilities) {
                // Tari 0 leaves it to the mode.
                Ok(mode_index) => params.push(C1G2RFControl {
                    mode_index,
                    tari: 0,
                }),
                Err(why) => {
                    self.asking.used.retain(|extra| *extra != Extra::Mode);
                    self.asking.limit(why);
                }
            }
        }
        if self.asking.may(Extra::Singulation) {
            params.push(C1G2SingulationControl {
                session: U2(self.config.session),
                tag_population: self.config.tag_population,
                tag_transit_time: 0,
                params: Params::default(),
            });
        }
        if let Some(search) = self.config.search_mode {
            if !self.terms.extensions {
                self.asking.limit(format!(
                    "{} needs the extensions of an Impinj reader, the reader's own search mode is used",
                    search.text()
                ));
            } else if self.asking.may(Extra::SearchMode) {
                if search == SearchMode::TagFocus && self.config.session != 1 {
                    self.asking.limit(format!(
                        "TagFocus keeps tags quiet in session 1 only, session {} is asked for",
                        self.config.session
                    ));
                }
                params.push(InventorySearchMode {
                    mode: impinj_search_mode(search),
                    ..InventorySearchMode::default()
                });
            }
        }
        (!params.0.is_empty()).then_some(C1G2InventoryCommand {
            tag_inventory_state_aware: false,
            params,
        })
    }

    /// The Select filters: the first one chooses, each further one adds to the choice.
    fn filters(&mut self) -> Params {
        let wanted = &self.config.select;
        if let Some(most) = self.terms.capabilities.max_select_filters
            && wanted.len() > usize::from(most)
        {
            // With fewer of them, tags would be missed.
            self.asking.limit(format!(
                "{} tag patterns are asked for, the reader takes at most {most}: it reads all tags",
                wanted.len()
            ));
            return Params::default();
        }
        if wanted.is_empty() || !self.asking.may(Extra::Select) {
            return Params::default();
        }
        let filter = |(index, select): (usize, &Select)| C1G2Filter {
            t: C1G2TruncateAction::DoNotTruncate,
            params: Params::default()
                .with(C1G2TagInventoryMask {
                    mb: bank(select.bank),
                    pointer: select.bit_pointer,
                    tag_mask: bits(select.bit_len, &select.mask),
                })
                .with(C1G2TagInventoryStateUnawareFilterAction {
                    action: if index == 0 {
                        C1G2StateUnawareAction::SelectUnselect
                    } else {
                        C1G2StateUnawareAction::SelectNothing
                    },
                }),
        };
        wanted.iter().enumerate().map(filter).collect()
    }
}

fn impinj_search_mode(mode: SearchMode) -> ImpinjSearchMode {
    match mode {
        SearchMode::ReaderSelected => ImpinjSearchMode::ReaderSelected,
        SearchMode::SingleTarget => ImpinjSearchMode::SingleTarget,
        SearchMode::DualTarget => ImpinjSearchMode::DualTarget,
        SearchMode::TagFocus => ImpinjSearchMode::TagFocus,
        SearchMode::SingleTargetReset => ImpinjSearchMode::SingleTargetReset,
    }
}

pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
