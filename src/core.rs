//! The one task that owns the pipeline and the buffer's writing side.
//!
//! Inputs come in batches; the pipeline takes them in memory, then the batch and its events are committed together, and
//! only then anybody hears of it: the forwarder, the operator. When a commit fails the batch is kept and tried again;
//! until then nothing more is taken in, sources hold back, and acknowledged events still leave the outbox.
//!
//! Reads and ticks of which nothing came wait for company: [`Store::defer`].
//!
//! Invariant: from a batch that was not committed nothing follows. When the gateway stops with one, the core ends there:
//! the pipeline in memory is then ahead of the journal and must not be stored, answered for or fed any further.

mod answer;
mod audit;
mod count;
mod measure;
mod show;
mod storing;
#[cfg(test)]
mod tests;
mod wall;
mod wiring;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracegate_pipeline::input::{DeviceIndex, NonEventReason};
use tracegate_pipeline::stats::Stats;
use tracegate_pipeline::{Input, Output, Pipeline, Time};
use tracing::{debug, error, info, trace, warn};

use crate::buffer::{BufferError, NewRow, Request, Store, Trouble};
use crate::failpoint::Failpoint;
use crate::health::Code;
use crate::logs;
use crate::telemetry;

pub use answer::{Feedback, LightSwitch, Told};
use audit::{Said, Word};
use measure::tell_once;
pub use storing::DiskFailed;
use storing::Ended;
pub use wiring::{Change, Wiring};

/// Inputs per commit at most, and how long the first waits for company.
const BATCH: (usize, Duration) = (128, Duration::from_millis(10));
/// Tag reads per commit, about: an overfull queue must not become one huge row.
const BATCH_READS: usize = 4_096;
/// The loop wakes at least this often, for the watchdog.
const WAKE: Duration = Duration::from_secs(5);

/// The core: see the module documentation.
#[derive(Debug)]
pub struct Core {
    store: Store,
    pipeline: Pipeline,
    wiring: Wiring,
    // SHA-256 of the configuration.
    digest: Arc<str>,
    // What is counted before a configuration change stays counted.
    seen: Stats,
    // The forwarder may still acknowledge something.
    acknowledging: bool,
    // Acknowledged events leave the outbox then, unless a commit takes them along before.
    forget_at: Option<Instant>,
    // The last attempt went wrong, and was told.
    forget_fails: bool,
    trim_fails: bool,
    prune_fails: bool,
    // When the buffer's level was last told.
    measured: Option<Instant>,
    // So much telemetry had been dropped when that was last told.
    telemetry_dropped: u64,
    // When something at a station is given up, as far as was told.
    stand_until: Option<Time>,
    // When the wall clock was last looked at.
    looked: Option<Instant>,
    // The file turned out to be damaged; and when it was last repaired.
    damaged: bool,
    repaired: Option<Instant>,
    // The disk failed with every attempt since.
    failing: Option<Instant>,
}

impl Core {
    /// A core that goes on from where the buffer was left.
    #[must_use]
    pub fn new(store: Store, pipeline: Pipeline, wiring: Wiring) -> Self {
        let seen = pipeline.stats().clone();
        wiring.health.counters().waiting.set(store.waiting());
        let mut core = Self {
            store,
            pipeline,
            wiring,
            digest: Arc::default(),
            seen,
            acknowledging: true,
            forget_at: None,
            forget_fails: false,
            trim_fails: false,
            prune_fails: false,
            measured: None,
            telemetry_dropped: 0,
            stand_until: None,
            looked: None,
            damaged: false,
            repaired: None,
            failing: None,
        };
        core.configured();
        core
    }

    /// What is made of a configuration, once.
    fn configured(&mut self) {
        let config = self.pipeline.config();
        self.digest = audit::digest_of(config);
        self.wiring.known.configure(config);
    }

