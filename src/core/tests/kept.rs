//! Acknowledged events that stay.

use super::*;

const DAY: Keep = Keep {
    age: Duration::from_secs(86_400),
    bytes: ROOMY,
};

impl Plant {
    /// Stops in the daemon's order; returns what was left, and where.
    async fn stop_and_keep(self) -> (TempDir, Opened) {
        drop(self.inputs);
        self.stop.cancel();
        let store = soon("the core to end", self.core).await.unwrap().unwrap();
        store.close().await.unwrap();
        let opened = Store::open(self.directory.path(), ROOMY).await.unwrap();
        (self.directory, opened)
    }
}

#[tokio::test]
async fn what_is_kept_is_told_and_leaves_when_it_is_not_to_be_kept_any_more() {
    let plant = Plant::keeping(tempfile::tempdir().unwrap(), ROOMY, DAY).await;
    for lot in 0..3 {
        soon("room", plant.inputs.send(plant.scan(lot)))
            .await
            .unwrap();
    }
    until("three events", || *plant.committed.borrow() == 3).await;
    plant.acknowledged.send_replace(2);
    let waiting = || plant.health.counters().waiting.get();
    until("acknowledgement", || waiting() == 1).await;
    assert_eq!(plant.outbox().await.len(), 3);
    let (directory, opened) = plant.stop_and_keep().await;
    assert_eq!((opened.store.sent(), opened.store.waiting()), (2, 1));
    drop(opened);

    let plant = Plant::keeping(directory, ROOMY, DAY).await;
    until("a look", || plant.health.first_kept() == Some(1)).await;
    assert_eq!(plant.health.counters().kept.get(), 2);
    let (directory, opened) = plant.stop_and_keep().await;
    drop(opened);

    let plant = Plant::start(directory, ROOMY).await;
    let counters = plant.health.counters();
    until("a look", || {
        counters.waiting.get() == 1 && plant.health.first_kept().is_none()
    })
    .await;
    soon("the kept ones to leave", async {
        while plant.outbox().await.len() != 1 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    plant.stop().await;
}
