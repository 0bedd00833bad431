//! The table as the core sees it: quick, or not there.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracegate_pipeline::reference::Reference;
use tracegate_pipeline::{Input, Pipeline, Time};
use tracing::{info, warn};

use super::table::{Table, TableError};
use crate::health::Health;

/// A look-up that takes longer is given up: reads wait for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a failure the table is left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);
/// What the table does not know is not asked for again within this.
const ABSENT: Duration = Duration::from_secs(10);
/// Things remembered as not known at most; beyond, all are forgotten and asked for again.
const MAX_ABSENT: usize = 50_000;
/// Facts that wait to be stored at most; beyond, the oldest are dropped.
const MAX_PENDING: usize = 4_096;

/// What is known about things; the default knows nothing and keeps nothing.
#[derive(Debug, Default)]
pub struct Known {
    table: Option<Table>,
    health: Option<Health>,
    absent: HashMap<String, Instant>,
    pending: Vec<Reference>,
    paused: Option<Instant>,
    // Somebody else writes, a bulk load perhaps: look-ups go on.
    held: Option<Instant>,
    counted: Option<Instant>,
    capped: u64,
}

impl Known {
    /// Opens the table in `directory`. Where that fails nothing is known, and the status says so.
    pub async fn open(directory: &Path, max_records: u64, health: Health) -> Self {
        let table = Table::open(directory, max_records, PATIENCE).await;
        let mut known = Self {
            health: Some(health),
            ..Self::default()
        };
        match table {
            Ok(table) => known.table = Some(table),
            Err(error) => known.tell(Some(&error)),
        }
        known
    }

    /// Records forgotten because the table was full.
    #[must_use]
    pub const fn capped(&self) -> u64 {
        self.capped
    }

    /// What the table says about things that `batch` mentions and the pipeline knows nothing of.
    pub async fn look(&mut self, pipeline: &Pipeline, batch: &[Input]) -> Vec<Reference> {
        if is_recent(self.paused) || !self.has_records().await {
            return Vec::new();
        }
        let now = Instant::now();
        let mut wanted: Vec<String> = batch.iter().flat_map(|it| pipeline.wanted(it)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|key| self.absent.get(key).is_none_or(|at| now - *at >= ABSENT));
        let Some(table) = self.table.as_mut().filter(|_| !wanted.is_empty()) else {
            return Vec::new();
        };
        match timeout(PATIENCE, table.look(&wanted)).await {
            Ok(Ok(found)) => {
                if self.pending.is_empty() {
                    self.tell(None);
                }
                if self.absent.len() + wanted.len() > MAX_ABSENT {
                    self.absent.clear();
                }
                wanted.retain(|key| found.binary_search_by(|it| it.key.cmp(key)).is_err());
                self.absent.extend(wanted.into_iter().map(|key| (key, now)));
                found
            }
            Ok(Err(error)) => {
                self.pause(Some(&error), wanted.len());
                Vec::new()
            }
            Err(_) => {
                self.pause(None, wanted.len());
                Vec::new()
            }
        }
    }

    /// Keeps facts; those that cannot be stored now are tried again with the next.
    pub async fn learn(&mut self, facts: Vec<Reference>, now: Time) {
        for fact in &facts {
            self.absent.remove(&fact.key);
        }
        self.pending.extend(facts);
        let excess = self.pending.len().saturating_sub(MAX_PENDING);
        self.pending.drain(..excess);
        self.count_failures(excess);
        if self.pending.is_empty() || is_recent(self.held) {
            return;
        }
        let Some(table) = &mut self.table else {
            return;
        };
        match timeout(PATIENCE * 2, table.store(&self.pending, now.0)).await {
            Ok(Ok(figures)) => {
                self.capped += figures.evicted;
                self.pending.clear();
                self.tell(None);
            }
            Ok(Err(error)) => self.hold(&crate::error_chain(&error)),
            Err(_) => self.hold("the reference table does not answer in time"),
        }
    }

    fn hold(&mut self, why: &str) {
        self.held = Some(Instant::now());
        self.count_failures(1);
        self.say(&format!(
            "what labels say of serial numbers cannot be kept: {why}; it is tried again"
        ));
    }

    /// An empty table is asked now and then whether something was loaded into it.
    async fn has_records(&mut self) -> bool {
        let Some(table) = &mut self.table else {
            return false;
        };
        if table.records() > 0 {
            return true;
        }
        if self.counted.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        self.counted = Some(Instant::now());
        match timeout(PATIENCE, table.recount()).await {
            Ok(Ok(())) => table.records() > 0,
            Ok(Err(error)) => {
                self.pause(Some(&error), 0);
                false
            }
            Err(_) => false,
        }
    }

    fn pause(&mut self, error: Option<&TableError>, count: usize) {
        self.paused = Some(Instant::now());
        self.count_failures(count.max(1));
        match error {
            Some(error) => self.tell(Some(error)),
            None => self.say("the reference table does not answer in time: lots and contents are not known; is the disk too slow?"),
        }
    }

    fn count_failures(&self, count: usize) {
        if let Some(health) = &self.health {
            health.counters().reference_failures.add(count as u64);
        }
    }

    fn tell(&self, error: Option<&TableError>) {
        let Some(error) = error else {
            if self
                .health
                .as_ref()
                .is_some_and(|health| health.reference(None))
            {
                info!("The reference table can be used again");
            }
            return;
        };
        let why = crate::error_chain(error);
        self.say(&format!(
            "lots and contents are not known: {why}; to begin anew stop the gateway, delete the file and load it again with `tracegate lots load`"
        ));
    }

    fn say(&self, text: &str) {
        let told = |health: &Health| health.reference(Some(text.to_owned()));
        if self.health.as_ref().is_some_and(told) {
            warn!("{text}");
        }
    }
}

fn is_recent(failure: Option<Instant>) -> bool {
    failure.is_some_and(|at| at.elapsed() < PAUSE)
}
