//! `[receiver.NAME]`: receivers of active tags, and RFID readers that publish their reads by MQTT.

mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;
use tracegate_feed::active::{Form, Layout, Names, beacon};

use super::address::{BrokerUrl, HostPort};
use super::check::{Checker, near_label};
use super::diagnostic::Diagnostic;
use super::scanner::{Parity, Scanner, line};
use super::text::{Bytes, FileName, Line};
use super::units::{optional, shown};
use words::{EpcTemplate, EpcUri, LinePattern, TopicFilter};

/// Ways to reach a receiver; exactly one is set.
const TRANSPORTS: &[&str] = &["serial", "tcp", "listen", "udp", "mqtt"];
/// Settings of a serial line.
const SERIAL_SETTINGS: &[&str] = &["baud", "data_bits", "parity", "stop_bits"];
/// Settings of a broker of its own.
const BROKER_SETTINGS: &[&str] = &["mqtt_username", "mqtt_password_file", "mqtt_ca_file"];
/// Settings of beacons, which RFID reads do not have.
const BEACON_SETTINGS: &[&str] = &[
    "fields",
    "list",
    "separator",
    "pattern",
    "epc",
    "tags",
    "receivers",
];
/// Entries of `tags` at most.
const MAX_TAGS: usize = 20_000;
/// Entries of `receivers` at most.
const MAX_RECEIVERS: usize = 256;

/// What a receiver sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverProfile {
    /// JSON objects, or lists of them, with beacons.
    #[default]
    BeaconJson,
    /// Lines of `key=value` with a beacon each.
    BeaconKeys,
    /// Lines of columns with a beacon each.
    BeaconCsv,
    /// Lines that a pattern takes apart.
    BeaconPattern,
    /// Tag reads of an Impinj R700.
    ImpinjR700Mqtt,
    /// Tag reads of a Zebra reader with the IoT Connector.
    ZebraIotc,
}

impl ReceiverProfile {
    /// Whether it tells beacons of active tags, not reads of RFID tags.
    #[must_use]
    pub const fn is_beacons(self) -> bool {
        !matches!(self, Self::ImpinjR700Mqtt | Self::ZebraIotc)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::BeaconJson => "beacon_json",
            Self::BeaconKeys => "beacon_keys",
            Self::BeaconCsv => "beacon_csv",
            Self::BeaconPattern => "beacon_pattern",
            Self::ImpinjR700Mqtt => "impinj_r700_mqtt",
            Self::ZebraIotc => "zebra_iotc",
        }
    }
}

/// `[receiver.NAME]`. Exactly one of `serial`, `tcp`, `listen`, `udp` and `mqtt` is set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Receiver {
    /// A path, or a name below `/dev/serial`; see [`Scanner::serial_path`].
    #[serde(deserialize_with = "optional")]
    pub serial: Option<FileName>,
    /// Bits per second.
    pub baud: u32,
    /// Data bits, 7 or 8.
    pub data_bits: u8,
    /// Parity bit.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
    /// Address to connect to.
    pub tcp: Option<HostPort>,
    /// Where the gateway listens for the receiver.
    #[serde(deserialize_with = "optional")]
    pub listen: Option<SocketAddr>,
    /// Where the gateway takes datagrams.
    #[serde(deserialize_with = "optional")]
    pub udp: Option<SocketAddr>,
    /// Topics that the receiver publishes on.
    #[serde(deserialize_with = "optional")]
    pub mqtt: Option<TopicFilter>,
    /// The broker it publishes to; the gateway's own without it.
    pub mqtt_url: Option<BrokerUrl>,
    /// User name at that broker.
    #[serde(deserialize_with = "optional")]
    pub mqtt_username: Option<Line>,
    /// File with the password; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub mqtt_password_file: Option<FileName>,
    /// File with certificates to trust; absolute once loaded.
    #[serde(deserialize_with = "optional")]
    pub mqtt_ca_file: Option<FileName>,
    /// What it sends.
    pub profile: ReceiverProfile,
    /// What a frame begins with.
    pub start: Option<Bytes>,
    /// What a frame ends with; a line end without it.
    pub end: Option<Bytes>,
    /// Where fields are: by standard name a pointer (JSON), a key or a column.
    pub fields: BTreeMap<String, Line>,
    /// Pointer to the list of beacons in a message.
    #[serde(deserialize_with = "optional")]
    pub list: Option<Line>,
    /// Between keys or columns.
    #[serde(deserialize_with = "optional")]
    pub separator: Option<Line>,
    /// Takes a line apart, with groups named as the fields.
    #[serde(deserialize_with = "optional")]
    pub pattern: Option<LinePattern>,
    /// Frames of no interest.
    pub ignore: Vec<Line>,
    /// EPC of a tag's thing, from the tag's number.
    #[serde(deserialize_with = "optional")]
    pub epc: Option<EpcTemplate>,
    /// The same by the tag's number.
    pub tags: BTreeMap<String, EpcUri>,
    /// What the feed calls its receivers or antennas: the first is port 1.
    pub receivers: Vec<Line>,
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver {
            serial: None,
            baud: 9600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
            tcp: None,
            listen: None,
            udp: None,
            mqtt: None,
            mqtt_url: None,
            mqtt_username: None,
            mqtt_password_file: None,
            mqtt_ca_file: None,
            profile: ReceiverProfile::default(),
            start: None,
            end: None,
            fields: BTreeMap::new(),
            list: None,
            separator: None,
            pattern: None,
            ignore: Vec::new(),
            epc: None,
            tags: BTreeMap::new(),
            receivers: Vec::new(),
        }
    }
}

