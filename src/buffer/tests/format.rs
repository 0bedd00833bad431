//! Files of earlier formats.

use super::*;

/// Made by the program of format 1, and written down as SQL.
const FORMAT_1: &str = include_str!("format-1.sql");

async fn format_1(directory: &Path) {
    let file = std::fs::File::create(directory.join(FILE_NAME)).unwrap();
    drop(file);
    run(directory, FORMAT_1).await;
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
        3
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
        3
    );
}
