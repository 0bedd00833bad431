//! Reads that come after their time was decided: told once more, marked late, never twice and never not at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use serde_json::Value;
use tracegate_pipeline::config::ReadPointKind;
use tracegate_pipeline::config::Tuning;
use tracegate_pipeline::{Input, Output, Pipeline, Read, Time};

const PASSAGE: &str = "gw:passage";

fn started() -> Pipeline {
    let mut pipeline = Pipeline::default();
    for input in start() {
        pipeline.handle(input);
    }
    pipeline
}

/// Reads that arrive together at `at`, long after they were made.
fn belated(reads: &[Read], at: i64) -> Input {
    Input::Reads {
        device: 0,
        at: Time(at),
        reads: reads.to_vec(),
    }
}

fn told(outputs: &[Output]) -> Vec<Value> {
    let events = events(outputs);
    let events = events
        .iter()
        .map(|json| serde_json::from_str(json).unwrap());
    events.collect()
}

/// How many things an event names.
fn things(event: &Value) -> usize {
    let list = |name: &str| event[name].as_array().map_or(0, Vec::len);
    list("epcList") + list("childEPCs") + usize::from(event["parentID"].is_string())
}

/// The reads of one pallet, dealt out to what comes in time and what does not.
fn dealt(serial: u64, belated: impl Fn(usize) -> bool) -> (Vec<Read>, Vec<Read>) {
    let tags = pallet(serial, 9);
    let reads = crossing(&tags, T0 + 5 * S, 5.0, true);
    let tag = |read: &Read| tags.iter().position(|tag| *tag == read.epc).unwrap();
    reads.into_iter().partition(|read| !belated(tag(read)))
}

#[test]
fn what_was_missing_in_a_passage_is_told_afterwards() {
    let mut pipeline = started();
    let (in_time, late) = dealt(1, |tag| tag >= 7);
    let first = told(&run(&mut pipeline, &reports(&in_time, 20), 20));
    assert_eq!(first.iter().map(things).collect::<Vec<_>>(), [7]);
    assert_eq!(first[0].get("gw:late"), None);

    let second = told(&run(&mut pipeline, &[belated(&late, T0 + 40 * S)], 20));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [3]);
    assert_eq!(second[0]["gw:late"], true);
    assert_eq!(second[0][PASSAGE], first[0][PASSAGE]);
    assert_eq!(second[0]["eventTime"], first[0]["eventTime"]);
    assert_ne!(second[0]["eventID"], first[0]["eventID"]);
    let stats = pipeline.stats();
    assert_eq!((stats.late, stats.late_events), (late.len() as u64, 1));

    // Delivered once more, both: nothing new.
    let again = [
        belated(&in_time, T0 + 60 * S),
        belated(&late, T0 + 60 * S + 1),
    ];
    assert_eq!(told(&run(&mut pipeline, &again, 30)), Vec::<Value>::new());
}

#[test]
fn one_late_read_is_enough_to_have_been_there() {
    let mut pipeline = started();
    let (in_time, late) = dealt(1, |tag| tag == 4);
    let first = told(&run(&mut pipeline, &reports(&in_time, 20), 20));
    let middle = late[late.len() / 2].clone();
    let second = told(&run(&mut pipeline, &[belated(&[middle], T0 + 40 * S)], 20));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [1]);
    assert_eq!(second[0][PASSAGE], first[0][PASSAGE]);
}

/// One tag seldom agrees with its load when that crossed: what late reads of it tell by themselves is no other load yet.
#[test]
fn a_late_tag_that_seems_to_cross_a_little_later_is_of_the_passage() {
    let mut pipeline = started();
    let (in_time, _) = dealt(1, |_| false);
    let first = told(&run(&mut pipeline, &reports(&in_time, 20), 20));
    let late = (0..26).map(|tenth: i8| {
        let (antenna, middle) = if tenth < 13 { (1, 7) } else { (3, 19) };
        let rssi = -50 - 2 * (tenth - middle).abs();
        let at = T0 + 8_800 * MS + i64::from(tenth) * 100 * MS;
        read(&sgtin(100, 55_555), antenna, rssi, at)
    });
    let late: Vec<Read> = late.collect();
    let second = told(&run(&mut pipeline, &[belated(&late, T0 + 40 * S)], 20));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [1]);
    assert_eq!(second[0][PASSAGE], first[0][PASSAGE]);
    assert_eq!(second[0]["eventTime"], first[0]["eventTime"]);
}

#[test]
fn what_is_too_late_to_amend_is_a_passage_of_its_own() {
    let mut pipeline = started();
    let (in_time, late) = dealt(1, |tag| tag >= 7);
    let first = told(&run(&mut pipeline, &reports(&in_time, 20), 20));
    let second = told(&run(&mut pipeline, &[belated(&late, T0 + 100 * S)], 20));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [3]);
    assert_eq!(second[0]["gw:late"], true);
    assert_ne!(second[0][PASSAGE], first[0][PASSAGE]);
}

