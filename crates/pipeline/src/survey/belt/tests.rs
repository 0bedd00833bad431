use super::*;
use crate::config::{Side, Tuning};
use crate::filter::TagClass;
use crate::gate::Elsewhere;
use crate::presence::{Flip, Tag};
use crate::survey::Belt;

const IN: Direction = Direction::In;

fn key(item: u8, serial: u8) -> EpcKey {
    EpcKey {
        epc: vec![0x30, 0, 0, 0, 0, 0, item, 0, 0, 0, 0, serial],
        bit_len: 96,
    }
}

fn ms(at: i64) -> Time {
    Time(at * 1_000)
}

/// It is heard for a second before it crosses inwards, and for another behind the line.
fn crossing(tuning: &Tuning, at_ms: i64) -> Tag {
    let mut tag = Tag::new(TagClass::Cargo, None, ms(at_ms - 1_000));
    for step in -10..10 {
        let (side, antenna) = match step {
            ..0 => (Side::Outside, 1),
            _ => (Side::Inside, 2),
        };
        let at = ms(at_ms + step * 100);
        tag.observe(tuning, at, (0, antenna), side, Some(-55));
    }
    tag
}

/// Asks about `tags`, of item and serial number, that crossed at their times.
fn ask<T>(tags: &[((u8, u8), i64)], booked: &[(u8, i64)], of: impl FnOnce(&View<'_>) -> T) -> T {
    let tuning = Tuning::belt();
    let mut all: BTreeMap<EpcKey, Tag> = BTreeMap::new();
    for ((item, serial), at) in tags {
        let mut tag = crossing(&tuning, *at);
        let told = booked.iter().find(|(booked, _)| booked == serial);
        if let Some((_, at)) = told {
            let (direction, at) = (IN, ms(*at));
            tag.book(Flip { direction, at });
        }
        all.insert(key(*item, *serial), tag);
    }
    of(&View {
        tuning: &tuning,
        now: ms(60_000),
        tags: &all,
        elsewhere: &Elsewhere::new(std::iter::empty()),
        eyes: &crate::eyes::Eyes::default(),
        belt: Belt::default(),
        awake: Time::default(),
    })
}

fn crossings(view: &View<'_>, one: (u8, u8), at: i64) -> Crossings {
    view.crossings(IN, &BTreeMap::from([(key(one.0, one.1), ms(at))]))
}

#[test]
fn tags_of_one_item_are_one_thing_farther_apart_than_those_of_different_items() {
    for (item, at, is_one) in [
        (1, 5_000, true),
        (1, 5_350, true),
        (1, 5_700, false),
        (2, 5_000, true),
        (2, 5_400, false),
    ] {
        let found = ask(&[((1, 1), 5_000), ((item, 2), at)], &[], |view| {
            let crossings = crossings(view, (1, 1), 5_000);
            let tag = view.tags.get(&key(item, 2)).expect("it is there");
            let window = (ms(at - 200), ms(at + 200));
            let evidence = Evidence::of(&tag.profile, IN, window, view.tuning.reach);
            let evidence = evidence.expect("it was heard");
            view.is_on_thing(IN, &crossings, &key(item, 2), &evidence)
        });
        assert_eq!(found, is_one, "item {item} at {at} ms");
    }
}

fn item_tells(view: &View<'_>) -> (f64, f64) {
    view.item_tells(0.3)
}

#[test]
fn the_item_tells_nothing_where_it_is_usual() {
    let told: Vec<(u8, i64)> = (0..6)
        .map(|serial| (serial, 1_000 * i64::from(serial)))
        .collect();
    let things = |item: &dyn Fn(u8) -> u8| -> Vec<((u8, u8), i64)> {
        let all = told.iter();
        all.map(|(serial, at)| ((item(*serial), *serial), *at))
            .collect()
    };
    let differ = ask(&things(&|serial| serial), &told, item_tells);
    assert_eq!(differ, ITEM);
    let same = ask(&things(&|_| 1), &told, item_tells);
    assert_eq!(same, (1.0, ITEM.1), "one after the other is of one item");
    let pairs: Vec<(u8, i64)> = (0..10)
        .map(|serial| (serial, 1_000 * i64::from(serial / 2)))
        .collect();
    let tags: Vec<((u8, u8), i64)> = pairs
        .iter()
        .map(|(serial, at)| ((*serial, *serial), *at))
        .collect();
    let mixed = ask(&tags, &pairs, item_tells);
    assert_eq!(mixed, (ITEM.0, 1.0), "a thing has tags of several items");
}

/// Things follow each other at 1 s: no thing is much longer than three quarters of that, whatever the item.
#[test]
fn what_is_as_far_apart_as_things_are_here_is_not_on_one() {
    let told: Vec<(u8, i64)> = (0..6)
        .map(|serial| (serial, 1_000 * i64::from(serial)))
        .collect();
    let things = told.iter().map(|(serial, at)| ((*serial, *serial), *at));
    let things: Vec<((u8, u8), i64)> = things.collect();
    for (together, share) in [(0.3, ITEM.0), (0.5, 1.5), (0.6, 1.25), (1.0, 1.0)] {
        let (same, _) = ask(&things, &told, |view| view.item_tells(together));
        assert!((same - share).abs() < 1e-9, "{together}: {same}");
    }
    // Too few to tell.
    let (same, _) = ask(&things[..3], &told[..3], |view| view.item_tells(0.6));
    assert!((same - ITEM.0).abs() < 1e-9, "{same}");
}

/// When the thing was told that a tag is on that crossed at a time, if the tag `(1, 1)` was told at 5 s.
fn told_thing(item: u8, at: i64, others: &[((u8, u8), i64)], booked: &[(u8, i64)]) -> Option<Time> {
    let mut tags = vec![((1, 1), 5_000), ((item, 2), at)];
    tags.extend(others);
    let mut told = vec![(1, 5_000)];
    told.extend(booked);
    ask(&tags, &told, |view| {
        let crossings = crossings(view, (item, 2), at);
        view.told_thing(IN, &crossings, &[key(item, 2)])
    })
}

#[test]
fn what_crosses_where_a_thing_of_its_item_was_told_is_of_that_thing() {
    for (item, at, is_told) in [
        (1, 5_050, true),
        (1, 4_600, true),
        (1, 5_400, true),
        (1, 5_700, false),
        (1, 4_300, false),
        (2, 5_050, false),
    ] {
        let told = told_thing(item, at, &[], &[]);
        assert_eq!(told, is_told.then_some(ms(5_000)), "item {item} at {at} ms");
    }
}

#[test]
fn of_two_things_it_is_on_the_closer() {
    let told = told_thing(1, 5_350, &[((1, 3), 5_500)], &[(3, 5_500)]);
    assert_eq!(told, Some(ms(5_500)));
}

#[test]
fn where_neighbours_are_of_one_item_only_what_crosses_at_the_same_place_is_told() {
    let others: Vec<((u8, u8), i64)> = (3..9)
        .map(|serial| ((1, serial), 5_000 + 1_000 * i64::from(serial)))
        .collect();
    let booked: Vec<(u8, i64)> = others
        .iter()
        .map(|((_, serial), at)| (*serial, *at))
        .collect();
    let told = |at| told_thing(1, at, &others, &booked);
    assert_eq!(told(5_050), Some(ms(5_000)));
    assert_eq!(told(5_300), None);
}
