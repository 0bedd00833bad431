//! The radio does what radio does.

use crate::portal::dice::Dice;
use crate::portal::goods::{Body, BodyKind, Recipe, Warehouse};
use crate::portal::inventory::{Inventory, Pace};
use crate::portal::path::Path;
use crate::portal::radio::{Antenna, Link, Point, TagRadio, Transceiver, link, wave_m};
use crate::portal::site::{Search, Site};
use crate::portal::surroundings::{Scatterer, fading_db, in_load_db, through_m};

const READER: Transceiver = Transceiver {
    power_dbm: 30.0,
    cable_loss_db: 1.0,
    sensitivity_dbm: -80.0,
};
const PATCH: Antenna = Antenna {
    at: [0.0, 0.0, 1.0],
    boresight: [1.0, 0.0, 0.0],
    gain_dbi: 8.0,
    beam_deg: 68.0,
    front_to_back_db: 18.0,
};
const UPRIGHT: TagRadio = TagRadio {
    threshold_dbm: -18.0,
    gain_dbi: 0.0,
    axis: [0.0, 0.0, 1.0],
};

fn heard(at: Point, loss_db: f64) -> Link {
    link(&READER, &PATCH, &UPRIGHT, at, wave_m(866e6), loss_db)
}

#[test]
fn free_space_takes_20_db_a_decade_forward_and_40_there_and_back() {
    let (near, far) = (heard([0.5, 0.0, 1.0], 0.0), heard([5.0, 0.0, 1.0], 0.0));
    assert!((near.tag_dbm - far.tag_dbm - 20.0).abs() < 1e-9);
    assert!((near.rssi_dbm - far.rssi_dbm - 40.0).abs() < 1e-9);
    let metres = (1..12).map(|tenth| heard([f64::from(tenth) * 0.7, 0.0, 1.0], 0.0).rssi_dbm);
    let heard: Vec<f64> = metres.collect();
    assert!(heard.is_sorted_by(|a, b| a > b), "{heard:?}");
}

#[test]
fn the_budget_at_one_metre_is_the_one_on_paper() {
    // 30 - 1 + 8 - 3 - 31.2 dBm at the tag, and as much lost again with 6 dB of modulation on the way back.
    let link = heard([1.0, 0.0, 1.0], 0.0);
    assert!((link.tag_dbm - 2.8).abs() < 0.1, "{link:?}");
    assert!((link.rssi_dbm + 30.4).abs() < 0.2, "{link:?}");
}

#[test]
fn beside_the_lobe_and_behind_the_antenna_is_weak() {
    let front = heard([2.0, 0.0, 1.0], 0.0).tag_dbm;
    let edge = 34_f64.to_radians();
    let beside = heard([2.0 * edge.cos(), 2.0 * edge.sin(), 1.0], 0.0).tag_dbm;
    let behind = heard([-2.0, 0.0, 1.0], 0.0).tag_dbm;
    assert!(
        (front - beside - 3.0).abs() < 1e-6,
        "half power at half the beam"
    );
    assert!((front - behind - 18.0).abs() < 1e-6);
}

#[test]
fn a_tag_that_points_at_the_antenna_is_weak() {
    let along = TagRadio {
        axis: [1.0, 0.0, 0.0],
        ..UPRIGHT
    };
    let end_on = link(&READER, &PATCH, &along, [2.0, 0.0, 1.0], 0.346, 0.0);
    assert!(heard([2.0, 0.0, 1.0], 0.0).tag_dbm - end_on.tag_dbm > 12.0);
}

#[test]
fn goods_in_the_way_take_more_the_more_there_are_of_them() {
    let pallet = [1.2, 0.8, 1.5];
    let ears = [0.0, 3.0, 1.0];
    let at = |y: f64| in_load_db(pallet, [0.0, y, 1.0], ears, 10.0);
    assert!(at(0.4) < 1e-9, "on the face that looks at the antenna");
    assert!((at(0.0) - 4.0).abs() < 1e-9, "in the middle: 0.4 m");
    assert!((at(-0.4) - 8.0).abs() < 1e-9, "on the far face: 0.8 m");
    let shaded = heard([2.0, 0.0, 1.0], 8.0);
    let open = heard([2.0, 0.0, 1.0], 0.0);
    assert!((open.rssi_dbm - shaded.rssi_dbm - 16.0).abs() < 1e-9);
}

