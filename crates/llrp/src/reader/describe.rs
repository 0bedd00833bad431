//! What the reader tells about itself: capabilities, and its specs as it understood them.

use super::Reader;
use super::check::{OPS_PER_ACCESS_SPEC, PRIORITIES, SPECS_PER_ROSPEC};
use super::inventory::{default_selector, unknown_parameter};
use super::vendor;
use crate::codec::code::{
    AirProtocol, C1G2ForwardLinkModulation, C1G2MValue, C1G2SpectralMaskIndicator,
    CapabilitiesRequest, CommunicationsStandard, ROReportTriggerType,
};
use crate::codec::field::{Rest, Text};
use crate::codec::param::{
    AISpec, AntennaConfiguration, C1G2LLRPCapabilities, C1G2UHFRFModeTable,
    C1G2UHFRFModeTableEntry, Custom, FixedFrequencyTable, FrequencyHopTable, FrequencyInformation,
    GPIOCapabilities, GeneralDeviceCapabilities, LLRPCapabilities, PerAntennaAirProtocol,
    ROReportSpec, ROSpec, ReceiveSensitivityTableEntry, RegulatoryCapabilities,
    TransmitPowerLevelTableEntry, UHFBandCapabilities,
};
use crate::codec::{Param, Params};

/// Most bytes of padding in one parameter.
const PADDING_PIECE: usize = 60_000;

impl Reader {
    pub(super) fn capabilities(&self, part: CapabilitiesRequest) -> Params {
        let wanted = |this| part == this || part == CapabilitiesRequest::All;
        let mut params = Params::default();
        if wanted(CapabilitiesRequest::General) {
            params.push(self.general());
        }
        if wanted(CapabilitiesRequest::Llrp) {
            params.push(LLRPCapabilities {
                can_report_buffer_fill_warning: true,
                supports_event_and_report_holding: self.config.can_hold_reports,
                max_num_priority_levels_supported: PRIORITIES,
                max_num_rospecs: self.config.max_rospecs,
                max_num_specs_per_rospec: SPECS_PER_ROSPEC,
                max_num_inventory_parameter_specs_per_aispec: 1,
                max_num_access_specs: self.config.max_access_specs,
                max_num_op_specs_per_access_spec: OPS_PER_ACCESS_SPEC,
                ..LLRPCapabilities::default()
            });
        }
        if wanted(CapabilitiesRequest::Regulatory) {
            params.push(self.regulatory());
        }
        if wanted(CapabilitiesRequest::AirProtocol) {
            params.push(C1G2LLRPCapabilities {
                can_support_block_erase: true,
                can_support_block_write: true,
                max_num_select_filters_per_query: self.config.max_select_filters,
                ..Default::default()
            });
        }
        params
            .0
            .extend(vendor::capabilities(self.config.manufacturer, part).0);
        if part == CapabilitiesRequest::All {
            let mut padding = self.config.capabilities_padding;
            while padding > 0 {
                let piece = padding.min(PADDING_PIECE);
                params.push(Custom {
                    vendor: self.config.manufacturer,
                    subtype: u32::MAX,
                    data: Rest(vec![0; piece]),
                });
                padding -= piece;
            }
        }
        if self.faults.unknown_parameters {
            params.0.push(unknown_parameter());
        }
        params
    }

    fn general(&self) -> GeneralDeviceCapabilities {
        let mut params = Params::default();
        let entries = (1..=u16::MAX).zip(&self.config.sensitivity_table);
        for (index, &receive_sensitivity_value) in entries {
            params.push(ReceiveSensitivityTableEntry {
                index,
                receive_sensitivity_value,
            });
        }
        params.push(GPIOCapabilities {
            num_gpis: self.config.gpis,
            num_gpos: self.config.gpos,
        });
        for antenna_id in 1..=self.config.antennas {
            params.push(PerAntennaAirProtocol {
                antenna_id,
                protocol_ids: vec![AirProtocol::EpcGen2],
            });
        }
        GeneralDeviceCapabilities {
            max_number_of_antenna_supported: self.config.antennas,
            can_set_antenna_properties: false,
            has_utc_clock_capability: self.config.has_utc_clock,
            device_manufacturer_name: self.config.manufacturer,
            model_name: self.config.model,
            reader_firmware_version: Text::from(self.config.firmware.as_str()),
            params,
        }
    }

