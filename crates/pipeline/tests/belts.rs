//! Belts: one thing after the other, and one event for each, however many tags it has and whichever side hears them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::Value;
use tracegate_pipeline::config::{ReadPointKind, Tuning};
use tracegate_pipeline::{Input, Output, Pipeline, Read, Time};

const OUTSIDE: (u16, f64) = (1, -0.5);
const INSIDE: (u16, f64) = (3, 0.5);

/// The dock of the other tests is a belt.
fn belt() -> Pipeline {
    let mut config = config();
    if let Some(ReadPointKind::Gate(gate)) = config.read_points.first_mut().map(|it| &mut it.kind) {
        gate.tuning = Tuning::belt();
    }
    let mut pipeline = Pipeline::default();
    for input in start() {
        pipeline.handle(match input {
            Input::Configure(_) => Input::Configure(Box::new(config.clone())),
            other => other,
        });
    }
    pipeline
}

/// An antenna hears a tag that crosses inwards at `at`, loudest half a second before the line or behind it.
fn heard(tag: &[u8], (antenna, place): (u16, f64), at: i64) -> Vec<Read> {
    let steps = -4..=4;
    steps
        .map(|step| {
            let from_loudest = step as f64 * 0.1;
            let rssi = -50.0 - 40.0 * from_loudest * from_loudest;
            let since = (place + from_loudest) * S as f64;
            read(tag, antenna, rssi as i8, at + since as i64)
        })
        .collect()
}

/// Both sides hear it.
fn crosses(tag: &[u8], at: i64) -> Vec<Read> {
    let sides = [OUTSIDE, INSIDE];
    sides
        .into_iter()
        .flat_map(|side| heard(tag, side, at))
        .collect()
}

/// What a belt that has brought things of other items before makes of `reads`.
fn outputs(reads: &[Vec<Read>]) -> Vec<Output> {
    let before = (0..10).flat_map(|thing| crosses(&sgtin(100 + thing, 1), ago(thing.into())));
    let mut all: Vec<Read> = before.chain(reads.iter().flatten().cloned()).collect();
    all.sort_by_key(|read| read.device_time.unwrap().micros());
    run(&mut belt(), &reports(&all, 4), 20)
}

/// The events, without those of the things before.
fn events_of(outputs: &[Output]) -> Vec<Value> {
    let mut told: Vec<Value> = events(outputs)
        .iter()
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    assert!(told.len() >= 10, "{told:?}");
    told.split_off(10)
}

fn told(reads: &[Vec<Read>]) -> Vec<Value> {
    events_of(&outputs(reads))
}

/// The things before came 3 s apart, the last 3 s before [`at`] 0.
const fn ago(thing: i64) -> i64 {
    at(0) - (10 - thing) * 3 * S
}

const fn at(ms: i64) -> i64 {
    T0 + 40 * S + ms * MS
}

fn things(told: &[Value]) -> Vec<usize> {
    let things = |event: &Value| event["epcList"].as_array().map_or(0, Vec::len);
    told.iter().map(things).collect()
}

#[test]
fn two_tags_of_a_thing_are_one_event() {
    let (one, other) = (sgtin(200, 1), sgtin(200, 2));
    for apart in [0, 150, 300] {
        let told = told(&[crosses(&one, at(0)), crosses(&other, at(apart))]);
        assert_eq!(things(&told), [2], "{apart} ms apart");
        assert_eq!(told[0].get("gw:late"), None);
    }
}

#[test]
fn what_is_well_apart_is_two_things() {
    let (one, other) = (sgtin(200, 1), sgtin(200, 2));
    let two = told(&[crosses(&one, at(0)), crosses(&other, at(1_000))]);
    assert_eq!(things(&two), [1, 1]);
    assert_ne!(two[0]["gw:passage"], two[1]["gw:passage"]);
    let told = told(&[crosses(&one, at(0)), crosses(&sgtin(201, 1), at(500))]);
    assert_eq!(things(&told), [1, 1], "of different items");
}

/// A box's own tag is of another number than those of its goods, and on the same box.
#[test]
fn a_load_unit_and_its_goods_are_one_thing() {
    let (unit, goods) = (sscc(7), sgtin(200, 1));
    let mut units = Vec::new();
    for apart in [-300, 0, 300] {
        let told = told(&[crosses(&goods, at(0)), crosses(&unit, at(apart))]);
        assert_eq!(told.len(), 1, "{apart} ms apart: {told:?}");
        units.push(crosses(&sscc(8), at(apart)));
    }
    let next = [
        crosses(&sgtin(200, 2), at(1_500)),
        crosses(&sscc(9), at(1_700)),
    ];
    let two = told(&[vec![crosses(&goods, at(0)), units.remove(2)], next.to_vec()].concat());
    assert_eq!(two.len(), 2, "each of its own: {two:?}");
}

#[test]
fn a_tag_that_only_the_far_side_hears_is_waited_for() {
    let (one, other) = (sgtin(200, 1), sgtin(200, 2));
    for apart in [0, 300, 550] {
        let told = told(&[crosses(&one, at(0)), heard(&other, INSIDE, at(apart))]);
        assert_eq!(things(&told), [2], "{apart} ms apart");
    }
}

