//! Telemetry beside movements: what it may take, what makes way for what, and what is told of it.

mod model;

use super::room::disk;
use super::*;

/// About the size of a real one.
fn non_event(n: i64) -> NewRow<'static> {
    NewRow {
        stream: Stream::NonEvent,
        id: format!("t{n}"),
        place: "dock_1".into(),
        at: Time(n),
        json: format!(r#"{{"n":{n},"filler":"{}"}}"#, "y".repeat(300)).into(),
    }
}

fn telemetry(numbers: std::ops::Range<i64>) -> Vec<NewRow<'static>> {
    numbers.map(non_event).collect()
}

async fn put(store: &mut Store, n: i64, rows: &[NewRow<'_>]) {
    store.commit_rows(&tick(n), rows, Time(n)).await.unwrap();
}

/// The one gap that waits.
fn gap(rows: &[OutboxRow]) -> Option<Gap> {
    let mut gaps = rows.iter().filter(|row| row.stream == Stream::Gap);
    let first = gaps.next();
    assert_eq!(gaps.next(), None, "one at a time");
    let gap: Gap = serde_json::from_str(&first?.payload).unwrap();
    assert_eq!(first.map(|row| row.seq), Some(gap.to_seq), "in its place");
    Some(gap)
}

#[tokio::test]
async fn both_streams_have_one_order_and_can_be_read_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let events = events(0..4);
    let rows: Vec<NewRow<'_>> = events
        .iter()
        .zip(telemetry(0..4))
        .flat_map(|(event, other)| [event.into(), other])
        .collect();
    put(&mut store, 1, &rows).await;
    put(&mut store, 2, &rows).await;
    let found = outbox(directory.path()).await;
    assert!(found.iter().all(|row| row.intact));
    let streams: Vec<(i64, Stream)> = found.iter().map(|row| (row.seq, row.stream)).collect();
    let expected = |seq: i64| match seq % 2 {
        1 => Stream::Movement,
        _ => Stream::NonEvent,
    };
    let expected: Vec<_> = (1..=8).map(|seq| (seq, expected(seq))).collect();
    assert_eq!(streams, expected, "each once");
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    let numbers = |rows: Vec<OutboxRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    assert_eq!(numbers(reader.movements_after(1, 2).await.unwrap()), [3, 5]);
    assert_eq!(
        numbers(reader.telemetry_between((2, 6), 9).await.unwrap()),
        [4, 6]
    );
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.telemetry.0), (8, 4));
    assert_eq!(store.acknowledged(3).await.unwrap(), 3);
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.telemetry.0), (5, 3));
}

#[tokio::test]
async fn the_size_of_telemetry_is_read_from_the_index_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "EXPLAIN QUERY PLAN SELECT count(*), sum(length(payload)) FROM outbox INDEXED BY outbox_telemetry WHERE stream > 0 AND seq > 5",
    )
    .fetch_all(&mut store.connection)
    .await
    .unwrap();
    assert!(plan[0].3.contains("COVERING INDEX"), "{plan:?}");
}

