//! The one task that owns the pipeline and the buffer's writing side.
//!
//! Inputs come in batches; the pipeline takes them in memory, then the batch and its events are committed together, and
//! only then anybody hears of it: the forwarder, the operator. When a commit fails the batch is kept and tried again;
//! until then nothing more is taken in, sources hold back, and acknowledged events still leave the outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::input::{DeviceIndex, MovementEvent, ScanVerdict, VerdictKind};
use tracegate_pipeline::stats::Stats;
use tracegate_pipeline::{Input, Output, Pipeline};
use tracing::{debug, error, info, trace, warn};

use crate::buffer::{BufferError, Store};
use crate::clock::GatewayClock;
use crate::health::{Beat, Health};

/// Inputs per commit at most, and how long the first waits for company.
const BATCH: (usize, Duration) = (128, Duration::from_millis(10));
/// Between attempts to commit.
const RETRY: Duration = Duration::from_secs(1);
/// The loop wakes at least this often, for the watchdog.
const WAKE: Duration = Duration::from_secs(5);

/// The operator's answer to a scan, sent once the scan is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// Stored, now or before.
    Accept,
    /// Not booked.
    Refuse,
}

/// What the core shares with the rest.
#[derive(Debug)]
pub struct Wiring {
    /// From the sources; ends when all of them have.
    pub inputs: mpsc::Receiver<Input>,
    /// To the scanners.
    pub feedback: BTreeMap<DeviceIndex, mpsc::Sender<Feedback>>,
    /// To the forwarder: newest committed sequence number.
    pub committed: watch::Sender<i64>,
    /// From the forwarder: newest acknowledged sequence number.
    pub acknowledged: watch::Receiver<i64>,
    /// Time.
    pub clock: GatewayClock,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the core after the forwarder's last acknowledgement.
    pub stop: CancellationToken,
}

/// The core: see the module documentation.
#[derive(Debug)]
pub struct Core {
    store: Store,
    pipeline: Pipeline,
    wiring: Wiring,
    // What is counted before a configuration change stays counted.
    seen: Stats,
}

impl Core {
    /// A core that goes on from where the buffer was left.
    #[must_use]
    pub fn new(store: Store, pipeline: Pipeline, wiring: Wiring) -> Self {
        let seen = pipeline.stats().clone();
        wiring.health.counters().waiting.set(store.waiting());
        Self {
            store,
            pipeline,
            wiring,
            seen,
        }
    }

    /// Takes the first inputs (configuration, start) and then runs until stopped. Returns the store for closing.
    pub async fn run(mut self, first: Vec<Input>) -> Store {
        self.take(first).await;
        let (mut open, mut acknowledging) = (true, true);
        loop {
            self.wiring.beat.touch();
            let tick = self
                .pipeline
                .next_tick()
                .map(|at| Instant::from_std(self.wiring.clock.instant(at)));
            let wake = Instant::now() + WAKE;
            tokio::select! {
                input = self.wiring.inputs.recv(), if open => match input {
                    Some(input) => {
                        let batch = self.gather(input).await;
                        self.take(batch).await;
                    }
                    None => open = false,
                },
                changed = self.wiring.acknowledged.changed(), if acknowledging => {
                    acknowledging = changed.is_ok();
                    self.forget().await;
                }
                () = sleep_until(tick.unwrap_or(wake).min(wake)) => {
                    if tick.is_some_and(|tick| tick <= Instant::now()) {
                        let at = self.wiring.clock.now();
                        self.take(vec![Input::Tick { at }]).await;
                    }
                }
                () = self.wiring.stop.cancelled(), if !open => break,
            }
        }
        self.forget().await;
        self.store
    }

