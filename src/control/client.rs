//! The commands' side of the control socket.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Answer, PROTOCOL, Request};

/// The gateway answers at once, unless it cannot store anything.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why the gateway cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody is there.
    #[error("no gateway is running: nothing answers at {}; start it (systemctl start tracegate), or name its configuration: --config FILE", shown(.0))]
    NotRunning(Vec<PathBuf>),
    /// Not for this user.
    #[error("may not use {}; become root (sudo), or a member of the group of the gateway's user", .0.display())]
    Denied(PathBuf),
    /// Something else is wrong with it.
    #[error("cannot ask the gateway at {}", path.display())]
    Link {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It takes too long.
    #[error("the gateway at {} does not answer; systemctl status tracegate tells how it is", .0.display())]
    Silent(PathBuf),
    /// It speaks another version.
    #[error("the gateway at {} is of another version than this command; restart it (systemctl restart tracegate)", .0.display())]
    Version(PathBuf),
    /// It does not do that.
    #[error("the gateway refuses: {0}")]
    Refused(String),
}

impl ControlError {
    /// Whether the gateway, or this user's way to it, is not there.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(" or ")
}

/// A connection to the running gateway.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the first of `paths` where somebody is.
    ///
    /// # Errors
    /// Nobody is at any of them, or this user may not.
    pub async fn connect(paths: &[PathBuf]) -> Result<Self, ControlError> {
        for path in paths {
            match UnixStream::connect(path).await {
                Ok(stream) => {
                    let (path, stream) = (path.clone(), BufReader::new(stream));
                    return Ok(Self { path, stream });
                }
                Err(error) => match error.kind() {
                    ErrorKind::NotFound
                    | ErrorKind::ConnectionRefused
                    | ErrorKind::NotADirectory => {}
                    ErrorKind::PermissionDenied => {
                        return Err(ControlError::Denied(path.clone()));
                    }
                    _ => return Err(link(path, error)),
                },
            }
        }
        Err(ControlError::NotRunning(paths.to_vec()))
    }

    /// Asks, and returns the answer.
    ///
    /// # Errors
    /// The gateway refuses, is silent, or is gone.
    pub async fn ask(&mut self, request: &Request) -> Result<Value, ControlError> {
        self.ask_for(request, PATIENCE).await
    }

    /// As [`ask`](Self::ask), for what may take the gateway so long.
    ///
    /// # Errors
    /// As there.
    pub async fn ask_for(
        &mut self,
        request: &Request,
        patience: Duration,
    ) -> Result<Value, ControlError> {
        let line = serde_json::to_string(request).unwrap_or_default() + "\n";
        let sent = self.stream.get_mut().write_all(line.as_bytes()).await;
        // One that hung up may have said why before.
        let answer = match timeout(patience, self.line()).await {
            Err(_) => return Err(ControlError::Silent(self.path.clone())),
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => {
                let gone = || std::io::Error::from(ErrorKind::ConnectionReset);
                return Err(link(&self.path, sent.err().unwrap_or_else(gone)));
            }
            Ok(Err(error)) => return Err(error),
        };
        match serde_json::from_str::<Answer>(&answer) {
            Ok(Answer {
                error: Some(error), ..
            }) => Err(ControlError::Refused(error)),
            Ok(Answer {
                v: PROTOCOL,
                answer,
                ..
            }) => Ok(answer.unwrap_or_default()),
            _ => Err(ControlError::Version(self.path.clone())),
        }
    }

    /// The next line with its end; `None` when the gateway hung up.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn line(&mut self) -> Result<Option<String>, ControlError> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(link(&self.path, error)),
        }
    }
}

fn link(path: &Path, source: std::io::Error) -> ControlError {
    let path = path.to_owned();
    ControlError::Link { path, source }
}
