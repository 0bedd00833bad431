//! Guarded doors over simulated days: what leaves is told in time, and what stands there is not.

use crate::portal::{Alerts, Day, Situation, alerts};

fn played(situation: Situation, seeds: &[u64], minutes: f64) -> Alerts {
    let mut all = Alerts::default();
    for seed in seeds {
        all.add(alerts(&Day::new(situation, *seed, minutes * 60.0)));
    }
    all
}

/// Pallets parked beside the door, put down, picked up and driven past it; one in three is held.
#[test]
fn held_pallets_are_told_in_time_and_parked_ones_are_not() {
    let found = played(Situation::ParkedStock, &[1, 2], 12.0);
    assert!(found.left >= 5 && found.stayed >= 5, "{}", found.line());
    assert_eq!(
        (found.told, found.in_time),
        (found.left, found.left),
        "{}",
        found.line()
    );
    assert!(found.false_alerts() <= 1, "{}", found.line());
}

#[test]
fn nothing_is_told_for_nothing_at_an_empty_dock() {
    let found = played(Situation::EasyDock, &[1, 2], 6.0);
    assert!(found.left > 0, "{}", found.line());
    assert_eq!(
        (found.in_time, found.false_alerts()),
        (found.left, 0),
        "{}",
        found.line()
    );
}
