//! Random lives of a buffer against a model of it.
//!
//! A crash is an image of the files taken while they are open. A torn write is such an image with the end of its WAL cut
//! off, as far back as nothing of it was known to be on the disk: SQLite flushes the WAL before it copies pages into the
//! database, so a cut never reaches behind the last copying.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Action {
    /// So many new events, and whether one that waits already comes again.
    Commit { new: i64, repeat: bool },
    /// This share of what waits, in 255ths.
    Acknowledge(u8),
    /// The journal becomes a snapshot.
    Trim,
    /// Closed in good order.
    Close,
    /// Let go without a word.
    Drop,
    /// Killed.
    Kill,
    /// Killed, and the WAL's end is missing: cut so far into what may be missing, in 65535ths.
    Tear(u16),
}

/// What must be there.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    batches: i64,
    last_seq: i64,
    waiting: Vec<(i64, i64)>,
}

#[derive(Debug, Clone)]
pub(in crate::buffer::tests) struct Image {
    database: Vec<u8>,
    wal: Vec<u8>,
}

impl Image {
    pub(in crate::buffer::tests) fn take(directory: &Path) -> Self {
        Self {
            database: std::fs::read(directory.join(FILE_NAME)).unwrap(),
            wal: std::fs::read(directory.join(format!("{FILE_NAME}-wal"))).unwrap_or_default(),
        }
    }

    pub(in crate::buffer::tests) fn put(&self, directory: &Path) {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join(FILE_NAME), &self.database).unwrap();
        std::fs::write(directory.join(format!("{FILE_NAME}-wal")), &self.wal).unwrap();
    }

    fn generation(&self) -> &[u8] {
        self.wal.get(..32).unwrap_or_default()
    }
}

struct Life {
    // Acknowledged events stay.
    keep: bool,
    root: tempfile::TempDir,
    lives: usize,
    store: Option<Store>,
    pipeline: Pipeline,
    epoch: String,
    next_event: i64,
    now: Expected,
    image: Image,
    // From where on the WAL may be missing, and what the states are that may then be found.
    floor: usize,
    reachable: Vec<Expected>,
}

impl Life {
    async fn begin(keep: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        let opened = open(&root.path().join("0")).await;
        let now = Expected {
            batches: Time::MIN.0,
            last_seq: 0,
            waiting: Vec::new(),
        };
        let image = Image::take(&root.path().join("0"));
        let mut life = Self {
            keep,
            root,
            lives: 0,
            epoch: opened.store.epoch().to_owned(),
            store: Some(opened.store),
            pipeline: opened.pipeline,
            next_event: 0,
            floor: image.wal.len(),
            image,
            reachable: vec![now.clone()],
            now,
        };
        life.set_keep();
        life
    }

    fn set_keep(&mut self) {
        if self.keep {
            self.store().keep_sent(Keep {
                age: std::time::Duration::from_secs(60),
                bytes: ROOMY,
            });
        }
    }

