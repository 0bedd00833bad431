//! What the reader says it can do, as far as the set-up needs it.

use super::config::Dbm;
use crate::codec::Params;
use crate::codec::param::{
    FrequencyHopTable, FrequencyInformation, GeneralDeviceCapabilities, LLRPCapabilities,
    RegulatoryCapabilities, TransmitPowerLevelTableEntry, UHFBandCapabilities,
};

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
    /// Whether it has a UTC clock.
    pub has_utc_clock: Option<bool>,
    /// Whether it can hold events and reports while no client is connected.
    pub can_hold_reports: Option<bool>,
    /// Most ROSpecs it takes; 0 means no limit.
    pub max_rospecs: Option<u32>,
    /// Transmit power by table index, in the reader's order.
    pub power_table: Vec<(u16, Dbm)>,
    /// The first hop table, if the reader hops.
    pub hop_table_id: Option<u8>,
}

impl Capabilities {
    /// Collects what is there.
    #[must_use]
    pub fn from_params(params: &Params) -> Self {
        let general = params.first::<GeneralDeviceCapabilities>();
        let llrp = params.first::<LLRPCapabilities>();
        let band = params
            .first::<RegulatoryCapabilities>()
            .and_then(|r| r.params.first::<UHFBandCapabilities>());
        let entry = |e: &TransmitPowerLevelTableEntry| {
            (e.index, Dbm::from_hundredths(e.transmit_power_value))
        };
        let frequencies = band
            .and_then(|b| b.params.first::<FrequencyInformation>())
            .filter(|f| f.hopping);
        Self {
            manufacturer: general.map(|g| g.device_manufacturer_name),
            model: general.map(|g| g.model_name),
            firmware: general.map(|g| g.reader_firmware_version.to_string()),
            antennas: general.map(|g| g.max_number_of_antenna_supported),
            has_utc_clock: general.map(|g| g.has_utc_clock_capability),
            can_hold_reports: llrp.map(|l| l.supports_event_and_report_holding),
            max_rospecs: llrp.map(|l| l.max_num_rospecs),
            power_table: band
                .map(|b| b.params.all().map(entry).collect())
                .unwrap_or_default(),
            hop_table_id: frequencies
                .and_then(|f| f.params.first::<FrequencyHopTable>())
                .map(|t| t.hop_table_id),
        }
    }

    /// The table entry nearest to `wanted` and not above it; if all are above, the lowest. `None` without a table.
    #[must_use]
    pub fn power_step(&self, wanted: Dbm) -> Option<(u16, Dbm)> {
        let below = self
            .power_table
            .iter()
            .filter(|(_, power)| *power <= wanted)
            .max_by_key(|(_, power)| *power);
        below
            .or_else(|| self.power_table.iter().min_by_key(|(_, power)| *power))
            .copied()
    }
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
}
