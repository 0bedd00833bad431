//! Where the buffer is that a command is about.

use std::path::PathBuf;

use super::gateway::{Trouble, load};
use crate::config::Config;

/// The buffer's folder.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Configuration file; its [buffer] directory is meant.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// The buffer's folder, without a look at the configuration.
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    directory: Option<PathBuf>,
}

impl Place {
    /// The folder, and the configuration that names it, if one was looked at; its problems are reported.
    pub(super) fn look(&self) -> Result<(PathBuf, Option<Config>), Trouble> {
        if let Some(directory) = &self.directory {
            return Ok((directory.clone(), None));
        }
        let config = load(&self.config)?;
        Ok((config.buffer.directory.path().to_owned(), Some(config)))
    }
}
