//! Damaged files: what can be read is saved, what cannot is told, and it goes on.

use std::collections::BTreeSet;

use super::*;

const PAGE: usize = 4096;
const EVENTS: i64 = 3_000;

/// A buffer with a backlog, an acknowledged head and a journal, closed in good order or killed.
async fn backlog(directory: &Path, closed: bool) -> String {
    let Opened {
        mut store,
        mut pipeline,
        ..
    } = open(directory).await;
    for n in 0..EVENTS / 100 {
        commit(&mut store, n + 1, &events(n * 100..n * 100 + 100)).await;
        pipeline.handle(tick(n + 1).remove(0));
        if n == 10 {
            store.snapshot(&pipeline).await.unwrap();
        }
    }
    store.acknowledged(500).await.unwrap();
    let epoch = store.epoch().to_owned();
    if closed {
        store.close().await.unwrap();
    } else {
        let killed = tempfile::tempdir().unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("{FILE_NAME}{suffix}");
            std::fs::copy(directory.join(&name), killed.path().join(&name)).unwrap();
        }
        store.close().await.unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("{FILE_NAME}{suffix}");
            std::fs::copy(killed.path().join(&name), directory.join(&name)).unwrap();
        }
    }
    epoch
}

fn damage(directory: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = directory.join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Every row is the event that was stored under its number; returns the numbers.
async fn genuine(directory: &Path) -> BTreeSet<i64> {
    let rows = outbox(directory).await;
    for row in &rows {
        assert!(row.intact);
        let event = event(row.seq - 1);
        assert_eq!(
            (&row.event_id, &row.payload),
            (&event.id.to_string(), &event.json)
        );
    }
    rows.iter().map(|row| row.seq).collect()
}

fn names(directory: &Path, part: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(part))
        .collect();
    names.sort();
    names
}

/// It goes on after the newest number, and a second start finds nothing wrong.
async fn goes_on(directory: &Path, mut opened: Opened) {
    let last = opened.store.last_seq();
    commit(&mut opened.store, 999, &[event(900_000)]).await;
    assert_eq!(sequences(directory).await.last(), Some(&(last + 1)));
    opened.store.close().await.unwrap();
    let again = Store::open(directory, ROOMY).await.unwrap();
    assert_eq!(again.damage, None);
    assert_eq!(names(directory, "salvage"), [""; 0]);
    assert_eq!(names(directory, "patched"), [""; 0]);
    assert_eq!(names(directory, "ready"), [""; 0]);
}

#[tokio::test]
async fn pages_overwritten_at_random_lose_only_what_was_on_them() {
    let (mut repaired, mut total) = (0, 0);
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let directory = tempfile::tempdir().unwrap();
        let closed = seed % 2 == 0;
        let epoch = backlog(directory.path(), closed).await;
        let mut before = Vec::new();
        damage(directory.path(), FILE_NAME, |bytes| {
            before.clone_from(bytes);
            for _ in 0..8 {
                let at = random.usize(PAGE..bytes.len() - 600);
                random.fill(&mut bytes[at..at + 600]);
            }
        });
        let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
        // What the journal's pages do not tell, the outbox's do, when they are read.
        let mut reader = OutboxReader::open(opened.store.path()).await.unwrap();
        let found = match reader.after(0, usize::MAX).await {
            Ok(_) => opened.damage.clone(),
            Err(error) => {
                assert_eq!(error.trouble(), Trouble::Damaged, "seed {seed}: {error:?}");
                Some(opened.store.repair(Some(500), &|| {}).await.unwrap())
            }
        };
        let Some(found) = found else {
            println!("seed {seed}: only contents are damaged");
            continue;
        };
        repaired += 1;
        println!("seed {seed}: {found}");
        let saved = genuine(directory.path()).await;
        total += saved.len();
        assert_eq!(found.saved, saved.len() as u64);
        let rest = found.set_aside + found.lost.unwrap_or(0);
        assert_eq!(found.saved + rest, 2_500, "seed {seed}");
        assert!(found.aside.exists());
        assert_ne!(opened.store.epoch(), epoch);
        assert_eq!(opened.store.last_seq(), EVENTS);
        goes_on(directory.path(), opened).await;
    }
    println!("{total} of {} saved", repaired * 2_500);
    assert!(repaired >= 8, "{repaired}");
    assert!(total >= repaired * 2_500 * 2 / 3, "{total}");
}

