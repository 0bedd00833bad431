//! From the memory of a sensor tag to the event of its load: the real binary, a simulated reader, a broker.

mod support;

use std::time::Duration;

use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::v5::Packet;
use support::{Gateway, dock_1, epcs, pass, store};
use tokio::time::timeout;
use tracegate_llrp::reader::TagMemory;
use tracegate_sim::broker::Broker;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

/// Boxes that measure.
const SENSORS: &str = r#"
[tag_sensor.box_humidity]
tags = ["urn:epc:pat:grai-96:*.4012345.*.*"]
measure = "RelativeHumidity"
unit = "P1"
word = 3
[tag_sensor.box_temperature]
tags = ["urn:epc:pat:grai-96:*.4012345.*.*"]
measure = "Temperature"
unit = "CEL"
word = 1
signed = true
scale = 0.0625
"#;

#[tokio::test]
async fn a_box_tells_its_temperature_with_its_load() {
    let broker = Broker::start().await.unwrap();
    let (_store, mut events) = store(broker.addr()).await;
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let epcs = epcs(&[
        "urn:epc:tag:sscc-96:0.4012345.0000000001",
        "urn:epc:tag:grai-96:0.4012345.00001.7",
        "urn:epc:tag:sgtin-96:1.4012345.000100.1",
    ]);
    // -4.25 °C and 61 %. The other tags hold something too, which must not be taken for a value.
    for (epc, user) in [
        (0, [9, 9, 9, 9]),
        (1, [0, 0xffbc, 0, 61]),
        (2, [8, 8, 8, 8]),
    ] {
        let memory = TagMemory {
            user: user.to_vec(),
            ..TagMemory::default()
        };
        reader.set_memory(&epcs[epc], memory).await;
    }
    let mut gateway = Gateway::new(|buffer| dock_1(reader.addr(), broker.addr(), buffer, SENSORS));
    gateway.start();
    let reading = || reader.status().reading;
    if let Err(missed) = wait_until("the reader", PATIENCE, reading).await {
        panic!("{missed}\n{}", gateway.log());
    }

    pass(&reader, &epcs, true).await;

    let payload = timeout(PATIENCE, async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish.payload;
            }
        }
    });
    let payload = payload
        .await
        .unwrap_or_else(|_| panic!("no event came; the gateway's log:\n{}", gateway.log()));
    let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let elements = event["sensorElementList"].as_array().expect("sensor data");
    assert_eq!(elements.len(), 1, "{event:#}");
    assert_eq!(
        elements[0]["sensorMetadata"]["deviceID"],
        "https://id.gs1.org/8003/040123450000167"
    );
    let reports = elements[0]["sensorReport"].as_array().unwrap();
    let told: Vec<(&str, f64, &str)> = reports
        .iter()
        .map(|report| {
            (
                report["type"].as_str().unwrap(),
                report["value"].as_f64().unwrap(),
                report["uom"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("RelativeHumidity", 61.0, "P1"),
            ("Temperature", -4.25, "CEL")
        ],
        "{event:#}"
    );
    assert!(gateway.stop().success());
}