#[test]
fn a_body_shades_what_is_behind_it_and_nothing_else() {
    let (tag, ears) = ([0.0, 0.0, 1.0], [0.0, 4.0, 1.0]);
    let truck = [1.0, 1.0, 2.0];
    assert!((through_m(tag, ears, (0.0, 2.0), truck) - 1.0).abs() < 1e-9);
    assert!(through_m(tag, ears, (2.0, 2.0), truck).abs() < 1e-9);
    assert!(through_m(tag, ears, (0.0, 6.0), truck).abs() < 1e-9);
    let low = [1.0, 1.0, 0.5];
    assert!(through_m(tag, ears, (0.0, 2.0), low).abs() < 1e-9);
}

#[test]
fn fading_belongs_to_the_place() {
    let frame = [Scatterer {
        at: [1.0, -1.5, 2.0],
        reflects: 0.3,
        sways: (0.0, 0.0),
    }];
    let wave = wave_m(866e6);
    let at = |x: f64, t: f64| fading_db([0.0, 1.4, 1.0], [x, 0.0, 0.8], &frame, wave, t);
    assert!(
        (at(1.0, 0.0) - at(1.0, 500.0)).abs() < 1e-12,
        "steady in time"
    );
    assert!(
        (at(1.0, 0.0) - at(1.002, 0.0)).abs() < 0.5,
        "smooth in place"
    );
    let along: Vec<f64> = (0..200)
        .map(|step| at(f64::from(step) * 0.02, 0.0))
        .collect();
    let (low, high) = along.iter().fold((f64::MAX, f64::MIN), |(low, high), db| {
        (low.min(*db), high.max(*db))
    });
    assert!(
        high - low > 4.0,
        "peaks and holes along the way: {low} to {high}"
    );
}

#[test]
fn a_swaying_reflection_makes_a_parked_tag_flicker() {
    let curtain = [Scatterer {
        at: [1.0, -1.5, 2.0],
        reflects: 0.3,
        sways: (0.8, 0.1),
    }];
    let at = |t: f64| fading_db([0.0, 1.4, 1.0], [1.0, 0.0, 0.8], &curtain, 0.346, t);
    assert!((at(0.0) - at(2.5)).abs() > 0.1);
    assert!((at(0.0) - at(0.02)).abs() < 0.1, "but slowly");
}

/// Reads of each tag in 20 s, `count` of them on a pallet in the doorway.
fn reads_each(count: u32, search: Search) -> f64 {
    let mut site = Site::docks(1, 3.5, 30.0, search, &mut Dice::new(1, 1));
    site.readers[0].search = search;
    let mut warehouse = Warehouse::default();
    let recipe = Recipe {
        tags: (count, count),
        sscc_share: 0.0,
        materials: [1.0, 0.0, 0.0],
        size: [1.2, 0.8, 1.5],
    };
    let (tags, db_per_m) = warehouse.load(&mut Dice::new(1, 2), &recipe);
    let mut path = Path::new(0.0, 0.0, 0.0);
    path.stay_until(30.0);
    let bodies = [Body {
        kind: BodyKind::Load,
        size: recipe.size,
        db_per_m,
        path,
        tags,
        trip: 1,
        episodes: Vec::new(),
    }];
    let reader = &site.readers[0];
    let dice = Dice::new(1, 3);
    let seen = Inventory::new(
        reader,
        &bodies,
        &warehouse.tags,
        20.0,
        Pace::default(),
        dice,
    )
    .run(20.0);
    seen.len() as f64 / f64::from(count)
}

#[test]
fn crowds_share_the_air_and_sessions_keep_tags_silent() {
    let (few, many) = (
        reads_each(5, Search::Session0),
        reads_each(200, Search::Session0),
    );
    assert!(few > 3.0 * many, "{few} and {many} reads a tag");
    let silent = reads_each(5, Search::Session1Single);
    assert!(
        silent < 45.0 && silent > 2.0,
        "{silent} reads a tag in 20 s"
    );
    assert!(silent < few / 3.0);
    assert!(reads_each(5, Search::Session2Dual) > silent);
}
