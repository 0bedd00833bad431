//! `tracegate reload`: the running gateway takes the changed configuration into use.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::gateway::{Gateway, Trouble};
use crate::control::Request;
use crate::reload::{Outcome, Verdict};

/// Devices that are made anew may take their time to let go, and the buffer to take what they said.
const PATIENCE: Duration = Duration::from_secs(60);

/// Take the changed configuration into use
///
/// The running gateway reads and checks its file, and says what changed. A file with errors changes nothing. Devices that
/// did not change keep their connection, nothing that was read is lost, and what waits for a restart is named. Exit code: 0
/// it is in force, 1 not at this moment (it says why), 69 no gateway answers, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// Write the answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let asked = super::run::runtime()?.block_on(async {
        let mut client = arguments.gateway.connect_anyhow().await?;
        let answer = client.ask_for(&Request::new("reload"), PATIENCE).await?;
        Ok::<_, Trouble>(answer)
    });
    let answer = match asked {
        Ok(answer) => answer,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let outcome: Outcome = serde_json::from_value(answer).context("understand the gateway")?;
    let is_done = matches!(outcome.verdict, Verdict::Applied | Verdict::Unchanged);
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&outcome).context("write JSON")? + "\n",
        false => outcome.to_string(),
    };
    if !arguments.json && outcome.verdict != Verdict::Busy {
        crate::cli::remark::text(&outcome.report);
    }
    match is_done || arguments.json {
        true => std::io::stdout()
            .write_all(text.as_bytes())
            .context("write to standard output")?,
        false => crate::cli::remark::text(&text),
    }
    Ok(match outcome.verdict {
        Verdict::Applied | Verdict::Unchanged => ExitCode::SUCCESS,
        Verdict::Rejected => ExitCode::from(super::EXIT_CONFIG),
        Verdict::Busy => ExitCode::FAILURE,
    })
}
