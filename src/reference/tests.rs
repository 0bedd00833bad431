use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tracegate_pipeline::config::{
    ReadPointConfig, ReadPointKind, StationConfig, StationScanner, Step,
};
use tracegate_pipeline::filter::TagRules;
use tracegate_pipeline::reference::{Batch, Facts, Lot, Reference};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, PipelineConfig, Time};

use super::*;
use crate::health::Health;

const PATIENCE: Duration = Duration::from_secs(5);
const GTIN: &str = "04012345000016";

fn serial(n: u32, version: u64, lot: Option<&str>) -> Reference {
    let batch = |lot: &str| {
        Facts::Serial(Batch {
            lot: lot.to_owned(),
            expiry: None,
        })
    };
    Reference {
        key: format!("https://id.gs1.org/01/{GTIN}/21/{n}"),
        version,
        facts: lot.map(batch),
    }
}

fn keys(records: &[Reference]) -> Vec<String> {
    records.iter().map(|it| it.key.clone()).collect()
}

#[tokio::test]
async fn versions_rise_and_the_site_knows_better_than_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let key = keys(&[serial(1, 0, None)]);
    for (record, holds) in [
        (serial(1, 0, Some("SEEN")), serial(1, 0, Some("SEEN"))),
        (serial(1, 0, Some("AGAIN")), serial(1, 0, Some("AGAIN"))),
        (serial(1, 7, Some("SITE")), serial(1, 7, Some("SITE"))),
        (serial(1, 0, Some("SEEN")), serial(1, 7, Some("SITE"))),
        (serial(1, 6, Some("OLD")), serial(1, 7, Some("SITE"))),
        (serial(1, 8, None), serial(1, 8, None)),
        (serial(1, 7, Some("SITE")), serial(1, 8, None)),
    ] {
        table.store(std::slice::from_ref(&record), 1).await.unwrap();
        assert_eq!(table.look(&key).await.unwrap(), [holds], "{record:?}");
    }
    // What is there survives.
    table.close().await.unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    assert_eq!(table.look(&key).await.unwrap(), [serial(1, 8, None)]);
    assert!(table.list("", 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_full_table_forgets_what_was_seen_before_what_the_site_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let seen: Vec<_> = (0..600).map(|n| serial(n, 0, Some("SEEN"))).collect();
    let told: Vec<_> = (600..1_000).map(|n| serial(n, 1, Some("SITE"))).collect();
    table.store(&told, 1).await.unwrap();
    table.store(&seen, 2).await.unwrap();
    let more: Vec<_> = (1_000..1_700).map(|n| serial(n, 1, Some("SITE"))).collect();
    let figures = table.store(&more, 3).await.unwrap();
    assert_eq!((figures.stored, figures.evicted), (700, 700));
    assert_eq!(table.records(), 1_000);
    assert!(table.look(&keys(&seen)).await.unwrap().is_empty());
    assert_eq!(table.look(&keys(&told)).await.unwrap().len(), 300);
    assert_eq!(table.look(&keys(&more)).await.unwrap(), more);
}

#[tokio::test]
async fn a_damaged_table_is_a_condition_and_nothing_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reference.sqlite"), "x".repeat(9_000)).unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let conditions = health.conditions().join("; ");
    assert!(
        conditions.contains("lots and contents are not known") && conditions.contains("lots load"),
        "{conditions}"
    );
    let fact = serial(1, 0, Some("L"));
    known.learn(vec![fact], Time(1)).await;
    let tick = [Input::Tick { at: Time(1) }];
    assert!(known.look(&Pipeline::default(), &tick).await.is_empty());
}

/// A station whose scanner is device 0.
fn station() -> Pipeline {
    let scanner = StationScanner {
        device: 0,
        duplicate_window: Span::millis(1),
        assume_gs1: true,
        gs_substitutes: Vec::new(),
        keep_unknown_ais: false,
    };
    let kind = ReadPointKind::Station(StationConfig {
        scanners: vec![scanner],
        step: Step::default(),
        task: None,
        marks: None,
    });
    let config = PipelineConfig {
        time_zone: "UTC".to_owned(),
        devices: vec!["line_1".to_owned()],
        read_points: vec![ReadPointConfig {
            name: "line_1".to_owned(),
            uri: "urn:epc:id:sgln:4012345.00001.line1".to_owned(),
            guard: None,
            kind,
        }],
        tags: TagRules::default(),
        sensors: Vec::new(),
    };
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(config)));
    pipeline
}

fn scan(serial: u32) -> Input {
    Input::Scan {
        device: 0,
        at: Time(0),
        data: format!("01{GTIN}21{serial}").into_bytes(),
    }
}

