//! `tracegate run`: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Format;
use crate::health::Code;
use crate::logs;
use crate::reload::Origin;
use crate::service;

/// Run the gateway until SIGTERM or SIGINT.
///
/// Devices and brokers that cannot be reached are reported and tried again for ever. Log level: RUST_LOG=debug (or
/// trace, warn, …), else [log] level. SIGHUP does as tracegate reload. With problems in the configuration it starts with the
/// last good copy of it, where there is one. Exit code: 0 after a stop, 1 when the gateway cannot run, 74 when the buffer's disk fails at the start or
/// for too long, 78 with problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let origin = Origin::new(&arguments.config, super::environment());
    let start = match origin.start() {
        Ok(start) => start,
        Err(report) => {
            crate::cli::remark::text(&report.render(Format::Human));
            return Ok(ExitCode::from(super::EXIT_CONFIG));
        }
    };
    let settings = &start.accepted.loaded.config.log;
    let _log = logs::start(settings.format, settings.level.as_str());
    match &start.rejected {
        Some(rejected) => {
            crate::cli::remark::text(&rejected.rendered);
            error!(
                code = Code::ConfigLastGood.as_str(),
                file = %arguments.config.display(),
                "The configuration was rejected; starting with the last good copy of it"
            );
        }
        None => crate::cli::remark::text(&start.accepted.loaded.report().render(Format::Human)),
    }
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signals(stop.clone())?;
        let hangups = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        let outcome = service::run(start, Some(hangups), stop).await;
        anyhow::Ok(outcome)
    });
    // A name look-up under way cannot be called off; everything that matters has ended.
    runtime.shutdown_background();
    match outcome? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is_of_the_disk() => {
            remark!("error: {:#}", anyhow::Error::from(error));
            Ok(ExitCode::from(super::EXIT_DISK))
        }
        Err(error) => Err(error.into()),
    }
}

/// Two threads: one core of a small gateway must stay free for the kernel.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")
}

/// Whoever stops a process and then its group, as timeout(1) does, means it once: signals within this time are one.
const ONE_STOP: Duration = Duration::from_millis(500);

/// Cancels `stop` at the first SIGTERM or SIGINT. A second one ends the process at once: what was stored stays stored.
pub(super) fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::spawn(async move {
        let mut first: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = terminate.recv() => info!("SIGTERM"),
                _ = interrupt.recv() => info!("SIGINT"),
            }
            if first.is_some_and(|at| at.elapsed() < ONE_STOP) {
                continue;
            }
            if stop.is_cancelled() {
                warn!(
                    code = logs::STOP_HURRIED,
                    "Second signal: not waiting any longer"
                );
                std::process::exit(1);
            }
            first = Some(Instant::now());
            stop.cancel();
        }
    });
    Ok(())
}
