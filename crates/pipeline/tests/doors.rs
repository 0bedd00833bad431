//! Doors side by side.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::config::Tuning;
use tracegate_pipeline::{Input, Pipeline, Read};

/// Two doors, dock_1 at device 0 and dock_2 at device 2.
fn two_doors() -> Vec<Input> {
    start_with_two(Tuning::dock())
}

/// The same reads, each as many dB quieter as `by` says.
fn quieter(reads: &[Read], by: impl Fn(&Read) -> i8) -> Vec<Read> {
    let less = |read: &Read| Read {
        rssi_dbm: read.rssi_dbm.map(|rssi| rssi - by(read)),
        ..read.clone()
    };
    reads.iter().map(less).collect()
}

/// What passes at the door of `device`, 8 dB quieter at the other one.
fn heard_twice(reads: &[Read], device: u16) -> Vec<Input> {
    let far = of_device(2 - device, reports(&quieter(reads, |_| 8), 8));
    let near = of_device(device, reports(reads, 8));
    far.zip(near).flat_map(|(far, near)| [far, near]).collect()
}

fn booked(lines: &[String]) -> Vec<&String> {
    let booked = lines.iter().filter(|line| !line.contains("not booked"));
    booked.collect()
}

/// A second door 3.5 m away hears the same pallet the same way, but less.
#[test]
fn of_two_doors_the_louder_one_books() {
    let mut inputs = two_doors();
    let reads = crossing(&pallet(1, 20), T0 + 10 * S, 6.0, true);
    inputs.extend(heard_twice(&reads, 0));
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(
        booked(&out),
        ["dock_1 in  receiving 00/040123450000000016 + 20 items"]
    );
    assert!(
        out.iter()
            .any(|line| line.contains("dock_2 not booked: neighbour")),
        "{out:?}"
    );
}

/// Each door hears both pallets pass at the same time; each tag is told where it is louder.
#[test]
fn pallets_side_by_side_are_told_apart() {
    let mut inputs = two_doors();
    let mut sides = Vec::new();
    for (number, device) in [(1, 0), (2, 2)] {
        let start = T0 + 10 * S + i64::from(device) * 150 * MS;
        let reads = crossing(&pallet(number, 12), start, 6.0, true);
        sides.extend(heard_twice(&reads, device));
    }
    sides.sort_by_key(arrival);
    inputs.extend(sides);
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    let mut told = booked(&out);
    told.sort();
    assert_eq!(
        told,
        [
            "dock_1 in  receiving 00/040123450000000016 + 12 items",
            "dock_2 in  receiving 00/040123450000000023 + 12 items"
        ]
    );
}

/// Loads that come some way beyond the line, wait there and leave where they came from, hidden by their truck.
#[test]
fn what_leaves_where_it_came_from_has_not_passed() {
    for tenths in 0..8 {
        for wait in [0.5, 1.5, 2.5, 4.0] {
            let (farthest, come) = (f64::from(tenths) / 10.0, 3.0);
            let way = (4.0 + farthest) / come;
            let path = |at: f64| {
                let back = (at - come - wait).max(0.0);
                Some((way * at - 4.0).min(farthest) - way * back)
            };
            let begin = T0 + 20 * S;
            let mut reads = sightings(&pallet(1, 9), begin, 6.0 + wait, &path);
            for read in &mut reads {
                let leaves = begin + ((come + wait) * S as f64) as i64;
                let hidden = read.device_time.is_some_and(|time| time.micros() > leaves);
                read.rssi_dbm = read.rssi_dbm.map(|rssi| rssi - if hidden { 8 } else { 0 });
            }
            let inputs = [start(), reports(&reads, 8)].concat();
            let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
            assert_eq!(
                booked(&out),
                Vec::<&String>::new(),
                "{farthest} m, {wait} s"
            );
        }
    }
}

/// A pallet that is loud before the door and short behind it, and each tag as much quieter at another door as `less` says.
fn hurries_past(less: impl Fn(u64) -> i8) -> Vec<String> {
    let mut inputs = two_doors();
    let mut near = Vec::new();
    let goods: Vec<Vec<u8>> = (0..9).map(|tag| sgtin(300, tag)).collect();
    for tenth in 0..26u16 {
        for (tag, epc) in (0..).zip(&goods) {
            let at = f64::from(tenth) / 10.0;
            let turn = (tenth + tag as u16) % 2;
            let crosses = 1.5 + 0.12 * (tag % 5) as f64;
            let (antenna, rssi) = match at < crosses {
                true => (1 + turn, 16.0 * at - 62.0),
                false if at < crosses + 0.9 => (3 + turn, -58.0),
                false => continue,
            };
            let time = T0 + 20 * S + i64::from(tenth) * 100 * MS + tag as i64 * 700;
            near.push(read(epc, antenna, rssi as i8, time));
        }
    }
    let far = quieter(&near, |read| {
        let tag = goods.iter().position(|it| *it == read.epc);
        less(tag.unwrap() as u64)
    });
    let far = of_device(2, reports(&far, 8));
    for (here, there) in reports(&near, 8).into_iter().zip(far) {
        inputs.extend([here, there]);
    }
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    booked(&out).into_iter().cloned().collect()
}

