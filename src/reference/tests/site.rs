//! The site's messages, from their bytes to what the pipeline is told.

use std::time::Instant as Clock;

use sqlx::Connection as _;
use tokio::time::Instant;

use super::*;
use crate::reference::format;

pub(super) const LOT: &str = "https://id.gs1.org/01/04012345000016/10/";

pub(super) async fn open(folder: &tempfile::TempDir) -> Table {
    let opened = Table::open(folder.path(), 1_000_000, PATIENCE).await;
    opened.unwrap()
}

/// Hears messages, stores them, and lets some time pass.
struct Site {
    intake: Intake,
    table: Table,
    now: Instant,
}

impl Site {
    async fn start(folder: &tempfile::TempDir) -> Self {
        let now = Instant::now();
        Self {
            intake: Intake::new(1_000, now),
            table: open(folder).await,
            now,
        }
    }

    async fn says(&mut self, messages: &[(&str, &str)]) -> Option<Complete> {
        for (below, payload) in messages {
            let heard = self.intake.hear(below, payload.as_bytes(), self.now);
            heard.unwrap_or_else(|error| panic!("{below}: {error}"));
        }
        self.intake.store(&mut self.table, Time(1)).await.unwrap();
        self.after(2).await
    }

    async fn after(&mut self, seconds: u64) -> Option<Complete> {
        let mut complete = None;
        for _ in 0..seconds {
            let Self { intake, table, now } = self;
            let concluded = intake.conclude(table, *now, Time(1)).await.unwrap();
            complete = complete.or(concluded);
            *now += Duration::from_secs(1);
        }
        complete
    }

    /// Lots with their status; those that are deleted are not there.
    async fn lots(&mut self) -> Vec<String> {
        let rows = self.table.list(LOT, None, 99).await.unwrap();
        let line = |row: &Row| match &row.facts {
            Facts::Lot(lot) => {
                let name = row.key.rsplit_once('/').unwrap().1;
                format!("{name} {}", lot.status.as_deref().unwrap_or("-"))
            }
            other => format!("{other:?}"),
        };
        rows.iter().map(line).collect()
    }

    async fn as_of(&mut self) -> Option<String> {
        let site = self.table.site().await.unwrap();
        let at = jiff::Timestamp::from_microsecond(site.as_of?.0).unwrap();
        Some(at.strftime("%H:%M").to_string())
    }
}

const L1: &str = "lot/04012345000016/L1";
const L2: &str = "lot/04012345000016/L2";
const L3: &str = "lot/04012345000016/L3";
const RELEASED: &str = r#"{"v": 5, "status": "released"}"#;

fn meta(id: &str, hour: u32, count: u32) -> String {
    format!(
        r#"{{"snapshot_id": "{id}", "generated_at": "2026-11-22T{hour:02}:00:00Z", "count": {count}}}"#
    )
}

#[tokio::test]
async fn a_complete_snapshot_tells_how_old_data_is_and_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    let first = meta("a", 6, 3);
    // In the order in which the broker has them.
    let told = [("meta", first.as_str()), (L1, RELEASED), (L2, RELEASED)];
    assert_eq!(site.says(&told).await, None);
    assert_eq!((site.as_of().await, site.lots().await.len()), (None, 2));
    let complete = site.says(&[(L3, RELEASED)]).await.unwrap();
    assert_eq!((complete.count, complete.deleted), (3, 0));
    assert_eq!(site.as_of().await.as_deref(), Some("06:00"));
    // Changes count at once, and a heartbeat says that there were no others.
    let hold = r#"{"v": 6, "status": "hold", "hold_reason": "moisture"}"#;
    let heartbeat = r#"{"at": "2026-11-22T07:30:00Z"}"#;
    site.says(&[(L2, hold), ("heartbeat", heartbeat), (L1, "")])
        .await;
    assert_eq!(site.lots().await, ["L2 hold", "L3 released"]);
    assert_eq!(site.as_of().await.as_deref(), Some("07:30"));
    // Older versions are not taken.
    site.says(&[(L2, RELEASED)]).await;
    assert_eq!(site.lots().await[0], "L2 hold");

    // While the gateway is away L3 goes and L4 comes: the broker has nothing of L3 to tell.
    site.intake.connected(site.now);
    let second = meta("b", 12, 2);
    let told = [("meta", second.as_str()), (L2, hold)];
    assert_eq!(site.says(&told).await, None);
    assert_eq!(site.lots().await.len(), 2, "nothing is gone yet");
    assert_eq!(site.as_of().await.as_deref(), Some("07:30"));
    assert!(site.after(70).await.is_none());
    let overdue = site.intake.overdue(site.now);
    assert_eq!(overdue, Some(("b".to_owned(), 1, 2)));
    let complete = site.says(&[("lot/04012345000016/L4", RELEASED)]).await;
    assert_eq!(complete.unwrap().deleted, 1);
    assert_eq!(site.lots().await, ["L2 hold", "L4 released"]);
    assert_eq!(site.as_of().await.as_deref(), Some("12:00"));
    assert_eq!(site.intake.overdue(site.now), None);
}

