//! The site's messages on their way to the table, without a socket.
//!
//! A connection brings everything that the broker keeps, in any order, and then what changes. What came on this connection is
//! remembered, so that a snapshot that is complete tells what is gone. Records count as soon as they are stored; until when
//! the data is current counts only with a complete snapshot.
//!
//! Invariant: nothing is deleted because it did not come, unless as many records came as the snapshot has.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;
use tracegate_pipeline::Time;
use tracegate_pipeline::reference::Reference;

use super::fields::Mistake;
use super::message::{Said, Snapshot, hold, read};
use super::table::{Figures, Origin, Table, TableError};

/// Messages stored together at most.
pub const BATCH: usize = 500;
/// A snapshot is complete when as many records came as it has, and none for this long.
const QUIET: Duration = Duration::from_secs(1);
/// Where records never stop coming, it is complete after this.
const PATIENCE: Duration = Duration::from_secs(30);
/// A snapshot that is not complete after this is a condition.
pub const OVERDUE: Duration = Duration::from_secs(60);

/// Stands for a record that names no snapshot: it is of all of them.
const ANY: u64 = 0;

/// What came, and what of it waits to be stored.
#[derive(Debug)]
pub struct Intake {
    hasher: RandomState,
    /// Things by their hash, and the snapshot that their record is of, by its hash.
    heard: HashMap<u64, u64>,
    most: usize,
    /// More things came than are remembered: what is gone cannot be told.
    overflowed: bool,
    waiting: BTreeMap<String, Option<Reference>>,
    snapshot: Option<Snapshot>,
    is_complete: bool,
    /// When the last record came, and when there first were enough of them.
    last: Instant,
    enough: Option<Instant>,
    began: Instant,
    heartbeat: Option<Time>,
    noted: Option<Time>,
}

/// A snapshot that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// Its name.
    pub id: String,
    /// Records that it has.
    pub count: u64,
    /// Records that it has no longer.
    pub deleted: u64,
}

impl Intake {
    /// For a table with `max_records`.
    #[must_use]
    pub fn new(max_records: u64, now: Instant) -> Self {
        Self {
            hasher: RandomState::new(),
            heard: HashMap::new(),
            most: usize::try_from(max_records).unwrap_or(usize::MAX),
            overflowed: false,
            waiting: BTreeMap::new(),
            snapshot: None,
            is_complete: false,
            last: now,
            enough: None,
            began: now,
            heartbeat: None,
            noted: None,
        }
    }

    /// A new connection: all that the broker keeps comes again.
    pub fn connected(&mut self, now: Instant) {
        *self = Self {
            noted: self.noted,
            // A deletion does not come again.
            waiting: std::mem::take(&mut self.waiting),
            ..Self::new(self.most as u64, now)
        };
    }

    /// Takes a message; `below` is its topic below the configured one.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to do; nothing came of it, but for the hold of a lot.
    pub fn hear(&mut self, below: &str, payload: &[u8], now: Instant) -> Result<(), Mistake> {
        let said = read(below, payload).inspect_err(|_| {
            if let Some((record, snapshot)) = hold(below, payload) {
                self.take(record, snapshot, now);
            }
        });
        match said? {
            Said::Record { record, snapshot } => self.take(record, snapshot, now),
            Said::Deleted(key) => {
                self.last = now;
                let thing = self.hash(&key);
                self.heard.remove(&thing);
                self.waiting.insert(key, None);
            }
            Said::Snapshot(snapshot) => {
                let known = self.snapshot.as_ref();
                if known.is_none_or(|known| known.id != snapshot.id) {
                    (self.is_complete, self.enough, self.began) = (false, None, now);
                }
                self.snapshot = Some(snapshot);
            }
            Said::Heartbeat(at) => self.heartbeat = Some(at),
            Said::Withdrawn => {}
        }
        Ok(())
    }

