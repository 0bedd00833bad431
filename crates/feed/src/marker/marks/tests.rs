use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TIMEOUT_US: u64 = 10_000_000;

fn marks(replies: bool) -> Marks<usize> {
    Marks::new(Settings {
        replies,
        timeout_us: TIMEOUT_US,
    })
}

fn details(list: &[(&str, &str)]) -> Details {
    let mut details = Details::default();
    for (name, text) in list {
        assert!(details.set(name, text), "{name}");
    }
    details
}

/// Steps a second apart; what ended, as `serial outcome`.
fn run(replies: bool, steps: &[(Step, &[(&str, &str)])]) -> Vec<String> {
    let (mut marks, mut told) = (marks(replies), Vec::new());
    for (at, (step, list)) in steps.iter().enumerate() {
        let now_us = at as u64 * 1_000_000;
        marks.step(now_us, at, *step, details(list), &mut told);
    }
    marks.tick(u64::MAX, &mut told);
    let show = |told: &Told<usize>| match told {
        Told::Begun(_) => None,
        Told::Ended(it) => Some(format!(
            "{} {:?}",
            it.begun.details.serial.as_deref().unwrap_or("-"),
            it.outcome
        )),
    };
    told.iter().filter_map(show).collect()
}

#[test]
fn a_line_is_a_mark() {
    let ended = run(
        false,
        &[
            (Step::Done, &[("serial", "1")]),
            (Step::Failed, &[("serial", "2"), ("error", "E4")]),
        ],
    );
    assert_eq!(ended, ["1 Done", "2 Failed(Some(\"E4\"))"]);
}

#[test]
fn two_frames_are_a_mark_and_data_belongs_to_it() {
    let ended = run(
        false,
        &[
            (Step::Data, &[("serial", "1")]),
            (Step::Start, &[]),
            (Step::Done, &[]),
            (Step::Start, &[]),
            (Step::Data, &[("serial", "2")]),
            (Step::Done, &[]),
        ],
    );
    assert_eq!(ended, ["1 Done", "2 Done"]);
}

#[test]
fn without_an_end_the_outcome_is_not_known() {
    let ended = run(
        false,
        &[
            (Step::Start, &[("serial", "1")]),
            (Step::Start, &[("serial", "2")]),
        ],
    );
    assert_eq!(ended, ["1 Unknown(Superseded)", "2 Unknown(TimedOut)"]);
}

#[test]
fn answers_belong_to_commands_in_their_order() {
    let ended = run(
        true,
        &[
            (Step::Command, &[]),
            (Step::Done, &[]),
            (Step::Data, &[("serial", "1")]),
            (Step::Done, &[]),
            (Step::Start, &[]),
            (Step::Command, &[]),
            (Step::Failed, &[("error", "12")]),
            (Step::Done, &[]),
        ],
    );
    assert_eq!(ended, ["1 Failed(Some(\"12\"))"]);
}

#[test]
fn a_marker_that_is_asked_tells_by_the_change() {
    let ended = run(
        false,
        &[
            (Step::Ready, &[]),
            (Step::Ready, &[]),
            (Step::Data, &[("serial", "1")]),
            (Step::Busy, &[]),
            (Step::Busy, &[]),
            (Step::Ready, &[]),
            (Step::Ready, &[]),
            (Step::Data, &[("serial", "2")]),
            (Step::Busy, &[]),
            (Step::Fault, &[("error", "7")]),
            (Step::Fault, &[]),
        ],
    );
    assert_eq!(ended, ["1 Done", "2 Failed(Some(\"7\"))"]);
}

#[test]
fn names_tell_marks_apart() {
    let ended = run(
        false,
        &[
            (Step::Start, &[("serial", "1"), ("key", "a")]),
            (Step::Start, &[("serial", "2"), ("key", "b")]),
            (Step::Done, &[("key", "b")]),
            (Step::Done, &[("key", "a")]),
        ],
    );
    assert_eq!(ended, ["2 Done", "1 Done"]);
}

#[test]
fn an_end_without_a_beginning_that_names_nothing_is_counted() {
    let (mut marks, mut told) = (marks(false), Vec::new());
    marks.step(0, 0, Step::Done, Details::default(), &mut told);
    assert_eq!((told, marks.unmatched), (Vec::new(), 1));
}

#[test]
fn a_lost_connection_ends_what_has_no_name() {
    let (mut marks, mut told) = (marks(false), Vec::new());
    marks.step(0, 0, Step::Start, details(&[("key", "a")]), &mut told);
    marks.step(0, 1, Step::Start, details(&[]), &mut told);
    told.clear();
    marks.lost(&mut told);
    let [Told::Ended(only)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(only.outcome, Outcome::Unknown(Why::ConnectionLost));
    assert_eq!(marks.open().count(), 1);
    marks.finish(&mut told);
    assert_eq!((told.len(), marks.deadline_us()), (2, None));
}

fn step() -> impl Strategy<Value = (Step, Option<u8>, u64)> {
    let step = prop::sample::select(vec![
        Step::Start,
        Step::Data,
        Step::Done,
        Step::Failed,
        Step::Command,
        Step::Ready,
        Step::Busy,
        Step::Fault,
        Step::Ignore,
    ]);
    (step, prop::option::of(0_u8..3), 0_u64..4_000_000)
}

proptest! {
    #[test]
    fn whatever_the_order_each_mark_ends_once(
        steps in prop::collection::vec(step(), 0..200),
        replies in any::<bool>(),
        lost_at in prop::collection::vec(0_usize..200, 0..3),
    ) {
        let (mut marks, mut told, mut now_us) = (marks(replies), Vec::new(), 0);
        for (at, (step, key, later)) in steps.iter().enumerate() {
            now_us += later;
            let key = key.map(|key| key.to_string());
            let serial = Some(at.to_string());
            let details = Details { key, serial, ..Details::default() };
            marks.step(now_us, at, *step, details, &mut told);
            prop_assert!(marks.open().count() <= MAX_OPEN);
            if lost_at.contains(&at) {
                marks.lost(&mut told);
            }
        }
        let under_way: Vec<usize> = marks.open().map(|open| open.place).collect();
        if let Some(deadline) = marks.deadline_us() {
            prop_assert!(deadline > now_us);
        }
        marks.tick(now_us + TIMEOUT_US, &mut told);
        prop_assert_eq!(marks.open().count(), 0);
        let (mut begun, mut ended) = (Vec::new(), BTreeMap::new());
        for told in &told {
            match told {
                Told::Begun(it) => begun.push(it.place),
                Told::Ended(it) => *ended.entry(it.begun.place).or_insert(0) += 1,
            }
        }
        for place in begun.iter().chain(&under_way) {
            prop_assert_eq!(ended.get(place), Some(&1), "mark of frame {}", place);
        }
        prop_assert!(ended.values().all(|times| *times == 1));
    }
}
