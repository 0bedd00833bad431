//! Baselines on streams made by hand.

use tracegate_pipeline::config::{Direction, Side};

use super::{Batcher, Dedup, Edgex, Follow, Seen, Smurf, Turn};

/// A tag that is read ten times a second on each side while it is there.
struct Stream<'a> {
    /// Side, from, until, dBm.
    stays: &'a [(Side, f64, f64, f64)],
    until: f64,
}

impl Stream<'_> {
    fn play(&self, mut method: impl Follow) -> Vec<(f64, Turn)> {
        let mut said = Vec::new();
        let mut turns = Vec::new();
        for step in 0..(self.until * 10.0) as u32 {
            let at = f64::from(step) / 10.0;
            for (side, from, until, rssi_dbm) in self.stays {
                if (*from..*until).contains(&at) {
                    let seen = Seen {
                        at,
                        gate: 0,
                        side: *side,
                        tag: 7,
                        rssi_dbm: *rssi_dbm,
                    };
                    said.extend(method.see(seen).map(|turn| (at, turn)));
                }
            }
            method.tick(at, &mut turns);
            said.extend(turns.drain(..).map(|turn| (at, turn)));
        }
        said
    }
}

const INWARD: Stream<'static> = Stream {
    stays: &[
        (Side::Outside, 1.0, 4.0, -50.0),
        (Side::Inside, 3.0, 6.0, -50.0),
    ],
    until: 40.0,
};

const STAYS: Stream<'static> = Stream {
    stays: &[
        (Side::Outside, 1.0, 6.0, -50.0),
        (Side::Inside, 3.0, 4.0, -60.0),
    ],
    until: 40.0,
};

fn ways(said: &[(f64, Turn)]) -> Vec<Direction> {
    said.iter().map(|(_, turn)| turn.direction).collect()
}

#[test]
fn dedup_speaks_after_five_seconds_of_silence() {
    let said = INWARD.play(Dedup::default());
    assert_eq!(ways(&said), [Direction::In]);
    let (now, turn) = said[0];
    assert!((10.8..12.0).contains(&now), "said at {now}");
    assert!((3.0..4.2).contains(&turn.at), "turned at {}", turn.at);
    assert!(STAYS.play(Dedup::default()).is_empty());
}

#[test]
fn dedup_says_nothing_of_a_tag_that_never_leaves() {
    let parked = Stream {
        stays: &[
            (Side::Outside, 0.0, 100.0, -50.0),
            (Side::Inside, 0.0, 100.0, -50.0),
        ],
        until: 100.0,
    };
    assert!(parked.play(Dedup::default()).is_empty());
}

#[test]
fn smurf_bridges_gaps_and_follows_the_side() {
    let said = INWARD.play(Smurf::default());
    assert_eq!(ways(&said), [Direction::In]);
    assert!((6.0..12.0).contains(&said[0].0), "said at {}", said[0].0);
    assert!(STAYS.play(Smurf::default()).is_empty());
}

#[test]
fn edgex_moves_a_tag_when_the_newcomer_is_louder_or_the_old_place_silent() {
    // As loud as the old place: only when that has been silent for long enough, 1.25 s.
    let said = INWARD.play(Edgex::default());
    assert_eq!(ways(&said), [Direction::In]);
    assert!((5.0..5.4).contains(&said[0].0), "said at {}", said[0].0);
    assert!(STAYS.play(Edgex::default()).is_empty());
    // 8 dB louder: at its second value.
    let louder = Stream {
        stays: &[
            (Side::Outside, 1.0, 4.0, -58.0),
            (Side::Inside, 3.0, 6.0, -50.0),
        ],
        until: 10.0,
    };
    let said = louder.play(Edgex::default());
    assert_eq!(ways(&said), [Direction::In]);
    assert!((3.0..3.2).contains(&said[0].0), "said at {}", said[0].0);
}

#[test]
fn turns_that_go_together_are_one_claim() {
    let mut batcher = Batcher::new(vec![false, true]);
    let turn = |at, gate, direction, tag| Turn {
        at,
        gate,
        direction,
        tag,
    };
    batcher.add(turn(10.0, 0, Direction::In, 1), 10.5);
    batcher.add(turn(11.0, 0, Direction::In, 2), 11.5);
    batcher.add(turn(11.0, 0, Direction::Out, 3), 11.5);
    batcher.add(turn(20.0, 1, Direction::In, 4), 20.1);
    batcher.add(turn(20.8, 1, Direction::In, 5), 20.9);
    let mut claims = Vec::new();
    batcher.tick(15.0, &mut claims);
    assert!(claims.is_empty());
    batcher.tick(15.5, &mut claims);
    batcher.tick(22.0, &mut claims);
    let told: Vec<(usize, Direction, Vec<u32>)> = claims
        .iter()
        .map(|claim| {
            let tags = claim.tags.iter().copied().collect();
            (claim.read_point, claim.direction, tags)
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, Direction::In, vec![1, 2]),
            (0, Direction::Out, vec![3]),
            (1, Direction::In, vec![4]),
            (1, Direction::In, vec![5]),
        ]
    );
}
