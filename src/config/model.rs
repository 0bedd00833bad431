//! The configuration as the rest of the daemon sees it. One struct per kind of section; the doc comment of a field
//! says what the setting means.
//!
//! **Invariant**: no `flatten`, no tagged or `untagged` enum here. serde buffers values for those, and then unknown
//! keys are accepted in silence and positions are lost.
//!
//! Every field has a default so that one mistake does not hide the next ones; `check` reports what is required and
//! absent, and [`load`](super::load) returns no configuration with such a hole.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::address::{BrokerUrl, HostPort};
use super::downlink::Command;
use super::llrp::Llrp;
use super::tag_sensor::TagSensor;
use super::tags::TagPattern;
use super::template::{ClientId, EventTopic, StatusTopic};
use super::text::{
    AntennaRef, BizLocation, BizStep, Bytes, Disposition, FileName, GsSubstitute, Line, Sgln,
    SiteName, TransactionType, Uri, ZoneName,
};
use super::units::{ByteSize, Dbm, FromText, from_text, optional};

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The gateway itself.
    pub gateway: Gateway,
    /// LLRP readers by name.
    pub llrp: BTreeMap<String, Llrp>,
    /// Barcode scanners by name.
    pub scanner: BTreeMap<String, Scanner>,
    /// Read points by name.
    pub read_point: BTreeMap<String, ReadPoint>,
    /// Which tags matter.
    pub tags: Tags,
    /// What tags measure, by name.
    pub tag_sensor: BTreeMap<String, TagSensor>,
    /// Where events wait until the broker has them.
    pub buffer: Buffer,
    /// The broker.
    pub mqtt: Mqtt,
    /// What may be asked of the gateway over the broker.
    pub command: Command,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Name of the site; required.
    pub site: SiteName,
    /// Zone of the site, for `eventTimeZoneOffset`.
    pub time_zone: ZoneName,
}

impl Default for Gateway {
    fn default() -> Self {
        Gateway {
            site: SiteName::default(),
            time_zone: ZoneName::utc(),
        }
    }
}

/// Parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Odd parity.
    Odd,
    /// Even parity.
    Even,
}

/// `[scanner.NAME]`: a barcode scanner. Exactly one of `serial` and `tcp` is set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Scanner {
    /// A path, or a name below `/dev/serial/by-id`; see [`Scanner::serial_path`].
    #[serde(deserialize_with = "optional")]
    pub serial: Option<FileName>,
    /// Address to connect to.
    pub tcp: Option<HostPort>,
    /// Bits per second.
    pub baud: u32,
    /// Data bits, 7 or 8.
    pub data_bits: u8,
    /// Parity bit.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
    /// The scanner sends no AIM identifier: take its data as GS1.
    pub assume_gs1: bool,
    /// What the scanner sends for GS, if it cannot send that.
    pub gs_substitutes: Vec<GsSubstitute>,
    /// Take labels with application identifiers that are not assigned.
    pub keep_unknown_ais: bool,
    /// The same code again within this time is one scan.
    #[serde(deserialize_with = "from_text")]
    pub duplicate_window: Duration,
    /// Sent to the scanner once the scan is stored.
    pub on_accept: Option<Bytes>,
    /// Sent to the scanner when the scan is refused.
    pub on_refuse: Option<Bytes>,
    /// Sent to the scanner once a second while it shows which one it is.
    pub on_identify: Option<Bytes>,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            serial: None,
            tcp: None,
            baud: 9600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            assume_gs1: false,
            gs_substitutes: Vec::new(),
            keep_unknown_ais: false,
            duplicate_window: Duration::from_secs(3),
            on_accept: None,
            on_refuse: None,
            on_identify: None,
        }
    }
}

impl Scanner {
    /// The device file of a serial scanner: names without `/` are looked up below `/dev/serial/by-id`.
    pub fn serial_path(&self) -> Option<std::path::PathBuf> {
        self.serial
            .as_ref()
            .map(|name| std::path::Path::new("/dev/serial/by-id").join(name.path()))
    }
}

/// What a read point does with what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A door: loads pass in or out.
    #[default]
    Dock,
    /// A conveyor: single items pass quickly.
    Belt,
    /// A work place with scanners.
    Station,
}

impl Mode {
    /// As written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Dock => "dock",
            Mode::Belt => "belt",
            Mode::Station => "station",
        }
    }
}

/// `[read_point.NAME]`: the business place a read counts for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct ReadPoint {
    /// Kind of read point; required.
    pub mode: Mode,
    /// Its location; required.
    pub sgln: Sgln,
    /// Antennas on the inner side (dock, belt).
    pub inside: Vec<AntennaRef>,
    /// Antennas on the outer side (dock, belt).
    pub outside: Vec<AntennaRef>,
    /// Scanners (station).
    pub scanners: Vec<String>,
    /// What a movement inwards means (dock, belt); without it none is reported.
    pub r#in: Option<Business>,
    /// What a movement outwards means (dock, belt); without it none is reported.
    pub out: Option<Business>,
    /// What a scan means (station).
    pub scan: Option<Business>,
    /// Weaker reads are ignored.
    pub min_rssi: Option<Dbm>,
    /// Repeated reads of a tag on one antenna within this time are one.
    #[serde(deserialize_with = "optional")]
    pub dedup: Option<Duration>,
    /// A tag is present after `min_reads` reads within this time.
    #[serde(deserialize_with = "optional")]
    pub appear_within: Option<Duration>,
    /// See `appear_within`.
    pub min_reads: Option<u16>,
    /// A tag is gone after this time without a read.
    #[serde(deserialize_with = "optional")]
    pub lost_after: Option<Duration>,
    /// Smoothing of the side (inside or outside) a tag is on.
    #[serde(deserialize_with = "optional")]
    pub side_tau: Option<Duration>,
    /// How clearly one side must win before it counts, 0 to 1.
    pub side_level: Option<f64>,
    /// How long one side must win before it counts.
    #[serde(deserialize_with = "optional")]
    pub side_hold: Option<Duration>,
    /// Tags that change side within this time belong to one load.
    #[serde(deserialize_with = "optional")]
    pub load_gap: Option<Duration>,
    /// Wait this long after the last change before deciding.
    #[serde(deserialize_with = "optional")]
    pub settle: Option<Duration>,
    /// Fewer tags make no movement.
    pub min_tags: Option<u16>,
    /// Share of a load's tags that must have changed side, 0 to 1.
    pub flip_ratio: Option<f64>,
    /// The same tag in the same direction counts again after this time.
    #[serde(deserialize_with = "optional")]
    pub rearm: Option<Duration>,
    /// Reads may be this late and still belong to the passage.
    #[serde(deserialize_with = "optional")]
    pub allowed_lateness: Option<Duration>,
    /// A reader that is away for less is waited for.
    #[serde(deserialize_with = "optional")]
    pub down_grace: Option<Duration>,
}

