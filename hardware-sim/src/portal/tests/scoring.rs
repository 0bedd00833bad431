//! The scorer on cases made by hand.

use tracegate_pipeline::config::Direction;
use tracegate_pipeline::eyes::Says;

use crate::portal::claim::{Claim, Refusal, Told};
use crate::portal::goods::Cause;
use crate::portal::score::{Score, score};
use crate::portal::truth::Movement;

/// Ten tags in through gate 0 between 100 and 104 s.
fn truth() -> Vec<Movement> {
    vec![Movement {
        read_point: 0,
        direction: Direction::In,
        tags: (0..10).collect(),
        read: (0..10).collect(),
        from_s: 100.0,
        crossed_s: 102.0,
        to_s: 104.0,
    }]
}

fn claim(tags: impl IntoIterator<Item = u32>) -> Claim {
    Claim {
        read_point: 0,
        direction: Direction::In,
        tags: tags.into_iter().collect(),
        unknown: 0,
        passage: None,
        at_s: 102.0,
        said_s: 107.5,
        eyes: Says::Nothing,
    }
}

fn judge(claims: &[Claim]) -> Score {
    let told = Told {
        events: claims.to_vec(),
        refusals: Vec::new(),
    };
    score(&truth(), &told, 3600.0, |_, _| Cause::Parked)
}

fn counts(score: &Score) -> [usize; 6] {
    let Score {
        found,
        right_way,
        strict,
        exact,
        duplicates,
        ..
    } = score;
    [
        *found,
        *right_way,
        *strict,
        *exact,
        *duplicates,
        score.false_claims(),
    ]
}

#[test]
fn the_whole_truth_is_exact() {
    let score = judge(&[claim(0..10)]);
    assert_eq!(counts(&score), [1, 1, 1, 1, 0, 0]);
    assert!((score.strict_f1() - 1.0).abs() < 1e-12);
    assert_eq!(score.latency_s(0.5), Some(3.5));
}

