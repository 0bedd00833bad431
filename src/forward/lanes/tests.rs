//! The lanes against a model that knows only what the broker took, under random answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::super::window::{Item, Window};
use super::*;

const HOLD: Duration = Duration::from_secs(2);

fn topic(seq: i64) -> String {
    format!("t{}", seq % 3)
}

/// One topic of the three has telemetry.
fn class(seq: i64) -> Class {
    match seq % 3 {
        2 => Class::Telemetry,
        _ => Class::Movement,
    }
}

/// One message at a time, all answers by hand.
fn lanes(rows: i64) -> (Lanes<i64>, Instant) {
    let mut lanes = Lanes::new(0);
    for seq in 1..=rows {
        lanes.admit(seq, (Class::Movement, &topic(seq)), 10, seq);
    }
    (lanes, Instant::now())
}

#[test]
fn only_the_prefix_counts() {
    let (mut lanes, now) = lanes(3);
    let all: Vec<_> = std::iter::from_fn(|| lanes.next(now, 1, 100)).collect();
    assert_eq!(all, [[1], [2], [3]]);
    lanes.taken(&[2]);
    assert_eq!((lanes.mark(), lanes.ahead()), (0, 1));
    lanes.taken(&[1]);
    assert_eq!((lanes.mark(), lanes.ahead()), (2, 0));
}

#[test]
fn a_refused_row_holds_its_topic_and_no_other() {
    let (mut lanes, now) = lanes(9);
    assert_eq!(lanes.next(now, 1, 100), Some(vec![1]));
    lanes.refused(&[1], "no", now + HOLD);
    let others: Vec<_> = std::iter::from_fn(|| lanes.next(now, 1, 100)).collect();
    assert_eq!(others, [[2], [3], [5], [6], [8], [9]]);
    assert_eq!(lanes.next(now + HOLD, 9, 100), Some(vec![1]));
    assert_eq!(lanes.next(now + HOLD, 9, 100), None, "one at a time");
    lanes.taken(&[1]);
    assert_eq!(lanes.next(now + HOLD, 9, 100), Some(vec![4, 7]));
}

#[test]
fn who_overtook_a_refused_row_goes_again() {
    let (mut lanes, now) = lanes(6);
    for seq in [1, 2, 3, 4] {
        assert_eq!(lanes.next(now, 1, 100), Some(vec![seq]));
    }
    lanes.refused(&[1], "no", now);
    lanes.taken(&[4]);
    assert_eq!(lanes.next(now, 1, 100), Some(vec![1]));
    lanes.taken(&[1]);
    assert_eq!(lanes.next(now, 1, 100), Some(vec![4]));
}

#[test]
fn a_refused_batch_goes_one_by_one() {
    let (mut lanes, now) = lanes(9);
    assert_eq!(lanes.next(now, 3, 25), Some(vec![1, 4]), "25 bytes");
    lanes.refused(&[1, 4], "no", now);
    assert_eq!(lanes.next(now, 3, 100), Some(vec![1]));
    lanes.taken(&[1]);
    assert_eq!(lanes.next(now, 3, 100), Some(vec![2, 5, 8]));
    assert_eq!(lanes.next(now, 3, 100), Some(vec![3, 6, 9]));
    assert_eq!(lanes.next(now, 3, 100), Some(vec![4]));
    lanes.refused(&[4], "no", now + HOLD);
    lanes.give_up(4, "no".to_owned(), 1);
    assert_eq!(lanes.next(now, 3, 100), Some(vec![7]));
    lanes.taken(&[2, 5, 8]);
    lanes.taken(&[3, 6, 9]);
    lanes.taken(&[7]);
    assert_eq!(lanes.mark(), 3);
    assert_eq!(lanes.to_set_aside(), Some((4, "no", 1)));
    lanes.finish(4);
    assert_eq!((lanes.mark(), lanes.ahead()), (9, 0));
}