#[tokio::test]
async fn without_its_first_page_everything_is_saved_all_the_same() {
    for closed in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        backlog(directory.path(), closed).await;
        damage(directory.path(), FILE_NAME, |bytes| {
            bytes[..PAGE].fill(0x5a)
        });
        let opened = Store::open(directory.path(), ROOMY).await.unwrap();
        // With the log, its copy of the page is used, and nothing is wrong.
        assert!(!closed || opened.damage.is_some());
        if let Some(found) = &opened.damage {
            println!("closed {closed}: {found}");
            assert_eq!((found.saved, found.lost), (2_500, Some(0)));
            assert!(!found.journal_torn);
        }
        assert_eq!(opened.pipeline.now(), Time(EVENTS / 100));
        assert_eq!(
            genuine(directory.path()).await,
            BTreeSet::from_iter(501..=EVENTS)
        );
        goes_on(directory.path(), opened).await;
    }
}

#[tokio::test]
async fn what_is_no_database_at_all_is_kept_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), true).await;
    damage(directory.path(), FILE_NAME, |bytes| bytes.fill(0xa5));
    let opened = Store::open(directory.path(), ROOMY).await.unwrap();
    let found = opened.damage.clone().unwrap();
    assert_eq!((found.saved, found.journal_torn), (0, true));
    let text = found.to_string();
    assert!(
        text.starts_with("the buffer's file was damaged and has been replaced: 0 waiting events saved, 0 damaged ones set aside, an unknown number lost, loads that were passing a gate may be missing; the damaged file is kept as /")
            && text.ends_with("Z; check the disk"),
        "{text}"
    );
    let kept = std::fs::read(&found.aside).unwrap();
    assert!(kept.iter().all(|&byte| byte == 0xa5));
    assert_eq!(opened.store.waiting(), 0);
    goes_on(directory.path(), opened).await;
}

#[tokio::test]
async fn of_a_truncated_file_what_is_left_is_saved_and_the_rest_is_told() {
    for (seed, cut) in [0.3, 0.6, 0.95].into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        backlog(directory.path(), true).await;
        damage(directory.path(), FILE_NAME, |bytes| {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        });
        let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
        let found = match opened.damage.clone() {
            Some(found) => found,
            None => opened.store.repair(Some(500), &|| {}).await.unwrap(),
        };
        println!("{seed}: {found}");
        let saved = genuine(directory.path()).await;
        assert_eq!(saved.len() as u64, found.saved);
        assert_ne!(found.lost, Some(0), "{cut}");
        let dropped = number(
            &mut opened.store.connection,
            "SELECT sum(count) FROM dropped WHERE reason = 'damaged file'",
        )
        .await;
        assert_eq!(dropped as u64, found.lost.unwrap_or(0));
        assert_eq!(opened.store.waiting(), found.saved);
        goes_on(directory.path(), opened).await;
    }
}

#[tokio::test]
async fn a_damaged_log_is_used_as_far_as_it_is_good() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let directory = tempfile::tempdir().unwrap();
        backlog(directory.path(), false).await;
        damage(directory.path(), &format!("{FILE_NAME}-wal"), |bytes| {
            let at = random.usize(0..bytes.len() - 64);
            random.fill(&mut bytes[at..at + 64]);
        });
        let mut opened = Store::open(directory.path(), ROOMY).await.unwrap();
        let mut reader = OutboxReader::open(opened.store.path()).await.unwrap();
        if reader.after(0, usize::MAX).await.is_err() {
            println!(
                "seed {seed}: {}",
                opened.store.repair(None, &|| {}).await.unwrap()
            );
        }
        // SQLite stops where the log's check sums do; what was copied before is there.
        let saved = genuine(directory.path()).await;
        assert!(saved.len() > 2_000, "seed {seed}: {}", saved.len());
        goes_on(directory.path(), opened).await;
    }
}

/// A power cut between the steps of a repair.
#[tokio::test]
async fn an_interrupted_repair_is_finished_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), false).await;
    let known = crate::buffer::repair::Known::default();
    let found = crate::buffer::repair::rebuild(directory.path(), ROOMY, known, &|| {})
        .await
        .unwrap();
    assert_eq!((found.saved, found.lost), (2_500, Some(0)));
    assert_eq!(names(directory.path(), "ready"), ["buffer.sqlite.ready"]);
    assert!(names(directory.path(), "buffer.sqlite-wal").len() == 1);
    let opened = open(directory.path()).await;
    assert_eq!(opened.pipeline.now(), Time(EVENTS / 100));
    assert_eq!(
        genuine(directory.path()).await,
        BTreeSet::from_iter(501..=EVENTS)
    );
    goes_on(directory.path(), opened).await;
    assert_eq!(names(directory.path(), "damaged").len(), 3);
}

