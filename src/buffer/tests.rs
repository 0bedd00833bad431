//! The buffer on real files: what it promises, on a good day, when it is full, and when the file is damaged.

mod damage;
mod format;
mod kept;
mod model;
mod noted;
mod repair;
mod room;
mod streams;
mod tail;
mod verify;

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tracegate_epcis::EventId;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Pipeline, Time};

use super::*;

/// More than any test stores.
const ROOMY: u64 = 64 << 20;
/// The least the store makes of it: 64 pages.
const TINY: u64 = 0;

async fn open(directory: &Path) -> Opened {
    let opened = Store::open(directory, ROOMY).await.unwrap();
    assert_eq!(opened.unreadable, 0);
    opened
}

/// Another program's connection to the file.
async fn outsider(directory: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(directory.join(FILE_NAME))
        .connect()
        .await
        .unwrap()
}

async fn run(directory: &Path, sql: &'static str) {
    sqlx::raw_sql(sql)
        .execute(&mut outsider(directory).await)
        .await
        .unwrap();
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// About the size of a real one.
fn event(n: i64) -> MovementEvent {
    MovementEvent {
        id: EventId::of_prehash(&n.to_string()),
        read_point: "dock_1".into(),
        at: Time(n),
        uncertainty: Default::default(),
        json: format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(800)),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    }
}

fn events(numbers: std::ops::Range<i64>) -> Vec<MovementEvent> {
    numbers.map(event).collect()
}

/// The pipeline's time tells afterwards which batches it has seen.
fn tick(n: i64) -> Vec<Input> {
    vec![Input::Tick { at: Time(n) }]
}

async fn commit(store: &mut Store, n: i64, events: &[MovementEvent]) {
    store.commit(&tick(n), events, Time(n)).await.unwrap();
}

/// Everything in the outbox, as the forwarder sees it.
async fn outbox(directory: &Path) -> Vec<OutboxRow> {
    let mut reader = OutboxReader::open(&directory.join(FILE_NAME))
        .await
        .unwrap();
    reader.after(0, usize::MAX).await.unwrap()
}

async fn sequences(directory: &Path) -> Vec<i64> {
    outbox(directory).await.iter().map(|row| row.seq).collect()
}

#[tokio::test]
async fn a_new_buffer_is_empty_durable_and_marked_as_ours() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("var/lib/tracegate");
    let mut opened = open(&nested).await;
    assert_eq!((opened.store.waiting(), opened.store.last_seq()), (0, 0));
    assert_eq!(opened.replayed, 0);
    assert_eq!(opened.pipeline.state(), Pipeline::default().state());
    let own = &mut opened.store.connection;
    assert_eq!(number(own, "PRAGMA synchronous").await, 2, "FULL");
    assert_eq!(number(own, "PRAGMA auto_vacuum").await, 2, "INCREMENTAL");
    assert_eq!(number(own, "PRAGMA user_version").await, 4);
    assert_eq!(number(own, "PRAGMA application_id").await, 0x5452_4754);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(own)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("below"), ROOMY).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot use the buffer directory ") && text.contains("file/below"),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_gateway_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).await;
    let error = Store::open(directory.path(), ROOMY).await.unwrap_err();
    let path = directory.path().join(FILE_NAME);
    assert_eq!(
        error.to_string(),
        format!(
            "the buffer {} is in use by another gateway; stop that one, or give this one its own [buffer] directory",
            path.display()
        )
    );
    drop(first);
    open(directory.path()).await;
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await.store;
    store.close().await.unwrap();
    run(directory.path(), "PRAGMA user_version=5").await;
    let error = Store::open(directory.path(), ROOMY).await.unwrap_err();
    assert!(
        error.to_string().ends_with(
            "was written by a newer tracegate (format 5, this one knows 4); install that version again"
        ),
        "{error}"
    );
    let mut outsider = outsider(directory.path()).await;
    assert_eq!(number(&mut outsider, "PRAGMA user_version").await, 5);
}

#[tokio::test]
async fn the_epoch_belongs_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await.store;
    let epoch = store.epoch().to_owned();
    assert_eq!(epoch.len(), 36);
    store.close().await.unwrap();
    let again = open(directory.path()).await.store;
    assert_eq!(again.epoch(), epoch);
    again.close().await.unwrap();
    std::fs::remove_file(directory.path().join(FILE_NAME)).unwrap();
    assert_ne!(open(directory.path()).await.store.epoch(), epoch);
}

#[tokio::test]
async fn what_is_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..3)).await;
    commit(&mut store, 2, &[]).await;
    commit(&mut store, 3, &events(3..150)).await;
    assert_eq!((store.waiting(), store.last_seq()), (150, 150));
    store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!(opened.replayed, 3);
    assert_eq!(opened.pipeline.now(), Time(3));
    assert_eq!(
        (opened.store.waiting(), opened.store.last_seq()),
        (150, 150)
    );
    let rows = outbox(directory.path()).await;
    for (n, row) in (0..150).zip(&rows) {
        let event = event(n);
        let expected = OutboxRow {
            seq: n + 1,
            stream: Stream::Movement,
            event_id: event.id.to_string(),
            read_point: event.read_point,
            payload: event.json,
            intact: true,
        };
        assert_eq!(*row, expected);
    }
    let mut reader = OutboxReader::open(opened.store.path()).await.unwrap();
    let some = reader.after(147, 2).await.unwrap();
    assert_eq!(some, rows[147..149]);
}