#[test]
fn a_load_that_comes_late_as_a_whole_is_told_with_its_time() {
    let mut pipeline = started();
    let others = crossing(&pallet(2, 6), T0 + 20 * S, 5.0, false);
    let first = told(&run(&mut pipeline, &reports(&others, 20), 20));
    assert_eq!(first.len(), 1);
    let (_, late) = dealt(1, |_| true);
    let second = run(&mut pipeline, &[belated(&late, T0 + 60 * S)], 20);
    assert!(
        (times(&second)[0] - 7.5).abs() < 0.5,
        "{:?}",
        times(&second)
    );
    let second = told(&second);
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [10]);
    assert_eq!(second[0]["gw:late"], true);
}

/// Parked stock was read in time and judged then; that some of its reads are late says nothing new.
#[test]
fn late_reads_of_what_was_read_in_time_add_nothing() {
    let mut pipeline = started();
    let parked: Vec<_> = (0..4).map(|n| sgtin(900, n)).collect();
    let standing = sightings(&parked, T0 + S, 60.0, &|_| Some(1.5));
    let (in_time, _) = dealt(1, |_| false);
    let (early, late): (Vec<_>, Vec<_>) = standing
        .into_iter()
        .enumerate()
        .partition(|(n, _)| n % 5 != 0);
    let reads = |part: Vec<(usize, Read)>| part.into_iter().map(|(_, read)| read);
    let mut all: Vec<Read> = reads(early).chain(in_time).collect();
    all.sort_by_key(|read| read.device_time.unwrap().micros());
    let first = told(&run(&mut pipeline, &reports(&all, 20), 0));
    assert_eq!(first.len(), 1);
    let late: Vec<Read> = reads(late)
        .filter(|read| read.device_time.unwrap().micros() < T0 + 30 * S)
        .collect();
    let second = told(&run(&mut pipeline, &[belated(&late, T0 + 61 * S)], 60));
    assert_eq!(second, Vec::<Value>::new());
    assert_eq!(pipeline.stats().late, late.len() as u64);
}

/// The reader is lost while a pallet is in the door, and has been given up when it comes back with the rest.
#[test]
fn a_load_cut_in_two_by_a_long_outage_is_one_passage() {
    let mut pipeline = started();
    let (in_time, held) = dealt(1, |tag| tag % 2 == 1);
    let mut inputs = reports(&in_time, 20);
    inputs.push(link(T0 + 11 * S, false));
    let first = told(&run(&mut pipeline, &inputs, 40));
    assert_eq!(first.iter().map(things).collect::<Vec<_>>(), [5]);
    let back = T0 + 52 * S;
    let second = [link(back, true), belated(&held, back + 20 * MS)];
    let second = told(&run(&mut pipeline, &second, 60));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [5]);
    assert_eq!(second[0]["gw:late"], true);
    assert_eq!(second[0][PASSAGE], first[0][PASSAGE]);
}

/// Stock that is heard every few seconds stands behind the door all the time. Of a pallet that passes some reads come late, with
/// some of the stock: only the pallet's are of the passage.
#[test]
fn stock_is_not_of_a_passage_that_late_reads_amend() {
    let mut pipeline = started();
    let stock: Vec<_> = (0..6).map(|n| sgtin(900, n)).collect();
    let heard = sightings(&stock, T0 + S, 70.0, &|at| (at % 6.0 < 0.5).then_some(1.5));
    let tags = pallet(1, 9);
    let passing = crossing(&tags, T0 + 30 * S, 5.0, true);
    let mut reads = [heard, passing].concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let time = |read: &Read| (read.device_time.unwrap().micros() - T0) / S;
    let is_late = |read: &Read| {
        (29..36).contains(&time(read)) && (stock.contains(&read.epc) || read.epc == tags[4])
    };
    let (late, in_time): (Vec<Read>, Vec<Read>) = reads.into_iter().partition(is_late);
    let first = told(&run(&mut pipeline, &reports(&in_time, 20), 5));
    assert_eq!(first.iter().map(things).collect::<Vec<_>>(), [9]);
    let second = told(&run(&mut pipeline, &[belated(&late, T0 + 78 * S)], 30));
    assert_eq!(second.iter().map(things).collect::<Vec<_>>(), [1]);
    assert_eq!(second[0][PASSAGE], first[0][PASSAGE]);
}

/// Stock that is heard all the time, outside or inside, and a pallet that passes it at `crosses`.
fn beside_stock(from: i64, seconds: i64, place: f64, crosses: i64, inward: bool) -> Vec<Read> {
    let stock: Vec<_> = (0..6).map(|n| sgtin(900, n)).collect();
    let heard = sightings(&stock, from, seconds as f64, &|_| Some(place));
    let passing = crossing(&pallet(1, 9), crosses, 5.0, inward);
    let mut reads = [heard, passing].concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    reads
}

