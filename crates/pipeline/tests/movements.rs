//! Reads in, movements out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::{Input, Output, Pipeline, ReaderTime, Time};

/// What comes of these reads at the dock, a line each.
fn dock(reads: &[tracegate_pipeline::Read]) -> Vec<String> {
    let mut reads = reads.to_vec();
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(&reads, 8));
    booked(&run(&mut pipeline, &inputs, 60))
}

/// The lines of what was booked; non-events of single stray tags are beside the point here.
fn booked(outputs: &[Output]) -> Vec<String> {
    let booked: Vec<Output> = outputs
        .iter()
        .filter(|output| !matches!(output, Output::NonEvent(_)))
        .cloned()
        .collect();
    lines(&booked)
}

#[test]
fn a_pallet_that_comes_in_is_one_aggregation() {
    let out = dock(&crossing(&pallet(1, 24), T0 + 10 * S, 6.0, true));
    assert_eq!(
        out,
        ["dock_1 in  receiving 00/040123450000000016 + 24 items"]
    );
}

#[test]
fn the_event_says_when_what_where_and_why() {
    let mut inputs = start();
    inputs.extend(reports(&crossing(&pallet(1, 2), T0 + 10 * S, 6.0, true), 8));
    let outputs = run(&mut Pipeline::default(), &inputs, 60);
    let (events, times) = (events(&outputs), times(&outputs));
    assert!((times[0] - 13.0).abs() < 1.0, "{times:?}");
    let event: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["type"], "AggregationEvent");
    assert!(
        event["eventTime"]
            .as_str()
            .unwrap()
            .starts_with("2026-11-22T11:00:1"),
        "{event}"
    );
    assert_eq!(event["eventTimeZoneOffset"], "+01:00");
    assert_eq!(event["action"], "OBSERVE");
    assert_eq!(
        event["parentID"],
        "https://id.gs1.org/00/040123450000000016"
    );
    assert_eq!(event["childEPCs"].as_array().unwrap().len(), 2);
    assert_eq!(event["bizStep"], "receiving");
    assert_eq!(event["disposition"], "in_progress");
    assert_eq!(
        event["readPoint"]["id"],
        "urn:epc:id:sgln:4012345.00001.dock1"
    );
    assert!(
        event["eventID"]
            .as_str()
            .unwrap()
            .starts_with("ni:///sha-256;"),
        "{event}"
    );
}

#[test]
fn and_out_again_later_is_another() {
    let tags = pallet(1, 24);
    let reads = [
        crossing(&tags, T0 + 10 * S, 6.0, true),
        crossing(&tags, T0 + 30 * S, 6.0, false),
    ]
    .concat();
    let out = dock(&reads);
    assert_eq!(
        out,
        [
            "dock_1 in  receiving 00/040123450000000016 + 24 items",
            "dock_1 out shipping 00/040123450000000016 + 24 items",
        ]
    );
}

#[test]
fn what_is_seldom_read_on_its_way_out_is_not_held_to_how_loud_it_came_in() {
    let tags = pallet(1, 14);
    let mut reads = crossing(&tags, T0 + 10 * S, 4.0, true);
    let seldom = |read: &tracegate_pipeline::Read| {
        let place = tags.iter().position(|tag| *tag == read.epc);
        let round = (read.device_time.unwrap().micros() - T0) / (100 * MS);
        place.is_none_or(|place| place % 3 != 1) || round % 3 == 0
    };
    let out = crossing(&tags, T0 + 20 * S, 4.0, false);
    reads.extend(out.into_iter().filter(seldom));
    assert_eq!(
        dock(&reads),
        [
            "dock_1 in  receiving 00/040123450000000016 + 14 items",
            "dock_1 out shipping 00/040123450000000016 + 14 items",
        ]
    );
}

#[test]
fn a_tag_that_was_only_ever_read_twice_with_a_load_is_of_it() {
    let hidden = sgtin(100, 77);
    let mut reads = crossing(&pallet(1, 14), T0 + 10 * S, 4.0, true);
    reads.push(read(&hidden, 3, -66, T0 + 11_950 * MS));
    reads.push(read(&hidden, 1, -67, T0 + 12_150 * MS));
    assert_eq!(
        dock(&reads),
        ["dock_1 in  receiving 00/040123450000000016 + 15 items"]
    );
}

