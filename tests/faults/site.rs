//! One scenario's site: gateway, network, broker; what can be done to them, and what must be true in the end.

use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode;
use tempfile::TempDir;
use tokio::time::sleep;
use tracegate_sim::broker::Broker;
use tracegate_sim::proxy::{End, Line, Proxy, Trap, Way};
use tracegate_sim::wait_until;

use super::ledger::{Ledger, Tally};
use super::process::{Gateway, Told, lock};
use super::scenarios::{Fault, Scenario};
use super::script::Script;
use super::store::{Address, Store};

/// Something that happens by itself, soon.
pub const SOON: Duration = Duration::from_secs(60);
/// A free port of loopback.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What came out of a scenario.
#[derive(Debug)]
pub struct Outcome {
    pub name: &'static str,
    pub events: i64,
    pub faults: usize,
    pub tally: Tally,
    pub allowed: i64,
    pub took: Duration,
    pub failure: Option<String>,
}

pub struct Site {
    pub scenario: Scenario,
    pub folder: TempDir,
    pub ledger: Arc<Ledger>,
    pub script: Arc<Script>,
    pub proxy: Proxy,
    pub random: fastrand::Rng,
    pub broker: Option<Broker>,
    pub told: Arc<Mutex<Told>>,
    gateway: Option<Gateway>,
    /// A command that runs the gateway.
    pub through: Vec<String>,
    /// The place where its next life ends by itself; see `tracegate::failpoint`.
    die_at: Option<String>,
    /// Where the gateway finds the broker; the proxy, unless something is before that.
    pub url: String,
    pub faults: usize,
    /// Since the last kill of the gateway alone: duplicates before it.
    killed_at: Option<i64>,
    /// What must stay until the gateway has ended.
    pub around: Vec<Box<dyn Any + Send + Sync>>,
}

impl Site {
    pub async fn new(scenario: Scenario, seed: u64) -> anyhow::Result<Self> {
        let ledger = Ledger::new(&scenario.load);
        let script = Script::new(scenario.manners.clone(), ledger.clone(), seed);
        let broker = Broker::bind_with(ANY, script.clone()).await?;
        let proxy = Proxy::start(broker.addr()).await?;
        let url = format!("\"mqtt://{}\"", proxy.addr());
        Ok(Self {
            folder: tempfile::tempdir()?,
            ledger,
            script,
            proxy,
            random: fastrand::Rng::with_seed(seed),
            broker: Some(broker),
            told: Arc::default(),
            gateway: None,
            through: Vec::new(),
            die_at: None,
            url,
            faults: 0,
            killed_at: None,
            around: Vec::new(),
            scenario,
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn configure(&self) -> anyhow::Result<()> {
        let (url, more) = (&self.url, &self.scenario.mqtt);
        let buffer = self.path("buffer");
        let text = format!(
            "[gateway]\nsite = \"plant-3\"\n[buffer]\ndirectory = {buffer:?}\n[mqtt]\nurl = {url}\nwindow = {}\n{more}\n",
            self.scenario.window
        );
        Ok(std::fs::write(self.path("gateway.toml"), text)?)
    }

    pub fn start_gateway(&mut self) -> anyhow::Result<()> {
        let load = &self.scenario.load;
        let mut through = self.through.clone();
        if let Some(place) = self.die_at.take() {
            through.extend(["env".to_owned(), format!("TRACEGATE_DIE_AT={place}")]);
        }
        let gateway = Gateway::start(self.folder.path(), load, &self.told, &through)?;
        self.gateway = Some(gateway);
        Ok(())
    }

    pub fn kill_gateway(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.kill();
        }
    }

    pub fn restart_gateway(&mut self) -> anyhow::Result<()> {
        self.kill_gateway();
        self.start_gateway()
    }

    /// A store behind the broker; `acknowledges`: the gateway deletes on its word.
    pub async fn subscribe(&mut self, broker: &Address, acknowledges: bool) -> anyhow::Result<()> {
        let store = Store::start(broker, &self.ledger, acknowledges).await?;
        self.around.push(Box::new(store));
        Ok(())
    }

    pub async fn start_broker(&mut self) -> anyhow::Result<()> {
        let broker = Broker::bind_with(ANY, self.script.clone()).await?;
        self.proxy.redirect(broker.addr());
        self.broker = Some(broker);
        Ok(())
    }

    /// Lets all faults happen, each at its moment, and waits for the last event.
    pub async fn play(&mut self) -> anyhow::Result<()> {
        let faults = self.scenario.faults.clone();
        let events = self.scenario.load.events;
        // The last quarter is for the last: it must happen while there is still something to send.
        let slot = events * 3 / 4 / i64::try_from(faults.len().max(1))?;
        for (number, fault) in faults.iter().enumerate() {
            let at = slot * i64::try_from(number)? + self.random.i64(slot / 4..slot);
            self.ledger.reached(at).await?;
            self.one_window_repeated()?;
            self.happen(*fault)
                .await
                .with_context(|| format!("fault {number}, {fault:?}, at {at}"))?;
            self.faults += 1;
        }
        self.ledger.reached(events).await?;
        self.one_window_repeated()
    }

    /// A kill repeats what was under way, and nothing that was acknowledged before.
    fn one_window_repeated(&mut self) -> anyhow::Result<()> {
        if let Some(before) = self.killed_at.take() {
            let (repeated, most) = (self.duplicates() - before, self.scenario.under_way);
            ensure!(repeated <= most, "a kill repeated {repeated} events");
        }
        Ok(())
    }

    fn duplicates(&self) -> i64 {
        self.ledger.tally().0.duplicates
    }

    async fn happen(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::KillGateway => {
                self.kill_gateway();
                self.killed_at = Some(self.duplicates());
                self.start_gateway()
            }
            #[cfg(feature = "failpoints")]
            Fault::DieAt(place) => {
                self.kill_gateway();
                self.faults += 1;
                self.die_at = Some(format!("{place}:{}", self.random.u64(1..30)));
                self.start_gateway()?;
                let gateway = self.gateway.as_mut().context("a gateway")?;
                gateway.dies().await?;
                self.restart_gateway()
            }
            Fault::KillBroker => {
                self.broker = None;
                self.pause(80).await;
                self.start_broker().await
            }
            Fault::KillBoth => {
                self.broker = None;
                self.kill_gateway();
                self.start_gateway()?;
                self.pause(80).await;
                self.start_broker().await
            }
            Fault::End(end) => {
                self.proxy.end(end);
                Ok(())
            }
            Fault::Trap(way, trap) => {
                let most = if way == Way::Up { 30_000 } else { 300 };
                let after = self.random.usize(..most);
                self.proxy.arm(way, after, trap);
                let proxy = &self.proxy;
                Ok(wait_until("the trap", SOON, || !proxy.is_armed()).await?)
            }
            Fault::Line(line, time_ms) => {
                self.proxy.set(line);
                sleep(Duration::from_millis(time_ms)).await;
                self.proxy.set(Line::Open);
                Ok(())
            }
        }
    }

    async fn pause(&mut self, most_ms: u64) {
        let time = Duration::from_millis(self.random.u64(..most_ms));
        sleep(time).await;
    }

    /// What was acknowledged is deleted and the gateway has ended in good order; then everything must be there.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        let gateway = self.gateway.take().context("a gateway")?;
        gateway.finished().await?;
        let told = lock(&self.told).clone();
        ensure!(
            told.forgotten.is_empty(),
            "accepted and forgotten: {:?}",
            told.forgotten
        );
        ensure!(
            told.accepted == self.scenario.load.events,
            "accepted {}",
            told.accepted
        );
        ensure!(
            told.dead == Some(0) && told.aside.is_empty(),
            "set aside: {told:?}"
        );
        let wrong =
            |reason: &DisconnectReasonCode| *reason != DisconnectReasonCode::KeepAliveTimeout;
        let protests = self.script.protests();
        ensure!(
            !protests.iter().any(wrong),
            "the broker protests: {protests:?}"
        );
        ensure!(self.script.refusals_left() == 0, "refusals are left");
        Ok(())
    }

