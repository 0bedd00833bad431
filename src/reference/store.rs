//! Writing to the table: each batch in one transaction.

use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};
use tracegate_pipeline::Time;
use tracegate_pipeline::reference::Reference;

use super::format;
use super::table::{Figures, Origin, Table, TableError};

/// Rows stored in one transaction: whoever else writes waits no longer than for these.
const ROWS_AT_ONCE: usize = 500;
/// Rows in one statement.
const ROWS_PER_INSERT: usize = 100;
/// Rows forgotten at a time when there are too many.
const EVICTED_AT_ONCE: i64 = 500;

const INSERT: &str =
    "INSERT INTO reference (key, version, stored_us, facts, origin, changed, item, turn) ";
// A newer version, or whoever says more than those before. What repeats what is known changes nothing, so that the messages of a
// broker that come again with every connection cost no writing.
const REPLACE: &str = " ON CONFLICT (key) DO UPDATE SET version = excluded.version, stored_us = excluded.stored_us,
    facts = excluded.facts, origin = excluded.origin, changed = excluded.changed, item = excluded.item, turn = excluded.turn
  WHERE (excluded.origin > reference.origin OR (excluded.origin = reference.origin AND excluded.version >= reference.version))
    AND (excluded.origin < 2 OR excluded.origin <> reference.origin OR excluded.version <> reference.version
      OR excluded.facts IS NOT reference.facts)";
const DELETE: &str =
    "UPDATE reference SET facts = NULL, item = NULL, turn = NULL, origin = 2, stored_us = ?,
    changed = (SELECT generation FROM site) + 1
  WHERE key IN (SELECT value FROM json_each(?)) AND facts IS NOT NULL";
const SITES: &str = "SELECT key FROM reference WHERE key > ? AND origin = 2 AND facts IS NOT NULL ORDER BY key LIMIT 1000";
// What is known to be gone goes first; it is no loss.
const EVICT_GONE: &str = "DELETE FROM reference WHERE key IN
  (SELECT key FROM reference WHERE facts IS NULL ORDER BY stored_us LIMIT ?)";
// What was seen here goes before what the site says, the oldest first.
const EVICT: &str = "DELETE FROM reference WHERE key IN
  (SELECT key FROM reference ORDER BY origin > 0, stored_us LIMIT ?)";
const COUNT: &str = "SELECT count(*) FROM reference";
const NEXT: &str = "UPDATE site SET generation = generation + 1";

impl Table {
    /// Stores records; those of which a newer version is known are left out. When there are too many, what is gone
    /// goes first, then the oldest of what was seen here, then the oldest of all.
    ///
    /// # Errors
    /// SQLite refused; some of them may be stored.
    pub async fn store(
        &mut self,
        records: &[Reference],
        origin: Origin,
        now: Time,
    ) -> Result<Figures, TableError> {
        let mut figures = Figures::default();
        for some in records.chunks(ROWS_AT_ONCE) {
            let (stored, evicted) = self
                .store_some(some, origin, now)
                .await
                .map_err(|source| self.failed("store", source))?;
            figures.stored += stored;
            figures.outdated += (some.len() as u64).saturating_sub(stored);
            figures.evicted += evicted;
        }
        Ok(figures)
    }

    async fn store_some(
        &mut self,
        records: &[Reference],
        origin: Origin,
        now: Time,
    ) -> Result<(u64, u64), sqlx::Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut stored = 0;
        for some in records.chunks(ROWS_PER_INSERT) {
            stored += insert(&mut transaction, some, origin, now).await?;
        }
        // Replaced ones count too, so this is no less than there are; then it is counted exactly.
        let mut count = self.records + stored;
        let mut evicted = 0;
        if count > self.max_records {
            let exact: i64 = sqlx::query_scalar(COUNT)
                .fetch_one(&mut *transaction)
                .await?;
            count = u64::try_from(exact).unwrap_or(0);
        }
        for (statement, is_loss) in [(EVICT_GONE, false), (EVICT, true)] {
            while count > self.max_records {
                let most = i64::try_from(count - self.max_records).unwrap_or(i64::MAX);
                let done = sqlx::query(statement)
                    .bind(most.min(EVICTED_AT_ONCE))
                    .execute(&mut *transaction)
                    .await?;
                if done.rows_affected() == 0 {
                    break;
                }
                evicted += done.rows_affected() * u64::from(is_loss);
                count = count.saturating_sub(done.rows_affected());
            }
        }
        if stored > 0 {
            sqlx::query(NEXT).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.records = count;
        Ok((stored, evicted))
    }

