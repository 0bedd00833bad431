//! The core between channels, with a real buffer and the test as scanner, forwarder and broker.

mod audit;
mod change;
mod damage;
mod guards;
mod kept;
mod stations;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracegate_epcis::EventId;
use tracegate_pipeline::config::{
    PipelineConfig, ReadPointConfig, ReadPointKind, StationConfig, StationScanner, Step,
};
use tracegate_pipeline::filter::TagRules;
use tracegate_pipeline::input::MovementEvent;
use tracegate_pipeline::time::{Span, Time};

use super::*;
use crate::buffer::{FILE_NAME, Keep, Opened, OutboxReader, OutboxRow};
use crate::capture::tap::Tap;
use crate::clock::GatewayClock;
use crate::health::BrokerState;
use crate::health::Health;
use crate::reference::Known;

/// The least the buffer makes of it: 64 pages, some 150 scans.
const TINY: u64 = 0;
const ROOMY: u64 = 64 << 20;
const QUEUE: usize = 4;

struct Plant {
    directory: TempDir,
    inputs: mpsc::Sender<Input>,
    feedback: mpsc::Receiver<Feedback>,
    light: mpsc::Receiver<Told>,
    stored: watch::Receiver<u64>,
    committed: watch::Receiver<i64>,
    acknowledged: watch::Sender<i64>,
    requests: mpsc::Sender<Request>,
    clock: GatewayClock,
    health: Health,
    stop: CancellationToken,
    core: JoinHandle<Result<Store, DiskFailed>>,
}

/// Nothing here takes long; what takes this long will never come.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(Duration::from_secs(60), future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

impl Plant {
    async fn start(directory: TempDir, max_bytes: u64) -> Self {
        Self::keeping(directory, max_bytes, Keep::default()).await
    }

    async fn keeping(directory: TempDir, max_bytes: u64, keep: Keep) -> Self {
        let Opened {
            mut store,
            pipeline,
            ..
        } = Store::open(directory.path(), max_bytes).await.unwrap();
        store.keep_sent(keep);
        let clock = GatewayClock::start();
        let health = Health::new("plant-3", store.epoch());
        let (inputs, inputs_out) = mpsc::channel(QUEUE);
        let (feedback_in, feedback) = mpsc::channel(1_000);
        let (task, light) = mpsc::channel(1_000);
        let (tell_stored, stored) = watch::channel(0);
        let (committed_in, committed) = watch::channel(store.last_seq());
        let (acknowledged, acknowledged_out) = watch::channel(store.sent());
        let (requests, requests_out) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let wiring = Wiring {
            changes: mpsc::channel(1).1,
            non_events: false,
            keep_verdicts: crate::audit::Keep::default(),
            known: Known::default(),
            inputs: inputs_out,
            feedback: BTreeMap::from([(0, feedback_in)]),
            lights: BTreeMap::from([(0, LightSwitch { light: 5, task })]),
            stored: BTreeMap::from([(0, tell_stored)]),
            committed: committed_in,
            acknowledged: acknowledged_out,
            requests: requests_out,
            tap: Tap::default(),
            clock,
            health: health.clone(),
            beat: health.beat("core"),
            stop: stop.clone(),
            give_up_after: Duration::from_secs(600),
        };
        let first = vec![
            Input::Configure(Box::new(station())),
            Input::Start { at: clock.now() },
        ];
        let core = tokio::spawn(Core::new(store, pipeline, wiring).run(first));
        Self {
            directory,
            inputs,
            feedback,
            light,
            stored,
            committed,
            acknowledged,
            requests,
            clock,
            health,
            stop,
            core,
        }
    }

    fn scan(&self, lot: usize) -> Input {
        scan(self.clock.now(), lot)
    }

    async fn answer(&mut self) -> Feedback {
        soon("an answer", self.feedback.recv()).await.unwrap()
    }

    async fn outbox(&self) -> Vec<OutboxRow> {
        outbox(self.directory.path()).await
    }

