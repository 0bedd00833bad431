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

/// How to work with one reader.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Id of our ROSpec; only specs with this id are ours. Not 0.
    pub rospec_id: u32,
    /// Antennas to read with; empty means all, at the reader's own power.
    pub antennas: Vec<AntennaConfig>,
    /// Gen2 session, 0 to 3.
    pub session: u8,
    /// Expected number of tags in the field at once.
    pub tag_population: u16,
    /// What to do with ROSpecs of other software.
    pub foreign_rospecs: ForeignRoSpecs,
    /// How often the reader sends KEEPALIVE; three silent periods end the connection. At least 1 ms.
    pub keepalive_period: Duration,
    /// How long to wait for the reader's connection event.
    pub connect_timeout: Duration,
    /// How long to wait for each response.
    pub request_timeout: Duration,
    /// How long to wait for CLOSE_CONNECTION_RESPONSE.
    pub close_timeout: Duration,
    /// Longest message accepted, in bytes.
    pub max_message_len: u32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            rospec_id: 14150,
            antennas: Vec::new(),
            session: 1,
            tag_population: 32,
            foreign_rospecs: ForeignRoSpecs::Keep,
            keepalive_period: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
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
