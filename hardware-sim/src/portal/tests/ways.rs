//! Truth from ways: who has passed, and who has not.

use proptest::prelude::*;
use tracegate_pipeline::config::Direction;

use crate::portal::dice::Dice;
use crate::portal::eyes::eye_edges;
use crate::portal::goods::{Body, BodyKind};
use crate::portal::path::Path;
use crate::portal::site::{Gate, Search, Site};
use crate::portal::truth::{Movement, movements};

fn gates() -> Vec<Gate> {
    Site::docks(2, 3.5, 30.0, Search::Session0, &mut Dice::new(1, 1)).gates
}

fn body(path: Path, trip: u32) -> Body {
    Body {
        kind: BodyKind::Load,
        size: [1.2, 0.8, 1.5],
        db_per_m: 2.0,
        path,
        tags: 0..1,
        trip,
        episodes: Vec::new(),
    }
}

fn told(bodies: &[Body]) -> Vec<Movement> {
    movements(&gates(), bodies, |body| vec![body.trip])
}

/// A way over these x, at a metre a second, through the door at y = 0.
fn way(xs: &[f64]) -> Path {
    let mut path = Path::new(0.0, xs[0], 0.0);
    for x in &xs[1..] {
        path.go(*x, 0.0, 1.0);
    }
    path
}

#[test]
fn a_passage_has_its_times_and_a_turn_back_is_none() {
    let passed = told(&[body(way(&[-9.0, 9.0]), 1)]);
    assert_eq!(passed.len(), 1);
    let one = &passed[0];
    assert_eq!((one.read_point, one.direction), (0, Direction::In));
    let times = [one.from_s, one.crossed_s, one.to_s];
    for (time, expected) in times.into_iter().zip([7.7, 9.0, 10.3]) {
        assert!((time - expected).abs() < 1e-9, "{times:?}");
    }
    assert!(told(&[body(way(&[-9.0, 0.4, -9.0]), 1)]).is_empty());
    assert!(told(&[body(way(&[-9.0, -0.5, 0.5, -0.5, -9.0]), 1)]).is_empty());
}

#[test]
fn a_shuttle_is_two_and_wavering_in_the_door_is_one() {
    let ways = |xs: &[f64]| -> Vec<Direction> {
        let told = told(&[body(way(xs), 1)]);
        told.iter().map(|movement| movement.direction).collect()
    };
    assert_eq!(ways(&[-9.0, 3.0, -9.0]), [Direction::In, Direction::Out]);
    assert_eq!(ways(&[-9.0, 0.5, -0.5, 9.0]), [Direction::In]);
    assert_eq!(ways(&[1.5, 2.5, -9.0]), [Direction::Out]);
}

#[test]
fn along_the_wall_is_no_passage_and_twins_are_one() {
    let mut along = Path::new(0.0, 2.0, -9.0);
    along.go(2.0, 9.0, 1.0);
    assert!(told(&[body(along, 1)]).is_empty());
    let path = way(&[-9.0, 9.0]);
    let shifted = path.shifted(path.start(), path.end(), 0.6, 0.0);
    let twins = [body(path.clone(), 3), body(shifted, 3)];
    let one = told(&twins);
    assert_eq!(one.len(), 1);
    assert!((one[0].from_s - 7.1).abs() < 1e-9 && (one[0].to_s - 10.3).abs() < 1e-9);
    let strangers = [body(path.clone(), 3), body(path, 4)];
    assert_eq!(told(&strangers).len(), 2);
}

#[test]
fn eyes_see_who_comes_first_and_merge_what_overlaps() {
    let edges = eye_edges(&gates(), &[body(way(&[-9.0, 9.0]), 1)], 60.0);
    let sides: Vec<(f64, bool)> = edges
        .iter()
        .map(|edge| (crate::portal::delivery::seconds(edge.at), edge.blocked))
        .collect();
    // Outer eye at -0.3 m, inner at 0.3 m, a load of 1.2 m whose middle starts at -9 m.
    let expected = [(8.1, true), (8.7, true), (9.3, false), (9.9, false)];
    for ((at, blocked), (when, how)) in sides.iter().zip(expected) {
        assert!((at - when).abs() < 1e-6 && *blocked == how, "{sides:?}");
    }
    assert_eq!(sides.len(), 4);
    let behind = way(&[-9.0, 9.0]).shifted(0.0, 18.0, -1.0, 0.0);
    let two = [body(way(&[-9.0, 9.0]), 1), body(behind, 2)];
    assert_eq!(eye_edges(&gates(), &two, 60.0).len(), 4);
}

proptest! {
    /// Sides alternate: a load that was told to come in can only go out next, and it stands where it was told to be.
    #[test]
    fn movements_agree_with_the_way(xs in prop::collection::vec(-6.0..6.0_f64, 1..12)) {
        let xs: Vec<f64> = std::iter::once(-9.0).chain(xs).collect();
        let path = way(&xs);
        let told = told(&[body(path.clone(), 1)]);
        let mut inside = false;
        let mut last = 0.0;
        for one in &told {
            prop_assert_eq!(one.direction == Direction::In, !inside);
            inside = !inside;
            prop_assert!(last <= one.from_s && one.from_s < one.crossed_s && one.crossed_s < one.to_s);
            last = one.to_s;
            let x = |at: f64| path.position(at).map_or(f64::NAN, |(x, _)| x);
            let sign = if inside { 1.0 } else { -1.0 };
            prop_assert!((x(one.from_s) + 1.3 * sign).abs() < 1e-6);
            prop_assert!(x(one.crossed_s).abs() < 1e-6);
            prop_assert!((x(one.to_s) - 1.3 * sign).abs() < 1e-6);
        }
        // The last settled place says where it ended.
        let settled = xs.iter().rev().find(|x| x.abs() >= 1.3);
        prop_assert_eq!(settled.is_some_and(|x| *x > 0.0), inside);
    }

    /// A way never jumps, and a shifted part of it runs beside it.
    #[test]
    fn ways_are_continuous(xs in prop::collection::vec(-9.0..9.0_f64, 2..8), share in 0.0..1.0_f64) {
        let path = way(&xs);
        let at = share * path.end();
        let (x, _) = path.position(at).unwrap_or_default();
        let (later, _) = path.position((at + 0.01).min(path.end())).unwrap_or_default();
        prop_assert!((later - x).abs() <= 0.0101);
        let part = path.shifted(0.2 * path.end(), 0.8 * path.end(), 1.0, 2.0);
        if let Some((beside, y)) = part.position(at) {
            prop_assert!((beside - x - 1.0).abs() < 1e-6 && (y - 2.0).abs() < 1e-9);
        }
    }
}
