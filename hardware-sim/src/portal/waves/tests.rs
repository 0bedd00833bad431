//! The waves do what waves do, and slots what slots do.

use super::super::air::{Air, Conditions};
use super::super::dice::Dice;
use super::super::floor::Present;
use super::super::goods::{Body, BodyKind, Recipe, Tag, Warehouse};
use super::super::path::Path;
use super::super::radio::{Link, Point, minus, norm, unit};
use super::super::site::{ReaderSite, Search, Site};
use super::rounds::Rounds;
use super::{Waves, hall, phasor::amplitude, rays, shade};

/// 866 MHz, in metres.
const WAVE_M: f64 = 0.346;
/// The reader is on the same channel again.
const CHANNELS_S: f64 = 14.0;
const PALLET: Point = [1.2, 0.8, 1.5];

/// A door's reader; other seeds are other halls.
fn reader(seed: u64) -> ReaderSite {
    let mut dice = Dice::new(seed, 1);
    let mut site = Site::docks(1, 3.5, 30.0, Search::Session0, &mut dice);
    site.readers.remove(0)
}

fn body(kind: BodyKind, path: Path, tags: std::ops::Range<usize>, db_per_m: f64) -> Body {
    Body {
        kind,
        size: PALLET,
        db_per_m,
        path,
        tags,
        trip: 1,
        episodes: Vec::new(),
    }
}

/// `count` tags on the faces and in the middle of a dry pallet.
fn tags(seed: u64, count: u32) -> Vec<Tag> {
    let recipe = Recipe {
        tags: (count, count),
        sscc_share: 0.0,
        materials: [1.0, 0.0, 0.0],
        size: PALLET,
    };
    let mut warehouse = Warehouse::default();
    warehouse.load(&mut Dice::new(seed, 2), &recipe);
    warehouse.tags.truncate(count as usize);
    warehouse.tags
}

fn stands(x: f64, y: f64) -> Path {
    let mut path = Path::new(0.0, x, y);
    path.stay_until(1000.0);
    path
}

/// The links of the tags of the first body to an antenna.
fn links(
    reader: &ReaderSite,
    bodies: &[Body],
    tags: &[Tag],
    at: f64,
    port: usize,
    seed: u64,
) -> Vec<Link> {
    let mut waves = Waves::new(reader, bodies, tags, 1000.0, seed);
    let scene = waves.scene(at);
    let own = bodies[0].tags.clone();
    own.map(|tag| waves.link(&scene, 0, tag, port)).collect()
}

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = of.fold((0.0, 0), |(sum, count), one| (sum + one, count + 1));
    sum / f64::from(count.max(1))
}

#[test]
fn mean_loudness_falls_with_distance_as_the_exponent_says() {
    // Along the main lobe of one antenna, over many halls and tags, so that fading is averaged out.
    let at = |metres: f64| {
        mean((0..12).flat_map(|seed| {
            let (reader, tags) = (reader(seed), tags(seed, 40));
            let antenna = &reader.ports[0].antenna;
            let place = [0, 1].map(|axis| antenna.at[axis] + metres * antenna.boresight[axis]);
            let bodies = [body(
                BodyKind::Load,
                stands(place[0], place[1]),
                0..tags.len(),
                0.0,
            )];
            links(&reader, &bodies, &tags, 1.0, 0, seed)
                .into_iter()
                .map(|link| link.tag_dbm)
        }))
    };
    let heard = [1.0, 2.0, 4.0, 8.0].map(at);
    assert!(heard.is_sorted_by(|a, b| a > b), "{heard:?}");
    // 6 dB for twice the distance in free space; halls are drawn from 5.4 to 6.9, and the pallet has its size.
    let decade = heard[1] - heard[3];
    assert!((8.0..16.0).contains(&decade), "{decade} from 2 to 8 m");
}

