//! The table: SQLite, one row per thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row as _, SqliteConnection};
use tracegate_pipeline::Time;
use tracegate_pipeline::guard::{GuardConfig, Status};
use tracegate_pipeline::reference::{Facts, Item, ItemLot, Reference};

use super::format::{self, USER_VERSION};
use super::orders::OrderUris;

/// The file, beside the buffer's.
pub const FILE_NAME: &str = "reference.sqlite";
/// The site's zone may be up to half a day behind.
const DAY_US: i64 = 86_400_000_000;
/// Lots of an item looked at first.
const FEW: i64 = 24;
/// Lots of an item looked at at most, for those that may be used.
const LOTS_LOOKED_AT: i64 = 256;

const LOOK: &str = "SELECT key, version, facts FROM reference
  WHERE key IN (SELECT value FROM json_each(?)) AND changed > ?";
pub(super) const ITEM: &str = "SELECT key, facts FROM reference INDEXED BY reference_turn
  WHERE item = ? AND turn >= ? ORDER BY turn, key LIMIT ?";
const LIST: &str = "SELECT key, version, stored_us, facts, origin FROM reference
  WHERE facts IS NOT NULL AND instr(key, ?1) > 0 AND (?2 = '' OR substr(facts, 3, length(?2)) = ?2) ORDER BY key LIMIT ?3";
const ROW: &str = "SELECT key, version, stored_us, facts, origin FROM reference WHERE key = ? AND facts IS NOT NULL";
const COUNT: &str = "SELECT count(*) FROM reference";
const SITE: &str = "SELECT generation, as_of_us, snapshot, records FROM site";

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// SQLite refused.
    #[error("cannot {what} in {}", path.display())]
    Database {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a newer version's.
    #[error("{} has format {found}, this version knows up to {USER_VERSION}; install the newer one again", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
}

/// Who says it. What a later one of these says replaces what an earlier one said, whatever their versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A label that was read here.
    Seen,
    /// A file that was loaded.
    File,
    /// The site's own messages.
    Broker,
}

impl Origin {
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Seen => 0,
            Self::File => 1,
            Self::Broker => 2,
        }
    }

    const fn of(code: i64) -> Self {
        match code {
            0 => Self::Seen,
            1 => Self::File,
            _ => Self::Broker,
        }
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The thing.
    pub key: String,
    /// Version of the record; 0 for what was seen here.
    pub version: u64,
    /// When it was stored, in microseconds since 1970.
    pub stored_us: i64,
    /// Who says it.
    pub origin: Origin,
    /// What is known.
    pub facts: Facts,
}

/// What became of records that were to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Stored.
    pub stored: u64,
    /// Left out, because a newer version is known, or because the site's messages say otherwise.
    pub outdated: u64,
    /// Older ones forgotten to make room.
    pub evicted: u64,
}

/// How the site's data is as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Site {
    /// Rises whenever a record changes.
    #[serde(skip)]
    pub generation: i64,
    /// Until when the site's data is known to be current; `None` if nobody ever told.
    #[serde(serialize_with = "rfc3339", skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Time>,
    /// The last snapshot that was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Records of that snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

fn rfc3339<S: serde::Serializer>(at: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    let at = at.and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
    serde::Serialize::serialize(&at.map(|at| at.to_string()), serializer)
}

/// The table, open.
#[derive(Debug)]
pub struct Table {
    pub(super) connection: SqliteConnection,
    path: PathBuf,
    pub(super) max_records: u64,
    pub(super) records: u64,
    words: GuardConfig,
    places: BTreeSet<String>,
    pub(super) orders: OrderUris,
    // Lots of an item that expired before this day, `YYMMDD`, are not looked for.
    day: String,
}