#[test]
fn running_ahead_has_an_end() {
    let mut lanes = Lanes::new(0);
    let now = Instant::now();
    lanes.admit(1, (Class::Movement, "forbidden"), 10, ());
    let group = lanes.next(now, 1, 1).unwrap();
    lanes.refused(&group, "no", now + HOLD);
    let mut seq = 1;
    while lanes.has_room() {
        seq += 1;
        lanes.admit(seq, (Class::Movement, "free"), 10, ());
        let group = lanes.next(now, 1, 1).unwrap();
        lanes.taken(&group);
    }
    assert_eq!((seq, lanes.mark()), (AHEAD_ROWS as i64, 0));
    lanes.give_up(1, "no".to_owned(), 1);
    lanes.finish(1);
    assert!(lanes.has_room());
    assert_eq!(lanes.mark(), seq);

    lanes.admit(seq + 1, (Class::Movement, "free"), AHEAD_BYTES, ());
    assert!(!lanes.has_room());
}

#[test]
fn while_movements_wait_every_second_message_is_theirs() {
    let mut lanes = Lanes::new(0);
    let now = Instant::now();
    lanes.set_window(8);
    for seq in 1..=20 {
        lanes.admit(seq, (Class::Telemetry, "less"), 10, ());
    }
    for seq in 21..=32 {
        lanes.admit(seq, (Class::Movement, "more"), 10, ());
    }
    let sent: Vec<i64> = std::iter::from_fn(|| lanes.next(now, 1, 100))
        .flatten()
        .collect();
    // And a quarter of the window is left to them.
    let expected = [
        21, 1, 22, 2, 23, 3, 24, 4, 25, 5, 26, 6, 27, 28, 29, 30, 31, 32,
    ];
    assert_eq!(sent, expected);
    lanes.admit(33, (Class::Movement, "more"), 10, ());
    assert_eq!(lanes.next(now, 1, 100), Some(vec![33]), "a slot at once");
    assert_eq!(lanes.next(now, 1, 100), None);
    lanes.taken(&[1]);
    assert_eq!(lanes.next(now, 9, 100), Some(vec![7]), "never together");
}

#[test]
fn where_telemetry_is_not_the_greater_part_all_go_in_order() {
    let mut lanes = Lanes::new(0);
    for seq in 1..=30 {
        let (class, topic) = match seq % 3 {
            0 => (Class::Telemetry, "less"),
            _ => (Class::Movement, "more"),
        };
        lanes.admit(seq, (class, topic), 10, ());
    }
    let now = Instant::now();
    let sent = std::iter::from_fn(|| lanes.next(now, 1, 100)).flatten();
    assert!(sent.eq(1..=30));
}

/// To set a row aside is to forget everything before it.
#[test]
fn nothing_is_set_aside_before_what_was_left_behind_is_taken_in() {
    let mut lanes: Lanes<()> = Lanes::new(5);
    lanes.leave_behind(5);
    lanes.admit_hopeless(9, Class::Movement, "no".to_owned(), 1);
    assert_eq!(lanes.to_set_aside(), None);
    lanes.caught_up(None);
    assert_eq!(lanes.to_set_aside(), Some((9, "no", 1)));
}

#[test]
fn what_is_left_behind_holds_the_mark_and_no_movement() {
    let mut lanes = Lanes::new(0);
    let now = Instant::now();
    let mut seq = 0;
    while lanes.has_room_for_telemetry() {
        seq += 1;
        lanes.admit(seq, (Class::Telemetry, "less"), 10, ());
    }
    assert_eq!(seq, TELEMETRY_ROWS as i64);
    lanes.leave_behind(seq);
    lanes.admit(seq + 500, (Class::Movement, "more"), 10, ());
    assert_eq!(lanes.next(now, 1, 100), Some(vec![seq + 500]));
    lanes.taken(&[seq + 500]);
    while let Some(group) = lanes.next(now, 1, 100) {
        lanes.taken(&group);
    }
    assert_eq!((lanes.mark(), lanes.ahead()), (seq, 1), "not 500 further");
    assert!(lanes.has_room_for_telemetry());
    lanes.admit(seq + 1, (Class::Telemetry, "less"), 10, ());
    lanes.caught_up(None);
    assert_eq!(lanes.mark(), seq);
    let group = lanes.next(now, 1, 100).unwrap();
    lanes.taken(&group);
    assert_eq!((lanes.mark(), lanes.ahead()), (seq + 500, 0));
}