/// Correlation of the power of the multipath at two places `apart`, over halls and places.
fn correlation(apart: f64) -> f64 {
    let mut pairs = Vec::new();
    for seed in 0..60 {
        let mut dice = Dice::new(seed, 3);
        let halls = hall::Hall::new(&mut dice);
        let tags = tags(seed, 4);
        let load = body(BodyKind::Load, stands(0.0, 0.0), 0..tags.len(), 0.0);
        for tag in &tags {
            let parts = halls.parts(tag, &load, &mut dice);
            let power = |x: f64| amplitude(hall::sum(&parts, [x, 0.3, 1.0], WAVE_M).db()).powi(2);
            for step in 0..20 {
                let x = f64::from(step) * 0.37;
                pairs.push((power(x), power(x + apart)));
            }
            // Each tag has its own mean: its dipole is turned in its own way.
            let last = pairs.len() - 20;
            let whole = mean(pairs[last..].iter().map(|(one, _)| *one)).max(1e-12);
            for pair in &mut pairs[last..] {
                *pair = (pair.0 / whole, pair.1 / whole);
            }
        }
    }
    let (a, b) = (
        mean(pairs.iter().map(|pair| pair.0)),
        mean(pairs.iter().map(|pair| pair.1)),
    );
    let common = mean(pairs.iter().map(|pair| (pair.0 - a) * (pair.1 - b)));
    let own = |of: fn(&(f64, f64)) -> f64, whole: f64| {
        mean(pairs.iter().map(|pair| (of(pair) - whole).powi(2))).sqrt()
    };
    common / (own(|pair| pair.0, a) * own(|pair| pair.1, b))
}

#[test]
fn fading_is_smooth_within_a_tenth_of_a_wave_and_forgotten_after_half_of_one() {
    let found = [0.0, 0.05, 0.4, 0.5].map(|waves| correlation(waves * WAVE_M));
    assert!(found[0] > 0.999 && found[1] > 0.85, "{found:?}");
    assert!(found[2].abs() < 0.35 && found[3].abs() < 0.35, "{found:?}");
}

#[test]
fn a_resting_tag_does_not_fade_and_what_drives_by_changes_it() {
    let (reader, tags) = (reader(4), tags(4, 30));
    let mut bodies = vec![body(BodyKind::Load, stands(1.5, 0.3), 0..tags.len(), 2.0)];
    let at = |bodies: &[Body], at| links(&reader, bodies, &tags, at, 1, 4);
    let once = at(&bodies, 1.0);
    assert_eq!(once, at(&bodies, 1.0 + 30.0 * CHANNELS_S));
    // Another channel turns what came by detours a little.
    let other = at(&bodies, 5.0);
    let change =
        mean((once.iter().zip(&other)).map(|(one, other)| (one.rssi_dbm - other.rssi_dbm).abs()));
    assert!(change > 0.0 && change < 5.0, "{change} dB");
    let mut path = Path::new(0.0, -4.0, -0.5);
    path.go(6.0, -0.5, 1.0);
    bodies.push(body(BodyKind::Truck, path, 0..0, 10.0));
    let passed = at(&bodies, 5.0);
    let change =
        mean((other.iter().zip(&passed)).map(|(one, other)| (one.rssi_dbm - other.rssi_dbm).abs()));
    assert!(change > 0.5, "{change} dB with a truck beside it");
}