/// Of a load that is far louder here a tag or two are by chance louder at another door.
#[test]
fn a_tag_that_another_door_hears_makes_no_load_unclear() {
    let told = hurries_past(|tag| if tag == 4 { -1 } else { 12 });
    assert_eq!(told, ["dock_1 in  receiving 8 items"]);
}

/// A scanner is added, or becomes another, while a pallet passes: its reads stay one load.
#[test]
fn a_device_that_comes_elsewhere_does_not_cut_a_load() {
    let reads = reports(&crossing(&pallet(1, 10), T0 + 10 * S, 6.0, true), 8);
    let passage = |between: Option<fn(&mut Vec<String>)>| {
        let mut inputs = start();
        let (first, rest) = reads.split_at(reads.len() / 2);
        inputs.extend_from_slice(first);
        if let Some(change) = between {
            let mut changed = config();
            change(&mut changed.devices);
            inputs.push(Input::Configure(Box::new(changed)));
        }
        inputs.extend_from_slice(rest);
        lines(&run(&mut Pipeline::default(), &inputs, 60))
    };
    let whole = passage(None);
    assert_eq!(whole.len(), 1, "{whole:?}");
    assert_eq!(
        passage(Some(|devices| devices.push("pack_9".into()))),
        whole
    );
    // With other numbers nothing can be told apart: what is open is decided.
    let cut = passage(Some(|devices| devices.insert(0, "a_9".into())));
    assert_ne!(cut, whole);
}

/// What is booked when two pallets have passed, and then each of `tags` is read as `read_of` tells for every tenth of a
/// second: the antenna and the RSSI.
fn then(
    tags: u64,
    seconds: u32,
    read_of: impl Fn(f64, u64, u16) -> Option<(u16, f64)>,
) -> Vec<String> {
    let mut inputs = start();
    for number in [1, 2] {
        let begin = T0 + number * 50 * S;
        let reads = crossing(&pallet(number as u64, 12), begin, 6.0, true);
        inputs.extend(reports(&reads, 8));
    }
    let mut reads = Vec::new();
    for tenth in 0..seconds * 10 {
        for tag in 0..tags {
            let at = f64::from(tenth) / 10.0;
            let turn = (u64::from(tenth) + tag) as u16;
            if let Some((antenna, rssi)) = read_of(at, tag, turn) {
                let time = T0 + 150 * S + (at * S as f64) as i64 + tag as i64 * 700;
                reads.push(read(&sgtin(300, tag), antenna, rssi as i8, time));
            }
        }
    }
    inputs.extend(reports(&reads, 8));
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    let told = booked(&out).into_iter().skip(2);
    told.cloned().collect()
}

/// Its tags are loud before the line and heard for a moment behind it: each seems to turn only when it is gone.
#[test]
fn what_hurries_past_is_booked_however_short_the_far_side_hears_it() {
    for (louder_db_s, far_dbm, far_s) in
        [(16.0, -48.0, 0.9), (15.0, -50.0, 1.1), (18.0, -46.0, 1.2)]
    {
        let told = then(8, 3, |at, tag, turn| {
            let crosses = 1.5 + 0.12 * (tag % 5) as f64;
            if at < crosses {
                Some((1 + turn % 2, louder_db_s * at - 62.0))
            } else {
                (at < crosses + far_s).then_some((3 + turn % 2, far_dbm))
            }
        });
        assert_eq!(
            told,
            ["dock_1 in  receiving 8 items"],
            "{far_dbm} dBm for {far_s} s"
        );
    }
}

/// How the tag that creeps past is heard at `at` seconds: near the line both sides hear it for long.
fn creeps(at: f64, turn: u16) -> Option<(u16, f64)> {
    let position = 0.5 * at - 7.5;
    let is_outside = turn.is_multiple_of(2);
    let line: f64 = if is_outside { -1.0 } else { 1.0 };
    let is_heard = if is_outside {
        position < 0.9
    } else {
        position > -0.9
    };
    let rssi = -45.0 - 8.0 * (position - line).abs();
    let antenna = if is_outside { 1 } else { 3 } + turn / 2 % 2;
    (is_heard && rssi > -72.0 && turn % 5 != 4).then_some((antenna, rssi))
}

/// Where it came from and where it went leaves no doubt.
#[test]
fn a_single_tag_that_creeps_past_is_booked() {
    let told = then(1, 30, |at, _, turn| creeps(at, turn));
    assert_eq!(told, ["dock_1 in  receiving 1 items"]);
}