impl Receiver {
    /// The files it names.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut FileName> {
        let files = [&mut self.mqtt_password_file, &mut self.mqtt_ca_file];
        files.into_iter().flatten()
    }

    /// The same connection as a scanner's.
    #[must_use]
    pub fn connection(&self) -> Scanner {
        Scanner {
            serial: self.serial.clone(),
            tcp: self.tcp.clone(),
            listen: self.listen,
            udp: self.udp,
            baud: Some(self.baud),
            data_bits: Some(self.data_bits),
            parity: Some(self.parity),
            stop_bits: Some(self.stop_bits),
            ..Scanner::default()
        }
    }

    /// Which thing a tag is on.
    #[must_use]
    pub fn names(&self) -> Names {
        let table = self.tags.iter();
        Names {
            template: self.epc.as_ref().map(|epc| epc.as_str().to_owned()),
            table: table
                .map(|(id, epc)| (id.clone(), epc.as_str().to_owned()))
                .collect(),
        }
    }

    /// Frames of no interest.
    #[must_use]
    pub fn ignored(&self) -> Vec<String> {
        self.ignore
            .iter()
            .map(|text| text.as_str().to_owned())
            .collect()
    }

    /// Where the fields of its beacons stand; `None` for a profile without beacons.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        let texts = || {
            let fields = self.fields.iter();
            fields
                .map(|(name, at)| (name.clone(), at.as_str().to_owned()))
                .collect()
        };
        let separator = || {
            let given = self.separator.as_ref();
            given
                .and_then(|text| text.as_str().chars().next())
                .unwrap_or(',')
        };
        Some(match self.profile {
            ReceiverProfile::BeaconJson => Form::Json {
                fields: texts(),
                list: self.list.as_ref().map(|at| at.as_str().to_owned()),
            },
            ReceiverProfile::BeaconKeys => Form::Keys {
                fields: texts(),
                separator: separator(),
            },
            ReceiverProfile::BeaconCsv => Form::Csv {
                fields: self
                    .fields
                    .iter()
                    .filter_map(|(name, at)| Some((name.clone(), at.as_str().parse().ok()?)))
                    .collect(),
                separator: separator(),
            },
            ReceiverProfile::BeaconPattern => {
                let pattern = self.pattern.as_ref().map(|it| it.as_str().to_owned());
                Form::Pattern(pattern.unwrap_or_default())
            }
            ReceiverProfile::ImpinjR700Mqtt | ReceiverProfile::ZebraIotc => return None,
        })
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, receiver) in &config.receiver {
        transport(checker, name);
        broker(checker, name, receiver);
        shape(checker, name, receiver);
        let of = |key| ["receiver", name.as_str(), key];
        line(checker, ["receiver", name], &receiver.connection());
        for (key, count, most) in [
            ("tags", receiver.tags.len(), MAX_TAGS),
            ("receivers", receiver.receivers.len(), MAX_RECEIVERS),
        ] {
            if count > most {
                let place = checker.tree.at(&of(key));
                let label = format!("expected up to {most} entries");
                let title = format!("`{key}` is out of range");
                checker.error("out-of-range", title, place, &label, "");
            }
        }
    }
}

fn transport(checker: &mut Checker<'_>, name: &str) {
    let of = |key| ["receiver", name, key];
    let given = checker.ways(["receiver", name], TRANSPORTS.iter().copied());
    if TRANSPORTS.iter().all(|key| checker.is_missing(&of(key))) {
        let title = format!(
            "receiver `{}` has neither `serial`, `tcp`, `listen`, `udp` nor `mqtt`",
            shown(name)
        );
        let place = checker.tree.at(&["receiver", name]);
        let help =
            "add how it is reached: tcp = \"10.0.4.40:6500\", or mqtt = \"readers/dock_1/tags\"";
        checker.error("missing", title, place, "", help);
    }
    let [only] = given.as_slice() else { return };
    if *only != "serial" {
        checker.no_effect(
            ["receiver", name],
            SERIAL_SETTINGS,
            &format!("with `{only}`"),
        );
    }
    if *only != "mqtt" {
        checker.no_effect(["receiver", name], &["mqtt_url"], &format!("with `{only}`"));
    }
    if checker.is_missing(&of("mqtt_url")) {
        checker.no_effect(["receiver", name], BROKER_SETTINGS, "without `mqtt_url`");
    }
    if matches!(*only, "mqtt" | "udp") {
        checker.no_effect(["receiver", name], &["start", "end"], "with whole messages");
    }
}

