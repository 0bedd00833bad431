//! Trucks that drive through a door close behind each other, without photo-eyes that could tell them apart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;

use common::*;
use tracegate_pipeline::Read;

fn goods(item: u32, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|serial| sgtin(item, serial)).collect()
}

fn told(mut reads: Vec<Read>) -> Vec<String> {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    told_when(&reads).into_iter().map(|it| it.0).collect()
}

/// How many passages the events of these reads are of.
fn passages(mut reads: Vec<Read>) -> usize {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let events = told_events(&reads);
    let passages = events.iter().map(|event| event["gw:passage"].to_string());
    passages.collect::<BTreeSet<String>>().len()
}

/// Each tag says a little too early or too late when it crossed, so that the changes of side of both are one after the other
/// without a gap.
#[test]
fn what_follows_close_behind_is_a_load_of_its_own() {
    for (first, second) in [(8, 8), (20, 6), (5, 15)] {
        for apart in [2_000, 2_400] {
            let mut reads = Vec::new();
            for (item, count, start) in [(100, first, 0), (200, second, apart)] {
                for (index, tag) in (0..).zip(goods(item, count)) {
                    let off = f64::from(index % 5 - 2) * 0.35;
                    reads.extend(passing(&[tag], T0 + 10 * S + start * MS, 3.0 + off));
                }
            }
            let items = [first, second].map(|count| format!("in  receiving {count} items"));
            assert_eq!(told(reads), items, "{apart} ms apart");
        }
    }
}

/// Half of it crosses, hidden by its truck from then on, it pauses, and the rest crosses: it came together.
#[test]
fn a_load_that_pauses_in_the_line_is_one() {
    let tags = goods(100, 16);
    let (front, rear) = tags.split_at(8);
    for pause in [2.0, 2.5] {
        let mut reads = Vec::new();
        for tenth in 0..(40.0 + pause * 10.0) as i64 {
            let at = tenth as f64 / 10.0;
            let is_moving = at < 2.0 || at > 2.0 + pause;
            for (part, crossed, is_hidden) in
                [(front, 2.0, at > 2.0), (rear, 2.0 + pause, !is_moving)]
            {
                for (index, tag) in (0..).zip(part) {
                    let time = T0 + 10 * S + tenth * 100 * MS + index * 700;
                    let antenna = if at < crossed { 1 } else { 3 };
                    let rssi = if is_hidden { -66 } else { -50 };
                    reads.push(read(tag, antenna, rssi, time));
                }
            }
        }
        assert_eq!(told(reads), ["in  receiving 16 items"], "{pause} s");
    }
}

/// A smaller load drives behind another, slowly: the first is still there when it crosses.
#[test]
fn what_drives_behind_a_load_is_no_rest_of_it() {
    let mut reads = crossing(&pallet(1, 20), T0 + 10 * S, 8.0, true);
    reads.extend(crossing(&pallet(2, 7), T0 + 12_700 * MS, 8.0, true));
    let items = [
        "in  receiving 00/040123450000000016 + 20 items",
        "in  receiving 00/040123450000000023 + 7 items",
    ];
    assert_eq!(told(reads.clone()), items);
    assert_eq!(passages(reads), 2);
}

/// What follows it at the distance of a truck is heard as much later, and is another load, however few tags both have.
#[test]
fn a_small_load_close_behind_another_is_told_for_itself() {
    for each in [2, 5, 10] {
        let tags: Vec<Vec<u8>> = (0..2 * each).map(|n| sgtin(100, n as u64)).collect();
        let (one, other) = tags.split_at(each);
        let start = T0 + 10 * S;
        let behind = passing(other, start + 3 * S, 3.0);
        let reads = [passing(one, start, 3.0), behind].concat();
        let items = format!("in  receiving {each} items");
        assert_eq!(told(reads), [items.clone(), items]);
    }
}

/// Two tags seldom agree when what they are on crossed: a second apart is no distance that a truck keeps.
#[test]
fn a_few_tags_that_seem_to_cross_one_after_the_other_are_one_load() {
    for each in [2, 3] {
        let tags: Vec<Vec<u8>> = (0..2 * each).map(|n| sgtin(100, n as u64)).collect();
        let (one, other) = tags.split_at(each);
        let start = T0 + 10 * S;
        let other = passing(other, start + 1_500 * MS, 3.7);
        let reads = [passing(one, start, 3.0), other].concat();
        assert_eq!(passages(reads), 1, "twice {each} tags");
    }
}