/// The forwarder has the old file open while it is replaced, and lets go of it afterwards.
#[tokio::test]
async fn a_reader_of_the_old_file_does_the_new_one_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), true).await;
    let mut store = open(directory.path()).await.store;
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    assert_eq!(reader.after(500, 1).await.unwrap().len(), 1);
    commit(&mut store, 100, &events(EVENTS..EVENTS + 5)).await;
    let found = store.repair(Some(600), &|| {}).await.unwrap();
    assert_eq!((found.saved, found.lost), (2_405, Some(0)));
    commit(&mut store, 101, &events(EVENTS + 5..EVENTS + 9)).await;
    assert_eq!((store.waiting(), store.last_seq()), (2_409, EVENTS + 9));
    let rows = reader.after(EVENTS, 100).await.unwrap();
    assert_eq!(rows.len(), 9, "from the new file");
    commit(&mut store, 102, &events(EVENTS + 9..EVENTS + 10)).await;
    store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!(opened.pipeline.now(), Time(102));
    assert_eq!(opened.store.waiting(), 2_410);
}

#[tokio::test]
async fn a_quick_look_tells_a_sound_file_from_a_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), true).await;
    let path = directory.path().join(FILE_NAME);
    assert!(is_sound(&path).await);
    damage(directory.path(), FILE_NAME, |bytes| {
        let middle = bytes.len() / 2 / PAGE * PAGE;
        bytes[middle..middle + 3 * PAGE].fill(0x5a);
    });
    assert!(!is_sound(&path).await);
}

/// The new file is made, and the disk does not let it take its place yet.
#[tokio::test]
async fn while_a_new_file_waits_for_its_place_nothing_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..5)).await;
    let known = crate::buffer::repair::Known::default();
    let found = crate::buffer::repair::rebuild(directory.path(), ROOMY, known, &|| {})
        .await
        .unwrap();
    let none = crate::buffer::connect::none().await.unwrap();
    let old = std::mem::replace(&mut store.connection, none);
    sqlx::Connection::close(old).await.unwrap();
    (store.damage, store.reopen) = (Some(found.clone()), true);
    let (epoch, obstacle) = (store.epoch().to_owned(), format!("{FILE_NAME}-wal"));
    std::fs::create_dir(directory.path().join(&obstacle)).unwrap();
    for _ in 0..2 {
        let refused = store.commit(&tick(2), &events(5..6), Time(2)).await;
        assert_eq!(refused.unwrap_err().trouble(), Trouble::Disk);
        assert!(store.repair(Some(2), &|| {}).await.is_err());
        assert!(store.is_being_replaced());
    }
    std::fs::remove_dir(directory.path().join(&obstacle)).unwrap();
    commit(&mut store, 2, &events(5..6)).await;
    assert_ne!(store.epoch(), epoch);
    assert_eq!(store.repair(Some(2), &|| {}).await.unwrap(), found);
    assert!(!store.is_being_replaced());
    commit(&mut store, 3, &events(6..7)).await;
    assert_eq!(
        genuine(directory.path()).await,
        BTreeSet::from_iter(1..=7),
        "what was stored meanwhile stays"
    );
    store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!(opened.pipeline.now(), Time(3));
    goes_on(directory.path(), opened).await;
}

#[tokio::test]
async fn a_new_file_that_was_not_used_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..5)).await;
    let stale = directory.path().join(format!("{FILE_NAME}.ready"));
    std::fs::write(&stale, "stale").unwrap();
    let found = store.repair(None, &|| {}).await.unwrap();
    assert_eq!((found.saved, found.lost), (5, Some(0)));
    commit(&mut store, 2, &events(5..6)).await;
    assert_eq!(genuine(directory.path()).await, BTreeSet::from_iter(1..=6));
}

/// Nothing was acknowledged since the start, but much before.
#[tokio::test]
async fn where_the_outbox_begins_tells_what_was_acknowledged_before() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), true).await;
    let mut store = open(directory.path()).await.store;
    let found = store.repair(None, &|| {}).await.unwrap();
    assert_eq!((found.saved, found.lost), (2_500, Some(0)));
}

