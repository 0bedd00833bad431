use std::ops::Range;

use super::*;
use crate::config::Side;

fn key(number: u8) -> EpcKey {
    EpcKey {
        epc: vec![number],
        bit_len: 8,
    }
}

#[test]
fn with_too_many_loads_open_the_oldest_is_due_at_once_and_that_is_counted() {
    let (tuning, mut passages) = (Tuning::dock(), Passages::default());
    let mut capped = 0;
    for number in 0..66 {
        let at = Time(i64::from(number) * 1_000_000);
        let flip = Flip {
            direction: Direction::In,
            at,
        };
        capped += u8::from(passages.add(&tuning, Time(66_000_000), &key(number), flip));
    }
    assert_eq!((passages.open.len(), capped), (66, 2));
    assert_eq!(passages.deadline(), Some(Time(66_000_000)));
}

#[test]
fn what_crosses_long_after_most_of_its_load_is_not_waited_for() {
    let (tuning, mut passages) = (Tuning::dock(), Passages::default());
    for (number, at_ms) in [0, 100, 200, 300, 400, 900, 1_400].into_iter().enumerate() {
        let flip = Flip {
            direction: Direction::In,
            at: Time(at_ms * 1_000),
        };
        let key = key(u8::try_from(number).unwrap_or_default());
        passages.add(&tuning, Time(1_500_000), &key, flip);
    }
    assert_eq!(passages.open.len(), 1);
    assert_eq!(
        passages.deadline(),
        Some(Time(300_000 + 600_000 + 3_000_000))
    );
}

/// Whether `own` tags that turned inwards take back what goes out, in two pieces, of twelve tags: those that `flipped` did so by
/// themselves, and those that `moved` are of the load of the tags that turned.
fn takes_back(own: usize, flipped: Range<usize>, moved: Range<usize>) -> bool {
    let tuning = Tuning::dock();
    let keys: Vec<EpcKey> = (0..12).map(key).collect();
    let mut tags = BTreeMap::new();
    for tag in &keys {
        let mut heard = Tag::new(crate::filter::TagClass::Cargo, None, Time(10_000_000));
        for tenth in 100..150 {
            let (antenna, side) = if tenth < 120 {
                (3, Side::Inside)
            } else {
                (1, Side::Outside)
            };
            let at = Time(tenth * 100_000);
            heard.observe(&tuning, at, (0, antenna), side, Some(-50));
        }
        tags.insert(tag.clone(), heard);
    }
    let mut passages = Passages::default();
    for (number, key) in keys.iter().enumerate().filter(|it| flipped.contains(&it.0)) {
        let flip = Flip {
            direction: Direction::Out,
            at: Time(if number < 6 { 12_000_000 } else { 13_500_000 }),
        };
        passages.add(&tuning, Time(13_500_000), key, flip);
    }
    let (elsewhere, eyes) = (Elsewhere::new(std::iter::empty()), Eyes::default());
    let view = View {
        tuning: &tuning,
        now: Time(15_000_000),
        tags: &tags,
        elsewhere: &elsewhere,
        eyes: &eyes,
        belt: Belt::default(),
        awake: Time::default(),
    };
    let flips = keys.iter().map(|key| (key.clone(), Time(12_000_000)));
    let mut survey = view.survey(
        Direction::Out,
        &view.crossings(Direction::Out, &flips.collect()),
    );
    survey.moved = keys.get(moved).unwrap_or_default().to_vec();
    passages.has_turned_back(&view, (Direction::In, own), &survey)
}

#[test]
fn a_few_stray_changes_of_side_take_no_load_back_that_goes_in_pieces() {
    assert!(!takes_back(2, 0..12, 0..12), "two of twelve");
    assert!(takes_back(8, 0..12, 0..12));
}

#[test]
fn what_turns_takes_back_nothing_but_its_own_load() {
    assert!(takes_back(4, 4..8, 0..8));
    assert!(!takes_back(4, 8..12, 0..8), "they cross behind it");
}
