//! The site's messages, from their bytes to what the pipeline is told.

use std::time::Instant as Clock;

use sqlx::{Connection as _, Row as _};
use tokio::time::Instant;
use tracegate_pipeline::guard::GuardConfig;

use super::*;
use crate::reference::{format, table};

const LOT: &str = "https://id.gs1.org/01/04012345000016/10/";

async fn open(folder: &tempfile::TempDir) -> Table {
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
    // It came with the snapshot, and stays with it.
    let all = meta("a", 6, 3);
    assert_eq!(site.says(&[("meta", &all)]).await.unwrap().deleted, 0);
    assert_eq!(site.lots().await, expected);
}

#[tokio::test]
async fn lots_that_have_expired_leave_room_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(&folder).await;
    let lot = |n: u32, expiry: &str| {
        let lot = Lot {
            status: Some("released".to_owned()),
            expiry: Some(expiry.to_owned()),
            ..Lot::default()
        };
        Reference {
            key: format!("{LOT}L{n}"),
            version: 1,
            facts: Some(Facts::Lot(lot)),
        }
    };
    let mut lots: Vec<_> = (0..300).map(|n| lot(n, "261001")).collect();
    // Where the site is it may still be the day before.
    lots.extend([lot(300, "261121"), lot(301, "270331")]);
    table.store(&lots, Origin::File, Time(1)).await.unwrap();
    let key = [format!("https://id.gs1.org/01/{GTIN}")];
    let names = async |table: &mut Table| {
        let found = table.look(&key).await.unwrap();
        let Some(Facts::Item(Item { lots })) = &found[0].facts else {
            panic!("{found:?}")
        };
        lots.iter().map(|it| it.lot.clone()).collect::<Vec<_>>()
    };
    let now: jiff::Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
    table.at(Time(now.as_microsecond()));
    assert_eq!(names(&mut table).await, ["L300", "L301"]);
    // A clock that was never set.
    table.at(Time(0));
    assert_eq!(names(&mut table).await.len(), Item::MOST);
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
async fn lots_of_an_item_come_the_soonest_to_expire_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(&folder).await;
    let mut csv = "gtin,lot,status,expiry,received,quantity\n".to_owned();
    for (lot, status, expiry, received, quantity) in [
        ("LATER", "released", "270401", "", ""),
        ("MONTH", "released", "270300", "", ""),
        ("MARCH", "released", "270331", "", ""),
        ("HELD", "quality hold", "270101", "", ""),
        ("GONE", "released", "270101", "", "0"),
        ("OWN", "FREI", "270102", "", ""),
        ("NONE", "released", "", "", ""),
        ("OLD/1", "", "", "251231", "3"),
    ] {
        csv.push_str(&format!(
            "{GTIN},{lot},{status},{expiry},{received},{quantity}\n"
        ));
    }
    let records = parse(&csv, Format::Csv, 1).unwrap();
    table.store(&records, Origin::File, Time(1)).await.unwrap();
    let key = [format!("https://id.gs1.org/01/{GTIN}")];
    let order = async |table: &mut Table| {
        let found = table.look(&key).await.unwrap();
        let Some(Facts::Item(Item { lots })) = &found[0].facts else {
            panic!("{found:?}")
        };
        lots.iter().map(|it| it.lot.clone()).collect::<Vec<_>>()
    };
    let usual = ["MARCH", "MONTH", "LATER", "OLD/1", "NONE"];
    assert_eq!(order(&mut table).await, usual);
    table.words(vec!["frei".to_owned()], Vec::new());
    assert_eq!(order(&mut table).await[0], "OWN");
    // No lot may be used any more: who knows the item is told.
    let before = table.site().await.unwrap().generation;
    let all = keys(&records);
    table.delete(&all, Time(2)).await.unwrap();
    assert!(table.look(&key).await.unwrap().is_empty());
    let since = table.look_since(&key, before).await.unwrap();
    assert_eq!((since.len(), since[0].facts.is_none()), (1, true));
}

