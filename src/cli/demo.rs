//! `tracegate demo`: the whole way on one machine, with simulated devices and an embedded broker.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;
use tracegate_sim::demo::{Demo, DemoConfig};
use tracegate_sim::scenario::Scenario;

use crate::config::Format;
use crate::reload::Start;
use crate::{demo, service};

/// Devices and store must have found each other by then.
const READY: Duration = Duration::from_secs(20);
/// The last load is decided, stored and delivered by then.
const COMPLETE: Duration = Duration::from_secs(15);

/// See it work: simulated dock and scanner, the real gateway, an embedded broker, and the score.
///
/// Prints each movement as it reaches the traceability store, and at the end a table: what really happened, what was
/// delivered, lost and doubled. Exit code: 0 when nothing was lost, doubled or wrong, else 1.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after this many seconds; else with Ctrl-C, or when the scenario is over.
    #[arg(long)]
    seconds: Option<u64>,
    /// A scenario of your own (TOML) instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The store acknowledges events itself; the gateway keeps them until it has.
    #[arg(long)]
    store_acknowledges: bool,
    /// Print the configuration that the gateway runs with, first.
    #[arg(long)]
    show_config: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let _log = crate::logs::start(None, "warn");
    super::run::runtime()?.block_on(play(arguments))
}

async fn play(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scenario = match &arguments.scenario {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("read {}", path.display()))?;
            Scenario::parse(&text).with_context(|| format!("use {}", path.display()))?
        }
        None => Scenario::named("demo").context("the built-in scenario is missing")?,
    };
    let limit = arguments.seconds.map(Duration::from_secs);
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let interrupted = CancellationToken::new();
    super::run::stop_on_signals(interrupted.clone())?;
    let mut plant = Demo::start_with(
        scenario,
        DemoConfig {
            limit,
            ack_topic: arguments
                .store_acknowledges
                .then(|| demo::ACK_TOPIC.to_owned()),
            ..DemoConfig::default()
        },
    )
    .await?;

    let text = demo::config_text(&plant, plant.broker_addr(), &folder.path().join("buffer"));
    if arguments.show_config {
        println!("{text}");
    }
    let start = match Start::of_text("demo.toml", &text) {
        Ok(start) => start,
        Err(report) => bail!(
            "the demo's own configuration is wrong:\n{}",
            report.render(Format::Human)
        ),
    };
    let stop = CancellationToken::new();
    let gateway = tokio::spawn({
        let stop = stop.clone();
        async move { service::run(start, None, stop).await }
    });
    plant.ready(READY).await?;
    println!("The gateway is reading. Movements as the traceability store receives them:");
    println!(
        "{:10}  {:<8}  {:<3}  {:<10}  what",
        "time", "where", "way", "step"
    );

    plant.play();
    watch(&mut plant, &interrupted).await;
    let complete = plant.complete(COMPLETE);
    let missed = complete.await.is_err();
    print_waiting(&mut plant).await;
    stop.cancel();
    gateway.await.context("the gateway failed")??;

    let ledger = plant.ledger();
    println!("\n{}", ledger.table());
    if missed {
        println!("\n{}", ledger.report());
    }
    let clean = ledger.score().is_clean();
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints movements until everything has happened.
async fn watch(plant: &mut Demo, interrupted: &CancellationToken) {
    let mut stopped = false;
    loop {
        let over = plant.is_played();
        tokio::select! {
            line = plant.line() => match line {
                Some(line) => println!("{line}"),
                None => return,
            },
            () = interrupted.cancelled(), if !stopped => {
                stopped = true;
                println!("Stopping: what is in the door goes through, then the table.");
                plant.stop();
            }
            () = tokio::time::sleep(Duration::from_millis(200)) => if over { return },
        }
    }
}

/// Prints what came in while nobody looked.
async fn print_waiting(plant: &mut Demo) {
    while let Ok(Some(line)) = tokio::time::timeout(Duration::from_millis(50), plant.line()).await {
        println!("{line}");
    }
}
