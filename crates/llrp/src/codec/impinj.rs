//! Impinj's extensions (vendor 25882), as far as this gateway uses them.
//!
//! Facts as in llrpkit and EdgeX, both free software. A reader takes and sends them only after
//! [`EnableExtensions`], anew on every connection; a parameter in the wrong place is refused as unsupported.

use crate::codec::Params;
use crate::codec::field::Rest;
use crate::codec::message::{CustomMessage, Message};
use crate::codec::param::LLRPStatus;
use crate::codec::vendor::vendor_params;
use crate::wire::{Reader, Writer};

codes! {
    /// How tags are singulated, instead of by inventoried flags alone.
    SearchMode: u16 {
        0 ReaderSelected "as the reader thinks best",
        1 SingleTarget "tags in state A, once",
        2 DualTarget "tags in states A and B in turn",
        3 TagFocus "tags in state A, kept quiet in session 1 (TagFocus)",
        5 SingleTargetReset "tags in state B, which brings them back to A",
    }

    /// Whether a switch is on.
    Switch: u16 {
        0 Off "off",
        1 On "on",
    }

    /// How long the reader gathers reports before it sends them.
    BufferMode: u16 {
        0 Normal "normal",
        1 LowLatency "low latency",
    }
}

vendor_params! {
    "Impinj" 25882;
    23 InventorySearchMode { mode: SearchMode } "How tags are singulated, in `C1G2InventoryCommand`";
    28 LowDutyCycle { mode: Switch, empty_field_timeout_ms: u16, field_ping_interval_ms: u16 }
        "Pauses while no tag is seen, in `C1G2InventoryCommand`";
    36 GPIDebounceConfiguration { gpi_port_num: u16, debounce_ms: u32 }
        "Time an input must be stable, in `SET_READER_CONFIG`";
    37 ReaderTemperature { celsius: i16 } "Temperature inside the reader, in `GET_READER_CONFIG_RESPONSE`";
    38 LinkMonitorConfiguration { mode: Switch, link_down_threshold: u16 }
        "After how many unanswered keepalives the reader drops us, in `SET_READER_CONFIG`";
    39 ReportBufferConfiguration { mode: BufferMode } "How reports are gathered, in `SET_READER_CONFIG`";
    50 TagReportContentSelector {} [] "What tag reports hold beyond the standard, in `ROReportSpec`";
    51 EnableSerializedTID { mode: Switch } "Asks for [`SerializedTID`], in [`TagReportContentSelector`]";
    52 EnableRFPhaseAngle { mode: Switch } "Asks for [`RFPhaseAngle`], in [`TagReportContentSelector`]";
    53 EnablePeakRSSI { mode: Switch } "Asks for [`PeakRSSI`], in [`TagReportContentSelector`]";
    55 SerializedTID { tid: Vec<u16> } "TID memory, in `TagReportData`";
    56 RFPhaseAngle { phase: u16 } "Phase in 4096ths of a turn, in `TagReportData`";
    57 PeakRSSI { rssi_hundredths_dbm: i16 } "Strongest signal, in `TagReportData`";
    67 EnableRFDopplerFrequency { mode: Switch }
        "Asks for [`RFDopplerFrequency`], in [`TagReportContentSelector`]";
    68 RFDopplerFrequency { doppler: i16 } "Doppler shift in sixteenths of a Hz, in `TagReportData`";
}

const ENABLE_EXTENSIONS: u8 = 21;
const ENABLE_EXTENSIONS_RESPONSE: u8 = 22;

/// `IMPINJ_ENABLE_EXTENSIONS`: asks the reader to take and send these extensions on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnableExtensions;

impl EnableExtensions {
    /// The request, if `message` is one.
    #[must_use]
    pub fn from_message(message: &CustomMessage) -> Option<Self> {
        let reserved = message.data.0.len() >= size_of::<u32>();
        (is(message, ENABLE_EXTENSIONS) && reserved).then_some(Self)
    }
}

impl From<EnableExtensions> for Message {
    fn from(_: EnableExtensions) -> Self {
        custom(ENABLE_EXTENSIONS, Rest(0_u32.to_be_bytes().to_vec()))
    }
}

/// `IMPINJ_ENABLE_EXTENSIONS_RESPONSE`: the reader's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnableExtensionsResponse {
    /// `LLRPStatus` and whatever else came.
    pub params: Params,
}

impl EnableExtensionsResponse {
    /// The answer, if `message` is one.
    #[must_use]
    pub fn from_message(message: &CustomMessage) -> Option<Self> {
        if !is(message, ENABLE_EXTENSIONS_RESPONSE) {
            return None;
        }
        let params = Params::decode(&mut Reader::lenient(&message.data.0)).ok()?;
        params.has::<LLRPStatus>().then_some(Self { params })
    }

    /// The reader's status; [`Success`](crate::codec::code::StatusCode::Success) if the extensions are on.
    #[must_use]
    pub fn status(&self) -> Option<&LLRPStatus> {
        self.params.first()
    }
}

impl From<EnableExtensionsResponse> for Message {
    fn from(value: EnableExtensionsResponse) -> Self {
        let mut w = Writer::new();
        value.params.encode(&mut w);
        custom(
            ENABLE_EXTENSIONS_RESPONSE,
            Rest(w.finish().unwrap_or_default()),
        )
    }
}

fn is(message: &CustomMessage, subtype: u8) -> bool {
    (message.vendor, message.subtype) == (VENDOR, subtype)
}

fn custom(subtype: u8, data: Rest) -> Message {
    CustomMessage {
        vendor: VENDOR,
        subtype,
        data,
    }
    .into()
}
