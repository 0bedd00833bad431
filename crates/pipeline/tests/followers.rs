//! Trucks that drive through a door close behind each other, without photo-eyes that could tell them apart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::Read;

fn goods(item: u32, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|serial| sgtin(item, serial)).collect()
}

fn told(mut reads: Vec<Read>) -> Vec<String> {
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    told_when(&reads).into_iter().map(|it| it.0).collect()
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
