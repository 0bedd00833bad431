//! What the client is told about its reader.

use std::fmt;
use std::time::Duration;

use crate::frame::DEFAULT_MAX_LEN;

/// Power relative to one milliwatt, in hundredths of a decibel as LLRP has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dbm(i16);

impl Dbm {
    /// From hundredths of a dBm.
    #[must_use]
    pub const fn from_hundredths(hundredths: i16) -> Self {
        Self(hundredths)
    }

    /// In hundredths of a dBm.
    #[must_use]
    pub const fn hundredths(self) -> i16 {
        self.0
    }
}

impl fmt::Display for Dbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        match part {
            0 => write!(f, "{sign}{whole} dBm"),
            part if part % 10 == 0 => write!(f, "{sign}{whole}.{} dBm", part / 10),
            part => write!(f, "{sign}{whole}.{part:02} dBm"),
        }
    }
}

/// One antenna to read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AntennaConfig {
    /// Antenna id, from 1.
    pub id: u16,
    /// Transmit power; `None` leaves it to the reader. The reader's nearest step not above it is used.
    pub power: Option<Dbm>,
    /// Receive sensitivity in dB above the most sensitive setting (0 hears all it can; 10 leaves out tags up to 10 dB
    /// stronger than that). `None` leaves it to the reader. The reader's nearest step not above it is used.
    pub receive_sensitivity: Option<i16>,
}

/// What to do with ROSpecs that other software has left on the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForeignRoSpecs {
    /// Leave them; warn, and name them if the reader refuses ours.
    #[default]
    Keep,
    /// Disable and delete them.
    Replace,
}

/// The reader's radio mode (`C1G2UHFRFModeTable`): data rate against robustness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RfMode {
    /// Mode identifier, as in the reader's table.
    Id(u32),
    /// By name, case and punctuation ignored: an Impinj name such as `AutoSet Dense Reader`, or for any reader the
    /// encoding (`FM0`, `M2`, `M4`, `M8`), with a link frequency in kHz if that is not enough (`M4 256`).
    Name(String),
}

/// How often a tag answers during its inventory (Impinj `InventorySearchMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchMode {
    /// As the reader sees fit.
    ReaderSelected,
    /// Tags in state A only: each answers once until its session's flag decays.
    SingleTarget,
    /// A to B and back: tags answer again and again.
    DualTarget,
    /// Single target with the flag kept up: in session 1 a tag stays quiet as long as it is in the field.
    TagFocus,
    /// Single target, and what has gone to B is brought back to A before each round.
    SingleTargetReset,
}

impl SearchMode {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ReaderSelected => "search mode reader selected",
            Self::SingleTarget => "search mode single target",
            Self::DualTarget => "search mode dual target",
            Self::TagFocus => "search mode TagFocus",
            Self::SingleTargetReset => "search mode single target reset",
        }
    }
}

/// A tag's memory bank (EPC Gen2 §6.3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemoryBank {
    /// Bank 0: kill and access passwords.
    Reserved,
    /// Bank 1: CRC (bits 0 to 15), PC (16 to 31), then the EPC.
    Epc,
    /// Bank 2: what chip it is, and its serial number.
    Tid,
    /// Bank 3: free for use, sensor values for instance.
    User,
}

/// A pattern that a tag's memory must show (Gen2 Select).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Select {
    /// Bank the pattern is looked for in; not [`MemoryBank::Reserved`].
    pub bank: MemoryBank,
    /// First bit of the bank to compare; the EPC itself starts at bit 32 of its bank.
    pub bit_pointer: u16,
    /// The pattern, left-aligned.
    pub mask: Vec<u8>,
    /// Number of bits of it, 1 to 255.
    pub bit_len: u16,
}

/// Read only while an input has a level, a photo-eye's for instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpiTrigger {
    /// Input port, from 1.
    pub port: u16,
    /// Level that means reading.
    pub high: bool,
    /// Longest time to read after the level came; `None` means as long as it lasts.
    pub timeout: Option<Duration>,
}

/// Read for a while, pause for a while, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DutyCycle {
    /// Time of reading, at least 1 ms.
    pub on: Duration,
    /// Time of pause, at least 1 ms.
    pub off: Duration,
}

