//! Ideal crossings, bouncing ones, and edges of any kind.

use proptest::prelude::*;

use super::*;

const MS: i64 = 1_000;

fn dock() -> Tuning {
    Tuning::dock()
}

/// Both eyes known and free since the beginning.
fn known() -> Eyes {
    let mut eyes = Eyes::default();
    for side in [Side::Outside, Side::Inside] {
        eyes.push(Time(0), side, Some(false));
    }
    eyes
}

/// Does all that is due until then; what no load was made of.
fn run(eyes: &mut Eyes, until: i64) -> Vec<Crossing> {
    run_at(&dock(), eyes, until)
}

fn run_at(tuning: &Tuning, eyes: &mut Eyes, until: i64) -> Vec<Crossing> {
    let mut untagged = Vec::new();
    while eyes.next(tuning).is_some_and(|at| at <= Time(until)) {
        untagged.extend(eyes.step(tuning));
    }
    eyes.reached(Time(until));
    untagged
}

/// Something passes: its front and its back at either beam, from the side that it comes from.
fn pass(way: Direction, at: i64, gap: i64, length: i64) -> Vec<(i64, Side, bool)> {
    let far = way.destination();
    let near = far.opposite();
    vec![
        (at, near, true),
        (at + gap, far, true),
        (at + length, near, false),
        (at + length + gap, far, false),
    ]
}

fn load(direction: Direction, at: i64) -> Flip {
    let at = Time(at);
    Flip { direction, at }
}

fn courses(eyes: &Eyes) -> Vec<Course> {
    eyes.crossings.iter().map(|it| it.course).collect()
}

fn seen(edges: &[(i64, Side, bool)]) -> Eyes {
    let mut eyes = known();
    for (at, side, blocked) in edges {
        eyes.push(Time(*at), *side, Some(*blocked));
    }
    run(&mut eyes, 30_000 * MS);
    eyes
}

#[test]
fn what_passes_has_a_direction_and_a_middle() {
    for way in [Direction::In, Direction::Out] {
        let eyes = seen(&pass(way, 1_000 * MS, 300 * MS, 1_200 * MS));
        assert_eq!(courses(&eyes), [Course::Through(way)]);
        assert_eq!(eyes.crossings[0].at, Time(1_750 * MS));
        let says = |way| eyes.says(&dock(), way, Time(2_000 * MS));
        // Nothing was known of before.
        assert_eq!(says(way), Says::Nothing);
    }
    let mut edges = pass(Direction::Out, 1_000 * MS, 300 * MS, 900 * MS);
    edges.extend(pass(Direction::In, 15_000 * MS, 300 * MS, 900 * MS));
    let eyes = seen(&edges);
    let says = |way, at: i64| eyes.says(&dock(), way, Time(at * MS));
    assert!(matches!(says(Direction::In, 15_500), Says::Agrees(_)));
    assert_eq!(says(Direction::Out, 15_500), Says::Opposes);
    assert_eq!(says(Direction::Out, 8_000), Says::Dark);
}

#[test]
fn who_turns_back_has_not_passed() {
    let edges = [
        (1_000 * MS, Side::Outside, true),
        (1_300 * MS, Side::Inside, true),
        (2_000 * MS, Side::Inside, false),
        (2_300 * MS, Side::Outside, false),
        (9_000 * MS, Side::Outside, true),
        (9_100 * MS, Side::Outside, false),
    ];
    let eyes = seen(&edges);
    assert_eq!(courses(&eyes), [Course::Back, Course::Back]);
    assert_eq!(
        eyes.says(&dock(), Direction::In, Time(9_000 * MS)),
        Says::Back
    );
}

/// What the eyes of a belt see: which beam is interrupted, from when on, and for how long.
fn on_belt(blocks: &[(Side, i64, i64)]) -> Vec<Course> {
    let mut eyes = known();
    for (side, at, length) in blocks {
        eyes.push(Time(at * MS), *side, Some(true));
        eyes.push(Time((at + length) * MS), *side, Some(false));
    }
    run_at(&Tuning::belt(), &mut eyes, 30_000 * MS);
    courses(&eyes)
}

