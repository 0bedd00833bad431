//! How stations stand, as page, message and commands tell: until what was refused is settled, and no longer.

use tracegate_pipeline::config::{TaskConfig, TaskKind};
use tracegate_pipeline::reference::{Facts, Lot, Reference};

use super::*;

/// The station issues material; it gives up after `idle`.
fn issuing(idle: Span) -> PipelineConfig {
    let mut config = station();
    config.read_points[0].guard = Some(Box::default());
    if let ReadPointKind::Station(station) = &mut config.read_points[0].kind {
        let mut task = TaskConfig::new(TaskKind::Issue, station.step.clone());
        task.idle = idle;
        station.task = Some(Box::new(task));
    }
    config
}

/// A plant whose station has just refused lot 1, which is on hold.
async fn refused(idle: Span) -> Plant {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), 1 << 30).await;
    let held = Lot {
        status: Some("blocked".into()),
        ..Lot::default()
    };
    let record = Reference {
        key: "https://id.gs1.org/01/04012345100204/10/LOT1".into(),
        version: 1,
        facts: Some(Facts::Lot(held)),
    };
    let at = plant.clock.now();
    for input in [
        Input::Configure(Box::new(issuing(idle))),
        Input::References {
            at,
            as_of: None,
            records: vec![record],
        },
        plant.scan(1),
    ] {
        plant.inputs.send(input).await.unwrap();
    }
    assert_eq!(plant.answer().await, Feedback::Refuse);
    plant
}

/// What waits to be cleared there, by the page and by the message.
fn uncleared(plant: &Plant) -> Option<String> {
    let page = plant.health.stations().remove("line_1").unwrap();
    let message = plant.health.status().stations.remove("line_1");
    let message = message.and_then(|it| it.uncleared);
    let page = page.refused.map(|it| it.text);
    assert_eq!(message.map(|it| it.text), page);
    page
}

/// Until that is so; `verdicts` were told until then.
async fn settles(plant: &Plant, verdicts: usize) {
    until("the refusal to be settled", || uncleared(plant).is_none()).await;
    let answers = plant.health.stations().remove("line_1").unwrap().answers;
    assert_eq!(answers.len(), verdicts, "{answers:?}");
}

const HOLD: &str = "lot LOT1 is not released (blocked)";

#[tokio::test]
async fn a_refusal_ends_with_the_time_that_the_task_has_although_nobody_is_told() {
    let plant = refused(Span::millis(300)).await;
    until("the refusal", || uncleared(&plant).is_some()).await;
    assert_eq!(uncleared(&plant).as_deref(), Some(HOLD));
    settles(&plant, 1).await;
    let last = plant.health.status().stations.remove("line_1").unwrap();
    assert_eq!(last.verdict, "refused", "and when that was is still told");
}

#[tokio::test]
async fn a_refusal_ends_when_it_is_cleared_or_another_lot_is_scanned() {
    let mut plant = refused(Span::millis(600_000)).await;
    until("the refusal", || uncleared(&plant).is_some()).await;
    let cancel = Input::Scan {
        device: 0,
        at: plant.clock.now(),
        data: b"TG:CANCEL".to_vec(),
    };
    plant.inputs.send(cancel).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Pending);
    settles(&plant, 2).await;
    plant.inputs.send(plant.scan(1)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Refuse);
    until("the refusal", || uncleared(&plant).is_some()).await;
    // Of that one nothing is known.
    plant.inputs.send(plant.scan(2)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Warn);
    settles(&plant, 4).await;
}

/// With the task the refusal goes, and with the station everything.
#[tokio::test]
async fn a_reload_leaves_nothing_of_a_station_that_is_another() {
    let plant = refused(Span::millis(600_000)).await;
    until("the refusal", || uncleared(&plant).is_some()).await;
    let other = Input::Configure(Box::new(station()));
    plant.inputs.send(other).await.unwrap();
    until("the refusal to be given up", || uncleared(&plant).is_none()).await;
    let nowhere = PipelineConfig {
        read_points: Vec::new(),
        ..station()
    };
    let nowhere = Input::Configure(Box::new(nowhere));
    plant.inputs.send(nowhere).await.unwrap();
    let nothing = || plant.health.stations().is_empty();
    until("the station to be forgotten", nothing).await;
}
