//! What sensor tags say travels with the load, and only once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::{Value, json};
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::input::{Extra, TagData};
use tracegate_pipeline::sensing::{Fixed, SensorConfig};
use tracegate_pipeline::{Input, Pipeline, Read, Time};

/// XPC_W1 with sensor alarm and battery assistance.
const ALARM: u16 = 0x0880;

fn sensor(name: &str, measurement: &str, unit: &str, scale: &str) -> SensorConfig {
    SensorConfig {
        name: name.into(),
        tags: vec![Pattern::parse("urn:epc:pat:sgtin-96:*.4012345.*.*").unwrap()],
        measurement: measurement.into(),
        unit: Some(unit.into()),
        signed: true,
        scale: Fixed::parse(scale).unwrap(),
        offset: Fixed::ZERO,
    }
}

fn sensors() -> Vec<SensorConfig> {
    vec![
        sensor("humidity", "RelativeHumidity", "P1", "0.5"),
        sensor("temperature", "Temperature", "CEL", "0.0625"),
    ]
}

/// The plant of the other tests, with sensors.
fn configured(sensors: Vec<SensorConfig>) -> Vec<Input> {
    let mut inputs = start();
    if let Some(Input::Configure(config)) = inputs.first_mut() {
        config.sensors = sensors;
    }
    inputs
}

/// The tag at `index` says `data`, one of it with each of its reads, and `xpc` with the third.
fn with_data(reads: &mut [Read], tag: &[u8], data: &[TagData], xpc: Option<u16>) {
    let own = reads.iter_mut().filter(|read| read.epc == tag);
    for (index, read) in own.enumerate() {
        read.extra = Some(Box::new(Extra {
            xpc_w1: xpc.filter(|_| index == 2),
            data: data.get(index).into_iter().cloned().collect(),
            beacon: None,
        }));
    }
}

fn temperature(raw: i16) -> TagData {
    TagData {
        sensor: 1,
        words: vec![raw.cast_unsigned()],
    }
}

fn run_all(inputs: &[Input]) -> (Pipeline, Vec<Value>) {
    let mut pipeline = Pipeline::default();
    let outputs = run(&mut pipeline, inputs, 60);
    let events = events(&outputs);
    let parsed = events
        .iter()
        .map(|event| serde_json::from_str(event).unwrap());
    (pipeline, parsed.collect())
}

#[test]
fn a_sensor_tag_reports_with_its_load() {
    let tags = pallet(1, 4);
    let mut reads = crossing(&tags, T0 + 10 * S, 6.0, true);
    let data = [temperature(-68), temperature(-72), temperature(-70)];
    with_data(&mut reads, &tags[2], &data, Some(ALARM));
    let mut inputs = configured(sensors());
    inputs.extend(reports(&reads, 8));
    let (_, events) = run_all(&inputs);
    assert_eq!(events.len(), 1);
    let elements = events[0]["sensorElementList"].as_array().unwrap();
    assert_eq!(elements.len(), 1);
    let metadata = &elements[0]["sensorMetadata"];
    let device = metadata["deviceID"].as_str().unwrap();
    assert!(
        events[0]["childEPCs"]
            .as_array()
            .unwrap()
            .contains(&json!(device)),
        "{device}"
    );
    let start = metadata["startTime"].as_str().unwrap();
    assert!(start.starts_with("2026-11-22T11:00:1"), "{start}");
    assert_eq!(
        elements[0]["sensorReport"],
        json!([
            {"type": "Temperature", "value": -4.375, "minValue": -4.5, "maxValue": -4.25, "uom": "CEL"},
            {"type": "Dimensionless", "exception": "ALARM_CONDITION", "stringValue": "XPC_W1 sensor alarm"},
        ])
    );
}

#[test]
fn what_was_said_with_one_load_is_not_said_with_the_next() {
    let tags = pallet(1, 4);
    let mut reads = crossing(&tags, T0 + 10 * S, 6.0, true);
    with_data(&mut reads, &tags[1], &[temperature(320)], None);
    reads.extend(crossing(&tags, T0 + 60 * S, 6.0, false));
    let mut inputs = configured(sensors());
    inputs.extend(reports(&reads, 8));
    let (_, events) = run_all(&inputs);
    let lists: Vec<bool> = events
        .iter()
        .map(|event| event.get("sensorElementList").is_some())
        .collect();
    assert_eq!(lists, [true, false]);
}

/// A reader that cannot compare all bits of a pattern reads the memory of other tags as well.
#[test]
fn memory_of_other_tags_is_not_taken_for_a_value() {
    let tags = pallet(1, 4);
    let mut reads = crossing(&tags, T0 + 10 * S, 6.0, true);
    with_data(&mut reads, &tags[0], &[temperature(16)], None);
    let mut inputs = configured(sensors());
    inputs.extend(reports(&reads, 8));
    let (pipeline, events) = run_all(&inputs);
    assert_eq!(events[0].get("sensorElementList"), None);
    assert_eq!(pipeline.stats().sensor_mismatches, 0);
}

#[test]
fn memory_that_fits_no_sensor_costs_nothing_but_itself() {
    let tags = pallet(1, 4);
    let mut reads = crossing(&tags, T0 + 10 * S, 6.0, true);
    let unknown = TagData {
        sensor: 7,
        words: vec![1],
    };
    let empty = TagData {
        sensor: 1,
        words: Vec::new(),
    };
    with_data(&mut reads, &tags[1], &[unknown, empty], None);
    let mut inputs = configured(sensors());
    inputs.extend(reports(&reads, 8));
    let (pipeline, events) = run_all(&inputs);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].get("sensorElementList"), None);
    assert_eq!(pipeline.stats().sensor_mismatches, 2);
}

/// Indices count within one configuration: what is open when it changes is decided by the old one.
#[test]
fn a_change_of_sensors_does_not_mix_up_values() {
    let tags = pallet(1, 4);
    let mut reads = crossing(&tags, T0 + 10 * S, 6.0, true);
    with_data(&mut reads, &tags[1], &[temperature(16)], None);
    let mut inputs = configured(sensors());
    let arrived = reports(&reads, 8);
    let end = arrival(arrived.last().unwrap()).unwrap();
    inputs.extend(arrived);
    let mut changed = config();
    changed.sensors = sensors().into_iter().skip(1).collect();
    inputs.push(Input::Configure(Box::new(changed)));
    inputs.push(Input::Tick {
        at: Time(end.0 + S),
    });
    let (_, events) = run_all(&inputs);
    assert_eq!(events.len(), 1);
    let report = &events[0]["sensorElementList"][0]["sensorReport"];
    assert_eq!(
        report,
        &json!([{"type": "Temperature", "value": 1, "uom": "CEL"}])
    );
}
