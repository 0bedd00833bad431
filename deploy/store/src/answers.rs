//! Questions to the tables: each answer is a few lists of rows, for people or as JSON.

use anyhow::{Context, bail};
use serde_json::{Map, Value};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row};

use crate::thing::Thing;

/// An answer: names of lists, and their rows.
pub type Answer = Vec<(&'static str, Vec<Value>)>;

const RECALL: &str =
    "$1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[]";
const TRACE: &str = "$1::bigint[]";
const NARROW: &str = "$1::text, $2::text";

/// What is affected by a recall, found once and asked for in several ways.
struct Affected {
    things: Vec<i64>,
    since: Vec<i64>,
    until: Vec<i64>,
    through: Vec<String>,
    documents: Vec<String>,
}

/// What a supplier's lot, or one of our own, went into, and where that is now.
///
/// # Errors
/// Nothing is known of the lot, or the database does not answer.
pub async fn recall(pool: &PgPool, gtin: &str, lot: &str) -> anyhow::Result<Answer> {
    let asked = Thing::lot(gtin, lot).map_err(anyhow::Error::msg)?;
    let start: Vec<i64> = sqlx::query_scalar(
        "select id from things where uri = $1 or (class = $2 and lot = $3 and level = 'instance')",
    )
    .bind(&asked.uri)
    .bind(&asked.class)
    .bind(&asked.lot)
    .fetch_all(pool)
    .await?;
    if start.is_empty() {
        bail!("no event names lot {lot} of GTIN {gtin}");
    }
    let affected = affected(pool, &start).await?;
    let ask = async |sql| -> anyhow::Result<Vec<Value>> {
        let row = sqlx::query(AssertSqlSafe(wrapped(RECALL, sql)))
            .bind(&start)
            .bind(&affected.things)
            .bind(&affected.since)
            .bind(&affected.until)
            .bind(&affected.through)
            .bind(&affected.documents)
            .fetch_one(pool)
            .await?;
        list(row.try_get(0)?)
    };
    // Side by side: the database has more than one core.
    let (lot, orders, products, pallets, doors) = tokio::try_join!(
        ask(include_str!("../sql/recall_lot.sql")),
        ask(include_str!("../sql/recall_orders.sql")),
        ask(include_str!("../sql/recall_products.sql")),
        ask(include_str!("../sql/recall_pallets.sql")),
        ask(include_str!("../sql/recall_doors.sql")),
    )?;
    Ok(vec![
        ("lot", lot),
        ("orders", orders),
        ("products", products),
        ("pallets", pallets),
        ("doors", doors),
    ])
}

async fn affected(pool: &PgPool, start: &[i64]) -> anyhow::Result<Affected> {
    // Times in microseconds; those beyond all times stay beyond.
    let rows = sqlx::query(
        "select thing, document, through, \
         case when since = '-infinity' then 0 else (extract(epoch from since) * 1000000)::bigint end, \
         case when until = 'infinity' then 9000000000000000 else (extract(epoch from until) * 1000000)::bigint end \
         from affected($1)",
    )
    .bind(start)
    .fetch_all(pool)
    .await?;
    let mut found = Affected {
        things: Vec::new(),
        since: Vec::new(),
        until: Vec::new(),
        through: Vec::new(),
        documents: Vec::new(),
    };
    for row in rows {
        if let Some(thing) = row.try_get(0)? {
            found.things.push(thing);
            found.through.push(row.try_get(2)?);
            found.since.push(row.try_get(3)?);
            found.until.push(row.try_get(4)?);
        } else if let Some(document) = row.try_get(1)? {
            found.documents.push(document);
        }
    }
    Ok(found)
}

/// What went into a serial number: lots, who confirmed each issue, and its own story.
///
/// # Errors
/// It is not known, or several are meant; the text lists them.
pub async fn trace(pool: &PgPool, name: &str, gtin: Option<&str>) -> anyhow::Result<Answer> {
    let uri = Thing::instance(name).uri;
    let class = gtin.map(|gtin| format!("https://id.gs1.org/01/{gtin:0>14}"));
    let rows = sqlx::query(
        "select id, uri from things where (uri = $1 or serial = $2) and ($3::text is null or class = $3) \
         and level in ('instance', 'logistic_unit') order by uri limit 11",
    )
    .bind(&uri)
    .bind(name)
    .bind(&class)
    .fetch_all(pool)
    .await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(1)).collect();
    let [row] = rows.as_slice() else {
        match names?.as_slice() {
            [] => bail!("no event names {name}"),
            names => bail!(
                "several things are called {name}; say which:\n  {}",
                names.join("\n  ")
            ),
        }
    };
    let thing: i64 = row.try_get(0)?;
    let mut answer = Answer::new();
    for (name, sql) in [
        ("thing", include_str!("../sql/trace_thing.sql")),
        ("inputs", include_str!("../sql/trace_inputs.sql")),
        ("receipts", include_str!("../sql/trace_receipts.sql")),
        ("story", include_str!("../sql/trace_story.sql")),
    ] {
        let rows = sqlx::query(AssertSqlSafe(wrapped(TRACE, sql)))
            .bind(vec![thing])
            .fetch_one(pool)
            .await?;
        answer.push((name, list(rows.try_get(0)?)?));
    }
    Ok(answer)
}

