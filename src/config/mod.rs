//! The configuration: one TOML file, `TRACEGATE_…` variables above it, and everything that is wrong with them in one
//! report.
//!
//! [`load`] is the only way in. The file goes through `source` (positions), the `config` crate (merge), `strict` and
//! `read` (types), and `check` (what needs more than one value to judge). What comes out has no unchecked value.
//!
//! **Invariant**: nothing in a file is ignored or coerced, and no file can panic the loader or make it use memory out
//! of proportion.

mod address;
mod attached;
mod audit;
mod check;
mod diagnostic;
mod doubts;
mod downlink;
mod events;
mod eyes;
mod feed;
mod guard;
mod light;
mod limits;
mod llrp;
mod log;
mod mapping;
mod marker;
mod mask;
mod mistake;
mod model;
mod mqtt;
mod presence;
mod read;
mod readers;
mod receiver;
mod references;
mod scanner;
mod schema;
mod secret;
mod show;
mod site_data;
mod slips;
mod source;
mod station;
mod status;
mod strict;
mod suggest;
mod syntax;
mod tag_sensor;
mod tags;
mod template;
mod text;
mod tree;
mod tuning;
mod units;
mod ways;

use std::path::Path;

pub use address::{BrokerUrl, BrokerUrls, Host, HostPort};
pub use attached::{HidDevice, KeyboardLayout, Suffix};
pub use audit::Audit;
pub use diagnostic::{Diagnostic, Format, Place, Position, Report, Severity, Span};
pub use downlink::Command;
pub use eyes::{InputRef, PhotoEyes};
pub use guard::Guard;
pub use light::Light;
pub use llrp::{
    DutyCycle, Level, Llrp, LlrpVersion, OutputUse, RadioMode, ReportItem, SearchMode, Trigger,
};
pub use log::{Log, LogLevel};
pub use mapping::{
    Action, FieldName, FieldText, MasterDataName, NamespaceUri, OneOrMore, PartyKind,
    PersistentDispositions, ProfileName, UriTemplate,
};
pub use marker::{LogStart, Marker};
pub(crate) use mask::{is_secret, masked};
pub use model::{Buffer, Business, Config, Gateway, Mode, ReadPoint, Sparkplug, Tags};
pub use mqtt::{Acknowledge, Mqtt, MqttVersion, OnNoSubscriber, Payload};
pub use presence::{ActiveTag, Aggregation, Dwell, EventsPer, Quantities};
pub use receiver::{Receiver, ReceiverProfile};
pub use scanner::{FlowControl, Parity, Scanner, verbs};
pub(crate) use schema::{REFERENCE, settings as reference_settings};
pub use schema::{schema, settings_table};
pub use secret::Secret;
pub use show::{Section, Setting};
pub use site_data::References;
pub use station::{Codes, Task};
pub use status::{PageAddress, StatusPage};
pub(crate) use suggest::nearest;
pub use tag_sensor::{Bank, Factor, Measurement, TagSensor};
pub use tags::{Antennas, TagPattern};
pub use template::{
    ClientId, CommandTopic, DeviceTopic, EventTopic, Placeholder, StatusTopic, Template,
};
pub use text::{
    AntennaRef, BizLocation, BizStep, Bytes, Disposition, FileName, GsSubstitute, Line, Sgln,
    SiteName, SparkplugId, TransactionType, Uri, ZoneName,
};
pub(crate) use units::FromText;
pub use units::{ByteSize, Db, Dbm, show_duration};

/// Sections, in the order of the reference file.
const SECTIONS: &[&str] = &[
    "gateway",
    "llrp",
    "scanner",
    "receiver",
    "marker",
    "light",
    "codes",
    "read_point",
    "tags",
    "tag_sensor",
    "active_tag",
    "reference",
    "buffer",
    "audit",
    "mqtt",
    "command",
    "sparkplug",
    "control",
    "status",
    "log",
];
/// Sections that are written `[KIND.NAME]`.
const NAMED_SECTIONS: &[&str] = &[
    "llrp",
    "scanner",
    "receiver",
    "marker",
    "light",
    "read_point",
    "tag_sensor",
    "active_tag",
];
/// A file larger than this is not a configuration.
const MAX_FILE_BYTES: usize = 1 << 20;

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings only; render them with [`Loaded::report`].
    pub warnings: Vec<Diagnostic>,
    file: String,
    report: Report,
    tree: tree::Tree,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A position in the file.
    File {
        /// The file, as named to [`load`].
        file: String,
        /// Line and column of the value.
        position: Position,
    },
    /// An environment variable.
    Variable(String),
    /// Not set: the default.
    Default,
}

