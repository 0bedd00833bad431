//! Loads that halt in the doorway, and tags of a load that are hardly heard.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::{Input, Output, Pipeline, Read, ReaderTime};

/// Tags that come within 1 s, stand in the doorway, leave within 2 s after 10.5 s, and cross the line at `crossed` s.
fn standing(tags: &[Vec<u8>], crossed: f64) -> Vec<Read> {
    standing_until(10.5, tags, crossed)
}

fn standing_until(leaves: f64, tags: &[Vec<u8>], crossed: f64) -> Vec<Read> {
    let mut reads = Vec::new();
    for tenth in 0..(leaves * 10.0) as i32 + 20 {
        let at = f64::from(tenth) / 10.0;
        let far = (1.0 - at).max(at - leaves).max(0.0);
        for (index, tag) in (0..).zip(tags) {
            let time = T0 + 10 * S + i64::from(tenth) * 100 * MS + index * 700;
            for (antenna, is_near) in [(1, at < crossed), (3, at >= crossed)] {
                let rssi = -50.0 - 10.0 * far - if is_near { 0.0 } else { 14.0 };
                if rssi > -74.0 {
                    reads.push(read(tag, antenna, rssi as i8, time));
                }
            }
        }
    }
    reads
}

/// A pallet comes in, halts with its tail of three tags before the line, and drives on after 8 s.
fn halting() -> Vec<Read> {
    let tags = pallet(1, 16);
    let (head, tail) = tags.split_at(14);
    let mut reads = [standing(head, 3.0), standing(tail, 11.0)].concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    reads
}

fn told(reads: &[Read]) -> Vec<String> {
    let inputs = [start(), reports(reads, 8)].concat();
    lines(&run(&mut Pipeline::default(), &inputs, 60))
}

#[test]
fn a_pallet_that_halts_in_the_doorway_is_told_whole_and_once() {
    let told = told(&halting());
    assert_eq!(
        told.iter()
            .filter(|it| it.contains(" in "))
            .collect::<Vec<_>>(),
        ["dock_1 in  receiving 00/040123450000000016 + 16 items"],
        "{told:?}"
    );
}

/// What carries it shades it from the side that it came from for as long as it stands in the line: only when it has left is
/// it clear which way it went.
#[test]
fn what_stands_in_the_line_and_turns_back_did_not_pass() {
    let back = T0 + 10 * S + 8_500 * MS;
    let turns = |mut read: Read| {
        if read.device_time.unwrap().micros() >= back {
            read.antenna = 4 - read.antenna;
        }
        read
    };
    let reads = standing(&pallet(1, 16), 2.5);
    let reads: Vec<Read> = reads.into_iter().map(turns).collect();
    let told = told(&reads);
    assert!(told.iter().all(|it| it.contains("not booked")), "{told:?}");
}

