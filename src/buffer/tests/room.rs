//! Full files, full disks, and what frees them.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;
use crate::buffer::space::Probe;

#[tokio::test]
async fn a_full_buffer_refuses_lets_go_and_takes_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), TINY).await.unwrap().store;
    let (mut stored, mut acknowledged, mut refusals) = (0, 0, 0);
    // Every tenth of these rounds a broker is there.
    for round in 1.. {
        match store
            .commit(&tick(round), &events(stored..stored + 3), Time(round))
            .await
        {
            Ok(()) => stored += 3,
            Err(error) => {
                assert!(error.is_full(), "{error:?}");
                refusals += 1;
                assert_eq!(
                    (store.waiting(), store.last_seq()),
                    ((stored - acknowledged) as u64, stored)
                );
                if refusals % 10 == 0 {
                    acknowledged += (refusals % 7) * 9;
                    acknowledged = acknowledged.min(stored);
                    store.acknowledged(acknowledged).await.unwrap();
                    assert_eq!(
                        sequences(directory.path()).await,
                        Vec::from_iter(acknowledged + 1..=stored)
                    );
                }
            }
        }
        if stored >= 900 {
            break;
        }
    }
    assert!(refusals > 30, "{refusals}");
    let size = std::fs::metadata(store.path()).unwrap().len();
    assert!(size <= 64 * 4096, "{size}");
    store.close().await.unwrap();
    let opened = Store::open(directory.path(), TINY).await.unwrap();
    assert_eq!(opened.store.last_seq(), stored);
    assert_eq!(
        sequences(directory.path()).await,
        Vec::from_iter(acknowledged + 1..=stored)
    );
}

/// A reserve on a disk whose free space the test sets.
#[tokio::test]
async fn below_the_reserve_nothing_is_taken_in_and_everything_may_leave() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits {
        max_bytes: ROOMY,
        keep_free: 32 << 20,
    };
    let mut store = Store::open(directory.path(), limits).await.unwrap().store;
    let free = Arc::new(AtomicU64::new(1 << 30));
    let told = Arc::clone(&free);
    store.gate.probe = Probe::new(move |_| Ok(told.load(Relaxed)));
    commit(&mut store, 1, &events(0..5)).await;
    free.store(31 << 20, Relaxed);
    let error = store
        .commit(&tick(2), &events(5..6), Time(2))
        .await
        .unwrap_err();
    assert!(error.is_full(), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "the disk of {} is full: only what [buffer] keep_free holds back, 32 MiB, is left; free disk space there",
            directory.path().display()
        )
    );
    assert_eq!(store.acknowledged(3).await.unwrap(), 3);
    store.snapshot(&Pipeline::default()).await.unwrap();
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.oldest), (2, Some(Time(1))));
    // A little more is not enough: it would be gone again at once.
    free.store(33 << 20, Relaxed);
    assert!(store.commit(&tick(2), &[], Time(2)).await.is_err());
    free.store(41 << 20, Relaxed);
    commit(&mut store, 2, &events(5..6)).await;
    assert_eq!(sequences(directory.path()).await, [4, 5, 6]);
}

#[tokio::test]
async fn figures_tell_size_and_age() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    assert_eq!(store.figures().await.unwrap().oldest, None);
    for n in 1..=3 {
        commit(&mut store, n, &events(n * 100..n * 100 + 100)).await;
    }
    store.acknowledged(150).await.unwrap();
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.oldest), (150, Some(Time(2))));
    assert_eq!((figures.max_bytes, figures.dead_letters), (ROOMY, 0));
    assert!(
        (150_000..500_000).contains(&figures.bytes),
        "{}",
        figures.bytes
    );
}