#[tokio::test]
async fn sequence_numbers_never_come_back() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut store = open(directory.path()).await.store;
        assert_eq!(store.last_seq(), round * 4);
        commit(&mut store, round, &events(round * 4..round * 4 + 4)).await;
        assert_eq!(store.acknowledged(store.last_seq()).await.unwrap(), 4);
        assert_eq!(store.waiting(), 0);
        store.close().await.unwrap();
    }
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 9, &events(0..2)).await;
    assert_eq!(sequences(directory.path()).await, [13, 14]);
}

#[tokio::test]
async fn an_event_that_waits_already_is_not_stored_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..3)).await;
    commit(&mut store, 2, &events(1..5)).await;
    commit(&mut store, 3, &[event(4), event(5), event(5)]).await;
    assert_eq!(store.waiting(), 6);
    // Nor does a repeat use a number up: a consumer would look for what has it.
    assert_eq!(sequences(directory.path()).await, [1, 2, 3, 4, 5, 6]);
    let rows = outbox(directory.path()).await;
    assert!(rows.is_sorted_by_key(|row| row.seq));
    assert_eq!(rows.last().unwrap().seq, store.last_seq());
    let ids: Vec<String> = rows.into_iter().map(|row| row.event_id).collect();
    let expected: Vec<String> = events(0..6).iter().map(|e| e.id.to_string()).collect();
    assert_eq!(ids, expected);
    assert_eq!(store.acknowledged(store.last_seq()).await.unwrap(), 6);
    assert_eq!(store.waiting(), 0);
}

/// SQLite ends some failed transactions by itself and leaves others open: neither may swallow what is stored next.
#[tokio::test]
async fn a_commit_is_all_or_nothing_however_it_fails() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..3)).await;
    let triggers = [
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.occurred_us = 80 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.occurred_us = 80 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.occurred_us = 80 BEGIN SELECT RAISE(FAIL, 'no'); END",
    ];
    for (round, trigger) in (0..).zip([triggers, triggers].concat()) {
        run(directory.path(), trigger).await;
        // The second INSERT fails; journal row and first INSERT went well.
        let error = store
            .commit(&tick(50), &events(10..140), Time(50))
            .await
            .unwrap_err();
        assert!(!error.is_full(), "{error:?}");
        assert_eq!(error.to_string(), "buffer: append to the outbox");
        assert_eq!((store.waiting(), store.last_seq()), (3, 3 + round));
        assert_eq!(store.acknowledged(1 + round).await.unwrap(), 1);
        run(directory.path(), "DROP TRIGGER refuse").await;
        commit(&mut store, 2 + round, &[event(200 + round)]).await;
        let seen = sequences(directory.path()).await;
        assert_eq!(seen, [round + 2, round + 3, round + 4]);
    }
    store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!((opened.replayed, opened.pipeline.now()), (7, Time(7)));
    assert_eq!(opened.store.waiting(), 3);
}

#[tokio::test]
async fn a_commit_takes_along_what_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let events: Vec<_> = (1..=10).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
    store.acknowledge(4);
    assert_eq!((store.waiting(), store.forgotten()), (10, 0));
    store.commit(&[], &[event(11)], Time(0)).await.unwrap();
    assert_eq!((store.waiting(), store.forgotten()), (7, 4));
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    let rows = reader.after(0, 100).await.unwrap();
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (5..=11).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_start_replays_few_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = Pipeline::default();
    let ticks = vec![Input::Tick { at: Time(0) }; 2_048];
    for (commits, replayed) in [(1, 2_048), (1, 0), (3, 2_048)] {
        let mut store = open(directory.path()).await.store;
        for _ in 0..commits {
            store.commit(&ticks, &[], Time(0)).await.unwrap();
            store.trim(&pipeline).await.unwrap();
        }
        store.close().await.unwrap();
        assert_eq!(open(directory.path()).await.replayed, replayed);
    }
}

#[tokio::test]
async fn rows_read_ahead_are_handed_out_in_order_and_read_anew_when_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let events: Vec<_> = (1..=100).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    let (mut cursor, mut seqs) = (0, Vec::new());
    loop {
        let rows = reader.after(cursor, 7).await.unwrap();
        let Some(last) = rows.last() else { break };
        cursor = last.seq;
        seqs.extend(rows.iter().map(|row| row.seq));
    }
    assert_eq!(seqs, (1..=100).collect::<Vec<i64>>());
    run(
        directory.path(),
        "UPDATE outbox SET payload = 'x' WHERE seq = 3",
    )
    .await;
    let again = reader.after(2, 1).await.unwrap();
    assert!(!again[0].intact, "as it is now");
}
