use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tracegate_pipeline::config::{
    ReadPointConfig, ReadPointKind, StationConfig, StationScanner, Step,
};
use tracegate_pipeline::filter::TagRules;
use tracegate_pipeline::reference::{Batch, Facts, Item, Lot, Quantity, Reference};
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, PipelineConfig, Time};

use super::*;
use crate::health::Health;

mod files;
mod guards;
mod messages;
mod site;
mod turn;

const PATIENCE: Duration = Duration::from_secs(60);
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

fn origin(record: &Reference) -> Origin {
    match record.version {
        0 => Origin::Seen,
        _ => Origin::File,
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
        table
            .store(std::slice::from_ref(&record), origin(&record), Time(1))
            .await
            .unwrap();
        assert_eq!(table.look(&key).await.unwrap(), [holds], "{record:?}");
    }
    // What is there survives.
    table.close().await.unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    assert_eq!(table.look(&key).await.unwrap(), [serial(1, 8, None)]);
    assert!(table.list("", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_full_table_forgets_what_was_seen_before_what_the_site_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let seen: Vec<_> = (0..600).map(|n| serial(n, 0, Some("SEEN"))).collect();
    let told: Vec<_> = (600..1_000).map(|n| serial(n, 1, Some("SITE"))).collect();
    table.store(&told, Origin::File, Time(1)).await.unwrap();
    table.store(&seen, Origin::Seen, Time(2)).await.unwrap();
    let more: Vec<_> = (1_000..1_700).map(|n| serial(n, 1, Some("SITE"))).collect();
    let figures = table.store(&more, Origin::File, Time(3)).await.unwrap();
    assert_eq!((figures.stored, figures.evicted), (700, 700));
    assert_eq!(table.records(), 1_000);
    assert!(table.look(&keys(&seen)).await.unwrap().is_empty());
    assert_eq!(table.look(&keys(&told)).await.unwrap().len(), 300);
    assert_eq!(table.look(&keys(&more)).await.unwrap(), more);
}

#[tokio::test]
async fn what_is_gone_leaves_a_full_table_before_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let held = [serial(0, 1, Some("HELD"))];
    table.store(&held, Origin::Broker, Time(1)).await.unwrap();
    let some = |from, to| {
        (from..to)
            .map(|n| serial(n, 1, Some("L")))
            .collect::<Vec<_>>()
    };
    let gone = some(1, 1_000);
    table.store(&gone, Origin::Broker, Time(2)).await.unwrap();
    table.delete(&keys(&gone), Time(2)).await.unwrap();
    let more = some(1_000, 1_500);
    let figures = table.store(&more, Origin::Broker, Time(3)).await.unwrap();
    assert_eq!((figures.stored, figures.evicted), (500, 0));
    assert_eq!(table.records(), 1_000);
    assert_eq!(table.look(&keys(&held)).await.unwrap(), held);
    assert_eq!(table.look(&keys(&more)).await.unwrap().len(), 500);
}

#[tokio::test]
async fn a_damaged_table_is_a_condition_and_nothing_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reference.sqlite"), "x".repeat(9_000)).unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    health.broker(crate::health::BrokerState::Up);
    health.shows_alone("REFERENCE-FAILED");
    let conditions = health.conditions().join("; ");
    assert!(
        conditions.contains("lots and contents are not known") && conditions.contains("lots load"),
        "{conditions}"
    );
    let fact = serial(1, 0, Some("L"));
    known.learn(vec![fact], Time(1)).await;
    let tick = [Input::Tick { at: Time(1) }];
    let looked = known.look(&Pipeline::default(), &tick).await;
    assert_eq!(looked, Looked::default());
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
    table.store(&facts, Origin::File, Time(1)).await.unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let mut pipeline = station();
    let batch = [scan(1), scan(3), scan(1)];
    let looked = known.look(&pipeline, &batch).await;
    assert_eq!(looked.records, facts);
    pipeline.handle(looked.into_input(Time(0)).unwrap());
    assert!(pipeline.wanted(&scan(1)).is_empty());
    // The second is remembered as not known; what is seen here is known at once.
    let seen = [serial(3, 0, Some("SEEN"))];
    known.learn(seen.to_vec(), Time(3)).await;
    assert_eq!(known.look(&pipeline, &batch).await.records, seen);
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
