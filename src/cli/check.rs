//! `tracegate check`: everything that is wrong with a configuration, in one run. Changes nothing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::{self, Config, Format};

/// Check a configuration file and report every problem at once.
///
/// TRACEGATE_SECTION__NAME__KEY variables of the environment count as for the daemon. Exit code: 0 without problems,
/// 78 with problems.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File to check.
    #[arg(default_value = super::DEFAULT_CONFIG)]
    file: PathBuf,
    /// How to write the problems.
    #[arg(long, value_enum, default_value_t = FormatArgument::Human)]
    format: FormatArgument,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    /// With the lines of the file
    Human,
    /// One line per problem
    Short,
    /// One JSON object
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
    let (text, code) = match config::load(&arguments.file, super::environment()) {
        Ok(loaded) => {
            let mut text = loaded.report().render(format);
            if format != Format::Json {
                text += &format!(
                    "{}: ok ({})\n",
                    arguments.file.display(),
                    summary(&loaded.config)
                );
            }
            (text, ExitCode::SUCCESS)
        }
        Err(report) => (report.render(format), ExitCode::from(super::EXIT_CONFIG)),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(code)
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