impl Table {
    /// Opens the table in `directory`, or makes it; a table of an older format is brought up to this one. `patience` is how
    /// long others that write are waited for.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged or a newer version's.
    pub async fn open(
        directory: &Path,
        max_records: u64,
        patience: Duration,
    ) -> Result<Self, TableError> {
        let path = directory.join(FILE_NAME);
        let failed = |what| {
            let path = path.clone();
            move |source| TableError::Database { what, path, source }
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(patience)
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed("open the reference table"))?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut connection)
            .await
            .map_err(failed("read the format"))?;
        if found > USER_VERSION {
            return Err(TableError::Newer { path, found });
        }
        if found < USER_VERSION {
            format::upgrade(&mut connection, found)
                .await
                .map_err(failed("make the reference table"))?;
        }
        let mut table = Self {
            connection,
            path,
            max_records,
            records: 0,
            words: GuardConfig::default(),
            places: BTreeSet::new(),
            orders: OrderUris::default(),
            day: String::new(),
        };
        table.recount().await?;
        Ok(table)
    }

    /// The site's own words for lots that may be used, or not, beside the usual ones.
    pub fn words(&mut self, released: Vec<String>, held: Vec<String>) {
        self.words = GuardConfig {
            released,
            held,
            ..GuardConfig::default()
        };
    }

    /// Where lots of an item must be kept to be told; anywhere, without a place. Those of which nobody said where they are kept
    /// are told, too.
    pub fn kept_at(&mut self, places: BTreeSet<String>) {
        self.places = places;
    }

    /// Sets the time: lots of an item that have expired are left out from now on, wherever the site is. A clock that was
    /// never set leaves none out.
    pub fn at(&mut self, now: Time) {
        self.day.clear();
        let before = Timestamp::from_microsecond(now.0.saturating_sub(DAY_US));
        if let Ok(day) = before.map(|at| at.to_zoned(TimeZone::UTC).date())
            && (2020..2100).contains(&day.year())
        {
            self.day = day.strftime("%y%m%d").to_string();
        }
    }

    /// Records there are, as far as is known here: another process may have added some.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Counts the records anew.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn recount(&mut self) -> Result<(), TableError> {
        let count: i64 = sqlx::query_scalar(COUNT)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| self.failed("count", source))?;
        self.records = u64::try_from(count).unwrap_or(0);
        Ok(())
    }

    /// A number that changes whenever another connection has written.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn version(&mut self) -> Result<i64, TableError> {
        sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| self.failed("look up", source))
    }

    /// How the site's data is as a whole.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn site(&mut self) -> Result<Site, TableError> {
        let row: (i64, Option<i64>, Option<String>, Option<i64>) = sqlx::query_as(SITE)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|source| self.failed("look up", source))?;
        Ok(Site {
            generation: row.0,
            as_of: row.1.map(Time),
            snapshot: row.2,
            records: row.3.and_then(|count| u64::try_from(count).ok()),
        })
    }

    /// The records of these things, deletions too. Of an item, its lots that may be used, under the version `generation`.
    ///
    /// # Errors
    /// SQLite refused. A record that cannot be read is left out.
    pub async fn look(&mut self, keys: &[String]) -> Result<Vec<Reference>, TableError> {
        self.look_since(keys, 0).await
    }

    /// Those of these things whose record has changed since the site had this generation; items in any case, without facts
    /// if no lot of them may be used any more.
    ///
    /// # Errors
    /// SQLite refused. A record that cannot be read is left out.
    pub async fn look_since(
        &mut self,
        keys: &[String],
        generation: i64,
    ) -> Result<Vec<Reference>, TableError> {
        let mut found = self.rows(keys, generation).await?;
        self.add_by_number(keys, generation, &mut found).await?;
        let items = keys.iter().filter(|key| is_item(key));
        for key in items {
            let item = self.item(key).await?;
            if generation == 0 && item.lots.is_empty() {
                continue;
            }
            let site = self.site().await?;
            found.push(Reference {
                key: key.clone(),
                version: u64::try_from(site.generation).unwrap_or(0),
                facts: (!item.lots.is_empty()).then_some(Facts::Item(item)),
            });
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// The records under these keys that have changed since this generation.
    pub(super) async fn rows(
        &mut self,
        keys: &[String],
        generation: i64,
    ) -> Result<Vec<Reference>, TableError> {
        let list = serde_json::to_string(keys).unwrap_or_default();
        let rows = sqlx::query(LOOK)
            .bind(list)
            .bind(generation)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|source| self.failed("look up", source))?;
        Ok(rows.iter().filter_map(reference).collect())
    }

    /// The lots of an item that may be used, the soonest to expire first.
    async fn item(&mut self, key: &str) -> Result<Item, TableError> {
        let words = &self.words;
        let lot = |(key, facts): &(String, String)| {
            let Facts::Lot(lot) = serde_json::from_str(facts).ok()? else {
                return None;
            };
            let status = lot.status.as_deref().map(|word| words.status(word));
            let is_released = status.is_none_or(|status| status == Status::Released);
            let (_, name) = key.rsplit_once("/10/").filter(|_| is_released)?;
            Some(ItemLot {
                lot: super::topic::decoded(name)?,
                expiry: lot.expiry,
                received: lot.received,
                location: lot.location,
            })
        };
        // So that the lots of one place leave room for those of the others.
        let places = &self.places;
        let share = (Item::MOST / places.len().max(1)).max(1);
        // Mostly the first can be used; only a site's own words make others of them.
        for most in [FEW, LOTS_LOOKED_AT] {
            let rows: Vec<(String, String)> = sqlx::query_as(ITEM)
                .bind(key)
                .bind(&self.day)
                .bind(most)
                .fetch_all(&mut self.connection)
                .await
                .map_err(|source| {
                    let path = self.path.clone();
                    let what = "look up";
                    TableError::Database { what, path, source }
                })?;
            let mut counts = BTreeMap::<Option<String>, usize>::new();
            let is_told = |lot: &ItemLot| {
                let place = lot.location.as_ref();
                let count = counts.entry(place.cloned()).or_default();
                *count += 1;
                let is_here = place.is_none_or(|place| places.contains(place));
                places.is_empty() || (is_here && *count <= share)
            };
            let lots = rows.iter().filter_map(lot).filter(is_told);
            let lots: Vec<ItemLot> = lots.take(Item::MOST).collect();
            let is_all = rows.len() < usize::try_from(most).unwrap_or(usize::MAX);
            if lots.len() == Item::MOST || is_all || most == LOTS_LOOKED_AT {
                return Ok(Item { lots });
            }
        }
        Ok(Item::default())
    }

    /// Records whose thing has `text` in its name, in order, as many as `limit`; of one kind only, if it is named as in JSON.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn list(
        &mut self,
        text: &str,
        kind: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Row>, TableError> {
        let rows = sqlx::query(LIST)
            .bind(text)
            .bind(kind.unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|source| self.failed("list", source))?;
        Ok(rows.iter().filter_map(stored).collect())
    }

    /// The record of one thing.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn row(&mut self, key: &str) -> Result<Option<Row>, TableError> {
        let row = sqlx::query(ROW)
            .bind(key)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|source| self.failed("look up", source))?;
        Ok(row.as_ref().and_then(stored))
    }

    /// Closes the file in good order.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn close(self) -> Result<(), TableError> {
        let path = self.path;
        let closed = self.connection.close().await;
        closed.map_err(|source| TableError::Database {
            what: "close the reference table",
            path,
            source,
        })
    }

    pub(super) fn failed(&self, what: &'static str, source: sqlx::Error) -> TableError {
        let path = self.path.clone();
        TableError::Database { what, path, source }
    }
}

fn stored(row: &SqliteRow) -> Option<Row> {
    let version: i64 = row.try_get(1).ok()?;
    let facts: String = row.try_get(3).ok()?;
    Some(Row {
        key: row.try_get(0).ok()?,
        version: u64::try_from(version).ok()?,
        stored_us: row.try_get(2).ok()?,
        origin: Origin::of(row.try_get(4).ok()?),
        facts: serde_json::from_str(&facts).ok()?,
    })
}

fn reference(row: &SqliteRow) -> Option<Reference> {
    let version: i64 = row.try_get(1).ok()?;
    let facts: Option<String> = row.try_get(2).ok()?;
    Some(Reference {
        key: row.try_get(0).ok()?,
        version: u64::try_from(version).ok()?,
        facts: match facts {
            Some(text) => Some(serde_json::from_str(&text).ok()?),
            None => None,
        },
    })
}

/// Whether this is the class of a GTIN, of which there are lots.
fn is_item(key: &str) -> bool {
    let gtin = key.strip_prefix("https://id.gs1.org/01/");
    gtin.is_some_and(|gtin| gtin.len() == 14 && gtin.bytes().all(|b| b.is_ascii_digit()))
}