#[test]
fn what_is_shorter_than_the_beams_are_apart_passes_on_a_belt() {
    use Direction::{In, Out};
    use Side::{Inside, Outside};
    // Boxes of 0.3 m at 0.9 m/s through beams 0.4 m apart, one every 1.2 s; the belt slows down behind the first beam.
    let row = [0, 1_200, 2_400].map(|at| [(Outside, 1_000 + at, 340), (Inside, 1_460 + at, 500)]);
    assert_eq!(on_belt(row.as_flattened()), [Course::Through(In); 3]);
    let back = [(Inside, 1_000, 340), (Outside, 1_460, 340)];
    assert_eq!(on_belt(&back), [Course::Through(Out)]);
    // Between the beams it turned back.
    let turned = [(Outside, 1_000, 340), (Outside, 1_460, 340)];
    assert_eq!(on_belt(&turned), [Course::Back; 2]);
    // Somebody reaches into the one beam and into the other, or leans into the second.
    let reached = [(Outside, 1_000, 340), (Inside, 2_400, 340)];
    assert_eq!(on_belt(&reached), [Course::Back; 2]);
    let leaned = [(Outside, 1_000, 340), (Inside, 1_460, 900)];
    assert_eq!(on_belt(&leaned), [Course::Back; 2]);
    // One that was taken off is followed by another.
    let another = [(Outside, 1_000, 340), row[1][0], row[1][1]];
    assert_eq!(on_belt(&another), [Course::Back, Course::Through(In)]);
}

#[test]
fn nothing_at_a_door_is_so_short() {
    let edges = [(1_000, Side::Outside), (1_460, Side::Inside)]
        .map(|(at, side)| [(at * MS, side, true), ((at + 340) * MS, side, false)]);
    let eyes = seen(edges.as_flattened());
    assert_eq!(courses(&eyes), [Course::Back; 2]);
}

#[test]
fn a_gap_in_a_load_is_no_second_one_and_bouncing_is_none() {
    let way = Direction::In;
    let mut edges = pass(way, 1_000 * MS, 300 * MS, 1_200 * MS);
    // Between truck and pallet the inner beam sees through, for 100 ms.
    edges.push((1_800 * MS, Side::Inside, false));
    edges.push((1_900 * MS, Side::Inside, true));
    for bounce in 0..10 {
        edges.push((1_000 * MS + bounce * 2 * MS, Side::Outside, bounce % 2 == 0));
    }
    edges.push((1_020 * MS, Side::Outside, true));
    // A leaf.
    edges.push((8_000 * MS, Side::Inside, true));
    edges.push((8_020 * MS, Side::Inside, false));
    assert_eq!(courses(&seen(&edges)), [Course::Through(way)]);
}

#[test]
fn one_eye_tells_that_something_was_there() {
    let mut eyes = Eyes::default();
    eyes.push(Time(0), Side::Inside, Some(false));
    for (at, blocked) in [(1, true), (2, false), (20, true), (21, false)] {
        eyes.push(Time(at * 1_000 * MS), Side::Inside, Some(blocked));
    }
    assert!(run(&mut eyes, 40_000 * MS).is_empty());
    assert_eq!(courses(&eyes), [Course::Unknown, Course::Unknown]);
    let says = |at: i64| eyes.says(&dock(), Direction::In, Time(at * 1_000 * MS));
    assert_eq!((says(20), says(12)), (Says::Busy, Says::Dark));
}

#[test]
fn an_eye_that_is_interrupted_at_first_tells_nothing_of_the_way() {
    let mut eyes = Eyes::default();
    eyes.push(Time(0), Side::Outside, Some(true));
    eyes.push(Time(0), Side::Inside, Some(false));
    for (at, side, blocked) in [
        (1, Side::Inside, true),
        (2, Side::Outside, false),
        (3, Side::Inside, false),
    ] {
        eyes.push(Time(at * 1_000 * MS), side, Some(blocked));
    }
    run(&mut eyes, 20_000 * MS);
    assert_eq!(courses(&eyes), [Course::Unknown]);
}

