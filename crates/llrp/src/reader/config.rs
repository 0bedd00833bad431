//! What a simulated reader is like, what it sees, and what it counts.

use crate::frame::{DEFAULT_MAX_LEN, FrameError};
use crate::report::EpcBytes;

/// IANA private enterprise number of Impinj.
pub const IMPINJ: u32 = 25_882;
/// IANA private enterprise number of Zebra (formerly Motorola, Symbol).
pub const ZEBRA: u32 = 161;

/// What a reader is like; fixed for its life.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    /// Number of antennas; their ids are 1 to this.
    pub antennas: u16,
    /// IANA private enterprise number of the maker. [`IMPINJ`] and [`ZEBRA`] bring their extensions.
    pub manufacturer: u32,
    /// Model number.
    pub model: u32,
    /// Firmware version as text.
    pub firmware: String,
    /// Highest header version spoken: 1 for LLRP 1.0.1, 2 for 1.1, 3 for 2.0. With 1 it refuses to negotiate.
    pub max_version: u8,
    /// Whether it has a UTC clock; without one it reports the time since it started.
    pub has_utc_clock: bool,
    /// Whether it can hold events and reports while no client is connected.
    pub can_hold_reports: bool,
    /// Most tag reports kept for the client; beyond it the oldest is dropped and counted.
    pub held_reports_max: usize,
    /// Percentage of [`held_reports_max`](Self::held_reports_max) at which the client is warned.
    pub buffer_warning_percent: u8,
    /// Most tag reports sent in one message.
    pub reports_per_message: usize,
    /// Most ROSpecs it accepts.
    pub max_rospecs: u32,
    /// Most AccessSpecs it accepts.
    pub max_access_specs: u32,
    /// Refuse DELETE_ROSPEC of one that is enabled, as some readers do.
    pub refuse_delete_of_enabled: bool,
    /// Whether an AISpec can end by what tags were seen.
    pub has_tag_observation_trigger: bool,
    /// GET_ROSPECS shows what the reader made of a spec, with everything that was left out, not what it was given.
    pub fills_in_defaults: bool,
    /// Transmit power by table index from 1, in hundredths of a dBm.
    pub power_table: Vec<i16>,
    /// Receive sensitivity by table index from 1, in dB above the most sensitive setting.
    pub sensitivity_table: Vec<i16>,
    /// Identifiers of its RF modes.
    pub rf_modes: Vec<u32>,
    /// Most Select filters in one inventory round.
    pub max_select_filters: u16,
    /// General-purpose inputs; their ports are 1 to this.
    pub gpis: u16,
    /// General-purpose outputs; their ports are 1 to this.
    pub gpos: u16,
    /// Whether it hops over the frequencies (else they are fixed channels).
    pub hopping: bool,
    /// Frequencies in kHz.
    pub frequencies_khz: Vec<u32>,
    /// Longest message accepted, in bytes.
    pub max_message_len: u32,
    /// Bytes of meaningless vendor parameters in its capabilities, to make a very big answer.
    pub capabilities_padding: usize,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self {
            antennas: 4,
            manufacturer: 0,
            model: 1,
            firmware: "1.0.0".to_owned(),
            max_version: 1,
            has_utc_clock: true,
            can_hold_reports: true,
            held_reports_max: 100_000,
            buffer_warning_percent: 80,
            reports_per_message: 50,
            max_rospecs: 8,
            max_access_specs: 8,
            refuse_delete_of_enabled: false,
            has_tag_observation_trigger: true,
            fills_in_defaults: false,
            power_table: (0..=20).map(|step| 1000 + step * 100).collect(),
            sensitivity_table: vec![0, 10, 20, 30],
            rf_modes: vec![1000],
            max_select_filters: 2,
            gpis: 4,
            gpos: 4,
            hopping: false,
            frequencies_khz: vec![865_700, 866_300, 866_900, 867_500],
            max_message_len: DEFAULT_MAX_LEN,
            capabilities_padding: 0,
        }
    }
}

