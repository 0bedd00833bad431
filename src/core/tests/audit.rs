//! The record of verdicts.

use super::*;
use crate::audit::{Seal, Sealed, verify};
use crate::buffer::Record;

pub(super) async fn record(directory: &Path, from: Time) -> (Seal, Vec<Sealed>) {
    let mut record = Record::open(directory, (from, Time(i64::MAX)))
        .await
        .unwrap();
    let seal = record.seal().await.unwrap();
    let mut rows = Vec::new();
    loop {
        let some = record.next().await.unwrap();
        if some.is_empty() {
            return (seal, rows);
        }
        rows.extend(some);
    }
}

fn exported(seal: &Seal, rows: &[Sealed]) -> String {
    let mut text = serde_json::json!({ "seal": seal }).to_string();
    for row in rows {
        text.push('\n');
        text.push_str(&row.json());
    }
    text
}

#[tokio::test]
async fn every_verdict_is_recorded_with_what_it_made_and_the_record_proves_itself() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    let (seal, rows) = record(plant.directory.path(), Time(0)).await;
    assert_eq!(
        (seal, rows.len()),
        (Seal::default(), 0),
        "nothing without a verdict"
    );
    for n in [1, 2, 1] {
        plant.inputs.send(plant.scan(n)).await.unwrap();
        plant.answer().await;
    }
    let at = plant.clock.now();
    let data = b"]d2\xff".to_vec();
    let nonsense = Input::Scan {
        device: 0,
        at,
        data,
    };
    plant.inputs.send(nonsense).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Refuse);
    let outbox = plant.outbox().await;
    let (seal, rows) = record(plant.directory.path(), Time(0)).await;
    let what: Vec<&str> = rows.iter().map(|it| it.row.what.as_str()).collect();
    assert_eq!(
        what,
        ["start", "accepted", "accepted", "duplicate", "refused"]
    );
    assert_eq!(
        rows[0].row.epoch.as_deref(),
        Some(plant.health.epoch().as_str())
    );
    for (row, event) in rows[1..3].iter().zip(&outbox) {
        assert_eq!(row.row.events, std::slice::from_ref(&event.event_id));
        assert!(
            row.row
                .code
                .as_ref()
                .unwrap()
                .starts_with("]d20104012345100204")
        );
        assert_eq!(row.row.device.as_deref(), Some("line_1"));
        assert_eq!(row.row.config.as_ref().unwrap().len(), 64);
    }
    assert!(rows[3].row.events.is_empty());
    assert_eq!(rows[4].row.code.as_deref(), Some("hex:5d6432ff"));
    assert!(rows[4].row.text.is_some());
    let whole = verify(&exported(&seal, &rows)).unwrap();
    assert_eq!(whole.rows, 5);
    assert_eq!(
        rows[1].csv().split(',').count(),
        crate::audit::COLUMNS.split(',').count()
    );

    // After a restart it goes on; then the oldest are sealed off.
    drop(plant.inputs);
    plant.stop.cancel();
    let stopped = soon("the core to end", plant.core).await;
    let mut store = stopped.unwrap().unwrap();
    let row = crate::audit::Row {
        what: "warned".to_owned(),
        ..crate::audit::Row::default()
    };
    store.record(vec![row]);
    store
        .commit(&[], &[], Time(at.0 + 1_000_000))
        .await
        .unwrap();
    let keep = |rows| crate::audit::Keep {
        age: Duration::from_secs(3_600),
        rows,
    };
    store.prune_audit(keep(2), Time(at.0)).await.unwrap();
    let directory = store.path().parent().unwrap().to_owned();
    let (seal, rest) = record(&directory, Time(0)).await;
    assert_eq!(
        (seal.n, seal.hash.clone(), rest.len()),
        (4, rows[3].hash.clone(), 2)
    );
    assert_eq!(verify(&exported(&seal, &rest)).unwrap().last.n, 6);
    // Only the newest: it goes on from the row before.
    let (seal, last) = record(&directory, Time(at.0 + 1_000_000)).await;
    assert_eq!((seal.n, last.len()), (5, 1));
    verify(&exported(&seal, &last)).unwrap();
    // Nothing is that new.
    let (seal, none) = record(&directory, Time(at.0 + 2_000_000)).await;
    assert_eq!((seal.n, none.len()), (6, 0));
    // What leaves while it is read is still there for the reader.
    let mut reading = Record::open(&directory, (Time(0), Time(i64::MAX)))
        .await
        .unwrap();
    assert_eq!(reading.seal().await.unwrap().n, 4);
    store.prune_audit(keep(1), Time(at.0)).await.unwrap();
    assert_eq!(reading.next().await.unwrap().len(), 2);
    drop(reading);
    // However old, the last stays: the next is chained to it.
    store
        .prune_audit(keep(100), Time(at.0 + 86_400_000_000))
        .await
        .unwrap();
    assert_eq!(record(&directory, Time(0)).await.1, last);
}

/// A reload may give devices other numbers, and a start puts them in order again: the rules are the same.
#[tokio::test]
async fn the_record_names_a_configuration_by_its_meaning() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    let mut renumbered = station();
    renumbered.devices.insert(0, "gone_1".into());
    let mut other = renumbered.clone();
    for (config, window) in [(&mut renumbered, 3_600_000), (&mut other, 9)] {
        let ReadPointKind::Station(station) = &mut config.read_points[0].kind else {
            panic!("{config:?}")
        };
        station.scanners[0].device = 1;
        station.scanners[0].duplicate_window = Span::millis(window);
    }
    plant.inputs.send(plant.scan(1)).await.unwrap();
    plant.answer().await;
    for (lot, config) in [(2, renumbered), (3, other)] {
        let Input::Scan { at, data, .. } = plant.scan(lot) else {
            panic!("it is a scan")
        };
        let scan = Input::Scan {
            device: 1,
            at,
            data,
        };
        let configured = Input::Configure(Box::new(config));
        plant.inputs.send(configured).await.unwrap();
        plant.inputs.send(scan).await.unwrap();
        let told = || plant.health.stations()["line_1"].answers.len() == lot;
        until("the verdict", told).await;
    }
    let (_, rows) = record(plant.directory.path(), Time(0)).await;
    let by: Vec<_> = rows.iter().filter_map(|it| it.row.config.clone()).collect();
    assert_eq!(by.len(), 3);
    assert_eq!(by[0], by[1]);
    assert_ne!(by[1], by[2]);
}
