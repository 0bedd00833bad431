//! Inputs that wait for the next commit, and kills meanwhile.

use tracegate_pipeline::{Read, ReaderTime};

use super::super::tail::{MAX_BYTES, NAME, WAIT};
use super::*;

/// What the reader says in the batch `n`: reads of few tags, again and again.
fn report(n: i64) -> Vec<Input> {
    let read = |tag: u8| Read {
        epc: vec![tag; 12],
        bit_len: 96,
        antenna: 1,
        device_time: Some(ReaderTime::Utc(n.unsigned_abs())),
        ..Read::default()
    };
    let (device, at) = (0, Time(n));
    let reads = (0..5).map(read).collect();
    vec![Input::Reads { device, at, reads }]
}

struct Gateway {
    store: Store,
    pipeline: Pipeline,
}

impl Gateway {
    async fn open(directory: &Path) -> Self {
        let Opened {
            store, pipeline, ..
        } = open(directory).await;
        Self { store, pipeline }
    }

    /// True when it waits now; false when it had to be committed.
    async fn take(&mut self, n: i64) -> bool {
        let inputs = report(n);
        for input in &inputs {
            self.pipeline.handle(input.clone());
        }
        let waits = self.store.defer(&inputs, Time(n));
        if !waits {
            self.store.commit(&inputs, &[], Time(n)).await.unwrap();
        }
        waits
    }
}

/// What a kill at this moment leaves, in a folder of its own.
fn killed(directory: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_waits_survives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::open(directory.path()).await;
    let (mut waited, mut lives) = (0, 0);
    for n in 1..=40 {
        // Some batches must be stored at once.
        match n % 7 {
            0 => {
                gateway.pipeline.handle(tick(n)[0].clone());
                commit(&mut gateway.store, n, &[event(n)]).await;
            }
            _ => waited += u32::from(gateway.take(n).await),
        }
        let copy = killed(directory.path());
        let mut again = Gateway::open(copy.path()).await;
        assert_eq!(again.pipeline.state(), gateway.pipeline.state(), "{n}");
        // Killed once more before the first commit, and after it.
        let twice = killed(copy.path());
        let state = Gateway::open(twice.path()).await.pipeline;
        assert_eq!(state.state(), gateway.pipeline.state(), "{n}");
        let recovered = n % 7 != 0 && gateway.store.due().is_some();
        assert_eq!(again.store.due().is_some(), recovered, "{n}");
        // What was recovered goes to the file with the first that comes.
        assert_eq!(again.take(n + 1).await, !recovered, "{n}");
        assert!(again.take(n + 2).await);
        let then = Gateway::open(killed(copy.path()).path()).await;
        assert_eq!(then.pipeline.state(), again.pipeline.state(), "{n}");
        if n % 11 == 0 {
            gateway.store.close().await.unwrap();
            gateway = Gateway::open(directory.path()).await;
            lives += 1;
        }
    }
    assert!(waited > 20 && lives == 3, "{waited} {lives}");
}

/// Whatever a power cut has made of the file: what is taken of it is the beginning of what was written.
#[tokio::test]
async fn a_torn_tail_gives_its_intact_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::open(directory.path()).await;
    // An earlier round leaves records behind, longer than the present one's.
    for n in 1..=8 {
        assert!(gateway.take(n).await);
    }
    gateway.store.commit(&[], &[], Time(8)).await.unwrap();
    let mut states = vec![gateway.pipeline.state().clone()];
    for n in 9..=12 {
        assert!(gateway.take(n).await);
        states.push(gateway.pipeline.state().clone());
    }
    let whole = std::fs::read(directory.path().join(NAME)).unwrap();
    let (mut found, mut random) = (0, fastrand::Rng::with_seed(3));
    for at in (0..whole.len()).step_by(5) {
        let copy = killed(directory.path());
        let mut torn = whole.clone();
        match random.bool() {
            true => torn.truncate(at),
            false => torn[at] ^= 0x10,
        }
        std::fs::write(copy.path().join(NAME), torn).unwrap();
        let state = Gateway::open(copy.path()).await.pipeline;
        let seen = states.iter().position(|known| known == state.state());
        found |= 1 << seen.expect("one of the states that there were");
    }
    assert_eq!(found, 0b11111, "every cut between records was met");
}

#[tokio::test]
async fn nothing_waits_for_long_or_in_great_number() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::open(directory.path()).await;
    assert_eq!(gateway.store.due(), None);
    assert!(gateway.take(10).await && gateway.take(20).await);
    let due = Time(10) + WAIT;
    assert_eq!(gateway.store.due(), Some(due));
    // While something waits, the pipeline is ahead of the journal: no snapshot.
    gateway.store.journal_bytes = usize::MAX / 2;
    gateway.store.trim(&gateway.pipeline).await.unwrap();
    assert_eq!(gateway.store.journal_bytes, usize::MAX / 2);
    assert!(gateway.take(due.0 - 1).await);
    assert!(!gateway.take(due.0).await, "it has waited long enough");
    assert_eq!(gateway.store.due(), None);
    gateway.store.trim(&gateway.pipeline).await.unwrap();
    assert_eq!(gateway.store.journal_bytes, 0);

    let scan = |n: usize| Input::Scan {
        device: 0,
        at: Time(due.0),
        data: vec![0; n],
    };
    assert!(gateway.store.defer(&[scan(MAX_BYTES)], due));
    assert!(!gateway.store.defer(&[scan(1)], due));
}

#[tokio::test]
async fn without_the_file_they_are_committed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join(NAME)).unwrap();
    let mut gateway = Gateway::open(directory.path()).await;
    assert!(gateway.take(1).await);
    assert_eq!(gateway.store.due(), Some(Time::MIN));
    assert!(!gateway.take(2).await);
    gateway.store.close().await.unwrap();
    let again = Gateway::open(directory.path()).await;
    assert_eq!(again.pipeline.state(), gateway.pipeline.state());
}