/// Neither the journal nor what opening looks at first is on these pages.
#[tokio::test]
async fn a_table_that_cannot_be_found_does_not_stop_the_start() {
    for table in ["outbox", "dropped"] {
        let directory = tempfile::tempdir().unwrap();
        backlog(directory.path(), true).await;
        let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = ?")
            .bind(table)
            .fetch_one(&mut outsider(directory.path()).await)
            .await
            .unwrap();
        let start = (page as usize - 1) * PAGE;
        damage(directory.path(), FILE_NAME, |bytes| {
            bytes[start..start + PAGE].fill(0);
        });
        let opened = Store::open(directory.path(), ROOMY).await.unwrap();
        let found = opened.damage.clone().unwrap();
        println!("{table}: {found}");
        assert!(!found.journal_torn);
        assert_eq!(opened.store.last_seq(), EVENTS);
        let saved = if table == "outbox" { 0 } else { 2_500 };
        assert_eq!(found.saved, saved);
        goes_on(directory.path(), opened).await;
    }
}

#[tokio::test]
async fn a_damaged_event_takes_no_dead_letter_s_place() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..9)).await;
    for seq in [1, 2] {
        let aside = store.set_aside(seq, "not authorized", 10, Time(seq));
        aside.await.unwrap();
    }
    run(
        directory.path(),
        "UPDATE outbox SET payload = 'other' WHERE seq IN (4, 5)",
    )
    .await;
    let found = store.repair(Some(2), &|| {}).await.unwrap();
    assert_eq!((found.saved, found.set_aside, found.lost), (5, 2, Some(0)));
    let mut inspector = Inspector::look(directory.path()).await.unwrap();
    let letters = inspector.letters(10).await.unwrap();
    let letters: Vec<_> = letters
        .iter()
        .map(|it| (it.id, it.seq, it.intact, it.reason.as_str()))
        .collect();
    assert_eq!(
        letters,
        [
            (1, 1, true, "not authorized"),
            (2, 2, true, "not authorized"),
            (3, 4, false, "damaged on disk"),
            (4, 5, false, "damaged on disk"),
        ]
    );
}

#[tokio::test]
async fn what_is_lost_or_set_aside_does_not_wait_and_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    backlog(directory.path(), true).await;
    let mut store = open(directory.path()).await.store;
    run(
        directory.path(),
        "DELETE FROM outbox WHERE seq BETWEEN 501 AND 510 OR seq BETWEEN 700 AND 719 OR seq IN (800, 3000);
         UPDATE outbox SET payload = 'other' WHERE seq IN (715, 720, 2999)",
    )
    .await;
    let found = store.repair(Some(500), &|| {}).await.unwrap();
    assert_eq!(
        (found.saved, found.set_aside, found.lost),
        (2_466, 2, Some(32))
    );
    assert_eq!(store.waiting(), 2_466);
    let gaps = "SELECT from_seq, to_seq, count FROM dropped ORDER BY id";
    let gaps: Vec<(i64, i64, i64)> = sqlx::query_as(gaps)
        .fetch_all(&mut store.connection)
        .await
        .unwrap();
    assert_eq!(
        gaps,
        [
            (501, 510, 10),
            (700, 719, 20),
            (800, 800, 1),
            (3000, 3000, 1)
        ]
    );
    store.acknowledged(750).await.unwrap();
    assert_eq!(store.figures().await.unwrap().waiting, 2_247);
    commit(&mut store, 100, &events(EVENTS..EVENTS + 5)).await;
    let again = store.repair(Some(750), &|| {}).await.unwrap();
    assert_eq!(
        (again.saved, again.set_aside, again.lost),
        (2_252, 0, Some(0))
    );
    assert_eq!(store.waiting(), 2_252);
    store.close().await.unwrap();
    assert_eq!(open(directory.path()).await.store.waiting(), 2_252);
}

#[tokio::test]
async fn who_changes_dead_letters_finishes_an_interrupted_repair() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..3)).await;
    let aside = store.set_aside(1, "not authorized", 10, Time(1));
    aside.await.unwrap();
    store.close().await.unwrap();
    let known = crate::buffer::repair::Known::default();
    let rebuilt = crate::buffer::repair::rebuild(directory.path(), ROOMY, known, &|| {});
    rebuilt.await.unwrap();
    let mut inspector = Inspector::change(directory.path()).await.unwrap();
    inspector.requeue(&[1]).await.unwrap();
    inspector.close().await.unwrap();
    drop(open(directory.path()).await);
    assert_eq!(sequences(directory.path()).await, [2, 3, 4]);
}
