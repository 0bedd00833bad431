//! `[marker.NAME]`: how a laser marker is reached, what it says, what its marks are.

mod check;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tracegate_feed::frame::{DEFAULT_MAX_LEN, Framing, Kind};
use tracegate_feed::marker::grade::Level;
use tracegate_feed::marker::lines::Encoding;
use tracegate_feed::marker::record::{Columns, Form};
use tracegate_feed::marker::rules::{self, PROFILES, Profile, Rules};
use tracegate_feed::marker::{Step, marks};

use super::address::HostPort;
use super::feed::Sequences;
use super::scanner::{FlowControl, Parity, Scanner};
use super::suggest::did_you_mean;
use super::text::{Bytes, FileName, GsSubstitute, ZoneName};
use super::units::{FromText, Refusal, deserialize_from_text, from_text, optional, shown};

pub(super) use check::check;

/// A marker's profile by its name; `generic` without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkerProfile(pub &'static Profile);

impl Default for MarkerProfile {
    fn default() -> Self {
        const GENERIC: &Profile = match PROFILES {
            [.., generic] => generic,
            [] => panic!("there are profiles"),
        };
        MarkerProfile(rules::profile("generic").unwrap_or(GENERIC))
    }
}

impl FromText for MarkerProfile {
    const EXPECTED: &'static str = "the name of a profile in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if let Some(profile) = rules::profile(text) {
            return Ok(MarkerProfile(profile));
        }
        let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
        let unknown = format!("no profile of a marker is named \"{}\"", shown(text));
        let label = did_you_mean(text, names.iter().copied(), &unknown);
        Err(Refusal::new(
            label,
            format!("profiles: {}", names.join(", ")),
        ))
    }
}

deserialize_from_text!(MarkerProfile);

/// A grade as a number or a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinGrade(pub Level);

impl FromText for MinGrade {
    const EXPECTED: &'static str = "a grade in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        // A letter means all that is still called so: C begins at 1.5.
        let letter = |from| Level::from_tenths(from).map(MinGrade);
        let found = match text {
            "A" => letter(35),
            "B" => letter(25),
            "C" => letter(15),
            "D" => letter(5),
            _ if text.starts_with(|c: char| c.is_ascii_digit()) => Level::parse(text).map(MinGrade),
            _ => None,
        };
        found.ok_or_else(|| {
            Refusal::new(
                "no grade",
                "A, B, C, D, or a number from \"0.0\" to \"4.0\"",
            )
        })
    }
}

deserialize_from_text!(MinGrade);

/// How lines of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFormat {
    /// As the frames of a marker.
    #[default]
    Text,
    /// Columns.
    Csv,
    /// A JSON object per line.
    Json,
}

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileEncoding {
    /// By its first bytes.
    #[default]
    Auto,
    /// UTF-8.
    Utf8,
    /// Windows-1252.
    Windows1252,
    /// UTF-16, least significant byte first.
    Utf16Le,
}

/// What of a log counts at the very first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStart {
    /// All that it holds.
    Beginning,
    /// What is added from then on.
    #[default]
    End,
}

