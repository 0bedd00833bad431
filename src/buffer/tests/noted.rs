//! Acknowledgements that were noted, and not followed by a deletion before the kill.

use super::*;
use crate::buffer::noted::NAME;

/// A buffer with ten events, killed after `noted` was written.
async fn killed(noted: impl FnOnce(&str) -> Vec<u8>) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let Opened { mut store, .. } = open(folder.path()).await;
    let events: Vec<_> = (1..=10).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
    std::fs::write(folder.path().join(NAME), noted(store.epoch())).unwrap();
    drop(store);
    let store = open(folder.path()).await.store;
    (folder, store)
}

fn line(epoch: &str, seq: i64) -> String {
    format!("{}\n", crate::buffer::kept::check(epoch, seq))
}

#[tokio::test]
async fn what_was_noted_counts_and_leaves_with_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let Opened { mut store, .. } = open(folder.path()).await;
    let events: Vec<_> = (1..=10).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    for seq in [3, 9, 7] {
        reader.note_acknowledged(store.epoch(), seq);
    }
    assert_eq!(store.last_acknowledged(), 0);
    drop(store);

    let mut store = open(folder.path()).await.store;
    assert_eq!((store.last_acknowledged(), store.waiting()), (7, 10));
    store.commit(&[], &[event(11)], Time(0)).await.unwrap();
    assert_eq!(store.waiting(), 4);
    let rows = reader.after(0, 100).await.unwrap();
    let seqs: Vec<_> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [8, 9, 10, 11]);
}

#[tokio::test]
async fn a_shorter_number_over_a_longer_one_is_read() {
    let (_folder, store) = killed(|epoch| {
        let over = "123456 00000000 00000000\n".as_bytes();
        let line = line(epoch, 4);
        [line.as_bytes(), &over[line.len()..]].concat()
    })
    .await;
    assert_eq!(store.last_acknowledged(), 4);
}

#[tokio::test]
async fn what_cannot_be_believed_passes_over_no_event() {
    let wrong: [fn(&str) -> Vec<u8>; 6] = [
        |_| Vec::new(),
        |_| vec![0xff; 40],
        |epoch| line(&format!("{epoch}0"), 5).into_bytes(),
        |epoch| line(epoch, 5).replace('5', "6").into_bytes(),
        |epoch| line(epoch, 5).as_bytes()[..6].to_vec(),
        |epoch| line(epoch, -5).into_bytes(),
    ];
    for noted in wrong {
        let (_folder, mut store) = killed(noted).await;
        assert_eq!(store.last_acknowledged(), 0);
        store.commit(&[], &[event(11)], Time(0)).await.unwrap();
        assert_eq!(store.waiting(), 11);
    }
}

/// An older copy of the file has the same epoch, and will give the same numbers to other events.
#[tokio::test]
async fn a_note_of_events_that_are_yet_to_come_is_removed() {
    let (folder, mut store) = killed(|epoch| line(epoch, 12).into_bytes()).await;
    assert_eq!(store.last_acknowledged(), 0);
    let events: Vec<_> = (11..=15).map(event).collect();
    store.commit(&[], &events, Time(0)).await.unwrap();
    drop(store);
    let store = open(folder.path()).await.store;
    assert_eq!((store.last_acknowledged(), store.waiting()), (0, 15));
}
