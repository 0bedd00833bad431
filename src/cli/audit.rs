//! `tracegate audit`: the record of what operators were told.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::json;
use tracegate_pipeline::Time;

use super::place::Place;
use super::progress::{Progress, is_watched_apart};
use crate::audit::{Broken, COLUMNS, Seal, Verified, Verifier};
use crate::buffer::Record;

/// A longer line is no row: the record's texts are cut.
const MAX_LINE: u64 = 1 << 20;

/// Export the record of verdicts, or prove that an export was not changed.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the record to standard output
    ///
    /// As lines of JSON, which `tracegate audit verify` takes, or as CSV. Works beside a running gateway.
    ///
    /// Exit code: 0 done, 1 there is no buffer, or it cannot be read, 78 problems in the configuration.
    Export {
        /// Only from this time on.
        #[arg(long, value_name = "TIME", value_parser = super::time)]
        from: Option<Timestamp>,
        /// Only up to this time.
        #[arg(long, value_name = "TIME", value_parser = super::time)]
        to: Option<Timestamp>,
        /// Write CSV.
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// Write JSON, as without it.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Verify an export in JSON
    ///
    /// Names the first row that was changed, removed, added or moved. Rows cut off at the end are only found by comparing the
    /// last hash with one that was kept elsewhere.
    ///
    /// Exit code: 0 it is whole, 1 it is not, or cannot be read.
    Verify {
        /// The export.
        file: PathBuf,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Export {
            from,
            to,
            csv,
            place,
            ..
        } => {
            let (directory, _) = match place.look() {
                Ok(found) => found,
                Err(trouble) => return Ok(trouble.exit()),
            };
            let micros = |at: &Timestamp| Time(at.as_microsecond());
            let from = from.as_ref().map_or(Time(i64::MIN), micros);
            let to = to.as_ref().map_or(Time(i64::MAX), micros);
            super::run::runtime()?.block_on(export(&directory, (from, to), *csv))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { file, json } => match verify(file)? {
            Ok(whole) => {
                super::print(&if *json {
                    as_json(&whole)
                } else {
                    words(&whole)
                })?;
                Ok(ExitCode::SUCCESS)
            }
            Err(broken) if *json => {
                let answer =
                    json!({ "whole": false, "line": broken.line, "problem": broken.problem });
                super::print(&format!("{answer:#}\n"))?;
                Ok(ExitCode::FAILURE)
            }
            Err(broken) => {
                // The first line tells what it is.
                let hint = match broken.line {
                    1 => "; is it an export of the record, as `tracegate audit export` writes it?",
                    _ => "",
                };
                anyhow::bail!("{}: {broken}{hint}", file.display())
            }
        },
    }
}

fn as_json(whole: &Verified) -> String {
    let (last, seal) = (&whole.last, &whole.seal);
    let answer = json!({ "whole": true, "rows": whole.rows, "last": last, "goes_on_from": seal });
    format!("{answer:#}\n")
}

fn words(whole: &Verified) -> String {
    let Seal { n, hash } = &whole.last;
    let mut text = format!(
        "{} rows are as they were written; the last is row {n}, hash {hash}\n",
        whole.rows
    );
    if whole.seal.n > 0 {
        let Seal { n, hash } = &whole.seal;
        text += &format!("they go on from row {n}, hash {hash}\n");
    }
    text
}

/// Line by line, so that the file may have any size.
fn verify(file: &Path) -> anyhow::Result<Result<Verified, Broken>> {
    let context = || format!("read {}", file.display());
    let text = File::open(file).with_context(context)?;
    let size = text.metadata().with_context(context)?.len();
    let mut progress = Progress::new(size, std::io::stderr().is_terminal());
    let (mut text, mut done) = (BufReader::new(text), 0);
    let (mut verifier, mut line) = (Verifier::default(), Vec::new());
    loop {
        line.clear();
        let read = (&mut text).take(MAX_LINE).read_until(b'\n', &mut line);
        let read = read.with_context(context)?;
        if read == 0 {
            return Ok(verifier.finish());
        }
        done += read as u64;
        progress.at(done);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if let Err(broken) = verifier.take(&line) {
            return Ok(Err(broken));
        }
    }
}

async fn export(directory: &Path, range: (Time, Time), csv: bool) -> anyhow::Result<()> {
    let mut record = Record::open(directory, range).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let seal = record.seal().await?;
    let rows = record.newest().await?.saturating_sub(seal.n);
    let mut progress = Progress::new(u64::try_from(rows).unwrap_or(0), is_watched_apart());
    let (first, write) = (seal.n, || "write to standard output");
    match csv {
        true => writeln!(out, "{COLUMNS}").with_context(write)?,
        false => {
            let seal = json!({ "seal": seal });
            writeln!(out, "{seal}").with_context(write)?;
        }
    }
    loop {
        let rows = record.next().await?;
        if rows.is_empty() {
            out.flush().with_context(write)?;
            return Ok(());
        }
        for row in rows {
            progress.at(u64::try_from(row.row.n.saturating_sub(first)).unwrap_or(0));
            let line = if csv { row.csv() } else { row.json() };
            writeln!(out, "{line}").with_context(write)?;
        }
    }
}
