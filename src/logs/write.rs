//! Where lines go: standard error as text or JSON, or the journal with fields of its own.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::line::Line;

/// Where journald listens.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A line of text on standard error.
    Text,
    /// A JSON object a line on standard error.
    Json,
    /// Entries with fields in systemd's journal.
    Journald,
}

#[derive(Debug, Clone)]
pub(super) enum Output {
    Text {
        colours: bool,
    },
    /// Text for systemd, which puts it into the journal.
    Prefixed,
    Json,
    Journal(Arc<UnixDatagram>),
}

impl Output {
    /// Without a format: the journal, if standard error leads there anyway, so that the same lines have fields to search
    /// for; else text.
    pub(super) fn new(format: Option<Format>) -> Self {
        let colours = std::io::stderr().is_terminal();
        let text = match leads_to_journal() {
            true => Self::Prefixed,
            false => Self::Text { colours },
        };
        let journal = || match datagrams() {
            Ok(socket) => Self::Journal(Arc::new(socket)),
            Err(_) => text.clone(),
        };
        match format {
            Some(Format::Text) => text,
            Some(Format::Json) => Self::Json,
            Some(Format::Journald) => journal(),
            None if leads_to_journal() => journal(),
            None => text,
        }
    }

    /// False if it was lost.
    pub(super) fn write(&self, line: &Line) -> bool {
        let text = match self {
            Self::Text { colours } => line.text(*colours),
            Self::Prefixed => line.prefixed(),
            Self::Json => line.json(),
            Self::Journal(socket) => return send(socket, Path::new(JOURNAL), line),
        };
        to_stderr(&text)
    }
}

/// A journal that is too slow is not waited for; one that is not there, as while it is started anew, costs the fields only.
pub(super) fn send(socket: &UnixDatagram, journal: &Path, line: &Line) -> bool {
    match socket.send_to(&line.journal(), journal) {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
        Err(_) => to_stderr(&line.prefixed()),
    }
}

pub(super) fn datagrams() -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn to_stderr(text: &str) -> bool {
    std::io::stderr().lock().write_all(text.as_bytes()).is_ok()
}

/// Whether standard error is the stream that systemd names (`$JOURNAL_STREAM`, systemd.exec(5)), and was not led elsewhere.
fn leads_to_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else {
        return false;
    };
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else {
        return false;
    };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}