#[tokio::test]
async fn a_heartbeat_without_a_snapshot_gives_no_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    let heartbeat = ("heartbeat", r#"{"at": "2026-11-22T07:30:00Z"}"#);
    site.says(&[heartbeat, (L1, RELEASED)]).await;
    assert!(site.after(70).await.is_none());
    assert_eq!(site.as_of().await, None);
    // It counts as soon as there is one.
    site.says(&[("meta", &meta("a", 6, 1))]).await.unwrap();
    assert_eq!(site.as_of().await.as_deref(), Some("07:30"));
}

#[tokio::test]
async fn a_hold_counts_whatever_else_is_wrong_and_the_rest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    site.says(&[(L1, RELEASED), (L2, RELEASED)]).await;
    for (lot, payload, pointer) in [
        (
            L1,
            r#"{"v": 6, "status": "On Hold", "hold_reason": 7, "expiry": "soon"}"#,
            "/expiry",
        ),
        (
            L2,
            r#"{"v": 6, "status": "released", "expiry": "soon"}"#,
            "/expiry",
        ),
        (
            L3,
            r#"{"v": 6, "status": "hold", "location": "A-01", "colour": "red"}"#,
            "/colour",
        ),
    ] {
        let heard = site.intake.hear(lot, payload.as_bytes(), site.now);
        assert_eq!(heard.unwrap_err().pointer, pointer);
    }
    site.says(&[]).await;
    let expected = ["L1 On Hold", "L2 released", "L3 hold"];
    assert_eq!(site.lots().await, expected);
    // What has no version that can be read takes nothing: no hold, and above all no release.
    for (lot, payload) in [
        (L2, r#"{"v": "7", "status": "hold"}"#),
        (L3, r#"{"v": -7, "status": "released"}"#),
        (L1, r#"{"status": "released"}"#),
    ] {
        let heard = site.intake.hear(lot, payload.as_bytes(), site.now);
        assert!(heard.is_err(), "{payload}");
    }
    site.says(&[]).await;
    assert_eq!(site.lots().await, expected);
    // It came with the snapshot, and stays with it.
    let all = meta("a", 6, 3);
    assert_eq!(site.says(&[("meta", &all)]).await.unwrap().deleted, 0);
    assert_eq!(site.lots().await, expected);
}

#[tokio::test]
async fn records_that_name_another_snapshot_are_gone_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    let of =
        |id: &str, v: u32| format!(r#"{{"v": {v}, "status": "released", "snapshot_id": "{id}"}}"#);
    let (a, first) = (of("a", 1), meta("a", 6, 3));
    let told = [(L1, a.as_str()), (L2, &a), (L3, &a), ("meta", &first)];
    assert_eq!(site.says(&told).await.unwrap().count, 3);
    // A new one while connected: what is not in it stays at the broker.
    let (b, second) = (of("b", 2), meta("b", 7, 2));
    assert_eq!(site.says(&[("meta", &second), (L1, &b)]).await, None);
    assert_eq!(site.lots().await.len(), 3);
    let complete = site.says(&[(L3, b.as_str())]).await.unwrap();
    assert_eq!((complete.deleted, site.lots().await.len()), (1, 2));
}

#[tokio::test]
async fn files_do_not_replace_messages_nor_do_snapshots_delete_what_a_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    let file =
        "gtin,lot,status,version\n4012345000016,L1,released,1800000000\n4012345000016,L9,hold,9\n";
    let records = parse(file, Format::Csv, 1).unwrap();
    site.table
        .store(&records, Origin::File, Time(1))
        .await
        .unwrap();
    let first = meta("a", 6, 1);
    let hold = r#"{"v": 1, "status": "hold"}"#;
    assert!(site.says(&[(L1, hold), ("meta", &first)]).await.is_some());
    assert_eq!(site.lots().await, ["L1 hold", "L9 hold"]);
    let figures = site
        .table
        .store(&records, Origin::File, Time(2))
        .await
        .unwrap();
    assert_eq!((figures.stored, figures.outdated), (1, 1));
    assert_eq!(site.lots().await[0], "L1 hold");
}

#[tokio::test]
async fn what_comes_again_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    site.says(&[(L1, RELEASED), (L2, RELEASED)]).await;
    let before = site.table.site().await.unwrap().generation;
    site.intake.connected(site.now);
    site.says(&[(L1, RELEASED), (L2, RELEASED)]).await;
    assert_eq!(site.table.site().await.unwrap().generation, before);
}

