//! What the reader tells about itself: capabilities and configuration.

use super::Reader;
use crate::codec::Params;
use crate::codec::code::{
    AirProtocol, C1G2ForwardLinkModulation, C1G2MValue, C1G2SpectralMaskIndicator,
    CapabilitiesRequest, CommunicationsStandard, ConfigRequest, KeepaliveTriggerType,
    NotificationEventType,
};
use crate::codec::field::Text;
use crate::codec::param::{
    AntennaProperties, C1G2LLRPCapabilities, C1G2UHFRFModeTable, C1G2UHFRFModeTableEntry,
    EventNotificationState, EventsAndReports, FixedFrequencyTable, FrequencyHopTable,
    FrequencyInformation, GPIOCapabilities, GeneralDeviceCapabilities, KeepaliveSpec,
    LLRPCapabilities, PerAntennaAirProtocol, ReaderEventNotificationSpec,
    ReceiveSensitivityTableEntry, RegulatoryCapabilities, TransmitPowerLevelTableEntry,
    UHFBandCapabilities,
};

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
                max_num_priority_levels_supported: 1,
                max_num_rospecs: self.config.max_rospecs,
                max_num_specs_per_rospec: 32,
                max_num_inventory_parameter_specs_per_aispec: 1,
                ..LLRPCapabilities::default()
            });
        }
        if wanted(CapabilitiesRequest::Regulatory) {
            params.push(self.regulatory());
        }
        if wanted(CapabilitiesRequest::AirProtocol) {
            params.push(C1G2LLRPCapabilities {
                max_num_select_filters_per_query: 2,
                ..Default::default()
            });
        }
        params
    }

    fn general(&self) -> GeneralDeviceCapabilities {
        let mut params = Params::default().with(ReceiveSensitivityTableEntry {
            index: 1,
            receive_sensitivity_value: 0,
        });
        params.push(GPIOCapabilities {
            num_gpis: 4,
            num_gpos: 4,
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
        let mode = C1G2UHFRFModeTableEntry {
            mode_identifier: 1000,
            epc_hag_tc_conformance: true,
            m_value: C1G2MValue::Miller4,
            forward_link_modulation: C1G2ForwardLinkModulation::PrAsk,
            spectral_mask_indicator: C1G2SpectralMaskIndicator::DenseInterrogator,
            bdr_value: 250_000,
            pie_value: 1500,
            min_tari_value: 20_000,
            max_tari_value: 20_000,
            ..C1G2UHFRFModeTableEntry::default()
        };
        band.push(C1G2UHFRFModeTable {
            params: Params::default().with(mode),
        });
        RegulatoryCapabilities {
            country_code: 276,
            communications_standard: CommunicationsStandard::Etsi302208,
            params: Params::default().with(UHFBandCapabilities { params: band }),
        }
    }

    pub(super) fn configuration(&self, part: ConfigRequest) -> Params {
        let wanted = |this| part == this || part == ConfigRequest::All;
        let mut params = Params::default();
        if wanted(ConfigRequest::AntennaProperties) {
            for antenna_id in 1..=self.config.antennas {
                params.push(AntennaProperties {
                    antenna_connected: true,
                    antenna_id,
                    antenna_gain: 600,
                });
            }
        }
        if wanted(ConfigRequest::ReaderEventNotificationSpec) {
            let states = (0..=8).map(|kind| {
                let event_type = NotificationEventType::from(kind);
                EventNotificationState {
                    event_type,
                    enabled: self.settings.notifications.contains(&event_type),
                }
            });
            params.push(ReaderEventNotificationSpec {
                params: states.collect(),
            });
        }
        if wanted(ConfigRequest::ROReportSpec)
            && let Some(spec) = &self.settings.report_spec
        {
            params.push(spec.clone());
        }
        if wanted(ConfigRequest::KeepaliveSpec) {
            let period_ms = self.settings.keepalive_ms;
            let trigger_type = if period_ms.is_some() {
                KeepaliveTriggerType::Periodic
            } else {
                KeepaliveTriggerType::Null
            };
            params.push(KeepaliveSpec {
                trigger_type,
                period_ms: period_ms.unwrap_or(0),
            });
        }
        if wanted(ConfigRequest::EventsAndReports) {
            params.push(EventsAndReports {
                hold_events_and_reports_upon_reconnect: self.settings.hold,
            });
        }
        params
    }
}
