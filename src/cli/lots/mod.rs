//! `tracegate lots`: what is known about lots, serial numbers, pallets and orders.

mod show;

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use tracegate_pipeline::Time;

use super::place::Place;
use super::progress::Progress;
use crate::buffer::BufferError;
use crate::reference::{FILE_NAME, Figures, Format, Origin, Table, parse};

/// A larger file is refused: it is read as a whole.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Records between two looks at how far it is.
const ROWS: usize = 5_000;
/// How long a gateway that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Look at what is known about lots, serial numbers, pallets and orders, or load it from a file.
///
/// Works beside a running gateway, which knows of what was loaded at once. A record that has a newer version is left as it is,
/// and so is one that the site tells of by messages.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Load records from a file
    ///
    /// CSV with a header line, or JSON: an array of objects, or one after the other. Columns: sscc, grai, gtin, serial, lot,
    /// order, line, expiry, received, status, quantity, open, uom, lots, location, reason, version, delete. With sscc or grai:
    /// what is on that pallet or carrier. With gtin, serial and lot: which lot the serial number belongs to. With gtin and lot:
    /// the lot itself. With order: the order, and with gtin a line of it.
    ///
    /// Exit code: 0 loaded, 1 the file or the table has a problem and nothing was loaded, 78 problems in the configuration.
    Load {
        /// The file; .csv, .json or .jsonl.
        file: PathBuf,
        /// The file holds all there is, and is of this time: until then the site's data is known to be current.
        #[arg(long, value_name = "TIME", value_parser = super::time)]
        as_of: Option<Timestamp>,
        #[command(flatten)]
        place: Place,
        /// Write JSON: how many were stored, were outdated, were forgotten.
        #[arg(long)]
        json: bool,
    },
    /// List records
    ///
    /// Exit code: 0 done, 1 the table cannot be read, 78 problems in the configuration.
    List {
        /// Only of things whose name contains this: a GTIN, a lot, an SSCC, an order.
        text: Option<String>,
        /// Only orders.
        #[arg(long)]
        orders: bool,
        /// As many as this.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known about one thing
    ///
    /// Of a GTIN: its lots that may be used, the soonest to expire first.
    ///
    /// Exit code: 0 done, 1 nothing is known about it, or the table cannot be read, 78 problems in the configuration.
    Show {
        /// GTIN and lot or serial number as 01/GTIN/10/LOT or 01/GTIN/21/SERIAL, a GTIN, an SSCC, an order, or its whole URI.
        thing: String,
        #[command(flatten)]
        place: Place,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (Command::Load { place, .. } | Command::List { place, .. } | Command::Show { place, .. }) =
        &arguments.command;
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
    // Whoever only looks must not leave a table behind where none belongs.
    let look = || async {
        let file = directory.join(FILE_NAME).metadata();
        if file.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            let directory = directory.to_owned();
            return Err(BufferError::Denied { directory }.into());
        }
        if directory.is_dir() && !directory.join(FILE_NAME).exists() {
            bail!(
                "there is no table in {}; is this the [buffer] directory of the gateway, and has it run yet?",
                directory.display()
            );
        }
        open().await
    };
    match command {
        Command::Load {
            file, as_of, json, ..
        } => {
            let now = Timestamp::now();
            // Rises from load to load, so that a later file replaces an earlier one.
            let version = u64::try_from(now.as_second()).unwrap_or(1).max(1);
            let format = match file.extension().and_then(|it| it.to_str()) {
                Some("csv" | "tsv" | "txt") => Format::Csv,
                Some("json" | "jsonl" | "ndjson") => Format::Json,
                _ => bail!(
                    "{}: name it .csv, .json or .jsonl, after what it is",
                    file.display()
                ),
            };
            let text = read(file)?;
            let records = match parse(&text, format, version) {
                Ok(records) => records,
                Err(error) => bail!("{}:{error}; nothing was loaded", file.display()),
            };
            if as_of.is_some_and(|at| at > now) {
                bail!("--as-of is a time that is yet to come");
            }
            let mut table = open().await?;
            let stored = Time(now.as_microsecond());
            let mut figures = Figures::default();
            let mut progress = Progress::new(records.len() as u64, std::io::stderr().is_terminal());
            for (done, some) in (0..).zip(records.chunks(ROWS)) {
                progress.at(done * ROWS as u64);
                let more = table.store(some, Origin::File, stored).await?;
                figures.stored += more.stored;
                figures.outdated += more.outdated;
                figures.evicted += more.evicted;
            }
            drop(progress);
            if let Some(at) = as_of {
                table.current(Time(at.as_microsecond()), None).await?;
            }
            table.close().await?;
            if *json {
                let (stored, outdated) = (figures.stored, figures.outdated);
                let forgotten = figures.evicted;
                let answer = serde_json::json!({ "stored": stored, "outdated": outdated, "forgotten": forgotten });
                return Ok(format!("{answer:#}\n"));
            }
            let mut text = format!("{} stored\n", counted(figures.stored));
            if figures.outdated > 0 {
                let _ = writeln!(
                    text,
                    "{} left as they are: a newer version is known, or the site's messages tell of them",
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
            text,
            orders,
            limit,
            json,
            ..
        } => {
            let mut table = look().await?;
            let kind = orders.then_some("order");
            let text = text.as_deref().unwrap_or_default();
            let rows = table.list(text, kind, *limit).await?;
            let site = table.site().await?;
            table.close().await?;
            if *json {
                return Ok(serde_json::to_string_pretty(&rows)? + "\n");
            }
            Ok(show::list(&rows, &site, Timestamp::now()))
        }
        Command::Show { thing, json, .. } => {
            let mut table = look().await?;
            let shown = show::thing(&mut table, thing).await?;
            table.close().await?;
            let Some(shown) = shown else {
                bail!(
                    "nothing is known about {}; tracegate lots list shows what is",
                    crate::health::tame(thing)
                );
            };
            if *json {
                return Ok(serde_json::to_string_pretty(&shown)? + "\n");
            }
            Ok(shown.text(Timestamp::now()))
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
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => bail!(
            "{} is not UTF-8 text; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
            file.display()
        ),
        read => read.with_context(context),
    }
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 record".to_owned(),
        many => format!("{many} records"),
    }
}
