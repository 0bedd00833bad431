//! The configuration as the rest of the daemon sees it. One struct per kind of section; the doc comment of a field
//! says what the setting means.
//!
//! **Invariant**: no `flatten`, no tagged or `untagged` enum here. serde buffers values for those, and then unknown
//! keys are accepted in silence and positions are lost.
//!
//! Every field has a default so that one mistake does not hide the next ones; `check` reports what is required and
//! absent, and [`load`](super::load) returns no configuration with such a hole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::downlink::Command;
use super::eyes::PhotoEyes;
use super::guard::Guard;
use super::light::Light;
use super::llrp::Llrp;
use super::mapping::{
    Action, FieldName, FieldText, MasterDataName, NamespaceUri, OneOrMore, PartyKind,
    PersistentDispositions, ProfileName, UriTemplate,
};
use super::marker::Marker;
use super::mqtt::Mqtt;
use super::presence::{ActiveTag, Aggregation, Dwell, EventsPer, Quantities};
use super::receiver::Receiver;
use super::scanner::Scanner;
use super::site_data::References;
use super::status::StatusPage;
use super::tag_sensor::TagSensor;
use super::tags::TagPattern;
use super::text::{
    AntennaRef, BizLocation, BizStep, Disposition, FileName, Sgln, SiteName, SparkplugId,
    TransactionType, Uri, ZoneName,
};
use super::units::{ByteSize, Dbm, from_text, optional};

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
    /// Receivers of active tags, and readers that publish by MQTT, by name.
    pub receiver: BTreeMap<String, Receiver>,
    /// Laser markers by name.
    pub marker: BTreeMap<String, Marker>,
    /// Stack lights by name.
    pub light: BTreeMap<String, Light>,
    /// What the site's own codes look like.
    pub codes: super::station::Codes,
    /// Read points by name.
    pub read_point: BTreeMap<String, ReadPoint>,
    /// Which tags matter.
    pub tags: Tags,
    /// What tags measure, by name.
    pub tag_sensor: BTreeMap<String, TagSensor>,
    /// Tags that send by themselves, by name of their kind.
    pub active_tag: BTreeMap<String, ActiveTag>,
    /// What is known about lots, orders, serial numbers and pallets.
    pub reference: References,
    /// Where events wait until the broker has them.
    pub buffer: Buffer,
    /// The record of verdicts.
    pub audit: super::audit::Audit,
    /// The broker.
    pub mqtt: Mqtt,
    /// What may be asked of the gateway over the broker.
    pub command: Command,
    /// Sparkplug B beside it.
    pub sparkplug: Sparkplug,
    /// How commands on this machine ask the running gateway.
    pub control: Control,
    /// The status page.
    pub status: StatusPage,
    /// How the gateway tells what it does.
    pub log: super::log::Log,
    /// Where all this was read from.
    #[serde(skip)]
    pub file: PathBuf,
}

impl Config {
    /// Every device: the kind of its section, such as `llrp`, and its name.
    pub fn devices(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let readers = self.llrp.keys().map(|name| ("llrp", name));
        let scanners = self.scanner.keys().map(|name| ("scanner", name));
        let receivers = self.receiver.keys().map(|name| ("receiver", name));
        let markers = self.marker.keys().map(|name| ("marker", name));
        let lights = self.light.keys().map(|name| ("light", name));
        let feeds = scanners.chain(receivers).chain(markers);
        readers.chain(feeds).chain(lights)
    }
}

/// `[sparkplug]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sparkplug {
    /// Group id; without it there is no Sparkplug.
    #[serde(deserialize_with = "optional")]
    pub group: Option<SparkplugId>,
    /// Edge node id; `gateway.site` without it.
    #[serde(deserialize_with = "optional")]
    pub node: Option<SparkplugId>,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// Name of the site; required.
    pub site: SiteName,
    /// Zone of the site, for `eventTimeZoneOffset`.
    pub time_zone: ZoneName,
    /// Namespace of the fields that the site adds to events; the gateway's without it.
    #[serde(deserialize_with = "optional")]
    pub namespace: Option<NamespaceUri>,
    /// Rules that say what events must hold.
    pub compliance: OneOrMore<ProfileName>,
}