/// How much resting tags in the beam change, one way, while a truck drives by behind them: the standard deviation in time
/// of the middle one of them, decibels.
fn stirred_db(seed: u64) -> f64 {
    let (reader, tags) = (reader(seed), tags(seed, 30));
    let antenna = &reader.ports[1].antenna;
    // Before the antenna; the truck passes a metre behind the pallet, in nobody's way.
    let place = [0, 1].map(|axis| antenna.at[axis] + 1.5 * antenna.boresight[axis]);
    let mut path = Path::new(0.0, place[0] - 4.0, place[1] + 1.9);
    path.go(place[0] + 4.0, place[1] + 1.9, 1.0);
    let bodies = [
        body(
            BodyKind::Load,
            stands(place[0], place[1]),
            0..tags.len(),
            0.0,
        ),
        body(BodyKind::Truck, path, 0..0, 10.0),
    ];
    let moments: Vec<Vec<Link>> = (0..16)
        .map(|step| 0.3 + 0.2 * f64::from(step) + 2.0)
        .map(|at| links(&reader, &bodies, &tags, at, 1, seed))
        .collect();
    let deviation = |tag: usize| {
        let of = || moments.iter().map(|links| links[tag].tag_dbm);
        let middle = mean(of());
        mean(of().map(|one| (one - middle).powi(2))).sqrt()
    };
    let mut all: Vec<f64> = (0..tags.len()).map(deviation).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
fn what_drives_by_in_nobodys_way_stirs_resting_tags_by_a_decibel_or_two() {
    let found = mean((1..9).map(stirred_db));
    assert!((0.2..2.0).contains(&found), "{found} dB");
}

#[test]
fn what_a_truck_sends_on_comes_through_goods_too() {
    let reader = reader(1);
    let mut tags = tags(1, 1);
    // The antenna stands at y = 1.4; the tag looks at it, and away from the truck.
    let ears = reader.ports[0].antenna.at;
    tags[0].offset = [0.0, 0.4, 1.0];
    tags[0].radio.axis = [0.0, 0.0, 1.0];
    let change = |db_per_m: f64| {
        mean((0..40).map(|step| {
            let load = body(BodyKind::Load, stands(ears[0], -0.6), 0..1, db_per_m);
            let truck = stands(ears[0] - 2.0 + 0.1 * f64::from(step), -2.6);
            let truck = body(BodyKind::Truck, truck, 0..0, 10.0);
            let alone = links(&reader, std::slice::from_ref(&load), &tags, 1.0, 0, 1)[0];
            let both = links(&reader, &[load, truck], &tags, 1.0, 0, 1)[0];
            (both.tag_dbm - alone.tag_dbm).abs()
        }))
    };
    let (dry, wet) = (change(0.0), change(30.0));
    assert!(wet < 0.15 && dry > 3.0 * wet, "{dry} and {wet} dB");
}

#[test]
fn goods_take_more_the_deeper_a_tag_is_and_leave_the_waves_from_behind() {
    let reader = reader(1);
    let mut tags = tags(1, 1);
    // The antenna stands at y = 1.4.
    let ears = reader.ports[0].antenna.at;
    let mut at = |offset: f64, db_per_m: f64| {
        tags[0].offset = [0.0, offset, 1.0];
        tags[0].radio.axis = [0.0, 0.0, 1.0];
        let bodies = [body(BodyKind::Load, stands(ears[0], -0.6), 0..1, db_per_m)];
        mean(
            (0..30)
                .flat_map(|seed| links(&reader, &bodies, &tags, 1.0, 0, seed))
                .map(|it| it.tag_dbm),
        )
    };
    let (face, middle) = (at(0.4, 30.0), at(0.0, 30.0));
    assert!(face - middle > 6.0, "{face} and {middle}");
    // Through 0.8 m the straight ray loses 24 dB; what comes from the other side is the rest.
    let (behind, alone) = (at(-0.4, 30.0), at(-0.4, 0.0));
    assert!((4.0..20.0).contains(&(alone - behind)), "{alone} {behind}");
}

#[test]
fn a_shadow_is_6_db_at_its_edge_deep_behind_and_nothing_beside() {
    assert!((shade::knife_edge_db(0.0) - 6.0).abs() < 0.1);
    assert!(shade::knife_edge_db(-1.0).abs() < 1e-9);
    assert!(shade::knife_edge_db(2.4) > 19.0);
    let (tag, ears) = ([0.0, 0.0, 1.0], [0.0, 4.0, 1.0]);
    let truck = body(BodyKind::Truck, stands(0.0, 2.0), 0..0, 10.0);
    let loss = |x: f64| {
        let present = Present {
            index: 1,
            body: &truck,
            at: (x, 2.0),
            moves: true,
        };
        shade::loss_db(tag, ears, &present, WAVE_M)
    };
    let edge = PALLET[0] / 2.0 + 0.15;
    assert!(loss(0.0) > 8.0, "{}", loss(0.0));
    assert!((loss(edge) - 6.0).abs() < 1.0, "{}", loss(edge));
    assert!(loss(2.0).abs() < 1e-9);
    let steps: Vec<f64> = (0..200).map(|step| loss(f64::from(step) * 0.01)).collect();
    let jump = steps.windows(2).map(|pair| (pair[0] - pair[1]).abs());
    assert!(jump.fold(0.0, f64::max) < 1.0, "it comes and goes smoothly");
}

#[test]
fn the_floor_turns_grazing_rays_round_and_hides_one_polarisation_at_brewster() {
    let (flat, steep) = rays::fresnel(1e-6);
    assert!((flat + 1.0).abs() < 1e-3 && (steep + 1.0).abs() < 1e-3);
    let brewster = (1.0 / 5.24_f64.sqrt()).atan();
    assert!(rays::fresnel(brewster.sin()).1.abs() < 1e-3);
    let (flat, steep) = rays::fresnel(1.0);
    assert!((flat + steep).abs() < 1e-9, "straight down they are one");
}

#[test]
fn turning_a_tag_across_the_beam_changes_little_and_along_it_much() {
    let reader = reader(2);
    let antenna = &reader.ports[0].antenna;
    let place = [0, 1, 2].map(|axis| antenna.at[axis] + 2.0 * antenna.boresight[axis]);
    let direct = |axis: Point| {
        let mut tag = tags(2, 1).remove(0).radio;
        tag.axis = axis;
        rays::direct(antenna, &tag, place, WAVE_M, 2.0)
            .amplitude
            .db()
    };
    let upright = direct([0.0, 0.0, 1.0]);
    let level = direct(unit(rays::cross([0.0, 0.0, 1.0], antenna.boresight)));
    assert!(
        (upright - level).abs() < 1.5,
        "a circular antenna: {upright} {level}"
    );
    assert!(upright - direct(antenna.boresight) > 30.0);
    let far = norm(minus(place, antenna.at));
    assert!((far - 2.0).abs() < 1e-9);
}

/// Reads a second in all from a pallet in the doorway.
fn reads_per_s(count: u32, asked: f64, search: Search) -> f64 {
    let mut reader = reader(5);
    reader.search = search;
    let tags = tags(5, count);
    let bodies = [body(BodyKind::Load, stands(0.0, 0.0), 0..tags.len(), 0.0)];
    let conditions = Conditions {
        air: Air::Waves,
        reads_per_s: Some(asked),
        ..Conditions::default()
    };
    let dice = Dice::new(5, 6);
    let rounds = Rounds::new(&reader, &bodies, &tags, 20.0, &conditions, false, dice);
    rounds.run(20.0).len() as f64 / 20.0
}

#[test]
fn a_reader_reads_as_fast_as_asked_and_a_crowd_shares_it() {
    for asked in [60.0, 200.0, 500.0] {
        let found = reads_per_s(60, asked, Search::Session0);
        assert!((0.75..1.1).contains(&(found / asked)), "{found} of {asked}");
    }
    let few = reads_per_s(5, 200.0, Search::Session0) / 5.0;
    let many = reads_per_s(150, 200.0, Search::Session0) / 150.0;
    assert!(few > 8.0 * many, "{few} and {many} reads a second of a tag");
    let silent = reads_per_s(5, 200.0, Search::Session1Single) / 5.0;
    assert!((0.2..2.0).contains(&silent), "{silent} reads a second");
    let dual = reads_per_s(5, 200.0, Search::Session2Dual) / 5.0;
    assert!(dual > 3.0 * silent, "{dual} and {silent}");
}