/// What a tag report says beside EPC, PC, antenna, RSSI, times and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportContent {
    /// The EPC bank's CRC.
    pub crc: bool,
    /// The XPC words (LLRP 1.1): battery assistance, sensor alarm, tamper.
    pub xpc: bool,
    /// Phase of the answer (Impinj).
    pub phase: bool,
    /// Doppler shift of the answer (Impinj).
    pub doppler: bool,
    /// Channel index.
    pub channel: bool,
    /// RSSI in hundredths of a dBm (Impinj).
    pub fine_rssi: bool,
    /// The tag's TID: Impinj readers bring it along, others read it by an AccessSpec, which takes air time.
    pub tid: bool,
}

/// Words to read from tags as they are seen (an AccessSpec with a `C1G2Read`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRead {
    /// Names the result: [`OpResult::op_spec_id`](crate::report::OpResult::op_spec_id) has this number. 1 to
    /// 65,000, each only once.
    pub id: u32,
    /// Tags to read from; `None` means all. A reader carries out the first AccessSpec that fits a tag, so reads with
    /// the same `tags` share one, and those of all tags are part of each.
    pub tags: Option<Select>,
    /// Bank to read.
    pub bank: MemoryBank,
    /// First word to read.
    pub word_pointer: u16,
    /// Number of words; 0 means to the end of the bank.
    pub word_count: u16,
    /// Access password; 0 means none.
    pub access_password: u32,
}

/// [`OpResult::op_spec_id`](crate::report::OpResult::op_spec_id) of the TID read for [`ReportContent::tid`].
pub const TID_OP_SPEC: u16 = 65_001;

/// How to work with one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Id of our ROSpec; only specs with this id are ours. Not 0.
    pub rospec_id: u32,
    /// Highest protocol version to speak, as in message headers: 1 for LLRP 1.0.1, 2 for 1.1, 3 for 2.0. With 1 the
    /// reader is never asked for its versions.
    pub max_version: u8,
    /// Antennas to read with; empty means all, at the reader's own power.
    pub antennas: Vec<AntennaConfig>,
    /// Radio mode; `None` leaves it to the reader.
    pub mode: Option<RfMode>,
    /// Search mode; `None` leaves it to the reader.
    pub search_mode: Option<SearchMode>,
    /// Gen2 session, 0 to 3.
    pub session: u8,
    /// Expected number of tags in the field at once.
    pub tag_population: u16,
    /// Tags to read: those that fit any of these; empty means all. A reader that cannot do it reads more.
    pub select: Vec<Select>,
    /// Read only while an input has a level; excludes [`Self::duty_cycle`].
    pub trigger: Option<GpiTrigger>,
    /// Read with pauses.
    pub duty_cycle: Option<DutyCycle>,
    /// What tag reports say.
    pub report: ReportContent,
    /// Longest time that tag reports are gathered, where LLRP 1.1 is spoken; 0, or an older reader, reports each read at
    /// once.
    pub report_interval: Duration,
    /// Memory to read from tags.
    pub access_reads: Vec<AccessRead>,
    /// What to do with ROSpecs of other software.
    pub foreign_rospecs: ForeignRoSpecs,
    /// How often the reader sends KEEPALIVE; three silent periods end the connection. At least 1 ms.
    pub keepalive_period: Duration,
    /// How long to wait for the reader's connection event.
    pub connect_timeout: Duration,
    /// How long to wait for each response.
    pub request_timeout: Duration,
    /// How long to wait for the answer to the question for versions, which some readers do not know.
    pub version_timeout: Duration,
    /// How long to wait for CLOSE_CONNECTION_RESPONSE.
    pub close_timeout: Duration,
    /// Longest message accepted, in bytes.
    pub max_message_len: u32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            rospec_id: 14150,
            max_version: 2,
            antennas: Vec::new(),
            mode: None,
            search_mode: None,
            session: 0,
            tag_population: 32,
            select: Vec::new(),
            trigger: None,
            duty_cycle: None,
            report: ReportContent::default(),
            report_interval: Duration::from_millis(100),
            access_reads: Vec::new(),
            foreign_rospecs: ForeignRoSpecs::Keep,
            keepalive_period: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            version_timeout: Duration::from_secs(2),
            close_timeout: Duration::from_secs(3),
            max_message_len: DEFAULT_MAX_LEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dbm_prints_like_a_person_writes_it() {
        let text = |hundredths| Dbm::from_hundredths(hundredths).to_string();
        assert_eq!(text(3000), "30 dBm");
        assert_eq!(text(3150), "31.5 dBm");
        assert_eq!(text(3125), "31.25 dBm");
        assert_eq!(text(-6105), "-61.05 dBm");
        assert_eq!(text(-50), "-0.5 dBm");
    }
}