impl Loaded {
    /// Where the value at `path` comes from, for example `["mqtt", "keep_alive"]`.
    pub fn origin(&self, path: &[&str]) -> Origin {
        if !self.tree.has(path) {
            return Origin::Default;
        }
        match self.tree.at(path) {
            Place::Variable(name) => Origin::Variable(name),
            Place::Bytes { start, .. } => Origin::File {
                file: self.file.clone(),
                position: self.report.position(start),
            },
            Place::WholeFile => Origin::Default,
        }
    }

    /// Where the setting at `path` stands in the file; else its section, or the whole file.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Place {
        let mut steps = (1..=path.len()).rev().filter_map(|it| path.get(..it));
        let written = steps.find(|path| self.tree.has(path));
        written.map_or(Place::WholeFile, |path| self.tree.at(path))
    }

    /// The warnings, and what else was found, as a report.
    #[must_use]
    pub fn report_with(&self, more: Vec<Diagnostic>) -> Report {
        self.report.with(more)
    }

    /// The warnings as a report.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Reads a configuration file and the environment.
///
/// Relative names of password, certificate and key files are resolved against `$CREDENTIALS_DIRECTORY` if that is set, else against
/// the folder of the file. None is opened.
///
/// # Errors
/// A [`Report`] with everything that is wrong: the file cannot be read, or it has errors.
pub fn load(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<Loaded, Report> {
    from_bytes(path, &read_bytes(path)?, env)
}

/// The bytes of a configuration file.
///
/// # Errors
/// It cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Report> {
    read_file(path).map_err(|problem| Report::new(&path.display().to_string(), "", vec![problem]))
}

/// What can be made out of a file that may have errors: where its gateway is, and what it has left behind.
pub fn guess(path: &Path, env: impl Iterator<Item = (String, String)>) -> Config {
    let bytes = read_file(path).unwrap_or_default();
    let text = decode(&bytes).unwrap_or_default();
    parse(text, env).0
}

/// As [`load`], for a file that was read already; opens nothing.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(
    path: &Path,
    bytes: &[u8],
    env: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Report> {
    let file = path.display().to_string();
    let text = decode(bytes).map_err(|problem| Report::new(&file, "", vec![*problem]))?;
    let variables: Vec<(String, String)> = env.collect();
    let credentials = variables
        .iter()
        .find(|(name, _)| name == "CREDENTIALS_DIRECTORY")
        .map(|(_, value)| value.clone());

    let (mut config, tree, problems) = parse(text, variables.into_iter());
    let report = Report::new(&file, text, problems);
    if report.has_errors() {
        return Err(report);
    }
    path.clone_into(&mut config.file);
    let folder = match credentials.as_deref() {
        Some(folder) if !folder.is_empty() => Path::new(folder),
        _ => path.parent().unwrap_or(Path::new("")),
    };
    for reader in config
        .llrp
        .values_mut()
        .filter(|reader| reader.host.is_some())
    {
        reader.port = Some(reader.port());
    }
    let readers = config.llrp.values_mut().flat_map(Llrp::files);
    let receivers = config.receiver.values_mut().flat_map(Receiver::files);
    let page = config.status.files();
    for name in config
        .mqtt
        .files()
        .chain(readers)
        .chain(receivers)
        .chain(page)
    {
        *name = name.below(folder);
    }
    Ok(Loaded {
        config,
        warnings: report.diagnostics.clone(),
        file,
        report,
        tree,
    })
}