#[tokio::test]
async fn things_are_looked_up_when_they_are_mentioned_and_not_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let facts = [serial(1, 3, Some("L1"))];
    table.store(&facts, 1).await.unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let mut pipeline = station();
    let batch = [scan(1), scan(2), scan(1)];
    assert_eq!(known.look(&pipeline, &batch).await, facts);
    let (at, records) = (Time(0), facts.to_vec());
    pipeline.handle(Input::References {
        at,
        as_of: None,
        records,
    });
    assert!(pipeline.wanted(&scan(1)).is_empty());
    // The second is remembered as not known, although it is known by now; what is seen here is known at once.
    table.store(&[serial(2, 3, Some("L2"))], 2).await.unwrap();
    assert!(known.look(&pipeline, &batch).await.is_empty());
    let seen = serial(2, 0, Some("SEEN"));
    known.learn(vec![seen], Time(3)).await;
    let found = known.look(&pipeline, &batch).await;
    assert_eq!(found, [serial(2, 3, Some("L2"))]);
    assert!(!health.conditions().iter().any(|it| it.contains("lots")));
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_kept_later() {
    let folder = tempfile::tempdir().unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let mut other = SqliteConnectOptions::new()
        .filename(folder.path().join("reference.sqlite"))
        .connect()
        .await
        .unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let first = serial(1, 0, Some("L1"));
    known.learn(vec![first.clone()], Time(1)).await;
    assert_eq!(health.counters().reference_failures.get(), 1);
    assert!(health.conditions().join("; ").contains("cannot be kept"));
    // Look-ups go on meanwhile. It is left alone for a while; then both are stored.
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let second = serial(2, 0, Some("L1"));
    known.learn(vec![second.clone()], Time(2)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    known.learn(Vec::new(), Time(3)).await;
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let both = [first, second];
    assert_eq!(table.look(&keys(&both)).await.unwrap(), both);
    assert!(!health.conditions().join("; ").contains("cannot be kept"));
}

#[test]
fn files_of_each_form_say_the_same() {
    let csv = "\u{feff}sscc;gtin;serial;lot;expiry;status;quantity\r
040123450000000016;4012345000016;7;L1;;;\r
;04012345000016;7;L1;2027-03-31;;\r
;04012345000016;;\"L;1\";270331;hold;\r
040123450000000016;04012345000016;;L2;;;40\r
";
    let json = r#"[
{"sscc": "040123450000000016", "contents": [{"gtin": "04012345000016", "serial": "7", "lot": "L1"}, {"gtin": "04012345000016", "lot": "L2", "quantity": 40}]},
{"gtin": "04012345000016", "serial": "7", "lot": "L1", "expiry": "270331"},
{"gtin": "04012345000016", "lot": "L;1", "expiry": "270331", "status": "hold"}]"#;
    let lines = json.trim_matches(['[', ']']).replace("},\n", "}\n");
    let records = parse(csv, Format::Csv, 5).unwrap();
    assert_eq!(parse(json, Format::Json, 5).unwrap(), records);
    assert_eq!(parse(&lines, Format::Json, 5).unwrap(), records);
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].key, "https://id.gs1.org/00/040123450000000016");
    let Some(Facts::Contents(contents)) = &records[0].facts else {
        panic!("{records:?}")
    };
    assert_eq!(
        contents[1].item,
        "https://id.gs1.org/01/04012345000016/10/L2"
    );
    assert_eq!((contents[1].pieces, contents[0].instance), (Some(40), true));
    let lot = Facts::Lot(Lot {
        status: Some("hold".to_owned()),
        expiry: Some("270331".to_owned()),
        ..Lot::default()
    });
    assert_eq!(records[1].facts, Some(lot));
    assert_eq!(records[2].version, 5);
}

#[test]
fn files_are_refused_with_the_line_and_what_to_do() {
    for (text, format, expected) in [
        (
            "gtin,lott\n",
            Format::Csv,
            "line 1: column \"lott\" is not known; columns are sscc, grai, gtin, serial, lot, expiry, status, quantity, version, delete",
        ),
        (
            "grai,gtin,serial\n04012345000016,04012345000016,7\n",
            Format::Csv,
            "line 2: a grai needs its serial number to name one carrier",
        ),
        (
            "gtin,lot\n04012345000016,L,9\n",
            Format::Csv,
            "line 2: 3 fields, the header has 2",
        ),
        (
            "gtin,lot\n\n04012345000017,L\n",
            Format::Csv,
            "line 3: \"04012345000017\": (01) ",
        ),
        (
            "gtin,serial\n04012345000016,7\n",
            Format::Csv,
            "line 2: a serial number needs its lot",
        ),
        (
            "gtin,lot,expiry\n04012345000016,L,tomorrow\n",
            Format::Csv,
            "line 2: expiry \"tomorrow\" is no date; write 2027-03-31 or 270331",
        ),
        (
            "gtin,lot\n04012345000016,\"L\n",
            Format::Csv,
            "line 2: a quote is not closed on its line",
        ),
        (
            "gtin,serial,lot\n04012345000016,7,A\n04012345000016,7,B\n",
            Format::Csv,
            "line 3: another line says something else about the same thing",
        ),
        (
            "{\"gtin\": \"04012345000016\", \"lot\": \"L\"}\n{\"gtn\": 1}\n",
            Format::Json,
            "line 2: unknown field `gtn`",
        ),
    ] {
        let error = parse(text, format, 1).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_file_stops_the_loader(text in "\\PC{0,200}", csv in proptest::bool::ANY) {
        let format = if csv { Format::Csv } else { Format::Json };
        drop(parse(&text, format, 1));
        drop(parse(&format!("gtin,serial,lot,quantity\n{text}"), Format::Csv, 1));
    }
}
