//! What may not leave, from the reads to the light.

use tracegate_gs1::epc::{decode_bank, encode_tag_uri};
use tracegate_pipeline::Read;
use tracegate_pipeline::config::{GateAntenna, GateConfig, Side, TaskConfig, TaskKind, Tuning};
use tracegate_pipeline::guard::lot_key;
use tracegate_pipeline::reference::{Batch as Origin, Facts, Lot, Reference};

use super::*;

/// A door whose reader, device 0, has an antenna on either side.
fn door() -> PipelineConfig {
    let mut config = station();
    let antenna = |antenna, side| GateAntenna {
        device: 0,
        antenna,
        side,
    };
    config.read_points = vec![ReadPointConfig {
        name: "dock_1".into(),
        uri: "urn:epc:id:sgln:4012345.00001.dock1".into(),
        guard: Some(Box::default()),
        kind: ReadPointKind::Gate(GateConfig {
            antennas: vec![antenna(1, Side::Outside), antenna(2, Side::Inside)],
            inward: None,
            outward: Some(Step {
                biz_step: "shipping".into(),
                ..Step::default()
            }),
            tuning: Tuning::dock(),
            loads: Default::default(),
            stay: None,
            eyes: Vec::new(),
        }),
    }];
    config
}

#[tokio::test]
async fn a_door_lights_up_for_what_may_not_leave_once_that_is_stored() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), 1 << 30).await;
    let epc = encode_tag_uri("urn:epc:tag:sgtin-96:1.4012345.000100.7").unwrap();
    let thing = decode_bank(None, &epc.bytes, 96).uri();
    let item = thing.split("/21/").next().unwrap();
    let record = |key: String, facts: Facts| Reference {
        key,
        version: 1,
        facts: Some(facts),
    };
    let held = Lot {
        status: Some("blocked".into()),
        ..Lot::default()
    };
    let batch = Origin {
        lot: "L1".into(),
        expiry: None,
    };
    let start = plant.clock.now();
    let mut inputs = vec![
        Input::Configure(Box::new(door())),
        Input::Device {
            device: 0,
            at: start,
            up: true,
            reader_time: None,
        },
        Input::References {
            at: start,
            as_of: None,
            records: vec![
                record(thing.clone(), Facts::Serial(batch)),
                record(lot_key(item, "L1").unwrap(), Facts::Lot(held)),
            ],
        },
    ];
    // Three seconds inside, then outside.
    for tenth in 0..50 {
        let (outside, inside) = if tenth < 30 { (-65, -50) } else { (-50, -65) };
        let read = |antenna, rssi| Read {
            epc: epc.bytes.clone(),
            bit_len: 96,
            antenna,
            rssi_dbm: Some(rssi),
            ..Read::default()
        };
        inputs.push(Input::Reads {
            device: 0,
            at: start + Span::millis(tenth * 100),
            reads: vec![read(1, outside), read(2, inside)],
        });
    }
    for input in inputs {
        plant.inputs.send(input).await.unwrap();
    }
    assert_eq!(plant.answer().await, Feedback::Refuse);
    let stored = plant.outbox().await;
    assert!(stored[0].payload.contains("\"gw:alert\":\"lot_hold\""));
    assert!(stored[0].payload.contains(&thing));
    assert_eq!(plant.health.counters().guard_alerts.get(), 1);
    let (_, rows) = super::audit::record(plant.directory.path(), Time(0)).await;
    let alert = &rows[1].row;
    assert_eq!(alert.what, "alert");
    assert_eq!(alert.read_point.as_deref(), Some("dock_1"));
    assert_eq!(alert.code.as_ref(), Some(&thing));
    assert_eq!(alert.rule.as_deref(), Some("lot_hold"));
    assert_eq!(alert.data_version, Some(1));
    assert!(alert.text.is_some());
    assert_eq!(alert.events, std::slice::from_ref(&stored[0].event_id));
    let told = &plant.health.status().stations["dock_1"];
    assert_eq!((told.verdict, told.rule), ("alert", Some("lot_hold")));
}

#[tokio::test]
async fn the_record_says_who_was_refused_what_by_which_rule_and_data() {
    let mut plant = Plant::start(tempfile::tempdir().unwrap(), ROOMY).await;
    let mut config = station();
    config.read_points[0].guard = Some(Box::default());
    if let ReadPointKind::Station(station) = &mut config.read_points[0].kind {
        let mut task = TaskConfig::new(TaskKind::Issue, station.step.clone());
        task.codes.badge = vec!["B([0-9]+)".into()];
        station.task = Some(Box::new(task));
    }
    let held = Lot {
        status: Some("blocked".into()),
        ..Lot::default()
    };
    let key = "https://id.gs1.org/01/04012345100204/10/LOT1";
    let at = plant.clock.now();
    let badge = Input::Scan {
        device: 0,
        at,
        data: b"B7".to_vec(),
    };
    let record = Reference {
        key: key.into(),
        version: 9,
        facts: Some(Facts::Lot(held)),
    };
    let known = Input::References {
        at,
        as_of: None,
        records: vec![record],
    };
    let inputs = [
        Input::Configure(Box::new(config)),
        known,
        badge,
        scan(at, 1),
    ];
    for input in inputs {
        plant.inputs.send(input).await.unwrap();
    }
    plant.answer().await;
    assert_eq!(plant.answer().await, Feedback::Refuse);
    let told = || plant.health.status().stations.remove("line_1");
    until("the verdict to be told", || {
        told().is_some_and(|it| it.verdict == "refused")
    })
    .await;
    let last = told().unwrap();
    assert_eq!(
        (last.rule, last.operator.as_deref(), last.task),
        (Some("lot_hold"), Some("7"), Some("issue"))
    );
    assert_eq!(
        last.text.as_deref(),
        Some("lot LOT1 is not released (blocked)")
    );
    plant
        .inputs
        .send(Input::Configure(Box::new(station())))
        .await
        .unwrap();
    plant.inputs.send(plant.scan(2)).await.unwrap();
    assert_eq!(plant.answer().await, Feedback::Accept);
    let (_, rows) = super::audit::record(plant.directory.path(), Time(0)).await;
    let refused = &rows[2].row;
    assert_eq!(refused.what, "refused");
    assert_eq!(refused.read_point.as_deref(), Some("line_1"));
    assert_eq!(refused.operator.as_deref(), Some("7"));
    assert_eq!(refused.rule.as_deref(), Some("lot_hold"));
    assert_eq!(refused.data_version, Some(9));
    // The badge was taken in under the same configuration, the last scan under another.
    assert_eq!(rows[1].row.config, refused.config);
    assert_eq!(rows[3].row.what, "accepted");
    assert_ne!(rows[3].row.config, refused.config);
}
