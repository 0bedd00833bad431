//! Photo-eyes at a door: what they refuse, what they tell, and what is told without them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::*;
use tracegate_pipeline::config::{GateEye, ReadPointKind, Side};
use tracegate_pipeline::eyes::{Fault, Says};
use tracegate_pipeline::input::{NonEvent, NonEventReason};
use tracegate_pipeline::pipeline::State;
use tracegate_pipeline::time::Span;
use tracegate_pipeline::{Input, Output, Pipeline, PipelineConfig, ReaderTime, Time, journal};

/// The outer eye is at input 1, the inner one at input 2.
fn with_eyes() -> PipelineConfig {
    let mut config = config();
    if let ReadPointKind::Gate(gate) = &mut config.read_points[0].kind {
        let eye = |(port, side)| GateEye {
            device: 0,
            port,
            side,
            blocked_high: true,
        };
        gate.eyes = [(1, Side::Outside), (2, Side::Inside)].map(eye).to_vec();
    }
    config
}

fn gpi(at: i64, port: u16, high: bool, timed: bool) -> Input {
    Input::Gpi {
        device: 0,
        at: Time(at + 15 * MS),
        port,
        high,
        reader_time: timed.then_some(ReaderTime::Utc(at as u64)),
    }
}

/// Both inputs as the reader tells them when it is asked.
fn asked(at: i64) -> [Input; 2] {
    [gpi(at, 1, false, false), gpi(at, 2, false, false)]
}

/// Something goes through, with its middle at the line at `at`.
fn through(at: i64, inward: bool, timed: bool) -> Vec<Input> {
    let (near, far) = if inward { (1, 2) } else { (2, 1) };
    vec![
        gpi(at - 700 * MS, near, true, timed),
        gpi(at - 300 * MS, far, true, timed),
        gpi(at + 300 * MS, near, false, timed),
        gpi(at + 700 * MS, far, false, timed),
    ]
}

/// A day with eyes: the inputs in order of arrival.
fn day(parts: Vec<Vec<Input>>) -> Vec<Input> {
    let mut inputs = parts.concat();
    inputs.sort_by_key(arrival);
    let mut all = start();
    all[0] = Input::Configure(Box::new(with_eyes()));
    all.extend(asked(T0 + 10 * MS));
    all.extend(inputs);
    all
}

/// What was told, in a word each.
fn told(outputs: &[Output]) -> Vec<String> {
    let word = |output: &Output| match output {
        Output::Event(event) => Some(format!(
            "{} ({})",
            event.summary.trim(),
            event.eyes.as_str().unwrap_or("-")
        )),
        Output::NonEvent(NonEvent {
            reason,
            direction: Some(direction),
            ..
        }) => Some(format!("{} {}", direction.as_str(), reason.as_str())),
        _ => None,
    };
    let mut told: Vec<String> = outputs.iter().filter_map(word).collect();
    // A load is refused as often as tags of it change sides apart from the others.
    told.dedup();
    told
}

const IN_8: &str = "in  receiving 00/040123450000000016 + 8 items";

#[test]
fn a_load_that_the_eyes_saw_is_booked_and_says_so() {
    for timed in [true, false] {
        let load = reports(&crossing(&pallet(1, 8), T0 + 20 * S, 6.0, true), 8);
        let inputs = day(vec![load, through(T0 + 23 * S, true, timed)]);
        let mut pipeline = Pipeline::default();
        let outputs = run(&mut pipeline, &inputs, 60);
        assert_eq!(
            told(&outputs),
            [format!("{IN_8} (the photo-eyes saw it pass this way)")],
            "{timed}"
        );
        assert_eq!(pipeline.stats().edges_late, 0);
    }
}

