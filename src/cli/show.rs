//! `tracegate show`: the configuration as it counts. `tracegate sample`: the reference of all settings.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::config::{
    self, Config, Format, Loaded, Origin, REFERENCE, Section, masked, reference_settings,
};
use crate::topology;

/// Show the configuration as it counts: file, variables and defaults together
///
/// What it prints is a configuration again, which means the same. A default is shown where writing it changes nothing; what
/// depends on a profile or on another setting is left out. Passwords never stand in a configuration; whatever looks like one
/// is masked. Exit code: 0, or 78 with problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Configuration file.
    #[arg(default_value = super::DEFAULT_CONFIG)]
    file: PathBuf,
    /// Say of each value where it comes from: file and line, a variable, or the default.
    #[arg(long)]
    origin: bool,
}

/// Print the reference: every setting with its meaning, unit and default
///
/// Exit code: 0, or 1 when there is no such kind of section.
#[derive(Debug, clap::Args)]
pub(super) struct SampleArguments {
    /// Only the sections of this kind, such as llrp, scanner or mqtt.
    #[arg(long = "for", value_name = "KIND")]
    kind: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match config::load(&arguments.file, super::environment()) {
        Ok(loaded) => loaded,
        Err(report) => {
            eprint!("{}", report.render(Format::Human));
            return Ok(ExitCode::from(super::EXIT_CONFIG));
        }
    };
    print(&shown(&loaded, &arguments.file, arguments.origin))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sample(arguments: &SampleArguments) -> anyhow::Result<ExitCode> {
    let Some(kind) = &arguments.kind else {
        print(REFERENCE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let (mut text, mut is_wanted) = (String::new(), false);
    for line in REFERENCE.lines() {
        if let Some((found, _)) = header(line) {
            is_wanted = found == *kind;
        }
        if line.starts_with("# ---") {
            is_wanted = false;
        }
        if is_wanted {
            text += line;
            text.push('\n');
        }
    }
    if text.is_empty() {
        let mut kinds: Vec<&str> = Vec::new();
        for (kind, _) in REFERENCE.lines().filter_map(header) {
            if kinds.last() != Some(&kind) {
                kinds.push(kind);
            }
        }
        anyhow::bail!(
            "`{}` is no kind of section; there are: {}",
            crate::health::tame(kind),
            kinds.join(", ")
        );
    }
    print(&format!("{}\n", text.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")
}

/// The kind of a section, and what comes behind it, of its header.
fn header(line: &str) -> Option<(&str, &str)> {
    let path = line.strip_prefix('[')?.strip_suffix(']')?;
    Some(path.split_once('.').unwrap_or((path, "")))
}

/// The defaults that the reference shows for a kind of section, in its order; one that differs between sections is there
/// more than once.
fn defaults(kind: &str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for shown in reference_settings() {
        let default = (shown.key, shown.value);
        let is_kind = shown.section.first() == Some(&kind) && shown.section.len() <= 2;
        if is_kind && shown.is_default && !found.contains(&default) {
            found.push(default);
        }
    }
    found
}

/// A line of what is shown.
struct Line {
    key: String,
    value: String,
    origin: String,
}

fn shown(loaded: &Loaded, file: &Path, with_origin: bool) -> String {
    let sections = loaded.sections();
    let mut adder = Adder {
        lines: sections.iter().map(written).collect(),
        sections,
        file,
        credentials: super::environment()
            .filter(|(name, _)| name == "CREDENTIALS_DIRECTORY")
            .collect(),
        meant: meaning(&loaded.config),
        other: BTreeSet::new(),
    };
    // What cannot stand without another setting follows when that is there.
    loop {
        let before = adder.count();
        for at in 0..adder.sections.len() {
            adder.add_defaults(at);
        }
        if adder.count() == before {
            break;
        }
    }
    masked(&render(&adder.sections, &adder.lines, with_origin))
}

/// Adds defaults to what is written, as long as it means the same.
struct Adder<'a> {
    sections: Vec<Section>,
    /// By section.
    lines: Vec<Vec<Line>>,
    file: &'a Path,
    credentials: Vec<(String, String)>,
    /// What is meant.
    meant: String,
    /// Defaults that mean something else, by kind of section and what its defaults depend on: the code has others there.
    other: BTreeSet<(String, (&'static str, &'static str))>,
}

/// What comes of lines.
enum Outcome {
    Same,
    Other,
    /// Sections and settings that are refused.
    Refused(Vec<(usize, String)>),
}

impl Adder<'_> {
    fn count(&self) -> usize {
        self.lines.iter().map(Vec::len).sum()
    }

    fn add_defaults(&mut self, at: usize) {
        let path = self.sections.get(at).map(|section| section.path.as_slice());
        let kind = path.and_then(<[_]>::first).map_or("", String::as_str);
        let defaults = defaults(kind).into_iter();
        let defaults: Vec<_> = defaults
            .filter(|default| !self.other.contains(&(self.alike(at), *default)))
            .collect();
        self.add(at, &defaults);
    }

    /// What sections with the same defaults have in common: kind, mode and profile.
    fn alike(&self, at: usize) -> String {
        let path = self.sections.get(at).map(|section| section.path.as_slice());
        let mut alike = path.and_then(<[_]>::first).cloned().unwrap_or_default();
        let lines = self.lines.get(at).into_iter().flatten();
        for line in lines.filter(|line| ["mode", "profile"].contains(&line.key.as_str())) {
            alike += &format!(" {}", line.value);
        }
        alike
    }

    /// Adds those defaults to a section that change nothing: all of them if that can be, else those that are not refused,
    /// else each half for itself. Each try reads the whole configuration again, so there must not be many.
    fn add(&mut self, at: usize, defaults: &[(&'static str, &'static str)]) {
        let Some(section) = self.lines.get_mut(at) else {
            return;
        };
        let before = section.len();
        for (key, value) in defaults {
            if section.iter().all(|line| line.key != *key) {
                section.push(Line {
                    key: (*key).to_owned(),
                    value: (*value).to_owned(),
                    origin: "default".to_owned(),
                });
            }
        }
        if section.len() == before {
            return;
        }
        let outcome = self.outcome();
        if matches!(outcome, Outcome::Same) {
            return;
        }
        if let Some(section) = self.lines.get_mut(at) {
            section.truncate(before);
        }
        if let Outcome::Refused(refused) = &outcome {
            let is_refused = |(key, _): &&(&str, &str)| {
                let mut refused = refused.iter();
                refused.any(|(section, it)| *section == at && it == key)
            };
            let rest: Vec<_> = defaults
                .iter()
                .filter(|it| !is_refused(it))
                .copied()
                .collect();
            if rest.len() < defaults.len() {
                return self.add(at, &rest);
            }
        }
        match defaults {
            [only] if matches!(outcome, Outcome::Other) => {
                self.other.insert((self.alike(at), *only));
            }
            [] | [_] => {}
            more => {
                let (first, second) = more.split_at(more.len() / 2);
                self.add(at, first);
                self.add(at, second);
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let text = render(&self.sections, &self.lines, false);
        let credentials = self.credentials.iter().cloned();
        match config::from_bytes(self.file, text.as_bytes(), credentials) {
            Ok(again) if meaning(&again.config) == self.meant => Outcome::Same,
            Ok(_) => Outcome::Other,
            Err(report) => {
                let mut refused = Vec::new();
                for line in report.lines() {
                    refused.extend(self.setting_at(line));
                }
                Outcome::Refused(refused)
            }
        }
    }

    /// The section and setting on a line of what is rendered, from 1.
    fn setting_at(&self, line: usize) -> Option<(usize, String)> {
        // A header, and before all but the first an empty line.
        let mut header = 1;
        for (at, lines) in self.lines.iter().enumerate() {
            if let Some(found) = line.checked_sub(header + 1).and_then(|it| lines.get(it)) {
                return Some((at, found.key.clone()));
            }
            header += lines.len() + 2;
        }
        None
    }
}

/// What a section has in file and variables.
fn written(section: &Section) -> Vec<Line> {
    let line = |setting: &config::Setting| Line {
        key: setting.key.clone(),
        value: setting.value.clone(),
        origin: match &setting.origin {
            Origin::File { file, position } => format!("{file}:{}", position.line),
            Origin::Variable(name) => name.clone(),
            Origin::Default => "default".to_owned(),
        },
    };
    section.settings.iter().map(line).collect()
}

fn render(sections: &[Section], lines: &[Vec<Line>], with_origin: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (section, lines) in sections.iter().zip(lines) {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}[{}]", section.path.join("."));
        for Line { key, value, origin } in lines {
            let setting = format!("{key} = {value}");
            let _ = match with_origin {
                true => writeln!(text, "{setting:<40} # {origin}"),
                false => writeln!(text, "{setting}"),
            };
        }
    }
    text
}

/// Everything that comes of a configuration, to compare.
fn meaning(config: &Config) -> String {
    let devices = topology::devices(config).unwrap_or_default();
    let Config {
        gateway,
        read_point,
        active_tag,
        reference,
        buffer,
        command,
        control,
        status,
        ..
    } = config;
    let mut text = format!(
        "{gateway:?} {active_tag:?} {reference:?} {buffer:?} {command:?} {control:?} {status:?} {:?} {devices:?}",
        topology::pipeline(config, &devices),
    );
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?}",
        topology::forwarder(config),
        topology::site_data(config),
        topology::edge_node(config),
        read_point.keys(),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Loaded {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let loaded = config::from_bytes(Path::new("x.toml"), text.as_bytes(), variables);
        loaded.map_err(|it| it.render(Format::Human)).unwrap()
    }

    /// What is shown is a configuration that means the same, and shows the same.
    #[test]
    fn what_is_shown_of_every_example_means_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut count = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap();
            let loaded = load(&text, &[]);
            let all = shown(&loaded, Path::new("x.toml"), true);
            let again = load(&all, &[]);
            assert_eq!(
                meaning(&loaded.config),
                meaning(&again.config),
                "{file:?}\n{all}"
            );
            count += 1;
            // The reference has everything, which takes long; once is enough for it.
            if file.ends_with("gateway.toml") {
                continue;
            }
            let (first, second) = (
                shown(&loaded, Path::new("x.toml"), false),
                shown(&again, Path::new("x.toml"), false),
            );
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text
                    .lines()
                    .map(|it| it.replace("= 0.30", "= 0.3"))
                    .collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(&first), sorted(&second), "{file:?}");
            assert!(all.contains("\nkeep_alive = ") && all.contains(" # default\n"));
        }
        assert!(count >= 5, "{count}");
    }