/// It comes out to the line from inside, where its way out is told by nobody, stands there for 10 s, heard outside, and goes back:
/// it has not come in.
#[test]
fn what_came_from_where_it_goes_has_turned_back() {
    let mut reads = Vec::new();
    for tenth in 0..180 {
        for (index, tag) in (0..).zip(pallet(1, 16)) {
            let (antenna, rssi) = match tenth {
                0..16 if tenth == index => (3, -60),
                40..140 if tenth % 5 == index % 5 => (1, -56),
                140..180 if tenth % 5 == index % 5 => (3, -60),
                _ => continue,
            };
            let time = T0 + 10 * S + tenth * 100 * MS + index * 700;
            reads.push(read(&tag, antenna, rssi, time));
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told(&reads);
    assert!(
        !told.iter().any(|it| it.contains("in  receiving")),
        "{told:?}"
    );
}

/// Nobody waits for ever for what is put down in the line.
#[test]
fn what_is_put_down_in_the_line_is_told() {
    let reads = standing_until(40.0, &pallet(1, 16), 3.0);
    let told = told_when(&reads);
    let [(summary, at)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(summary, "in  receiving 00/040123450000000016 + 16 items");
    assert!((13..25).contains(at), "told at {at} s");
}

/// What is put down before the door as something else passes does not go along with it, and nobody waits for it for long.
#[test]
fn what_stands_before_the_door_is_no_tail() {
    let mut reads = crossing(&pallet(1, 12), T0 + 40 * S, 4.0, true);
    let other: Vec<Vec<u8>> = (0..4).map(|n| sgtin(300, n)).collect();
    reads.extend(sightings(&other, T0 + 41 * S, 30.0, &|_| Some(-1.0)));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told_when(&reads);
    let [(summary, at)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(summary, "in  receiving 00/040123450000000016 + 12 items");
    assert!(*at < 50, "told at {at} s");
}

/// Killed between any two inputs, also while it stands in the doorway, it is told as if nothing had happened.
#[test]
fn every_kill_point_gives_the_same() {
    for (reads, events_told) in [(halting(), 1), (followed(), 2)] {
        let inputs = [start(), reports(&reads, 8)].concat();
        let (inputs, whole) = with_ticks(&inputs, 60);
        assert_eq!(whole.len(), events_told);
        for cut in (0..inputs.len()).step_by(5) {
            let mut live = Pipeline::default();
            let mut events = fold(&mut live, &inputs[..cut]);
            let snapshot = postcard::to_stdvec(live.state()).unwrap();
            let state: State = postcard::from_bytes(&snapshot).unwrap();
            events.extend(fold(&mut Pipeline::from_state(state), &inputs[cut..]));
            assert_eq!(events, whole, "killed at {cut}");
        }
    }
}

/// In which reports the reads come makes no difference.
#[test]
fn delivery_does_not_matter() {
    for reads in [halting(), followed()] {
        let told_in = |chunk: usize| {
            let inputs: Vec<Input> = [start(), reports(&reads, chunk)].concat();
            events(&run(&mut Pipeline::default(), &inputs, 60))
        };
        let whole = told_in(8);
        for chunk in [1, 3, 50] {
            assert_eq!(told_in(chunk), whole, "{chunk} reads a report");
        }
    }
}

#[test]
fn one_read_of_an_item_that_passes_is_of_the_load() {
    let with = |item: u32, before: i64| {
        let mut reads = crossing(&pallet(1, 14), T0 + 60 * S, 4.0, true);
        reads.push(read(&sgtin(item, 77_777), 3, -68, T0 + 62_150 * MS));
        if before > 0 {
            // Another of the item stands beside the door.
            reads.extend(sightings(
                &[sgtin(item, 88_888)],
                T0 + (60 - before) * S,
                before as f64 + 10.0,
                &|_| Some(1.2),
            ));
        }
        reads.sort_by_key(|read| read.device_time.unwrap().micros());
        told(&reads)
    };
    let pallet = |items: usize| {
        vec![format!(
            "dock_1 in  receiving 00/040123450000000016 + {items} items"
        )]
    };
    assert_eq!(with(100, 0), pallet(15));
    assert_eq!(with(555, 0), pallet(14));
    assert_eq!(with(100, 40), pallet(14));
}

/// Others of an item that passes stand behind the door, and are heard once it no longer hides them.
#[test]
fn what_is_first_heard_behind_the_load_stands_there() {
    let stands = |from: i64, until: i64| {
        let mut reads = crossing(&pallet(1, 14), T0 + 60 * S, 4.0, true);
        for second in from..until {
            let at = T0 + 63_200 * MS + second * S;
            reads.push(read(&sgtin(100, 77_777), 3, -68, at));
        }
        reads.sort_by_key(|read| read.device_time.unwrap().micros());
        told(&reads)
    };
    assert_eq!(
        stands(0, 9),
        ["dock_1 in  receiving 00/040123450000000016 + 14 items"]
    );
    // With the load gone, too, it was of the load.
    assert_eq!(
        stands(0, 1),
        ["dock_1 in  receiving 00/040123450000000016 + 15 items"]
    );
}

/// It drives up, and is heard now and then, while the one before it stands in the doorway; its goods are of the same items.
#[test]
fn what_waits_behind_a_load_that_halts_passes_for_itself() {
    let next = pallet(2, 16);
    let mut reads = halting();
    for (index, tag) in (0..).zip(&next) {
        for turn in 0..3 {
            let at = T0 + 20 * S + turn * 600 * MS + index * 20 * MS;
            reads.push(read(tag, 1, -66, at));
        }
    }
    reads.extend(crossing(&next, T0 + 26 * S, 6.0, true));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told(&reads);
    let booked = told.iter().filter(|it| !it.contains("not booked"));
    assert_eq!(
        booked.collect::<Vec<_>>(),
        [
            "dock_1 in  receiving 00/040123450000000016 + 16 items",
            "dock_1 in  receiving 00/040123450000000023 + 16 items"
        ]
    );
}

/// One tag's reads come seconds late, while the load still stands there: they are more of it once it is told.
#[test]
fn what_comes_late_of_a_load_that_halts_is_added_to_it() {
    let mut inputs = reports(&halting(), 8);
    let late = standing(&[sgtin(100, 1_999)], 3.0);
    let late: Vec<Read> = late.into_iter().take(60).collect();
    let newest = late
        .iter()
        .filter_map(|it| it.device_time)
        .max_by_key(|it| it.micros());
    let at = tracegate_pipeline::Time(newest.unwrap().micros() + 4 * S);
    inputs.push(Input::Reads {
        device: 0,
        at,
        reads: late,
    });
    inputs.sort_by_key(arrival);
    let inputs = [start(), inputs].concat();
    let told = lines(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(
        told,
        [
            "dock_1 in  receiving 00/040123450000000016 + 16 items",
            "dock_1 in  receiving 1 items"
        ]
    );
}

/// It came in, halted for longer than anybody waits, and went back: so it is told.
#[test]
fn what_backs_out_is_told_after_it_came_in() {
    let tags = pallet(1, 16);
    let (head, tail) = tags.split_at(14);
    let back = T0 + 24 * S;
    let mut reads = [
        standing_until(15.0, head, 3.0),
        standing_until(15.0, tail, 99.0),
    ]
    .concat();
    for read in &mut reads {
        let is_back = read.device_time.is_some_and(|at| at.micros() >= back);
        if is_back {
            read.rssi_dbm = Some(if read.antenna == 1 { -52 } else { -70 });
        }
    }
    // All of it is outside now, and drives off.
    for (index, tag) in (0..).zip(&tags) {
        for tenth in 0..40 {
            let at = back + tenth * 100 * MS + index * 900;
            reads.push(read(tag, 1, -50 - (tenth / 4) as i8, at));
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told(&reads);
    assert_eq!(
        told,
        [
            "dock_1 in  receiving 00/040123450000000016 + 13 items",
            "dock_1 out shipping 00/040123450000000016 + 13 items"
        ]
    );
}

/// What follows the load that it was told with is not told of again; what comes the same way once more within `rearm` is named.
#[test]
fn what_was_told_is_named_only_where_it_comes_again() {
    let tags = pallet(1, 18);
    let (head, tail) = tags.split_at(17);
    let mut reads = [
        standing_until(15.0, head, 3.0),
        standing_until(15.0, tail, 8.0),
    ]
    .concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let one = "dock_1 in  receiving 00/040123450000000016 + 18 items";
    assert_eq!(told(&reads), [one]);
    let [first, again] = [10, 24].map(|at| crossing(&tags, T0 + at * S, 6.0, true));
    let told = told(&[first, again].concat());
    assert_eq!(told[0], one);
    assert!(told.iter().any(|it| it.contains("rearm")), "{told:?}");
    assert!(told.iter().all(|it| !it.contains("(0 tags)")), "{told:?}");
}

/// Two tags of a pallet stand in the doorway and cross long after the others have left.
fn followed() -> Vec<Read> {
    let tags = pallet(1, 18);
    let (head, tail) = tags.split_at(17);
    let mut reads = [standing_until(4.5, head, 3.0), standing(tail, 9.0)].concat();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    reads
}

/// Too few stand behind for anybody to wait for them; when they follow they are of the load that was told.
#[test]
fn a_few_that_follow_later_are_told_as_the_rest_of_their_load() {
    let inputs = [start(), reports(&followed(), 8)].concat();
    let outputs = run(&mut Pipeline::default(), &inputs, 60);
    assert_eq!(
        lines(&outputs),
        [
            "dock_1 in  receiving 00/040123450000000016 + 16 items",
            "dock_1 in  receiving 2 items"
        ]
    );
    let events = outputs.iter().filter_map(|output| match output {
        Output::Event(event) => Some(serde_json::from_str(&event.json).unwrap()),
        _ => None,
    });
    let events: Vec<serde_json::Value> = events.collect();
    let [load, rest] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(load["gw:passage"], rest["gw:passage"]);
    assert_eq!(load["eventTime"], rest["eventTime"]);
    assert_eq!(
        (load.get("gw:late"), &rest["gw:late"]),
        (None, &true.into())
    );
}

/// Stock that a load turns about as it passes crosses nothing, and is no rest of that load.
#[test]
fn what_stood_before_the_load_came_is_no_rest_of_it() {
    let stock = [sgtin(900, 1), sgtin(900, 2)];
    let mut reads = Vec::new();
    for tenth in 10..700 {
        let at = T0 + tenth * 100 * MS;
        // Heard from outside, and then only by way of what stands in the doorway.
        let (antenna, rssi) = if (530..700).contains(&tenth) {
            (3, -50)
        } else {
            (1, -58)
        };
        reads.extend(stock.iter().map(|tag| read(tag, antenna, rssi, at)));
    }
    for mut read in standing_until(15.0, &pallet(1, 16), 3.0) {
        let at = read.device_time.unwrap().micros() as u64;
        read.device_time = Some(ReaderTime::Utc(at + 30 * S as u64));
        reads.push(read);
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told(&reads);
    let booked: Vec<&String> = told.iter().filter(|it| !it.contains("not")).collect();
    assert_eq!(
        booked,
        ["dock_1 in  receiving 00/040123450000000016 + 16 items"]
    );
    assert!(told.len() > 1, "it is said: {told:?}");
}

/// Something hides one half of a load until the other has been told.
#[test]
fn the_other_half_of_a_load_that_was_told_is_the_rest_of_it() {
    let tags: Vec<Vec<u8>> = (0..12).map(|n| sgtin(100, n)).collect();
    let (one, other) = tags.split_at(6);
    let start = T0 + 10 * S;
    let since = |read: &Read| (read.device_time.unwrap().micros() - start) / MS;
    let mut reads = passing(other, start, 5.5);
    reads.retain(|read| since(read) < 6_000);
    for read in &mut reads {
        if (3_000..5_500).contains(&since(read)) {
            read.rssi_dbm = Some(-50);
        }
    }
    let behind = sightings(other, start, 9.0, &|_| Some(1.2)).into_iter();
    reads.extend(behind.filter(|read| since(read) >= 6_800 && read.antenna > 2));
    reads.extend(passing(one, start, 3.0));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told_events(&reads);
    let [half, rest] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(half["gw:passage"], rest["gw:passage"]);
    assert_eq!(
        (half.get("gw:late"), &rest["gw:late"]),
        (None, &true.into())
    );
}

/// It waits before the line, as loud as it ever gets, for longer than what is parked needs to be known as such.
#[test]
fn what_waits_before_it_passes_is_told_whole() {
    for wait in [10.0, 22.0, 35.0] {
        let path = |at: f64| Some((at * 2.0 - 4.0).min(-1.4).max((at - wait) * 1.5 - 4.0));
        // Not the first that is heard here.
        let mut reads = sightings(&pallet(3, 1), T0, 4.0, &|_| Some(-3.0));
        reads.extend(sightings(&pallet(1, 14), T0 + 10 * S, wait + 6.0, &path));
        let told = told(&reads);
        let booked: Vec<&String> = told.iter().filter(|it| !it.contains("not")).collect();
        let all = "dock_1 in  receiving 00/040123450000000016 + 14 items";
        assert_eq!(booked, [all], "{wait} s: {told:?}");
    }
}

/// After a start all is heard for the first time at once: what passes then takes along nothing that stands there.
#[test]
fn what_stood_there_when_the_gate_began_to_hear_has_not_come_with_a_load() {
    let (load, parked) = (pallet(1, 14), pallet(2, 8));
    let mut reads = Vec::new();
    for tenth in 0..400 {
        let at = f64::from(tenth) / 10.0;
        let time = T0 + 10 * S + i64::from(tenth) * 100 * MS;
        // Both stand inside; one of them is fetched out, and its truck shades the other for a while.
        let (passes, has_left) = (at > 30.0, at > 34.0);
        for (index, tag) in (0..).zip(load.iter().filter(|_| !has_left)) {
            let loud = if passes { -48.0 } else { -60.0 };
            for (antenna, is_near) in [(1, at >= 32.0), (3, at < 32.0)] {
                let rssi = if is_near { loud } else { loud - 14.0 };
                if rssi > -74.0 {
                    reads.push(read(tag, antenna, rssi as i8, time + index * 700));
                }
            }
        }
        let is_shaded = (32.0..33.5).contains(&at);
        for (index, tag) in (20..).zip(&parked) {
            let (antenna, rssi) = if is_shaded { (1, -62) } else { (3, -58) };
            reads.push(read(tag, antenna, rssi, time + index * 700));
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told = told(&reads);
    let booked: Vec<&String> = told.iter().filter(|it| !it.contains("not")).collect();
    let load = "dock_1 out shipping 00/040123450000000016 + 14 items";
    assert_eq!(booked, [load], "{told:?}");
}

/// It drives in, halts in the line, and leaves where the antennas hear it badly and those behind it hear it as well.
#[test]
fn what_is_hardly_heard_on_one_side_but_often_has_passed() {
    let tags: Vec<Vec<u8>> = (0..7).map(|n| sgtin(100, n)).collect();
    let heard = |inside: i8| {
        // Something stands beside it.
        let beside = [sgtin(300, 1), sgtin(300, 2)];
        let mut reads = Vec::new();
        for tenth in 0..60 {
            let at = T0 + 10 * S + tenth * 100 * MS;
            reads.extend(beside.iter().map(|tag| read(tag, 1, -46, at)));
            for (index, tag) in (1..).zip(&tags) {
                let time = at + index * 700;
                if tenth < 30 {
                    reads.push(read(tag, 1, -46, time));
                } else if tenth % 2 == 0 {
                    reads.push(read(tag, 3, inside, time));
                    if tenth >= 50 {
                        reads.push(read(tag, 1, inside - 6, time + 300));
                    }
                }
            }
        }
        told(&reads)
    };
    assert_eq!(heard(-58), ["dock_1 in  receiving 7 items"]);
    let told = heard(-70);
    assert!(told.iter().all(|it| it.contains("not booked")), "{told:?}");
}
