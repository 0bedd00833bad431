//! Messages into tables: all of a batch in one transaction, each event once, whoever else stores at the same time.
//!
//! Locks are always taken in the same order: things by name, events by id, epochs by name. So two instances that are given
//! the same or related events wait for each other, and do not meet in a deadlock.

mod events;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgPool;
use sqlx::{Postgres, Row, Transaction};

use crate::message::{Message, Taken, storable};

/// Why a batch is not stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something in it cannot be stored, and never will be.
    #[error("PostgreSQL refuses it")]
    Content(#[source] sqlx::Error),
    /// The database is not there, is full, or another transaction was in the way.
    #[error("PostgreSQL cannot store now")]
    Later(#[source] sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(database) => database.code().unwrap_or_default(),
            _ => return Self::Later(error),
        };
        // Classes of SQLSTATE: cardinality, data, constraint, character set, program limit.
        let of_content = ["21", "22", "23", "54"];
        let is_content = of_content.iter().any(|class| code.starts_with(class));
        match is_content {
            true => Self::Content(error),
            false => Self::Later(error),
        }
    }
}

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stored {
    /// New events.
    pub events: usize,
    /// Events that were there already.
    pub repeated: usize,
    /// Kept aside.
    pub rejected: usize,
    /// Epochs of gateways that wait for the store's word.
    pub awaited: BTreeSet<String>,
}

/// Stores what these messages brought.
///
/// # Errors
/// Nothing of it is stored.
pub async fn store(pool: &PgPool, batch: &[(Message, Taken)]) -> Result<Stored, WriteError> {
    let mut transaction = pool.begin().await?;
    let epochs = epochs(&mut transaction, batch).await?;
    let mut stored = Stored::default();
    events::insert(&mut transaction, batch, &epochs, &mut stored).await?;
    aside(&mut transaction, batch, &mut stored).await?;
    places(&mut transaction, batch, &epochs, &mut stored).await?;
    transaction.commit().await?;
    Ok(stored)
}

/// Rows of epochs by name.
type Epochs<'a> = BTreeMap<&'a str, i32>;

async fn epochs<'a>(
    transaction: &mut Transaction<'_, Postgres>,
    batch: &'a [(Message, Taken)],
) -> Result<Epochs<'a>, sqlx::Error> {
    let named = batch.iter().filter_map(|(_, taken)| {
        let place = taken.place.as_ref()?;
        Some((place.epoch.as_str(), taken.site.as_str()))
    });
    let named: BTreeMap<&str, &str> = named.collect();
    if named.is_empty() {
        return Ok(Epochs::new());
    }
    let names: Vec<&str> = named.keys().copied().collect();
    let sites: Vec<&str> = named.values().copied().collect();
    // Looked up first: an insert that meets a conflict takes a number of the sequence.
    let insert = "insert into epochs (epoch, site) select n.epoch, n.site from unnest($1::text[], $2::text[]) n (epoch, site) \
        where not exists (select from epochs e where e.epoch = n.epoch) order by 1 on conflict (epoch) do nothing";
    sqlx::query(insert)
        .bind(&names)
        .bind(&sites)
        .execute(&mut **transaction)
        .await?;
    let rows = sqlx::query("select id, epoch from epochs where epoch = any ($1)")
        .bind(&names)
        .fetch_all(&mut **transaction)
        .await?;
    let mut found = Epochs::new();
    for row in rows {
        let (id, epoch): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some((name, _)) = named.get_key_value(epoch.as_str()) {
            found.insert(name, id);
        }
    }
    Ok(found)
}

/// What is no event: loads that were not booked, and what is kept aside.
async fn aside(
    transaction: &mut Transaction<'_, Postgres>,
    batch: &[(Message, Taken)],
    stored: &mut Stored,
) -> Result<(), sqlx::Error> {
    for (message, taken) in batch {
        for it in &taken.non_events {
            let insert = "insert into non_events (id, site, read_point, reason, body) values ($1, $2, $3, $4, $5::json) \
                on conflict (id) do nothing";
            sqlx::query(insert)
                .bind(&it.id)
                .bind(&taken.site)
                .bind(&it.read_point)
                .bind(&it.reason)
                .bind(&it.body)
                .execute(&mut **transaction)
                .await?;
        }
        for it in &taken.rejected {
            let insert = "insert into rejected (digest, topic, content_type, properties, reason, payload) \
                values ($1, $2, $3, $4, $5, $6) on conflict (digest) do update set times = rejected.times + 1, last_at = now()";
            sqlx::query(insert)
                .bind(&it.digest)
                .bind(storable(&message.topic))
                .bind(message.content_type.as_deref().map(storable))
                .bind(message.properties_text())
                .bind(&it.reason)
                .bind(&it.payload)
                .execute(&mut **transaction)
                .await?;
            stored.rejected += 1;
        }
    }
    Ok(())
}

/// Sequence numbers, gaps that were told, and the mark; last, because it takes the epochs' rows.
async fn places(
    transaction: &mut Transaction<'_, Postgres>,
    batch: &[(Message, Taken)],
    epochs: &Epochs<'_>,
    stored: &mut Stored,
) -> Result<(), sqlx::Error> {
    let mut seen: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for (_, taken) in batch {
        let Some(place) = &taken.place else { continue };
        let Some(row) = epochs.get(place.epoch.as_str()) else {
            continue;
        };
        seen.entry(&place.epoch).or_default().extend(&place.seqs);
        if let (Some(previous), Some(last)) = (place.previous, place.seqs.last()) {
            stored.awaited.insert(place.epoch.clone());
            let link = "insert into links (epoch, previous, seq) values ($1, $2, $3) on conflict do nothing";
            sqlx::query(link)
                .bind(row)
                .bind(previous)
                .bind(last)
                .execute(&mut **transaction)
                .await?;
        }
        if let Some(gap) = &taken.gap {
            let told = "insert into dropped (epoch, from_seq, to_seq, count, reason) values ($1, $2, $3, $4, $5) \
                on conflict (epoch, from_seq) do update set to_seq = excluded.to_seq, count = excluded.count, reason = excluded.reason \
                where excluded.to_seq > dropped.to_seq";
            sqlx::query(told)
                .bind(row)
                .bind(gap.from)
                .bind(gap.to)
                .bind(gap.count)
                .bind(&gap.reason)
                .execute(&mut **transaction)
                .await?;
        }
    }
    for (epoch, seqs) in seen {
        let Some(row) = epochs.get(epoch) else {
            continue;
        };
        sqlx::query("select advance($1, $2::text::int8multirange)")
            .bind(row)
            .bind(ranges(&seqs))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Numbers as PostgreSQL writes a multirange: `{[1,4),[7,8)}`.
fn ranges(numbers: &BTreeSet<i64>) -> String {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end == number => *end = number.saturating_add(1),
            _ => runs.push((number, number.saturating_add(1))),
        }
    }
    let runs: Vec<String> = runs
        .iter()
        .map(|(from, end)| format!("[{from},{end})"))
        .collect();
    format!("{{{}}}", runs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges() {
        let of = |numbers: &[i64]| ranges(&numbers.iter().copied().collect());
        assert_eq!(of(&[]), "{}");
        assert_eq!(of(&[3, 1, 2, 7]), "{[1,4),[7,8)}");
    }
}