    /// Waits until the buffer has refused `times` more commits.
    async fn refused(&self, times: u64) {
        let failures = &self.health.counters().commit_failures;
        let enough = failures.get() + times;
        until("refused commits", || failures.get() >= enough).await;
        let conditions = self.health.conditions();
        assert!(
            conditions[0].starts_with("nothing can be stored: the buffer is full: 90 % of ")
                || conditions[0].ends_with("(the buffer or its disk is full)"),
            "{conditions:?}"
        );
    }

    /// Stops in the daemon's order; returns what was left in the buffer.
    async fn stop(self) -> Opened {
        drop(self.inputs);
        self.stop.cancel();
        let store = soon("the core to end", self.core).await.unwrap().unwrap();
        store.close().await.unwrap();
        Store::open(self.directory.path(), TINY).await.unwrap()
    }
}

fn station() -> PipelineConfig {
    PipelineConfig {
        sensors: Vec::new(),
        time_zone: "UTC".into(),
        devices: vec!["line_1".into()],
        read_points: vec![ReadPointConfig {
            name: "line_1".into(),
            uri: "urn:epc:id:sgln:4012345.00002.line1".into(),
            guard: None,
            kind: ReadPointKind::Station(StationConfig {
                scanners: vec![StationScanner {
                    device: 0,
                    duplicate_window: Span::millis(3_600_000),
                    assume_gs1: false,
                    gs_substitutes: Vec::new(),
                    keep_unknown_ais: false,
                }],
                step: Step {
                    biz_step: "picking".into(),
                    ..Step::default()
                },
                task: None,
                marks: None,
            }),
        }],
        tags: TagRules::default(),
    }
}

fn scan(at: Time, lot: usize) -> Input {
    let data = format!("]d2010401234510020410LOT{lot}\u{1d}3012").into_bytes();
    Input::Scan {
        device: 0,
        at,
        data,
    }
}

async fn outbox(directory: &Path) -> Vec<OutboxRow> {
    let reader = OutboxReader::open(&directory.join(FILE_NAME)).await;
    reader.unwrap().after(0, usize::MAX).await.unwrap()
}

/// What another program does to the file.
async fn outsider(directory: &Path, sql: &'static str) {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.join(FILE_NAME));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

/// The lot that an event is about.
fn lot(row: &OutboxRow) -> usize {
    let (_, after) = row.payload.split_once("/10/LOT").unwrap();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// A buffer without room for one more batch, and with a journal long enough to be trimmed; returns how many events wait.
async fn fill(directory: &Path) -> i64 {
    let mut store = Store::open(directory, TINY).await.unwrap().store;
    let event = |n: i64| MovementEvent {
        id: EventId::of_prehash(&n.to_string()),
        read_point: "line_1".into(),
        at: Time(n),
        uncertainty: Default::default(),
        json: format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(900)),
        summary: String::new(),
        eyes: tracegate_pipeline::eyes::Says::Nothing,
        incomplete: false,
    };
    let mut stored = 0;
    loop {
        let tick = Input::Tick { at: Time(stored) };
        match store.commit(&[tick], &[event(stored)], Time(0)).await {
            Ok(()) => stored += 1,
            Err(error) => {
                assert!(error.is_full(), "{error:?}");
                break;
            }
        }
    }
    // Small ones still fit where an event does not.
    while store
        .commit(&[Input::Tick { at: Time(stored) }], &[], Time(0))
        .await
        .is_ok()
    {}
    store.close().await.unwrap();
    stored
}

#[tokio::test]
async fn a_scan_is_answered_once_it_is_stored() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    for n in 0..20 {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        assert_eq!(plant.answer().await, Feedback::Accept);
        assert_eq!(*plant.committed.borrow(), n as i64 + 1);
        let rows = plant.outbox().await;
        assert_eq!(rows.len(), n + 1);
        assert_eq!(lot(&rows[n]), n);
    }
    while plant.light.try_recv().is_ok() {}
    let again = plant.scan(7);
    let made = Instant::now();
    plant.inputs.send(again).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Warn, "booked before");
    let told = soon("the light", plant.light.recv()).await.unwrap();
    assert_eq!((told.light, told.verdict), (5, Feedback::Warn));
    // The batch waited for company since; what counts is when the scan came.
    assert!(
        told.scanned <= made + BATCH.1 / 5,
        "{:?}",
        told.scanned - made
    );
    let at = plant.clock.now();
    let data = b"]d201040123".to_vec();
    let nonsense = Input::Scan {
        device: 0,
        at,
        data,
    };
    plant.inputs.send(nonsense).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Refuse);
    assert_eq!(plant.outbox().await.len(), 20);
    let counters = plant.health.status().counters;
    let count = |name| counters.get(name).copied();
    assert_eq!(
        [count("events"), count("waiting"), count("scans")],
        [Some(20), Some(20), Some(22)]
    );
    assert_eq!(plant.stop().await.store.waiting(), 20);
}