#[test]
fn pallets_one_behind_the_other_stay_apart() {
    let reads: Vec<_> = (0..4)
        .flat_map(|n| {
            crossing(
                &pallet(n + 1, 10 + n),
                T0 + (10 + 4 * n as i64) * S,
                4.0,
                true,
            )
        })
        .collect();
    let out = dock(&reads);
    let expected: Vec<String> = (0..4)
        .map(|n| {
            format!(
                "dock_1 in  receiving 00/0401234500000000{}{} + {} items",
                n + 1,
                [6, 3, 0, 7][n],
                10 + n
            )
        })
        .collect();
    assert_eq!(out, expected);
}

#[test]
fn a_truck_that_turns_round_in_the_door_moves_nothing() {
    let path = |at: f64| {
        Some(if at < 3.0 {
            -4.0 + at * 1.4
        } else {
            0.2 - (at - 3.0) * 1.4
        })
    };
    assert_eq!(
        dock(&sightings(&pallet(1, 20), T0 + 10 * S, 6.0, &path)),
        [""; 0]
    );
}

#[test]
fn parked_stock_moves_nothing_and_does_not_ride_along() {
    let parked = sightings(&pallet(9, 12), T0 + 5 * S, 60.0, &|_| Some(2.0));
    let reads = [parked, crossing(&pallet(1, 15), T0 + 40 * S, 6.0, true)].concat();
    assert_eq!(
        dock(&reads),
        ["dock_1 in  receiving 00/040123450000000016 + 15 items"]
    );
}

#[test]
fn one_lonely_tag_is_not_a_load() {
    let mut inputs = start();
    inputs.extend(reports(
        &crossing(&[sgtin(100, 1)], T0 + 10 * S, 6.0, true),
        8,
    ));
    let out = lines(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(out, ["dock_1 not booked: few_tags (1 tags)"]);
}

#[test]
fn ghosts_and_ignored_tags_are_left_out() {
    let mut reads = crossing(&pallet(1, 5), T0 + 10 * S, 6.0, true);
    // One read each of noise, in mid-passage; a fork lift's own tag all the way.
    for ghost in 0..5u64 {
        reads.push(read(
            &sgtin(777, ghost),
            3,
            -60,
            T0 + 13 * S + ghost as i64 * 50 * MS,
        ));
    }
    reads.extend(crossing(
        &[vec![
            0xe2, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2,
        ]],
        T0 + 10 * S,
        6.0,
        true,
    ));
    assert_eq!(
        dock(&reads),
        ["dock_1 in  receiving 00/040123450000000016 + 5 items"]
    );
}

#[test]
fn undecodable_tags_are_kept_as_what_they_are() {
    let tags = [vec![0x11; 12], vec![0x12; 12], vec![0x13; 12]];
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(&crossing(&tags, T0 + 10 * S, 6.0, true), 8));
    let events = events(&run(&mut pipeline, &inputs, 60));
    assert_eq!(events.len(), 1);
    assert!(
        events[0].contains("urn:epc:raw:96.x111111111111111111111111"),
        "{}",
        events[0]
    );
}

#[test]
fn reports_held_through_an_outage_land_at_their_own_time() {
    let reads = [
        crossing(&pallet(1, 10), T0 + 10 * S, 6.0, true),
        crossing(&pallet(2, 10), T0 + 60 * S, 6.0, true),
        crossing(&pallet(3, 10), T0 + 90 * S, 6.0, false),
    ]
    .concat();
    let steady = dock(&reads);
    assert_eq!(steady.len(), 3);
    // Lost in the middle of the first pallet, back after 100 s with everything that the reader held.
    let cut = reads
        .iter()
        .position(|read| read.device_time.unwrap().micros() >= T0 + 13 * S)
        .unwrap();
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(&reads[..cut], 8));
    inputs.push(link(T0 + 13 * S, false));
    let back = T0 + 113 * S;
    inputs.push(link(back, true));
    for (index, held) in reads[cut..].chunks(50).enumerate() {
        inputs.push(Input::Reads {
            device: 0,
            at: Time(back + index as i64 * 5 * MS),
            reads: held.to_vec(),
        });
    }
    // The grace is over long before: what had been read of the first pallet was decided by then.
    let out = booked(&run(&mut pipeline, &inputs, 60));
    assert_eq!(out[out.len() - 2..], steady[1..]);

    // Back within the grace, nothing at all is different.
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(&reads[..cut], 8));
    inputs.push(link(T0 + 13 * S, false));
    let back = T0 + 28 * S;
    inputs.push(link(back, true));
    let held: Vec<_> = reads[cut..]
        .iter()
        .filter(|read| read.device_time.unwrap().micros() < back)
        .cloned()
        .collect();
    inputs.push(Input::Reads {
        device: 0,
        at: Time(back + 5 * MS),
        reads: held.clone(),
    });
    inputs.extend(reports(&reads[cut + held.len()..], 8));
    assert_eq!(booked(&run(&mut pipeline, &inputs, 60)), steady);
}