#[derive(Debug, Clone)]
enum Step {
    /// From now on telemetry is left in the outbox.
    LeaveBehind,
    CatchUp,
    Admit(u8),
    Ask {
        rows: usize,
    },
    Answer {
        at: usize,
        taken: bool,
    },
    Wait,
    GiveUp,
    SetAside,
    Reconnect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..6_u8).prop_map(Step::Admit),
        5 => (1..5_usize).prop_map(|rows| Step::Ask { rows }),
        6 => (0..8_usize, prop::bool::weighted(0.8)).prop_map(|(at, taken)| Step::Answer { at, taken }),
        2 => Just(Step::Wait),
        1 => Just(Step::GiveUp),
        2 => Just(Step::SetAside),
        1 => Just(Step::Reconnect),
        1 => Just(Step::LeaveBehind),
        2 => Just(Step::CatchUp),
    ];
    prop::collection::vec(step, 0..120)
}

/// What is true of the broker and the buffer, and nothing else.
#[derive(Default)]
struct World {
    last: i64,
    now: Option<Instant>,
    next_id: u16,
    /// Packets under way, as the broker has them.
    broker: BTreeMap<u16, Vec<i64>>,
    got: BTreeSet<i64>,
    set_aside: BTreeSet<i64>,
    seen: BTreeMap<String, i64>,
    /// Refused and not taken since, by topic.
    refused: BTreeMap<String, i64>,
    /// Telemetry that was not taken in yet.
    left: Vec<i64>,
}

impl World {
    fn is_safe(&self, mark: i64) -> bool {
        (1..=mark).all(|seq| self.got.contains(&seq) || self.set_aside.contains(&seq))
    }
}

