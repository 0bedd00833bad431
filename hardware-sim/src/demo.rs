//! A plant floor in one process: devices, broker and store, everything but the daemon.
//!
//! The caller starts it, writes the daemon's config from [`Demo::readers`], [`Demo::scanners`], [`Demo::read_points`]
//! and [`Demo::broker_addr`], starts the daemon, waits for [`Demo::ready`], plays, and looks at the ledger.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, sync::MutexGuard, time::Duration};

use tokio::time::Instant;
use tracegate_llrp::reader::ReaderConfig;

use crate::{
    DeadlineMissed,
    broker::Broker,
    ledger::{Ledger, Line, Store},
    player::{Devices, PlayHandle, play},
    reader::{SimReader, SimReaderConfig},
    scanner::{ScannerConfig, ScannerPlace, SimScanner},
    scenario::{ReadPoint, ScannerKind, Scenario, ScenarioError, Timeline},
    wait_until,
};

/// Where the store listens for events of any site.
pub const EVENT_FILTER: &str = "tracegate/+/events/#";
/// Reads of a passage trail its end by at most a round.
const TRAIL_US: u64 = 150_000;

/// The plant floor could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The scenario cannot be played.
    #[error("prepare the scenario")]
    Scenario(#[from] ScenarioError),
    /// A device or the broker could not be started.
    #[error("start {what}")]
    Start {
        /// Which one.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// Something did not happen in time.
    #[error("bring up the demo")]
    Late(#[from] DeadlineMissed),
}

/// How the plant floor is set up.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Nothing begins that would not be over after so long.
    pub limit: Option<Duration>,
    /// All scanners.
    pub scanner: ScannerConfig,
    /// An external broker instead of the embedded one.
    pub broker: Option<SocketAddr>,
    /// What the store subscribes to.
    pub filter: String,
    /// The store acknowledges events on this topic.
    pub ack_topic: Option<String>,
    /// How far the readers' clocks are ahead, in microseconds.
    pub reader_clock_offset_us: i64,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self {
            limit: None,
            scanner: ScannerConfig::default(),
            broker: None,
            filter: EVENT_FILTER.to_owned(),
            ack_topic: None,
            reader_clock_offset_us: 0,
        }
    }
}

/// A running plant floor; dropping it stops everything and frees every port.
#[derive(Debug)]
pub struct Demo {
    scenario: Scenario,
    timeline: Timeline,
    broker_addr: SocketAddr,
    broker: Option<Broker>,
    ack_topic: Option<String>,
    store: Store,
    readers: Vec<(String, SimReader)>,
    scanners: Vec<(String, SimScanner)>,
    play: Option<(Instant, PlayHandle)>,
}

impl Demo {
    /// Starts devices, broker and store for a scenario; nothing moves yet.
    ///
    /// # Errors
    /// [`DemoError`] says what could not be started.
    pub async fn start(scenario: Scenario) -> Result<Self, DemoError> {
        Self::start_with(scenario, DemoConfig::default()).await
    }

