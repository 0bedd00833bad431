//! `tracegate-store`: takes Tracegate's events from an MQTT broker into PostgreSQL, and answers recalls from there.
//!
//! A sample of how a site may consume the events, and the far end of Tracegate's own tests. [`message`] and [`event`] say
//! what a message brings, `write` stores it, `subscribe` acknowledges it, `acknowledge` tells the gateway,
//! `answers` asks the tables.

mod acknowledge;
mod answers;
mod database;
mod event;
mod message;
mod subscribe;
mod thing;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Takes Tracegate's events from an MQTT broker into PostgreSQL, and answers recalls.
#[derive(Debug, Parser)]
#[command(name = "tracegate-store", version, disable_help_subcommand = true)]
struct Arguments {
    /// The database: postgres://user:password@host/database
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        global = true,
        value_name = "URL"
    )]
    database: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Subscribe and store until stopped; several may run side by side
    Run(Run),
    /// Make or update the tables, and end
    Init,
    /// What a lot went into, and where that is: orders, serial numbers, pallets, doors
    Recall {
        /// GTIN of the lot
        #[arg(long)]
        gtin: String,
        /// The lot's number
        #[arg(long)]
        lot: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// What went into a serial number, and who confirmed it
    Trace {
        /// The serial number or SSCC, or the thing's whole name (`https://id.gs1.org/01/…/21/…`)
        serial: String,
        /// GTIN, if the serial number alone is not enough
        #[arg(long)]
        gtin: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Everything that has not left the site
    OnSite {
        /// Only of this GTIN
        #[arg(long)]
        gtin: Option<String>,
        /// Only at this business location or read point, by its URI
        #[arg(long)]
        place: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Sequence numbers that did not come
    Gaps {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// What was kept aside, and why
    Rejected {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The broker: mqtt://host:1883 or mqtts://host:8883
    #[arg(long, value_name = "URL")]
    broker: String,
    /// Client id: each instance its own, and always the same [default: tracegate-store- and the host's name]
    #[arg(long)]
    client_id: Option<String>,
    /// Name of the shared subscription: instances with the same share the work
    #[arg(long, default_value = "store")]
    group: String,
    /// What the topics begin with
    #[arg(long, default_value = "tracegate")]
    root: String,
    /// User name at the broker
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File with the password and nothing else
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// Certificates to trust instead of the system's, PEM
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// How long the broker keeps what comes while this instance is away
    #[arg(long, default_value_t = 7, value_name = "DAYS")]
    keep_session: u64,
    /// Another business step that puts things into an order, beside picking
    #[arg(long, value_name = "URI")]
    issue_step: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = runtime
        .context("cannot start")
        .and_then(|runtime| runtime.block_on(command(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tracegate-store: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn command(arguments: Arguments) -> anyhow::Result<()> {
    let url = arguments
        .database
        .context("which database? Give --database or DATABASE_URL")?;
    let pool = database::pool(&url)?;
    let (answer, json) = match arguments.command {
        Command::Run(run) => return subscribe(run, pool).await,
        Command::Init => return database::migrate(&pool).await,
        Command::Recall { gtin, lot, json } => (answers::recall(&pool, &gtin, &lot).await, json),
        Command::Trace { serial, gtin, json } => {
            (answers::trace(&pool, &serial, gtin.as_deref()).await, json)
        }
        Command::OnSite { gtin, place, json } => {
            let class = gtin.map(|gtin| format!("https://id.gs1.org/01/{gtin:0>14}"));
            let narrow = [class.as_deref(), place.as_deref()];
            let sql = include_str!("../sql/on_site.sql");
            (answers::plain(&pool, "on_site", sql, narrow).await, json)
        }
        Command::Gaps { json } => {
            let sql = include_str!("../sql/gaps.sql");
            (answers::plain(&pool, "gaps", sql, [None; 2]).await, json)
        }
        Command::Rejected { json } => {
            let sql = include_str!("../sql/rejected.sql");
            (
                answers::plain(&pool, "rejected", sql, [None; 2]).await,
                json,
            )
        }
    };
    let answer = answer?;
    let text = match json {
        true => answers::json(&answer),
        false => answers::tables(&answer),
    };
    match std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes()) {
        // Whoever reads has seen enough, `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write the answer"),
    }
}

async fn subscribe(run: Run, pool: sqlx::PgPool) -> anyhow::Result<()> {
    let (scheme, address) = run
        .broker
        .split_once("://")
        .context("--broker is not like mqtt://host:1883")?;
    let (is_tls, port) = match scheme {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        other => bail!("--broker: {other}:// is neither mqtt:// nor mqtts://"),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, digits)) if !digits.contains(']') => {
            let port = digits.parse().context("--broker: the port is no number")?;
            (host, port)
        }
        _ => (address, port),
    };
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let credentials = match (run.user, run.password_file) {
        (Some(user), Some(file)) => {
            let password = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Some((user, password.trim_end_matches(['\r', '\n']).to_owned()))
        }
        _ => None,
    };
    let client_id = match run.client_id {
        Some(client_id) => client_id,
        None => {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
            let name = name.context("give --client-id: the host's name is not known")?;
            format!("tracegate-store-{}", name.trim())
        }
    };
    let settings = subscribe::Settings {
        host,
        port,
        tls: match is_tls {
            true => Some(subscribe::tls(run.ca_file.as_deref())?),
            false => None,
        },
        client_id,
        credentials,
        root: run.root,
        group: run.group,
        session: Duration::from_secs(run.keep_session.saturating_mul(DAY)),
        issue_steps: run.issue_step,
    };
    database::migrate(&pool).await?;
    let (stop_in, stop) = watch::channel(false);
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        info!("Stopping");
        let _ = stop_in.send(true);
    });
    subscribe::run(settings, pool, stop).await
}
