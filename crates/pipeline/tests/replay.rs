//! The same inputs give the same events, byte for byte, however they are cut, repeated, mixed or interrupted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use proptest::prelude::*;
use tracegate_pipeline::filter::Pattern;
use tracegate_pipeline::movement::Wall;
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Pipeline, Read, Time, journal};

/// Three pallets in, two out, a turn-back, scans in between: 70 seconds of a dock's life.
fn day() -> Vec<Input> {
    let mut reads = Vec::new();
    for (n, start, inward) in [
        (1, 5, true),
        (2, 12, true),
        (3, 20, false),
        (1, 30, false),
        (4, 40, true),
    ] {
        reads.extend(crossing(&pallet(n, 8), T0 + start * S, 5.0, inward));
    }
    let back = |at: f64| {
        Some(if at < 3.0 {
            -4.0 + at * 1.4
        } else {
            0.2 - (at - 3.0) * 1.4
        })
    };
    reads.extend(sightings(&pallet(5, 8), T0 + 50 * S, 6.0, &back));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let mut inputs = reports(&reads, 5);
    for second in [8, 16, 33, 47] {
        let data = format!("]d201040123451002041 0LOT{second}\u{1d}3012")
            .replace(' ', "")
            .into_bytes();
        inputs.push(Input::Scan {
            device: 1,
            at: Time(T0 + second * S),
            data,
        });
    }
    inputs.sort_by_key(arrival);
    [start(), inputs].concat()
}

#[test]
fn the_day_has_the_movements_that_it_should_have() {
    let (journal, events) = with_ticks(&day(), 60);
    assert_eq!(
        events
            .iter()
            .filter(|event| event.contains("AggregationEvent"))
            .count(),
        5
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| event.contains("picking"))
            .count(),
        4
    );
    assert_eq!(fold(&mut Pipeline::default(), &journal), events);
}

/// Killed between any two inputs and rebuilt from the journal, or from a snapshot and the journal's rest, the pipeline
/// goes on as if nothing had happened.
#[test]
fn every_kill_point_gives_the_same_events() {
    let (journal, whole) = with_ticks(&day(), 60);
    let mut live = Pipeline::default();
    let mut before = Vec::new();
    for cut in 0..journal.len() {
        // What the snapshot stores is what the journal folds to.
        let snapshot = postcard::to_stdvec(live.state()).unwrap();
        let state: State = postcard::from_bytes(&snapshot).unwrap();
        assert_eq!(&state, live.state(), "after {cut} inputs");
        if cut % 7 == 0 {
            let mut restored = Pipeline::from_state(state);
            let rest = fold(&mut restored, &journal[cut..]);
            assert_eq!(
                [before.clone(), rest].concat(),
                whole,
                "snapshot after {cut} inputs"
            );
            let mut replayed = Pipeline::default();
            assert_eq!(
                fold(&mut replayed, &journal[..cut]),
                before,
                "replay of {cut} inputs"
            );
            assert_eq!(replayed.state(), live.state(), "replay of {cut} inputs");
        }
        before.extend(fold(&mut live, &journal[cut..=cut]));
    }
    assert_eq!(before, whole);
}

