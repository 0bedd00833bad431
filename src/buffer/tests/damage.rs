//! Damaged rows, trimming, and sizes.

use super::*;

/// Flips `bits` of the byte at `offset` in `pattern`, wherever the file holds it: pages keep copies of what has moved.
pub(super) fn flip(directory: &Path, pattern: &[u8], offset: usize, bits: u8) {
    let path = directory.join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = bytes
        .windows(pattern.len())
        .enumerate()
        .filter_map(|(place, window)| (window == pattern).then_some(place))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + offset] ^= bits;
    }
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_flipped_bit_in_a_waiting_event_is_noticed_and_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let mut stored = events(0..5);
    stored[3].read_point = "dock_3".into();
    commit(&mut store, 1, &stored).await;
    store.close().await.unwrap();
    // A character becomes another, a byte that is no text, and a different place.
    flip(directory.path(), br#"{"n":1,"#, 5, 0x01);
    flip(directory.path(), br#"{"n":2,"#, 5, 0x80);
    flip(directory.path(), b"dock_3", 5, 0x01);
    let opened = open(directory.path()).await;
    assert_eq!((opened.replayed, opened.store.waiting()), (1, 5));
    let rows = outbox(directory.path()).await;
    let intact: Vec<bool> = rows.iter().map(|row| row.intact).collect();
    assert_eq!(intact, [true, false, false, false, true]);
    assert_eq!(rows[1].payload, stored[1].json.replacen('1', "0", 1));
    assert_eq!(rows[2].payload, stored[2].json.replacen('2', "\u{fffd}", 1));
    assert_eq!(rows[3].read_point, "dock_2");
    assert_eq!(rows[4].payload, stored[4].json);
}

/// A bank of tag reads that can be found in the file.
fn reads(n: i64, mark: u8) -> Vec<Input> {
    vec![
        Input::Reads {
            device: 0,
            at: Time(n),
            reads: vec![tracegate_pipeline::Read {
                epc: vec![mark; 12],
                bit_len: 96,
                pc: None,
                antenna: 1,
                rssi_dbm: None,
                device_time: None,
                ..tracegate_pipeline::Read::default()
            }],
        },
        Input::Tick { at: Time(n) },
    ]
}

#[tokio::test]
async fn a_damaged_journal_row_is_counted_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    for n in 1..=4_i64 {
        let mark = 0xd0 + n as u8;
        store
            .commit(&reads(n, mark), &[event(n)], Time(n))
            .await
            .unwrap();
    }
    store.close().await.unwrap();
    flip(directory.path(), &[0xd2; 12], 7, 0x04);
    let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
    assert_eq!((opened.unreadable, opened.replayed), (1, 6));
    assert_eq!(opened.pipeline.now(), Time(4));
    assert_eq!(sequences(directory.path()).await, [1, 2, 3, 4]);
    commit(&mut opened.store, 5, &[event(5)]).await;
    opened.store.close().await.unwrap();
    flip(directory.path(), &[0xd4; 12], 0, 0x80);
    let opened = Store::open(directory.path(), ROOMY).await.unwrap();
    assert_eq!((opened.unreadable, opened.pipeline.now()), (2, Time(5)));
}

#[tokio::test]
async fn a_damaged_snapshot_is_counted_and_the_journal_behind_it_is_used() {
    for damage in [
        "UPDATE snapshot SET state = zeroblob(length(state))",
        "UPDATE snapshot SET state = substr(state, 2)",
        "UPDATE snapshot SET crc32 = crc32 + 1",
        "UPDATE snapshot SET version = 99",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let Opened {
            mut store,
            mut pipeline,
            ..
        } = open(directory.path()).await;
        commit(&mut store, 10, &events(0..2)).await;
        pipeline.handle(tick(10).remove(0));
        store.snapshot(&pipeline).await.unwrap();
        commit(&mut store, 5, &[]).await;
        store.close().await.unwrap();
        run(directory.path(), damage).await;
        let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
        assert_eq!((opened.unreadable, opened.replayed), (1, 1), "{damage}");
        assert_eq!(opened.pipeline.now(), Time(5), "{damage}");
        assert_eq!(sequences(directory.path()).await, [1, 2]);
        // The next snapshot heals it.
        opened.store.snapshot(&opened.pipeline).await.unwrap();
        opened.store.close().await.unwrap();
        let opened = open(directory.path()).await;
        assert_eq!((opened.replayed, opened.pipeline.now()), (0, Time(5)));
    }
}

