//! The gateway's end, in a process of its own that can be killed: the real store and the real forwarder, and a producer of
//! numbered events in the place of the pipeline.
//!
//! What it tells the test goes to its standard output, a word and a number per line.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate::buffer::{Limits, NewRow, OutboxReader, Request, Store, Stream};
use tracegate::downlink::order::Fleet;
use tracegate::failpoint::Failpoint;
use tracegate::forward::mqtt::{self, Timing};
use tracegate::health::Health;
use tracegate::{config, topology};
use tracegate_epcis::EventId;
use tracegate_pipeline::Time;
use tracegate_pipeline::input::MovementEvent;

/// Events per commit at most, and how long acknowledged ones wait to be deleted: as the core does.
const BATCH: i64 = 128;
const FORGET_AFTER: Duration = Duration::from_millis(10);
/// Between attempts while the buffer is full; and between batches at a pace.
const WAIT: Duration = Duration::from_millis(10);
const HOUR_US: i64 = 3_600_000_000;
/// So many events, then the clock is set.
const CLOCK_STEP_EVERY: i64 = 1_500;

/// What the producer makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// Events, numbered from 1.
    pub events: i64,
    /// Places where they happen, in turn.
    pub read_points: i64,
    /// It waits while so many wait in the buffer.
    pub ahead: u64,
    /// So many events each 10 ms; otherwise as fast as they can be stored.
    pub pace: Option<i64>,
    /// It makes a pause of so many milliseconds before this event.
    pub rest: Option<(i64, u64)>,
    /// The clock is set by an hour, forward and back, all the time.
    pub clock_jumps: bool,
    /// Bytes that the buffer may have.
    pub cap: u64,
    /// What happens at the first place is telemetry.
    pub telemetry: bool,
    /// The deadlines are those of the daemon, not those of a broker next door.
    pub patient: bool,
}

/// Waits and deadlines for a broker next door.
const QUICK: Timing = Timing {
    connect: Duration::from_millis(1_500),
    progress: Duration::from_millis(1_200),
    backoff: (Duration::from_millis(5), Duration::from_millis(50)),
    steady: Duration::ZERO,
    refused: Duration::from_millis(50),
    hold: Duration::from_millis(30),
    stalled: Duration::from_secs(60),
    drain: Duration::from_secs(2),
    farewell: Duration::from_millis(500),
    status: Duration::from_secs(60),
    watch: Duration::from_millis(100),
};

/// How long the store may say nothing new.
const STORE_PATIENCE: Duration = Duration::from_millis(800);

/// Runs until everything is made, acknowledged and deleted.
pub async fn run(folder: &Path, load: &str) -> anyhow::Result<()> {
    let load: Load = serde_json::from_str(load)?;
    let log = std::fs::File::options()
        .append(true)
        .create(true)
        .open(folder.join("log"))?;
    tracing_subscriber::fmt()
        .with_env_filter("info")
        .with_writer(log)
        .with_ansi(false)
        .init();
    let path = folder.join("gateway.toml");
    let text = std::fs::read(&path)?;
    let loaded = config::from_bytes(&path, &text, std::iter::empty());
    let loaded = loaded.map_err(|report| anyhow::anyhow!(report.render(config::Format::Human)))?;
    let mut settings = topology::forwarder(&loaded.config);
    if !load.patient {
        settings.timing = QUICK;
        if let Some((_, limits)) = &mut settings.downlink.acknowledge {
            limits.patience = STORE_PATIENCE;
        }
    }
    let limits = Limits {
        max_bytes: load.cap,
        keep_free: 0,
    };
    let store = Store::open(loaded.config.buffer.directory.path(), limits);
    Producer::start(store.await?.store, settings, load)
        .await?
        .run()
        .await
}

/// Tells the test; a line is seen as a whole or not at all.
fn tell(word: &str, number: i64) {
    let mut out = std::io::stdout().lock();
    // When nobody listens any more there is nothing to tell.
    let _ = out.write_all(format!("{word} {number}\n").as_bytes());
    let _ = out.flush();
}

struct Producer {
    store: Store,
    load: Load,
    committed: watch::Sender<i64>,
    acknowledged: watch::Receiver<i64>,
    requests: mpsc::Receiver<Request>,
    health: Health,
    stop: CancellationToken,
    forwarder: tokio::task::JoinHandle<()>,
    is_full: bool,
}

