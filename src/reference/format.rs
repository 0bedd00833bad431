//! The table's format, and the upgrade of older files.

use std::sync::LazyLock;

use sqlx::SqliteConnection;
use tracegate_pipeline::guard::{GuardConfig, Status};
use tracegate_pipeline::reference::{Facts, Lot};

/// The format of the table; a newer one is not guessed at.
pub(super) const USER_VERSION: i64 = 2;

/// What format 1 had.
#[cfg(test)]
pub(super) const SCHEMA_1: &str = "BEGIN IMMEDIATE;
CREATE TABLE reference (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  stored_us INTEGER NOT NULL,
  facts TEXT
) WITHOUT ROWID;
CREATE INDEX reference_age ON reference (version > 0, stored_us);
PRAGMA user_version = 1;
COMMIT;";

// Who says it decides before the version does: versions of a file and of a broker cannot be compared. `item` and `turn` are
// only there for lots that may be used, so that they are found in the order in which they should be.
const TABLE: &str = "CREATE TABLE reference (
  key TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  stored_us INTEGER NOT NULL,
  facts TEXT,
  origin INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  item TEXT,
  turn TEXT
) STRICT, WITHOUT ROWID";
const REST: &str = "CREATE INDEX reference_age ON reference (origin > 0, stored_us);
CREATE INDEX reference_gone ON reference (stored_us) WHERE facts IS NULL;
CREATE INDEX reference_turn ON reference (item, turn) WHERE item IS NOT NULL;
CREATE TABLE site (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  generation INTEGER NOT NULL,
  as_of_us INTEGER,
  snapshot TEXT,
  records INTEGER
) STRICT;
INSERT INTO site (one, generation) VALUES (1, 1);
PRAGMA user_version = 2;";
const COPY: &str = "INSERT INTO reference (key, version, stored_us, facts, origin, changed)
  SELECT key, version, stored_us, facts, version > 0, 1 FROM reference_1";

/// Makes the tables of this format, of those of an older one if there are any; all of it or nothing.
pub(super) async fn upgrade(
    connection: &mut SqliteConnection,
    found: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = sqlx::Connection::begin_with(connection, "BEGIN IMMEDIATE").await?;
    // Somebody else may have been quicker.
    let now: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await?;
    if now != found {
        return transaction.rollback().await;
    }
    if found == 1 {
        let aside = "ALTER TABLE reference RENAME TO reference_1; DROP INDEX reference_age;";
        sqlx::raw_sql(aside).execute(&mut *transaction).await?;
    }
    sqlx::raw_sql(TABLE).execute(&mut *transaction).await?;
    if found == 1 {
        sqlx::query(COPY).execute(&mut *transaction).await?;
        sqlx::query("DROP TABLE reference_1")
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::raw_sql(REST).execute(&mut *transaction).await?;
    if found == 1 {
        arrange(&mut transaction).await?;
    }
    transaction.commit().await
}

/// Puts the lots of an older file in their order, in slices.
async fn arrange(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    const LOTS: &str = "SELECT key, facts FROM reference
      WHERE key > ? AND facts LIKE '{\"lot\":%' ORDER BY key LIMIT 1000";
    let mut after = String::new();
    loop {
        let rows: Vec<(String, String)> = sqlx::query_as(LOTS)
            .bind(&after)
            .fetch_all(&mut *connection)
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after.clone_from(last);
        for (key, text) in rows {
            let facts = serde_json::from_str(&text).ok();
            if let Some((item, turn)) = turn(&key, facts.as_ref()) {
                sqlx::query("UPDATE reference SET item = ?, turn = ? WHERE key = ?")
                    .bind(item)
                    .bind(turn)
                    .bind(key)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
}

/// The item of a lot that may be used, and its place among the item's lots: the soonest to expire first, of those the first
/// received. What is known to be on hold or used up has none; a word that only the site knows is judged at the look-up.
pub(super) fn turn(key: &str, facts: Option<&Facts>) -> Option<(String, String)> {
    let Some(Facts::Lot(lot)) = facts else {
        return None;
    };
    static USUAL: LazyLock<GuardConfig> = LazyLock::new(GuardConfig::default);
    let status = lot.status.as_deref().map(|word| USUAL.status(word));
    let is_held = status == Some(Status::Held);
    let is_used_up = lot
        .quantity
        .as_ref()
        .is_some_and(|it| it.value.as_str() == "0");
    if is_held || is_used_up {
        return None;
    }
    let (item, _) = key.rsplit_once("/10/")?;
    Some((item.to_owned(), place(lot)))
}

/// Sorts as text. Days `00` mean the end of the month (GenSpecs §3.4.7), and what has no date comes last.
fn place(lot: &Lot) -> String {
    let date = |date: &Option<String>| match date.as_deref() {
        Some(date) if date.ends_with("00") => format!("{}99", date.get(..4).unwrap_or(date)),
        Some(date) => date.to_owned(),
        None => "999999".to_owned(),
    };
    format!("{}{}", date(&lot.expiry), date(&lot.received))
}