/// A file system of its own, unmounted however the test ends.
pub(super) struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` without the right to mount.
    fn mount(size: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while something in it is still open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Says so when it cannot be: a test that tests nothing must not look like one that did.
pub(super) fn disk(size: &str) -> Option<Disk> {
    let disk = Disk::mount(size);
    match &disk {
        Some(_) => println!("ran on a tmpfs of {size}"),
        None => println!("NOT RUN: only root may mount the small disk that this test needs"),
    }
    disk
}

/// Real ENOSPC, again and again, without any reserve: what was taken in is there, nothing twice.
#[tokio::test]
async fn a_disk_that_others_fill_loses_nothing() {
    let Some(disk) = disk("12m") else { return };
    let directory = disk.path().join("buffer");
    let limits = Limits {
        max_bytes: ROOMY,
        keep_free: 4 << 20,
    };
    let mut store = Store::open(&directory, limits).await.unwrap().store;
    let ballast = disk.path().join("somebody-elses");
    let (mut stored, mut acknowledged) = (0, 0);
    for round in 0..6 {
        let mut refusals = Vec::new();
        while refusals.len() < 3 {
            let batch = events(stored..stored + 20);
            match store.commit(&tick(stored), &batch, Time(stored)).await {
                Ok(()) => stored += 20,
                Err(error) => refusals.push(error),
            }
        }
        assert!(refusals.iter().all(BufferError::is_full), "{refusals:?}");
        let free = rustix::fs::statvfs(disk.path()).unwrap();
        let free = free.f_bavail * free.f_frsize;
        assert!(free > 3 << 20, "round {round}: the reserve is gone: {free}");
        // Somebody else takes most of the reserve: deleting must still work.
        std::fs::write(
            &ballast,
            vec![1; usize::try_from(free).unwrap() - (2 << 20)],
        )
        .unwrap();
        acknowledged = stored - 40;
        store.acknowledged(acknowledged).await.unwrap();
        store.snapshot(&Pipeline::default()).await.unwrap();
        assert!(store.commit(&tick(0), &[], Time(0)).await.is_err());
        std::fs::remove_file(&ballast).unwrap();
        // The freed pages are used again, or given back slice by slice: it goes on by itself.
        while store.give_back().await.is_ok() {
            let pages = number(&mut store.connection, "PRAGMA freelist_count").await;
            if pages == 0 {
                break;
            }
        }
    }
    assert!(stored > 5_000, "{stored}");
    assert_eq!(
        sequences(&directory).await,
        Vec::from_iter(acknowledged + 1..=stored)
    );
    store.close().await.unwrap();
}

/// The last byte of the disk: SQLite's own ENOSPC in the midst of a transaction.
#[tokio::test]
async fn enospc_within_a_commit_loses_nothing_and_stores_nothing_twice() {
    let Some(disk) = disk("6m") else { return };
    let directory = disk.path().join("buffer");
    let mut store = Store::open(&directory, ROOMY).await.unwrap().store;
    let ballast = disk.path().join("somebody-elses");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();
    let (mut stored, mut failed) = (0, 0);
    loop {
        let batch = events(stored..stored + 100);
        match store.commit(&tick(stored), &batch, Time(0)).await {
            Ok(()) => stored += 100,
            Err(error) => {
                assert!(error.is_full(), "{error:?}");
                failed += 1;
                if failed == 3 {
                    break;
                }
            }
        }
    }
    assert_eq!(sequences(&directory).await, Vec::from_iter(1..=stored));
    std::fs::remove_file(&ballast).unwrap();
    store.acknowledged(stored).await.unwrap();
    commit(&mut store, stored, &events(stored..stored + 100)).await;
    assert_eq!(
        sequences(&directory).await,
        Vec::from_iter(stored + 1..=stored + 100)
    );
    store.close().await.unwrap();
    let opened = open(&directory).await;
    assert_eq!(opened.replayed as i64, stored / 100 + 1, "each batch once");
}

#[tokio::test]
async fn a_connection_that_became_read_only_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..5)).await;
    // As SQLite leaves one that was opened while the disk was read-only.
    let read_only = connect::for_reading(store.path()).await.unwrap();
    store.connection = read_only;
    let (inputs, new) = (tick(2), events(5..6));
    let error = store.commit(&inputs, &new, Time(2)).await.unwrap_err();
    assert_eq!(error.trouble(), Trouble::Disk, "{error:?}");
    commit(&mut store, 2, &new).await;
    assert_eq!((store.waiting(), store.last_seq()), (6, 6));
    assert_eq!(sequences(directory.path()).await, Vec::from_iter(1..=6));
}

/// A disk that is gone for a while: nothing is made in its place, and both sides find it again.
#[tokio::test]
async fn a_buffer_that_went_away_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let (directory, away) = (root.path().join("buffer"), root.path().join("away"));
    let mut store = open(&directory).await.store;
    commit(&mut store, 1, &events(0..5)).await;
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    store.connection = connect::for_reading(store.path()).await.unwrap();
    std::fs::rename(&directory, &away).unwrap();
    for _ in 0..3 {
        let error = store.commit(&tick(2), &[], Time(2)).await.unwrap_err();
        assert_eq!(error.trouble(), Trouble::Disk, "{error:?}");
        let error = reader.after(0, 9).await.unwrap_err();
        assert_eq!(error.trouble(), Trouble::Disk, "{error:?}");
    }
    assert!(!directory.exists());
    std::fs::rename(&away, &directory).unwrap();
    commit(&mut store, 2, &events(5..6)).await;
    assert_eq!(reader.after(0, 9).await.unwrap().len(), 6);
}

/// The disk failed in the last step of a commit, and the batch is there all the same.
#[tokio::test]
async fn a_batch_that_was_committed_after_all_is_not_stored_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).await.store;
    commit(&mut store, 1, &events(0..5)).await;
    let before = (store.journal_seq, store.last_seq());
    commit(&mut store, 2, &events(5..9)).await;
    // What the store knew before, and that it failed.
    store.journal_seq = before.0;
    (store.doubtful, store.reopen) = (true, true);
    commit(&mut store, 2, &events(5..9)).await;
    assert_eq!((store.waiting(), store.last_seq()), (9, before.1 + 4));
    commit(&mut store, 3, &events(9..10)).await;
    store.close().await.unwrap();
    let opened = open(directory.path()).await;
    assert_eq!((opened.replayed, opened.store.waiting()), (3, 10));
}