#[tokio::test]
async fn beyond_its_share_the_oldest_telemetry_becomes_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    store.share_telemetry(200 << 10);
    for n in 0..30 {
        let event = event(n);
        let mut rows = telemetry(n * 100..n * 100 + 99);
        rows.insert(50, (&event).into());
        put(&mut store, n, &rows).await;
    }
    let rows = outbox(directory.path()).await;
    assert_eq!(store.last_seq(), 3_000);
    let movements = rows.iter().filter(|row| row.stream == Stream::Movement);
    let movements: Vec<i64> = movements.map(|row| row.seq).collect();
    let expected: Vec<i64> = (0..30).map(|n| n * 100 + 51).collect();
    assert_eq!(movements, expected, "all of them");
    let gap = gap(&rows).unwrap();
    assert_eq!((gap.from_seq, gap.reason), (1, DropReason::Share));
    assert_eq!(gap.epoch, store.epoch());
    assert_eq!(gap.count, store.telemetry_dropped());
    let between = movements.iter().filter(|seq| **seq < gap.to_seq).count();
    assert_eq!(gap.count as i64, gap.to_seq - between as i64);
    let kept: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let after: Vec<i64> = kept
        .iter()
        .copied()
        .filter(|seq| *seq > gap.to_seq)
        .collect();
    assert_eq!(after, Vec::from_iter(gap.to_seq + 1..=3_000));
    let figures = store.figures().await.unwrap();
    assert_eq!(figures.waiting, rows.len() as u64);
    assert!(figures.telemetry.1 <= 200 << 10, "{figures:?}");
    assert!(figures.telemetry.0 > 150, "not more than need be");
    // What an operator sees.
    let stats = Inspector::look(directory.path())
        .await
        .unwrap()
        .stats()
        .await;
    let stats = stats.unwrap();
    assert_eq!(stats.waiting, rows.len() as i64);
    assert_eq!(stats.telemetry, figures.telemetry.0 as i64);
    assert_eq!(stats.telemetry_dropped, gap.count as i64);
    assert_eq!(stats.dropped, 0);
    // Half-way into what is missing the count is right, too, also after a start.
    store.acknowledged(251).await.unwrap();
    let left = rows.iter().filter(|row| row.seq > 251).count() as u64;
    assert_eq!(store.waiting(), left);
    store.close().await.unwrap();
    let mut store = open(directory.path()).await.store;
    assert_eq!(store.waiting(), left);
    // Once nothing waits any more before it, one row tells of all.
    store.acknowledged(gap.to_seq).await.unwrap();
    let ranges = number(&mut store.connection, "SELECT count(*) FROM dropped").await;
    assert!(ranges > 1, "{ranges}");
    store.prune(Time(0)).await.unwrap();
    let ranges = number(&mut store.connection, "SELECT count(*) FROM dropped").await;
    let all = number(&mut store.connection, "SELECT sum(count) FROM dropped").await;
    assert_eq!((ranges, all), (1, gap.count as i64));
}

#[tokio::test]
async fn telemetry_makes_room_before_a_movement_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), TINY).await.unwrap().store;
    // More than it would get.
    store.share_telemetry(1 << 30);
    let mut n = 0;
    let refused = loop {
        n += 1;
        let rows = telemetry(n * 5..n * 5 + 5);
        if store.commit_rows(&tick(n), &rows, Time(n)).await.is_err() || n == 200 {
            break n;
        }
        if store.telemetry_dropped() > 0 {
            break n;
        }
    };
    assert!(
        store.telemetry_dropped() > 0,
        "it makes room for its like: {refused}"
    );
    let (mut stored, before) = (0, store.last_seq());
    while store
        .commit(&tick(n), &events(stored..stored + 3), Time(n))
        .await
        .is_ok()
    {
        stored += 3;
    }
    let rows = outbox(directory.path()).await;
    let movements = rows.iter().filter(|row| row.stream == Stream::Movement);
    assert_eq!(movements.count() as i64, stored);
    assert!(stored > 100, "{stored}");
    let telemetry: Vec<&OutboxRow> = rows
        .iter()
        .filter(|row| row.stream != Stream::Movement)
        .collect();
    assert_eq!(telemetry.len(), 1, "nothing but the gap");
    let gap = gap(&rows).unwrap();
    assert_eq!(gap.reason, DropReason::Room);
    assert_eq!(
        (gap.from_seq, gap.to_seq, gap.count as i64),
        (1, before, before)
    );
    assert_eq!(store.waiting(), rows.len() as u64);
}

#[tokio::test]
async fn what_alone_is_larger_than_the_share_gets_no_number_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    store.share_telemetry(1_000);
    put(&mut store, 1, &telemetry(0..5)).await;
    assert_eq!((store.last_seq(), store.telemetry_dropped()), (0, 5));
    commit(&mut store, 2, &events(0..1)).await;
    put(&mut store, 3, &telemetry(5..6)).await;
    assert_eq!(sequences(directory.path()).await, [1, 2]);
}

