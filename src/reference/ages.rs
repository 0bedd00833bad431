//! How much is known of each kind of thing, and how old that is, for people.
//!
//! Looked at beside everything else, with a connection of its own that only reads: the whole table is gone through, which
//! nobody who waits for a lot may wait for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::time::{Instant, sleep, timeout};

use super::FILE_NAME;
use crate::health::{Health, KindKnown};

/// Between two looks; after a long one so many times what it took.
const EVERY: (Duration, u32) = (Duration::from_secs(20), 50);
/// A look that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(60);

const KINDS: &str =
    "SELECT substr(facts, 3, instr(facts, '\":') - 3) AS kind, count(*), max(stored_us)
  FROM reference WHERE facts IS NOT NULL GROUP BY kind";

/// Tells `health` of the table in `directory`, until it is dropped. What cannot be read is told by others.
pub async fn watch(directory: PathBuf, health: Health) {
    let path = directory.join(FILE_NAME);
    let (mut open, mut seen) = (None, None);
    loop {
        let began = Instant::now();
        if open.is_none() {
            let options = SqliteConnectOptions::new().filename(&path).read_only(true);
            open = options.disable_statement_logging().connect().await.ok();
        }
        if let Some(connection) = &mut open {
            match timeout(PATIENCE, look(connection, &mut seen)).await {
                Ok(Ok(Some(kinds))) => health.note_site_kinds(kinds),
                Ok(Ok(None)) => {}
                Ok(Err(_)) | Err(_) => (open, seen) = (None, None),
            }
        }
        sleep(EVERY.0.max(began.elapsed() * EVERY.1)).await;
    }
}

/// What there is, unless nobody has written since.
async fn look(
    connection: &mut SqliteConnection,
    seen: &mut Option<i64>,
) -> Result<Option<BTreeMap<&'static str, KindKnown>>, sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&mut *connection)
        .await?;
    if *seen == Some(version) {
        return Ok(None);
    }
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(KINDS).fetch_all(connection).await?;
    *seen = Some(version);
    let known = rows.iter().filter_map(|(kind, count, newest)| {
        let known = KindKnown {
            records: u64::try_from(*count).unwrap_or(0),
            newest: Timestamp::from_microsecond(*newest).ok()?,
        };
        Some((word(kind)?, known))
    });
    Ok(Some(known.collect()))
}

/// As in the topics of the site's messages.
fn word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "lot" => "lot",
        "order" => "order",
        "contents" => "sscc",
        "serial" => "serial",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tracegate_pipeline::Time;
    use tracegate_pipeline::reference::{Batch, Facts, Lot, Order, Reference};

    use super::*;
    use crate::reference::{Origin, Table};

    #[tokio::test]
    async fn each_kind_is_counted_and_as_old_as_its_newest_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Table::open(folder.path(), 100, Duration::from_secs(5))
            .await
            .unwrap();
        let record = |key: &str, facts| Reference {
            key: key.to_owned(),
            version: 1,
            facts: Some(facts),
        };
        let batch = Batch {
            lot: "L1".to_owned(),
            expiry: None,
        };
        let all = [
            (1, record("a", Facts::Lot(Lot::default()))),
            (7, record("b", Facts::Lot(Lot::default()))),
            (3, record("c", Facts::Order(Order::default()))),
            (4, record("d", Facts::Contents(Vec::new()))),
            (5, record("e", Facts::Serial(batch))),
        ];
        for (second, record) in all {
            let at = Time(second * 1_000_000);
            table.store(&[record], Origin::File, at).await.unwrap();
        }
        let health = Health::new("plant-3", "e");
        let watched = watch(folder.path().to_owned(), health.clone());
        let told = async {
            while health.site_kinds().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = watched => {}
            () = told => {}
        }
        let kinds = health.site_kinds();
        let kinds = kinds
            .iter()
            .map(|(kind, it)| (*kind, it.records, it.newest.as_second()));
        let expected = [
            ("lot", 2, 7),
            ("order", 1, 3),
            ("serial", 1, 5),
            ("sscc", 1, 4),
        ];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
    }
}