/// `[marker.NAME]`: a laser marker. Exactly one of `serial`, `tcp`, `listen`, `udp`, `tail` and `drop` is set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Marker {
    /// A path, or a name below `/dev/serial`.
    #[serde(deserialize_with = "optional")]
    pub serial: Option<FileName>,
    /// Address to connect to.
    pub tcp: Option<HostPort>,
    /// Port of ours that it connects to.
    #[serde(deserialize_with = "optional")]
    pub listen: Option<SocketAddr>,
    /// Port of ours that it sends datagrams to.
    #[serde(deserialize_with = "optional")]
    pub udp: Option<SocketAddr>,
    /// Log file that it writes; absolute.
    #[serde(deserialize_with = "optional")]
    pub tail: Option<FileName>,
    /// Folder that it writes files to; absolute.
    #[serde(deserialize_with = "optional")]
    pub drop: Option<FileName>,
    /// Make of marker; what is not set is as it says.
    pub profile: MarkerProfile,
    /// Bits per second.
    pub baud: Option<u32>,
    /// Data bits, 7 or 8.
    pub data_bits: Option<u8>,
    /// Parity bit.
    pub parity: Option<Parity>,
    /// Stop bits, 1 or 2.
    pub stop_bits: Option<u8>,
    /// Flow control.
    pub flow_control: FlowControl,
    /// What a frame ends with.
    pub end: Option<Sequences>,
    /// How often it is asked for its state; 0 is never.
    #[serde(deserialize_with = "from_text")]
    pub poll_interval: Duration,
    /// A mark that has not ended after this is of unknown outcome.
    #[serde(deserialize_with = "from_text")]
    pub timeout: Duration,
    /// Patterns of frames that begin a mark.
    pub when_start: Option<Vec<String>>,
    /// Patterns of frames that say more about a mark.
    pub when_data: Option<Vec<String>>,
    /// Patterns of frames that end a mark well.
    pub when_done: Option<Vec<String>>,
    /// Patterns of frames that end a mark badly.
    pub when_failed: Option<Vec<String>>,
    /// Patterns of frames that say that it marks.
    pub when_busy: Option<Vec<String>>,
    /// Patterns of frames that say that it is ready.
    pub when_ready: Option<Vec<String>>,
    /// Patterns of frames that say that it has an error.
    pub when_fault: Option<Vec<String>>,
    /// Patterns of frames that mean nothing.
    pub when_ignore: Option<Vec<String>>,
    /// How lines of files are read.
    pub format: LineFormat,
    /// Between the columns of a line.
    pub delimiter: Option<String>,
    /// Whether the first line of a file names the columns.
    pub header: bool,
    /// Where details stand in a line.
    pub columns: BTreeMap<String, String>,
    /// Words of the column `result` for a mark that is done.
    pub result_done: Vec<String>,
    /// Words for one that failed.
    pub result_failed: Vec<String>,
    /// Words for one that begins.
    pub result_start: Vec<String>,
    /// How files are encoded.
    pub encoding: FileEncoding,
    /// What of a log counts at the very first start.
    pub begin: LogStart,
    /// Without a new line in the log for so long something is wrong.
    #[serde(deserialize_with = "optional")]
    pub idle_after: Option<Duration>,
    /// Names of files in a folder end so.
    pub suffix: String,
    /// A file that did not change for so long is whole.
    #[serde(deserialize_with = "from_text")]
    pub settle: Duration,
    /// Folder in the folder that files are moved to once stored; empty leaves them.
    pub processed: String,
    /// How it writes times.
    pub time_format: Option<String>,
    /// Zone of its times; that of the site without.
    #[serde(deserialize_with = "optional")]
    pub time_zone: Option<ZoneName>,
    /// GTIN of what it marks, for marks that tell a serial number only.
    pub gtin: Option<String>,
    /// A worse grade makes a thing non-conformant.
    #[serde(deserialize_with = "optional")]
    pub min_grade: Option<MinGrade>,
    /// Its codes have no AIM identifier: take them as GS1.
    pub assume_gs1: bool,
    /// What stands for GS, if it cannot write that.
    pub gs_substitutes: Vec<GsSubstitute>,
    /// Take codes with application identifiers that are not assigned.
    pub keep_unknown_ais: bool,
    /// Sent once a mark is stored.
    pub on_accept: Option<Bytes>,
    /// Sent when a mark failed, names nothing, or has too poor a grade.
    pub on_refuse: Option<Bytes>,
    /// The light that shows what becomes of its marks.
    pub light: Option<String>,
}

impl Default for Marker {
    fn default() -> Self {
        Marker {
            serial: None,
            tcp: None,
            listen: None,
            udp: None,
            tail: None,
            drop: None,
            profile: MarkerProfile::default(),
            baud: None,
            data_bits: None,
            parity: None,
            stop_bits: None,
            flow_control: FlowControl::None,
            end: None,
            poll_interval: Duration::from_millis(500),
            timeout: Duration::from_secs(60),
            when_start: None,
            when_data: None,
            when_done: None,
            when_failed: None,
            when_busy: None,
            when_ready: None,
            when_fault: None,
            when_ignore: None,
            format: LineFormat::Text,
            delimiter: None,
            header: true,
            columns: BTreeMap::new(),
            result_done: vec!["OK".to_owned()],
            result_failed: vec!["NG".to_owned()],
            result_start: Vec::new(),
            encoding: FileEncoding::Auto,
            begin: LogStart::End,
            idle_after: None,
            suffix: String::new(),
            settle: Duration::from_secs(2),
            processed: "processed".to_owned(),
            time_format: None,
            time_zone: None,
            gtin: None,
            min_grade: None,
            assume_gs1: false,
            gs_substitutes: Vec::new(),
            keep_unknown_ais: false,
            on_accept: None,
            on_refuse: None,
            light: None,
        }
    }
}