/// After a connect the reader is asked for its inputs; that they are as they are now says nothing of held reports.
#[test]
fn inputs_told_before_held_reports_do_not_make_them_late() {
    let reads = crossing(&pallet(1, 24), T0 + 10 * S, 6.0, true);
    let (before, held): (Vec<_>, Vec<_>) = reads
        .into_iter()
        .partition(|read| read.device_time.unwrap().micros() < T0 + 12 * S);
    let mut inputs = start();
    inputs.extend(reports(&before, 8));
    let back = T0 + 18 * S;
    inputs.extend([link(T0 + 12 * S + 100 * MS, false), link(back, true)]);
    for (port, reader_time) in [(1, None), (2, Some(ReaderTime::Utc(back as u64)))] {
        inputs.push(Input::Gpi {
            device: 0,
            at: Time(back + 10 * MS),
            port,
            high: true,
            reader_time,
        });
    }
    inputs.push(Input::Reads {
        device: 0,
        at: Time(back + 20 * MS),
        reads: held,
    });
    let mut pipeline = Pipeline::default();
    let out = booked(&run(&mut pipeline, &inputs, 60));
    assert_eq!(pipeline.stats().late, 0);
    assert_eq!(
        out,
        ["dock_1 in  receiving 00/040123450000000016 + 24 items"]
    );
}

#[test]
fn a_reader_that_is_an_hour_off_gives_the_right_times() {
    let mut reads = crossing(&pallet(1, 10), T0 + 10 * S, 6.0, true);
    let steady = dock(&reads);
    let hour = 3_600 * S;
    let mut inputs = start();
    inputs[2] = Input::Device {
        device: 0,
        at: Time(T0),
        up: true,
        reader_time: Some(tracegate_pipeline::ReaderTime::Utc((T0 - hour) as u64)),
    };
    let arrivals = reports(&reads, 8);
    for read in &mut reads {
        let us = read.device_time.unwrap().micros() - hour;
        read.device_time = Some(tracegate_pipeline::ReaderTime::Utc(us as u64));
    }
    let shifted = arrivals
        .iter()
        .zip(reads.chunks(8))
        .map(|(input, chunk)| Input::Reads {
            device: 0,
            at: arrival(input).unwrap(),
            reads: chunk.to_vec(),
        });
    inputs.extend(shifted);
    assert_eq!(booked(&run(&mut Pipeline::default(), &inputs, 60)), steady);
}

#[test]
fn scans_are_booked_repeated_and_refused() {
    let scan = |at: i64, data: &[u8]| Input::Scan {
        device: 1,
        at: Time(T0 + at * MS),
        data: data.to_vec(),
    };
    let mut inputs = start();
    inputs.extend([
        scan(1_000, b"]d201040123451002041001LOT7\x1d3012"),
        scan(2_500, b"]d201040123451002041001LOT7\x1d3012"),
        scan(9_000, b"]d201040123451002041001LOT7\x1d3012"),
        scan(10_000, b"]C100040123450000000016"),
        scan(11_000, b"]C10104012345100204"),
        scan(12_000, b"]A0HELLO"),
        scan(13_000, b"]C10104012345100205"),
        // A scanner that cannot send GS, set to send something else.
        scan(14_000, b"]d201040123451002041001LOT8|3012"),
    ]);
    let out = lines(&run(&mut Pipeline::default(), &inputs, 1));
    assert_eq!(
        out[..5],
        [
            "line_1 picking 01/04012345100204/10/01LOT7 × 12",
            "Accepted",
            "Duplicate",
            "line_1 picking 01/04012345100204/10/01LOT7 × 12",
            "Accepted"
        ]
    );
    assert_eq!(
        out[5..7],
        ["line_1 picking 00/040123450000000016", "Accepted"]
    );
    assert_eq!(out[7..9], ["line_1 picking 01/04012345100204", "Accepted"]);
    assert!(out[9].starts_with("Refused(\"not a GS1 code"), "{}", out[9]);
    assert!(
        out[10].starts_with("Refused(") && out[10].contains("01"),
        "{}",
        out[10]
    );
    assert_eq!(
        out[11..],
        [
            "line_1 picking 01/04012345100204/10/01LOT8 × 12",
            "Accepted"
        ]
    );
}

