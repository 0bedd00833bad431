//! What a simulated reader is like, what it sees, and what it counts.

use crate::frame::{DEFAULT_MAX_LEN, FrameError};
use crate::report::EpcBytes;

/// What a reader is like; fixed for its life.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    /// Number of antennas; their ids are 1 to this.
    pub antennas: u16,
    /// IANA private enterprise number of the maker.
    pub manufacturer: u32,
    /// Model number.
    pub model: u32,
    /// Firmware version as text.
    pub firmware: String,
    /// Whether it has a UTC clock; without one it reports the time since it started.
    pub has_utc_clock: bool,
    /// Whether it can hold events and reports while no client is connected.
    pub can_hold_reports: bool,
    /// Most tag reports kept for the client; beyond it the oldest is dropped and counted.
    pub held_reports_max: usize,
    /// Most tag reports sent in one message.
    pub reports_per_message: usize,
    /// Most ROSpecs it accepts.
    pub max_rospecs: u32,
    /// Refuse DELETE_ROSPEC of one that is enabled, as some readers do.
    pub refuse_delete_of_enabled: bool,
    /// Transmit power by table index from 1, in hundredths of a dBm.
    pub power_table: Vec<i16>,
    /// Whether it hops over the frequencies (else they are fixed channels).
    pub hopping: bool,
    /// Frequencies in kHz.
    pub frequencies_khz: Vec<u32>,
    /// Longest message accepted, in bytes.
    pub max_message_len: u32,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self {
            antennas: 4,
            manufacturer: 0,
            model: 1,
            firmware: "1.0.0".to_owned(),
            has_utc_clock: true,
            can_hold_reports: true,
            held_reports_max: 100_000,
            reports_per_message: 50,
            max_rospecs: 8,
            refuse_delete_of_enabled: false,
            power_table: (0..=20).map(|step| 1000 + step * 100).collect(),
            hopping: false,
            frequencies_khz: vec![865_700, 866_300, 866_900, 867_500],
            max_message_len: DEFAULT_MAX_LEN,
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
