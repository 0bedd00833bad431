//! `tracegate discover`: what is plugged into this machine, as lines for the configuration. Opens nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::discover::report;

/// Show the scanners that are plugged in, as lines for the configuration
///
/// Serial ports, scanners in mode HID POS, and keyboards that may be scanners. Opens nothing, so it disturbs nobody.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = report(Path::new("/sys"), Path::new("/dev"));
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
