//! The control socket: how commands on the same machine ask the running gateway.
//!
//! A Unix stream socket, mode 0660, for the gateway's user and group. A request is a line of JSON, `{"v": 1, "ask":
//! "status"}`; its answer is a line, `{"v": 1, "answer": …}` or `{"v": 1, "error": "…"}`. After the answer to `capture`
//! come the lines of the capture, and after that to `tail` what happens, until one side hangs up; any other connection takes
//! further requests.
//!
//! Invariants: nobody at the socket holds anything up. Clients, their requests and what waits for them are bounded; one
//! that reads too slowly is cut off and counted.

pub mod client;
pub mod server;
pub mod signpost;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::tail::Wish;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Name of the socket in its folder.
pub const SOCKET_NAME: &str = "control.sock";
/// Where systemd makes the runtime folder of the packaged unit.
const RUNTIME_FOLDER: &str = "/run/tracegate";
/// Where systemd makes its state folder.
pub const STATE_FOLDER: &str = "/var/lib/tracegate";

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of the protocol.
    pub v: u32,
    /// `status`, `why`, `tail`, `top`, `capture`, `bundle` or `reload`.
    pub ask: String,
    /// The tag that `why` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What `tail` is to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Wish>,
}

impl Request {
    /// A request in this version.
    #[must_use]
    pub fn new(ask: &str) -> Self {
        Self {
            v: PROTOCOL,
            ask: ask.to_owned(),
            tag: None,
            tail: None,
        }
    }
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Version of the protocol.
    pub v: u32,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where the gateway opens its socket: as configured, else in the runtime folder that systemd made, else beside the buffer.
#[must_use]
pub fn server_path(config: &Config, runtime: Option<&OsStr>) -> PathBuf {
    if let Some(socket) = &config.control.socket {
        return socket.path().to_owned();
    }
    let runtime = runtime.and_then(OsStr::to_str).and_then(first_folder);
    match runtime {
        Some(folder) => folder.join(SOCKET_NAME),
        None => config.buffer.directory.path().join(SOCKET_NAME),
    }
}

/// Where the packaged gateway opens it, without a look at the configuration.
#[must_use]
pub fn usual_path() -> PathBuf {
    Path::new(RUNTIME_FOLDER).join(SOCKET_NAME)
}

/// Where the gateway puts up signposts to its socket: in the folders that systemd made, and beside the buffer.
#[must_use]
pub fn signpost_folders(
    config: &Config,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<PathBuf> {
    let made = ["RUNTIME_DIRECTORY", "STATE_DIRECTORY"].into_iter();
    let made = made.filter_map(|name| first_folder(&variable(name)?));
    let buffer = config.buffer.directory.path().to_owned();
    made.chain([buffer]).collect()
}

/// Several folders are separated by colons (systemd.exec, RUNTIME_DIRECTORY).
fn first_folder(folders: &str) -> Option<PathBuf> {
    let first = folders.split(':').next()?;
    (!first.is_empty()).then(|| PathBuf::from(first))
}

/// Where to look for the gateway with this configuration file, in this order: where it says, then where signposts point,
/// because a gateway that runs may have been started with another path.
#[must_use]
pub fn client_paths(config: &Config, file: &Path) -> Vec<PathBuf> {
    let buffer = config.buffer.directory.path();
    let mut paths = match &config.control.socket {
        Some(socket) => vec![socket.path().to_owned()],
        None => vec![buffer.join(SOCKET_NAME), usual_path()],
    };
    for folder in [buffer, Path::new(RUNTIME_FOLDER), Path::new(STATE_FOLDER)] {
        let path = signpost::follow(folder, file);
        paths.extend(path.filter(|path| !paths.contains(path)));
    }
    paths
}