#[test]
fn a_weak_load_that_eyes_did_not_see_is_refused_and_a_strong_one_is_booked() {
    // Somebody without a tag has been seen, so the eyes are known to see.
    let before = || through(T0 + 5 * S, false, true);
    let load = |items| reports(&crossing(&pallet(1, items), T0 + 30 * S, 6.0, true), 8);
    let few = day(vec![before(), load(3)]);
    let mut pipeline = Pipeline::default();
    let outputs = run(&mut pipeline, &few, 60);
    assert_eq!(told(&outputs), ["out untagged_passage", "in eye"]);
    let refused = outputs.iter().find_map(|output| match output {
        Output::NonEvent(load) if load.reason == NonEventReason::Eye => Some(load),
        _ => None,
    });
    assert_eq!(refused.unwrap().eyes, Says::Dark);
    assert_eq!(pipeline.stats().non_events[&NonEventReason::Untagged], 1);

    let many = day(vec![before(), load(8)]);
    let outputs = run(&mut Pipeline::default(), &many, 60);
    let booked = format!("{IN_8} (the photo-eyes saw nothing pass)");
    assert_eq!(told(&outputs), ["out untagged_passage", &booked]);
}

/// Never is a movement lost because of an eye that was not there.
#[test]
fn eyes_whose_reader_was_away_are_ignored() {
    let load = reports(&crossing(&pallet(1, 3), T0 + 28_500 * MS, 6.0, true), 8);
    let gone = vec![link(T0 + 25 * S, false), link(T0 + 28_300 * MS, true)];
    let asked = asked(T0 + 28_320 * MS).to_vec();
    let seen = through(T0 + 5 * S, false, true);
    let outputs = run(
        &mut Pipeline::default(),
        &day(vec![seen, gone, asked, load]),
        60,
    );
    let booked = "in  receiving 00/040123450000000016 + 3 items (-)";
    assert_eq!(told(&outputs), ["out untagged_passage", booked]);
}

/// While the antennas' reader is away for good, eyes at another reader keep their times: chatter is no passage, what comes
/// late finds its place, and what had no tags is told when no load can be made of it any more.
#[test]
fn eyes_at_another_reader_keep_their_times_while_the_antennas_are_away() {
    let mut config = with_eyes();
    if let ReadPointKind::Gate(gate) = &mut config.read_points[0].kind {
        gate.eyes.iter_mut().for_each(|eye| eye.device = 1);
    }
    let mut inputs = start();
    inputs[0] = Input::Configure(Box::new(config));
    inputs.push(link(T0 + S, false));
    let mut edges = [
        asked(T0 + 30 * S).to_vec(),
        through(T0 + 60 * S, true, true),
    ]
    .concat();
    // 10 ms of nothing on both eyes, and the last edge of the passage is 400 ms late.
    edges.extend(
        [(1, true, 0), (2, true, 2), (1, false, 10), (2, false, 12)]
            .map(|(port, high, ms)| gpi(T0 + 50 * S + ms * MS, port, high, true)),
    );
    if let Some(Input::Gpi { at, .. }) = edges.get_mut(5) {
        *at = *at + Span(400 * MS);
    }
    for edge in &mut edges {
        if let Input::Gpi { device, .. } = edge {
            *device = 1;
        }
    }
    edges.sort_by_key(arrival);
    inputs.extend(edges);
    let mut pipeline = Pipeline::default();
    let (before, after) = (run(&mut pipeline, &inputs, 7), run(&mut pipeline, &[], 60));
    assert_eq!(told(&before), Vec::<String>::new());
    assert_eq!(told(&after), ["in untagged_passage"]);
    assert_eq!(pipeline.stats().edges_late, 0);
}

