//! One line of a capture: its shape, and how it is read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::mark::{Mark, Progress};
use tracegate_pipeline::reference::Reference;

use crate::capture::FORMAT;
pub use crate::capture::moment::Moment;
use crate::config::nearest;

/// What is wrong with a line, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub String);

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub format: u32,
    /// Version of the gateway that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracegate: Option<String>,
    /// Its site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Moment>,
    /// Whether all ticks are in it.
    #[serde(default)]
    pub ticks: bool,
    /// The pipeline's configuration at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Box<PipelineConfig>>,
}

/// What was open when the capture began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Version of `data`.
    pub version: i64,
    /// The pipeline's state as postcard in base64.
    pub data: String,
}

/// Another configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewConfig {
    /// The pipeline's configuration from here on.
    pub config: Box<PipelineConfig>,
}

/// A start, or a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// Gateway time.
    pub at: Moment,
}

/// A device was connected or lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Which.
    pub device: String,
    /// Gateway time.
    pub at: Moment,
    /// Connected.
    #[serde(default = "yes")]
    pub up: bool,
    /// The reader's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Moment>,
    /// The reader's uptime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_us: Option<u64>,
}

/// Reports of a reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// Which reader.
    pub device: String,
    /// When the newest arrived.
    pub at: Moment,
    /// Its sightings.
    pub reads: Vec<Read>,
}

/// What was known of things that the next input mentions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// Gateway time.
    pub at: Moment,
    /// Until when the site's data is known to be current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
    /// The records.
    pub records: Vec<Reference>,
}

/// The gateway's wall clock was set, or is known to be right or wrong from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallClock {
    /// Gateway time.
    pub at: Moment,
    /// How far it is ahead of gateway time, in microseconds.
    #[serde(default)]
    pub ahead_us: i64,
    /// Whether a time server has set it.
    #[serde(default = "yes")]
    pub synchronised: bool,
}

/// One sighting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// EPC memory in hexadecimal.
    pub epc: String,
    /// Bits of it that count, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u16>,
    /// Antenna port.
    pub antenna: u16,
    /// Protocol control word, four hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pc: Option<String>,
    /// Peak strength in dBm; fractions are rounded.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole_dbm"
    )]
    pub rssi: Option<i8>,
    /// By the reader's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Moment>,
    /// Since the reader was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_us: Option<u64>,
    /// When it arrived, if before the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Moment>,
    /// Sightings that it stands for, if not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// First word of the extended protocol control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xpc: Option<String>,
    /// Memory of sensor tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Memory>,
    /// What an active tag's beacon said; only what it did say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<Value>,
    /// Taken and not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<f64>,
    /// Taken and not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doppler: Option<f64>,
}

/// Words read for a sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Its name in the configuration.
    pub sensor: String,
    /// The words in hexadecimal, four digits each.
    pub words: String,
}

/// An input of a reader changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpi {
    /// Which reader.
    pub device: String,
    /// When it was heard of.
    pub at: Moment,
    /// Input, from 1.
    pub port: u16,
    /// Its level now.
    pub high: bool,
    /// When it changed, by the reader's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Moment>,
    /// The same by the reader's uptime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_us: Option<u64>,
}

/// A frame of a scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// Which scanner.
    pub device: String,
    /// When it arrived.
    pub at: Moment,
    /// The frame, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The frame, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// What a marker's feed told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marked {
    /// Which marker.
    pub device: String,
    /// When it was heard.
    pub at: Moment,
    /// The mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// How far the feed was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Whether it waited for an answer.
    #[serde(default)]
    pub answer: bool,
}

/// Inputs that the capture lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// How many.
    pub inputs: u64,
    /// Tag reads among them.
    #[serde(default)]
    pub reads: u64,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Capture(Header),
    /// The second, perhaps.
    State(Snapshot),
    /// Another configuration.
    Config(NewConfig),
    /// The gateway was started.
    Start(At),
    /// A device was connected or lost.
    Device(Device),
    /// Tag reads.
    Reads(Reads),
    /// An input of a reader.
    Gpi(Gpi),
    /// A scan.
    Scan(Scan),
    /// A mark.
    Mark(Box<Marked>),
    /// What was looked up.
    References(Looked),
    /// The wall clock was set.
    Wall(WallClock),
    /// Time passed.
    Tick(At),
    /// Something is missing.
    Gap(Gap),
}

