//! `tracegate tail`: what happens, as it happens.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::gateway::{Gateway, Trouble};
use crate::control::Request;
use crate::control::client::Client;
use crate::tail::{Line, Wish, render};

/// Show what the running gateway reads and decides, as it happens
///
/// Reads (those of a tag on an antenna within a second are one line), scans with their verdicts, movements booked, and loads
/// not booked with the reason, until Ctrl-C. With --why, each read says whether it counts, and if not, which rule of the
/// gateway says so. It never holds the gateway up: where this command is too slow, lines are missing, and it says so.
/// Badges of people are not shown.
///
/// Exit code: 0 after Ctrl-C or --for, 1 the gateway refuses (a name it does not know), 69 no gateway answers or it stopped
/// meanwhile, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only what this device reads, and what comes of it.
    #[arg(long, value_name = "NAME", visible_alias = "reader")]
    device: Option<String>,
    /// Only this read point.
    #[arg(long, value_name = "NAME")]
    read_point: Option<String>,
    /// Only this tag: in hexadecimal, or as `tracegate why` takes it.
    #[arg(long, value_name = "TAG")]
    epc: Option<String>,
    /// Tell of each read whether it counts, and if not, why.
    #[arg(long)]
    why: bool,
    /// Show each read by itself.
    #[arg(long)]
    raw: bool,
    /// End after this time, such as 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = super::capture::from_text::<Duration>)]
    duration: Option<Duration>,
    #[command(flatten)]
    gateway: Gateway,
    /// Write lines of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = super::run::runtime()?;
    let outcome = runtime.block_on(follow(arguments));
    runtime.shutdown_background();
    match outcome? {
        Ok(code) => Ok(code),
        Err(trouble) => Ok(trouble.exit()),
    }
}

async fn follow(arguments: &Arguments) -> anyhow::Result<Result<ExitCode, Trouble>> {
    let request = Request {
        tail: Some(Wish {
            device: arguments.device.clone(),
            read_point: arguments.read_point.clone(),
            epc: arguments.epc.clone(),
            why: arguments.why,
            raw: arguments.raw,
        }),
        ..Request::new("tail")
    };
    let begun = async {
        let mut client = arguments.gateway.connect().await?;
        let answer = client.ask(&request).await?;
        Ok::<_, Trouble>((client, answer))
    };
    let (mut client, answer) = match begun.await {
        Ok(begun) => begun,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let zone = answer.get("time_zone").and_then(Value::as_str);
    let zone = zone.unwrap_or("UTC").to_owned();
    let stop = CancellationToken::new();
    super::run::stop_on_signals(stop.clone())?;
    show(arguments, &mut client, &zone, &stop).await
}

async fn show(
    arguments: &Arguments,
    client: &mut Client,
    zone: &str,
    stop: &CancellationToken,
) -> anyhow::Result<Result<ExitCode, Trouble>> {
    let deadline = arguments.duration.map(|time| Instant::now() + time);
    loop {
        let end = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let line = tokio::select! {
            line = client.line() => match line {
                Ok(line) => line,
                Err(error) => return Ok(Err(error.into())),
            },
            () = end => return Ok(Ok(ExitCode::SUCCESS)),
            () = stop.cancelled() => return Ok(Ok(ExitCode::SUCCESS)),
        };
        let Some(line) = line.filter(|line| line.ends_with('\n')) else {
            remark!("the gateway stopped, or sent this command away");
            return Ok(Ok(ExitCode::from(super::EXIT_UNAVAILABLE)));
        };
        let text = match (arguments.json, serde_json::from_str::<Line>(&line)) {
            (false, Ok(line)) => render(&line, zone),
            // A gateway that is newer may say more.
            _ => line,
        };
        std::io::stdout()
            .write_all(text.as_bytes())
            .context("write to standard output")?;
    }
}
