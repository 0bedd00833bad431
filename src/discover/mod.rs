//! `tracegate discover`: what is plugged into this machine, and which readers answer at given addresses, as lines for the
//! configuration.
//!
//! Local devices are looked at without opening them. A reader serves one client at a time, so readers are visited only
//! where somebody asked for it, for a moment each, and never where the running gateway holds them.

mod announced;
mod local;
mod readers;
mod targets;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use serde::Serialize;

pub use announced::{Announced, Asked, announced, networks, patience};
pub use local::{Local, plugged_in};
pub use readers::{Held, Reader, State, visit};
pub use targets::{Target, TargetError, targets};

/// Everything that was found. Displays as lines for the configuration, the rest as comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What is plugged in.
    pub local: Vec<Local>,
    /// Readers, and what else answers where readers were looked for; `None`: nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readers: Option<Vec<Reader>>,
    /// Readers that announce themselves; `None`: nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
}

impl Found {
    /// What is plugged into this machine, or what `sys` and `dev` stand for.
    #[must_use]
    pub fn local(sys: &Path, dev: &Path) -> Self {
        Self {
            local: plugged_in(sys, dev),
            readers: None,
            announced: None,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# A line goes below [scanner.NAME]; the name is yours.\n")?;
        for kind in local::KINDS {
            writeln!(f, "\n# {}", kind.title())?;
            let mut of_kind = self.local.iter().filter(|it| it.kind == kind).peekable();
            if of_kind.peek().is_none() {
                f.write_str("# none\n")?;
            }
            for found in of_kind {
                writeln!(f, "{found}")?;
            }
        }
        let mut free = 0;
        let mut list = |f: &mut fmt::Formatter<'_>, readers: &[Reader]| {
            if readers.is_empty() {
                f.write_str("# none\n")?;
            }
            for reader in readers {
                if matches!(reader.state, State::Free | State::Announced) {
                    free += 1;
                }
                reader.write(f, free)?;
            }
            Ok(())
        };
        if let Some(readers) = &self.readers {
            f.write_str("\n# Readers\n")?;
            list(f, readers)?;
        }
        let Some(Announced { asked, readers }) = &self.announced else {
            return Ok(());
        };
        f.write_str("\n# Readers that announce themselves; they were not connected to\n")?;
        for Asked {
            interface,
            address,
            problem,
        } in asked
        {
            match problem {
                None => writeln!(f, "# asked on {interface} ({address})")?,
                Some(problem) => {
                    writeln!(f, "# {interface} ({address}) could not be asked: {problem}")?;
                }
            }
        }
        if asked.is_empty() {
            f.write_str(
                "# nobody could be asked: this machine is in no network that carries multicast\n",
            )?;
        }
        list(f, readers)?;
        if readers.is_empty() {
            f.write_str("# not every reader announces itself, and routers do not pass it on; by address: --hosts 10.0.4.0/24\n")?;
        }
        Ok(())
    }
}