    /// The same, set up in detail.
    ///
    /// # Errors
    /// [`DemoError`] says what could not be started.
    pub async fn start_with(scenario: Scenario, config: DemoConfig) -> Result<Self, DemoError> {
        let mut timeline = scenario.timeline()?;
        if let Some(limit) = config.limit {
            timeline = timeline.until(limit);
        }
        let starting = |what: String| move |source| DemoError::Start { what, source };
        let mut readers = Vec::new();
        for spec in &scenario.readers {
            let reader = SimReader::spawn(SimReaderConfig {
                llrp: ReaderConfig {
                    antennas: spec.antennas,
                    ..ReaderConfig::default()
                },
                clock_offset_us: config.reader_clock_offset_us,
                ..SimReaderConfig::default()
            });
            readers.push((
                spec.name.clone(),
                reader
                    .await
                    .map_err(starting(format!("reader `{}`", spec.name)))?,
            ));
        }
        let mut scanners = Vec::new();
        for spec in &scenario.scanners {
            let scanner = match spec.kind {
                ScannerKind::Pty => SimScanner::pty(config.scanner.clone()),
                ScannerKind::Tcp => SimScanner::tcp(config.scanner.clone()).await,
            };
            scanners.push((
                spec.name.clone(),
                scanner.map_err(starting(format!("scanner `{}`", spec.name)))?,
            ));
        }
        let broker = match config.broker {
            Some(_) => None,
            None => Some(
                Broker::start()
                    .await
                    .map_err(starting("the broker".to_owned()))?,
            ),
        };
        let external = config
            .broker
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 1883)));
        let broker_addr = broker.as_ref().map_or(external, Broker::addr);
        let ledger = Ledger::new(timeline.truth.clone(), scenario.read_points());
        let store = match &config.ack_topic {
            Some(topic) => Store::acknowledging(broker_addr, &config.filter, ledger, topic),
            None => Store::subscribe(broker_addr, &config.filter, ledger),
        };
        Ok(Self {
            scenario,
            timeline,
            broker_addr,
            broker,
            ack_topic: config.ack_topic,
            store,
            readers,
            scanners,
            play: None,
        })
    }

    /// Where the broker listens.
    pub fn broker_addr(&self) -> SocketAddr {
        self.broker_addr
    }

    /// Where the store acknowledges events, if it does.
    pub fn ack_topic(&self) -> Option<&str> {
        self.ack_topic.as_deref()
    }

    /// The embedded broker; `None` when an external one is used.
    pub fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    /// Names and addresses of the readers.
    pub fn readers(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.readers
            .iter()
            .map(|(name, reader)| (name.as_str(), reader.addr()))
    }

    /// One reader, to cut or silence it.
    pub fn reader(&self, name: &str) -> Option<&SimReader> {
        self.readers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, reader)| reader)
    }

    /// Names of the scanners and where they are attached.
    pub fn scanners(&self) -> impl Iterator<Item = (&str, &ScannerPlace)> {
        self.scanners
            .iter()
            .map(|(name, scanner)| (name.as_str(), scanner.place()))
    }

    /// One scanner, for its counters.
    pub fn scanner(&self, name: &str) -> Option<&SimScanner> {
        self.scanners
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, scanner)| scanner)
    }

    /// The read points the daemon must know.
    pub fn read_points(&self) -> Vec<ReadPoint> {
        self.scenario.read_points()
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What will happen, or happened.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Waits until the store is subscribed and the daemon has every reader reading.
    ///
    /// # Errors
    /// [`DeadlineMissed`] naming the first that is not ready.
    pub async fn ready(&self, deadline: Duration) -> Result<(), DeadlineMissed> {
        let end = Instant::now() + deadline;
        self.store.subscribed(deadline).await?;
        for (name, reader) in &self.readers {
            let left = end.saturating_duration_since(Instant::now());
            wait_until(&format!("reader `{name}` to be reading"), left, || {
                reader.status().reading
            })
            .await?;
        }
        Ok(())
    }

    /// Lets the scenario begin now. A second call begins it anew.
    pub fn play(&mut self) -> &PlayHandle {
        let devices = Devices {
            readers: self
                .readers
                .iter()
                .map(|(name, reader)| (name.clone(), reader.feed()))
                .collect(),
            scanners: self
                .scanners
                .iter()
                .map(|(name, scanner)| (name.clone(), scanner.feed()))
                .collect(),
        };
        let start = Instant::now();
        let handle = play(&self.timeline, devices, start);
        self.store.ledger().started_at(handle.start_utc_us());
        &self.play.insert((start, handle)).1
    }

    /// Whether everything has happened: the timeline is played out and every label is done with.
    pub fn is_played(&self) -> bool {
        let Some((_, play)) = &self.play else {
            return true;
        };
        let done = self
            .scanners
            .iter()
            .map(|(_, scanner)| scanner.stats().done());
        play.is_finished() && done.sum::<u64>() >= play.progress().scans
    }

    /// Waits until everything has happened.
    pub async fn played(&mut self) {
        while !self.is_played() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets nothing new begin; what is under way at each device goes on to its end. The truth is cut to what happened.
    pub fn stop(&mut self) {
        let Some((start, play)) = &self.play else {
            return;
        };
        let now_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        // For each device: the end of what is under way, but not into what comes next.
        let mut stops: HashMap<Arc<str>, u64> = HashMap::new();
        for movement in &self.timeline.truth {
            let (from_us, to_us) = movement.span_us();
            let stop_us = stops.entry(movement.device().clone()).or_insert(now_us);
            if from_us <= now_us {
                *stop_us = (*stop_us).max(to_us + TRAIL_US);
            }
        }
        for movement in self
            .timeline
            .truth
            .iter()
            .filter(|movement| movement.span_us().0 > now_us)
        {
            if let Some(stop_us) = stops.get_mut(movement.device()) {
                *stop_us = (*stop_us).min(movement.span_us().0);
            }
        }
        play.stop_at(stops);
        self.store
            .ledger()
            .keep_truth(|movement| movement.span_us().0 <= now_us);
    }

    /// How far the play has come; nothing before [`Demo::play`].
    pub fn progress(&self) -> crate::player::Progress {
        self.play
            .as_ref()
            .map(|(_, play)| play.progress())
            .unwrap_or_default()
    }

    /// The next event that reached the store; `None` when the store has ended. Cancel safe.
    pub async fn line(&mut self) -> Option<Line> {
        self.store.line().await
    }

    /// The ledger; do not hold it across an `await`.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.store.ledger()
    }

    /// The store, to wait for conditions of its ledger.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Waits until every movement of the truth has reached the store.
    ///
    /// # Errors
    /// [`DeadlineMissed`]; [`Ledger::report`] says what is missing.
    pub async fn complete(&self, deadline: Duration) -> Result<(), DeadlineMissed> {
        self.store
            .wait_until(
                "every movement to reach the store",
                deadline,
                Ledger::is_complete,
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::{Task, reader::tests::Host, scanner::ACK};

    const PATIENCE: Duration = Duration::from_secs(2);

    /// Answers every label at once.
    async fn scanner_host(addr: SocketAddr) {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        while let Ok(byte) = socket.read_u8().await {
            if byte == b'\r' {
                socket.write_all(&[ACK]).await.unwrap();
            }
        }
    }

    fn short() -> Scenario {
        let mut scenario = Scenario::empty(3)
            .dock("dock_1", 3)
            .line("line_1", ScannerKind::Tcp, 4);
        scenario.traffic[0].crossing = Duration::from_millis(200);
        scenario.traffic[0].gap = Duration::from_millis(100);
        scenario.traffic[0].dwell = Duration::ZERO;
        scenario.scanners[0].every = Duration::from_millis(100);
        scenario
    }

    #[tokio::test]
    async fn everything_that_happens_reaches_the_devices_hosts() {
        let limit = Some(Duration::from_millis(1100));
        let mut demo = Demo::start_with(
            short(),
            DemoConfig {
                limit,
                ..DemoConfig::default()
            },
        )
        .await
        .unwrap();
        let missed = demo.ready(Duration::from_millis(300)).await.unwrap_err();
        assert!(missed.what.contains("dock_1"), "{missed}");
        let (_, addr) = demo.readers().next().unwrap();
        let mut host = Host::connect(addr).await;
        assert!(host.ready().await);
        let _scanners = Task::spawn(scanner_host(
            demo.scanner("line_1").unwrap().addr().unwrap(),
        ));
        demo.ready(PATIENCE).await.unwrap();
        let expected = demo.timeline().sightings.len();
        assert!(expected > 10);
        demo.play();
        let (all, ()) = tokio::join!(
            host.until(|host, _| host.reads.len() == expected),
            demo.played()
        );
        assert!(all);
        let scans = demo.scanner("line_1").unwrap().stats();
        assert_eq!((scans.accepted, scans.rescans), (4, 0));
        assert_eq!(demo.progress().sightings, expected as u64);
        let truth = demo.timeline().truth.len() as u64;
        let score = demo.ledger().score();
        assert_eq!((score.truth, score.lost), (truth, truth));
    }

    #[tokio::test]
    async fn a_stopped_play_leaves_whole_movements() {
        let mut demo = Demo::start(short()).await.unwrap();
        demo.play();
        wait_until("some reads", PATIENCE, || demo.progress().sightings > 5)
            .await
            .unwrap();
        let whole = demo.ledger().score().truth;
        demo.stop();
        let handed = async {
            let Some((_, play)) = &mut demo.play else {
                panic!("it plays")
            };
            play.finished().await;
        };
        tokio::time::timeout(PATIENCE, handed)
            .await
            .expect("it ends early");
        let score = demo.ledger().score();
        assert!(score.truth > 0 && score.truth < whole, "{score:?}");
        let passages = demo
            .timeline()
            .truth
            .iter()
            .filter(|m| &**m.device() == "dock_1")
            .count();
        assert!(passages > 1);
    }
}
