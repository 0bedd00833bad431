//! `tracegate audit`: the record of what operators were told.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use tracegate_pipeline::Time;

use super::place::Place;
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
    Export {
        /// Only from this time on.
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only up to this time.
        #[arg(long, value_name = "TIME")]
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
    Verify {
        /// The export.
        file: PathBuf,
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
        Command::Verify { file } => {
            let shown = file.display();
            match verify(file)? {
                Ok(whole) => {
                    let Seal { n, hash } = &whole.last;
                    println!(
                        "{} rows are as they were written; the last is row {n}, hash {hash}",
                        whole.rows
                    );
                    if whole.seal.n > 0 {
                        println!(
                            "they go on from row {}, hash {}",
                            whole.seal.n, whole.seal.hash
                        );
                    }
                    Ok(ExitCode::SUCCESS)
                }
                Err(broken) => anyhow::bail!("{shown}: {broken}"),
            }
        }
    }
}

/// Line by line, so that the file may have any size.
fn verify(file: &Path) -> anyhow::Result<Result<Verified, Broken>> {
    let context = || format!("read {}", file.display());
    let mut text = BufReader::new(File::open(file).with_context(context)?);
    let (mut verifier, mut line) = (Verifier::default(), Vec::new());
    loop {
        line.clear();
        let read = (&mut text).take(MAX_LINE).read_until(b'\n', &mut line);
        if read.with_context(context)? == 0 {
            return Ok(verifier.finish());
        }
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
    let write = || "write to standard output";
    match csv {
        true => writeln!(out, "{COLUMNS}").with_context(write)?,
        false => {
            let seal = serde_json::json!({ "seal": seal });
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
            let line = if csv { row.csv() } else { row.json() };
            writeln!(out, "{line}").with_context(write)?;
        }
    }
}
