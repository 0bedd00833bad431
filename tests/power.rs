//! The buffer on disks that lose their power, fill up or fail: real file systems, made for each test. They need root and
//! loop devices; where there are none each test says that it was not run.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "power/disk.rs"]
mod disk;
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use disk::Disk;
use support::{Gateway, seed};
use tracegate::buffer::{BufferError, Limits, OutboxReader, OutboxRow, Store};
use tracegate_epcis::EventId;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::{Input, Time};
use tracegate_sim::wait_until;

const CUTS: u32 = 10;
const MIB: u64 = 1 << 20;
/// Only a failing test waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn event(number: u64) -> MovementEvent {
    MovementEvent {
        id: EventId::of_prehash(&number.to_string()),
        read_point: "dock_1".to_owned(),
        at: Time(0),
        uncertainty: Default::default(),
        json: format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(900)),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    }
}

async fn commit(store: &mut Store, events: &[MovementEvent]) -> Result<(), BufferError> {
    store
        .commit(&[Input::Tick { at: Time(0) }], events, Time(0))
        .await
}

async fn rows(store: &Store) -> Vec<OutboxRow> {
    let mut reader = OutboxReader::open(store.path()).await.unwrap();
    reader.after(0, usize::MAX).await.unwrap()
}

/// What was promised so far.
#[derive(Default)]
struct Promise {
    /// Accepted events by sequence number.
    accepted: BTreeMap<i64, String>,
    /// Up to here the broker's acknowledgement is on disk, and up to there it may be.
    forgotten: i64,
    acknowledged: i64,
    /// In the commit that the cut interrupted.
    doubtful: Vec<String>,
}