#[tokio::test]
async fn lots_that_go_first_are_of_the_places_that_guards_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = "gtin,lot,status,expiry,location\n".to_owned();
    for n in 10..40 {
        csv.push_str(&format!(
            "{GTIN},FAR{n},released,2701{:02},HALL-9\n",
            n % 28 + 1
        ));
    }
    for n in 10..40 {
        csv.push_str(&format!(
            "{GTIN},NEAR{n},released,2702{:02},A\n",
            n % 28 + 1
        ));
    }
    csv.push_str(&format!(
        "{GTIN},B1,frei,270301,B\n{GTIN},ANY,released,270302,\n"
    ));
    let records = parse(&csv, Format::Csv, 1).unwrap();
    let mut table = open(&folder).await;
    table.store(&records, Origin::File, Time(1)).await.unwrap();
    drop(table);

    let guard = |location: Option<&str>| {
        let mut config = Pipeline::default().config().clone();
        let rules = GuardConfig {
            location: location.map(str::to_owned),
            released: vec!["frei".to_owned()],
            ..GuardConfig::default()
        };
        config.read_points = vec![guarded(rules)];
        config
    };
    let both = {
        let mut config = guard(Some("A"));
        config.read_points.extend(guard(Some("B")).read_points);
        config
    };
    let key = vec![format!("https://id.gs1.org/01/{GTIN}")];
    for (config, first, count) in [
        (guard(None), "FAR", 16),
        (guard(Some("A")), "NEAR", 16),
        (guard(Some("B")), "B1", 2),
        (both, "NEAR", 10),
    ] {
        let health = Health::new("plant-3", "e");
        let mut known = Known::open(folder.path(), 1_000, health).await;
        known.configure(&config);
        let found = known.look_up(key.clone()).await;
        let Some(Facts::Item(Item { lots })) = &found[0].facts else {
            panic!("{found:?}")
        };
        assert!(lots[0].lot.starts_with(first), "{lots:?}");
        assert_eq!(lots.len(), count, "{lots:?}");
    }
}

fn guarded(guard: GuardConfig) -> ReadPointConfig {
    ReadPointConfig {
        name: "issue_1".to_owned(),
        uri: "urn:epc:id:sgln:4012345.00002.0".to_owned(),
        guard: Some(Box::new(guard)),
        kind: ReadPointKind::Station(StationConfig {
            scanners: Vec::new(),
            step: Step::default(),
            task: None,
            marks: None,
        }),
    }
}

/// With 100,000 lots, of which one item has 20,000: the index gives the order, and few rows are read.
#[tokio::test]
async fn the_lots_of_an_item_are_found_without_reading_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(&folder).await;
    let lot = |n: u32| {
        let gtin = if n.is_multiple_of(5) {
            GTIN
        } else {
            "04012345001006"
        };
        let lot = Lot {
            status: Some("released".to_owned()),
            expiry: Some(format!("{:02}{:02}01", 27 + n % 60, 1 + n % 12)),
            ..Lot::default()
        };
        Reference {
            key: format!("https://id.gs1.org/01/{gtin}/10/L{n}"),
            version: 1,
            facts: Some(Facts::Lot(lot)),
        }
    };
    let lots: Vec<_> = (0..100_000).map(lot).collect();
    let began = Clock::now();
    table.store(&lots, Origin::Broker, Time(1)).await.unwrap();
    println!("100,000 lots stored in {:?}", began.elapsed());
    let plan = sqlx::query(sqlx::AssertSqlSafe(format!(
        "EXPLAIN QUERY PLAN {}",
        table::ITEM
    )))
    .bind(GTIN)
    .bind("261121")
    .bind(16)
    .fetch_all(&mut table.connection)
    .await
    .unwrap();
    let plan: Vec<String> = plan
        .iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect();
    assert_eq!(plan.len(), 1, "{plan:?}");
    assert!(
        plan[0].contains("USING INDEX reference_turn (item=? AND turn>?)"),
        "{plan:?}"
    );
    let mut times: Vec<_> = Vec::new();
    let key = [format!("https://id.gs1.org/01/{GTIN}")];
    for _ in 0..200 {
        let began = Clock::now();
        assert_eq!(table.look(&key).await.unwrap().len(), 1);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    println!(
        "an item of 20,000 lots: median {:?}, p99 {:?}",
        times[100], times[197]
    );
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
