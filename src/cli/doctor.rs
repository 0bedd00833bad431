//! `tracegate doctor`: the first broken link between the gateway and each thing that it needs.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;

use super::gateway::{Gateway, Trouble};
use crate::control::Request;
use crate::control::client::ControlError;
use crate::doctor::examine;

/// Find the first broken link to each device, the broker, the disk and the clock, and say how to mend it
///
/// Asks the running gateway. Only when none runs, devices and broker are tried from here, for a moment each: a reader has
/// room for one client. Nothing is changed at a device, and nothing is published. What this user may not open fails here;
/// to see what the service may: sudo -u tracegate tracegate doctor.
///
/// Exit code: 0 nothing is broken, 1 something is, 69 the gateway runs and cannot be asked, 78 problems in the
/// configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this device; or broker, disk, clock, gateway.
    name: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = match super::gateway::load(&arguments.gateway.config) {
        Ok(config) => config,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let name = arguments.name.as_deref();
    let examined = super::run::runtime()?.block_on(async {
        let status = match arguments.gateway.connect().await {
            Ok(mut client) => match client.ask(&Request::new("status")).await {
                Ok(status) => Some(status),
                Err(error) => return Err(Trouble::from(error)),
            },
            Err(Trouble::Control(ControlError::NotRunning(_))) => None,
            Err(trouble) => return Err(trouble),
        };
        Ok(examine(&config, name, status.as_ref()).await)
    });
    let findings = match examined {
        Ok(findings) => findings?,
        Err(trouble) => return Ok(trouble.exit()),
    };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&findings).context("write JSON")? + "\n",
        false => findings.to_string(),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")?;
    Ok(match findings.is_well() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
