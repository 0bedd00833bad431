//! What takes more than one value to judge: what must be there, what excludes what, what a mode has no use for.
//!
//! Ranges are in [`limits`](super::limits), names that refer to each other in [`references`](super::references).
//! A value that was bad in itself is not judged a second time.

use super::diagnostic::{Diagnostic, Place, Severity};
use super::model::{Business, Config, Mode, ReadPoint};
use super::mqtt::MqttVersion;
use super::source::{Path, keys};
use super::suggest::nearest;
use super::tree::Tree;
use super::units::shown;

/// Collects problems while the checks walk over the configuration.
pub(super) struct Checker<'a> {
    pub(super) config: &'a Config,
    pub(super) tree: &'a Tree,
    /// Settings that a misspelt name probably stands for.
    meant: &'a [Path],
    pub(super) problems: Vec<Diagnostic>,
}

/// Settings of a read point with antennas on two sides.
const GATE_SETTINGS: &[&str] = &[
    "inside",
    "outside",
    "in",
    "out",
    "side_tau",
    "side_level",
    "side_hold",
    "settle",
    "min_tags",
    "flip_ratio",
    "rearm",
    "aggregation",
    "infer_ratio",
    "quantities",
    "photo_eyes",
];
/// Settings of a read point without a direction.
const PRESENCE_SETTINGS: &[&str] = &[
    "antennas",
    "arrive",
    "depart",
    "events_per",
    "alarm",
    "exciters",
];
/// Settings of every read point with antennas.
const ANTENNA_SETTINGS: &[&str] = &[
    "min_rssi",
    "dedup",
    "appear_within",
    "min_reads",
    "lost_after",
    "lost_after_max",
    "load_gap",
    "allowed_lateness",
    "down_grace",
    "stay",
    "dwell",
];
/// Settings of a read point with scanners.
const STATION_SETTINGS: &[&str] = &[
    "scanners",
    "scan",
    "markers",
    "mark",
    "issue",
    "inspection",
    "packing",
    "commissioning",
    "return",
];

/// Settings of what people use, or what passes.
const GUARD_SETTINGS: &[&str] = &["guard"];

/// Of which a station has one, in place of `scan`.
const TASKS: &[&str] = &["issue", "inspection", "packing", "commissioning", "return"];

const MAX_NAME: usize = 40;

/// All problems of a configuration whose values are good one by one. Warnings only when there is no error.
pub(super) fn check(config: &Config, tree: &Tree, meant: &[Path], clean: bool) -> Vec<Diagnostic> {
    let mut checker = Checker {
        config,
        tree,
        meant,
        problems: Vec::new(),
    };
    checker.required();
    checker.names();
    super::readers::check(&mut checker);
    super::marker::check(&mut checker);
    super::scanner::check(&mut checker);
    super::attached::check(&mut checker);
    for (name, read_point) in &config.read_point {
        checker.read_point(name, read_point);
    }
    checker.mqtt();
    super::downlink::check(&mut checker);
    super::limits::check(&mut checker);
    super::tag_sensor::check(&mut checker);
    super::presence::check(&mut checker);
    super::site_data::check(&mut checker);
    super::audit::check(&mut checker);
    super::receiver::check(&mut checker);
    super::references::check(&mut checker);
    super::eyes::check(&mut checker);
    super::status::check(&mut checker);
    super::events::check(&mut checker);
    super::guard::check(&mut checker);
    super::light::check(&mut checker);
    super::station::check(&mut checker);
    if clean && checker.problems.is_empty() {
        super::references::unused(&mut checker);
        super::events::gaps(&mut checker);
        super::doubts::check(&mut checker);
    }
    checker.problems
}

