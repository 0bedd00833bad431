//! Zebra's extensions (vendor 161, once Motorola's), only those seen on a real FX9600 (firmware 3.32.37).
//!
//! The vendor's guide counts reserved bits that readers do not send, so lengths decide and not the guide: what is
//! longer than known keeps its rest in `extra`.

use crate::codec::vendor::vendor_params;

vendor_params! {
    "Zebra" 161;
    1 GeneralCapabilities { version: u32, can_get_general_params: bool, can_report_part_number: bool,
        can_report_radio_version: bool, can_support_radio_power_state: bool,
        can_support_radio_transmit_delay: bool, can_support_zebra_trigger: bool | 2 } "General capabilities";
    100 AutonomousCapabilities { version: u32, can_support_autonomous_mode: bool | 7 }
        "Whether the reader can read on its own";
    101 AutonomousState { autonomous_mode: bool | 7 } "Whether the reader reads on its own";
    102 DefaultSpec { use_default_spec_for_auto_mode: bool | 7 } []
        "What the reader does on its own: its `ROSpec` and `AccessSpec`s";
    110 AdvancedCapabilities { version: u32, can_report_phase: bool, can_support_zone: bool,
        can_support_antenna_rf_config: bool, can_support_periodic_tag_reports: bool,
        can_support_sled_battery_status: bool, can_support_logical_antenna: bool, can_report_gps: bool | 1 }
        "Capabilities of reports and antennas";
    120 TagEventsGenerationCapabilities { version: u32, can_select_tag_events: bool,
        can_select_tag_reporting_format: bool, can_select_moving_event: bool | 5 } "Capabilities of tag events";
    121 TagEventSelector { report_new_tag_event: u8, new_tag_event_moderated_timeout: u16,
        report_tag_invisible_event: u8, tag_invisible_event_moderated_timeout: u16,
        report_tag_visibility_change_event: u8, tag_visibility_change_event_moderated_timeout: u16 }
        "Tag events asked for, in `ROReportSpec`";
    122 TagReportMode { report_format: u8 } "Form of tag reports, in `ROReportSpec`";
    200 FilterCapabilities { version: u32, can_filter_by_rssi: bool, can_filter_by_time_of_day: bool,
        can_filter_by_utc_timestamp: bool, undocumented: bool | 4 } "Capabilities of filters in the reader";
    300 PersistenceCapabilities { version: u32, can_save_configuration: bool, can_save_tags: bool,
        can_save_events: bool | 5 } "What the reader can save";
    350 PersistenceSaveParams { save_configuration: bool, save_tag_data: bool, save_tag_event_data: bool | 5 }
        "What the reader saves";
    400 C1G2Capabilities { version: u32, can_support_block_permalock: bool, can_support_recommissioning: bool,
        can_write_umi: bool, can_support_nxp_commands: bool, can_support_fujitsu_commands: bool,
        can_support_g2v2_commands: bool, undocumented: bool | 1 } "Capabilities of the air protocol";
    466 CustomCommandOptions { enable_nxp_set_and_reset_quiet: bool | 31 } "Commands of tag makers";
    500 RadioPowerState { radio_power: bool | 7 } "Whether the radio is on";
    511 RadioTransmitDelay { radio_transmit_delay: u8 | 8 } "Pause of the radio";
    704 AntennaStopCondition { antenna_stop_trigger: u8, antenna_stop_condition_value: u16 }
        "When the reader goes on to the next antenna";
    708 TagReportContentSelector { enable_zone_id: bool, enable_zone_name: bool,
        enable_antenna_physical_port_config: bool, enable_phase: bool, enable_gps: bool, enable_mlt_report: bool | 26 }
        "What tag reports hold beyond the standard, in `ROReportSpec`; only phase and zone id were seen to work";
    709 TagPhase { phase: i16 } "Phase, 32768 for half a turn, in `TagReportData`";
    710 AntennaQueryConfig { enable_sl_all: bool, enable_ab_flip: bool | 14 } "How tags are asked, per antenna";
    712 BrandIDCheckStatus { brand_id: u8 } "Brand identifier of an NXP tag, in `TagReportData`";
}
