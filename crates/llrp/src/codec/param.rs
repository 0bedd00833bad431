//! The table of parameters (LLRP 1.0.1 §16.2.7, numbers in its §16.2.8; 1.1 §17.2; 2.0 §16.3).
//!
//! Where a later version changed a parameter, it put fields into reserved bits or at the end. So one row holds
//! the newest form, and frames of every version decode and encode to the same bytes without being told the
//! version: what was reserved reads as `false`, what may be absent is an `Option` at the end.

use crate::codec::code::*;
use crate::codec::field::{Bits, Gen2V2Capabilities, Rest, Text, U2, U6};
use crate::codec::odd::Oddities;
use crate::codec::schema::Row;
use crate::wire::{DecodeError, Reader, Writer};

/// A parameter type of the table.
pub trait Parameter: Into<Param> + 'static {
    /// Type number on the wire.
    const TYPE: u16;
    /// Name, as in the standard without underscores.
    const NAME: &'static str;

    /// The parameter, if it is of this type.
    fn from_param(param: &Param) -> Option<&Self>;
}

/// A TLV parameter this crate does not know, kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownParam {
    /// The first 16 bits: 6 reserved, 10 of type.
    pub header: u16,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl UnknownParam {
    /// Type number on the wire.
    #[must_use]
    pub fn param_type(&self) -> u16 {
        self.header & 0x3ff
    }
}

macro_rules! parameters {
    ($( since $since:literal {
        $( $kind:ident $number:literal $name:ident { $($fields:tt)* } $([ $($needs:tt)* ])?; )*
    } )*) => {
        $( $(
            body! {
                concat!(
                    "Parameter ", $number, " (", stringify!($kind), "), `", stringify!($name), "`, since LLRP ",
                    $since, "."
                ),
                stringify!($name), $name { $($fields)* } $([ $($needs)* ])?
            }

            impl Parameter for $name {
                const TYPE: u16 = $number;
                const NAME: &'static str = stringify!($name);

                fn from_param(param: &Param) -> Option<&Self> {
                    if let Param::$name(value) = param { Some(value) } else { None }
                }
            }

            impl From<$name> for Param {
                fn from(value: $name) -> Self {
                    Self::$name(value)
                }
            }
        )* )*

        /// The table as data.
        pub(crate) const ROWS: &[Row] = &[ $( $(
            Row {
                number: $number, name: stringify!($name), since: $since, tv: is_tv!($kind), body: $name::ROW,
            },
        )* )* ];

        /// Any parameter.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Param {
            $( $(
                #[doc = concat!("[`", stringify!($name), "`], type ", $number, ", since LLRP ", $since, ".")]
                $name($name),
            )* )*
            /// A TLV parameter this crate does not know.
            Unknown(UnknownParam),
            /// An unknown TV parameter and all that follows it in its container: a TV parameter has no length,
            /// so nothing behind an unknown one can be found.
            Tail(Vec<u8>),
        }

        impl Param {
            /// Decodes a known type; `None` if the table does not have it.
            fn decode_known(tv: bool, number: u16, r: &mut Reader<'_>) -> Option<Result<Self, DecodeError>> {
                match number {
                    $( $(
                        $number if tv == is_tv!($kind) => Some($name::decode_body(r).map(Self::$name)),
                    )* )*
                    _ => None,
                }
            }

            /// Bytes of a TV parameter behind its type; `None` if it is unknown.
            pub(crate) fn tv_len(number: u16) -> Option<usize> {
                match number {
                    // Fields of TV parameters are whole numbers and bytes, the same in memory and on the wire.
                    $( $( $number if is_tv!($kind) => Some(size_of::<$name>()), )* )*
                    _ => None,
                }
            }

            /// Appends the parameter with its header.
            pub fn encode(&self, w: &mut Writer) {
                match self {
                    $( $(
                        Self::$name(value) if is_tv!($kind) => {
                            w.bits(1, 1);
                            w.bits(($name::TYPE & 0x7f) as u8, 7);
                            value.encode_body(w);
                        }
                        Self::$name(value) => w.length16($number, |w| value.encode_body(w)),
                    )* )*
                    Self::Unknown(unknown) => w.length16(unknown.header, |w| w.bytes(&unknown.bytes)),
                    Self::Tail(bytes) => w.bytes(bytes),
                }
            }

            pub(crate) fn count_odd(&self, odd: &mut Oddities) {
                match self {
                    $( $( Self::$name(value) => value.count_odd(odd), )* )*
                    Self::Unknown(unknown) if parameter_name(unknown.param_type()).is_some() => odd.bad_params += 1,
                    Self::Unknown(_) => odd.unknown_params += 1,
                    Self::Tail(_) => odd.unknown_tv += 1,
                }
            }

            /// Name in the standard, or "unknown".
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $( $( Self::$name(_) => stringify!($name), )* )*
                    Self::Unknown(_) | Self::Tail(_) => "unknown",
                }
            }

            #[cfg(test)]
            pub(crate) fn sample_any(g: &mut crate::codec::sample::Sampler<'_>) -> Self {
                g.one_of(&[ $( $( |g| <$name as crate::codec::sample::Sample>::sample(g).into() ),* ),* ])
            }
        }

        /// Name of a parameter type, for messages about it.
        #[must_use]
        pub fn parameter_name(number: u16) -> Option<&'static str> {
            match number {
                $( $( $number => Some(stringify!($name)), )* )*
                _ => None,
            }
        }
    };
}