/// Text to configuration, tree and problems.
fn parse(
    text: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> (Config, tree::Tree, Vec<Diagnostic>) {
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    let mut file = source::SpannedToml::new(table.into_inner(), SECTIONS);
    let syntax = syntax::describe(text, &errors, &file.marks);
    let (environment, mut problems) = source::environment(variables, SECTIONS);
    problems.append(&mut file.problems);

    let (marks, lost) = (file.marks.clone(), file.lost.clone());
    let merged = ::config::Config::builder()
        .add_source(file)
        .add_source(environment)
        .build();
    let root = merged.map(|merged| merged.cache).unwrap_or_else(|error| {
        // Neither source can fail, but an error of theirs must not pass for an empty configuration.
        problems.push(Diagnostic::error(
            "internal",
            error.to_string(),
            Place::WholeFile,
            "",
        ));
        ::config::Value::new(None, ::config::ValueKind::Table(Default::default()))
    });
    let mut tree = tree::Tree::new(root, marks, lost);
    let read = read::read(&mut tree, SECTIONS);
    problems.extend(read.problems);
    problems.retain(|problem| !syntax.explains(problem));
    if syntax.doubtful_from.is_none() {
        let clean = problems.is_empty() && syntax.problems.is_empty();
        let checked = check::check(&read.config, &tree, &read.meant, clean);
        problems.extend(
            checked
                .into_iter()
                .filter(|problem| !syntax.explains(problem)),
        );
    }
    problems.extend(syntax.problems);
    (read.config, tree, problems)
}

fn decode(bytes: &[u8]) -> Result<&str, Box<Diagnostic>> {
    let whole = |title: &str, label: &str, help: &str| {
        Err(Box::new(
            Diagnostic::error("file", title, Place::WholeFile, label).help(help),
        ))
    };
    if bytes.len() > MAX_FILE_BYTES {
        return whole(
            "this file is too large for a configuration",
            "the limit is 1 MiB",
            "check that the right file is named",
        );
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return whole(
            "the file is saved as UTF-16",
            "",
            "save it as UTF-8: in Notepad, \"Save as\", Encoding: UTF-8",
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => whole(
            "the configuration file is empty",
            "",
            "tracegate sample prints one to start from",
        ),
        Ok(text) if text.contains('\r') && !text.contains('\n') => whole(
            "the file has the line ends of an old Macintosh",
            "it is one single line",
            "save it with line ends LF or CRLF",
        ),
        Ok(text) => Ok(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            whole(
                "the file is not UTF-8 text",
                &format!("line {line} has a character in another encoding"),
                "save it as UTF-8, or write the character without accents",
            )
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    use std::io::{ErrorKind, Read};
    let problem = |title: String, help: &str| {
        Diagnostic::error("file", title, Place::WholeFile, "").help(help)
    };
    // Opening a pipe or a device could wait for ever.
    let kind = std::fs::metadata(path);
    if let Ok(kind) = &kind
        && !kind.is_file()
    {
        let what = if kind.is_dir() {
            "a folder"
        } else {
            "no regular file"
        };
        return Err(problem(
            format!("the configuration is {what}"),
            "name the file itself: tracegate check FILE",
        ));
    }
    let mut bytes = Vec::new();
    kind.and_then(|_| std::fs::File::open(path))
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map(|_| bytes)
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => problem(
                "the configuration file does not exist".to_owned(),
                "check the path; tracegate sample prints one to start from",
            ),
            ErrorKind::PermissionDenied => problem(
                "the configuration file may not be read by this user".to_owned(),
                "run as the user of the service or as root, or: chmod a+r FILE (it holds no secrets)",
            ),
            _ => problem(format!("the configuration file cannot be read: {error}"), "check the disk and the path"),
        })
}

impl syntax::Syntax {
    /// True for a problem that only follows from a syntax error already reported.
    fn explains(&self, problem: &Diagnostic) -> bool {
        match problem.place() {
            Place::Bytes { start, .. } => {
                self.doubtful_from.is_some_and(|from| *start >= from)
                    || self
                        .lines
                        .iter()
                        .any(|line| (line.start..=line.end).contains(start))
            }
            Place::WholeFile => self.doubtful_from.is_some(),
            Place::Variable(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_those_of_the_model() {
        #[derive(Debug)]
        struct Fields(std::rc::Rc<std::cell::RefCell<Vec<&'static str>>>);
        impl<'de> serde::Deserializer<'de> for Fields {
            type Error = serde::de::value::Error;
            fn deserialize_any<V: serde::de::Visitor<'de>>(
                self,
                visitor: V,
            ) -> Result<V::Value, Self::Error> {
                visitor.visit_map(serde::de::value::MapDeserializer::new(std::iter::empty::<(
                    &str,
                    &str,
                )>()))
            }
            fn deserialize_struct<V: serde::de::Visitor<'de>>(
                self,
                _: &'static str,
                fields: &'static [&'static str],
                visitor: V,
            ) -> Result<V::Value, Self::Error> {
                *self.0.borrow_mut() = fields.to_vec();
                self.deserialize_any(visitor)
            }
            serde::forward_to_deserialize_any! {
                bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
                newtype_struct seq tuple tuple_struct map enum identifier ignored_any
            }
        }
        let fields = std::rc::Rc::default();
        let config: Config =
            serde::Deserialize::deserialize(Fields(std::rc::Rc::clone(&fields))).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(*fields.borrow(), SECTIONS);
    }

    #[test]
    fn origins() {
        let text = "[gateway]\nsite = \"a\"\n[mqtt]\nurl = \"mqtt://b\"\nkeep_alive = \"5s\"\n";
        let env = [("TRACEGATE_MQTT__KEEP_ALIVE".to_owned(), "9s".to_owned())];
        let loaded = from_bytes(Path::new("x.toml"), text.as_bytes(), env.into_iter()).unwrap();
        assert_eq!(
            loaded.config.mqtt.keep_alive,
            std::time::Duration::from_secs(9)
        );
        let position = Position { line: 2, column: 8 };
        assert_eq!(
            loaded.origin(&["gateway", "site"]),
            Origin::File {
                file: "x.toml".to_owned(),
                position
            }
        );
        assert_eq!(
            loaded.origin(&["mqtt", "keep_alive"]),
            Origin::Variable("TRACEGATE_MQTT__KEEP_ALIVE".to_owned())
        );
        assert_eq!(loaded.origin(&["mqtt", "window"]), Origin::Default);
    }
}