#[tokio::test]
async fn a_row_that_changes_its_stream_on_disk_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    let event = event(1);
    put(&mut store, 1, &[(&event).into(), non_event(1)]).await;
    store.close().await.unwrap();
    run(directory.path(), "UPDATE outbox SET stream = 1 - stream").await;
    let rows = outbox(directory.path()).await;
    assert!(
        rows.iter()
            .all(|row| !row.intact && row.stream == Stream::Movement)
    );
}

#[tokio::test]
async fn dead_letters_keep_their_stream() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    put(&mut store, 1, &telemetry(0..2)).await;
    store.set_aside(1, "why", 3, Time(5)).await.unwrap();
    store.close().await.unwrap();
    let mut inspector = Inspector::change(directory.path()).await.unwrap();
    let letter = inspector.letter(1).await.unwrap();
    assert_eq!((letter.stream, letter.intact), (Stream::NonEvent, true));
    inspector.requeue(&[1]).await.unwrap();
    inspector.close().await.unwrap();
    let rows = outbox(directory.path()).await;
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.seq, row.stream, row.intact))
        .collect();
    assert_eq!(
        found,
        [(2, Stream::NonEvent, true), (3, Stream::NonEvent, true)]
    );
}

/// As after a bad sector: the new file has both streams and the gap, and does not call lost what was dropped.
#[tokio::test]
async fn a_repair_keeps_streams_and_gaps_apart_from_losses() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    store.share_telemetry(60 << 10);
    for n in 0..20 {
        let event = event(n);
        let mut rows = telemetry(n * 20..n * 20 + 19);
        rows.insert(7, (&event).into());
        put(&mut store, n, &rows).await;
    }
    let before = outbox(directory.path()).await;
    let waiting = store.waiting();
    assert!(gap(&before).is_some());
    let damage = store.repair(None, &|| {}).await.unwrap();
    assert_eq!((damage.lost, damage.set_aside), (Some(0), 0), "{damage}");
    assert_eq!(outbox(directory.path()).await, before);
    assert_eq!(store.waiting(), waiting);
    assert_eq!(waiting, before.len() as u64);
}

/// As root, on a disk that others fill: telemetry leaves until movements have the reserve again.
#[tokio::test]
async fn on_a_full_disk_telemetry_leaves_before_a_movement_is_refused() {
    // The second time the reserve is half gone, too.
    for (room, least) in [(4 << 20, 2_000), (2 << 20, 500)] {
        let Some(disk) = disk("24m") else { return };
        let directory = disk.path().join("buffer");
        let limits = Limits {
            max_bytes: ROOMY,
            keep_free: 4 << 20,
        };
        let mut store = Store::open(&directory, limits).await.unwrap().store;
        for n in 0..100 {
            put(&mut store, n, &telemetry(n * 100..n * 100 + 100)).await;
        }
        assert_eq!(store.telemetry_dropped(), 0);
        let free = || {
            let disk = rustix::fs::statvfs(disk.path()).unwrap();
            disk.f_bavail * disk.f_frsize
        };
        // Somebody else takes the rest.
        let theirs = usize::try_from(free() - room).unwrap();
        std::fs::write(disk.path().join("somebody-elses"), vec![1; theirs]).unwrap();
        let mut stored = 0;
        let refused = loop {
            let batch = events(stored..stored + 10);
            match store.commit(&tick(stored), &batch, Time(stored)).await {
                Ok(()) => stored += 10,
                Err(error) => break error,
            }
        };
        assert!(refused.is_full(), "{refused:?}");
        let rows = outbox(&directory).await;
        let movements = rows.iter().filter(|row| row.stream == Stream::Movement);
        assert_eq!(movements.count() as i64, stored, "{room}");
        println!("{stored} movements of a kilobyte found room with {room} bytes free");
        assert!(stored > least, "{stored} of about 4,000 with {room}");
        let gap = gap(&rows).unwrap();
        assert_eq!(gap.reason, DropReason::Room);
        let left = rows.len() as i64 - stored;
        assert_eq!(gap.count as i64 + left - 1, 10_000);
    }
}
