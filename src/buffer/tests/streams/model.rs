//! Random lives of a buffer with both streams, against a model of what may leave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::model::Image;
use super::*;

#[derive(Debug, Clone)]
enum Action {
    /// So many movements, and rows of telemetry between them.
    Commit {
        movements: i64,
        telemetry: i64,
    },
    /// This share of what waits, in 255ths.
    Acknowledge(u8),
    /// The oldest telemetry leaves for want of room.
    Drop,
    Prune,
    Trim,
    Reopen,
    /// Killed: it goes on with an image of the files.
    Kill,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        8 => (0..6_i64, 0..40_i64).prop_map(|(movements, telemetry)| Action::Commit { movements, telemetry }),
        4 => any::<u8>().prop_map(Action::Acknowledge),
        2 => Just(Action::Drop),
        1 => Just(Action::Prune),
        1 => Just(Action::Trim),
        1 => Just(Action::Reopen),
        2 => Just(Action::Kill),
    ];
    proptest::collection::vec(action, 1..40)
}

/// What must be there.
struct Life {
    keep: bool,
    root: tempfile::TempDir,
    lives: usize,
    store: Option<Store>,
    next: i64,
    mark: i64,
    /// Everything ever stored.
    stored: BTreeMap<i64, Stream>,
    /// What is missing in front of the gap that waits, its own number included.
    missing: BTreeSet<i64>,
    ever_dropped: i64,
}

impl Life {
    fn directory(&self) -> PathBuf {
        self.root.path().join(self.lives.to_string())
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    async fn open(&mut self) {
        let mut store = open(&self.directory()).await.store;
        store.share_telemetry(40 << 10);
        if self.keep {
            let age = std::time::Duration::from_secs(60);
            store.keep_sent(Keep { age, bytes: ROOMY });
        }
        assert_eq!(store.last_seq(), self.stored.len() as i64, "contiguous");
        self.store = Some(store);
    }

    async fn act(&mut self, action: &Action) {
        match *action {
            Action::Commit {
                movements,
                telemetry,
            } => {
                let events = events(self.next..self.next + movements);
                let mut rows = self::telemetry(self.next..self.next + telemetry);
                for (n, event) in events.iter().enumerate() {
                    rows.insert((n * 7) % (rows.len() + 1), event.into());
                }
                self.next += movements.max(telemetry);
                let first = self.store().last_seq() + 1;
                put(self.store(), 1, &rows).await;
                self.stored
                    .extend((first..).zip(rows.iter().map(|row| row.stream)));
            }
            Action::Acknowledge(share) => {
                let rows = self.waiting().await;
                let count = rows.len() * usize::from(share) / 255;
                if let Some(row) = count.checked_sub(1).and_then(|at| rows.get(at)) {
                    self.mark = row.seq;
                    self.store().acknowledged(row.seq).await.unwrap();
                }
            }
            Action::Drop => {
                self.store().drop_telemetry(DropReason::Room).await.unwrap();
            }
            Action::Prune => self.store().prune(Time(0)).await.unwrap(),
            Action::Trim => self.store().snapshot(&Pipeline::default()).await.unwrap(),
            Action::Reopen => {
                self.store.take().unwrap().close().await.unwrap();
                self.open().await;
            }
            Action::Kill => {
                let image = Image::take(&self.directory());
                self.lives += 1;
                image.put(&self.directory());
                drop(self.store.take());
                self.open().await;
            }
        }
        self.check().await;
    }

    async fn waiting(&mut self) -> Vec<OutboxRow> {
        let mut rows = outbox(&self.directory()).await;
        rows.retain(|row| row.seq > self.mark);
        rows
    }

    async fn check(&mut self) {
        let rows = self.waiting().await;
        assert!(rows.iter().all(|row| row.intact));
        let waiting = self.store().waiting();
        assert_eq!(waiting, rows.len() as u64);
        let gap = gap(&rows);
        let there: BTreeMap<i64, Stream> = rows.iter().map(|row| (row.seq, row.stream)).collect();
        if self.missing.last().is_some_and(|last| *last <= self.mark) {
            self.missing.clear();
        }
        let behind = self.stored.range(self.mark + 1..);
        let mut newest_missing = 0;
        for (seq, stream) in behind {
            match (stream, there.get(seq)) {
                (Stream::Movement, found) => assert_eq!(found, Some(stream), "movement {seq}"),
                (_, Some(Stream::NonEvent)) => {
                    assert!(!self.missing.contains(seq), "{seq} has come back");
                }
                (_, Some(Stream::Movement)) => panic!("{seq} is another"),
                (_, Some(Stream::Gap) | None) => {
                    self.ever_dropped += i64::from(self.missing.insert(*seq));
                    newest_missing = *seq;
                }
            }
        }
        let oldest = there
            .iter()
            .find(|(_, stream)| **stream == Stream::NonEvent);
        assert!(
            oldest.is_none_or(|(seq, _)| *seq > newest_missing),
            "the oldest first"
        );
        // The gap is exactly what is missing.
        let told = gap.map(|gap| (gap.from_seq, gap.to_seq, gap.count));
        let (first, last) = (self.missing.first().copied(), self.missing.last().copied());
        let expected = first
            .zip(last)
            .map(|(first, last)| (first, last, self.missing.len() as u64));
        assert_eq!(told, expected);
        let stats = Inspector::look(&self.directory())
            .await
            .unwrap()
            .stats()
            .await
            .unwrap();
        assert_eq!(
            (stats.telemetry_dropped, stats.dropped),
            (self.ever_dropped, 0)
        );
        assert_eq!(stats.waiting, rows.len() as i64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens: every movement is there, telemetry leaves oldest first, and the gap tells exactly what is missing.
    #[test]
    fn movements_stay_and_gaps_are_exact(actions in actions(), keep in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut life = Life {
                keep,
                root: tempfile::tempdir().unwrap(),
                lives: 0,
                store: None,
                next: 0,
                mark: 0,
                stored: BTreeMap::new(),
                missing: BTreeSet::new(),
                ever_dropped: 0,
            };
            life.open().await;
            for action in &actions {
                life.act(action).await;
            }
        });
    }
}
