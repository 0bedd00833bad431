//! Acknowledged events that stay for a while.

use std::time::Duration;

use super::*;

const DAY: Keep = Keep {
    age: Duration::from_secs(86_400),
    bytes: ROOMY,
};
/// When [`commit`] stored something.
const HOUR_US: i64 = 3_600_000_000;

async fn keeping(directory: &Path) -> Store {
    let mut store = open(directory).await.store;
    store.keep_sent(DAY);
    store
}

async fn stored(store: &mut Store, numbers: std::ops::Range<i64>, at: i64) {
    let events: Vec<_> = numbers.map(event).collect();
    store.commit(&[], &events, Time(at)).await.unwrap();
}

async fn kept(store: &mut Store) -> Option<(i64, u64)> {
    store.figures().await.unwrap().kept
}

#[tokio::test]
async fn acknowledged_events_stay_and_do_not_wait_also_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..11, 0).await;
    assert_eq!(store.acknowledged(6).await.unwrap(), 6);
    assert_eq!(store.acknowledged(6).await.unwrap(), 0);
    assert_eq!((store.waiting(), store.sent()), (4, 6));
    assert_eq!(kept(&mut store).await, Some((1, 6)));
    drop(store);
    let mut store = keeping(directory.path()).await;
    assert_eq!(
        (store.waiting(), store.sent(), store.last_seq()),
        (4, 6, 10)
    );
    assert_eq!(kept(&mut store).await, Some((1, 6)));
    assert_eq!(sequences(directory.path()).await, Vec::from_iter(1..=10));
    let mut look = Inspector::look(directory.path()).await.unwrap();
    let waiting = look.waiting(100).await.unwrap();
    assert_eq!(waiting.first().map(|it| it.seq), Some(7));
    let kept_ones = look.kept(2).await.unwrap();
    assert_eq!(
        kept_ones.iter().map(|it| it.seq).collect::<Vec<_>>(),
        [1, 2]
    );
    let stats = look.stats().await.unwrap();
    assert_eq!((stats.waiting, stats.kept), (4, 6));
    // All of them: nothing waits, and the next event does.
    store.acknowledged(10).await.unwrap();
    assert_eq!(store.waiting(), 0);
    assert_eq!(store.figures().await.unwrap().oldest, None);
    stored(&mut store, 11..12, 5).await;
    assert_eq!(store.waiting(), 1);
    assert_eq!(store.figures().await.unwrap().oldest, Some(Time(5)));
}

#[tokio::test]
async fn a_commit_marks_what_was_acknowledged_and_deletes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..2001, 0).await;
    store.acknowledge(1500);
    stored(&mut store, 2001..2011, 1).await;
    assert_eq!((store.forgotten(), store.sent()), (1500, 1500));
    assert_eq!(store.waiting(), 510);
    assert_eq!(kept(&mut store).await, Some((1, 1500)));
    assert_eq!(sequences(directory.path()).await, Vec::from_iter(1..=2010));
    drop(store);
    let mut store = keeping(directory.path()).await;
    assert_eq!((store.forgotten(), store.waiting()), (1500, 510));
    // Without more acknowledgements nothing more is marked.
    stored(&mut store, 2011..2012, 2).await;
    assert_eq!((store.sent(), store.waiting()), (1500, 511));
}

#[tokio::test]
async fn they_leave_when_they_are_old_or_too_many_and_what_waits_never() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..3001, 0).await;
    stored(&mut store, 3001..4001, 20 * HOUR_US).await;
    stored(&mut store, 4001..4501, 0).await;
    store.acknowledged(4000).await.unwrap();
    store.prune(Time(23 * HOUR_US)).await.unwrap();
    assert_eq!(kept(&mut store).await, Some((1, 4000)));
    store.prune(Time(25 * HOUR_US)).await.unwrap();
    assert_eq!(kept(&mut store).await, Some((3001, 1000)));
    store.keep_sent(Keep {
        bytes: 1 << 20,
        ..DAY
    });
    store.prune(Time(25 * HOUR_US)).await.unwrap();
    let figures = store.figures().await.unwrap();
    assert!(
        figures.kept.is_none_or(|(_, kept)| kept < 1000),
        "{figures:?}"
    );
    store.keep_sent(Keep::default());
    store.prune(Time(25 * HOUR_US)).await.unwrap();
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.kept, figures.waiting), (None, 500));
    assert_eq!(
        sequences(directory.path()).await,
        Vec::from_iter(4001..=4500)
    );
    // No longer kept: gone when acknowledged, as ever.
    store.acknowledged(4400).await.unwrap();
    assert_eq!(
        sequences(directory.path()).await,
        Vec::from_iter(4401..=4500)
    );
}

#[tokio::test]
async fn they_make_room_before_anything_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), 4 << 20).await.unwrap().store;
    store.keep_sent(DAY);
    // Ten times what the file holds.
    for batch in 0..400 {
        let first = 1 + batch * 100;
        stored(&mut store, first..first + 100, 0).await;
        store.acknowledged(first + 99).await.unwrap();
    }
    let (first, kept) = kept(&mut store).await.unwrap();
    assert!(
        kept > 1000 && first + kept as i64 == 40_001,
        "{first} {kept}"
    );
    // What waits is refused, as ever, once nothing is left that could go.
    let events: Vec<_> = (40_001..40_101).map(event).collect();
    let mut stored = 0;
    let error = loop {
        let next: Vec<_> = events
            .iter()
            .map(|it| event(it.at.0 + stored * 100))
            .collect();
        match store.commit(&[], &next, Time(0)).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000);
    };
    assert!(error.is_full());
    assert_eq!(store.figures().await.unwrap().kept, None);
    assert_eq!(store.waiting(), stored as u64 * 100);
}

#[tokio::test]
async fn dead_letters_between_them_do_not_confuse_the_count() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..11, 0).await;
    store.acknowledged(3).await.unwrap();
    store.set_aside(4, "too large", 3, Time(0)).await.unwrap();
    assert_eq!((store.waiting(), store.sent()), (6, 4));
    assert_eq!(
        sequences(directory.path()).await,
        [1, 2, 3, 5, 6, 7, 8, 9, 10]
    );
    store.set_aside(5, "too large", 3, Time(0)).await.unwrap();
    store.acknowledged(7).await.unwrap();
    drop(store);
    let store = keeping(directory.path()).await;
    assert_eq!((store.waiting(), store.sent()), (3, 7));
}

/// A page that went bad must not make events that wait look as if they had been acknowledged.
#[tokio::test]
async fn a_mark_that_is_not_credible_counts_as_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..11, 0).await;
    store.acknowledged(2).await.unwrap();
    store.close().await.unwrap();
    run(
        directory.path(),
        "UPDATE meta SET value = '8' || substr(value, 2) WHERE key = 'sent'",
    )
    .await;
    let mut store = keeping(directory.path()).await;
    assert_eq!((store.waiting(), store.sent()), (10, 0));
    assert_eq!(kept(&mut store).await, None);
}

#[tokio::test]
async fn a_repair_saves_what_waits_and_not_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = keeping(directory.path()).await;
    stored(&mut store, 1..11, 0).await;
    store.acknowledged(6).await.unwrap();
    let damage = store.repair(None, &|| {}).await.unwrap();
    assert_eq!((damage.saved, damage.lost), (4, Some(0)));
    assert_eq!((store.waiting(), store.sent()), (4, 0));
    assert_eq!(sequences(directory.path()).await, [7, 8, 9, 10]);
    store.acknowledged(8).await.unwrap();
    assert_eq!(store.waiting(), 2);
}