impl Checker<'_> {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        title: String,
        place: Place,
        label: &str,
        help: &str,
    ) {
        self.problems
            .push(Diagnostic::error(code, title, place, label).help(help));
    }

    pub(super) fn warning(
        &mut self,
        code: &'static str,
        title: String,
        place: Place,
        label: &str,
        help: &str,
    ) {
        let warning = Diagnostic::error(code, title, place, label)
            .help(help)
            .as_warning();
        debug_assert_eq!(warning.severity, Severity::Warning);
        self.problems.push(warning);
    }

    /// Written, and well.
    pub(super) fn is_set(&self, path: &[&str]) -> bool {
        self.tree.has(path) && !self.tree.is_bad(path)
    }

    /// A misspelt name probably stands for this.
    pub(super) fn is_meant(&self, path: &[&str]) -> bool {
        self.meant.contains(&keys(path))
    }

    /// Neither written nor misspelt.
    pub(super) fn is_missing(&self, path: &[&str]) -> bool {
        !self.tree.has(path) && !self.tree.is_bad(path) && !self.is_meant(path)
    }

    pub(super) fn require(&mut self, section: &[&str], key: &str, example: &str) {
        let path: Vec<&str> = section.iter().copied().chain([key]).collect();
        if !self.is_missing(&path) || self.tree.is_bad(section) && !self.tree.has(section) {
            return;
        }
        let name = section.join(".");
        if self.tree.has(section) {
            let title = format!("`{key}` is missing in [{}]", shown(&name));
            self.error(
                "missing",
                title,
                self.tree.at(section),
                "",
                &format!("add: {key} = {example}"),
            );
        } else if self.is_missing(section) {
            let help = format!("add a line [{name}] and below it: {key} = {example}");
            self.error(
                "missing",
                format!("section [{name}] is missing"),
                Place::WholeFile,
                "",
                &help,
            );
        }
    }

    fn required(&mut self) {
        self.require(&["gateway"], "site", "\"plant-3\"");
        self.require(&["mqtt"], "url", "\"mqtt://broker.plant3.example\"");
        for (name, read_point) in &self.config.read_point {
            let section = ["read_point", name];
            self.require(
                &section,
                "mode",
                "\"dock\", \"belt\", \"presence\" or \"station\"",
            );
            self.require(&section, "sgln", "\"urn:epc:id:sgln:4012345.00001.dock1\"");
            for (key, business) in read_point.steps() {
                self.business(&["read_point", name, key], business);
            }
        }
    }

    pub(super) fn business(&mut self, section: &[&str], business: &Business) {
        self.require(section, "biz_step", "\"receiving\"");
        let kind: Vec<&str> = section
            .iter()
            .copied()
            .chain(["biz_transaction_type"])
            .collect();
        let transaction: Vec<&str> = section.iter().copied().chain(["biz_transaction"]).collect();
        if business.biz_transaction_type.is_some() && self.is_missing(&transaction) {
            let title = "`biz_transaction_type` has no `biz_transaction`".to_owned();
            self.error(
                "missing",
                title,
                self.tree.at_key(&kind),
                "",
                "add biz_transaction, or delete this",
            );
        }
        if business.biz_transaction.is_some() && self.is_missing(&kind) {
            let title = "`biz_transaction` has no `biz_transaction_type`".to_owned();
            self.error(
                "missing",
                title,
                self.tree.at_key(&transaction),
                "",
                "add what kind of document it is, for example: biz_transaction_type = \"po\"",
            );
        }
    }

    /// Names of readers, scanners and read points: they appear in topics, events and variables.
    fn names(&mut self) {
        let config = self.config;
        let sections: [(&str, Vec<&String>); 8] = [
            ("llrp", config.llrp.keys().collect()),
            ("scanner", config.scanner.keys().collect()),
            ("receiver", config.receiver.keys().collect()),
            ("marker", config.marker.keys().collect()),
            ("light", config.light.keys().collect()),
            ("read_point", config.read_point.keys().collect()),
            ("tag_sensor", config.tag_sensor.keys().collect()),
            ("active_tag", config.active_tag.keys().collect()),
        ];
        for (kind, names) in sections {
            for name in names {
                let bad = name
                    .chars()
                    .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_'));
                let label = match bad {
                    Some(bad) => format!("'{}' cannot be part of a name", bad.escape_debug()),
                    None if name.is_empty() => "the name is empty".to_owned(),
                    None if name.len() > MAX_NAME => format!("longer than {MAX_NAME} characters"),
                    None => continue,
                };
                let title = format!("[{kind}.{}] has a bad name", shown(name));
                let place = self.tree.at_key(&[kind, name]);
                let help = match plain_name(name) {
                    Some(plain) => format!("use small letters, digits and _: [{kind}.{plain}]"),
                    None => "use small letters, digits and _; example: dock_1".to_owned(),
                };
                self.error("bad-name", title, place, &label, &help);
            }
        }
    }

    fn read_point(&mut self, name: &str, read_point: &ReadPoint) {
        let of = |key| ["read_point", name, key];
        if !self.is_set(&of("mode")) {
            return;
        }
        let mode = read_point.mode;
        let foreign: [&[&str]; 3] = match mode {
            Mode::Station => [GATE_SETTINGS, PRESENCE_SETTINGS, ANTENNA_SETTINGS],
            Mode::Presence => [GATE_SETTINGS, STATION_SETTINGS, GUARD_SETTINGS],
            Mode::Dock | Mode::Belt => [PRESENCE_SETTINGS, STATION_SETTINGS, &[]],
        };
        for key in foreign
            .into_iter()
            .flatten()
            .filter(|key| self.tree.has(&of(key)))
            .collect::<Vec<_>>()
        {
            let title = format!("`{key}` has no effect in mode \"{}\"", mode.as_str());
            let problem = Diagnostic::error("no-effect", title, self.tree.at_key(&of(key)), "")
                .context(self.tree.at(&of("mode")), "the mode is set here")
                .help("delete it, or change the mode");
            self.problems.push(problem);
        }
        if mode == Mode::Station {
            self.event_of_nothing(name, "scan", ["scanners", "markers"]);
            self.event_of_nothing(name, "mark", ["markers", "scanners"]);
        }
        let lists: &[(&str, bool, &str)] = match mode {
            Mode::Station if self.is_missing(&of("scanners")) && self.tree.has(&of("markers")) => {
                &[("markers", read_point.markers.is_empty(), "[\"laser_1\"]")]
            }
            Mode::Station => &[("scanners", read_point.scanners.is_empty(), "[\"line_2\"]")],
            // An exciter may be all that tells.
            Mode::Presence if self.tree.has(&of("exciters")) => &[],
            Mode::Presence => &[("antennas", read_point.antennas.is_empty(), "[\"zone_1/1\"]")],
            Mode::Dock | Mode::Belt => &[
                (
                    "inside",
                    read_point.inside.is_empty(),
                    "[\"dock_1/3\", \"dock_1/4\"]",
                ),
                (
                    "outside",
                    read_point.outside.is_empty(),
                    "[\"dock_1/1\", \"dock_1/2\"]",
                ),
            ],
        };
        for (key, empty, example) in lists {
            if self.is_missing(&of(key)) {
                self.require(&["read_point", name], key, example);
            } else if *empty && self.is_set(&of(key)) {
                let title = format!("`{key}` is empty");
                self.error(
                    "missing",
                    title,
                    self.tree.at(&of(key)),
                    "",
                    &format!("example: {key} = {example}"),
                );
            }
        }
        match mode {
            Mode::Station if self.is_missing(&of("scanners")) && self.tree.has(&of("markers")) => {}
            Mode::Station if TASKS.iter().any(|key| !self.is_missing(&of(key))) => {}
            Mode::Station => {
                self.require(&["read_point", name], "scan", "{ biz_step = \"picking\" }")
            }
            Mode::Presence
                if ["arrive", "depart", "stay"]
                    .iter()
                    .all(|key| self.is_missing(&of(key))) =>
            {
                let title = format!(
                    "read point `{}` has neither `arrive` nor `depart` nor `stay`",
                    shown(name)
                );
                let help =
                    "add what it means that something comes: arrive = { biz_step = \"storing\" }";
                self.error(
                    "missing",
                    title,
                    self.tree.at(&["read_point", name]),
                    "nothing would be reported",
                    help,
                );
            }
            Mode::Dock | Mode::Belt
                if self.is_missing(&of("in")) && self.is_missing(&of("out")) =>
            {
                let title = format!("read point `{}` has neither `in` nor `out`", shown(name));
                let help = "add what a movement means: in = { biz_step = \"receiving\" }, out = { biz_step = \"shipping\" }";
                self.error(
                    "missing",
                    title,
                    self.tree.at(&["read_point", name]),
                    "nothing would be reported",
                    help,
                );
            }
            Mode::Dock | Mode::Belt | Mode::Presence => {}
        }
    }

    /// A station says what it means that a device tells something, and has only devices of the other kind.
    fn event_of_nothing(&mut self, name: &str, event: &str, [own, other]: [&str; 2]) {
        let of = |key| ["read_point", name, key];
        if !self.tree.has(&of(event)) || !self.is_missing(&of(own)) || !self.is_set(&of(other)) {
            return;
        }
        let title = format!("`{event}` has no effect without `{own}`");
        let help = format!("delete it, or add {own}");
        let place = self.tree.at_key(&of(event));
        self.error("no-effect", title, place, "", &help);
    }

    fn mqtt(&mut self) {
        let mqtt = &self.config.mqtt;
        let without_tls = self.is_set(&["mqtt", "url"]) && !mqtt.url.tls();
        for key in ["ca_file", "client_certificate_file", "client_key_file"] {
            if !without_tls || !self.tree.has(&["mqtt", key]) {
                continue;
            }
            let title = format!("`{key}` has no effect without TLS");
            let place = self.tree.at_key(&["mqtt", key]);
            let problem = Diagnostic::error("no-effect", title, place, "")
                .context(
                    self.tree.at(&["mqtt", "url"]),
                    "this connection is not encrypted",
                )
                .help(format!("use mqtts:// in url, or delete {key}"));
            self.problems.push(problem);
        }
        if !without_tls {
            super::readers::certificate_and_key(self, &["mqtt"]);
        }
        if mqtt.message_expiry.is_some() && mqtt.version == MqttVersion::V311 {
            let problem = Diagnostic::error(
                "no-effect",
                "`message_expiry` has no effect with MQTT 3.1.1",
                self.tree.at_key(&["mqtt", "message_expiry"]),
                "",
            )
            .context(
                self.tree.at(&["mqtt", "version"]),
                "messages have no properties",
            )
            .help("delete message_expiry, or use version = \"5\"");
            self.problems.push(problem);
        }
        if mqtt.password_file.is_some() && self.is_missing(&["mqtt", "username"]) {
            let place = self.tree.at_key(&["mqtt", "password_file"]);
            self.error(
                "missing",
                "`password_file` has no `username`".to_owned(),
                place,
                "",
                "add: username = \"tracegate\"",
            );
        }
        if !mqtt.device_status {
            for key in ["device_topic", "device_interval"] {
                if self.tree.has(&["mqtt", key]) {
                    let title = format!("`{key}` has no effect with device_status = false");
                    let place = self.tree.at_key(&["mqtt", key]);
                    self.error("no-effect", title, place, "", "delete one of the two");
                }
            }
        }
        self.topics();
        if self.tree.has(&["sparkplug", "node"]) && self.is_missing(&["sparkplug", "group"]) {
            let place = self.tree.at_key(&["sparkplug", "node"]);
            let title = "`node` has no `group`".to_owned();
            self.error("missing", title, place, "", "add: group = \"Plant 3\"");
        }
    }
}

/// A name as it can be written, where only capitals, blanks and signs are wrong with it.
pub(super) fn plain_name(name: &str) -> Option<String> {
    let plain = name.to_lowercase().replace(['-', ' ', '.'], "_");
    let is_plain = super::source::is_plain(&plain) && plain.len() <= MAX_NAME;
    is_plain.then_some(plain)
}

/// The nearest name as a label, or nothing.
pub(super) fn near_label<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, names)
        .map(|near| format!("did you mean \"{near}\"?"))
        .unwrap_or_default()
}