impl ReaderConfig {
    /// A reader with Impinj's extensions: its messages, its report contents, its modes; LLRP 1.0.1, one ROSpec.
    #[must_use]
    pub fn impinj() -> Self {
        Self {
            manufacturer: IMPINJ,
            model: 2_001_002,
            firmware: "7.6.0.240".to_owned(),
            max_rospecs: 1,
            max_access_specs: 1508,
            fills_in_defaults: true,
            power_table: (0..=80).map(|step| 1000 + step * 25).collect(),
            sensitivity_table: std::iter::once(0).chain(10..=50).collect(),
            rf_modes: vec![0, 1, 2, 3, 4, 5, 1000, 1002, 1003, 1004, 1005],
            ..Self::default()
        }
    }

    /// A reader with Zebra's extensions: its parameters in the capabilities and in every report; LLRP 1.0.1.
    #[must_use]
    pub fn zebra() -> Self {
        Self {
            manufacturer: ZEBRA,
            model: 9600,
            firmware: "3.21.23".to_owned(),
            max_rospecs: 1,
            max_access_specs: 32,
            power_table: (0..=192).map(|step| 1000 + step * 10).collect(),
            rf_modes: vec![1, 2, 3, 4, 5, 6],
            hopping: true,
            ..Self::default()
        }
    }
}

/// One tag seen on one antenna once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sighting {
    /// Content of the EPC memory, left-aligned.
    pub epc: EpcBytes,
    /// Number of bits of it; 96 is reported as `EPC96`, anything else as `EPCData`.
    pub bit_len: u16,
    /// Protocol-control word.
    pub pc: u16,
    /// Antenna, from 1.
    pub antenna: u16,
    /// Signal strength in whole dBm.
    pub rssi_dbm: i8,
}

/// What a tag holds beside its EPC, in words of 16 bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMemory {
    /// Kill password and access password, two words each; none without it.
    pub reserved: Vec<u16>,
    /// The tag's own number.
    pub tid: Vec<u16>,
    /// The user's memory.
    pub user: Vec<u16>,
}

/// What goes wrong inside the reader, while it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReaderFaults {
    /// Requests refused that it would else carry out.
    pub refuse: Vec<RefusedRequest>,
    /// Types of messages that get no answer, and have no effect.
    pub ignore: Vec<u16>,
    /// No keepalives are sent.
    pub no_keepalives: bool,
    /// Parameters nobody knows, also of the kind that cannot be skipped, in reports, events and capabilities.
    pub unknown_parameters: bool,
}

/// A request to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRequest {
    /// Type of the message.
    pub message_type: u16,
    /// Only with a parameter of this type anywhere in it.
    pub parameter: Option<u16>,
    /// How many times.
    pub times: u32,
}

/// Counters of a reader, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReaderCounters {
    /// Sightings that an active ROSpec covered.
    pub sightings: u64,
    /// Sightings that none covered.
    pub uncovered_sightings: u64,
    /// Tag reports handed to the transport.
    pub reports_sent: u64,
    /// Tag reports dropped because the buffer was full.
    pub reports_overflowed: u64,
    /// Tag reports dropped because no client was connected and holding was off, or by a reboot.
    pub reports_discarded: u64,
    /// Requests refused.
    pub refused: u64,
    /// Keepalives sent.
    pub keepalives: u64,
    /// Keepalives acknowledged.
    pub keepalive_acks: u64,
}

/// Why the reader ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// No client is connected; call [`connect`](super::Reader::connect) first.
    #[error("no client is connected")]
    NotConnected,
    /// What the client sends is not LLRP.
    #[error("the client's bytes cannot be split into messages")]
    NotLlrp(#[source] FrameError),
    /// The client sends requests and does not take the responses.
    #[error("the client takes no responses: {queued} are queued")]
    ClientStalled {
        /// Responses queued.
        queued: usize,
    },
}
