//! The status page for people and the metrics for machines, over HTTP.
//!
//! Read-only: nothing that is asked here changes anything. **Invariants**: serving never waits for the core; connections,
//! what they send and how long they may take are bounded; whatever a device, a tag or a scan said is escaped.

mod chart;
mod devices;
mod door;
mod guard;
mod html;
mod http;
mod live;
pub mod metrics;
mod page;
mod places;
mod seats;
mod sections;
mod support;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::capture::witness::{Ask, Asks};
use crate::config::{Config, FileName, StatusPage};
use crate::health::{Condition, ConfigState, DeviceKind, DeviceReport, Health, KindKnown, Status};
use crate::story::Recent;
use crate::tls::{Identity, ServerSetup};

pub use http::Server;

/// The witness is not waited for any longer; the page then says so.
const PATIENCE: Duration = Duration::from_millis(500);
/// Nor so long, where what it said last will do.
const AT_ONCE: Duration = Duration::from_millis(20);

/// What is served, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where.
    pub listen: SocketAddr,
    /// Names by which it may be asked for, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// File with the password.
    pub password: Option<PathBuf>,
    /// Its TLS, if it has one.
    pub tls: Option<ServerSetup>,
    /// What the page tells of the configuration.
    pub facts: Facts,
}

/// What stands in the configuration.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The configuration file.
    pub file: PathBuf,
    /// When it was loaded.
    pub loaded: Timestamp,
    /// Folder of the buffer.
    pub buffer: PathBuf,
    /// Read points, what kind they are, and their devices or antennas.
    pub read_points: BTreeMap<String, (&'static str, Vec<String>)>,
    /// The site's zone.
    pub time_zone: String,
}

impl Settings {
    /// From the configuration, loaded just now; `None` when there is to be no page.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let page = &config.status;
        Some(Self {
            listen: page.listen.0?,
            hosts: page.hosts.iter().map(|it| it.as_str().to_owned()).collect(),
            password: page.password_file.as_ref().map(|it| it.path().to_owned()),
            tls: tls(page),
            facts: Facts::of(config),
        })
    }
}

impl Facts {
    /// Of a configuration that is taken into use just now.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let read_points = config.read_point.iter().map(|(name, it)| {
            let antennas = it
                .all_antennas()
                .map(|it| format!("{}/{}", it.llrp, it.antenna));
            let stations = it.scanners.iter().chain(&it.markers).cloned();
            let parts = antennas.chain(stations).collect();
            (name.clone(), (it.mode.as_str(), parts))
        });
        Self {
            file: config.file.clone(),
            loaded: Timestamp::now(),
            buffer: config.buffer.directory.path().to_owned(),
            read_points: read_points.collect(),
            time_zone: config.gateway.time_zone.as_str().to_owned(),
        }
    }
}

fn tls(page: &StatusPage) -> Option<ServerSetup> {
    let path = |file: &Option<FileName>| file.as_ref().map(|it| it.path().to_owned());
    Some(ServerSetup {
        section: "[status]".to_owned(),
        identity: Identity {
            certificate: path(&page.tls_certificate_file)?,
            key: path(&page.tls_key_file)?,
        },
        client_ca: path(&page.client_ca_file),
    })
}

/// Where answers come from.
#[derive(Debug, Clone)]
struct Sources {
    health: Health,
    asks: Asks,
    facts: watch::Receiver<Facts>,
    last: Arc<Mutex<Option<Recent>>>,
}

/// A device as it is shown: its report, reads in the last minute, and those of its antennas over the last hours.
type Shown = (DeviceReport, u64, BTreeMap<u16, Vec<u64>>);

/// Everything that a page shows, at one moment.
#[derive(Debug)]
struct View<'a> {
    facts: &'a Facts,
    now: Timestamp,
    headline: String,
    status: Status,
    devices: Vec<Shown>,
    kinds: BTreeMap<&'static str, KindKnown>,
    config: ConfigState,
    /// `None`: whoever knows did not answer in time.
    recent: Option<Recent>,
}

impl Sources {
    /// What a reload may have changed.
    fn facts(&self) -> Facts {
        self.facts.borrow().clone()
    }

    async fn view<'a>(&self, facts: &'a Facts) -> View<'a> {
        let health = &self.health;
        let recent = self.recent_in_time().await.map(|recent| Recent {
            // As in the status of this moment, also when the rest is what was told before.
            stations: health.stations(),
            ..recent
        });
        let shown = |(name, kind): (String, DeviceKind)| {
            let (minute, antennas) = health.pace(&name);
            (health.device_report(&name, kind), minute, antennas)
        };
        let status = health.status();
        View {
            facts,
            now: Timestamp::now(),
            headline: status.summary.clone(),
            devices: health.kinds().into_iter().map(shown).collect(),
            status,
            kinds: health.site_kinds(),
            config: health.config(),
            recent,
        }
    }

    /// What happened last. Whoever knows may be busy: then it is what was told for the page before, and `None` when nothing
    /// came of that either.
    async fn recent_in_time(&self) -> Option<Recent> {
        let known = self.last().clone();
        let sources = self.clone();
        // It goes on when it is not waited for: the next page has it.
        let asked = tokio::spawn(async move {
            let recent = timeout(PATIENCE, sources.recent()).await.ok().flatten();
            sources.last().clone_from(&recent);
            recent
        });
        let patience = known.as_ref().map_or(PATIENCE, |_| AT_ONCE);
        match timeout(patience, asked).await {
            Ok(told) => told.ok().flatten(),
            Err(_) => known,
        }
    }

    async fn recent(&self) -> Option<Recent> {
        let (answer, told) = oneshot::channel();
        self.asks.send(Ask::Recent { answer }).await.ok()?;
        told.await.ok()
    }

    fn last(&self) -> MutexGuard<'_, Option<Recent>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    fn conditions(&self) -> &[Condition] {
        &self.status.conditions
    }

    fn counted(&self, name: &str) -> u64 {
        self.status.counters.get(name).copied().unwrap_or(0)
    }
}
