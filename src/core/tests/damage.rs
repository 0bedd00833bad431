//! Who notices damage, and what the core does about it.

use super::*;

/// A core that does only what it is told, and the wiring's other ends are gone.
pub(super) async fn core(directory: &Path) -> Core {
    let opened = Store::open(directory, ROOMY).await.unwrap();
    let health = Health::new("plant-3", opened.store.epoch());
    let wiring = Wiring {
        changes: mpsc::channel(1).1,
        non_events: false,
        keep_verdicts: crate::audit::Keep::default(),
        known: Known::default(),
        inputs: mpsc::channel(1).1,
        feedback: BTreeMap::new(),
        lights: BTreeMap::new(),
        stored: BTreeMap::new(),
        committed: watch::channel(0).0,
        acknowledged: watch::channel(0).1,
        requests: mpsc::channel(1).1,
        tap: Tap::default(),
        clock: GatewayClock::start(),
        health: health.clone(),
        beat: health.beat("core"),
        stop: CancellationToken::new(),
        give_up_after: Duration::from_secs(600),
    };
    Core::new(opened.store, opened.pipeline, wiring)
}

#[tokio::test]
async fn only_damage_to_the_present_file_counts() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = core(directory.path()).await;
    let epoch = "of the file before".to_owned();
    core.serve(Request::Damaged { epoch }).await;
    assert!(!core.damaged);
    let epoch = core.store.epoch().to_owned();
    core.serve(Request::Damaged { epoch }).await;
    assert!(core.damaged);
}

#[tokio::test]
async fn damage_is_noticed_by_whoever_meets_it() {
    let directory = tempfile::tempdir().unwrap();
    for step in ["set aside", "measure"] {
        let mut core = core(directory.path()).await;
        outsider(
            directory.path(),
            "PRAGMA writable_schema = ON; PRAGMA schema_version = 9999;
             UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'dead_letter'",
        )
        .await;
        if step == "measure" {
            core.measure().await;
        } else {
            let (done, told) = tokio::sync::oneshot::channel();
            let request = Request::SetAside {
                seq: 1,
                reason: "not authorized".to_owned(),
                attempts: 10,
                done,
            };
            core.serve(request).await;
            assert!(!told.await.unwrap());
        }
        assert!(core.damaged, "{step}");
        let before = core.store.epoch().to_owned();
        core.repair().await;
        assert!(!core.damaged, "{step}");
        assert_eq!(core.wiring.health.epoch(), core.store.epoch());
        assert_ne!(core.store.epoch(), before);
        core.store.close().await.unwrap();
    }
}

async fn twenty_events_of_which_five_are_sent() -> Plant {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    for n in 0..20 {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        plant.answer().await;
    }
    plant.acknowledged.send_replace(5);
    let waiting = plant.health.clone();
    until("five to leave", || waiting.counters().waiting.get() == 15).await;
    plant
}

#[tokio::test]
async fn a_damaged_file_is_replaced_while_the_gateway_runs() {
    let mut plant = twenty_events_of_which_five_are_sent().await;
    let epoch = plant.health.epoch();
    let damaged = Request::Damaged {
        epoch: epoch.clone(),
    };
    plant.requests.send(damaged).await.unwrap();
    let health = plant.health.clone();
    until("a new file", || health.epoch() != epoch).await;
    assert!(
        health.conditions()[0].starts_with(
            "the buffer's file was damaged and has been replaced: 15 waiting events saved, 0 damaged ones set aside, 0 lost; "
        ),
        "{:?}",
        health.conditions()
    );
    plant.inputs.send(plant.scan(20)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Accept);
    let rows = plant.outbox().await;
    assert_eq!(
        rows.iter().map(lot).collect::<Vec<_>>(),
        Vec::from_iter(5..=20)
    );
    // The duplicate window of the scanner is part of the state that was saved.
    plant.inputs.send(plant.scan(3)).await.unwrap();
    plant.answer().await;
    let opened = plant.stop().await;
    assert_eq!((opened.store.waiting(), opened.store.last_seq()), (16, 21));
    assert_eq!(opened.damage, None);
}

#[tokio::test]
async fn what_was_sent_before_the_start_is_not_lost() {
    let plant = twenty_events_of_which_five_are_sent().await;
    drop(plant.inputs);
    plant.stop.cancel();
    let store = soon("the core to end", plant.core).await.unwrap().unwrap();
    store.close().await.unwrap();
    let mut core = core(plant.directory.path()).await;
    core.damaged = true;
    core.repair().await;
    let told = core.wiring.health.conditions();
    assert!(
        told[0].contains("15 waiting events saved, 0 damaged ones set aside, 0 lost; "),
        "{told:?}"
    );
}

/// No room is waited for; a disk that fails is given up after a while, unless it works in between.
#[tokio::test]
async fn a_failing_disk_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = core(directory.path()).await;
    core.wiring.give_up_after = Duration::from_millis(20);
    let failing = || BufferError::Directory {
        path: "/buffer".into(),
        source: std::io::ErrorKind::ReadOnlyFilesystem.into(),
    };
    assert!(core.give_up(failing()).is_ok());
    sleep(Duration::from_millis(30)).await;
    assert!(
        core.give_up(BufferError::CapReached { max_bytes: 1 })
            .is_ok()
    );
    assert!(core.give_up(failing()).is_ok(), "it counts anew");
    core.commit(&[], &[]).await.unwrap();
    sleep(Duration::from_millis(30)).await;
    assert!(core.give_up(failing()).is_ok(), "it counts anew");
    sleep(Duration::from_millis(30)).await;
    let ended = core.give_up(failing()).unwrap_err();
    assert!(
        matches!(&ended, Ended::DiskFailed(failed) if failed.to_string() == "the buffer's disk has failed for 20ms; nothing could be stored"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_stored_is_told_and_stored_when_it_can_be() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    plant.health.broker(BrokerState::Up);
    outsider(
        plant.directory.path(),
        "CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    )
    .await;
    plant.inputs.send(plant.scan(1)).await.unwrap();
    let failures = &plant.health.counters().commit_failures;
    until("a refused commit", || failures.get() > 0).await;
    plant.health.shows_alone("STORAGE-FAILED");
    outsider(plant.directory.path(), "DROP TRIGGER no").await;
    assert_eq!(plant.answer().await, Feedback::Accept);
}