impl Default for Gateway {
    fn default() -> Self {
        Gateway {
            site: SiteName::default(),
            time_zone: ZoneName::utc(),
            namespace: None,
            compliance: OneOrMore(Vec::new()),
        }
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
    /// A place without a direction: things come, stay and leave.
    Presence,
    /// A work place with scanners.
    Station,
}

impl Mode {
    /// As written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Dock => "dock",
            Mode::Belt => "belt",
            Mode::Presence => "presence",
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
    /// Antennas that look at the place (presence).
    pub antennas: Vec<AntennaRef>,
    /// Photo-eyes across it (dock, belt).
    pub photo_eyes: Option<PhotoEyes>,
    /// Scanners (station).
    pub scanners: Vec<String>,
    /// Laser markers (station).
    pub markers: Vec<String>,
    /// What a movement inwards means (dock, belt); without it none is reported.
    pub r#in: Option<Business>,
    /// What a movement outwards means (dock, belt); without it none is reported.
    pub out: Option<Business>,
    /// What it means that something comes (presence); without it nothing is reported.
    pub arrive: Option<Business>,
    /// What it means that something leaves (presence); without it nothing is reported.
    pub depart: Option<Business>,
    /// What an active tag's alarm means (presence).
    pub alarm: Option<Business>,
    /// Exciters in whose field an active tag is here (presence).
    pub exciters: Vec<super::text::Line>,
    /// What it means that something stays (dock, belt, presence); with `dwell`.
    pub stay: Option<Business>,
    /// After how long a stay is reported.
    pub dwell: Vec<Dwell>,
    /// One event for what comes or leaves together, or one for each tag (presence).
    pub events_per: EventsPer,
    /// When parent and children are an aggregation (dock, belt).
    pub aggregation: Aggregation,
    /// Share of known contents that must be read for the whole to be taken as there, 0 to 1 (dock, belt).
    pub infer_ratio: Option<f64>,
    /// Where goods are counted by class and lot (dock, belt).
    pub quantities: Quantities,
    /// Rules that say what its events must hold; those of the gateway without it.
    pub profile: Option<OneOrMore<ProfileName>>,
    /// What may be used or leave there (dock, belt, station); everything, without it.
    pub guard: Option<Guard>,
    /// What a scan means (station).
    pub scan: Option<Business>,
    /// Material is issued to orders (station).
    pub issue: Option<super::station::Task>,
    /// Something is inspected (station).
    pub inspection: Option<super::station::Task>,
    /// Things are packed or unpacked (station).
    pub packing: Option<super::station::Task>,
    /// Marked or labelled things come to be (station).
    pub commissioning: Option<super::station::Task>,
    /// Material goes back (station).
    pub r#return: Option<super::station::Task>,
    /// What a mark means (station); `commissioning` and `active` without it.
    pub mark: Option<Business>,
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
    /// And after this at the latest (presence, and for `dwell`).
    #[serde(deserialize_with = "optional")]
    pub lost_after_max: Option<Duration>,
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

impl ReadPoint {
    /// Every antenna that it uses.
    pub fn all_antennas(&self) -> impl Iterator<Item = &AntennaRef> {
        let sides = self.inside.iter().chain(&self.outside);
        sides.chain(&self.antennas)
    }
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
    /// Order or document this belongs to; only together with `biz_transaction_type`.
    #[serde(deserialize_with = "optional")]
    pub biz_transaction: Option<Uri>,
    /// Kind of that document; only together with `biz_transaction`.
    #[serde(deserialize_with = "optional")]
    pub biz_transaction_type: Option<TransactionType>,
    /// Orders and documents this belongs to, by their kind.
    pub biz_transactions: BTreeMap<TransactionType, OneOrMore<UriTemplate>>,
    /// Whom and where the objects come from.
    pub sources: BTreeMap<PartyKind, UriTemplate>,
    /// Whom and where they go to.
    pub destinations: BTreeMap<PartyKind, UriTemplate>,
    /// What happened to the objects; seen, without it.
    pub action: Action,
    /// States that hold until they are taken back.
    pub persistent_dispositions: Option<PersistentDispositions>,
    /// Master data of what is added.
    pub ilmd: BTreeMap<MasterDataName, FieldText>,
    /// Fields beside EPCIS.
    pub fields: BTreeMap<FieldName, FieldText>,
}

/// `[tags]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// Tags to ignore.
    pub ignore: Vec<TagPattern>,
    /// Badges of people.
    pub person: Vec<TagPattern>,
    /// Tags fixed to the building.
    pub reference: Vec<TagPattern>,
    /// Tags of fork lifts and other carriers.
    pub carrier: Vec<TagPattern>,
    /// Tags that are goods.
    pub cargo: Vec<TagPattern>,
    /// Tags of pallets and other units that carry goods.
    pub load_unit: Vec<TagPattern>,
    /// Whether ISO tags count.
    pub iso: bool,
    /// Whether tags that are no EPC do not count.
    pub strict: bool,
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
    /// The gateway ends when its disk has failed for so long.
    #[serde(deserialize_with = "from_text")]
    pub give_up_after: Duration,
    /// How long acknowledged events stay; 0 is not at all.
    #[serde(deserialize_with = "from_text")]
    pub keep_sent: Duration,
    /// How much of the buffer they may take.
    pub keep_sent_size: ByteSize,
    /// How much of `max_size` telemetry may take, as a part of 1.
    pub telemetry_share: f64,
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer {
            directory: FileName::known("/var/lib/tracegate"),
            max_size: ByteSize(2 << 30),
            keep_free: ByteSize(crate::buffer::KEEP_FREE_BYTES),
            give_up_after: Duration::from_secs(10 * 60),
            keep_sent: Duration::ZERO,
            keep_sent_size: ByteSize(512 << 20),
            telemetry_share: 0.1,
        }
    }
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Control {
    /// The control socket; absolute. [`server_path`](crate::control::server_path) says where it is without.
    #[serde(deserialize_with = "optional")]
    pub socket: Option<FileName>,
}