#[tokio::test]
async fn what_is_acknowledged_before_the_stop_is_gone_after_it() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    for n in 0..3 {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        plant.answer().await;
    }
    plant.acknowledged.send_replace(2);
    let waiting = &plant.health.counters().waiting;
    until("two to leave", || waiting.get() == 1).await;
    plant.acknowledged.send_replace(3);
    let opened = plant.stop().await;
    assert_eq!((opened.store.waiting(), opened.store.last_seq()), (0, 3));
}

#[tokio::test]
async fn a_full_buffer_holds_the_inputs_until_the_broker_takes_some() {
    const SCANS: usize = 900;
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), TINY).await;
    let (inputs, clock) = (plant.inputs.clone(), plant.clock);
    let operator = tokio::spawn(async move {
        for n in 0..SCANS {
            inputs.send(scan(clock.now(), n)).await.unwrap();
        }
    });
    let (mut delivered, mut answers, mut times_full) = (Vec::<OutboxRow>::new(), 0, 0);
    while delivered.len() < SCANS {
        let mark = delivered.last().map_or(0, |row| row.seq);
        let committed = plant.committed.clone();
        let failures = &plant.health.counters().commit_failures;
        let before = failures.get();
        let all_stored = || *committed.borrow() as usize >= SCANS;
        until("it to be full, or done", || {
            failures.get() > before || all_stored()
        })
        .await;
        let is_full = !all_stored();
        if is_full {
            times_full += 1;
            let held = || plant.inputs.capacity() == 0 || operator.is_finished();
            until("a full queue", held).await;
            let room = plant.inputs.capacity();
            plant.refused(1).await;
            assert_eq!(plant.inputs.capacity(), room, "taken in while full");
        }
        let mut rows = plant.outbox().await;
        rows.retain(|row| row.seq > mark);
        // Who was answered is stored; who waits in the failed batch was not answered.
        let expected = delivered.len() + rows.len();
        if !is_full {
            for _ in answers..expected {
                assert_eq!(plant.answer().await, Feedback::Accept);
            }
            answers = expected;
        }
        answers += std::iter::from_fn(|| plant.feedback.try_recv().ok()).count();
        assert_eq!(answers, expected);
        delivered.extend(rows.iter().take(rows.len().div_ceil(2)).cloned());
        let mark = delivered.last().unwrap().seq;
        plant.acknowledged.send_replace(mark);
    }
    soon("the operator", operator).await.unwrap();
    assert!(times_full >= 2, "{times_full}");
    assert_eq!(
        delivered.iter().map(lot).collect::<Vec<_>>(),
        Vec::from_iter(0..SCANS)
    );
    assert!(delivered.iter().all(|row| row.intact));
    assert!(delivered.is_sorted_by(|a, b| a.seq < b.seq));
    // So small a buffer may still be nearly full: of verdicts there is a record, too.
    let is_stuck = |it: &String| it.contains("nothing can be stored");
    assert!(!plant.health.conditions().iter().any(is_stuck));
    assert_eq!(plant.stop().await.store.waiting(), 0);
}