#[test]
fn an_eye_that_stays_interrupted_is_told_of_and_ignored() {
    let blocked = vec![
        gpi(T0 + 15 * S, 1, true, true),
        gpi(T0 + 15 * S, 2, true, true),
    ];
    let seen = through(T0 + 5 * S, false, true);
    let load = reports(&crossing(&pallet(1, 3), T0 + 100 * S, 6.0, true), 8);
    let mut pipeline = Pipeline::default();
    let outputs = run(&mut pipeline, &day(vec![seen, blocked, load]), 60);
    let booked = "in  receiving 00/040123450000000016 + 3 items (-)";
    assert_eq!(told(&outputs), ["out untagged_passage", booked]);
    let faults: Vec<_> = pipeline
        .eyes()
        .map(|eye| (eye.eye.port, eye.fault))
        .collect();
    assert_eq!(
        faults,
        [(1, Some(Fault::Blocked)), (2, Some(Fault::Blocked))]
    );
}

/// Two pallets 1.6 s apart: by their tags alone they are hard to tell apart.
#[test]
fn two_passages_are_two_loads() {
    let mut reads = crossing(&pallet(1, 8), T0 + 20 * S, 6.0, true);
    reads.extend(crossing(&pallet(2, 8), T0 + 21_600 * MS, 6.0, true));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let eyes = [
        through(T0 + 23 * S, true, true),
        through(T0 + 24_600 * MS, true, true),
    ];
    let outputs = run(
        &mut Pipeline::default(),
        &day(vec![reports(&reads, 8), eyes.concat()]),
        60,
    );
    let saw = "(the photo-eyes saw it pass this way)";
    let other = "in  receiving 00/040123450000000023 + 8 items";
    assert_eq!(
        told(&outputs),
        [format!("{IN_8} {saw}"), format!("{other} {saw}")]
    );
}

fn busy_day() -> Vec<Input> {
    let load = |n, start, inward| reports(&crossing(&pallet(n, 6), T0 + start * S, 5.0, inward), 5);
    let (inwards, outwards) = (
        through(T0 + 22_500 * MS, true, true),
        through(T0 + 42_500 * MS, false, false),
    );
    let mut bounce = through(T0 + 60 * S, true, true);
    for number in 0..7 {
        bounce.push(gpi(
            T0 + 60 * S - 700 * MS + number * 4 * MS,
            1,
            number % 2 == 0,
            true,
        ));
    }
    day(vec![
        load(1, 20, true),
        inwards,
        load(2, 40, false),
        outwards,
        bounce,
        load(3, 80, true),
    ])
}

fn with_ticks(inputs: &[Input], after: i64) -> (Vec<Input>, Vec<Output>) {
    let (mut pipeline, mut all, mut outputs) = (Pipeline::default(), Vec::new(), Vec::new());
    let mut feed = |pipeline: &mut Pipeline, input: Input| {
        outputs.extend(pipeline.handle(input.clone()));
        all.push(input);
    };
    for input in inputs {
        while let Some(at) = pipeline
            .next_tick()
            .filter(|at| arrival(input).is_some_and(|it| *at <= it))
        {
            feed(&mut pipeline, Input::Tick { at });
        }
        feed(&mut pipeline, input.clone());
    }
    let end = pipeline.now() + Span(after * S);
    while let Some(at) = pipeline.next_tick().filter(|at| *at <= end) {
        feed(&mut pipeline, Input::Tick { at });
    }
    (all, outputs)
}

/// Killed between any two inputs and rebuilt from what is stored, edges included, it goes on as if nothing had happened.
#[test]
fn every_kill_point_gives_the_same() {
    let (inputs, whole) = with_ticks(&busy_day(), 60);
    assert_eq!(told(&whole).len(), 4, "{:?}", told(&whole));
    let bytes = journal::encode(&inputs).unwrap();
    let inputs = journal::decode(&bytes).unwrap();
    for cut in (0..inputs.len()).step_by(7) {
        let mut live = Pipeline::default();
        let mut outputs: Vec<Output> = Vec::new();
        for input in &inputs[..cut] {
            outputs.extend(live.handle(input.clone()));
        }
        let snapshot = postcard::to_stdvec(live.state()).unwrap();
        let state: State = postcard::from_bytes(&snapshot).unwrap();
        let mut rebuilt = Pipeline::from_state(state);
        for input in &inputs[cut..] {
            outputs.extend(rebuilt.handle(input.clone()));
        }
        assert_eq!(outputs, whole, "killed at {cut}");
    }
}

