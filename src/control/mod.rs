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
    // Several folders are separated by colons (systemd.exec, RUNTIME_DIRECTORY).
    let runtime = runtime
        .and_then(OsStr::to_str)
        .and_then(|folders| folders.split(':').next())
        .filter(|folder| !folder.is_empty());
    match runtime {
        Some(folder) => Path::new(folder).join(SOCKET_NAME),
        None => config.buffer.directory.path().join(SOCKET_NAME),
    }
}

/// Where the packaged gateway opens it, without a look at the configuration.
#[must_use]
pub fn usual_path() -> PathBuf {
    Path::new(RUNTIME_FOLDER).join(SOCKET_NAME)
}

/// Where to look for it, in this order.
#[must_use]
pub fn client_paths(config: &Config) -> Vec<PathBuf> {
    match &config.control.socket {
        Some(socket) => vec![socket.path().to_owned()],
        None => vec![
            config.buffer.directory.path().join(SOCKET_NAME),
            usual_path(),
        ],
    }
}