/// Another door hears it for a moment only, and then far louder than this one ever does: it is refused, not left out in silence.
#[test]
fn a_single_tag_that_another_door_hears_far_louder_is_refused() {
    let tag = sgtin(300, 1);
    let told = |there: bool| {
        let mut inputs = two_doors();
        let here = (0..300u16).filter_map(|tenth| {
            let (antenna, rssi) = creeps(f64::from(tenth) / 10.0, tenth)?;
            let time = T0 + 20 * S + i64::from(tenth) * 100 * MS;
            Some(read(&tag, antenna, rssi as i8, time))
        });
        inputs.extend(reports(&here.collect::<Vec<_>>(), 4));
        if there {
            let loud = (0..3).map(|n| read(&tag, 1, -36, T0 + 36 * S + n * 150 * MS));
            inputs.extend(of_device(2, reports(&loud.collect::<Vec<_>>(), 4)));
            inputs[4..].sort_by_key(arrival);
        }
        lines(&run(&mut Pipeline::default(), &inputs, 60))
    };
    assert_eq!(booked(&told(false)), ["dock_1 in  receiving 1 items"]);
    let refused = told(true);
    assert!(
        refused.iter().any(|it| it.contains("neighbour (1 tags)")),
        "{refused:?}"
    );
    assert!(booked(&refused).is_empty(), "{refused:?}");
}

/// One side hears it far better than the other, which hears it often enough and alone.
#[test]
fn a_single_tag_is_booked_although_one_side_hardly_hears_it() {
    let pass = |far_reads: u32| {
        then(1, 4, move |at, _, turn| {
            if at < 1.8 {
                Some((1 + turn % 2, 16.0 * at - 66.0))
            } else {
                let tenth = (at * 10.0).round() as u32 - 18;
                (tenth < far_reads * 3 && tenth.is_multiple_of(3)).then_some((3, -62.0))
            }
        })
    };
    assert_eq!(pass(4), ["dock_1 in  receiving 1 items"]);
    // A door that hears through its own wall now and then is no passage.
    assert_eq!(pass(2), Vec::<String>::new());
}

#[test]
fn a_single_tag_that_is_put_down_behind_the_line_did_not_pass() {
    let told = then(1, 4, |at, _, turn| {
        if at < 0.6 {
            (turn % 5 == 0).then_some((1, -66.0))
        } else {
            Some((3 + turn % 2, -50.0))
        }
    });
    assert_eq!(told, Vec::<String>::new());
}

/// One side hears a load 25 dB better than the other: the order of its reads tells, whatever they weigh.
#[test]
fn a_load_is_booked_although_one_side_hardly_hears_it() {
    let pass = |far: (f64, f64)| {
        then(8, 8, move |at, tag, turn| {
            let line = 4.0 + 0.05 * tag as f64;
            if at < line {
                Some((1 + turn % 2, 5.0 * at - 61.0))
            } else {
                let is_heard = (line + far.0..line + far.1).contains(&at) && turn % 4 == 0;
                is_heard.then_some((3, -66.0))
            }
        })
    };
    assert_eq!(pass((0.2, 3.0)), ["dock_1 in  receiving 8 items"]);
    // It stops before the line; the far side hears it once, through the wall.
    assert_eq!(pass((0.2, 0.5)), Vec::<String>::new());
}

/// Half of a pallet was louder where it stood for a minute than it ever is in the doorway: it goes along all the same. What stood
/// beside it stays.
#[test]
fn what_stood_loud_leaves_with_its_pallet() {
    let told = then(16, 70, |at, tag, turn| {
        let is_left = tag < 8 && at > 60.0;
        match (is_left, at) {
            (false, _) => Some((3 + turn % 2, if tag % 2 == 0 { -42.0 } else { -62.0 })),
            (true, ..62.0) => Some((3 + turn % 2, -50.0)),
            (true, _) => (at < 65.0).then_some((1 + turn % 2, -50.0)),
        }
    });
    assert_eq!(told, ["dock_1 out shipping 8 items"]);
}

/// A tag that stands inside seems to come in once more as a load leaves: the load is told, whatever becomes of that.
#[test]
fn a_stray_change_of_side_takes_no_load_back() {
    let lines_of = include_str!("recorded/stray.txt").lines();
    let reads = lines_of.filter(|line| !line.starts_with('#')).map(|line| {
        let mut numbers = line.split(' ').map(|it| it.parse::<i64>().unwrap());
        let mut next = || numbers.next().unwrap();
        let (at, tag, antenna, rssi) = (next(), next(), next(), next());
        let epc = sgtin(300, tag as u64);
        read(&epc, antenna as u16, rssi as i8, T0 + 20 * S + at * MS)
    });
    let inputs = [start(), reports(&reads.collect::<Vec<_>>(), 8)].concat();
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    let told = booked(&out);
    assert!(
        told.iter().any(|it| it.contains("out shipping 23 items")),
        "{out:?}"
    );
}
