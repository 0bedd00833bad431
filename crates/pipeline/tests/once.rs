//! What happened once is told once: a load in parts, and what others do while it comes and goes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;

use common::*;
use tracegate_pipeline::{Output, Pipeline, Read};

const START: i64 = T0 + 60 * S;

/// Heard every 100 ms from second to second after [`START`], by the antenna and as loud as `by` tells.
fn heard(tags: &[Vec<u8>], (from, until): (f64, f64), by: &dyn Fn(f64) -> (u16, f64)) -> Vec<Read> {
    let mut reads = Vec::new();
    for tenth in (from * 10.0) as i64..(until * 10.0) as i64 {
        let (antenna, rssi) = by(tenth as f64 / 10.0);
        for (index, tag) in (0..).zip(tags) {
            let at = START + tenth * 100 * MS + index * 700;
            reads.push(read(tag, antenna, rssi as i8, at));
        }
    }
    reads
}

/// Each line: an antenna, a tenth of a second after [`START`], and how loud it heard the tag then and in each tenth behind.
fn by_tenths(tag: &[u8], lines: &[&str]) -> Vec<Read> {
    let mut reads = Vec::new();
    for line in lines {
        let mut all = line.split(' ');
        let mut first = || all.next().unwrap().parse::<i64>().unwrap();
        let (antenna, from) = (first() as u16, first());
        for (tenth, rssi) in (from..).zip(all) {
            let rssi = rssi.parse().ok();
            reads.extend(rssi.map(|it| read(tag, antenna, it, START + tenth * 100 * MS)));
        }
    }
    reads
}

/// What events tell of: the passage of each, and what it says.
fn told(mut reads: Vec<Read>) -> (Vec<String>, Vec<String>) {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let inputs = [start(), reports(&reads, 8)].concat();
    let outputs = run(&mut Pipeline::default(), &inputs, 60);
    let events = outputs.iter().filter_map(|output| match output {
        Output::Event(event) => {
            let json: serde_json::Value = serde_json::from_str(&event.json).unwrap();
            Some((json["gw:passage"].to_string(), event.summary.clone()))
        }
        _ => None,
    });
    events.unzip()
}

/// One tag of a load has crossed when it halts; the other one stands before the line until it drives on.
#[test]
fn a_single_tag_that_follows_its_load_out_of_the_doorway_is_of_it() {
    let one = [
        "1 17 -70 . -70 . . . . -64 . -64 -61 . -55 -57 -50 -51 . -54 -56 -62 . -62 -68",
        "3 45 -70 . -70",
        "3 69 -74 . . . -74",
        "3 96 -74",
        "3 116 -70 -74 . . . -70 -64 . -59 -57 . -61 . -64 -66 . -68",
    ];
    let other = [
        "1 36 -64 -63 . -68 -61 . -63 -59 -61 . -58 -54 . -55 -55 . -54 . -55 -55 . -55 -55 . -55 . -55 -55 . -54 -55",
        "1 68 -55 . -55 -55 . -55 -55 . -56 . -55 -56 . -57 -56 . -56 . -54 -57 . -54 -54 . -55 . -56 -55 . -54 -56 . -56",
        "1 102 -56 -55 . -56 -55 . -55 . -55 -55 . -55 -52 . -57 . -64 -63 . . -70",
        "3 121 -63 -60 -53 . -51 -47 . -51 -47 . -49 -57 -59 -53 . -55 -54 -53 . -58 . -61 -62 . . . . . -74",
    ];
    let first = by_tenths(&sgtin(100, 1), &one);
    let second = by_tenths(&sscc(1), &other);
    let (passages, said) = told([first, second].concat());
    assert_eq!(
        said,
        ["in  receiving 00/040123450000000016 + 1 items"],
        "{passages:?}"
    );
}

/// Stock that was heard on the one side is heard on the other from `at` s on: fading, or something that hides it.
fn stock(at: f64) -> Vec<Read> {
    let shelf = [sgtin(300, 1)];
    let before = heard(&shelf, (-50.0, at), &|_| (1, -66.0));
    [before, heard(&shelf, (at, 12.0), &|_| (3, -66.0))].concat()
}

/// Others that stand inside, and are heard now that nothing hides them.
fn hidden(from: f64) -> Vec<Read> {
    let others: Vec<Vec<u8>> = (0..4).map(|n| sgtin(400, n)).collect();
    heard(&others, (from, from + 4.0), &|_| (3, -66.0))
}

#[test]
fn what_went_out_and_away_is_not_told_to_come_back() {
    let load = pallet(1, 12);
    let leaves = |at: f64| (1, -64.0 - 2.0 * (at - 4.0));
    let reads = [
        crossing(&load, START, 4.0, false),
        heard(&load, (4.0, 7.0), &leaves),
        stock(7.5),
        hidden(8.5),
    ];
    let (_, said) = told(reads.concat());
    assert_eq!(said, ["out shipping 00/040123450000000016 + 12 items"]);
}

#[test]
fn what_leaves_on_the_one_side_as_others_come_to_the_other_did_not_pass() {
    let near = |middle: f64, at: f64| -50.0 - 8.0 * (at - middle).abs();
    let by = heard(&pallet(1, 9), (0.0, 2.4), &|at| (1, near(1.2, at)));
    let to = heard(&pallet(2, 11), (2.6, 5.0), &|at| (3, near(3.8, at)));
    let (_, said) = told([by, to, stock(2.5)].concat());
    assert_eq!(said, [""; 0]);
}

/// Two pallets on one fork go through slowly: the second passes each antenna sooner after the first than the first gets from
/// the one to the other. What passes fast and as much later is another load.
#[test]
fn what_goes_slowly_is_one_load_although_parts_of_it_cross_seconds_apart() {
    let tags: Vec<Vec<u8>> = (0..12).map(|n| sgtin(100, n)).collect();
    let near = |middle: f64, at: f64| -48.0 - 30.0 * (at - middle).abs();
    let part = |tags: &[Vec<u8>], middle: f64, transit: f64| {
        let (before, behind) = (middle - transit / 2.0, middle + transit / 2.0);
        let outside = heard(tags, (before - 0.7, before + 0.7), &|at| {
            (1, near(before, at))
        });
        let inside = heard(tags, (behind - 0.7, behind + 0.7), &|at| {
            (3, near(behind, at))
        });
        [outside, inside].concat()
    };
    for (transit, loads) in [(2.8, 1), (1.4, 2)] {
        let one = part(&tags[..6], 3.0, transit);
        let other = part(&tags[6..], 5.4, transit);
        let (passages, said) = told([one, other].concat());
        let passages: BTreeSet<String> = passages.into_iter().collect();
        assert_eq!(
            passages.len(),
            loads,
            "{transit} s from antenna to antenna: {said:?}"
        );
        assert_eq!(said, ["in  receiving 6 items"; 2]);
    }
}