fn step(world: &mut World, lanes: &mut Lanes<i64>, window: &mut Window, step: &Step) {
    let now = *world.now.get_or_insert_with(Instant::now);
    match step {
        Step::Admit(rows) => {
            for _ in 0..*rows {
                world.last += 1;
                let seq = world.last;
                if class(seq) == Class::Telemetry && lanes.left_behind().is_some() {
                    world.left.push(seq);
                    continue;
                }
                lanes.admit(seq, (class(seq), &topic(seq)), 10, seq);
            }
        }
        Step::LeaveBehind => lanes.leave_behind(world.last),
        Step::CatchUp => {
            for seq in world.left.drain(..) {
                lanes.admit(seq, (class(seq), &topic(seq)), 10, seq);
            }
            lanes.caught_up(None);
        }
        Step::Ask { rows } => {
            let Some(group) = lanes.next(now, *rows, 1000) else {
                return;
            };
            let topics: BTreeSet<_> = group.iter().map(|seq| topic(*seq)).collect();
            assert!(group.len() <= *rows && topics.len() == 1, "{group:?}");
            let name = topic(group[0]);
            if let Some(refused) = world.refused.get(&name) {
                // One that overtook a row given up since may stand before it.
                assert!(
                    group.len() == 1 && group[0] <= *refused,
                    "{group:?} passes {refused}"
                );
                let others = world.broker.values().flatten();
                assert!(others.copied().all(|seq| topic(seq) != name), "alone");
            }
            for &seq in &group {
                assert_eq!(lanes.content(seq).map(|(_, content)| *content), Some(seq));
                // First sightings of a topic come in order; only what was given up, or taken before, is left out.
                let newest = world.seen.entry(name.clone()).or_insert(0);
                let skipped = (*newest + 1..seq).filter(|seq| topic(*seq) == name);
                let mut skipped = skipped
                    .filter(|seq| !world.set_aside.contains(seq) && !world.got.contains(seq));
                assert_eq!(skipped.next(), None, "{seq} overtook");
                *newest = (*newest).max(seq);
            }
            world.next_id += 1;
            window.ask(Item::Events(group.clone()), now);
            window.sent(world.next_id).unwrap();
            world.broker.insert(world.next_id, group);
        }
        Step::Answer { at, taken } => {
            let Some((&id, _)) = world.broker.iter().nth(*at) else {
                return;
            };
            let group = world.broker.remove(&id).unwrap();
            assert_eq!(window.answered(id, now), Ok(Item::Events(group.clone())));
            let name = topic(group[0]);
            if *taken {
                world.got.extend(&group);
                if world.refused.get(&name) == Some(&group[0]) {
                    world.refused.remove(&name);
                }
                lanes.taken(&group);
            } else {
                let first = world.refused.entry(name).or_insert(group[0]);
                *first = (*first).min(group[0]);
                lanes.refused(&group, "no", now + HOLD);
            }
        }
        Step::Wait => world.now = Some(now + HOLD),
        Step::GiveUp => {
            let free = world.refused.iter().find(|(_, seq)| {
                let mut all = world.broker.values().flatten();
                all.all(|other| other != *seq)
            });
            if let Some((name, seq)) = free.map(|(name, seq)| (name.clone(), *seq)) {
                lanes.give_up(seq, "no".to_owned(), 3);
                world.refused.remove(&name);
                world.set_aside.insert(seq);
            }
        }
        Step::SetAside => {
            if let Some((seq, ..)) = lanes.to_set_aside() {
                assert_eq!(lanes.mark(), seq - 1, "everything before it is done");
                assert!(world.set_aside.contains(&seq));
                lanes.finish(seq);
            }
        }
        Step::Reconnect => {
            let (done, mark): (BTreeSet<i64>, i64) = (lanes.all_ahead().collect(), lanes.mark());
            *lanes = Lanes::new(mark);
            *window = Window::default();
            world.broker.clear();
            world.refused.clear();
            world.seen.clear();
            world.left.clear();
            for seq in mark + 1..=world.last {
                let name = topic(seq);
                if done.contains(&seq) {
                    lanes.admit_done(seq, class(seq));
                } else if world.set_aside.contains(&seq) {
                    lanes.admit_hopeless(seq, class(seq), "no".to_owned(), 3);
                } else {
                    lanes.admit(seq, (class(seq), &name), 10, seq);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is answered in whatever order: the mark never passes a row that the broker did not take and nobody set
    /// aside; order holds per topic; and a broker that takes everything in the end gets everything.
    #[test]
    fn nothing_is_forgotten_and_everything_ends(all in steps()) {
        let mut world = World::default();
        let (mut lanes, mut window) = (Lanes::new(0), Window::default());
        for each in &all {
            step(&mut world, &mut lanes, &mut window, each);
            prop_assert!(world.is_safe(lanes.mark()), "mark {} in {:?}", lanes.mark(), each);
            prop_assert_eq!(window.in_flight(), world.broker.len());
            prop_assert_eq!(lanes.all_ahead().count(), lanes.ahead());
            prop_assert_eq!(lanes.all_under_way().count(), world.broker.values().flatten().count());
        }
        for _ in 0..2 * world.last + 2 {
            let rest = [Step::CatchUp, Step::Wait, Step::Ask { rows: 4 }, Step::Answer { at: 0, taken: true }, Step::SetAside];
            for each in &rest {
                step(&mut world, &mut lanes, &mut window, each);
            }
        }
        prop_assert_eq!(lanes.mark(), world.last);
        prop_assert_eq!(lanes.ahead(), 0);
        prop_assert!(lanes.lanes.is_empty() && lanes.rows.is_empty());
        for load in [lanes.movements, lanes.telemetry] {
            prop_assert_eq!((load.rows, load.bytes, load.under_way), (0, 0, 0));
        }
    }
}
