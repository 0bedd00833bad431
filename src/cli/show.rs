//! `tracegate show`: the configuration as it counts. `tracegate sample`: the reference of all settings.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::config::{self, Config, Format, Loaded, Origin, Section, masked};
use crate::topology;

/// The reference of all settings; tests compare its defaults with the code.
const REFERENCE: &str = include_str!("../../config/gateway.toml");

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
    let (mut found, mut is_kind, mut is_example) = (Vec::new(), false, false);
    for line in REFERENCE.lines() {
        if let Some((it, rest)) = header(line) {
            is_kind = it == kind && !rest.contains('.');
        }
        let setting = line.strip_prefix("# ").and_then(|it| it.split_once(" = "));
        let is_name = |key: &str| {
            let mut bytes = key.bytes();
            bytes.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
        };
        match setting.filter(|(key, _)| is_name(key)) {
            Some(default) => {
                if is_kind && !is_example && !found.contains(&default) {
                    found.push(default);
                }
                is_example = false;
            }
            None => is_example = line.ends_with("Example:"),
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
    let mut lines: Vec<Vec<Line>> = sections.iter().map(written).collect();
    let meant = meaning(&loaded.config);
    let is_same = |lines: &[Vec<Line>]| {
        let text = render(&sections, lines, false);
        let credentials = super::environment().filter(|(name, _)| name == "CREDENTIALS_DIRECTORY");
        let again = config::from_bytes(file, text.as_bytes(), credentials);
        again.is_ok_and(|again| meaning(&again.config) == meant)
    };
    // What cannot stand without another setting follows when that is there.
    let count = |lines: &[Vec<Line>]| lines.iter().map(Vec::len).sum::<usize>();
    loop {
        let before = count(&lines);
        for (at, section) in sections.iter().enumerate() {
            let kind = section.path.first().map_or("", String::as_str);
            add(&mut lines, at, &defaults(kind), &is_same);
        }
        if count(&lines) == before {
            break;
        }
    }
    masked(&render(&sections, &lines, with_origin))
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

/// Adds those defaults to a section that change nothing: all of them if that can be, else each half for itself.
fn add(
    lines: &mut [Vec<Line>],
    at: usize,
    defaults: &[(&str, &str)],
    is_same: &impl Fn(&[Vec<Line>]) -> bool,
) {
    let Some(section) = lines.get_mut(at) else {
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
    if section.len() == before || is_same(lines) {
        return;
    }
    if let Some(section) = lines.get_mut(at) {
        section.truncate(before);
    }
    if defaults.len() > 1 {
        let (first, second) = defaults.split_at(defaults.len() / 2);
        add(lines, at, first, is_same);
        add(lines, at, second, is_same);
    }
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