pub(super) const READ_KEYS: &[&str] = &[
    "epc",
    "bits",
    "antenna",
    "pc",
    "rssi",
    "time",
    "uptime_us",
    "arrived",
    "count",
    "xpc",
    "memory",
    "beacon",
    "phase",
    "doppler",
];
/// Every `type` with its keys; those of a single read are added to `read`.
pub(super) const TYPES: &[(&str, &[&str])] = &[
    (
        "capture",
        &["format", "tracegate", "site", "start", "ticks", "config"],
    ),
    ("state", &["version", "data"]),
    ("config", &["config"]),
    ("start", &["at"]),
    ("device", &["device", "at", "up", "time", "uptime_us"]),
    ("reads", &["device", "at", "reads"]),
    ("read", &["device", "at"]),
    (
        "gpi",
        &["device", "at", "port", "high", "time", "uptime_us"],
    ),
    ("scan", &["device", "at", "text", "hex"]),
    ("mark", &["device", "at", "mark", "progress", "answer"]),
    ("references", &["at", "as_of", "records"]),
    ("wall", &["at", "ahead_us", "synchronised"]),
    ("tick", &["at"]),
    ("gap", &["inputs", "reads"]),
];

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and what was probably meant.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| LineError(format!("this is not JSON: {error}")))?;
        let Value::Object(mut map) = value else {
            return Err(LineError(
                "a line is a JSON object, as in {\"type\": \"tick\", …}".to_owned(),
            ));
        };
        let kind = match map.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => return Err(LineError("`type` is missing".to_owned())),
        };
        let Some((_, keys)) = TYPES.iter().find(|(name, _)| *name == kind) else {
            let names = TYPES.iter().map(|(name, _)| *name);
            return Err(unknown("type", &kind, names));
        };
        let more = if kind == "read" { READ_KEYS } else { &[] };
        known_keys(&map, keys.iter().chain(more).copied())?;
        match kind.as_str() {
            "capture" => header(map),
            "state" => shape(map).map(Self::State),
            "config" => shape(map).map(Self::Config),
            "start" => shape(map).map(Self::Start),
            "device" => shape(map).map(Self::Device),
            "reads" => {
                if let Some(Value::Array(reads)) = map.get("reads") {
                    reads.iter().try_for_each(known_read)?;
                }
                shape(map).map(Self::Reads)
            }
            "read" => {
                let (mut whole, mut read) = (Map::new(), map);
                for key in ["device", "at"] {
                    whole.extend(read.remove(key).map(|value| (key.to_owned(), value)));
                }
                let read = Value::Object(read);
                known_read(&read)?;
                whole.insert("reads".to_owned(), Value::Array(vec![read]));
                shape(whole).map(Self::Reads)
            }
            "gpi" => shape(map).map(Self::Gpi),
            "scan" => shape(map).map(Self::Scan),
            "mark" => shape(map).map(Box::new).map(Self::Mark),
            "references" => shape(map).map(Self::References),
            "wall" => shape(map).map(Self::Wall),
            "tick" => shape(map).map(Self::Tick),
            _ => shape(map).map(Self::Gap),
        }
    }

    /// The line with its end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Some readers tell hundredths of a dBm; the gateway takes whole ones, as LLRP's `PeakRSSI` has them.
fn whole_dbm<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i8>, D::Error> {
    let Some(dbm) = Option::<f64>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let whole = dbm.round();
    if (-128.0..=127.0).contains(&whole) {
        #[expect(clippy::cast_possible_truncation, reason = "compared just before")]
        return Ok(Some(whole as i8));
    }
    Err(serde::de::Error::custom(format!(
        "`rssi` is in dBm, from -128 to 127, and not {dbm}"
    )))
}

fn header(map: Map<String, Value>) -> Result<Line, LineError> {
    let format = map.get("format").and_then(Value::as_u64);
    if format.is_some_and(|format| format != u64::from(FORMAT)) {
        return Err(LineError(format!(
            "this capture has format {}, and this program reads {FORMAT}: use the tracegate that wrote it, or a newer one",
            format.unwrap_or_default()
        )));
    }
    // A configuration of another version: its fields are named after what the pipeline had then.
    let written_by = map.get("tracegate").cloned();
    shape(map).map(Line::Capture).map_err(|error| match written_by {
        Some(Value::String(version)) if version != env!("CARGO_PKG_VERSION") => LineError(format!(
            "{error} (tracegate {version} wrote it; take `config` out of the first line and give --config)"
        )),
        _ => error,
    })
}

fn known_read(read: &Value) -> Result<(), LineError> {
    let Value::Object(read) = read else {
        return Ok(());
    };
    known_keys(read, READ_KEYS.iter().copied())?;
    let memory = read.get("memory").and_then(Value::as_array);
    for words in memory.into_iter().flatten().filter_map(Value::as_object) {
        known_keys(words, ["sensor", "words"].into_iter())?;
    }
    Ok(())
}

fn known_keys<'a>(
    map: &Map<String, Value>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), LineError> {
    match map
        .keys()
        .find(|key| !known.clone().any(|known| known == *key))
    {
        Some(key) => Err(unknown("key", key, known)),
        None => Ok(()),
    }
}

/// "unknown key `antena`; did you mean `antenna`?"
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> LineError {
    let shown: String = name.chars().take(40).collect();
    LineError(match nearest(name, known.clone()) {
        Some(near) => format!("unknown {what} `{shown}`; did you mean `{near}`?"),
        None => {
            let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
            format!("unknown {what} `{shown}`; known are {}", known.join(", "))
        }
    })
}

fn shape<T: for<'de> Deserialize<'de>>(map: Map<String, Value>) -> Result<T, LineError> {
    serde_json::from_value(Value::Object(map)).map_err(|error| LineError(error.to_string()))
}

fn yes() -> bool {
    true
}