#[tokio::test]
async fn trimming_waits_for_its_time_and_keeps_the_state() {
    let directory = tempfile::tempdir().unwrap();
    let Opened {
        mut store,
        mut pipeline,
        ..
    } = open(directory.path()).await;
    for n in 1..=63 {
        commit(&mut store, n, &[]).await;
        pipeline.handle(tick(n).remove(0));
        store.trim(&pipeline).await.unwrap();
    }
    store.close().await.unwrap();
    let mut opened = open(directory.path()).await;
    assert_eq!(opened.replayed, 63, "too few for a snapshot");
    assert_eq!(opened.pipeline.state(), pipeline.state());
    commit(&mut opened.store, 64, &events(0..2)).await;
    pipeline.handle(tick(64).remove(0));
    opened.store.trim(&pipeline).await.unwrap();
    commit(&mut opened.store, 65, &events(2..4)).await;
    pipeline.handle(tick(65).remove(0));
    opened.store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!(opened.replayed, 1, "what came after the snapshot");
    assert_eq!(opened.pipeline.state(), pipeline.state());
    assert_eq!(sequences(directory.path()).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_big_journal_is_trimmed_though_a_load_is_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let big = vec![Input::Scan {
        device: 0,
        at: Time(1),
        data: vec![7; 1 << 20],
    }];
    for _ in 0..4 {
        store.trim(&Pipeline::default()).await.unwrap();
        store.commit(&big, &[], Time(1)).await.unwrap();
    }
    store.trim(&Pipeline::default()).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(open(directory.path()).await.replayed, 0);
}

#[tokio::test]
async fn a_full_buffer_can_be_trimmed() {
    let directory = tempfile::tempdir().unwrap();
    let Opened {
        mut store,
        mut pipeline,
        ..
    } = Store::open(directory.path(), TINY).await.unwrap();
    let long = |n| {
        let data = vec![7; 3000];
        vec![Input::Scan {
            device: 0,
            at: Time(n),
            data,
        }]
    };
    let mut n = 0;
    while store.commit(&long(n + 1), &[], Time(n)).await.is_ok() {
        n += 1;
        pipeline.handle(long(n).remove(0));
    }
    assert!(n > 30, "{n}");
    store.snapshot(&pipeline).await.unwrap();
    commit(&mut store, n + 1, &events(0..20)).await;
    store.close().await.unwrap();
    let opened = Store::open(directory.path(), TINY).await.unwrap();
    assert_eq!((opened.replayed, opened.pipeline.now()), (1, Time(n + 1)));
}

/// A year of quiet work must not grow the file; a backlog may, and is given back.
#[tokio::test]
async fn sizes_stay_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let Opened {
        mut store,
        pipeline,
        ..
    } = open(directory.path()).await;
    let size = |name: &str| {
        std::fs::metadata(directory.path().join(name))
            .unwrap()
            .len()
    };
    let (mut largest, mut largest_wal, wal) = (0, 0, format!("{FILE_NAME}-wal"));
    for n in 0..600 {
        commit(&mut store, n, &events(n * 3..n * 3 + 3)).await;
        store.acknowledged(store.last_seq() - 5).await.unwrap();
        store.trim(&pipeline).await.unwrap();
        largest = largest.max(size(FILE_NAME));
        largest_wal = largest_wal.max(size(&wal));
    }
    assert!(largest < 512 << 10, "{largest}");
    assert!(largest_wal < 2 << 20, "{largest_wal}");

    let start = 10_000;
    for n in 0..10 {
        commit(
            &mut store,
            n,
            &events(start + n * 200..start + (n + 1) * 200),
        )
        .await;
    }
    let backlog = 2_000 * 1_000;
    store.acknowledged(store.last_seq()).await.unwrap();
    assert!(size(FILE_NAME) > backlog, "{}", size(FILE_NAME));
    for n in 0..64 * 6 {
        commit(&mut store, n, &[]).await;
        store.trim(&pipeline).await.unwrap();
    }
    assert!(size(FILE_NAME) < 512 << 10, "{}", size(FILE_NAME));
    assert!(size(&wal) < 2 << 20, "{}", size(&wal));
}