impl Producer {
    async fn start(store: Store, settings: mqtt::Settings, load: Load) -> anyhow::Result<Self> {
        let health = Health::new("plant-3", store.epoch());
        let (committed, links_committed) = watch::channel(store.last_seq());
        let (links_acknowledged, acknowledged) = watch::channel(store.last_acknowledged());
        let (links_requests, requests) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let links = mqtt::Links {
            reader: OutboxReader::open(store.path()).await?,
            committed: links_committed,
            acknowledged: links_acknowledged,
            requests: links_requests,
            fleet: watch::channel(Fleet::default()).1,
            health: health.clone(),
            beat: health.beat("forwarder"),
            stop: stop.clone(),
        };
        tell("start", store.last_seq());
        Ok(Self {
            forwarder: tokio::spawn(mqtt::run(settings, links)),
            store,
            load,
            committed,
            acknowledged,
            requests,
            health,
            stop,
            is_full: false,
        })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        // What an earlier life noted and had no time to delete.
        let mut forget_at = Some(Instant::now());
        // Before this nothing is made.
        let mut rest_until = Instant::now();
        loop {
            let last = self.store.last_seq();
            if last >= self.load.events && self.store.waiting() == 0 {
                return self.finish().await;
            }
            if let Some((at, rest_ms)) = self.load.rest
                && last + 1 >= at
            {
                self.load.rest = None;
                rest_until = Instant::now() + Duration::from_millis(rest_ms);
            }
            let wanted = last < self.load.events && self.store.waiting() < self.load.ahead;
            let wake = Instant::now() + Duration::from_secs(60);
            tokio::select! {
                changed = self.acknowledged.changed() => {
                    changed.context("the forwarder has ended")?;
                    forget_at.get_or_insert_with(|| Instant::now() + FORGET_AFTER);
                }
                () = sleep_until(forget_at.unwrap_or(wake)), if forget_at.is_some() => {
                    forget_at = None;
                    let mark = *self.acknowledged.borrow_and_update();
                    Failpoint::BeforeDelete.pass();
                    self.store.acknowledged(mark).await?;
                    Failpoint::AfterDelete.pass();
                }
                Some(request) = self.requests.recv() => self.serve(request).await?,
                () = sleep_until(rest_until), if wanted => {
                    let mark = *self.acknowledged.borrow();
                    self.store.acknowledge(mark);
                    // What the machine has no time for is not made up for: nothing piles up.
                    if !self.make().await? || self.load.pace.is_some() {
                        rest_until = Instant::now() + WAIT;
                    }
                }
            }
        }
    }

    /// Stores the next events; false if there is no room.
    async fn make(&mut self) -> anyhow::Result<bool> {
        let first = self.store.last_seq() + 1;
        let until = self.load.rest.map_or(i64::MAX, |(at, _)| at.max(first + 1));
        let until = until
            .min(first + self.load.pace.unwrap_or(BATCH))
            .min(self.load.events + 1);
        let events: Vec<_> = (first..until).map(|number| self.event(number)).collect();
        let rows = (first..).zip(&events);
        let rows: Vec<NewRow<'_>> = rows.map(|(n, event)| self.row(n, event)).collect();
        let recorded = self.clock(first);
        Failpoint::BeforeCommit.pass();
        match self.store.commit_rows(&[], &rows, recorded).await {
            Ok(()) => {
                Failpoint::AfterCommit.pass();
                self.is_full = false;
                ensure!(
                    self.store.last_seq() == until - 1,
                    "numbers are given twice"
                );
                // Accepted: from here on it must not be lost.
                tell("accepted", self.store.last_seq());
                self.committed.send_replace(self.store.last_seq());
                Ok(true)
            }
            Err(error) if error.is_full() => {
                if !std::mem::replace(&mut self.is_full, true) {
                    tell("full", first);
                }
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn clock(&self, number: i64) -> Time {
        let steps = match self.load.clock_jumps {
            true => number / CLOCK_STEP_EVERY,
            false => 0,
        };
        let jump = [0, HOUR_US, 0, -HOUR_US][usize::try_from(steps % 4).unwrap_or(0)];
        Time(1_700_000_000_000_000 + number * 1_000 + jump)
    }

    fn event(&self, number: i64) -> MovementEvent {
        let id = EventId::of_prehash(&number.to_string());
        MovementEvent {
            id,
            read_point: read_point(number, self.load.read_points),
            at: self.clock(number),
            uncertainty: Default::default(),
            json: payload(number, &id.to_string()),
            summary: String::new(),
            eyes: tracegate_pipeline::eyes::Says::Nothing,
            incomplete: false,
        }
    }

    fn row<'a>(&self, number: i64, event: &'a MovementEvent) -> NewRow<'a> {
        let stream = match is_telemetry(&self.load, number) {
            true => Stream::NonEvent,
            false => Stream::Movement,
        };
        NewRow {
            stream,
            ..event.into()
        }
    }

    async fn serve(&mut self, request: Request) -> anyhow::Result<()> {
        if let Request::SetAside {
            seq,
            reason,
            attempts,
            done,
        } = request
        {
            tell("aside", seq);
            let at = self.clock(seq);
            let set_aside = self.store.set_aside(seq, &reason, attempts, at).await;
            let _ = done.send(set_aside.is_ok());
            set_aside?;
        }
        Ok(())
    }

    async fn finish(mut self) -> anyhow::Result<()> {
        let dead = self.store.figures().await?.dead_letters;
        self.stop.cancel();
        self.forwarder.await?;
        let ends = self.health.counters().broker_disconnects.get();
        tell("disconnects", i64::try_from(ends)?);
        let resent = self.health.counters().resent.get();
        tell("resent", i64::try_from(resent)?);
        tell("dead", i64::try_from(dead)?);
        self.store.close().await?;
        Ok(())
    }
}

/// Whether an event is one of the other stream.
pub fn is_telemetry(load: &Load, number: i64) -> bool {
    load.telemetry && number % load.read_points.max(1) == 0
}

/// Where an event happens.
pub fn read_point(number: i64, read_points: i64) -> String {
    format!("line_{}", number % read_points.max(1))
}

/// An event of a kilobyte, each another.
pub fn payload(number: i64, id: &str) -> String {
    let filler = format!("{number:010}").repeat(85);
    format!(
        "{{\"type\":\"ObjectEvent\",\"eventID\":\"{id}\",\"number\":{number},\"filler\":\"{filler}\"}}"
    )
}