#[test]
fn eighty_percent_is_strict_and_half_is_found() {
    assert_eq!(counts(&judge(&[claim(0..8)])), [1, 1, 1, 0, 0, 0]);
    assert_eq!(counts(&judge(&[claim(0..7)])), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&judge(&[claim(0..5)])), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&judge(&[claim(0..4)])), [0, 0, 0, 0, 0, 1]);
    // Purity: 10 of 12, of 13, of 21.
    assert_eq!(counts(&judge(&[claim(0..12)])), [1, 1, 1, 0, 0, 0]);
    assert_eq!(counts(&judge(&[claim(0..13)])), [1, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&judge(&[claim(0..21)])), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn tags_that_nobody_has_count_against_purity() {
    let strange = Claim {
        unknown: 3,
        ..claim(0..10)
    };
    assert_eq!(counts(&judge(&[strange])), [1, 1, 0, 0, 0, 0]);
}

#[test]
fn the_wrong_way_is_found_but_not_strict() {
    let back = Claim {
        direction: Direction::Out,
        ..claim(0..10)
    };
    let score = judge(&[back]);
    assert_eq!(counts(&score), [1, 0, 0, 0, 0, 0]);
    assert!(score.direction() < 1e-12 && score.strict_f1() < 1e-12);
}

#[test]
fn the_second_time_is_a_duplicate_and_the_better_one_finds() {
    let score = judge(&[claim(0..6), claim(0..10), claim(0..10)]);
    assert_eq!(counts(&score), [1, 1, 1, 1, 2, 0]);
    assert!((score.precision() - 1.0 / 3.0).abs() < 1e-12);
    // The right way is taken before the wrong one, whatever the tags.
    let back = Claim {
        direction: Direction::Out,
        ..claim(0..10)
    };
    assert_eq!(counts(&judge(&[back, claim(0..6)])), [1, 1, 0, 0, 1, 0]);
}

#[test]
fn what_finds_nothing_is_false_and_has_a_cause() {
    let elsewhere = Claim {
        read_point: 1,
        ..claim(0..10)
    };
    let too_late = Claim {
        at_s: 110.0,
        ..claim(0..10)
    };
    let in_time = Claim {
        at_s: 108.9,
        ..claim(0..10)
    };
    let strangers = Claim {
        unknown: 4,
        ..claim([50])
    };
    let score = judge(&[elsewhere, too_late, strangers, claim(0..3), claim(20..30)]);
    assert_eq!(counts(&score), [0, 0, 0, 0, 0, 5]);
    let by_cause: Vec<(Cause, usize)> = score.false_by_cause.into_iter().collect();
    assert_eq!(
        by_cause,
        [
            (Cause::Parked, 2),
            (Cause::Neighbour, 1),
            (Cause::Pieces, 1),
            (Cause::Strangers, 1)
        ]
    );
    assert_eq!(counts(&judge(&[in_time])), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn silence_has_no_recall_and_no_latency() {
    let score = judge(&[]);
    assert_eq!(counts(&score), [0; 6]);
    assert!(score.recall() < 1e-12 && score.strict_f1() < 1e-12);
    assert_eq!(score.latency_s(0.95), None);
}

#[test]
fn a_missed_movement_has_the_reason_of_the_largest_refusal_there() {
    let refusal = |read_point, at_s, reason, tags| Refusal {
        read_point,
        at_s,
        reason,
        tags,
        eyes: Says::Nothing,
    };
    let reasons = |refusals: Vec<Refusal>| {
        let told = Told {
            events: Vec::new(),
            refusals,
        };
        let score = score(&truth(), &told, 3600.0, |_, _| Cause::Parked);
        let reasons = score.missed_by_reason.into_iter();
        reasons.collect::<Vec<(&str, usize)>>()
    };
    let elsewhere = refusal(1, 102.0, "anti", 9);
    let too_late = refusal(0, 110.0, "unclear", 9);
    let small = refusal(0, 101.0, "few_tags", 1);
    let large = refusal(0, 105.0, "ratio", 4);
    assert_eq!(reasons(vec![elsewhere, too_late]), [("unnoticed", 1)]);
    assert_eq!(reasons(vec![large, small]), [("ratio", 1)]);
}

#[test]
fn a_supplement_and_its_passage_are_one_claim() {
    let of = |passage: &str, tags: std::ops::Range<u32>, said_s| Claim {
        passage: Some(passage.to_owned()),
        said_s,
        ..claim(tags)
    };
    let told = Told {
        events: vec![
            of("one", 0..6, 107.5),
            of("one", 6..10, 109.0),
            of("other", 0..6, 109.0),
        ],
        ..Told::default()
    };
    let said: Vec<(usize, f64)> = told
        .claims()
        .iter()
        .map(|claim| (claim.tags.len(), claim.said_s))
        .collect();
    assert_eq!(
        said,
        [(10, 109.0), (6, 109.0)],
        "with all tags, when the last was told"
    );
    assert_eq!(counts(&judge(&told.events)), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn events_of_what_was_told_before_are_counted_as_they_come() {
    let of = |passage: &str, tags: std::ops::Range<u32>| Claim {
        passage: Some(passage.to_owned()),
        ..claim(tags)
    };
    let again = |events: &[Claim]| {
        let score = judge(events);
        (score.duplicates, score.again)
    };
    assert_eq!(again(&[of("one", 0..10)]), (0, 0));
    assert_eq!(again(&[of("one", 0..8), of("one", 8..10)]), (0, 1));
    assert_eq!(
        again(&[of("one", 0..8), of("other", 8..10)]),
        (0, 1),
        "a piece"
    );
    assert_eq!(again(&[of("one", 0..8), of("other", 0..10)]), (1, 1));
    assert_eq!(
        again(&[of("one", 0..8), of("other", 20..30)]),
        (0, 0),
        "of another thing"
    );
}
