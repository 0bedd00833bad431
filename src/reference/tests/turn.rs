//! Which lots of an item are to be used first.

use std::time::Instant as Clock;

use sqlx::Row as _;
use tracegate_pipeline::guard::GuardConfig;

use super::site::{LOT, open};
use super::*;
use crate::reference::table;

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