    fn fault_count(&self) -> i64 {
        i64::try_from(self.faults + self.script.faults()).unwrap_or(i64::MAX)
    }

    /// Events that may come twice: a window for each fault, whatever it is, and what a broker repeats by itself.
    pub fn allowed(&self) -> i64 {
        let Scenario {
            under_way,
            repeated,
            ..
        } = &self.scenario;
        self.fault_count() * (under_way + repeated)
    }

    pub fn judge(&self) -> anyhow::Result<()> {
        let (tally, foreign) = self.ledger.tally();
        ensure!(tally.lost == 0, "{} lost", tally.lost);
        ensure!(
            tally.foreign == 0,
            "{} foreign, the first: {:?}",
            tally.foreign,
            foreign.first()
        );
        let allowed = self.allowed();
        ensure!(
            tally.duplicates <= allowed,
            "{} duplicates, {allowed} allowed",
            tally.duplicates
        );
        ensure!(
            tally.out_of_order == 0 || !self.scenario.in_order,
            "{} out of order",
            tally.out_of_order
        );
        ensure!(tally.documents > 0 || !self.scenario.batches, "no batches");
        Ok(())
    }

    /// The end of the gateway's log.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.path("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Plays a scenario from its seed.
pub async fn play(scenario: Scenario, seed: u64) -> Outcome {
    let started = Instant::now();
    let (name, events) = (scenario.name, scenario.load.events);
    let mut outcome = Outcome {
        name,
        events,
        faults: 0,
        tally: Tally::default(),
        allowed: 0,
        took: Duration::ZERO,
        failure: None,
    };
    let mut site = match Site::new(scenario, seed).await {
        Ok(site) => site,
        Err(error) => {
            outcome.failure = Some(format!("{error:#}"));
            return outcome;
        }
    };
    let run = site.scenario.run;
    let mut played = run(&mut site).await;
    if played.is_ok() {
        played = site.settle().await;
    }
    let judged = played.and_then(|()| site.judge());
    outcome.failure = judged.err().map(|error| {
        let told = lock(&site.told).clone();
        format!(
            "{error:#}\n{told:?}\nconnections: {}\nthe gateway's log:\n{}",
            site.script.connections(),
            site.log()
        )
    });
    site.kill_gateway();
    outcome.faults = site.faults + site.script.faults();
    outcome.tally = site.ledger.tally().0;
    outcome.allowed = site.allowed();
    outcome.took = started.elapsed();
    outcome
}

impl Fault {
    pub const RESET: Self = Self::End(End::Reset);
    pub const CUT_UP: Self = Self::Trap(Way::Up, Trap::Cut);
    pub const CUT_DOWN: Self = Self::Trap(Way::Down, Trap::Cut);
}