#[tokio::test]
async fn a_lot_put_on_hold_is_told_at_once_and_so_is_the_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start(&folder).await;
    let health = Health::new("plant-3", "e");
    health.site_data_matters(Duration::from_secs(8 * 3_600));
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let mut pipeline = station();
    let scan = [Input::Scan {
        device: 0,
        at: Time(0),
        data: format!("01{GTIN}10L1").into_bytes(),
    }];
    health.broker(crate::health::BrokerState::Up);
    health.shows_alone("LOTS-STALE");
    // Unknown, and remembered as such.
    assert_eq!(known.look(&pipeline, &scan).await, Looked::default());
    assert!(
        health
            .conditions()
            .join("; ")
            .contains("nobody has told yet")
    );
    let (first, told) = (meta("a", 6, 1), "2026-11-22T06:00:00Z");
    let told: jiff::Timestamp = told.parse().unwrap();
    site.says(&[(L1, RELEASED), ("meta", &first)])
        .await
        .unwrap();
    let status = async |known: &mut Known, pipeline: &mut Pipeline, expected: &str| {
        let deadline = Clock::now() + PATIENCE;
        let mut as_of = None;
        loop {
            let looked = known.look(pipeline, &scan).await;
            as_of = looked.as_of.or(as_of);
            let found = looked.records.iter().find_map(|it| match &it.facts {
                Some(Facts::Lot(lot)) => lot.status.clone(),
                _ => None,
            });
            if let Some(input) = looked.into_input(Time(0)) {
                pipeline.handle(input);
            }
            if found.as_deref() == Some(expected) {
                return as_of;
            }
            assert!(Clock::now() < deadline, "{found:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let as_of = status(&mut known, &mut pipeline, "released").await;
    assert_eq!(as_of, Some(Time(told.as_microsecond())));
    // Known by now, and not asked for again: the change is told all the same.
    assert!(pipeline.wanted(&scan[0]).is_empty());
    site.says(&[(L1, r#"{"v": 6, "status": "hold"}"#)]).await;
    assert_eq!(status(&mut known, &mut pipeline, "hold").await, None);
    // It is the data's own time that counts, and it is known from the start.
    let conditions = health.conditions().join("; ");
    let is_old = jiff::Timestamp::now().duration_since(told) > jiff::SignedDuration::from_hours(8);
    assert_eq!(
        conditions.contains("the site's data is"),
        is_old,
        "{conditions}"
    );
    let health = Health::new("plant-3", "e");
    health.site_data_matters(Duration::from_secs(60));
    drop(Known::open(folder.path(), 1_000, health.clone()).await);
    let status = health.status().reference.unwrap();
    assert_eq!(status.as_of.as_deref(), Some("2026-11-22T06:00:00Z"));
    assert_eq!((status.snapshot.as_deref(), status.records), (Some("a"), 1));
}

#[tokio::test]
async fn a_table_of_format_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reference.sqlite");
    let mut old = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(format::SCHEMA_1)
        .execute(&mut old)
        .await
        .unwrap();
    let rows = format!(
        r#"INSERT INTO reference VALUES
        ('{LOT}L1', 5, 100, '{{"lot":{{"status":"released","expiry":"270331"}}}}'),
        ('{LOT}L2', 6, 100, NULL),
        ('https://id.gs1.org/01/{GTIN}/21/7', 0, 100, '{{"serial":{{"lot":"L1","expiry":null}}}}');"#
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows))
        .execute(&mut old)
        .await
        .unwrap();
    old.close().await.unwrap();
    let mut table = open(&folder).await;
    assert_eq!(table.records(), 3);
    let rows = table.list("", None, 9).await.unwrap();
    let origins: Vec<_> = rows.iter().map(|row| (row.version, row.origin)).collect();
    assert_eq!(origins, [(5, Origin::File), (0, Origin::Seen)]);
    let item = [format!("https://id.gs1.org/01/{GTIN}")];
    let found = table.look(&item).await.unwrap();
    let Some(Facts::Item(item)) = &found[0].facts else {
        panic!("{found:?}")
    };
    assert_eq!(item.lots[0].lot, "L1");
    // Versions go on counting.
    let outdated = Reference {
        key: format!("{LOT}L2"),
        version: 5,
        facts: Some(Facts::Lot(Lot::default())),
    };
    let figures = table
        .store(&[outdated], Origin::File, Time(1))
        .await
        .unwrap();
    assert_eq!((figures.stored, figures.outdated), (0, 1));
}

proptest::proptest! {
    /// The newest version wins, in whatever order and batches messages come.
    #[test]
    fn the_newest_version_is_what_is_known(versions in proptest::collection::vec(1_u64..9, 1..12), cut in 0_usize..12) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut site = Site::start(&folder).await;
            let all: Vec<String> = versions.iter().map(|v| format!("{{\"v\": {v}, \"status\": \"s{v}\"}}")).collect();
            let all: Vec<(&str, &str)> = all.iter().map(|it| (L1, it.as_str())).collect();
            let (first, rest) = all.split_at(cut.min(all.len()));
            site.says(first).await;
            site.says(rest).await;
            let newest = versions.iter().max().unwrap();
            assert_eq!(site.lots().await, [format!("L1 s{newest}")]);
        });
    }
}