#[test]
fn the_same_item_by_tag_and_by_barcode_is_the_same_thing() {
    let mut inputs = start();
    inputs.extend(reports(
        &crossing(&[sgtin(100, 5), sgtin(100, 6)], T0 + 10 * S, 6.0, true),
        8,
    ));
    inputs.push(Input::Scan {
        device: 1,
        at: Time(T0 + 40 * S),
        data: b"]d2010401234500100621\x35".to_vec(),
    });
    let events = events(&run(&mut Pipeline::default(), &inputs, 60));
    assert_eq!(events.len(), 2);
    for event in &events {
        assert!(
            event.contains("\"https://id.gs1.org/01/04012345001006/21/5\""),
            "{event}"
        );
    }
}

#[test]
fn a_changed_config_decides_what_is_open_by_the_old_rule() {
    let reads = crossing(&pallet(1, 10), T0 + 10 * S, 6.0, true);
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(&reads, 8));
    let mut out = run(&mut pipeline, &inputs, 0);
    let mut changed = config();
    changed.read_points.remove(0);
    out.extend(pipeline.handle(Input::Configure(Box::new(changed))));
    assert_eq!(
        booked(&out),
        ["dock_1 in  receiving 00/040123450000000016 + 10 items"]
    );
}

#[test]
fn a_wall_clock_set_back_closes_the_old_time_line() {
    let mut pipeline = Pipeline::default();
    let mut inputs = start();
    inputs.extend(reports(
        &crossing(&pallet(1, 10), T0 + 10 * S, 6.0, true),
        8,
    ));
    inputs.push(Input::Start {
        at: Time(T0 - 100 * S),
    });
    let again = T0 - 90 * S;
    inputs.push(link(again, true));
    inputs.extend(reports(
        &crossing(&pallet(2, 10), again + 10 * S, 6.0, true),
        8,
    ));
    let mut outputs = Vec::new();
    for input in &inputs {
        outputs.extend(pipeline.handle(input.clone()));
    }
    let end = Time(pipeline.now().0 + 60 * S);
    outputs.extend(tick_until(&mut pipeline, end));
    let out = booked(&outputs);
    assert_eq!(out.len(), 2, "{out:?}");
    assert!(
        out[0].contains("000000016 + 10") && out[1].contains("000000023 + 10"),
        "{out:?}"
    );
}

#[test]
fn the_truck_is_named_but_is_no_part_of_the_load() {
    let mut config = config();
    config.tags.carrier = vec![Pattern::parse("urn:epc:pat:giai-96:*.4012345.*").unwrap()];
    let mut pipeline = Pipeline::default();
    pipeline.handle(Input::Configure(Box::new(config)));
    for input in &start()[1..] {
        pipeline.handle(input.clone());
    }
    let truck = |n: u64| {
        let uri = format!("urn:epc:tag:giai-96:0.4012345.{n}");
        encode_tag_uri(&uri).unwrap().bytes
    };
    let mut reads = crossing(&pallet(1, 6), T0 + 5 * S, 5.0, true);
    reads.extend(crossing(&[truck(7)], T0 + 5 * S, 5.0, true));
    // Another passes when nothing else moves.
    reads.extend(crossing(&[truck(8)], T0 + 30 * S, 5.0, true));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let events = events(&run(&mut pipeline, &reports(&reads, 20), 30));
    let [event] = events.as_slice() else {
        panic!("{events:#?}")
    };
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let truck = "https://id.gs1.org/8004/40123457";
    assert_eq!(event["gw:carriers"], serde_json::json!([truck]));
    assert!(!event["childEPCs"].to_string().contains("/8004/"));
}
