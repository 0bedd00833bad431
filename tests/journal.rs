//! Killed at any moment, the gateway makes of the same journaled reads the same events: same bytes, same ids, same
//! sequence numbers, none lost, none twice.
//!
//! The day runs once undisturbed. Then it runs again, and after every write to the buffer the gateway is "killed" in many
//! ways: an image of the files as they are; images with the write half done (cut off, mixed with what was there before,
//! with a hole); images with SQLite's copying of pages half done. Each image is opened as a restarted gateway would, the
//! rest of the day follows, and what the broker has got in the end is compared with the undisturbed day.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "journal/day.rs"]
mod day;
#[path = "journal/image.rs"]
mod image;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use day::{day, restart};
use image::{Image, Torn};
use sqlx::ConnectOptions;
use tempfile::TempDir;
use tracegate::buffer::{FILE_NAME, NewRow, Opened, OutboxReader, OutboxRow, Store, Stream};
use tracegate::telemetry;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Output, Pipeline, Time};

const ROOMY: u64 = 64 << 20;

/// What the broker has got: sequence number to stream, event id and payload.
#[derive(Debug, Clone, Default, PartialEq)]
struct Broker {
    got: BTreeMap<i64, (Stream, String, String)>,
}

impl Broker {
    fn take(&mut self, row: OutboxRow) {
        let (seq, content) = (row.seq, (row.stream, row.event_id, row.payload));
        if let Some(before) = self.got.insert(seq, content.clone()) {
            assert_eq!(before, content, "event {seq} came back changed");
        }
    }

    fn count(&self, stream: Stream) -> usize {
        let all = self.got.values();
        all.filter(|(of, ..)| *of == stream).count()
    }
}

/// The gateway's durable middle, without tasks and clocks.
struct Gateway {
    directory: PathBuf,
    store: Store,
    reader: OutboxReader,
    pipeline: Pipeline,
    mark: i64,
}

impl Gateway {
    async fn open(directory: &Path) -> Self {
        let opened = Store::open(directory, ROOMY).await.unwrap();
        let Opened {
            store,
            pipeline,
            unreadable,
            ..
        } = opened;
        assert_eq!(unreadable, 0);
        let reader = OutboxReader::open(store.path()).await.unwrap();
        Self {
            directory: directory.to_owned(),
            store,
            reader,
            pipeline,
            mark: 0,
        }
    }

    async fn commit(&mut self, batch: &[Input]) {
        let mut outputs = Vec::new();
        for input in batch {
            outputs.extend(self.pipeline.handle(input.clone()));
        }
        let config = self.pipeline.config();
        let rows = outputs.iter().filter_map(|output| match output {
            Output::Event(event) => Some((&**event).into()),
            Output::NonEvent(load) => Some(telemetry::non_event(load, config)),
            _ => None,
        });
        let rows: Vec<NewRow<'_>> = rows.collect();
        let stored = self.store.commit_rows(batch, &rows, Time(0));
        stored.await.unwrap();
    }

    /// Sends what waits; the broker acknowledges all of it.
    async fn send(&mut self, broker: &mut Broker) {
        for row in self.reader.after(self.mark, usize::MAX).await.unwrap() {
            assert!(row.intact);
            self.mark = row.seq;
            broker.take(row);
        }
    }

    async fn forget(&mut self) {
        self.store.acknowledged(self.mark).await.unwrap();
    }

    fn image(&self) -> Image {
        Image::take(&self.directory)
    }
}

/// How many batches the buffer in `directory` has seen in all.
async fn batches(directory: &Path) -> usize {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.join(FILE_NAME));
    let mut connection = options.connect().await.unwrap();
    let seq: i64 = sqlx::query_scalar(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name='journal'), 0)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    usize::try_from(seq).unwrap()
}

/// The day without disturbance: what the broker got, and the pipeline's state after so many batches.
struct Undisturbed {
    batches: Vec<Vec<Input>>,
    broker: Broker,
    states: Vec<State>,
}

impl Undisturbed {
    async fn run(batches: Vec<Vec<Input>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::open(directory.path()).await;
        let mut broker = Broker::default();
        let mut states = vec![gateway.pipeline.state().clone()];
        for batch in &batches {
            gateway.commit(batch).await;
            gateway.store.trim(&gateway.pipeline).await.unwrap();
            states.push(gateway.pipeline.state().clone());
        }
        gateway.send(&mut broker).await;
        Self {
            batches,
            broker,
            states,
        }
    }

    /// Starts from the image of a gateway that was killed and lets the day go on. Between `least` and `most` batches may
    /// have survived; returns how many have.
    async fn resume(&self, image: &Image, least: usize, most: usize, broker: &Broker) -> usize {
        let directory = tempfile::tempdir().unwrap();
        image.put(directory.path());
        let mut gateway = Gateway::open(directory.path()).await;
        let survived = batches(directory.path()).await;
        assert!(
            (least..=most).contains(&survived),
            "{survived} batches, not {least} to {most}"
        );
        assert!(
            *gateway.pipeline.state() == self.states[survived],
            "the journal folds to something else after {survived} batches"
        );
        let mut broker = broker.clone();
        gateway.send(&mut broker).await;
        // What is journaled from here on is the same, in fewer commits: the way there has been walked before.
        for batches in self.batches[survived..].chunks(48) {
            gateway.commit(&batches.concat()).await;
            gateway.store.trim(&gateway.pipeline).await.unwrap();
        }
        gateway.send(&mut broker).await;
        self.compare(&broker, &format!("killed after {survived} batches"));
        survived
    }

