//! What the core hands on, and what becomes of it when somebody is too slow.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

use super::*;
use crate::capture::tap::{Batch, Tap};
use crate::capture::witness::{Ask, Asks, Witness};
use crate::health::Health;
use crate::story::Story;

struct Bench {
    tap: Tap,
    asks: Asks,
    pipeline: Pipeline,
    health: Health,
    witness: JoinHandle<()>,
}

impl Bench {
    fn new() -> Self {
        let health = Health::new("plant-3", "e");
        let (tap, outlet) = Tap::new(health.clone());
        let mut pipeline = Pipeline::default();
        live(&mut pipeline, up(T0));
        let config = pipeline.config().clone();
        let (witness, asks) = Witness::new(outlet, config, "plant-3".into(), health.clone());
        Self {
            tap,
            asks,
            pipeline,
            health,
            witness: tokio::spawn(witness.run()),
        }
    }

    /// As the core: through the pipeline, then handed on.
    fn take(&mut self, input: Input) {
        let (mut events, mut refused) = (Vec::new(), Vec::new());
        for output in self.pipeline.handle(input.clone()) {
            match output {
                Output::Event(event) => events.push(*event),
                Output::NonEvent(load) => refused.push(load),
                _ => {}
            }
        }
        let inputs = vec![input];
        self.tap.seen(Batch {
            inputs,
            events,
            refused,
            ..Batch::default()
        });
    }

    async fn capture(&mut self) -> Option<mpsc::Receiver<Bytes>> {
        let (answer, told) = oneshot::channel();
        self.asks.send(Ask::Capture { answer }).await.unwrap();
        told.await.unwrap()
    }

    async fn begin(&mut self) -> mpsc::Receiver<Bytes> {
        let mut pieces = self.capture().await.expect("there is room");
        timeout(Duration::from_secs(60), self.tap.asked())
            .await
            .unwrap();
        self.tap.tell(&self.pipeline);
        let first = next(&mut pieces).await;
        assert!(
            first.starts_with("{\"type\":\"capture\",\"format\":1"),
            "{first}"
        );
        assert_eq!(first.lines().count(), 2);
        pieces
    }

    async fn why(&self, tag: &str) -> Vec<Story> {
        let (answer, told) = oneshot::channel();
        let tag = tag.to_owned();
        self.asks.send(Ask::Why { tag, answer }).await.unwrap();
        told.await.unwrap()
    }
}

async fn next(pieces: &mut mpsc::Receiver<Bytes>) -> String {
    let piece = timeout(Duration::from_secs(60), pieces.recv()).await;
    String::from_utf8(piece.unwrap().expect("the capture goes on").to_vec()).unwrap()
}

fn tick(number: i64) -> Input {
    Input::Tick {
        at: Time(T0 + number),
    }
}

#[tokio::test]
async fn a_capture_that_cannot_keep_up_is_told_its_gap() {
    let mut bench = Bench::new();
    let (mut slow, mut quick) = (bench.begin().await, bench.begin().await);
    for number in 0..200 {
        bench.take(tick(number));
        assert_eq!(
            next(&mut quick).await,
            line_of(&tick(number), &gateway()).to_text()
        );
    }
    let mut lines = Vec::new();
    for _ in 0..64 {
        lines.push(next(&mut slow).await);
    }
    assert!(
        lines.iter().all(|line| line.contains("\"tick\"")),
        "{lines:?}"
    );
    bench.take(tick(200));
    let gap = "{\"type\":\"gap\",\"inputs\":136,\"reads\":0}\n";
    assert_eq!(next(&mut slow).await, gap);
    assert!(next(&mut slow).await.contains("\"tick\""));
    assert_eq!(bench.health.counters().capture_gaps.get(), 136);
}

#[tokio::test(flavor = "current_thread")]
async fn the_core_does_not_wait_for_the_witness() {
    let mut bench = Bench::new();
    let mut pieces = bench.begin().await;
    // The witness has no turn before the next await.
    for number in 0..100 {
        bench.take(tick(number));
    }
    assert_eq!(bench.health.counters().inputs_unwitnessed.get(), 36);
    for number in 0..64 {
        assert_eq!(
            next(&mut pieces).await,
            line_of(&tick(number), &gateway()).to_text()
        );
    }
    bench.take(tick(100));
    assert!(next(&mut pieces).await.contains("\"inputs\":36"));
}

#[tokio::test]
async fn captures_are_few_and_their_places_come_back() {
    let mut bench = Bench::new();
    let mut captures = Vec::new();
    for _ in 0..4 {
        captures.push(bench.begin().await);
    }
    assert!(bench.capture().await.is_none());
    captures.pop();
    bench.begin().await;
}

#[tokio::test]
async fn the_witness_knows_what_happened_and_ends_with_the_core() {
    let mut bench = Bench::new();
    let mut all = load(T0 + 1_000_000, 2, true);
    all.extend((0..40).map(|step| Input::Tick {
        at: Time(T0 + 7_000_000 + step * 250_000),
    }));
    for input in all {
        bench.take(input);
        tokio::task::yield_now().await;
    }
    let stories = bench.why(&hex(&epc(1)).to_uppercase()).await;
    assert_eq!(stories.len(), 1);
    assert_eq!(stories[0].passages.len(), 1, "{stories:?}");
    assert_eq!(stories[0].sightings.len(), 2);
    assert!(bench.why(&hex(&epc(9))).await.is_empty());
    drop((bench.tap, bench.asks));
    timeout(Duration::from_secs(60), bench.witness)
        .await
        .unwrap()
        .unwrap();
}
