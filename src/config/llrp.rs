//! `[llrp.NAME]`: RFID readers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use super::address::Host;
use super::tags::{Antennas, Port, TagPattern};
use super::text::FileName;
use super::units::{Db, FromText, Refusal, deserialize_from_text, from_text, optional, shown};
use crate::tls::Fingerprint;

/// `[llrp.NAME]`: an RFID reader. Exactly one of `host` and `listen` is set.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct Llrp {
    /// Name or address to connect to.
    #[serde(deserialize_with = "optional")]
    pub host: Option<Host>,
    /// TCP port; see [`Llrp::port`]. Always there once loaded, where the gateway connects.
    pub port: Option<u16>,
    /// Where the gateway listens for a reader that connects by itself.
    #[serde(deserialize_with = "optional")]
    pub listen: Option<SocketAddr>,
    /// Address of that reader.
    #[serde(deserialize_with = "optional")]
    pub from: Option<IpAddr>,
    /// Speak TLS with it.
    pub tls: bool,
    /// File with certificates to trust; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub ca_file: Option<FileName>,
    /// The one certificate to accept.
    pub certificate_sha256: Option<Fingerprint>,
    /// File with the gateway's own certificate; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub client_certificate_file: Option<FileName>,
    /// File with its private key; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub client_key_file: Option<FileName>,
    /// Highest LLRP version to speak.
    pub max_version: LlrpVersion,
    /// Antennas to use, with their power.
    pub antennas: Antennas,
    /// Receive sensitivity by antenna, above the most sensitive.
    #[serde(deserialize_with = "by_port")]
    pub receive_sensitivity: BTreeMap<u16, Db>,
    /// How often the reader sends a sign of life.
    #[serde(deserialize_with = "from_text")]
    pub keepalive: Duration,
    /// Radio mode.
    pub mode: Option<RadioMode>,
    /// Search mode.
    pub search_mode: Option<SearchMode>,
    /// Gen2 session, 0 to 3.
    pub session: u8,
    /// Tags expected in the field at once.
    pub tag_population: u16,
    /// Tags that the reader itself picks out.
    pub select: Vec<TagPattern>,
    /// Read only while an input has a level.
    pub trigger: Option<Trigger>,
    /// Read with pauses.
    pub duty_cycle: Option<DutyCycle>,
    /// What reports say beside the usual.
    pub report: Vec<ReportItem>,
    /// What outputs show.
    #[serde(deserialize_with = "by_port")]
    pub gpo: BTreeMap<u16, OutputUse>,
    /// Delete ROSpecs that somebody else left on the reader.
    pub replace_foreign_rospecs: bool,
}

impl Default for Llrp {
    fn default() -> Self {
        Llrp {
            host: None,
            port: None,
            listen: None,
            from: None,
            tls: false,
            ca_file: None,
            certificate_sha256: None,
            client_certificate_file: None,
            client_key_file: None,
            max_version: LlrpVersion::V1_1,
            antennas: Antennas::All,
            receive_sensitivity: BTreeMap::new(),
            keepalive: Duration::from_secs(10),
            mode: None,
            search_mode: None,
            session: 0,
            tag_population: 32,
            select: Vec::new(),
            trigger: None,
            duty_cycle: None,
            report: Vec::new(),
            gpo: BTreeMap::new(),
            replace_foreign_rospecs: false,
        }
    }
}

impl Llrp {
    /// The TCP port to connect to: 5084, and 5085 with TLS, unless given (LLRP 1.1 §19.3).
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 5085 } else { 5084 })
    }

    /// The files it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut FileName> {
        [
            &mut self.ca_file,
            &mut self.client_certificate_file,
            &mut self.client_key_file,
        ]
        .into_iter()
        .flatten()
    }
}

/// A version of LLRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum LlrpVersion {
    /// 1.0.1 of 2007: the reader is not asked for versions at all.
    #[serde(rename = "1.0.1")]
    V1_0_1,
    /// 1.1 of 2010.
    #[serde(rename = "1.1")]
    V1_1,
    /// 2.0 of 2021.
    #[serde(rename = "2.0")]
    V2_0,
}

/// A radio mode, by the reader's number for it or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RadioMode {
    /// Mode identifier of the reader's table.
    Number(u32),
    /// A vendor's name, or an encoding such as `M4`.
    Name(String),
}

