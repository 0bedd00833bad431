//! The one task that owns the pipeline and the buffer's writing side.
//!
//! Inputs come in batches; the pipeline takes them in memory, then the batch and its events are committed together, and
//! only then anybody hears of it: the forwarder, the operator. When a commit fails the batch is kept and tried again;
//! until then nothing more is taken in, sources hold back, and acknowledged events still leave the outbox.
//!
//! Invariant: from a batch that was not committed nothing follows. When the gateway stops with one, the core ends there:
//! the pipeline in memory is then ahead of the journal and must not be stored, answered for or fed any further.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::input::{DeviceIndex, MovementEvent, ScanVerdict, VerdictKind};
use tracegate_pipeline::stats::Stats;
use tracegate_pipeline::{Input, Output, Pipeline};
use tracing::{debug, error, info, trace, warn};

use crate::buffer::{BufferError, Request, Store, Trouble};
use crate::clock::GatewayClock;
use crate::health::{Beat, BufferLevel, Health};

/// Inputs per commit at most, and how long the first waits for company.
const BATCH: (usize, Duration) = (128, Duration::from_millis(10));
/// Tag reads per commit, about: an overfull queue must not become one huge row.
const BATCH_READS: usize = 4_096;
/// Between attempts to replace a damaged file.
const REPAIR_EVERY: Duration = Duration::from_secs(60);
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
    /// A movement of a read point that the reader looks at was stored.
    Movement,
}

/// What the core shares with the rest.
#[derive(Debug)]
pub struct Wiring {
    /// From the sources; ends when all of them have.
    pub inputs: mpsc::Receiver<Input>,
    /// To scanners and readers.
    pub feedback: BTreeMap<DeviceIndex, mpsc::Sender<Feedback>>,
    /// To the forwarder: newest committed sequence number.
    pub committed: watch::Sender<i64>,
    /// From the forwarder: newest acknowledged sequence number.
    pub acknowledged: watch::Receiver<i64>,
    /// From the forwarder: events that cannot be sent.
    pub requests: mpsc::Receiver<Request>,
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
    // The forwarder may still acknowledge something.
    acknowledging: bool,
    // Everything up to here has left the outbox.
    forgotten: i64,
    // The last attempt went wrong, and was told.
    forget_fails: bool,
    trim_fails: bool,
    prune_fails: bool,
    // When the buffer's level was last told.
    measured: Option<Instant>,
    // The file turned out to be damaged; and when it was last repaired.
    damaged: bool,
    repaired: Option<Instant>,
}

impl Core {
    /// A core that goes on from where the buffer was left.
    #[must_use]
    pub fn new(store: Store, pipeline: Pipeline, wiring: Wiring) -> Self {
        let (seen, forgotten) = (pipeline.stats().clone(), store.sent());
        wiring.health.counters().waiting.set(store.waiting());
        Self {
            store,
            pipeline,
            wiring,
            seen,
            acknowledging: true,
            forgotten,
            forget_fails: false,
            trim_fails: false,
            prune_fails: false,
            measured: None,
            damaged: false,
            repaired: None,
        }
    }

    /// Takes the first inputs (configuration, start) and then runs until stopped. Returns the store for closing.
    pub async fn run(mut self, first: Vec<Input>) -> Store {
        let mut running = self.take(first).await;
        let mut open = true;
        while running {
            self.wiring.beat.touch();
            self.measure().await;
            self.repair().await;
            let tick = self
                .pipeline
                .next_tick()
                .map(|at| Instant::from_std(self.wiring.clock.instant(at)));
            let wake = Instant::now() + WAKE;
            tokio::select! {
                input = self.wiring.inputs.recv(), if open => match input {
                    Some(input) => {
                        let batch = self.gather(input).await;
                        running = self.take(batch).await;
                    }
                    None => open = false,
                },
                changed = self.wiring.acknowledged.changed(), if self.acknowledging => {
                    self.acknowledging = changed.is_ok();
                    self.forget().await;
                }
                Some(request) = self.wiring.requests.recv() => self.serve(request).await,
                () = sleep_until(tick.unwrap_or(wake).min(wake)) => {
                    self.forget().await;
                    if tick.is_some_and(|tick| tick <= Instant::now()) {
                        let at = self.wiring.clock.now();
                        running = self.take(vec![Input::Tick { at }]).await;
                    }
                }
                () = self.wiring.stop.cancelled(), if !open => running = false,
            }
        }
        self.forget().await;
        self.store
    }