/// A question without more to it than two texts to narrow it.
///
/// # Errors
/// The database does not answer.
pub async fn plain(
    pool: &PgPool,
    name: &'static str,
    sql: &'static str,
    narrow: [Option<&str>; 2],
) -> anyhow::Result<Answer> {
    let row = sqlx::query(AssertSqlSafe(wrapped(NARROW, sql)))
        .bind(narrow[0])
        .bind(narrow[1])
        .fetch_one(pool)
        .await?;
    Ok(vec![(name, list(row.try_get(0)?)?)])
}

/// The rows of a query as one JSON text; the database knows how to write its own types.
///
/// `parameters` types them all, also for a query that does not use each.
fn wrapped(parameters: &str, sql: &str) -> String {
    format!(
        "with given as (select {parameters}) select coalesce(json_agg(x), '[]')::text from (\n{sql}\n) x"
    )
}

fn list(text: String) -> anyhow::Result<Vec<Value>> {
    serde_json::from_str(&text).context("the database's answer is no list")
}

/// The answer as one JSON object.
#[must_use]
pub fn json(answer: &Answer) -> String {
    let fields = answer
        .iter()
        .map(|(name, rows)| ((*name).to_owned(), Value::from(rows.clone())));
    let object: Map<String, Value> = fields.collect();
    format!("{:#}\n", Value::from(object))
}

/// The answer as tables.
#[must_use]
pub fn tables(answer: &Answer) -> String {
    let mut text = String::new();
    for (name, rows) in answer {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{name}: {}\n", rows.len()));
        text.push_str(&table(rows));
    }
    text
}

fn table(rows: &[Value]) -> String {
    let Some(first) = rows.first().and_then(Value::as_object) else {
        return String::new();
    };
    let names: Vec<&String> = first.keys().collect();
    let mut lines: Vec<Vec<String>> = vec![names.iter().map(|name| (*name).clone()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| names.iter().map(|name| cell(row.get(name))).collect()),
    );
    // A column of which nothing is known only takes room.
    let used: Vec<bool> = (0..names.len())
        .map(|column| {
            lines
                .iter()
                .skip(1)
                .any(|line| line.get(column).is_some_and(|it| it != "-"))
        })
        .collect();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(&used);
        let cells = cells.filter(|(_, used)| **used);
        let padded: Vec<String> = cells
            .map(|((it, width), _)| format!("{it:width$}"))
            .collect();
        text.push_str(&format!("  {}\n", padded.join("  ").trim_end()));
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(list)) => {
            let cells: Vec<String> = list.iter().map(|it| cell(Some(it))).collect();
            cells.join(", ")
        }
        Some(other) => other.to_string(),
    };
    // What came from outside must not write to the terminal.
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    text.strip_prefix("https://id.gs1.org")
        .map(str::to_owned)
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_for_people() {
        let rows = vec![
            json!({"thing": "https://id.gs1.org/00/1", "at": null, "gone": true, "in": ["a", "b"]}),
            json!({"thing": "x\u{1b}[2J", "at": null, "gone": false, "in": []}),
        ];
        let answer = vec![("things", rows), ("none", Vec::new())];
        assert_eq!(
            tables(&answer),
            "things: 2\n  thing  gone  in\n  /00/1  yes   a, b\n  x\u{fffd}[2J  no\n\nnone: 0\n"
        );
        assert!(json(&answer).contains("\"none\": []"));
    }
}