#[test]
fn a_blocked_eye_is_ignored_until_it_is_free() {
    let mut eyes = seen(&pass(Direction::In, 1_000 * MS, 300 * MS, 900 * MS));
    let fault = |eyes: &Eyes, at: i64| eyes.fault(&dock(), Side::Outside, Time(at * MS), None);
    eyes.push(Time(31_000 * MS), Side::Outside, Some(true));
    run(&mut eyes, 40_000 * MS);
    let says = |eyes: &Eyes, at: i64| eyes.says(&dock(), Direction::In, Time(at * MS));
    assert_eq!(says(&eyes, 38_000), Says::Busy, "not yet");
    assert_eq!(fault(&eyes, 40_000), None);
    run(&mut eyes, 120_000 * MS);
    assert_eq!(fault(&eyes, 120_000), Some(Fault::Blocked));
    assert_eq!(says(&eyes, 115_000), Says::Dark, "the other one still sees");
    eyes.push(Time(121_000 * MS), Side::Inside, None);
    run(&mut eyes, 130_000 * MS);
    assert_eq!(says(&eyes, 128_000), Says::Nothing);
    eyes.push(Time(131_000 * MS), Side::Outside, Some(false));
    run(&mut eyes, 140_000 * MS);
    assert_eq!(fault(&eyes, 140_000), None);
    assert_eq!(
        (says(&eyes, 133_000), says(&eyes, 138_000)),
        (Says::Nothing, Says::Dark)
    );
}

#[test]
fn an_eye_that_misses_loads_is_ignored_until_it_changes() {
    let mut eyes = seen(&pass(Direction::In, 1_000 * MS, 300 * MS, 900 * MS));
    for at in [10_000, 20_000] {
        assert_eq!(eyes.says(&dock(), Direction::In, Time(at * MS)), Says::Dark);
        eyes.claim(&dock(), load(Direction::In, at * MS), None);
    }
    let at = Time(25_000 * MS);
    assert_eq!(eyes.says(&dock(), Direction::In, at), Says::Nothing);
    assert_eq!(
        eyes.fault(&dock(), Side::Inside, at, None),
        Some(Fault::Blind)
    );
    for (at, side, blocked) in pass(Direction::Out, 31_000 * MS, 300 * MS, 900 * MS) {
        eyes.push(Time(at), side, Some(blocked));
    }
    run(&mut eyes, 60_000 * MS);
    assert_eq!(eyes.fault(&dock(), Side::Inside, at, None), None);
    let later = Time(50_000 * MS);
    assert_eq!(eyes.says(&dock(), Direction::In, later), Says::Dark);
}

#[test]
fn eyes_that_refuse_all_there_is_are_ignored_in_the_end() {
    let mut eyes = seen(&pass(Direction::In, 1_000 * MS, 300 * MS, 900 * MS));
    // The inner one is dead from now on.
    for number in 0..20 {
        let at = 40_000 + number * 15_000;
        for (at, blocked) in [(at, true), (at + 500, false)] {
            eyes.push(Time(at * MS), Side::Outside, Some(blocked));
        }
        run(&mut eyes, (at + 3_000) * MS);
        let says = eyes.says(&dock(), Direction::In, Time(at * MS));
        assert_eq!(
            says,
            if number < 10 { Says::Back } else { Says::Busy },
            "{number}"
        );
        for repeated in 0..4 {
            let load = load(Direction::In, (at + repeated) * MS);
            eyes.claim(&dock(), load, Some(NonEventReason::Eye));
        }
        run(&mut eyes, (at + 14_000) * MS);
    }
}

#[test]
fn an_eye_without_a_level_is_complained_of() {
    let eyes = Eyes::default();
    let fault = |up| eyes.fault(&dock(), Side::Inside, Time(100_000 * MS), up);
    assert_eq!(fault(Some(Time(0))), Some(Fault::Silent));
    assert_eq!((fault(Some(Time(90_000 * MS))), fault(None)), (None, None));
}

