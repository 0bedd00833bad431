//! Files of earlier formats.

use super::*;

/// Made by the program of format 1, and written down as SQL.
const FORMAT_1: &str = include_str!("format-1.sql");

/// The same of format 3.
const FORMAT_3: &str = include_str!("format-3.sql");

async fn format_1(directory: &Path) {
    of_format(directory, FORMAT_1).await;
}

async fn of_format(directory: &Path, sql: &'static str) {
    let file = std::fs::File::create(directory.join(FILE_NAME)).unwrap();
    drop(file);
    run(directory, sql).await;
}

#[tokio::test]
async fn a_buffer_of_format_1_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    format_1(directory.path()).await;
    let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
    // Its snapshot and its two journal rows are of an older state, which is not guessed at; what waits is sent.
    assert_eq!((opened.replayed, opened.unreadable), (0, 3));
    let store = &mut opened.store;
    assert_eq!((store.waiting(), store.last_seq()), (3, 4));
    assert_eq!(store.epoch(), "08398793-a6f2-4fdd-bbe8-1bf21b076d74");
    assert_eq!(
        number(&mut store.connection, "PRAGMA user_version").await,
        4
    );
    assert_eq!(store.figures().await.unwrap().dead_letters, 0);
    let rows = outbox(directory.path()).await;
    assert!(rows.iter().all(|row| row.intact));
    commit(store, 40, &events(5..6)).await;
    assert_eq!(sequences(directory.path()).await, [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_full_file_of_format_1_is_sent_and_brought_up_to_date_later() {
    let directory = tempfile::tempdir().unwrap();
    format_1(directory.path()).await;
    // No page is left: the new tables cannot be made.
    run(
        directory.path(),
        "WITH RECURSIVE n(i) AS (SELECT 5 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
         INSERT INTO outbox SELECT i, 'id' || i, 'dock_1', 0, 0, 0, hex(randomblob(600)) FROM n",
    )
    .await;
    let mut store = Store::open(directory.path(), TINY).await.unwrap().store;
    assert_eq!((store.waiting(), store.last_seq()), (399, 400));
    assert_eq!(
        number(&mut store.connection, "PRAGMA user_version").await,
        1
    );
    assert_eq!(store.figures().await.unwrap().dead_letters, 0);
    assert_eq!(store.acknowledged(400).await.unwrap(), 399);
    commit(&mut store, 40, &events(5..6)).await;
    store.close().await.unwrap();
    let mut store = Store::open(directory.path(), TINY).await.unwrap().store;
    assert_eq!(
        number(&mut store.connection, "PRAGMA user_version").await,
        4
    );
}

#[tokio::test]
async fn a_buffer_of_format_3_is_brought_up_to_date_with_all_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    of_format(directory.path(), FORMAT_3).await;
    // Looking changes nothing.
    let mut look = Inspector::look(directory.path()).await.unwrap();
    let stats = look.stats().await.unwrap();
    assert_eq!((stats.waiting, stats.kept, stats.dead_letters), (3, 3, 1));
    assert_eq!((stats.telemetry, stats.telemetry_dropped), (0, 0));
    let before = outbox(directory.path()).await;
    let mut opened = open(directory.path()).await;
    let store = &mut opened.store;
    let version = number(&mut store.connection, "PRAGMA user_version").await;
    assert_eq!((version, store.sent(), store.last_seq()), (4, 3, 7));
    let rows = outbox(directory.path()).await;
    assert!(
        rows.iter()
            .all(|row| row.intact && row.stream == Stream::Movement)
    );
    assert_eq!(rows, before);
    assert_eq!(store.waiting(), 3);
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.dead_letters, figures.telemetry), (1, (0, 0)));
    let telemetry = NewRow {
        stream: Stream::NonEvent,
        id: "t".to_owned(),
        place: "dock_1".into(),
        at: Time(8),
        json: "{}".into(),
    };
    store
        .commit_rows(&[], &[telemetry], Time(80))
        .await
        .unwrap();
    assert_eq!(sequences(directory.path()).await, [1, 2, 5, 6, 7, 8]);
    opened.store.close().await.unwrap();
    // A dead letter of then is sent as what it was.
    let mut inspector = Inspector::change(directory.path()).await.unwrap();
    inspector.requeue(&[1]).await.unwrap();
    inspector.close().await.unwrap();
    let rows = outbox(directory.path()).await;
    let last = rows.last().unwrap();
    assert_eq!(
        (last.seq, last.stream, last.intact),
        (9, Stream::Movement, true)
    );
}

/// No page is left for what is new: what waits is sent, telemetry is dropped meanwhile, and both work once there is room.
#[tokio::test]
async fn a_full_file_of_format_3_is_sent_and_takes_telemetry_later() {
    let directory = tempfile::tempdir().unwrap();
    of_format(directory.path(), FORMAT_3).await;
    run(
        directory.path(),
        "WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
         INSERT INTO outbox SELECT i, 'id' || i, 'dock_1', 0, 0, 0, hex(randomblob(600)) FROM n",
    )
    .await;
    let telemetry = |n: i64| NewRow {
        stream: Stream::NonEvent,
        id: format!("t{n}"),
        place: "dock_1".into(),
        at: Time(n),
        json: "{}".into(),
    };
    let mut store = Store::open(directory.path(), TINY).await.unwrap().store;
    let version = number(&mut store.connection, "PRAGMA user_version").await;
    assert_eq!((version, store.waiting()), (3, 396));
    // A reader that began with the old format sees the new one.
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    assert_eq!(reader.after(0, 9).await.unwrap().len(), 9);
    let refused = store.commit_rows(&tick(1), &[telemetry(1)], Time(1)).await;
    assert!(refused.unwrap_err().is_full());
    assert_eq!(store.acknowledged(399).await.unwrap(), 395);
    while store.prune(Time(i64::MAX)).await.is_ok() && store.figures().await.unwrap().kept.is_some()
    {
    }
    store
        .commit_rows(&tick(2), &[telemetry(2)], Time(2))
        .await
        .unwrap();
    let rows = reader.after(399, 9).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.seq, row.stream)).collect();
    assert_eq!(found, [(400, Stream::Movement), (401, Stream::NonEvent)]);
}
