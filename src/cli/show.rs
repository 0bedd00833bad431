//! `tracegate show`: the configuration as it counts. `tracegate sample`: the reference of all settings.

mod json;
#[cfg(test)]
mod tests;

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
/// is masked.
///
/// Exit code: 0, or 78 with problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Configuration file.
    #[arg(default_value = super::DEFAULT_CONFIG)]
    file: PathBuf,
    /// Say of each value where it comes from: file and line, a variable, or the default.
    #[arg(long)]
    origin: bool,
    /// Write JSON: sections with their settings; with --origin each as an object of `value` and `origin`.
    #[arg(long)]
    json: bool,
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
            crate::cli::remark::text(&report.render(Format::Human));
            return Ok(ExitCode::from(super::EXIT_CONFIG));
        }
    };
    let adder = with_defaults(&loaded, &arguments.file);
    print(&match arguments.json {
        true => json::render(&adder.sections, &adder.lines, arguments.origin)?,
        false => masked(&render(&adder.sections, &adder.lines, arguments.origin)),
    })?;
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
        let near = config::nearest(kind, kinds.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
        anyhow::bail!(
            "`{}` is no kind of section{hint}; there are: {}",
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

/// What is written, with defaults where they mean the same.
fn with_defaults<'a>(loaded: &Loaded, file: &'a Path) -> Adder<'a> {
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
    adder
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