    fn take(&mut self, record: Reference, snapshot: Option<String>, now: Instant) {
        self.last = now;
        let of = snapshot.map_or(ANY, |name| self.hash(&name).max(ANY + 1));
        let thing = self.hash(&record.key);
        if self.heard.len() < self.most || self.heard.contains_key(&thing) {
            self.heard.insert(thing, of);
        } else {
            self.overflowed = true;
        }
        let known = self.waiting.get(&record.key).and_then(Option::as_ref);
        if known.is_none_or(|known| known.version <= record.version) {
            self.waiting.insert(record.key.clone(), Some(record));
        }
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// Messages that wait to be stored.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Stores what waits. What could not be stored waits on.
    ///
    /// # Errors
    /// The table refused.
    pub async fn store(
        &mut self,
        table: &mut Table,
        wall: Time,
    ) -> Result<(Figures, u64), TableError> {
        let (records, deleted): (Vec<_>, Vec<_>) = self
            .waiting
            .iter()
            .partition(|(_, record)| record.is_some());
        let records: Vec<Reference> = records
            .into_iter()
            .filter_map(|(_, it)| it.clone())
            .collect();
        let deleted: Vec<String> = deleted.into_iter().map(|(key, _)| key.clone()).collect();
        let figures = table.store(&records, Origin::Broker, wall).await?;
        let count = match deleted.as_slice() {
            [] => 0,
            keys => table.delete(keys, wall).await?,
        };
        self.waiting.clear();
        Ok((figures, count))
    }

    /// Records that came and are of the snapshot, and records that it has.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        let Some(snapshot) = &self.snapshot else {
            return (self.heard.len() as u64, None);
        };
        let of = self.hash(&snapshot.id).max(ANY + 1);
        let count = self
            .heard
            .values()
            .filter(|it| matches!(**it, it if it == ANY || it == of));
        (count.count() as u64, Some(snapshot.count))
    }

    /// How many records came of how many, of a snapshot that should long have been complete.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<(String, u64, u64)> {
        let snapshot = self.snapshot.as_ref().filter(|_| !self.is_complete)?;
        let (came, _) = self.progress();
        let is_overdue = now.saturating_duration_since(self.began) >= OVERDUE;
        is_overdue.then(|| (snapshot.id.clone(), came, snapshot.count))
    }

    /// Concludes a snapshot whose records have all come, and notes until when the data is current.
    ///
    /// # Errors
    /// The table refused; it is tried again.
    pub async fn conclude(
        &mut self,
        table: &mut Table,
        now: Instant,
        wall: Time,
    ) -> Result<Option<Complete>, TableError> {
        let Some(snapshot) = self.snapshot.clone().filter(|_| self.waiting.is_empty()) else {
            return Ok(None);
        };
        let mut complete = None;
        if !self.is_complete {
            // Counting them costs more than looking whether there can be enough.
            let is_possible = self.heard.len() as u64 >= snapshot.count && !self.overflowed;
            if !is_possible || self.progress().0 < snapshot.count {
                self.enough = None;
                return Ok(None);
            }
            let enough = *self.enough.get_or_insert(now);
            let waited = now.saturating_duration_since(enough) >= PATIENCE;
            if now.saturating_duration_since(self.last) < QUIET && !waited {
                return Ok(None);
            }
            let of = self.hash(&snapshot.id).max(ANY + 1);
            self.heard.retain(|_, it| *it == ANY || *it == of);
            let heard = |key: &str| self.heard.contains_key(&self.hasher.hash_one(key));
            let deleted = table.retain(heard, wall).await?;
            complete = Some(Complete {
                id: snapshot.id.clone(),
                count: snapshot.count,
                deleted,
            });
        }
        let as_of = self.heartbeat.unwrap_or(snapshot.generated_at);
        let as_of = as_of.max(snapshot.generated_at);
        if complete.is_some() || self.noted != Some(as_of) {
            let name = complete.as_ref().map(|it| (it.id.as_str(), it.count));
            table.current(as_of, name).await?;
            self.noted = Some(as_of);
        }
        self.is_complete = true;
        Ok(complete)
    }

    /// Until when the data was current when that was last noted.
    #[must_use]
    pub const fn as_of(&self) -> Option<Time> {
        self.noted
    }
}