/// How many parameters stand in `r`, each of which may still turn out not to decode.
pub(super) fn count(mut r: Reader<'_>) -> usize {
    let mut count = 0;
    while let Some(first) = r.peek() {
        count += 1;
        let len = if first & 0x80 != 0 {
            Param::tv_len(u16::from(first & 0x7f)).map(|len| len + 1)
        } else {
            let mut ahead = r.clone();
            ahead
                .u16()
                .and_then(|_| ahead.u16())
                .ok()
                .map(usize::from)
                .filter(|len| *len >= 4)
        };
        if len.is_none_or(|len| r.bytes(len).is_err()) {
            break;
        }
    }
    count
}

impl Param {
    /// Takes one parameter from `r`.
    ///
    /// # Errors
    /// [`DecodeError`] if it does not fit its container or its own fields; a lenient reader keeps the latter as
    /// [`Param::Unknown`].
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = r.peek().ok_or(DecodeError::Short { needed: 1, left: 0 })?;
        if first & 0x80 != 0 {
            let number = u16::from(first & 0x7f);
            let mut ahead = r.clone();
            ahead.u8()?;
            return match Self::decode_known(true, number, &mut ahead) {
                Some(param) => {
                    *r = ahead;
                    param
                }
                None => Ok(Self::Tail(r.remainder().to_vec())),
            };
        }
        let header = r.u16()?;
        let length = r.u16()?;
        let content = length.checked_sub(4).ok_or(DecodeError::BadLength {
            param_type: header & 0x3ff,
            length,
        })?;
        let mut inner = r.sub(usize::from(content))?;
        let unknown = inner.clone();
        match Self::decode_known(false, header & 0x3ff, &mut inner) {
            Some(Ok(param)) => {
                r.skip(&inner);
                inner.end(param.name()).map(|()| param)
            }
            Some(Err(error)) if r.is_strict() => Err(error),
            _ => {
                let bytes = unknown.clone().remainder().to_vec();
                Ok(Self::Unknown(UnknownParam { header, bytes }))
            }
        }
    }
}