/// What is said of a broker of its own goes together, as in `[mqtt]`.
fn broker(checker: &mut Checker<'_>, name: &str, receiver: &Receiver) {
    let of = |key| ["receiver", name, key];
    let (url, user, password, ca) = (
        of("mqtt_url"),
        of("mqtt_username"),
        of("mqtt_password_file"),
        of("mqtt_ca_file"),
    );
    if !checker.is_set(&url) {
        return;
    }
    if checker.tree.has(&password) && checker.is_missing(&user) {
        let title = "`mqtt_password_file` has no `mqtt_username`".to_owned();
        let place = checker.tree.at_key(&password);
        let help = "add: mqtt_username = \"tracegate\"";
        checker.error("missing", title, place, "", help);
    }
    if checker.tree.has(&ca) && receiver.mqtt_url.as_ref().is_some_and(|url| !url.tls) {
        let title = "`mqtt_ca_file` has no effect without TLS";
        let problem = Diagnostic::error("no-effect", title, checker.tree.at_key(&ca), "")
            .context(checker.tree.at(&url), "this connection is not encrypted")
            .help("use mqtts:// in mqtt_url, or delete mqtt_ca_file");
        checker.problems.push(problem);
    }
}

/// What stands where in a frame.
fn shape(checker: &mut Checker<'_>, name: &str, receiver: &Receiver) {
    let of = |key| ["receiver", name, key];
    let profile = receiver.profile;
    if checker.tree.is_bad(&of("profile")) {
        return;
    }
    let with = format!("with profile = \"{}\"", profile.as_str());
    if !profile.is_beacons() {
        checker.no_effect(["receiver", name], BEACON_SETTINGS, &with);
        return;
    }
    let foreign: &[&str] = match profile {
        ReceiverProfile::BeaconJson => &["separator", "pattern"],
        ReceiverProfile::BeaconKeys | ReceiverProfile::BeaconCsv => &["list", "pattern"],
        _ => &["fields", "list", "separator"],
    };
    checker.no_effect(["receiver", name], foreign, &with);
    let section = ["receiver", name];
    match profile {
        ReceiverProfile::BeaconCsv => {
            checker.require(&section, "fields", "{ tag_id = \"1\", rssi_dbm = \"2\" }");
        }
        ReceiverProfile::BeaconPattern => {
            checker.require(
                &section,
                "pattern",
                "'^(?<tag_id>\\w+),(?<rssi_dbm>-\\d+)$'",
            );
        }
        _ => {}
    }
    if checker.is_missing(&of("epc")) && checker.is_missing(&of("tags")) {
        let title = format!("receiver `{}` has neither `epc` nor `tags`", shown(name));
        let place = checker.tree.at(&section);
        let help = "add what the tags are on: epc = \"urn:epc:id:giai:4012345.{tag_id}\"";
        checker.error("missing", title, place, "nothing would be reported", help);
    }
    for (field, at) in &receiver.fields {
        let path = ["receiver", name, "fields", field.as_str()];
        if !beacon::FIELDS.contains(&field.as_str()) {
            let title = format!("there is no field `{}`", shown(field));
            let label = near_label(field, beacon::FIELDS.iter().copied());
            let help = format!("fields: {}", beacon::FIELDS.join(", "));
            let place = checker.tree.at_key(&path);
            checker.error("undefined", title, place, &label, &help);
            continue;
        }
        let (good, expected, help) = match profile {
            ReceiverProfile::BeaconJson => (
                at.as_str().starts_with('/'),
                "expected a JSON pointer",
                "it begins with /; example: \"/rssi\"",
            ),
            ReceiverProfile::BeaconCsv => (
                at.as_str().parse().is_ok_and(|column: u16| column > 0),
                "expected the number of a column",
                "counted from 1; example: \"2\"",
            ),
            _ => (true, "", ""),
        };
        if !good {
            let title = format!("`{field}` has a bad value");
            let place = checker.tree.at(&path);
            checker.error("bad-value", title, place, expected, help);
        }
    }
    let one = receiver
        .separator
        .as_ref()
        .is_none_or(|it| it.as_str().chars().count() == 1);
    if !one {
        let place = checker.tree.at(&of("separator"));
        let title = "`separator` has a bad value".to_owned();
        checker.error(
            "bad-value",
            title,
            place,
            "expected one character",
            "example: \";\"",
        );
    }
    let form = receiver
        .form()
        .filter(|_| profile != ReceiverProfile::BeaconPattern || receiver.pattern.is_some());
    if let Some(form) = form
        && let Err(bad) = Layout::new(form, &receiver.ignored())
    {
        let place = checker.tree.at(&of("ignore"));
        let title = "`ignore` has a bad value".to_owned();
        checker.error("bad-value", title, place, &bad.to_string(), "");
    } else if let Some(pattern) = &receiver.pattern
        && !pattern.as_str().contains("?<tag_id>")
        && !pattern.as_str().contains("?P<tag_id>")
    {
        let place = checker.tree.at(&of("pattern"));
        let title = "`pattern` does not find the tag's number".to_owned();
        let help = "name a group tag_id, in single quotes: pattern = '^(?<tag_id>\\w+)'";
        checker.error("missing", title, place, "", help);
    }
}
