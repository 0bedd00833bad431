//! `[log]`: how the gateway tells what it does.

use serde::Deserialize;

use crate::logs::Format;

/// `[log]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Log {
    /// How lines are written; what fits to where standard error leads, without it.
    pub format: Option<Format>,
    /// Lines of this level and above are written.
    pub level: LogLevel,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something is lost, or somebody must act.
    Error,
    /// Handled, and worth a look.
    Warn,
    /// Movements, and what the gateway does as a whole.
    #[default]
    Info,
    /// Decisions.
    Debug,
    /// Every read.
    Trace,
}

impl LogLevel {
    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
