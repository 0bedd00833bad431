//! `tracegate lots`: what is known about lots, serial numbers and pallets.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use tracegate_pipeline::reference::Facts;

use super::place::Place;
use crate::health::tame;
use crate::reference::{Format, Row, Table, parse};

/// A larger file is refused: it is read as a whole.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// How long a gateway that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Look at what is known about lots, serial numbers and pallets, or load it from a file.
///
/// Works beside a running gateway, which knows of what was loaded within seconds. A record that has a newer version is left
/// as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Load records from a file
    ///
    /// CSV with a header line, or JSON: an array of objects, or an object a line. Columns: sscc, grai, gtin, serial, lot,
    /// expiry, status, quantity, version, delete. With sscc or grai: what is on that pallet or carrier. With gtin, serial and lot: which lot the serial
    /// number belongs to. With gtin and lot: the lot itself.
    Load {
        /// The file; .csv, .json or .jsonl.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// List records
    List {
        /// Only of things whose name contains this: a GTIN, a lot, an SSCC.
        text: Option<String>,
        /// As many as this.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (Command::Load { place, .. } | Command::List { place, .. }) = &arguments.command;
    let (directory, config) = match place.look() {
        Ok(found) => found,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let settings = config.map(|config| config.reference).unwrap_or_default();
    let answer = answer(&arguments.command, &directory, settings.max_records);
    let text = super::run::runtime()?.block_on(answer)?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(command: &Command, directory: &Path, max_records: u64) -> anyhow::Result<String> {
    let open = || async {
        if !directory.is_dir() {
            bail!(
                "there is no folder {}; --directory names another",
                directory.display()
            );
        }
        Ok(Table::open(directory, max_records, PATIENCE).await?)
    };
    match command {
        Command::Load { file, .. } => {
            let now = Timestamp::now();
            // Rises from load to load, so that a later file replaces an earlier one.
            let version = u64::try_from(now.as_second()).unwrap_or(1).max(1);
            let text = read(file)?;
            let format = match file.extension().and_then(|it| it.to_str()) {
                Some("csv" | "tsv" | "txt") => Format::Csv,
                Some("json" | "jsonl" | "ndjson") => Format::Json,
                _ => bail!(
                    "{}: name it .csv, .json or .jsonl, after what it is",
                    file.display()
                ),
            };
            let records = parse(&text, format, version)
                .with_context(|| format!("nothing was loaded from {}", file.display()))?;
            let mut table = open().await?;
            let figures = table.store(&records, now.as_microsecond()).await?;
            table.close().await?;
            let mut text = format!("{} stored\n", counted(figures.stored));
            if figures.outdated > 0 {
                let _ = writeln!(
                    text,
                    "{} left as they are: a newer version is known",
                    counted(figures.outdated)
                );
            }
            if figures.evicted > 0 {
                let _ = writeln!(
                    text,
                    "{} forgotten to make room: see [reference] max_records",
                    counted(figures.evicted)
                );
            }
            Ok(text)
        }
        Command::List {
            text, limit, json, ..
        } => {
            let mut table = open().await?;
            let rows = table
                .list(text.as_deref().unwrap_or_default(), *limit)
                .await?;
            table.close().await?;
            if *json {
                return Ok(serde_json::to_string_pretty(&rows)? + "\n");
            }
            Ok(listed(&rows))
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let context = || format!("read {}", file.display());
    let size = std::fs::metadata(file).with_context(context)?.len();
    if size > MAX_FILE_BYTES {
        bail!(
            "{} has {} MiB, more than {} MiB: split it",
            file.display(),
            size >> 20,
            MAX_FILE_BYTES >> 20
        );
    }
    std::fs::read_to_string(file).with_context(context)
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 record".to_owned(),
        many => format!("{many} records"),
    }
}

fn listed(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "nothing is known\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let name = row.key.strip_prefix("https://id.gs1.org/");
        let what = match &row.facts {
            Facts::Contents(contents) => format!("{} entries", contents.len()),
            Facts::Serial(batch) => format!("lot {}{}", batch.lot, until(&batch.expiry)),
            Facts::Lot(lot) => {
                let status = lot.status.as_deref().unwrap_or("no status");
                format!("{status}{}", until(&lot.expiry))
            }
            Facts::Order(order) => {
                let status = order.status.as_deref().unwrap_or("no status");
                format!("order, {status}, {} lines", order.lines.len())
            }
            Facts::Item(item) => format!("{} lots", item.lots.len()),
        };
        let from = match row.version {
            0 => "seen here".to_owned(),
            version => format!("version {version}"),
        };
        let name = name.unwrap_or(&row.key);
        let _ = writeln!(text, "{}  {}  ({from})", tame(name), tame(&what));
    }
    text
}

fn until(expiry: &Option<String>) -> String {
    expiry
        .as_ref()
        .map(|expiry| format!(", expires {expiry}"))
        .unwrap_or_default()
}
