//! Events, what they are about, and what follows for where things are.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Postgres, Row, Transaction};

use super::{Epochs, Stored};
use crate::event::Facts;
use crate::message::{Message, Taken};
use crate::thing::Thing;

/// Stores the events of a batch that are new, and what is declared wrong.
pub(super) async fn insert(
    transaction: &mut Transaction<'_, Postgres>,
    batch: &[(Message, Taken)],
    epochs: &Epochs<'_>,
    stored: &mut Stored,
) -> Result<(), sqlx::Error> {
    // Of the same id in one batch the first counts, and one that declares it wrong before others.
    let mut chosen: BTreeMap<&str, (&Taken, &Facts)> = BTreeMap::new();
    let mut came = 0_usize;
    for (taken, facts) in batch
        .iter()
        .flat_map(|(_, taken)| taken.events.iter().map(move |facts| (taken, facts)))
    {
        came += 1;
        let declares = facts.wrong_since_us.is_some();
        let entry = chosen.entry(&facts.id).or_insert((taken, facts));
        if declares && entry.1.wrong_since_us.is_none() {
            *entry = (taken, facts);
        }
    }
    let things = things(transaction, chosen.values().map(|(_, facts)| *facts)).await?;
    let rows = insert_events(transaction, &chosen, epochs).await?;
    stored.events = rows.values().filter(|row| row.is_new).count();
    stored.repeated = came.saturating_sub(stored.events);
    let mut touched = BTreeSet::new();
    let withdrawn: Vec<i64> = rows
        .values()
        .filter(|row| !row.is_new)
        .map(|row| row.id)
        .collect();
    touched.extend(withdraw(transaction, &withdrawn).await?);
    let new: Vec<(i64, &Facts)> = rows
        .iter()
        .filter(|(_, row)| row.is_new)
        .filter_map(|(id, row)| Some((row.id, chosen.get(id.as_str())?.1)))
        .filter(|(_, facts)| facts.wrong_since_us.is_none())
        .collect();
    touched.extend(insert_uses(transaction, &new, &things).await?);
    insert_documents(transaction, &new).await?;
    insert_parties(transaction, &new).await?;
    if !touched.is_empty() {
        let touched: Vec<i64> = touched.into_iter().collect();
        sqlx::query("select locate($1)")
            .bind(&touched)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// The rows of all things, made where they are missing, and locked until the end: whoever else stores something about one
/// of them waits, so that the newest event is found.
async fn things<'a>(
    transaction: &mut Transaction<'_, Postgres>,
    facts: impl Iterator<Item = &'a Facts>,
) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let mut all: BTreeMap<&str, &Thing> = BTreeMap::new();
    for it in facts.flat_map(|facts| &facts.uses) {
        let known = all.entry(&it.thing.uri).or_insert(&it.thing);
        if known.lot.is_none() {
            *known = &it.thing;
        }
    }
    if all.is_empty() {
        return Ok(BTreeMap::new());
    }
    let column = |text: fn(&Thing) -> Option<&str>| -> Vec<Option<&str>> {
        all.values().map(|thing| text(thing)).collect()
    };
    let names: Vec<&str> = all.keys().copied().collect();
    // Looked up first: an insert that meets a conflict takes a number of the sequence, and writes.
    let upsert = "insert into things (uri, level, class, lot, serial) \
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) n (uri, level, class, lot, serial) \
        where not exists (select from things t where t.uri = n.uri) \
        order by uri collate \"C\" on conflict (uri) do nothing";
    sqlx::query(upsert)
        .bind(&names)
        .bind(column(|thing| Some(thing.level)))
        .bind(column(|thing| thing.class.as_deref()))
        .bind(column(|thing| thing.lot.as_deref()))
        .bind(column(|thing| thing.serial.as_deref()))
        .execute(&mut **transaction)
        .await?;
    let lock = "select id, uri, lot from things where uri = any ($1) order by uri collate \"C\" for update";
    let rows = sqlx::query(lock)
        .bind(&names)
        .fetch_all(&mut **transaction)
        .await?;
    let mut ids = BTreeMap::new();
    let (mut lots_of, mut lots) = (Vec::new(), Vec::new());
    for row in rows {
        let (id, uri, lot): (i64, String, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if lot.is_none()
            && let Some(lot) = all.get(uri.as_str()).and_then(|it| it.lot.as_deref())
        {
            lots_of.push(id);
            lots.push(lot);
        }
        ids.insert(uri, id);
    }
    if !lots.is_empty() {
        let learn = "update things t set lot = n.lot from unnest($1::bigint[], $2::text[]) n (id, lot) where t.id = n.id";
        sqlx::query(learn)
            .bind(&lots_of)
            .bind(&lots)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(ids)
}

struct EventRow {
    id: i64,
    /// Else it was there, and is declared wrong now.
    is_new: bool,
}

async fn insert_events(
    transaction: &mut Transaction<'_, Postgres>,
    chosen: &BTreeMap<&str, (&Taken, &Facts)>,
    epochs: &Epochs<'_>,
) -> Result<BTreeMap<String, EventRow>, sqlx::Error> {
    if chosen.is_empty() {
        return Ok(BTreeMap::new());
    }
    let facts: Vec<&Facts> = chosen.values().map(|(_, facts)| *facts).collect();
    let sites: Vec<&str> = chosen
        .values()
        .map(|(taken, _)| taken.site.as_str())
        .collect();
    let epoch_rows: Vec<Option<i32>> = chosen
        .values()
        .map(|(taken, facts)| {
            facts.seq?;
            epochs.get(taken.place.as_ref()?.epoch.as_str()).copied()
        })
        .collect();
    let texts = |text: fn(&Facts) -> Option<&str>| -> Vec<Option<&str>> {
        facts.iter().map(|facts| text(facts)).collect()
    };
    let insert = "insert into events (event_id, type, action, event_time, zone_minutes, site, biz_step, disposition, read_point, \
        biz_location, operator, verdict, epoch, seq, wrong_since, body) \
        select event_id, type, action, timestamptz 'epoch' + at_us * interval '1 microsecond', zone_minutes, site, biz_step, disposition, \
        read_point, biz_location, operator, verdict, epoch, seq, timestamptz 'epoch' + wrong_us * interval '1 microsecond', body::json \
        from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[], \
        $10::text[], $11::text[], $12::text[], $13::int[], $14::bigint[], $15::bigint[], $16::text[]) \
        n (event_id, type, action, at_us, zone_minutes, site, biz_step, disposition, read_point, biz_location, operator, verdict, \
        epoch, seq, wrong_us, body) order by event_id collate \"C\" \
        on conflict (event_id) do update set wrong_since = excluded.wrong_since, body = excluded.body \
        where events.wrong_since is null and excluded.wrong_since is not null \
        returning id, event_id, xmax = 0 as is_new";
    let rows = sqlx::query(insert)
        .bind(texts(|it| Some(&it.id)))
        .bind(texts(|it| Some(it.kind)))
        .bind(texts(|it| it.action))
        .bind(facts.iter().map(|it| it.at_us).collect::<Vec<_>>())
        .bind(facts.iter().map(|it| it.zone_minutes).collect::<Vec<_>>())
        .bind(sites)
        .bind(texts(|it| it.biz_step.as_deref()))
        .bind(texts(|it| it.disposition.as_deref()))
        .bind(texts(|it| it.read_point.as_deref()))
        .bind(texts(|it| it.biz_location.as_deref()))
        .bind(texts(|it| it.operator.as_deref()))
        .bind(texts(|it| it.verdict.as_deref()))
        .bind(epoch_rows)
        .bind(facts.iter().map(|it| it.seq).collect::<Vec<_>>())
        .bind(facts.iter().map(|it| it.wrong_since_us).collect::<Vec<_>>())
        .bind(texts(|it| Some(&it.body)))
        .fetch_all(&mut **transaction)
        .await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let (id, is_new): (i64, bool) = (row.try_get(0)?, row.try_get(2)?);
        found.insert(row.try_get(1)?, EventRow { id, is_new });
    }
    Ok(found)
}

/// Events that are declared wrong say nothing more; the things that they told of.
async fn withdraw(
    transaction: &mut Transaction<'_, Postgres>,
    events: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    for table in [
        "delete from event_documents where event = any ($1)",
        "delete from event_parties where event = any ($1)",
    ] {
        sqlx::query(table)
            .bind(events)
            .execute(&mut **transaction)
            .await?;
    }
    // With an emptied parent that was not, its children are on it again.
    let delete = "with gone as (delete from event_things where event = any ($1) returning thing, role) \
        select thing from gone union select c.thing from gone g join event_things c on c.parent = g.thing and c.role = 'child' \
        where g.role = 'emptied'";
    sqlx::query_scalar(delete)
        .bind(events)
        .fetch_all(&mut **transaction)
        .await
}

async fn insert_uses(
    transaction: &mut Transaction<'_, Postgres>,
    events: &[(i64, &Facts)],
    things: &BTreeMap<String, i64>,
) -> Result<Vec<i64>, sqlx::Error> {
    let (mut ids, mut named, mut roles, mut ats) = (vec![], vec![], vec![], vec![]);
    let (mut parents, mut quantities, mut uoms) = (vec![], vec![], vec![]);
    let mut emptied = Vec::new();
    for (event, facts) in events {
        for it in &facts.uses {
            let Some(thing) = things.get(&it.thing.uri) else {
                continue;
            };
            if it.role == "emptied" {
                emptied.push(*thing);
            }
            ids.push(*event);
            named.push(*thing);
            roles.push(it.role);
            ats.push(facts.at_us);
            parents.push(it.parent.as_ref().and_then(|uri| things.get(uri).copied()));
            quantities.push(it.quantity.as_deref());
            uoms.push(it.uom.as_deref());
        }
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let insert = "insert into event_things (event, thing, role, at, parent, quantity, uom) \
        select event, thing, role::thing_role, timestamptz 'epoch' + at_us * interval '1 microsecond', parent, quantity::numeric, uom \
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]) \
        n (event, thing, role, at_us, parent, quantity, uom)";
    sqlx::query(insert)
        .bind(&ids)
        .bind(&named)
        .bind(&roles)
        .bind(&ats)
        .bind(&parents)
        .bind(&quantities)
        .bind(&uoms)
        .execute(&mut **transaction)
        .await?;
    if !emptied.is_empty() {
        let left = "select id from things where container = any ($1) order by uri collate \"C\" for update";
        let left: Vec<i64> = sqlx::query_scalar(left)
            .bind(&emptied)
            .fetch_all(&mut **transaction)
            .await?;
        named.extend(left);
    }
    Ok(named)
}

async fn insert_documents(
    transaction: &mut Transaction<'_, Postgres>,
    events: &[(i64, &Facts)],
) -> Result<(), sqlx::Error> {
    let (mut ids, mut kinds, mut names) = (vec![], vec![], vec![]);
    for (event, facts) in events {
        for (kind, name) in &facts.documents {
            ids.push(*event);
            kinds.push(kind.as_str());
            names.push(name.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let insert = "insert into event_documents (event, type, document) select * from unnest($1::bigint[], $2::text[], $3::text[])";
    sqlx::query(insert)
        .bind(&ids)
        .bind(&kinds)
        .bind(&names)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_parties(
    transaction: &mut Transaction<'_, Postgres>,
    events: &[(i64, &Facts)],
) -> Result<(), sqlx::Error> {
    let (mut ids, mut ways, mut kinds, mut names) = (vec![], vec![], vec![], vec![]);
    for (event, facts) in events {
        for (way, kind, name) in &facts.parties {
            ids.push(*event);
            ways.push(*way);
            kinds.push(kind.as_str());
            names.push(name.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let insert = "insert into event_parties (event, direction, type, party) \
        select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])";
    sqlx::query(insert)
        .bind(&ids)
        .bind(&ways)
        .bind(&kinds)
        .bind(&names)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
