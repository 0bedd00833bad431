//! Where the buffer is that a command is about.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::gateway::{Trouble, load};
use crate::buffer::FILE_NAME;
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

/// The buffer's file.
#[derive(Debug, clap::Args)]
pub(super) struct FilePlace {
    #[command(flatten)]
    place: Place,
    /// This file instead, such as a damaged one that the gateway has kept.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "directory"])]
    file: Option<PathBuf>,
}

impl FilePlace {
    /// The file; a file that is named must be there.
    pub(super) fn look(&self) -> anyhow::Result<Result<PathBuf, Trouble>> {
        let path = match &self.file {
            Some(file) => match std::fs::metadata(file) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    anyhow::bail!("there is no file {}", file.display())
                }
                _ => file.clone(),
            },
            None => match self.place.look() {
                Ok((directory, _)) => directory.join(FILE_NAME),
                Err(trouble) => return Ok(Err(trouble)),
            },
        };
        // What stands beside it is looked for in its folder.
        Ok(Ok(match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new(".").join(path),
            _ => path,
        }))
    }
}