    /// Waits a little for company, so that one commit serves many.
    async fn gather(&mut self, first: Input) -> Vec<Input> {
        let (mut reads, mut batch) = (read_count(&first), vec![first]);
        let deadline = Instant::now() + BATCH.1;
        while batch.len() < BATCH.0 && reads < BATCH_READS {
            match tokio::time::timeout_at(deadline, self.wiring.inputs.recv()).await {
                Ok(Some(input)) => {
                    reads += read_count(&input);
                    batch.push(input);
                }
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }

    /// Takes a batch and stores what comes of it; false when the gateway stops before it could be stored.
    async fn take(&mut self, batch: Vec<Input>) -> bool {
        let (mut events, mut verdicts) = (Vec::new(), Vec::new());
        for input in &batch {
            let outputs = self.pipeline.handle(input.clone());
            for output in outputs {
                match output {
                    Output::Event(event) => events.push(*event),
                    Output::Verdict(verdict) => verdicts.push(verdict),
                    Output::NonEvent(load) => {
                        let (read_point, reason) = (&load.read_point, load.reason.as_str());
                        info!(read_point, reason, count = load.tags, "Load not booked");
                    }
                    Output::ClockStepped { device, by, .. } => {
                        let (reader, seconds) = (self.device_name(device), by.seconds());
                        warn!(reader, seconds, "The reader's clock was set back");
                        self.wiring.health.clock_stepped(reader, by.into());
                    }
                }
            }
        }
        if !self.commit(&batch, &events).await {
            return false;
        }
        self.count();
        for event in &events {
            let uncertainty_ms = event.uncertainty.0 / 1000;
            info!(event_id = %event.id, read_point = event.read_point, uncertainty_ms, "{}", event.summary);
        }
        self.wiring.committed.send_replace(self.store.last_seq());
        for event in &events {
            self.show(event);
        }
        for verdict in verdicts {
            self.answer(&verdict);
        }
        let trimmed = self.store.trim(&self.pipeline).await;
        self.damaged |= is_damage(&trimmed);
        tell_once(&mut self.trim_fails, trimmed, "Journal not trimmed yet");
        true
    }

    /// Stores the batch, however long it takes; false when the gateway stops before that.
    async fn commit(&mut self, batch: &[Input], events: &[MovementEvent]) -> bool {
        let mut last_attempt = false;
        loop {
            let Err(error) = self
                .store
                .commit(batch, events, self.wiring.clock.now())
                .await
            else {
                if self.wiring.health.storing(None) {
                    info!("The buffer takes events again");
                }
                if self.store.is_being_replaced() {
                    // It went to the new file, whose epoch has to be known before it is sent.
                    self.repair().await;
                }
                return true;
            };
            self.problem(&error);
            self.wiring.beat.touch();
            if last_attempt {
                // Nobody was told that these were accepted: readers hold their reports, operators scan again.
                let count = batch.len() + self.wiring.inputs.len();
                error!(count, "Stopped with inputs that could not be stored");
                return false;
            }
            tokio::select! {
                changed = self.wiring.acknowledged.changed(), if self.acknowledging => {
                    self.acknowledging = changed.is_ok();
                }
                Some(request) = self.wiring.requests.recv() => self.serve(request).await,
                () = sleep(RETRY) => {}
                () = self.wiring.stop.cancelled() => {}
            }
            self.repair().await;
            last_attempt = self.wiring.stop.is_cancelled();
            self.forget().await;
            self.measure().await;
        }
    }

    /// Does what the forwarder asks for.
    async fn serve(&mut self, request: Request) {
        match request {
            Request::SetAside {
                seq,
                reason,
                attempts,
                done,
            } => {
                let at = self.wiring.clock.now();
                let outcome = self.store.set_aside(seq, &reason, attempts, at).await;
                if outcome.is_ok() {
                    error!(
                        seq,
                        reason,
                        attempts,
                        "Event set aside: it cannot be sent; see tracegate buffer list"
                    );
                    self.wiring.health.counters().dead_letters.add(1);
                    self.forgotten = self.forgotten.max(seq);
                }
                self.damaged |= is_damage(&outcome);
                // A forwarder that has lost its connection meanwhile looks for itself.
                let _ = done.send(outcome.is_ok());
                tell_once(&mut self.forget_fails, outcome, "Event not set aside yet");
                let waiting = self.store.waiting();
                self.wiring.health.counters().waiting.set(waiting);
            }
            Request::Damaged { epoch } => self.damaged |= epoch == self.store.epoch(),
        }
    }

    /// Replaces the file if it is damaged, but not all the time: a disk that damages every file is beyond help from here.
    async fn repair(&mut self) {
        let pause = self.repaired.is_some_and(|at| at.elapsed() < REPAIR_EVERY);
        // Nothing is stored between the making of the new file and its taking the old one's place.
        let half_done = self.store.is_being_replaced();
        if !half_done && (!self.damaged || pause) {
            return;
        }
        self.repaired = Some(Instant::now());
        // What was acknowledged before this run is told by where the outbox begins.
        let mark = (self.forgotten > 0).then_some(self.forgotten);
        let beat = self.wiring.beat.clone();
        warn!("The buffer's file is damaged; saving what can be read");
        match self.store.repair(mark, &|| beat.touch()).await {
            Ok(damage) => {
                self.damaged = false;
                let text = damage.to_string();
                error!("{text}");
                self.wiring.health.buffer_replaced(self.store.epoch(), text);
                self.measured = None;
            }
            Err(error) => self.problem(&error),
        }
    }

    /// Deletes what the broker has; what fails is tried again with the next wake.
    async fn forget(&mut self) {
        let mark = *self.wiring.acknowledged.borrow_and_update();
        if mark <= self.forgotten {
            return;
        }
        let deleted = self.store.acknowledged(mark).await;
        self.damaged |= is_damage(&deleted);
        if let Ok(count) = deleted {
            trace!(count, seq = mark, "Acknowledged events left the outbox");
            self.forgotten = mark;
        }
        // Killed before that, they are sent again, with the same ids.
        let what = "Acknowledged events not deleted yet";
        tell_once(&mut self.forget_fails, deleted.map(drop), what);
        self.wiring
            .health
            .counters()
            .waiting
            .set(self.store.waiting());
    }

    /// Tells how full the buffer is, from time to time.
    async fn measure(&mut self) {
        if self.measured.is_some_and(|at| at.elapsed() < WAKE) {
            return;
        }
        self.measured = Some(Instant::now());
        let pruned = self.store.prune(self.wiring.clock.now()).await;
        self.damaged |= is_damage(&pruned);
        tell_once(&mut self.prune_fails, pruned, "Kept events not deleted yet");
        let figures = self.store.figures().await;
        self.damaged |= is_damage(&figures);
        // What else fails here fails elsewhere too, and is told there.
        let Ok(figures) = figures else { return };
        let age_us = figures
            .oldest
            .map_or(0, |oldest| self.wiring.clock.now().micros_since(oldest));
        let counters = self.wiring.health.counters();
        counters.waiting.set(figures.waiting);
        counters.dead_letters.set(figures.dead_letters);
        counters.kept.set(figures.kept.map_or(0, |(_, kept)| kept));
        self.wiring
            .health
            .kept_from(figures.kept.map(|(first, _)| first));
        self.wiring.health.buffer(BufferLevel {
            bytes: figures.bytes,
            percent: figures.bytes.saturating_mul(100) / figures.max_bytes.max(1),
            oldest_s: u64::try_from(age_us / 1_000_000).unwrap_or(0),
        });
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

    /// Tells the readers that look at the read point; one that has not shown the last movements yet need not know.
    fn show(&self, event: &MovementEvent) {
        let read_points = &self.pipeline.config().read_points;
        let found = read_points.iter().find(|it| it.name == event.read_point);
        let Some(ReadPointKind::Gate(gate)) = found.map(|read_point| &read_point.kind) else {
            return;
        };
        let devices: BTreeSet<DeviceIndex> = gate.antennas.iter().map(|it| it.device).collect();
        for reader in devices.iter().filter_map(|it| self.wiring.feedback.get(it)) {
            let _ = reader.try_send(Feedback::Movement);
        }
    }

    fn device_name(&self, device: DeviceIndex) -> &str {
        self.pipeline
            .config()
            .devices
            .get(usize::from(device))
            .map_or("?", String::as_str)
    }

    fn problem(&mut self, error: &BufferError) {
        self.damaged |= error.trouble() == Trouble::Damaged;
        let text = crate::error_chain(error);
        self.wiring.health.counters().commit_failures.add(1);
        let text = match (error, error.trouble()) {
            (BufferError::Database { .. }, Trouble::Full) => {
                format!("{text} (the buffer or its disk is full)")
            }
            (_, Trouble::Disk) => format!(
                "{text} (the buffer's disk fails or is read-only; the kernel's log, dmesg, tells more; it is tried again all the time)"
            ),
            _ => text,
        };
        if self.wiring.health.storing(Some(text.clone())) {
            error!(error = text, "Nothing can be stored; sources wait");
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
        let mismatches = now.sensor_mismatches - seen.sensor_mismatches;
        counters.sensor_reads_failed.add(mismatches);
        counters.clock_steps.add(now.clock_steps - seen.clock_steps);
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

fn is_damage<T>(outcome: &Result<T, BufferError>) -> bool {
    matches!(outcome, Err(error) if error.trouble() == Trouble::Damaged)
}

fn read_count(input: &Input) -> usize {
    match input {
        Input::Reads { reads, .. } => reads.len(),
        _ => 0,
    }
}

/// Logs the first of a row of failures, and their end. Nothing is lost by them: the same is tried again.
fn tell_once(fails: &mut bool, outcome: Result<(), BufferError>, what: &'static str) {
    let failed = outcome.is_err();
    match outcome {
        Err(error) if !*fails => {
            warn!(error = crate::error_chain(&error), "{what}; trying again");
        }
        Ok(()) if *fails => info!("No longer: {what}"),
        _ => {}
    }
    *fails = failed;
}