    /// Takes the first inputs (configuration, start) and then runs until stopped. Returns the store for closing.
    ///
    /// # Errors
    /// The disk has failed for too long.
    pub async fn run(mut self, first: Vec<Input>) -> Result<Store, DiskFailed> {
        let complete = match self.serve_all(first).await {
            Err(Ended::DiskFailed(failed)) => return Err(failed),
            Err(Ended::Stopped) => false,
            Ok(()) => true,
        };
        self.forget().await;
        if complete && self.store.due().is_some() {
            // If not, the next start finds them where they wait.
            let now = self.wiring.clock.now();
            if let Err(error) = self.store.commit(&[], &[], now).await {
                warn!(
                    code = logs::READS_NOT_COMMITTED,
                    error = crate::error_chain(&error),
                    "Newest reads not committed; they are kept beside the buffer"
                );
            }
        }
        Ok(self.store)
    }

    async fn serve_all(&mut self, first: Vec<Input>) -> Result<(), Ended> {
        self.take(first).await?;
        let mut open = true;
        loop {
            self.wiring.beat.touch();
            self.measure().await;
            self.repair().await;
            if let Some(input) = self.wall() {
                self.take(vec![input]).await?;
                continue;
            }
            let tick = self
                .pipeline
                .next_tick()
                .map(|at| Instant::from_std(self.wiring.clock.instant(at)));
            let wake = Instant::now() + WAKE;
            let forget = self.forget_at.unwrap_or(wake).min(wake);
            let due = self
                .store
                .due()
                .map(|at| Instant::from_std(self.wiring.clock.instant(at)));
            let next = [tick, due].into_iter().flatten().fold(forget, Instant::min);
            tokio::select! {
                input = self.wiring.inputs.recv(), if open => match input {
                    Some(input) => {
                        let batch = self.gather(input).await;
                        self.take(batch).await?;
                    }
                    None => open = false,
                },
                changed = self.wiring.acknowledged.changed(), if self.acknowledging => {
                    self.acknowledging = changed.is_ok();
                    self.forget_at.get_or_insert_with(|| Instant::now() + BATCH.1);
                }
                Some(request) = self.wiring.requests.recv() => self.serve(request).await,
                Some(change) = self.wiring.changes.recv() => self.change(change).await?,
                () = self.wiring.tap.asked() => self.wiring.tap.tell(&self.pipeline),
                () = sleep_until(next) => {
                    self.forget().await;
                    if tick.is_some_and(|tick| tick <= Instant::now()) {
                        let at = self.wiring.clock.now();
                        self.take(vec![Input::Tick { at }]).await?;
                    } else if due.is_some_and(|due| due <= Instant::now()) {
                        self.take(Vec::new()).await?;
                    }
                }
                () = self.wiring.stop.cancelled(), if !open => return Ok(()),
            }
        }
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

    /// Takes a batch and stores what comes of it; fails when the gateway stops before it could be stored.
    async fn take(&mut self, mut batch: Vec<Input>) -> Result<(), Ended> {
        let (mut events, mut said) = (Vec::new(), Vec::new());
        let (mut refused, mut learned) = (Vec::new(), Vec::new());
        // In this order they are stored, however inputs come together in batches.
        let mut is_movement = Vec::new();
        let looked = self.wiring.known.look(&self.pipeline, &batch).await;
        // Not the time of this moment: nothing in the batch may seem to have arrived later than it did.
        let first = batch.iter().find_map(Input::at);
        let at = first.unwrap_or_else(|| self.pipeline.now());
        if let Some(input) = looked.into_input(at) {
            batch.insert(0, input);
        }
        let mut ends = Vec::with_capacity(batch.len());
        self.pipeline.trace(self.wiring.tap.is_followed());
        for input in &batch {
            let outputs = self.pipeline.handle(input.clone());
            if let Input::Configure(_) = input {
                self.configured();
            }
            let say = |word| Said {
                word,
                input: ends.len(),
                at: input.at(),
                config: self.digest.clone(),
            };
            for output in outputs {
                match output {
                    Output::Event(event) => {
                        events.push(*event);
                        is_movement.push(true);
                    }
                    Output::Verdict(verdict) => said.push(say(Word::Verdict(verdict))),
                    Output::Learned(fact) => learned.push(fact),
                    Output::Alert(alert) => said.push(say(Word::Alert(alert))),
                    Output::NonEvent(load) => {
                        let (read_point, reason) = (&load.read_point, load.reason.as_str());
                        if load.reason == NonEventReason::Untagged {
                            debug!(read_point, "Something passed without a tag");
                        } else {
                            info!(read_point, reason, count = load.tags, "Load not booked");
                        }
                        refused.push(load);
                        is_movement.push(false);
                    }
                    Output::ClockStepped { device, by, .. } => {
                        let (reader, seconds) = (self.device_name(device), by.seconds());
                        warn!(
                            code = Code::ReaderClock.as_str(),
                            reader, seconds, "The reader's clock was set back"
                        );
                        self.wiring.health.clock_stepped(reader, by.into());
                    }
                }
            }
            ends.push(events.len());
        }
        if !said.is_empty() {
            self.record(&said, &batch, (&events, &ends));
        }
        // Before the scan counts as accepted: what a label says is true whether or not it does.
        let now = self.wiring.clock.now();
        self.wiring.known.learn(learned, now).await;
        let (mut movements, mut loads) = (events.iter(), refused.iter());
        let (config, tells) = (self.pipeline.config(), self.wiring.non_events);
        let rows = is_movement.into_iter().filter_map(|is_movement| {
            if is_movement {
                return movements.next().map(NewRow::from);
            }
            let load = loads.next().filter(|_| tells)?;
            Some(telemetry::non_event(load, config))
        });
        let rows: Vec<NewRow<'_>> = rows.collect();
        let is_quiet = rows.is_empty() && said.is_empty();
        let can_wait = is_quiet && !batch.is_empty();
        let deferred = can_wait
            && batch.iter().all(may_wait)
            && self.store.defer(&batch, self.wiring.clock.now());
        if !deferred {
            self.commit(&batch, &rows).await?;
        }
        self.tell_stored(&batch);
        self.count();
        self.figure(&events, &refused, &said);
        for event in &events {
            let uncertainty_ms = event.uncertainty.0 / 1000;
            info!(event_id = %event.id, read_point = event.read_point, uncertainty_ms, "{}", event.summary);
        }
        self.wiring.committed.send_replace(self.store.last_seq());
        self.refuse(said.iter().filter_map(Said::alert));
        for event in &events {
            self.show(event);
        }
        for said in &said {
            if let Some(verdict) = said.verdict() {
                self.answer(verdict, said.at);
            }
        }
        let is_configured = batch.iter().any(|it| matches!(it, Input::Configure(_)));
        self.tell_stations(&said, is_configured);
        self.hand_on(batch, events, refused, said);
        let trimmed = self.store.trim(&self.pipeline).await;
        self.damaged |= is_damage(&trimmed);
        tell_once(&mut self.trim_fails, trimmed, "Journal not trimmed yet");
        Ok(())
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
                        code = Code::EventsSetAside.as_str(),
                        seq,
                        reason,
                        attempts,
                        "Event set aside: it cannot be sent; see tracegate buffer list"
                    );
                    self.wiring.health.counters().dead_letters.add(1);
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

    /// Deletes what the broker has; what fails is tried again with the next wake.
    async fn forget(&mut self) {
        let mark = *self.wiring.acknowledged.borrow_and_update();
        self.forget_at = None;
        if mark <= self.store.forgotten() {
            return;
        }
        Failpoint::BeforeDelete.pass();
        let deleted = self.store.acknowledged(mark).await;
        Failpoint::AfterDelete.pass();
        self.damaged |= is_damage(&deleted);
        if let Ok(count) = deleted {
            trace!(count, seq = mark, "Acknowledged events left the outbox");
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

    fn device_name(&self, device: DeviceIndex) -> &str {
        self.pipeline
            .config()
            .devices
            .get(usize::from(device))
            .map_or("?", String::as_str)
    }
}

fn is_damage<T>(outcome: &Result<T, BufferError>) -> bool {
    matches!(outcome, Err(error) if error.trouble() == Trouble::Damaged)
}

/// Nobody waits to hear that these are stored.
const fn may_wait(input: &Input) -> bool {
    matches!(
        input,
        Input::Reads { .. } | Input::Tick { .. } | Input::Gpi { .. }
    )
}

fn read_count(input: &Input) -> usize {
    match input {
        Input::Reads { reads, .. } => reads.len(),
        _ => 0,
    }
}
