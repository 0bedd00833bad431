//! Another configuration, and reads that wait for the next commit.

use tokio::sync::oneshot;

use super::*;

/// What a device said before its task ended for a reload still counts under the configuration that it said it for.
#[tokio::test]
async fn what_waits_is_taken_in_before_another_configuration_counts() {
    let directory = tempfile::tempdir().unwrap();
    let mut core = damage::core(directory.path()).await;
    let (inputs_in, inputs) = mpsc::channel(8);
    core.wiring.inputs = inputs;
    let clock = core.wiring.clock;
    let first = vec![
        Input::Configure(Box::new(station())),
        Input::Start { at: clock.now() },
    ];
    core.take(first).await.unwrap();
    for n in 0..5 {
        inputs_in.send(scan(clock.now(), n)).await.unwrap();
    }
    let config = PipelineConfig {
        read_points: Vec::new(),
        ..station()
    };
    let change = |config: &PipelineConfig| {
        let (done, told) = oneshot::channel();
        let change = Change {
            config: Box::new(config.clone()),
            ended: vec![0],
            feedback: BTreeMap::new(),
            lights: BTreeMap::new(),
            stored: BTreeMap::new(),
            keep_verdicts: crate::audit::Keep::default(),
            done,
        };
        (change, told)
    };
    let (asked, mut told) = change(&config);
    core.change(asked).await.unwrap();
    assert!(told.try_recv().unwrap().is_empty(), "no feeds of markers");
    assert_eq!(core.pipeline.stats().scans[0], 5);
    assert_eq!(core.pipeline.config(), &config);
    assert_eq!(core.store.waiting(), 5);
    // The same again is nothing new: its journal does not grow by a configuration.
    let digest = core.digest.clone();
    let (asked, mut told) = change(&config);
    core.change(asked).await.unwrap();
    assert!(told.try_recv().is_ok());
    assert!(Arc::ptr_eq(&digest, &core.digest));
}

/// Nobody waits for reads, so they are not committed one by one; a kill must not lose them all the same.
#[tokio::test]
async fn reads_that_wait_for_the_next_commit_survive_a_kill() {
    let plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    let at = plant.clock.now();
    let read = tracegate_pipeline::Read {
        epc: vec![0x30; 12],
        bit_len: 96,
        ..Default::default()
    };
    let reads = Input::Reads {
        device: 0,
        at,
        reads: vec![read; 3],
    };
    plant.inputs.send(reads).await.unwrap();
    until("the receiver to be told", || *plant.stored.borrow() == 1).await;
    plant.core.abort();
    assert!(plant.core.await.unwrap_err().is_cancelled());
    let opened = Store::open(plant.directory.path(), ROOMY).await.unwrap();
    assert!(opened.store.due().is_some(), "they were not committed yet");
    assert_eq!(opened.pipeline.stats().reads, 3);
}