/// Edges that arrive later than others, within the lateness, find their place.
#[test]
fn edges_in_another_order_give_the_same() {
    let inputs = busy_day();
    let whole = told(&run(&mut Pipeline::default(), &inputs, 60));
    for seed in 1..6_i64 {
        let mut other = inputs.clone();
        for (number, input) in (0..).zip(&mut other) {
            if let Input::Gpi {
                at,
                reader_time: Some(_),
                ..
            } = input
            {
                *at = *at + Span(number * seed * 7_919 % 600 * MS);
            }
        }
        let mut rest = other.split_off(6);
        rest.sort_by_key(arrival);
        other.extend(rest);
        assert_eq!(
            told(&run(&mut Pipeline::default(), &other, 60)),
            whole,
            "{seed}"
        );
    }
}

/// The reader's clock is taken to be another one between two changes of an eye that bounces: they stay in order.
#[test]
fn an_eye_that_bounces_as_the_clock_is_corrected_is_free_again() {
    let bounce = |own: i64, arrives: i64, high: bool| Input::Gpi {
        device: 0,
        at: Time(T0 + 5 * S + arrives * MS),
        port: 2,
        high,
        reader_time: Some(ReaderTime::Utc((T0 + 5 * S + own * MS) as u64)),
    };
    let load = reports(&crossing(&pallet(1, 8), T0 + 20 * S, 6.0, true), 8);
    let mut inputs = day(vec![
        vec![bounce(0, 25, true), bounce(8, 26, false)],
        load,
        through(T0 + 23 * S, true, true),
    ]);
    if let Input::Device { reader_time, .. } = &mut inputs[2] {
        // The connection event was under way for longer than anything after it.
        *reader_time = Some(ReaderTime::Utc((T0 - 70 * MS) as u64));
    }
    let outputs = run(&mut Pipeline::default(), &inputs, 60);
    assert_eq!(
        told(&outputs),
        [format!("{IN_8} (the photo-eyes saw it pass this way)")]
    );
}