parameters! {
    since "1.0.1" {
        tv 1 AntennaID { antenna_id: u16 };
        tv 2 FirstSeenTimestampUTC { microseconds: u64 };
        tv 3 FirstSeenTimestampUptime { microseconds: u64 };
        tv 4 LastSeenTimestampUTC { microseconds: u64 };
        tv 5 LastSeenTimestampUptime { microseconds: u64 };
        tv 6 PeakRSSI { peak_rssi: i8 };
        tv 7 ChannelIndex { channel_index: u16 };
        tv 8 TagSeenCount { tag_count: u16 };
        tv 9 ROSpecID { rospec_id: u32 };
        tv 10 InventoryParameterSpecID { inventory_parameter_spec_id: u16 };
        tv 11 C1G2CRC { crc: u16 };
        tv 12 C1G2PC { pc_bits: u16 };
        tv 13 EPC96 { epc: [u8; 12] };
        tv 14 SpecIndex { spec_index: u16 };
        tv 15 ClientRequestOpSpecResult { op_spec_id: u16 };
        tv 16 AccessSpecID { access_spec_id: u32 };
        tv 17 OpSpecID { op_spec_id: u16 };
        tv 18 C1G2SingulationDetails { num_collision_slots: u16, num_empty_slots: u16 };

        tlv 128 UTCTimestamp { microseconds: u64 };
        tlv 129 Uptime { microseconds: u64 };
        tlv 137 GeneralDeviceCapabilities { max_number_of_antenna_supported: u16, can_set_antenna_properties: bool,
            has_utc_clock_capability: bool | 14, device_manufacturer_name: u32, model_name: u32,
            reader_firmware_version: Text } [ReceiveSensitivityTableEntry, GPIOCapabilities, PerAntennaAirProtocol];
        tlv 139 ReceiveSensitivityTableEntry { index: u16, receive_sensitivity_value: i16 };
        tlv 140 PerAntennaAirProtocol { antenna_id: u16, protocol_ids: Vec<AirProtocol> };
        tlv 141 GPIOCapabilities { num_gpis: u16, num_gpos: u16 };
        tlv 142 LLRPCapabilities { can_do_rf_survey: bool, can_report_buffer_fill_warning: bool,
            supports_client_request_op_spec: bool, can_do_tag_inventory_state_aware_singulation: bool,
            supports_event_and_report_holding: bool | 3, max_num_priority_levels_supported: u8,
            client_request_op_spec_timeout: u16, max_num_rospecs: u32, max_num_specs_per_rospec: u32,
            max_num_inventory_parameter_specs_per_aispec: u32, max_num_access_specs: u32,
            max_num_op_specs_per_access_spec: u32 };
        tlv 143 RegulatoryCapabilities { country_code: u16, communications_standard: CommunicationsStandard } [];
        tlv 144 UHFBandCapabilities {} [TransmitPowerLevelTableEntry, FrequencyInformation, C1G2UHFRFModeTable];
        tlv 145 TransmitPowerLevelTableEntry { index: u16, transmit_power_value: i16 };
        tlv 146 FrequencyInformation { hopping: bool | 7 } [];
        tlv 147 FrequencyHopTable { hop_table_id: u8 | 8, frequencies: Vec<u32> };
        tlv 148 FixedFrequencyTable { frequencies: Vec<u32> };
        tlv 149 PerAntennaReceiveSensitivityRange { antenna_id: u16, receive_sensitivity_index_min: u16,
            receive_sensitivity_index_max: u16 };

        tlv 177 ROSpec { rospec_id: u32, priority: u8, current_state: ROSpecState }
            [ROBoundarySpec, AISpec | RFSurveySpec | LoopSpec | Custom];
        tlv 178 ROBoundarySpec {} [ROSpecStartTrigger, ROSpecStopTrigger];
        tlv 179 ROSpecStartTrigger { trigger_type: ROSpecStartTriggerType } [];
        tlv 180 PeriodicTriggerValue { offset: u32, period: u32 } [];
        tlv 181 GPITriggerValue { gpi_port_num: u16, gpi_event: bool | 7, timeout: u32 };
        tlv 182 ROSpecStopTrigger { trigger_type: ROSpecStopTriggerType, duration_ms: u32 } [];
        tlv 183 AISpec { antenna_ids: Vec<u16> } [AISpecStopTrigger, InventoryParameterSpec];
        tlv 184 AISpecStopTrigger { trigger_type: AISpecStopTriggerType, duration_ms: u32 } [];
        tlv 185 TagObservationTrigger { trigger_type: TagObservationTriggerType | 8, number_of_tags: u16, number_of_attempts: u16, t: u16,
            timeout: u32 };
        tlv 186 InventoryParameterSpec { inventory_parameter_spec_id: u16, protocol_id: AirProtocol } [];
        tlv 187 RFSurveySpec { antenna_id: u16, start_frequency: u32, end_frequency: u32 } [RFSurveySpecStopTrigger];
        tlv 188 RFSurveySpecStopTrigger { trigger_type: RFSurveySpecStopTriggerType, duration_ms: u32, n: u32 };

        tlv 207 AccessSpec { access_spec_id: u32, antenna_id: u16, protocol_id: AirProtocol, active: bool | 7, rospec_id: u32 }
            [AccessSpecStopTrigger, AccessCommand];
        tlv 208 AccessSpecStopTrigger { trigger_type: AccessSpecStopTriggerType, operation_count_value: u16 };
        tlv 209 AccessCommand {} [C1G2TagSpec, C1G2Read | C1G2Write | C1G2Kill | C1G2Lock | C1G2BlockErase
            | C1G2BlockWrite | ClientRequestOpSpec | C1G2Recommission | C1G2BlockPermalock
            | C1G2GetBlockPermalockStatus | C1G2Authenticate | C1G2AuthComm | C1G2SecureComm | C1G2ReadBuffer
            | C1G2KeyUpdate | C1G2TagPrivilege | C1G2Untraceable | Custom];
        tlv 210 ClientRequestOpSpec { op_spec_id: u16 };
        tlv 211 ClientRequestResponse { access_spec_id: u32 } [EPCData];

        tlv 217 LLRPConfigurationStateValue { value: u32 };
        tlv 218 Identification { id_type: IdentificationType, reader_id: Vec<u8> };
        tlv 219 GPOWriteData { gpo_port_number: u16, gpo_data: bool | 7 };
        tlv 220 KeepaliveSpec { trigger_type: KeepaliveTriggerType, period_ms: u32 };
        tlv 221 AntennaProperties { antenna_connected: bool | 7, antenna_id: u16, antenna_gain: i16 };
        tlv 222 AntennaConfiguration { antenna_id: u16 } [];
        tlv 223 RFReceiver { receiver_sensitivity: u16 };
        tlv 224 RFTransmitter { hop_table_id: u16, channel_index: u16, transmit_power: u16 };
        tlv 225 GPIPortCurrentState { gpi_port_num: u16, config: bool | 7, state: GPIPortState };
        tlv 226 EventsAndReports { hold_events_and_reports_upon_reconnect: bool | 7 };

        tlv 237 ROReportSpec { trigger: ROReportTriggerType, n: u16 } [TagReportContentSelector];
        tlv 238 TagReportContentSelector { enable_rospec_id: bool, enable_spec_index: bool,
            enable_inventory_parameter_spec_id: bool, enable_antenna_id: bool, enable_channel_index: bool,
            enable_peak_rssi: bool, enable_first_seen_timestamp: bool, enable_last_seen_timestamp: bool,
            enable_tag_seen_count: bool, enable_access_spec_id: bool,
            enable_crypto_response: bool | 5 } [];
        tlv 239 AccessReportSpec { trigger: AccessReportTriggerType };
        tlv 240 TagReportData {} [EPCData | EPC96];
        tlv 241 EPCData { epc: Bits };
        tlv 242 RFSurveyReportData {} [FrequencyRSSILevelEntry];
        tlv 243 FrequencyRSSILevelEntry { frequency: u32, bandwidth: u32, average_rssi: i8, peak_rssi: i8 }
            [UTCTimestamp | Uptime];
        tlv 244 ReaderEventNotificationSpec {} [EventNotificationState];
        tlv 245 EventNotificationState { event_type: NotificationEventType, enabled: bool | 7 };
        tlv 246 ReaderEventNotificationData {} [UTCTimestamp | Uptime];
        tlv 247 HoppingEvent { hop_table_id: u16, next_channel_index: u16 };
        tlv 248 GPIEvent { gpi_port_number: u16, high: bool | 7 };
        tlv 249 ROSpecEvent { event_type: ROSpecEventType, rospec_id: u32, preempting_rospec_id: u32 };
        tlv 250 ReportBufferLevelWarningEvent { percentage_full: u8 };
        tlv 251 ReportBufferOverflowErrorEvent {};
        tlv 252 ReaderExceptionEvent { message: Text } [];
        tlv 253 RFSurveyEvent { event_type: RFSurveyEventType, rospec_id: u32, spec_index: u16 };
        tlv 254 AISpecEvent { event_type: AISpecEventType, rospec_id: u32, spec_index: u16 } [];
        tlv 255 AntennaEvent { event_type: AntennaEventType, antenna_id: u16 };
        tlv 256 ConnectionAttemptEvent { status: ConnectionAttemptStatus };
        tlv 257 ConnectionCloseEvent {};

        tlv 287 LLRPStatus { status_code: StatusCode, error_description: Text } [];
        tlv 288 FieldError { field_num: u16, error_code: StatusCode };
        tlv 289 ParameterError { parameter_type: u16, error_code: StatusCode } [];

        tlv 327 C1G2LLRPCapabilities { can_support_block_erase: bool, can_support_block_write: bool,
            can_support_block_permalock: bool, can_support_tag_recommissioning: bool, can_support_umi_method2: bool,
            can_support_xpc: bool | 2, max_num_select_filters_per_query: u16, gen2v2: Option<Gen2V2Capabilities> };
        tlv 328 C1G2UHFRFModeTable {} [C1G2UHFRFModeTableEntry];
        tlv 329 C1G2UHFRFModeTableEntry { mode_identifier: u32, dr_value: bool, epc_hag_tc_conformance: bool | 6,
            m_value: C1G2MValue, forward_link_modulation: C1G2ForwardLinkModulation,
            spectral_mask_indicator: C1G2SpectralMaskIndicator, bdr_value: u32, pie_value: u32,
            min_tari_value: u32, max_tari_value: u32, step_tari_value: u32 };
        tlv 330 C1G2InventoryCommand { tag_inventory_state_aware: bool | 7 } [];
        tlv 331 C1G2Filter { t: C1G2TruncateAction | 6 } [C1G2TagInventoryMask];
        tlv 332 C1G2TagInventoryMask { mb: MemoryBank | 6, pointer: u16, tag_mask: Bits };
        tlv 333 C1G2TagInventoryStateAwareFilterAction { target: C1G2StateAwareTarget,
            action: C1G2StateAwareAction };
        tlv 334 C1G2TagInventoryStateUnawareFilterAction { action: C1G2StateUnawareAction };
        tlv 335 C1G2RFControl { mode_index: u16, tari: u16 };
        tlv 336 C1G2SingulationControl { session: U2 | 6, tag_population: u16, tag_transit_time: u32 } [];
        tlv 337 C1G2TagInventoryStateAwareSingulationAction { i: bool, s: bool, s_all: bool | 5 };
        tlv 338 C1G2TagSpec {} [C1G2TargetTag];
        tlv 339 C1G2TargetTag { mb: MemoryBank, match_tag: bool | 5, pointer: u16, tag_mask: Bits, tag_data: Bits };
        tlv 341 C1G2Read { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6, word_pointer: u16, word_count: u16 };
        tlv 342 C1G2Write { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6, word_pointer: u16,
            write_data: Vec<u16> };
        tlv 343 C1G2Kill { op_spec_id: u16, kill_password: u32 };
        tlv 344 C1G2Lock { op_spec_id: u16, access_password: u32 } [C1G2LockPayload];
        tlv 345 C1G2LockPayload { privilege: C1G2LockPrivilege, data_field: C1G2LockDataField };
        tlv 346 C1G2BlockErase { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6, word_pointer: u16,
            word_count: u16 };
        tlv 347 C1G2BlockWrite { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6, word_pointer: u16,
            write_data: Vec<u16> };
        tlv 348 C1G2EPCMemorySelector { enable_crc: bool, enable_pc_bits: bool,
            enable_xpc_bits: bool | 5 };
        tlv 349 C1G2ReadOpSpecResult { result: C1G2ReadResult, op_spec_id: u16, read_data: Vec<u16> };
        tlv 350 C1G2WriteOpSpecResult { result: C1G2WriteResult, op_spec_id: u16, num_words_written: u16 };
        tlv 351 C1G2KillOpSpecResult { result: C1G2KillResult, op_spec_id: u16 };
        tlv 352 C1G2LockOpSpecResult { result: C1G2LockResult, op_spec_id: u16 };
        tlv 353 C1G2BlockEraseOpSpecResult { result: C1G2WriteResult, op_spec_id: u16 };
        tlv 354 C1G2BlockWriteOpSpecResult { result: C1G2WriteResult, op_spec_id: u16, num_words_written: u16 };

        tlv 1023 Custom { vendor: u32, subtype: u32, data: Rest };
    }
    since "1.1" {
        tv 19 C1G2XPCW1 { xpc_w1: u16 };
        tv 20 C1G2XPCW2 { xpc_w2: u16 };

        tlv 355 LoopSpec { loop_count: u32 };
        tlv 356 SpecLoopEvent { rospec_id: u32, loop_count: u32 };
        tlv 357 C1G2Recommission { op_spec_id: u16, kill_password: u32 | 5, three_sb: bool, two_sb: bool, lsb: bool };
        tlv 358 C1G2BlockPermalock { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6, block_pointer: u16,
            block_mask: Vec<u16> };
        tlv 359 C1G2GetBlockPermalockStatus { op_spec_id: u16, access_password: u32, mb: MemoryBank | 6,
            block_pointer: u16, block_range: u16 };
        tlv 360 C1G2RecommissionOpSpecResult { result: C1G2KillResult, op_spec_id: u16 };
        tlv 361 C1G2BlockPermalockOpSpecResult { result: C1G2BlockPermalockResult, op_spec_id: u16 };
        tlv 362 C1G2GetBlockPermalockStatusOpSpecResult { result: C1G2GetBlockPermalockStatusResult,
            op_spec_id: u16, permalock_status: Vec<u16> };
        tlv 363 MaximumReceiveSensitivity { maximum_sensitivity_value: i16 };
        tlv 365 RFSurveyFrequencyCapabilities { minimum_frequency: u32, maximum_frequency: u32 };
    }
    since "2.0" {
        tlv 290 CryptoResponse { resp_bit_len: u16, message: Bits };
        tlv 364 C1G2UntraceableOpSpecResult { result: u8, op_spec_id: u16 };
        tlv 366 C1G2Challenge { (6) l: bool, e: bool, csi: u8, msg_len: u16, message: Bits, extend_on_time: u32 };
        tlv 367 C1G2Authenticate { op_spec_id: u16, access_password: u32, s: bool, l: bool | 6, csi: u8,
            msg_len: u16, message: Bits };
        tlv 368 C1G2AuthComm { op_spec_id: u16, access_password: u32, l: bool | 7, msg_len: u16, message: Bits };
        tlv 369 C1G2SecureComm { op_spec_id: u16, access_password: u32, s: bool, l: bool | 6, msg_len: u16,
            message: Bits };
        tlv 370 C1G2ReadBuffer { op_spec_id: u16, access_password: u32, word_ptr: u16, num_bits: u16 };
        tlv 372 C1G2KeyUpdate { op_spec_id: u16, access_password: u32, s: bool, l: bool | 6, key_id: u16,
            msg_len: u16, message: Bits };
        tlv 373 C1G2TagPrivilege { op_spec_id: u16, access_password: u32, s: bool, l: bool, a: bool, t: bool | 4,
            key_id: u16, privilege: u16 };
        tlv 374 C1G2AuthenticateOpSpecResult { result: u8, op_spec_id: u16, resp_bit_len: u16, response: Bits };
        tlv 375 C1G2AuthCommOpSpecResult { result: u8, op_spec_id: u16, resp_bit_len: u16, response: Bits };
        tlv 376 C1G2SecureCommOpSpecResult { result: u8, op_spec_id: u16, resp_bit_len: u16, response: Bits };
        tlv 377 C1G2ReadBufferOpSpecResult { result: u8, op_spec_id: u16, resp_bit_len: u16, response: Bits };
        tlv 378 C1G2KeyUpdateOpSpecResult { result: u8, op_spec_id: u16, resp_bit_len: u16, response: Bits };
        tlv 379 C1G2TagPrivilegeOpSpecResult { result: u8, op_spec_id: u16 | 7, t: bool, key_id: u16,
            privilege: u16 };
        tlv 380 C1G2Untraceable { op_spec_id: u16, access_password: u32, u: bool | 1, epc_length_words: U6, tid: U2,
            user: bool, range: U2 | 3 };
        tlv 381 ExtendOnTime { time: u32 };
    }
}