    /// Waits a little for company, so that one commit serves many.
    async fn gather(&mut self, first: Input) -> Vec<Input> {
        let mut batch = vec![first];
        let deadline = Instant::now() + BATCH.1;
        while batch.len() < BATCH.0 {
            match tokio::time::timeout_at(deadline, self.wiring.inputs.recv()).await {
                Ok(Some(input)) => batch.push(input),
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }

    async fn take(&mut self, batch: Vec<Input>) {
        let (mut events, mut verdicts) = (Vec::new(), Vec::new());
        for input in &batch {
            for output in self.pipeline.handle(input.clone()) {
                match output {
                    Output::Event(event) => events.push(*event),
                    Output::Verdict(verdict) => verdicts.push(verdict),
                    Output::NonEvent(load) => {
                        let (read_point, reason) = (&load.read_point, load.reason.as_str());
                        info!(read_point, reason, count = load.tags, "Load not booked");
                    }
                }
            }
        }
        self.commit(&batch, &events).await;
        self.count();
        for event in &events {
            info!(event_id = %event.id, read_point = event.read_point, "{}", event.summary);
        }
        self.wiring.committed.send_replace(self.store.last_seq());
        for verdict in verdicts {
            self.answer(&verdict);
        }
        if let Err(error) = self.store.trim(&self.pipeline).await {
            self.problem(
                &error,
                "Journal not trimmed; trying again with the next batch",
            );
        }
    }

    /// Stores the batch, however long it takes.
    async fn commit(&mut self, batch: &[Input], events: &[MovementEvent]) {
        loop {
            let Err(error) = self
                .store
                .commit(batch, events, self.wiring.clock.now())
                .await
            else {
                if self.wiring.health.storing(None) {
                    info!("The buffer takes events again");
                }
                return;
            };
            self.problem(&error, "Nothing can be stored; sources wait");
            self.wiring.beat.touch();
            if let Ok(Ok(())) = timeout(RETRY, self.wiring.acknowledged.changed()).await {
                self.forget().await;
            } else {
                sleep(RETRY / 10).await;
            }
            if self.wiring.stop.is_cancelled() {
                // Nobody was told that these were accepted: readers hold their reports, operators scan again.
                error!(
                    count = batch.len(),
                    "Stopped with inputs that could not be stored"
                );
                return;
            }
        }
    }

    async fn forget(&mut self) {
        let mark = *self.wiring.acknowledged.borrow_and_update();
        match self.store.acknowledged(mark).await {
            Ok(count) => trace!(count, seq = mark, "Acknowledged events left the outbox"),
            // They are sent again after a restart, with the same ids.
            Err(error) => self.problem(&error, "Acknowledged events not deleted yet"),
        }
        self.wiring
            .health
            .counters()
            .waiting
            .set(self.store.waiting());
    }

    fn answer(&self, verdict: &ScanVerdict) {
        let feedback = match &verdict.kind {
            VerdictKind::Accepted | VerdictKind::Duplicate => Feedback::Accept,
            VerdictKind::Refused(reason) => {
                warn!(
                    scanner = self.device_name(verdict.device),
                    reason, "Scan refused"
                );
                Feedback::Refuse
            }
        };
        if let Some(scanner) = self.wiring.feedback.get(&verdict.device)
            && scanner.try_send(feedback).is_err()
        {
            debug!(
                scanner = self.device_name(verdict.device),
                "Scanner gone before its answer"
            );
        }
    }

    fn device_name(&self, device: DeviceIndex) -> &str {
        self.pipeline
            .config()
            .devices
            .get(usize::from(device))
            .map_or("?", String::as_str)
    }

    fn problem(&self, error: &BufferError, what: &'static str) {
        let text = crate::error_chain(error);
        self.wiring.health.counters().commit_failures.add(1);
        let text = if error.is_full() {
            format!("{text} (the buffer or its disk is full)")
        } else {
            text
        };
        if self.wiring.health.storing(Some(text.clone())) {
            error!(error = text, "{what}");
        }
    }

    fn count(&mut self) {
        let (now, counters) = (self.pipeline.stats(), self.wiring.health.counters());
        let seen = &mut self.seen;
        counters.reads.add(now.reads - seen.reads);
        counters.reads_weak.add(now.weak - seen.weak);
        counters.reads_ignored.add(now.ignored - seen.ignored);
        counters
            .reads_unassigned
            .add(now.unassigned - seen.unassigned);
        counters.reads_late.add(now.late - seen.late);
        counters.events.add(now.events - seen.events);
        let non_events = |stats: &Stats| stats.non_events.values().sum::<u64>();
        counters.non_events.add(non_events(now) - non_events(seen));
        let [accepted, repeated, refused] = now.scans;
        let [was_accepted, was_repeated, was_refused] = seen.scans;
        counters
            .scans
            .add(accepted + repeated + refused - was_accepted - was_repeated - was_refused);
        counters.scans_repeated.add(repeated - was_repeated);
        counters.scans_refused.add(refused - was_refused);
        counters.capped.set(now.capped);
        counters.waiting.set(self.store.waiting());
        let (tags, buffered) = self.pipeline.sizes();
        counters.tags.set(tags as u64);
        counters.reads_buffered.set(buffered as u64);
        *seen = now.clone();
    }
}