#[test]
fn tags_of_neighbours_of_one_item_go_with_the_nearer() {
    let tag = |serial| sgtin(200, serial);
    // 1 is a thing, 2 to 4 are the next: 2 is close enough to 1 to be on it, but closer to the others.
    let told = told(&[
        crosses(&tag(1), at(0)),
        crosses(&tag(2), at(450)),
        crosses(&tag(3), at(650)),
        crosses(&tag(4), at(700)),
    ]);
    assert_eq!(things(&told), [1, 3]);
}

#[test]
fn a_tag_that_one_side_hears_too_late_is_not_told_beside_its_thing() {
    let (one, other) = (sgtin(200, 1), sgtin(200, 2));
    let mut late = heard(&other, INSIDE, at(600));
    late.retain(|read| read.device_time.unwrap().micros() >= at(1_150));
    let outputs = outputs(&[crosses(&one, at(0)), late]);
    assert_eq!(things(&events_of(&outputs)), [1]);
    let refused = outputs.iter().filter_map(|output| match output {
        Output::NonEvent(load) => Some((load.reason.as_str(), load.tags)),
        _ => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), [("unclear", 1)]);
}

#[test]
fn a_thing_that_one_side_hears_is_told() {
    let thing = sgtin(200, 1);
    let behind = told(&[heard(&thing, INSIDE, at(0))]);
    assert_eq!(things(&behind), [1], "behind the line");
    // Before the line it is known to have crossed when the next thing has.
    let alone = told(&[heard(&thing, OUTSIDE, at(0))]);
    assert_eq!(things(&alone), [0; 0]);
    let next = crosses(&sgtin(201, 1), at(3_000));
    let before = told(&[heard(&thing, OUTSIDE, at(0)), next]);
    assert_eq!(things(&before), [1, 1]);
    assert!(before.iter().all(|event| event.get("gw:late").is_none()));
}

#[test]
fn a_thing_that_stands_in_the_line_is_told_once() {
    let tag = sgtin(200, 1);
    let stop = 6_000;
    let mut reads = heard(&tag, OUTSIDE, at(0));
    // For six seconds now the one side hears it and now the other, both hardly.
    let standing = (0..stop / 100).map(|step| {
        let is_outside = (step / 12) % 2 == 0;
        let (antenna, rssi) = if is_outside {
            (OUTSIDE.0, -63)
        } else {
            (INSIDE.0, -62)
        };
        read(&tag, antenna, rssi, at(step * 100))
    });
    reads.extend(standing);
    reads.extend(heard(&tag, INSIDE, at(stop)));
    assert_eq!(things(&told(&[reads])), [1]);
}

/// Two belts side by side, dock_1 at device 0, which has brought things before, and dock_2 at device 2; what they tell of `reads`.
fn of_two_belts(reads: impl Iterator<Item = (u16, Read)>) -> Vec<Value> {
    let mut inputs = start_with_two(Tuning::belt());
    let before = (0..10).flat_map(|thing| crosses(&sgtin(100 + thing, 1), ago(thing.into())));
    let mut reads: Vec<(u16, Read)> = before.map(|read| (0, read)).chain(reads).collect();
    reads.sort_by_key(|(_, read)| read.device_time.unwrap().micros());
    inputs.extend(reads.into_iter().map(|(device, read)| Input::Reads {
        device,
        at: Time(read.device_time.unwrap().micros() + 20 * MS),
        reads: vec![read],
    }));
    let outputs = run(&mut Pipeline::default(), &inputs, 20);
    events_of(&outputs)
}

/// The belt beside it runs the other way. What comes there is heard here, too, by one antenna, and as loud at first.
#[test]
fn what_the_next_belt_brings_is_not_of_this_one() {
    let tag = sgtin(200, 1);
    let here = (0..8).map(|step| read(&tag, 3, -60, at(step * 200)));
    let there = (0..14).map(|step| read(&tag, 3, if step < 9 { -70 } else { -44 }, at(step * 200)));
    let away = (14..28).map(|step| read(&tag, 1, -44, at(step * 200)));
    let there = there.chain(away).map(|read| (2, read));
    let told = of_two_belts(here.map(|read| (0, read)).chain(there));
    let passages: Vec<&str> = told
        .iter()
        .filter_map(|it| it["gw:passage"].as_str())
        .collect();
    let [passage] = &passages[..] else {
        panic!("{passages:?}")
    };
    assert!(passage.starts_with("dock_2/out/"), "{passage}");
}

/// It is of the item of a box that passes here, and was heard here as that passed.
#[test]
fn a_tag_that_the_next_belt_hears_far_louder_is_of_no_box_here() {
    let (tag, other) = (sgtin(200, 1), sgtin(200, 2));
    let box_here = crosses(&tag, at(1_000));
    let here = (4..7).map(|step| read(&other, 3, -64, at(step * 250)));
    let here = box_here.into_iter().chain(here).map(|read| (0, read));
    let there = (0..10).map(|step| read(&other, 3, -46, at(step * 200)));
    let away = (10..20).map(|step| read(&other, 1, -46, at(step * 200)));
    let there = there.chain(away).map(|read| (2, read));
    let told = of_two_belts(here.chain(there));
    let told: Vec<(&str, usize)> = told
        .iter()
        .filter_map(|it| it["gw:passage"].as_str())
        .zip(things(&told))
        .collect();
    let [(one, 1), (two, 1)] = told[..] else {
        panic!("{told:?}")
    };
    assert!(
        one.starts_with("dock_1/in/") && two.starts_with("dock_2/out/"),
        "{told:?}"
    );
}
