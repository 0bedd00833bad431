//! `tracegate discover`: what is plugged into this machine, as lines for the configuration. Opens nothing.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::discover::{found, words};

/// Show the scanners that are plugged in, as lines for the configuration
///
/// Serial ports, scanners in mode HID POS, and keyboards that may be scanners. Opens nothing, so it disturbs nobody.
///
/// Exit code: 0, also when nothing is plugged in.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Write JSON, a list.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let found = found(Path::new("/sys"), Path::new("/dev"));
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&found).context("write JSON")? + "\n",
        false => words(&found),
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
