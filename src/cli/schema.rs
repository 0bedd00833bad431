//! `tracegate schema`: every setting, for editors and programs.

use std::process::ExitCode;

use crate::config;

/// Print every setting as a JSON Schema, with which editors check and complete the configuration
///
/// Save it beside the configuration (tracegate schema > gateway.schema.json), and let its first line be
/// "#:schema ./gateway.schema.json": editors that know TOML, such as those with taplo, then show what settings mean and
/// what is wrong as one types. tracegate check finds more.
///
/// Exit code: 0.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to write them.
    #[arg(long, value_enum, default_value_t = FormatArgument::Json)]
    format: FormatArgument,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArgument {
    /// JSON Schema, draft 2020-12
    Json,
    /// Tables, as in docs/settings.md
    Markdown,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = match arguments.format {
        FormatArgument::Json => format!("{:#}\n", config::schema()),
        FormatArgument::Markdown => config::settings_table(),
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
