//! What the reader says it can do, as far as the set-up needs it.

use super::config::Dbm;
use super::modes::ModeEntry;
use crate::codec::Params;
use crate::codec::code::CommunicationsStandard;
use crate::codec::param::{
    C1G2LLRPCapabilities, C1G2UHFRFModeTable, FixedFrequencyTable, FrequencyHopTable,
    FrequencyInformation, GPIOCapabilities, GeneralDeviceCapabilities, LLRPCapabilities,
    PerAntennaReceiveSensitivityRange, ReceiveSensitivityTableEntry, RegulatoryCapabilities,
    TransmitPowerLevelTableEntry, UHFBandCapabilities,
};

/// Private enterprise number of Impinj.
pub(super) const IMPINJ: u32 = crate::codec::impinj::VENDOR;
/// Private enterprise number of Zebra, formerly Motorola.
pub(super) const ZEBRA: u32 = crate::codec::zebra::VENDOR;

/// Summary of GET_READER_CAPABILITIES_RESPONSE (LLRP 1.0.1 §9.2.2). `None` stands for what the reader did not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// IANA private enterprise number of the maker.
    pub manufacturer: Option<u32>,
    /// Model number.
    pub model: Option<u32>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Number of antennas.
    pub antennas: Option<u16>,
    /// Number of general-purpose inputs.
    pub inputs: Option<u16>,
    /// Number of general-purpose outputs.
    pub outputs: Option<u16>,
    /// Whether it has a UTC clock.
    pub has_utc_clock: Option<bool>,
    /// Whether it can hold events and reports while no client is connected.
    pub can_hold_reports: Option<bool>,
    /// Whether singulation by the tags' inventoried flags can be asked for.
    pub state_aware: Option<bool>,
    /// Whether it can report the XPC words.
    pub can_report_xpc: Option<bool>,
    /// Most ROSpecs it takes; 0 means no limit.
    pub max_rospecs: Option<u32>,
    /// Most AccessSpecs it takes; 0 means no limit.
    pub max_access_specs: Option<u32>,
    /// Most operations in one AccessSpec; 0 means no limit.
    pub max_ops_per_access_spec: Option<u32>,
    /// Most Select filters in one inventory.
    pub max_select_filters: Option<u16>,
    /// Transmit power by table index, in the reader's order.
    pub power_table: Vec<(u16, Dbm)>,
    /// Receive sensitivity by table index, in dB above the most sensitive, in the reader's order.
    pub sensitivity_table: Vec<(u16, i16)>,
    /// Table indexes of receive sensitivity that an antenna can have: antenna, first, last.
    pub sensitivity_ranges: Vec<(u16, u16, u16)>,
    /// Radio modes, in the reader's order.
    pub modes: Vec<ModeEntry>,
    /// Radio regulation it works under.
    pub regulation: Option<CommunicationsStandard>,
    /// Whether it hops between frequencies.
    pub hopping: Option<bool>,
    /// The first hop table, if the reader hops.
    pub hop_table_id: Option<u8>,
    /// Frequencies in kHz: of the first hop table, or the fixed ones. A read's channel counts them from 1.
    pub frequencies_khz: Vec<u32>,
}

impl Capabilities {
    /// Collects what is there.
    #[must_use]
    pub fn from_params(params: &Params) -> Self {
        let mut this = Self::default();
        if let Some(general) = params.first() {
            this.take_general(general);
        }
        if let Some(llrp) = params.first::<LLRPCapabilities>() {
            this.can_hold_reports = Some(llrp.supports_event_and_report_holding);
            this.state_aware = Some(llrp.can_do_tag_inventory_state_aware_singulation);
            this.max_rospecs = Some(llrp.max_num_rospecs);
            this.max_access_specs = Some(llrp.max_num_access_specs);
            this.max_ops_per_access_spec = Some(llrp.max_num_op_specs_per_access_spec);
        }
        if let Some(air) = params.first::<C1G2LLRPCapabilities>() {
            this.max_select_filters = Some(air.max_num_select_filters_per_query);
            this.can_report_xpc = Some(air.can_support_xpc);
        }
        if let Some(regulatory) = params.first::<RegulatoryCapabilities>() {
            this.regulation = Some(regulatory.communications_standard);
            if let Some(band) = regulatory.params.first() {
                this.take_band(band);
            }
        }
        this
    }