    fn compare(&self, broker: &Broker, what: &str) {
        for (seq, event) in &self.broker.got {
            assert_eq!(broker.got.get(seq), Some(event), "{what}: event {seq}");
        }
        assert_eq!(broker.got.len(), self.broker.got.len(), "{what}");
    }

    /// As [`Self::compare`], in whatever order.
    fn compare_events(&self, broker: &Broker, what: &str) {
        let events = |broker: &Broker| {
            let mut events: Vec<_> = broker.got.values().cloned().collect();
            events.sort();
            events
        };
        assert_eq!(events(broker), events(&self.broker), "{what}");
    }
}

/// Kills after, and in the middle of, every write that `gateway` makes.
struct Killer<'a> {
    day: &'a Undisturbed,
    random: fastrand::Rng,
    kills: BTreeMap<&'static str, usize>,
    torn_lost: usize,
}

impl Killer<'_> {
    /// `gateway` has just written; `before` is how its files were, `done` how many batches it has committed before that
    /// write and `now` after it.
    async fn kill(
        &mut self,
        what: &'static str,
        before: &Image,
        gateway: &Gateway,
        (done, now): (usize, usize),
        broker: &Broker,
    ) {
        let after = gateway.image();
        self.day.resume(&after, now, now, broker).await;
        self.count(what);
        // Commits are many, each in one of the three ways; what is rare gets more.
        let times = if what == "commit" { 1 } else { 4 };
        for (turn, torn) in [Torn::Cut, Torn::Mixed, Torn::Hole].into_iter().enumerate() {
            if times == 1 && turn != done % 3 {
                continue;
            }
            for _ in 0..times {
                if let Some(image) = before.torn(&after, torn, &mut self.random) {
                    let survived = self.day.resume(&image, done, now, broker).await;
                    self.torn_lost += usize::from(survived < now);
                    self.count(torn.name());
                }
            }
        }
        for _ in 0..12 {
            if let Some(image) = before.half_copied(&after, &mut self.random) {
                self.day.resume(&image, now, now, broker).await;
                self.count("half copied");
            }
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.kills.entry(what).or_default() += 1;
    }
}

#[tokio::test]
async fn every_kill_point_gives_the_same_events() {
    let (batches, movements) = day();
    let day = Undisturbed::run(batches).await;
    let (booked, not_booked) = (
        day.broker.count(Stream::Movement),
        day.broker.count(Stream::NonEvent),
    );
    assert!(
        booked + not_booked >= movements,
        "the day is what it should be"
    );
    assert!(booked >= 10 && not_booked > 2, "{booked}, {not_booked}");
    let mut killer = Killer {
        day: &day,
        random: fastrand::Rng::with_seed(2),
        kills: BTreeMap::new(),
        torn_lost: 0,
    };
    let directory = TempDir::new().unwrap();
    let mut gateway = Gateway::open(directory.path()).await;
    let mut broker = Broker::default();
    for (done, batch) in day.batches.iter().enumerate() {
        let before = gateway.image();
        gateway.commit(batch).await;
        killer
            .kill("commit", &before, &gateway, (done, done + 1), &broker)
            .await;

        let before = gateway.image();
        gateway.store.trim(&gateway.pipeline).await.unwrap();
        if before != gateway.image() {
            killer
                .kill("trim", &before, &gateway, (done + 1, done + 1), &broker)
                .await;
        }
        if done % 11 == 3 {
            gateway.send(&mut broker).await;
            let before = gateway.image();
            gateway.forget().await;
            if before != gateway.image() {
                killer
                    .kill("forget", &before, &gateway, (done + 1, done + 1), &broker)
                    .await;
            }
        }
    }
    gateway.send(&mut broker).await;
    day.compare(&broker, "the same day again");
    let total: usize = killer.kills.values().sum();
    println!(
        "{total} kill points over {} batches, {booked} movements and {not_booked} loads not booked: {:?}; {} torn batches were gone",
        day.batches.len(),
        killer.kills,
        killer.torn_lost
    );
    assert!(total >= 300, "{total}");
    for what in [
        "commit",
        "trim",
        "forget",
        "cut",
        "mixed",
        "hole",
        "half copied",
    ] {
        assert!(killer.kills.contains_key(what), "no {what}");
    }
    assert!(killer.torn_lost > 50, "{}", killer.torn_lost);
}

/// As the daemon does it: every life begins with a start, devices connect again, and it is killed again before the day is
/// over. After a start a load is decided later, because held reports may come: scans may overtake it.
#[tokio::test]
async fn a_day_of_many_restarts_gives_the_same_events() {
    let (batches, _) = day();
    let day = Undisturbed::run(batches).await;
    let mut restarts = 0;
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut broker = Broker::default();
        let mut image: Option<Image> = None;
        let mut next = 0;
        while next < day.batches.len() {
            let directory = TempDir::new().unwrap();
            if let Some(image) = &image {
                image.put(directory.path());
            }
            let mut gateway = Gateway::open(directory.path()).await;
            if next > 0 {
                restarts += 1;
                gateway.commit(&restart(&gateway.pipeline)).await;
            }
            let life = random.usize(1..30).min(day.batches.len() - next);
            for batch in &day.batches[next..next + life] {
                gateway.commit(batch).await;
                gateway.store.trim(&gateway.pipeline).await.unwrap();
                if random.u8(0..5) == 0 {
                    gateway.send(&mut broker).await;
                    // Or killed between the broker's answer and the deletion.
                    if random.bool() {
                        gateway.forget().await;
                    }
                }
            }
            next += life;
            if next == day.batches.len() {
                gateway.send(&mut broker).await;
            }
            image = Some(gateway.image());
        }
        day.compare_events(&broker, &format!("seed {seed}"));
    }
    println!("{restarts} restarts");
    assert!(restarts > 50, "{restarts}");
}