    /// Forgets what is known of these things, but not that they were known. Returns of how many something was.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn delete(&mut self, keys: &[String], now: Time) -> Result<u64, TableError> {
        let deleted = delete(&mut self.connection, keys, now).await;
        deleted.map_err(|source| self.failed("delete", source))
    }

    /// Deletes what the site's messages said and `holds` does not name any more. Returns how many.
    ///
    /// # Errors
    /// SQLite refused; some of them may be deleted.
    pub async fn retain(
        &mut self,
        holds: impl Fn(&str) -> bool,
        now: Time,
    ) -> Result<u64, TableError> {
        let (mut after, mut deleted) = (String::new(), 0);
        loop {
            let keys: Vec<String> = sqlx::query_scalar(SITES)
                .bind(&after)
                .fetch_all(&mut self.connection)
                .await
                .map_err(|source| self.failed("look up", source))?;
            let Some(last) = keys.last() else {
                return Ok(deleted);
            };
            after.clone_from(last);
            let gone: Vec<String> = keys.into_iter().filter(|key| !holds(key)).collect();
            if !gone.is_empty() {
                deleted += self.delete(&gone, now).await?;
            }
        }
    }

    /// Notes until when the site's data is known to be current, and perhaps which snapshot is complete with how many records.
    ///
    /// # Errors
    /// SQLite refused.
    pub async fn current(
        &mut self,
        as_of: Time,
        snapshot: Option<(&str, u64)>,
    ) -> Result<(), TableError> {
        const CURRENT: &str = "UPDATE site SET as_of_us = ?, snapshot = coalesce(?, snapshot), records = coalesce(?, records)";
        let done = sqlx::query(CURRENT)
            .bind(as_of.0)
            .bind(snapshot.map(|(name, _)| name))
            .bind(snapshot.map(|(_, count)| i64::try_from(count).unwrap_or(i64::MAX)))
            .execute(&mut self.connection)
            .await;
        done.map_err(|source| self.failed("store", source))?;
        Ok(())
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    records: &[Reference],
    origin: Origin,
    now: Time,
) -> Result<u64, sqlx::Error> {
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let facts = record.facts.as_ref().map(serde_json::to_string);
        let facts = facts
            .transpose()
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        rows.push((record, facts));
    }
    let mut query = QueryBuilder::<Sqlite>::new(INSERT);
    query.push_values(rows, |mut row, (record, facts)| {
        let (item, turn) = format::turn(&record.key, record.facts.as_ref()).unzip();
        row.push_bind(&record.key)
            .push_bind(i64::try_from(record.version).unwrap_or(i64::MAX))
            .push_bind(now.0)
            .push_bind(facts)
            .push_bind(origin.code())
            .push("(SELECT generation FROM site) + 1")
            .push_bind(item)
            .push_bind(turn);
    });
    query.push(REPLACE);
    let done = query.build().execute(connection).await?;
    Ok(done.rows_affected())
}

async fn delete(
    connection: &mut SqliteConnection,
    keys: &[String],
    now: Time,
) -> Result<u64, sqlx::Error> {
    let list = serde_json::to_string(keys).unwrap_or_default();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done = sqlx::query(DELETE)
        .bind(now.0)
        .bind(list)
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() > 0 {
        sqlx::query(NEXT).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(done.rows_affected())
}
