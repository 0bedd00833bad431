//! The table as the core sees it: quick, or not there.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracegate_pipeline::config::{PipelineConfig, ReadPointKind};
use tracegate_pipeline::reference::Reference;
use tracegate_pipeline::{Input, Pipeline, Time};
use tracing::{info, warn};

use super::orders::OrderUris;
use super::table::{Origin, Table, TableError};
use crate::health::{Code, Health};

/// A look-up that takes longer is given up: reads wait for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a failure the table is left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);
/// What the table does not know is not asked for again within this.
const ABSENT: Duration = Duration::from_secs(10);
/// Things remembered as not known at most; beyond, all are forgotten and asked for again.
const MAX_ABSENT: usize = 50_000;
/// Changes of what is known are looked for after a pause of so many times what that took.
const LEISURE: u32 = 10;
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
    // What SQLite counts of other connections' changes, when it was last looked at.
    version: Option<i64>,
    generation: i64,
    refresh_at: Option<Instant>,
    as_of: Option<Time>,
    // What the pipeline was last told of it.
    told: Option<Time>,
}

/// What is to be told to the pipeline.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Until when the site's data is current, if that has changed.
    pub as_of: Option<Time>,
    /// Records.
    pub records: Vec<Reference>,
}

impl Looked {
    /// As an input at this time, unless there is nothing to tell.
    #[must_use]
    pub fn into_input(self, at: Time) -> Option<Input> {
        let Self { as_of, records } = self;
        let is_news = as_of.is_some() || !records.is_empty();
        is_news.then_some(Input::References { at, as_of, records })
    }
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
            Ok(mut table) => {
                // So that a gateway that starts knows how old its data is, before anything comes.
                if let (Some(health), Ok(site)) = (&known.health, table.site().await) {
                    health.site_records(table.records());
                    health.site_data(site.as_of, site.snapshot);
                }
                known.table = Some(table);
            }
            Err(error) => known.tell(Some(&error)),
        }
        known
    }

    /// Takes what the guards of a configuration say of lots, the site's own words, and where lots must be kept to go first; and
    /// how its stations name orders.
    pub fn configure(&mut self, config: &PipelineConfig) {
        let guards = config.read_points.iter();
        let guards = guards.filter_map(|it| Some((it.guard.as_deref()?, &it.kind)));
        let (mut released, mut held) = (Vec::new(), Vec::new());
        let (mut places, mut is_anywhere) = (BTreeSet::new(), false);
        for (guard, kind) in guards {
            released.extend(guard.released.iter().cloned());
            held.extend(guard.held.iter().cloned());
            // Nobody is sent for another lot at a door.
            if let ReadPointKind::Station(_) = kind {
                is_anywhere |= guard.location.is_none();
                places.extend(guard.location.clone());
            }
        }
        if is_anywhere {
            places.clear();
        }
        let Some(table) = &mut self.table else { return };
        table.words(released, held);
        table.kept_at(places);
        table.order_uris(OrderUris::of(config));
        // What was looked up before is looked up again.
        (self.version, self.generation, self.refresh_at) = (None, -1, None);
        self.absent.clear();
    }

    /// Until when the site's data is known to be current.
    #[must_use]
    pub const fn as_of(&self) -> Option<Time> {
        self.as_of
    }

    /// What the table says about things that `batch` mentions and the pipeline knows nothing of, and what has changed of those
    /// that it knows.
    pub async fn look(&mut self, pipeline: &Pipeline, batch: &[Input]) -> Looked {
        if is_recent(self.paused) {
            return Looked::default();
        }
        if let (Some(table), Some(now)) = (&mut self.table, batch.iter().find_map(Input::at)) {
            table.at(now);
        }
        let mut records = self.refresh(pipeline).await;
        let is_scan = |it: &Input| matches!(it, Input::Scan { .. });
        let is_behind = batch.iter().any(is_scan) && self.is_behind().await;
        if is_behind {
            self.absent.clear();
        }
        let as_of = self.as_of.filter(|_| self.told != self.as_of);
        self.told = self.as_of;
        if self.table.as_ref().is_some_and(|table| table.records() > 0) {
            let wanted = batch.iter().flat_map(|it| pipeline.wanted(it)).collect();
            records.extend(self.look_up(wanted).await);
            // A pallet tells of serial numbers, and these of lots, which the guards ask for.
            let mut found = records.clone();
            for _ in 0..2 {
                let keys = match is_behind {
                    true => pipeline.rests_on(&found),
                    false => pipeline.implied(&found),
                };
                found = self.look_up(keys).await;
                records.extend(found.iter().cloned());
            }
        }
        Looked { as_of, records }
    }

    pub(super) async fn look_up(&mut self, mut wanted: Vec<String>) -> Vec<Reference> {
        let now = Instant::now();
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

    /// Somebody has written, and it was not looked yet at all that has changed: what a scan rests on is asked for anew, so
    /// that a hold counts for the next scan however much else is written.
    async fn is_behind(&mut self) -> bool {
        if self.refresh_at.is_none_or(|at| at <= Instant::now()) {
            return false;
        }
        let Some(table) = &mut self.table else {
            return false;
        };
        match timeout(PATIENCE, table.version()).await {
            Ok(Ok(version)) => self.version != Some(version),
            // The look-ups that come next say what is wrong.
            _ => false,
        }
    }

    /// As if the last refresh had cost so much that the next is far away.
    #[cfg(test)]
    pub(super) fn rest(&mut self, pause: Duration) {
        self.refresh_at = Some(Instant::now() + pause);
    }

    /// Somebody else has written, the site's messages or a bulk load: what has changed of the things that the pipeline knows,
    /// so that a lot put on hold is known at once.
    async fn refresh(&mut self, pipeline: &Pipeline) -> Vec<Reference> {
        let began = Instant::now();
        if self.refresh_at.is_some_and(|at| began < at) {
            return Vec::new();
        }
        let Some(table) = &mut self.table else {
            return Vec::new();
        };
        let (version, generation) = (self.version, self.generation);
        let looked = timeout(PATIENCE, async {
            let now = table.version().await?;
            if version == Some(now) {
                return Ok(None);
            }
            if table.records() == 0 {
                table.recount().await?;
            }
            let site = table.site().await?;
            let mut records = Vec::new();
            if site.generation != generation {
                let known: Vec<String> = pipeline.known().into_iter().collect();
                if !known.is_empty() {
                    records = table.look_since(&known, generation).await?;
                }
            }
            Ok::<_, TableError>(Some((now, site, records)))
        });
        match looked.await {
            Ok(Ok(None)) => Vec::new(),
            Ok(Ok(Some((version, site, records)))) => {
                if site.generation != generation {
                    self.absent.clear();
                }
                (self.version, self.generation) = (Some(version), site.generation);
                self.as_of = site.as_of;
                self.refresh_at = Some(Instant::now() + began.elapsed() * LEISURE);
                if let Some(health) = &self.health {
                    health.site_data(site.as_of, site.snapshot);
                }
                records
            }
            Ok(Err(error)) => {
                self.pause(Some(&error), 0);
                Vec::new()
            }
            Err(_) => {
                self.pause(None, 0);
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
        match timeout(PATIENCE * 2, table.store(&self.pending, Origin::Seen, now)).await {
            Ok(Ok(figures)) => {
                if let Some(health) = &self.health {
                    health.counters().references_capped.add(figures.evicted);
                }
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
                info!(
                    code = Code::ReferenceFailed.as_str(),
                    "The reference table can be used again"
                );
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
            warn!(code = Code::ReferenceFailed.as_str(), "{text}");
        }
    }
}

fn is_recent(failure: Option<Instant>) -> bool {
    failure.is_some_and(|at| at.elapsed() < PAUSE)
}