#[tokio::test]
async fn stopping_with_a_full_buffer_is_prompt_and_stores_nothing_of_what_was_not_committed() {
    let directory = tempfile::tempdir().unwrap();
    let stored = fill(directory.path()).await;
    let left = Store::open(directory.path(), TINY).await.unwrap();
    let (replayed, state) = (left.replayed, left.pipeline.state().clone());
    assert!(replayed > 64, "{replayed}");
    drop(left);
    let mut plant = Plant::start(directory, TINY).await;
    plant.refused(1).await;
    // A device that does not let go of its channel does not keep the core.
    let held = plant.inputs.clone();
    held.send(plant.scan(1)).await.unwrap();
    let failures = plant.health.counters().commit_failures.get();
    plant.stop.cancel();
    until("the core to end", || plant.core.is_finished()).await;
    let attempts = plant.health.counters().commit_failures.get() - failures;
    assert!(attempts <= 2, "{attempts}");
    assert!(plant.feedback.try_recv().is_err(), "answered for nothing");
    assert_eq!(*plant.committed.borrow(), stored);
    let opened = plant.stop().await;
    assert_eq!(opened.store.waiting(), stored as u64);
    assert_eq!(opened.replayed, replayed);
    assert_eq!(opened.pipeline.state(), &state);
}

#[tokio::test]
async fn the_last_acknowledgements_make_room_for_the_last_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let stored = fill(directory.path()).await;
    let plant = Plant::start(directory, TINY).await;
    plant.refused(1).await;
    // One wake-up may bring both.
    plant.acknowledged.send_replace(stored);
    let opened = plant.stop().await;
    assert_eq!(opened.store.waiting(), 0);
    assert_eq!(opened.pipeline.config(), &station());
}

#[tokio::test]
async fn a_deletion_that_fails_is_tried_again_without_being_asked() {
    let directory = tempfile::tempdir().unwrap();
    let stored = fill(directory.path()).await;
    outsider(
        directory.path(),
        "CREATE TRIGGER keep BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    let mut plant = Plant::start(directory, TINY).await;
    plant.acknowledged.send_replace(stored);
    plant.refused(2).await;
    assert_eq!(plant.outbox().await.len() as i64, stored);
    outsider(plant.directory.path(), "DROP TRIGGER keep").await;
    plant.inputs.send(plant.scan(1)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Accept);
    assert_eq!(plant.outbox().await.len(), 1);
    plant.stop().await;
}

#[tokio::test]
async fn a_journal_that_cannot_be_trimmed_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path(), ROOMY).await.unwrap());
    outsider(
        directory.path(),
        "CREATE TRIGGER keep BEFORE DELETE ON journal BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    )
    .await;
    let mut plant = Plant::start(directory, ROOMY).await;
    for n in 0..70 {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        assert_eq!(plant.answer().await, Feedback::Accept);
    }
    assert_eq!(plant.health.counters().commit_failures.get(), 0);
    outsider(plant.directory.path(), "DROP TRIGGER keep").await;
    plant.inputs.send(plant.scan(70)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Accept);
    let opened = plant.stop().await;
    assert_eq!(opened.store.waiting(), 71);
    // It is trimmed after the answer: the last scan but one may have found the trigger gone already.
    assert!(opened.replayed <= 1, "{} inputs replayed", opened.replayed);
}

#[tokio::test]
async fn an_event_that_cannot_be_sent_is_set_aside_and_told() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    for n in 0..4 {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        plant.answer().await;
    }
    plant.acknowledged.send_replace(1);
    let (done, told) = tokio::sync::oneshot::channel();
    let request = Request::SetAside {
        seq: 2,
        reason: "not authorized".to_owned(),
        attempts: 10,
        done,
    };
    plant.requests.send(request).await.unwrap();
    assert!(soon("the answer", told).await.unwrap());
    let rows = plant.outbox().await;
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4]);
    let counters = plant.health.counters();
    assert_eq!(
        (counters.dead_letters.get(), counters.waiting.get()),
        (1, 2)
    );
    plant.health.broker(BrokerState::Up);
    plant.health.shows_alone("EVENTS-SET-ASIDE");
    let mut opened = plant.stop().await;
    let figures = opened.store.figures().await.unwrap();
    assert_eq!((figures.dead_letters, figures.waiting), (1, 2));
}