/// It comes to the line and is heard behind it, faintly because of the truck, for 7 s; then it goes back. The beams were
/// interrupted all the time.
#[test]
fn what_still_interrupts_the_beams_has_not_passed() {
    let mut reads = Vec::new();
    for tenth in 0..140 {
        let at = f64::from(tenth) / 10.0;
        let rssi = match tenth {
            0..30 => -70.0 + at * 7.0,
            30..105 => -64.0,
            _ => -50.0 - (at - 10.5) * 7.0,
        };
        let antenna = if (30..105).contains(&tenth) { 3 } else { 1 };
        for (index, tag) in (0..).zip(pallet(1, 8)) {
            let time = T0 + 20 * S + i64::from(tenth) * 100 * MS + index * 700;
            reads.push(read(&tag, antenna, rssi as i8, time));
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let told_until = |leaves: i64| {
        let eyes = [
            gpi(T0 + 22_500 * MS, 1, true, true),
            gpi(T0 + 23_100 * MS, 2, true, true),
            gpi(leaves - 500 * MS, 2, false, true),
            gpi(leaves, 1, false, true),
        ];
        let inputs = day(vec![reports(&reads, 8), eyes.to_vec()]);
        told(&run(&mut Pipeline::default(), &inputs, 60))
    };
    let told = told_until(T0 + 31 * S);
    assert!(!told.iter().any(|it| it.contains("receiving")), "{told:?}");
    let early = told_until(T0 + 25 * S);
    assert!(early.iter().any(|it| it.contains("receiving")), "{early:?}");
}

/// Reads of tags that go out: how loud inside and outside at a time, nothing below -80 dBm.
fn heard(tags: &[Vec<u8>], loud: impl Fn(i64) -> (i8, i8)) -> Vec<tracegate_pipeline::Read> {
    let mut reads = Vec::new();
    for tenth in 0..120 {
        for (index, tag) in (0..).zip(tags) {
            let time = T0 + 20 * S + tenth * 100 * MS + index * 700;
            let (inside, outside) = loud(tenth);
            for (antenna, rssi) in [(3, inside), (1, outside)] {
                if rssi > -80 {
                    reads.push(read(tag, antenna, rssi, time));
                }
            }
        }
    }
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    reads
}

/// Goods and truck leave the one side little to hear of a load: where photo-eyes saw it pass, that is no reason to refuse it.
#[test]
fn what_one_side_hardly_heard_is_booked_where_eyes_saw_it() {
    let mut reads = heard(&pallet(1, 8), |tenth| match tenth {
        12 | 16 | 20 => (-52, -66),
        22..44 => (-90, -50),
        44..50 => (-66, -50),
        _ => (-90, -90),
    });
    // Something stands there besides, so that not every tag is asked for itself.
    reads.extend(heard(&[sgtin(300, 1)], |_| (-60, -60)));
    reads.sort_by_key(|read| read.device_time.unwrap().micros());
    let eyes = through(T0 + 22_100 * MS, false, true);
    let seen = day(vec![reports(&reads, 8), eyes]);
    let told_of = |inputs: &[Input]| told(&run(&mut Pipeline::default(), inputs, 60));
    let booked = "out shipping 00/040123450000000016 + 8 items";
    assert_eq!(
        told_of(&seen),
        [format!("{booked} (the photo-eyes saw it pass this way)")]
    );
    let unseen = [start(), reports(&reads, 8)].concat();
    assert_eq!(told_of(&unseen), ["out unclear"]);
}

/// Eight tags and more are believed rather than photo-eyes, but not where they are back as well.
#[test]
fn what_eyes_saw_turn_back_and_is_back_did_not_pass() {
    let turned = |after: i8| {
        let reads = heard(&pallet(1, 12), |tenth| match tenth {
            0..30 => (-55, -90),
            30..60 => (-90, -50),
            62 | 64 | 66 => (after, -90),
            _ => (-90, -90),
        });
        let eyes = [
            gpi(T0 + 22_600 * MS, 2, true, true),
            gpi(T0 + 23 * S, 1, true, true),
            gpi(T0 + 25_600 * MS, 1, false, true),
            gpi(T0 + 26 * S, 2, false, true),
        ];
        let inputs = day(vec![reports(&reads, 8), eyes.to_vec()]);
        told(&run(&mut Pipeline::default(), &inputs, 60))
    };
    assert_eq!(turned(-65), ["out eye"]);
    let gone = turned(-90);
    assert!(gone[0].contains("shipping"), "{gone:?}");
}

/// It was told to have gone while its truck still stood in the beams: that it comes back is told as well, whatever the eyes say.
#[test]
fn what_was_told_to_have_gone_comes_back_although_the_beams_were_never_free() {
    let reads = heard(&pallet(1, 12), |tenth| match tenth {
        0..20 => (-55, -90),
        20..80 => (-90, -50 - (tenth - 20).min(20) as i8),
        80..100 => (-90, -90 + (tenth - 60) as i8),
        100..118 => (-50 - (tenth - 100) as i8, -90),
        _ => (-90, -90),
    });
    let eyes = [
        gpi(T0 + 21_600 * MS, 2, true, true),
        gpi(T0 + 22 * S, 1, true, true),
        gpi(T0 + 30_500 * MS, 1, false, true),
        gpi(T0 + 31 * S, 2, false, true),
    ];
    let inputs = day(vec![reports(&reads, 8), eyes.to_vec()]);
    let told = told(&run(&mut Pipeline::default(), &inputs, 60));
    let ways: Vec<&str> = told.iter().map(|it| &it[..3]).collect();
    assert_eq!(ways, ["out", "in "], "{told:?}");
    assert!(told.iter().all(|it| it.contains("12 items")), "{told:?}");
}
