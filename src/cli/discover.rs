//! `tracegate discover`: what is plugged in, and which readers answer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::gateway::{Gateway, Trouble};
use crate::control::client::ControlError;
use crate::discover::{Found, Held, Target, plugged_in, targets, visit};

/// Show the scanners that are plugged in, and readers in the network, as lines for the configuration
///
/// Serial ports, scanners in mode HID POS, and keyboards that may be scanners: nothing is opened, nobody disturbed. To see
/// what the service may open: sudo -u tracegate tracegate discover.
///
/// With --hosts every address is asked for a reader. A reader serves one client at a time: while it is looked at, for less
/// than a second as a rule, it refuses others. Those that the running gateway has are left alone.
///
/// Exit code: 0 done, 1 cannot run, 2 wrong arguments, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look for readers here: 10.0.4.21, 10.0.4.20-60, 10.0.4.0/24 or a name, with :PORT where it is not 5084; several with
    /// commas between. At most 1,024 addresses.
    #[arg(long, value_name = "ADDRESSES")]
    hosts: Vec<String>,
    #[command(flatten)]
    gateway: Gateway,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let targets = match targets(&arguments.hosts) {
        Ok(targets) => targets,
        Err(error) => {
            eprintln!("error: --hosts: {error}");
            return Ok(ExitCode::from(2));
        }
    };
    let readers = match arguments.hosts.is_empty() {
        true => None,
        false => match super::run::runtime()?.block_on(look(arguments, targets)) {
            Ok(readers) => Some(readers),
            Err(trouble) => return Ok(trouble.exit()),
        },
    };
    let local = plugged_in(Path::new("/sys"), Path::new("/dev"));
    let found = Found { local, readers };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&found).context("write JSON")? + "\n",
        false => found.to_string(),
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn look(
    arguments: &Arguments,
    targets: Vec<Target>,
) -> Result<Vec<crate::discover::Reader>, Trouble> {
    // On a machine that is being set up there is no configuration yet, and no gateway that could have a reader.
    let held = match arguments.gateway.config.exists() {
        false => Held::default(),
        true => {
            let config = super::gateway::load(&arguments.gateway.config)?;
            let is_running = match arguments.gateway.connect().await {
                Ok(_) => true,
                Err(Trouble::Control(ControlError::NotRunning(_))) => false,
                Err(trouble) => return Err(trouble),
            };
            Held::of(&config, is_running).await
        }
    };
    eprintln!(
        "Asking {} address{} for readers. Each serves one client at a time: one that is free refuses others for a moment.",
        targets.len(),
        if targets.len() == 1 { "" } else { "es" }
    );
    Ok(visit(targets, held).await)
}
