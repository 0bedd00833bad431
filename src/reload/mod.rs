//! A changed configuration for the running gateway, and the last good one for a start with a bad file.
//!
//! **Invariants**: a file with errors changes nothing, neither at a reload nor, where there is a last good copy, at a start;
//! nobody reads the file unasked, so that a file saved by half is never used.

mod changes;
mod last_good;
mod outcome;
#[cfg(test)]
mod tests;
pub mod waits;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

pub use changes::{Changed, Changes, keep_waiting};
pub use last_good::FILE_NAME;
pub use outcome::{Outcome, Verdict};

use crate::config::{self, Config, Format, Loaded, Report};
use crate::control::STATE_FOLDER;
use crate::health::{ConfigState, Rejected};
use crate::logs;

/// Where to ask for a reload, and where the answer goes.
pub type Reloads = mpsc::Sender<oneshot::Sender<Outcome>>;

/// Where a configuration is read from.
#[derive(Debug, Clone)]
pub struct Origin {
    file: PathBuf,
    environment: Vec<(String, String)>,
}

/// A configuration without errors, and the text it was read from.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The configuration.
    pub loaded: Loaded,
    text: Vec<u8>,
}

/// What a gateway starts with.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where a reload reads it from.
    pub origin: Origin,
    /// What is in force.
    pub accepted: Accepted,
    /// Why that is the last good copy and not the file.
    pub rejected: Option<Rejected>,
}

impl Accepted {
    /// SHA-256 of the text.
    #[must_use]
    pub fn sha(&self) -> String {
        crate::audit::digest(&String::from_utf8_lossy(&self.text))
    }
}

impl Origin {
    /// A file, and the variables above it.
    #[must_use]
    pub fn new(file: &Path, environment: impl Iterator<Item = (String, String)>) -> Self {
        Self {
            file: file.to_owned(),
            environment: environment.collect(),
        }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(&self) -> Result<Accepted, Report> {
        self.check(config::read_bytes(&self.file)?)
    }

    fn check(&self, text: Vec<u8>) -> Result<Accepted, Report> {
        let environment = self.environment.iter().cloned();
        let loaded = config::from_bytes(&self.file, &text, environment)?;
        Ok(Accepted { loaded, text })
    }

    /// The file, or the last good copy of it.
    ///
    /// # Errors
    /// Everything that is wrong with the file, when there is no good copy.
    pub fn start(self) -> Result<Start, Report> {
        let report = match self.read() {
            Ok(accepted) => return Ok(Start::with(self, accepted, None)),
            Err(report) => report,
        };
        let hint = config::guess(&self.file, self.environment.iter().cloned());
        let copies = self.folders(&hint).into_iter();
        let mut copies = copies.filter_map(|folder| last_good::read(&folder, &self.file));
        let Some(accepted) = copies.find_map(|copy| self.check(copy).ok()) else {
            return Err(report);
        };
        let rejected = rejected(&report);
        Ok(Start::with(self, accepted, Some(rejected)))
    }

    /// Where a last good copy may be, the place where it is written first: systemd's state folder does not depend on a
    /// file that may be damaged.
    fn folders(&self, config: &Config) -> Vec<PathBuf> {
        let variable = |(name, _): &&(String, String)| name == "STATE_DIRECTORY";
        let state = self.environment.iter().find(variable);
        // Several folders are separated by colons (systemd.exec, STATE_DIRECTORY).
        let state = state.and_then(|(_, folders)| folders.split(':').next());
        let state = state.filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let buffer = config.buffer.directory.path().to_owned();
        let mut folders: Vec<PathBuf> = state.into_iter().collect();
        folders.extend([buffer, PathBuf::from(STATE_FOLDER)]);
        folders
    }

    /// Keeps what was accepted for a start with a bad file. `running` tells where.
    pub fn keep(&self, accepted: &Accepted, running: &Config) {
        let Some(folder) = self.folders(running).into_iter().next() else {
            return;
        };
        if let Err(error) = last_good::write(&folder, &self.file, &accepted.text) {
            let folder = folder.display();
            warn!(code = logs::LAST_GOOD_NOT_KEPT, %folder, %error, "No last good copy of the configuration: with a bad file the gateway would not start");
        }
    }
}

impl Start {
    fn with(origin: Origin, accepted: Accepted, rejected: Option<Rejected>) -> Self {
        Self {
            origin,
            accepted,
            rejected,
        }
    }

    /// With a text instead of a file, and without variables; a reload finds no file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of_text(name: &str, text: &str) -> Result<Self, Report> {
        let origin = Origin::new(Path::new(name), std::iter::empty());
        let accepted = origin.check(text.as_bytes().to_vec())?;
        Ok(Self::with(origin, accepted, None))
    }

    /// What is told of it.
    #[must_use]
    pub fn state(&self) -> ConfigState {
        ConfigState {
            file: self.origin.file.clone(),
            loaded_at: Timestamp::now(),
            sha: self.accepted.sha(),
            last_good: self.rejected.is_some(),
            rejected: self.rejected.clone(),
            waits: Vec::new(),
        }
    }
}

/// What is told of a file that was not taken into use.
#[must_use]
pub fn rejected(report: &Report) -> Rejected {
    Rejected {
        at: Timestamp::now(),
        rendered: report.render(Format::Human),
    }
}