impl Promise {
    /// Compares the promise with what there is after the cut; returns how many of the interrupted commit came through.
    fn check(&mut self, store: &Store, rows: &[OutboxRow]) -> usize {
        let found: BTreeMap<i64, &OutboxRow> = rows.iter().map(|row| (row.seq, row)).collect();
        for (seq, id) in self.accepted.range(self.acknowledged + 1..) {
            let row = found
                .get(seq)
                .unwrap_or_else(|| panic!("event {seq} is lost"));
            assert!(row.intact && row.event_id == *id, "event {seq} is another");
        }
        let newest = self.accepted.last_key_value().map_or(0, |(seq, _)| *seq);
        assert!(store.last_seq() >= newest, "numbers would come back");
        let mut through = 0;
        for row in rows {
            assert!(row.seq > self.forgotten, "event {} came back", row.seq);
            if row.seq > newest {
                assert_eq!(self.doubtful.get(through), Some(&row.event_id), "foreign");
                self.accepted.insert(row.seq, row.event_id.clone());
                through += 1;
            }
        }
        assert!(
            through == 0 || through == self.doubtful.len(),
            "half a commit"
        );
        through
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_power_cuts_lose_nothing_that_was_accepted() {
    let test = "ten_power_cuts_lose_nothing_that_was_accepted";
    let Some(disk) = Disk::ext4(test) else { return };
    let mut random = fastrand::Rng::with_seed(seed(test));
    let (mut promise, mut next, mut through) = (Promise::default(), 0, 0);
    for _ in 0..CUTS {
        let opened = Store::open(&disk.path().join("buffer"), 32 * MIB)
            .await
            .unwrap();
        assert_eq!((opened.unreadable, opened.damage), (0, None));
        let mut store = opened.store;
        let found = rows(&store).await;
        through += usize::from(promise.check(&store, &found) > 0);
        let (cut, moment) = (disk.cut(), random.u64(20..300));
        let is_cut = Arc::new(AtomicBool::new(false));
        let cutter = std::thread::spawn({
            let is_cut = is_cut.clone();
            move || {
                std::thread::sleep(Duration::from_millis(moment));
                is_cut.store(true, SeqCst);
                cut.now();
            }
        });
        loop {
            let count = random.u64(1..128);
            let events: Vec<_> = (next..next + count).map(event).collect();
            promise.doubtful = events.iter().map(|event| event.id.to_string()).collect();
            // The broker follows a few batches behind.
            promise.acknowledged = promise.acknowledged.max(store.last_seq() - 300);
            store.acknowledge(promise.acknowledged);
            // With the power its answer goes too: the kernel does not always say that a flush met the cut.
            if commit(&mut store, &events).await.is_err() || is_cut.load(SeqCst) {
                break;
            }
            next += count;
            promise.forgotten = store.forgotten();
            let first = store.last_seq() - i64::try_from(count).unwrap() + 1;
            promise
                .accepted
                .extend((first..).zip(promise.doubtful.drain(..)));
        }
        // Its numbers are not given out again, whether it came through or not.
        next += 128;
        cutter.join().unwrap();
        drop(store.close().await);
        disk.power_on_again();
    }
    let opened = Store::open(&disk.path().join("buffer"), 32 * MIB)
        .await
        .unwrap();
    let found = rows(&opened.store).await;
    promise.check(&opened.store, &found);
    let accepted = promise.accepted.len();
    println!(
        "{CUTS} power cuts, {accepted} events accepted, 0 lost; {through} interrupted commits came through"
    );
    assert!(accepted > 500, "{accepted}: no load");
    opened.store.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_that_others_fill_refuses_drains_and_accepts_again() {
    let test = "a_disk_that_others_fill_refuses_drains_and_accepts_again";
    // Others leave a little less than the reserve, or nothing at all.
    for leave in [3 * MIB, 0] {
        let Some(disk) = Disk::tmpfs(test, 16) else {
            return;
        };
        let limits = Limits {
            max_bytes: 1 << 30,
            keep_free: 4 * MIB,
        };
        let mut store = Store::open(&disk.path().join("buffer"), limits)
            .await
            .unwrap()
            .store;
        let events: Vec<_> = (0..2_000).map(event).collect();
        for part in events.chunks(100) {
            commit(&mut store, part).await.unwrap();
        }
        let filler = disk.path().join("filler");
        fill(&disk, &filler, leave);
        let more: Vec<_> = (2_000..2_100).map(event).collect();
        for _ in 0..3 {
            let error = commit(&mut store, &more).await.unwrap_err();
            assert!(error.is_full(), "{error:?}");
        }
        let drained = store.acknowledged(1_000).await;
        assert!(drained.is_ok() || leave == 0, "{drained:?}");
        std::fs::remove_file(filler).unwrap();
        store.acknowledged(1_500).await.unwrap();
        commit(&mut store, &more).await.unwrap();
        let found: Vec<i64> = rows(&store).await.iter().map(|row| row.seq).collect();
        assert_eq!(found, (1_501..=2_100).collect::<Vec<i64>>());
        store.close().await.unwrap();
    }
}

fn fill(disk: &Disk, filler: &Path, leave: u64) {
    let free = rustix::fs::statvfs(disk.path()).unwrap();
    let mut left = (free.f_bavail * free.f_frsize).saturating_sub(leave);
    let mut file = std::fs::File::create(filler).unwrap();
    let block = vec![1; 1 << 16];
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        if file.write_all(&block[..part]).is_err() {
            break;
        }
        left -= part as u64;
    }
}

/// The daemon itself: it says that its disk fails, goes on by itself on a new one, and ends when there is none for too long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_became_read_only_is_waited_for_and_then_given_up() {
    let test = "a_disk_that_became_read_only_is_waited_for_and_then_given_up";
    let Some(mut disk) = Disk::ext4(test) else {
        return;
    };
    let scanner = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = scanner.local_addr().unwrap();
    // An operator who scans all the time; the thread ends with the daemon.
    std::thread::spawn(move || {
        for number in 0_u32.. {
            let Ok((mut host, _)) = scanner.accept() else {
                return;
            };
            let mut label = number * 10_000;
            while host
                .write_all(format!("]d20104012345000016\u{1d}21{label}\r").as_bytes())
                .is_ok()
            {
                label += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let buffer = disk.path().join("buffer");
    let mut gateway = Gateway::new(|_| {
        format!(
            r#"[gateway]
site = "plant-3"
[scanner.line_1]
tcp = "{address}"
[read_point.line_1]
sgln = "urn:epc:id:sgln:4012345.00001.line1"
mode = "station"
scanners = ["line_1"]
scan = {{ biz_step = "packing" }}
[buffer]
directory = {buffer:?}
keep_free = "4 MiB"
give_up_after = "10s"
[mqtt]
url = "mqtt://127.0.0.1:1"
"#
        )
    });
    gateway.start();
    says(&gateway, "event_id=", 1).await;
    disk.fail();
    says(&gateway, "Nothing can be stored; sources wait", 1).await;
    disk.replace();
    says(&gateway, "The buffer takes events again", 1).await;
    disk.fail();
    says(&gateway, "Nothing can be stored; sources wait", 2).await;
    let status = gateway.ended(PATIENCE);
    assert_eq!(status.code(), Some(74), "{}", gateway.log());
    // As systemd starts it, until the disk is well.
    gateway.start();
    let status = gateway.ended(PATIENCE);
    assert_eq!(status.code(), Some(74), "{}", gateway.log());
    says(&gateway, "the gateway starts once the disk is well", 1).await;
}

/// Waits until the log has `text` so often.
async fn says(gateway: &Gateway, text: &str, times: usize) {
    wait_until(text, PATIENCE, || {
        gateway.log().matches(text).count() >= times
    })
    .await
    .unwrap_or_else(|missed| panic!("{missed}; the log:\n{}", gateway.log()));
}