/// Reads of a report belong to one instant of arrival; here they are dealt out anew.
fn redeal(inputs: &[Input], sizes: &[usize], swap: &[usize], repeat: &[usize]) -> Vec<Input> {
    let mut reads: Vec<(Time, Read)> = Vec::new();
    let mut others = Vec::new();
    for input in inputs {
        match input {
            Input::Reads {
                at, reads: some, ..
            } => reads.extend(some.iter().map(|read| (*at, read.clone()))),
            other => others.push(other.clone()),
        }
    }
    // Neighbours change places: far within the allowed lateness of 900 ms.
    for index in swap {
        let index = index % (reads.len() - 1);
        if reads[index + 1].0.0 - reads[index].0.0 < 200 * MS {
            reads.swap(index, index + 1);
        }
    }
    for index in repeat {
        let again = reads[index % reads.len()].clone();
        reads.insert(index % reads.len(), again);
    }
    let (mut dealt, mut sizes) = (others, sizes.iter().cycle());
    for part in reads.chunk_by(|a, b| b.0.0 - a.0.0 < 300 * MS) {
        let mut rest = part;
        while !rest.is_empty() {
            let (chunk, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            let at = chunk.iter().map(|(at, _)| *at).max().unwrap();
            dealt.push(Input::Reads {
                device: 0,
                at,
                reads: chunk.iter().map(|(_, read)| read.clone()).collect(),
            });
            rest = more;
        }
    }
    dealt.sort_by_key(|input| arrival(input).unwrap_or(Time::MIN));
    dealt
}

/// Every read in a report of its own, each held up for a while, in the order of arrival. In a report it has waited already,
/// by some 100 ms; so the rest may be 700 ms of the 900 that a gate waits. Now and then one is quick: a reader whose reads
/// all take their time is taken for one whose clock is slow.
fn held_up(inputs: &[Input], delays: &[i64]) -> Vec<Input> {
    let mut delays = delays.iter().cycle();
    let mut held = Vec::new();
    for input in inputs {
        let Input::Reads { device, reads, .. } = input else {
            held.push(input.clone());
            continue;
        };
        let (device, first) = (*device, arrival(input).unwrap().0);
        held.extend(reads.iter().map(|read| Input::Reads {
            device,
            at: Time(
                first
                    + delays.next().unwrap()
                        * MS
                        * i64::from(read.epc.last().is_none_or(|byte| byte % 8 != 3)),
            ),
            reads: vec![read.clone()],
        }));
    }
    held.sort_by_key(|input| arrival(input).unwrap_or(Time::MIN));
    held
}

/// A day with everything that the state holds besides loads: late reads that amend a passage and make one, a carrier, a
/// wall clock that is set.
fn odd_day() -> Vec<Input> {
    let mut config = config();
    let truck = sgtin(777, 1);
    config.tags.carrier = vec![Pattern::parse("urn:epc:pat:sgtin-96:*.4012345.000777.*").unwrap()];
    let mut reads = Vec::new();
    for (n, start) in [(1, 5), (2, 20), (3, 40)] {
        reads.extend(crossing(&pallet(n, 6), T0 + start * S, 5.0, true));
    }
    reads.extend(crossing(&[truck], T0 + 20 * S, 5.0, true));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let is_late = |read: &Read| {
        let at = read.device_time.unwrap().micros();
        at < T0 + 12 * S && read.epc.last().is_some_and(|byte| byte % 3 == 0)
    };
    let (late, in_time): (Vec<Read>, Vec<Read>) = reads.into_iter().partition(is_late);
    let mut inputs = reports(&in_time, 7);
    for (n, part) in late.chunks(5).enumerate() {
        inputs.push(Input::Reads {
            device: 0,
            at: Time(T0 + 33 * S + n as i64 * 40 * MS),
            reads: part.to_vec(),
        });
    }
    let wall = Wall {
        ahead: Span::millis(3_000),
        synchronised: true,
    };
    inputs.push(Input::Wall {
        at: Time(T0 + 21 * S),
        wall,
    });
    inputs.sort_by_key(|input| arrival(input).unwrap());
    let mut start = start();
    start[0] = Input::Configure(Box::new(config));
    [start, inputs].concat()
}

#[test]
fn every_kill_point_of_an_odd_day_gives_the_same_events() {
    let (inputs, whole) = with_ticks(&odd_day(), 60);
    for word in ["gw:late", "gw:carriers"] {
        assert!(whole.iter().any(|event| event.contains(word)), "{word}");
    }
    let (mut live, mut before) = (Pipeline::default(), Vec::new());
    for cut in 0..inputs.len() {
        if cut % 3 == 0 {
            let snapshot = postcard::to_stdvec(live.state()).unwrap();
            let state: State = postcard::from_bytes(&snapshot).unwrap();
            let rest = fold(&mut Pipeline::from_state(state), &inputs[cut..]);
            assert_eq!([before.clone(), rest].concat(), whole, "killed at {cut}");
        }
        before.extend(fold(&mut live, &inputs[cut..=cut]));
    }
}

/// The journal holds the inputs in a form of its own; what it gives back makes the same events and the same state.
#[test]
fn the_journal_gives_back_what_makes_the_same_events() {
    for day in [day(), odd_day()] {
        let (inputs, whole) = with_ticks(&day, 60);
        let mut live = Pipeline::default();
        fold(&mut live, &inputs);
        let rows = inputs
            .chunks(9)
            .map(|batch| journal::encode(batch).unwrap());
        let back: Vec<Input> = rows
            .flat_map(|row| journal::decode(&row).unwrap())
            .collect();
        let mut replayed = Pipeline::default();
        assert_eq!(fold(&mut replayed, &back), whole);
        assert_eq!(replayed.state(), live.state());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delivery_does_not_matter(
        sizes in proptest::collection::vec(1..20usize, 1..10),
        swap in proptest::collection::vec(any::<usize>(), 0..40),
        repeat in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let day = day();
        let (_, expected) = with_ticks(&day, 60);
        let (_, dealt) = with_ticks(&redeal(&day, &sizes, &swap, &repeat), 60);
        let ids = |events: &[String]| events.iter().map(|event| event[80..240].to_owned()).collect::<Vec<_>>();
        prop_assert!(dealt == expected, "{:#?}\n{:#?}", ids(&dealt), ids(&expected));
    }

    /// Each read takes its own way to the gateway, in less time than the gate waits; killed somewhere on the way.
    #[test]
    fn how_long_reads_are_under_way_does_not_matter(
        delays in proptest::collection::vec(0..700i64, 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let day = day();
        let (_, expected) = with_ticks(&day, 60);
        let (inputs, events) = with_ticks(&held_up(&day, &delays), 60);
        prop_assert_eq!(&events, &expected);
        let (before, after) = inputs.split_at(cut.index(inputs.len()));
        let mut killed = Pipeline::default();
        let first = fold(&mut killed, before);
        let again = Pipeline::from_state(killed.state().clone());
        prop_assert_eq!([first, fold(&mut { again }, after)].concat(), expected);
    }

    /// Nothing that a reader or scanner can send stops the pipeline.
    #[test]
    fn garbage_is_survived(reads in proptest::collection::vec((any::<Vec<u8>>(), any::<u16>(), any::<Option<u16>>(), 0..6u16, any::<Option<i8>>(), any::<Option<u64>>()), 0..60), scan in any::<Vec<u8>>()) {
        let mut pipeline = Pipeline::default();
        for input in start() {
            pipeline.handle(input);
        }
        let reads = reads.into_iter().map(|(epc, bit_len, pc, antenna, rssi_dbm, time)| Read {
            epc, bit_len, pc, antenna, rssi_dbm, device_time: time.map(tracegate_pipeline::ReaderTime::Utc),
                ..Read::default()
        });
        let at = Time(T0 + S);
        pipeline.handle(Input::Reads { device: 0, at, reads: reads.collect() });
        pipeline.handle(Input::Reads { device: 77, at, reads: Vec::new() });
        pipeline.handle(Input::Scan { device: 1, at, data: scan });
        tick_until(&mut pipeline, Time(T0 + 100 * S));
        prop_assert_eq!(pipeline.sizes().1, 0);
    }
}