impl Marker {
    /// The same connection as a scanner's.
    pub fn connection(&self) -> Scanner {
        Scanner {
            serial: self.serial.clone(),
            tcp: self.tcp.clone(),
            listen: self.listen,
            udp: self.udp,
            baud: self.baud,
            data_bits: self.data_bits,
            parity: self.parity,
            stop_bits: self.stop_bits,
            flow_control: self.flow_control,
            ..Scanner::default()
        }
    }

    /// How its frames are told apart.
    pub fn framing(&self) -> Framing {
        let profile = self.profile.0;
        let owned = |list: &[&[u8]]| list.iter().map(|it| it.to_vec()).collect();
        let ends = self.end.as_ref().map(|end| end.0.clone());
        Framing {
            kind: Kind::Delimited {
                starts: owned(profile.starts),
                ends: ends.unwrap_or_else(|| owned(profile.ends)),
            },
            max_len: DEFAULT_MAX_LEN,
        }
    }

    fn patterns(&self) -> [(&'static str, Step, &Option<Vec<String>>); 8] {
        [
            ("when_ignore", Step::Ignore, &self.when_ignore),
            ("when_start", Step::Start, &self.when_start),
            ("when_data", Step::Data, &self.when_data),
            ("when_done", Step::Done, &self.when_done),
            ("when_failed", Step::Failed, &self.when_failed),
            ("when_busy", Step::Busy, &self.when_busy),
            ("when_ready", Step::Ready, &self.when_ready),
            ("when_fault", Step::Fault, &self.when_fault),
        ]
    }

    /// What its frames mean: its own patterns, then those of the profile for what it does not say itself.
    ///
    /// # Errors
    /// With the setting and what is wrong there.
    pub fn rules(&self) -> Result<Rules, (&'static str, String)> {
        let mut all = Rules::default();
        let mut by_profile = Rules::of(self.profile.0);
        for (key, step, patterns) in self.patterns() {
            let Some(patterns) = patterns else { continue };
            by_profile.remove(step);
            for pattern in patterns {
                all.add(step, pattern)
                    .map_err(|bad| (key, bad.to_string()))?;
            }
        }
        all.append(by_profile);
        Ok(all)
    }

    /// How its lines are read.
    pub fn form(&self) -> Form {
        let small = |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect();
        let columns = Columns {
            places: self.columns.clone(),
            done: small(&self.result_done),
            failed: small(&self.result_failed),
            start: small(&self.result_start),
        };
        match self.format {
            LineFormat::Text => Form::Text(self.rules().unwrap_or_default()),
            LineFormat::Json => Form::Json(columns),
            LineFormat::Csv => Form::Csv {
                delimiter: self
                    .delimiter
                    .as_deref()
                    .and_then(|it| it.chars().next())
                    .unwrap_or(';'),
                header: self.header,
                columns,
            },
        }
    }

    /// How its files are encoded.
    pub fn file_encoding(&self) -> Encoding {
        match self.encoding {
            FileEncoding::Auto => Encoding::Auto,
            FileEncoding::Utf8 => Encoding::Utf8,
            FileEncoding::Windows1252 => Encoding::Windows1252,
            FileEncoding::Utf16Le => Encoding::Utf16Le,
        }
    }

    /// How it tells of marks.
    pub fn marks(&self) -> marks::Settings {
        let is_file = self.tail.is_some() || self.drop.is_some();
        marks::Settings {
            replies: self.profile.0.replies && !(is_file && self.format != LineFormat::Text),
            timeout_us: u64::try_from(self.timeout.as_micros()).unwrap_or(u64::MAX),
        }
    }
}
