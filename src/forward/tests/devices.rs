//! Messages about single devices, over a connection.

use super::fake::{Answer, Fake};
use super::*;
use crate::forward::announce;
use crate::health::{DeviceKind, DeviceState};

/// Settings that tell of these devices; topics in use are noted in `record`.
fn telling(broker: &Fake, record: &TempDir, names: &[&str]) -> Settings {
    let device = |name: &&str| ((*name).to_owned(), DeviceKind::Scanner);
    Settings {
        devices: announce::Settings {
            topic: Some(Mqtt::default().device_topic.0),
            devices: names.iter().map(device).collect(),
            interval: Duration::from_millis(50),
            record: Some(record.path().join("device-topics")),
        },
        ..settings(broker.addr)
    }
}

/// The last message of each topic, as a broker keeps it.
fn retained(broker: &Fake) -> std::collections::BTreeMap<String, String> {
    let mut devices: std::collections::BTreeMap<_, _> = broker.log().devices.into_iter().collect();
    devices.retain(|_, text| !text.is_empty());
    devices
}

#[tokio::test]
async fn devices_are_told_of_at_each_connection_and_removed_ones_forgotten() {
    let record = tempfile::tempdir().unwrap();
    let broker = Fake::start(
        |_| Answer::welcome(),
        |connection, number, publish| match (connection, number) {
            (1, 40) => Answer::Cut,
            _ => Answer::taken(publish),
        },
    )
    .await;
    let rig = Rig::start(telling(&broker, &record, &["line_1", "line_2"]), 60).await;
    rig.acknowledged(60).await;
    wait_until("both devices on both connections", PATIENCE, || {
        broker.log().devices.len() >= 4
    })
    .await
    .unwrap();
    let (one, other) = (
        "tracegate/plant-3/device/line_1",
        "tracegate/plant-3/device/line_2",
    );
    assert!(retained(&broker)[one].contains(r#""state":"starting""#));
    rig.health.device("line_2", DeviceState::Up);
    wait_until("the change", PATIENCE, || {
        retained(&broker)[other].contains(r#""state":"up""#)
    })
    .await
    .unwrap();
    in_order(&broker.log().taken, 60);
    rig.stop().await;

    let rig = Rig::start(telling(&broker, &record, &["line_1"]), 1).await;
    wait_until("the end of the other", PATIENCE, || {
        !retained(&broker).contains_key(other)
    })
    .await
    .unwrap();
    assert!(retained(&broker).contains_key(one));
    rig.stop().await;
}