    /// What waits.
    async fn waiting(&mut self) -> Vec<OutboxRow> {
        let sent = self.store().sent();
        let mut rows = outbox(&self.directory()).await;
        assert!(self.keep || rows.iter().all(|row| row.seq > sent));
        rows.retain(|row| row.seq > sent);
        rows
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join(self.lives.to_string())
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    async fn act(&mut self, action: &Action) {
        match *action {
            Action::Commit { new, repeat } => self.commit(new, repeat).await,
            Action::Acknowledge(share) => {
                let count = self.now.waiting.len() * usize::from(share) / 255;
                let gone: Vec<_> = self.now.waiting.drain(..count).collect();
                let mark = gone.last().map_or(0, |(seq, _)| *seq);
                let deleted = self.store().acknowledged(mark).await.unwrap();
                assert_eq!(deleted, count as u64);
                self.wrote();
            }
            Action::Trim => {
                let pipeline = self.pipeline.clone();
                self.store().snapshot(&pipeline).await.unwrap();
                self.wrote();
            }
            Action::Close => {
                self.reachable = vec![self.now.clone()];
                self.store.take().unwrap().close().await.unwrap();
                self.reopen().await;
            }
            Action::Drop => {
                self.reachable = vec![self.now.clone()];
                drop(self.store.take());
                self.reopen().await;
            }
            Action::Kill => {
                self.reachable = vec![self.now.clone()];
                let image = self.image.clone();
                self.revive(&image).await;
            }
            Action::Tear(share) => {
                let mut image = self.image.clone();
                let missing =
                    image.wal.len().saturating_sub(self.floor) * usize::from(share) / 65_535;
                image.wal.truncate(image.wal.len() - missing);
                self.revive(&image).await;
            }
        }
        self.check().await;
    }

    async fn commit(&mut self, new: i64, repeat: bool) {
        let mut numbers: Vec<i64> = (self.next_event..self.next_event + new).collect();
        self.next_event += new;
        let again = self.now.waiting.first().filter(|_| repeat);
        numbers.splice(0..0, again.map(|(_, n)| *n));
        let stored: Vec<MovementEvent> = numbers.iter().map(|n| event(*n)).collect();
        self.now.batches = self.now.batches.max(0) + 1;
        let inputs = tick(self.now.batches);
        self.store()
            .commit(&inputs, &stored, Time(1))
            .await
            .unwrap();
        self.pipeline.handle(inputs[0].clone());
        let rows = outbox(&self.directory()).await;
        let last_seq = self.store().last_seq();
        let before = std::mem::replace(&mut self.now.last_seq, last_seq);
        let fresh: Vec<i64> = rows
            .iter()
            .map(|row| row.seq)
            .filter(|seq| *seq > before)
            .collect();
        assert_eq!(fresh.len() as i64, new, "only new events take a number");
        self.now
            .waiting
            .extend(fresh.into_iter().zip(self.next_event - new..));
        self.wrote();
    }

    /// Notes what of the files may now be missing after a crash.
    fn wrote(&mut self) {
        let image = Image::take(&self.directory());
        let before = std::mem::replace(&mut self.image, image);
        if before.database != self.image.database {
            (self.floor, self.reachable) = (self.image.wal.len(), Vec::new());
        } else if before.generation() != self.image.generation() {
            // Begun anew: all of the old one is in the database.
            self.floor = 0;
            self.reachable.drain(..self.reachable.len() - 1);
        }
        self.reachable.push(self.now.clone());
    }

    /// Goes on from what a crash has left.
    async fn revive(&mut self, image: &Image) {
        self.lives += 1;
        image.put(&self.directory());
        drop(self.store.take());
        self.reopen().await;
    }

    async fn reopen(&mut self) {
        let opened = open(&self.directory()).await;
        let mut waiting = outbox(&self.directory()).await;
        waiting.retain(|row| row.seq > opened.store.sent());
        let found = Expected {
            batches: opened.pipeline.now().0,
            last_seq: opened.store.last_seq(),
            waiting: waiting
                .iter()
                .map(|row| {
                    let number: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
                    (row.seq, number["n"].as_i64().unwrap())
                })
                .collect(),
        };
        assert!(
            self.reachable.contains(&found),
            "{found:?} is none of {:?}",
            self.reachable
        );
        self.now = found;
        (self.store, self.pipeline) = (Some(opened.store), opened.pipeline);
        self.set_keep();
        self.image = Image::take(&self.directory());
        (self.floor, self.reachable) = (self.image.wal.len(), vec![self.now.clone()]);
    }

    async fn check(&mut self) {
        let rows = self.waiting().await;
        assert!(rows.iter().all(|row| row.intact));
        let found: Vec<(i64, String)> = rows
            .iter()
            .map(|row| (row.seq, row.event_id.clone()))
            .collect();
        let expected: Vec<(i64, String)> = (self.now.waiting.iter())
            .map(|(seq, n)| (*seq, event(*n).id.to_string()))
            .collect();
        assert_eq!(found, expected);
        let (last_seq, waiting) = (self.now.last_seq, self.now.waiting.len() as u64);
        let batches = self.now.batches;
        let epoch = self.epoch.clone();
        let store = self.store();
        assert_eq!((store.last_seq(), store.waiting()), (last_seq, waiting));
        assert_eq!(store.epoch(), epoch);
        assert_eq!(self.pipeline.now(), Time(batches));
    }
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        8 => (0..6_i64, any::<bool>()).prop_map(|(new, repeat)| Action::Commit { new, repeat }),
        1 => (60..140_i64).prop_map(|new| Action::Commit { new, repeat: false }),
        4 => any::<u8>().prop_map(Action::Acknowledge),
        2 => Just(Action::Trim),
        1 => Just(Action::Close),
        1 => Just(Action::Drop),
        2 => Just(Action::Kill),
        3 => any::<u16>().prop_map(Action::Tear),
    ];
    proptest::collection::vec(action, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, a committed batch is there with all its events, or, if its write was torn, not at all.
    #[test]
    fn nothing_committed_is_lost_and_nothing_comes_back(actions in actions(), keep in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut life = Life::begin(keep).await;
            for action in &actions {
                life.act(action).await;
            }
        });
    }
}
