//! `tracegate discover`: what is plugged in, and which readers answer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::gateway::{Gateway, Trouble};
use crate::control::client::ControlError;
use crate::discover::{
    self, Announced, Asked, Found, Held, Reader, Target, networks, patience, plugged_in, targets,
    visit,
};

/// Show the scanners that are plugged in, and readers in the network, as lines for the configuration
///
/// Serial ports, scanners in mode HID POS, and keyboards that may be scanners: nothing is opened, nobody disturbed. To see
/// what the service may open: sudo -u tracegate tracegate discover.
///
/// With --hosts every address is asked for a reader. A reader serves one client at a time: while it is looked at, for less
/// than a second as a rule, it refuses others. Those that the running gateway has are left alone.
///
/// With --mdns the networks that this machine is in are asked which readers announce themselves (mDNS, `_llrp._tcp`), for
/// three seconds. No reader is connected to; --hosts ADDRESS then tells its model and antennas.
///
/// Exit code: 0 done, 1 cannot run, 2 wrong arguments, 78 problems in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look for readers here: 10.0.4.21, 10.0.4.20-60, 10.0.4.0/24 or a name, with :PORT where it is not 5084; several with
    /// commas between. At most 1,024 addresses.
    #[arg(long, value_name = "ADDRESSES")]
    hosts: Vec<String>,
    /// Ask which readers announce themselves in the networks of this machine.
    #[arg(long)]
    mdns: bool,
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
            remark!("error: --hosts: {error}");
            return Ok(ExitCode::from(2));
        }
    };
    let (readers, announced) = match arguments.hosts.is_empty() && !arguments.mdns {
        true => (None, None),
        false => match super::run::runtime()?.block_on(look(arguments, targets))? {
            Ok(found) => found,
            Err(trouble) => return Ok(trouble.exit()),
        },
    };
    let local = plugged_in(Path::new("/sys"), Path::new("/dev"));
    let found = Found {
        local,
        readers,
        announced,
    };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&found).context("write JSON")? + "\n",
        false => found.to_string(),
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

type Readers = (Option<Vec<Reader>>, Option<Announced>);

async fn look(
    arguments: &Arguments,
    targets: Vec<Target>,
) -> anyhow::Result<Result<Readers, Trouble>> {
    let held = match held(arguments).await {
        Ok(held) => held,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut announced = None;
    if arguments.mdns {
        let networks = networks().context("find the networks of this machine")?;
        remark!(
            "Asking on {} which readers announce themselves; this takes {} s.",
            words(&networks),
            patience().as_secs()
        );
        announced = Some(discover::announced(networks, &held).await);
    }
    if targets.is_empty() {
        return Ok(Ok((None, announced)));
    }
    remark!(
        "Asking {} address{} for readers. Each serves one client at a time: one that is free refuses others for a moment.",
        targets.len(),
        if targets.len() == 1 { "" } else { "es" }
    );
    let readers = visit(targets, held).await;
    if let Some(announced) = &mut announced {
        // What was visited is told once.
        let visited = |it: &Reader| {
            readers
                .iter()
                .any(|of| (&of.host, of.port) == (&it.host, it.port))
        };
        announced.readers.retain(|it| !visited(it));
    }
    Ok(Ok((Some(readers), announced)))
}

/// `eth0 (10.0.4.2), eth1 (192.168.1.2)`
fn words(networks: &[Asked]) -> String {
    let words = networks
        .iter()
        .map(|it| format!("{} ({})", it.interface, it.address));
    match networks.is_empty() {
        true => "no network".to_owned(),
        false => words.collect::<Vec<_>>().join(", "),
    }
}

/// Which readers the gateway has.
async fn held(arguments: &Arguments) -> Result<Held, Trouble> {
    // On a machine that is being set up there is no configuration yet, and no gateway that could have a reader.
    if !arguments.gateway.config.exists() {
        return Ok(Held::default());
    }
    let config = super::gateway::load(&arguments.gateway.config)?;
    let is_running = match arguments.gateway.connect().await {
        Ok(_) => true,
        Err(Trouble::Control(ControlError::NotRunning(_))) => false,
        Err(trouble) => return Err(trouble),
    };
    Ok(Held::of(&config, is_running).await)
}
