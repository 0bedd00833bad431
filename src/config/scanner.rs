//! `[scanner.NAME]`: how a scanner is reached, how it talks, what it is told. What is not set is as its profile says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tracegate_feed::frame::{Framing, Kind};
use tracegate_feed::profile::{Profile, scan_rules};
use tracegate_feed::rules::{BadRule, Class, Extract, Match, Rule, Rules};
use tracegate_feed::ssi::Verb;
use tracegate_feed::text::Encoding;

use super::address::HostPort;
use super::attached::{HidDevice, KeyboardLayout, Suffix};
use super::check::{Checker, near_label};
use super::diagnostic::Diagnostic;
use super::feed::{FeedProfile, FrameKind, Sequences, TextEncoding};
use super::limits::{range, show_number, show_time};
use super::text::{Bytes, FileName, GsSubstitute};
use super::units::{optional, shown};

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

/// Flow control of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowControl {
    /// None.
    #[default]
    None,
    /// By the lines RTS and CTS.
    RtsCts,
    /// By the characters XON and XOFF.
    XonXoff,
}

/// `[scanner.NAME]`: a barcode scanner. Exactly one of the ways to reach it is set.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Scanner {
    /// A path, or a name below `/dev/serial`; see [`Scanner::serial_path`].
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
    /// A scanner in mode HID POS.
    #[serde(deserialize_with = "optional")]
    pub hid: Option<HidDevice>,
    /// A scanner that types: a path, or a name below `/dev/input/by-id`; see [`Scanner::keyboard_path`].
    #[serde(deserialize_with = "optional")]
    pub keyboard: Option<FileName>,
    /// Keyboard layout that the scanner is set to.
    pub layout: KeyboardLayout,
    /// Key that ends a code.
    pub suffix: Suffix,
    /// Shorter codes are taken as typed by hand, in characters; 4 without it.
    pub min_length: Option<u16>,
    /// Keys that follow each other more slowly are typed by hand; 40 ms without it.
    #[serde(deserialize_with = "optional")]
    pub max_gap: Option<Duration>,
    /// After so long without a key nothing more comes; 60 ms without it.
    #[serde(deserialize_with = "optional")]
    pub idle_gap: Option<Duration>,
    /// Make of scanner; what is not set is as it says.
    pub profile: FeedProfile,
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
    /// How frames are told apart.
    #[serde(deserialize_with = "optional")]
    pub frame: Option<FrameKind>,
    /// What a frame begins with.
    pub start: Option<Sequences>,
    /// What a frame ends with.
    pub end: Option<Sequences>,
    /// Longest frame in bytes.
    pub max_length: Option<u32>,
    /// How it writes text.
    pub encoding: Option<TextEncoding>,
    /// What it sends when it read nothing.
    pub no_read: Option<Vec<String>>,
    /// What it sends to show that it lives.
    pub heartbeat: Option<Vec<String>>,
    /// It sends something at least so often.
    #[serde(deserialize_with = "optional")]
    pub heartbeat_every: Option<Duration>,
    /// What it says about itself.
    pub status: Option<Vec<String>>,
    /// What is of no interest.
    pub ignore: Option<Vec<String>>,
    /// Pattern of a scan; its group `data` is the code.
    pub data: Option<String>,
    /// The scanner sends no AIM identifier: take its data as GS1.
    pub assume_gs1: bool,
    /// What the scanner sends for GS, if it cannot send that.
    pub gs_substitutes: Vec<GsSubstitute>,
    /// Take labels with application identifiers that are not assigned.
    pub keep_unknown_ais: bool,
    /// The same code again within this time is one scan.
    #[serde(deserialize_with = "optional")]
    pub duplicate_window: Option<Duration>,
    /// Sent to the scanner once the scan is stored.
    pub on_accept: Option<Bytes>,
    /// Sent to the scanner once the scan is found to be stored before; `on_accept` without it.
    pub on_warn: Option<Bytes>,
    /// Sent to the scanner when its scan is taken and more is needed (stations with a task); `on_accept` without it.
    pub on_pending: Option<Bytes>,
    /// Sent to the scanner when the scan is refused.
    pub on_refuse: Option<Bytes>,
    /// Sent to the scanner when it read nothing.
    pub on_no_read: Option<Bytes>,
    /// The light that shows what becomes of its scans.
    pub light: Option<String>,
    /// Sent to the scanner once a second while it shows which one it is.
    pub on_identify: Option<Bytes>,
}