#[test]
fn late_edges_count_from_now_on() {
    let mut eyes = seen(&pass(Direction::In, 1_000 * MS, 300 * MS, 900 * MS));
    assert!(!eyes.push(Time(30_000 * MS), Side::Inside, Some(false)));
    assert!(eyes.push(Time(20_000 * MS), Side::Inside, Some(true)));
    run(&mut eyes, 31_000 * MS);
    assert!(eyes.inside.interrupts() && eyes.occupied.is_some());
    assert!(!eyes.inside.is_sure(Time(25_000 * MS)));
}

#[test]
fn what_no_load_was_made_of_is_told_once() {
    let edges = [
        pass(Direction::In, 1_000 * MS, 300 * MS, 900 * MS),
        pass(Direction::Out, 10_000 * MS, 300 * MS, 900 * MS),
    ];
    let mut eyes = known();
    for (at, side, blocked) in edges.concat() {
        eyes.push(Time(at), side, Some(blocked));
    }
    let untagged = run(&mut eyes, 13_000 * MS);
    assert_eq!(untagged.len(), 1);
    assert_eq!(untagged[0].course, Course::Through(Direction::In));
    eyes.claim(&dock(), load(Direction::Out, 10_500 * MS), None);
    assert!(run(&mut eyes, 40_000 * MS).is_empty());
    assert_eq!(
        eyes.passage(&dock(), Direction::Out, Time(10_500 * MS)),
        None
    );
}

#[test]
fn more_edges_than_can_wait_are_taken_early() {
    let mut eyes = known();
    for number in 0..5_000 {
        eyes.push(Time(number * MS), Side::Inside, Some(number % 2 == 0));
    }
    assert_eq!(eyes.edges.len(), MAX_EDGES);
    assert!(eyes.capped > 3_000);
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Outside), Just(Side::Inside)]
}

proptest! {
    /// Whatever comes, in whatever order, is taken; nothing grows, and all comes to an end.
    #[test]
    fn any_edges_are_taken(
        edges in prop::collection::vec((any::<i64>(), side(), any::<Option<bool>>(), any::<bool>()), 0..300),
    ) {
        let mut eyes = Eyes::default();
        for (at, side, level, steps) in edges {
            eyes.push(Time(at / 4), side, level);
            if steps {
                eyes.step(&dock());
            }
            let refused = (!steps).then_some(NonEventReason::Eye);
            eyes.claim(&dock(), load(Direction::In, at / 4), refused);
            let _ = eyes.says(&dock(), Direction::Out, Time(at / 4));
            prop_assert!(eyes.crossings.len() <= MAX_CROSSINGS);
        }
        let mut steps = 0;
        while eyes.next(&dock()).is_some() {
            eyes.step(&dock());
            steps += 1;
            prop_assert!(steps < 5_000);
        }
    }

    /// Ideal crossings whose edges bounce and come in any order: as many in and out as there were, one by one.
    #[test]
    fn the_balance_is_right(
        ways in prop::collection::vec((any::<bool>(), 50_i64..500, 300_i64..2_000, 0_i64..25), 1..30),
        seed in any::<u64>(),
    ) {
        let (mut edges, mut expected, mut at) = (Vec::new(), Vec::new(), 1_000);
        for (inward, gap, length, jitter) in ways {
            let way = if inward { Direction::In } else { Direction::Out };
            // An eye that is interrupted before the first one is free again: longer than the gap between the two.
            let length = length.max(gap + 60);
            for (at, side, blocked) in pass(way, at * MS, gap * MS, length * MS) {
                edges.push((at, side, blocked));
                if jitter > 2 {
                    edges.push((at + MS, side, !blocked));
                    edges.push((at + jitter * MS, side, blocked));
                }
            }
            expected.push(Course::Through(way));
            at += length + gap + 500;
        }
        edges.sort_by_key(|(at, side, _)| (seed.wrapping_mul(*at as u64 | 1).rotate_left(17), *side));
        let mut eyes = known();
        for (at, side, blocked) in edges {
            eyes.push(Time(at), side, Some(blocked));
        }
        while eyes.next(&dock()).is_some_and(|next| next <= Time(at * MS)) {
            eyes.step(&dock());
        }
        prop_assert_eq!(courses(&eyes), expected);
    }
}