    #[test]
    fn each_value_says_where_it_comes_from_and_no_secret_shows() {
        let text = "[gateway]\nsite = \"plant-3\"\n[llrp.dock_1]\nhost = \"10.0.4.21\"\n[mqtt]\nurl = \"mqtt://b\"\n";
        let variables = [
            ("TRACEGATE_MQTT__WINDOW", "32"),
            ("TRACEGATE_LLRP__DOCK_1__ANTENNAS", "{ 1 = \"30 dBm\" }"),
            ("TRACEGATE_MQTT__CLIENT_ID", "0123"),
            ("TRACEGATE_MQTT__USERNAME", "x password=hunter2"),
        ];
        let loaded = load(text, &variables);
        let shown = shown(&loaded, Path::new("x.toml"), true);
        let has = |line: &str| assert!(shown.lines().any(|it| it == line), "{line}\n{shown}");
        has("site = \"plant-3\"                         # x.toml:2");
        has("host = \"10.0.4.21\"                       # x.toml:4");
        has("port = 5084                              # default");
        has("window = 32                              # TRACEGATE_MQTT__WINDOW");
        has("antennas = { 1 = \"30 dBm\" }              # TRACEGATE_LLRP__DOCK_1__ANTENNAS");
        has("max_size = \"2 GiB\"                       # default");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_depends_on_another_setting_is_no_default() {
        let text = "[gateway]\nsite = \"a\"\n[llrp.dock_1]\nhost = \"h\"\ntls = true\n[mqtt]\nurl = \"mqtt://b\"\n";
        let shown = shown(&load(text, &[]), Path::new("x.toml"), false);
        assert!(
            !shown.contains("port = 5084") && shown.contains("keepalive = \"10s\""),
            "{shown}"
        );
    }
}
