//! `tracegate bundle`: what support needs to know, in one file.

use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;

use super::gateway::{Gateway, Trouble};
use crate::bundle::{Running, folder, gather, write};
use crate::control::Request;

/// Pack what support needs to know into one file
///
/// Versions, configuration with secrets masked, status, conditions, metrics, last movements and loads not booked, log, kernel
/// messages on USB and serial ports, the buffer in figures, and whether the record of verdicts is whole; a compressed tar
/// archive of texts. The list of contents is printed first. Works without a running gateway: what is missing says why. Run
/// it as root (sudo) to have all.
///
/// Exit code: 0 written, 1 the file cannot be written.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File to write, such as plant-3.tar.gz; it must not be there yet.
    #[arg(short, long, value_name = "FILE", required_unless_present = "contents")]
    output: Option<PathBuf>,
    /// Only print the list of contents.
    #[arg(long)]
    contents: bool,
    #[command(flatten)]
    gateway: Gateway,
    /// Print the list of contents as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Gathering takes a while: what would stop it in the end is said first.
    if let Some(path) = arguments.output.as_ref().filter(|_| !arguments.contents) {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let problem = match path.symlink_metadata() {
            Ok(_) => Some(ErrorKind::AlreadyExists),
            Err(_) if folder.is_some_and(|it| !it.is_dir()) => Some(ErrorKind::NotFound),
            Err(_) => None,
        };
        if let Some(problem) = problem {
            return Err(super::cannot_create(path, problem.into()));
        }
    }
    let runtime = super::run::runtime()?;
    let (bundle, site) = runtime.block_on(async {
        let running = ask(arguments).await;
        let site = running.as_ref().ok().and_then(|it| it.status.get("site"));
        let site = site.and_then(Value::as_str).unwrap_or("gateway").to_owned();
        (gather(&arguments.gateway.config, running).await, site)
    });
    runtime.shutdown_background();
    super::print(&match arguments.json {
        true => serde_json::to_string_pretty(&bundle.list()).context("write JSON")? + "\n",
        false => bundle.contents(),
    })?;
    let Some(path) = arguments.output.as_ref().filter(|_| !arguments.contents) else {
        return Ok(ExitCode::SUCCESS);
    };
    let now = Timestamp::now();
    let folder = folder(&site, now);
    // For its owner: it tells much of the site.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| super::cannot_create(path, error))?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let written = write(&bundle, &folder, seconds, BufWriter::new(file))
        .and_then(|mut file| file.flush().map(|()| file));
    let file = match written {
        Ok(file) => file,
        Err(error) => {
            // Half of it helps nobody.
            let _ = std::fs::remove_file(path);
            return Err(error).with_context(|| format!("write {}", path.display()));
        }
    };
    let size = file.get_ref().metadata().map_or(0, |it| it.len());
    remark!("{}: {}", path.display(), crate::buffer::size_text(size));
    Ok(ExitCode::SUCCESS)
}

/// What the running gateway says, or why it says nothing.
async fn ask(arguments: &Arguments) -> Result<Running, String> {
    let asked = async {
        let mut client = arguments.gateway.connect_anyhow().await?;
        Ok::<_, Trouble>(client.ask(&Request::new("bundle")).await?)
    };
    let answer = asked.await.map_err(|trouble| match trouble {
        Trouble::Config => "the configuration has problems; see check.txt".to_owned(),
        Trouble::Control(error) => crate::error_chain(&error),
    })?;
    serde_json::from_value(answer).map_err(|error| format!("its answer cannot be read: {error}"))
}
