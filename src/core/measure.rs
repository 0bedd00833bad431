//! Figures: what was committed, how full the buffer, its disk and the queues are.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use tracegate_pipeline::input::{MovementEvent, NonEvent, VerdictKind};

use super::audit::Said;
use super::{Core, WAKE, is_damage};
use crate::buffer::{BufferError, room};
use crate::health::{Became, BufferLevel, Disk, state_directory};
use crate::logs;

impl Core {
    /// Tells how full the buffer is, from time to time.
    pub(super) async fn measure(&mut self) {
        if self.measured.is_some_and(|at| at.elapsed() < WAKE) {
            return;
        }
        self.measured = Some(Instant::now());
        let (now, keep) = (self.wiring.clock.now(), self.wiring.keep_verdicts);
        let mut pruned = self.store.prune(now).await;
        if pruned.is_ok() {
            pruned = self.store.prune_audit(keep, now).await;
        }
        self.damaged |= is_damage(&pruned);
        tell_once(
            &mut self.prune_fails,
            pruned,
            "Kept events and old verdicts not deleted yet",
        );
        let dropped = self.store.telemetry_dropped();
        let count = dropped.saturating_sub(self.telemetry_dropped);
        if count > 0 {
            self.telemetry_dropped = dropped;
            warn!(
                code = logs::TELEMETRY_DROPPED,
                count, "Telemetry dropped: there was no room for it; movements are not concerned"
            );
        }
        self.look_at_disks();
        self.look_at_queues();
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
        counters.telemetry_waiting.set(figures.telemetry.0);
        counters.kept.set(figures.kept.map_or(0, |(_, kept)| kept));
        self.wiring
            .health
            .kept_from(figures.kept.map(|(first, _)| first));
        self.wiring.health.buffer(BufferLevel {
            bytes: figures.bytes,
            percent: figures.bytes.saturating_mul(100) / figures.max_bytes.max(1),
            oldest_s: u64::try_from(age_us / 1_000_000).unwrap_or(0),
            max_bytes: figures.max_bytes,
            full_in_s: None,
        });
    }

    /// Counts what was just committed.
    pub(super) fn figure(&self, events: &[MovementEvent], loads: &[NonEvent], said: &[Said]) {
        let (health, now) = (&self.wiring.health, self.wiring.clock.now());
        for event in events {
            health.became(&event.read_point, Became::Movement);
            let micros = u64::try_from(now.micros_since(event.at)).unwrap_or(0);
            health.decided(Duration::from_micros(micros));
        }
        for load in loads {
            let reason = Became::NonEvent(load.reason.as_str());
            health.became(&load.read_point, reason);
        }
        for verdict in said.iter().filter_map(Said::verdict) {
            let word = match verdict.kind {
                VerdictKind::Accepted => "accepted",
                VerdictKind::Duplicate => "duplicate",
                VerdictKind::Warned(_) => "warned",
                VerdictKind::Refused(_) => "refused",
                VerdictKind::Pending(_) => "pending",
            };
            health.became(self.device_name(verdict.device), Became::Verdict(word));
        }
        if !events.is_empty() {
            health.stored(self.store.last_seq());
            self.look_at_queues();
        }
    }

    fn look_at_queues(&self) {
        let (health, wiring) = (&self.wiring.health, &self.wiring);
        let (inputs, requests) = (&wiring.inputs, &wiring.requests);
        health.queue("inputs", inputs.len(), inputs.max_capacity());
        health.queue("requests", requests.len(), requests.max_capacity());
        if let Some((waits, room)) = wiring.tap.level() {
            health.queue("witness", waits, room);
        }
    }

    /// The buffer's disk, and that of systemd's state directory, if it is another one.
    fn look_at_disks(&self) {
        let health = &self.wiring.health;
        let buffer = self.store.path().parent().and_then(|it| room(it).ok());
        let state = state_directory().and_then(|it| room(&it).ok());
        if let Some(room) = buffer {
            health.disk(Disk::Buffer, room);
        }
        if let Some(room) = state
            && buffer.is_none_or(|buffer| buffer.device != room.device)
        {
            health.disk(Disk::State, room);
        }
    }
}

/// Logs the first of a row of failures, and their end. Nothing is lost by them: the same is tried again.
pub(super) fn tell_once(fails: &mut bool, outcome: Result<(), BufferError>, what: &'static str) {
    let failed = outcome.is_err();
    match outcome {
        Err(error) if !*fails => {
            warn!(
                code = logs::STORING_DELAYED,
                error = crate::error_chain(&error),
                "{what}; trying again"
            );
        }
        Ok(()) if *fails => info!(code = logs::STORING_DELAYED, "No longer: {what}"),
        _ => {}
    }
    *fails = failed;
}
