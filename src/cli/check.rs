//! `tracegate check`: everything that is wrong with a configuration, in one run. Changes nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::config::{self, Config, Diagnostic, Format, Loaded};
use crate::control::client::{Client, ControlError};
use crate::control::client_paths;
use crate::preflight;

/// Check a configuration file and report every problem at once.
///
/// TRACEGATE_SECTION__NAME__KEY variables of the environment count as for the daemon.
///
/// A file without errors is then held against this machine: are devices plugged in, and may they be opened? Do names have
/// addresses? Are passwords and certificates there, and room for the buffer? Does another program have a port? Devices are
/// looked at, not opened; tracegate doctor tries connections. What may be otherwise tomorrow is a warning; an error is what
/// keeps the gateway from running here. --offline leaves all that out, for a file that is meant for another machine.
///
/// Exit code: 0 without errors, 78 with errors; with --deny-warnings 78 also with warnings.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File to check.
    #[arg(default_value = super::DEFAULT_CONFIG)]
    file: PathBuf,
    /// Only the file: this machine does not matter.
    #[arg(long)]
    offline: bool,
    /// Exit code 78 with warnings, too.
    #[arg(long)]
    deny_warnings: bool,
    /// How to write the problems.
    #[arg(long, value_enum, default_value_t = FormatArgument::Human)]
    format: FormatArgument,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    /// With the lines of the file
    Human,
    /// One line per problem, as compilers write them
    Short,
    /// One JSON object; diagnostics has an object per problem
    Json,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Human => Format::Human,
            FormatArgument::Short => Format::Short,
            FormatArgument::Json => Format::Json,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let format = arguments.format.into();
    let (report, summary) = match config::load(&arguments.file, super::environment()) {
        Ok(loaded) => {
            let found = match arguments.offline {
                true => Vec::new(),
                false => super::run::runtime()?.block_on(surroundings(&loaded, &arguments.file)),
            };
            (loaded.report_with(found), summary(&loaded.config))
        }
        Err(report) => (report, String::new()),
    };
    let mut text = report.render(format);
    let is_denied = arguments.deny_warnings && !report.diagnostics.is_empty();
    let is_good = !report.has_errors() && !is_denied;
    if is_good && format != Format::Json {
        text += &format!("{}: ok ({summary})\n", arguments.file.display());
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(super::EXIT_CONFIG),
    })
}

/// What does not fit this machine.
async fn surroundings(loaded: &Loaded, file: &Path) -> Vec<Diagnostic> {
    let asked = Client::connect(&client_paths(&loaded.config, file)).await;
    let is_running = !matches!(asked, Err(ControlError::NotRunning(_)));
    preflight::look(loaded, is_running).await
}

/// `2 readers, 1 scanner, 1 marker, 2 read points`; receivers and markers only where there are any.
fn summary(config: &Config) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    [
        (config.llrp.len(), "reader"),
        (config.scanner.len(), "scanner"),
        (config.receiver.len(), "receiver"),
        (config.marker.len(), "marker"),
        (config.read_point.len(), "read point"),
    ]
    .into_iter()
    .filter(|(n, what)| *n > 0 || !matches!(*what, "receiver" | "marker"))
    .map(|(n, what)| counted(n, what))
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_and_markers_count_where_there_are_any() {
        let mut config = Config::default();
        assert_eq!(summary(&config), "0 readers, 0 scanners, 0 read points");
        for name in ["laser_1", "laser_2"] {
            config.marker.insert(name.to_owned(), Default::default());
        }
        let with_markers = "0 readers, 0 scanners, 2 markers, 0 read points";
        assert_eq!(summary(&config), with_markers);
    }
}
