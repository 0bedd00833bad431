//! Storing a batch, however long it takes: what is tried again, what is repaired, and when it is given up.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracegate_pipeline::Input;
use tracing::{error, info, warn};

use super::Core;
use crate::buffer::{BufferError, NewRow, Trouble};
use crate::failpoint::Failpoint;
use crate::health::Code;
use crate::logs;

/// Between attempts to replace a damaged file.
const REPAIR_EVERY: Duration = Duration::from_secs(60);
/// Between attempts to commit.
const RETRY: Duration = Duration::from_secs(1);

/// The disk has failed for too long.
#[derive(Debug, thiserror::Error)]
#[error("the buffer's disk has failed for {after:?}; nothing could be stored")]
pub struct DiskFailed {
    /// For how long.
    pub after: Duration,
    /// What it said last.
    #[source]
    pub source: BufferError,
}

/// Why a batch could not be stored.
#[derive(Debug)]
pub(super) enum Ended {
    Stopped,
    DiskFailed(DiskFailed),
}

impl Core {
    /// Stores the batch, however long it takes; fails when the gateway stops before that.
    pub(super) async fn commit(
        &mut self,
        batch: &[Input],
        rows: &[NewRow<'_>],
    ) -> Result<(), Ended> {
        let mut last_attempt = false;
        let acknowledged = *self.wiring.acknowledged.borrow_and_update();
        self.store.acknowledge(acknowledged);
        self.forget_at = None;
        loop {
            Failpoint::BeforeCommit.pass();
            let Err(error) = self
                .store
                .commit_rows(batch, rows, self.wiring.clock.now())
                .await
            else {
                Failpoint::AfterCommit.pass();
                if self.wiring.health.storing(None) {
                    info!(
                        code = Code::StorageFailed.as_str(),
                        "The buffer takes events again"
                    );
                }
                if self.store.forgotten() < acknowledged {
                    self.forget_at = Some(Instant::now());
                }
                if self.store.is_being_replaced() {
                    // It went to the new file, whose epoch has to be known before it is sent.
                    self.repair().await;
                }
                self.failing = None;
                return Ok(());
            };
            self.problem(&error);
            self.give_up(error)?;
            self.wiring.beat.touch();
            if last_attempt {
                // Nobody was told that these were accepted: readers hold their reports, operators scan again.
                let count = batch.len() + self.wiring.inputs.len();
                error!(
                    code = logs::INPUTS_LOST_AT_STOP,
                    count, "Stopped with inputs that could not be stored"
                );
                return Err(Ended::Stopped);
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

    /// Fails when the disk has failed for too long. No room is no failure: it comes by waiting, and not by a restart.
    pub(super) fn give_up(&mut self, error: BufferError) -> Result<(), Ended> {
        if error.trouble() != Trouble::Disk {
            self.failing = None;
            return Ok(());
        }
        let since = *self.failing.get_or_insert_with(Instant::now);
        let after = self.wiring.give_up_after;
        if since.elapsed() < after {
            return Ok(());
        }
        let source = error;
        Err(Ended::DiskFailed(DiskFailed { after, source }))
    }

    /// Replaces the file if it is damaged, but not all the time: a disk that damages every file is beyond help from here.
    pub(super) async fn repair(&mut self) {
        let pause = self.repaired.is_some_and(|at| at.elapsed() < REPAIR_EVERY);
        // Nothing is stored between the making of the new file and its taking the old one's place.
        let half_done = self.store.is_being_replaced();
        if !half_done && (!self.damaged || pause) {
            return;
        }
        self.repaired = Some(Instant::now());
        // What was acknowledged before this run is told by where the outbox begins.
        let mark = Some(self.store.forgotten()).filter(|seq| *seq > 0);
        let beat = self.wiring.beat.clone();
        warn!(
            code = Code::BufferDamaged.as_str(),
            "The buffer's file is damaged; saving what can be read"
        );
        match self.store.repair(mark, &|| beat.touch()).await {
            Ok(damage) => {
                self.damaged = false;
                let text = damage.to_string();
                error!(code = Code::BufferDamaged.as_str(), "{text}");
                self.wiring.health.buffer_replaced(self.store.epoch(), text);
                self.measured = None;
            }
            Err(error) => self.problem(&error),
        }
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
            let code = Code::of_storing(&text).as_str();
            error!(code, error = text, "Nothing can be stored; sources wait");
        }
    }
}