impl<'de> Deserialize<'de> for RadioMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeVisitor;
        impl Visitor<'_> for ModeVisitor {
            type Value = RadioMode;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of a radio mode, or its name in quotes")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RadioMode, E> {
                let refuse = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
                u32::try_from(number).map(RadioMode::Number).map_err(refuse)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RadioMode, E> {
                if let Ok(number) = text.parse() {
                    return Ok(RadioMode::Number(number));
                }
                let plain = |c: char| c.is_ascii_graphic() || c == ' ';
                if text.trim().is_empty() || text.len() > 60 || !text.chars().all(plain) {
                    let label = format!("\"{}\" is no name of a mode", shown(text));
                    return Err(E::custom(Refusal::new(
                        label,
                        "example: \"AutoSet Dense Reader\", \"M4\", 1002",
                    )));
                }
                Ok(RadioMode::Name(text.to_owned()))
            }
        }
        deserializer.deserialize_any(ModeVisitor)
    }
}

/// How often a tag answers during an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// As the reader sees fit.
    ReaderSelected,
    /// Each tag once, until its session's flag decays.
    SingleTarget,
    /// Again and again.
    DualTarget,
    /// Each tag once while it is in the field.
    TagFocus,
    /// Each tag once a round.
    SingleTargetReset,
}

/// Level of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// High.
    #[default]
    High,
    /// Low.
    Low,
}

/// Read only while an input has a level.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default)]
pub struct Trigger {
    /// Input, from 1; required.
    pub gpi: u16,
    /// Level that means reading.
    pub level: Level,
    /// Longest time to read.
    #[serde(deserialize_with = "optional")]
    pub timeout: Option<Duration>,
}

/// Read for a while, pause for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default)]
pub struct DutyCycle {
    /// Time of reading; required.
    #[serde(deserialize_with = "from_text")]
    pub on: Duration,
    /// Time of pause; required.
    #[serde(deserialize_with = "from_text")]
    pub off: Duration,
}

/// Something that reports can say beside EPC, PC, antenna, RSSI and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportItem {
    /// CRC of the EPC bank.
    Crc,
    /// XPC words: battery assistance, sensor alarm, tamper.
    Xpc,
    /// Phase of the answer.
    Phase,
    /// Doppler shift of the answer.
    Doppler,
    /// Channel index.
    Channel,
    /// RSSI in hundredths of a dBm.
    FineRssi,
    /// The tag's TID.
    Tid,
}

/// What an output shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputUse {
    /// On for a second when a movement of a read point of this reader is stored.
    Movement,
    /// On while something is wrong that somebody must look at.
    Alarm,
    /// On while the reader is connected and set up.
    Connected,
    /// On for 10 seconds when something leaves through a read point of this reader that may not.
    Refuse,
    /// Left to the command `gpo`.
    Command,
    /// A lamp of a `[light.NAME]`, which says so.
    #[serde(skip)]
    Light,
}

/// A table from port number to a value.
fn by_port<'de, D, T>(deserializer: D) -> Result<BTreeMap<u16, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut ports = BTreeMap::new();
    for (port, value) in Vec::from_iter(BTreeMap::<Port, T>::deserialize(deserializer)?) {
        if ports.insert(port.number(), value).is_some() {
            let label = format!("port {} is listed twice", port.number());
            return Err(D::Error::custom(Refusal::new(label, "list each port once")));
        }
    }
    Ok(ports)
}

impl FromText for Fingerprint {
    const EXPECTED: &'static str = "a SHA-256 fingerprint in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "64 hexadecimal digits, with or without colons, as printed by: openssl x509 -noout -fingerprint -sha256 -in FILE";
        let mut digits = text.bytes().filter(|byte| !matches!(byte, b':' | b' '));
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            let mut digit = || {
                let digit = char::from(digits.next()?).to_digit(16)?;
                u8::try_from(digit).ok()
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(Refusal::new("this is no SHA-256 fingerprint", HELP));
            };
            *byte = high << 4 | low;
        }
        if digits.next().is_some() {
            return Err(Refusal::new("longer than a SHA-256 fingerprint", HELP));
        }
        Ok(Fingerprint(bytes))
    }
}

deserialize_from_text!(Fingerprint);

impl FromText for IpAddr {
    const EXPECTED: &'static str = "an address in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| {
            Refusal::new(
                "this is no IP address",
                "a name cannot be told from a connection; example: \"10.0.4.21\"",
            )
        })
    }
}

impl FromText for SocketAddr {
    const EXPECTED: &'static str = "an address with port in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "an address of this machine, 0.0.0.0 for all of them; example: \"0.0.0.0:9005\", or \"0.0.0.0:5084\" for RFID readers";
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() > 0 => Ok(address),
            _ => Err(Refusal::new("this is no IP address with port", HELP)),
        }
    }
}