    fn take_general(&mut self, general: &GeneralDeviceCapabilities) {
        self.manufacturer = Some(general.device_manufacturer_name);
        self.model = Some(general.model_name);
        self.firmware = Some(general.reader_firmware_version.to_string());
        self.antennas = Some(general.max_number_of_antenna_supported);
        self.has_utc_clock = Some(general.has_utc_clock_capability);
        if let Some(ports) = general.params.first::<GPIOCapabilities>() {
            self.inputs = Some(ports.num_gpis);
            self.outputs = Some(ports.num_gpos);
        }
        let entry = |e: &ReceiveSensitivityTableEntry| (e.index, e.receive_sensitivity_value);
        self.sensitivity_table = general.params.all().map(entry).collect();
        let range = |r: &PerAntennaReceiveSensitivityRange| {
            (
                r.antenna_id,
                r.receive_sensitivity_index_min,
                r.receive_sensitivity_index_max,
            )
        };
        self.sensitivity_ranges = general.params.all().map(range).collect();
    }

    fn take_band(&mut self, band: &UHFBandCapabilities) {
        let entry = |e: &TransmitPowerLevelTableEntry| {
            (e.index, Dbm::from_hundredths(e.transmit_power_value))
        };
        self.power_table = band.params.all().map(entry).collect();
        self.modes = band
            .params
            .all::<C1G2UHFRFModeTable>()
            .flat_map(|table| table.params.all())
            .map(ModeEntry::from)
            .collect();
        let Some(frequencies) = band.params.first::<FrequencyInformation>() else {
            return;
        };
        self.hopping = Some(frequencies.hopping);
        if frequencies.hopping
            && let Some(table) = frequencies.params.first::<FrequencyHopTable>()
        {
            self.hop_table_id = Some(table.hop_table_id);
            self.frequencies_khz.clone_from(&table.frequencies);
        } else if let Some(table) = frequencies.params.first::<FixedFrequencyTable>() {
            self.frequencies_khz.clone_from(&table.frequencies);
        }
    }

    /// The table entry nearest to `wanted` and not above it; if all are above, the lowest. `None` without a table.
    #[must_use]
    pub fn power_step(&self, wanted: Dbm) -> Option<(u16, Dbm)> {
        nearest_below(&self.power_table, wanted)
    }

    /// The entry of the sensitivity table nearest to `wanted` dB and not above it, among those the antenna can have; if
    /// all are above, the lowest. `None` without a table.
    #[must_use]
    pub fn sensitivity_step(&self, antenna: u16, wanted: i16) -> Option<(u16, i16)> {
        let range = self
            .sensitivity_ranges
            .iter()
            .find(|(id, _, _)| *id == antenna);
        let possible = |&&(index, _): &&(u16, i16)| {
            range.is_none_or(|&(_, first, last)| (first..=last).contains(&index))
        };
        let table: Vec<(u16, i16)> = self
            .sensitivity_table
            .iter()
            .filter(possible)
            .copied()
            .collect();
        nearest_below(&table, wanted)
    }

    /// Whether the reader is Impinj's.
    #[must_use]
    pub fn is_impinj(&self) -> bool {
        self.manufacturer == Some(IMPINJ)
    }
}

fn nearest_below<T: Copy + Ord>(table: &[(u16, T)], wanted: T) -> Option<(u16, T)> {
    let below = table
        .iter()
        .filter(|(_, value)| *value <= wanted)
        .max_by_key(|(_, value)| *value);
    below
        .or_else(|| table.iter().min_by_key(|(_, value)| *value))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_rounded_down() {
        let dbm = Dbm::from_hundredths;
        let table = vec![(7, dbm(3000)), (3, dbm(1000)), (5, dbm(2025))];
        let capabilities = Capabilities {
            power_table: table,
            ..Capabilities::default()
        };
        assert_eq!(capabilities.power_step(dbm(3000)), Some((7, dbm(3000))));
        assert_eq!(capabilities.power_step(dbm(2999)), Some((5, dbm(2025))));
        assert_eq!(capabilities.power_step(dbm(500)), Some((3, dbm(1000))));
        assert_eq!(Capabilities::default().power_step(dbm(500)), None);
    }

    #[test]
    fn sensitivity_keeps_to_what_the_antenna_can_have() {
        let capabilities = Capabilities {
            sensitivity_table: vec![(1, 0), (2, 10), (3, 20), (4, 30)],
            sensitivity_ranges: vec![(2, 2, 3)],
            ..Capabilities::default()
        };
        assert_eq!(capabilities.sensitivity_step(1, 15), Some((2, 10)));
        assert_eq!(capabilities.sensitivity_step(1, 99), Some((4, 30)));
        assert_eq!(capabilities.sensitivity_step(2, 99), Some((3, 20)));
        assert_eq!(capabilities.sensitivity_step(2, 5), Some((2, 10)));
    }
}
