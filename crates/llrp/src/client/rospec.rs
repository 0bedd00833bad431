//! Our ROSpec: made from configuration and capabilities, and recognised on the reader.

use super::capabilities::Capabilities;
use super::config::ClientConfig;
use crate::codec::Params;
use crate::codec::code::{
    AISpecStopTriggerType, AirProtocol, ROReportTriggerType, ROSpecStartTriggerType, ROSpecState,
    ROSpecStopTriggerType,
};
use crate::codec::field::U2;
use crate::codec::param::{
    AISpec, AISpecStopTrigger, AntennaConfiguration, C1G2EPCMemorySelector, C1G2InventoryCommand,
    C1G2SingulationControl, InventoryParameterSpec, RFTransmitter, ROBoundarySpec, ROReportSpec,
    ROSpec, ROSpecStartTrigger, ROSpecStopTrigger, TagReportContentSelector,
};

/// Our ROSpec and what is worth saying about it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rospec: ROSpec,
    pub(super) warnings: Vec<String>,
}

/// Makes the ROSpec.
///
/// # Errors
/// In words, if the configuration asks for what the reader does not have.
pub(super) fn plan(config: &ClientConfig, capabilities: &Capabilities) -> Result<Plan, String> {
    if config.rospec_id == 0 {
        return Err("ROSpec id 0 means all ROSpecs, choose another".to_owned());
    }
    if config.session > 3 {
        return Err(format!(
            "session {} does not exist, Gen2 has 0 to 3",
            config.session
        ));
    }
    let mut warnings = Vec::new();
    let mut inventory = Params::default();
    for antenna in &config.antennas {
        if antenna.id == 0 {
            return Err("antennas are numbered from 1, there is no antenna 0".to_owned());
        }
        if let Some(count) = capabilities.antennas
            && antenna.id > count
        {
            return Err(format!(
                "antenna {} does not exist, the reader has antennas 1 to {count}",
                antenna.id
            ));
        }
        let mut params = Params::default();
        if let Some(wanted) = antenna.power {
            match capabilities.power_step(wanted) {
                Some((index, power)) => {
                    if power != wanted {
                        warnings.push(format!(
                            "antenna {}: the reader has no step of {wanted}, {power} is used",
                            antenna.id
                        ));
                    }
                    params.push(RFTransmitter {
                        hop_table_id: capabilities.hop_table_id.map_or(0, u16::from),
                        // Counted from 1; a reader that hops ignores it.
                        channel_index: 1,
                        transmit_power: index,
                    });
                }
                None => warnings.push(format!(
                    "antenna {}: the reader tells no power steps, its own power is used instead of {wanted}",
                    antenna.id
                )),
            }
        }
        params.push(inventory_command(config));
        inventory.push(AntennaConfiguration {
            antenna_id: antenna.id,
            params,
        });
    }
    let mut antenna_ids: Vec<u16> = config.antennas.iter().map(|antenna| antenna.id).collect();
    if antenna_ids.is_empty() {
        antenna_ids.push(0);
        let params = Params::default().with(inventory_command(config));
        inventory.push(AntennaConfiguration {
            antenna_id: 0,
            params,
        });
    }
    let ai_spec = AISpec {
        antenna_ids,
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
    };
    let params = Params::default()
        .with(boundary())
        .with(ai_spec)
        .with(report_spec());
    let rospec = ROSpec {
        rospec_id: config.rospec_id,
        priority: 0,
        current_state: ROSpecState::Disabled,
        params,
    };
    Ok(Plan { rospec, warnings })
}

/// Whether the reader's ROSpec is the one we would add, whatever its state.
pub(super) fn is_same(ours: &ROSpec, theirs: &ROSpec) -> bool {
    ours.rospec_id == theirs.rospec_id
        && ours.priority == theirs.priority
        && ours.params == theirs.params
}

fn boundary() -> ROBoundarySpec {
    let start = ROSpecStartTrigger {
        trigger_type: ROSpecStartTriggerType::Null,
        params: Params::default(),
    };
    let stop = ROSpecStopTrigger {
        trigger_type: ROSpecStopTriggerType::Null,
        duration_ms: 0,
        params: Params::default(),
    };
    ROBoundarySpec {
        params: Params::default().with(start).with(stop),
    }
}

fn inventory_command(config: &ClientConfig) -> C1G2InventoryCommand {
    C1G2InventoryCommand {
        tag_inventory_state_aware: false,
        params: Params::default().with(C1G2SingulationControl {
            session: U2(config.session),
            tag_population: config.tag_population,
            tag_transit_time: 0,
            params: Params::default(),
        }),
    }
}

/// Reports as soon as a tag is seen. The inventory itself never pauses for a report: stop triggers that do make
/// the radio stop and start, and tags on moving loads are missed.
fn report_spec() -> ROReportSpec {
    let memory = C1G2EPCMemorySelector {
        enable_crc: false,
        enable_pc_bits: true,
        enable_xpc_bits: false,
    };
    let content = TagReportContentSelector {
        enable_antenna_id: true,
        enable_peak_rssi: true,
        enable_first_seen_timestamp: true,
        enable_last_seen_timestamp: true,
        enable_tag_seen_count: true,
        params: Params::default().with(memory),
        ..TagReportContentSelector::default()
    };
    ROReportSpec {
        trigger: ROReportTriggerType::UponNTagsOrEndOfROSpec,
        n: 1,
        params: Params::default().with(content),
    }
}