/// Settings that say how a scanner is reached, each with an example.
const TRANSPORTS: &[(&str, &str)] = &[
    (
        "serial",
        "serial = \"usb-…-if00\" (a name in /dev/serial/by-id)",
    ),
    ("tcp", "tcp = \"10.0.4.30:9004\""),
    ("listen", "listen = \"0.0.0.0:9005\""),
    ("udp", "udp = \"0.0.0.0:9006\""),
    ("hid", "hid = \"0c2e:0b6a\""),
    (
        "keyboard",
        "keyboard = \"usb-…-event-kbd\" (a name in /dev/input/by-id)",
    ),
];
/// Settings of a serial line.
pub(super) const SERIAL_SETTINGS: &[&str] =
    &["baud", "data_bits", "parity", "stop_bits", "flow_control"];
/// Settings that name bytes to send, or verbs where the frames are SSI.
const ANSWERS: &[&str] = &[
    "on_accept",
    "on_warn",
    "on_pending",
    "on_refuse",
    "on_no_read",
    "on_identify",
];

impl Scanner {
    /// The device file of a serial scanner: names without `/` are looked up below `/dev/serial/by-id`, or, when they are
    /// names of places (`pci-…`, `platform-…`), below `/dev/serial/by-path`.
    pub fn serial_path(&self) -> Option<PathBuf> {
        let name = self.serial.as_ref()?.path();
        let text = name.to_string_lossy();
        let is_place = text.starts_with("pci-") || text.starts_with("platform-");
        let folder = if is_place { "by-path" } else { "by-id" };
        Some(Path::new("/dev/serial").join(folder).join(name))
    }

    /// Bits per second.
    pub fn baud(&self) -> u32 {
        self.baud.unwrap_or(self.profile.0.serial.baud)
    }

    /// Data bits.
    pub fn data_bits(&self) -> u8 {
        self.data_bits.unwrap_or(self.profile.0.serial.data_bits)
    }

    /// Parity bit.
    pub fn parity(&self) -> Parity {
        let by_profile = if self.profile.0.serial.even_parity {
            Parity::Even
        } else {
            Parity::None
        };
        self.parity.unwrap_or(by_profile)
    }

    /// How long the same code again is one scan.
    pub fn duplicate_window(&self) -> Duration {
        let by_profile = Duration::from_millis(self.profile.0.duplicate_window_ms.into());
        self.duplicate_window.unwrap_or(by_profile)
    }

    /// How frames are told apart.
    pub fn framing(&self) -> Framing {
        let by_profile = self.profile.0.framing();
        let mut kind = match &self.frame {
            Some(FrameKind(Some(kind))) => kind.clone(),
            Some(FrameKind(None)) => match by_profile.kind {
                kind @ Kind::Delimited { .. } => kind,
                _ => Framing::lines().kind,
            },
            None => by_profile.kind,
        };
        if let Kind::Delimited { starts, ends } = &mut kind {
            if let Some(start) = &self.start {
                starts.clone_from(&start.0);
            }
            if let Some(end) = &self.end {
                ends.clone_from(&end.0);
            }
        }
        let max_len = self.max_length.and_then(|len| usize::try_from(len).ok());
        Framing {
            kind,
            max_len: max_len.unwrap_or(by_profile.max_len),
        }
    }

    /// How it writes text.
    pub fn encoding(&self) -> Encoding {
        self.encoding
            .map_or(self.profile.0.encoding, |encoding| encoding.0)
    }