    fn regulatory(&self) -> RegulatoryCapabilities {
        let mut band = Params::default();
        for (index, &transmit_power_value) in (1..=u16::MAX).zip(&self.config.power_table) {
            band.push(TransmitPowerLevelTableEntry {
                index,
                transmit_power_value,
            });
        }
        let frequencies = self.config.frequencies_khz.clone();
        let table = if self.config.hopping {
            Params::default().with(FrequencyHopTable {
                hop_table_id: 1,
                frequencies,
            })
        } else {
            Params::default().with(FixedFrequencyTable { frequencies })
        };
        band.push(FrequencyInformation {
            hopping: self.config.hopping,
            params: table,
        });
        let modes = self.config.rf_modes.iter().map(|&mode_identifier| {
            // The standard's measures of a mode; those of 1000 and above are chosen by the reader itself.
            C1G2UHFRFModeTableEntry {
                mode_identifier,
                epc_hag_tc_conformance: true,
                m_value: C1G2MValue::from((mode_identifier % 4) as u8),
                forward_link_modulation: C1G2ForwardLinkModulation::PrAsk,
                spectral_mask_indicator: C1G2SpectralMaskIndicator::DenseInterrogator,
                bdr_value: 250_000,
                pie_value: 1500,
                min_tari_value: 20_000,
                max_tari_value: 20_000,
                ..C1G2UHFRFModeTableEntry::default()
            }
        });
        band.push(C1G2UHFRFModeTable {
            params: modes.collect(),
        });
        RegulatoryCapabilities {
            country_code: 276,
            communications_standard: CommunicationsStandard::Etsi302208,
            params: Params::default().with(UHFBandCapabilities { params: band }),
        }
    }

    /// The ROSpecs as GET_ROSPECS tells them.
    pub(super) fn described_rospecs(&self) -> Params {
        let specs = self.specs.iter().map(|spec| {
            if self.config.fills_in_defaults {
                self.filled_in(&spec.spec)
            } else {
                spec.spec.clone()
            }
        });
        specs.collect()
    }

    /// What the client left out, as the reader chose it; all antennas by their numbers, parameters in its own order.
    fn filled_in(&self, spec: &ROSpec) -> ROSpec {
        let mut spec = spec.clone();
        for param in &mut spec.params.0 {
            if let Param::AISpec(ai) = param {
                self.fill_in_part(ai);
            }
        }
        let has_report = spec.params.has::<ROReportSpec>();
        if !has_report {
            spec.params.push(ROReportSpec {
                trigger: ROReportTriggerType::UponNTagsOrEndOfROSpec,
                n: 0,
                params: Params::default().with(default_selector()),
            });
        }
        spec
    }

    fn fill_in_part(&self, ai: &mut AISpec) {
        if ai.antenna_ids.contains(&0) {
            ai.antenna_ids = (1..=self.config.antennas).collect();
        }
        let ids = ai.antenna_ids.clone();
        for param in &mut ai.params.0 {
            let Param::InventoryParameterSpec(inventory) = param else {
                continue;
            };
            let given: Vec<AntennaConfiguration> = inventory.params.all().cloned().collect();
            inventory
                .params
                .0
                .retain(|param| !matches!(param, Param::AntennaConfiguration(_)));
            for &antenna_id in &ids {
                let mut antenna = self.antenna_configuration(antenna_id);
                let own = given
                    .iter()
                    .filter(|given| [0, antenna_id].contains(&given.antenna_id));
                for given in own {
                    for new in &given.params.0 {
                        antenna.params.0.retain(|old| old.name() != new.name());
                        antenna.params.0.push(new.clone());
                    }
                }
                inventory.params.push(antenna);
            }
        }
        // Parameters come in the reader's order, not the client's.
        ai.params.0.reverse();
    }
}