/// The business part of an event (EPCIS 2.0 §7.3.5): why something was seen.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Business {
    /// Business step; required.
    pub biz_step: BizStep,
    /// State of the objects afterwards.
    #[serde(deserialize_with = "optional")]
    pub disposition: Option<Disposition>,
    /// Where the objects are afterwards.
    #[serde(deserialize_with = "optional")]
    pub biz_location: Option<BizLocation>,
    /// Order or document this belongs to.
    #[serde(deserialize_with = "optional")]
    pub biz_transaction: Option<Uri>,
    /// Kind of that document; only together with `biz_transaction`.
    #[serde(deserialize_with = "optional")]
    pub biz_transaction_type: Option<TransactionType>,
}

/// `[tags]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// Tags to ignore.
    pub ignore: Vec<TagPattern>,
    /// Tags that are goods.
    pub cargo: Vec<TagPattern>,
    /// Tags of pallets and other units that carry goods.
    pub load_unit: Vec<TagPattern>,
}

/// `[buffer]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Buffer {
    /// Folder of the buffer; absolute.
    pub directory: FileName,
    /// Size at which sources wait.
    pub max_size: ByteSize,
    /// Free space on the disk below which sources wait.
    pub keep_free: ByteSize,
    /// How long acknowledged events stay; 0 is not at all.
    #[serde(deserialize_with = "from_text")]
    pub keep_sent: Duration,
    /// How much of the buffer they may take.
    pub keep_sent_size: ByteSize,
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer {
            directory: FileName::known("/var/lib/tracegate"),
            max_size: ByteSize(2 << 30),
            keep_free: ByteSize(crate::buffer::KEEP_FREE_BYTES),
            keep_sent: Duration::ZERO,
            keep_sent_size: ByteSize(512 << 20),
        }
    }
}

/// What to do with an event that the broker took although nobody subscribes to its topic (MQTT 5.0 §3.4.2.1, 0x10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNoSubscriber {
    /// Keep it and try again.
    #[default]
    Hold,
    /// Count it as delivered.
    Accept,
}

/// Whose acknowledgement lets an event go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// The broker's PUBACK.
    #[default]
    Broker,
    /// The word of the store behind it.
    Store,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Mqtt {
    /// Where the broker is; required.
    pub url: BrokerUrl,
    /// Client identifier.
    pub client_id: ClientId,
    /// User name.
    #[serde(deserialize_with = "optional")]
    pub username: Option<Line>,
    /// File with the password; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub password_file: Option<FileName>,
    /// File with certificates to trust; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub ca_file: Option<FileName>,
    /// Topic of events.
    pub topic: EventTopic,
    /// Topic of the retained status message.
    pub status_topic: StatusTopic,
    /// MQTT keep alive.
    #[serde(deserialize_with = "from_text")]
    pub keep_alive: Duration,
    /// Unacknowledged publishes at most.
    pub window: u16,
    /// Refusals of an event before it is set aside; 0 for ever.
    pub attempts: u32,
    /// What to do when nobody subscribes.
    pub on_no_subscriber: OnNoSubscriber,
    /// Whose acknowledgement lets an event go.
    pub acknowledge: Acknowledge,
    /// Topic of the store's acknowledgement.
    pub ack_topic: StatusTopic,
    /// Without the store's word for this long, events are sent again.
    #[serde(deserialize_with = "from_text")]
    pub ack_timeout: Duration,
    /// Events sent and not acknowledged by the store at most.
    pub ack_ahead: u32,
}

impl Default for Mqtt {
    fn default() -> Self {
        fn known<T: FromText>(text: &str) -> T {
            T::from_text(text)
                .unwrap_or_else(|_| unreachable!("a default is well-formed, the tests load it"))
        }
        Mqtt {
            url: BrokerUrl::default(),
            client_id: known("tracegate-{site}"),
            username: None,
            password_file: None,
            ca_file: None,
            topic: known("tracegate/{site}/events/{read_point}"),
            status_topic: known("tracegate/{site}/status"),
            keep_alive: Duration::from_secs(30),
            window: 100,
            attempts: 30,
            on_no_subscriber: OnNoSubscriber::Hold,
            acknowledge: Acknowledge::Broker,
            ack_topic: known("tracegate/{site}/ack"),
            ack_timeout: Duration::from_secs(30),
            ack_ahead: 10_000,
        }
    }
}