    /// What frames are.
    ///
    /// # Errors
    /// With the setting, the position in its list, and what is wrong there.
    pub fn rules(&self) -> Result<Rules, (&'static str, usize, BadRule)> {
        let profile: &Profile = self.profile.0;
        let lists = [
            ("ignore", Class::Ignore, &self.ignore, profile.ignore),
            (
                "heartbeat",
                Class::Heartbeat,
                &self.heartbeat,
                profile.heartbeat,
            ),
            ("no_read", Class::NoRead, &self.no_read, profile.no_read),
            ("status", Class::Status, &self.status, profile.status),
        ];
        let (mut rules, mut origins) = (Vec::new(), Vec::new());
        for (key, class, own, by_profile) in lists {
            let texts: Vec<&str> = match own {
                Some(own) => own.iter().map(String::as_str).collect(),
                None => by_profile.to_vec(),
            };
            for (index, text) in texts.into_iter().enumerate() {
                rules.push(Rule::new(class, Match::written(text)));
                origins.push((key, index));
            }
        }
        if let Some(pattern) = &self.data {
            rules.push(Rule::new(Class::Ignore, Match::Literal(Vec::new())));
            origins.push(("ignore", 0));
            let names_data = pattern.contains("(?<data>") || pattern.contains("(?P<data>");
            rules.push(Rule {
                class: Class::Data,
                when: Match::Regex(pattern.clone()),
                extract: names_data.then_some(Extract::Regex),
            });
            origins.push(("data", 0));
        } else {
            rules = scan_rules(rules);
        }
        Rules::new(self.encoding(), rules).map_err(|(at, bad)| {
            let (key, index) = origins.get(at).copied().unwrap_or(("data", 0));
            (key, index, bad)
        })
    }

    /// What it is told in a case, as set or by its profile; `""` for nothing.
    pub fn told(&self, key: &str) -> Vec<u8> {
        let profile: &Profile = self.profile.0;
        let (own, by_profile) = match key {
            "on_accept" => (&self.on_accept, profile.on_accept),
            "on_warn" => (&self.on_warn, profile.on_warn),
            // A profile has none of its own: a scanner that waits for its host is always answered.
            "on_pending" => (&self.on_pending, profile.on_accept),
            "on_refuse" => (&self.on_refuse, profile.on_refuse),
            "on_no_read" => (&self.on_no_read, profile.on_no_read),
            _ => (&self.on_identify, ""),
        };
        match own {
            Some(bytes) => bytes.0.clone(),
            // Whoever sets what acceptance sounds like means stored scans, the first time and later.
            None if matches!(key, "on_warn" | "on_pending") && self.on_accept.is_some() => {
                self.told("on_accept")
            }
            None => by_profile.as_bytes().to_vec(),
        }
    }

    fn is_delimited(&self) -> bool {
        matches!(self.framing().kind, Kind::Delimited { .. })
    }
}

/// The verbs in what is told a scanner that talks SSI.
pub fn verbs(told: &[u8]) -> Result<Vec<Verb>, String> {
    let text = String::from_utf8_lossy(told);
    Verb::parse(&text).map_err(str::to_owned)
}

/// How each scanner is reached, and whether its settings go together.
pub(super) fn check(checker: &mut Checker<'_>) {
    for (name, scanner) in &checker.config.scanner {
        transport(checker, name, scanner);
        framing(checker, name, scanner);
        words(checker, name, scanner);
        limits(checker, name, scanner);
    }
}

fn transport(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let section = ["scanner", name];
    let set = checker.one_way(section, TRANSPORTS);
    let network = match set.as_slice() {
        [only] if *only != "serial" => *only,
        _ => return,
    };
    if scanner.tcp.is_none() && scanner.listen.is_none() && scanner.udp.is_none() {
        return;
    }
    checker.no_effect(section, SERIAL_SETTINGS, &format!("with `{network}`"));
}

