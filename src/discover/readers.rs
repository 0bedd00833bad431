//! Readers at given addresses: who answers, what it is, whether it is free.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracegate_llrp::codec::{impinj, zebra};

use super::Target;
use crate::config::Config;
use crate::health::{Code, DeviceKind, tame};
use crate::source::llrp::link::Link;
use crate::source::llrp::probe::Probe;
use crate::topology::{self, Device};

/// Addresses asked at a time.
const AT_ONCE: usize = 32;
/// For a connection; most addresses of a range have nobody.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the reader is at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It opened a session, which was ended at once.
    Free,
    /// Another client has it.
    Busy,
    /// The running gateway has it; it was left alone.
    Held,
    /// Something listens there and opens no LLRP session.
    Strange,
    /// It says that it is there, and was not connected to.
    Announced,
}

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reader {
    /// Name or address, as it was given.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it can be had.
    pub state: State,
    /// Its name in the configuration, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Maker, model and firmware, as far as it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Antennas that it says are connected. Not all readers notice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub antennas: Vec<u16>,
    /// What is to be said of it: why there is no session, a clock that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Readers of the configuration, by address, and whether a running gateway has them.
#[derive(Debug, Clone, Default)]
pub struct Held {
    names: BTreeMap<(IpAddr, u16), String>,
    is_running: bool,
}

impl Held {
    /// Looks up the addresses of the configuration's readers.
    pub async fn of(config: &Config, is_running: bool) -> Self {
        let mut names = BTreeMap::new();
        for (name, device) in topology::devices(config).unwrap_or_default() {
            if let Device::Llrp(reader) = device
                && let Link::Dial { host, port, .. } = &reader.link
            {
                for address in resolve(host, *port).await {
                    names.insert((address, *port), name.clone());
                }
            }
        }
        Self { names, is_running }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.is_running
    }

    pub(super) async fn name(&self, target: &Target) -> Option<&String> {
        let found = resolve(&target.host, target.port).await;
        let named = |address: IpAddr| self.names.get(&(address, target.port));
        found.into_iter().find_map(named)
    }
}

async fn resolve(host: &str, port: u16) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    match timeout(PATIENCE, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.map(|it| it.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Visits every address, 32 at a time; those where nobody answers are left out. In the order of `targets`.
pub async fn visit(targets: Vec<Target>, held: Held) -> Vec<Reader> {
    let held = Arc::new(held);
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let mut visits = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let (held, seats) = (held.clone(), seats.clone());
        visits.spawn(async move {
            // It is never closed.
            let _seat = seats.acquire_owned().await.ok();
            look(target, &held).await.map(|reader| (place, reader))
        });
    }
    let mut found = Vec::new();
    while let Some(visited) = visits.join_next().await {
        found.extend(visited.ok().flatten());
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, reader)| reader).collect()
}

async fn look(target: Target, held: &Held) -> Option<Reader> {
    let name = held.name(&target).await.cloned();
    let Target { host, port } = target;
    let mut reader = Reader {
        state: State::Free,
        about: None,
        antennas: Vec::new(),
        note: None,
        host,
        port,
        name,
    };
    if held.is_running && reader.name.is_some() {
        reader.state = State::Held;
        return Some(reader);
    }
    let connected = timeout(PATIENCE, Probe::connect(&reader.host, port, None)).await;
    let Ok(Ok(mut probe)) = connected else {
        return None;
    };
    match probe.session().await {
        Ok(complaint) => reader.note = complaint,
        Err(reason) => {
            reader.state = match Code::of_reason(&reason, Some(DeviceKind::Reader)) {
                Code::ReaderBusy => State::Busy,
                _ => State::Strange,
            };
            reader.note = Some(reason);
            return Some(reader);
        }
    }
    if let Ok(capabilities) = probe.capabilities().await {
        reader.about = about(&capabilities);
    }
    if let Ok(antennas) = probe.antennas().await {
        let connected = antennas.into_iter().filter(|(_, there)| *there);
        reader.antennas = connected.map(|(id, _)| id).collect();
    }
    probe.close().await;
    Some(reader)
}

/// Maker, model, firmware.
fn about(said: &tracegate_llrp::client::Capabilities) -> Option<String> {
    let maker = match said.manufacturer? {
        impinj::VENDOR => "Impinj".to_owned(),
        zebra::VENDOR => "Zebra".to_owned(),
        other => format!("maker {other}"),
    };
    let mut text = maker;
    if let Some(model) = said.model {
        let _ = write!(text, ", model {model}");
    }
    if let Some(firmware) = said.firmware.as_deref().filter(|it| !it.is_empty()) {
        let _ = write!(text, ", firmware {}", tame(firmware));
    }
    if let Some(antennas) = said.antennas {
        let _ = write!(text, ", {antennas} antenna ports");
    }
    Some(text)
}

impl Reader {
    /// A section to paste, or a comment. `number` is for the proposed name.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, number: usize) -> fmt::Result {
        let Self { host, port, .. } = self;
        let note = self.note.as_deref().unwrap_or_default();
        match self.state {
            State::Held => {
                let name = self.name.as_deref().unwrap_or_default();
                writeln!(
                    f,
                    "# {host}:{port} is {name}, which the running gateway has"
                )
            }
            // Some reasons begin with the address.
            State::Busy | State::Strange if note.starts_with(&format!("{host}:{port}")) => {
                writeln!(f, "# {note}")
            }
            State::Busy | State::Strange => writeln!(f, "# {host}:{port}: {note}"),
            State::Free | State::Announced => {
                match &self.name {
                    Some(name) => write!(f, "# in the configuration as [llrp.{name}]")?,
                    None => write!(f, "[llrp.reader_{number}]")?,
                }
                match &self.about {
                    Some(about) if self.name.is_some() => writeln!(f, ": {about}")?,
                    Some(about) => writeln!(f, "   # {about}")?,
                    None => writeln!(f)?,
                }
                // What is in the configuration need not be pasted again.
                let hash = if self.name.is_some() { "# " } else { "" };
                writeln!(f, "{hash}host = {host:?}")?;
                if *port != tracegate_llrp::PORT {
                    writeln!(f, "{hash}port = {port}")?;
                }
                if !self.antennas.is_empty() {
                    let ids: Vec<String> = self.antennas.iter().map(u16::to_string).collect();
                    writeln!(
                        f,
                        "{hash}antennas = [{}]   # connected, as it says",
                        ids.join(", ")
                    )?;
                }
                if !note.is_empty() {
                    writeln!(f, "# {note}")?;
                }
                Ok(())
            }
        }
    }
}
