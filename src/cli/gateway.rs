//! What the commands that ask the running gateway have in common.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::{self, Format};
use crate::control::client::{Client, ControlError};
use crate::control::{client_paths, usual_path};

/// Where the gateway is.
#[derive(Debug, clap::Args)]
pub(super) struct Gateway {
    /// Configuration file of the gateway; it tells where the control socket is.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    pub(super) config: PathBuf,
    /// The gateway's control socket, without a look at the configuration.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The configuration has problems, which were reported.
    Config,
    /// The gateway cannot be asked, or refuses.
    Control(ControlError),
}

impl From<ControlError> for Trouble {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl Trouble {
    /// Says it, and gives the exit code.
    pub(super) fn exit(self) -> ExitCode {
        match self {
            Self::Config => ExitCode::from(super::EXIT_CONFIG),
            Self::Control(error) => {
                remark!("error: {}", crate::error_chain(&error));
                match error.is_absence() {
                    true => ExitCode::from(super::EXIT_UNAVAILABLE),
                    false => ExitCode::FAILURE,
                }
            }
        }
    }
}

impl Gateway {
    /// Connects to it.
    pub(super) async fn connect(&self) -> Result<Client, Trouble> {
        let paths = match &self.socket {
            Some(socket) => vec![socket.clone()],
            // Not installed here: then it is no mistake of whoever asks.
            None if self.config == Path::new(super::DEFAULT_CONFIG) && !self.config.exists() => {
                vec![usual_path()]
            }
            None => match config::load(&self.config, super::environment()) {
                Ok(loaded) => client_paths(&loaded.config, &self.config),
                // It may run by the last good copy, or by what was in force before: then it tells of the bad file itself.
                Err(report) => {
                    let guess = config::guess(&self.config, super::environment());
                    let paths = client_paths(&guess, &self.config);
                    return Client::connect(&paths).await.map_err(|_| {
                        crate::cli::remark::text(&report.render(Format::Human));
                        Trouble::Config
                    });
                }
            },
        };
        Ok(Client::connect(&paths).await?)
    }

    /// Connects to it even if the file has errors: the gateway is to say so.
    pub(super) async fn connect_anyhow(&self) -> Result<Client, Trouble> {
        let paths = match &self.socket {
            Some(socket) => vec![socket.clone()],
            None => {
                let guess = config::guess(&self.config, super::environment());
                client_paths(&guess, &self.config)
            }
        };
        Ok(Client::connect(&paths).await?)
    }
}

/// Loads a configuration; its problems are reported.
pub(super) fn load(path: &std::path::Path) -> Result<config::Config, Trouble> {
    match config::load(path, super::environment()) {
        Ok(loaded) => Ok(loaded.config),
        Err(report) => {
            crate::cli::remark::text(&report.render(Format::Human));
            Err(Trouble::Config)
        }
    }
}

/// The pipeline's configuration in a file of the gateway's.
pub(super) fn pipeline(
    path: &std::path::Path,
) -> Result<tracegate_pipeline::PipelineConfig, Trouble> {
    let config = load(path)?;
    let devices = crate::topology::devices(&config).map_err(|error| {
        remark!("error: {error}");
        Trouble::Config
    })?;
    Ok(crate::topology::pipeline(&config, &devices))
}