fn framing(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let of = |key| ["scanner", name, key];
    for key in ["start", "end"] {
        if !checker.tree.has(&of(key)) || scanner.is_delimited() {
            continue;
        }
        let by_frame = checker.is_set(&of("frame"));
        let (cause, label) = if by_frame {
            ("frame", "frames are told apart by this")
        } else {
            ("profile", "this profile tells frames apart in another way")
        };
        let title = format!("`{key}` has no effect with this `{cause}`");
        let problem = Diagnostic::error("no-effect", title, checker.tree.at_key(&of(key)), "")
            .context(checker.tree.at(&of(cause)), label)
            .help("delete it, or set frame = \"delimited\"");
        checker.problems.push(problem);
    }
    let empty = scanner.end.as_ref().is_some_and(|end| end.0.is_empty());
    if empty && checker.is_set(&of("end")) {
        let title = "`end` is empty".to_owned();
        let help =
            "say what a frame ends with, or set frame = \"idle 50ms\" for a scanner without suffix";
        checker.error("missing", title, checker.tree.at(&of("end")), "", help);
    }
}

/// Patterns that can be compiled, verbs that exist.
fn words(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let of = |key| ["scanner", name, key];
    if let Err((key, _, bad)) = scanner.rules()
        && checker.is_set(&of(key))
    {
        let help = "what begins with ^ is a regular expression; example: data = \"^(?<data>\\\\d+),[A-F]$\"";
        let label = crate::health::tame(&bad.to_string());
        let title = format!("`{key}` has a pattern that is none");
        checker.error("bad-value", title, checker.tree.at(&of(key)), &label, help);
    }
    if scanner.framing().kind != Kind::Ssi {
        return;
    }
    for key in ANSWERS
        .iter()
        .filter(|key| checker.is_set(&of(key)))
        .collect::<Vec<_>>()
    {
        if let Err(word) = verbs(&scanner.told(key)) {
            let known = Verb::ALL.iter().map(|(name, _)| *name);
            let title = format!("`{key}` has the unknown verb \"{}\"", shown(&word));
            let label = near_label(&word, known.clone());
            let help = format!(
                "a scanner that talks SSI takes verbs: {}",
                known.collect::<Vec<_>>().join(", ")
            );
            checker.error("bad-value", title, checker.tree.at(&of(key)), &label, &help);
        }
    }
}

/// Speeds that serial ports have.
const BAUD: &[u32] = &[
    1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
];

fn limits(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let of = |key| ["scanner", name, key];
    let hour = Duration::from_secs(3600);
    line(checker, ["scanner", name], scanner);
    if let Some(window) = scanner.duplicate_window {
        range(
            checker,
            &of("duplicate_window"),
            window,
            Duration::ZERO..=hour,
            show_time,
        );
    }
    if let Some(every) = scanner.heartbeat_every {
        range(
            checker,
            &of("heartbeat_every"),
            every,
            Duration::from_secs(1)..=hour,
            show_time,
        );
    }
    if let Some(len) = scanner.max_length {
        range(checker, &of("max_length"), len, 1..=65_536, show_number);
    }
}

/// The serial line of a device.
pub(super) fn line(checker: &mut Checker<'_>, [kind, name]: [&str; 2], device: &Scanner) {
    let of = |key| [kind, name, key];
    if let Some(bits) = device.data_bits {
        range(checker, &of("data_bits"), bits, 7..=8, show_number);
    }
    if let Some(bits) = device.stop_bits {
        range(checker, &of("stop_bits"), bits, 1..=2, show_number);
    }
    if let Some(speed) = device.baud {
        baud(checker, &of("baud"), speed);
    }
}

fn baud(checker: &mut Checker<'_>, path: &[&str], baud: u32) {
    if BAUD.contains(&baud) || !checker.is_set(path) {
        return;
    }
    let speeds: Vec<String> = BAUD.iter().map(u32::to_string).collect();
    let help = format!("one of {}", speeds.join(", "));
    let (title, place) = ("`baud` has a bad value".to_owned(), checker.tree.at(path));
    let label = "no serial port has this speed";
    checker.error("bad-value", title, place, label, &help);
}