fn before(reads: &[Read], at: i64) -> (Vec<Read>, Vec<Read>) {
    let is_before = |read: &Read| read.device_time.unwrap().micros() < at;
    reads.iter().cloned().partition(is_before)
}

/// The reader is lost before or while the pallet passes, is given up, and hands in what it held back.
#[test]
fn a_load_that_a_lost_reader_held_back_is_told_beside_stock() {
    for (crosses, place, inward) in [
        (58, 1.5, true),
        (59, 1.5, true),
        (59, -1.5, false),
        (60, 1.5, true),
        (60, -1.5, false),
        (61, -1.5, true),
        (80, 1.5, true),
        (98, 1.5, false),
    ] {
        let (lost, back) = (T0 + 60 * S, T0 + 102 * S);
        let reads = beside_stock(T0 + S, 140, place, T0 + crosses * S, inward);
        let (in_time, rest) = before(&reads, lost);
        let (held, again) = before(&rest, back);
        let mut inputs = reports(&in_time, 20);
        inputs.extend([link(lost + 30 * MS, false), link(back, true)]);
        inputs.push(belated(&held, back + 20 * MS));
        inputs.extend(reports(&again, 20).into_iter().skip(1));
        let outputs = run(&mut started(), &inputs, 60);
        let told = told(&outputs);
        let case = format!("{crosses} {place} {inward}: {:?}", lines(&outputs));
        let step = if inward { "receiving" } else { "shipping" };
        assert_eq!(told.iter().map(things).collect::<Vec<_>>(), [10], "{case}");
        assert_eq!(told[0]["bizStep"], step, "{case}");
        assert_eq!(told[0]["gw:late"], true, "{case}");
    }
}

/// The gate starts afresh while a pallet comes: with another configuration, or with a clock that was set back.
#[test]
fn stock_is_no_news_to_a_gate_that_starts_afresh() {
    let alone = |event: &[Value]| event.iter().map(things).collect::<Vec<_>>() == [10];
    let mut pipeline = started();
    let reads = beside_stock(T0 + S, 80, 1.5, T0 + 58 * S + 500 * MS, true);
    let (old, new) = before(&reads, T0 + 59 * S);
    run(&mut pipeline, &reports(&old, 20), 0);
    let mut other = config();
    let ReadPointKind::Gate(gate) = &mut other.read_points[0].kind else {
        unreachable!()
    };
    gate.tuning.rearm = gate.tuning.rearm + gate.tuning.rearm;
    let mut inputs = vec![Input::Configure(Box::new(other))];
    inputs.extend(reports(&new, 20));
    let outputs = run(&mut pipeline, &inputs, 60);
    assert!(alone(&told(&outputs)), "{:?}", lines(&outputs));

    let mut pipeline = started();
    let stock = beside_stock(T0 + S, 60, 1.5, T0 - 60 * S, true);
    let (_, stock) = before(&stock, T0);
    run(&mut pipeline, &reports(&stock, 20), 0);
    let hour = T0 - 3_600 * S;
    let reads = beside_stock(hour, 40, 1.5, hour, true);
    let mut inputs = vec![Input::Start { at: Time(hour) }, link(hour, true)];
    inputs.extend(reports(&reads, 20));
    let outputs = run(&mut pipeline, &inputs, 60);
    assert!(alone(&told(&outputs)), "{:?}", lines(&outputs));
}

/// A reader that reports every two seconds makes everybody wait that long, and no late events.
#[test]
fn reports_that_are_far_apart_are_waited_for() {
    let mut inputs = start();
    for number in 1..12 {
        let begin = T0 + number as i64 * (20 * S + 170 * MS);
        let reads = crossing(&pallet(number, 9), begin, 5.0, true);
        let period = |read: &Read| read.device_time.unwrap().micros() / (2 * S);
        for part in reads.chunk_by(|one, other| period(one) == period(other)) {
            inputs.push(belated(part, (period(&part[0]) + 1) * 2 * S));
        }
    }
    let told = told(&run(&mut Pipeline::default(), &inputs, 20));
    let late = told.iter().filter(|event| event["gw:late"] == true);
    assert_eq!(late.count(), 0, "{told:#?}");
    assert_eq!(told.iter().map(things).collect::<Vec<_>>(), [10; 11]);
}

/// The next door hears a load as it passes, and its reader's reports come late: it was told where it passed.
#[test]
fn what_another_door_told_is_not_told_here_by_late_reads() {
    let mut pipeline = Pipeline::default();
    let load = crossing(&pallet(1, 9), T0 + 5 * S, 5.0, true);
    let second = of_device(2, reports(&load, 8));
    let inputs: Vec<Input> = start_with_two(Tuning::dock())
        .into_iter()
        .chain(second)
        .collect();
    let first = told(&run(&mut pipeline, &inputs, 20));
    assert_eq!(first.iter().map(things).collect::<Vec<_>>(), [10]);
    let again = run(&mut pipeline, &[belated(&load, T0 + 60 * S)], 20);
    assert_eq!(told(&again).len(), 0);
}
